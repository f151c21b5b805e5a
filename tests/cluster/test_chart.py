# SPDX-License-Identifier: Apache-2.0
"""What the chart and the image are made of; helm comes from tests/cluster/build."""
import json
import os
import pathlib
import re
import subprocess
import tarfile

import pytest
import yaml

import chart as charts

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = pathlib.Path(os.environ["CARVE_BUILD"])
NVIDIAS = ("nvidia-device-plugin", "gpu-operator")


@pytest.fixture(scope="module")
def helm():
    done = subprocess.run([HERE / "build"], check=True, text=True, capture_output=True)
    return pathlib.Path(done.stdout.split()[-1]) / "helm"


@pytest.fixture
def render(helm, tmp_path):
    """values -> {(kind, name): object}, or the words of what helm refuses."""

    def rendered(values=None, hooks=True, refused=False):
        path = tmp_path / "values.yaml"
        path.write_text(yaml.safe_dump(values or {}))
        done = subprocess.run([helm, "template", "carve", charts.FOLDER, "--namespace", "gpu", "--values", path,
                               *([] if hooks else ["--no-hooks"])], text=True, capture_output=True, check=False)
        assert (done.returncode != 0) == refused, done.stderr
        if refused:
            return done.stderr
        objects = [item for item in yaml.safe_load_all(done.stdout) if item]
        return {(item["kind"], item["metadata"]["name"]): item for item in objects}

    return rendered


