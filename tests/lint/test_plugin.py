# SPDX-License-Identifier: Apache-2.0
"""The device plugin's configuration, how it is installed and where it runs."""
import textwrap

import pytest

from conftest import tainted

INSTALL = """\
helm repo add nvdp https://nvidia.github.io/k8s-device-plugin
helm upgrade -i nvdp nvdp/nvidia-device-plugin -n nvidia-device-plugin --version 0.20.0 {}
"""
OPERATOR = """\
helm repo add nvidia https://helm.ngc.nvidia.com/nvidia
helm install gpu-operator nvidia/gpu-operator -n gpu-operator --set driver.enabled=false {}
"""
STATIC = ("kubectl apply -f https://raw.githubusercontent.com/NVIDIA/k8s-device-plugin/v0.20.0/"
          "deployments/static/nvidia-device-plugin.yml\n")
SHARING = """\
version: v1
sharing:
  timeSlicing:
    failRequestsGreaterThanOne: true
    resources:
      - name: nvidia.com/gpu
        replicas: {}
"""
PRESENT = "    metadata:\n      labels:\n        nvidia.com/gpu.present: \"true\"\n    spec:\n      nodeClassRef"


def configmap(text, name="plugin", space="nvidia-device-plugin", key="any"):
    namespace = f"  namespace: {space}\n" if space else ""
    return (f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n{namespace}data:\n"
            f"  {key}: |-\n" + textwrap.indent(text, "    "))


def pool(families="g6", taint="", present=True):
    text = tainted().replace("[g6]", f"[{families}]")
    if taint:
        text = text.replace("        - key: nvidia.com/gpu\n          effect: NoSchedule\n",
                            f"        - {taint}\n")
    return text.replace("    spec:\n      nodeClassRef", PRESENT) if present else text


def rules(lint, shell, *manifests):
    lint.write("install.sh", "#!/bin/sh\n" + shell)
    lint.write("set.yaml", "---\n".join(manifests))
    return lint.rules(".")


@pytest.mark.parametrize("text", [
    "version: v1\n",
    "version: v1\nflags:\n  migStrategy: none\n  failOnInitError: false\n  plugin:\n    passDeviceSpecs: true\n",
    "version: v1\nflags:\n  plugin:\n    deviceListStrategy: volume-mounts\n",
    "version: v1\nflags:\n  gfd:\n    sleepInterval: 30s\n",
    "version: v1\nsharing:\n  mps:\n    resources:\n      - name: nvidia.com/gpu\n        replicas: 4\n",
    "{\"version\": \"v1\", \"flags\": {\"migStrategy\": \"mixed\"}}\n",
])
def test_configurations_that_the_plugin_reads(lint, text):
    found = rules(lint, INSTALL.format("--set config.name=plugin"), configmap(text))
    assert not {rule for rule in found if rule.startswith("plugin-config")}


@pytest.mark.parametrize("text,rule", [
    ("version: v2\nflags:\n  migStrategy: none\n", "plugin-config-invalid"),
    (SHARING.format(1), "plugin-config-invalid"),
    ("version: v1\nresources:\n  gpus:\n    - pattern: '*'\n      name: nvidia.com/big\n", "plugin-config-ignored"),
    ("version: v1\nflags:\n  migStrategie: mixed\n  failOnInitError: true\n", "plugin-config-unknown-key"),
])
def test_configurations_that_it_does_not(lint, text, rule):
    assert rule in rules(lint, INSTALL.format("--set config.name=plugin"), configmap(text))


def test_other_configmaps_are_not_the_plugins(lint):
    found = rules(lint, STATIC, configmap("slices:\n  - 1g.5gb\n", name="trainer-settings"),
                  configmap("some words", name="device-plugin-notes"),
                  configmap("resourceList:\n  - name: qat\n", name="intel-device-plugin-config"),
                  configmap("version: v1\nsystemd-services: []\n", name="gpu-clients"))
    assert not {rule for rule in found if rule.startswith("plugin-config")}


@pytest.mark.parametrize("shell", [
    INSTALL.format("--set config.name=plugin"), INSTALL.format("-f \"$VALUES\""),
    OPERATOR.format("--set devicePlugin.config.name=plugin"), "kubectl apply -f set.yaml\n", ""])
def test_configurations_that_are_loaded(lint, shell):
    assert "plugin-config-not-loaded" not in rules(lint, shell, configmap(SHARING.format(4), space="x"))


def test_a_configmap_that_no_value_names(lint):
    assert "plugin-config-not-loaded" in rules(
        lint, INSTALL.format("--set config.name=other"), configmap(SHARING.format(4)))
    assert "plugin-config-not-loaded" in rules(lint, STATIC, configmap(SHARING.format(4)))


