# SPDX-License-Identifier: Apache-2.0
"""The kernel specs of docs/run.md, started by a real jupyter_client on the emulated node."""
import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess

import pytest

from recipes import Recipes, section
from runnode import CONTEXT, GIB

HERE = pathlib.Path(__file__).resolve().parent
PLACE = re.search(r"`~/(\.local/\S+/)gpu-8g/kernel.json`", section("Jupyter"))[1]
SPEC, NAMED = re.findall(r"^```json\n(.*?)^```$", section("Jupyter"), re.M | re.S)
COUNT = """
import os, signal, time
caught, last = [], []
signal.signal(signal.SIGINT, lambda *_: caught.append(1))
signal.signal(signal.SIGUSR1, lambda *_: last.append(1))
print("on", flush=True)
while not last:
    time.sleep(0.01)
    if caught == [1]:
        caught.append("first")
        print("caught", flush=True)
print("in all", caught.count(1))
"""


class Server:
    kernel = None  # the process group of the kernel that runs

    def __init__(self, machine):
        self.process = subprocess.Popen(
            [os.environ["CARVE_VENV_PYTHON"], HERE / "jupyter_desk.py"], text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=machine.folder, env=machine.environment)

    def ask(self, *words):
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            self.end_kernel()
            raise AssertionError(self.process.stderr.read())
        return json.loads(line)

    def __call__(self, *words):
        answer = self.ask(*words)
        assert "answer" in answer, (answer, self.end())
        if words[0] in ("start", "restart"):
            self.kernel = answer["answer"]
        elif words[0] == "stop":
            self.kernel = None
        return answer["answer"]

    def end_kernel(self):
        """It outlives its server, and writes into its log."""
        if self.kernel:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.kernel, signal.SIGKILL)
            self.kernel = None

    def end(self):
        """What its log says."""
        return self.process.communicate(timeout=60)[1]


@pytest.fixture
def machine(emulated_node):
    """`python3` is one that has ipykernel, as it is for who has kernels."""
    made = Recipes(emulated_node("h200-x2"))
    made.script("python3", f'#!/bin/sh\nexec {os.environ["CARVE_VENV_PYTHON"]} "$@"\n')
    made.write(f"{PLACE}gpu-8g/kernel.json", SPEC)
    made.write(f"{PLACE}shared/kernel.json", json.dumps(json.loads(SPEC) | json.loads("{%s}" % NAMED.rstrip(",\n"))))
    yield made
    made.end()


@pytest.fixture
def server(machine):
    made = []
    def start():
        made.append(Server(machine))
        return made[-1]
    yield start
    for one in made:
        runs = one.process.poll() is None
        if runs:
            one.process.kill()
        one.end_kernel()
        if runs:
            one.process.communicate(timeout=60)


TAKE = "from gpu import *; print(context(), take(7 * GIB), take(GIB))"


def test_a_kernel_is_in_a_slice_of_its_own(machine, server):
    jupyter = server()
    run = jupyter("start", "gpu-8g")
    assert jupyter("run", TAKE) == "0 0 2\n"
    (slice_,) = machine.ps()["slices"]
    (device,) = slice_["devices"]
    assert (device["limit_bytes"], device["used_bytes"], device["refused"]) == (8 * GIB, 7 * GIB + CONTEXT, 1)
    assert {p["kind"]: p["pid"] for p in slice_["processes"]} == {
        "run": run, "process": int(jupyter("run", "import os; print(os.getpid())"))}
    before = slice_["page"]

    jupyter("restart")
    assert jupyter("run", TAKE) == "0 0 2\n"
    (slice_,) = machine.ps()["slices"]
    assert slice_["page"] != before and len(list(machine.pages.iterdir())) == 1

    jupyter("stop")
    assert machine.ps()["slices"] == [] and not list(machine.pages.iterdir())
    assert "carve" not in jupyter.end()


def test_interrupt_reaches_the_kernel_once(machine, server):
    jupyter = server()
    run = jupyter("start", "gpu-8g")
    assert jupyter("begin", COUNT) == "on\n"
    jupyter("interrupt")
    # What `carve run` had to hand on it hands on before this.
    assert jupyter("more") == "caught\n"
    os.kill(run, signal.SIGUSR1)
    assert jupyter("end") == "in all 1\n"
    assert jupyter("begin", "import time; print('on', flush=True); time.sleep(1000)") == "on\n"
    jupyter("interrupt")
    assert jupyter("end") == "KeyboardInterrupt"
    assert jupyter("run", "print(1)") == "1\n"
    jupyter("stop")
    assert "carve" not in jupyter.end()


def test_no_room_is_said_in_the_servers_log(machine, server):
    total = machine.json("run", "-m", "2Gi", "true")["gpus"][0]["total_bytes"]
    with machine.holder("--gpu", "0,1", "-m", total - 6 * GIB, "--name", "big") as holder:
        jupyter = server()
        assert "died" in jupyter.ask("start", "gpu-8g")["error"]
        log = jupyter.end()
        assert "carve: no room for 8.0 GiB" in log and "'big' of root has" in log and f"pid {holder.pid_inside}" in log
        assert [s["name"] for s in machine.ps()["slices"]] == ["big"]


def test_kernels_that_share_by_name(machine, server):
    (name,) = re.findall(r'"--name", "(\w+)"', NAMED)
    first, second = server(), server()
    first("start", "shared")
    second("start", "shared")
    assert first("run", TAKE) == "0 0 2\n"
    assert second("run", "from gpu import *; print(context())") == "2\n"  # no room for a second context
    assert len(machine.inside(name)) == 2 and len(machine.ps()["slices"]) == 1
    first("stop")
    assert second("run", TAKE) == "0 0 2\n"
    second("stop")
    assert machine.ps()["slices"] == []
