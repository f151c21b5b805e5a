# SPDX-License-Identifier: Apache-2.0
"""A notice of EC2's that this instance ends: Event, taint, evictions of the pods that hold slices (metadata.py stands in
for the metadata service, apiserver.py for the API server, carved and the kubelet's pod resources say who holds what)."""
import re

import pytest

from conftest import NODE, events, taints, wait_event, wait_for
from miglabel import gpu_ids, hold, life, pod
from notices import TAINT, begin, reads, rounds, service
OURS = {"key": TAINT, "effect": "NoSchedule"}
OTHER = {"key": "example.com/other", "value": "a", "effect": "NoSchedule"}
PODS = ("train-0", "train-1", "train-2")


@pytest.fixture
def holders(api, pods, kubelet):
    def make(*names, **more):
        for number, name in enumerate(names):
            hold(api, pods, gpu_ids(kubelet)[number], name, **more)
    return make


def evictions(api):
    """{pod: body of its first eviction}"""
    with api.lock:
        found = {r.path.split("/")[-2]: r.body for r in reversed(api.requests) if r.path.endswith("/eviction")}
    return found


# What is done.
@pytest.mark.parametrize("action", ["terminate", "stop", "hibernate"])
def test_a_notice_drains_the_node(reads, service, api, holders, life, action):
    reads(taints=[OTHER])
    holders(*PODS)
    pod(api, "bystander")
    api.pod_end_s = None
    service.interrupt(action, 110)
    told = wait_event(api, "SpotInterruption")
    assert told["type"] == "Warning" and f"{action} at 20" in told["message"]
    assert 100 < int(re.search(r"(\d+) s from now", told["message"])[1]) <= 110
    wait_for(lambda: all(life.is_going(name) for name in PODS), "the evictions")
    assert taints(api) == ["example.com/other", TAINT]
    assert api.get("Node", NODE)["spec"]["taints"][1] == OURS
    assert "3 pods that hold slices are evicted" in wait_event(api, "InterruptionPodsEvicted")["message"]
    for name in PODS:
        life.end(name)
    wait_event(api, "InterruptionDrained")
    assert not life.is_going("bystander")
    assert sorted(evictions(api)) == sorted(PODS) and api.count("POST", "/eviction") == 3, "each is asked once"


def test_off_unless_asked_for(gateway, carved, service, api):
    carved(None)
    run = gateway("--metadata-endpoint", service.url, "--metadata-interval", "20ms", taints=[OTHER])
    service.interrupt()
    run.wait_log("labels of the node")
    assert not service.requests and taints(api) == ["example.com/other"] and not events(api, "SpotInterruption")


def test_the_taint_is_there_before_the_first_eviction(reads, service, api, holders):
    reads()
    holders("train-0")
    patch = api.fault("slow", method="PATCH", path=f"/nodes/{NODE}$", seconds=0.3)
    service.interrupt()
    wait_for(lambda: evictions(api), "the eviction")
    assert patch.hits > 0
    with api.lock:
        done = [r for r in api.requests if r.path.endswith("/eviction") or TAINT in str(r.body)]
    assert TAINT in str(done[0].body) and done[0].status == 200


def test_without_the_right_to_taint_pods_go_all_the_same(reads, service, api, holders, life):
    reads()
    holders("train-0")
    api.forbid("patch", "nodes")
    service.interrupt()
    wait_for(lambda: life.is_going("train-0"), "the eviction")
    assert TAINT not in taints(api)
    api.allow_again()
    api.wait(lambda: TAINT in taints(api), "the taint")


def test_a_taint_that_is_taken_and_never_seen_holds_nobody_up(reads, service, api, holders, life):
    """As where a webhook takes it out of the patch."""
    reads()
    holders("train-0")
    api.fault("garbage", method="PATCH", path=f"/nodes/{NODE}$", data=b"{}")
    service.interrupt()
    wait_for(lambda: life.is_going("train-0"), "the eviction")
    assert TAINT not in taints(api)


@pytest.mark.parametrize("grace, in_s, expected", [
    (600, 60, range(40, 56)),   # cut to what is left, less 5 s
    (10, 60, [None]),           # its own is shorter
    (600, 4, [1]),
    (0, 60, [None]),
    (600, 7200, range(100, 116)),  # a clock that is behind: EC2 gives two minutes
    (600, -50, [None]),            # one that is ahead, or EC2 is late: nobody knows what is left
])
def test_no_pod_gets_longer_than_is_left(reads, service, api, holders, grace, in_s, expected):
    reads()
    holders("train-0", grace=grace)
    service.interrupt(in_s=in_s)
    wait_for(lambda: evictions(api), "the eviction")
    options = evictions(api)["train-0"]["deleteOptions"]
    assert options.get("gracePeriodSeconds") in expected and options["preconditions"]["uid"]
    assert ("any moment now" in wait_event(api, "SpotInterruption")["message"]) == (in_s < 0)


