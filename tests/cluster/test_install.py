# SPDX-License-Identifier: Apache-2.0
"""The chart on a real Kubernetes: installed, held to its rights, upgraded, rolled back, taken away, and
put in the place of another device plugin and back."""
import json
import pathlib
import re
import subprocess

import pytest

from chart import NAMESPACE, NODE, RELEASE
from conftest import HERE, NODE as OTHER_NODE, wait_for

TAINT = "carve.dev/not-ready"
TOLERATIONS = [{"key": "nvidia.com/gpu", "operator": "Exists"}]


def sliced(name, resource="nvidia.com/gpu", count=1):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
            "spec": {"restartPolicy": "Never", "terminationGracePeriodSeconds": 0, "tolerations": TOLERATIONS,
                     "nodeSelector": {"kubernetes.io/hostname": NODE},
                     "containers": [{"name": "main", "image": "carve.test/busybox:1", "imagePullPolicy": "Never",
                                     "command": ["/bin/sh", "-c", "exec sleep 1000000"],
                                     "resources": {"limits": {resource: str(count)}}}]}}


def run_pod(cluster, name, **rest):
    cluster.apply(sliced(name, **rest))
    cluster.kubectl("wait", "--for=condition=Ready", f"pod/{name}", "--timeout=60s")


def identity(cluster, name):
    """What changes if a container was started again or given something else."""
    status = cluster.get("pod", name)["status"]["containerStatuses"][0]
    devices = cluster.kubectl("exec", name, "--", "/bin/sh", "-c", "ls /dev")
    return status["containerID"], status["restartCount"], re.findall(r"nvidia\d+", devices)


def wait_slices(chart, wanted):
    wait_for(f"slices {wanted}", lambda: chart.allocatable() == wanted)


@pytest.fixture
def installed(chart):
    chart.install()
    wait_slices(chart, {"nvidia.com/gpu": 8})
    wait_for("labels", chart.labels)
    return chart


def test_fresh_install(cluster, chart):
    """nvidia-stack.md section 9, case 1: capacity is the GPU count, and a job that asks for one runs."""
    cluster.kubectl("taint", "node", NODE, f"{TAINT}=true:NoSchedule")
    chart.install()
    ready = chart.pods()[0]["status"]["containerStatuses"]
    assert {item["name"]: item["ready"] for item in ready} == {"carved": True, "carve-gateway": True}
    wait_slices(chart, {"nvidia.com/gpu": 8})
    wait_for("the end of the start-up taint", lambda: TAINT not in chart.taints())
    wait_for("labels", lambda: chart.labels().get("nvidia.com/gpu.count") == "8")
    assert chart.labels()["nvidia.com/gpu.product"].startswith("NVIDIA-A100")
    run_pod(cluster, "first")
    assert len(identity(cluster, "first")[2]) == 1
    assert "first" in chart.carve("ps")


def processes(chart):
    """{program: /proc folder} of the pod's two, as the machine sees them."""
    uid = chart.pods()[0]["metadata"]["uid"]
    found = {}
    for folder in pathlib.Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and uid in (folder / "cgroup").read_text():
                found[(folder / "comm").read_text().strip()] = folder
        except OSError:
            pass
    return found


def test_least_rights_in_truth(cluster, installed):
    """What the kernel says of the two processes."""
    found = processes(installed)
    rights = {}
    for name in ("carved", "carve-gateway"):
        status = (found[name] / "status").read_text()
        rights[name] = {key: re.search(rf"^{key}:\s*(.*)$", status, re.M).group(1)
                        for key in ("Uid", "CapEff", "CapBnd", "NoNewPrivs", "Seccomp")}
    for words in rights.values():
        assert int(words["CapEff"], 16) == 0 and int(words["CapBnd"], 16) == 0
        assert words["NoNewPrivs"] == "1" and words["Seccomp"] == "2"
    assert rights["carved"]["Uid"].split()[0] == "0" and rights["carve-gateway"]["Uid"].split()[0] == "65532"
    mounts = {name: (found[name] / "mountinfo").read_text() for name in rights}
    assert " /var/run/secrets" not in mounts["carved"] and "serviceaccount" not in mounts["carved"]
    root = [line for line in mounts["carve-gateway"].splitlines() if line.split()[4] == "/"]
    assert root[0].split()[5].startswith("ro")
    host = {line.split()[4] for line in mounts["carve-gateway"].splitlines()}
    assert "/run/carve" in host and not any(path.startswith(("/var/lib/kubelet", "/host", "/driver-root")) for path in host)


