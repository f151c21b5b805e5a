# SPDX-License-Identifier: Apache-2.0
"""The node's labels when carve goes: all are taken back, those of others stay."""
from conftest import NODE, STARTUP, wait_event, wait_for
from nodelabels import FEATURE, WHOLE, applied, feature, label, labels, nfd, wait_label, without_nfd


def uninstall(api, run):
    api.delete("DaemonSet", "carve", "carve")
    run.end()


def test_gfd_cleanup_at_exit_on_the_node(gateway, carved, api, without_nfd):
    """GFD: cleanup at exit; here at the end of the DaemonSet, an update leaves the labels."""
    carved()
    run = gateway(labels={"nvidia.com/gpu.deploy.device-plugin": "true"})
    wait_label(api, "nvidia.com/gpu.count", "8")
    run.end()
    assert labels(api) | WHOLE == labels(api)
    last = gateway()
    last.wait_log("labels of the node made")
    uninstall(api, last)
    assert labels(api) == {"nvidia.com/gpu.deploy.device-plugin": "true"}
    assert label(api, "nvidia.com/gfd.timestamp") is None
    assert applied(api) == set()


def test_gfd_cleanup_at_exit_of_the_node_feature(gateway, carved, api, nfd):
    carved()
    run = gateway()
    wait_label(api, "nvidia.com/gpu.count", "8")
    uninstall(api, run)
    assert feature(api) is None
    wait_for(lambda: not labels(api), lambda: labels(api))


def test_cleanup_while_the_node_feature_is_on_its_way(gateway, carved, api, nfd):
    """What was sent arrives, whether or not anybody still waits for the answer."""
    late = api.fault("slow", method="PATCH", path="/nodefeatures/", seconds=0.5, times=1)
    carved()
    run = gateway()
    wait_for(lambda: late.hits == 1, "the NodeFeature on its way")
    uninstall(api, run)
    wait_for(lambda: api.count("PATCH", "/nodefeatures/") == 1, "its arrival")
    assert feature(api) is None


def test_cleanup_before_the_watch_tells_of_the_node_feature(gateway, carved, api, nfd):
    api.fault("slow", path="/nodefeatures$", watch=True, seconds=3600)
    carved()
    run = gateway()
    wait_label(api, "nvidia.com/gpu.count", "8")
    uninstall(api, run)
    assert feature(api) is None


def test_cleanup_while_the_labels_move(gateway, carved, api):
    """NodeFeatures there, NFD not: both ways are in use."""
    carved()
    run = gateway()
    wait_label(api, "nvidia.com/gpu.count", "8")
    uninstall(api, run)
    assert feature(api) is None
    assert not labels(api)


def test_cleanup_leaves_what_gfd_writes_again(gateway, carved, api, nfd):
    """Back to NVIDIA's: its own object is there before carve goes."""
    carved()
    run = gateway()
    wait_label(api, "nvidia.com/gpu.count", "8")
    wait_for(lambda: applied(api) == set(), "labels by NFD alone")
    api.put({"kind": "Namespace", "metadata": {"name": "gpu-operator"}})
    api.put({"kind": "NodeFeature", "metadata": {
        "name": FEATURE, "namespace": "gpu-operator", "labels": {"nfd.node.kubernetes.io/node-name": NODE}},
        "spec": {"features": {}, "labels": {"nvidia.com/gpu.count": "8", "nvidia.com/gpu.family": "ampere"}}})
    wait_event(api, "LabelsTwice")
    uninstall(api, run)
    wait_for(lambda: labels(api) == {"nvidia.com/gpu.count": "8", "nvidia.com/gpu.family": "ampere"},
             lambda: labels(api))


def test_cleanup_tries_again(gateway, carved, api, without_nfd):
    carved()
    run = gateway()
    wait_label(api, "nvidia.com/gpu.count", "8")
    api.fault("refuse", method="PATCH", path=f"/nodes/{NODE}", status=503, times=2)
    uninstall(api, run)
    assert not labels(api)


def test_labels_switched_off_later_on_the_node(gateway, carved, api, without_nfd):
    """What this program wrote is taken back; labels of others stay, also by names of GFD's."""
    carved()
    run = gateway(labels={"nvidia.com/gpu.deploy.device-plugin": "true"})
    wait_label(api, "nvidia.com/gpu.count", "8")
    run.end()
    theirs = {"nvidia.com/gpu.deploy.device-plugin": "true", "nvidia.com/gpu.clique": "theirs"}
    api.change("Node", NODE, lambda n: n["metadata"]["labels"].update(theirs))
    gateway("--labels", "off")
    wait_for(lambda: labels(api) == theirs, lambda: labels(api))
    assert applied(api) == set()


def test_labels_switched_off_later_behind_nfd(gateway, carved, api, nfd):
    carved()
    run = gateway()
    wait_for(lambda: feature(api) and labels(api) == WHOLE and applied(api) == set(), "labels by NFD alone")
    run.end()
    gateway("--labels", "off")
    wait_for(lambda: feature(api) is None and not labels(api), lambda: labels(api))


def test_labels_switched_off_leave_what_gfd_writes(gateway, carved, api, nfd):
    api.put({"kind": "NodeFeature", "metadata": {
        "name": FEATURE, "namespace": "carve", "labels": {"nfd.node.kubernetes.io/node-name": NODE},
        "managedFields": [{"manager": "gpu-feature-discovery", "operation": "Update", "fieldsType": "FieldsV1",
                           "apiVersion": "nfd.k8s-sigs.io/v1alpha1", "fieldsV1": {"f:spec": {}}}]},
        "spec": {"features": {}, "labels": {"nvidia.com/gpu.count": "8"}}})
    carved()
    run = gateway("--labels", "off", taints=[STARTUP])
    wait_event(api, "SlicesReady")
    api.wait(lambda: api.count("GET", "/nodefeatures", watch=True), "a look at NodeFeatures")
    uninstall(api, run)
    assert labels(api) == {"nvidia.com/gpu.count": "8"} and feature(api)
    assert not api.count("DELETE", "/nodefeatures/")
