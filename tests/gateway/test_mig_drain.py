# SPDX-License-Identifier: Apache-2.0
"""MIG layout by label where pods hold slices (nvidia-stack.md, pain point 11): they are named, and evicted only where
both the administrator and the node say so."""
import json

import pytest

from conftest import NODE, events, taints, wait_for
from miglabel import (DRAIN, GPU, LABEL, SMALL, TAINT, all_calls, cut, gpu_ids, hold, label, life, pod, put_file,
                      wait_devices, wait_state)


def test_holders_are_named_and_nothing_is_touched(cut, api, kubelet, pods, node, life):
    cut()
    wait_devices(kubelet, {GPU: 8})
    hold(api, pods, gpu_ids(kubelet)[0], "train-0")
    hold(api, pods, gpu_ids(kubelet)[5], "train-5")
    label(api, "all-1g.5gb")
    words = wait_state(api, "failed", "pod team/train-0, container main", "pod team/train-5")
    assert "carve.dev/mig.drain=true" in words
    assert not any(sum(c.values()) for c in all_calls(node))
    assert not api.count("POST", "/eviction") and TAINT not in taints(api)
    # The reason passes: no new label is needed.
    life.end("train-0")
    life.end("train-5")
    wait_state(api, "success")
    wait_devices(kubelet, {SMALL: 56})


def test_a_process_outside_any_pod_is_named(cut, api, kubelet, node):
    cut("--mig-drain", labels=DRAIN)
    wait_devices(kubelet, {GPU: 8})
    node.emulator("process", "add", 3, 4242, "--name", "persistenced")
    label(api, "all-1g.5gb")
    wait_state(api, "failed", "GPU 3: process 4242 (", "no pod cannot be evicted")
    assert TAINT not in taints(api)
    node.emulator("process", "remove", 3, 4242)
    wait_state(api, "success")


def test_drain(cut, api, kubelet, pods, life):
    cut("--mig-drain", labels=DRAIN)
    wait_devices(kubelet, {GPU: 8})
    hold(api, pods, gpu_ids(kubelet)[0], "train-0")
    hold(api, pods, gpu_ids(kubelet)[5], "train-5")
    pod(api, "bystander")
    api.pod_end_s = None  # they take their time
    label(api, "all-1g.5gb")
    wait_for(lambda: life.is_going("train-0") and life.is_going("train-5"), "the evictions")
    assert TAINT in taints(api), "before the first eviction"
    wait_state(api, "pending", "train-0 is ending", "train-5 is ending")
    assert not life.is_going("bystander")
    life.end("train-0")
    wait_state(api, "pending")
    life.end("train-5")
    wait_state(api, "success")
    wait_devices(kubelet, {SMALL: 56})
    api.wait(lambda: TAINT not in taints(api), "no taint")
    assert api.count("POST", "/eviction") == 2, "each is asked once"
    assert len(events(api, "MigHolderEvicted")) == 2


@pytest.mark.parametrize("arguments, labels", [
    (["--mig-drain"], {}), (["--mig-drain"], {"carve.dev/mig.drain": "false"}), ([], DRAIN)])
def test_no_drain_without_both_leaves(cut, api, kubelet, pods, arguments, labels):
    cut(*arguments, labels=labels)
    wait_devices(kubelet, {GPU: 8})
    hold(api, pods, gpu_ids(kubelet)[0], "train-0")
    label(api, "all-1g.5gb")
    wait_state(api, "failed", "train-0")
    assert not api.count("POST", "/eviction") and TAINT not in taints(api)


def test_only_pods_in_the_way_are_evicted(cut, api, kubelet, pods, node, life):
    put_file(api, {"one": {"3g.20gb": 1, "1g.5gb": 3}, "two": {"3g.20gb": 1, "2g.10gb": 1, "1g.5gb": 1}})
    cut("--mig-config-map", "mig", "--mig-drain", labels=DRAIN | {LABEL: "one"})
    wait_devices(kubelet, {"nvidia.com/mig-3g.20gb": 8, SMALL: 24})
    large = gpu_ids(kubelet, "nvidia.com/mig-3g.20gb")[0]
    hold(api, pods, large, "stays", "nvidia.com/mig-3g.20gb")
    gpu = next(g["index"] for g in json.loads(node.emulator("show", "-o", "json"))["gpus"] for _ in [0]
               if large in json.dumps(g))
    small = [i for g in json.loads(node.emulator("show", "-o", "json"))["gpus"] if g["index"] == gpu
             for i in gpu_ids(kubelet, SMALL) if i in json.dumps(g)]
    for number, device in enumerate(small):
        hold(api, pods, device, f"small-{number}", SMALL)
    label(api, "two")
    wait_for(lambda: sum(life.is_going(f"small-{n}") for n in range(3)) == 2, "two of the three must go")
    assert not life.is_going("stays")
    for number in range(3):
        if life.is_going(f"small-{number}"):
            life.end(f"small-{number}")
    wait_state(api, "success")
    assert not life.is_going("stays")
    assert gpu_ids(kubelet, "nvidia.com/mig-3g.20gb").count(large) == 1


def test_a_disruption_budget_refuses_then_allows(cut, api, kubelet, pods, life):
    api.budgets[("team", "train-0")] = 1
    cut("--mig-drain", labels=DRAIN)
    wait_devices(kubelet, {GPU: 8})
    hold(api, pods, gpu_ids(kubelet)[0], "train-0")
    label(api, "all-1g.5gb")
    wait_state(api, "pending", "pod team/train-0 may not go yet", "disruption budget budget needs 1 healthy")
    wait_for(lambda: life.is_going("train-0"), "the second try")
    life.end("train-0")
    wait_state(api, "success")


