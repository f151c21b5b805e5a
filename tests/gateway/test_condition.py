# SPDX-License-Identifier: Apache-2.0
"""Health in the open: condition AcceleratedHardwareReady, Events and the fault taint, from a fault on the emulated node
to the API server and back."""
import signal
import time

import pytest

from conftest import NODE, events, taints, time_slicing, wait_event, wait_for

GPU = "nvidia.com/gpu"
TYPE = "AcceleratedHardwareReady"
EKS = "eks-node-monitoring-agent"
LONG = ["--health-probation", "60m"]
FAULT_TAINT = {"key": "carve.dev/fault", "effect": "NoExecute"}
OTHER = {"key": "example.com/other", "value": "a", "effect": "NoSchedule"}

EVICTS = {"key": "example.com/evicts", "effect": "NoExecute"}


def condition(api):
    """Status, reason and message of the condition; None without one."""
    node = api.get("Node", NODE)
    found = [c for c in node["status"].get("conditions", []) if c["type"] == TYPE]
    assert len(found) <= 1
    return found[0] if found else None


def wait_condition(api, status, reason):
    api.wait(lambda: (condition(api) or {}).get("status") == status and condition(api)["reason"] == reason,
             f"condition {status} {reason}, it is {condition(api)}")
    return condition(api)


def writes(api):
    """Requests of ours that carry the condition."""
    return [r for r in api.requests if r.method == "PATCH" and r.path.endswith("/status") and TYPE in str(r.body)]


def is_ready(carved, gateway, api, config=None, *arguments, carved_arguments=LONG, **more):
    run = carved(config, carved_arguments)
    made = gateway(*arguments, **more)
    wait_condition(api, "True", "NvidiaGPUIsReady")
    run.wait_log("watching for events")
    return run, made


def someone_writes(api, status="True", reason="NvidiaGPUIsReady", manager=EKS):
    """As another agent would: the condition, and its name in managedFields."""
    def change(node):
        conditions = node["status"].setdefault("conditions", [])
        conditions[:] = [c for c in conditions if c["type"] != TYPE] + [
            {"type": TYPE, "status": status, "reason": reason, "message": "theirs",
             "lastTransitionTime": "2026-01-01T00:00:00Z", "lastHeartbeatTime": "2026-01-01T00:00:00Z"}]
        fields = node["metadata"].setdefault("managedFields", [])
        fields[:] = [f for f in fields if TYPE not in str(f)] + [
            {"manager": manager, "operation": "Update", "apiVersion": "v1", "subresource": "status",
             "time": "2036-01-01T00:00:00Z", "fieldsType": "FieldsV1", "fieldsV1": {"f:status": {"f:conditions": {
                 f'k:{{"type":"{TYPE}"}}': {".": {}, "f:status": {}, "f:reason": {}, "f:message": {}}}}}}]
    api.change("Node", NODE, change)


def test_a_node_that_is_well(carved, gateway, api):
    is_ready(carved, gateway, api)
    assert len(writes(api)) == 1
    assert not events(api, "GPUFault")


def test_pain_point_6_a_fault_with_its_cause_and_what_to_do(carved, gateway, api, node):
    run, _ = is_ready(carved, gateway, api, time_slicing(70))
    began = condition(api)["lastTransitionTime"]
    node.emulator("lose", 3)
    found = wait_condition(api, "False", "NvidiaXID79Error")
    for words in ("GPU 3", "fallen off the bus", "XID 79", "70 slices withdrawn", "Cause: ", "Do: ", "reboot"):
        assert words in found["message"], found
    assert found["lastTransitionTime"] >= began
    event = wait_event(api, "GPUFault")
    assert event["type"] == "Warning" and "XID 79" in event["message"] and "Do: " in event["message"]
    assert event["involvedObject"]["kind"] == "Node"
    api.wait(lambda: api.get("Node", NODE)["status"]["allocatable"][GPU] == "490", "490 slices")
    node.emulator("find", 3)
    wait_condition(api, "True", "NvidiaGPUIsReady")
    assert "XID 79" in wait_event(api, "GPURecovered")["message"]
    assert run.process.poll() is None


def test_the_worst_fault_is_the_reason_and_the_others_are_named(carved, gateway, api, node):
    is_ready(carved, gateway, api)
    node.emulator("xid", 1, 48)
    wait_condition(api, "False", "NvidiaXID48Error")
    node.emulator("xid", 2, 54)
    found = wait_condition(api, "False", "NvidiaXID54Error")
    api.wait(lambda: "XID 48" in condition(api)["message"], "both in the message")
    turned = found["lastTransitionTime"]
    for gpu in range(3, 8):
        node.emulator("xid", gpu, 95)
    api.wait(lambda: "more" in condition(api)["message"], "more than are named")
    assert condition(api)["lastTransitionTime"] == turned, "the status has not changed"
    assert len(condition(api)["message"]) < 1024


