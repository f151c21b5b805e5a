# SPDX-License-Identifier: Apache-2.0
"""The start-up taint: what it waits for, its deadline, and the rights that its end needs."""
import datetime
import json
import time

import pytest

from conftest import (GPU, NODE, OTHER, STARTUP, TAINT, a_node, a_state, add_taint, condition, events, taints, time_slicing,
                      wait_event, wait_for)


@pytest.mark.parametrize("effect", ["NoSchedule", "NoExecute", "PreferNoSchedule"])
def test_taint_goes_when_slices_are_allocatable(gateway, carved, api, effect):
    carved(time_slicing(10))
    gateway(taints=[OTHER, {"key": TAINT, "effect": effect}, OTHER | {"key": "example.com/last"}])
    event = wait_event(api, "SlicesReady")
    assert taints(api) == ["example.com/other", "example.com/last"]
    assert api.get("Node", NODE)["spec"]["taints"][0] == OTHER
    assert api.get("Node", NODE)["status"]["allocatable"][GPU] == "80"
    assert f"{GPU} 80" in event["message"] and event["type"] == "Normal"


def test_taints_of_both_effects_go_together(gateway, carved, api):
    carved()
    gateway(taints=[STARTUP, OTHER, STARTUP | {"effect": "NoExecute"}])
    api.wait(lambda: taints(api) == ["example.com/other"], "both gone")
    assert api.count("PATCH", f"/nodes/{NODE}$") == 1


def test_last_taint_leaves_no_list(gateway, carved, api):
    carved()
    gateway(taints=[STARTUP])
    api.wait(lambda: not taints(api), "no taint")


def test_taint_waits_for_late_slices(gateway, carved, api, mirror):
    """Registered is not allocatable."""
    mirror.held.add(GPU)
    carved()
    run = gateway(taints=[STARTUP])
    run.wait_log("reason=NotAllocatable")
    assert taints(api) == [TAINT]
    mirror.held.clear()
    api.wait(lambda: not taints(api), "no taint")


def test_taint_waits_for_registration(gateway, carved, api, kubelet):
    kubelet.start()
    kubelet.refuse = "not now"
    carved()
    run = gateway(taints=[STARTUP])
    run.wait_log("reason=NotRegistered")
    assert taints(api) == [TAINT]
    kubelet.refuse = None
    api.wait(lambda: not taints(api), "no taint")


def test_taint_waits_for_configuration(gateway, carved, api):
    run = carved({"version": "v1", "sharing": {"timeSlicing": {"resources": [{"name": GPU, "replicas": 0}]}}})
    gateway(taints=[STARTUP]).wait_log("reason=ConfigurationError")
    assert taints(api) == [TAINT]
    run.configure(time_slicing(2))
    assert f"{GPU} 16" in wait_event(api, "SlicesReady")["message"]


def test_taint_waits_for_the_slices_of_a_chosen_configuration(gateway, carved, api, kubelet):
    """Not for those of before, which are allocatable while the choice comes into force."""
    api.put({"kind": "ConfigMap", "metadata": {"name": "configs", "namespace": "carve"},
             "data": {"default": json.dumps(time_slicing(10))}})
    carved()
    api.put(a_node(taints=[STARTUP]))
    wait_for(lambda: kubelet.healthy() == {GPU: 8}, "the slices of before")
    gateway("--config-map", "configs")
    assert f"{GPU} 80" in wait_event(api, "SlicesReady")["message"]


def test_taint_waits_for_the_slices_of_a_layout(gateway, carved, api, kubelet, pods):  # pylint: disable=unused-argument
    carved({"version": "v1", "flags": {"migStrategy": "mixed"}})
    api.put(a_node({"nvidia.com/mig.config": "all-1g.5gb"}, [STARTUP]))
    wait_for(lambda: kubelet.healthy() == {GPU: 8}, "the GPUs of before")
    gateway("--mig")
    assert "nvidia.com/mig-1g.5gb 56" in wait_event(api, "SlicesReady", 60)["message"]


