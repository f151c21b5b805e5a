# SPDX-License-Identifier: Apache-2.0
"""The node's labels as a NodeFeature: the object and its owners, and the way from the one to the other without a
gap."""
import threading

import pytest

from conftest import NODE, time_slicing, wait_for
from nodelabels import FEATURE, NFD, WHOLE, applied, feature, label, labels, nfd, wait_feature, wait_label, without_nfd

POD = "carve-x7x7x"


def test_gfd_label_set_after_install_as_node_feature(gateway, carved, api, nfd):
    """GFD: label set after install, API mode; owner references."""
    carved()
    gateway()
    wait_label(api, "nvidia.com/gpu.count", "8")
    assert labels(api) == WHOLE
    made = feature(api)
    assert made["metadata"]["labels"] == {"nfd.node.kubernetes.io/node-name": NODE}
    assert made["spec"]["features"] == {"flags": {}, "attributes": {}, "instances": {}}
    assert {key for key in made["spec"]["labels"]} == set(WHOLE) | {"nvidia.com/gfd.timestamp"}
    daemon_set, own_pod = made["metadata"]["ownerReferences"]
    assert (daemon_set["kind"], daemon_set["name"], daemon_set["apiVersion"], daemon_set["controller"]) == (
        "DaemonSet", "carve", "apps/v1", True)
    assert daemon_set["uid"] == api.get("DaemonSet", "carve", "carve")["metadata"]["uid"]
    assert own_pod == {"apiVersion": "v1", "kind": "Pod", "name": POD,
                       "uid": api.get("Pod", POD, "carve")["metadata"]["uid"]}
    assert applied(api) == set()


def owners_gone(api):
    made = feature(api)
    return made and "ownerReferences" not in made["metadata"]


@pytest.mark.parametrize("why", ["forbidden", "no pod"])
def test_gfd_owner_references_missing_pod(gateway, carved, api, nfd, why):
    """GFD: without them the object is made all the same."""
    if why == "forbidden":
        api.forbid("get", "pods")
    elif api.get("Pod", POD, "carve"):
        api.delete("Pod", POD, "carve")
    carved()
    run = gateway()
    wait_label(api, "nvidia.com/gpu.count", "8")
    assert owners_gone(api)
    run.wait_log("NodeFeature without owner")


def test_owner_is_asked_for_again_after_an_outage(gateway, carved, api, nfd):
    api.fault("refuse", method="GET", path=r"/pods/", status=503, times=2)
    carved()
    gateway()
    wait_label(api, "nvidia.com/gpu.count", "8")
    assert len(feature(api)["metadata"]["ownerReferences"]) == 2


def test_owner_follows_the_pod(gateway, carved, api, nfd):
    carved()
    gateway()
    wait_label(api, "nvidia.com/gpu.count", "8")
    api.delete("Pod", POD, "carve")
    api.put({"kind": "Pod", "metadata": {"name": POD, "namespace": "carve", "ownerReferences": [
        {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "carve", "controller": True,
         "uid": api.get("DaemonSet", "carve", "carve")["metadata"]["uid"]}]}, "spec": {"nodeName": NODE}})
    gateway()
    uid = api.get("Pod", POD, "carve")["metadata"]["uid"]
    wait_for(lambda: [o["uid"] for o in feature(api)["metadata"]["ownerReferences"] if o["kind"] == "Pod"] == [uid],
             lambda: feature(api))


def test_node_feature_follows_the_configuration(gateway, carved, api, nfd):
    daemon = carved(time_slicing(4))
    gateway()
    wait_label(api, "carve.dev/slices.gpu", "32")
    daemon.configure({"version": "v1", "sharing": {"timeSlicing": {"renameByDefault": True, "resources": [
        {"name": "nvidia.com/gpu", "replicas": 2}]}}})
    wait_label(api, "carve.dev/slices.gpu.shared", "16")
    wait_label(api, "carve.dev/slices.gpu", None)
    assert "carve.dev/slices.gpu" not in feature(api)["spec"]["labels"]


