# SPDX-License-Identifier: Apache-2.0
"""The main job on a real Kubernetes: slices are allocatable, pods get them, restarts change nothing."""
import os
import re

import pytest

from conftest import wait_for

pytestmark = pytest.mark.usefixtures("clean")


def time_slicing(replicas):
    return f"""version: v1
sharing:
  timeSlicing:
    resources:
    - name: nvidia.com/gpu
      replicas: {replicas}
"""


def mig(strategy):
    return f"version: v1\nflags:\n  migStrategy: {strategy}\n"


def container(resource, count=1, command="exec sleep 1000000"):
    return {"name": "main", "image": "carve.test/busybox:1", "imagePullPolicy": "Never",
            "command": ["/bin/sh", "-c", command],
            "resources": {"limits": {resource: str(count)}}}


def pod(name, resource, count=1, **rest):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
            "spec": {"restartPolicy": "Never", "terminationGracePeriodSeconds": 0,
                     "containers": [container(resource, count, **rest)]}}


def deployment(name, resource, replicas):
    labels = {"app": name}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
            "spec": {"replicas": replicas, "selector": {"matchLabels": labels},
                     "template": {"metadata": {"labels": labels},
                                  "spec": {"terminationGracePeriodSeconds": 0,
                                           "containers": [container(resource)]}}}}


def running(cluster, count):
    wait_for(f"{count} running pods", lambda: len(cluster.pods("Running")) == count, 180)


def devices_seen(cluster, name):
    """The NVIDIA device nodes inside a pod."""
    listed = cluster.kubectl("exec", name, "--", "/bin/sh", "-c", "ls /dev /dev/nvidia-caps 2>/dev/null; true")
    return {word for word in listed.split() if re.match(r"nvidia", word) and word != "nvidia-caps"}


@pytest.mark.parametrize("replicas", [4, 10])
def test_time_slicing(cluster, node, replicas):
    node.configure(time_slicing(replicas))
    cluster.wait_allocatable({"nvidia.com/gpu": 8 * replicas})
    cluster.apply(pod("one", "nvidia.com/gpu"), pod("other", "nvidia.com/gpu"))
    running(cluster, 2)
    seen = devices_seen(cluster, "one")
    assert {"nvidiactl", "nvidia-uvm"} <= seen
    assert len([name for name in seen if re.fullmatch(r"nvidia\d+", name)]) == 1
    libraries = cluster.kubectl("exec", "one", "--", "/bin/ls", "/usr/lib/x86_64-linux-gnu")
    assert "libcuda.so.1" in libraries and "libnvidia-ml.so.1" in libraries
    holders = node.holders()
    assert sorted(holders.values()) == ["one", "other"]
    assert all("::" in slice_id for slice_id in holders)


def test_single_56_slices_run_56_of_100(cluster, node):
    node.configure(mig("single"))
    node.carve("mig", "apply", "-c", "all-1g.5gb")
    cluster.wait_allocatable({"nvidia.com/gpu": 56})
    cluster.apply(deployment("many", "nvidia.com/gpu", 100))
    running(cluster, 56)
    holders = node.holders()
    assert len(holders) == 56 and all(slice_id.startswith("MIG-") for slice_id in holders)
    assert len(cluster.pods("Pending")) == 44
    name = next(iter(holders.values()))
    assert len([device for device in devices_seen(cluster, name) if device.startswith("nvidia-cap")]) == 2


def test_mixed_then_balanced(cluster, node):
    node.configure(mig("mixed"))
    node.carve("mig", "apply", "-c", "all-1g.5gb")
    cluster.wait_allocatable({"nvidia.com/mig-1g.5gb": 56})
    cluster.apply(pod("small", "nvidia.com/mig-1g.5gb"))
    running(cluster, 1)
    with pytest.raises(AssertionError, match="small"):
        node.carve("mig", "apply", "-c", "all-disabled")
    assert cluster.allocatable() == {"nvidia.com/mig-1g.5gb": 56}
    cluster.clear()
    node.carve("mig", "apply", "-c", "all-balanced")
    cluster.wait_allocatable({"nvidia.com/mig-1g.5gb": 16, "nvidia.com/mig-2g.10gb": 8,
                              "nvidia.com/mig-3g.20gb": 8})
    cluster.apply(pod("large", "nvidia.com/mig-3g.20gb"), pod("middle", "nvidia.com/mig-2g.10gb", 2))
    running(cluster, 2)


def processes(cluster):
    return {item["metadata"]["name"]: item["status"]["containerStatuses"][0]["containerID"]
            for item in cluster.pods("Running")}


@pytest.mark.parametrize("what", ["kubelet", "carved", "carved killed"])
def test_restart_under_running_pods(cluster, node, what):
    node.configure(mig("mixed"))
    node.carve("mig", "apply", "-c", "all-balanced")
    cluster.wait_allocatable({"nvidia.com/mig-1g.5gb": 16, "nvidia.com/mig-2g.10gb": 8,
                              "nvidia.com/mig-3g.20gb": 8})
    cluster.apply(deployment("kept", "nvidia.com/mig-1g.5gb", 8))
    running(cluster, 8)
    before, slices = processes(cluster), node.holders()

    if what == "kubelet":
        cluster.run("stop", cluster.folder, "gpu-node/kubelet")
        cluster.run("start", cluster.folder, "gpu-node/kubelet")
    else:
        node.stop(kill=what == "carved killed")
        node.start()
    wait_for("carve.v1.Node", lambda: os.path.exists(node.folder) and answers(node))
    cluster.kubectl("scale", "deployment/kept", "--replicas=16")
    running(cluster, 16)
    after = processes(cluster)
    assert {name: after[name] for name in before} == before, "a container was restarted"
    now = node.holders()
    assert len(now) == 16
    assert {slice_id: now[slice_id] for slice_id in slices} == slices, "a pod changed its slice"


def answers(node):
    try:
        node.carve("ps")
        return True
    except AssertionError:
        return False
