# SPDX-License-Identifier: Apache-2.0
"""Nodes that Karpenter bought and that do not come into service: they say why, the pods that wait for them are seen, no
other node is bought in vain, and when somebody mends it the same nodes come up and the pods run."""
from harness import wait_for
from work import condition, deployment, diagnosed, doctor, offer, pool_like, pool_of, taints, told, values_of

HARDWARE = "AcceleratedHardwareReady"
SMALL = "nvidia.com/mig-1g.5gb"
NOT_READY = "carve.dev/not-ready"
# A GPU whose MIG mode needs a reset, which the hypervisor refuses; on nodes of one pool.
STUBBORN = """if grep -q '^node kwok-stubborn-' /run/emulator/node; then
    for what in "mig-pending 3 reset" "refuse-reset 3 on"; do "$emulator" $what >/dev/null; done
fi"""

# Pool: label of its nodes, cause by the doctor, reason and words of the condition, Event.
WRONG = {
    "misnamed": ({"nvidia.com/mig.config": "all-1g.5bg"}, "mig-config-failed", "LayoutFailed", "all-1g.5bg", "SlicesFailed"),
    "unconfigured": ({"nvidia.com/device-plugin.config": "mig-singel"}, "configuration-refused", "ConfigurationError",
                     "names key 'mig-singel'", "SlicesFailed"),
    "stubborn": ({}, "mig-config-failed", "LayoutFailed", "GPU 3: MIG mode is pending", "SlicesLate"),
}


def broken(cloud, pool):
    """The one node of a pool, once it says that it is not ready."""
    def found():
        nodes = [node for node in cloud.nodes().values() if pool_of(node) == pool]
        return len(nodes) == 1 and condition(nodes[0], HARDWARE).get("status") == "False" and nodes[0]
    return wait_for(f"a node of pool {pool} that says what is wrong", found, 90)


def test_nodes_that_cannot_be_what_they_shall(empty):
    """Three mistakes at once, each on a pool of its own."""
    empty.fleet.setup = f"emulator={empty.fleet.build}/emulator/carve-emulator; {STUBBORN}"
    empty.install(values_of("mig-single-p4d"), {"readyDeadline": "6s", "migManager": {"reboot": False}})
    offer(empty, *(item for name, (labels, *_) in WRONG.items() for item in pool_like("mig-single-p4d", name, labels)))
    empty.apply(*(deployment(name, 2) for name in WRONG))
    names = {}
    for pool, (_, cause, reason, words, event) in WRONG.items():
        node = broken(empty, pool)
        names[pool] = node["metadata"]["name"]
        shown = condition(node, HARDWARE)
        assert shown["reason"] == reason and words in shown["message"], shown
        assert NOT_READY in taints(node)
        wait_for(f"Event {event}", lambda n=names[pool], e=event: told(empty, n, e), 20)
        found = diagnosed(empty, names[pool], cause)
        assert words in found["message"] and found["cure"] and found["next"], found
        assert any(f"2 pods wait for node {names[pool]}: default/{pool}-" in line for line in found["evidence"]), found
    assert "since after 6 s" in told(empty, names["stubborn"], "SlicesLate")[0]
    # Karpenter waits for them too, and buys nothing else.
    claims = empty.claims()
    assert len(claims) == 3 and not empty.pods("Running")
    assert {condition(claim, "Initialized")["reason"] for claim in claims.values()} == {"StartupTaintsExist"}

    empty.cluster.kubectl("label", "node", names["misnamed"], "nvidia.com/mig.config=all-1g.5gb", "--overwrite")
    configs = empty.cluster.get("-n", "gpu", "configmap", "carve-configs")
    configs["data"]["mig-singel"] = configs["data"]["mig-single-p4d"]
    empty.cluster.apply(configs)
    empty.fleet.emulator(names["stubborn"], "refuse-reset", 3, "off")
    empty.fleet.emulator(names["stubborn"], "reset", 3)
    empty.wait_running(6)
    assert set(empty.claims()) == set(claims)
    for name in names.values():
        wait_for(f"condition of {name}", lambda n=name: condition(empty.nodes()[n], HARDWARE)["status"] == "True", 20)
    assert not doctor(empty)


def test_a_layout_that_nobody_makes(empty):
    """The overlay promises MIG devices, the pool asks for them, and the chart's part that makes them is off: Karpenter takes
    the node for one that will give them, for ever, and the scheduler knows better."""
    values = values_of("mig-mixed-p4d")
    pool, overlay = pool_like("mig-mixed-p4d", "mig-mixed-p4d")
    empty.install(values, {"migManager": {"enabled": False, "reboot": False}})
    offer(empty, pool, overlay)
    empty.apply(deployment("mig-mixed-p4d", 4, SMALL))
    node = wait_for("a node in service", lambda: next((
        node for node in empty.nodes().values() if pool_of(node) and NOT_READY not in taints(node)
        and node["status"]["capacity"].get("nvidia.com/gpu") == "8"), None), 90)["metadata"]["name"]
    found = diagnosed(empty, node, "overlay-differs")
    assert f"has {overlay['spec']['capacity'][SMALL]} '{SMALL}', and its nodes show none" in found["message"]
    assert "migManager.enabled=true" in found["cure"] and doctor(empty)[0] == found
    assert any(f"4 pods wait for node {node}: default/mig-mixed-p4d-" in line for line in found["evidence"])
    assert diagnosed(empty, node, "mig-config-ignored")
    claim, = empty.claims().values()
    assert condition(claim, "Initialized")["reason"] == "ResourceNotRegistered" and not empty.pods("Running")
    empty.install(values)
    empty.wait_running(4)
    assert set(empty.nodes()) == {node} and not doctor(empty)


def test_an_overlay_that_promises_too_much(empty):
    """Nobody waits in the end: Karpenter buys until all have a place, more than it planned, and says nothing."""
    empty.install(values_of("time-slicing-g6"))
    offer(empty, *pool_like("time-slicing-g6", "generous", **{"nvidia.com/gpu": 6}))
    empty.apply(deployment("generous", 6))
    empty.wait_running(6)
    first, second = sorted(empty.nodes())
    found, = (found for found in doctor(empty) if found["cause"] == "overlay-differs")
    assert found["subject"] in (f"node {first}", f"node {second}") and found["subjects"] == 2
    assert "by NodeOverlay 'generous'" in found["message"] and "has 6 'nvidia.com/gpu', and its nodes show 4" in found["message"]
    assert "write 4 for" in found["cure"]
