# SPDX-License-Identifier: Apache-2.0
"""From a pending pod to a running one and back, by real Karpenter, with the examples as they are but for nodeClassRef."""
import collections

from examples import Example
from harness import wait_for
from scenes import (check_nodes, identity, nodes_of, pods_of, promised, quicken, seen, set_up, values, wait_in_service,
                    workloads)
from work import deployment

SINGLE = Example("mig-single-p4d")


def scale(cloud, name, count):
    cloud.cluster.kubectl("scale", f"deployment/{name}", f"--replicas={count}")


def check_one_mig_device_each(cloud, example):
    """Every pod sees one MIG device, and no other pod sees it."""
    devices = [migs for _, migs in seen(cloud, example).values()]
    assert all(len(migs) == 1 for migs in devices)
    assert len({migs[0] for migs in devices}) == len(devices) == pods_of(example.deployments.values())


def test_mig_single_up_down_and_up(empty):
    """60 pods buy 56 + 4 slices; the node that runs empty goes; what comes then is bought anew."""
    empty.install(*values(SINGLE))
    set_up(empty, SINGLE)
    empty.apply(*workloads(SINGLE))
    empty.wait_running(60)
    asked = sorted(int(claim["spec"]["resources"]["requests"]["nvidia.com/gpu"]) for claim in empty.claims().values())
    assert asked == [4, 56]
    wait_in_service(empty)
    check_nodes(empty, SINGLE, 2)
    check_one_mig_device_each(empty, SINGLE)
    assert len(empty.bought) == 2

    stays, goes = sorted(nodes_of(empty, SINGLE))
    kept = {name: identity(pod) for name, pod in empty.pods("Running").items() if pod["spec"]["nodeName"] == stays}
    first = [name for name in empty.pods("Running") if name not in kept]
    empty.cluster.kubectl("annotate", "pod", *first, "controller.kubernetes.io/pod-deletion-cost=-1")
    quicken(empty, SINGLE)
    scale(empty, SINGLE.name, len(kept))
    wait_for("the end of the empty node", lambda: set(empty.nodes()) == set(empty.fleet.machines) == {stays}, 240)
    assert not (empty.cluster.folder / "nodes" / goes / "pids/holder").exists()
    assert {name: identity(pod) for name, pod in empty.pods("Running").items()} == kept
    assert len(empty.claims()) == 1 and len(empty.bought) == 2

    scale(empty, SINGLE.name, 60)
    empty.wait_running(60)
    check_one_mig_device_each(empty, SINGLE)
    now = {name: identity(pod) for name, pod in empty.pods("Running").items()}
    assert {name: now.get(name) for name in kept} == kept
    assert len(empty.bought) == 3


# Nodes that each example's workload needs.
WAYS = {"mig-mixed-p4d": 2, "time-slicing-g6": 2, "time-slicing-g5": 3, "whole-g4dn": 3}


def check_ways(cloud, examples):
    """Nodes in service, none too many, and in each pod the one slice that it asked for."""
    wait_in_service(cloud)
    assert collections.Counter(cloud.bought.values()) == {example.name: WAYS[example.name] for example in examples}
    for example in examples:
        check_nodes(cloud, example, WAYS[example.name])
        if example.name.startswith("mig-"):
            check_one_mig_device_each(cloud, example)
        else:
            pods_on = collections.Counter(gpu for gpu, _ in seen(cloud, example).values())
            assert len(pods_on) == WAYS[example.name] and pods_on.total() == pods_of(example.deployments.values())
            assert max(pods_on.values()) <= max(map(int, promised(example).values()))


def test_several_ways_with_one_release(empty):
    """MIG of three sizes, time-slices under either name, and whole GPUs, ten nodes side by side."""
    examples = [Example(name) for name in WAYS]
    empty.install(*values(*examples))
    set_up(empty, *examples)
    wanted = workloads(*examples)
    empty.apply(*wanted)
    empty.wait_running(pods_of(wanted))
    check_ways(empty, examples)
    check_wrong_shapes(empty)


# Pods that a pool can never hold: what they ask for, of which pool.
WRONG = {"whole": ("nvidia.com/gpu", "mig-mixed-p4d"), "seven": ("nvidia.com/mig-7g.40gb", "mig-mixed-p4d"),
         "plain": ("nvidia.com/gpu", "time-slicing-g5")}


def check_wrong_shapes(cloud):
    """They stay pending, Karpenter says why, and buys nothing."""
    bought = len(cloud.bought)
    for name, (resource, pool) in WRONG.items():
        pod = deployment(name, 1, resource, pool)["spec"]["template"]
        cloud.cluster.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": pod["spec"]})

    def told_of(name):
        return [event["message"] for event in cloud.api.list("events", fieldSelector=f"involvedObject.name={name}")
                if event.get("reportingComponent") == "karpenter" and event["reason"] == "FailedScheduling"]
    for name, (resource, pool) in WRONG.items():
        wait_for(f"Karpenter's word about pod {name}", lambda n=name: told_of(n), 120)
        assert any("no instance type" in words and f'"{resource}":"1"' in words for words in told_of(name)), told_of(name)
        assert cloud.pods()[name]["status"]["phase"] == "Pending"
    assert len(cloud.bought) == bought


def test_without_overlays(empty):
    """Karpenter with its gate off: the variants of the examples, whose lid or holder says how many nodes there are."""
    examples = [Example(f"{name}/without-overlay") for name in ("mig-mixed-p4d", "time-slicing-g6", "time-slicing-g5")]
    empty.karpenter.stop()
    empty.karpenter.start(gates="")
    try:
        empty.install(*values(*examples))
        set_up(empty, *examples)
        wanted = workloads(*examples)
        empty.apply(*wanted)
        empty.wait_running(pods_of(wanted))
        check_ways(empty, examples)
    finally:
        empty.karpenter.stop()
        empty.karpenter.start()
