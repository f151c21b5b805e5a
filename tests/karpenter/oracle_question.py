# SPDX-License-Identifier: Apache-2.0
"""Questions to karpenter-oracle: objects in few words, and what it answers."""
import collections
import json
import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
TYPE = "node.kubernetes.io/instance-type"
POOL = "karpenter.sh/nodepool"
GPUS = "karpenter.k8s.aws/instance-gpu-count"
FAMILY = "karpenter.k8s.aws/instance-family"
GPU = "nvidia.com/gpu"
SLICE = "nvidia.com/mig-1g.5gb"


def program():
    folder = os.environ.get("CARVE_KARPENTER")
    assert folder, "CARVE_KARPENTER names no folder: export CARVE_KARPENTER=$(tests/karpenter/build)"
    return pathlib.Path(folder) / "karpenter-oracle"


def one_of(**labels):
    """Requirements: each label has one of the values. The names are those above, as keys of a dict."""
    return [{"key": key, "operator": "In", "values": [values] if isinstance(values, str) else values}
            for key, values in labels.items()]


def pool(name, types=None, *, where=None, taints=None, labels=None, startup=None, **spec):
    """A NodePool of these instance types; more of its spec by name."""
    template = {"nodeClassRef": {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "gpu"},
                "requirements": one_of(**(where or {TYPE: types}))}
    if taints:
        template["taints"] = taints
    if startup:
        template["startupTaints"] = startup
    return {"apiVersion": "karpenter.sh/v1", "kind": "NodePool", "metadata": {"name": name},
            "spec": {"template": {"metadata": {"labels": labels or {}}, "spec": template}, **spec}}


def overlay(name, where, capacity=None, **spec):
    if capacity is not None:
        spec["capacity"] = {resource: str(amount) for resource, amount in capacity.items()}
    return {"apiVersion": "karpenter.sh/v1alpha1", "kind": "NodeOverlay", "metadata": {"name": name},
            "spec": {"requirements": one_of(**where), **spec}}


def pod_spec(limits=None, cpu="100m", memory="256Mi", **spec):
    resources = {"requests": {"cpu": str(cpu), "memory": memory},
                 "limits": {name: str(amount) for name, amount in (limits or {}).items()}}
    return {"containers": [{"name": "main", "image": "example.com/infer", "resources": resources}], **spec}


def pods(name, replicas, limits=None, **spec):
    """A Deployment."""
    return workload("Deployment", name, pod_spec(limits, **spec), replicas=replicas)


def workload(kind, name, spec, **more):
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name},
            "spec": {"selector": {"matchLabels": {"app": name}}, **more,
                     "template": {"metadata": {"labels": {"app": name}}, "spec": spec}}}


def pod(name, limits=None, **spec):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": pod_spec(limits, **spec)}


def node(name, taints=None, **resources):
    """A node that runs already, not one of Karpenter's."""
    amounts = {"cpu": "4", "memory": "16Gi", "pods": "58", GPU: "1"} | resources
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
            "spec": {"taints": taints or []}, "status": {"capacity": amounts, "allocatable": amounts}}


class Answer:
    """What the program said."""

    def __init__(self, done):
        self.code = done.returncode
        self.out = done.stdout
        self.errors = done.stderr
        self.said = json.loads(done.stdout) if done.stdout.startswith("{") else {}

    @property
    def bought(self):
        """{(pool, type): nodes}"""
        return dict(collections.Counter((item["nodePool"], item["chosen"]) for item in self.said["nodes"]))

    @property
    def pods(self):
        """How many pods each bought node has, the fullest first."""
        return sorted((len(item["pods"]) for item in self.said["nodes"]), reverse=True)

    @property
    def pending(self):
        return {item["pod"].removeprefix("default/"): item["reason"] for item in self.said["unschedulable"]}

    @property
    def commands(self):
        return self.said["consolidations"]

    @property
    def dollars(self):
        return self.said["totalPerHour"]

    @property
    def overlays(self):
        """{name: why it is not ready, or None}"""
        return {item["name"]: None if item["ready"] else item["reason"] for item in self.said["overlays"]}


def call(*arguments, text="", folder=ROOT, this=None):
    """The answer to a command line, of another copy of the program if one is named."""
    return Answer(subprocess.run([this or program(), *map(str, arguments)], input=text, text=True, capture_output=True,
                                 check=False, cwd=folder))


def ask(*objects, options=()):
    """The answer on these objects; the exit code says what the answer says."""
    answer = call("-o", "json", *options, "-", text="\n---\n".join(map(json.dumps, objects)))
    assert answer.code in (0, 1, 3), answer.errors
    orders = answer.said.get("orders", [])
    pending = answer.pending or any(order["unschedulable"] for order in orders)
    differs = not all(order["same"] for order in orders)
    assert answer.code == (1 if pending else 3 if differs else 0)
    return answer
