# SPDX-License-Identifier: Apache-2.0
"""MIG configurations, geometries, and the slices that pods ask for."""
import pytest

OPERATOR = """\
helm repo add nvidia https://helm.ngc.nvidia.com/nvidia
helm install gpu-operator nvidia/gpu-operator -n gpu-operator --set driver.enabled=false \\
  --set toolkit.enabled=false {}
"""
POOL = """\
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {{name: sliced}}
spec:
  template:
    metadata: {{labels: {{{label}}}}}
    spec:
      nodeClassRef: {{group: karpenter.k8s.aws, kind: EC2NodeClass, name: gpu}}
      taints: [{{key: nvidia.com/gpu, effect: NoSchedule}}]
      requirements: [{{key: node.kubernetes.io/instance-type, operator: In, values: [{types}]}}]
  limits: {{nvidia.com/gpu: 16}}
"""
POD = """\
apiVersion: v1
kind: Pod
metadata: {{name: job}}
spec:
  tolerations: [{{key: nvidia.com/gpu, operator: Exists}}]
  containers:
    - name: main
      image: registry.example.com/job:1.0.0
      resources: {{limits: {{{}: 1}}}}
"""
FILE = """\
version: v1
mig-configs:
  halves:
    - devices: all
      mig-enabled: true
      mig-devices: {{{}}}
"""
CONFIGMAP = """\
apiVersion: v1
kind: ConfigMap
metadata: {{name: own-mig, namespace: gpu-operator}}
data:
  config.yaml: |
    version: v1
    mig-configs:
      halves:
        - devices: all
          mig-enabled: true
          mig-devices: {{{}}}
"""


def wish(name):
    return f"nvidia.com/mig.config: {name}"


def pool(name, types="p4d.24xlarge"):
    return POOL.format(label=wish(name) if name else "", types=types)


def rules(lint, shell, *manifests):
    lint.write("install.sh", "#!/bin/sh\n" + shell)
    lint.write("set.yaml", "---\n".join(manifests))
    return lint.rules(".")


@pytest.mark.parametrize("name", [
    "all-disabled", "all-enabled", "all-balanced", "all-1g.5gb", "all-1g.5gb.me", "all-7g.40gb", "$LAYOUT"])
def test_names_that_mig_parted_has(lint, name):
    assert "mig-config-unknown" not in rules(lint, OPERATOR.format(""), pool(name))
    assert "mig-config-unknown" not in rules(
        lint, f"kubectl drain n1\nkubectl label node n1 nvidia.com/mig.config={name}\n")


@pytest.mark.parametrize("name", ["all-1g", "balanced", "all-1g.7gb"])
def test_names_that_it_has_not(lint, name):
    assert "mig-config-unknown" in rules(lint, OPERATOR.format(""), pool(name))
    assert "mig-config-unknown" in rules(lint, f"kubectl label node n1 nvidia.com/mig.config={name}\n")
    assert "mig-config-unknown" in rules(lint, OPERATOR.format(f"--set migManager.config.default={name}"))


@pytest.mark.parametrize("name, types, told", [
    ("all-1g.5gb", "p4d.24xlarge", False), ("all-1g.5gb", "p5.48xlarge", True), ("all-1g.10gb", "p4d.24xlarge", False),
    ("all-1g.24gb", "g7e.2xlarge", False), ("all-1g.24gb", "p5.48xlarge", True), ("all-balanced", "p5.48xlarge", False),
    ("all-1g.5gb", "p4d.24xlarge, p4de.24xlarge", True), ("all-1g.5gb", "g5.xlarge", False)])
def test_names_that_the_pools_board_has_not(lint, name, types, told):
    assert ("mig-profile-board" in rules(lint, OPERATOR.format(""), pool(name, types))) == told
    assert "mig-profile-board" not in rules(lint, OPERATOR.format("--set migManager.config.name=own"), pool(name, types))


def test_the_fix_names_another_configuration(lint):
    rules(lint, OPERATOR.format(""), pool("all-1g.5gb", "p5.48xlarge"))
    lint("--fix", "--set", "mig-config=all-1g.10gb", ".")
    assert wish("all-1g.10gb") in (lint.folder / "set.yaml").read_text()


def test_names_of_the_sets_own_files(lint):
    shell = OPERATOR.format("--set migManager.config.name=own-mig")
    assert "mig-config-unknown" not in rules(lint, shell, CONFIGMAP.format('"3g.20gb": 2'), pool("halves"))
    assert "mig-config-unknown" not in rules(lint, shell, pool("whatever-it-has"))
    assert "mig-config-unknown" in rules(lint, shell, CONFIGMAP.format('"3g.20gb": 2'), pool("thirds"))


