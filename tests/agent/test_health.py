# SPDX-License-Identifier: Apache-2.0
"""Faults of the hardware: what they take from the kubelet, what they leave, and what ends them.
Events and recovery actions come from the emulated node."""
import pathlib
import re
import time

import pytest

from conftest import time_slicing, wait_devices, wait_for
from faults import GPU, LONG, boot, unhealthy, wait_fault, xid

SEVENTH = [19] * 7


@pytest.mark.parametrize("disabled, enabled, taken, left", [
    (None, None, [48, 79, 94, 9000], [13, 31, 43, 45, 68, 109]),
    ("79,94", None, [48, 95], [79, 94, 13]),
    (" 79 ,junk,-4,, 94", None, [48], [79, 94]),
    (None, "13,109", [13, 109, 48], [31, 43]),
    ("13", "13", [13], [31]),
    (None, "all", [13, 31, 43, 45], []),
    ("all", "48", [48], [79, 13]),
    ("xids", "48", [48], [79, 13]),
], ids=["default", "extra", "junk", "enabled", "enabled-over-disabled", "all-enabled",
        "one-of-all", "one-of-xids"])
def test_which_xids_count(carved, kubelet, node, disabled, enabled, taken, left):
    environment = {"DP_DISABLE_HEALTHCHECKS": disabled, "DP_ENABLE_HEALTHCHECKS": enabled}
    run = carved(None, LONG, {k: v for k, v in environment.items() if v is not None})
    wait_devices(kubelet, {GPU: 8})
    run.wait_log("watching for events")
    for code in left:
        xid(node, 0, code)
    for gpu, code in enumerate(taken, 1):
        xid(node, gpu, code)
    wait_devices(kubelet, {GPU: 8 - len(taken)})
    assert sorted(f.xid for f in run.state().faults) == sorted(taken)
    assert all(f.gpu > 0 for f in run.state().faults), "an ignored XID took a GPU"
    if disabled and "junk" in disabled:
        assert "'junk' is no XID" in run.log()


@pytest.mark.parametrize("word", ["all", "xids"])
def test_checks_switched_off(carved, kubelet, node, word):
    run = carved(None, ["--disable-healthchecks", word, "--driver-grace", "100ms",
                        "--rescan-interval", "100ms"])
    wait_devices(kubelet, {GPU: 8})
    xid(node, 0, 79)
    node.emulator("recovery", 1, "reset")
    node.emulator("unload", "on")
    run.wait_log("keeping the last inventory")
    node.emulator("unload", "off")
    run.wait_log("hardware can be read again")
    assert kubelet.healthy() == {GPU: 8} and not run.state().faults
    assert "watching for events" not in run.log()


def test_pain_point_4_all_replicas_of_a_gpu(carved, kubelet, node):
    """The incumbent withdrew 1 of 560."""
    run = carved(time_slicing(70), LONG)
    wait_devices(kubelet, {GPU: 560})
    run.wait_log("watching for events")
    uuid = run.state().inventory.gpus[3].uuid
    xid(node, 3, 79)
    wait_devices(kubelet, {GPU: 490})
    assert unhealthy(kubelet) == sorted(f"{uuid}::{n}" for n in range(70))
    fault = wait_fault(run)[0]
    assert (fault.gpu, fault.uuid, fault.xid, fault.slices) == (3, uuid, 79, 70)
    assert (fault.gi_id, fault.ci_id, fault.count) == (-1, -1, 1)
    assert "bus" in fault.what and fault.cause and "reboot" in fault.cure
    assert abs(fault.since_s - time.time()) < 3600


def mig_node(carved, kubelet, node, replicas=1):
    node.layout(2, *SEVENTH)
    config = {"version": "v1", "flags": {"migStrategy": "mixed"}}
    if replicas > 1:
        config.update(time_slicing(replicas, "nvidia.com/mig-1g.5gb"))
    run = carved(config, LONG)
    wait_devices(kubelet, {GPU: 7, "nvidia.com/mig-1g.5gb": 7 * replicas})
    run.wait_log("watching for events")
    return run, run.state().inventory.gpus[2].instances


def test_pain_point_4_exactly_the_mig_device(carved, kubelet, node):
    run, instances = mig_node(carved, kubelet, node, replicas=3)
    hit = instances[4]
    xid(node, 2, 94, hit.id, hit.computes[0].id)
    wait_devices(kubelet, {GPU: 7, "nvidia.com/mig-1g.5gb": 18})
    uuid = hit.computes[0].uuid
    assert unhealthy(kubelet, "nvidia.com/mig-1g.5gb") == [f"{uuid}::{n}" for n in range(3)]
    fault = wait_fault(run)[0]
    assert (fault.gi_id, fault.ci_id, fault.slices) == (hit.id, hit.computes[0].id, 3)


def test_pain_point_4_a_fault_of_the_gpu_takes_all_its_mig_devices(carved, kubelet, node):
    run, instances = mig_node(carved, kubelet, node)
    xid(node, 2, 119, instances[0].id, instances[0].computes[0].id)
    wait_devices(kubelet, {GPU: 7, "nvidia.com/mig-1g.5gb": 0})
    assert wait_fault(run)[0].gi_id == -1


def test_an_event_without_ids_takes_all_mig_devices(carved, kubelet, node):
    mig_node(carved, kubelet, node)
    xid(node, 2, 94)
    wait_devices(kubelet, {GPU: 7, "nvidia.com/mig-1g.5gb": 0})