class Impostor:
    """Somebody with carve-gateway's token."""

    def __init__(self, cluster, chart, bound=True):
        self.cluster = cluster
        words = ["--bound-object-kind", "Pod", "--bound-object-name", chart.pod()] if bound else []
        self.token = cluster.kubectl("-n", NAMESPACE, "create", "token", RELEASE, *words).strip()

    def __call__(self, *words, stdin=None):
        """None if it was allowed, or the API server's words."""
        done = subprocess.run([HERE / "cluster", "exec", self.cluster.folder, "kubectl", "--kubeconfig=/dev/null",
                               "--server=https://10.96.0.1:443", f"--token={self.token}",
                               f"--certificate-authority={self.cluster.folder}/pki/ca.crt", *words],
                              text=True, capture_output=True, check=False, input=stdin)
        return None if done.returncode == 0 else done.stderr

    def patch(self, body, node=NODE):
        return self("patch", "node", node, "--type", "merge", "-p", json.dumps(body))

    def patch_blindly(self, path, body):
        """kubectl would get the object first, which carve-gateway never does."""
        done = subprocess.run([HERE / "cluster", "exec", self.cluster.folder, "/usr/bin/python3", "-c", PATCH, path,
                               self.token, f"{self.cluster.folder}/pki/ca.crt", json.dumps(body)],
                              text=True, capture_output=True, check=True)
        return done.stdout or None

    def patch_status(self, body):
        return self.patch_blindly(f"nodes/{NODE}/status", body)


PATCH = """
import ssl, sys, urllib.error, urllib.request
path, token, authority, body = sys.argv[1:]
request = urllib.request.Request("https://10.96.0.1/api/v1/" + path, body.encode(), method="PATCH", headers={
    "Authorization": "Bearer " + token, "Content-Type": "application/strategic-merge-patch+json"})
try:
    urllib.request.urlopen(request, context=ssl.create_default_context(cafile=authority))
except urllib.error.HTTPError as error:
    print(error.read().decode())
"""


def event(node, **metadata):
    return json.dumps({"apiVersion": "v1", "kind": "Event",
                       "metadata": {"namespace": "default", **(metadata or {"generateName": "test-"})},
                       "involvedObject": {"apiVersion": "v1", "kind": "Node", "name": node}, "type": "Normal",
                       "reason": "Test", "message": "test", "source": {"component": "test"}})


def label(name, value="x"):
    return {"metadata": {"labels": {name: value}}}


