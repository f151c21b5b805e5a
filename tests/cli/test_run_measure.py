# SPDX-License-Identifier: Apache-2.0
"""`carve run` measures for its programs, finds those that are not attached, and is not missed when killed."""
import json
import os
import signal
import subprocess

import pytest

from conftest import wait_for
from runnode import CONTEXT, GIB, MIB, as_user, desk


@pytest.fixture
def asking(desk):
    """A program in a slice that waits on standard input between its words; told(word) is what it says."""
    def start(*does, words=("-m", "4Gi", "--gpu", "0", "--name", "m")):
        process = desk.start("run", *words, "--", desk.hold, "pid", "pause", *does, "hold", stdin=subprocess.PIPE)
        process.pid_inside = int(desk.line(process, "pid"))
        return process
    return start


def go_on(process):
    process.stdin.write("\n")
    process.stdin.flush()


def driver_shows(desk, pid, size, gpu=0):
    desk.node.emulator("process", "add", gpu, pid, "--memory", size)


@pytest.mark.parametrize("does, overhead", [
    ((), 518 * MIB),
    (("charge", GIB), 518 * MIB - GIB),
    (("charge", GIB, "managed", GIB), 518 * MIB)])
def test_overhead_is_what_the_driver_shows_beyond_the_tracked(desk, asking, does, overhead):
    process = asking("contexts", 1, *does, "measure")
    driver_shows(desk, process.pid_inside, "518Mi")
    go_on(process)
    assert int(desk.line(process, "overhead")) == overhead
    (device,) = desk.slice("m")["devices"]
    tracked = GIB if "charge" in does else 0
    assert device["used_bytes"] == tracked + max(overhead, 0) and device["driver_bytes"] == 518 * MIB
    assert desk.slice("m")["flags"] == []
    process.stdin.close()
    assert process.wait(60) == 0


def test_a_process_without_a_context_has_no_overhead(desk, asking):
    process = asking("measure")
    go_on(process)
    assert int(desk.line(process, "overhead")) == 0


def test_no_answer_while_figures_do_not_belong_together(desk, asking):
    """A driver call is under way, or the driver does not show a process that has a context."""
    for does in (("changing",), ("contexts", 1)):
        process = asking(*does, "ask", words=("-m", "4Gi", "--gpu", "0", "--name", does[0]))
        if does == ("changing",):
            driver_shows(desk, process.pid_inside, "518Mi")
        go_on(process)
        desk.line(process, "asked")
        slice_ = desk.slice(does[0])
        assert slice_["flags"] == ["not_measured"]
        assert [p["devices"][0]["measured"] for p in slice_["processes"] if p["kind"] == "process"] == [False]
        process.stdin.close()
        assert process.wait(60) == 0


def test_a_figure_that_comes_late_is_noted(desk, asking):
    process = asking("contexts", 1, "measure")
    go_on(process)
    wait_for(lambda: desk.slice("m")["flags"] == ["not_measured"], "the question")
    driver_shows(desk, process.pid_inside, "600Mi")
    assert int(desk.line(process, "overhead")) == 600 * MIB


def test_what_grows_without_a_question_is_noted(desk, asking):
    """Stacks grow at a launch, say, which nobody asks about."""
    process = asking("contexts", 1)
    driver_shows(desk, process.pid_inside, "700Mi")
    wait_for(lambda: desk.slice("m")["devices"][0]["used_bytes"] == 700 * MIB, "the overhead")
    assert desk.slice("m")["flags"] == []


def test_above_the_limit_by_the_drivers_figure(desk, asking):
    process = asking()
    driver_shows(desk, process.pid_inside, "5Gi")
    wait_for(lambda: "over_limit" in desk.slice("m")["flags"], "the flag")
    assert "over its limit" in desk("ps")


def test_killed_and_a_new_run_finds_the_truth(desk):
    """The program goes on, limited; a new run of the name measures for it again."""
    with desk.holder("-m", "2Gi", "--gpu", "0", "--name", "k", does=["charge", GIB]) as first:
        first.kill()
        first.wait(60)
        slice_ = desk.slice("k")
        assert slice_["alive"] and slice_["flags"] == ["not_measured"]
        assert slice_["devices"][0]["used_bytes"] == GIB
        with desk.holder("--name", "k", does=["charge", GIB + 1, "charge", GIB]) as second:
            slice_ = desk.slice("k")
            assert slice_["flags"] == [] and slice_["devices"][0]["used_bytes"] == 2 * GIB
            assert slice_["devices"][0]["refused"] == 1 and slice_["devices"][0]["refused_bytes"] == GIB + 1
            assert {p["pid"] for p in slice_["processes"]} >= {first.pid_inside, second.pid_inside}
        assert desk.slice("k")["devices"][0]["used_bytes"] == GIB
        os.kill(first.pid_inside, signal.SIGKILL)
        wait_for(lambda: not desk.ps()["slices"][0]["alive"], "its end")


