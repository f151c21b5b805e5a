# SPDX-License-Identifier: Apache-2.0
"""Requests whose answers the stand-in API server must give as the real one does: see tests/cluster/test_stand_in.py."""
import json
import re

MERGE, STRATEGIC = "application/merge-patch+json", "application/strategic-merge-patch+json"
JSON_PATCH, APPLY, JSON = "application/json-patch+json", "application/apply-patch+yaml", "application/json"
NODE, SPACE = "/api/v1/nodes/script", "/api/v1/namespaces/default"


def applied(**labels):
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "script", "labels": labels}}


def event(name, **members):
    return {"apiVersion": "v1", "kind": "Event", "metadata": {"name": name},
            "involvedObject": {"kind": "Node", "name": "script", "uid": "script"}, "reason": "R", "message": "m",
            "type": "Normal"} | members


TAINTS = [{"key": "a", "effect": "NoSchedule"}, {"key": "b", "effect": "NoExecute", "value": "x"}]
CONDITION = {"type": "Fit", "status": "True", "reason": "R", "message": "m", "lastTransitionTime": "2026-01-01T00:00:00Z",
             "lastHeartbeatTime": "2026-01-01T00:00:00Z"}
REQUESTS = [
    # Nodes: creation, names, absent ones.
    ("POST", "/api/v1/nodes", JSON, applied(a="1")),
    ("POST", "/api/v1/nodes", JSON, applied(a="1")),
    ("POST", "/api/v1/nodes", JSON, {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "Bad_Name"}}),
    ("POST", "/api/v1/nodes", JSON, {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}}),
    ("GET", "/api/v1/nodes/absent", None, None),
    ("GET", "/api/v1/nothings", None, None),
    ("GET", "/apis/none.example/v1/things", None, None),
    ("DELETE", "/api/v1/nodes/absent", None, None),
    ("PATCH", "/api/v1/nodes/absent", MERGE, {"metadata": {"labels": {"a": "1"}}}),
    # Merge patches, preconditions, what cannot be.
    ("PATCH", NODE, MERGE, {"metadata": {"labels": {"b": "2", "a": None}, "annotations": {"n": "x"}}}),
    ("PATCH", NODE, MERGE, {"metadata": {"labels": {"b": "2"}}}),
    ("PATCH", NODE, MERGE, {"metadata": {"resourceVersion": "1", "labels": {"b": "3"}}}),
    ("PATCH", NODE, MERGE, {"metadata": {"uid": "another", "labels": {"b": "3"}}}),
    ("PATCH", NODE, MERGE, {"metadata": {"name": "another"}}),
    ("PATCH", NODE, MERGE, {"metadata": {"labels": {"bad value": "x"}}}),
    ("PATCH", NODE, MERGE, {"metadata": {"labels": {"x": "not a value!"}}}),
    ("PATCH", NODE, MERGE, {"metadata": {"labels": {"x": "y" * 64}}}),
    ("PATCH", NODE, MERGE, {"metadata": {"labels": {"x": 5}}}),
    ("PATCH", NODE, MERGE, {"metadata": {"annotations": {"x": 5}}}),
    ("PATCH", NODE, MERGE, "{broken"),
    ("PATCH", NODE, "text/plain", {}),
    ("PATCH", NODE + "?force=true", MERGE, {}),
    # The status and the rest.
    ("PATCH", NODE + "/status", STRATEGIC, {"status": {"conditions": [CONDITION]}}),
    ("PATCH", NODE + "/status", STRATEGIC, {"status": {"conditions": [CONDITION | {"type": "Other"}]}}),
    ("PATCH", NODE + "/status", STRATEGIC, {"status": {"conditions": [{"type": "Fit", "status": "False"}]}}),
    ("PATCH", NODE + "/status", STRATEGIC, {"status": {"conditions": [{"type": "Other", "$patch": "delete"}]}}),
    ("PATCH", NODE + "/status", STRATEGIC, {"status": {"conditions": [{"status": "False"}]}}),
    ("PATCH", NODE, STRATEGIC, {"status": {"conditions": [{"type": "Ignored", "status": "True"}]}}),
    ("PATCH", NODE + "/status", MERGE, {"spec": {"unschedulable": True}, "metadata": {"labels": {"by-status": "1"}}}),
    # Taints: one list.
    ("PATCH", NODE, STRATEGIC, {"spec": {"taints": TAINTS}}),
    ("PATCH", NODE, STRATEGIC, {"spec": {"taints": [{"key": "c", "effect": "NoSchedule"}]}}),
    ("PATCH", NODE, STRATEGIC, {"spec": {"taints": [{"key": "c", "effect": "NoSchedule", "$patch": "delete"}]}}),
    ("PATCH", NODE, MERGE, {"spec": {"taints": TAINTS}}),
    ("PATCH", NODE, MERGE, {"spec": {"taints": TAINTS + TAINTS[:1]}}),
    ("PATCH", NODE, MERGE, {"spec": {"taints": [{"key": "a", "effect": "Sometimes"}]}}),
    ("PATCH", NODE, JSON_PATCH, [{"op": "test", "path": "/spec/taints/0/key", "value": "b"},
                                 {"op": "remove", "path": "/spec/taints/0"}]),
    ("PATCH", NODE, JSON_PATCH, [{"op": "test", "path": "/spec/taints/0/key", "value": "a"},
                                 {"op": "remove", "path": "/spec/taints/0"}]),
    ("PATCH", NODE, JSON_PATCH, [{"op": "remove", "path": "/spec/taints/7"}]),
    ("PATCH", NODE, JSON_PATCH, [{"op": "remove", "path": "/metadata/labels/absent"}]),
    ("PATCH", NODE, JSON_PATCH, [{"op": "add", "path": "/metadata/labels/a~1b", "value": "1"}]),
    ("PATCH", NODE, JSON_PATCH, [{"op": "add", "path": "/metadata/nothing/x", "value": "1"}]),
    ("PATCH", NODE, JSON_PATCH, {"op": "add"}),
    # Server-side apply.
    ("PATCH", NODE, APPLY, applied(x="1")),
    ("PATCH", NODE + "?fieldManager=one", APPLY, applied(x="1", y="1")),
    ("PATCH", NODE + "?fieldManager=one", APPLY, applied(x="1", y="1")),
    ("PATCH", NODE + "?fieldManager=two", APPLY, applied(x="2")),
    ("PATCH", NODE + "?fieldManager=two", APPLY, applied(x="1", z="1")),
    ("PATCH", NODE + "?fieldManager=one", APPLY, applied(y="1")),
    ("PATCH", NODE + "?fieldManager=two&force=true", APPLY, applied(y="2", z="1")),
    ("PATCH", NODE + "?fieldManager=one", APPLY, applied(w="1")),
    ("PATCH", NODE + "?fieldManager=three", MERGE, {"metadata": {"labels": {"w": "3"}}}),
    ("PATCH", NODE + "?fieldManager=one", APPLY, applied()),
    ("PATCH", NODE + "?fieldManager=one", APPLY, {"metadata": {"labels": {"x": "1"}}}),
    ("PATCH", NODE + "?fieldManager=one", APPLY, {"apiVersion": "v1", "kind": "Node", "metadata": {"labels": {"u": "1"}}}),
    ("PATCH", NODE + "?fieldManager=one", APPLY, applied(v="1") | {"metadata": {"name": "another"}}),
    ("PATCH", NODE + "/status?fieldManager=four", APPLY, applied() | {"status": {"conditions": [CONDITION | {"type": "By"}]}}),
    ("PATCH", NODE + "/status?fieldManager=four", APPLY, applied()),
    ("PATCH", NODE + "?fieldManager=five", APPLY, applied() | {"spec": {"taints": [{"key": "five", "effect": "NoSchedule"}]}}),
    ("PATCH", NODE + "?fieldManager=five&force=true", APPLY,
     applied() | {"spec": {"taints": [{"key": "five", "effect": "NoSchedule"}]}}),
    ("GET", NODE, None, None),
    # Lists and selectors.
    ("GET", "/api/v1/nodes?fieldSelector=metadata.name%3Dscript", None, None),
    ("GET", "/api/v1/nodes?fieldSelector=spec.foo%3Da", None, None),
    ("GET", "/api/v1/nodes?labelSelector=w%3D3,x", None, None),
    ("GET", "/api/v1/nodes?labelSelector=w%20notin%20(3)", None, None),
    ("GET", "/api/v1/nodes?labelSelector=%3D%3D", None, None),
    ("GET", "/api/v1/configmaps?limit=1&continue=broken", None, None),
    ("GET", "/api/v1/nodes?watch=true&resourceVersion=abc&timeoutSeconds=1", None, None),
    ("GET", "/api/v1/nodes?watch=true&resourceVersion=1&timeoutSeconds=1", None, None),
    # Config maps, namespaces.
    ("POST", SPACE + "/configmaps", JSON, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "script"}, "data": {"a": "b"}}),
    ("POST", "/api/v1/namespaces/absent/configmaps", JSON, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "s"}}),
    ("POST", SPACE + "/configmaps", JSON, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "s", "namespace": "kube-system"}}),
    ("PATCH", SPACE + "/configmaps/script", MERGE, {"data": {"a": None, "c": "d"}}),
    ("PATCH", SPACE + "/configmaps/made?fieldManager=one", APPLY, {"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "1"}}),
    ("DELETE", SPACE + "/configmaps/made", JSON, {"preconditions": {"uid": "another"}}),
    ("DELETE", SPACE + "/configmaps/made", None, None),
    ("DELETE", SPACE + "/configmaps/script", None, None),
    # Events.
    ("POST", SPACE + "/events", JSON, event("script.1")),
    ("POST", "/api/v1/namespaces/kube-system/events", JSON, event("script.2")),
    ("POST", SPACE + "/events", JSON, event("script.3", involvedObject={"kind": "Pod", "namespace": "kube-system", "name": "x"})),
    ("POST", SPACE + "/events", JSON, event("script.4", eventTime="2026-01-01T00:00:00.000000Z")),
    ("PATCH", SPACE + "/events/script.1", MERGE, {"count": 2}),
    ("GET", SPACE + "/events?fieldSelector=involvedObject.name%3Dscript", None, None),
    ("DELETE", SPACE + "/events/script.1", None, None),
    # Pods and evictions.
    ("POST", SPACE + "/pods/absent/eviction", JSON, {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "absent"}}),
    ("DELETE", NODE, None, None),
]


