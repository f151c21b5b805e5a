# SPDX-License-Identifier: Apache-2.0
"""The chart on a real Kubernetes: a node of its own with emulated GPUs, and helm."""
import json
import os
import pathlib
import subprocess

import yaml

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = pathlib.Path(os.environ["CARVE_BUILD"])
FOLDER = ROOT / "deploy/chart/carve"
NAMESPACE = "gpu"
RELEASE = "carve"
NODE = "chart-node"
FEATURES = "nodefeatures.nfd.k8s-sigs.io"
# As much of Node Feature Discovery's definition as the API needs to know.
NODE_FEATURES = {
    "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {
        "name": FEATURES,
        "annotations": {"api-approved.kubernetes.io": "unapproved, for tests"}},
    "spec": {
        "group": "nfd.k8s-sigs.io", "scope": "Namespaced",
        "names": {"kind": "NodeFeature", "plural": "nodefeatures", "singular": "nodefeature"},
        "versions": [{"name": "v1alpha1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {
            "type": "object", "required": ["spec"], "properties": {"spec": {
                "type": "object", "properties": {
                    "features": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                    "labels": {"type": "object", "additionalProperties": {"type": "string"}}}}}}}}]}}


def version():
    text = (FOLDER / "Chart.yaml").read_text()
    return yaml.safe_load(text)["appVersion"]


def make_image(target, tag):
    subprocess.run([ROOT / "deploy/image", "--build", BUILD, "--out", target, "--version", version(),
                    "--name", f"carve.test/carve:{tag}"], check=True, stdout=subprocess.DEVNULL)


def add_node(cluster):
    """A node that the chart reaches by its instance type, tainted as GPU nodes are."""
    settings = {"NODE_LABELS": "node.kubernetes.io/instance-type=p4d.24xlarge",
                "NODE_TAINTS": "nvidia.com/gpu=true:NoSchedule"}
    cluster.run("node", cluster.folder, NODE, env=os.environ | settings, stdout=subprocess.DEVNULL)
    return NODE


class Machine:
    """The emulated GPUs of one node: a state file and a tree of the driver's files."""

    def __init__(self, cluster, node, folder, kind="p4d.24xlarge"):
        self.cluster = cluster
        self.node = node
        self.folder = folder
        self.tree = folder / "tree"
        self.environment = {
            "CARVE_EMULATOR_NODE": kind,
            "CARVE_EMULATOR_STATE": str(folder / "state"),
            "CARVE_EMULATOR_TREE": str(self.tree),
        }
        self.emulator("tree", self.tree)

    def emulator(self, *words):
        settings = [f"{name}={value}" for name, value in self.environment.items()]
        done = self.cluster.run("on", self.cluster.folder, self.node, "env", *settings,
                                BUILD / "emulator/carve-emulator", *map(str, words), capture_output=True)
        return done.stdout

    def values(self):
        """What the chart must be told to find these GPUs."""
        return {
            "driver": {"root": str(self.tree / "driver"), "devRoot": str(self.tree)},
            "host": {"proc": str(self.tree / "proc"), "sys": str(self.tree / "sys"),
                     "state": str(self.folder / "carved-state")},
            "deviceListStrategy": "cdi-cri",
            "extraVolumes": [{"name": "emulator", "hostPath": {"path": str(self.folder)}}],
            "carved": {
                "extraEnv": [{"name": name, "value": value} for name, value in self.environment.items()],
                "extraVolumeMounts": [{"name": "emulator", "mountPath": str(self.folder)}],
            },
        }


def merged(*trees):
    """Values laid over each other, as helm does it."""
    result = {}
    for tree in trees:
        for key, value in tree.items():
            if isinstance(value, dict) and isinstance(result.get(key), dict):
                result[key] = merged(result[key], value)
            else:
                result[key] = value
    return result


