# SPDX-License-Identifier: Apache-2.0
"""The API server of the tests of `carve doctor node`: it has one Node and says which rights its asker has."""
import http.server
import json
import threading

import pytest

from doctornode import DRIVER, GPU

ACCOUNT = "system:serviceaccount:gpu:carve"


class Server(http.server.ThreadingHTTPServer):
    """Has one Node; `denied` are the rights (verb, resource) that it does not give, `status` what it answers."""

    def __init__(self, node):
        self.node, self.denied, self.status, self.user, self.posted = node, set(), {}, ACCOUNT, []
        self.features, self.rules = False, []
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def refused(self):
        status = self.server.status.get(self.path)
        if status:
            self.answer(status, {"kind": "Status", "message": f"refused with {status}"})
        return status

    def do_GET(self):
        if self.refused():
            return None
        if self.path == "/apis/nfd.k8s-sigs.io/v1alpha1" and self.server.features:
            return self.answer(200, {"kind": "APIResourceList"})
        if self.path == "/api/v1/nodes/" + self.server.node["metadata"]["name"]:
            return self.answer(200, self.server.node)
        return self.answer(404, {"kind": "Status", "message": f"{self.path} not found"})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.posted.append(body)
        assert self.headers["Content-Type"] == "application/json"
        if self.refused():
            return None
        kind = body["kind"]
        if kind == "SelfSubjectReview":
            body["status"] = {"userInfo": {"username": self.server.user}}
        elif kind == "SelfSubjectRulesReview":
            body["status"] = {"resourceRules": self.server.rules if body["spec"]["namespace"] == "gpu" else [],
                              "incomplete": True}
        else:
            asked = body["spec"]["resourceAttributes"]
            name = asked["resource"] + ("/" + asked["subresource"] if asked["subresource"] else "")
            body["status"] = {"allowed": (asked["verb"], name) not in self.server.denied}
        return self.answer(201, body)


@pytest.fixture
def server(doctor):
    made = Server({
        "kind": "Node", "spec": {},
        "metadata": {"name": "n1", "labels": {"nvidia.com/gpu.count": "8", "nvidia.com/gpu.product": "A100",
                                              "nvidia.com/cuda.driver-version.full": DRIVER},
                     "managedFields": [{"manager": "carve-gateway", "time": "2026-01-02T03:04:05Z"}]},
        "status": {"allocatable": {GPU: "8"}, "nodeInfo": {"kubeletVersion": "v1.36.3"},
                   "conditions": [{"type": "Ready", "status": "True"},
                                  {"type": "AcceleratedHardwareReady", "status": "True"}]}})
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    config = doctor.write("kubeconfig", {
        "current-context": "here",
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{made.server_port}"}}],
        "users": [{"name": "u", "user": {"token": "a-secret"}}],
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}]})
    doctor.carve.environment |= {"KUBECONFIG": str(config), "NODE_NAME": "n1", "NAMESPACE": "gpu", "no_proxy": "*"}
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.fixture
def cluster(doctor, server):
    """With a carved that is well."""
    doctor.fit()
    return server
