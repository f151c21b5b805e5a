# SPDX-License-Identifier: Apache-2.0
"""MIG layout by label (nvidia-stack.md 9, mig-manager: label protocol states incl. reboot and failure paths; pain points
11, 12, 12b, 13, 14b)."""
import json

import pytest

from conftest import NODE, events, fixtures, taints, wait_event, wait_for

pods = fixtures.pods
GPU = "nvidia.com/gpu"
SMALL = "nvidia.com/mig-1g.5gb"
LABEL = "nvidia.com/mig.config"
STATE = LABEL + ".state"
TAINT = "carve.dev/mig-change"
MIXED = {"version": "v1", "flags": {"migStrategy": "mixed"}}
EIGHT_BALANCED = {SMALL: 16, "nvidia.com/mig-2g.10gb": 8, "nvidia.com/mig-3g.20gb": 8}
DRAIN = {"carve.dev/mig.drain": "true"}


def label(api, value, name=LABEL):
    def edit(node):
        node["metadata"]["labels"].pop(name, None)
        if value is not None:
            node["metadata"]["labels"][name] = value
    api.change("Node", NODE, edit)


def shown(api):
    """(state, message) on the node."""
    meta = api.get("Node", NODE)["metadata"]
    return meta["labels"].get(STATE), (meta.get("annotations") or {}).get("carve.dev/mig.config.message")


def wait_state(api, state, *words, seconds=40):
    def there():
        found = shown(api)
        return found[0] == state and all(w in (found[1] or "") for w in words) and found
    return wait_for(there, lambda: f"{state} {words}, there is {shown(api)}", seconds)[1]


def wait_devices(kubelet, expected):
    wait_for(lambda: {k: v for k, v in kubelet.healthy().items() if v} == expected,
             lambda: f"{expected}, there are {kubelet.healthy()}", 40)


def states(api):
    """All states that were written, in order."""
    with api.lock:
        bodies = [r.body for r in api.requests if r.method == "PATCH" and r.path == f"/api/v1/nodes/{NODE}"]
    found = [b["metadata"]["labels"].get(STATE) for b in bodies if isinstance(b, dict)
             and STATE in b.get("metadata", {}).get("labels", {})]
    return [state for i, state in enumerate(found) if i == 0 or found[i - 1] != state]


def calls(node, gpu=0):
    return json.loads(node.emulator("calls", "-o", "json"))[gpu]


def all_calls(node):
    return json.loads(node.emulator("calls", "-o", "json"))


def put_file(api, configs, key="config.yaml", name="mig", **more):
    """A ConfigMap with mig-parted's file; each configuration is the profiles of all GPUs, or a list of entries."""
    text = configs if isinstance(configs, str) else json.dumps({"version": "v1", "mig-configs": {
        name: what if isinstance(what, list) else [{"devices": "all", "mig-enabled": True, "mig-devices": what}]
        for name, what in configs.items()}})
    api.put({"kind": "ConfigMap", "metadata": {"name": name, "namespace": "carve"}, "data": {key: text} | more})


def pod(api, name, namespace="team", node=NODE, grace=30, **metadata):
    if not api.get("Namespace", namespace):
        api.put({"kind": "Namespace", "metadata": {"name": namespace}})
    api.put({"kind": "Pod", "metadata": {"name": name, "namespace": namespace} | metadata,
             "spec": {"nodeName": node, "terminationGracePeriodSeconds": grace, "containers": [{"name": "main", "image": "i"}]},
             "status": {"phase": "Running"}})


def hold(api, pods, device, name, resource=GPU, namespace="team", **more):
    """A pod with a slice of the device."""
    pod(api, name, namespace, **more)
    pods.held.append((namespace, name, "main", resource, [device]))


def gpu_ids(kubelet, resource=GPU):
    return sorted(kubelet.devices[resource])


class Life:
    """What a kubelet does: a pod that is gone from the API, or going, lets go of its slices."""

    def __init__(self, api, pods):
        self.api, self.pods = api, pods

    def end(self, name, namespace="team"):
        self.api.delete("Pod", name, namespace)
        self.pods.held = [h for h in self.pods.held if (h[0], h[1]) != (namespace, name)]

    def is_going(self, name, namespace="team"):
        found = self.api.get("Pod", name, namespace)
        return found is None or "deletionTimestamp" in found["metadata"]