def test_a_mig_device_made_anew_is_well(carved, kubelet, node):
    run, instances = mig_node(carved, kubelet, node)
    xid(node, 2, 94, instances[1].id, instances[1].computes[0].id)
    wait_devices(kubelet, {GPU: 7, "nvidia.com/mig-1g.5gb": 6})
    node.layout(2, *SEVENTH)
    run.signal(1)
    wait_devices(kubelet, {GPU: 7, "nvidia.com/mig-1g.5gb": 7})
    assert not run.state().faults


def test_pain_point_5_a_fault_that_passes(carved, kubelet, node):
    run = carved(None, ["--health-probation", "1s"])
    wait_devices(kubelet, {GPU: 8})
    run.wait_log("watching for events")
    xid(node, 1, 94)
    wait_devices(kubelet, {GPU: 7})
    wait_devices(kubelet, {GPU: 8})
    run.wait_log("GPU fault is over")
    assert not run.state().faults


def test_pain_point_5_recovery_as_the_driver_says(carved, kubelet, node):
    run = carved(None, ["--health-probation", "60m"])
    wait_devices(kubelet, {GPU: 8})
    run.wait_log("watching for events")
    node.emulator("recovery", 1, "drain-and-reset")
    xid(node, 1, 48)
    wait_devices(kubelet, {GPU: 7})
    wait_for(lambda: run.state().faults[0].needs == 1, "the need of a reset")
    node.emulator("reset", 1)
    wait_devices(kubelet, {GPU: 8})
    assert not run.state().faults


def test_pain_point_5_without_the_drivers_word_only_a_reset_or_reboot(carved, kubelet, node):
    """A driver that does not know recovery actions cannot say that all is well."""
    boot(node, "first")
    node.emulator("recovery", 1, "untold")
    arguments = ["--health-probation", "100ms"]
    run = carved(None, arguments)
    wait_devices(kubelet, {GPU: 8})
    run.wait_log("watching for events")
    xid(node, 1, 48)
    xid(node, 2, 94)
    wait_devices(kubelet, {GPU: 7})
    assert [f.xid for f in wait_fault(run)] == [48]
    run.end()
    boot(node, "second")
    run.start()
    wait_devices(kubelet, {GPU: 8})


def test_a_recovery_that_is_asked_for_before_the_start(carved, kubelet, node):
    node.emulator("recovery", 5, "reset")
    run = carved()
    wait_devices(kubelet, {GPU: 7})
    fault = wait_fault(run)[0]
    assert fault.xid == 0 and fault.needs == 1 and "reset" in fault.cure
    node.emulator("recovery", 5, "reboot")
    wait_for(lambda: run.state().faults[0].needs == 2, "the need of a reboot")
    node.emulator("reset", 5)
    assert run.state().faults
    node.emulator("reboot")
    wait_devices(kubelet, {GPU: 8})


def test_pain_point_6_every_fault_has_words(carved, kubelet, node):
    run = carved(None, LONG)
    wait_devices(kubelet, {GPU: 8})
    run.wait_log("watching for events")
    needs = {74: 1, 79: 2, 54: 3, 94: 0, 4711: 1}
    for gpu, code in enumerate(needs):
        xid(node, gpu, code)
    for fault in wait_fault(run, len(needs)):
        assert fault.needs == needs[fault.xid]
        assert fault.what and fault.cause and fault.cure


def test_pain_point_6_xid_154_is_no_fault(carved, kubelet, node):
    """It says that the recovery action has changed, also back to none."""
    run = carved(None, LONG)
    wait_devices(kubelet, {GPU: 8})
    run.wait_log("watching for events")
    node.emulator("recovery", 1, "reset")
    xid(node, 1, 154)
    wait_devices(kubelet, {GPU: 7})
    node.emulator("recovery", 1, "none")
    xid(node, 1, 154)
    wait_devices(kubelet, {GPU: 8})
    assert not run.state().faults


def test_pain_point_8_nothing_stays_of_what_is_offered_no_more(carved, kubelet, node, pods):
    run = carved(time_slicing(2), LONG)
    wait_devices(kubelet, {GPU: 16})
    run.wait_log("watching for events")
    xid(node, 0, 79)
    wait_devices(kubelet, {GPU: 14})
    run.configure(time_slicing(2, renameByDefault=True))
    wait_for(lambda: kubelet.healthy().get(GPU + ".shared") == 14, "the fault under the new name")
    assert not pods.held
    wait_for(lambda: (GPU, 0, 0) in kubelet.lists, "the empty list")
    wait_devices(kubelet, {GPU + ".shared": 14})


def test_the_document_has_the_table(node):  # pylint: disable=unused-argument
    """docs/health.md names every XID of the program, and no other."""
    root = pathlib.Path(__file__).resolve().parents[2]
    page = (root / "docs/health.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+)(?:-(\d+))? \| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", page, re.M)
    source = (root / "src/gpu/xid.c").read_text(encoding="utf-8")
    known = re.findall(r'\{(\d+),\s+(\d+),\s+(\w+),\s+XID_CURE_(\w+),\s+"([^"]+)"', source)
    ends = {"WAIT": "time", "RESET": "GPU reset", "REBOOT": "reboot", "REPLACE": "replacement"}
    assert len(known) > 40
    assert [(first, last or first, name, end) for first, last, name, _, _, end in rows] == [
        (first, last, name, ends[cure]) for first, last, _, cure, name in known]
    takes = {int(row[0]): row[4] for row in rows}
    assert {n for n, what in takes.items() if what == "nothing"} == {13, 31, 43, 45, 68, 109}
