# SPDX-License-Identifier: Apache-2.0
"""The node's configuration by label (nvidia-stack.md 9, "ConfigMap flow"; pain point 16)."""
import subprocess

import pytest

from conftest import BUILD, NODE, Gateway, a_node, condition, events, time_slicing, wait_event, wait_for

GPU = "nvidia.com/gpu"
LABEL = "nvidia.com/device-plugin.config"
KIND = "carve.dev/Configured"
HERE = ["--config-map", "configs"]


def text(replicas):
    return (f"version: v1\nsharing:\n  timeSlicing:\n    resources:\n    - {{name: {GPU}, replicas: {replicas}}}\n")


def put_map(api, data, namespace="carve", **more):
    api.put({"kind": "ConfigMap", "metadata": {"name": "configs", "namespace": namespace}, "data": data} | more)


def label(api, value):
    def edit(node):
        node["metadata"]["labels"].pop(LABEL, None)
        if value is not None:
            node["metadata"]["labels"][LABEL] = value
    api.change("Node", NODE, edit)


def wait_slices(kubelet, n):
    wait_for(lambda: kubelet.healthy().get(GPU) == n, lambda: f"{n} slices, there are {kubelet.healthy()}")


def wait_condition(api, reason, words=""):
    """Of the given reason, with words in its message."""
    def shown():
        found = condition(api, KIND)
        return found and found["reason"] == reason and words in found["message"] and found
    found = wait_for(shown, lambda: f"{reason} '{words}', there is {condition(api, KIND)}")
    assert found["status"] == ("True" if reason == "ConfigurationInForce" else "False")
    return found


# The rules.
def test_label_picks_the_key(gateway, carved, api, kubelet):
    put_map(api, {"two": text(2), "ten": text(10)})
    carved()
    gateway(*HERE, labels={LABEL: "ten"})
    wait_slices(kubelet, 80)
    found = wait_condition(api, "ConfigurationInForce", "ConfigMap carve/configs, key ten")
    assert found["lastTransitionTime"] and found["lastHeartbeatTime"]
    assert wait_event(api, "ConfigurationInForce")["type"] == "Normal"


def test_missing_key_is_told_and_changes_nothing(gateway, carved, api, kubelet):
    """The original's pods die of it (pain point 16)."""
    put_map(api, {"two": text(2), "ten": text(10)})
    carved(time_slicing(3))
    run = gateway(*HERE, labels={LABEL: "tem"})
    found = wait_condition(api, "ConfigurationKeyMissing", "did you mean 'ten'? it has ")
    assert LABEL in found["message"] and "carve/configs" in found["message"]
    assert wait_event(api, "ConfigurationKeyMissing")["type"] == "Warning"
    wait_slices(kubelet, 24)
    label(api, "ten")
    wait_slices(kubelet, 80)
    wait_condition(api, "ConfigurationInForce")
    assert run.process.poll() is None


def test_default(gateway, carved, api, kubelet):
    put_map(api, {"two": text(2), "ten": text(10)})
    carved()
    gateway(*HERE, "--config-default", "two")
    wait_slices(kubelet, 16)
    label(api, "ten")
    wait_slices(kubelet, 80)
    label(api, None)
    wait_slices(kubelet, 16)


def test_default_that_names_no_key(gateway, carved, api):
    put_map(api, {"two": text(2)})
    carved()
    gateway(*HERE, "--config-default", "three")
    wait_condition(api, "ConfigurationKeyMissing", "the default configuration names key 'three'")


def test_named(gateway, carved, api, kubelet):
    put_map(api, {"two": text(2), "default": text(10)})
    carved()
    gateway(*HERE)
    wait_slices(kubelet, 80)


def test_single(gateway, carved, api, kubelet):
    put_map(api, {"any": text(10)})
    carved()
    gateway(*HERE)
    wait_slices(kubelet, 80)


