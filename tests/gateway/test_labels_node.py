# SPDX-License-Identifier: Apache-2.0
"""The node's labels, written on the node itself: that they are true whatever happens in between. Which labels a
node has is compared in more cases, named as the published checks of GPU feature discovery, in tests/unit/gateway."""
import signal

import pytest

from conftest import NODE, a_node, a_state, time_slicing, wait_event, wait_for
from nodelabels import WHOLE, applied, label, labels, nfd, patches, wait_label, without_nfd


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
    wait_label(api, "nvidia.com/mig-3g.20gb.count", "8")
    assert not [key for key in labels(api) if "2g.10gb" in key]


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


def test_node_that_is_made_again(gateway, carved, api, without_nfd):
    carved()
    gateway()
    wait_label(api, "nvidia.com/gpu.count", "8")
    api.delete("Node", NODE)
    api.put(a_node())
    wait_label(api, "nvidia.com/gpu.count", "8")
