# SPDX-License-Identifier: Apache-2.0
"""Faults of the hardware: what they take from the kubelet, what they leave, and what ends them.
Events, lost GPUs, recovery actions and a driver that dies come from the emulated node."""
import json
import pathlib
import re
import time

import grpc
import pytest

from conftest import NODE, Node, time_slicing, wait_devices, wait_for

GPU = "nvidia.com/gpu"
SEVENTH = [19] * 7
LONG = ["--health-probation", "60m", "--rescan-interval", "60m"]


def unhealthy(kubelet, resource=GPU):
    return sorted(i for i, d in kubelet.devices.get(resource, {}).items() if d.health != "Healthy")


def xid(node, gpu, code, gi=None, ci=None):
    where = [] if gi is None else ["--gi", gi, "--ci", ci]
    node.emulator("xid", gpu, code, *where)


def wait_fault(run, count=1):
    wait_for(lambda: len(run.state().faults) == count,
             lambda: f"{count} faults, there are {run.state().faults}")
    return list(run.state().faults)


def boot(node, name):
    """The kernel's id of this boot, as carved sees it."""
    path = node.folder / "proc/sys/kernel/random/boot_id"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(name + "\n", encoding="utf-8")


def watched(run):
    """Events are only told of once the event set stands; an application's XID shows that it does."""
    def seen():
        run.node.emulator("xid", 0, 13)
        return "XID takes no slices" in run.log()
    wait_for(seen, run.log)


def kept(run):
    file = run.state_folder / "faults"
    return file.read_text(encoding="utf-8") if file.exists() else ""


def healthy(run):
    return {r.name: r.healthy for r in run.state().resources}


def apply_mig(run, config, at_first_message=lambda: None):
    """A MIG change as `carve mig apply` asks for it."""
    request = NODE.ApplyMigRequest(file="test", config="x", text=json.dumps(
        {"version": "v1", "mig-configs": {"x": [config]}}).encode())
    with grpc.insecure_channel(f"unix:{run.socket}", [
            ("grpc.use_local_subchannel_pool", 1)]) as channel:
        for _ in channel.unary_stream("/carve.v1.Node/ApplyMig")(request.SerializeToString(),
                                                                 timeout=60):
            at_first_message()
            at_first_message = lambda: None


# nvidia-stack.md section 9, item 10: which numbers count.

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


# Pain points 4 to 8 of nvidia-stack.md section 8.

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


# What a restart, a storm and a MIG change do.

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
