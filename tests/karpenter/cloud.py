# SPDX-License-Identifier: Apache-2.0
"""A Kubernetes whose nodes are bought by real Karpenter: control plane, Karpenter, Fleet and carve's chart."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess

import yaml

import catalog
import chart as charts
import fleet as fleets
from api import Api, Watch
from harness import HERE, Cluster, make_busybox, wait_for

KARPENTER = pathlib.Path(os.environ["CARVE_KARPENTER"])
BUILD = pathlib.Path(os.environ["CARVE_BUILD"]).resolve()
LIBRARIES = ("libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0")
CLASS = {"group": "karpenter.kwok.sh", "kind": "KWOKNodeClass", "name": "default"}
KWOK_CLASS = {"apiVersion": "karpenter.kwok.sh/v1alpha1", "kind": "KWOKNodeClass", "metadata": {"name": "default"},
              "spec": {}}

HOSTNAME = "kubernetes.io/hostname"
# Karpenter's program without a cloud makes names of up to 70 letters, and a kubelet's label of its name may have 63: then
# the label stays what Karpenter made it. (A kubelet first tries to create its Node.)
SHORT_HOSTNAME = [
    {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingAdmissionPolicy",
     "metadata": {"name": "short-hostname"}, "spec": {
         "reinvocationPolicy": "Never", "failurePolicy": "Fail",
         "matchConstraints": {"resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"],
                                                 "resources": ["nodes", "nodes/status"]}]},
         "matchConditions": [{"name": "long", "expression": f'object.metadata.?labels["{HOSTNAME}"].orValue("").size() > 63'}],
         "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression":
             f'[JSONPatch{{op: "replace", path: "/metadata/labels/" + jsonpatch.escapeKey("{HOSTNAME}"), '
             f'value: oldObject == null ? "long" : oldObject.metadata.labels["{HOSTNAME}"]}}]'}}]}},
    {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingAdmissionPolicyBinding",
     "metadata": {"name": "short-hostname"}, "spec": {"policyName": "short-hostname"}}]


class Machines:
    """For charts.Chart: values that fit every machine of a Fleet."""
    node = None

    @staticmethod
    def values():
        return fleets.values()


def documents(*paths):
    """The objects in these files; of a folder, in its *.yaml but values.yaml."""
    found = []
    for path in map(pathlib.Path, paths):
        files = sorted(path.glob("*.yaml")) if path.is_dir() else [path]
        for file in files:
            if not path.is_dir() or file.name not in ("values.yaml", "nodeclass-bottlerocket.yaml"):
                found += [item for item in yaml.safe_load_all(file.read_text()) if item]
    return found


def for_kwok(objects):
    """The same objects with the node class of Karpenter's program without a cloud."""
    copies = json.loads(json.dumps(objects))
    for item in copies:
        if item["kind"] == "NodePool":
            item["spec"]["template"]["spec"]["nodeClassRef"] = CLASS
    return copies


