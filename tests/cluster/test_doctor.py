# SPDX-License-Identifier: Apache-2.0
"""`carve doctor cluster` against planted faults on a real Kubernetes: the true cause is named first."""
import json
import subprocess

import pytest

from conftest import BUILD, HERE, NODE, wait_for
from test_slices import deployment, mig, pod, running, time_slicing

pytestmark = pytest.mark.usefixtures("clean")

PLUGIN = "nvcr.io/nvidia/k8s-device-plugin:v0.20.0"


class Doctor:
    def __init__(self, cluster):
        self.cluster = cluster

    def command(self, *words):
        return subprocess.run([HERE / "cluster", "exec", self.cluster.folder, BUILD / "src/cli/carve",
                               "doctor", "cluster", *words], text=True, capture_output=True)

    def visit(self):
        done = self.command("-o", "json")
        assert done.returncode in (0, 1), done.stderr
        report = json.loads(done.stdout)
        assert (done.returncode == 1) == bool(report["diagnoses"])
        return report

    def first(self, cause):
        """Waits until that cause stands first, and gives its diagnosis."""
        last = {}

        def stands_first():
            last.update(self.visit())
            return last["diagnoses"] and last["diagnoses"][0]["cause"] == cause

        try:
            wait_for(f"'{cause}' as the first cause", stands_first, 30)
        except AssertionError as error:
            raise AssertionError(f"{error}: {json.dumps(last['diagnoses'], indent=1)}") from None
        found = last["diagnoses"][0]
        assert found["evidence"] and found["next"]
        return found


@pytest.fixture
def doctor(cluster, node):
    node.configure("version: v1\n")
    node.carve("mig", "apply", "-c", "all-disabled")
    cluster.wait_allocatable({"nvidia.com/gpu": 8})
    made = Doctor(cluster)
    assert made.visit()["diagnoses"] == []
    return made


@pytest.fixture
def labelled(cluster):
    """Sets labels of the node for one test."""
    given = []

    def label(**labels):
        for name, value in labels.items():
            given.append(name)
            cluster.kubectl("label", "node", NODE, f"{name}={value}", "--overwrite")

    yield label
    for name in given:
        cluster.kubectl("label", "node", NODE, f"{name}-")


@pytest.fixture
def tainted(cluster):
    given = []

    def taint(key, rest):
        given.append(key)
        cluster.kubectl("taint", "node", NODE, f"{key}{rest}", "--overwrite")

    yield taint
    for key in given:
        cluster.kubectl("taint", "node", NODE, f"{key}-")


@pytest.fixture
def bare_node(cluster):
    """A second node that says it has a GPU and that nobody serves."""
    cluster.run("node", cluster.folder, "bare", stdout=subprocess.DEVNULL)
    try:
        wait_for("the second node", lambda: any(
            item["type"] == "Ready" and item["status"] == "True"
            for item in cluster.get("node", "bare")["status"].get("conditions", [])))
        cluster.kubectl("label", "node", "bare", "nvidia.com/gpu.present=true")
        yield "bare"
    finally:
        cluster.run("node-down", cluster.folder, "bare", stdout=subprocess.DEVNULL)
        cluster.kubectl("delete", "node", "bare")


@pytest.fixture
def plugin(cluster):
    """NVIDIA's DaemonSet with a pod spec of the test's; no such image is on the nodes."""
    def apply(**spec):
        labels = {"app": "plugin"}
        cluster.apply({"apiVersion": "apps/v1", "kind": "DaemonSet",
                       "metadata": {"name": "plugin", "namespace": "kube-system"},
                       "spec": {"selector": {"matchLabels": labels},
                                "template": {"metadata": {"labels": labels},
                                             "spec": {"containers": [{"name": "plugin", "image": PLUGIN,
                                                                      "imagePullPolicy": "Never"}],
                                                      **spec}}}})

    yield apply
    cluster.kubectl("delete", "daemonset", "plugin", "-n", "kube-system", "--ignore-not-found")


def test_taint_not_tolerated(cluster, doctor, tainted):
    tainted("team", "=a:NoSchedule")
    cluster.apply(pod("waits", "nvidia.com/gpu"))
    found = doctor.first("taint-not-tolerated")
    assert "'team'" in found["message"] and "default/waits" in found["subject"]


