# SPDX-License-Identifier: Apache-2.0
"""A stand-in for a Kubernetes API server: never kinder than the real one as far as it goes.

    server = APIServer()                       # starts at once, on a port of its own; with server: ... ends it
    config = server.kubeconfig(folder)         # a kubeconfig file for it, with the token "a-secret"
    server.put({"kind": "Node", "metadata": {"name": "a", "labels": {...}}})   # create or replace, as an administrator
    server.get("Node", "a")                    # a copy of the object or None; namespaced: get("Pod", "p", "default")
    server.change("Node", "a", lambda node: node["metadata"]["labels"].pop("x"))   # any edit, as an administrator
    server.delete("Pod", "p", "default")       # gone now, whatever its grace
    server.list("Event")                       # all of a kind
    server.wait(lambda: server.get("Node", "a")["metadata"]["labels"].get("y") == "1", "label y")

Kinds: Node, ConfigMap, Pod, Event (core v1), Namespace, NodeFeature (nfd.k8s-sigs.io/v1alpha1), DaemonSet; absent
ones: `server.absent.add("nodefeatures")` (404 as for an API that is not installed; discovery leaves it out as well).
Namespaces must exist: "default", "kube-system" and "carve" do, others by put(). Also answers /version, discovery
(/apis/GROUP/VERSION, /api/v1) and selfsubjectaccessreviews.

Requests are kept in server.requests (method, path, query, headers, body as parsed, status, time), bookmarks and
watch events not counted; server.count("GET", "/api/v1/nodes", watch=None|True|False) counts them.

Rights: server.forbid("patch", "nodes", "status") makes the real one's 403; server.allow_again() ends all that.
Tokens: server.tokens = {"a-secret"}; any other is 401. None: any.
Clock: server.clock_skew_s shifts all times that the server writes.

Faults, in front of everything: f = server.fault("refuse", method="PATCH", path=r"/nodes/", status=500,
message="...", retry_after=1, times=3); f.hits counts, f.end() ends it. Kinds: refuse (status, message, retry_after),
slow (seconds), reset (after_bytes of the answer), garbage (an answer that is no JSON), noise (bytes that are no HTTP),
truncate (half an answer in full form), stall (headers, then nothing), cut (half an answer, then the end).
server.away() closes the port and all connections, server.back() opens the same port again.
server.end_watches() ends all watches as at their timeout; server.cut_watches() by a reset.
server.compact() makes all old resource versions and continue tokens too old (410).
server.bookmark_s: seconds between bookmarks (60). server.watch_max_s: end of a watch that names no timeout (1800).
server.bookmarked: {plural: version that the last bookmark of one of its watches told}. server.connections: how many came.
server.page_max: items a page at most, below the client's limit.

Evictions: server.budgets[("default", "p")] = n: refused n times with 429 as by a disruption budget (-1: for ever).
A pod with a grace period that was deleted or evicted stays with its deletionTimestamp for server.pod_end_s (None: until
server.delete()); one without a node is gone at once.

Facts of the real one worth knowing: a strategic merge patch REPLACES a node's spec.taints (the list has no merge
key; use a JSON patch with "test", or a merge patch with metadata.resourceVersion); conditions merge by type; a patch
of the object leaves its status alone and one of the status its spec; a patch that changes nothing makes no event; an
apply that makes an object names it in metadata.name too; an Event about a Node must be in namespace "default"
unless involvedObject.namespace names its own. tests/cluster/test_stand_in.py holds this server against the real one."""
import base64
import contextlib
import copy
import dataclasses
import datetime
import itertools
import json
import pathlib
import re
import threading
import time
import uuid

import apihandler


@dataclasses.dataclass(frozen=True)
class Resource:
    plural: str
    kind: str
    group: str = ""
    version: str = "v1"
    namespaced: bool = True
    status: bool = False  # has the subresource
    typed: bool = True    # one of Kubernetes' own; else of a CustomResourceDefinition
    selectors: tuple = ()

    @property
    def api_version(self):
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def prefix(self):
        return f"/apis/{self.api_version}" if self.group else f"/api/{self.version}"


RESOURCES = [
    Resource("nodes", "Node", namespaced=False, status=True, selectors=("spec.unschedulable",)),
    Resource("namespaces", "Namespace", namespaced=False, selectors=("status.phase",)),
    Resource("configmaps", "ConfigMap"),
    Resource("pods", "Pod", status=True, selectors=(
        "spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "spec.hostNetwork",
        "status.phase", "status.podIP", "status.nominatedNodeName")),
    Resource("events", "Event", selectors=(
        "involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid",
        "involvedObject.apiVersion", "involvedObject.resourceVersion", "involvedObject.fieldPath", "reason",
        "reportingComponent", "source", "type")),
    Resource("daemonsets", "DaemonSet", "apps", status=True),
    Resource("nodefeatures", "NodeFeature", "nfd.k8s-sigs.io", "v1alpha1", typed=False),
]
BY_KIND = {resource.kind: resource for resource in RESOURCES}


