# SPDX-License-Identifier: Apache-2.0
"""The examples on a Cloud: their objects, and what must be true of the nodes and pods that come of them."""
import json
import re

import yaml

import catalog
from examples import Example
from harness import wait_for
from work import POOL, condition, taints

CLAIM = ("Launched", "Registered", "Initialized", "Ready")


def promised(example):
    """{resource: amount} of a node, as text, by the overlay of the example itself or by the type; under the
    names of its configuration."""
    overlay = Example(example.name).overlay
    if overlay is None:
        return {"nvidia.com/gpu": str(catalog.types()[example.type]["gpus"])}
    found = {name: amount for name, amount in overlay["spec"]["capacity"].items() if amount != "0"}
    if "renameByDefault: false" in example.configuration:
        found = {name.removesuffix(".shared"): amount for name, amount in found.items()}
    return found


def values(*examples):
    """Of all of them, for one release."""
    return [yaml.safe_load(example.files["values.yaml"].read_text()) for example in examples]


def pools(*examples):
    """NodePools, node classes and overlays."""
    found = []
    for example in examples:
        names = [name for name in ("nodeclass.yaml", "overlay.yaml", "nodepool.yaml") if name in example.files]
        found += example.objects(*names)
    return json.loads(json.dumps(found).replace("${CLUSTER_NAME}", "test"))


def workloads(*examples):
    """Deployments and what belongs to them."""
    return [item for example in examples for name in example.files if name not in
            ("nodeclass.yaml", "nodeclass-bottlerocket.yaml", "overlay.yaml", "nodepool.yaml", "values.yaml")
            for item in example.objects(name)]


def pods_of(objects):
    return sum(item["spec"]["replicas"] for item in objects if item["kind"] == "Deployment")


def set_up(cloud, *examples):
    """Pools that Karpenter has taken in, before there are pods: an overlay counts from then on."""
    cloud.apply(*pools(*examples))
    overlays = sum("overlay.yaml" in example.files for example in examples)
    wait_for("Karpenter's acceptance", lambda: all(
        condition(item, "Ready").get("status") == "True" for kind in ("nodepools", "nodeoverlays")
        for item in cloud.api.list(kind)) and len(cloud.api.list("nodeoverlays")) == overlays, 60)


def wait_in_service(cloud):
    wait_for("Karpenter's word that all nodes are in service", lambda: all(
        node["metadata"]["labels"].get("karpenter.sh/initialized") for node in cloud.nodes().values()))


def nodes_of(cloud, example):
    return {name: node for name, node in cloud.nodes().items() if node["metadata"]["labels"].get(POOL) == example.name}


def check_nodes(cloud, example, count):
    """These nodes are in service: by Karpenter, by carve, and by their kubelets."""
    nodes = nodes_of(cloud, example)
    claims = {claim["status"]["nodeName"]: claim for claim in cloud.claims().values()
              if claim["metadata"]["labels"][POOL] == example.name}
    assert len(nodes) == count and claims.keys() == nodes.keys()
    for name, node in nodes.items():
        labels = node["metadata"]["labels"]
        assert labels["karpenter.sh/registered"] == labels["karpenter.sh/initialized"] == "true"
        assert labels["node.kubernetes.io/instance-type"] == example.type == cloud.fleet.machines[name]
        assert taints(node) == ["nvidia.com/gpu"]
        shown = {key: amount for key, amount in node["status"]["allocatable"].items()
                 if key.startswith("nvidia.com/") and amount != "0"}
        assert shown == promised(example)
        size = catalog.machine_size(catalog.types()[example.type])
        assert node["status"]["capacity"]["cpu"] == size["NODE_CPUS"]
        assert node["status"]["capacity"]["memory"] == f"{size['NODE_MEMORY']}Mi"
        assert labels["nvidia.com/gpu.present"] == "true"
        if "nvidia.com/mig.config" in labels:
            assert labels["nvidia.com/mig.config.state"] == "success"
        assert condition(node, "carve.dev/Configured")["status"] == "True", condition(node, "carve.dev/Configured")
        state = {kind: condition(claims[name], kind).get("status") for kind in CLAIM}
        assert state == dict.fromkeys(CLAIM, "True"), claims[name]["status"]
        # Karpenter looks once in ten minutes, and may leave it unsaid if it looked too early.
        assert condition(claims[name], "ConsistentStateFound").get("status") != "False"


def seen(cloud, example):
    """{pod: (UUID of the GPU, [UUID of MIG devices])} by nvidia-smi in each pod of the example."""
    found = {}
    for name, pod in cloud.pods("Running").items():
        if pod["spec"]["nodeSelector"][POOL] == example.name and "nvidia" in pod["spec"]["containers"][0]["image"]:
            said = cloud.api.log(name)
            gpus = re.findall(r"^GPU \d+: .* \(UUID: (GPU-\S+)\)$", said, re.M)
            assert len(gpus) == 1, f"{name}: {said}"
            found[name] = (gpus[0], re.findall(r"^  MIG \S+ +Device +\d+: \(UUID: (MIG-\S+)\)$", said, re.M))
    return found


def identity(pod):
    """What changes if a pod is started again or somewhere else."""
    status = pod["status"]["containerStatuses"][0]
    return pod["spec"]["nodeName"], status["containerID"], status["restartCount"]


def quicken(cloud, *examples):
    """Karpenter waits for a second, not for minutes, before it takes a node for one too many."""
    for example in examples:
        cloud.api.patch("nodepools", example.name, {"spec": {"disruption": {"consolidateAfter": "1s"}}})
