# SPDX-License-Identifier: Apache-2.0
"""A stand-in for EC2's instance metadata service, version 2 only, as strict as the real one as far as it goes.

    service = Metadata()                      # starts at once, on a port of its own; with service: ... ends it
    service.url                               # "http://127.0.0.1:PORT"
    service.interrupt("terminate", 120)       # the notice, with its time in 120 s; withdraw() takes it back
    service.recommend()                       # the rebalance recommendation; withdraw() takes it back, too
    service.expire()                          # all tokens given out so far are refused from now on
    service.requests                          # [(method, path, {header: value}, status)]
    service.away(), service.back()            # nobody listens; again, on the same port

    fault = service.fault("refuse", path="token", status=503, times=2); fault.hits counts, fault.end() ends it
Kinds: refuse (status, location), answer (body: in place of the true one), hang (no answer until the end), slow
(seconds), reset (the connection, without an answer), noise (bytes that are no HTTP), endless (a body without end).

Facts of the real one: a PUT without a time to live, or with one outside 1 to 21600 s, is 400; with X-Forwarded-For 403;
a GET without a token, or with one that is not its own, is 401; what is not there is 404, in HTML; every answer closes
the connection. With a hop limit of 1 a PUT from a pod gets no answer ("hang")."""
import dataclasses
import datetime
import http.server
import secrets
import socket
import struct
import threading

INTERRUPTION = "/latest/meta-data/spot/instance-action"
REBALANCE = "/latest/meta-data/events/recommendations/rebalance"
TOKEN = "/latest/api/token"


@dataclasses.dataclass
class Fault:
    service: object
    kind: str
    path: str
    times: int
    how: dict
    hits: int = 0

    def end(self):
        with self.service.lock:
            self.service.faults.remove(self)
            self.service.over.set()
            self.service.over = threading.Event()


class Metadata:
    def __init__(self, host="127.0.0.1"):
        self.host, self.port = host, 0
        self.lock, self.over = threading.Lock(), threading.Event()
        self.items, self.tokens, self.requests, self.faults = {}, set(), [], []
        self.http = self.thread = None
        self.back()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.over.set()
        self.away()

    @property
    def url(self):
        return f"http://[{self.host}]:{self.port}" if ":" in self.host else f"http://{self.host}:{self.port}"

    def back(self):
        server = type("Server", (http.server.ThreadingHTTPServer,), {
            "daemon_threads": True, "address_family": socket.AF_INET6 if ":" in self.host else socket.AF_INET})
        self.http = server((self.host, self.port), Handler)
        self.http.service = self
        self.port = self.http.server_port
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def away(self):
        if self.http:
            self.http.shutdown()
            self.http.server_close()
            self.thread.join()
        self.http = None

    # What it says.
    @staticmethod
    def time(in_s):
        at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=in_s)
        return at.strftime("%Y-%m-%dT%H:%M:%SZ")

    def interrupt(self, action="terminate", in_s=120):
        self.items[INTERRUPTION] = f'{{"action": "{action}", "time": "{self.time(in_s)}"}}'

    def recommend(self, ago_s=3):
        self.items[REBALANCE] = f'{{"noticeTime": "{self.time(-ago_s)}"}}'

    def withdraw(self):
        self.items.clear()

    def expire(self):
        with self.lock:
            self.tokens.clear()

    def fault(self, kind, path="", times=None, **how):
        with self.lock:
            self.faults.append(Fault(self, kind, path, times, how))
            return self.faults[-1]

    def count(self, method=None, path=""):
        with self.lock:
            return sum(1 for r in self.requests if method in (None, r[0]) and path in r[1])


class Handler(http.server.BaseHTTPRequestHandler):
    server_version, sys_version = "EC2ws", ""

    def log_message(self, *_):
        pass

    def answer(self, status, body="", headers=()):
        with self.server.service.lock:
            self.server.service.requests.append((self.command, self.path, dict(self.headers), status))
        data = body if isinstance(body, bytes) else body.encode()
        self.send_response(status)
        for name, value in (("Content-Type", "text/plain" if status == 200 else "text/html"), ("Content-Length", len(data)), ("Connection", "close"),
                            *headers):
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(data)

    def do(self):
        service = self.server.service
        with service.lock:
            fault = next((f for f in service.faults if f.path in self.path and (f.times is None or f.hits < f.times)), None)
            if fault:
                fault.hits += 1
        try:
            if fault:
                return self.fail(service, fault)
            return self.token() if self.command == "PUT" else self.item()
        except OSError:
            self.close_connection = True
        return None

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do

    def token(self):
        service, life = self.server.service, self.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "")
        if "X-Forwarded-For" in self.headers or self.path != TOKEN:
            return self.answer(403)
        if not life.isdigit() or not 1 <= int(life) <= 21600 or self.headers.get("Content-Length", "0") != "0":
            return self.answer(400)
        made = secrets.token_urlsafe(40) + "=="
        with service.lock:
            service.tokens.add(made)
        return self.answer(200, made, [("X-aws-ec2-metadata-token-ttl-seconds", life)])

    def item(self):
        service = self.server.service
        if self.command != "GET":
            return self.answer(405)
        with service.lock:
            known = self.headers.get("X-aws-ec2-metadata-token") in service.tokens
        if not known:
            return self.answer(401)
        found = service.items.get(self.path)
        return self.answer(404 if found is None else 200, found or "<html>404 - Not Found</html>")

    def fail(self, service, fault):
        how = fault.how
        if fault.kind == "refuse":
            return self.answer(how["status"], "<html>no</html>", [("Location", how["location"])] if "location" in how else ())
        if fault.kind == "answer":
            return self.answer(200, how["body"])
        if fault.kind in ("hang", "slow"):
            service.over.wait(how.get("seconds"))
            return self.token() if self.command == "PUT" else self.item()
        self.close_connection = True
        if fault.kind == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return self.connection.close()
        if fault.kind == "noise":
            return self.wfile.write(b"\x16\x03\x01 no HTTP at all\r\n\r\n")
        assert fault.kind == "endless"
        self.send_response(200)
        self.end_headers()
        while not service.over.is_set():
            self.wfile.write(b"x" * 4096)
        return None
