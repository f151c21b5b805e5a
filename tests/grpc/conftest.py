# SPDX-License-Identifier: Apache-2.0
"""Starts our server program, opens channels to it, and waits for conditions with a bound."""
import os
import pathlib
import signal
import subprocess
import time

import grpc
import pytest

BUILD = pathlib.Path(os.environ["CARVE_BUILD"])
PROGRAMS = BUILD / "tests" / "grpc"


def wait_for(condition, what, seconds=60):
    """Polls until condition() is true, and returns what it gave."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.005)
    raise AssertionError(f"not within {seconds} s: {what}")


class Server:
    """Our server at a socket of its own."""

    def __init__(self, folder):
        self.path = str(folder / "server.sock")
        self.process = None
        self.start()

    def start(self):
        self.process = subprocess.Popen([PROGRAMS / "grpc_test_server", self.path])
        wait_for(lambda: os.path.exists(self.path), "server's socket")

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self):
        """Ends it in order; its exit status says whether it tidied up (and what ASan found)."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        assert self.process.wait(60) == 0

    def rss_kb(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("VmRSS"):
                    return int(line.split()[1])
        raise AssertionError("no VmRSS")

    def is_sanitized(self):
        """A sanitizer keeps freed memory for a while, so small bounds do not hold."""
        with open(f"/proc/{self.process.pid}/maps", encoding="ascii") as maps:
            return any("san.so" in line for line in maps)

    def channel(self, **options):
        settings = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1),
                    ("grpc.use_local_subchannel_pool", 1)]
        settings += [("grpc." + name, value) for name, value in options.items()]
        return grpc.insecure_channel("unix:" + self.path, settings)


@pytest.fixture
def server(tmp_path):
    s = Server(tmp_path)
    yield s
    try:
        s.stop()
    finally:
        s.process.kill()


@pytest.fixture
def channel(server):
    with server.channel() as c:
        yield c


@pytest.fixture
def spawn():
    """Starts programs; those that a failed test leaves behind are killed."""
    processes = []

    def start(*arguments, **options):
        processes.append(subprocess.Popen(arguments, **options))
        return processes[-1]

    yield start
    for p in processes:
        if p.poll() is None:
            p.kill()
        p.wait()


def unary(channel, method, request=b"", timeout=60):
    return channel.unary_unary("/test.Grpc/" + method)(request, timeout=timeout)


def streaming(channel, method, request=b"", timeout=60):
    return channel.unary_stream("/test.Grpc/" + method)(request, timeout=timeout)


def stats(channel):
    """Open streams, streams whose client has left, calls held."""
    return [int(n) for n in unary(channel, "Stats").split()]
