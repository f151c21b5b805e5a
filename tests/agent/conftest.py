# SPDX-License-Identifier: Apache-2.0
"""The real carved on the emulated node beside a stand-in kubelet. Programs come from CARVE_BUILD;
NVML for this Python from CARVE_RELEASE, where it is not instrumented."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import grpc
import pytest

import kubelet as kubelet_module
import pods as pods_module
import protos

BUILD = pathlib.Path(os.environ["CARVE_BUILD"])
RELEASE = pathlib.Path(os.environ.get("CARVE_RELEASE", BUILD))
HERE = pathlib.Path(__file__).resolve().parent
NODE = protos.load("node")


def wait_for(condition, what, seconds=60):
    """Polls until condition() is true, and returns what it gave."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.005)
    raise AssertionError(f"not within {seconds} s: {what() if callable(what) else what}")


class Node:
    """An emulated machine with its driver root, /dev and /proc, all below `folder`."""

    def __init__(self, folder, name):
        self.folder = pathlib.Path(folder)
        self.state = self.folder / "state"
        self.driver = self.folder / "driver"
        self.environment = dict(os.environ, CARVE_EMULATOR_NODE=name,
                                CARVE_EMULATOR_STATE=str(self.state),
                                CARVE_EMULATOR_TREE=str(self.folder))
        self.folder.mkdir()
        self.emulator("tree", str(self.folder))

    def emulator(self, *arguments):
        done = subprocess.run([BUILD / "emulator/carve-emulator", *map(str, arguments)],
                              env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def layout(self, gpu, *profiles):
        """MIG layout of a GPU by profile ids; "off" ends MIG."""
        subprocess.run([sys.executable, HERE / "layouts.py",
                        RELEASE / "emulator/libnvidia-ml.so.1", str(gpu), *map(str, profiles)],
                       env=self.environment, check=True)

    def hide_driver(self):
        self.driver.rename(self.folder / "hidden")

    def show_driver(self):
        (self.folder / "hidden").rename(self.driver)


class Carved:
    """One run of the daemon; end() may be followed by start()."""

    def __init__(self, node, kubelet, config=None, arguments=(), environment=None):
        self.node = node
        self.folder = node.folder
        self.socket = self.folder / "run/carved.sock"
        self.cdi_folder = self.folder / "cdi"
        self.state_folder = self.folder / "kept"
        self.config = self.folder / "config/config.yaml"
        self.log_file = self.folder / "carved.log"
        self.arguments = [
            "--socket", self.socket, "--state-dir", self.state_folder, "--cdi-dir",
            self.cdi_folder, "--kubelet-socket", kubelet.socket if kubelet else "",
            "--pod-resources-socket", self.folder / "pods.sock", "--proc-root",
            self.folder / "proc", "--sysfs-root", self.folder / "sys", "--driver-root",
            node.driver, "--dev-root", self.folder, "--rescan-interval", "250ms", "--log-level",
            "debug", *arguments]
        if config is not None:
            self.arguments += ["--config-file", self.config]
            self.configure(config)
        self.environment = dict(node.environment, **(environment or {}))
        self.process = None
        self.expected_codes = [0]
        self.start()

    def configure(self, text):
        """A new content, by rename, as careful editors do."""
        self.config.parent.mkdir(exist_ok=True)
        beside = self.config.with_suffix(".new")
        beside.write_text(text if isinstance(text, str) else json.dumps(text), encoding="utf-8")
        beside.rename(self.config)

    def start(self):
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(
                [BUILD / "src/agent/carved", *map(str, self.arguments)],
                env=self.environment, stderr=log, stdout=log, cwd=self.folder)

    def log(self):
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    def wait_log(self, words, seconds=60):
        wait_for(lambda: words in self.log(), lambda: f"'{words}' in the log:\n{self.log()}",
                 seconds)

    def signal(self, number):
        self.process.send_signal(number)

    def end(self):
        """Stops it in order; the exit code shows what a sanitizer found."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        assert self.process.wait(60) == 0, self.log()

    def kill(self):
        self.process.kill()
        self.process.wait(60)
        self.expected_codes.append(-signal.SIGKILL)

    def state(self):
        """The newest NodeState of carve.v1.Node."""
        with grpc.insecure_channel(f"unix:{self.socket}", [
                ("grpc.use_local_subchannel_pool", 1)]) as channel:
            answers = channel.unary_stream("/carve.v1.Node/Watch")(
                b"", timeout=60, wait_for_ready=True)
            state = NODE.NodeState.FromString(next(answers))
            answers.cancel()
            return state

    def ask(self, method, request, timeout=60):
        """The answer of a method of carve.v1.Node with one answer."""
        with grpc.insecure_channel(f"unix:{self.socket}", [
                ("grpc.use_local_subchannel_pool", 1)]) as channel:
            return channel.unary_unary(f"/carve.v1.Node/{method}")(
                request.SerializeToString(), timeout=timeout, wait_for_ready=True)

    def cdi(self):
        """The CDI file's content; None if there is none."""
        path = self.cdi_folder / "carve.dev-gpu.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


@pytest.fixture
def folder():
    """Short, because a socket's path has room for 107 bytes."""
    path = tempfile.mkdtemp(prefix="carve-", dir="/tmp")
    yield pathlib.Path(path)
    shutil.rmtree(path)


@pytest.fixture
def emulated_node(folder):
    return lambda name="p4d.24xlarge": Node(folder / "node", name)


@pytest.fixture
def node(emulated_node):
    return emulated_node()


@pytest.fixture
def kubelet(folder):
    """Not started yet."""
    made = kubelet_module.Kubelet(folder / "dp")
    yield made
    made.stop()


@pytest.fixture
def pods(node):
    made = pods_module.Pods(node.folder / "pods.sock")
    yield made
    made.server.stop(None).wait(10)


@pytest.fixture
def carved(node, kubelet):
    """Starts carved on the p4d beside the kubelet, which is started if nobody has done so; at the
    end each must stop in order."""
    runs = []

    def start(config=None, arguments=(), environment=None, with_kubelet=True, on=None):
        if with_kubelet and kubelet.server is None:
            kubelet.start()
        runs.append(Carved(on or node, kubelet, config, arguments, environment))
        return runs[-1]

    yield start
    for run in runs:
        print(run.log())
        if run.process.poll() is None:
            run.end()
        assert run.process.returncode in run.expected_codes
        assert "runtime error:" not in run.log() and "Sanitizer" not in run.log(), run.log()


def time_slicing(replicas, resource="nvidia.com/gpu", **more):
    return {"version": "v1", "sharing": {"timeSlicing": {
        "resources": [{"name": resource, "replicas": replicas}], **more}}}


def wait_devices(kubelet, expected, seconds=60):
    """Until the kubelet sees exactly these numbers of healthy devices."""
    wait_for(lambda: kubelet.healthy() == expected,
             lambda: f"{expected}, it has {kubelet.healthy()}", seconds)