def normal(answer):
    """What both servers must have in common."""
    status, body = answer
    if not isinstance(body, dict):
        return [status, body]
    if "object" in body:
        return [status, body["type"], body["object"].get("reason")]
    if body.get("kind") == "Status":
        return [status, body.get("reason"), body.get("status")]
    if body.get("kind", "").endswith("List"):
        names = sorted(item["metadata"]["name"] for item in body["items"])
        return [status, body["kind"], [name for name in names if re.fullmatch(r"script(\.\d)?", name)]]
    return [status, bare(body)]


def bare(obj):
    """An object without what differs from run to run."""
    obj = json.loads(json.dumps(obj))
    meta = obj["metadata"]
    for name in ("uid", "resourceVersion", "creationTimestamp"):
        assert meta.pop(name)
    managers = {}
    for entry in meta.pop("managedFields", []):
        managers[(entry["manager"], entry["operation"], entry.get("subresource", ""))] = leaves(entry["fieldsV1"])
    obj["managers"] = sorted([list(who), owned] for who, owned in managers.items() if owned)
    obj.get("status", {}).pop("daemonEndpoints", None)
    for condition in obj.get("status", {}).get("conditions", []):
        for name in ("lastTransitionTime", "lastHeartbeatTime", "reason", "message"):
            condition.pop(name, None)
    for taint in obj.get("spec", {}).get("taints", []):
        taint.pop("timeAdded", None)
    return without_nothing(obj)


def leaves(tree, path=""):
    """The leaves of managedFields; that of a map itself left out, which says only who made it first."""
    found = []
    for part, inner in sorted(tree.items()):
        if part in ("f:labels", "f:annotations") and inner in ({}, {".": {}}):
            continue
        if part != "." and inner in ({}, {".": {}}):
            found.append(path + part)
        elif part != ".":
            found += leaves(inner, path + part)
    return found


def without_nothing(value):
    if isinstance(value, dict):
        kept = {key: without_nothing(inner) for key, inner in value.items()}
        return {key: inner for key, inner in kept.items() if inner not in ({}, [], None, "")}
    return [without_nothing(item) for item in value] if isinstance(value, list) else value
