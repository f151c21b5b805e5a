# SPDX-License-Identifier: Apache-2.0
"""The machines behind the Nodes that Karpenter makes. EC2 starts an instance for each NodeClaim; here a
Fleet sees the Node that Karpenter's program without a cloud made, lets a machine join under its name (real
kubelet and containerd, emulated GPUs of the node's instance type), and takes it away when the Node goes."""
import os
import shutil
import subprocess
import threading

import catalog
from api import Watch
from harness import HERE, wait_for

PLACE = "/run/emulator"     # of every node's own: the same values of one release fit all
SETTINGS = {"CARVE_EMULATOR_NODE": f"{PLACE}/node", "CARVE_EMULATOR_STATE": f"{PLACE}/state",
            "CARVE_EMULATOR_TREE": f"{PLACE}/tree"}
AT_ONCE = 3                 # machines that start at the same time, on the two cores of a test machine
MOST = 10


def matches(requirement, labels):
    """One line of an overlay's requirements against a node's labels."""
    value, values = labels.get(requirement["key"]), requirement.get("values", [])
    return {"In": value in values, "NotIn": value not in values, "Exists": value is not None,
            "DoesNotExist": value is None}[requirement["operator"]]


def predicted(node, overlays):
    """What the AWS provider would write into the NodeClaim: the type's resources with the overlays over them.
    Karpenter's program without a cloud leaves the overlays out, and would think too little of a young node."""
    labels = node["metadata"]["labels"]
    amounts = catalog.resources(catalog.types()[labels["node.kubernetes.io/instance-type"]])
    by_weight = sorted(overlays, key=lambda item: (item["spec"].get("weight", 0), item["metadata"]["name"]))
    for overlay in by_weight:
        ready = any(item["type"] == "Ready" and item["status"] == "True"
                    for item in overlay.get("status", {}).get("conditions", []))
        if ready and all(matches(line, labels) for line in overlay["spec"]["requirements"]):
            amounts |= overlay["spec"].get("capacity", {})
    return {name: amount for name, amount in amounts.items() if amount != "0"}


class Fleet:
    """Machines by the name of their Node. `setup` may be lengthened by a test: shell words that are run on
    each new machine before its kubelet."""

    def __init__(self, cluster, api, build, overlays=True):
        self.cluster, self.api, self.build = cluster, api, build
        self.overlays = overlays
        self.machines = {}          # name: instance type
        self.failures = []
        self.setup = ""
        self.lock = threading.Lock()
        self.room = threading.Semaphore(AT_ONCE)
        self.threads = []
        self.watch = Watch(api, "nodes", self.heed)

    def heed(self, event, node):
        """A Node came, changed or went."""
        name = node["metadata"]["name"]
        if not node["spec"].get("providerID", "").startswith("kwok://"):
            return
        with self.lock:
            known = name in self.machines
            if event == "ADDED" and not known:
                self.machines[name] = node["metadata"]["labels"]["node.kubernetes.io/instance-type"]
                act = self.join
            elif event == "DELETED" and known:
                act = self.leave
            else:
                return
            thread = threading.Thread(target=self.guarded, args=(act, node), daemon=True)
            self.threads = [item for item in self.threads if item.is_alive()] + [thread]
        thread.start()

    def guarded(self, act, node):
        try:
            act(node)
        except (AssertionError, subprocess.CalledProcessError, OSError) as error:
            name = node["metadata"]["name"]
            self.failures.append(f"{act.__name__} {name}: {error} {getattr(error, 'stderr', None) or ''}\n"
                                 f"{self.last_words(name)}")

    def last_words(self, name):
        """What a machine's programs said last."""
        return "\n".join(f"{log.name}: {line}" for log in sorted((self.cluster.folder / "nodes" / name / "log").glob("*"))
                         for line in log.read_text(errors="replace").splitlines()[-8:])

    def claim_of(self, node):
        """The NodeClaim of this Node, once Karpenter has written down what was launched."""
        return next((claim for claim in self.api.list("nodeclaims")
                     if claim.get("status", {}).get("providerID") == node["spec"]["providerID"]
                     and claim["status"].get("capacity")), None)

    def foretell(self, node):
        """Into the NodeClaim, whose word counts for what the Node does not have yet; then the slices out of the Node."""
        amounts = predicted(node, self.api.list("nodeoverlays") if self.overlays else [])
        given = {*node["status"]["capacity"], *node["status"]["allocatable"]}
        plain = {name: amounts.get(name) for name in given if "/" not in name}
        shown = plain | {name: None for name in given if "/" in name}
        claim = wait_for("the NodeClaim's status", lambda: self.claim_of(node))
        self.api.patch("nodeclaims", claim["metadata"]["name"],
                       {"status": {"capacity": amounts, "allocatable": amounts}}, "/status")
        self.api.patch("nodes", node["metadata"]["name"], {"status": {"capacity": shown, "allocatable": shown}}, "/status")

    def join(self, node):
        name = node["metadata"]["name"]
        kind = self.machines[name]
        assert len(self.machines) <= MOST, f"Karpenter wants more than {MOST} nodes: {self.machines}"
        self.foretell(node)
        (self.cluster.folder / f"{name}.node").write_text(catalog.node_file(kind, name))
        settings = {"NODE_SETUP": self.furniture(name), "CONTAINER_MOUNT": PLACE,
                    "CONTAINER_ENV": " ".join(f"{key}={value}" for key, value in SETTINGS.items())}
        with self.room:
            self.cluster.run("node", self.cluster.folder, name, capture_output=True,
                             env=os.environ | settings | catalog.machine_size(catalog.types()[kind]))

    def furniture(self, name):
        """The emulated GPUs: node file, state and the driver's files, before anybody looks."""
        exports = "; ".join(f"export {key}={value}" for key, value in SETTINGS.items())
        return (f"mkdir -p {PLACE}; cp {self.cluster.folder}/{name}.node {PLACE}/node; {exports}; "
                f"{self.build}/emulator/carve-emulator tree {PLACE}/tree >/dev/null; {self.setup}")

    def leave(self, node):
        name = node["metadata"]["name"]
        self.cluster.run("node-down", self.cluster.folder, name, capture_output=True)
        shutil.rmtree(self.cluster.folder / "nodes" / name / "root", ignore_errors=True)
        with self.lock:
            del self.machines[name]

    def emulator(self, name, *words):
        """carve-emulator on the machine of that name."""
        settings = [f"{key}={value}" for key, value in SETTINGS.items()]
        done = self.cluster.run("on", self.cluster.folder, name, "env", *settings,
                                self.build / "emulator/carve-emulator", *map(str, words), capture_output=True)
        return done.stdout

    def close(self):
        self.watch.close()
        for thread in self.threads:
            thread.join(90)


def values():
    """What carve's chart must be told to find the GPUs of these machines."""
    return {
        "driver": {"root": f"{PLACE}/tree/driver", "devRoot": f"{PLACE}/tree"},
        "host": {"proc": f"{PLACE}/tree/proc", "sys": f"{PLACE}/tree/sys"},
        "deviceListStrategy": "cdi-cri",
        "extraVolumes": [{"name": "emulator", "hostPath": {"path": PLACE}}],
        "carved": {"extraEnv": [{"name": key, "value": value} for key, value in SETTINGS.items()],
                   "extraVolumeMounts": [{"name": "emulator", "mountPath": PLACE}]},
    }


def tool(cluster, *words, **options):
    """A program beside the control plane, in the background."""
    return subprocess.Popen([HERE / "cluster", "exec", cluster.folder, *map(str, words)], stdin=subprocess.DEVNULL,
                            **options)
