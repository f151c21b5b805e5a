# SPDX-License-Identifier: Apache-2.0
"""The API server for this process: `kubectl proxy` in the control plane's world, on a socket that can be
reached from outside; reads, patches and watches without a program for each."""
import http.client
import json
import socket
import subprocess
import threading

from harness import HERE, wait_for

KINDS = {"nodeclaims": "/apis/karpenter.sh/v1/nodeclaims", "nodepools": "/apis/karpenter.sh/v1/nodepools",
         "nodeoverlays": "/apis/karpenter.sh/v1alpha1/nodeoverlays", "nodes": "/api/v1/nodes",
         "pods": "/api/v1/pods", "events": "/api/v1/events"}


class Connection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Api:
    """Requests by kind (KINDS) and name; from any thread."""

    def __init__(self, cluster):
        self.socket = cluster.folder / "proxy.sock"
        self.socket.unlink(missing_ok=True)
        self.process = subprocess.Popen(
            [HERE / "cluster", "exec", cluster.folder, "kubectl", "proxy", f"--unix-socket={self.socket}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        wait_for("kubectl proxy", self.socket.exists, 20)

    def close(self):
        self.process.terminate()
        self.process.wait()

    def request(self, method, path, body=None, kind="application/json"):
        """The answer as an object; None if there is nothing of that name."""
        text = self.text(method, path, body, kind)
        return None if text is None else json.loads(text)

    def text(self, method, path, body=None, kind="application/json"):
        connection = Connection(self.socket, timeout=30)
        try:
            connection.request(method, path, body and json.dumps(body), {"Content-Type": kind})
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        if answer.status == 404:
            return None
        assert answer.status < 300, f"{method} {path}: {answer.status} {text}"
        return text

    def get(self, kind, name):
        return self.request("GET", f"{KINDS[kind]}/{name}")

    def list(self, kind, **query):
        words = "&".join(f"{key}={value}" for key, value in query.items())
        found = self.request("GET", f"{KINDS[kind]}?{words}")
        return found["items"] if found else []

    def log(self, pod):
        """What a pod of the namespace default has said."""
        return self.text("GET", f"/api/v1/namespaces/default/pods/{pod}/log")

    def patch(self, kind, name, body, part=""):
        return self.request("PATCH", f"{KINDS[kind]}/{name}{part}", body, "application/merge-patch+json")


class Watch:
    """What becomes of all objects of a kind, told to heed(event, object) in a thread of its own. After a break
    everything that is there is told again."""

    def __init__(self, api, kind, heed):
        self.api, self.path, self.heed = api, f"{KINDS[kind]}?watch=true", heed
        self.closed = threading.Event()
        self.socket = None
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()

    def listen(self):
        while not self.closed.is_set():
            connection = Connection(self.api.socket, timeout=None)
            try:
                self.follow(connection)
            except (OSError, http.client.HTTPException):
                pass
            connection.close()
            self.closed.wait(0.2)

    def follow(self, connection):
        connection.request("GET", self.path)
        self.socket = connection.sock
        answer = connection.getresponse()
        if answer.status == 200:        # not yet, while a definition is young
            for line in answer:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    return
                self.heed(event["type"], event["object"])

    def close(self):
        self.closed.set()
        if self.socket:
            try:
                self.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass    # has ended by itself
        self.thread.join(10)
