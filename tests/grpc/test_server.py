# SPDX-License-Identifier: Apache-2.0
"""Our server against python3-grpcio's client."""
import os
import signal
import stat
import subprocess
import threading

import grpc
import pytest

from conftest import PROGRAMS, stats, streaming, unary, wait_for
from messages import message

EXPECTED_CODES = [
    (22, grpc.StatusCode.INVALID_ARGUMENT), (2, grpc.StatusCode.NOT_FOUND),
    (17, grpc.StatusCode.ALREADY_EXISTS), (1, grpc.StatusCode.PERMISSION_DENIED),
    (28, grpc.StatusCode.RESOURCE_EXHAUSTED), (11, grpc.StatusCode.UNAVAILABLE),
    (16, grpc.StatusCode.FAILED_PRECONDITION),
    (38, grpc.StatusCode.UNIMPLEMENTED), (5, grpc.StatusCode.INTERNAL),
]


def test_unary(channel):
    for text in (b"", b"x", b"hello" * 1000):
        assert unary(channel, "Echo", text) == text


def test_allocate_answers_with_a_map(channel):
    request = message("AllocateRequest")()
    request.container_requests.add(devices_ids=["a", "b"])
    request.container_requests.add(devices_ids=["c"])
    answer = message("AllocateResponse").FromString(channel.unary_unary(
        "/v1beta1.DevicePlugin/Allocate")(request.SerializeToString(), timeout=10))
    assert [dict(c.envs) for c in answer.container_responses] == [
        {"FIRST": "a", "EMPTY": ""}, {"FIRST": "c", "EMPTY": ""}]
    first = answer.container_responses[0]
    assert first.mounts[0].read_only and first.mounts[0].host_path == "/opt/tool"
    assert first.devices[0].permissions == "rw"
    assert first.cdi_devices[0].name == "example.com/gpu=g0"


def test_errors_carry_status_and_any_message(channel):
    for code, status in EXPECTED_CODES:
        with pytest.raises(grpc.RpcError) as failure:
            unary(channel, "Fail", b"%d " % code + "100 % von 5 Gerät\nen ✂".encode())
        assert failure.value.code() == status
        assert failure.value.details() == "100 % von 5 Gerät\nen ✂"


def test_unknown_method(channel):
    with pytest.raises(grpc.RpcError) as failure:
        unary(channel, "Nothing")
    assert failure.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_thousand_devices(channel):
    answers = channel.unary_stream("/v1beta1.DevicePlugin/ListAndWatch")(b"", timeout=10)
    devices = message("ListAndWatchResponse").FromString(next(answers)).devices
    answers.cancel()
    assert len(devices) == 1000
    assert [d.health for d in devices[8:10]] == ["Healthy", "Unhealthy"]
    assert not devices[0].HasField("topology")
    assert devices[1].HasField("topology") and devices[1].topology.nodes[0].ID == 0
    assert devices[2].topology.nodes[0].ID == 1


def test_stream_ends_with_its_status(channel):
    assert [m.split()[0] for m in streaming(channel, "Stream", b"50 10")] == [
        b"%d" % i for i in range(50)]
    assert list(streaming(channel, "Stream", b"0")) == []
    answers = streaming(channel, "Stream", b"9 10 3")
    got = []
    with pytest.raises(grpc.RpcError) as failure:
        for m in answers:
            got.append(m)
    assert len(got) == 3
    assert failure.value.code() == grpc.StatusCode.FAILED_PRECONDITION


def test_updates_are_pushed(server, channel):
    answers = streaming(channel, "Watch", b"10")
    assert next(answers).split()[0] == b"0"
    for generation in range(1, 20):
        server.signal(signal.SIGUSR1)
        assert next(answers).split()[0] == b"%d" % generation
    answers.cancel()