@pytest.fixture
def notes(cluster, tmp_path):
    """values -> what helm prints after an installation; it needs a cluster for that, if only to look at."""

    def told(values):
        path = tmp_path / "values.yaml"
        path.write_text(yaml.safe_dump(values))
        done = subprocess.run([HERE / "cluster", "exec", cluster.folder, "env", f"HOME={tmp_path}", "helm", "install",
                               "carve", charts.FOLDER, "--namespace", "default", "--values", path, "--dry-run=server"],
                              text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.split("NOTES:")[1]

    return told


def pod_of(objects):
    return objects["DaemonSet", "carve"]["spec"]["template"]["spec"]


def container(objects, name):
    return {item["name"]: item for item in pod_of(objects)["containers"]}[name]


def arguments(objects, name):
    pairs = (word.removeprefix("--").partition("=") for word in container(objects, name)["args"])
    return {name: value for name, _, value in pairs}


def mounts(objects, name):
    """{path in the container: (volume source, read-only)}"""
    volumes = {item["name"]: item for item in pod_of(objects)["volumes"]}
    return {item["mountPath"]: (volumes[item["name"]].get("hostPath", {}).get("path"), item.get("readOnly", False))
            for item in container(objects, name)["volumeMounts"]}


def rules(objects):
    """{(group, resource, verb): names that it is held to}"""
    found = {}
    for (kind, _), item in objects.items():
        if kind in ("Role", "ClusterRole") and not item["metadata"].get("annotations"):
            for rule in item["rules"]:
                for group in rule["apiGroups"]:
                    for resource in rule["resources"]:
                        for verb in rule["verbs"]:
                            found.setdefault((group, resource, verb), set()).update(rule.get("resourceNames", []))
    return found


def test_least_rights_by_default(render):
    objects = render()
    assert "hostPID" not in pod_of(objects) and "hostNetwork" not in pod_of(objects)
    assert pod_of(objects)["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod_of(objects)["automountServiceAccountToken"] is False
    carved, gateway = (container(objects, name)["securityContext"] for name in ("carved", "carve-gateway"))
    for rights in (carved, gateway):
        assert rights["readOnlyRootFilesystem"] and rights["allowPrivilegeEscalation"] is False
        assert rights["capabilities"] == {"drop": ["ALL"]} and "privileged" not in rights
    assert gateway["runAsNonRoot"] and gateway["runAsUser"] == 65532
    assert mounts(objects, "carve-gateway") == {
        "/run/carve": ("/run/carve", True),
        "/var/run/secrets/kubernetes.io/serviceaccount": (None, True),
    }
    writable = {path for path, (_, only) in mounts(objects, "carved").items() if not only}
    assert writable == {"/run/carve", "/var/lib/carve", "/var/lib/kubelet/device-plugins", "/var/run/cdi",
                        "/var/run/nvidia-container-devices/all"}
    assert "/var/run/secrets/kubernetes.io/serviceaccount" not in mounts(objects, "carved")


def test_only_what_is_done_is_allowed(render):
    assert rules(render()) == {
        ("", "nodes", "get"): set(), ("", "nodes", "list"): set(), ("", "nodes", "watch"): set(),
        ("", "nodes", "patch"): set(), ("", "nodes/status", "patch"): set(),
        ("", "events", "create"): set(), ("", "events", "patch"): set(),
        ("apps", "daemonsets", "get"): {"carve"},
        ("", "pods", "get"): set(),
        **{("nfd.k8s-sigs.io", "nodefeatures", verb): set() for verb in ("list", "watch", "create", "patch", "delete")},
    }


def test_rights_come_with_what_needs_them(render):
    plain = rules(render())
    drain = rules(render({"migManager": {"enabled": True, "drain": True}}))
    assert set(drain) - set(plain) == {("", "pods/eviction", "create")}
    notices = rules(render({"interruption": {"enabled": True}}))
    assert set(notices) - set(plain) == {("", "pods/eviction", "create")}
    bare = {"labels": "off", "interruption": {"enabled": True}}
    assert {(resource, verb) for _, resource, verb in rules(render(bare)) if "pods" in resource} == {
        ("pods", "get"), ("pods/eviction", "create")}
    mapped = rules(render({"config": {"name": "shapes"}, "migManager": {"enabled": True, "config": {"name": "cuts"}}}))
    assert {right: names for right, names in mapped.items() if right not in plain} == {
        ("", "configmaps", verb): {"shapes", "cuts"} for verb in ("list", "watch")}
    for values in ({"labels": "node"}, {"labels": "off"}, {"gfd": {"enabled": False}}):
        features = {(resource, verb) for group, resource, verb in rules(render(values)) if "nfd" in group}
        assert features == {("nodefeatures", verb) for verb in ("list", "watch", "delete")}
        assert not any(resource == "pods" for _, resource, _ in rules(render(values)))


def test_mig_changes_make_carved_privileged_and_nobody_else(render):
    objects = render({"migManager": {"enabled": True}})
    assert container(objects, "carved")["securityContext"]["privileged"] is True
    assert pod_of(objects)["hostPID"] is True
    assert container(objects, "carve-gateway")["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert mounts(objects, "carved")["/dev"] == ("/dev", False)
    assert arguments(objects, "carve-gateway")["mig"] == "true"


def test_reboot_has_a_command(render):
    objects = render({"migManager": {"enabled": True, "reboot": True}})
    assert arguments(objects, "carved")["reboot-command"] == "/usr/bin/systemctl reboot"
    assert arguments(objects, "carve-gateway")["mig-reboot"] == "true"
    assert "reboot-command" not in arguments(render({"migManager": {"enabled": True}}), "carved")


def test_a_new_node_awaits_its_configuration_where_there_is_one(render):
    for values in ({"config": {"name": "shapes"}}, {"config": {"map": {"any": "version: v1\n"}}},
                   {"devicePlugin": {"config": {"name": "shapes"}}}):
        assert arguments(render(values), "carved")["await-configuration"] == "60s"
    assert "await-configuration" not in arguments(render({"migManager": {"enabled": True}}), "carved")


def test_interruptions_are_read_where_asked_for(render):
    assert not {"interruption", "metadata-endpoint"} & set(arguments(render(), "carve-gateway"))
    objects = render({"interruption": {"enabled": True}})
    given = arguments(objects, "carve-gateway")
    assert (given["interruption"], given["interruption-rebalance"]) == ("true", "event")
    assert given["metadata-endpoint"] == "http://169.254.169.254" and "hostNetwork" not in pod_of(objects)
    assert "--interruption" not in str(container(objects, "carved"))
    values = {"interruption": {"enabled": True, "rebalance": "drain", "endpoint": "http://[fd00:ec2::254]",
                               "hostNetwork": True}}
    objects = render(values)
    given = arguments(objects, "carve-gateway")
    assert (given["interruption-rebalance"], given["metadata-endpoint"]) == ("drain", "http://[fd00:ec2::254]")
    assert pod_of(objects)["hostNetwork"] is True and "hostPID" not in pod_of(objects)


def test_notes_say_what_the_metadata_service_needs(notes):
    words = "httpPutResponseHopLimit"
    assert words in notes({"interruption": {"enabled": True}})
    assert words not in notes({"interruption": {"enabled": True, "hostNetwork": True}}) and words not in notes({})


def test_mig_devices_are_seen_with_one_capability(render):
    objects = render({"mig": {"strategy": "mixed"}})
    assert container(objects, "carved")["securityContext"]["capabilities"] == {"drop": ["ALL"], "add": ["SYS_ADMIN"]}


@pytest.mark.parametrize("root,devices,seen", [
    (None, None, {"/driver-root/usr": "/usr", "/driver-root/dev": "/dev"}),
    ("/run/nvidia/driver", None, {"/driver-root": "/run/nvidia/driver"}),
    ("/home/kubernetes/bin/nvidia", "/", {"/driver-root": "/home/kubernetes/bin/nvidia"}),
    ("/opt/driver", "/opt/devices", {"/driver-root": "/opt/driver", "/opt/devices": "/opt/devices"}),
])
def test_driver_root(render, root, devices, seen):
    for names in (("driver.root", "driver.devRoot"), ("nvidiaDriverRoot", "nvidiaDevRoot")):
        values = {}
        for name, value in zip(names, (root, devices)):
            if value:
                at = values
                for step in name.split(".")[:-1]:
                    at = at.setdefault(step, {})
                at[name.split(".")[-1]] = value
        objects = render(values)
        given = {path: source for path, (source, _) in mounts(objects, "carved").items()
                 if path.startswith("/driver-root") or path == devices}
        assert given == seen
        assert all(only for path, (_, only) in mounts(objects, "carved").items() if path in seen)
        assert arguments(objects, "carved")["nvidia-driver-root"] == (root or "/")
        assert arguments(objects, "carved").get("nvidia-dev-root") == devices


def terms(objects):
    affinity = pod_of(objects)["affinity"]["nodeAffinity"]
    return affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]


def reaches(objects, labels):
    def holds(rule):
        value = labels.get(rule["key"])
        if rule["operator"] == "Gt":
            return value is not None and int(value) > int(rule["values"][0])
        if rule["operator"] == "In":
            return value in rule["values"]
        assert rule["operator"] == "NotIn"
        return value not in rule["values"]

    return any(all(holds(rule) for rule in term["matchExpressions"]) for term in terms(objects))


@pytest.mark.parametrize("labels,reached", [
    ({}, False),
    ({"karpenter.k8s.aws/instance-gpu-count": "8"}, True),
    ({"karpenter.k8s.aws/instance-gpu-count": "8", "karpenter.k8s.aws/instance-gpu-manufacturer": "nvidia"}, True),
    ({"karpenter.k8s.aws/instance-gpu-count": "4", "karpenter.k8s.aws/instance-gpu-manufacturer": "amd"}, False),
    ({"karpenter.k8s.aws/instance-gpu-count": "0"}, False),
    ({"node.kubernetes.io/instance-type": "g6f.large", "karpenter.k8s.aws/instance-gpu-count": "0"}, True),
    ({"node.kubernetes.io/instance-type": "p4d.24xlarge"}, True),
    ({"node.kubernetes.io/instance-type": "m7i.large"}, False),
    ({"nvidia.com/gpu.present": "true"}, True),
    ({"feature.node.kubernetes.io/pci-10de.present": "true"}, True),
    ({"nvidia.com/gpu.present": "true", "carve.dev/deploy": "false"}, False),
])
def test_every_gpu_node_is_reached(render, labels, reached):
    assert reaches(render(), labels) == reached


def test_instance_types_are_those_of_the_catalogue():
    made = subprocess.run([ROOT / "deploy/gen-instance-types"], check=True, text=True, capture_output=True).stdout
    assert made == (charts.FOLDER / "files/instance-types.txt").read_text()


def test_taints_are_tolerated(render):
    keys = {item["key"]: item for item in pod_of(render({"faultTaint": "carve.dev/fault=gpu:NoExecute"}))["tolerations"]}
    assert {"nvidia.com/gpu", "carve.dev/not-ready", "carve.dev/mig-change", "carve.dev/interruption",
            "carve.dev/fault"} <= set(keys)
    assert all(item["operator"] == "Exists" and "effect" not in item and "value" not in item for item in keys.values())
    assert pod_of(render())["priorityClassName"] == "system-node-critical"


@pytest.mark.parametrize("values,words", [
    ({"config": {"name": "a", "map": {"b": "version: v1"}}}, "config.name and config.map: give one of them"),
    ({"config": {"name": "a"}, "devicePlugin": {"config": {"name": "b"}}}, "give one of them"),
    ({"config": {"map": {"a": "version: v1"}, "default": "b"}}, "'b' is not in config.map, which has a"),
    ({"config": {"default": "b"}}, "set config.name or config.map"),
    ({"config": {"fallbackStrategies": ["any"]}}, "/config/fallbackStrategies/0"),
    ({"devicePlugin": {"config": {"create": True}}}, "needs devicePlugin.config.name and devicePlugin.config.data"),
    ({"migManager": {"config": {"create": True}}}, "needs migManager.config.name and migManager.config.data"),
    ({"migManager": {"config": {"data": {"mig.yaml": "x"}}}}, "has no config.yaml"),
    ({"migManager": {"drain": True}}, "migManager.enabled is not"),
    ({"migManager": {"enabled": True, "reboot": True}, "hostPID": False}, "needs hostPID"),
    ({"interruption": {"rebalance": "drain"}}, "mean nothing without interruption.enabled"),
    ({"interruption": {"hostNetwork": True}}, "mean nothing without interruption.enabled"),
    ({"interruption": {"enabled": True, "rebalance": "cordon"}}, "/interruption/rebalance"),
    ({"interruption": {"enabled": True, "endpoint": "https://169.254.169.254"}}, "/interruption/endpoint"),
    ({"interruption": {"enabled": True, "grace": "1s"}}, "grace"),
    ({"mig": {"strategy": "both"}}, "/mig/strategy"),
    ({"mig": {"strategy": "single"}, "migStrategy": "mixed"}, "are the same setting"),
    ({"deviceListStrategy": "volume-mounts"}, "carve cannot do 'volume-mounts'"),
    ({"deviceIDStrategy": "index"}, "by UUID"),
    ({"gdsEnabled": True}, "gdsEnabled: carve cannot do this yet"),
    ({"faultTaint": "carve.dev/fault"}, "is no taint such as"),
    ({"image": {"repository": "nvcr.io/nvidia/k8s-device-plugin"}}, "is NVIDIA's image"),
    ({"migStrateggy": "single"}, "migStrateggy"),
    ({"gateway": {"extraEnvs": []}}, "extraEnvs"),
])
def test_values_that_make_no_sense_are_refused(render, values, words):
    assert words in render(values, refused=True)


def configured(objects):
    given = arguments(objects, "carve-gateway")
    return {name: given[name] for name in given if name.startswith("config-")}


def test_helm_config_name_or_map(render):
    """nvidia-stack.md section 9, case 14, in both charts' words."""
    assert configured(render()) == {}
    named = render({"config": {"name": "shapes", "default": "four", "fallbackStrategies": ["empty"]}})
    assert configured(named) == {"config-map": "shapes", "config-label": "nvidia.com/device-plugin.config",
                                 "config-default": "four", "config-fallbacks": "empty"}
    assert configured(render({"config": {"name": "shapes"}}))["config-fallbacks"] == "named,single"
    operators = render({"devicePlugin": {"config": {"name": "shapes", "default": "four"}}})
    assert configured(operators)["config-map"] == "shapes" and configured(operators)["config-default"] == "four"
    text = "version: v1\nflags:\n  migStrategy: mixed\n"
    mapped = render({"config": {"map": {"any": text, "1": "  version: v1\n  sharing: {}\n", "true": {"version": "v1"}}}})
    assert mapped["ConfigMap", "carve-configs"]["data"] == {
        "any": text, "1": "  version: v1\n  sharing: {}\n", "true": "version: v1"}
    assert configured(mapped)["config-map"] == "carve-configs"
    made = render({"devicePlugin": {"config": {"create": True, "name": "mine", "data": {"any": text}}}})
    assert made["ConfigMap", "mine"]["data"]["any"] == text


def test_mig_manager_config(render):
    def given(config):
        objects = render({"migManager": {"enabled": True, "config": config}})
        return objects, {name: value for name, value in arguments(objects, "carve-gateway").items()
                         if name.startswith("mig-")}

    _, plain = given({})
    assert plain == {"mig-label": "nvidia.com/mig.config", "mig-deadline": "10m"}
    _, named = given({"name": "cuts", "default": "all-disabled"})
    assert named["mig-config-map"] == "cuts" and named["mig-default"] == "all-disabled"
    _, operators = given({"name": "default-mig-parted-config"})
    assert "mig-config-map" not in operators
    data = {"config.yaml": "version: v1\nmig-configs: {}\n"}
    _, theirs = given({"name": "default-mig-parted-config", "create": True, "data": data})
    assert theirs["mig-config-map"] == "default-mig-parted-config"
    made, _ = given({"name": "cuts", "create": True, "data": {"config.yaml": "version: v1\nmig-configs: {}\n"}})
    assert "mig-configs" in made["ConfigMap", "cuts"]["data"]["config.yaml"]


def test_nvidias_settings_reach_carved(render):
    objects = render({"migStrategy": "single", "failOnInitError": True, "deviceListStrategy": ["envvar", "cdi-cri"],
                      "cdi": {"nvidiaHookPath": "/opt/hook"}, "gfd": {"enabled": False}, "runtimeClassName": "nvidia"})
    given = arguments(objects, "carved")
    assert given["mig-strategy"] == "single" and given["fail-on-init-error"] == "true"
    assert given["device-list-strategy"] == "envvar,cdi-cri" and given["nvidia-cdi-hook-path"] == "/opt/hook"
    assert arguments(objects, "carve-gateway")["labels"] == "off"
    assert pod_of(objects)["runtimeClassName"] == "nvidia"
    assert arguments(render({"mig": {"strategy": "mixed"}}), "carved")["mig-strategy"] == "mixed"


def test_no_value_of_nvidias_charts_is_silently_lost(render, notes):
    """Each top-level name is accepted, and one without a meaning is told of."""
    names = set()
    for chart in NVIDIAS:
        for line in (ROOT / f"data/charts/{chart}.txt").read_text().splitlines():
            if line.startswith("value "):
                names.add(line.split()[1].split(".")[0])
    schema = json.loads((charts.FOLDER / "values.schema.json").read_text())["properties"]
    assert names <= set(schema), names - set(schema)
    own = set(yaml.safe_load((charts.FOLDER / "values.yaml").read_text()))
    counted = {"devicePlugin", "daemonsets", "hostPaths", "nvidiaDriverRoot", "nvidiaDevRoot", "migStrategy", "noTimestamp",
               "cdi", "deviceIDStrategy", "gdsEnabled", "gdrcopyEnabled", "mofedEnabled", "global"}
    for name in sorted(names - own - counted):
        assert re.search(rf"^  {re.escape(name)}: \w", notes({name: {"given": 1}}), re.M), f"{name} is lost"
    for values in ({"driver": {"enabled": True}}, {"devicePlugin": {"version": "v0.20.0"}}, {"cdi": {"default": True}},
                   {"migManager": {"gpuClientsConfig": {"name": "x"}}}, {"gfd": {"sleepInterval": "60s"}}):
        assert "nothing follows here" in notes(values), values
    assert "nothing follows here" not in notes({"toolkit": {"enabled": False}, "driver": {"enabled": False}})


def test_admission_follows_the_values(render):
    policy = json.dumps(render({"faultTaint": "example.com/bad:NoSchedule"})["ValidatingAdmissionPolicy", "carve"])
    assert "example.com/bad" in policy and "system:serviceaccount:gpu:carve" in policy
    assert ("ValidatingAdmissionPolicy", "carve") not in render({"admissionPolicy": {"enabled": False}})


def test_uninstall_hook_may_delete_its_own_alone(render):
    objects = render()
    role = objects["Role", "carve-uninstall"]
    assert role["rules"] == [{"apiGroups": ["apps"], "resources": ["daemonsets"], "resourceNames": ["carve"],
                              "verbs": ["get", "delete"]}]
    assert role["metadata"]["annotations"]["helm.sh/hook"] == "pre-delete"
    assert not any(name == "carve-uninstall" for _, name in render(hooks=False))


def test_versions_are_one():
    chart = yaml.safe_load((charts.FOLDER / "Chart.yaml").read_text())
    project = re.search(r"version: '([^']+)'", (ROOT / "meson.build").read_text()).group(1)
    assert chart["version"] == chart["appVersion"] == project


def test_manifests_are_the_chart(helm):
    made = subprocess.run([ROOT / "deploy/render"], check=True, text=True, capture_output=True,
                          env=os.environ | {"HELM": str(helm)}).stdout
    assert made == (ROOT / "deploy/manifests/carve.yaml").read_text(), \
        "make it: HELM=helm deploy/render >deploy/manifests/carve.yaml"


def test_carve_lint_is_content(tmp_path):
    done = subprocess.run([BUILD / "src/cli/carve", "lint", ROOT / "deploy/manifests"], text=True,
                          capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in done.stdout, done.stdout


def test_the_image_is_reproducible_and_small(tmp_path):
    for name in ("one", "two"):
        charts.make_image(tmp_path / name, "1")
    one, two = ((tmp_path / name).read_bytes() for name in ("one", "two"))
    assert one == two
    names, size = [], 0
    with tarfile.open(tmp_path / "one") as layout:
        index = json.load(layout.extractfile("index.json"))
        manifest = json.load(layout.extractfile("blobs/sha256/" + index["manifests"][0]["digest"].split(":")[1]))
        for layer in manifest["layers"]:
            blob = layout.extractfile("blobs/sha256/" + layer["digest"].split(":")[1])
            with tarfile.open(fileobj=blob, mode="r:gz") as files:
                for info in files:
                    names.append(info.name)
                    size += info.size
                    assert info.mtime == 0 and info.uid == 0
    assert size < 30 << 20
    assert {"usr/bin/carve", "usr/sbin/carved", "usr/sbin/carve-gateway", "etc/passwd",
            "usr/share/doc/libc6/copyright"} <= set(names)
    assert [name for name in names if "/bin/" in name or "/sbin/" in name] == \
        ["usr/bin/carve", "usr/sbin/carve-gateway", "usr/sbin/carved"]


def test_the_image_refuses_what_it_cannot_make(tmp_path):
    done = subprocess.run([ROOT / "deploy/image", "--build", tmp_path, "--out", tmp_path / "x", "--version", "1"],
                          text=True, capture_output=True, check=False)
    assert done.returncode == 2 and "is not there: build it first" in done.stderr
