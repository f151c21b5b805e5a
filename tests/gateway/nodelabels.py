# SPDX-License-Identifier: Apache-2.0
"""The labels of the node: what the tests read of them and wait for, and a stand-in for nfd-master."""
import threading

import pytest

from conftest import NODE, wait_for

FEATURE = f"nvidia-features-for-{NODE}"
ANNOTATION = "nfd.node.kubernetes.io/feature-labels"
OURS = ("nvidia.com/", "carve.dev/")


class NFD(threading.Thread):
    """What nfd-master does: labels of all NodeFeatures of a node go to the node, its annotation says which, and what is
    no more wished is removed."""

    def __init__(self, api):
        super().__init__(daemon=True)
        self.api, self.over = api, threading.Event()
        self.start()

    def run(self):
        while not self.over.wait(0.01):
            if self.api.get("Node", NODE):
                wished = {}
                for feature in self.api.list("NodeFeature"):
                    if feature["metadata"].get("labels", {}).get("nfd.node.kubernetes.io/node-name") == NODE:
                        wished |= feature["spec"].get("labels") or {}
                self.api.change("Node", NODE, lambda n, w=wished: self.write(n, w))

    @staticmethod
    def write(node, wished):
        labels = node["metadata"]["labels"]
        annotations = node["metadata"].setdefault("annotations", {})
        for key in annotations.get(ANNOTATION, "").split(","):
            if key and key not in wished:
                labels.pop(key, None)
        labels |= wished
        if wished:
            annotations[ANNOTATION] = ",".join(sorted(wished))
        else:
            annotations.pop(ANNOTATION, None)

    def end(self):
        self.over.set()
        self.join()


@pytest.fixture
def nfd(api):
    made = NFD(api)
    yield made
    made.end()


@pytest.fixture
def without_nfd(api):
    api.absent.add("nodefeatures")


def labels(api):
    """Those of ours on the node, the timestamp left out."""
    found = api.get("Node", NODE)["metadata"]["labels"]
    return {key: value for key, value in found.items()
            if key.startswith(OURS) and key != "nvidia.com/gfd.timestamp"}


def label(api, key):
    return api.get("Node", NODE)["metadata"]["labels"].get(key)


def wait_label(api, key, value, seconds=20):
    wait_for(lambda: label(api, key) == value, lambda: f"{key}={value}, there is {label(api, key)}", seconds)


def feature(api, namespace="carve"):
    return api.get("NodeFeature", FEATURE, namespace)


def wait_feature(api, key, value):
    wait_for(lambda: feature(api) and feature(api)["spec"]["labels"].get(key) == value,
             lambda: f"{key}={value} in {feature(api)}")


def applied(api):
    """Labels of the node that belong to the gateway's server-side apply."""
    for entry in api.get("Node", NODE)["metadata"].get("managedFields", []):
        if (entry["manager"], entry["operation"]) == ("carve-gateway", "Apply") and not entry.get("subresource"):
            return {key[2:] for key in entry["fieldsV1"]["f:metadata"]["f:labels"] if key.startswith("f:")}
    return set()


WHOLE = {
    "carve.dev/product.NVIDIA-A100-SXM4-40GB": "8", "carve.dev/slices.gpu": "8",
    "nvidia.com/cuda.driver-version.full": "580.159.04", "nvidia.com/cuda.driver-version.major": "580",
    "nvidia.com/cuda.driver-version.minor": "159", "nvidia.com/cuda.driver-version.revision": "04",
    "nvidia.com/cuda.driver.major": "580", "nvidia.com/cuda.driver.minor": "159", "nvidia.com/cuda.driver.rev": "04",
    "nvidia.com/cuda.runtime-version.full": "13.0", "nvidia.com/cuda.runtime-version.major": "13",
    "nvidia.com/cuda.runtime-version.minor": "0", "nvidia.com/cuda.runtime.major": "13",
    "nvidia.com/cuda.runtime.minor": "0", "nvidia.com/gpu.compute.major": "8", "nvidia.com/gpu.compute.minor": "0",
    "nvidia.com/gpu.count": "8", "nvidia.com/gpu.family": "ampere", "nvidia.com/gpu.machine": "p4d.24xlarge",
    "nvidia.com/gpu.memory": "40960", "nvidia.com/gpu.mode": "compute", "nvidia.com/gpu.present": "true",
    "nvidia.com/gpu.product": "NVIDIA-A100-SXM4-40GB", "nvidia.com/gpu.replicas": "1",
    "nvidia.com/gpu.sharing-strategy": "none", "nvidia.com/mig.capable": "true", "nvidia.com/mps.capable": "false",
    "nvidia.com/vgpu.present": "false",
}


def patches(api):
    return api.count("PATCH", f"/nodes/{NODE}$") + api.count("PATCH", "nodefeatures")
