# SPDX-License-Identifier: Apache-2.0
"""The API client (src/api/http.c, watch.c) by way of watch_probe, before a real API server: TLS, HTTP/2, and what happens
when that is gone, frozen or cut off."""
import json
import os
import pathlib
import signal
import sys
import time

import pytest

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "gateway"))

from probe import Probe  # noqa: E402  pylint: disable=wrong-import-position

BUILD = pathlib.Path(os.environ["CARVE_BUILD"])
NODE = "/api/v1/nodes/watched"
WATCHES = ["/api/v1/nodes?fieldSelector=metadata.name%3Dwatched", "/api/v1/pods?fieldSelector=spec.nodeName%3Dwatched",
           "/api/v1/namespaces/default/configmaps"]


@pytest.fixture
def probe(cluster):
    cluster.apply({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "watched", "labels": {"a": "0"}}})
    made = Probe([pathlib.Path(__file__).parent / "cluster", "exec", cluster.folder,
                  BUILD / "tests/gateway/watch_probe", cluster.folder / "conf/admin"])
    for path in WATCHES:
        made.say("watch", path)
    for n in range(len(WATCHES)):
        made.wait(f"{n} synced")
    yield made
    made.end()
    cluster.kubectl("delete", "node", "watched")


def label(value):
    return json.dumps({"metadata": {"labels": {"a": value}}}, separators=(",", ":"))


def heard(probe, value, seconds=60):
    """The watch of the node tells the label."""
    end = time.monotonic() + seconds
    while not any(line.startswith("0 put /watched") and line.endswith(f" {value}") for line in list(probe.lines)):
        assert time.monotonic() < end, f"no label {value} in {probe.lines[-20:]}"
        time.sleep(0.01)


def healed(probe, value):
    """All watches are told as reachable again, and the node's next label comes."""
    for n in range(len(WATCHES)):
        probe.wait(f"{n} reachable", probe.count(f"{n} unreachable") + 1, 60)
    assert probe.ask("PATCH", NODE, "merge", 0, label(value)).startswith("done 0")
    heard(probe, value)


def test_patches_are_heard(cluster, probe):
    for n in range(30):
        assert probe.ask("PATCH", NODE + "?fieldManager=probe", "merge", 0, label(f"v{n}")).startswith("done 0")
        heard(probe, f"v{n}")
    answer = probe.ask("GET", "/api/v1/nodes?fieldSelector=spec.foo%3Da")
    assert answer.startswith("done EINVAL") and "field label not supported" in answer
    rss, anonymous = probe.memory()
    print(f"three watches over TLS: RSS {rss} KiB, anonymous {anonymous} KiB")
    assert rss < 16 << 10 and anonymous < 5 << 10


def test_api_server_restarts(cluster, probe):
    """Its watch cache begins anew: versions from before may be too old, and are listed again."""
    cluster.run("stop", cluster.folder, "kube-apiserver")
    try:
        assert "EHOSTUNREACH" in probe.wait("0 unreachable", seconds=60)
    finally:
        cluster.run("start", cluster.folder, "kube-apiserver")
    healed(probe, "after-restart")


def test_api_server_freezes(cluster, probe):
    """Its kernel still answers, it does not: a patch is given up in its time, with the connection and all that is on it."""
    pid = int((cluster.folder / "pids/kube-apiserver").read_text())
    os.kill(pid, signal.SIGSTOP)
    try:
        assert probe.ask("PATCH", NODE, "merge", 1000, label("lost")).startswith("done ETIMEDOUT")
        probe.wait("0 unreachable ETIMEDOUT", seconds=60)
    finally:
        os.kill(pid, signal.SIGCONT)
    healed(probe, "after-frost")


def test_connection_dies_in_silence(cluster, probe):
    """No packet comes through any more, and no end of a connection: TCP itself notices."""
    rule = ["INPUT", "-p", "tcp", "--dport", "443", "-j", "DROP"]
    cluster.run("exec", cluster.folder, "iptables", "-I", *rule)
    try:
        probe.say("send", "PATCH", NODE, "merge", 300000, label("dropped"))
        assert "cannot reach" in probe.wait("done E", seconds=100)
        probe.wait("0 unreachable", seconds=100)
    finally:
        cluster.run("exec", cluster.folder, "iptables", "-D", *rule)
    healed(probe, "after-silence")
