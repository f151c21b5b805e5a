# SPDX-License-Identifier: Apache-2.0
"""A new node that cannot make its slices says so: what will never pass by itself at once, the rest after the deadline;
and what comes of it when somebody mends it."""
import itertools

import pytest

from conftest import GPU, NODE, STARTUP, TAINT, a_node, a_state, condition, events, taints, time_slicing, wait_event, wait_for
from miglabel import LABEL, MIXED, SMALL, label, put_file, wait_state
from test_choice import LABEL as CONFIG_LABEL
from test_choice import label as label_config
from test_choice import put_map, text

HARDWARE = "AcceleratedHardwareReady"
PATIENT, HURRIED = ["--ready-deadline", "1h"], ["--ready-deadline", "50ms"]
CONFIGS = ["--config-map", "configs"]


def wait_broken(api, reason, *words):
    """The condition is False for that reason, with the words."""
    def shown():
        found = condition(api)
        return found and (found["status"], found["reason"]) == ("False", reason) and all(
            w in found["message"] for w in words) and found
    return wait_for(shown, lambda: f"{reason} {words}, there is {condition(api)}")


def wait_served(api):
    api.wait(lambda: not taints(api), lambda: f"no taint, the condition is {condition(api)}", 60)
    api.wait(lambda: condition(api)["status"] == "True", lambda: condition(api))


@pytest.fixture
def layout(gateway, carved, api, pods):  # pylint: disable=unused-argument
    """A new node that asks for that layout by label."""
    def start(name, *arguments, **more):
        carved(MIXED)
        return gateway("--mig", *arguments, taints=[STARTUP], labels={LABEL: name}, **more)
    return start


# What no time mends.
@pytest.mark.parametrize("name, words", [
    ("all-1g.5bg", "no configuration 'all-1g.5bg' (did you mean 'all-1g.5gb'?)"),
    ("lacks", "GPU 0 (NVIDIA A100-SXM4-40GB): no MIG profile '9g.90gb', it has 1g.5gb"),
    ("too-many", "3 x 3g.20gb: at most 2 fit"),
])
def test_a_layout_that_cannot_be(layout, api, name, words):
    put_file(api, {"all-1g.5gb": {"1g.5gb": 7}, "lacks": {"9g.90gb": 1}, "too-many": {"3g.20gb": 3}})
    layout(name, *PATIENT, "--mig-config-map", "mig")
    message = wait_broken(api, "LayoutFailed", f"MIG layout '{name}' cannot be made", words)["message"]
    event = wait_event(api, "SlicesFailed")
    assert event["type"] == "Warning" and event["message"].endswith(f"stays until this is mended: {message}")
    assert taints(api) == [TAINT] and not events(api, "SlicesLate")
    label(api, "all-1g.5gb")
    wait_served(api)
    assert f"{SMALL} 56" in wait_event(api, "SlicesReady")["message"]


def test_no_file_of_layouts(layout, api):
    layout("all-1g.5gb", *PATIENT, "--mig-config-map", "mig")
    wait_broken(api, "LayoutFailed", "ConfigMap carve/mig is not there; make it")
    put_file(api, {"all-1g.5gb": {"1g.5gb": 7}})
    wait_served(api)


@pytest.mark.parametrize("data, words", [
    ({"two": text(2), "ten": text(10)}, "did you mean 'ten'?"),
    ({"tem": text(0), "ten": text(10)}, "replicas"),
    ({"tem": "version: v2\n", "ten": text(10)}, "v2"),
    (None, "ConfigMap carve/configs is not there"),
])
def test_a_configuration_that_cannot_be(gateway, carved, api, data, words):
    if data is not None:
        put_map(api, data)
    carved(arguments=["--await-configuration", "60s"])
    gateway(*PATIENT, *CONFIGS, taints=[STARTUP], labels={CONFIG_LABEL: "tem"})
    wait_broken(api, "ConfigurationError", "the configuration is refused: ", words)
    assert "stays until this is mended" in wait_event(api, "SlicesFailed")["message"]
    assert taints(api) == [TAINT]
    if data is None:
        put_map(api, {"ten": text(10)})
    label_config(api, "ten")
    wait_served(api)
    assert f"{GPU} 80" in wait_event(api, "SlicesReady")["message"]


def test_a_right_that_is_missing(gateway, carved, api):
    put_map(api, {"ten": text(10)})
    api.forbid("list", "configmaps")
    carved()
    gateway(*PATIENT, *CONFIGS, taints=[STARTUP])
    wait_broken(api, "ConfigurationError", "configmaps")
    api.allow_again()
    wait_served(api)


def test_another_mistake_is_told_anew(layout, api):
    layout("nothing", *PATIENT)
    wait_broken(api, "LayoutFailed", "'nothing'")
    label(api, "nonsense")
    wait_broken(api, "LayoutFailed", "'nonsense'")
    assert wait_for(lambda: [e for e in events(api, "MigChangeFailed") if "nonsense" in e["message"]], "the second Event")


