# SPDX-License-Identifier: Apache-2.0
"""When what happened on the way from a pending pod to a running one, as the API server told it."""
import threading
import time

from api import Watch
from work import condition, taints

STEPS = ["NodeClaim made", "Node object", "kubelet Ready", "carve's pod runs", "layout cut", "slices registered",
         "start-up taint gone", "initialized", "first pod runs", "last pod runs"]


def slices(node):
    """The NVIDIA resources that the kubelet of a node gives out."""
    return {name: amount for name, amount in node["status"].get("allocatable", {}).items()
            if name.startswith("nvidia.com/") and amount != "0"}


class Timeline:
    """Seconds since start() of the first and last time that each step happened; by node for what is a node's."""

    def __init__(self, cloud, promised):
        self.promised = promised        # (node) -> its slices once it is up
        self.begin = time.monotonic()
        self.lock = threading.Lock()
        self.moments = {step: {} for step in STEPS}     # step: {object: seconds}
        self.watches = [Watch(cloud.api, kind, heed) for kind, heed in (
            ("nodeclaims", self.claim), ("nodes", self.node), ("pods", self.pod))]

    def start(self):
        with self.lock:
            self.begin = time.monotonic()
            for found in self.moments.values():
                found.clear()

    def close(self):
        for watch in self.watches:
            watch.close()

    def mark(self, step, name):
        with self.lock:
            self.moments[step].setdefault(name, time.monotonic() - self.begin)

    def claim(self, _, claim):
        self.mark("NodeClaim made", claim["metadata"]["name"])

    def node(self, _, node):
        name, labels = node["metadata"]["name"], node["metadata"]["labels"]
        self.mark("Node object", name)
        if condition(node, "Ready").get("status") != "True":
            return                  # nothing of what stands there is the kubelet's
        self.mark("kubelet Ready", name)
        if labels.get("nvidia.com/mig.config.state") == "success":
            self.mark("layout cut", name)
        if slices(node) == self.promised(node):
            self.mark("slices registered", name)
        if "carve.dev/not-ready" not in taints(node):
            self.mark("start-up taint gone", name)
        if labels.get("karpenter.sh/initialized") == "true":
            self.mark("initialized", name)

    def pod(self, event, pod):
        status, name = pod["status"], pod["metadata"]["name"]
        if event == "DELETED" or "deletionTimestamp" in pod["metadata"]:
            return
        if pod["metadata"]["namespace"] == "default" and status.get("phase") == "Running":
            self.mark("first pod runs", name)
            self.mark("last pod runs", name)
        elif pod["metadata"]["labels"].get("app.kubernetes.io/name") == "carve" and all(
                "running" in item["state"] for item in status.get("containerStatuses", [{"state": {}}])):
            self.mark("carve's pod runs", pod["spec"]["nodeName"])

    def spans(self):
        """{step: (first, last)}; first and last pod by themselves."""
        found = {}
        with self.lock:
            for step, moments in self.moments.items():
                if moments:
                    found[step] = (min(moments.values()), max(moments.values()))
        return found

    def between(self, one, other):
        """Seconds from one step to another on each node that saw both."""
        first, last = self.moments[one], self.moments[other]
        return [last[name] - first[name] for name in first if name in last]
