# SPDX-License-Identifier: Apache-2.0
"""The gateway itself: handshake with Karpenter, the ends of its two connections, Events, its own end."""
import datetime
import json
import signal
import socket
import subprocess
import threading
import time

import pytest

from conftest import (BUILD, NODE, STARTUP, TAINT, a_node, a_state, condition, events, taints, time_slicing, wait_event, wait_for)

OTHER = {"key": "example.com/other", "value": "a", "effect": "NoExecute", "timeAdded": "2026-01-02T03:04:05Z"}
GPU = "nvidia.com/gpu"


def add_taint(node, taint, first=False):
    kept = node["spec"].get("taints") or []
    node["spec"]["taints"] = [taint] + kept if first else kept + [taint]


# The start-up taint.
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


def test_a_serving_node_is_never_called_late(gateway, carved, api):
    """Without the taint nothing is waited for: a broken configuration must not get the node replaced. A taint that comes
    later has the whole deadline before it."""
    carved({"version": "v2"})
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


# The API server.
def test_api_away_at_the_start(gateway, carved, api):
    carved()
    api.put(a_node(taints=[STARTUP]))
    api.away()
    run = gateway(with_node=False)
    run.wait_log("cannot watch this node")
    api.back()
    api.wait(lambda: not taints(api), "no taint")


def test_api_away_in_the_middle(gateway, carved, api):
    run = carved({"version": "v2"})
    gate = gateway(taints=[STARTUP])
    gate.wait_log("reason=ConfigurationError")
    api.away()
    gate.wait_log("cannot watch this node")
    run.configure(time_slicing(2))
    wait_for(lambda: run.state().resources and run.state().resources[0].slices == 16, "16 slices")
    api.back()
    api.wait(lambda: not taints(api), "no taint")
    assert f"{GPU} 16" in wait_event(api, "SlicesReady")["message"]


@pytest.mark.parametrize("kind,watch", [(kind, watch) for kind in ("garbage", "noise", "reset", "truncate", "cut")
                                        for watch in (False, True) if (kind, watch) != ("truncate", True)])
def test_broken_answers(gateway, carved, api, kind, watch):
    carved()
    bad = api.fault(kind, method="GET", path="/nodes$", times=3, watch=watch)
    run = gateway()
    api.wait(lambda: bad.hits == 3, lambda: f"three tries\n{run.log()}", 60)
    api.change("Node", NODE, lambda n: add_taint(n, STARTUP))
    api.wait(lambda: not taints(api), lambda: f"no taint\n{run.log()}", 60)


def test_server_error_on_the_patch(gateway, carved, api):
    carved()
    bad = api.fault("refuse", method="PATCH", path=f"/nodes/{NODE}$", status=500, times=3)
    gateway(taints=[STARTUP])
    api.wait(lambda: not taints(api), "no taint")
    assert bad.hits == 3


def test_history_too_old(gateway, carved, api):
    carved()
    run = gateway()
    run.wait_log("the API server answers")
    api.wait(lambda: api.count("GET", "/nodes$", watch=True) > 0, "a watch")
    api.compact()
    api.cut_watches()
    api.change("Node", NODE, lambda n: add_taint(n, STARTUP))
    api.wait(lambda: not taints(api), lambda: f"no taint\n{run.log()}")


@pytest.mark.parametrize("skew_s", [-10 * 365 * 86400, 86400, 40 * 365 * 86400])
def test_clock_skew(gateway, carved, api, skew_s):
    api.clock_skew_s = skew_s
    carved({"version": "v2"})
    gateway("--ready-deadline", "1h", taints=[STARTUP]).wait_log("reason=ConfigurationError")
    assert not events(api, "SlicesLate")
    carved_again = gateway  # the second instance has its own view of time and does no harm
    carved_again("--ready-deadline", "50ms")
    wait_event(api, "SlicesLate")


