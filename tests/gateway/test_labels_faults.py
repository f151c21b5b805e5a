# SPDX-License-Identifier: Apache-2.0
"""The node's labels beside NVIDIA's own program, without rights, through faults of the API server, and in a fight."""
import pytest

from conftest import NODE, time_slicing, wait_event, wait_for
from nodelabels import FEATURE, WHOLE, applied, feature, label, nfd, patches, wait_feature, wait_label, without_nfd


# Beside NVIDIA's own.
def test_gfd_beside_us_is_told(gateway, carved, api, nfd):
    api.put({"kind": "Namespace", "metadata": {"name": "gpu-operator"}})
    api.put({"kind": "NodeFeature", "metadata": {
        "name": FEATURE, "namespace": "gpu-operator", "labels": {"nfd.node.kubernetes.io/node-name": NODE}},
        "spec": {"features": {}, "labels": {"nvidia.com/gpu.count": "8"}}})
    carved()
    gateway()
    event = wait_event(api, "LabelsTwice")
    assert f"gpu-operator/{FEATURE}" in event["message"] and "gfd.enabled=false" in event["message"]
    wait_label(api, "nvidia.com/gpu.product", "NVIDIA-A100-SXM4-40GB")


def test_gfd_in_our_place_is_left_alone(gateway, carved, api, nfd):
    """Two that write one object would do so for ever."""
    api.put({"kind": "NodeFeature", "metadata": {
        "name": FEATURE, "namespace": "carve", "labels": {"nfd.node.kubernetes.io/node-name": NODE},
        "managedFields": [{"manager": "gpu-feature-discovery", "operation": "Update", "fieldsType": "FieldsV1",
                           "apiVersion": "nfd.k8s-sigs.io/v1alpha1", "fieldsV1": {"f:spec": {}}}]},
        "spec": {"features": {}, "labels": {"nvidia.com/gpu.count": "8"}}})
    daemon = carved(time_slicing(4))
    run = gateway()
    event = wait_event(api, "LabelsTaken")
    assert f"carve/{FEATURE}" in event["message"]
    wait_label(api, "nvidia.com/gpu.count", "8")
    daemon.configure(time_slicing(5))
    run.wait_log("labels of the node made", times=2)
    daemon.configure(time_slicing(6))  # the second change is looked at after all that the first began
    run.wait_log("labels of the node made", times=3)
    assert patches(api) == 0
    assert feature(api)["spec"]["labels"] == {"nvidia.com/gpu.count": "8"}
    assert label(api, "nvidia.com/gpu.product") is None
    api.delete("NodeFeature", FEATURE, "carve")
    wait_label(api, "nvidia.com/gpu.product", "NVIDIA-A100-SXM4-40GB-SHARED")


# Bad days.
@pytest.mark.parametrize("verb,plural", [("patch", "nodes"), ("patch", "nodefeatures")])
def test_missing_right_is_told_and_heals(gateway, carved, api, verb, plural):
    if plural == "nodes":
        api.absent.add("nodefeatures")
    api.forbid(verb, plural)
    carved()
    gateway()
    event = wait_event(api, "LabelsRefused")
    assert verb in event["message"] and plural in event["message"]
    api.allow_again()
    wait_for(lambda: feature(api) or plural == "nodes", "a NodeFeature", 60)
    wait_label(api, "nvidia.com/gpu.count", "8", 60)


def test_missing_right_to_read_node_features(gateway, carved, api, nfd):
    api.forbid("list", "nodefeatures")
    carved()
    run = gateway()
    wait_label(api, "nvidia.com/gpu.count", "8")
    run.wait_log("may not read NodeFeatures")
    assert applied(api) >= set(WHOLE)


def test_node_features_that_may_be_listed_and_not_watched(gateway, carved, api, nfd):
    """The labels settle on the node, and what is left as a NodeFeature says nothing against them."""
    daemon = carved(time_slicing(4))
    run = gateway()
    wait_feature(api, "nvidia.com/gpu.replicas", "4")
    wait_for(lambda: applied(api) == set() and label(api, "nvidia.com/gpu.replicas") == "4", "labels by NFD alone")
    run.end()
    api.forbid("watch", "nodefeatures")
    daemon.configure(time_slicing(5))
    gateway()
    wait_for(lambda: feature(api) is None, "no NodeFeature")
    wait_for(lambda: label(api, "nvidia.com/gpu.replicas") == "5" and "nvidia.com/gpu.replicas" in applied(api),
             lambda: label(api, "nvidia.com/gpu.replicas"))
    api.allow_again()
    wait_feature(api, "nvidia.com/gpu.replicas", "5")


@pytest.mark.parametrize("kind,how", [("refuse", {"status": 500}), ("refuse", {"status": 429, "retry_after": 1}),
                                      ("reset", {}), ("garbage", {}), ("slow", {"seconds": 1})])
def test_labels_arrive_through_faults(gateway, carved, api, nfd, kind, how):
    api.fault(kind, method="PATCH", times=2, **how)
    carved()
    gateway()
    wait_feature(api, "nvidia.com/gpu.count", "8")
    wait_label(api, "nvidia.com/gpu.count", "8")


def test_outage_of_the_api(gateway, carved, api, without_nfd):
    daemon = carved(time_slicing(4))
    run = gateway()
    wait_label(api, "nvidia.com/gpu.replicas", "4")
    api.away()
    run.wait_log("cannot watch this node")
    daemon.configure(time_slicing(9))
    run.wait_log("labels of the node made", times=2)
    api.back()
    wait_label(api, "nvidia.com/gpu.replicas", "9", 40)


def test_a_fight_over_a_label_slows_down(gateway, carved, api, without_nfd):
    """Another program that removes a label each time it is there: one apply each time, after ever longer waits (of 1 to
    2, 2 to 4, 4 to 8 seconds)."""
    carved()
    gateway()
    wait_label(api, "nvidia.com/gpu.count", "8")
    before = api.count("PATCH", f"/nodes/{NODE}$")
    for _ in range(3):
        api.change("Node", NODE, lambda n: n["metadata"]["labels"].pop("nvidia.com/gpu.family"))
        wait_label(api, "nvidia.com/gpu.family", "ampere")
    times = [r.time for r in api.requests if r.method == "PATCH" and r.path.endswith(f"/nodes/{NODE}")]
    assert len(times) == before + 3
    assert times[-1] - times[-2] > 3.5
