# SPDX-License-Identifier: Apache-2.0
"""The node's labels: which, by which way, and that they are true whatever happens in between. Which labels a node has
is compared in more cases, named as the published checks of GPU feature discovery, in tests/unit/gateway."""
import signal
import threading

import pytest

from conftest import NODE, a_node, a_state, time_slicing, wait_event, wait_for

FEATURE = f"nvidia-features-for-{NODE}"
ANNOTATION = "nfd.node.kubernetes.io/feature-labels"
OURS = ("nvidia.com/", "carve.dev/")
POD = "carve-x7x7x"


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


@pytest.fixture
def pod(api):
    """The gateway's own."""
    api.put({"kind": "Pod", "metadata": {"name": POD, "namespace": "carve", "ownerReferences": [
        {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "carve", "controller": True,
         "uid": api.get("DaemonSet", "carve", "carve")["metadata"]["uid"]}]}, "spec": {"nodeName": NODE}})


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


# On the node itself.
def test_gfd_label_set_after_install_on_the_node(gateway, carved, api, without_nfd):
    """GFD: label set after install, file mode."""
    carved()
    gateway()
    wait_label(api, "nvidia.com/gpu.count", "8")
    assert labels(api) == WHOLE
    assert applied(api) == set(WHOLE) | {"nvidia.com/gfd.timestamp"}
    assert label(api, "kubernetes.io/hostname") == NODE


def test_labels_follow_the_configuration(gateway, carved, api, without_nfd):
    daemon = carved(time_slicing(4))
    gateway()
    wait_label(api, "nvidia.com/gpu.replicas", "4")
    assert label(api, "nvidia.com/gpu.product") == "NVIDIA-A100-SXM4-40GB-SHARED"
    assert label(api, "carve.dev/slices.gpu") == "32"
    daemon.configure(time_slicing(10))
    wait_label(api, "carve.dev/slices.gpu", "80")
    assert label(api, "nvidia.com/gpu.replicas") == "10"


def test_labels_of_slices_that_are_gone_go(gateway, carved, api, node, without_nfd):
    for gpu in range(8):
        node.layout(gpu, 9, 14)
    carved(environment={"MIG_STRATEGY": "mixed"})
    gateway()
    wait_label(api, "nvidia.com/mig-2g.10gb.count", "8")
    assert label(api, "nvidia.com/mig.strategy") == "mixed"
    for gpu in range(8):
        node.layout(gpu, 9)
    wait_label(api, "nvidia.com/mig-2g.10gb.count", None)
    assert label(api, "nvidia.com/mig-3g.20gb.count") == "8"
    assert not [key for key in labels(api) if "2g.10gb" in key]


# As a NodeFeature.
def test_gfd_label_set_after_install_as_node_feature(gateway, carved, api, nfd, pod):
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


def test_owner_is_asked_for_again_after_an_outage(gateway, carved, api, nfd, pod):
    api.fault("refuse", method="GET", path=r"/pods/", status=503, times=2)
    carved()
    gateway()
    wait_label(api, "nvidia.com/gpu.count", "8")
    assert len(feature(api)["metadata"]["ownerReferences"]) == 2


def test_owner_follows_the_pod(gateway, carved, api, nfd, pod):
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


def test_labels_option_off(gateway, carved, api, without_nfd):
    carved()
    run = gateway("--labels", "off", taints=[{"key": "carve.dev/not-ready", "effect": "NoSchedule"}])
    wait_event(api, "SlicesReady")
    assert not labels(api)
    run.end()
    assert not labels(api)


# Truth over time.
def test_labels_that_somebody_changed_are_mended(gateway, carved, api, without_nfd):
    carved()
    gateway()
    wait_label(api, "nvidia.com/gpu.count", "8")
    api.change("Node", NODE, lambda n: n["metadata"]["labels"].update({"nvidia.com/gpu.count": "9"}))
    wait_label(api, "nvidia.com/gpu.count", "8")
    api.change("Node", NODE, lambda n: n["metadata"]["labels"].pop("nvidia.com/gpu.count"))
    wait_label(api, "nvidia.com/gpu.count", "8")


def test_leftovers_of_gfd_go(gateway, carved, api, without_nfd):
    """Labels of GPU feature discovery stay on a node when it and NFD are uninstalled."""
    carved()
    gateway(labels={"nvidia.com/mig-1g.5gb.count": "56", "nvidia.com/gpu.multiprocessors": "14",
                    "nvidia.com/gpu.clique": "x.1", "nvidia.com/gpu.deploy.mig-manager": "true",
                    "nvidia.com/mig.config.other": "all-1g.5gb"})
    wait_label(api, "nvidia.com/mig-1g.5gb.count", None)
    wait_label(api, "nvidia.com/gpu.multiprocessors", None)
    assert label(api, "nvidia.com/gpu.deploy.mig-manager") == "true"
    assert label(api, "nvidia.com/mig.config.other") == "all-1g.5gb"