def test_a_disruption_budget_that_never_allows(cut, api, kubelet, pods):
    api.budgets[("team", "train-0")] = -1
    cut("--mig-drain", "--mig-deadline", "2s", labels=DRAIN)
    wait_devices(kubelet, {GPU: 8})
    hold(api, pods, gpu_ids(kubelet)[0], "train-0")
    label(api, "all-1g.5gb")
    wait_state(api, "failed", "not done within 2 s", "disruption budget")
    api.wait(lambda: TAINT not in taints(api), "no taint")
    wait_devices(kubelet, {GPU: 8})


@pytest.mark.parametrize("kind", ["DaemonSet", "mirror"])
def test_pods_that_would_come_back_are_not_evicted(cut, api, kubelet, pods, kind):
    cut("--mig-drain", labels=DRAIN)
    wait_devices(kubelet, {GPU: 8})
    more = {"ownerReferences": [{"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "d", "uid": "u", "controller": True}]
            } if kind == "DaemonSet" else {"annotations": {"kubernetes.io/config.mirror": "hash"}}
    hold(api, pods, gpu_ids(kubelet)[0], "monitor", **more)
    label(api, "all-1g.5gb")
    wait_state(api, "failed", "pod team/monitor is not evicted", "take it off this node")
    api.wait(lambda: TAINT not in taints(api), "no taint")
    assert not api.count("POST", "/eviction")


def test_nobody_is_evicted_where_another_stays_anyway(cut, api, kubelet, pods):
    cut("--mig-drain", labels=DRAIN)
    wait_devices(kubelet, {GPU: 8})
    owner = {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "d", "uid": "u", "controller": True}
    hold(api, pods, gpu_ids(kubelet)[0], "train-0")
    hold(api, pods, gpu_ids(kubelet)[1], "monitor", ownerReferences=[owner])
    hold(api, pods, gpu_ids(kubelet)[2], "train-1")
    label(api, "all-1g.5gb")
    wait_state(api, "failed", "pod team/monitor is not evicted")
    assert not api.count("POST", "/eviction")


def test_a_pod_of_another_node_is_never_evicted(cut, api, kubelet, pods):
    """A new pod of the same name, as a StatefulSet makes it."""
    cut("--mig-drain", labels=DRAIN)
    wait_devices(kubelet, {GPU: 8})
    hold(api, pods, gpu_ids(kubelet)[0], "train-0", node="other-node")
    label(api, "all-1g.5gb")
    wait_state(api, "pending")
    wait_state(api, "pending", "pod team/train-0 is gone")
    assert not api.count("POST", "/eviction")
    pods.held.clear()
    wait_state(api, "success")
    assert not api.count("POST", "/eviction")


def test_a_pod_that_is_gone_already(cut, api, kubelet, pods, life):
    cut("--mig-drain", labels=DRAIN)
    wait_devices(kubelet, {GPU: 8})
    hold(api, pods, gpu_ids(kubelet)[0], "train-0")
    api.delete("Pod", "train-0", "team")
    label(api, "all-1g.5gb")
    wait_state(api, "pending", "pod team/train-0 is gone, and the kubelet has yet to take its slices back")
    life.end("train-0")
    wait_state(api, "success")


@pytest.mark.parametrize("verb, resource, sub", [("create", "pods", "eviction"), ("get", "pods", None)])
def test_evictions_forbidden(cut, api, kubelet, pods, verb, resource, sub):
    api.forbid(verb, resource, sub)
    cut("--mig-drain", labels=DRAIN)
    wait_devices(kubelet, {GPU: 8})
    hold(api, pods, gpu_ids(kubelet)[0], "train-0")
    label(api, "all-1g.5gb")
    words = wait_state(api, "failed", "evict pod team/train-0", f"cannot {verb}")
    assert resource in words
    api.wait(lambda: TAINT not in taints(api), "no taint")


def test_gateway_killed_while_it_drains(cut, api, kubelet, pods, life):
    api.budgets[("team", "train-0")] = -1
    _, run = cut("--mig-drain", labels=DRAIN)
    wait_devices(kubelet, {GPU: 8})
    hold(api, pods, gpu_ids(kubelet)[0], "train-0")
    label(api, "all-1g.5gb")
    wait_state(api, "pending", "disruption budget")
    run.kill()
    assert TAINT in taints(api)
    api.budgets.clear()
    run.start()
    wait_for(lambda: life.is_going("train-0"), "the eviction")
    life.end("train-0")
    wait_state(api, "success")
    api.wait(lambda: TAINT not in taints(api), "no taint")


def test_a_taint_that_is_on_its_way_goes_with_carve_too(cut, api, kubelet, pods):
    _, run = cut("--mig-drain", labels=DRAIN)
    wait_devices(kubelet, {GPU: 8})
    hold(api, pods, gpu_ids(kubelet)[0], "train-0")
    api.fault("slow", method="PATCH", path=f"/api/v1/nodes/{NODE}$", seconds=1)
    label(api, "all-1g.5gb")
    api.wait(lambda: any(isinstance(r.body, list) and TAINT in json.dumps(r.body) for r in api.requests), "its patch")
    api.delete("DaemonSet", "carve", "carve")
    run.end()
    api.wait(lambda: any(TAINT in json.dumps(change.new) for change in api.history if change.new), "the taint")
    assert TAINT not in taints(api)
