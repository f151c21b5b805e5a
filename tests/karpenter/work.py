# SPDX-License-Identifier: Apache-2.0
"""Pools like those of the examples, pods for them, and what `carve doctor cluster` says of it."""
import json
import pathlib
import subprocess

import yaml

from cloud import BUILD, documents
from harness import HERE as CLUSTER
from harness import wait_for

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples/karpenter"
POOL = "karpenter.sh/nodepool"


def pool_like(example, name, labels=None, **capacity):
    """NodePool and NodeOverlay of an example under another name, with other labels of the nodes and other amounts."""
    found = documents(EXAMPLES / example / "nodepool.yaml", EXAMPLES / example / "overlay.yaml")
    pool, overlay = (json.loads(json.dumps(item).replace(f'"{example}"', f'"{name}"')) for item in found)
    pool["spec"]["template"]["metadata"]["labels"] = found[0]["spec"]["template"]["metadata"]["labels"] | (labels or {})
    overlay["spec"]["capacity"] |= {key: str(amount) for key, amount in capacity.items()}
    return [pool, overlay]


def offer(cloud, *objects):
    """Pools and overlays that Karpenter has taken in, before there are pods: an overlay counts from then on."""
    cloud.apply(*objects)
    wait_for("Karpenter's acceptance", lambda: all(
        condition(item, "Ready").get("status") == "True" for kind in ("nodepools", "nodeoverlays")
        for item in cloud.api.list(kind)) and len(cloud.api.list("nodeoverlays")) == len(cloud.api.list("nodepools")), 30)


def values_of(example):
    return yaml.safe_load((EXAMPLES / example / "values.yaml").read_text())


def deployment(name, pods, resource="nvidia.com/gpu", pool=None, grace=1):
    """Pods of one slice each, on the nodes of a pool."""
    labels = {"app": name}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "default"},
            "spec": {"replicas": pods, "selector": {"matchLabels": labels}, "template": {
                "metadata": {"labels": labels}, "spec": {
                    "terminationGracePeriodSeconds": grace, "nodeSelector": {POOL: pool or name},
                    "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
                    "containers": [{"name": "main", "image": "carve.test/busybox:1", "imagePullPolicy": "Never",
                                    "command": ["sleep", "1000000"], "resources": {"limits": {resource: 1}}}]}}}}


def pool_of(item):
    return item["metadata"]["labels"].get(POOL)


def condition(item, kind):
    """{} if there is none of that kind."""
    return next((found for found in item.get("status", {}).get("conditions", []) if found["type"] == kind), {})


def taints(node):
    return [taint["key"] for taint in node["spec"].get("taints", [])]


def told(cloud, node, reason):
    """The messages of the Events of that reason about a node."""
    return [event["message"] for event in cloud.api.list("events", fieldSelector=f"involvedObject.name={node}")
            if event["reason"] == reason]


def doctor(cloud):
    """What `carve doctor cluster` finds, the likeliest first."""
    done = subprocess.run([CLUSTER / "cluster", "exec", cloud.cluster.folder, BUILD / "src/cli/carve", "doctor", "cluster",
                           "-o", "json"], text=True, capture_output=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return json.loads(done.stdout)["diagnoses"]


def diagnosed(cloud, node, cause):
    """The diagnosis of that cause about the node; None if it is not made."""
    return next((found for found in doctor(cloud)
                 if (found["cause"], found["subject"]) == (cause, f"node {node}")), None)
