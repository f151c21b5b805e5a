# SPDX-License-Identifier: Apache-2.0
"""The API client (src/api/http.c, watch.c) by way of watch_probe, before a stand-in API server with every fault."""
import os
import pathlib
import socket
import ssl
import subprocess
import time

import pytest

import apiserver
from probe import Probe

BUILD = pathlib.Path(os.environ["CARVE_BUILD"])
RELEASE = pathlib.Path(os.environ.get("CARVE_RELEASE", BUILD))
NODES, PODS = "/api/v1/nodes", "/api/v1/pods"


@pytest.fixture
def api():
    with apiserver.APIServer() as made:
        yield made


def probe_of(api, folder, build=BUILD, **kubeconfig):
    return Probe([build / "tests/gateway/watch_probe", api.kubeconfig(folder, **kubeconfig)])


@pytest.fixture
def probe(api, tmp_path):
    made = probe_of(api, tmp_path)
    yield made
    made.end()


def node(name="a", **labels):
    return {"kind": "Node", "metadata": {"name": name, "labels": labels}, "spec": {}, "status": {}}


def pod(name, where="a"):
    return {"kind": "Pod", "metadata": {"name": name}, "spec": {"nodeName": where}}


def set_label(api, name, value):
    api.change("Node", name, lambda n: n["metadata"]["labels"].update(a=value))


def lists(api, path=NODES):
    return api.count("GET", path, watch=False)


def watches(api, path=NODES):
    return api.count("GET", path, watch=True)


def test_list_then_watch(api, probe):
    """What is there, then what changes: added, changed, gone; one list and one watch."""
    api.put(node("a", a="1"))
    api.put(node("b", a="1"))
    probe.say("watch", NODES)
    probe.wait("0 synced")
    assert probe.count("0 put") == 2
    assert probe.lines.index("0 reachable") < probe.lines.index("0 synced")
    set_label(api, "a", "2")
    probe.wait("0 put /a", 2)
    assert probe.wait("0 put /a", 2).endswith(" 2")
    api.put(node("c", a="3"))
    probe.wait("0 put /c")
    api.delete("Node", "b")
    probe.wait("0 gone /b")
    assert (lists(api), watches(api)) == (1, 1)


def test_selectors(api, probe):
    """A node of its own: others are not heard of; one that leaves the selection is gone."""
    api.put(node("a"))
    api.put(node("b"))
    api.put(pod("p"))
    probe.say("watch", NODES + "?fieldSelector=metadata.name%3Da")
    probe.say("watch", PODS + "?fieldSelector=spec.nodeName%3Da")
    probe.wait("0 synced")
    probe.wait("1 synced")
    set_label(api, "b", "2")
    api.change("Pod", "p", lambda p: p["spec"].update(nodeName="b"))
    probe.wait("1 gone default/p")
    assert probe.count("0 put /b") == 0


def test_resumes_after_the_usual_end(api, probe):
    """The watch ends as all do: it goes on where it was, without a list, and misses nothing."""
    api.put(node("a", a="1"))
    probe.say("watch", NODES)
    probe.wait("0 synced")
    api.wait(lambda: watches(api) == 1)
    api.end_watches()
    set_label(api, "a", "2")
    api.delete("Node", "a")
    probe.wait("0 gone /a")
    assert probe.count("0 put /a 1") >= 1 and lists(api) == 1
    assert not any("unreachable" in line for line in probe.lines)


def test_resumes_after_a_cut(api, probe):
    api.put(node("a", a="1"))
    probe.say("watch", NODES)
    probe.wait("0 synced")
    for value in range(3):
        for step in ("before", "after"):
            set_label(api, "a", f"{step}{value}")
            api.wait(lambda end=f"{step}{value}": any(line.endswith(end) for line in probe.lines))
            if step == "before":
                api.cut_watches()
    assert watches(api) == 4
    assert lists(api) == 1
    assert not any("unreachable" in line for line in probe.lines)


def test_bookmarks_move_the_place(api, probe):
    """Only a bookmark tells a quiet watch of versions that pass: with it the resumed watch is not too old."""
    api.bookmark_s = 0.05
    api.put(node("a"))
    probe.say("watch", NODES)
    probe.wait("0 synced")
    api.wait(lambda: watches(api) == 1)
    api.put(pod("p"))
    passed = api.last_version
    api.wait(lambda: api.bookmarked.get("nodes", 0) >= passed)
    api.end_watches()
    api.wait(lambda: watches(api) == 2)
    second = [r for r in api.requests if r.watch][1]
    assert int(second.query["resourceVersion"]) >= passed
    assert second.query["allowWatchBookmarks"] == "true"
    assert 1800 <= int(second.query["timeoutSeconds"]) <= 3600
    assert lists(api) == 1


