# SPDX-License-Identifier: Apache-2.0
"""`carve doctor cluster` against an API server of ours: pages, refusals, and causes that need other programs."""
import http.server
import json
import os
import pathlib
import re
import resource
import ssl
import subprocess
import threading
import time
import urllib.parse

import pytest

BUILD = pathlib.Path(os.environ["CARVE_BUILD"])
LISTS = {
    "/api/v1/nodes": "Node", "/api/v1/pods": "Pod", "/api/v1/events": "Event", "/api/v1/configmaps": "ConfigMap",
    "/apis/apps/v1/daemonsets": "DaemonSet", "/apis/apps/v1/deployments": "Deployment",
    "/apis/karpenter.sh/v1/nodepools": "NodePool", "/apis/karpenter.sh/v1/nodeclaims": "NodeClaim",
    "/apis/karpenter.sh/v1alpha1/nodeoverlays": "NodeOverlay",
    "/apis/karpenter.k8s.aws/v1/ec2nodeclasses": "EC2NodeClass",
    "/apis/nvidia.com/v1/clusterpolicies": "ClusterPolicy",
}


class Server(http.server.ThreadingHTTPServer):
    """Serves the lists of `objects`, as many a page as `page` says; `refusals` answer with a status instead."""

    def __init__(self):
        self.objects, self.refusals, self.raw, self.seen, self.page = [], {}, {}, [], 500
        self.hosts = []
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def answer(self, status, text):
        body = text if isinstance(text, bytes) else text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        url = urllib.parse.urlparse(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        self.server.hosts.append(self.headers.get("Host"))
        self.server.seen.append((url.path, query, self.headers.get("Authorization")))
        if url.path in self.server.raw:
            return self.answer(200, self.server.raw[url.path])
        status = self.server.refusals.get(url.path, 404 if url.path not in LISTS else 200)
        if status != 200:
            return self.answer(status, json.dumps({"kind": "Status", "message": f"refused with {status}"}))
        kind = LISTS[url.path]
        items = [item for item in self.server.objects if item["kind"] == kind]
        begin = int(query.get("continue", "0"))
        step = min(self.server.page, int(query["limit"]))
        more = str(begin + step) if begin + step < len(items) else ""
        version = url.path.removeprefix("/apis/").removeprefix("/api/").rsplit("/", 1)[0]
        stripped = [{k: v for k, v in item.items() if k not in ("kind", "apiVersion")}
                    for item in items[begin:begin + step]]
        return self.answer(200, json.dumps({"kind": kind + "List", "apiVersion": version,
                                            "metadata": {"continue": more}, "items": stripped}))


@pytest.fixture
def server():
    made = Server()
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.fixture
def doctor(server, tmp_path):
    config = tmp_path / "config"
    config.write_text(json.dumps({
        "current-context": "here",
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.server_port}/"}}],
        "users": [{"name": "u", "user": {"token": "a-secret"}}],
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}]}))

    def run(*words, code=1):
        done = subprocess.run([BUILD / "src/cli/carve", "doctor", "cluster", "-k", config, *words], text=True,
                              capture_output=True, env={**os.environ, "no_proxy": "*"})
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        assert "a-secret" not in done.stdout + done.stderr
        return done

    return run


def causes(doctor):
    return [item["cause"] for item in json.loads(doctor("-o", "json").stdout)["diagnoses"]]


def node(name="n1", labels=None, gpus=8, taints=(), ready="True", free=None):
    amounts = {"nvidia.com/gpu": str(gpus), "cpu": "96"} if gpus else {"cpu": "96"}
    given = dict(amounts) | ({"nvidia.com/gpu": str(free)} if free is not None else {})
    return {"kind": "Node", "metadata": {"name": name, "labels": {"nvidia.com/gpu.present": "true"} | (labels or {})},
            "spec": {"taints": list(taints)},
            "status": {"capacity": amounts, "allocatable": given,
                       "conditions": [{"type": "Ready", "status": ready, "message": "kubelet stopped"}]}}