def test_gfd_timestamp_is_fixed_at_start(gateway, carved, api, without_nfd):
    daemon = carved(time_slicing(4))
    gateway()
    wait_label(api, "nvidia.com/gpu.replicas", "4")
    stamp = label(api, "nvidia.com/gfd.timestamp")
    assert stamp.isdigit() and int(stamp) > 1_600_000_000
    daemon.configure(time_slicing(5))
    wait_label(api, "nvidia.com/gpu.replicas", "5")
    assert label(api, "nvidia.com/gfd.timestamp") == stamp


def test_gfd_timestamp_switch(gateway, carved, api, without_nfd):
    carved()
    gateway("--no-timestamp")
    wait_label(api, "nvidia.com/gpu.count", "8")
    assert label(api, "nvidia.com/gfd.timestamp") is None


def patches(api):
    return api.count("PATCH", f"/nodes/{NODE}$") + api.count("PATCH", "nodefeatures")


@pytest.mark.parametrize("way", ["node", "node-feature"])
def test_nothing_is_written_when_nothing_changes(gateway, carved, api, node, request, way):
    if way == "node":
        api.absent.add("nodefeatures")
    else:
        request.getfixturevalue("nfd")
    carved()
    run = gateway("--no-timestamp")
    wait_label(api, "nvidia.com/gpu.count", "8")
    wait_for(lambda: way == "node" or not applied(api), "settled")
    run.end()
    before = patches(api)
    again = gateway("--no-timestamp")
    again.wait_log("labels of the node made")
    node.emulator("process", "add", 0, 4242, "--memory", "1Gi")  # a new state with the same labels
    api.change("Node", NODE, lambda n: n["metadata"]["labels"].update({"a.b/c": "d"}))
    api.wait(lambda: label(api, "a.b/c") == "d", "a change of the node")
    again.end()
    assert patches(api) == before


def test_a_fault_does_not_make_labels_flap(gateway, carved, api, node, without_nfd):
    daemon = carved(time_slicing(10))
    gateway()
    wait_label(api, "carve.dev/slices.gpu", "80")
    before = api.get("Node", NODE)["metadata"]["labels"]
    node.emulator("lose", 3)
    wait_for(lambda: any(r.healthy < r.slices for r in daemon.state().resources), "a fault")
    wait_for(lambda: api.get("Node", NODE)["status"]["allocatable"].get("nvidia.com/gpu") == "70", "70 slices")
    assert api.get("Node", NODE)["metadata"]["labels"] == before
    daemon.end()
    daemon.start()  # which never saw that GPU well
    wait_for(lambda: daemon.state().resolved, "resolved")
    assert api.get("Node", NODE)["metadata"]["labels"]["nvidia.com/gpu.count"] == "8"


def test_labels_stay_while_carved_is_away(gateway, carved, api, without_nfd):
    daemon = carved()
    run = gateway()
    wait_label(api, "nvidia.com/gpu.count", "8")
    daemon.kill()
    run.wait_log("carved is away", times=1)
    assert labels(api) == WHOLE
    run.end()
    again = gateway()  # which has never heard from carved
    again.wait_log("carved is away")
    assert labels(api) == WHOLE


def test_carved_that_counts_anew_is_listened_to(gateway, stand_in, api, without_nfd):
    """Its next run tells something else under the same generation."""
    slices = "nvidia.com/gpu"
    first = stand_in(a_state([(slices, 1, 1, True)]))
    gateway()
    wait_label(api, "carve.dev/slices.gpu", "1")
    first.end()
    stand_in(a_state([(slices, 2, 2, True)], gpus=2))
    wait_label(api, "carve.dev/slices.gpu", "2")


def test_gfd_fail_on_init_error_false_keeps_the_labels(gateway, carved, api, node, without_nfd):
    """GFD: with fail-on-init-error it stops and its labels stay; here they stay too, and follow the driver when it is
    back."""
    daemon = carved()
    gateway()
    wait_label(api, "nvidia.com/gpu.count", "8")
    daemon.end()
    node.hide_driver()
    without = carved(arguments=["--fail-on-init-error=false"])
    wait_for(lambda: without.state().driver_error, "no driver")
    assert labels(api) == WHOLE


def test_gfd_sighup_changes_nothing(gateway, carved, api, without_nfd):
    """GFD: SIGHUP reads the configuration again, which the node's daemon does by itself."""
    daemon = carved(time_slicing(4))
    gateway()
    wait_label(api, "nvidia.com/gpu.replicas", "4")
    daemon.signal(signal.SIGHUP)
    daemon.configure(time_slicing(6))
    wait_label(api, "nvidia.com/gpu.replicas", "6")


# The end.
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


def test_node_that_is_made_again(gateway, carved, api, without_nfd):
    carved()
    gateway()
    wait_label(api, "nvidia.com/gpu.count", "8")
    api.delete("Node", NODE)
    api.put(a_node())
    wait_label(api, "nvidia.com/gpu.count", "8")