@pytest.fixture
def node(emulated_node, request):
    return emulated_node(getattr(request, "param", "p4d.24xlarge"))


@pytest.fixture
def life(api, pods):
    return Life(api, pods)


@pytest.fixture
def cut(gateway, carved, kubelet, pods):  # pylint: disable=unused-argument
    """carved with mixed strategy and a gateway that acts on the label."""
    def start(*arguments, labels=None, config=None, carved_arguments=(), **more):
        run = carved(config or MIXED, arguments=carved_arguments)
        wait_for(lambda: kubelet.healthy(), "the first slices")
        return run, gateway("--mig", *arguments, labels=labels, **more)
    return start


# The protocol.
def test_label_to_success(cut, api, kubelet):
    cut()
    wait_devices(kubelet, {GPU: 8})
    assert shown(api) == (None, None)
    label(api, "all-balanced")
    wait_state(api, "success", "as wished")
    wait_devices(kubelet, EIGHT_BALANCED)
    assert states(api) == ["pending", "success"]
    assert api.get("Node", NODE)["metadata"]["annotations"]["carve.dev/mig.config.for"] == "all-balanced"
    assert "all-balanced" in wait_event(api, "MigChangeDone")["message"]
    label(api, "all-1g.5gb")
    wait_devices(kubelet, {SMALL: 56})
    wait_state(api, "success")
    label(api, "all-disabled")
    wait_devices(kubelet, {GPU: 8})
    wait_state(api, "success")


def test_already_as_wished_touches_nothing(cut, api, node):
    for gpu in range(8):
        node.layout(gpu, *[19] * 7)
    before = all_calls(node)
    cut(labels={LABEL: "all-1g.5gb"})
    wait_state(api, "success", "already")
    assert all_calls(node) == before
    assert states(api) == ["success"]


def test_only_what_differs_is_changed(cut, api, node, kubelet, pods):
    """Pain point 13: the original wipes the GPU."""
    put_file(api, {"one": {"3g.20gb": 1}, "more": {"3g.20gb": 1, "1g.5gb": 2}})
    cut("--mig-config-map", "mig", labels={LABEL: "one"})
    wait_devices(kubelet, {"nvidia.com/mig-3g.20gb": 8})
    for device in gpu_ids(kubelet, "nvidia.com/mig-3g.20gb"):
        pods.held.append(("team", "train", "main", "nvidia.com/mig-3g.20gb", [device]))
    label(api, "more")
    wait_devices(kubelet, {"nvidia.com/mig-3g.20gb": 8, SMALL: 16})
    wait_state(api, "success")
    assert all(c["gpuInstancesDestroyed"] == 0 for c in all_calls(node))


def test_a_default_for_nodes_without_the_label(cut, api, kubelet):
    cut("--mig-default", "all-1g.5gb")
    wait_devices(kubelet, {SMALL: 56})
    wait_state(api, "success")
    label(api, "all-disabled")
    wait_devices(kubelet, {GPU: 8})
    label(api, None)
    wait_devices(kubelet, {SMALL: 56})


def test_without_label_and_default_nothing_is_touched(cut, api, kubelet, node):
    _, run = cut()
    run.wait_log("labels of the node")
    label(api, "x", "example.com/x")
    wait_devices(kubelet, {GPU: 8})
    assert shown(api) == (None, None)
    assert all(c["gpuInstancesCreated"] == 0 for c in all_calls(node))


def test_the_state_goes_with_the_label(cut, api):
    cut(labels={LABEL: "all-disabled"})
    wait_state(api, "success")
    label(api, None)
    api.wait(lambda: shown(api) == (None, None), "no state")
    assert not [k for k in api.get("Node", NODE)["metadata"].get("annotations") or {} if "mig" in k]


def test_a_state_of_somebody_else_is_left_alone(gateway, carved, api):
    """NVIDIA's mig-manager on a node where carve does not act on the label."""
    carved(MIXED)
    run = gateway(labels={LABEL: "all-1g.5gb", STATE: "failed"})
    run.wait_log("labels of the node")
    assert shown(api) == ("failed", None)


def test_another_label(cut, api, kubelet):
    cut("--mig-label", "example.com/cut", labels={LABEL: "all-balanced", "example.com/cut": "all-1g.5gb"})
    wait_devices(kubelet, {SMALL: 56})
    api.wait(lambda: api.get("Node", NODE)["metadata"]["labels"].get("example.com/cut.state") == "success", "success")
    assert STATE not in api.get("Node", NODE)["metadata"]["labels"]


