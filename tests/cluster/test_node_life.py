# SPDX-License-Identifier: Apache-2.0
"""A node's life with the chart on it: configuration and MIG by label, faults, outages, restarts."""
import re
import subprocess

import pytest

from chart import NAMESPACE, NODE, RELEASE
from conftest import BUILD, HERE, wait_for
from test_install import identity, processes, run_pod, wait_slices

CONFIG = "nvidia.com/device-plugin.config"
MIG = "nvidia.com/mig.config"
FOUR = "version: v1\nsharing:\n  timeSlicing:\n    resources:\n    - {name: nvidia.com/gpu, replicas: 4}\n"
WHOLE = "version: v1\nflags:\n  migStrategy: mixed\n"
MIG_VALUES = {"migManager": {"enabled": True, "drain": True}, "mig": {"strategy": "mixed"}}
SMALL = {"nvidia.com/mig-1g.5gb": 56}
BALANCED = {"nvidia.com/mig-1g.5gb": 16, "nvidia.com/mig-2g.10gb": 8, "nvidia.com/mig-3g.20gb": 8}


@pytest.fixture
def label(cluster):
    """Sets or (None) takes away labels of the node; all are gone afterwards."""
    given = set()

    def change(name, value):
        given.add(name)
        cluster.kubectl("label", "node", NODE, "--overwrite", f"{name}-" if value is None else f"{name}={value}")

    yield change
    for name in given:
        cluster.kubectl("label", "node", NODE, f"{name}-")


def told(chart, reason):
    return [message for found, message in chart.events() if found == reason]


def wait_state(chart, wanted):
    def state():
        found = chart.labels().get(f"{MIG}.state")
        return found if found == wanted else None

    try:
        wait_for(f"{MIG}.state={wanted}", state)
    except AssertionError as error:
        raise AssertionError(f"{error}: it is {chart.labels().get(f'{MIG}.state')}") from None


class Offers:
    """Every count of a resource that the node has allocatable from now on."""

    def __init__(self, chart, resource):
        self.path = chart.folder / "offers.log"
        self.file = open(self.path, "wb")
        line = r'jsonpath={.status.allocatable.' + resource.replace(".", r"\.") + r'}{"\n"}'
        self.process = subprocess.Popen([HERE / "cluster", "exec", chart.cluster.folder, "kubectl", "get", "node", NODE,
                                         "--watch", "-o", line], stdout=self.file)

    def seen(self):
        return set(self.path.read_text().split())

    def end(self):
        self.process.terminate()
        self.process.wait()
        self.file.close()


def test_a_new_node_never_offers_the_default_first(cluster, chart, label):
    """Its ConfigMap comes late, and so do its slices: whole GPUs are never offered."""
    label(CONFIG, "four")
    offers = Offers(chart, "nvidia.com/gpu")
    try:
        chart.install({"config": {"name": "late"}})
        wait_for("condition", lambda: (chart.condition("carve.dev/Configured") or {}).get("status") == "False")
        assert "ConfigMap gpu/late is not there" in chart.condition("carve.dev/Configured")["message"]
        wait_for("the hardware", lambda: "A100" in chart.carve("gpus"))
        assert chart.allocatable() == {}
        cluster.kubectl("-n", NAMESPACE, "create", "configmap", "late", f"--from-literal=four={FOUR}")
        wait_slices(chart, {"nvidia.com/gpu": 32})
        wait_for("the watch", lambda: "32" in offers.seen())
        assert offers.seen() <= {"0", "32"}
        assert "nobody has configured this node" not in chart.logs("carved")
    finally:
        offers.end()
        cluster.kubectl("-n", NAMESPACE, "delete", "configmap", "late", "--ignore-not-found")