@pytest.mark.parametrize("space,shell,found", [
    ("nvidia-device-plugin", INSTALL, False),
    ("", INSTALL, True),
    ("", INSTALL + "kubectl apply -n nvidia-device-plugin -f set.yaml\n", False),
    ("kube-system", INSTALL, True),
    ("$NAMESPACE", INSTALL, False),
    ("", "kubectl apply -f set.yaml # {}\n", False),
    ("gpu-operator", OPERATOR.replace("{}", "--set devicePlugin.config.name=plugin # {}"), False),
])
def test_the_namespace(lint, space, shell, found):
    assert ("plugin-config-namespace" in rules(
        lint, shell.format("--set config.name=plugin"),
        configmap(SHARING.format(4), space=space))) == found


@pytest.mark.parametrize("shell,families,found", [
    (INSTALL.format(""), "g6", True),
    (INSTALL.format("--set gfd.enabled=true"), "g6", False),
    (INSTALL.format("--set nfd.enabled=true"), "g6", False),
    (INSTALL.format("--set affinity.nodeAffinity=null"), "g6", False),
    (INSTALL.format("-f \"$VALUES\""), "g6", False),
    (INSTALL.format("").replace("0.20.0", "0.14.5"), "g6", False),
    (INSTALL.format("") + OPERATOR.format("--set devicePlugin.enabled=false"), "g6", False),
    (STATIC, "g6", False),
])
def test_the_plugins_affinity(lint, shell, families, found):
    assert ("plugin-affinity-unmet" in rules(lint, shell, pool(families, present=False))) == found


def test_pools_without_gpus_need_no_plugin(lint):
    text = pool("m7i", present=False, taint="{key: team, effect: NoSchedule}")
    found = rules(lint, INSTALL.format(""), text.replace("nvidia.com/gpu: 8", "cpu: 100"))
    assert not {rule for rule in found if rule.startswith(("plugin", "nfd"))}


def test_the_label_is_enough(lint):
    assert "plugin-affinity-unmet" not in rules(lint, INSTALL.format(""), pool())


@pytest.mark.parametrize("selector,found", [
    ("nodeSelector.team=vision", True),
    ("'nodeSelector.nvidia\\.com/gpu\\.present=true'", False),
    ("'nodeSelector.node\\.kubernetes\\.io/instance-type=g6.xlarge'", False),
    ("nodeSelector.tier=gold", False),
    ("nodeSelector.team=$TEAM", False),
])
def test_the_plugins_selector(lint, selector, found):
    text = pool().replace("nvidia.com/gpu.present: \"true\"\n", "nvidia.com/gpu.present: \"true\"\n        tier: gold\n")
    assert ("plugin-affinity-unmet" in rules(lint, INSTALL.format("--set " + selector), text)) == found


@pytest.mark.parametrize("taint,shell,found", [
    ("{key: nvidia.com/gpu, effect: NoSchedule}", INSTALL.format(""), False),
    ("{key: nvidia.com/gpu, value: anything, effect: NoSchedule}", INSTALL.format(""), False),
    ("{key: team, value: vision, effect: PreferNoSchedule}", INSTALL.format(""), False),
    ("{key: team, value: vision, effect: NoSchedule}", INSTALL.format(""), True),
    ("{key: team, value: vision, effect: NoSchedule}", INSTALL.format("--set tolerations[0].operator=Exists"), False),
    ("{key: team, value: vision, effect: NoSchedule}", OPERATOR.format(""), True),
    ("{key: team, value: vision, effect: NoSchedule}",
     OPERATOR.format("--set daemonsets.tolerations[0].operator=Exists"), False),
    ("{key: team, value: vision, effect: NoSchedule}", STATIC, True),
    ("{key: team, value: vision, effect: NoSchedule}", "", False),
])
def test_the_plugins_tolerations(lint, taint, shell, found):
    assert ("plugin-toleration" in rules(lint, shell, pool(taint=taint))) == found


@pytest.mark.parametrize("taint,options,present,found", [
    ("{key: nvidia.com/gpu, value: present, effect: NoSchedule}", "--set gfd.enabled=true", False, False),
    ("{key: nvidia.com/gpu, effect: NoSchedule}", "--set gfd.enabled=true", False, True),
    ("{key: nvidia.com/gpu, effect: NoSchedule}",
     "--set gfd.enabled=true --set nfd.worker.tolerations[0].operator=Exists", False, False),
    ("{key: nvidia.com/gpu, effect: NoSchedule}", "", True, False),
])
def test_the_workers_tolerations(lint, taint, options, present, found):
    assert ("nfd-toleration" in rules(lint, INSTALL.format(options), pool(taint=taint, present=present))) == found


