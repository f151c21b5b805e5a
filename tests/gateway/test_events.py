# SPDX-License-Identifier: Apache-2.0
"""Events on the node: those that say the same are one, lost answers, pace, and rights."""
from conftest import NODE, STARTUP, a_state, add_taint, events, taints, wait_event


def test_the_same_event_is_counted(gateway, carved, api):
    """Those that say the same within an hour are one."""
    carved()
    gateway(taints=[STARTUP])
    first = wait_event(api, "SlicesReady")
    assert first["count"] == 1
    for _ in range(2):
        api.wait(lambda: not taints(api), "no taint")
        api.change("Node", NODE, lambda n: add_taint(n, STARTUP))
    api.wait(lambda: events(api, "SlicesReady")[0]["count"] == 3, lambda: events(api))
    last, = events(api, "SlicesReady")
    assert last["metadata"]["name"] == first["metadata"]["name"] and last["lastTimestamp"] >= first["lastTimestamp"]


def test_an_event_whose_answer_was_lost_is_there_once(gateway, carved, api):
    api.fault("reset", method="POST", path="/events$", times=1)
    carved()
    gateway(taints=[STARTUP])
    api.wait(lambda: api.count("PATCH", "/events/"), lambda: events(api))
    assert [event["count"] for event in events(api, "SlicesReady")] == [1]


def test_an_event_that_has_expired_is_made_anew(gateway, carved, api):
    carved()
    gateway(taints=[STARTUP])
    first = wait_event(api, "SlicesReady")
    api.delete("Event", first["metadata"]["name"])
    api.change("Node", NODE, lambda n: add_taint(n, STARTUP))
    assert wait_event(api, "SlicesReady")["count"] == 2


def test_a_flood_of_events_is_paced(gateway, stand_in, api, mirror):
    """Each with other words: 25 at once, the rest by and by, without end of memory or requests."""
    carved = stand_in(a_state())
    run = gateway(taints=[STARTUP])
    wait_event(api, "SlicesReady")
    for n in range(80):
        api.wait(lambda: not taints(api), "no taint")
        mirror.more = {f"nvidia.com/r{n}": "1"}
        carved.say(a_state([(f"nvidia.com/r{n}", 1, 1, True)]))
        run.wait_log("labels")
        api.change("Node", NODE, lambda node: add_taint(node, STARTUP))
        run.wait_log("event=SlicesReady", times=n + 2)
    run.wait_log("too many at once")
    assert 20 < len(events(api, "SlicesReady")) < 35


def test_events_that_cannot_be_written_are_in_the_log(gateway, carved, api):
    api.forbid("create", "events")
    carved()
    run = gateway(taints=[STARTUP])
    run.wait_log("cannot write Events, leaving out reason=SlicesReady")
    assert not taints(api)


def test_events_wait_for_the_server(gateway, carved, api):
    bad = api.fault("refuse", method="POST", path="/events$", status=503, times=2)
    carved()
    gateway(taints=[STARTUP])
    wait_event(api, "SlicesReady")
    assert bad.hits == 2