def test_too_old(api, probe):
    """410 as an event: a new list, and what went meanwhile is told as gone."""
    for name in "abc":
        api.put(node(name))
    probe.say("watch", NODES)
    probe.wait("0 synced")
    api.wait(lambda: watches(api) == 1)
    away = api.fault("refuse", path=NODES, status=503)
    api.end_watches()
    api.wait(lambda: away.hits >= 1)
    api.delete("Node", "b")
    api.put(node("d"))
    api.compact()
    away.end()
    probe.wait("0 synced", 2)
    assert probe.count("0 gone") == 1 and probe.count("0 gone /b") == 1
    assert probe.count("0 put /d") == 1 and lists(api) == 2


def test_too_old_as_a_refusal(api, probe):
    """410 as the answer's status."""
    api.put(node("a"))
    probe.say("watch", NODES)
    probe.wait("0 synced")
    api.wait(lambda: watches(api) == 1)
    api.fault("refuse", path=NODES, watch=True, status=410, times=1, message="too old")
    api.end_watches()
    probe.wait("0 synced", 2)


def test_version_that_the_server_cannot_read(api, probe):
    """A watch's place is garbage: it is told to the server as it is, and after its refusal a list comes."""
    api.put(node("a", a="1"))
    event = b'{"type":"MODIFIED","object":{"metadata":{"name":"a","resourceVersion":"no & version\\n"}}}\n'
    api.fault("garbage", path=NODES, watch=True, times=1, data=event)
    api.fault("refuse", path=NODES, watch=True, times=1, status=400, message="Invalid value")
    probe.say("watch", NODES)
    assert "Invalid value" in probe.wait("0 unreachable EINVAL")
    api.wait(lambda: watches(api) == 3)
    assert [r.query["resourceVersion"] for r in api.requests if r.watch][1] == "no & version\n"
    set_label(api, "a", "2")
    api.wait(lambda: any(line.endswith(" 2") for line in probe.lines))
    assert lists(api) == 2


def test_pages(api, probe):
    """10,000 objects in pages of 500; a token that is too old in the middle begins the list anew."""
    for n in range(1700):
        api.put(pod(f"p{n}"))
    gone = api.fault("refuse", path=PODS, status=410, times=1, message="the continue token is too old")
    gone.matches = lambda request: "continue" in request.query and gone.hits < 1
    probe.say("watch", PODS)
    probe.wait("0 synced")
    limits = {r.query.get("limit") for r in api.requests}
    assert limits <= {"500", None} and lists(api, PODS) == 2 + 4
    assert len({line.split()[2] for line in probe.lines if " put " in line}) == 1700


def test_ten_thousand_pods(api, tmp_path):
    """Bounded memory: one object at a time and the names of all."""
    probe = probe_of(api, tmp_path, RELEASE)
    api.put(pod("first"))
    probe.say("quiet", PODS + "?fieldSelector=metadata.name%3Dfirst")
    probe.wait("0 synced")
    before = probe.memory()
    with api.lock:
        for n in range(10000):
            api.put(pod(f"pod-with-a-usual-name-{n:05}-x7k2p", f"node{n % 100}") | {"status": {"notes": ["word " * 200]}})
    probe.say("quiet", PODS)
    probe.wait("1 synced", seconds=60)
    after = probe.memory()
    probe.end()
    print("memory in KiB before and with 10,000 pods", before, after)
    assert after[1] - before[1] < 3000, (before, after)


def test_too_many_objects(api, probe):
    """More than the names' bound: words, and no second try at once."""
    with api.lock:
        for n in range(20001):
            api.put(pod(f"p{n}"))
    probe.say("quiet", PODS)
    line = probe.wait("0 unreachable", seconds=60)
    assert "EFBIG" in line and "more than 20000 objects" in line


def test_server_away_and_back(api, probe):
    """Refused connections: told once, tried again with growing waits, healed without help."""
    api.put(node("a", a="1"))
    probe.say("watch", NODES)
    probe.wait("0 synced")
    api.wait(lambda: watches(api) == 1)
    api.away()
    line = probe.wait("0 unreachable")
    assert "EHOSTUNREACH" in line and f"cannot reach {api.url}" in line
    set_label(api, "a", "2")
    api.back()
    probe.wait("0 reachable", 2)
    api.wait(lambda: any(line.endswith(" 2") for line in probe.lines))
    assert probe.count("0 unreachable") == 1 and lists(api) == 1