def pod(name="p", resource="nvidia.com/gpu", count=1, where="", phase="Pending", **status):
    return {"kind": "Pod", "metadata": {"name": name, "namespace": "team"},
            "spec": {"containers": [{"name": "c", "image": "x", "resources": {"limits": {resource: str(count)}}}]}
            | ({"nodeName": where} if where else {}), "status": {"phase": phase} | status}


def object_(kind, name, conditions=(), **spec):
    return {"kind": kind, "metadata": {"name": name}, "spec": spec,
            "status": {"conditions": [dict(zip(("type", "status", "reason", "message"), c)) for c in conditions]}}


def plugin(**spec):
    return {"kind": "DaemonSet", "metadata": {"name": "plugin", "namespace": "gpu"},
            "spec": {"selector": {"matchLabels": {"a": "b"}},
                     "template": {"metadata": {"labels": {"a": "b"}},
                                  "spec": {"containers": [{"name": "c", "image": "nvcr.io/nvidia/k8s-device-plugin:v0.20.0"}]}
                                  | spec}}}


def plugin_pod(phase, containers=(), program="", image="nvcr.io/nvidia/k8s-device-plugin:v0.20.0"):
    container = {"name": "c", "image": image} | ({"command": [program]} if program else {})
    return {"kind": "Pod", "metadata": {"name": "plugin-1", "namespace": "gpu"},
            "spec": {"nodeName": "n1", "containers": [container]},
            "status": {"phase": phase, "containerStatuses": list(containers)}}


def event(kind, name, reason, message, space="team", type_="Warning"):
    return {"kind": "Event", "metadata": {"name": f"{name}.1", "namespace": space or "default"}, "type": type_,
            "involvedObject": {"kind": kind, "name": name, "namespace": space}, "reason": reason, "message": message,
            "lastTimestamp": "2026-01-02T03:04:05Z"}


def with_spec(item, **spec):
    return item | {"spec": item["spec"] | spec}


def with_amount(item, name, count):
    for amounts in (item["status"]["capacity"], item["status"]["allocatable"]):
        amounts[name] = str(count)
    return item


def gated(item):
    return with_spec(item, schedulingGates=[{"name": "kueue.x-k8s.io/admission"}])


def cordoned(item):
    return with_spec(item, unschedulable=True,
                     taints=[{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}])


def scheduled(item, words):
    item["status"]["conditions"] = [{"type": "PodScheduled", "status": "False", "message": words}]
    return item


def pinned(item, name):
    term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [name]}]}
    return with_spec(item, affinity={"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
        "nodeSelectorTerms": [term]}}})