def test_taint_waits_for_carved(gateway, carved, api, node):
    run = gateway(taints=[STARTUP])
    run.wait_log("reason=CarvedAway")
    assert taints(api) == [TAINT]
    carved()
    api.wait(lambda: not taints(api), "no taint")


def test_a_faulty_gpu_does_not_hold_the_rest_back(gateway, carved, api, node):
    node.emulator("lose", 3)
    carved()
    gateway(taints=[STARTUP])
    assert f"{GPU} 7" in wait_event(api, "SlicesReady")["message"]


@pytest.mark.parametrize("gpus", [0, 1])
def test_no_slices_on_purpose_settles(gateway, stand_in, api, gpus):
    """A configuration may leave a node without slices; nobody can wait for them."""
    stand_in(a_state(gpus=gpus, notes=["'NVIDIA A100-SXM4-40GB' not offered: no pattern fits it"] * gpus))
    gateway(taints=[STARTUP])
    event = wait_event(api, "SlicesReady")
    assert "no slices" in event["message"] and not taints(api)


@pytest.mark.parametrize("reason,words,state", [
    ("NoSlices", "there are no slices: MIG is on", a_state(mig=2, notes=["MIG is on but there are no MIG devices"])),
    ("NoHealthySlices", "none of the slices of 'nvidia.com/gpu' is healthy", a_state([(GPU, 8, 0, True)])),
    ("NoHealthySlices", "'nvidia.com/b'", a_state([(GPU, 1, 1, True), ("nvidia.com/b", 8, 0, True)])),
    ("NotRegistered", "has not taken resource 'nvidia.com/gpu'", a_state([(GPU, 8, 8, False)])),
    ("NotRegistered", "'nvidia.com/b'", a_state([(GPU, 1, 1, True), ("nvidia.com/b", 1, 1, False)])),
    ("NotAllocatable", "of the 2 healthy slices of 'nvidia.com/gpu' 1 are", a_state([(GPU, 2, 2, True)])),
    ("DriverError", "the driver cannot be read: gone", a_state([(GPU, 1, 1, True)], driver_error="gone")),
])
def test_what_is_missing_is_named(gateway, stand_in, api, mirror, reason, words, state):
    carved = stand_in(state)
    mirror.more = {GPU: "1"}
    made = a_node(taints=[STARTUP])
    made["status"]["allocatable"][GPU] = "1"
    api.put(made)
    run = gateway("--ready-deadline", "50ms")
    api.wait(lambda: any(words in event["message"] for event in events(api, "SlicesLate")), lambda: events(api))
    run.wait_log(f"reason={reason}")
    assert taints(api) == [TAINT]
    carved.say(a_state())
    api.wait(lambda: not taints(api), "no taint")


def test_hardware_that_was_not_read_is_waited_for(gateway, stand_in, api):
    state = a_state()
    state.resolved = False
    carved = stand_in(state)
    gateway(taints=[STARTUP]).wait_log("reason=HardwareUnread")
    assert taints(api) == [TAINT]
    carved.say(a_state())
    api.wait(lambda: not taints(api), "no taint")


def test_nonsense_from_carved_is_refused_and_asked_again(gateway, stand_in, api):
    carved = stand_in(b"\xff\xff nonsense")
    run = gateway(taints=[STARTUP])
    run.wait_log("the state that carved tells")
    wait_for(lambda: carved.asked > 2, "more tries")
    assert taints(api) == [TAINT]
    carved.say(a_state())
    api.wait(lambda: not taints(api), "no taint")


def test_taint_is_never_put_back(gateway, carved, api, kubelet):
    run = carved(time_slicing(2))
    gateway(taints=[STARTUP]).wait_log("event=SlicesReady")
    run.configure(time_slicing(4))
    api.wait(lambda: api.get("Node", NODE)["status"]["allocatable"][GPU] == "32", "new slices")
    kubelet.restart()
    run.end()
    api.wait(lambda: api.get("Node", NODE)["status"]["allocatable"][GPU] == "0", "no slices")
    run.start()
    api.wait(lambda: api.get("Node", NODE)["status"]["allocatable"][GPU] == "32", "slices again")
    assert not taints(api) and len(events(api, "SlicesReady")) == 1