def test_several_keys_and_no_default(gateway, carved, api, kubelet):
    put_map(api, {"two": text(2), "ten": text(10)})
    carved()
    run = gateway(*HERE)
    wait_condition(api, "ConfigurationKeyMissing", "label the node, or set a default")
    wait_slices(kubelet, 8)
    assert run.process.poll() is None


def test_empty(gateway, carved, api, kubelet):
    """An empty configuration, not that of carved's own file."""
    put_map(api, {"two": text(2), "ten": text(10)})
    carved(time_slicing(3))
    gateway(*HERE, "--config-fallbacks", "named,single,empty")
    wait_condition(api, "ConfigurationInForce", "ConfigMap carve/configs, empty")
    wait_slices(kubelet, 8)


def test_a_config_map_of_another_namespace(gateway, carved, api, kubelet):
    put_map(api, {"any": text(10)}, namespace="kube-system")
    put_map(api, {"any": text(2)})
    carved()
    gateway("--config-map", "kube-system/configs")
    wait_slices(kubelet, 80)
    assert not api.count("GET", "/namespaces/carve/configmaps")


def test_another_label(gateway, carved, api, kubelet):
    put_map(api, {"two": text(2), "ten": text(10)})
    carved()
    gateway(*HERE, "--config-label", "example.com/gpus", labels={LABEL: "two", "example.com/gpus": "ten"})
    wait_slices(kubelet, 80)


# Changes at run time.
def test_switch_at_run_time(gateway, carved, api, kubelet):
    put_map(api, {"two": text(2), "ten": text(10)})
    carved()
    gateway(*HERE, labels={LABEL: "two"})
    wait_slices(kubelet, 16)
    label(api, "ten")
    wait_slices(kubelet, 80)
    wait_condition(api, "ConfigurationInForce", "key ten")
    assert [name for name, _ in kubelet.registrations] == [GPU]


def test_content_edit_is_live(gateway, carved, api, kubelet):
    """Pain point 16: the original watches the label alone."""
    put_map(api, {"any": text(2)})
    carved()
    gateway(*HERE)
    wait_slices(kubelet, 16)
    before = api.count("PATCH", f"/nodes/{NODE}/status")
    for replicas in (3, 4, 5):
        put_map(api, {"any": text(replicas)})
        wait_slices(kubelet, 8 * replicas)
    assert api.count("PATCH", f"/nodes/{NODE}/status") == before, "the condition says the same"


def test_an_edit_of_another_key_changes_nothing(gateway, carved, api, kubelet):
    put_map(api, {"two": text(2), "ten": text(10)})
    run = carved()
    gateway(*HERE, labels={LABEL: "two"})
    wait_slices(kubelet, 16)
    said = run.log().count("configuration in force")
    put_map(api, {"two": text(2), "ten": "broken: ["})
    put_map(api, {"two": text(3), "ten": "broken: ["})
    wait_slices(kubelet, 24)
    assert run.log().count("configuration in force") == said + 1 and "refused" not in run.log()


def test_key_removed(gateway, carved, api, kubelet):
    put_map(api, {"two": text(2), "ten": text(10)})
    carved()
    gateway(*HERE, labels={LABEL: "ten"})
    wait_slices(kubelet, 80)
    put_map(api, {"two": text(2)})
    wait_condition(api, "ConfigurationKeyMissing", "it has two")
    wait_slices(kubelet, 80)
    put_map(api, {"two": text(2), "ten": text(4)})
    wait_slices(kubelet, 32)
    wait_condition(api, "ConfigurationInForce")


def test_config_map_deleted_and_made_again(gateway, carved, api, kubelet):
    put_map(api, {"any": text(10)})
    carved()
    gateway(*HERE)
    wait_slices(kubelet, 80)
    api.delete("ConfigMap", "configs", "carve")
    wait_condition(api, "ConfigMapMissing", "ConfigMap carve/configs is not there")
    assert kubelet.healthy()[GPU] == 80
    put_map(api, {"any": text(2)})
    wait_slices(kubelet, 16)
    wait_condition(api, "ConfigurationInForce")