def young(item):
    item["metadata"]["creationTimestamp"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return item


def test_nothing_wrong(server, doctor):
    server.objects = [node(), pod(where="n1", phase="Running")]
    done = doctor(code=0)
    assert "Nothing is wrong" in done.stdout
    assert "team/p (1)" in done.stdout
    assert {seen[2] for seen in server.seen} == {"Bearer a-secret"}


def test_pages(server, doctor):
    server.page = 7
    server.objects = [node()] + [pod(f"p{i}", where="n1", phase="Running") for i in range(8)] + [
        pod(f"w{i}") for i in range(40)]
    report = json.loads(doctor("-o", "json").stdout)
    assert report["gpuPods"] == 48 and report["pendingGpuPods"] == 40
    assert report["diagnoses"][0]["cause"] == "all-held"
    assert len([seen for seen in server.seen if seen[0] == "/api/v1/pods"]) == 7


@pytest.mark.parametrize("cause, objects", [
    ("node-not-ready", [node(ready="False"), pod()]),
    ("devices-unhealthy", [node(free=7)]),
    ("plugin-config-unknown", [node(labels={"nvidia.com/device-plugin.config": "big"}), plugin(),
                               {"kind": "ConfigMap", "metadata": {"name": "cfg", "namespace": "gpu"},
                                "data": {"small": "version: v1\nflags:\n  migStrategy: none\n"}}]),
    ("plugin-not-tolerating", [node(gpus=0, taints=[{"key": "x", "value": "y", "effect": "NoSchedule"}]), plugin()]),
    ("plugin-silent", [node(gpus=0), plugin(),
                       pod("plugin-1", where="n1", phase="Running") | {
                           "spec": {"nodeName": "n1", "containers": [
                               {"name": "c", "image": "nvcr.io/nvidia/k8s-device-plugin:v0.20.0"}]}}]),
    ("mig-config-pending", [node(labels={"nvidia.com/mig.config": "all-1g.5gb", "nvidia.com/mig.config.state": "pending"})]),
    ("overlay-rejected", [object_("NodeOverlay", "o", [("Ready", "False", "Conflict", "with another")])]),
    ("class-not-ready", [object_("EC2NodeClass", "c", [("Ready", "False", "SubnetsNotFound", "none")])]),
    ("claim-not-launched", [object_("NodeClaim", "c", [("Launched", "False", "LaunchFailed", "InsufficientInstanceCapacity")])]),
    ("claim-not-registered", [object_("NodeClaim", "c", [("Launched", "True"), ("Registered", "False", "NodeNotFound", "")])]),
    ("claim-not-initialized", [object_("NodeClaim", "c", [
        ("Launched", "True"), ("Registered", "True"), ("Initialized", "Unknown", "ResourceNotRegistered", "nvidia.com/gpu")])]),
    ("plugin-failing", [node(gpus=0), plugin_pod("Pending", [{"name": "c", "state": {"waiting": {
        "reason": "ContainerCreating"}}}]), plugin(), event(
            "Pod", "plugin-1", "FailedCreatePodSandBox", 'no runtime for "nvidia" is configured', space="gpu")]),
    ("plugin-silent", [node(gpus=0) | {"spec": {}}, plugin(), plugin(nodeSelector={"nvidia.com/mps.capable": "true"}),
                       plugin_pod("Running")]),
    ("plugin-not-tolerating", [node(gpus=0, taints=[{"key": "x", "value": "y", "effect": "NoSchedule"}]),
                               plugin(nodeSelector={"other": "nodes"}), plugin()]),
    ("plugin-not-there-yet", [node(gpus=0, taints=[{"key": "node.kubernetes.io/unschedulable",
                                                   "effect": "NoSchedule"}]), plugin()]),
    ("plugin-not-selecting", [node(gpus=0), plugin(nodeSelector={"a": "b"}),
                              plugin_pod("Running", program="gpu-feature-discovery")]),
    ("no-device-plugin", [node(gpus=0), plugin_pod("Running", program="mps-control-daemon")]),
    ("plugin-silent", [with_amount(node(gpus=0), "nvidia.com/gpu", 0), plugin(), plugin_pod("Running")]),
    ("driver-failing", [node(gpus=0), plugin(), plugin_pod("Pending", [{"name": "c", "state": {"waiting": {
        "reason": "PodInitializing"}}}]), plugin_pod("Running", [{"name": "d", "state": {"waiting": {
            "reason": "CrashLoopBackOff"}}}], image="nvcr.io/nvidia/driver:580")]),
    ("operator-not-ready", [node(), {"kind": "ClusterPolicy", "metadata": {"name": "cluster-policy"}, "spec": {},
                                     "status": {"state": "notReady", "namespace": "gpu"}}]),
    ("scheduling-gated", [node(), gated(pod())]),
    ("preemption-under-way", [node(), pod("h", count=8, where="n1", phase="Running"), pod(nominatedNodeName="n1")]),
    ("scheduler-silent", [node(), with_spec(pod(), schedulerName="volcano")]),
    ("nodes-cordoned", [cordoned(node()), pod()]),
    ("nodes-not-open", [node(taints=[{"key": "node.kubernetes.io/disk-pressure", "effect": "NoSchedule"}]), pod()]),
    ("node-short-of-cpu", [node(), scheduled(pod(), "0/9 nodes are available: 1 Insufficient cpu, 8 Insufficient "
                                                    "nvidia.com/gpu.")]),
    ("volume-not-bound", [node(), scheduled(pod(count=9), "pod has unbound immediate PersistentVolumeClaims")]),
    ("selector-matches-none", [node("n1"), node("n2"), pod("h", count=8, where="n1", phase="Running"),
                               pinned(pod(), "n3")]),
    ("all-held", [node("n1"), node("n2"), pod("h", count=8, where="n1", phase="Running"), pinned(pod(), "n1")]),
    ("image-not-pulled", [node(), pod(where="n1", containerStatuses=[{"name": "c", "state": {"waiting": {
        "reason": "ImagePullBackOff", "message": "no such tag"}}}])]),
    ("runtime-missing", [node(), pod(where="n1"), event("Pod", "p", "FailedCreatePodSandBox",
                                                        'no runtime for "nvidia" is configured')]),
    ("cdi-device-missing", [node(), pod(where="n1", containerStatuses=[{"name": "c", "state": {"waiting": {
        "reason": "CreateContainerError", "message": "unresolvable CDI devices nvidia.com/gpu=0"}}}])]),
    ("volume-not-mounted", [node(), pod(where="n1"), event("Pod", "p", "FailedMount", "no secret")]),
    ("overlay-missing", [node(labels={"node.kubernetes.io/instance-type": "p4d.24xlarge"}),
                         pod(resource="nvidia.com/mig-1g.5gb"), object_("NodePool", "p", template={"spec": {
                             "nodeClassRef": {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "g"},
                             "requirements": [{"key": "node.kubernetes.io/instance-type", "operator": "In",
                                               "values": ["p4d.24xlarge"]}]}})]),
    ("quota-exceeded", [node(), event("ReplicaSet", "r", "FailedCreate", 'pods "r-x" is forbidden: exceeded quota: q, '
                                      "requested: requests.nvidia.com/gpu=1, used: 8, limited: 8")]),
    ("runtime-class-missing", [node(), event("Job", "j", "FailedCreate", 'pod rejected: RuntimeClass "nvidia" not found')]),
    ("no-capacity-sold", [node(), pod("h", count=8, where="n1", phase="Running"), object_("NodePool", "p", template={
        "spec": {}}), pod(), event("NodeClaim", "c", "InsufficientCapacityError", "none", space="")]),
    ("startup-taint-stuck", [node(labels={"karpenter.sh/nodepool": "p"}, taints=[
        {"key": "own/start", "effect": "NoSchedule"}]), pod(), object_("NodePool", "p", template={"spec": {
            "startupTaints": [{"key": "own/start", "effect": "NoSchedule"}]}})]),
    ("karpenter-down", [object_("NodePool", "p", template={"spec": {}}),
                        {"kind": "Deployment", "metadata": {"name": "karpenter", "namespace": "kube-system"},
                         "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {
                             "metadata": {"labels": {"a": "b"}},
                             "spec": {"containers": [{"name": "c", "image": "public.ecr.aws/karpenter/controller:1.14.1"}]}}}}]),
])
def test_first_cause(server, doctor, cause, objects):
    server.objects = objects
    assert causes(doctor)[0] == cause