@pytest.mark.parametrize("shell,found", [
    (INSTALL.format("") + OPERATOR.format(""), True),
    (STATIC + OPERATOR.format(""), True),
    (INSTALL.format("") + OPERATOR.format("--set devicePlugin.enabled=false"), False),
    (INSTALL.format("--set devicePlugin.enabled=false --set gfd.enabled=true") + OPERATOR.format(""), False),
    (INSTALL.format("") * 2, False),
    (OPERATOR.format(""), False),
])
def test_two_plugins(lint, shell, found):
    assert ("two-plugins" in rules(lint, shell)) == found


def test_sharing_without_pools_is_not_karpenters(lint):
    found = rules(lint, INSTALL.format("--set config.name=plugin"), configmap(SHARING.format(16)))
    assert not found & {"sharing-keeps-name", "slice-memory-small"}


@pytest.mark.parametrize("families,replicas,found", [
    ("g6", 11, False), ("g6", 12, True), ("g6e", 12, False), ("g4dn", 8, False), ("g4dn", 9, True)])
def test_memory_of_a_slice(lint, families, replicas, found):
    assert ("slice-memory-small" in rules(
        lint, INSTALL.format("--set config.name=plugin"), configmap(SHARING.format(replicas)),
        pool(families))) == found


@pytest.mark.parametrize("change,found", [
    (("failRequestsGreaterThanOne: true", "renameByDefault: true"), False),
    (("failRequestsGreaterThanOne: true", "failRequestsGreaterThanOne: false"), True),
    (("    failRequestsGreaterThanOne: true\n", ""), True),
    (("", ""), False),
])
def test_requests_for_two(lint, change, found):
    assert ("sharing-fail-requests" in rules(
        lint, "", configmap(SHARING.format(4).replace(*change)))) == found


TWO = configmap("version: v1\n", key="whole") + "  shared: |\n" + textwrap.indent(SHARING.format(4), "    ")


@pytest.mark.parametrize("options,manifests,found", [
    ("", [TWO], {"plugin-config-ambiguous"}),
    ("", [TWO.replace("  whole:", "  default:")], set()),
    ("", [configmap("version: v1\n")], set()),
    ("--set config.default=shared", [TWO], set()),
    ("--set config.default=$NAME", [TWO], set()),
    ("--set config.default=other", [TWO], {"plugin-config-unknown"}),
    ("--set config.fallbackStrategies[0]=empty", [TWO], set()),
    ("-f \"$VALUES\"", [TWO], set()),
    ("\nkubectl label node n1 nvidia.com/device-plugin.config=whole", [TWO], set()),
    ("\nkubectl label node n1 nvidia.com/device-plugin.config=$NAME", [TWO], set()),
    ("\nkubectl label node n1 nvidia.com/device-plugin.config=hole", [TWO], {"plugin-config-unknown"}),
    ("\nkubectl label node n1 nvidia.com/device-plugin.config=hole", [], set()),
])
def test_which_configuration(lint, options, manifests, found):
    got = rules(lint, INSTALL.format("--set config.name=plugin " + options), *manifests)
    assert got & {"plugin-config-unknown", "plugin-config-ambiguous"} == found


def test_what_no_plugin_reads_is_kept_as_a_comment(lint):
    lint.write("set.yaml", configmap("{\n  \"slices\": [\n    \"1g.5gb\"\n  ]\n}\n", name="nvidia-device-plugin-config"))
    lint("--fix", "set.yaml")
    fixed = (lint.folder / "set.yaml").read_text()
    assert "    version: v1\n" in fixed
    assert "    #   \"slices\": [\n" in fixed and "    #     \"1g.5gb\"\n" in fixed
    assert not {rule for rule in lint.rules("set.yaml") if rule.startswith("plugin-config")}


def test_the_fix_installs_a_chart_that_loads_the_file(lint):
    lint.write("set.yaml", configmap(SHARING.format(4), space=""))
    lint.write("install.sh", "#!/bin/sh\n" + STATIC)
    lint("--fix", ".")
    script = (lint.folder / "install.sh").read_text()
    assert "--set config.name=plugin" in script and "kubectl" not in script
    assert "  namespace: kube-system\n" in (lint.folder / "set.yaml").read_text()
    assert not {rule for rule in lint.rules(".") if rule.startswith(("plugin-config", "helm"))}