def test_node_object_comes_late_and_again(gateway, carved, api):
    """A node that was deleted and registered anew starts behind its taint again, with a deadline of its own."""
    carved()
    run = gateway(with_node=False)
    run.wait_log("knows no node of this name")
    api.put(a_node(taints=[STARTUP]))
    api.wait(lambda: not taints(api), "no taint")
    api.delete("Node", NODE)
    run.wait_log("the node object is gone")
    api.put(a_node(taints=[STARTUP]))
    api.wait(lambda: not taints(api), "no taint")
    assert not events(api, "SlicesLate")


# carved.
def test_carved_gone_and_back(gateway, carved, api):
    """Each end is told once, by both ends of a run."""
    run = carved(time_slicing(2))
    gate = gateway()
    gate.wait_log("carved answers")
    before = gate.log().count("carved is away")  # it may have been the quicker one
    run.end()
    gate.wait_log("carved is away, keeping what it told last", times=before + 1)
    run.start()
    gate.wait_log("carved answers", times=2)
    assert gate.log().count("carved is away") == before + 1
    run.kill()
    gate.wait_log("carved is away", times=before + 2)
    run.start()
    gate.wait_log("carved answers", times=3)


def test_no_hot_loop_without_carved(gateway, node, api):
    """Somebody who hangs up at once is asked ever less often."""
    path = node.folder / "run/carved.sock"
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(16)
        listener.settimeout(20)
        gateway()
        times = []
        for _ in range(6):
            listener.accept()[0].close()
            times.append(time.monotonic())
    assert times[-1] - times[0] > (0.1 + 0.2 + 0.4 + 0.8) / 2


def test_carved_back_is_seen_at_once(gateway, stand_in, api):
    """By its folder, though the pauses have grown to seconds. One slow time of three is the machine's."""
    gate = gateway()
    carved = stand_in(a_state())
    gate.wait_log("carved answers")
    quick = 0
    for times in range(2, 5):
        carved.end()
        gate.wait_log("carved is away", times=times - 1)
        time.sleep(3)
        begun = time.monotonic()
        carved = stand_in(a_state())
        gate.wait_log("carved answers", times=times)
        quick += time.monotonic() - begun < 0.5
    assert quick >= 2


def test_carved_away_for_long_is_told(gateway, carved, api):
    run = carved()
    gate = gateway("--carved-grace", "300ms")
    gate.wait_log("carved answers")
    assert not events(api, "CarvedAway")
    run.end()
    assert "has not answered" in wait_event(api, "CarvedAway")["message"]
    run.start()
    wait_event(api, "CarvedBack")


# Its own end.
def test_killed_and_started_again(gateway, carved, api, mirror):
    mirror.held.add(GPU)
    carved()
    run = gateway(taints=[STARTUP])
    run.wait_log("reason=NotAllocatable")
    run.kill()
    mirror.held.clear()
    run.start()
    api.wait(lambda: not taints(api), "no taint")


def test_two_at_once_do_no_harm(gateway, carved, api):
    carved()
    api.put(a_node(taints=[OTHER, STARTUP]))
    gateway(), gateway()
    api.wait(lambda: taints(api) == ["example.com/other"], "no taint")
    assert wait_event(api, "SlicesReady")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stopped_is_not_uninstalled(gateway, carved, api, number):
    carved()
    run = gateway()
    run.wait_log("carved answers")
    run.signal(number)
    assert run.process.wait(20) == 0
    assert "taking back" not in run.log()


@pytest.mark.parametrize("how", ["gone", "going"])
def test_uninstall_is_told_from_a_restart(gateway, carved, api, how):
    carved()
    run = gateway()
    run.wait_log("carved answers")
    if how == "gone":
        api.delete("DaemonSet", "carve", "carve")
    else:
        api.change("DaemonSet", "carve", lambda d: d["metadata"].update(deletionTimestamp=api.now()), "carve")
    run.end()
    assert "carve is being uninstalled" in run.log() and "is taken back" in run.log()


def test_unsure_about_the_end_leaves_all_as_it_is(gateway, carved, api):
    carved()
    run = gateway()
    run.wait_log("carved answers")
    api.forbid("get", "daemonsets")
    run.end()
    assert "cannot tell whether carve is being uninstalled" in run.log()