def test_operator_labels_are_untouched(cut, api):
    """The original pauses its operands; nothing needs a pause here (pain points 12, 14b)."""
    operands = {f"nvidia.com/gpu.deploy.{name}": "true" for name in ("device-plugin", "dcgm", "gpu-feature-discovery")}
    cut(labels=operands | {LABEL: "all-1g.5gb"})
    wait_state(api, "success")
    assert operands.items() <= api.get("Node", NODE)["metadata"]["labels"].items()


# What cannot be.
@pytest.mark.parametrize("name, words", [
    ("all-1g.5bg", "did you mean 'all-1g.5gb'"),
    ("whatever", "has no configuration 'whatever'"),
])
def test_a_label_that_names_nothing(cut, api, kubelet, name, words):
    _, run = cut(labels={LABEL: name})
    wait_state(api, "failed", words)
    assert words in wait_event(api, "MigChangeFailed")["message"]
    wait_devices(kubelet, {GPU: 8})
    label(api, "all-1g.5gb")
    wait_state(api, "success")
    assert run.process.poll() is None


@pytest.mark.parametrize("node", ["g6.12xlarge"], indirect=True)
@pytest.mark.parametrize("config, state, words", [
    ("off", "success", "already"),
    ("everything", "success", "already"),
    ("first", "failed", "MIG"),
])
def test_boards_without_mig(cut, api, config, state, words):
    """As mig-parted: named by index is an error, `all` passes them over."""
    put_file(api, {"off": [{"devices": "all", "mig-enabled": False}], "everything": {"1g.5gb": 7},
                   "first": [{"devices": [0], "mig-enabled": True, "mig-devices": {"1g.5gb": 7}}]})
    cut("--mig-config-map", "mig", labels={LABEL: config})
    wait_state(api, state, words)


@pytest.mark.parametrize("node", ["g6.12xlarge"], indirect=True)
def test_the_default_file_of_boards_without_mig(cut, api):
    cut(labels={LABEL: "all-disabled"})
    wait_state(api, "success", "already")


# The ConfigMap.
@pytest.mark.parametrize("key", ["config.yaml", "mine.yaml"])
def test_file_of_a_config_map(cut, api, kubelet, key):
    put_file(api, {"small": {"1g.5gb": 7}, "large": {"3g.20gb": 2}}, key)
    cut("--mig-config-map", "mig", labels={LABEL: "small"})
    wait_devices(kubelet, {SMALL: 56})
    label(api, "large")
    wait_devices(kubelet, {"nvidia.com/mig-3g.20gb": 16})


def test_content_edit_is_applied(cut, api, kubelet):
    put_file(api, {"mine": {"1g.5gb": 7}})
    cut("--mig-config-map", "mig", labels={LABEL: "mine"})
    wait_state(api, "success")
    put_file(api, {"mine": {"3g.20gb": 2}})
    wait_devices(kubelet, {"nvidia.com/mig-3g.20gb": 16})
    wait_state(api, "success")


def test_an_edit_of_another_configuration_is_not_told(cut, api, kubelet, node):
    put_file(api, {"mine": {"1g.5gb": 7}})
    run, _ = cut("--mig-config-map", "mig", labels={LABEL: "mine"})
    wait_state(api, "success")
    before, patched = all_calls(node), len(states(api))
    put_file(api, {"mine": {"1g.5gb": 7}, "other": {"3g.20gb": 2}})
    put_file(api, {"mine": {"1g.5gb": 7}, "other": {"3g.20gb": 1}})
    label(api, "other")
    wait_devices(kubelet, {"nvidia.com/mig-3g.20gb": 8})
    wait_state(api, "success")
    assert states(api)[patched:] == ["pending", "success"] and before != all_calls(node)
    assert not any("already" in e["message"] for e in events(api, "MigChangeDone"))
    assert run.process.poll() is None