def test_pods_that_come_later_go_too(reads, service, api, pods, kubelet, holders, life):
    """Bound before the taint was there, seen by carved only after the first round."""
    reads()
    holders("train-0")
    service.interrupt()
    wait_for(lambda: life.is_going("train-0"), "the first")
    hold(api, pods, gpu_ids(kubelet)[3], "late")
    wait_for(lambda: life.is_going("late"), "the second")


def test_pods_of_daemon_sets_stay_and_hold_nobody_up(reads, service, api, holders, life):
    reads()
    holders("monitor", ownerReferences=[{"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "d", "uid": "u",
                                         "controller": True}])
    holders("train-0")
    service.interrupt(in_s=15)
    wait_for(lambda: life.is_going("train-0"), "the eviction")
    life.end("train-0")
    rounds(service, 20)
    assert not life.is_going("monitor") and list(evictions(api)) == ["train-0"]


def test_a_pod_that_another_drains_is_not_asked_again(reads, service, api, holders):
    """As Karpenter, which taints and evicts on the same notice."""
    reads()
    holders("train-0", "train-1")
    api.pod_end_s = None
    api.change("Pod", "train-0", lambda p: p["metadata"].update(deletionTimestamp=api.now()), "team")
    api.change("Node", NODE, lambda n: n["spec"]["taints"].append({"key": "karpenter.sh/disrupted", "effect": "NoSchedule"}))
    service.interrupt()
    wait_for(lambda: evictions(api), "the eviction")
    assert taints(api) == ["karpenter.sh/disrupted", TAINT] and list(evictions(api)) == ["train-1"]


# Who refuses.
def test_a_disruption_budget_is_asked_again(reads, service, api, holders, life):
    api.budgets[("team", "train-0")] = 2
    reads()
    holders("train-0")
    service.interrupt()
    wait_for(lambda: life.is_going("train-0"), "the third try")
    assert api.count("POST", "/eviction") == 3


def test_a_budget_that_never_allows_is_never_gone_around(reads, service, api, holders, life):
    api.budgets[("team", "train-0")] = -1
    reads()
    holders("train-0")
    service.interrupt(in_s=15)
    told = wait_event(api, "InterruptionPodsLeft")
    assert told["type"] == "Warning" and "pod team/train-0 may not go yet" in told["message"]
    assert "disruption budget" in told["message"]
    wait_for(lambda: api.count("POST", "/eviction") >= 3, "more tries")
    assert not life.is_going("train-0") and not api.count("DELETE", "/pods/")
    assert len(events(api, "InterruptionPodsLeft")) == 1


@pytest.mark.parametrize("verb, resource, sub", [("create", "pods", "eviction"), ("get", "pods", None)])
def test_without_the_right_to_evict(reads, service, api, holders, life, verb, resource, sub):
    api.forbid(verb, resource, sub)
    _, run = reads()
    holders("train-0")
    service.interrupt()
    told = wait_event(api, "InterruptionDrainFailed")
    assert "train-0" in told["message"] and f"cannot {verb}" in told["message"]
    wait_for(lambda: api.count(path="/pods/train-0") >= 3, "more tries")
    assert run.log().count("event=InterruptionDrainFailed") == 1
    api.allow_again()
    wait_for(lambda: life.is_going("train-0"), "the eviction")


def test_a_pod_whose_eviction_is_forbidden_holds_nobody_up(reads, service, api, holders, life):
    """As in a namespace that is being deleted, or by an admission policy."""
    api.forbid("create", "pods", "eviction", "train-1")
    reads()
    holders(*PODS)
    service.interrupt(in_s=15)
    wait_for(lambda: life.is_going("train-0") and life.is_going("train-2"), "the other evictions")
    assert "evict pod team/train-1" in wait_event(api, "InterruptionDrainFailed")["message"]
    assert "pod team/train-1 may not go yet" in wait_event(api, "InterruptionPodsLeft")["message"]
    assert not life.is_going("train-1")


def test_carved_is_away(reads, service, api, holders, life):
    run, _ = reads()
    holders("train-0")
    run.kill()
    service.interrupt(in_s=15)
    assert "carved does not answer" in wait_event(api, "InterruptionDrainFailed")["message"]
    assert "carved does not answer" in wait_event(api, "InterruptionPodsLeft")["message"]
    assert TAINT in taints(api)
    run.start()
    wait_for(lambda: life.is_going("train-0"), "the eviction")