def test_node_feature_that_was_deleted_or_edited_is_mended(gateway, carved, api, nfd):
    carved()
    gateway()
    wait_label(api, "nvidia.com/gpu.count", "8")
    api.delete("NodeFeature", FEATURE, "carve")
    wait_feature(api, "nvidia.com/gpu.count", "8")
    api.change("NodeFeature", FEATURE, lambda f: f["spec"]["labels"].update({"nvidia.com/gpu.count": "9", "a.b/c": "d"}),
               "carve")
    wait_for(lambda: feature(api)["spec"]["labels"]["nvidia.com/gpu.count"] == "8"
             and "a.b/c" not in feature(api)["spec"]["labels"], lambda: feature(api))
    wait_label(api, "nvidia.com/gpu.count", "8")
    wait_label(api, "a.b/c", None)


# Which of the two.
class Gaps(threading.Thread):
    """Looks all the time whether a label is missing."""

    def __init__(self, api, key):
        super().__init__(daemon=True)
        self.api, self.key, self.over, self.seen = api, key, threading.Event(), 0
        self.start()

    def run(self):
        while not self.over.wait(0.001):
            self.seen += label(self.api, self.key) is None

    def end(self):
        self.over.set()
        self.join()
        return self.seen


def test_labels_move_to_nfd_without_a_gap(gateway, carved, api, nfd, without_nfd):
    carved()
    run = gateway()
    wait_label(api, "nvidia.com/gpu.count", "8")
    assert "nvidia.com/gpu.count" in applied(api)
    run.end()
    gaps = Gaps(api, "nvidia.com/gpu.count")
    api.absent.discard("nodefeatures")
    gateway()
    wait_for(lambda: applied(api) == set(), lambda: f"nothing applied any more, but {applied(api)}")
    assert gaps.end() == 0
    assert labels(api) == WHOLE
    assert feature(api)["spec"]["labels"].keys() - {"nvidia.com/gfd.timestamp"} == WHOLE.keys()


def test_labels_move_from_nfd_without_a_gap(gateway, carved, api, nfd):
    """Its definitions are deleted, with all objects."""
    carved()
    gateway()
    wait_label(api, "nvidia.com/gpu.count", "8")
    wait_for(lambda: feature(api) and applied(api) == set(), "labels by NFD alone")
    nfd.end()
    gaps = Gaps(api, "nvidia.com/gpu.count")
    api.absent.add("nodefeatures")
    api.end_watches()
    wait_for(lambda: applied(api) >= set(WHOLE), lambda: f"labels applied: {applied(api)}")
    assert gaps.end() == 0


def test_definitions_of_nfd_without_nfd(gateway, carved, api):
    """A chart's definitions stay when it is uninstalled: the node is labelled directly as well."""
    carved()
    gateway()
    wait_label(api, "nvidia.com/gpu.count", "8")
    assert feature(api)["spec"]["labels"]["nvidia.com/gpu.count"] == "8"
    assert "nvidia.com/gpu.count" in applied(api)


def test_nfd_that_removes_its_labels_at_its_end(gateway, carved, api):
    """nfd-master --prune takes all its labels from the nodes."""
    carved()
    gateway()
    running = NFD(api)
    wait_label(api, "nvidia.com/gpu.count", "8")
    wait_for(lambda: applied(api) == set() and feature(api), "labels by NFD alone")
    running.end()
    api.change("Node", NODE, lambda n: NFD.write(n, {}))
    wait_label(api, "nvidia.com/gpu.count", "8")
    assert applied(api) >= set(WHOLE)


def test_labels_option_node(gateway, carved, api, nfd):
    carved()
    gateway("--labels", "node")
    wait_label(api, "nvidia.com/gpu.count", "8")
    assert applied(api) >= set(WHOLE)
    assert feature(api) is None


def test_labels_option_node_after_node_feature(gateway, carved, api, nfd):
    carved()
    first = gateway()
    wait_label(api, "nvidia.com/gpu.count", "8")
    wait_for(lambda: feature(api), "a NodeFeature")
    first.end()
    gateway("--labels", "node")
    wait_for(lambda: feature(api) is None, "no NodeFeature")
    wait_for(lambda: applied(api) >= set(WHOLE) and labels(api) == WHOLE, lambda: labels(api))