class Karpenter:
    """Karpenter's own program, beside the control plane."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.types = cluster.folder / "instance-types.json"
        self.types.write_text(json.dumps(catalog.instance_types()))
        self.log = cluster.folder / "log/karpenter"
        self.process = None

    def start(self, gates="NodeOverlay=true"):
        settings = {"SYSTEM_NAMESPACE": "default", "DISABLE_LEADER_ELECTION": "true", "FEATURE_GATES": gates,
                    "INSTANCE_TYPES_FILE_PATH": self.types, "METRICS_PORT": "8080", "HEALTH_PROBE_PORT": "8081"}
        with open(self.log, "ab") as log:
            self.process = fleets.tool(self.cluster, "env", *(f"{key}={value}" for key, value in settings.items()),
                                       KARPENTER / "karpenter", stdout=log, stderr=log)

    def stop(self):
        if self.process:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None

    def said(self, pattern):
        """Lines of its log, oldest first."""
        return [line for line in self.log.read_text(errors="replace").splitlines() if re.search(pattern, line)]


    def complaints(self):
        """Its errors, each once."""
        found = {}
        for line in self.said('"level":"(ERROR|WARN)"'):
            told = json.loads(line)
            words = f"{told['message']}: {told.get('error', '')[:600]}"
            found[words] = told.get("Pod", {}).get("name", "")
        return "\n".join(f"karpenter: {pod} {words}" for words, pod in list(found.items())[-20:])


class Cloud:
    """All of it. Use as a context manager."""

    def __init__(self, folder):
        self.folder = folder
        self.cluster = Cluster(folder / "cluster")
        self.api = self.fleet = self.karpenter = self.watch = None
        self.bought = {}        # every NodeClaim since the last clear(): its NodePool
        self.chart = charts.Chart(self.cluster, Machines, folder)

    def __enter__(self):
        try:
            self.begin()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_):
        self.end()

    def begin(self):
        self.cluster.run("up", self.cluster.folder, "-", stdout=subprocess.DEVNULL)
        make_busybox(self.cluster, self.folder)
        charts.make_image(self.folder / "carve-1.tar", "1")
        self.cluster.run("load", self.cluster.folder, "carve-1", self.folder / "carve-1.tar",
                         stdout=subprocess.DEVNULL)
        self.image("docker.io/nvidia/cuda:12.9.1-base-ubuntu24.04")
        self.image("registry.k8s.io/pause:3.10", "/pause")
        self.cluster.kubectl("create", "-f", str(KARPENTER / "crds"))
        self.cluster.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
        self.cluster.apply(KWOK_CLASS, *SHORT_HOSTNAME)
        self.api = Api(self.cluster)
        self.watch = Watch(self.api, "nodeclaims", self.count)
        self.fleet = fleets.Fleet(self.cluster, self.api, BUILD)
        self.karpenter = Karpenter(self.cluster)
        self.karpenter.start()

    def count(self, event, claim):
        if event == "ADDED":
            self.bought[claim["metadata"]["name"]] = claim["metadata"]["labels"]["karpenter.sh/nodepool"]

    def end(self):
        with contextlib.ExitStack() as last:        # whatever fails, all of it is tried, the last first
            last.callback(self.cluster.run, "down", self.cluster.folder)
            for part in (self.api and self.api.close, self.watch and self.watch.close, self.fleet and self.fleet.close,
                         self.karpenter and self.karpenter.stop):
                if part:
                    last.callback(part)

    def image(self, reference, *entrypoint):
        """An image of this very name, on all machines there will be: a shell with a few tools, the C library, /pause."""
        folder, plain = self.folder / "image", re.sub(r"\W", "-", reference)
        if not folder.exists():
            for name in ("bin", "tmp", "lib64", "usr/bin", "usr/lib/x86_64-linux-gnu"):
                (folder / name).mkdir(parents=True)
            for name in LIBRARIES:
                shutil.copy(f"/lib/x86_64-linux-gnu/{name}", folder / "usr/lib/x86_64-linux-gnu")
            shutil.copy("/lib64/ld-linux-x86-64.so.2", folder / "lib64")
            shutil.copy("/bin/busybox", folder / "bin/busybox")
            shutil.copy(self.cluster.folder / "bin/pause", folder)
            for name in ("sh", "sleep", "ls", "cat", "env", "sort", "echo", "true", "date"):
                (folder / "bin" / name).symlink_to("busybox")
            (folder / "lib").symlink_to("usr/lib")
        archive = self.folder / f"{plain}.tar"
        with open(archive, "wb") as out:
            subprocess.run([HERE / "oci-image", folder, reference, *entrypoint], check=True, stdout=out)
        self.cluster.run("load", self.cluster.folder, plain, archive, stdout=subprocess.DEVNULL)

    def install(self, *values, **options):
        """carve's chart with these values over each other, for all nodes there are and will be."""
        self.chart.install(charts.merged({}, *values), **options)

    def apply(self, *objects):
        self.cluster.apply(*for_kwok(objects))

    def claims(self):
        """{name: NodeClaim} that are not on their way out."""
        return {item["metadata"]["name"]: item for item in self.api.list("nodeclaims")
                if "deletionTimestamp" not in item["metadata"]}

    def nodes(self):
        return {item["metadata"]["name"]: item for item in self.api.list("nodes")}

    def pods(self, phase=None):
        """The pods of the namespace default, by name."""
        return {item["metadata"]["name"]: item for item in self.api.list("pods")
                if item["metadata"]["namespace"] == "default" and "deletionTimestamp" not in item["metadata"]
                and phase in (None, item["status"].get("phase"))}

    def wait_running(self, count, seconds=300):
        def there():
            assert not self.fleet.failures, "a machine could not join"
            return len(self.pods("Running")) == count

        wait_for(f"{count} running pods", there, seconds)

    def clear(self):
        """No pod, no pool, no node, no machine. Machines first, and without Karpenter's drains: nothing need end well here."""
        kubectl = self.cluster.kubectl
        kubectl("delete", "deployments,jobs,replicasets,poddisruptionbudgets", "--all", "--cascade=orphan")
        kubectl("delete", "nodepools,nodeoverlays,ec2nodeclasses,nodeclaims,nodes", "--all", "--wait=false")
        for kind in ("nodepools", "nodeclaims", "nodes"):
            for item in self.api.list(kind):
                self.api.patch(kind, item["metadata"]["name"], {"metadata": {"finalizers": None}})
        wait_for("the end of all nodes", lambda: not self.api.list("nodeclaims") and not self.nodes()
                 and not self.fleet.machines, 180)
        self.api.request("DELETE", "/api/v1/namespaces/default/pods", {"gracePeriodSeconds": 0})
        wait_for("the end of all pods", lambda: not self.pods())
        self.bought.clear()
        self.fleet.failures.clear()
        self.fleet.setup = ""

    def last_words(self):
        """For a failure: what Karpenter, the claims and carve's pods say."""
        words = "\n".join(self.fleet.failures)
        for claim in self.api.list("nodeclaims"):
            told = [f"{item['type']}={item['status']} {item.get('message', '')}"
                    for item in claim.get("status", {}).get("conditions", [])]
            words += f"\n{claim['metadata']['name']}: {'; '.join(told)}"
        return f"{words}\n{self.karpenter.complaints()}{self.chart.last_words()}"