def test_a_fault_that_passes_does_not_cost_the_node(carved, gateway, api, node):
    is_ready(carved, gateway, api, None, "--fault-taint", "carve.dev/fault:NoExecute",
             carved_arguments=["--health-probation", "1s"])
    node.emulator("xid", 2, 94)
    event = wait_event(api, "GPUFaultPassing")
    assert "XID 94" in event["message"]
    wait_event(api, "GPURecovered")
    assert all(r.body["status"]["conditions"][0]["status"] == "True" for r in writes(api))
    assert not taints(api)


def test_a_storm_is_one_event(carved, gateway, api, node):
    run, _ = is_ready(carved, gateway, api)
    for _ in range(60):
        node.emulator("xid", 5, 74)
    wait_for(lambda: run.state().faults and run.state().faults[0].count == 60, "60 of them")
    wait_event(api, "GPUFault")
    wait_condition(api, "False", "NvidiaXID74Error")
    assert len(events(api, "GPUFault")) == 1
    assert len(writes(api)) == 2


def test_another_agents_condition_is_never_written(carved, gateway, api, node):
    carved(None, LONG)
    made = None

    def with_theirs():
        from conftest import a_node
        api.put(a_node())
        someone_writes(api)
    with_theirs()
    made = gateway("--fault-taint", "carve.dev/fault:NoExecute", with_node=False)
    made.wait_log("left to its writer")
    node.emulator("xid", 0, 79)
    wait_event(api, "GPUFault")
    api.wait(lambda: taints(api) == ["carve.dev/fault"], "the taint, which is ours")
    assert condition(api)["message"] == "theirs" and not writes(api)


def test_an_agent_that_comes_later_takes_the_condition(carved, gateway, api, node):
    _, made = is_ready(carved, gateway, api)
    count = len(writes(api))
    someone_writes(api)
    made.wait_log("left to its writer")
    node.emulator("xid", 0, 79)
    wait_event(api, "GPUFault")
    assert condition(api)["message"] == "theirs" and len(writes(api)) == count
    # It is uninstalled, with its condition.
    def remove(n):
        n["status"]["conditions"] = [c for c in n["status"]["conditions"] if c["type"] != TYPE]
        n["metadata"]["managedFields"] = [f for f in n["metadata"]["managedFields"] if f["manager"] != EKS]
    api.change("Node", NODE, remove)
    wait_condition(api, "False", "NvidiaXID79Error")


def test_another_agents_condition_stays_theirs_whenever_we_wrote_something_else(carved, gateway, api, node):
    """An entry of managedFields has the time of its manager's last write to any field, and keeps what nobody changed."""
    _, made = is_ready(carved, gateway, api)
    count = len(writes(api))
    someone_writes(api)

    def ours_is_newer(n):
        n["metadata"]["managedFields"].append(
            {"manager": "carve-gateway", "operation": "Update", "apiVersion": "v1", "subresource": "status",
             "time": "2037-01-01T00:00:00Z", "fieldsType": "FieldsV1", "fieldsV1": {"f:status": {"f:conditions": {
                 f'k:{{"type":"{TYPE}"}}': {".": {}, "f:type": {}}}}}})
    api.change("Node", NODE, ours_is_newer)
    made.wait_log("left to its writer")
    node.emulator("xid", 0, 79)
    wait_event(api, "GPUFault")
    assert condition(api)["message"] == "theirs" and len(writes(api)) == count


def test_the_fault_taint_is_for_whole_gpus_and_loses_nothing(carved, gateway, api, node):
    node.layout(2, *[19] * 7)
    run, _ = is_ready(carved, gateway, api, {"version": "v1", "flags": {"migStrategy": "mixed"}}, "--fault-taint",
                      "carve.dev/fault:NoExecute", taints=[OTHER, EVICTS])
    hit = run.state().inventory.gpus[2].instances[0]
    node.emulator("xid", 2, 48, "--gi", hit.id, "--ci", hit.computes[0].id)
    wait_condition(api, "False", "NvidiaXID48Error")
    assert f"GPU 2 instance {hit.id}" in condition(api)["message"]
    assert taints(api) == ["example.com/other", "example.com/evicts"]
    node.emulator("lose", 4)
    api.wait(lambda: taints(api) == ["example.com/other", "example.com/evicts", "carve.dev/fault"], "the taint")
    assert api.get("Node", NODE)["spec"]["taints"] == [OTHER, EVICTS, FAULT_TAINT]
    wait_for(lambda: run.state().inventory.gpus[4].fault, "a look at the lost GPU")
    api.change("Node", NODE, lambda n: n["spec"]["taints"].insert(0, dict(OTHER, key="example.com/more")))
    node.emulator("find", 4)
    api.wait(lambda: taints(api) == ["example.com/more", "example.com/other", "example.com/evicts"], "the taint's end")


