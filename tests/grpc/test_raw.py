# SPDX-License-Identifier: Apache-2.0
"""What no well-behaved client sends: bytes written by hand to the server's socket."""
import random
import socket
import struct

import pytest

from conftest import unary, wait_for

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
END_STREAM, END_HEADERS, ACK = 1, 4, 1


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def headers(fields):
    """HPACK: each field literal, without Huffman code or index."""
    block = b""
    for name, value in fields:
        assert len(name) < 127 and len(value) < 127
        block += b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value
    return block


def request(path=b"/test.Grpc/Echo", **changes):
    fields = {b":method": b"POST", b":scheme": b"http", b":path": path, b":authority": b"localhost",
              b"content-type": b"application/grpc", b"te": b"trailers"}
    fields.update({k.replace("_", "-").encode(): v for k, v in changes.items()})
    return headers([(b":" + k if k in (b"method", b"authority") else k, v)
                    for k, v in fields.items() if v is not None
                    and not (k[:1] == b":" and k[1:].decode() in changes)])


def grpc_frame(message):
    return struct.pack(">BI", 0, len(message)) + message


class Peer:
    """One connection, frame by frame."""

    def __init__(self, server):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(server.path)
        self.socket.settimeout(5)
        self.bytes = b""

    def hello(self):
        self.send(PREFACE + frame(SETTINGS, 0, 0))
        return self

    def send(self, data):
        self.socket.sendall(data)

    def call(self, stream, message, block=None):
        self.send(frame(HEADERS, END_HEADERS, stream, request() if block is None else block) +
                  frame(DATA, END_STREAM, stream, grpc_frame(message)))

    def receive(self):
        """The next frame: kind, flags, stream, payload; None at the end."""
        while True:
            if len(self.bytes) >= 9:
                size = int.from_bytes(self.bytes[:3], "big")
                if len(self.bytes) >= 9 + size:
                    kind, flags, stream = struct.unpack(">BBI", self.bytes[3:9])
                    payload, self.bytes = self.bytes[9:9 + size], self.bytes[9 + size:]
                    return kind, flags, stream, payload
            try:
                more = self.socket.recv(65536)
            except ConnectionResetError:
                more = b""
            if not more:
                return None
            self.bytes += more

    def until(self, *kinds):
        while True:
            f = self.receive()
            if f is None or f[0] in kinds:
                return f

    def answer(self, stream):
        """Data and the last frame of a stream."""
        data = b""
        while True:
            f = self.receive()
            assert f is not None, "connection ended"
            if f[2] != stream:
                continue
            if f[0] == DATA:
                data += f[3]
            if f[0] == RST_STREAM or f[1] & END_STREAM:
                return data, f


@pytest.mark.parametrize("authority", [b"localhost", b"/var/lib/kubelet/device-plugins/x.sock",
                                       b"", b"%2Frun%2Fx.sock"])
def test_any_authority_is_served(server, authority):
    """grpc-go before 1.34 sends the socket's path."""
    peer = Peer(server).hello()
    peer.call(1, b"hello", request(authority=authority))
    data, last = peer.answer(1)
    assert data == grpc_frame(b"hello")
    assert last[0] == HEADERS


@pytest.mark.parametrize("block", [
    request(method=b"GET"), request(content_type=b"text/plain"), request(content_type=None),
    request(path=b"/"), headers([]), headers([(b":path", b"x"), (b"Upper", b"\xff\0")]),
])
def test_no_grpc_call_is_refused_and_the_connection_lives_on(server, block):
    peer = Peer(server).hello()
    peer.call(1, b"hello", block)
    data, last = peer.answer(1)
    assert data == b"" and last[0] == HEADERS
    peer.call(3, b"hello")
    assert peer.answer(3)[0] == grpc_frame(b"hello")


@pytest.mark.parametrize("body", [
    b"", b"\0\0", b"\0\0\0\0\5ab", b"\1\0\0\0\1a", grpc_frame(b"a") + grpc_frame(b"b"),
    b"\0\xff\xff\xff\xff", b"\0\0\0\0\0x",
])
def test_bad_framing_is_an_error_of_the_call(server, body):
    peer = Peer(server).hello()
    peer.send(frame(HEADERS, END_HEADERS, 1, request()) + frame(DATA, END_STREAM, 1, body))
    data, last = peer.answer(1)
    assert data == b"" and last[0] == HEADERS
    peer.call(3, b"hello")
    assert peer.answer(3)[0] == grpc_frame(b"hello")


def test_message_in_pieces_and_padding(server):
    peer = Peer(server).hello()
    peer.send(frame(HEADERS, END_HEADERS, 1, request(content_type=b"application/grpc+proto",
                                                     grpc_timeout=b"99999999H")))
    body = grpc_frame(b"in many pieces")
    for i in range(len(body)):
        peer.send(frame(DATA, 0, 1, body[i:i + 1]))
    peer.send(frame(DATA, END_STREAM, 1))
    assert peer.answer(1)[0] == body


