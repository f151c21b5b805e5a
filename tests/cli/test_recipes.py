# SPDX-License-Identifier: Apache-2.0
"""docs/run.md does what it says: its blocks and tables, run as they are printed."""
import json
import re
import shlex
import signal
import socket
import struct
import subprocess

import pytest

from conftest import fixtures
from recipes import TEXT, block, machine, section, table
from runnode import CONTEXT, GIB

INTRODUCTION = TEXT[:TEXT.index("\n## ")]
VARIABLES = [row[0].strip("`") for row in table(INTRODUCTION)]


def test_without_a_gpu(machine):
    """The block as it stands, in a folder that looks like a checkout."""
    (machine.folder / "build").mkdir()
    (machine.folder / "build/release").symlink_to(fixtures.RELEASE)
    text = block("Without a GPU")
    expected = json.loads(re.search(r"# (\[.*?\])", text)[1])
    assert "/tmp/machine" in text
    bare = {name: value for name, value in machine.environment.items()
            if not name.startswith(("CARVE_EMULATOR", "CARVE_LIBRARY", "LD_"))}
    done = subprocess.run(["bash", "-c", text.replace("/tmp/machine", str(machine.folder / "machine"))], env=bare,
                          cwd=machine.folder, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == expected


def environment(lines):
    return dict(line.split("=", 1) for line in lines if "=" in line)


def test_the_variables_that_it_sets_are_those_of_the_document(machine):
    without, within = environment(machine.says("env")), environment(machine.says("carve run -m 2Gi -- env"))
    changed = {name for name in within if within[name] != without.get(name) and name != "_"}
    without_library = changed | {"CARVE_LIBRARY"}  # which this machine has set to the same
    assert without_library == {*VARIABLES, "CUDA_VISIBLE_DEVICES"}
    assert "`CUDA_VISIBLE_DEVICES` is set too" in INTRODUCTION and set(without) <= set(within)
    assert within["LD_PRELOAD"] == within["CARVE_LIBRARY"] == machine.environment["CARVE_LIBRARY"]


@pytest.fixture
def lent(machine):
    """A slice that is there, and its variables."""
    with machine.holder("-m", "2Gi", "--gpu", "0", "--name", "lent") as process:
        with open(f"/proc/{process.pid_inside}/environ", encoding="utf-8") as file:
            yield environment(file.read().split("\0"))


@pytest.mark.parametrize("missing", [None, *VARIABLES])
def test_who_has_the_variables_is_in_the_slice(machine, lent, missing):
    """Started by somebody else, far from `carve run`. CARVE_LIBRARY is for what such a program starts in its turn."""
    given = {name: lent[name] for name in VARIABLES if name != missing}
    plain = {name: value for name, value in machine.environment.items() if name not in VARIABLES}
    total = subprocess.run([machine.python, "-c", "from gpu import *; say(total())"], env=plain | given,
                           cwd=machine.folder, capture_output=True, text=True, check=True).stdout
    assert (int(total) == 2 * GIB) == (missing in (None, "CARVE_LIBRARY"))


TOTAL = "python3 -c 'from gpu import *; say(total())'"
KEPT = ("LD_LIBRARY_PATH", "PYTHONPATH", "CARVE_EMULATOR_NODE", "CARVE_EMULATOR_STATE", "PATH")


@pytest.mark.parametrize("between", ["env -i " + " ".join(f"{name}=${name}" for name in KEPT), "setsid --wait",
                                     "timeout 60", "sh -c '\"$@\"' sh"], ids=lambda words: words.split()[0])
def test_programs_that_keep_the_slice(machine, between):
    assert machine.says(f"carve run -m 2Gi -- {between} {TOTAL}") == [str(2 * GIB)]


def test_one_limit_for_several_programs(machine):
    """Whichever of the two comes first makes the slice; they share it, and it ends with the last."""
    words = block("One limit for several programs")
    assert re.findall(r"--memory (\d+)Gi --name (\w+)", words) == [("16", "lab")] * 2
    for role in ("server", "client"):
        machine.write(f"{role}.py", "from gpu import *\ncontext()\n"
                                    f"say('{role}', take(14 * GIB))\nos.read(0, 1)\n")
    # A job in the background gets no standard input by itself.
    both = machine.shell("exec 3<&0\n" + words.replace(" &\n", " <&3 &\n") + "wait", stdin=subprocess.PIPE)
    told = dict(both.stdout.readline().split() for _ in range(2))
    assert sorted(told) == ["client", "server"] and sorted(told.values()) == ["0", "2"]
    assert len(machine.inside("lab")) == 2
    assert machine.slice("lab")["devices"][0]["limit_bytes"] == 16 * GIB
    both.stdin.close()
    assert both.wait(60) == 0, both.stderr.read()
    assert not list(machine.pages.iterdir())


RANK = """from gpu import *
import time
def wait(name):
    while not os.path.exists(name):
        time.sleep(0.01)
def rank(n):
    say("rank", n, context(n), take(18 * GIB), take(2 * GIB))
    wait("touch")
    say("other", n, context(1 - n))
    wait("end")
"""
LAUNCHERS = {
    "processes": ("""#!/usr/bin/python3
import os, subprocess, sys
count = int(sys.argv[sys.argv.index("--nproc-per-node") + 1])
ranks = [subprocess.Popen(["python3", sys.argv[-1]], env=dict(os.environ, LOCAL_RANK=str(n))) for n in range(count)]
sys.exit(max(rank.wait() for rank in ranks))
""", 'rank(int(os.environ["LOCAL_RANK"]))\n'),
    "spawn": ("#!/bin/sh\nexec python3 train.py\n", """if __name__ == "__main__":
    import multiprocessing
    spawn = multiprocessing.get_context("spawn")
    ranks = [spawn.Process(target=rank, args=(n,)) for n in range(2)]
    for one in ranks:
        one.start()
    for one in ranks:
        one.join()
""")}


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_ranks_on_two_gpus(machine, launcher):
    """One slice, its limit on each GPU; a rank that touches the other GPU pays a context there."""
    words = block("torchrun and other launchers with several GPUs")
    assert "--gpu 0,1 --memory 20Gi" in words  # by which the ranks choose what they take
    torchrun, end = LAUNCHERS[launcher]
    machine.script("torchrun", torchrun)
    machine.write("train.py", RANK + end)
    process = machine.shell(words)
    assert sorted(process.stdout.readline().split() for _ in range(2)) == [["rank", n, "0", "0", "2"] for n in "01"]
    (slice_,) = machine.ps()["slices"]
    assert [(d["gpu"], d["limit_bytes"], d["used_bytes"], d["refused"]) for d in slice_["devices"]] == [
        (gpu, 20 * GIB, 18 * GIB + CONTEXT, 1) for gpu in (0, 1)]
    assert sorted([d["used_bytes"] for d in devices] for devices in machine.inside().values()) == [
        [0, 18 * GIB + CONTEXT], [18 * GIB + CONTEXT, 0]]
    machine.write("touch", "")
    assert sorted(process.stdout.readline().split() for _ in range(2)) == [["other", n, "0"] for n in "01"]
    (slice_,) = machine.ps()["slices"]
    assert [d["used_bytes"] for d in slice_["devices"]] == [18 * GIB + 2 * CONTEXT] * 2
    machine.write("end", "")
    assert process.wait(60) == 0, process.stderr.read()


def test_slurm(machine):
    """srun chooses the GPU, `carve run` keeps to it."""
    machine.script("srun", '#!/bin/sh\nshift\nCUDA_VISIBLE_DEVICES=1 exec "$@"\n')
    machine.write("train.py", "from gpu import *\nsay(count(), total(), os.environ['CUDA_VISIBLE_DEVICES'])\n")
    uuid = machine.json("gpus")["gpus"][1]["uuid"]
    assert machine.says(block("Slurm")) == [f"1 {8 * GIB} {uuid}"]


UNIT = dict(line.split("=", 1) for line in block("systemd", "ini").splitlines() if "=" in line)
SERVICE = """from gpu import *
import socket
caught = []
def end(*_):
    caught.append(1)
    say("ends", len(caught))
signal.signal(signal.SIGTERM, end)
signal.signal(signal.SIGUSR1, lambda *_: sys.exit(len(caught) + 40))
if "NOTIFY_SOCKET" in os.environ:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
say("total", total(), os.getpid())
while True:
    signal.pause()
"""


@pytest.fixture
def service(machine):
    """The unit's program, started as systemd does: no shell, a session of its own."""
    def start(**variables):
        serve = machine.write("serve.py", SERVICE)
        words = UNIT["ExecStart"].replace("%N", "infer").replace("/srv/infer/serve.py", str(serve))
        assert words.startswith("/usr/bin/carve run ")
        process = subprocess.Popen([machine.path / "carve", *shlex.split(words)[1:]], stdin=subprocess.DEVNULL,
                                   env=dict(machine.environment, **variables), cwd="/", stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, start_new_session=True)
        machine.started.append(process)
        total, inside = machine.line(process, "total").split()
        assert int(total) == 8 * GIB and machine.slice("infer")["alive"]
        process.pid_inside = int(inside)
        return process
    return start


def test_systemd_ends_the_service(machine, service):
    """KillMode=mixed: SIGTERM for `carve run` alone. The program has it once, and its exit code is the service's."""
    assert UNIT["KillMode"] == "mixed"
    process = service()
    process.send_signal(signal.SIGTERM)
    assert machine.line(process, "ends") == "1"
    process.send_signal(signal.SIGUSR1)
    assert process.wait(60) == 41, process.stderr.read()
    assert not list(machine.pages.iterdir())


def test_systemd_notify(machine, service):
    """Type=notify: the message is the program's own, so NotifyAccess=all."""
    assert "`Type=notify` needs `NotifyAccess=all`" in section("systemd")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        notify.bind(str(machine.folder / "notify"))
        notify.settimeout(60)
        process = service(NOTIFY_SOCKET=str(machine.folder / "notify"))
        said, more, _, _ = notify.recvmsg(64, socket.CMSG_SPACE(12))
    assert said == b"READY=1" and struct.unpack("3i", more[0][2])[0] == process.pid_inside != process.pid
    process.send_signal(signal.SIGUSR1)
    assert process.wait(60) == 40, process.stderr.read()