def test_configuration_by_label(cluster, chart, label):
    """nvidia-stack.md section 9, case 13, and the content of the ConfigMap, which NVIDIA's watches not."""
    chart.install({"config": {"map": {"default": WHOLE, "four": FOUR}}})
    wait_slices(chart, {"nvidia.com/gpu": 8})
    label(CONFIG, "four")
    wait_slices(chart, {"nvidia.com/gpu": 32})
    wait_for("label of the replicas", lambda: chart.labels().get("nvidia.com/gpu.replicas") == "4")
    run_pod(cluster, "shared")

    label(CONFIG, "fuor")
    wait_for("condition", lambda: (chart.condition("carve.dev/Configured") or {}).get("status") == "False")
    assert "fuor" in chart.condition("carve.dev/Configured")["message"]
    assert chart.allocatable() == {"nvidia.com/gpu": 32}

    label(CONFIG, "four")
    wait_for("condition", lambda: chart.condition("carve.dev/Configured")["status"] == "True")
    cluster.kubectl("-n", NAMESPACE, "patch", "configmap", f"{RELEASE}-configs", "--type=merge", "-p",
                    '{"data": {"four": "%s"}}' % FOUR.replace("replicas: 4", "replicas: 5").replace("\n", "\\n"))
    wait_slices(chart, {"nvidia.com/gpu": 40})
    cluster.kubectl("-n", NAMESPACE, "patch", "configmap", f"{RELEASE}-configs", "--type=merge", "-p",
                    '{"data": {"four": "version: [v1"}}')
    wait_for("condition", lambda: chart.condition("carve.dev/Configured")["status"] == "False")
    assert chart.allocatable() == {"nvidia.com/gpu": 40}
    # The GPU of a slice that is held waits for its holder; the other seven do not.
    label(CONFIG, None)
    wait_for("the whole GPUs", lambda: 7 <= chart.allocatable()["nvidia.com/gpu"] <= 8)
    cluster.kubectl("delete", "pod", "shared", "--force", "--grace-period=0")
    wait_slices(chart, {"nvidia.com/gpu": 8})


def test_mig_by_label(cluster, chart, label):
    """A100, whose mode changes with a GPU reset, which is allowed here."""
    chart.install(MIG_VALUES)
    wait_slices(chart, {"nvidia.com/gpu": 8})
    label(MIG, "all-1g.5gb")
    wait_state(chart, "success")
    wait_slices(chart, SMALL)
    wait_for("labels", lambda: chart.labels().get("nvidia.com/mig-1g.5gb.count") == "56")
    run_pod(cluster, "small", resource="nvidia.com/mig-1g.5gb")
    before = identity(cluster, "small")

    # There is room for this one beside the slice that is held.
    label(MIG, "all-balanced")
    wait_slices(chart, BALANCED)
    wait_state(chart, "success")
    assert identity(cluster, "small") == before

    label(MIG, "all-7g.40gb")
    wait_state(chart, "failed")
    assert any("small" in message for _, message in chart.events())
    assert chart.allocatable() == BALANCED and identity(cluster, "small") == before

    label("carve.dev/mig.drain", "true")
    wait_slices(chart, {"nvidia.com/mig-7g.40gb": 8})
    wait_state(chart, "success")
    wait_for("the end of the holder", lambda: not cluster.pods())
    wait_for("the end of the taint", lambda: "carve.dev/mig-change" not in chart.taints())

    label(MIG, "all-nonsense")
    wait_state(chart, "failed")
    assert chart.allocatable() == {"nvidia.com/mig-7g.40gb": 8}
    label(MIG, "all-disabled")
    wait_state(chart, "success")
    wait_slices(chart, {"nvidia.com/gpu": 8})


def test_mig_where_reset_is_refused(cluster, chart, label):
    chart.install(MIG_VALUES)
    wait_slices(chart, {"nvidia.com/gpu": 8})
    for gpu in range(8):
        chart.machine.emulator("refuse-reset", gpu, "on")
    label(MIG, "all-1g.5gb")
    wait_state(chart, "failed")
    assert chart.allocatable() == {"nvidia.com/gpu": 8}
    assert any("reset" in message for _, message in chart.events())
    for gpu in range(8):
        chart.machine.emulator("refuse-reset", gpu, "off")
    label(MIG, "all-disabled")
    wait_state(chart, "success")
    label(MIG, "all-1g.5gb")
    wait_state(chart, "success")
    wait_slices(chart, SMALL)