def test_the_fault_taint_with_a_value_on_a_node_without_taints(carved, gateway, api, node):
    is_ready(carved, gateway, api, None, "--fault-taint", "carve.dev/fault=gpu:NoSchedule")
    node.emulator("xid", 1, 79)
    api.wait(lambda: api.get("Node", NODE)["spec"].get("taints") == [
        {"key": "carve.dev/fault", "value": "gpu", "effect": "NoSchedule"}], "the taint")


def test_pain_point_7_a_driver_that_is_gone(carved, gateway, api, node):
    is_ready(carved, gateway, api, None, carved_arguments=["--driver-grace", "200ms"])
    node.emulator("unload", "on")
    found = wait_condition(api, "False", "NvidiaDriverError")
    assert "not loaded" in found["message"] and "nvidia-smi" in found["message"]
    node.emulator("unload", "off")
    wait_condition(api, "True", "NvidiaGPUIsReady")


def test_carved_is_gone(carved, gateway, api):
    """Not False, which EKS and Karpenter replace a node for: of the hardware nothing is known."""
    run, _ = is_ready(carved, gateway, api, None, "--carved-grace", "1s")
    run.kill()
    found = wait_condition(api, "Unknown", "CarvedNotRunning")
    assert "log" in found["message"]
    run.start()
    wait_condition(api, "True", "NvidiaGPUIsReady")


def test_carved_that_stands_still(carved, gateway, api):
    """Its socket is there and takes connections; within the grace the node says that nobody watches."""
    run, gate = is_ready(carved, gateway, api, None, "--carved-grace", "4s")
    run.signal(signal.SIGSTOP)
    try:
        found = wait_condition(api, "Unknown", "CarvedNotRunning")
        assert "no sign of life for 4 s" in found["message"] and "log" in found["message"]
        assert "no sign of life" in wait_event(api, "CarvedAway")["message"]
        # The next connection is taken by the socket as well, and is no news.
        gate.wait_log("carved is away")
    finally:
        run.signal(signal.SIGCONT)
    wait_condition(api, "True", "NvidiaGPUIsReady")
    wait_event(api, "CarvedBack")


def test_carved_that_restarts_is_no_news(carved, gateway, api, node):
    run, _ = is_ready(carved, gateway, api)
    node.emulator("lose", 1)
    wait_condition(api, "False", "NvidiaXID79Error")
    count = len(writes(api))
    run.kill()
    run.start()
    run.wait_log("watching for events gpus=7")
    wait_for(lambda: any(f.xid == 79 for f in run.state().faults), "the fault of before")
    node.emulator("find", 1)
    wait_condition(api, "True", "NvidiaGPUIsReady")
    said = [w.body["status"]["conditions"][0]["status"] for w in writes(api)]
    assert said == ["True"] + ["False"] * (len(said) - 2) + ["True"] and len(said) <= count + 2, said
    assert len([e for e in events(api, "GPUFault") if "XID 79" in e["message"]]) == 1


def test_what_carved_kept_is_not_all_before_its_first_look(carved, gateway, api, node):
    """A GPU that the driver says is lost is in no file: it is not over because carved starts anew."""
    node.emulator("lose", 6)
    run = carved(None, LONG + ["--driver-timeout", "60m"])
    gateway("--fault-taint", "carve.dev/fault:NoExecute")
    run.wait_log("watching for events")
    wait_condition(api, "False", "NvidiaGPUError")
    api.wait(lambda: taints(api) == ["carve.dev/fault"], "the taint")
    node.emulator("xid", 2, 94)
    wait_event(api, "GPUFaultPassing")
    run.kill()
    node.emulator("hang", "on")
    try:
        run.start()
        wait_for(lambda: [f.xid for f in run.state().faults] == [94], "the fault that was kept")
        look_often(api, 20)
    finally:
        node.emulator("hang", "off")
    run.wait_log("watching for events")
    wait_for(lambda: len(run.state().faults) == 2, "both faults")
    assert condition(api)["status"] == "False" and not events(api, "GPURecovered")
    assert "True" not in [r.body["status"]["conditions"][0]["status"] for r in writes(api)]
    assert taints(api) == ["carve.dev/fault"]


