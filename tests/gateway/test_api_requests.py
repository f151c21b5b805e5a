# SPDX-License-Identifier: Apache-2.0
"""Requests of the API client (src/api/http.c): content types, refusals, rights, tokens, TLS and connections."""
import socket
import ssl
import subprocess

import pytest

import apiserver
from apiclient import BUILD, NODES, PODS, api, node, probe, probe_of, watches
from probe import Probe


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