def test_many_pods_of_one_cause_are_one_diagnosis(server, doctor):
    taint = {"key": "team", "value": "a", "effect": "NoSchedule"}
    server.objects = [node(taints=[taint])] + [pod(f"p{i}") for i in range(30)]
    report = json.loads(doctor("-o", "json").stdout)
    assert [item["subjects"] for item in report["diagnoses"]] == [30]
    assert "and 29 more" in doctor().stdout


@pytest.mark.parametrize("objects", [
    [node(), pod("over", phase="Pending") | {"metadata": {"name": "o", "namespace": "t", "deletionTimestamp": "now"}}],
    [node(gpus=0, labels={"nvidia.com/gpu.present": "false"})],
    [with_amount(node(free=0), "nvidia.com/mig-1g.5gb", 7)],
    [node(), object_("NodeClaim", "c", [("Launched", "True"), ("Registered", "False")]) | {
        "metadata": {"name": "c", "deletionTimestamp": "now"}}],
    [node(), plugin_pod("Running"), event("Pod", "p", "FailedMount", "over long ago"), pod(where="n1", phase="Running")],
])
def test_what_is_no_fault(server, doctor, objects):
    server.objects = objects
    assert json.loads(doctor("-o", "json", code=0).stdout)["diagnoses"] == []