@pytest.mark.parametrize("kind,how", [("refuse", {"status": 500}), ("refuse", {"status": 410}), ("reset", {}),
                                      ("garbage", {}), ("garbage", {"data": b""})])
def test_no_hot_loop(api, probe, kind, how):
    """A server that fails at once, in any way, or ends each watch at once, is asked ever more seldom."""
    api.put(node("a"))
    probe.say("watch", NODES)
    probe.wait("0 synced")
    api.wait(lambda: watches(api) == 1)
    fault = api.fault(kind, path=NODES, **how)
    begun = time.monotonic()
    api.end_watches()
    api.wait(lambda: fault.hits >= 4)
    # Between four attempts are waits of at least a quarter, a half and one second.
    assert time.monotonic() - begun >= 1.75
    fault.end()
    set_label(api, "a", "2")
    api.wait(lambda: any(line.endswith(" 2") for line in probe.lines))


@pytest.mark.parametrize("kind,words", [
    ("garbage", "not the JSON of Kubernetes objects"), ("noise", "cannot reach"), ("reset", "cannot reach"),
    ("truncate", "not the JSON of Kubernetes objects"), ("cut", "cannot reach")])
def test_broken_list(api, probe, kind, words):
    """What is no list is told in words; then comes the real one."""
    api.put(node("a"))
    fault = api.fault(kind, path=NODES, times=2)
    probe.say("watch", NODES)
    assert words in probe.wait("0 unreachable")
    probe.wait("0 synced")
    assert fault.hits == 2 and probe.count("0 put /a") >= 1


@pytest.mark.parametrize("kind", ["garbage", "noise", "reset"])
def test_broken_watch(api, probe, kind):
    api.put(node("a", a="1"))
    fault = api.fault(kind, path=NODES, times=2, watch=True)
    probe.say("watch", NODES)
    api.wait(lambda: fault.hits == 2)
    api.wait(lambda: watches(api) == 3)
    set_label(api, "a", "2")
    api.wait(lambda: any(line.endswith(" 2") for line in probe.lines))
    assert lists(api) == 1


def test_strange_events(api, probe):
    """Events without a version, without an object, of an unknown type, and an error of the server's own."""
    api.put(node("a", a="1"))
    strange = [b'{"type":"ADDED","object":{"metadata":{"name":"x"}}}\n', b'{"type":"ADDED"}\n', b'[]', b'7 ', b'null\n',
               b'{"type":"WONDER","object":{"metadata":{"name":"x","resourceVersion":"5000"}}}\n',
               b'{"type":"ADDED","object":{"metadata":{"resourceVersion":"5000"}}}\n']
    for data in strange[:3]:
        api.fault("garbage", path=NODES, times=1, watch=True, data=data)
    error = b'{"type":"ERROR","object":{"kind":"Status","code":500,"message":"etcd is on fire"}}\n'
    api.fault("garbage", path=NODES, times=1, watch=True, data=error)
    probe.say("watch", NODES)
    assert "EINVAL" in probe.wait("0 unreachable")
    assert "etcd is on fire" in probe.wait("0 unreachable EREMOTEIO")
    api.wait(lambda: watches(api) == 5, seconds=30)
    set_label(api, "a", "2")
    api.wait(lambda: any(line.endswith(" 2") for line in probe.lines))
    assert lists(api) == 1 and probe.count("0 put /x") == 0


def test_slow_server(api, probe):
    """A list that takes its time is waited for; a request with a limit is not, and nothing else suffers."""
    api.put(node("a"))
    fault = api.fault("slow", path=NODES, watch=False, seconds=1.0, times=2)
    probe.say("watch", NODES)
    line = probe.ask("GET", NODES, limit_ms=200)
    assert line.startswith("done ETIMEDOUT") and "no answer in time" in line
    probe.wait("0 synced")
    assert fault.hits == 2 and lists(api) == 2


def test_answer_that_stalls(api, probe):
    """Headers, then nothing."""
    api.put(node("a"))
    api.fault("stall", path=NODES, times=1)
    assert probe.ask("GET", NODES, limit_ms=200).startswith("done ETIMEDOUT")
    assert probe.ask("GET", NODES, limit_ms=5000).startswith("done 0")