def test_config_map_missing_at_start(gateway, carved, api, kubelet):
    carved(time_slicing(3))
    gateway(*HERE)
    wait_condition(api, "ConfigMapMissing", "make the ConfigMap")
    wait_slices(kubelet, 24)
    put_map(api, {"any": text(10)})
    wait_slices(kubelet, 80)


# Bad content.
BAD = {
    "YAML": ("version: v1\nsharing: [\n", "any:3:1: error: "),
    "another version": ("version: v2\n", "any:1:10: error: "),
    "impossible": (text(0), "any:5:40: error: "),
    "no configuration": ("- a\n", "any:1:1: error: "),
    "more than the kubelet takes": (text(70000), "at most"),
}


@pytest.mark.parametrize("bad", BAD)
def test_bad_content_keeps_the_last_good_one(gateway, carved, api, kubelet, bad):
    put_map(api, {"any": text(10)})
    carved()
    run = gateway(*HERE)
    wait_slices(kubelet, 80)
    wait_condition(api, "ConfigurationInForce")
    put_map(api, {"any": BAD[bad][0]})
    found = wait_condition(api, "ConfigurationRefused", BAD[bad][1])
    assert "ConfigMap carve/configs, key any" in found["message"]
    assert found["message"].count("ConfigMap carve/configs") == 1
    assert "what was in force stays; mend it" in found["message"]
    assert wait_event(api, "ConfigurationRefused")["type"] == "Warning"
    assert kubelet.healthy()[GPU] == 80
    put_map(api, {"any": text(2)})
    wait_slices(kubelet, 16)
    wait_condition(api, "ConfigurationInForce")
    assert run.process.poll() is None


def test_bad_content_at_the_very_first_start(gateway, carved, api, kubelet):
    put_map(api, {"any": "version: v3\n"})
    carved(time_slicing(3))
    gateway(*HERE)
    wait_condition(api, "ConfigurationRefused")
    wait_slices(kubelet, 24)


def test_binary_key(gateway, carved, api):
    put_map(api, {"two": text(2)}, binaryData={"any": "AAECAw=="})
    carved()
    gateway(*HERE, labels={LABEL: "any"})
    wait_condition(api, "ConfigurationRefused", "binary data; put it under 'data'")


def test_hidden_keys_do_not_count(gateway, carved, api, kubelet):
    put_map(api, {"any": text(10), "..2026": text(2)})
    carved()
    gateway(*HERE)
    wait_slices(kubelet, 80)


def test_a_megabyte(gateway, carved, api, kubelet):
    """The largest that a ConfigMap can be works; what is beyond carved's bound is refused in words."""
    put_map(api, {"any": text(10) + "# \\\"\t€\n" * 40000})
    carved()
    gateway(*HERE)
    wait_slices(kubelet, 80)
    put_map(api, {"any": text(2) + "#" * (1 << 20)})
    wait_condition(api, "ConfigurationRefused", "is longer than 1048576 bytes")
    wait_slices(kubelet, 80)


# Restarts and outages.
def test_carved_killed(gateway, carved, api, kubelet):
    put_map(api, {"any": text(10)})
    run = carved(time_slicing(3))
    other = gateway(*HERE)
    wait_slices(kubelet, 80)
    run.kill()
    put_map(api, {"any": text(4)})
    run.start()
    wait_slices(kubelet, 32)
    wait_condition(api, "ConfigurationInForce")
    assert (GPU, 24) not in [(name, healthy) for name, _, healthy in kubelet.lists[1:]], "never the file's again"
    assert other.process.poll() is None


def test_carved_that_has_lost_its_folder_is_told_again(gateway, carved, api, kubelet):
    put_map(api, {"any": text(10)})
    run = carved(time_slicing(3))
    gateway(*HERE)
    wait_slices(kubelet, 80)
    run.end()
    for path in run.state_folder.iterdir():
        path.unlink()
    run.start()
    wait_slices(kubelet, 80)
    wait_condition(api, "ConfigurationInForce")


