# SPDX-License-Identifier: Apache-2.0
"""A MIG layout by label: what the tests write on the node, read of it, and let hold its slices; with the fixtures that
start both programs for it."""
import json

import pytest

from conftest import GPU, NODE, wait_for

SMALL = "nvidia.com/mig-1g.5gb"
LABEL = "nvidia.com/mig.config"
STATE = LABEL + ".state"
TAINT = "carve.dev/mig-change"
MIXED = {"version": "v1", "flags": {"migStrategy": "mixed"}}
EIGHT_BALANCED = {SMALL: 16, "nvidia.com/mig-2g.10gb": 8, "nvidia.com/mig-3g.20gb": 8}
DRAIN = {"carve.dev/mig.drain": "true"}


def label(api, value, name=LABEL):
    def edit(node):
        node["metadata"]["labels"].pop(name, None)
        if value is not None:
            node["metadata"]["labels"][name] = value
    api.change("Node", NODE, edit)


def shown(api):
    """(state, message) on the node."""
    meta = api.get("Node", NODE)["metadata"]
    return meta["labels"].get(STATE), (meta.get("annotations") or {}).get("carve.dev/mig.config.message")


def wait_state(api, state, *words, seconds=40):
    def there():
        found = shown(api)
        return found[0] == state and all(w in (found[1] or "") for w in words) and found
    return wait_for(there, lambda: f"{state} {words}, there is {shown(api)}", seconds)[1]


def wait_devices(kubelet, expected):
    wait_for(lambda: {k: v for k, v in kubelet.healthy().items() if v} == expected,
             lambda: f"{expected}, there are {kubelet.healthy()}", 40)


def states(api):
    """All states that were written, in order."""
    with api.lock:
        bodies = [r.body for r in api.requests if r.method == "PATCH" and r.path == f"/api/v1/nodes/{NODE}"]
    found = [b["metadata"]["labels"].get(STATE) for b in bodies if isinstance(b, dict)
             and STATE in b.get("metadata", {}).get("labels", {})]
    return [state for i, state in enumerate(found) if i == 0 or found[i - 1] != state]


def calls(node, gpu=0):
    return json.loads(node.emulator("calls", "-o", "json"))[gpu]


def all_calls(node):
    return json.loads(node.emulator("calls", "-o", "json"))


def put_file(api, configs, key="config.yaml", name="mig", **more):
    """A ConfigMap with mig-parted's file; each configuration is the profiles of all GPUs, or a list of entries."""
    text = configs if isinstance(configs, str) else json.dumps({"version": "v1", "mig-configs": {
        name: what if isinstance(what, list) else [{"devices": "all", "mig-enabled": True, "mig-devices": what}]
        for name, what in configs.items()}})
    api.put({"kind": "ConfigMap", "metadata": {"name": name, "namespace": "carve"}, "data": {key: text} | more})


def pod(api, name, namespace="team", node=NODE, grace=30, **metadata):
    if not api.get("Namespace", namespace):
        api.put({"kind": "Namespace", "metadata": {"name": namespace}})
    api.put({"kind": "Pod", "metadata": {"name": name, "namespace": namespace} | metadata,
             "spec": {"nodeName": node, "terminationGracePeriodSeconds": grace, "containers": [{"name": "main", "image": "i"}]},
             "status": {"phase": "Running"}})


def hold(api, pods, device, name, resource=GPU, namespace="team", **more):
    """A pod with a slice of the device."""
    pod(api, name, namespace, **more)
    pods.held.append((namespace, name, "main", resource, [device]))


def gpu_ids(kubelet, resource=GPU):
    return sorted(kubelet.devices[resource])


class Life:
    """What a kubelet does: a pod that is gone from the API, or going, lets go of its slices."""

    def __init__(self, api, pods):
        self.api, self.pods = api, pods

    def end(self, name, namespace="team"):
        self.api.delete("Pod", name, namespace)
        self.pods.held = [h for h in self.pods.held if (h[0], h[1]) != (namespace, name)]

    def is_going(self, name, namespace="team"):
        found = self.api.get("Pod", name, namespace)
        return found is None or "deletionTimestamp" in found["metadata"]


@pytest.fixture
def life(api, pods):
    return Life(api, pods)


@pytest.fixture
def cut(gateway, carved, kubelet, pods):  # pylint: disable=unused-argument
    """carved with mixed strategy and a gateway that acts on the label."""
    def start(*arguments, labels=None, config=None, carved_arguments=(), **more):
        run = carved(config or MIXED, arguments=carved_arguments)
        wait_for(lambda: kubelet.healthy(), "the first slices")
        return run, gateway("--mig", *arguments, labels=labels, **more)
    return start


def slow(node, ms=30):
    node.emulator("delay", "nvmlDeviceCreateGpuInstanceWithPlacement", ms)
