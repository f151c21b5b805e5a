# SPDX-License-Identifier: Apache-2.0
"""MIG layout by label while something ends in the middle: either program, the driver, the API server, a step."""
import pytest

from conftest import NODE, events, taints, wait_for
from miglabel import (EIGHT_BALANCED, GPU, LABEL, MIXED, SMALL, TAINT, all_calls, calls, cut, label, shown, slow,
                      states, wait_devices, wait_state)


def test_carved_killed_in_the_middle(cut, api, kubelet, node):
    run, _ = cut()
    wait_devices(kubelet, {GPU: 8})
    slow(node)
    label(api, "all-1g.5gb")
    wait_for(lambda: calls(node, 2)["gpuInstancesCreated"] > 0, "the middle")
    run.kill()
    wait_state(api, "pending")
    slow(node, 0)
    run.start()
    wait_state(api, "success")
    wait_devices(kubelet, {SMALL: 56})


def test_gateway_killed_in_the_middle(cut, api, kubelet, node):
    _, run = cut()
    wait_devices(kubelet, {GPU: 8})
    slow(node)
    label(api, "all-1g.5gb")
    wait_for(lambda: calls(node, 2)["gpuInstancesCreated"] > 0, "the middle")
    run.kill()
    assert shown(api)[0] == "pending"
    run.start()
    wait_state(api, "success")
    wait_devices(kubelet, {SMALL: 56})


@pytest.mark.parametrize("how", ["no wish", "as wished", "no MIG here"])
def test_a_taint_left_by_a_crash_goes(cut, gateway, carved, api, how):
    left = [{"key": "example.com/other", "effect": "NoExecute"}, {"key": TAINT, "effect": "NoSchedule"}]
    if how == "no MIG here":
        wait_for(carved(MIXED).socket.exists, "carved's socket")
        gateway(taints=left)
    else:
        cut(labels={LABEL: "all-disabled"} if how == "as wished" else {}, taints=left)
    api.wait(lambda: taints(api) == ["example.com/other"], "the taint's end")


def test_killed_after_success_is_quiet(cut, api, node):
    _, run = cut(labels={LABEL: "all-1g.5gb"})
    wait_state(api, "success")
    before, patches = all_calls(node), len(states(api))
    run.kill()
    run.start()
    run.wait_log("labels of the node", times=2)
    label(api, "y", "example.com/x")
    api.wait(lambda: api.count("GET", "/api/v1/nodes", watch=True) >= 2, "its watch")
    assert all_calls(node) == before and len(states(api)) == patches
    assert len(events(api, "MigChangeDone")) == 1


def test_a_wish_changed_while_away(cut, api, kubelet):
    """The old state is not taken for that of the new wish."""
    _, run = cut(labels={LABEL: "all-1g.5gb"})
    wait_state(api, "success")
    run.kill()
    label(api, "whatever")
    run.start()
    wait_state(api, "failed", "whatever")
    wait_devices(kubelet, {SMALL: 56})


def test_a_reboot_that_loses_the_layout(cut, api, node, kubelet):
    """Hopper's modes and everybody's instances do not outlive a reboot: made again, without a new label."""
    run, other = cut(labels={LABEL: "all-1g.5gb"})
    wait_state(api, "success")
    run.kill()
    other.kill()
    node.emulator("reboot")
    run.start()
    other.start()
    wait_devices(kubelet, {SMALL: 56})
    wait_state(api, "success")


def test_carved_comes_back_to_another_layout(cut, api, node, kubelet):
    """As after a reload of the driver: what was a success is looked at again."""
    run, _ = cut(labels={LABEL: "all-1g.5gb"})
    wait_state(api, "success")
    run.kill()
    node.emulator("reboot")
    run.start()
    wait_devices(kubelet, {SMALL: 56})
    wait_state(api, "success")


def test_carved_away_is_pending_until_the_deadline(cut, api):
    run, _ = cut("--mig-deadline", "2s")
    run.kill()
    label(api, "all-1g.5gb")
    wait_state(api, "pending", "carved")
    wait_state(api, "failed", "not done within 2 s")
    run.start()
    wait_state(api, "success")


def test_a_driver_that_hangs_is_no_endless_pending(cut, api, node):
    _, _ = cut("--mig-deadline", "2s", carved_arguments=["--driver-timeout", "1s"])
    node.emulator("hang", "on")
    label(api, "all-1g.5gb")
    wait_state(api, "failed")
    node.emulator("hang", "off")
    wait_state(api, "success")


def test_api_away_in_the_middle(cut, api, kubelet, node):
    cut()
    wait_devices(kubelet, {GPU: 8})
    slow(node, 10)
    label(api, "all-1g.5gb")
    wait_for(lambda: calls(node, 1)["gpuInstancesCreated"] > 0, "the middle")
    api.away()
    wait_devices(kubelet, {SMALL: 56})
    api.back()
    wait_state(api, "success")


def test_label_changed_in_the_middle(cut, api, kubelet, node):
    """The running change goes to its end, then the newest wish is made."""
    cut()
    wait_devices(kubelet, {GPU: 8})
    slow(node, 10)
    label(api, "all-1g.5gb")
    wait_for(lambda: calls(node, 1)["gpuInstancesCreated"] > 0, "the middle")
    label(api, "all-balanced")
    wait_devices(kubelet, EIGHT_BALANCED)
    wait_state(api, "success")
    assert api.get("Node", NODE)["metadata"]["annotations"]["carve.dev/mig.config.for"] == "all-balanced"


def test_a_step_that_fails_is_rolled_back_and_tried_again(cut, api, kubelet, node):
    cut()
    wait_devices(kubelet, {GPU: 8})
    node.emulator("lose", 6)
    label(api, "all-1g.5gb")
    wait_state(api, "failed", "GPU 6")
    node.emulator("find", 6)
    wait_state(api, "success")
