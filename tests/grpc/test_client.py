# SPDX-License-Identifier: Apache-2.0
"""Our client against python3-grpcio's server."""
import concurrent.futures
import contextlib
import os
import select
import signal
import socket
import subprocess
import threading
import time

import grpc
import pytest

from conftest import PROGRAMS, wait_for

ENOENT, EINVAL, ENOSYS, EMSGSIZE, ECONNRESET, ETIMEDOUT, ECONNREFUSED, EAGAIN, EBUSY = (
    2, 22, 38, 90, 104, 110, 111, 11, 16)


class Methods(grpc.GenericRpcHandler):
    """What the server does, by the last part of the path."""

    def __init__(self):
        self.cancelled = threading.Event()
        self.deadline = None

    def service(self, details):
        name = details.method.rsplit("/", 1)[1]
        one = getattr(self, "one_" + name.lower(), None)
        many = getattr(self, "many_" + name.lower(), None)
        if one:
            return grpc.unary_unary_rpc_method_handler(one)
        if many:
            return grpc.unary_stream_rpc_method_handler(many)
        return None

    def one_echo(self, request, context):
        self.deadline = context.time_remaining()
        return request

    def one_big(self, request, _context):
        return bytes(int(request))

    def one_fail(self, _request, context):
        context.abort(grpc.StatusCode.NOT_FOUND, "kein Gerät: 100 %\n✂")

    def one_busy(self, _request, context):
        context.abort(grpc.StatusCode.UNAVAILABLE, "")

    def one_hang(self, _request, context):
        context.add_callback(self.cancelled.set)
        self.cancelled.wait(20)
        return b""

    def many_count(self, request, _context):
        for i in range(int(request)):
            yield b"%d" % i

    def many_stay(self, _request, context):
        context.add_callback(self.cancelled.set)
        yield b"first"
        self.cancelled.wait(20)

    def many_break(self, _request, context):
        yield b"first"
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "enough")


@pytest.fixture
def served(tmp_path):
    """A grpcio server: its socket's path and its methods."""
    path = str(tmp_path / "grpcio.sock")
    methods = Methods()
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(100),
                         options=[("grpc.max_send_message_length", -1),
                                  ("grpc.max_receive_message_length", -1)])
    server.add_generic_rpc_handlers((methods,))
    server.add_insecure_port("unix:" + path)
    server.start()
    yield path, methods
    methods.cancelled.set()
    server.stop(None).wait()


def ask(path, method, text="", timeout_ms=10000, *options, fine=True):
    """The lines that our client prints."""
    r = subprocess.run([PROGRAMS / "grpc_test_client", path, "/test.Foreign/" + method, text,
                        str(timeout_ms), *map(str, options)], capture_output=True, text=True,
                       timeout=30, check=False)
    assert (r.returncode == 0) == fine, (r.stdout, r.stderr)
    assert r.stderr == ""
    return r.stdout.splitlines()


def failure(lines):
    """Result and words of the only line."""
    assert len(lines) == 1
    _, number, words = lines[0].split(" ", 2)
    return int(number), words


def test_unary(served):
    assert ask(served[0], "Echo", "hello") == ["message 5 hello", "done 0 "]
    assert ask(served[0], "Echo") == ["message 0 ", "done 0 "]


def test_deadline_is_told_to_the_server(served):
    ask(served[0], "Echo", "x", 5000)
    assert 4 < served[1].deadline <= 5


def test_large_answer(served):
    lines = ask(served[0], "Big", "12000000")
    assert lines[0].startswith("message 12000000") and lines[1] == "done 0 "


def test_answer_larger_than_allowed(served):
    number, words = failure(ask(served[0], "Big", "1001", 10000, "max", 1000))
    assert number == -EMSGSIZE
    assert "1001" in words and "/test.Foreign/Big" in words and served[0] in words
    assert len(ask(served[0], "Big", "1000", 10000, "max", 1000)) == 2


def test_error_has_words(served):
    number, words = failure(ask(served[0], "Fail"))
    assert number == -ENOENT
    assert words == f"/test.Foreign/Fail at '{served[0]}': NOT_FOUND: kein Gerät: 100 % ✂"
    assert failure(ask(served[0], "Busy"))[0] == -EAGAIN
    assert failure(ask(served[0], "Absent"))[0] == -ENOSYS


def test_stream(served):
    lines = ask(served[0], "Count", "500")
    assert lines == [f"message {len(str(i))} {i}" for i in range(500)] + ["done 0 "]
    assert ask(served[0], "Count", "0") == ["done 0 "]


def test_stream_with_an_error_at_its_end(served):
    lines = ask(served[0], "Break")
    assert lines[0] == "message 5 first"
    assert failure(lines[1:])[0] == -EINVAL


def test_many_calls_at_once(served):
    lines = ask(served[0], "Echo", "x", 10000, "times", 100)
    assert sorted(lines) == ["done 0 "] * 100 + ["message 1 x"] * 100


def test_deadline(served):
    start = time.monotonic()
    number, words = failure(ask(served[0], "Hang", "", 200))
    assert 0.2 <= time.monotonic() - start < 5
    # Whoever is first says it: our clock, or the server that was told the deadline.
    assert number == -ETIMEDOUT, words
    assert served[1].cancelled.wait(5)


def test_deadline_on_a_stream(served):
    lines = ask(served[0], "Stay", "", 300)
    assert lines[0] == "message 5 first"
    assert failure(lines[1:])[0] == -ETIMEDOUT