def test_patch_beside_a_stalled_watch(api, probe):
    api.put(node("a"))
    api.fault("stall", path=NODES, times=1, watch=True)
    probe.say("watch", NODES)
    api.wait(lambda: watches(api) == 1)
    assert probe.ask("PATCH", NODES + "/a", "merge", 5000, '{"metadata":{"labels":{"a":"9"}}}').startswith("done 0")
    assert api.get("Node", "a")["metadata"]["labels"]["a"] == "9"


def test_patches(api, probe):
    """Every content type arrives as what it is."""
    api.put(node("a", x="1"))
    assert probe.ask("PATCH", NODES + "/a?fieldManager=m", "apply", 0,
                     '{"apiVersion":"v1","kind":"Node","metadata":{"labels":{"y":"1"}}}').startswith("done 0")
    assert probe.ask("PATCH", NODES + "/a/status", "strategic", 0,
                     '{"status":{"conditions":[{"type":"T","status":"True"}]}}').startswith("done 0")
    assert probe.ask("PATCH", NODES + "/a", "jsonpatch", 0,
                     '[{"op":"remove","path":"/metadata/labels/x"}]').startswith("done 0")
    assert probe.ask("POST", "/api/v1/namespaces/default/configmaps", "json", 0,
                     '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"}}').startswith("done 0")
    assert probe.ask("DELETE", "/api/v1/namespaces/default/configmaps/c").startswith("done 0")
    found = api.get("Node", "a")
    assert found["metadata"]["labels"] == {"y": "1"}
    assert found["status"]["conditions"] == [{"type": "T", "status": "True"}]
    assert api.get("ConfigMap", "c") is None
    types = {r.headers.get("Content-Type") for r in api.requests if r.method == "PATCH"}
    assert types == {"application/apply-patch+yaml", "application/strategic-merge-patch+json", "application/json-patch+json"}


@pytest.mark.parametrize("status,name", [
    (400, "EINVAL"), (403, "EACCES"), (404, "ENOENT"), (409, "EEXIST"), (410, "ESTALE"), (422, "EINVAL"), (429, "EBUSY"),
    (500, "EREMOTEIO"), (503, "EBUSY"), (302, "EREMOTEIO")])
def test_refusals(api, probe, status, name):
    """Each status is one errno, with the server's words and its wish to be left alone."""
    api.fault("refuse", status=status, message="because of\x1b[31m reasons", retry_after=7)
    line = probe.ask("GET", NODES)
    assert line.startswith(f"done {name} 7000 ") and f"(HTTP {status})" in line
    assert "reasons" in line and "\x1b" not in line


def test_missing_right(api, probe):
    """The server's words name the missing right; it is there again some time after it is given."""
    api.put(node("a"))
    api.forbid("list", "nodes")
    probe.say("watch", NODES)
    line = probe.wait("0 unreachable EACCES")
    assert 'cannot list resource "nodes" in API group "" at the cluster scope' in line
    api.allow_again()
    probe.wait("0 synced")


def test_missing_watch_right(api, probe):
    api.put(node("a"))
    api.forbid("watch", "nodes")
    probe.say("watch", NODES)
    line = probe.wait("0 unreachable EACCES")
    assert f'{NODES}: nodes is forbidden: User' in line and 'cannot watch resource "nodes"' in line
    api.allow_again()
    probe.wait("0 reachable", 2)
    assert lists(api) == 1


def test_absent_collection(api, probe):
    """An API that is not installed is not asked for again within minutes."""
    api.absent.add("nodefeatures")
    probe.say("watch", "/apis/nfd.k8s-sigs.io/v1alpha1/nodefeatures")
    probe.wait("0 unreachable ENOENT")
    time.sleep(1)
    assert api.count("GET", "nodefeatures") == 1


def test_retry_after(api, probe):
    """The server's wish counts more than the back-off."""
    fault = api.fault("refuse", path=NODES, status=429, times=1, retry_after=2)
    probe.say("watch", NODES)
    probe.wait("0 unreachable EBUSY")
    probe.wait("0 synced")
    times = [r.time for r in api.requests]
    assert fault.hits == 1 and times[1] - times[0] >= 1.9


