# SPDX-License-Identifier: Apache-2.0
"""Faults over time: what a restart, a storm and a MIG change do to them."""
import json
import time

import grpc
import pytest

from conftest import time_slicing, wait_devices, wait_for
from faults import GPU, LONG, apply_mig, boot, healthy, kept, wait_fault, xid


def test_a_restart_keeps_faults(carved, kubelet, node):
    boot(node, "first")
    run = carved(time_slicing(2), LONG)
    wait_devices(kubelet, {GPU: 16})
    run.wait_log("watching for events")
    xid(node, 1, 95)
    wait_devices(kubelet, {GPU: 14})
    since = wait_fault(run)[0].since_s
    wait_for(lambda: "95" in kept(run), "the file of faults")
    run.kill()
    run.start()
    wait_for(lambda: kubelet.healthy() == {GPU: 14}, kubelet.healthy)
    assert all(healthy <= 14 for _, n, healthy in kubelet.lists[-1:])
    assert wait_fault(run)[0].since_s == since
    run.end()
    boot(node, "second")
    run.start()
    wait_devices(kubelet, {GPU: 16})
    assert not run.state().faults


def test_a_restart_keeps_when_a_fault_came_last(carved, kubelet, node):
    """The probation counts from the last event, not from the first."""
    boot(node, "first")
    run = carved(None, LONG)
    wait_devices(kubelet, {GPU: 8})
    run.wait_log("watching for events")
    xid(node, 1, 94)
    wait_devices(kubelet, {GPU: 7})
    wait_for(lambda: kept(run), "the file of faults")
    first_ms = kept(run).split()[-2]
    for _ in range(4):
        xid(node, 1, 94)
    wait_for(lambda: run.state().faults[0].count == 5, lambda: run.state().faults)
    run.end()
    last_ms, count = kept(run).split()[-2:]
    assert count == "5" and int(last_ms) > int(first_ms)
    run.start()
    assert wait_fault(run)[0].count == 5


@pytest.mark.parametrize("content", [
    "", "nonsense", "carve-faults-1 first\n0 GPU", "carve-faults-1 first\n" + "x" * 5000,
    "carve-faults-1 first\n0 GPU-x 0 - - - 79 1 1 1 1\n0 GPU-x 0 - - - 79 1 1 1 1\n",
    "carve-faults-1 first\n0 GPU-x 0 - - - 79 1 1 1 1 1\n", "carve-faults-1 first\n0 GPU-x 64 - - - 79 1 1 1 1\n",
    "carve-faults-1 first\n9 GPU-x 0 - - - 79 1 1 1 1\n", "\0\0\0", "carve-faults-1",
])
def test_a_file_of_faults_that_makes_no_sense(carved, kubelet, node, content):
    boot(node, "first")
    (node.folder / "kept").mkdir()
    (node.folder / "kept/faults").write_text(content, encoding="utf-8")
    run = carved()
    wait_devices(kubelet, {GPU: 8})
    assert "faults of before the start are not known" in run.log()
    assert "remove" in run.log()


def test_a_storm_of_events_is_one_fault(carved, kubelet, node):
    run = carved(time_slicing(70), LONG)
    wait_devices(kubelet, {GPU: 560})
    run.wait_log("watching for events")
    lists, lines = len(kubelet.lists), run.log().count("\n")
    generation = run.state().generation
    for _ in range(100):
        xid(node, 0, 74)
    wait_for(lambda: run.state().faults and run.state().faults[0].count == 100,
             lambda: run.state().faults)
    assert len(kubelet.lists) == lists + 1, "the list was sent for every event"
    assert run.log().count("GPU fault gpu=0") == 1
    assert run.log().count("\n") - lines < 20 and run.state().generation - generation < 30
    assert kubelet.healthy() == {GPU: 490}


def test_many_different_faults_are_bounded(carved, kubelet, node):
    run = carved(None, LONG)
    wait_devices(kubelet, {GPU: 8})
    run.wait_log("watching for events")
    for code in range(5000, 5100):
        xid(node, 0, code)
    wait_for(lambda: sum(f.count for f in run.state().faults) == 100,
             lambda: run.state().faults)
    faults = run.state().faults
    assert len(faults) == 32 and "more faults" in faults[-1].what
    assert kubelet.healthy() == {GPU: 7}


def test_a_mig_change_with_a_reset_ends_faults(carved, kubelet, node):
    """A100: the mode changes by a GPU reset, in which nobody may have the GPU open."""
    node.emulator("recovery", 0, "untold")
    node.emulator("mig-pending", 0, "reset")
    run = carved({"version": "v1", "flags": {"migStrategy": "mixed"}}, LONG, with_kubelet=False)
    run.wait_log("watching for events")
    xid(node, 0, 95)
    wait_for(lambda: healthy(run) == {GPU: 7}, lambda: healthy(run))
    apply_mig(run, {"devices": [0], "mig-enabled": True, "mig-devices": {"1g.5gb": 7}})
    assert healthy(run) == {GPU: 7, "nvidia.com/mig-1g.5gb": 7}
    assert not run.state().faults
    assert json.loads(node.emulator("-o", "json", "calls"))[0]["resets"] == 1
    wait_for(lambda: run.log().count("watching for events") == 2, run.log)
    order = [run.log().index(words) for words in ("MIG step GPU 0: reset", "events are not watched", "GPU reset gpu=")]
    assert order == sorted(order), "somebody had the GPU open in its reset"
    xid(node, 0, 79)
    wait_for(lambda: healthy(run) == {GPU: 7, "nvidia.com/mig-1g.5gb": 0}, lambda: healthy(run))


def test_stops_in_a_mig_change_that_waits_for_the_watch(carved, kubelet, node):
    node.emulator("mig-pending", 0, "reset")
    run = carved({"version": "v1", "flags": {"migStrategy": "mixed"}}, LONG, with_kubelet=False)
    run.wait_log("watching for events")
    with pytest.raises(grpc.RpcError):
        apply_mig(run, {"devices": [0], "mig-enabled": True, "mig-devices": {"1g.5gb": 7}},
                  lambda: run.signal(15))
    assert run.process.wait(20) == 0


def test_a_fault_reaches_the_kubelet_within_a_moment(carved, kubelet, node):
    """The figure is the benchmark's business; here only that no clock is waited for."""
    run = carved(time_slicing(70), LONG)
    wait_devices(kubelet, {GPU: 560})
    run.wait_log("watching for events")
    begin = time.monotonic()
    xid(node, 2, 79)
    wait_for(lambda: kubelet.healthy() == {GPU: 490}, kubelet.healthy)
    print(f"event to list: {1000 * (time.monotonic() - begin):.1f} ms with the command's start")