def test_gateway_killed(gateway, carved, api, kubelet):
    put_map(api, {"any": text(10)})
    carved()
    run = gateway(*HERE)
    wait_slices(kubelet, 80)
    wait_condition(api, "ConfigurationInForce")
    run.kill()
    put_map(api, {"any": text(4)})
    run.start()
    wait_slices(kubelet, 32)


def test_api_away(gateway, carved, api, kubelet):
    put_map(api, {"any": text(10)})
    run = carved()
    gateway(*HERE)
    wait_slices(kubelet, 80)
    api.away()
    run.kill()
    run.start()
    wait_slices(kubelet, 80)
    put_map(api, {"any": text(4)})
    api.back()
    wait_slices(kubelet, 32)


def test_no_more_by_label(gateway, carved, api, kubelet):
    """The gateway comes back without --config-map: carved's own file counts again."""
    put_map(api, {"any": text(10)})
    carved(time_slicing(3))
    run = gateway(*HERE)
    wait_slices(kubelet, 80)
    wait_condition(api, "ConfigurationInForce")
    run.end()
    gateway()
    wait_slices(kubelet, 24)
    api.wait(lambda: condition(api, KIND) is None, "the condition's end")


def test_hardware_that_comes_to_fit(gateway, carved, api, kubelet, node):
    """Refused for what the node is, not for what is written: in force once that has changed."""
    big = ("version: v1\nflags: {migStrategy: mixed}\nsharing:\n  timeSlicing:\n    resources:\n"
           "    - {name: nvidia.com/mig-1g.5gb, replicas: 8000}\n")
    node.layout(0, *[19] * 7)
    node.layout(1, 19, 19)
    put_map(api, {"any": big.replace("8000", "2")})
    carved()
    gateway(*HERE)
    wait_for(lambda: kubelet.healthy().get("nvidia.com/mig-1g.5gb") == 18, "replicas")
    put_map(api, {"any": big})
    wait_condition(api, "ConfigurationRefused")
    node.layout(1, "off")
    wait_condition(api, "ConfigurationInForce")
    wait_for(lambda: kubelet.healthy().get("nvidia.com/mig-1g.5gb") == 56000, "replicas")


def test_taken_before_the_hardware_is_known_and_then_too_much(gateway, carved, api, node):
    """carved cannot know at once; the condition does not stay True."""
    put_map(api, {"any": text(20000)})
    node.hide_driver()
    carved(time_slicing(2), ["--fail-on-init-error=false"])
    gateway(*HERE)
    wait_condition(api, "ConfigurationInForce")
    node.show_driver()
    wait_condition(api, "ConfigurationRefused", "bytes")
    put_map(api, {"any": text(4)})
    wait_condition(api, "ConfigurationInForce")


def test_uninstalled_while_carved_has_not_answered(gateway, carved, api, node):
    """The end of the call neither brings the condition back nor keeps the removal from its end."""
    put_map(api, {"any": text(2)})
    run = carved()
    other = gateway(*HERE)
    wait_condition(api, "ConfigurationInForce")
    run.kill()
    words = "configuration in force name="
    times = run.log().count(words)
    node.emulator("delay", "nvmlInit_v2", 60000)
    run.start()
    wait_for(lambda: run.log().count(words) > times, run.log)
    put_map(api, {"any": text(3)})
    wait_for(lambda: run.log().count(words) > times + 1, run.log)
    api.forbid("patch", "nodes", "status")
    api.delete("DaemonSet", "carve", "carve")
    other.signal(15)
    other.wait_log("taking back what it wrote")
    run.kill()
    other.wait_log("carved is away", times=2)
    api.allow_again()
    assert other.process.wait(40) == 0
    assert condition(api, KIND) is None
    assert "is taken back" in other.log() and "not everything" not in other.log()