@pytest.mark.parametrize("what, words", [
    ("missing", "ConfigMap carve/mig is not there; make it"),
    ("broken", "config.yaml:3:1: error: "),
    ("strict", "unknown"),
    ("two keys", "has no key 'config.yaml': it has a, b"),
    ("empty", "is empty; put mig-parted's file there"),
    ("impossible", "8 x 1g.5gb"),
])
def test_bad_files(cut, api, kubelet, what, words):
    if what != "missing":
        put_file(api, {
            "broken": "version: v1\nmig-configs: [", "strict": "version: v1\nmig-config: {}\nmig-configs: {}\n",
            "two keys": "x", "empty": "",
            "impossible": {"mine": {"1g.5gb": 8}}}[what], *(["a"] if what == "two keys" else []),
            **({"b": "y"} if what == "two keys" else {}))
    cut("--mig-config-map", "mig", labels={LABEL: "mine"})
    wait_state(api, "failed", words if what != "impossible" else "1g.5gb")
    wait_devices(kubelet, {GPU: 8})
    api.delete("ConfigMap", "mig", "carve")
    put_file(api, {"mine": {"1g.5gb": 7}})
    wait_devices(kubelet, {SMALL: 56})
    wait_state(api, "success")


def test_config_map_deleted_and_made_again(cut, api, kubelet):
    put_file(api, {"mine": {"1g.5gb": 7}})
    cut("--mig-config-map", "mig", labels={LABEL: "mine"})
    wait_state(api, "success")
    api.delete("ConfigMap", "mig", "carve")
    assert "stays as it was read" in wait_event(api, "MigConfigMapMissing")["message"]
    assert shown(api)[0] == "success"
    put_file(api, {"mine": {"3g.20gb": 2}})
    wait_devices(kubelet, {"nvidia.com/mig-3g.20gb": 16})


# Holders (pain point 11).
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


def test_taint_and_label_forbidden(cut, api, kubelet, pods):
    """The change itself needs no right; what is missing is in the log."""
    api.forbid("patch", "nodes")
    _, run = cut(labels={LABEL: "all-1g.5gb"})
    wait_devices(kubelet, {SMALL: 56})
    run.wait_log("cannot patch")
    assert shown(api)[0] is None
    api.allow_again()
    wait_state(api, "success")


def test_config_map_forbidden(cut, api, kubelet):
    put_file(api, {"mine": {"1g.5gb": 7}})
    api.forbid("list", "configmaps")
    cut("--mig-config-map", "mig", labels={LABEL: "mine"})
    wait_state(api, "failed", "cannot list", "configmaps")
    api.allow_again()
    wait_state(api, "success")


# Boards that need a reset or a reboot.
def test_a_reset_that_is_allowed(cut, api, kubelet, node):
    node.emulator("mig-pending", 3, "reset")
    cut(labels={LABEL: "all-1g.5gb"})
    wait_devices(kubelet, {SMALL: 56})
    wait_state(api, "success")
    assert calls(node, 3)["resets"] == 1


def test_a_reset_that_is_refused(cut, api, kubelet, node):
    """The rest is done; the state says what is missing, and recovers when the reset can be had."""
    node.emulator("mig-pending", 3, "reset")
    node.emulator("refuse-reset", 3, "on")
    cut(labels={LABEL: "all-1g.5gb"})
    wait_state(api, "failed", "GPU 3: MIG mode is pending", "not supported")
    wait_for(lambda: kubelet.healthy().get(SMALL) == 49, "the slices of the others")
    assert "GPU 3" in wait_event(api, "MigChangeFailed")["message"]
    node.emulator("refuse-reset", 3, "off")
    wait_state(api, "success")
    wait_devices(kubelet, {SMALL: 56})


def host(node, script):
    """PID 1's mounts, and a command that reboots."""
    (node.folder / "proc/1").symlink_to("/proc/self")
    path = node.folder / "reboot"
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return ["--reboot-command", path]


@pytest.mark.parametrize("helps", [True, False])
def test_reboot(cut, api, kubelet, node, helps):
    node.emulator("mig-pending", 3, "reboot")
    command = host(node, f"echo x >> {node.folder}/reboots")
    run, other = cut("--mig-reboot", labels={LABEL: "all-1g.5gb"}, carved_arguments=command)
    wait_state(api, "rebooting")
    wait_for((node.folder / "reboots").exists, "the command")
    assert states(api) == ["pending", "rebooting"]
    assert "needs a reboot" in wait_event(api, "MigRebooting")["message"]
    other.kill()
    run.kill()
    if helps:
        node.emulator("reboot")
    run.start()
    other.start()
    if helps:
        wait_devices(kubelet, {SMALL: 56})
        wait_state(api, "success")
        assert "carve.dev/mig.config.rebooted" not in api.get("Node", NODE)["metadata"]["annotations"]
    else:
        wait_state(api, "failed", "after a reboot too", "GPU 3")
        # Never again by itself, not after a restart either.
        other.kill()
        other.start()
        other.wait_log("MIG change begins", times=3)
        wait_for(lambda: run.log().count("MIG change left undone") >= 3, "another try")
        wait_state(api, "failed", "after a reboot too")
    assert (node.folder / "reboots").read_text() == "x\n"