def test_gateway_is_held_to_its_node(cluster, installed):
    """Admission: another node's object, fields that are not carve's, and a token that names no node."""
    gateway = Impostor(cluster, installed)
    assert "may not touch node" in gateway.patch(label("nvidia.com/gpu.x"), node=OTHER_NODE)
    assert gateway.patch(label("nvidia.com/gpu.x")) is None
    assert gateway.patch(label("nvidia.com/gpu.x", None)) is None
    for name in ("example.com/mine", "node.kubernetes.io/instance-type", "nvidia.com/device-plugin.config",
                 "nvidia.com/mig.config", "carve.dev/mig.drain"):
        assert "may change labels" in gateway.patch(label(name)), name
    assert "may change annotations" in gateway.patch({"metadata": {"annotations": {"example.com/a": "b"}}})
    assert gateway.patch({"metadata": {"annotations": {"carve.dev/a": "b"}}}) is None
    assert gateway.patch({"metadata": {"annotations": {"carve.dev/a": None}}}) is None
    own = installed.node_object()["spec"].get("taints", [])
    assert "may change taints" in gateway.patch({"spec": {"taints": []}})
    assert "may change taints" in gateway.patch({"spec": {"unschedulable": True}})
    assert "may change taints" in gateway.patch({"spec": {"providerID": "aws:///x"}})
    assert gateway.patch({"spec": {"taints": [*own, {"key": TAINT, "effect": "NoSchedule"}]}}) is None
    assert gateway.patch({"spec": {"taints": own}}) is None
    assert "finalizers" in gateway.patch({"metadata": {"finalizers": ["example.com/stuck"]}})

    ready = {"status": {"conditions": [{"type": "Ready", "status": "False"}]}}
    assert "may change condition" in gateway.patch_status(ready)
    assert "may change condition" in gateway.patch_status({"status": {"capacity": {"nvidia.com/gpu": "99"}}})
    assert "may change condition" in gateway.patch_status({"status": {"allocatable": {"example.com/a": "99"}}})
    assert "may change condition" in gateway.patch_status({"status": {"images": [{"names": ["x"], "sizeBytes": 1}]}})
    fine = {"status": {"conditions": [{"type": "carve.dev/Configured", "status": "Unknown"}]}}
    assert gateway.patch_status(fine) is None

    assert "may write Events about node" in gateway("create", "-f", "-", stdin=event(OTHER_NODE))
    assert gateway("create", "-f", "-", stdin=event(NODE)) is None
    cluster.kubectl("create", "-f", "-", stdin=event(OTHER_NODE, name="theirs"))
    stolen = {"involvedObject": {"kind": "Node", "name": NODE}}
    assert "may write Events about node" in gateway.patch_blindly("namespaces/default/events/theirs", stolen)
    for words in (["delete", "node", OTHER_NODE], ["get", "secrets", "-A"], ["get", "pods", "-A"],
                  ["-n", NAMESPACE, "delete", "daemonset", RELEASE], ["get", "configmaps", "-n", NAMESPACE]):
        assert "forbidden" in gateway(*words), words

    assert "names no node" in Impostor(cluster, installed, bound=False).patch(label("nvidia.com/gpu.x"))


def test_upgrade_and_rollback_under_a_running_pod(cluster, installed):
    run_pod(cluster, "kept")
    before = identity(cluster, "kept")
    first = installed.pod()
    installed.install({"image": {"tag": "2"}})
    assert installed.pod() != first
    assert installed.daemonset()["spec"]["template"]["spec"]["containers"][0]["image"].endswith(":2")
    wait_slices(installed, {"nvidia.com/gpu": 8})
    assert "kept" in installed.carve("ps")
    run_pod(cluster, "second")
    assert identity(cluster, "kept") == before and identity(cluster, "second")[2] != before[2]

    installed.helm("rollback", RELEASE, "1", "--namespace", NAMESPACE, "--wait")
    installed.rolled_out()
    assert installed.daemonset()["spec"]["template"]["spec"]["containers"][0]["image"].endswith(":1")
    wait_slices(installed, {"nvidia.com/gpu": 8})
    run_pod(cluster, "third")
    seen = [identity(cluster, name) for name in ("kept", "second", "third")]
    assert seen[0] == before and len({item[2][0] for item in seen}) == 3


def test_either_process_killed_under_a_running_pod(cluster, installed):
    run_pod(cluster, "kept")
    before = identity(cluster, "kept")
    for name in ("carved", "carve-gateway"):
        pid = int(processes(installed)[name].name)
        subprocess.run(["kill", "-KILL", str(pid)], check=True)
        wait_for(f"a new {name}", lambda: processes(installed).get(name, pathlib.Path(str(pid))).name != str(pid))
        wait_slices(installed, {"nvidia.com/gpu": 8})
    run_pod(cluster, "second")
    assert identity(cluster, "kept") == before


def objects_of(cluster):
    """Everything in the cluster that carries the release's label."""
    kinds = ("daemonsets,pods,jobs,serviceaccounts,configmaps,roles,rolebindings,clusterroles,clusterrolebindings,"
             "validatingadmissionpolicies,validatingadmissionpolicybindings")
    found = cluster.get(kinds, "-A", "-l", f"app.kubernetes.io/instance={RELEASE}")["items"]
    return {(item["kind"], item["metadata"]["name"]) for item in found}


def on_disk(cluster, *paths):
    """The files below these folders of the node."""
    listed = subprocess.run(cluster.run_on(NODE, "find", *paths, "-type", "f", "-o", "-type", "s"), text=True,
                            capture_output=True, check=False).stdout
    return set(listed.split())