@pytest.mark.parametrize("slices,fits", [
    ('"1g.5gb": 7', True), ('"3g.20gb": 2', True), ('"4g.20gb": 1, "3g.20gb": 1', True),
    ('"7g.40gb": 1', True), ('"1g.6gb": 4', True), ('"1g.24gb": 4', True), ('"1c.3g.20gb": 6', True),
    ('"1g.9gb": 1', True),  # no board of the table's: perhaps a newer one's
    ('"1g.5gb": 8', False), ('"4g.20gb": 2', False), ('"7g.40gb": 1, "1g.5gb": 1', False),
    ('"1g.5gb": 1, "1g.6gb": 1', False), ('"3g.20gb": 2, "1g.5gb": 1', False), ('"1g.5gb": 1000', False)])
def test_geometries(lint, slices, fits):
    assert ("mig-geometry" in rules(lint, "", FILE.format(slices))) != fits


@pytest.mark.parametrize("text", [
    "version: v2\nmig-configs: {a: [{devices: all, mig-enabled: false}]}\n",
    "version: v1\nmig-configs: {a: [{devices: all}]}\n",
    "version: v1\nmig-configs: {a: [{devices: all, mig-enabled: true, mig-devices: {1g.5gb: many}}]}\n"])
def test_files_that_mig_parted_refuses(lint, text):
    assert "mig-config-invalid" in rules(lint, "", text)


@pytest.mark.parametrize("shell,manifests,found", [
    (OPERATOR.format("--set mig.strategy=mixed"), [pool("all-3g.20gb")], True),
    (OPERATOR.format("--set mig.strategy=mixed"), [pool("all-1g.5gb")], False),
    (OPERATOR.format("--set mig.strategy=mixed"), [pool("all-balanced")], False),
    (OPERATOR.format("--set mig.strategy=mixed"), [pool("")], True),
    (OPERATOR.format("--set mig.strategy=mixed --set migManager.config.default=all-1g.5gb"), [pool("")], False),
    (OPERATOR.format("--set migManager.config.name=elsewhere"), [pool("all-3g.20gb")], False),
    (OPERATOR.format("-f \"$VALUES\""), [pool("")], False),
    (OPERATOR.format(""), [pool(""), CONFIGMAP.format('"1g.5gb": 7')], False),
    (OPERATOR.format("") + "kubectl label node n1 nvidia.com/mig.config=all-1g.5gb\n", [pool("")], False),
    (OPERATOR.format("") + "nvidia-smi mig -cgi 19,19 -C\n", [pool("")], False),
    ("", [pool("")], False),
    (OPERATOR.format(""), [], False),
])
def test_slices_that_are_made(lint, shell, manifests, found):
    assert ("slice-not-produced" in rules(lint, shell, *manifests, POD.format("nvidia.com/mig-1g.5gb"))) == found


@pytest.mark.parametrize("options,resource,found", [
    ("--set mig.strategy=mixed", "nvidia.com/mig-1g.5gb", False),
    ("--set mig.strategy=single", "nvidia.com/mig-1g.5gb", True),
    ("", "nvidia.com/mig-1g.5gb", True),
    ("--set mig.strategy=single", "nvidia.com/gpu", False),
    ("--set mig.strategy=$STRATEGY", "nvidia.com/mig-1g.5gb", False),
    ("-f \"$VALUES\"", "nvidia.com/mig-1g.5gb", False),
    ("", "nvidia.com/gpu.shared", True),
    ("--set devicePlugin.config.name=elsewhere", "nvidia.com/gpu.shared", False),
    ("-f \"$VALUES\"", "nvidia.com/gpu.shared", False),
])
def test_names_of_resources(lint, options, resource, found):
    assert ("strategy-resource" in rules(lint, OPERATOR.format(options), POD.format(resource))) == found


def test_names_of_resources_without_a_plugin(lint):
    assert "strategy-resource" not in rules(lint, "", POD.format("nvidia.com/mig-1g.5gb"),
                                            POD.format("nvidia.com/gpu.shared"))


PLUGIN = """\
helm repo add nvdp https://nvidia.github.io/k8s-device-plugin
helm upgrade -i nvdp nvdp/nvidia-device-plugin -n kube-system --set migStrategy=mixed
"""


@pytest.mark.parametrize("shell,found", [
    (PLUGIN, True),
    (PLUGIN + OPERATOR.format("--set devicePlugin.enabled=false"), False),
    (PLUGIN + OPERATOR.format("--set devicePlugin.enabled=false --set migManager.enabled=false"), True),
    (PLUGIN + "nvidia-mig-parted apply -f config.yaml -c all-1g.5gb\n", False),
    ("", False),
])
def test_somebody_has_to_cut(lint, shell, found):
    assert ("mig-manager-missing" in rules(lint, shell, pool("all-1g.5gb"))) == found


def test_the_fix_makes_the_strategy_mixed(lint):
    rules(lint, OPERATOR.format("--set mig.strategy=single"), POD.format("nvidia.com/mig-1g.5gb"))
    lint("--fix", ".")
    assert "mig.strategy=mixed" in (lint.folder / "install.sh").read_text()
    assert "strategy-resource" not in lint.rules(".")
