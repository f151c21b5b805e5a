# SPDX-License-Identifier: Apache-2.0
"""HTTP of the stand-in API server (apiserver.py): routes, verbs, refusals in the real one's words, watches, faults."""
import contextlib
import gzip
import http.server
import json
import os
import random
import re
import select
import socket
import struct
import sys
import threading
import time
import traceback
import urllib.parse

import yaml

import apiserver
import apiverbs
from apirefusal import Refusal

PATCHES = {"application/json-patch+json", "application/merge-patch+json", "application/strategic-merge-patch+json",
           "application/apply-patch+yaml"}
GZIP_BYTES = 128 << 10


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address, api):
        self.api, self.gone = api, False
        self.open, self.guard = set(), threading.Lock()
        super().__init__(address, Handler)

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], (OSError, ValueError)):
            traceback.print_exc()

    def finish_request(self, request, client_address):
        if self.api.tls:
            request.settimeout(10)
            request = self.api.tls.wrap_socket(request, server_side=True)
            request.settimeout(None)
        with self.guard:
            self.open.add(request)
            self.api.connections += 1
        try:
            self.RequestHandlerClass(request, client_address, self)
        finally:
            with self.guard:
                self.open.discard(request)
            with contextlib.suppress(OSError):
                request.close()

    def reset_all(self):
        with self.guard:
            for connection in self.open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16

    def log_message(self, *_):
        pass

    @property
    def api(self):
        return self.server.api

    def do(self):
        if self.server.gone:
            return self.hang_up()
        url = urllib.parse.urlsplit(self.path)
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = apiserver.Request(self.command, urllib.parse.unquote(url.path),
                                    dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True)),
                                    dict(self.headers), None, time.monotonic())
        with contextlib.suppress(yaml.YAMLError, ValueError):
            request.body = (yaml.safe_load(raw) if "yaml" in self.headers.get("Content-Type", "")
                            else json.loads(raw)) if raw else None
        self.request_seen = request
        with self.api.lock:
            self.api.requests.append(request)
            self.marks = self.api.watches_ended, self.api.watches_cut
            fault = next((f for f in self.api.faults if f.matches(request)), None)
            if fault:
                fault.hits += 1
        try:
            self.fault(fault) if fault else self.answer(request)
        except Refusal as refusal:
            self.refuse(refusal)
        except OSError:
            self.close_connection = True
        except Exception as error:  # pylint: disable=broad-exception-caught
            traceback.print_exc()
            self.refuse(Refusal(500, f"the stand-in has no answer: {error!r}"))

    do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = do

    # Answers.
    def send(self, status, value, headers=()):
        self.request_seen.status = status
        data = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()
        self.send_response(status)
        if len(data) > GZIP_BYTES and "gzip" in self.headers.get("Accept-Encoding", ""):
            data = gzip.compress(data, 1)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Type", "application/json" if not isinstance(value, bytes) else "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        for name, text in headers:
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()

    def refuse(self, refusal):
        if refusal.plain:
            return self.send(refusal.status, refusal.plain)
        more = [("Retry-After", str(refusal.retry_after))] if refusal.retry_after else []
        self.send(refusal.status, refusal.body, more)

    def hang_up(self):
        """Ends the connection by RST."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.wfile.flush()
        with contextlib.suppress(OSError, ValueError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            os.close(self.connection.detach())

    # Faults.
    def fault(self, fault):
        how, request = fault.how, self.request_seen
        if fault.kind == "refuse":
            raise Refusal(how.get("status", 500), how.get("message", "an error on the server"),
                          retry_after=how.get("retry_after"))
        if fault.kind == "slow":
            self.sleep(how["seconds"])
            return self.answer(request)
        if fault.kind == "noise":
            self.wfile.write(random.Random(how.get("seed", 1)).randbytes(how.get("bytes", 4096)))
            return self.hang_up()
        if fault.kind == "garbage":
            return self.send(200, how.get("data", b'{"kind":"Nod\xff\xfe]]]] {'))
        if fault.kind == "stall":
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.flush()
            self.sleep(how.get("seconds", 3600))
            return self.hang_up()
        return self.spoil(fault)

    def spoil(self, fault):
        """reset, truncate, cut: the right answer, or a part of it."""
        kept, self.wfile = self.wfile, Capture()
        try:
            self.answer(self.request_seen, once=True)
        except Refusal as refusal:
            self.refuse(refusal)
        finally:
            whole, self.wfile = self.wfile.data, kept
        head, _, body = whole.partition(b"\r\n\r\n")
        if fault.kind == "truncate":
            half = body[:len(body) // 2]
            head = re.sub(rb"Content-Length: \d+", b"Content-Length: %d" % len(half), head)
            self.wfile.write(head + b"\r\n\r\n" + half)
            self.wfile.flush()
            return
        size = fault.how.get("after_bytes", 0 if fault.kind == "reset" else len(head) + len(body) // 2)
        self.wfile.write(whole[:size])
        self.wfile.flush()
        if fault.kind == "reset":
            return self.hang_up()
        self.close_connection = True

    def sleep(self, seconds):
        """As long as the server is there and the client waits."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self.server.gone and not self.client_left(0.02):
            pass

    def client_left(self, seconds):
        try:
            readable, _, _ = select.select([self.connection], [], [], seconds)
            return bool(readable) and not self.api.tls and self.connection.recv(1, socket.MSG_PEEK) == b""
        except (OSError, ValueError):
            return True

    # Routes.
    def answer(self, request, once=False):
        if self.api.tokens is not None:
            kind, _, token = self.headers.get("Authorization", "").partition(" ")
            if kind != "Bearer" or token not in self.api.tokens:
                raise Refusal(401, "Unauthorized")
        if request.path == "/version":
            return self.send(200, {"major": "1", "minor": "36", "gitVersion": "v1.36.3"})
        if request.path.endswith("/selfsubjectaccessreviews") and request.method == "POST":
            return self.review(request)
        if self.discover(request):
            return None
        return apiverbs.Verbs(self, request, once).run()

    def discover(self, request):
        served = [r for r in apiserver.RESOURCES if r.plural not in self.api.absent]
        if request.path == "/apis":
            groups = sorted({(r.group, r.version) for r in served if r.group})
            self.send(200, {"kind": "APIGroupList", "apiVersion": "v1", "groups": [
                {"name": g, "versions": [{"groupVersion": f"{g}/{v}", "version": v}],
                 "preferredVersion": {"groupVersion": f"{g}/{v}", "version": v}} for g, v in groups]})
            return True
        found = [r for r in served if r.prefix == request.path]
        if not found:
            return False
        self.send(200, {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": found[0].api_version, "resources": [
            {"name": name, "singularName": "", "namespaced": r.namespaced, "kind": r.kind, "verbs": verbs}
            for r in found for name, verbs in [(r.plural, ["create", "delete", "get", "list", "patch", "watch"])]
            + ([(f"{r.plural}/status", ["get", "patch"])] if r.status else [])]})
        return True

    def review(self, request):
        asked = request.body["spec"]["resourceAttributes"]
        with self.api.lock:
            allowed = not self.api.is_forbidden(asked["verb"], asked["resource"], asked.get("subresource"), asked.get("name"))
        self.send(201, request.body | {"status": {"allowed": allowed}})

    # A watch.
    def watch(self, resource, events, bookmark, timeout_s, once):
        """events(version) gives the lines after a version and the version they reach; ends with the timeout."""
        self.request_seen.status = 200
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()
        api, version = self.api, None
        ended, cut = self.marks
        end, told = time.monotonic() + timeout_s, time.monotonic()
        while True:
            with api.lock:
                lines, version = events(version)
                if not lines and not self.server.gone and ended == api.watches_ended and cut == api.watches_cut:
                    api.lock.wait(max(0, min(0.2, end - time.monotonic(), told + api.bookmark_s - time.monotonic())))
            if self.server.gone or cut != api.watches_cut:
                return self.hang_up()
            for line in lines:
                self.chunk(line)
            over = time.monotonic() >= end or ended != api.watches_ended or version is None or once
            if bookmark and version is not None and (over or time.monotonic() - told >= api.bookmark_s):
                self.chunk(bookmark(version))
                told = time.monotonic()
                api.bookmarked[resource.plural] = version
            self.wfile.flush()
            if over:
                self.wfile.write(b"0\r\n\r\n")
                return self.wfile.flush()
            if self.client_left(0):
                self.close_connection = True
                return None

    def chunk(self, value):
        data = json.dumps(value, separators=(",", ":")).encode() + b"\n"
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))


class Capture:
    def __init__(self):
        self.data = b""

    def write(self, data):
        self.data += data

    def flush(self):
        pass
