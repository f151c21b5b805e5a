# SPDX-License-Identifier: Apache-2.0
"""Lists and watches of the API client (src/api/watch.c): what is told, where it goes on, how much memory it takes."""
import time

from apiclient import NODES, PODS, RELEASE, api, lists, node, pod, probe, probe_of, set_label, watches


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
