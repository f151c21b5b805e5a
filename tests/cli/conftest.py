# SPDX-License-Identifier: Apache-2.0
"""`carve` against a real carved on the emulated node; the machinery is that of tests/agent."""
import importlib.util
import json
import pathlib
import subprocess
import sys

import pytest

AGENT = pathlib.Path(__file__).resolve().parents[1] / "agent"
sys.dont_write_bytecode = True
sys.path.insert(0, str(AGENT))
_spec = importlib.util.spec_from_file_location("node_fixtures", AGENT / "conftest.py")
fixtures = importlib.util.module_from_spec(_spec)
sys.modules["node_fixtures"] = fixtures
_spec.loader.exec_module(fixtures)

BUILD = fixtures.BUILD
wait_for = fixtures.wait_for

# The fixtures that the tests here name.
folder, emulated_node, node = fixtures.folder, fixtures.emulated_node, fixtures.node
kubelet, pods, any_carved = fixtures.kubelet, fixtures.pods, fixtures.carved


@pytest.fixture
def carved(any_carved):
    """As that of tests/agent; when it returns it listens and knows the hardware."""
    def start(*words, **more):
        run = any_carved(*words, **more)
        wait_for(run.socket.exists, "carved's socket")
        wait_for(lambda: run.state().inventory.gpus, "the hardware")
        return run
    return start


class Carve:
    """The command line on one node."""

    def __init__(self, on):
        self.node = on
        self.program = BUILD / "src/cli/carve"
        self.environment = dict(on.environment, CARVE_SOCKET=str(on.folder / "run/carved.sock"),
                                CARVE_PAGES=str(on.folder / "pages"))

    def start(self, *words, stdin=None, environment=None, **more):
        direct = [] if words[0] in ("--help", "--version") else [
            "--driver-root", self.node.driver, "--sysfs-root", self.node.folder / "sys"]
        return subprocess.Popen(
            [self.program, *map(str, words), *map(str, direct)], text=True,
            stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.node.folder,
            env=dict(self.environment, **(environment or {})), **more)

    def __call__(self, *words, code=0, stdin=None, **more):
        """What it printed: on stdout if it shall end well or with findings, else on stderr."""
        process = self.start(*words, stdin=stdin, **more)
        out, err = process.communicate(stdin, timeout=60)
        assert process.returncode == code, f"exit {process.returncode}\n{out}\n{err}"
        self.stderr = err
        return err if code == 2 else out

    def json(self, *words, code=0, **more):
        process = self.start(*words, "-o", "json", **more)
        out, err = process.communicate(timeout=60)
        assert process.returncode == code, f"exit {process.returncode}\n{out}\n{err}"
        self.stderr = err
        return json.loads(out)

    def profiles(self, gpu):
        """[(profile, start)] of a GPU, by place; None while MIG is off."""
        shown = self.json("mig", "show", gpu)["gpus"][0]
        if shown["mig"] != "on":
            return None
        return sorted((i["profile"], i["start"]) for i in shown["instances"])


@pytest.fixture
def carve(node):
    return Carve(node)


def calls(node, gpu=0):
    """How often the driver was asked for changes of this GPU."""
    return json.loads(node.emulator("calls", "-o", "json"))[gpu]


def mixed():
    return {"version": "v1", "flags": {"migStrategy": "mixed"}}


def mig_file(folder, **configs):
    """A mig-parted file: each configuration is the profiles of all GPUs, or a list of entries."""
    text = {"version": "v1", "mig-configs": {
        name: what if isinstance(what, list) else [
            {"devices": "all", "mig-enabled": True, "mig-devices": what}]
        for name, what in configs.items()}}
    path = folder / "mig.yaml"
    path.write_text(json.dumps(text), encoding="utf-8")
    return path


GPU = "nvidia.com/gpu"
SEVEN = [("1g.5gb", start) for start in range(7)]


def sizes(profiles):
    return sorted(name for name, _ in profiles)


def everything(carve):
    """The layout of all GPUs with the UUIDs of their devices."""
    return carve.json("mig", "show")["gpus"]


def slow_change(carve, node, config="all-1g.5gb"):
    """A change that is under way and takes a while."""
    node.emulator("delay", "nvmlDeviceCreateGpuInstanceWithPlacement", 20)
    change = carve.start("mig", "apply", "-c", config)
    wait_for(lambda: calls(node, 1)["gpuInstancesCreated"] > 0, "GPU 1's turn")
    return change