def look_often(api, times):
    """Makes carve-gateway look again and again, seen by what it does with another's change."""
    for n in range(times):
        api.change("Node", NODE, lambda node, n=n: node["metadata"].setdefault("annotations", {}).update(n=str(n)))
        time.sleep(0.02)


def test_many_faults_are_told_once(carved, gateway, api, node):
    """Also two that have no XID, of one GPU; and those that were there before the start, in a few words."""
    node.emulator("recovery", 0, "reset")
    run, made = is_many(carved, gateway, api, node)
    made.wait_log(f"(XID {max(f.xid for f in run.state().faults)})")
    said = []

    def quiet():
        said.append(made.log().count("event=GPUFault"))
        look_often(api, 10)
        return made.log().count("event=GPUFault") == said[-1]
    wait_for(quiet, lambda: f"the end of the news: {said}")
    said = said[-1]
    assert said <= 100 + 1
    made.end()
    made.start()
    made.wait_log("24 more faults")
    look_often(api, 10)
    assert made.log().count("event=GPUFault") == said + 8 + 1
    assert len(run.state().faults) == 32


def is_many(carved, gateway, api, node):
    run = carved(None, LONG)
    run.wait_log("watching for events")
    made = gateway()
    wait_condition(api, "False", "NvidiaGPUError")
    for code in range(5000, 5040):
        node.emulator("xid", 0, code)
    wait_for(lambda: sum(f.count for f in run.state().faults) == 41, lambda: run.state().faults)
    assert [f.xid for f in run.state().faults].count(0) == 2
    made.wait_log("more faults than are listed")
    return run, made


def test_an_outage_of_the_api(carved, gateway, api, node):
    is_ready(carved, gateway, api)
    api.away()
    node.emulator("xid", 0, 79)
    api.back()
    wait_condition(api, "False", "NvidiaXID79Error")
    wait_event(api, "GPUFault")


@pytest.mark.parametrize("kind, how", [("refuse", {"status": 409}), ("refuse", {"status": 500}), ("reset", {}),
                                       ("garbage", {}), ("refuse", {"status": 429, "retry_after": 1})])
def test_a_write_that_fails_is_tried_again(carved, gateway, api, node, kind, how):
    is_ready(carved, gateway, api)
    fault = api.fault(kind, method="PATCH", path="/status$", times=2, **how)
    node.emulator("xid", 0, 79)
    wait_condition(api, "False", "NvidiaXID79Error")
    assert fault.hits >= 1


def test_without_the_right_to_write_the_condition(carved, gateway, api, node):
    api.forbid("patch", "nodes", "status")
    carved(None, LONG)
    made = gateway()
    made.wait_log("node not patched what=\"condition AcceleratedHardwareReady\"")
    assert "nodes/status" in made.log()
    api.allow_again()
    wait_condition(api, "True", "NvidiaGPUIsReady")


def test_uninstalled(carved, gateway, api, node):
    _, made = is_ready(carved, gateway, api, None, "--fault-taint", "carve.dev/fault:NoExecute", taints=[OTHER])
    node.emulator("xid", 0, 79)
    api.wait(lambda: "carve.dev/fault" in taints(api), "the taint")
    wait_condition(api, "False", "NvidiaXID79Error")
    api.delete("DaemonSet", "carve", "carve")
    made.end()
    assert condition(api) is None and taints(api) == ["example.com/other"]


def test_uninstalled_beside_another_agent(carved, gateway, api):
    _, made = is_ready(carved, gateway, api)
    someone_writes(api)
    made.wait_log("left to its writer")
    api.delete("DaemonSet", "carve", "carve")
    made.end()
    assert condition(api)["message"] == "theirs"


def test_updated(carved, gateway, api, node):
    """Only the end of the DaemonSet takes anything back."""
    _, made = is_ready(carved, gateway, api, None, "--fault-taint", "carve.dev/fault:NoExecute")
    node.emulator("xid", 0, 79)
    api.wait(lambda: "carve.dev/fault" in taints(api), "the taint")
    wait_condition(api, "False", "NvidiaXID79Error")
    made.end()
    assert condition(api)["status"] == "False" and taints(api) == ["carve.dev/fault"]
    count = len(writes(api))
    made.start()
    made.wait_log("GPUFault", times=2)
    assert len(writes(api)) == count


def test_a_fault_is_seen_within_a_moment(carved, gateway, api, node):
    is_ready(carved, gateway, api, time_slicing(70))
    begin = time.monotonic()
    node.emulator("xid", 2, 79)
    wait_condition(api, "False", "NvidiaXID79Error")
    print(f"event to condition: {1000 * (time.monotonic() - begin):.1f} ms with the command's start")