def test_young_things_may_still_come_up(server, doctor):
    server.objects = [young(node(ready="False")), pod(count=9), node("n2")]
    report = json.loads(doctor("-o", "json").stdout)["diagnoses"]
    assert [(item["cause"], item["likelihoodPercent"]) for item in report] == [
        ("ask-exceeds-node", 95), ("node-not-ready", 60)]


def test_what_cannot_be_seen_is_not_missing(server, doctor):
    server.objects = [node(gpus=0), pod()]
    server.refusals = {"/api/v1/nodes": 403}
    assert json.loads(doctor("-o", "json", code=0).stdout)["diagnoses"] == []
    server.refusals = {"/apis/apps/v1/daemonsets": 403, "/apis/karpenter.sh/v1/nodepools": 500}
    report = json.loads(doctor("-o", "json").stdout)
    assert report["diagnoses"][0]["likelihoodPercent"] == 70
    assert "no pod of" in report["diagnoses"][0]["evidence"][0]
    assert any("refused with 500" in line for line in report["unseen"])


def test_autoscaler_and_terminating_holders_are_evidence(server, doctor):
    holder = pod("h", count=8, where="n1", phase="Running")
    holder["metadata"]["deletionTimestamp"] = "now"
    server.objects = [node(), holder, pod(), event("Pod", "p", "NotTriggerScaleUp", "max node group size reached",
                                                   type_="Normal")]
    report = json.loads(doctor("-o", "json").stdout)
    evidence = "\n".join(report["diagnoses"][0]["evidence"])
    assert "max node group size reached" in evidence and "is terminating" in evidence
    assert report["held"][0]["by"] == ["team/h (8, terminating)"]


def test_large_cluster(server, doctor):
    """20,000 pods that wait, of 200 kinds, on 2,000 nodes that are full: in the time of reading them."""
    taint = {"key": "team", "value": "a", "effect": "NoSchedule"}
    server.page = 20000
    server.objects = [node(f"n{i}", taints=[taint] if i % 2 else []) for i in range(2000)] + [
        pod(f"h{i}", count=8, where=f"n{i}", phase="Running") for i in range(2000)] + [
        with_spec(pod(f"w{i}"), nodeSelector={"team": f"t{i // 100}"}) for i in range(20000)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    report = json.loads(doctor("-o", "json").stdout)
    taken = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert taken.ru_utime - before.ru_utime < 120
    assert report["pendingGpuPods"] == 20000 and len(report["held"]) == 2000
    assert [(item["cause"], item["subjects"]) for item in report["diagnoses"]] == [("selector-matches-none", 20000)]


def test_certificate_for_another_name(tmp_path, server):
    """tls-server-name: the handshake is with that name, the connection and Host with the server's."""
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate,
                    "-days", "1", "-subj", "/CN=inner.example", "-addext", "subjectAltName=DNS:inner.example"],
                   check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    config = tmp_path / "config"

    def run(**cluster):
        config.write_text(json.dumps({
            "current-context": "c", "contexts": [{"name": "c", "context": {"cluster": "c"}}],
            "clusters": [{"name": "c", "cluster": {"server": f"https://127.0.0.1:{server.server_port}",
                                                   "certificate-authority": "cert.pem"} | cluster}]}))
        return subprocess.run([BUILD / "src/cli/carve", "doctor", "cluster", "-k", config], text=True,
                              capture_output=True, env={**os.environ, "no_proxy": "*"})

    assert run().returncode == 2
    done = run(**{"tls-server-name": "inner.example"})
    assert done.returncode == 0, done.stderr
    assert set(server.hosts) == {f"127.0.0.1:{server.server_port}"}