@dataclasses.dataclass
class Request:
    method: str
    path: str
    query: dict
    headers: dict
    body: object
    time: float
    status: int = 0

    @property
    def watch(self):
        return self.query.get("watch") in ("1", "true")


@dataclasses.dataclass
class Change:
    """One entry of the history: ADDED (old is None), MODIFIED or DELETED (new is the last state, newer version)."""
    version: int
    resource: Resource
    type: str
    old: dict
    new: dict


class Fault:
    def __init__(self, server, kind, method=None, path="", times=None, watch=None, **how):
        self.server, self.kind, self.method, self.path, self.times, self.watch = server, kind, method, path, times, watch
        self.how, self.hits = how, 0

    def matches(self, request):
        return ((self.times is None or self.hits < self.times) and self.method in (None, request.method)
                and self.watch in (None, request.watch) and re.search(self.path, request.path) is not None)

    def end(self):
        with self.server.lock:
            if self in self.server.faults:
                self.server.faults.remove(self)


class APIServer:
    def __init__(self, port=0, tls=None):
        """tls: an ssl.SSLContext of a server."""
        self.lock = threading.Condition()
        self.tls = tls
        self.objects = {resource.plural: {} for resource in RESOURCES}  # {(namespace, name): object}, never edited
        self.history, self.snapshots = [], {}
        self.version = itertools.count(1000)
        self.last_version = self.oldest_version = 999
        self.requests, self.faults, self.forbidden, self.budgets = [], [], [], {}
        self.tokens = {"a-secret"}
        self.absent = set()
        self.user = "system:serviceaccount:carve:carve-gateway"
        self.bookmark_s, self.watch_max_s, self.page_max, self.pod_end_s = 60.0, 1800.0, 10**9, 0.05
        self.clock_skew_s = 0.0
        self.watches_ended = self.watches_cut = self.connections = 0
        self.bookmarked = {}
        self.http = self.thread = None
        self.port = port
        for name in ("default", "kube-system", "carve"):
            self.put({"kind": "Namespace", "metadata": {"name": name}})
        self.back()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    # Where it is.
    @property
    def url(self):
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def kubeconfig(self, folder, token="a-secret", token_file=None, cluster=None):
        """token_file: a file that holds the token, read again by clients; cluster: more of the cluster's members."""
        path = pathlib.Path(folder) / "kubeconfig"
        user = {"tokenFile": str(token_file)} if token_file else {"token": token}
        path.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "here",
            "clusters": [{"name": "c", "cluster": {"server": self.url} | (cluster or {})}],
            "users": [{"name": "u", "user": user}],
            "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}]}), encoding="utf-8")
        return path

    def back(self):
        """Opens the port (again)."""
        self.http = apihandler.Server(("127.0.0.1", self.port), self)
        self.port = self.http.server_port
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def away(self):
        """Closes the port and resets all connections."""
        http, self.http = self.http, None
        with self.lock:
            self.lock.notify_all()
        if http:
            http.gone = True
            http.shutdown()
            http.server_close()
            http.reset_all()
            self.thread.join()

    stop = away

    def end_watches(self):
        with self.lock:
            self.watches_ended += 1
            self.lock.notify_all()

    def cut_watches(self):
        with self.lock:
            self.watches_cut += 1
            self.lock.notify_all()

    def compact(self):
        with self.lock:
            self.history.clear()
            self.snapshots.clear()
            self.oldest_version = self.last_version = next(self.version)

    # Faults and rights.
    def fault(self, kind, **how):
        made = Fault(self, kind, **how)
        with self.lock:
            self.faults.append(made)
        return made

    def forbid(self, verb, plural, subresource=None, name=None):
        with self.lock:
            self.forbidden.append((verb, plural, subresource, name))

    def allow_again(self):
        with self.lock:
            self.forbidden.clear()

    def is_forbidden(self, verb, plural, subresource, name):
        return any(verb == v and plural == p and (subresource or None) == (s or None) and n in (None, name)
                   for v, p, s, n in self.forbidden)

    def count(self, method=None, path="", watch=None):
        with self.lock:
            return sum(1 for r in self.requests if method in (None, r.method) and re.search(path, r.path)
                       and watch in (None, r.watch))

    def wait(self, condition, what="", seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with contextlib.suppress(KeyError, TypeError, AttributeError, IndexError):
                value = condition()
                if value:
                    return value
            time.sleep(0.005)
        raise AssertionError(f"not within {seconds} s: {what() if callable(what) else what}")

    # Objects, as an administrator.
    def now(self):
        at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=self.clock_skew_s)
        return at.strftime("%Y-%m-%dT%H:%M:%SZ")

    def put(self, obj):
        resource = BY_KIND[obj["kind"]]
        obj = {"apiVersion": resource.api_version} | copy.deepcopy(obj)
        if resource.namespaced:
            obj["metadata"].setdefault("namespace", "default")
        with self.lock:
            key = (obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
            old = self.objects[resource.plural].get(key)
            if old:
                obj["metadata"] |= {name: old["metadata"][name] for name in ("uid", "creationTimestamp")}
            return copy.deepcopy(self.store(resource, obj))

    def get(self, kind, name, namespace="default"):
        resource = BY_KIND[kind]
        with self.lock:
            found = self.objects[resource.plural].get((namespace if resource.namespaced else "", name))
            return copy.deepcopy(found)

    def list(self, kind):
        with self.lock:
            return copy.deepcopy(list(self.objects[BY_KIND[kind].plural].values()))

    def change(self, kind, name, edit, namespace="default"):
        with self.lock:
            obj = self.get(kind, name, namespace)
            edit(obj)
            return copy.deepcopy(self.store(BY_KIND[kind], obj))

    def delete(self, kind, name, namespace="default"):
        resource = BY_KIND[kind]
        with self.lock:
            self.drop(resource, (namespace if resource.namespaced else "", name))

    # The store; self.lock is held.
    def store(self, resource, obj):
        """Keeps an object that is complete; one that is the same as before makes no new version."""
        meta = obj["metadata"]
        key = (meta.get("namespace", ""), meta["name"])
        old = self.objects[resource.plural].get(key)
        meta.setdefault("uid", str(uuid.uuid4()))
        meta.setdefault("creationTimestamp", self.now())
        if old:
            meta["resourceVersion"] = old["metadata"]["resourceVersion"]
            if old == obj:
                return old
            if old.get("spec") != obj.get("spec") and "generation" in old["metadata"]:
                meta["generation"] = old["metadata"]["generation"] + 1
        elif resource.kind in ("DaemonSet", "NodeFeature", "Pod"):
            meta["generation"] = 1
        self.last_version = next(self.version)
        meta["resourceVersion"] = str(self.last_version)
        self.objects[resource.plural][key] = obj
        self.history.append(Change(self.last_version, resource, "MODIFIED" if old else "ADDED", old, obj))
        self.lock.notify_all()
        return obj

    def drop(self, resource, key):
        old = self.objects[resource.plural].pop(key, None)
        if not old:
            return
        self.last_version = next(self.version)
        last = copy.deepcopy(old)
        last["metadata"]["resourceVersion"] = str(self.last_version)
        self.history.append(Change(self.last_version, resource, "DELETED", old, last))
        self.lock.notify_all()

    def begin_end(self, resource, key, grace_s, finalizer=None):
        """A delete by a client: at once, or marked where something holds it back. True: it is gone."""
        obj = copy.deepcopy(self.objects[resource.plural][key])
        meta = obj["metadata"]
        if finalizer:
            meta.setdefault("finalizers", []).append(finalizer)
        pod = resource.kind == "Pod" and obj.get("spec", {}).get("nodeName")
        grace_s = obj.get("spec", {}).get("terminationGracePeriodSeconds", 30) if grace_s is None else grace_s
        if not meta.get("finalizers") and not (pod and grace_s > 0):
            self.drop(resource, key)
            return True
        if "deletionTimestamp" not in meta:
            meta |= {"deletionTimestamp": self.now(), "deletionGracePeriodSeconds": grace_s if pod else 0}
            self.store(resource, obj)
            if pod and not meta.get("finalizers") and self.pod_end_s is not None:
                timer = threading.Timer(self.pod_end_s, self.delete, (resource.kind, key[1], key[0]))
                timer.daemon = True
                timer.start()
        return False

    def snapshot(self, items, version):
        """A page's continue token."""
        token = base64.urlsafe_b64encode(json.dumps({"rv": version, "id": uuid.uuid4().hex}).encode()).decode().rstrip("=")
        self.snapshots[token] = (items, version)
        return token


def decoded(token):
    """What is in a continue token, for people."""
    with contextlib.suppress(ValueError):
        return base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode("utf-8", "replace")
    return ""