def test_resource_that_nobody_offers(cluster, node, doctor):
    node.configure(mig("mixed"))
    node.carve("mig", "apply", "-c", "all-1g.5gb")
    cluster.wait_allocatable({"nvidia.com/mig-1g.5gb": 56})
    cluster.apply(pod("waits", "nvidia.com/mig-1g.10gb"))
    found = doctor.first("resource-not-offered")
    assert "nvidia.com/mig-1g.5gb" in found["cure"]


def test_selector_that_no_node_meets(cluster, doctor):
    waits = pod("waits", "nvidia.com/gpu")
    waits["spec"]["nodeSelector"] = {"team": "vision"}
    cluster.apply(waits)
    assert "'team'" in doctor.first("selector-matches-none")["message"]


def test_all_held_names_the_holders(cluster, doctor):
    cluster.apply(deployment("holder", "nvidia.com/gpu", 8))
    running(cluster, 8)
    cluster.apply(pod("waits", "nvidia.com/gpu"))
    found = doctor.first("all-held")
    assert len([line for line in found["evidence"] if "holder-" in line]) == 8
    held = doctor.visit()["held"]
    assert [(row["resource"], row["allocatable"], row["held"], len(row["by"])) for row in held] == [
        ("nvidia.com/gpu", 8, 8, 8)]


def test_more_than_a_node_has(cluster, doctor):
    cluster.apply(pod("waits", "nvidia.com/gpu", 9))
    assert "more than 8" in doctor.first("ask-exceeds-node")["message"]


def test_plugin_gone(cluster, node, doctor):
    node.stop()
    try:
        cluster.wait_allocatable({})
        cluster.apply(pod("waits", "nvidia.com/gpu"))
        assert NODE in doctor.first("devices-withdrawn")["subject"]
    finally:
        node.start()
        cluster.wait_allocatable({"nvidia.com/gpu": 8})


def test_no_plugin_at_all(doctor, bare_node):
    assert bare_node in doctor.first("no-device-plugin")["subject"]


def test_plugin_selects_other_nodes(doctor, bare_node, plugin):
    plugin(nodeSelector={"pool": "gpu"})
    found = doctor.first("plugin-not-selecting")
    assert "'pool'" in found["message"] and bare_node in found["subject"]


def test_plugin_fails_on_the_node(doctor, bare_node, plugin):
    plugin(nodeSelector={"nvidia.com/gpu.present": "true"})
    found = doctor.first("plugin-failing")
    assert "ErrImageNeverPull" in found["message"] and "logs" in found["next"]


def test_startup_taint_that_nobody_removes(cluster, doctor, tainted):
    tainted("carve.dev/not-ready", ":NoSchedule")
    cluster.apply(pod("waits", "nvidia.com/gpu"))
    found = doctor.first("startup-taint-stuck")
    assert "carve.dev/not-ready" in found["message"]
    assert f"1 pod waits for node {NODE}: default/waits" in found["evidence"]


def test_mig_configuration_that_failed(cluster, doctor, labelled):
    labelled(**{"node.kubernetes.io/instance-type": "p4d.24xlarge", "nvidia.com/mig.config": "all-1g.20gb",
                "nvidia.com/mig.config.state": "failed"})
    cluster.apply(pod("waits", "nvidia.com/mig-1g.20gb"))
    assert "all-1g.20gb" in doctor.first("mig-config-failed")["message"]


def test_two_of_a_shared_gpu(cluster, node, doctor):
    node.configure(time_slicing(4).replace("    resources", "    failRequestsGreaterThanOne: true\n    resources"))
    cluster.wait_allocatable({"nvidia.com/gpu": 32})
    cluster.apply(pod("greedy", "nvidia.com/gpu", 2))
    found = doctor.first("shared-request-many")
    assert "greedy" in found["subject"] and "1" in found["cure"]


def definition(kind, plural, version):
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{plural}.karpenter.sh"},
            "spec": {"group": "karpenter.sh", "scope": "Cluster",
                     "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
                     "versions": [{"name": version, "served": True, "storage": True,
                                   "schema": {"openAPIV3Schema": {
                                       "type": "object", "x-kubernetes-preserve-unknown-fields": True}}}]}}