def reboot_values(chart):
    """A command that reboots the emulated machine. The host's mounts are found by process 1 of its /proc, which the
    emulated one has not: there the link leads to the process that keeps this node's own mounts."""
    holder = (chart.cluster.folder / "nodes" / NODE / "pids/holder").read_text().strip()
    namespaces = chart.machine.tree / "proc/1/ns"
    namespaces.mkdir(parents=True)
    (namespaces / "mnt").symlink_to(f"/proc/{holder}/ns/mnt")
    command = chart.folder / "reboot"
    settings = " ".join(f"{name}={value}" for name, value in chart.machine.environment.items())
    command.write_text(f"#!/bin/sh\nset -e\nreadlink /proc/self/ns/mnt >>{chart.folder}/reboots\n"
                       f"exec env {settings} {BUILD}/emulator/carve-emulator reboot\n")
    command.chmod(0o755)
    return {"migManager": {"enabled": True, "reboot": True, "rebootCommand": str(command)}, "mig": {"strategy": "mixed"}}


def test_mig_where_a_reboot_is_needed(cluster, chart, label):
    """A100 whose mode changes with the next boot alone: the node is rebooted once, then cut."""
    chart.install(reboot_values(chart))
    wait_slices(chart, {"nvidia.com/gpu": 8})
    for gpu in range(8):
        chart.machine.emulator("mig-pending", gpu, "reboot")
    label(MIG, "all-1g.5gb")
    wait_for("the reboot", (chart.folder / "reboots").exists)
    wait_state(chart, "rebooting")
    for name in ("carved", "carve-gateway"):  # as a reboot does
        subprocess.run(["kill", "-KILL", processes(chart)[name].name], check=True)
    wait_state(chart, "success")
    wait_slices(chart, SMALL)
    boots = (chart.folder / "reboots").read_text().split()
    own = subprocess.run(cluster.run_on(NODE, "readlink", "/proc/self/ns/mnt"), check=True, text=True, capture_output=True)
    assert boots == [own.stdout.strip()], "it was to run once, among the node's mounts"
    assert told(chart, "MigRebooting")


def test_mig_where_a_reboot_is_needed_and_not_allowed(cluster, chart, label):
    chart.install(MIG_VALUES)
    wait_slices(chart, {"nvidia.com/gpu": 8})
    for gpu in range(8):
        chart.machine.emulator("mig-pending", gpu, "reboot")
    label(MIG, "all-1g.5gb")
    wait_state(chart, "failed")
    assert any("reboot" in message for _, message in chart.events())
    wait_slices(chart, {"nvidia.com/gpu": 8})


def test_fault_and_recovery(cluster, chart):
    chart.install({"faultTaint": "carve.dev/fault:NoSchedule", "carved": {"extraArgs": ["--health-probation=1s"]}})
    wait_slices(chart, {"nvidia.com/gpu": 8})
    run_pod(cluster, "kept")
    before = identity(cluster, "kept")
    wait_for("condition", lambda: (chart.condition("AcceleratedHardwareReady") or {}).get("status") == "True")
    chart.machine.emulator("lose", 3)
    wait_slices(chart, {"nvidia.com/gpu": 7})
    wait_for("condition", lambda: chart.condition("AcceleratedHardwareReady")["status"] == "False")
    wait_for("taint", lambda: "carve.dev/fault" in chart.taints())
    wait_for("Event", lambda: told(chart, "GPUFault"))
    chart.machine.emulator("find", 3)
    chart.machine.emulator("reset", 3)
    wait_slices(chart, {"nvidia.com/gpu": 8})
    wait_for("condition", lambda: chart.condition("AcceleratedHardwareReady")["status"] == "True")
    wait_for("the end of the taint", lambda: "carve.dev/fault" not in chart.taints())
    assert identity(cluster, "kept") == before


