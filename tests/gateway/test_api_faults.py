# SPDX-License-Identifier: Apache-2.0
"""The API client before a server that is away, slow, broken or strange: told in words, asked ever more seldom,
healed."""
import time

import pytest

from apiclient import NODES, api, lists, node, probe, set_label, watches


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


def test_retry_after(api, probe):
    """The server's wish counts more than the back-off."""
    fault = api.fault("refuse", path=NODES, status=429, times=1, retry_after=2)
    probe.say("watch", NODES)
    probe.wait("0 unreachable EBUSY")
    probe.wait("0 synced")
    times = [r.time for r in api.requests]
    assert fault.hits == 1 and times[1] - times[0] >= 1.9