def test_what_may_not_be_read_is_said(server, doctor):
    server.objects = [node()]
    server.refusals = {"/api/v1/events": 403}
    assert "not judged: events: not allowed" in doctor(code=0).stderr
    assert json.loads(doctor("-o", "json", code=0).stdout)["unseen"] == ["events: not allowed to list them"]


@pytest.mark.parametrize("status, words", [(401, "credentials"), (500, "refused with 500"), (429, "refused with 429")])
def test_server_refuses(server, doctor, status, words):
    server.refusals = {"/api/v1/nodes": status}
    assert words in doctor(code=2).stderr


@pytest.mark.parametrize("text", ["", "no json", '{"items": [', '{"items": ' + "[" * 100, b"\xff\xfe{}", "[1] 2"])
def test_answer_is_nonsense(server, doctor, text):
    server.raw = {"/api/v1/nodes": text}
    doctor(code=2)


@pytest.mark.parametrize("text", ['{"items": [{}]}', '{"items": [{"metadata": [], "spec": 1, "status": "x"}]}',
                                  '{"items": [{"kind": [], "metadata": {"name": {}}}]}', '{"items": {"a": 1}}', "{}", "[]", "7"])
def test_objects_of_a_wrong_shape(server, doctor, text):
    for path in LISTS:
        server.raw[path] = text
    done = doctor("-o", "json", code=0)
    assert json.loads(done.stdout)["diagnoses"] == []


def test_names_cannot_write_to_the_terminal(server, doctor):
    server.objects = [node(), pod("a\x1b[2Jb", "nvidia.com/gpu", 9)]
    assert "\x1b" not in doctor().stdout


def test_server_away(tmp_path):
    config = tmp_path / "config"
    config.write_text("current-context: c\ncontexts: [{name: c, context: {cluster: c}}]\n"
                      "clusters: [{name: c, cluster: {server: 'http://127.0.0.1:9'}}]\n")
    done = subprocess.run([BUILD / "src/cli/carve", "doctor", "cluster", "-k", config], text=True, capture_output=True)
    assert done.returncode == 2 and "cannot reach http://127.0.0.1:9" in done.stderr
    done = subprocess.run([BUILD / "src/cli/carve", "doctor", "cluster", "-k", config, "--context", "d"], text=True,
                          capture_output=True)
    assert done.returncode == 2 and "'d'" in done.stderr


@pytest.mark.parametrize("verb", ["cluster", "node"])
def test_manual_and_help_agree(verb):
    page = (pathlib.Path(__file__).resolve().parents[2] / "man/carve-doctor.1.scd").read_text(encoding="utf-8")
    page = page.split(f"Options of *carve doctor {verb}*:")[1].split("Exit status:")[0]
    shown = subprocess.run([BUILD / "src/cli/carve", "doctor", verb, "--help"], text=True, capture_output=True,
                           check=True).stdout
    options = set(re.findall(r"--([a-z-]+)", shown)) - {"help", "usage", "version"}
    assert options == set(re.findall(r"\*--([a-z-]+)\*", page))


def test_a_plugin_pod_that_is_only_just_placed_is_starting(server, doctor):
    server.objects = [node(gpus=0), plugin(),
                      {"kind": "Pod", "metadata": {"name": "plugin-1", "namespace": "gpu"}, "status": {"phase": "Pending"},
                       "spec": {"nodeName": "n1", "containers": [
                           {"name": "c", "image": "nvcr.io/nvidia/k8s-device-plugin:v0.20.0"}]}}]
    assert causes(doctor)[0] == "plugin-starting"