def test_reboot_refused_by_carved(cut, api, node):
    node.emulator("mig-pending", 3, "reboot")
    cut("--mig-reboot", labels={LABEL: "all-1g.5gb"})
    wait_state(api, "failed", "--reboot-command")


def test_no_reboot_that_cannot_be_announced(cut, api, node):
    node.emulator("mig-pending", 3, "reboot")
    command = host(node, f"echo x >> {node.folder}/reboots")
    api.forbid("patch", "nodes")
    run, other = cut("--mig-reboot", labels={LABEL: "all-1g.5gb"}, carved_arguments=command)
    run.wait_log("MIG change left undone")
    other.wait_log("MIG layout 'all-1g.5gb'")
    wait_for(lambda: "event=MigChangeFailed" in other.log(), other.log)
    assert not (node.folder / "reboots").exists()


@pytest.mark.parametrize("node", ["p5.48xlarge"], indirect=True)
def test_boards_without_resets(cut, api, node, kubelet):
    """Hopper and later change the mode at once."""
    cut(labels={LABEL: "all-1g.10gb"})
    wait_devices(kubelet, {"nvidia.com/mig-1g.10gb": 56})
    wait_state(api, "success")
    assert all(c["resets"] == 0 for c in all_calls(node))


# Restarts.
def slow(node, ms=30):
    node.emulator("delay", "nvmlDeviceCreateGpuInstanceWithPlacement", ms)


def test_carved_killed_in_the_middle(cut, api, kubelet, node):
    run, _ = cut()
    wait_devices(kubelet, {GPU: 8})
    slow(node)
    label(api, "all-1g.5gb")
    wait_for(lambda: calls(node, 2)["gpuInstancesCreated"] > 0, "the middle")
    run.kill()
    wait_state(api, "pending")
    slow(node, 0)
    run.start()
    wait_state(api, "success")
    wait_devices(kubelet, {SMALL: 56})


def test_gateway_killed_in_the_middle(cut, api, kubelet, node):
    _, run = cut()
    wait_devices(kubelet, {GPU: 8})
    slow(node)
    label(api, "all-1g.5gb")
    wait_for(lambda: calls(node, 2)["gpuInstancesCreated"] > 0, "the middle")
    run.kill()
    assert shown(api)[0] == "pending"
    run.start()
    wait_state(api, "success")
    wait_devices(kubelet, {SMALL: 56})


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


@pytest.mark.parametrize("how", ["no wish", "as wished", "no MIG here"])
def test_a_taint_left_by_a_crash_goes(cut, gateway, carved, api, how):
    left = [{"key": "example.com/other", "effect": "NoExecute"}, {"key": TAINT, "effect": "NoSchedule"}]
    if how == "no MIG here":
        carved(MIXED)
        gateway(taints=left)
    else:
        cut(labels={LABEL: "all-disabled"} if how == "as wished" else {}, taints=left)
    api.wait(lambda: taints(api) == ["example.com/other"], "the taint's end")


def test_killed_after_success_is_quiet(cut, api, node):
    _, run = cut(labels={LABEL: "all-1g.5gb"})
    wait_state(api, "success")
    before, patches = all_calls(node), len(states(api))
    run.kill()
    run.start()
    run.wait_log("labels of the node", times=2)
    label(api, "y", "example.com/x")
    api.wait(lambda: api.count("GET", "/api/v1/nodes", watch=True) >= 2, "its watch")
    assert all_calls(node) == before and len(states(api)) == patches
    assert len(events(api, "MigChangeDone")) == 1


def test_a_wish_changed_while_away(cut, api, kubelet):
    """The old state is not taken for that of the new wish."""
    _, run = cut(labels={LABEL: "all-1g.5gb"})
    wait_state(api, "success")
    run.kill()
    label(api, "whatever")
    run.start()
    wait_state(api, "failed", "whatever")
    wait_devices(kubelet, {SMALL: 56})