def test_uninstall_leaves_what_the_kubelet_keeps(cluster, chart):
    """docs/install.md lists what stays: this is the list."""
    subprocess.run(cluster.run_on(NODE, "rm", "-rf", "/run/carve", "/run/cdi/carve.dev-gpu.json"), check=True)
    before = chart.node_object()
    files = on_disk(cluster, "/run", "/var/lib/kubelet/device-plugins")
    chart.install({"config": {"map": {"any": "version: v1\n"}}, "migManager": {"enabled": True}})
    wait_slices(chart, {"nvidia.com/gpu": 8})
    wait_for("labels", chart.labels)
    run_pod(cluster, "held")
    chart.uninstall()

    assert objects_of(cluster) == set()
    after = chart.node_object()
    assert after["metadata"]["labels"] == before["metadata"]["labels"]
    assert after["spec"].get("taints") == before["spec"].get("taints")
    names = {name for name in after["metadata"].get("annotations", {}) if "carve.dev" in name or "nvidia" in name}
    assert names == set()
    assert chart.condition("carve.dev/Configured") is None
    # The kubelet keeps the name of a resource until it is restarted, with nothing to give.
    wait_for("no slices", lambda: chart.allocatable() == {})
    assert after["status"]["allocatable"].get("nvidia.com/gpu") == "0"
    stays = on_disk(cluster, "/run", "/var/lib/kubelet/device-plugins") - files
    stays = {path for path in stays if not path.startswith(("/run/containerd", "/run/netns", "/run/runc"))}
    assert stays == {
        "/run/cdi/carve.dev-gpu.json",     # a container that runs on may be started again with it
        "/run/carve/carved.sock.lock",     # gone with the next boot, as the one above
    }
    # A container that ran goes on.
    assert cluster.get("pod", "held")["status"]["phase"] == "Running"


def stand_in(chart):
    """A DaemonSet with the name, the resource, the socket and the device ids of NVIDIA's plugin."""
    template = chart.daemonset()["spec"]["template"]
    carved = next(item for item in template["spec"]["containers"] if item["name"] == "carved")
    labels = {"name": "nvidia-device-plugin-ds"}
    carved["args"] = [word for word in carved["args"] if not word.startswith("--gateway-user")]
    template["spec"]["containers"] = [carved]
    template["spec"]["serviceAccountName"] = "default"
    template["spec"].pop("serviceAccount", None)
    for volume in template["spec"]["volumes"]:
        if volume["name"] in ("run", "state"):
            volume.pop("hostPath")
            volume["emptyDir"] = {}
    template["metadata"] = {"labels": labels}
    return {"apiVersion": "apps/v1", "kind": "DaemonSet",
            "metadata": {"name": "nvidia-device-plugin-daemonset", "namespace": "kube-system"},
            "spec": {"selector": {"matchLabels": labels}, "template": template}}


def test_take_over_from_nvidias_plugin_and_back(cluster, chart):
    chart.install()
    other = stand_in(chart)
    chart.uninstall()
    cluster.apply(other)
    try:
        wait_slices(chart, {"nvidia.com/gpu": 8})
        run_pod(cluster, "old")
        before = identity(cluster, "old")

        cluster.kubectl("-n", "kube-system", "delete", "daemonset", "nvidia-device-plugin-daemonset", "--wait=true",
                        "--cascade=foreground")
        chart.install()
        wait_slices(chart, {"nvidia.com/gpu": 8})
        assert "old" in chart.carve("ps"), "the slice of a pod from before is not known as held"
        run_pod(cluster, "new")
        assert identity(cluster, "old") == before and identity(cluster, "new")[2] != before[2]

        chart.uninstall()
        cluster.apply(other)
        wait_slices(chart, {"nvidia.com/gpu": 8})
        run_pod(cluster, "newer")
        seen = [identity(cluster, name) for name in ("old", "new", "newer")]
        assert seen[0] == before and len({item[2][0] for item in seen}) == 3
    finally:
        cluster.kubectl("-n", "kube-system", "delete", "daemonset", "nvidia-device-plugin-daemonset",
                        "--ignore-not-found", "--wait=true", "--cascade=foreground")