def test_the_kubelet_cannot_say_who_holds_what(reads, service, api, pods, holders, life):
    reads()
    holders("train-0")
    pods.broken = True
    service.interrupt()
    assert "checkpoint is broken" in wait_event(api, "InterruptionDrainFailed")["message"]
    pods.broken = False
    wait_for(lambda: life.is_going("train-0"), "the eviction")


# The end of a notice, and of ours.
def test_a_notice_that_is_taken_back(reads, service, api, holders, life):
    api.budgets[("team", "train-0")] = -1
    reads(taints=[OTHER])
    holders("train-0")
    service.interrupt()
    wait_for(lambda: evictions(api), "an eviction")
    service.withdraw()
    wait_event(api, "SpotInterruptionOver")
    api.wait(lambda: taints(api) == ["example.com/other"], "the taint's end")
    tried = api.count("POST", "/eviction")
    rounds(service, 60)
    assert api.count("POST", "/eviction") == tried and not life.is_going("train-0")
    service.interrupt("stop")
    api.wait(lambda: TAINT in taints(api), "the taint of the next one")


def test_a_restart_goes_on(reads, service, api, holders, life):
    api.budgets[("team", "train-0")] = -1
    _, run = reads()
    holders("train-0")
    service.interrupt()
    wait_for(lambda: evictions(api), "an eviction")
    run.kill()
    api.budgets.clear()
    run.start()
    wait_for(lambda: life.is_going("train-0"), "the eviction")
    assert taints(api) == [TAINT]
    service.withdraw()
    api.wait(lambda: not taints(api), "the taint's end")


def test_the_taint_of_an_instance_that_came_back_goes(begin, service, api):
    """A spot instance that was stopped is started again with its node object."""
    service.fault("hang", times=1)
    _, run = begin(taints=[OTHER, OURS])
    run.wait_log("labels of the node")
    assert TAINT in taints(api), "before it is known"
    api.wait(lambda: taints(api) == ["example.com/other"], "the taint's end")


def test_the_taint_stays_while_nobody_knows(begin, service, api):
    service.away()
    _, run = begin(taints=[OURS])
    wait_event(api, "MetadataAway")
    assert taints(api) == [TAINT]
    service.back()
    run.wait_log("reading spot notices")
    api.wait(lambda: not taints(api), "the taint's end")


def test_turned_off_while_the_taint_is_there(gateway, carved, api):
    carved(None)
    gateway(taints=[OTHER, OURS])
    api.wait(lambda: taints(api) == ["example.com/other"], "the taint's end")


def test_what_was_said_holds_while_the_service_is_away(reads, service, api):
    reads()
    service.interrupt()
    api.wait(lambda: TAINT in taints(api), "the taint")
    service.away()
    wait_event(api, "MetadataAway")
    assert TAINT in taints(api) and not events(api, "SpotInterruptionOver")


def test_uninstalled(reads, service, api):
    _, run = reads(taints=[OTHER])
    service.interrupt()
    api.wait(lambda: TAINT in taints(api), "the taint")
    api.delete("DaemonSet", "carve", "carve")
    run.end()
    assert taints(api) == ["example.com/other"]


def test_an_outage_of_the_api(reads, service, api, holders, life):
    reads()
    holders("train-0")
    api.away()
    service.interrupt()
    rounds(service)
    api.back()
    wait_for(lambda: life.is_going("train-0"), "the eviction")
    wait_event(api, "SpotInterruption")


# The recommendation to rebalance.
@pytest.mark.parametrize("what, tainted, evicts", [(None, False, False), ("event", False, False), ("taint", True, False),
                                                   ("drain", True, True)])
def test_rebalance(reads, service, api, holders, life, what, tainted, evicts):
    reads(*(["--interruption-rebalance", what] if what else []))
    holders("train-0", grace=600)
    service.recommend()
    assert "likely to be interrupted" in wait_event(api, "RebalanceRecommended")["message"]
    if tainted:
        api.wait(lambda: TAINT in taints(api), "the taint")
    if evicts:
        wait_for(lambda: life.is_going("train-0"), "the eviction")
        assert "gracePeriodSeconds" not in evictions(api)["train-0"]["deleteOptions"]
    rounds(service, 20)
    assert taints(api) == [TAINT] * tainted and list(evictions(api)) == ["train-0"] * evicts
    assert len(events(api, "RebalanceRecommended")) == 1 and not events(api, "SpotInterruption")
    service.withdraw()
    wait_event(api, "RebalanceOver")
    api.wait(lambda: not taints(api), "no taint")


def test_a_notice_after_a_recommendation(reads, service, api, holders, life):
    reads()
    holders("train-0")
    service.recommend()
    wait_event(api, "RebalanceRecommended")
    service.interrupt()
    wait_for(lambda: life.is_going("train-0"), "the eviction")
    wait_event(api, "SpotInterruption")