# What may pass is waited for, and named when it does not.
def test_a_reset_that_is_refused(layout, api, node):
    node.emulator("mig-pending", 3, "reset")
    node.emulator("refuse-reset", 3, "on")
    layout("all-1g.5gb", "--ready-deadline", "20s")
    wait_broken(api, "LayoutFailed", "GPU 3: MIG mode is pending", "not supported")
    assert "since after 20 s: MIG layout 'all-1g.5gb' cannot be made" in wait_event(api, "SlicesLate")["message"]
    assert taints(api) == [TAINT]
    node.emulator("refuse-reset", 3, "off")
    wait_served(api)


def test_a_refusal_that_may_pass_is_not_told_before_the_deadline(layout, api, node):
    node.emulator("mig-pending", 3, "reset")
    node.emulator("refuse-reset", 3, "on")
    run = layout("all-1g.5gb", *PATIENT)
    wait_state(api, "failed", "GPU 3")
    run.wait_log("reason=LayoutFailed")
    assert not events(api, "SlicesLate") and not events(api, "SlicesFailed")
    assert (condition(api) or {}).get("status") != "False"


def test_a_configuration_for_a_layout_that_comes(gateway, carved, api, node, pods):  # pylint: disable=unused-argument
    """More replicas than the kubelet takes of the slices that there are, but not of the larger ones that are to be made."""
    for gpu in range(8):
        node.layout(gpu, *[19] * 7)
    node.emulator("delay", "nvmlDeviceCreateGpuInstanceWithPlacement", 50)
    run = carved(time_slicing(1500) | {"flags": {"migStrategy": "single"}})
    wait_for(lambda: "replicas fit" in run.state().config.error, lambda: run.state().config)
    gateway(*PATIENT, "--mig", taints=[STARTUP], labels={LABEL: "all-7g.40gb"})
    wait_served(api)
    assert not events(api, "SlicesFailed")


def test_carved_that_is_away_makes_a_new_node_false(gateway, api):
    """Not just Unknown: nobody would ever replace it."""
    gateway("--ready-deadline", "300ms", "--carved-grace", "50ms", taints=[STARTUP])
    wait_broken(api, "CarvedAway", "carved does not answer", "container carved")
    assert wait_event(api, "SlicesLate") and taints(api) == [TAINT]


def test_carved_that_crashes_again_and_again(gateway, carved, api, node):
    """It answers for a moment each time, and has never read the hardware."""
    node.hide_driver()
    run = carved(arguments=["--fail-on-init-error=false"])
    gate = gateway("--ready-deadline", "200ms", "--carved-grace", "50ms", taints=[STARTUP])
    for _ in range(3):
        gate.wait_log("carved answers")
        run.kill()
        wait_broken(api, "CarvedAway")
        run.start()
    node.show_driver()
    wait_served(api)


def test_a_driver_that_is_missing(gateway, carved, api, node):
    node.hide_driver()
    carved(arguments=["--fail-on-init-error=false", "--driver-grace", "100ms"])
    gateway("--ready-deadline", "5s", taints=[STARTUP])
    wait_broken(api, "NvidiaDriverError")
    assert "the driver cannot be read" in wait_event(api, "SlicesLate")["message"]
    node.show_driver()
    wait_served(api)


def test_a_new_gateway_does_not_take_it_back(gateway, stand_in, api, mirror):
    """Whoever repairs nodes counts from the change to False: a rollout of carve must not begin it anew."""
    carved = stand_in(a_state([(GPU, 8, 8, False)]))
    first = gateway(*HURRIED, taints=[STARTUP])
    since = wait_broken(api, "NotRegistered")["lastTransitionTime"]
    first.end()
    api.clock_skew_s = 60
    gateway(*PATIENT).wait_log("reason=NotRegistered")
    assert condition(api)["lastTransitionTime"] == since
    mirror.more = {GPU: "8"}
    carved.say(a_state([(GPU, 8, 8, True)]))
    wait_served(api)
    told = [change["status"] for r in api.requests if r.method == "PATCH" and r.path.endswith("/status")
            for change in r.body["status"]["conditions"] if change["type"] == HARDWARE]
    assert [status for status, _ in itertools.groupby(told)] == ["False", "True"]


def test_a_node_that_serves_is_not_called_broken(gateway, carved, api, pods):  # pylint: disable=unused-argument
    """The same mistakes, without the start-up taint: the slices that are there serve on."""
    carved(time_slicing(2))
    api.put(a_node({LABEL: "nothing", CONFIG_LABEL: "nothing"}))
    put_map(api, {"ten": text(10)})
    gateway(*HURRIED, *CONFIGS, "--mig")
    wait_state(api, "failed")
    wait_event(api, "ConfigurationKeyMissing")
    api.wait(lambda: condition(api)["status"] == "True", lambda: condition(api))
    assert not events(api, "SlicesFailed") and not events(api, "SlicesLate")
    api.wait(lambda: api.get("Node", NODE)["status"]["allocatable"][GPU] == "16", "the kubelet's 16 slices")