def test_a_change_at_the_same_time_is_not_lost(gateway, carved, api):
    """Between the object that was seen and the patch somebody else puts a taint in front."""
    carved()
    late = api.fault("slow", method="PATCH", path=f"/nodes/{NODE}$", seconds=0.5, times=1)
    gateway(taints=[OTHER, STARTUP])
    api.wait(lambda: late.hits == 1, "a patch under way")
    new = {"key": "example.com/new", "effect": "NoSchedule"}
    api.change("Node", NODE, lambda n: add_taint(n, new, first=True))
    api.wait(lambda: taints(api) == ["example.com/new", "example.com/other"], lambda: taints(api))
    assert wait_event(api, "SlicesReady")


# The deadline.
def test_deadline_is_told_and_taken_back(gateway, carved, api, mirror):
    mirror.held.add(GPU)
    carved()
    gateway("--ready-deadline", "100ms", taints=[STARTUP])
    event = api.wait(lambda: [event for event in events(api, "SlicesLate") if "of the 8 healthy slices of 'nvidia.com/gpu' "
                              "0 are allocatable" in event["message"]][0], lambda: events(api))
    assert event["type"] == "Warning"
    assert event["involvedObject"]["name"] == NODE and event["metadata"]["namespace"] == "default"
    assert event["involvedObject"]["uid"] == api.get("Node", NODE)["metadata"]["uid"]
    assert event["source"]["component"] == "carve-gateway" and event["reportingInstance"] == "carve-x7x7x"
    assert taints(api) == [TAINT]
    api.wait(lambda: condition(api)["status"] == "False" and condition(api)["reason"] == "NotAllocatable",
             lambda: condition(api))
    assert "of the 8 healthy slices" in condition(api)["message"]
    mirror.held.clear()
    wait_event(api, "SlicesReady")
    assert not taints(api)
    api.wait(lambda: condition(api)["status"] == "True", lambda: condition(api))


def test_a_serving_node_is_never_called_late(gateway, carved, api, mirror):
    """Without the taint nothing is waited for. A taint that comes later has the whole deadline before it."""
    mirror.held.add(GPU)
    carved()
    run = gateway("--ready-deadline", "1s")
    run.wait_log("carved answers")
    time.sleep(1.2)
    api.change("Node", NODE, lambda n: add_taint(n, STARTUP))
    wait_event(api, "SlicesLate")
    begun, told = [datetime.datetime.fromisoformat(next(line for line in run.log().splitlines() if words in line).split()[0])
                   for words in ("start-up taint stays for now", "event=SlicesLate")]
    assert told - begun >= datetime.timedelta(seconds=0.95)


# Rights.
@pytest.mark.parametrize("verb,plural,words", [
    ("list", "nodes", "nodes"), ("watch", "nodes", "nodes"), ("patch", "nodes", "nodes"), ("create", "events", "events")])
def test_missing_right_is_named_and_waited_for(gateway, carved, api, verb, plural, words):
    carved()
    api.forbid(verb, plural)
    run = gateway(taints=[STARTUP])
    wait_for(lambda: f'cannot {verb} resource \\"{words}\\"' in run.log() or f'cannot {verb} resource "{words}"' in run.log(),
             lambda: f"the missing right in the log:\n{run.log()}")
    api.allow_again()
    api.wait(lambda: not taints(api), lambda: f"no taint\n{run.log()}", 60)


def test_missing_right_to_patch_is_in_the_event(gateway, carved, api):
    carved()
    api.forbid("patch", "nodes")
    gateway("--ready-deadline", "50ms", taints=[STARTUP])
    api.wait(lambda: any("the start-up taint cannot be removed" in event["message"] for event in events(api)),
             lambda: events(api))