def test_a_process_that_is_not_attached_is_told_of_and_counted(desk):
    """A child of the program that has no slot, seen by the driver."""
    process = desk.start("run", "-m", "2Gi", "--gpu", "1", "--name", "un", "--", "sh", "-c",
                         "setsid sleep 1000 & echo child $!; read x; kill $!", stdin=subprocess.PIPE)
    child = int(desk.line(process, "child"))
    driver_shows(desk, child, "1Gi", gpu=1)
    said = process.stderr.readline()
    assert f"process {child} (sleep) uses GPU 1 without a limit" in said and "man carve-run" in said
    slice_ = desk.slice("un")
    assert slice_["unattached"] == 1 and "unattached" in slice_["flags"]
    assert [(o["pid"], o["driver_bytes"]) for o in desk.ps()["outside"]] == [(child, GIB)]
    process.stdin.close()
    process.wait(60)


def test_a_process_of_others_is_not_ours(desk):
    driver_shows(desk, os.getpid(), "1Gi", gpu=1)
    with desk.holder("-m", "2Gi", "--gpu", "1", "--name", "un") as process:
        wait_for(lambda: looked(process), "a look", seconds=60)
        assert desk.slice("un")["unattached"] == 0
    assert process.returncode == 0


def looked(process):
    """The thread that measures has looked around: it has been awake after its first sleep."""
    tasks = [t for t in os.listdir(f"/proc/{process.pid}/task") if int(t) != process.pid]
    for task in tasks:
        with open(f"/proc/{process.pid}/task/{task}/status", encoding="ascii") as file:
            switches = int([line for line in file if line.startswith("voluntary")][0].split()[1])
        if switches >= 3:
            return True
    return False


def test_use_outside_is_warned_of(desk):
    """Where promises are more than the GPU has left."""
    driver_shows(desk, os.getpid(), "100Gi", gpu=0)
    desk("run", "-m", "20Gi", "--gpu", "0", "true")
    assert desk.stderr == ""
    desk("run", "-m", "60Gi", "--gpu", "0", "true")
    assert (f"warning: 100.0 GiB are used on GPU 0 outside any slice, by pid {os.getpid()} (" in desk.stderr
            and "an allocation within the limit may fail" in desk.stderr)
    desk("run", "-m", "60Gi", "--gpu", "1", "true")
    assert desk.stderr == ""


def test_a_process_in_a_pid_namespace_of_its_own(desk):
    """Its slot has its own number of itself; the driver has ours."""
    process = desk.start("run", "-m", "4Gi", "--gpu", "0", "--name", "ns", "--", "unshare", "--pid", "--fork",
                         "--mount-proc", desk.hold, "pid", "pause", "contexts", "1", "measure", "hold",
                         stdin=subprocess.PIPE)
    assert int(desk.line(process, "pid")) == 1
    found = wait_for(lambda: subprocess.run(["pgrep", "--newest", "--full", "--exact", f"{desk.hold} pid pause .*"],
                                            capture_output=True, text=True, check=False).stdout.split(), "its pid")
    driver_shows(desk, found[-1], "700Mi")
    go_on(process)
    assert int(desk.line(process, "overhead")) == 700 * MIB
    inside = [p for p in desk.slice("ns")["processes"] if p["kind"] == "process"]
    assert [(p["pid"], p["inside_pid"]) for p in inside] == [(int(found[-1]), 1)]
    process.stdin.close()
    assert process.wait(60) == 0
    assert not list(desk.pages.iterdir())  # nobody is left in that namespace


def test_who_stays_in_a_pid_namespace_keeps_the_slice(desk):
    """Until nobody is left there; who comes next sees that."""
    os.mkfifo(desk.folder / "go")
    inside = f"exec unshare --pid --fork {desk.hold} charge {GIB} hold"
    process = desk.start("run", "-m", "4Gi", "--gpu", "0", "--name", "ns", "--", "sh", "-c",
                         f"exec 3<&0; ({inside}) <&3 & : <go", stdin=subprocess.PIPE)
    desk.line(process, "charge")
    (desk.folder / "go").write_text("")
    assert process.wait(60) == 0
    assert [d["used_bytes"] for d in desk.slice("ns")["devices"]] == [GIB]
    assert desk("run", "--name", "ns", "true") == "" and desk.slice("ns")["alive"]
    process.stdin.close()
    assert process.stdout.read() == ""
    wait_for(lambda: desk("run", "--name", "ns", "true") == "" and not desk.ps()["slices"], "its end")