def test_end_while_the_api_is_away(gateway, carved, api):
    run = gateway()
    api.wait(lambda: api.count("GET", "/nodes$", watch=True), "a watch")
    api.away()
    run.end()
    api.back()


@pytest.mark.parametrize("words", ["started ", "carved answers", "the API server answers", "stopping signal", "event=SlicesReady"])
def test_shutdown_at_any_moment(gateway, carved, api, words):
    carved()
    run = gateway(taints=[STARTUP])
    if words == "stopping signal":
        run.wait_log("started ")
        run.signal(signal.SIGTERM)
        run.wait_log(words)
        if run.process.poll() is None:
            run.signal(signal.SIGTERM)
        assert run.process.wait(20) == 0
        return
    run.wait_log(words)
    run.end()


# carve-gateway --uninstall
def job(api, node, *arguments):
    return subprocess.run([BUILD / "src/gateway/carve-gateway", "--uninstall", "--namespace", "carve", "--daemon-set",
                           "carve", "--kubeconfig", api.kubeconfig(node.folder), *arguments], capture_output=True,
                          text=True, timeout=60, check=False)


def test_uninstall_job(api, node):
    """Foreground: the server keeps the DaemonSet until its pods are gone."""
    seen = []

    def end(daemon_set):
        seen.append(daemon_set["metadata"]["finalizers"])
        daemon_set["metadata"]["finalizers"] = []

    waiter = threading.Thread(target=lambda: (api.wait(lambda: "deletionTimestamp" in api.get(
        "DaemonSet", "carve", "carve")["metadata"], "the delete"), api.change("DaemonSet", "carve", end, "carve"),
        api.wait(lambda: api.count("GET", "/daemonsets/carve") > 0, "a look"), api.delete("DaemonSet", "carve", "carve")))
    waiter.start()
    done = job(api, node)
    waiter.join()
    assert done.returncode == 0, done.stderr
    assert seen == [["foregroundDeletion"]] and "the DaemonSet is gone" in done.stderr


def test_uninstall_job_has_nothing_to_do(api, node):
    api.delete("DaemonSet", "carve", "carve")
    assert job(api, node).returncode == 0


def test_uninstall_job_ends_at_its_deadline(api, node):
    done = job(api, node, "--uninstall-deadline", "300ms")
    assert done.returncode == 1 and "is still there" in done.stderr and "its pods have not ended" in done.stderr


def test_uninstall_job_names_the_missing_right(api, node):
    api.forbid("delete", "daemonsets")
    done = job(api, node)
    assert done.returncode == 1 and "cannot delete resource" in done.stderr


# Events.
def test_the_same_event_is_counted(gateway, carved, api):
    """Those that say the same within an hour are one."""
    carved()
    gateway(taints=[STARTUP])
    first = wait_event(api, "SlicesReady")
    assert first["count"] == 1
    for _ in range(2):
        api.wait(lambda: not taints(api), "no taint")
        api.change("Node", NODE, lambda n: add_taint(n, STARTUP))
    api.wait(lambda: events(api, "SlicesReady")[0]["count"] == 3, lambda: events(api))
    last, = events(api, "SlicesReady")
    assert last["metadata"]["name"] == first["metadata"]["name"] and last["lastTimestamp"] >= first["lastTimestamp"]


def test_an_event_whose_answer_was_lost_is_there_once(gateway, carved, api):
    api.fault("reset", method="POST", path="/events$", times=1)
    carved()
    gateway(taints=[STARTUP])
    api.wait(lambda: api.count("PATCH", "/events/"), lambda: events(api))
    assert [event["count"] for event in events(api, "SlicesReady")] == [1]


def test_an_event_that_has_expired_is_made_anew(gateway, carved, api):
    carved()
    gateway(taints=[STARTUP])
    first = wait_event(api, "SlicesReady")
    api.delete("Event", first["metadata"]["name"])
    api.change("Node", NODE, lambda n: add_taint(n, STARTUP))
    assert wait_event(api, "SlicesReady")["count"] == 2