def test_early_answer_closes_the_stream(server):
    """A request that will not end is answered, and its stream reset with "no error"."""
    peer = Peer(server).hello()
    for i in range(300):
        stream = 2 * i + 1
        peer.send(frame(HEADERS, END_HEADERS, stream, request()) +
                  frame(DATA, 0, stream, b"\0\xff\xff\xff\xff"))
        assert peer.answer(stream)[1][0] == HEADERS
        reset = peer.until(RST_STREAM)
        assert reset[2:] == (stream, b"\0\0\0\0")


def test_thousands_of_resets_on_one_connection(server):
    """A kubelet that gives up calls for hours must not lose its connection."""
    peer = Peer(server).hello()
    for i in range(5000):
        peer.send(frame(HEADERS, END_HEADERS, 2 * i + 1, request()) +
                  frame(RST_STREAM, 0, 2 * i + 1, b"\0\0\0\x08"))
    peer.call(10001, b"still here")
    assert peer.answer(10001)[0] == grpc_frame(b"still here")


def test_ping_is_answered(server):
    peer = Peer(server).hello()
    for i in range(200):
        peer.send(frame(PING, 0, 0, b"%08d" % i))
        assert peer.until(PING)[1:] == (ACK, 0, b"%08d" % i)


def test_ping_flood_ends_only_its_own_connection(server, channel):
    peer = Peer(server).hello()
    peer.socket.settimeout(0.5)
    flood = frame(PING, 0, 0, b"01234567") * 1000
    with pytest.raises((BrokenPipeError, ConnectionResetError, socket.timeout)):
        for _ in range(3000):
            peer.send(flood)
    assert unary(channel, "Echo", b"x") == b"x"
    assert server.rss_kb() < 100000


def test_garbage(server, channel):
    rng = random.Random(1)
    for _ in range(200):
        peer = Peer(server)
        try:
            if rng.random() < 0.7:
                peer.hello()
            for _ in range(rng.randrange(5)):
                garbage = rng.randbytes(rng.randrange(1, 400))
                peer.send(garbage if rng.random() < 0.5 else
                          frame(rng.randrange(12), rng.randrange(256), rng.randrange(5), garbage))
        except (BrokenPipeError, ConnectionResetError):
            pass
        peer.socket.close()
    assert unary(channel, "Echo", b"x") == b"x"


def test_half_closed_and_abandoned_connections(server, channel):
    for _ in range(100):
        peer = Peer(server).hello()
        peer.send(frame(HEADERS, END_HEADERS, 1, request()) + frame(DATA, 0, 1, b"\0\0\0"))
        peer.socket.shutdown(socket.SHUT_WR)
        assert peer.until(GOAWAY) is None
    assert unary(channel, "Echo", b"x") == b"x"


def test_connections_have_a_limit(server):
    peers = [Peer(server).hello() for _ in range(64)]
    for p in peers:
        p.call(1, b"here")
        assert p.answer(1)[0] == grpc_frame(b"here")
    extra = Peer(server)
    assert extra.receive() is None
    for p in peers:
        p.call(3, b"still")
        assert p.answer(3)[0] == grpc_frame(b"still")
    peers.pop().socket.close()

    def admitted():
        try:
            p = Peer(server).hello()
            p.call(1, b"in")
            return p.answer(1)[0] == grpc_frame(b"in")
        except (AssertionError, OSError):
            return False

    wait_for(admitted, "a free place")


def test_streams_of_a_connection_have_a_limit(server):
    peer = Peer(server).hello()
    settings = peer.until(SETTINGS)
    assert (3, 128) in [struct.unpack(">HI", settings[3][i:i + 6])
                        for i in range(0, len(settings[3]), 6)]
    peer.send(frame(SETTINGS, ACK, 0))
    for i in range(129):
        peer.send(frame(HEADERS, END_HEADERS, 2 * i + 1, request()))
    f = peer.until(RST_STREAM, GOAWAY)
    assert f is not None


def test_bytes_held_for_all_have_a_limit(server):
    """80 MB in requests that never end: refused beyond 64 MiB, and the rest is served."""
    refused = []
    body = b"\0\0\x40\0\0" + bytes(30000)
    peers = [Peer(server).hello() for _ in range(60)]
    for peer in peers:
        for i in range(45):
            peer.send(frame(HEADERS, END_HEADERS, 2 * i + 1, request()) +
                      frame(DATA, 0, 2 * i + 1, body[:16000]) +
                      frame(DATA, 0, 2 * i + 1, body[16000:]) + frame(PING, 0, 0, bytes(8)))
            while True:  # the answer to the ping says that the window is open again
                f = peer.receive()
                if f[0] == HEADERS:
                    refused.append(f)
                if f[0] == PING:
                    break
    assert 300 < len(refused) < 600
    assert all(f[1] & END_STREAM for f in refused)
    assert server.rss_kb() < 400000
    peers.pop().socket.close()
    peer = Peer(server).hello()
    peer.call(1, b"room again")
    assert peer.answer(1)[0] == grpc_frame(b"room again")
