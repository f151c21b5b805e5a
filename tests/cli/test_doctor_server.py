# SPDX-License-Identifier: Apache-2.0
"""`carve doctor node` before an API server: rights, the node object, its taints and conditions."""
import pytest

from doctornode import GPU, doctor, kubelet, results
from nodeserver import cluster, server

CLUSTER = ("api", "rights", "gateway", "allocatable", "labels", "taints")


def test_a_fit_node_in_a_cluster(doctor, cluster):
    report = doctor()
    assert report["node"] == "n1" and results(report, *CLUSTER) == ["ok"] * 6, report["findings"]
    assert "v1.36.3" in report["found"]["api"]["seen"]
    assert all(body["kind"].startswith("SelfSubject") for body in cluster.posted)


def test_each_right_that_is_missing(doctor, cluster):
    for right in (("get", "nodes"), ("watch", "nodes"), ("patch", "nodes"), ("patch", "nodes/status"), ("create", "events")):
        cluster.denied = {right}
        check, seen, cure = doctor.cause()
        assert check == "rights" and " ".join(right) + " (" in seen and "gpu:carve may not" in seen, seen
        assert "ClusterRole" in cure


def test_rights_that_are_needed_only_where_configured(doctor, cluster):
    cluster.denied = {("create", "pods/eviction"), ("list", "configmaps")}
    report = doctor()
    assert results(report, "rights") == ["ok"] and "create pods/eviction" in report["found"]["rights"]["seen"]
    cluster.rules = [{"verbs": ["get", "list"], "apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["x"]}]
    seen = doctor()["found"]["rights"]["seen"]
    assert "pods/eviction" in seen and "configmaps" not in seen


def test_rights_through_nfd_only_where_it_is(doctor, cluster):
    cluster.denied = {("patch", "nodefeatures")}
    assert "nodefeatures" not in doctor()["found"]["rights"]["seen"]
    cluster.features = True
    assert "patch nodefeatures" in doctor()["found"]["rights"]["seen"]


def test_somebody_elses_rights_are_not_judged(doctor, cluster):
    cluster.denied = {("patch", "nodes")}
    for user in ("alice", "system:serviceaccount:default:debug"):
        cluster.user = user
        report = doctor()
        assert results(report, "rights") == ["not judged"] and user in report["found"]["rights"]["seen"]


def test_rights_of_another_pods_account_are_not_judged(doctor, cluster):
    doctor.carve.environment.pop("NAMESPACE")
    cluster.denied = {("patch", "nodes")}
    assert results(doctor(), "rights") == ["not judged"]


def test_rights_that_cannot_be_asked(doctor, cluster):
    cluster.status["/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"] = 403
    assert results(doctor(), "rights") == ["not judged"]


def test_the_node_may_not_be_read(doctor, cluster):
    cluster.status["/api/v1/nodes/n1"] = 403
    cluster.denied = {("get", "nodes")}
    report = doctor(code=1)
    assert report["cause"] == "rights" and results(report, "api", "taints") == ["not judged", None]
    assert doctor.cause("-k", doctor.node.folder / "kubeconfig")[0] == "rights"


@pytest.mark.parametrize("status, words", [(401, "credentials"), (500, "refused with 500"), (404, "refused with 404")])
def test_a_server_that_refuses(doctor, server, status, words):
    server.status["/api/v1/nodes/n1"] = status
    check, seen, _ = doctor.cause("-k", doctor.node.folder / "kubeconfig")
    assert check == "api" and words in seen
    # Of a file that nobody named, only that there is no such node says something of the machine.
    report = doctor(code=1 if status == 404 else 0)
    assert results(report, "api") == ["failed" if status == 404 else "not judged"]


def test_a_server_that_is_not_there(doctor, cluster):
    cluster.server_close()
    cluster.shutdown()
    report = doctor()
    assert results(report, "api") == ["not judged"] and "cannot reach" in report["found"]["api"]["seen"]
    check, _, _ = doctor.cause("--kubeconfig", doctor.node.folder / "kubeconfig")
    assert check == "api"


def test_a_cluster_without_this_machine(doctor, server):
    doctor.carve.environment.pop("NODE_NAME")
    assert results(doctor(), "api", "taints") == ["not here", None]


def test_the_startup_taint(doctor, cluster):
    cluster.node["spec"]["taints"] = [{"key": "carve.dev/not-ready", "effect": "NoSchedule"}]
    check, seen, _ = doctor.cause()
    assert check == "taints" and "carve.dev/not-ready is still there: slices are not yet allocatable" in seen
    cluster.node["metadata"]["managedFields"] = []
    check, seen, cure = doctor.cause()
    assert check == "taints" and "has not come so far" in seen and "kubectl logs" in cure


def test_the_startup_taint_waits_for_something_else(doctor, server, kubelet):
    kubelet.start().refuse = "no"
    run = doctor.start()
    run.wait_log("no")
    server.node["spec"]["taints"] = [{"key": "carve.dev/not-ready", "effect": "NoSchedule"}]
    server.node["status"]["allocatable"] = {}
    report = doctor(code=1)
    assert report["cause"] == "registration" and "waits for registration" in report["found"]["taints"]["seen"]
    assert results(report, "allocatable") == ["not judged"]


def test_what_the_node_shows_is_not_what_carved_has(doctor, cluster):
    cluster.node["status"]["allocatable"] = {GPU: "7"}
    report = doctor()
    assert results(report, "allocatable") == ["warning"] and "carved has 8" in report["found"]["allocatable"]["seen"]
    cluster.node["status"]["allocatable"] = {GPU: "0"}
    assert doctor.cause()[0] == "allocatable"


def test_conditions(doctor, cluster):
    cluster.node["status"]["conditions"][1] |= {"status": "False", "reason": "GPUFault", "message": "GPU 3 is lost"}
    check, seen, _ = doctor.cause()
    assert check == "hardware-ready" and "GPU 3 is lost" in seen
    cluster.node["status"]["conditions"][0] |= {"status": "Unknown", "reason": "NodeStatusUnknown", "message": "gone"}
    assert doctor.cause()[0] == "node-ready"


def test_labels_and_other_taints(doctor, cluster):
    meta = cluster.node["metadata"]
    meta["labels"] |= {"nvidia.com/mig.config": "all-9g", "nvidia.com/mig.config.state": "failed"}
    cluster.node["spec"] = {"unschedulable": True}
    check, seen, _ = doctor.cause()
    assert check == "mig-config" and "all-9g" in seen
    meta["labels"] = {"nvidia.com/gpu.count": "8", "nvidia.com/cuda.driver-version.full": "1.2.3"}
    assert results(doctor(), "labels", "taints") == ["warning", "warning"]
    meta["labels"] = {}
    cluster.node["spec"] = {"taints": [{"key": "carve.dev/fault", "effect": "NoExecute"}]}
    report = doctor(code=1)
    assert report["cause"] == "taints" and results(report, "labels") == ["warning"]


def test_an_answer_that_is_no_node(doctor, cluster):
    cluster.node["spec"] = [[]]
    cluster.node["status"] = "?"
    cluster.node["metadata"] = {"name": "n1", "labels": [1], "managedFields": {"a": 1}}
    report = doctor(code=1)
    assert report["cause"] == "allocatable" and results(report, "api", "gateway") == ["ok", "warning"]
