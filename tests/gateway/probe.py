# SPDX-License-Identifier: Apache-2.0
"""The program watch_probe, which uses src/api as it is told."""
import os
import subprocess
import threading
import time


class Probe:
    """The program; its lines come into `lines` as they are printed."""

    def __init__(self, command):
        self.lines, self.news = [], threading.Condition()
        self.process = subprocess.Popen(command, text=True, bufsize=1, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        env={**os.environ, "no_proxy": "*"})
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            with self.news:
                self.lines.append(line.rstrip("\n"))
                self.news.notify_all()

    def say(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")

    def say_at_once(self, *lines):
        """Several commands that the program reads with one read."""
        self.process.stdin.write("".join(line + "\n" for line in lines))

    def wait(self, start, count=1, seconds=60):
        """The count-th line that begins so; it may have come already."""
        end = time.monotonic() + seconds
        with self.news:
            while True:
                found = [line for line in self.lines if line.startswith(start)]
                if len(found) >= count:
                    return found[count - 1]
                assert self.news.wait(end - time.monotonic()), f"no '{start}' ({count}) in {self.lines[-30:]}"

    def count(self, start):
        with self.news:
            return sum(1 for line in self.lines if line.startswith(start))

    def ask(self, method, path, kind="json", limit_ms=0, body="-"):
        """Sends a request and waits for its end."""
        before = self.count("done")
        self.say("send", method, path, kind, limit_ms, body)
        return self.wait("done", before + 1)

    def memory(self):
        """RSS and anonymous memory in KiB."""
        before = self.count("memory")
        self.say("memory")
        return tuple(map(int, self.wait("memory", before + 1).split()[1:]))

    def end(self):
        """In order; the loop is empty and sanitizers found nothing."""
        if self.process.poll() is None:
            self.say("exit")
        assert self.process.wait(60) == 0
        self.reader.join()