def test_token_rotation(api, tmp_path):
    """The token's file is read anew after 401, and the request after that carries the new one."""
    token = tmp_path / "token"
    token.write_text("a-secret\n")
    probe = probe_of(api, tmp_path, token_file=token)
    api.put(node("a"))
    probe.say("watch", NODES)
    probe.wait("0 synced")
    api.wait(lambda: watches(api) == 1)
    token.write_text("another\n")
    api.tokens = {"another"}
    line = probe.ask("GET", NODES)
    assert line.startswith("done EPERM") and "does not know this user" in line
    assert probe.ask("GET", NODES).startswith("done 0")
    api.end_watches()
    api.wait(lambda: watches(api) == 2)
    assert api.requests[-1].headers["Authorization"] == "Bearer another"
    token.unlink()
    api.tokens = {"third"}
    assert probe.ask("GET", NODES).startswith("done EPERM")
    assert probe.ask("GET", NODES).startswith("done EPERM")
    token.write_text("third")
    assert probe.ask("GET", NODES).startswith("done 0")
    token.write_text("")
    api.tokens = {"fourth"}
    assert probe.ask("GET", NODES).startswith("done EPERM")
    assert probe.ask("GET", NODES).startswith("done EPERM")
    assert api.requests[-1].headers["Authorization"] == "Bearer third"
    token.write_text("fourth")
    assert probe.ask("GET", NODES).startswith("done 0")
    assert not any("another" in line or "a-secret" in line for line in probe.lines)
    probe.end()


def test_close_under_way(api, tmp_path):
    """Everything at once is under way when the client goes: nothing leaks, the loop ends, no callback comes."""
    api.put(node("a"))
    for n in range(600):
        api.put(pod(f"p{n}"))
    for wait in ("put", "open", "reachable", "synced"):
        probe = probe_of(api, tmp_path)
        fault = api.fault("stall", path="/version")
        probe.say("watch", PODS)
        probe.say("watch", NODES)
        probe.say("send", "GET", "/version", "json", 0, "-")
        probe.wait("open" if wait == "open" else f"0 {wait}")
        probe.say("close")
        probe.end()
        fault.end()
        assert probe.count("done") == 0


def test_close_inside_a_callback(api, tmp_path):
    for n in range(20):
        api.put(pod(f"p{n}"))
    probe = probe_of(api, tmp_path)
    probe.say("close-on-put", PODS)
    probe.wait("0 put")
    probe.say("watch", PODS)
    probe.wait("1 synced")
    assert probe.count("0 put") == 1 and probe.count("0 synced") == 0
    probe.say("unwatch", 1)
    probe.say("send", "GET", "/version", "json", 0, "-")
    probe.say("cancel")
    assert probe.ask("GET", "/version").startswith("done 0")
    assert probe.count("done") == 1
    probe.end()


def test_close_inside_an_answer(api, tmp_path):
    """The client goes inside a callback of its own: that was the last one, though more of the answer has come."""
    for n in range(600):
        api.put(pod(f"p{n}"))
    probe = probe_of(api, tmp_path)
    probe.say("close-on-data", "GET", PODS, "json", 0, "-")
    probe.wait("data")
    probe.end()
    assert probe.count("data") == 1 and probe.count("done") == 0


def test_send_inside_an_answer(api, probe):
    """A callback of the client's may send."""
    probe.say("send-on-data", "GET", "/version", "json", 0, "-")
    assert probe.wait("done").startswith("done 0") and probe.wait("done", 2).startswith("done 0")
    assert api.count("GET", "/version") == 2


def test_connections_are_kept(api, probe):
    """Requests after each other go over one connection."""
    for _ in range(5):
        assert probe.ask("GET", "/version").startswith("done 0")
    assert api.connections == 1


def certificate(folder):
    """An authority and a server's certificate for 127.0.0.1."""
    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    for name in ("ca", "other-ca"):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
                f"{name}.key", "-out", f"{name}.crt", "-subj", f"/CN={name}", "-days", "2")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "server.key",
            "-out", "server.csr", "-subj", "/CN=server")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-out",
            "server.crt", "-days", "2", "-extfile", "names")


def test_https(tmp_path):
    """TLS with an authority of its own; another one's is refused, and a file that changes is read again."""
    certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    with apiserver.APIServer(tls=context) as api:
        api.put(node("a", a="1"))
        trusted = tmp_path / "trusted.crt"
        trusted.write_bytes((tmp_path / "other-ca.crt").read_bytes())
        probe = probe_of(api, tmp_path, cluster={"certificate-authority": str(trusted)})
        probe.say("watch", NODES)
        assert "EHOSTUNREACH" in probe.wait("0 unreachable") and not api.requests
        trusted.write_bytes((tmp_path / "ca.crt").read_bytes())
        probe.wait("0 synced")
        for path in (PODS, "/api/v1/configmaps"):
            probe.say("watch", path)
        assert probe.ask("PATCH", NODES + "/a", "merge", 5000, '{"metadata":{"labels":{"a":"2"}}}').startswith("done 0")
        probe.wait("0 put /a", 2)
        probe.wait("1 synced")
        probe.wait("2 synced")
        probe.end()