def pool(**rest):
    requirement = {"key": "node.kubernetes.io/instance-type", "operator": "In", "values": ["p4d.24xlarge"]}
    return {"apiVersion": "karpenter.sh/v1", "kind": "NodePool", "metadata": {"name": "slices"},
            "spec": {"limits": {"nvidia.com/gpu": "8"},
                     "disruption": {"consolidationPolicy": "WhenEmpty", "consolidateAfter": "10m"},
                     "template": {"spec": {
                         "nodeClassRef": {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "gpu"},
                         "requirements": [requirement]}}}} | rest


@pytest.fixture
def karpenter(cluster):
    """Karpenter's objects without Karpenter: kinds of its names that take anything."""
    kinds = [definition("NodePool", "nodepools", "v1"), definition("NodeClaim", "nodeclaims", "v1"),
             definition("NodeOverlay", "nodeoverlays", "v1alpha1")]
    cluster.apply(*kinds)
    cluster.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
    yield
    for kind in kinds:
        cluster.kubectl("delete", "crd", kind["metadata"]["name"])


def test_karpenter_does_not_know_the_slice(cluster, doctor, karpenter):
    cluster.apply(pool())
    cluster.apply(pod("waits", "nvidia.com/mig-1g.5gb"))
    assert "nvidia.com/mig-1g.5gb" in doctor.first("overlay-missing")["message"]


def test_overlay_that_differs_from_its_node(cluster, doctor, karpenter, labelled):
    labelled(**{"node.kubernetes.io/instance-type": "p4d.24xlarge", "karpenter.sh/nodepool": "slices"})
    cluster.apply(pool(), {"apiVersion": "karpenter.sh/v1alpha1", "kind": "NodeOverlay", "metadata": {"name": "slices"},
                           "spec": {"requirements": [], "capacity": {"nvidia.com/gpu": "40"}}})
    found = doctor.first("overlay-differs")
    assert "has 40 'nvidia.com/gpu', and its nodes show 8" in found["message"] and NODE in found["subject"]
    assert "write 8 for 'nvidia.com/gpu'" in found["cure"]


def test_pool_at_its_limit(cluster, doctor, karpenter):
    cluster.apply(deployment("holder", "nvidia.com/gpu", 8))
    running(cluster, 8)
    cluster.apply(pool(status={"resources": {"nvidia.com/gpu": "8"}}))
    cluster.apply(pod("waits", "nvidia.com/gpu"))
    assert "'slices'" in doctor.first("pool-limit-reached")["message"]


def test_pool_without_its_class(cluster, doctor, karpenter):
    conditions = [{"type": "NodeClassReady", "status": "False", "reason": "NodeClassNotFound",
                   "message": "no class gpu"}, {"type": "Ready", "status": "False"}]
    cluster.apply(pool(status={"conditions": conditions}))
    cluster.apply(deployment("holder", "nvidia.com/gpu", 8))
    running(cluster, 8)
    cluster.apply(pod("waits", "nvidia.com/gpu"))
    found = doctor.first("pool-not-ready")
    assert any("NodeClassNotFound" in line for line in found["evidence"])


def test_table_and_what_may_not_be_read(cluster, doctor):
    """A user who may list pods and nodes alone is told what was not judged."""
    cluster.apply(
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "little"},
         "rules": [{"apiGroups": [""], "resources": ["pods", "nodes"], "verbs": ["list"]}]},
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
         "metadata": {"name": "little"},
         "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "little"},
         "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": "default"}]})
    token = cluster.kubectl("create", "token", "default").strip()
    cluster.apply(pod("waits", "nvidia.com/gpu", 9))
    wait_for("the pod", lambda: cluster.pods("Pending"))
    config = json.loads(cluster.kubectl("config", "view", "--raw", "-o", "json"))
    config["users"][0]["user"] = {"token": token}
    path = cluster.folder / "little.kubeconfig"
    path.write_text(json.dumps(config))
    done = doctor.command("--kubeconfig", str(path))
    assert done.returncode == 1, done.stderr
    assert "[ask-exceeds-node, 95 %]" in done.stdout
    assert "not judged: events: not allowed" in done.stderr
    path.write_text(path.read_text().replace(token, "nonsense"))
    done = doctor.command("--kubeconfig", str(path))
    assert done.returncode == 2 and "credentials" in done.stderr
