# SPDX-License-Identifier: Apache-2.0
"""The gateway while its peers are away, answer nonsense, or come back: the API server and carved."""
import socket
import time

import pytest

from conftest import GPU, NODE, STARTUP, a_node, a_state, add_taint, events, taints, time_slicing, wait_event, wait_for


def test_api_away_at_the_start(gateway, carved, api):
    carved()
    api.put(a_node(taints=[STARTUP]))
    api.away()
    run = gateway(with_node=False)
    run.wait_log("cannot watch this node")
    api.back()
    api.wait(lambda: not taints(api), "no taint")


def test_api_away_in_the_middle(gateway, carved, api):
    run = carved({"version": "v2"})
    gate = gateway(taints=[STARTUP])
    gate.wait_log("reason=ConfigurationError")
    api.away()
    gate.wait_log("cannot watch this node")
    run.configure(time_slicing(2))
    wait_for(lambda: run.state().resources and run.state().resources[0].slices == 16, "16 slices")
    api.back()
    api.wait(lambda: not taints(api), "no taint")
    assert f"{GPU} 16" in wait_event(api, "SlicesReady")["message"]


@pytest.mark.parametrize("kind,watch", [(kind, watch) for kind in ("garbage", "noise", "reset", "truncate", "cut")
                                        for watch in (False, True) if (kind, watch) != ("truncate", True)])
def test_broken_answers(gateway, carved, api, kind, watch):
    carved()
    bad = api.fault(kind, method="GET", path="/nodes$", times=3, watch=watch)
    run = gateway()
    api.wait(lambda: bad.hits == 3, lambda: f"three tries\n{run.log()}", 60)
    api.change("Node", NODE, lambda n: add_taint(n, STARTUP))
    api.wait(lambda: not taints(api), lambda: f"no taint\n{run.log()}", 60)


def test_server_error_on_the_patch(gateway, carved, api):
    carved()
    bad = api.fault("refuse", method="PATCH", path=f"/nodes/{NODE}$", status=500, times=3)
    gateway(taints=[STARTUP])
    api.wait(lambda: not taints(api), "no taint")
    assert bad.hits == 3


def test_history_too_old(gateway, carved, api):
    carved()
    run = gateway()
    run.wait_log("the API server answers")
    api.wait(lambda: api.count("GET", "/nodes$", watch=True) > 0, "a watch")
    api.compact()
    api.cut_watches()
    api.change("Node", NODE, lambda n: add_taint(n, STARTUP))
    api.wait(lambda: not taints(api), lambda: f"no taint\n{run.log()}")


@pytest.mark.parametrize("skew_s", [-10 * 365 * 86400, 86400, 40 * 365 * 86400])
def test_clock_skew(gateway, carved, api, mirror, skew_s):
    api.clock_skew_s = skew_s
    mirror.held.add(GPU)
    carved()
    gateway("--ready-deadline", "1h", taints=[STARTUP]).wait_log("reason=NotAllocatable")
    assert not events(api, "SlicesLate")
    carved_again = gateway  # the second instance has its own view of time and does no harm
    carved_again("--ready-deadline", "50ms")
    wait_event(api, "SlicesLate")


def test_node_object_comes_late_and_again(gateway, carved, api):
    """A node that was deleted and registered anew starts behind its taint again, with a deadline of its own."""
    carved()
    run = gateway(with_node=False)
    run.wait_log("knows no node of this name")
    api.put(a_node(taints=[STARTUP]))
    api.wait(lambda: not taints(api), "no taint")
    api.delete("Node", NODE)
    run.wait_log("the node object is gone")
    api.put(a_node(taints=[STARTUP]))
    api.wait(lambda: not taints(api), "no taint")
    assert not events(api, "SlicesLate")


# carved.
def test_carved_gone_and_back(gateway, carved, api):
    """Each end is told once, by both ends of a run."""
    run = carved(time_slicing(2))
    gate = gateway()
    gate.wait_log("carved answers")
    before = gate.log().count("carved is away")  # it may have been the quicker one
    run.end()
    gate.wait_log("carved is away, keeping what it told last", times=before + 1)
    run.start()
    gate.wait_log("carved answers", times=2)
    assert gate.log().count("carved is away") == before + 1
    run.kill()
    gate.wait_log("carved is away", times=before + 2)
    run.start()
    gate.wait_log("carved answers", times=3)


def test_no_hot_loop_without_carved(gateway, node, api):
    """Somebody who hangs up at once is asked ever less often."""
    path = node.folder / "run/carved.sock"
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(16)
        listener.settimeout(20)
        gateway()
        times = []
        for _ in range(6):
            listener.accept()[0].close()
            times.append(time.monotonic())
    assert times[-1] - times[0] > (0.1 + 0.2 + 0.4 + 0.8) / 2


def test_carved_back_is_seen_at_once(gateway, stand_in, api):
    """By its folder, though the pauses have grown to seconds. One slow time of three is the machine's."""
    gate = gateway()
    carved = stand_in(a_state())
    gate.wait_log("carved answers")
    quick = 0
    for times in range(2, 5):
        carved.end()
        gate.wait_log("carved is away", times=times - 1)
        time.sleep(6)
        begun = time.monotonic()
        carved = stand_in(a_state())
        gate.wait_log("carved answers", times=times)
        quick += time.monotonic() - begun < 1
    assert quick >= 2


def test_carved_away_for_long_is_told(gateway, carved, api):
    run = carved()
    gate = gateway("--carved-grace", "300ms")
    gate.wait_log("carved answers")
    assert not events(api, "CarvedAway")
    run.end()
    assert "has not answered" in wait_event(api, "CarvedAway")["message"]
    run.start()
    wait_event(api, "CarvedBack")