def test_cancel_inside_a_message(served):
    assert ask(served[0], "Stay", "", 0, "cancel-after", 1) == ["message 5 first", "cancelled"]
    assert served[1].cancelled.wait(5)
    assert ask(served[0], "Count", "100", 0, "cancel-after", 2)[2:] == ["cancelled"]


def test_no_server(tmp_path):
    path = str(tmp_path / "nobody.sock")
    number, words = failure(ask(path, "Echo"))
    assert number == -ENOENT
    assert path in words and "No such file" in words
    s = socket.socket(socket.AF_UNIX)
    s.bind(path)
    s.close()
    assert failure(ask(path, "Echo"))[0] == -ECONNREFUSED
    assert failure(ask(str(tmp_path / ("x" * 200)), "Echo"))[0] < 0


def test_server_that_says_nothing(tmp_path):
    path = str(tmp_path / "mute.sock")
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(path)
        s.listen()
        start = time.monotonic()
        number, words = failure(ask(path, "Echo", "", 200))
        assert 0.2 <= time.monotonic() - start < 5
    assert number == -ETIMEDOUT and "200 ms" in words


SETTINGS = b"\0\0\0\4\0\0\0\0\0"
STATUS_200 = b"\0\0\1\1\4\0\0\0\1\x88"
TRAILERS_OK = b"\0\0\x0f\1\5\0\0\0\1\0\x0bgrpc-status\0010"
ODD_ANSWERS = {  # name: bytes, and whether the connection ends with them
    "nothing": (b"", True),
    "data-first": (SETTINGS + b"\0\0\3\0\1\0\0\0\1abc", False),
    "cut-stream": (SETTINGS + STATUS_200, True),
    "http1": (b"HTTP/1.1 400 Bad Request\r\n\r\n", False),
    "zeros": (b"\0" * 100, False),
    "ones": (b"\xff" * 1000, False),
    "no-status": (SETTINGS + b"\0\0\1\1\5\0\0\0\1\x88", False),
    "http-404": (SETTINGS + b"\0\0\1\1\5\0\0\0\1\x8d", False),
    "cut-message": (SETTINGS + STATUS_200 + b"\0\0\7\0\0\0\0\0\1\0\0\0\0\5ab" + TRAILERS_OK,
                    False),
    "refused": (SETTINGS + b"\0\0\4\3\0\0\0\0\1\0\0\0\7", False),
    "goaway": (SETTINGS + b"\0\0\x08\7\0\0\0\0\0\0\0\0\0\0\0\0\0", False),
}


@pytest.mark.parametrize("name", ODD_ANSWERS)
def test_server_that_is_none(tmp_path, name):
    """An error at once, not at the deadline."""
    path = str(tmp_path / "odd.sock")
    answer, ends = ODD_ANSWERS[name]
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(path)
        s.listen()

        def serve():
            c, _ = s.accept()
            c.recv(100000)
            c.sendall(answer)
            if ends:
                c.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionResetError):
                while c.recv(100000):
                    pass
            c.close()

        t = threading.Thread(target=serve)
        t.start()
        number, words = failure(ask(path, "Echo", "", 5000))
        t.join()
    assert number < 0 and number != -ETIMEDOUT and path in words


def test_answer_before_a_rude_end(tmp_path):
    """The server answers and closes without having read: the answer counts, not the error."""
    path = str(tmp_path / "rude.sock")
    answer = SETTINGS + STATUS_200 + b"\0\0\7\0\0\0\0\0\1\0\0\0\0\2ok" + TRAILERS_OK
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(path)
        s.listen()

        def serve():
            c, _ = s.accept()
            while not select.select([c], [], [], 5)[0]:
                pass
            c.sendall(answer)
            c.close()

        for _ in range(20):
            t = threading.Thread(target=serve)
            t.start()
            assert ask(path, "Echo", "x" * 60000, 5000) == ["message 2 ok", "done 0 "]
            t.join()


def test_server_killed_in_mid_call(tmp_path, spawn):
    path = str(tmp_path / "mortal.sock")
    server = spawn(PROGRAMS / "grpc_test_server", path)
    wait_for(lambda: os.path.exists(path), "server's socket")
    client = spawn(PROGRAMS / "grpc_test_client", path, "/test.Grpc/Watch", "", "0",
                   stdout=subprocess.PIPE, text=True)
    assert client.stdout.readline().startswith("message")
    server.send_signal(signal.SIGKILL)
    server.wait()
    number, words = failure(client.stdout.read().splitlines())
    assert number == -ECONNRESET and path in words and client.wait(10) == 0


def test_client_and_server_of_ours(server):
    def run(*arguments):
        return subprocess.run([PROGRAMS / "grpc_test_client", server.path, *arguments],
                              capture_output=True, text=True, timeout=30,
                              check=True).stdout.splitlines()

    assert run("/test.Grpc/Echo", "hi", "1000") == ["message 2 hi", "done 0 "]
    assert run("/test.Grpc/Big", "9000000", "9000")[1] == "done 0 "
    assert len(run("/test.Grpc/Stream", "1000 1000", "9000")) == 1001
    assert run("/test.Grpc/Fail", "16 100 % in use: ä", "1000") == [
        f"done -{EBUSY} /test.Grpc/Fail at '{server.path}': FAILED_PRECONDITION: 100 % in use: ä"]
