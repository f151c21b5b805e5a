# SPDX-License-Identifier: Apache-2.0
"""Faults of the driver as a whole (pain point 7 of nvidia-stack.md section 8), and GPUs that are lost and found."""
import time

import pytest

from conftest import Node, time_slicing, wait_devices, wait_for
from faults import GPU, LONG, apply_mig, wait_fault, watched, xid


def test_pain_point_5_lost_and_found(carved, kubelet, node):
    run = carved(time_slicing(2), ["--health-probation", "60m"])
    wait_devices(kubelet, {GPU: 16})
    run.wait_log("watching for events")
    node.emulator("lose", 4)
    wait_devices(kubelet, {GPU: 14})
    fault = wait_fault(run)[0]
    assert (fault.xid, fault.gpu, fault.needs) == (79, 4, 2)
    wait_for(lambda: run.state().inventory.gpus[4].fault, "the lost GPU")
    node.emulator("find", 4)
    wait_devices(kubelet, {GPU: 16})
    assert not run.state().faults
    # The GPU is watched again.
    watched(run)
    xid(node, 4, 95)
    wait_devices(kubelet, {GPU: 14})


def test_a_gpu_that_is_lost_before_the_start(carved, kubelet, node):
    node.emulator("lose", 6)
    run = carved()
    wait_devices(kubelet, {GPU: 7})
    fault = wait_fault(run)[0]
    assert fault.xid == 0 and "lost" in fault.what and fault.needs == 2
    node.emulator("find", 6)
    wait_devices(kubelet, {GPU: 8})
    assert not run.state().faults


def test_nobody_waits_for_events_of_a_node_without_a_gpu_that_answers(carved, kubelet, folder):
    node = Node(folder / "single", "g5.xlarge")
    node.emulator("lose", 0)
    run = carved(None, LONG, on=node)
    wait_fault(run)
    node.emulator("find", 0)
    run.signal(1)
    wait_devices(kubelet, {GPU: 1})
    run.wait_log("watching for events gpus=1")
    assert "cannot be waited for" not in run.log()


def test_pain_point_7_a_driver_that_is_gone_and_back(carved, kubelet, node):
    run = carved(time_slicing(2), ["--driver-grace", "500ms"])
    wait_devices(kubelet, {GPU: 16})
    node.emulator("unload", "on")
    wait_devices(kubelet, {GPU: 0})
    fault = wait_fault(run)[0]
    assert (fault.uuid, fault.xid, fault.needs, fault.slices) == ("", 0, 4, 16)
    assert "not loaded" in fault.cause and "nvidia-smi" in fault.cure
    with pytest.raises(Exception, match="unhealthy"):
        kubelet.plugins[GPU].allocate([kubelet.ids()[0]])
    node.emulator("unload", "off")
    wait_devices(kubelet, {GPU: 16})
    assert not run.state().faults
    watched(run)
    xid(node, 0, 79)
    wait_devices(kubelet, {GPU: 14})


def test_pain_point_7_a_single_failure_takes_nothing(carved, kubelet, node):
    run = carved(time_slicing(2), ["--driver-grace", "60m"])
    wait_devices(kubelet, {GPU: 16})
    node.emulator("unload", "on")
    run.wait_log("keeping the last inventory")
    node.emulator("unload", "off")
    run.wait_log("hardware can be read again")
    assert {l[2] for l in kubelet.lists} == {16}


def test_pain_point_7_a_driver_that_hangs(carved, kubelet, node):
    run = carved(time_slicing(2), ["--driver-timeout", "200ms", "--driver-grace", "500ms"])
    wait_devices(kubelet, {GPU: 16})
    node.emulator("hang", "on")
    try:
        wait_devices(kubelet, {GPU: 0})
        assert "has not answered" in wait_fault(run)[0].cause
    finally:
        node.emulator("hang", "off")
    wait_devices(kubelet, {GPU: 16})


def test_pain_point_7_a_driver_that_hangs_for_ever_at_the_end(carved, kubelet, node):
    """The thread that waits for events hangs too."""
    run = carved(None, LONG + ["--driver-timeout", "60m"])
    wait_devices(kubelet, {GPU: 8})
    run.wait_log("watching for events")
    node.emulator("hang", "on")
    try:
        # Whoever waits hangs when something happens; until then it does so in its next wait.
        xid(node, 0, 13)
        run.signal(15)
        assert run.process.wait(20) == 0
    finally:
        node.emulator("hang", "off")


def test_looks_do_not_pile_up_behind_a_slow_driver(carved, kubelet, node):
    run = carved(None, LONG + ["--driver-timeout", "60m"])
    wait_devices(kubelet, {GPU: 8})
    run.wait_log("watching for events")
    asked = "looking at configuration and hardware again"
    node.emulator("delay", "nvmlDeviceGetCount_v2", 300)
    for n in range(1, 101):
        run.signal(1)
        wait_for(lambda n=n: run.log().count(asked) == n, run.log)
    # Who waits for a look of its own stands behind two of the hundred, not behind half a minute.
    begin = time.monotonic()
    apply_mig(run, {"devices": "all", "mig-enabled": False})
    assert time.monotonic() - begin < 15


def test_a_lost_gpu_costs_the_others_no_event(carved, kubelet, node):
    """The watch goes on for them, and begins anew only when the GPU is found."""
    run = carved(None, LONG)
    wait_devices(kubelet, {GPU: 8})
    run.wait_log("watching for events")
    node.emulator("lose", 0)
    wait_for(lambda: run.state().inventory.gpus[0].fault, "a look at the lost GPU")
    for gpu in range(1, 8):
        xid(node, gpu, 74)
    wait_devices(kubelet, {GPU: 0})
    assert run.log().count("watching for events") == 1
    node.emulator("find", 0)
    run.signal(1)
    wait_devices(kubelet, {GPU: 1})
    wait_for(lambda: run.log().count("watching for events gpus=8") == 2, run.log)
