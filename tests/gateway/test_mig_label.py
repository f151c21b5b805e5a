# SPDX-License-Identifier: Apache-2.0
"""MIG layout by label (nvidia-stack.md 9, mig-manager: label protocol states; pain points 12, 12b, 14b): from the label
to its state, what cannot be, and the ConfigMap that the file comes from."""
import pytest

from conftest import NODE, events, taints, wait_event
from miglabel import (EIGHT_BALANCED, GPU, LABEL, MIXED, SMALL, STATE, all_calls, cut, gpu_ids, label, put_file,
                      shown, slow, states, wait_devices, wait_state)


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


def test_everything_goes_with_carve(cut, api):
    _, run = cut(labels={LABEL: "all-1g.5gb"})
    wait_state(api, "success")
    api.delete("DaemonSet", "carve", "carve")
    run.end()
    assert shown(api) == (None, None)
    assert not [k for k in api.get("Node", NODE)["metadata"].get("annotations") or {} if k.startswith("carve.dev/mig")]