def test_cancelled_client_is_noticed_and_the_channel_lives_on(channel):
    answers = streaming(channel, "Watch")
    next(answers)
    assert stats(channel)[0] == 1
    answers.cancel()
    wait_for(lambda: stats(channel)[:2] == [0, 1], "stream gone")
    assert unary(channel, "Echo", b"still here") == b"still here"


def test_deadline_on_a_stream(channel):
    answers = streaming(channel, "Watch", timeout=0.2)
    with pytest.raises(grpc.RpcError) as failure:
        for _ in answers:
            pass
    assert failure.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    wait_for(lambda: stats(channel)[0] == 0, "stream gone")


def test_large_messages(channel):
    for size in (65535, 65536, 2 << 20, (4 << 20) - 16, 4 << 20):
        request = os.urandom(size)
        assert unary(channel, "Echo", request) == request
    assert len(unary(channel, "Big", b"10000000")) == 10000000


def test_too_large_a_request_is_refused_and_costs_no_stream(channel):
    # More often than a connection has streams: each must be freed though the client never ends it.
    for _ in range(150):
        with pytest.raises(grpc.RpcError) as failure:
            unary(channel, "Echo", bytes(6 << 20))
        assert failure.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert unary(channel, "Echo", b"next") == b"next"


def test_thousands_of_cancelled_streams_leave_nothing(server, channel):
    def open_and_cancel(n):
        for _ in range(n):
            answers = streaming(channel, "Watch", b"1000")
            next(answers)
            answers.cancel()
        wait_for(lambda: stats(channel)[0] == 0, "streams gone")

    open_and_cancel(500)
    before = server.rss_kb()
    open_and_cancel(2000)
    assert server.rss_kb() - before <= (20000 if server.is_sanitized() else 64)


def test_many_streams_at_once(server, channel):
    streams = [streaming(channel, "Watch", b"100") for _ in range(50)]
    for s in streams:
        assert next(s).split()[0] == b"0"
    server.signal(signal.SIGUSR1)
    for s in streams:
        assert next(s).split()[0] == b"1"
        s.cancel()


def test_thousand_calls_in_flight(channel):
    call = channel.unary_unary("/test.Grpc/Echo")
    futures = [call.future(b"%d" % i * 100, timeout=30) for i in range(1000)]
    assert [f.result() for f in futures] == [b"%d" % i * 100 for i in range(1000)]


def test_answers_may_come_late(channel):
    held = channel.unary_unary("/test.Grpc/Hold").future(b"", timeout=10)
    wait_for(lambda: stats(channel)[2] == 1, "call held")
    unary(channel, "Release")
    assert held.result() == b"released"


def test_late_answer_to_a_client_that_left(channel):
    calls = [channel.unary_unary("/test.Grpc/Hold").future(b"", timeout=10) for _ in range(20)]
    wait_for(lambda: stats(channel)[2] == 20, "calls held")
    for call in calls:
        call.cancel()
    with pytest.raises(grpc.RpcError):
        channel.unary_unary("/test.Grpc/Hold")(b"", timeout=0.05)
    unary(channel, "Release")
    assert stats(channel)[2] == 0


def test_calls_left_behind_are_bounded(server, channel):
    call = channel.unary_unary("/test.Grpc/Hold")
    for n in range(100, 1100, 100):
        calls = [call.future(b"", timeout=10) for _ in range(100)]
        wait_for(lambda n=n: stats(channel)[2] == n, "calls held")
        for c in calls:
            c.cancel()
    calls = [call.future(b"", timeout=10) for _ in range(24)]
    wait_for(lambda: stats(channel)[2] == 1024, "calls held")
    for c in calls:
        c.cancel()

    def refused():
        with pytest.raises(grpc.RpcError) as failure:
            call(b"", timeout=0.1)
        return failure.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED

    wait_for(refused, "refusal")
    server.signal(signal.SIGUSR2)  # the handlers answer at last
    wait_for(lambda: echoes(channel), "service again")
    assert stats(channel)[2] == 0


def echoes(channel):
    try:
        return unary(channel, "Echo", b"x") == b"x"
    except grpc.RpcError:
        return False


