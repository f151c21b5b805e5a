# SPDX-License-Identifier: Apache-2.0
"""Correct manifests to change for a test: a GPU pool, its class, an overlay, a pod's Deployment."""
import textwrap

FAMILY = "karpenter.k8s.aws/instance-family"
TYPE = "node.kubernetes.io/instance-type"
SIZE = "karpenter.k8s.aws/instance-size"
COUNT = "karpenter.k8s.aws/instance-gpu-count"
GPU = "karpenter.k8s.aws/instance-gpu-name"
ARCH = "kubernetes.io/arch"
ZONE = "topology.kubernetes.io/zone"
CAPACITY = "karpenter.sh/capacity-type"
TAINT = "- {key: nvidia.com/gpu, effect: NoSchedule}"
TOLERATION = "- {key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}"


def documents(*texts):
    return "---\n".join(texts)


def indented(text, columns):
    return textwrap.indent(text.strip("\n"), " " * columns) + "\n"


def need(key, *values, op="In"):
    return f"- key: {key}\n  operator: {op}\n" + (f"  values: [{', '.join(values)}]\n" if values else "")


def pool(name="inference", needs=None, taints=TAINT, startup="", limits="nvidia.com/gpu: 8", labels="",
         disruption="{consolidationPolicy: WhenEmpty, consolidateAfter: 10m}", expire="336h", weight="",
         more="", node_class="gpu-nodes"):
    return (
        f"apiVersion: karpenter.sh/v1\nkind: NodePool\nmetadata:\n  name: {name}\nspec:\n"
        + (f"  weight: {weight}\n" if weight else "")
        + (f"  {more}\n" if more else "")
        + "  template:\n"
        + (f"    metadata:\n      labels:\n{indented(labels, 8)}" if labels else "")
        + "    spec:\n"
        + f"      nodeClassRef: {{group: karpenter.k8s.aws, kind: EC2NodeClass, name: {node_class}}}\n"
        + f"      requirements:\n{indented(needs or need(FAMILY, 'g6'), 8)}"
        + (f"      taints:\n{indented(taints, 8)}" if taints else "")
        + (f"      startupTaints:\n{indented(startup, 8)}" if startup else "")
        + f"      expireAfter: {expire}\n"
        + (f"  disruption: {disruption}\n" if disruption else "")
        + (f"  limits:\n{indented(limits, 4)}" if limits else ""))


def node_class(name="gpu-nodes", ami="amiSelectorTerms: [{alias: al2023@v20250920}]", size="100Gi",
               device="/dev/xvda", disks=True, more=""):
    return (
        "apiVersion: karpenter.k8s.aws/v1\nkind: EC2NodeClass\n"
        f"metadata:\n  name: {name}\nspec:\n  role: gpu-node\n{indented(ami, 2)}"
        "  subnetSelectorTerms: [{tags: {karpenter.sh/discovery: research}}]\n"
        "  securityGroupSelectorTerms: [{tags: {karpenter.sh/discovery: research}}]\n"
        + (f"  blockDeviceMappings:\n    - deviceName: {device}\n      ebs: {{volumeSize: {size}}}\n"
           if disks else "")
        + (indented(more, 2) if more else ""))


def overlay(name="slices", capacity='nvidia.com/gpu: "4"', needs=None, weight=10, more=""):
    needs = need("karpenter.sh/nodepool", "inference") if needs is None else needs
    return (
        f"apiVersion: karpenter.sh/v1alpha1\nkind: NodeOverlay\nmetadata:\n  name: {name}\n"
        f"spec:\n  weight: {weight}\n"
        + (f"  requirements:\n{indented(needs, 4)}" if needs else "  requirements: []\n")
        + (f"  capacity:\n{indented(capacity, 4)}" if capacity else "")
        + (indented(more, 2) if more else ""))


def deployment(name="chat", ask="nvidia.com/gpu: 1", tolerations=TOLERATION, spec="", container="",
               image="registry.example.com/chat:1.4", resources=None, annotations="", replicas=2,
               kind="Deployment"):
    return (
        f"apiVersion: apps/v1\nkind: {kind}\nmetadata:\n  name: {name}\nspec:\n"
        + (f"  replicas: {replicas}\n" if kind != "DaemonSet" else "")
        + f"  selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata:\n"
        f"      labels: {{app: {name}}}\n"
        + (f"      annotations:\n{indented(annotations, 8)}" if annotations else "")
        + "    spec:\n"
        + (indented(spec, 6) if spec else "")
        + (f"      tolerations:\n{indented(tolerations, 8)}" if tolerations else "")
        + f"      containers:\n        - name: main\n          image: {image}\n"
        + (indented(container, 10) if container else "")
        + "          resources:\n" + indented(resources or f"limits:\n  {ask}", 12))


def sharing(replicas=4, rename="true", fail="true", space="nvidia-device-plugin"):
    """A device plugin with time-slicing, as commands and a ConfigMap in Markdown."""
    return (
        "```shell\nhelm repo add nvdp https://nvidia.github.io/k8s-device-plugin\n"
        "helm upgrade -i nvdp nvdp/nvidia-device-plugin \\\n"
        f"  --namespace {space} --create-namespace --version 0.20.0 --set config.name=gpu-sharing\n```\n"
        "```yaml\napiVersion: v1\nkind: ConfigMap\n"
        f"metadata:\n  name: gpu-sharing\n  namespace: {space}\ndata:\n  shared: |\n    version: v1\n"
        "    sharing:\n      timeSlicing:\n"
        f"        renameByDefault: {rename}\n        failRequestsGreaterThanOne: {fail}\n"
        f"        resources:\n          - name: nvidia.com/gpu\n            replicas: {replicas}\n```\n")


def markdown(*texts):
    """YAML documents as a block of Markdown; what is a block already stays."""
    return "\n".join(text if text.startswith("```") else f"```yaml\n{text}```\n" for text in texts)


def loud(findings):
    """What is worse than information, as (rule, line)."""
    return [(f["rule"], f["line"]) for f in findings if f["severity"] != "info"]
