# SPDX-License-Identifier: Apache-2.0
"""The real carve-gateway beside the real carved on the emulated node, before a stand-in API server (apiserver.py).
The machinery of the node is that of tests/agent; what its stand-in kubelet holds is mirrored into the node object."""
import concurrent.futures
import importlib.util
import pathlib
import signal
import subprocess
import sys
import threading

import grpc
import pytest

HERE = pathlib.Path(__file__).resolve().parent
AGENT = HERE.parent / "agent"
sys.dont_write_bytecode = True
sys.path[:0] = [str(HERE), str(AGENT)]
_spec = importlib.util.spec_from_file_location("node_fixtures", AGENT / "conftest.py")
fixtures = importlib.util.module_from_spec(_spec)
sys.modules["node_fixtures"] = fixtures
_spec.loader.exec_module(fixtures)

import apiserver  # noqa: E402  pylint: disable=wrong-import-position

BUILD = fixtures.BUILD
NODE = "gpu-node"
TAINT = "carve.dev/not-ready"
wait_for, time_slicing = fixtures.wait_for, fixtures.time_slicing

# The fixtures that the tests here name.
folder, emulated_node, kubelet = fixtures.folder, fixtures.emulated_node, fixtures.kubelet
carved, pods = fixtures.carved, fixtures.pods


@pytest.fixture
def node(emulated_node, request):
    """A p4d, or what the test names with indirect=True."""
    return emulated_node(getattr(request, "param", "p4d.24xlarge"))


class Mirror(threading.Thread):
    """What a kubelet does with the device lists: healthy devices become capacity and allocatable of the node object, a
    resource whose plugin is gone stays with 0. Lists in `held` are not passed on, counts in `more` come on top."""

    def __init__(self, kubelet, api):
        super().__init__(daemon=True)
        self.kubelet, self.api = kubelet, api
        self.over, self.held, self.more = threading.Event(), set(), {}

    def run(self):
        while not self.over.wait(0.01):
            found = self.kubelet.healthy()
            counts = {name: str(n) for name, n in found.items() if name not in self.held} | self.more
            if self.api.get("Node", NODE):
                self.api.change("Node", NODE, lambda n, c=counts: self.write(n, c))

    @staticmethod
    def write(node, counts):
        for kind in ("capacity", "allocatable"):
            amounts = node["status"].setdefault(kind, {})
            for name in list(amounts):
                if "nvidia.com/" in name and name not in counts:
                    amounts[name] = "0"
            amounts.update(counts)

    def end(self):
        self.over.set()
        self.join()


def a_node(labels=None, taints=(), **spec):
    """The node object as a kubelet makes it."""
    return {"kind": "Node", "metadata": {"name": NODE, "labels": {"kubernetes.io/hostname": NODE} | (labels or {})},
            "spec": {"taints": list(taints)} | spec,
            "status": {"capacity": {"cpu": "96", "memory": "1152Gi", "pods": "737"},
                       "allocatable": {"cpu": "95", "memory": "1100Gi", "pods": "737"},
                       "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady",
                                       "message": "kubelet is posting ready status"}]}}


STARTUP = {"key": TAINT, "effect": "NoSchedule"}
OTHER = {"key": "example.com/other", "value": "a", "effect": "NoExecute", "timeAdded": "2026-01-02T03:04:05Z"}
GPU = "nvidia.com/gpu"


class Gateway:
    """One run of the program; end() may be followed by start()."""

    def __init__(self, on, api, arguments=(), environment=None):
        self.folder, self.api = on.folder, api
        self.log_file = self.folder / f"gateway-{id(self)}.log"
        self.arguments = ["--socket", self.folder / "run/carved.sock", "--kubeconfig", api.kubeconfig(self.folder),
                          "--node-name", NODE, "--namespace", "carve", "--pod-name", "carve-x7x7x",
                          "--daemon-set", "carve", "--log-level", "debug", *arguments]
        self.environment = dict(on.environment, **(environment or {}))
        self.process = None
        self.expected_codes = [0]
        self.start()

    def start(self):
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen([BUILD / "src/gateway/carve-gateway", *map(str, self.arguments)],
                                            env=self.environment, stderr=log, stdout=log, cwd=self.folder)

    def log(self):
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    def wait_log(self, words, seconds=60, times=1):
        wait_for(lambda: self.log().count(words) >= times, lambda: f"'{words}' in the log:\n{self.log()}", seconds)

    def signal(self, number):
        self.process.send_signal(number)

    def end(self, seconds=60):
        """Stops it in order; the exit code shows what a sanitizer found."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        assert self.process.wait(seconds) == 0, self.log()

    def kill(self):
        self.process.kill()
        self.process.wait(60)
        self.expected_codes.append(-signal.SIGKILL)


@pytest.fixture
def api():
    """With the gateway's DaemonSet and pod, and no node yet."""
    with apiserver.APIServer() as server:
        owner = server.put({"kind": "DaemonSet", "metadata": {"name": "carve", "namespace": "carve"}, "spec": {}})
        server.put({"kind": "Pod", "metadata": {"name": "carve-x7x7x", "namespace": "carve", "ownerReferences": [{
            "apiVersion": "apps/v1", "kind": "DaemonSet", "name": "carve", "uid": owner["metadata"]["uid"],
            "controller": True}]}, "spec": {"nodeName": NODE}, "status": {"phase": "Running"}})
        yield server


