# SPDX-License-Identifier: Apache-2.0
"""A real kubelet and slices that the configuration drops while pods hold them: pods run on, nobody
else gets them, and they go with their pods; over restarts of kubelet, carved and container."""
import subprocess

import pytest

from conftest import NODE, wait_for
from test_slices import pod, processes, time_slicing

pytestmark = pytest.mark.usefixtures("clean")
GPU = "nvidia.com/gpu"
RENAMED = time_slicing(2).replace("    resources:", "    renameByDefault: true\n    resources:")


def running(cluster, count):
    try:
        wait_for(f"{count} running pods", lambda: len(cluster.pods("Running")) == count, 180)
    except AssertionError as error:
        told = cluster.kubectl("get", "events", "--field-selector", "type=Warning")
        raise AssertionError(f"{error}\n{cluster.kubectl('get', 'pods')}\n{told}") from None


def amounts(cluster, resource=GPU):
    """(capacity, allocatable) of the node."""
    status = cluster.get("node", NODE)["status"]
    return int(status["capacity"].get(resource, 0)), int(status["allocatable"].get(resource, 0))


def wait_amounts(cluster, capacity, allocatable, resource=GPU):
    wait_for(f"{resource}: capacity {capacity}, allocatable {allocatable}",
             lambda: amounts(cluster, resource) == (capacity, allocatable), 120)


def restart_kubelet(cluster, before):
    cluster.run("stop", cluster.folder, "gpu-node/kubelet")
    cluster.run("start", cluster.folder, "gpu-node/kubelet")
    wait_for("the node", lambda: all(
        condition["status"] == "True" for condition in cluster.get("node", NODE)["status"]["conditions"]
        if condition["type"] == "Ready"), 120)
    assert processes(cluster) == before


def test_dropped_under_running_pods(cluster, node):
    node.configure(time_slicing(4))
    cluster.wait_allocatable({GPU: 32})
    cluster.apply(*(pod(f"held-{n}", GPU, 4) for n in range(8)))  # all of them
    running(cluster, 8)
    before = processes(cluster)
    node.configure(time_slicing(2))
    wait_amounts(cluster, 32, 16)  # half of what is held stays, unhealthy
    node.configure(RENAMED)
    wait_amounts(cluster, 32, 0)
    wait_amounts(cluster, 16, 16, GPU + ".shared")
    assert processes(cluster) == before

    restart_kubelet(cluster, before)
    wait_amounts(cluster, 32, 0)
    wait_amounts(cluster, 16, 16, GPU + ".shared")
    node.stop(kill=True)
    node.start()
    wait_amounts(cluster, 32, 0)
    wait_amounts(cluster, 16, 16, GPU + ".shared")
    cluster.apply(pod("new", GPU))
    cluster.apply(pod("shared", GPU + ".shared"))
    wait_for("the shared one", lambda: "shared" in processes(cluster))
    assert {p["metadata"]["name"] for p in cluster.pods("Pending")} == {"new"}
    assert {name: id_ for name, id_ in processes(cluster).items() if name != "shared"} == before

    cluster.kubectl("delete", "pod", "new", "held-0", "--wait=true")
    wait_amounts(cluster, 28, 0)
    cluster.kubectl("delete", "pod", *(f"held-{n}" for n in range(1, 8)), "--wait=true")
    wait_amounts(cluster, 0, 0)
    assert amounts(cluster, GPU + ".shared") == (16, 16)


def test_a_container_that_restarts_keeps_its_dropped_slice(cluster, node):
    node.configure(time_slicing(4))
    cluster.wait_allocatable({GPU: 32})
    often = pod("often", GPU, command="exec sleep 1000000")
    often["spec"]["restartPolicy"] = "Always"
    cluster.apply(often, *(pod(f"held-{n}", GPU, 4) for n in range(7)))
    running(cluster, 8)
    node.configure(RENAMED)
    wait_amounts(cluster, 29, 0)

    def container():
        return cluster.get("pod", "often")["status"]["containerStatuses"][0]

    first = container()["containerID"].removeprefix("containerd://")
    subprocess.run(cluster.on_node("ctr", "-n", "k8s.io", "tasks", "kill", "-s", "SIGKILL", first), check=True)
    wait_for("a restart", lambda: container()["restartCount"] == 1 and "running" in container()["state"], 120)
    assert first not in container()["containerID"]
    assert "/dev/nvidiactl" in cluster.kubectl("exec", "often", "--", "ls", "/dev/nvidiactl")


def test_whole_gpus_become_shared_as_they_are_released(cluster, node):
    node.configure("version: v1\n")
    cluster.wait_allocatable({GPU: 8})
    cluster.apply(*(pod(f"held-{n}", GPU) for n in range(3)))
    running(cluster, 3)
    node.configure(time_slicing(4))
    cluster.wait_allocatable({GPU: 20})
    cluster.apply(*(pod(f"new-{n}", GPU, 4) for n in range(5)))
    running(cluster, 3 + 4)  # what is held counts against the twenty
    cluster.kubectl("delete", "pod", "held-0", "held-1", "held-2", "--wait=true")
    cluster.wait_allocatable({GPU: 32})
    running(cluster, 5)