def test_a_reboot_that_loses_the_layout(cut, api, node, kubelet):
    """Hopper's modes and everybody's instances do not outlive a reboot: made again, without a new label."""
    run, other = cut(labels={LABEL: "all-1g.5gb"})
    wait_state(api, "success")
    run.kill()
    other.kill()
    node.emulator("reboot")
    run.start()
    other.start()
    wait_devices(kubelet, {SMALL: 56})
    wait_state(api, "success")


def test_carved_comes_back_to_another_layout(cut, api, node, kubelet):
    """As after a reload of the driver: what was a success is looked at again."""
    run, _ = cut(labels={LABEL: "all-1g.5gb"})
    wait_state(api, "success")
    run.kill()
    node.emulator("reboot")
    run.start()
    wait_devices(kubelet, {SMALL: 56})
    wait_state(api, "success")


def test_carved_away_is_pending_until_the_deadline(cut, api):
    run, _ = cut("--mig-deadline", "2s")
    run.kill()
    label(api, "all-1g.5gb")
    wait_state(api, "pending", "carved")
    wait_state(api, "failed", "not done within 2 s")
    run.start()
    wait_state(api, "success")


def test_a_driver_that_hangs_is_no_endless_pending(cut, api, node):
    _, _ = cut("--mig-deadline", "2s", carved_arguments=["--driver-timeout", "1s"])
    node.emulator("hang", "on")
    label(api, "all-1g.5gb")
    wait_state(api, "failed")
    node.emulator("hang", "off")
    wait_state(api, "success")


def test_api_away_in_the_middle(cut, api, kubelet, node):
    cut()
    wait_devices(kubelet, {GPU: 8})
    slow(node, 10)
    label(api, "all-1g.5gb")
    wait_for(lambda: calls(node, 1)["gpuInstancesCreated"] > 0, "the middle")
    api.away()
    wait_devices(kubelet, {SMALL: 56})
    api.back()
    wait_state(api, "success")


def test_label_changed_in_the_middle(cut, api, kubelet, node):
    """The running change goes to its end, then the newest wish is made."""
    cut()
    wait_devices(kubelet, {GPU: 8})
    slow(node, 10)
    label(api, "all-1g.5gb")
    wait_for(lambda: calls(node, 1)["gpuInstancesCreated"] > 0, "the middle")
    label(api, "all-balanced")
    wait_devices(kubelet, EIGHT_BALANCED)
    wait_state(api, "success")
    assert api.get("Node", NODE)["metadata"]["annotations"]["carve.dev/mig.config.for"] == "all-balanced"


def test_a_step_that_fails_is_rolled_back_and_tried_again(cut, api, kubelet, node):
    cut()
    wait_devices(kubelet, {GPU: 8})
    node.emulator("lose", 6)
    label(api, "all-1g.5gb")
    wait_state(api, "failed", "GPU 6")
    node.emulator("find", 6)
    wait_state(api, "success")


def test_the_kubelet_keeps_running(cut, api, kubelet):
    """Pain point 12b: nothing restarts, resources that stay are not registered anew."""
    put_file(api, {"one": {"3g.20gb": 1}, "more": {"3g.20gb": 1, "1g.5gb": 2}})
    cut("--mig-config-map", "mig", labels={LABEL: "one"})
    wait_devices(kubelet, {"nvidia.com/mig-3g.20gb": 8})
    before = [n for n, _ in kubelet.registrations].count("nvidia.com/mig-3g.20gb")
    label(api, "more")
    wait_devices(kubelet, {"nvidia.com/mig-3g.20gb": 8, SMALL: 16})
    assert [n for n, _ in kubelet.registrations].count("nvidia.com/mig-3g.20gb") == before


def test_the_startup_taint_waits_for_the_layout(cut, api, kubelet, node):
    slow(node, 10)
    cut(labels={LABEL: "all-1g.5gb"}, taints=[{"key": "carve.dev/not-ready", "effect": "NoSchedule"}])
    api.wait(lambda: "carve.dev/not-ready" not in taints(api), "the taint's end")
    assert kubelet.healthy()[SMALL] == 56


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


def test_everything_goes_with_carve(cut, api):
    _, run = cut(labels={LABEL: "all-1g.5gb"})
    wait_state(api, "success")
    api.delete("DaemonSet", "carve", "carve")
    run.end()
    assert shown(api) == (None, None)
    assert not [k for k in api.get("Node", NODE)["metadata"].get("annotations") or {} if k.startswith("carve.dev/mig")]