class Chart:
    """One release of the chart."""

    def __init__(self, cluster, machine, folder):
        self.cluster = cluster
        self.machine = machine
        self.folder = folder
        self.node = machine.node

    def helm(self, *words, check=True):
        done = subprocess.run([HERE / "cluster", "exec", self.cluster.folder, "env", f"HOME={self.folder}",
                               "helm", *map(str, words)], text=True, capture_output=True, check=False)
        assert not check or done.returncode == 0, f"helm {words[0]}: {done.stderr}{self.last_words()}"
        return done

    def write_values(self, values):
        path = self.folder / "values.yaml"
        given = merged({"image": {"repository": "carve.test/carve", "tag": "1", "pullPolicy": "Never"}},
                       self.machine.values(), values)
        path.write_text(yaml.safe_dump(given))
        return path

    def install(self, values=None, wait=True):
        """Installs or upgrades, and waits until both containers run with these values."""
        self.helm("upgrade", "--install", RELEASE, FOLDER, "--namespace", NAMESPACE, "--create-namespace",
                  "--values", self.write_values(values or {}), *(["--wait", "--timeout", "90s"] if wait else []))
        if wait:
            self.rolled_out()

    def rolled_out(self):
        """helm's --wait is content while a tenth of the nodes has the old pod: the only one, here."""
        self.cluster.kubectl("-n", NAMESPACE, "rollout", "status", f"daemonset/{RELEASE}", "--timeout=90s")

    def uninstall(self):
        self.helm("uninstall", RELEASE, "--namespace", NAMESPACE, "--wait", "--timeout", "90s")

    def daemonset(self):
        return self.cluster.get("-n", NAMESPACE, "daemonset", RELEASE)

    def pods(self):
        found = self.cluster.get("-n", NAMESPACE, "pods", "-l", f"app.kubernetes.io/name={RELEASE}")["items"]
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]
                and pod["metadata"]["labels"].get("app.kubernetes.io/component") != "uninstall"]

    def pod(self):
        """The name of the one pod that runs."""
        names = [pod["metadata"]["name"] for pod in self.pods() if pod["status"].get("phase") == "Running"]
        assert len(names) == 1, names
        return names[0]

    def logs(self, container):
        return self.cluster.kubectl("-n", NAMESPACE, "logs", self.pod(), "-c", container)

    def last_words(self):
        """For a failure: what the pods say."""
        words = ""
        for line in (["get", "pods", "-o", "wide"], ["describe", "pods"],
                     ["logs", "-l", f"app.kubernetes.io/name={RELEASE}", "--all-containers", "--prefix"]):
            done = subprocess.run([HERE / "cluster", "exec", self.cluster.folder, "kubectl", "-n", NAMESPACE, *line],
                                  text=True, capture_output=True, check=False)
            words += f"\n== {line[0]}\n{done.stdout[-6000:]}{done.stderr[-1000:]}"
        return words

    def carve(self, *words):
        return self.cluster.kubectl("-n", NAMESPACE, "exec", self.pod(), "-c", "carved", "--", "carve", *words)

    def node_object(self):
        return self.cluster.get("node", self.node)

    def allocatable(self):
        found = self.node_object()["status"]["allocatable"]
        return {name: int(count.replace("k", "000")) for name, count in found.items()
                if name.startswith("nvidia.com/") and count != "0"}

    def labels(self):
        return {name: value for name, value in self.node_object()["metadata"]["labels"].items()
                if name.startswith(("nvidia.com/", "carve.dev/"))}

    def taints(self):
        return {taint["key"] for taint in self.node_object()["spec"].get("taints", [])}

    def condition(self, kind):
        found = [item for item in self.node_object()["status"]["conditions"] if item["type"] == kind]
        return found[0] if found else None

    def events(self):
        found = self.cluster.get("-n", "default", "events", "--field-selector",
                                 f"involvedObject.kind=Node,involvedObject.name={self.node}")["items"]
        return [(item["reason"], item["message"]) for item in found]

    def status_json(self):
        return json.loads(self.carve("gpus", "-o", "json"))