@pytest.fixture
def mirror(kubelet, api):
    made = Mirror(kubelet, api)
    made.start()
    yield made
    made.end()


@pytest.fixture
def gateway(node, api, mirror):  # pylint: disable=unused-argument
    """Starts carve-gateway for the emulated node, whose object is made if nobody has done so; at the end each must stop
    in order."""
    runs = []

    def start(*arguments, environment=None, taints=(), labels=None, on=None, with_node=True):
        if with_node and not api.get("Node", NODE):
            api.put(a_node(labels, taints))
        runs.append(Gateway(on or node, api, arguments, environment))
        return runs[-1]

    yield start
    for run in runs:
        if run.process.poll() is None:
            run.end()
        print(run.log())
        assert run.process.returncode in run.expected_codes, run.log()
        assert "runtime error:" not in run.log() and "Sanitizer" not in run.log(), run.log()


class StandIn:
    """In carved's place: says of a node what the test wants; a message is bytes or a NodeState, `methods` are handlers of
    other calls."""

    def __init__(self, folder, message, **methods):
        self.message, self.changed, self.asked = message, threading.Event(), 0
        path = folder / "run/carved.sock"
        path.parent.mkdir(exist_ok=True)
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
        self.server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("carve.v1.Node", {
            "Watch": grpc.unary_stream_rpc_method_handler(self.watch)} | methods),))
        self.server.add_insecure_port(f"unix:{path}")
        self.server.start()

    def watch(self, _, context):
        self.asked += 1
        while context.is_active():
            self.changed.clear()
            yield self.message if isinstance(self.message, bytes) else self.message.SerializeToString()
            self.changed.wait(20)

    def say(self, message):
        self.message = message
        self.changed.set()

    def end(self):
        self.server.stop(None)
        self.changed.set()


@pytest.fixture
def stand_in(node):
    made = []

    def start(message, **methods):
        made.append(StandIn(node.folder, message, **methods))
        return made[-1]

    yield start
    for server in made:
        server.end()


def a_state(resources=(), gpus=1, mig=1, **more):
    """mig: 1 off, 2 on."""
    state = fixtures.NODE.NodeState(generation=1, resolved=True, version="0.1.0", **more)
    for index in range(gpus):
        state.inventory.gpus.add(index=index, minor=index, uuid=f"GPU-{index:036}", name="NVIDIA A100-SXM4-40GB",
                                 bus_id=f"0000:10:1{index}.0", numa_node=-1, mig=mig, mig_pending=mig,
                                 mem_total_bytes=40 << 30)
    for name, slices, healthy, registered in resources:
        state.resources.add(name=name, slices=slices, healthy=healthy, registered=registered, replicas=1, devices=slices,
                            kind=name)
    return state


def add_taint(node, taint, first=False):
    kept = node["spec"].get("taints") or []
    node["spec"]["taints"] = [taint] + kept if first else kept + [taint]


def taints(api):
    """Keys of the node's taints."""
    return [taint["key"] for taint in api.get("Node", NODE)["spec"].get("taints") or []]


def events(api, reason=None):
    return [event for event in api.list("Event") if reason in (None, event["reason"])]


def wait_event(api, reason, seconds=60):
    return wait_for(lambda: events(api, reason), lambda: f"Event {reason}, there are {events(api)}", seconds)[0]


def condition(api, kind="AcceleratedHardwareReady"):
    """The node's condition of this type, or None."""
    found = [c for c in api.get("Node", NODE)["status"].get("conditions", []) if c["type"] == kind]
    return found[0] if found else None
