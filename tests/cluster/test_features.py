# SPDX-License-Identifier: Apache-2.0
"""Labels where Node Feature Discovery is installed."""
from chart import NODE, RELEASE, NAMESPACE
from conftest import wait_for
from test_rights import FEATURE, OWN, features, logged, patch_rules, restart, right_taken, without


def test_labels_through_node_feature_discovery(cluster, chart, node_features):
    """With its definition on the cluster the labels are in a NodeFeature with owners, and go with these: also where
    the gateway may not remove it."""
    chart.install()
    wait_for("NodeFeature", lambda: features(cluster))
    found = features(cluster)[0]
    daemonset, pod = chart.daemonset(), chart.pods()[0]
    owners = {(item["kind"], item["name"], item["uid"]) for item in found["metadata"]["ownerReferences"]}
    assert owners == {("DaemonSet", RELEASE, daemonset["metadata"]["uid"]),
                      ("Pod", pod["metadata"]["name"], pod["metadata"]["uid"])}
    assert found["metadata"]["labels"]["nfd.node.kubernetes.io/node-name"] == NODE
    assert found["spec"]["labels"]["nvidia.com/gpu.count"] == "8"
    assert found["spec"]["labels"]["nvidia.com/gpu.product"].startswith("NVIDIA-A100")

    restart(cluster, chart)
    name = chart.pod()
    wait_for("the new pod as owner", lambda: name in {
        item["name"] for item in features(cluster)[0]["metadata"]["ownerReferences"]})
    patch_rules(cluster, OWN, without(cluster.get(*OWN)["rules"], "nodefeatures", "delete"))
    chart.uninstall()
    wait_for("the end of the NodeFeature", lambda: not features(cluster))
    assert not chart.labels(), "the node keeps labels"


def test_labels_move_from_the_node_feature_to_the_node(cluster, chart, node_features):
    chart.install()
    wait_for("NodeFeature", lambda: features(cluster))
    left = features(cluster)[0]
    chart.install({"labels": "node"})
    wait_for("labels", lambda: chart.labels().get("nvidia.com/gpu.count") == "8")
    wait_for("the end of the NodeFeature", lambda: not features(cluster))

    with right_taken(cluster, (OWN,), "nodefeatures", "delete"):
        cluster.apply({"apiVersion": left["apiVersion"], "kind": left["kind"], "spec": left["spec"], "metadata": {
            "name": FEATURE, "namespace": NAMESPACE, "labels": left["metadata"]["labels"]}})
        wait_for("words", lambda: 'cannot delete resource "nodefeatures' in logged(chart))
        wait_for("Event", lambda: any(reason == "LabelsRefused" and 'cannot delete resource "nodefeatures' in message
                                      for reason, message in chart.events()))
    wait_for("the end of the NodeFeature", lambda: not features(cluster))