def test_client_keepalive(server):
    with server.channel(keepalive_time_ms=10, keepalive_timeout_ms=1000,
                        keepalive_permit_without_calls=1,
                        **{"http2.max_pings_without_data": 0}) as channel:
        answers = streaming(channel, "Watch", timeout=1)
        next(answers)
        with pytest.raises(grpc.RpcError) as failure:  # the deadline, not a lost connection
            next(answers)
        assert failure.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED


def test_end_of_the_server_is_unavailable_and_clients_come_back(server, channel):
    answers = streaming(channel, "Watch")
    held = channel.unary_unary("/test.Grpc/Hold").future(b"", timeout=10)
    next(answers)
    wait_for(lambda: stats(channel)[2] == 1, "call held")
    server.stop()
    for call in (lambda: next(answers), held.result):
        with pytest.raises(grpc.RpcError) as failure:
            call()
        assert failure.value.code() == grpc.StatusCode.UNAVAILABLE
        assert failure.value.details() == "the server closes"
    assert not os.path.exists(server.path)
    server.start()
    echo = channel.unary_unary("/test.Grpc/Echo")
    assert echo(b"back", timeout=10, wait_for_ready=True) == b"back"


def test_killed_server_leaves_a_socket_that_the_next_takes_over(server, channel):
    server.process.kill()
    server.process.wait()
    assert os.path.exists(server.path)
    server.process = subprocess.Popen([PROGRAMS / "grpc_test_server", server.path])
    echo = channel.unary_unary("/test.Grpc/Echo")
    assert echo(b"back", timeout=10, wait_for_ready=True) == b"back"


def test_socket_of_another_server_is_left_alone(server, spawn):
    inode = os.stat(server.path).st_ino
    second = spawn(PROGRAMS / "grpc_test_server", server.path)
    wait_for(lambda: os.stat(server.path).st_ino != inode, "second server's socket")
    server.stop()
    assert os.path.exists(server.path)
    second.terminate()
    assert second.wait(10) == 0
    assert not os.path.exists(server.path)


def test_mode_of_the_socket_and_no_other_file(server):
    assert stat.S_IMODE(os.stat(server.path).st_mode) == 0o640
    assert os.listdir(os.path.dirname(server.path)) == ["server.sock"]


def test_a_file_that_is_no_socket_is_not_replaced(tmp_path):
    path = tmp_path / "precious"
    path.write_text("data")
    r = subprocess.run([PROGRAMS / "grpc_test_server", path], capture_output=True, text=True,
                       timeout=10, check=False)
    assert r.returncode == 1
    assert "is no socket" in r.stderr and str(path) in r.stderr
    assert path.read_text() == "data"


def test_peer_is_known(channel):
    assert unary(channel, "Peer").split() == [
        b"%d" % n for n in (os.getuid(), os.getgid(), os.getpid())]


def test_slow_reader_costs_one_message(server):
    """3 MB messages, 60 generations, nobody reads: memory is bounded, old generations skipped."""
    size = 3 << 20
    with server.channel(**{"http2.lookahead_bytes": 65536}) as slow, server.channel() as other:
        answers = streaming(slow, "Watch", b"%d" % size, timeout=30)
        wait_for(lambda: stats(other)[0] == 1, "stream open")
        before = server.rss_kb()
        for _ in range(60):
            unary(other, "Bump")
        assert server.rss_kb() - before < 12 * 1024
        got = []
        for m in answers:
            got.append(int(m.split(b" ")[0]))
            if got[-1] == 60:
                break
        assert len(got) < 10
        answers.cancel()


def test_concurrent_channels(server):
    def work(results):
        with server.channel() as c:
            for i in range(50):
                results.append(unary(c, "Echo", b"%d" % i) == b"%d" % i)

    results = []
    threads = [threading.Thread(target=work, args=(results,)) for _ in range(10)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(results) == 500 and all(results)
