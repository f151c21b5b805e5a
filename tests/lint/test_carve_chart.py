# SPDX-License-Identifier: Apache-2.0
"""carve's own chart: its values are read as its own, and those that a command names as that command's."""
import pytest

from conftest import POOL, TAINT

INSTALL = """\
```sh
helm upgrade --install carve deploy/chart/carve --namespace gpu --create-namespace \\
  --set image.repository=registry.example.com/carve --values {}
```
"""
SHARING = """\
config:
  map:
    NAME: |
      version: v1
      sharing:
        timeSlicing:
          renameByDefault: true
          resources:
            - name: nvidia.com/gpu
              replicas: COUNT
"""
MIG = """\
config:
  map:
    NAME: |
      version: v1
      flags:
        migStrategy: mixed
migManager:
  enabled: true
"""
OVERLAY = """\
---
apiVersion: karpenter.sh/v1alpha1
kind: NodeOverlay
metadata:
  name: NAME
spec:
  weight: 10
  requirements:
    - key: karpenter.sh/nodepool
      operator: In
      values: [NAME]
  capacity:
    nvidia.com/gpu: "0"
    nvidia.com/gpu.shared: "COUNT"
"""
PODS = """\
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: NAME
spec:
  replicas: 3
  selector:
    matchLabels: {app: NAME}
  template:
    metadata:
      labels: {app: NAME}
    spec:
      nodeSelector: {karpenter.sh/nodepool: NAME}
      tolerations:
        - {key: nvidia.com/gpu, operator: Exists}
      containers:
        - name: main
          image: registry.example.com/team/model:2.3
          resources:
            limits: {RESOURCE: 1}
"""


BOTTLEROCKET = """\
---
apiVersion: karpenter.k8s.aws/v1
kind: EC2NodeClass
metadata:
  name: gpu-nodes
spec:
  role: gpu-node
  amiSelectorTerms:
    - alias: bottlerocket@v1.65.0
  subnetSelectorTerms:
    - tags: {karpenter.sh/discovery: research}
  securityGroupSelectorTerms:
    - tags: {karpenter.sh/discovery: research}
  blockDeviceMappings:
    - deviceName: /dev/xvdb
      ebs: {volumeSize: 100Gi, volumeType: gp3}
"""


def fill(text, **names):
    for name, value in names.items():
        text = text.replace(name, str(value))
    return text


def pool(name, family="g6.xlarge", more=""):
    text = POOL.replace("name: inference", f"name: {name}").replace("      expireAfter", TAINT + "      expireAfter")
    text = text.replace("key: karpenter.k8s.aws/instance-family", "key: node.kubernetes.io/instance-type")
    text = text.replace("values: [g6]", f"values: [{family}]")
    labels = f"    metadata:\n      labels:\n        nvidia.com/device-plugin.config: {name}\n{more}"
    return text.replace("  template:\n", "  template:\n" + labels)


def faults(lint, *words):
    return {(found["rule"], found["file"]) for found in lint.json(*words) if found["severity"] != "info"}


def folders(lint, command):
    """Folders with files of the same names, and the amounts of each. Paths of one end like those of another."""
    for name, count in (("a-many", 2), ("few", 4), ("many", 8)):
        lint.write(f"examples/{name}/values.yaml", fill(SHARING, NAME=name, COUNT=count))
        lint.write(f"examples/{name}/pool.yaml", pool(name) + fill(OVERLAY, NAME=name, COUNT=count)
                   + fill(PODS, NAME=name, RESOURCE="nvidia.com/gpu.shared"))
        lint.write(f"examples/{name}/README.md", INSTALL.format(command.format(name)))


@pytest.mark.parametrize("command", [
    "examples/{}/values.yaml", "./examples/{}/values.yaml", "{}/values.yaml", "/src/carve/examples/{}/values.yaml"])
def test_the_values_file_is_that_of_the_folder(lint, command):
    folders(lint, command)
    assert faults(lint, "examples") == set()
    path = lint.folder / "examples/many/pool.yaml"
    path.write_text(path.read_text().replace('gpu.shared: "8"', 'gpu.shared: "4"'))
    assert faults(lint, "examples") == {("overlay-count", "examples/many/pool.yaml")}


@pytest.mark.parametrize("more", ["", "  reboot: true\n", "  drain: true\n"])
def test_values_alone_are_not_the_operators(lint, more):
    """No chart of NVIDIA's has both a map of configurations and a MIG manager."""
    lint.write("values.yaml", fill(MIG, NAME="cut") + more)
    lint.write("pool.yaml", pool("cut", "p4d.24xlarge", "        nvidia.com/mig.config: all-balanced\n"))
    assert {rule for rule, _ in faults(lint, ".")} == {"overlay-missing"}


@pytest.mark.parametrize("resource, wrong", [("nvidia.com/mig-1g.5gb", False), ("nvidia.com/mig-7g.40gb", True)])
def test_a_static_pool_has_what_its_nodes_show(lint, resource, wrong):
    """Its nodes are there before the pods, and no overlay is needed; a slice that they lack never comes."""
    lint.write("values.yaml", fill(MIG, NAME="cut"))
    static = pool("cut", "p4d.24xlarge", "        nvidia.com/mig.config: all-balanced\n")
    static = static.replace("spec:\n  template", "spec:\n  replicas: 2\n  template", 1)
    static = static[:static.index("  disruption:")] + '  limits:\n    nodes: "2"\n'
    lint.write("pool.yaml", static + fill(PODS, NAME="cut", RESOURCE=resource))
    assert bool(faults(lint, ".")) == wrong


@pytest.mark.parametrize("settings, off", [
    ("[settings.kubelet-device-plugins.nvidia]\nenabled = false", True),
    ("[settings.kubelet]\nmax-pods = 40\n\n[settings.kubelet-device-plugins.nvidia]\n  # ours\n  enabled=false", True),
    ("[settings.kubelet-device-plugins]\nnvidia.enabled = false", True),
    ("settings.kubelet-device-plugins.nvidia.enabled = false", True),
    ("[settings.kubelet-device-plugins.nvidia]\nenabled = true", False),
    ("[settings.kubelet-device-plugins.nvidia]\n# enabled = false", False),
    ("[settings.kubelet-device-plugins.nvidia.time-slicing]\nenabled = false", False),
    ("[settings.kubelet-device-plugins.nvidia]\nenabled-too = false", False),
    ("[settings]\nenabled = false", False),
    ("", False),
])
@pytest.mark.parametrize("chart", ["helm install carve deploy/chart/carve -n gpu", "helm install nvdp nvdp/nvidia-device-plugin -n gpu"])
def test_bottlerockets_own_plugin(lint, settings, off, chart):
    """A second one for the same GPUs, whoever's it is, unless the first is switched off."""
    lint.write("install.sh", f"#!/bin/sh\n{chart}\n")
    data = "  userData: |\n" + "".join(f"    {line}\n" for line in settings.split("\n")) if settings else ""
    lint.write("pool.yaml", pool("inference") + BOTTLEROCKET + data)
    assert ("bottlerocket-plugin" in lint.rules(".")) != off


@pytest.mark.parametrize("label, kept_off", [("carve.dev/deploy: \"false\"", True), ("carve.dev/deploy: \"true\"", False)])
def test_carve_kept_off_bottlerocket(lint, label, kept_off):
    lint.write("install.sh", "#!/bin/sh\nhelm install carve deploy/chart/carve -n gpu\n")
    lint.write("pool.yaml", pool("inference", more=f"        {label}\n") + BOTTLEROCKET)
    assert ("bottlerocket-plugin" in lint.rules(".")) != kept_off