# Rights.
def test_config_maps_forbidden(gateway, carved, api, kubelet):
    put_map(api, {"any": text(10)})
    api.forbid("list", "configmaps")
    carved(time_slicing(3))
    gateway(*HERE)
    found = wait_condition(api, "ConfigMapForbidden", "cannot list")
    assert "configmaps" in found["message"]
    wait_slices(kubelet, 24)
    api.allow_again()
    wait_slices(kubelet, 80)
    wait_condition(api, "ConfigurationInForce")


def test_condition_forbidden(gateway, carved, api, kubelet):
    put_map(api, {"any": text(10)})
    api.forbid("patch", "nodes", "status")
    carved()
    run = gateway(*HERE)
    wait_slices(kubelet, 80)
    run.wait_log("condition carve.dev/Configured")
    assert condition(api, KIND) is None
    api.allow_again()
    wait_condition(api, "ConfigurationInForce")


class OtherUser(Gateway):
    """As in a pod, where carved is root and the gateway is not."""

    def start(self):
        for path in (self.folder.parent, self.folder, self.folder / "run"):
            path.chmod(0o755)
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen([BUILD / "src/gateway/carve-gateway", *map(str, self.arguments)],
                                            env=self.environment, stderr=log, stdout=log, cwd="/", user=12345)


@pytest.mark.parametrize("known", [True, False])
def test_a_gateway_of_another_user(gateway, carved, api, kubelet, node, known):
    """What carved's --gateway-user is for: without it the condition says so."""
    put_map(api, {"any": text(10)})
    api.put(a_node())
    run = carved(time_slicing(3), arguments=["--gateway-user", "12345"] if known else [])
    wait_slices(kubelet, 24)
    other = OtherUser(node, api, HERE)
    try:
        if known:
            wait_slices(kubelet, 80)
        else:
            wait_condition(api, "ConfigurationNotAllowed", "--gateway-user")
            wait_slices(kubelet, 24)
    finally:
        other.end()
    assert run.process.poll() is None and gateway


# The condition.
def test_the_condition_is_kept(gateway, carved, api):
    put_map(api, {"any": text(10)})
    carved()
    gateway(*HERE)
    first = wait_condition(api, "ConfigurationInForce")

    def spoil(node):
        for found in node["status"]["conditions"]:
            if found["type"] == KIND:
                found.update(status="False", reason="Nonsense")
    api.change("Node", NODE, spoil)
    wait_condition(api, "ConfigurationInForce")
    api.put(a_node())
    assert wait_condition(api, "ConfigurationInForce")["message"] == first["message"]


def test_transition_time_only_with_a_transition(gateway, carved, api):
    put_map(api, {"any": "version: v2\n"})
    carved()
    gateway(*HERE)
    first = wait_condition(api, "ConfigurationRefused")
    api.clock_skew_s = 3600

    def date_back(node):
        for found in node["status"]["conditions"]:
            if found["type"] == KIND:
                found["lastTransitionTime"] = "2020-01-01T00:00:00Z"
    api.change("Node", NODE, date_back)
    label(api, "x")
    second = wait_condition(api, "ConfigurationKeyMissing", "names key 'x'")
    assert second["lastTransitionTime"] == "2020-01-01T00:00:00Z" != first["lastTransitionTime"]
    put_map(api, {"x": text(10)})
    assert wait_condition(api, "ConfigurationInForce")["lastTransitionTime"] != "2020-01-01T00:00:00Z"


def test_events_are_told_once(gateway, carved, api, kubelet):
    put_map(api, {"any": "version: v2\n"})
    carved()
    run = gateway(*HERE)
    wait_event(api, "ConfigurationRefused")
    for labels in ("a", "b", "c"):
        api.change("Node", NODE, lambda n, v=labels: n["metadata"]["labels"].update({"example.com/x": v}))
    put_map(api, {"any": text(10)})
    wait_slices(kubelet, 80)
    wait_event(api, "ConfigurationInForce")
    assert [e.get("count", 1) for e in events(api, "ConfigurationRefused")] == [1]
    assert run.log().count("reason=ConfigurationRefused") <= 1