def test_no_token_in_the_clear(api, tmp_path):
    """An address without a scheme means https, and a server that does not speak it gets no token."""
    probe = probe_of(api, tmp_path, cluster={"server": api.url.removeprefix("http://")})
    assert probe.ask("GET", "/version").startswith("done EHOSTUNREACH")
    assert not any("Authorization" in request.headers for request in api.requests)
    probe.end()


@pytest.mark.parametrize("cluster,words", [
    ({"proxy-url": "htp://me:hidden@proxy:1"}, "cannot reach"), ({"proxy-url": "http://me:hidden@pro xy:1"}, "cannot reach"),
    ({"server": "https://me:hidden@host"}, "that belongs in users")])
def test_passwords_stay_out_of_words(api, tmp_path, cluster, words):
    """Those that stand in addresses; each message says something else instead."""
    probe = probe_of(api, tmp_path, cluster=cluster)
    line = probe.wait("error") if "server" in cluster else probe.ask("GET", "/version")
    assert words in line and not any("hidden" in line for line in probe.lines)
    probe.end()


def test_memory(api, tmp_path):
    """A gateway's three watches, in a build without sanitizers."""
    probe = probe_of(api, tmp_path, RELEASE)
    api.put(node("a", **{f"carve.test/l{n}": str(n) for n in range(100)}))
    for n in range(30):
        api.put(pod(f"p{n}"))
    probe.say("quiet", NODES + "?fieldSelector=metadata.name%3Da")
    probe.say("quiet", PODS + "?fieldSelector=spec.nodeName%3Da")
    probe.say("quiet", "/api/v1/namespaces/carve/configmaps")
    for n in range(3):
        probe.wait(f"{n} synced")
    for n in range(50):
        set_label(api, "a", str(n))
        probe.ask("PATCH", NODES + "/a", "merge", 0, '{"metadata":{"labels":{"b":"' + str(n) + '"}}}')
    rss, anonymous = probe.memory()
    probe.end()
    print(f"three watches: RSS {rss} KiB, anonymous {anonymous} KiB")
    assert rss < 16 << 10 and anonymous < 5 << 10


def test_nothing_waits_for_a_connection_that_fails(api, tmp_path):
    """Requests that came while a connection was being made go on when that was given up, or its request canceled."""
    probe = probe_of(api, tmp_path)
    probe.say_at_once("send GET /version json 0 -", "send GET /version json 0 -", "cancel")
    assert probe.wait("done").startswith("done 0")
    probe.say("watch", NODES)
    probe.wait("0 synced")
    assert probe.count("done") == 1
    api.away()
    for _ in range(3):
        probe.say("send", "GET", "/version", "json", 0, "-")
    probe.wait("done EHOSTUNREACH", 3)
    api.back()
    assert probe.ask("GET", "/version").startswith("done 0")
    probe.end()


def test_nobody_waits_for_others_attempts(api, tmp_path):
    """Where no connection comes about, all requests of the time are told in about the time of one."""
    with socket.create_server(("127.0.0.1", 0), backlog=16) as silent:
        config = api.kubeconfig(tmp_path)
        config.write_text(config.read_text().replace(api.url, f"https://127.0.0.1:{silent.getsockname()[1]}"))
        probe = Probe([BUILD / "tests/gateway/watch_probe", config])
        probe.say_at_once("send GET /version json 300 -", *["send GET /version json 25000 -"] * 3)
        # The first is given up at once, the others' own attempts end together after the ten seconds of a connection's.
        assert "no answer in time" in probe.wait("done ETIMEDOUT")
        probe.wait("done ETIMEDOUT", 4, seconds=18)
        probe.end()


def test_connection_without_an_end(api, tmp_path):
    """Whoever accepts and says nothing is given up; the port is the server's only later."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        config = api.kubeconfig(tmp_path)
        config.write_text(config.read_text().replace(api.url, f"http://127.0.0.1:{silent.getsockname()[1]}"))
        probe = Probe([BUILD / "tests/gateway/watch_probe", config])
        assert probe.ask("GET", "/version", limit_ms=300).startswith("done ETIMEDOUT")
        probe.end()