def test_a_flood_of_events_is_paced(gateway, stand_in, api, mirror):
    """Each with other words: 25 at once, the rest by and by, without end of memory or requests."""
    carved = stand_in(a_state())
    run = gateway(taints=[STARTUP])
    wait_event(api, "SlicesReady")
    for n in range(80):
        api.wait(lambda: not taints(api), "no taint")
        mirror.more = {f"nvidia.com/r{n}": "1"}
        carved.say(a_state([(f"nvidia.com/r{n}", 1, 1, True)]))
        run.wait_log("labels")
        api.change("Node", NODE, lambda node: add_taint(node, STARTUP))
        run.wait_log("event=SlicesReady", times=n + 2)
    run.wait_log("too many at once")
    assert 20 < len(events(api, "SlicesReady")) < 35


def test_events_that_cannot_be_written_are_in_the_log(gateway, carved, api):
    api.forbid("create", "events")
    carved()
    run = gateway(taints=[STARTUP])
    run.wait_log("cannot write Events, leaving out reason=SlicesReady")
    assert not taints(api)


def test_events_wait_for_the_server(gateway, carved, api):
    bad = api.fault("refuse", method="POST", path="/events$", status=503, times=2)
    carved()
    gateway(taints=[STARTUP])
    wait_event(api, "SlicesReady")
    assert bad.hits == 2


# The command line.
@pytest.mark.parametrize("arguments,words", [
    ([], "which node is this?"),
    (["--node-name", "Node"], "--node-name: 'Node' is not a name that Kubernetes takes"),
    (["--node-name", "a/../b"], "is not a name that Kubernetes takes"),
    (["--node-name", "a", "--socket", "x"], "--socket: 'x' is not an absolute path"),
    (["--node-name", "a", "--ready-deadline", "soon"], "is not a time such as"),
    (["--node-name", "a", "--ready-deadline", "0"], "is not a time such as"),
    (["--node-name", "a", "--labels", "both"], "is not auto, node, node-feature or off"),
    (["--node-name", "a", "--mig=perhaps"], "is not true or false"),
    (["--node-name", "a", "--mig-label", "a b"], "is not a label's name"),
    (["--node-name", "a", "--mig-label", "/x"], "is not a label's name"),
    (["--node-name", "a", "--config-map", "a/b/c"], "is not NAME or NAMESPACE/NAME"),
    (["--node-name", "a", "--fault-taint", "x"], "is not a taint such as"),
    (["--node-name", "a", "--fault-taint", "x:Never"], "is not a taint such as"),
    (["--node-name", "a", "--mig-label", "a.b/" + "x" * 58], "no more than 57 characters"),
    (["--node-name", "a", "--mig-drain"], "mean nothing without --mig"),
    (["--uninstall"], "--uninstall needs --daemon-set"),
])
def test_wrong_command_lines(arguments, words):
    done = subprocess.run([BUILD / "src/gateway/carve-gateway", *arguments], capture_output=True, text=True, timeout=20,
                          env={"KUBECONFIG": "/dev/null"}, check=False)
    assert done.returncode == 2 and words in done.stderr


def test_wrong_environment():
    done = subprocess.run([BUILD / "src/gateway/carve-gateway"], capture_output=True, text=True, timeout=20,
                          env={"CARVE_READY_DEADLINE": "x"}, check=False)
    assert done.returncode == 2 and "$CARVE_READY_DEADLINE: 'x' is not a time" in done.stderr


def test_no_way_to_the_api_server(tmp_path):
    (tmp_path / "config").write_text(json.dumps({"apiVersion": "v1", "kind": "Config"}), encoding="utf-8")
    done = subprocess.run([BUILD / "src/gateway/carve-gateway", "--node-name", "a", "--kubeconfig", tmp_path / "config"],
                          capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1 and "cannot start" in done.stderr
