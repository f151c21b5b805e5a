# SPDX-License-Identifier: Apache-2.0
"""`carve ps` on the slices of `carve run`."""
import os
import shutil
import signal
import subprocess

import pytest

from conftest import fixtures, wait_for
from runnode import GIB, MIB, as_user, desk


@pytest.fixture
def node(desk):
    """The kubelet's stand-in is on the same machine."""
    return desk.node


def rows(desk):
    return [line.split() for line in desk("ps").splitlines()]


def test_a_slice_as_a_table(desk):
    does = ["charge", GIB, "managed", GIB, "refuse", 4 * GIB]
    with desk.holder("-m", "4Gi", "--gpu", "1", "--name", "t", does=does) as holder:
        desk.node.emulator("process", "add", 1, holder.pid_inside, "--memory", "1600Mi")
        # Managed memory is not in the driver's figure, so all of that is overhead once it was looked at.
        wait_for(lambda: desk.slice("t")["devices"][0]["used_bytes"] == GIB + 1600 * MIB, "the next look")
        head, slice_, process = rows(desk)
        assert head == ["SLICE", "OWNER", "GPU", "LIMIT", "USED", "DRIVER", "REFUSED", "COMMAND", "REMARKS"]
        assert slice_ == ["t", "root", "1", "4.0", "GiB", "2.6", "GiB", "1.6", "GiB", "1", "-"]
        assert process == ["pid", str(holder.pid_inside), "2.6", "GiB", "1.6", "GiB", "slice-hold"]


def test_a_slice_as_json(desk):
    with desk.holder("-m", "4Gi", "--gpu", "0,1", "--name", "t", does=["charge", GIB, "refuse", 4 * GIB]) as holder:
        told = desk.ps()
        assert (told["carved"], told["holders"], told["error"], told["outside"]) == (False, [], None, [])
        (slice_,) = told["slices"]
        assert slice_["page"].startswith(str(desk.pages)) and slice_["flags"] == [] and slice_["unattached"] == 0
        assert [(d["gpu"], d["mig"], d["limit_bytes"], d["used_bytes"], d["refused"], d["refused_bytes"])
                for d in slice_["devices"]] == [(0, None, 4 * GIB, GIB, 1, 4 * GIB), (1, None, 4 * GIB, 0, 0, 0)]
        inside = [p for p in slice_["processes"] if p["kind"] == "process"][0]
        assert (inside["pid"], inside["command"]) == (holder.pid_inside, "slice-hold")
        assert [d["used_bytes"] for d in inside["devices"]] == [GIB, 0]


def test_a_process_without_a_slot_in_a_slices_gpu_is_outside(desk):
    with desk.holder("-m", "4Gi", "--gpu", "0", "--name", "t") as holder:
        desk.node.emulator("process", "add", 1, holder.pid_inside, "--memory", "1Gi")
        told = desk.ps()
        assert [(o["gpu"], o["pid"]) for o in told["outside"]] == [(1, holder.pid_inside)]
        assert told["slices"][0]["devices"][0]["driver_bytes"] == 0


def test_a_page_that_claims_somebody_elses_process(desk):
    """What it says of processes of its owner is believed, of other users' not."""
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, preexec_fn=as_user(4712)) as other:
        process = desk.start("run", "-m", "4Gi", "--gpu", "0", "--name", "t", "--", desk.hold,
                             "pretend", other.pid, "pid", "hold", stdin=subprocess.PIPE, preexec_fn=as_user(4711))
        desk.line(process, "pid")
        desk.node.emulator("process", "add", 0, other.pid, "--memory", "1Gi")
        told = desk.ps()
        assert [o["pid"] for o in told["outside"]] == [other.pid]
        assert told["slices"][0]["devices"][0]["driver_bytes"] == 0
        process.stdin.close()
        assert process.wait(60) == 0
        other.stdin.close()


def test_a_program_that_opened_libraries_past_us(desk):
    with desk.holder("-m", "4Gi", "--name", "t", does=["route", 16]):
        assert desk.slice("t")["flags"] == ["bypass"]
        assert "opened libraries past us" in desk("ps")


def test_dead_processes_are_not_listed_and_use_nothing(desk):
    with desk.holder("-m", "4Gi", "--name", "t", does=["charge", GIB]) as holder:
        os.kill(holder.pid_inside, signal.SIGKILL)
        wait_for(lambda: not desk.ps()["slices"], "its end")


def test_everybody_may_look(desk):
    with desk.holder("-m", "4Gi", "--name", "t", preexec_fn=as_user(4711)) as holder:
        told = desk.json("ps", preexec_fn=as_user(4712))["slices"]
        assert [(s["name"], s["uid"]) for s in told] == [("t", 4711)]
        assert holder.pid_inside in [p["pid"] for p in told[0]["processes"]]


def test_names_of_processes_cannot_write_to_a_terminal(desk):
    evil = desk.folder / "\033[31m\"x"
    evil.write_bytes(desk.hold.read_bytes())
    evil.chmod(0o755)
    process = desk.start("run", "-m", "2Gi", "--name", "t", "--", evil, "pid", "hold", stdin=-1)
    desk.line(process, "pid")
    assert "\033" not in desk("ps") and '?[31m"x' in desk("ps")
    assert [p["command"] for p in desk.slice("t")["processes"] if p["kind"] == "process"] == ['?[31m"x']
    process.stdin.close()
    process.wait(60)


def test_controls_beyond_ascii_are_none_either(desk):
    """U+009B is what some terminals take for ESC and [."""
    evil = desk.folder / "\u009b31m\u00c0x"
    shutil.copy("/bin/cat", evil)
    with subprocess.Popen([evil], stdin=subprocess.PIPE) as other:
        desk.node.emulator("process", "add", 0, other.pid, "--memory", "1Gi")
        assert f"{other.pid} (??31m\u00c0x)" in desk("ps")
        other.stdin.close()


def test_beside_carved(desk, any_carved, pods):
    """Holders first, then slices; nothing changes for who reads the holders."""
    run = any_carved(fixtures.time_slicing(10), on=desk.node, with_kubelet=False)
    wait_for(run.socket.exists, "carved's socket")
    wait_for(lambda: run.state().inventory.gpus, "the hardware")
    pods.held = [("default", "infer-0", "srv", "nvidia.com/gpu.shared", [f"{run.state().inventory.gpus[1].uuid}::4"])]
    with desk.holder("-m", "4Gi", "--gpu", "0", "--name", "t"):
        told = desk.ps()
        assert told["carved"] and [h["pod"] for h in told["holders"]] == ["infer-0"]
        assert [s["name"] for s in told["slices"]] == ["t"]
        text = desk("ps")
        assert text.index("infer-0") < text.index("\n\nSLICE") < text.index("\nt ")