def test_api_outage_and_kubelet_restart(cluster, chart, label):
    chart.install({"config": {"map": {"default": WHOLE, "four": FOUR}}})
    wait_slices(chart, {"nvidia.com/gpu": 8})
    run_pod(cluster, "kept")
    before = identity(cluster, "kept")
    pids = {name: folder.name for name, folder in processes(chart).items()}

    cluster.run("stop", cluster.folder, "kube-apiserver")
    try:
        chart.machine.emulator("lose", 1)
        wait_for("words about the outage", lambda: "cannot reach" in log_on_disk(cluster))
    finally:
        cluster.run("start", cluster.folder, "kube-apiserver")
    wait_for("the API server", lambda: ready(cluster))
    wait_slices(chart, {"nvidia.com/gpu": 7})
    chart.machine.emulator("find", 1)
    chart.machine.emulator("reset", 1)
    wait_slices(chart, {"nvidia.com/gpu": 8})
    label(CONFIG, "four")
    wait_for("more slices", lambda: chart.allocatable()["nvidia.com/gpu"] > 8)
    label(CONFIG, None)
    wait_slices(chart, {"nvidia.com/gpu": 8})

    cluster.run("stop", cluster.folder, f"{NODE}/kubelet")
    cluster.run("start", cluster.folder, f"{NODE}/kubelet")
    wait_for("a ready node", lambda: chart.condition("Ready")["status"] == "True")
    run_pod(cluster, "second")
    assert identity(cluster, "kept") == before and identity(cluster, "second")[2] != before[2]
    assert {name: folder.name for name, folder in processes(chart).items()} == pids, "a process was started again"


@pytest.fixture
def diagnosed(cluster, chart):
    """container -> {check: verdict} of `carve doctor node` there, and its exit status. /proc and /sys of any container
    are the machine's, so those of the emulated machine are put beside; its device nodes are not in /dev."""
    hardware = [{"name": name, "mountPath": f"/host/{name}", "readOnly": True} for name in ("proc", "sys")]
    chart.install({"gateway": {"extraVolumeMounts": hardware}})
    wait_slices(chart, {"nvidia.com/gpu": 8})
    wait_for("labels", lambda: chart.labels().get("nvidia.com/gpu.count") == "8")

    def ask(container):
        done = subprocess.run([HERE / "cluster", "exec", cluster.folder, "kubectl", "-n", NAMESPACE, "exec", chart.pod(),
                               "-c", container, "--", "carve", "doctor", "node", "--dev-root", chart.machine.tree],
                              text=True, capture_output=True, check=False)
        print(done.stdout, done.stderr)
        lines = re.findall(r"^(ok|warning|failed|not judged) +([a-z-]+) ", done.stdout, re.M)
        return {check: verdict for verdict, check in lines}, done.returncode

    return ask


def test_the_doctor_finds_the_node_fit(diagnosed):
    """Each container sees a part; what it does not see it says so of. Both together have seen everything but the
    container runtime's own configuration."""
    carved, carved_code = diagnosed("carved")
    gateway, gateway_code = diagnosed("carve-gateway")
    assert "failed" not in carved.values() and "failed" not in gateway.values()
    assert carved_code == 0 and gateway_code == 0
    assert {check for check in gateway if gateway[check] == "not judged" and carved.get(check, "not judged") == "not judged"} \
        == {"runtime"}
    for check in ("api", "rights", "gateway", "allocatable", "labels", "taints"):
        assert gateway[check] == "ok", check


def ready(cluster):
    try:
        return cluster.kubectl("get", "--raw", "/readyz") == "ok"
    except AssertionError:
        return False


def log_on_disk(cluster):
    """The gateway's log on the node's disk: the API server cannot be asked for it."""
    done = subprocess.run(cluster.run_on(NODE, "sh", "-c", "cat /var/log/pods/*/carve-gateway/*.log"), text=True,
                          capture_output=True, check=False)
    return done.stdout
