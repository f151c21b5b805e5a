# SPDX-License-Identifier: Apache-2.0
"""`carve doctor cluster` on nodes that Karpenter bought and that do not serve, or not as it believes: it names the node,
the cause, the pods that wait for it and the cure."""
import json

import pytest

from test_doctor import doctor, event, node, object_, plugin, pod, server, young  # noqa: F401  pylint: disable=unused-import

TAINT = {"key": "carve.dev/not-ready", "effect": "NoSchedule"}
SMALL = "nvidia.com/mig-1g.5gb"
CARVE = "carve.dev/carve:0.1.0"


def pool(name="mig", types=("p4d.24xlarge",)):
    return object_("NodePool", name, template={"spec": {
        "nodeClassRef": {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": name},
        "startupTaints": [TAINT], "requirements": [
            {"key": "node.kubernetes.io/instance-type", "operator": "In", "values": list(types)}]}})


def overlay(name="mig", **amounts):
    return object_("NodeOverlay", name, capacity={key: str(amount) for key, amount in amounts.items()}, requirements=[
        {"key": "karpenter.sh/nodepool", "operator": "In", "values": ["mig"]}])


def bought(name="n1", shows=None, stuck=True, kind="p4d.24xlarge", labels=None, notes=None, conditions=()):
    """A node of the pool, as the cluster shows it."""
    made = node(name, labels={"node.kubernetes.io/instance-type": kind, "karpenter.sh/nodepool": "mig"} | (labels or {}),
                taints=[TAINT] if stuck else [], gpus=0)
    for amounts in (made["status"]["capacity"], made["status"]["allocatable"]):
        amounts.update({key: str(amount) for key, amount in (shows or {}).items()})
    made["metadata"]["annotations"] = notes or {}
    made["status"]["conditions"] += [dict(zip(("type", "reason", "message"), c)) | {"status": "False"} for c in conditions]
    return made


def carve(*arguments):
    made = plugin()
    made["spec"]["template"]["spec"] |= {"tolerations": [{"operator": "Exists"}], "containers": [
        {"name": "carved", "image": CARVE}, {"name": "carve-gateway", "image": CARVE, "args": list(arguments)}]}
    return made


def manager():
    made = plugin()
    made["metadata"]["name"] = "mig-manager"
    made["spec"]["template"]["spec"]["containers"][0]["image"] = "nvcr.io/nvidia/cloud-native/k8s-mig-manager:v0.12"
    return made


def carve_pod(**state):
    return {"kind": "Pod", "metadata": {"name": "carve-1", "namespace": "gpu"},
            "spec": {"nodeName": "n1", "containers": [{"name": "carved", "image": CARVE}]},
            "status": {"phase": "Running", "containerStatuses": [{"name": "carved", "restartCount": 7, "state": state}]}}


def first(doctor, likely=0):
    found = json.loads(doctor("-o", "json").stdout)["diagnoses"][0]
    assert found["likelihoodPercent"] >= likely and found["cure"] and found["next"], found
    return found


FAILED = {"nvidia.com/mig.config": "all-1g.5bg", "nvidia.com/mig.config.state": "failed"}
MESSAGE = {"carve.dev/mig.config.for": "all-1g.5bg", "carve.dev/mig.config.message": "no configuration 'all-1g.5bg'"}


@pytest.mark.parametrize("cause, words, cure, stuck", [
    ("mig-config-failed", "no configuration 'all-1g.5bg'", "spec.template.metadata.labels of their NodePool",
     bought(labels=FAILED, notes=MESSAGE, conditions=[
         ("AcceleratedHardwareReady", "LayoutFailed", "MIG layout 'all-1g.5bg' cannot be made")])),
    ("configuration-refused", "names key 'tem'", "spec.template.metadata.labels", bought(conditions=[
        ("carve.dev/Configured", "ConfigurationKeyMissing", "label names key 'tem', which ConfigMap x has not"),
        ("AcceleratedHardwareReady", "ConfigurationError", "the configuration is refused: label names key 'tem'")])),
    ("node-late", "carved does not answer", "see why carved ends", bought(conditions=[
        ("AcceleratedHardwareReady", "CarvedAway", "carved does not answer: connection refused")])),
    ("node-late", "the driver cannot be read", "an image with NVIDIA's driver", bought(conditions=[
        ("AcceleratedHardwareReady", "DriverError", "the driver cannot be read: not loaded")])),
    ("node-late", "is not made", "migManager.reboot=true", bought(conditions=[
        ("AcceleratedHardwareReady", "LayoutPending", "the MIG layout is not made: mode is pending")])),
    ("node-late", "fallen off the bus", "NodeRepair", bought(conditions=[
        ("AcceleratedHardwareReady", "NvidiaXID79Error", "GPU 3: GPU has fallen off the bus")])),
    ("startup-taint-stuck", "carve.dev/not-ready", "removes the taint", bought()),
])
def test_a_new_node_that_does_not_serve(server, doctor, cause, words, cure, stuck):
    """Of the same young age as any: what is said of it holds."""
    other = pod("other", SMALL) | {"metadata": {"name": "elsewhere", "namespace": "team"}}
    other["spec"]["nodeSelector"] = {"karpenter.sh/nodepool": "another"}
    server.objects = [stuck, pool(), overlay(**{SMALL: 56, "nvidia.com/gpu": 0}), carve("--mig=true"), other,
                      pod("whole", "nvidia.com/gpu"), pod("greedy", SMALL, 57)] + [pod(f"p{i}", SMALL) for i in range(5)]
    found = first(doctor, 93)
    assert found["cause"] == cause and words in found["message"] and cure in found["cure"] and found["subject"] == "node n1"
    assert "5 pods wait for node n1: team/p0, team/p1, team/p2 and 2 more" in found["evidence"]


@pytest.mark.parametrize("state", [{"waiting": {"reason": "CrashLoopBackOff"}}, {"terminated": {"reason": "Error"}}])
def test_carve_that_crashes_on_a_young_node(server, doctor, state):
    """It is not on its way: its pod has been tried again and again."""
    server.objects = [young(bought(shows={"nvidia.com/gpu": 8})), pool(), carve(), carve_pod(**state), pod(), overlay()]
    found = first(doctor, 93)
    assert found["cause"] == "startup-taint-stuck"
    assert f"pod gpu/carve-1, container carved: {list(state.values())[0]['reason']}, 7 restarts" in found["evidence"]
    assert "logs carve-1" in found["next"]


def test_a_young_node_may_just_be_on_its_way(server, doctor):
    server.objects = [young(bought(shows={"nvidia.com/gpu": 8})), pool(), overlay(), carve(), carve_pod(running={}), pod()]
    assert [d["likelihoodPercent"] for d in json.loads(doctor("-o", "json").stdout)["diagnoses"]
            if d["cause"] == "startup-taint-stuck"] == [60]


def test_a_serving_node_with_a_fault(server, doctor):
    server.objects = [bought(shows={"nvidia.com/gpu": 8}, stuck=False, conditions=[
        ("AcceleratedHardwareReady", "NvidiaXID79Error", "GPU 3: GPU has fallen off the bus")])]
    found = first(doctor)
    assert found["cause"] == "hardware-at-fault" and "fallen off the bus" in found["message"]


@pytest.mark.parametrize("believes, shows, likely, words, cure", [
    ({SMALL: 56}, {SMALL: 8}, 80, "has 56 'nvidia.com/mig-1g.5gb', and its nodes show 8", "write 8 for"),
    ({SMALL: 56}, {"nvidia.com/gpu": 8}, 80, "and its nodes show none", "migManager.enabled=true"),
    ({"nvidia.com/gpu": 40}, {"nvidia.com/gpu": 80}, 62, "has 40 'nvidia.com/gpu', and its nodes show 80", "write 80 for"),
    ({SMALL: 0}, {SMALL: 8}, 62, "show 8, for which it buys none", "write 8 for"),
])
def test_an_overlay_that_differs_from_its_nodes(server, doctor, believes, shows, likely, words, cure):
    server.objects = [bought("n1", shows, stuck=False), bought("n2", shows, stuck=False), pool(), overlay(**believes)]
    found = first(doctor, likely)
    assert found["cause"] == "overlay-differs" and "by NodeOverlay 'mig' Karpenter believes that a p4d.24xlarge of pool 'mig'" \
        in found["message"] and words in found["message"] and cure in found["cure"] and found["subjects"] == 2
    assert found["likelihoodPercent"] == likely


def test_pods_that_wait_for_slices_that_never_come(server, doctor):
    claim = object_("NodeClaim", "c1", [("Launched", "True"), ("Registered", "True"), ("Initialized", "True"),
                                        ("ConsistentStateFound", "False", "ConsistencyCheckFailed", "failed")])
    claim["metadata"]["labels"] = {"karpenter.sh/nodepool": "mig"}
    claim["status"]["nodeName"] = "n1"
    server.objects = [bought(shows={"nvidia.com/gpu": 8}, stuck=False), pool(), overlay(**{SMALL: 56}), claim, event(
        "NodeClaim", "c1", "FailedConsistencyCheck", "expected 56 of resource nvidia.com/mig-1g.5gb, but found 0", space=""),
        pod("p0", SMALL)]
    found = first(doctor, 97)
    assert found["cause"] == "overlay-differs"
    assert "1 pod waits for node n1: team/p0" in found["evidence"] and "node n1 shows 8 'nvidia.com/gpu'" in found["evidence"]
    assert any("ConsistentStateFound=False of nodeclaim c1: expected 56" in line for line in found["evidence"])


@pytest.mark.parametrize("objects", [
    [overlay(**{SMALL: 56, "nvidia.com/gpu": 0}), bought(shows={SMALL: 56, "nvidia.com/gpu": 0}, stuck=False)],
    [overlay(**{SMALL: 56}), bought(stuck=False, shows={SMALL: 56})],
    [bought(stuck=False, shows={"nvidia.com/gpu": 80})],
    [overlay(**{SMALL: 56}), bought(stuck=False, shows={SMALL: 8}, kind="unknown.type")],
    [overlay("other", **{SMALL: 56}) | {"spec": {"capacity": {SMALL: "56"}, "requirements": [
        {"key": "karpenter.sh/nodepool", "operator": "In", "values": ["other"]}]}},
     bought(stuck=False, shows={"nvidia.com/gpu": 8})],
])
def test_amounts_that_agree_or_of_which_nobody_spoke(server, doctor, objects):
    server.objects = objects + [pool()]
    assert json.loads(doctor("-o", "json", code=0).stdout)["diagnoses"] == []


@pytest.mark.parametrize("labels, objects, said", [
    ({"nvidia.com/mig.config": "all-1g.5gb"}, [carve()], True),
    ({"nvidia.com/mig.config": "all-1g.5gb"}, [carve("--mig=true")], False),
    ({"nvidia.com/mig.config": "all-1g.5gb"}, [plugin()], False),
    ({"nvidia.com/mig.config": "all-1g.5gb"}, [carve(), manager()], False),
    ({}, [carve()], False),
])
def test_a_layout_that_nobody_makes(server, doctor, labels, objects, said):
    server.objects = objects + [bought(stuck=False, shows={"nvidia.com/gpu": 8}, labels=labels)]
    found = json.loads(doctor("-o", "json", code=1 if said else 0).stdout)["diagnoses"]
    assert [d["cause"] for d in found] == ["mig-config-ignored"] * said
    assert not said or "migManager.enabled=true" in found[0]["cure"]
