# SPDX-License-Identifier: Apache-2.0
"""Programs in slices, as a user would start them: with `carve run`."""
import contextlib
import json
import os
import pathlib
import queue
import subprocess
import tempfile
import threading
import time

import page

WAIT_S = 120


class NotAttached(Exception):
    """A program ran past the limit: no figure of this run counts."""


class Program:
    """A program that says JSON lines and waits for a line before it goes on."""

    def __init__(self, command, environment, quiet=False):
        self.process = subprocess.Popen(command, env=environment, text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL if quiet else None)
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put("")

    def hear(self, wait_s=WAIT_S):
        """The next JSON line."""
        while True:
            line = self.lines.get(timeout=wait_s)
            if not line:
                raise EOFError(f"{self.process.args} ended with {self.process.wait()}")
            if line.lstrip().startswith("{"):
                return json.loads(line)

    def go_on(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def end(self):
        """Lets it come to its end; its exit code."""
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        return self.process.wait(timeout=WAIT_S)


class Bench:
    """The programs of a bundle, and the folder of pages that they use."""

    def __init__(self, bundle, gpu):
        self.bundle, self.gpu = bundle, gpu
        self.pages = pathlib.Path(tempfile.mkdtemp(prefix="carve-bench-", dir="/dev/shm"))
        self.environment = os.environ | {"CARVE_PAGES": str(self.pages),
                                         "CARVE_LIBRARY": str(bundle / "lib" / "libcarve.so")}

    def __del__(self):
        for file in self.pages.glob("*"):
            file.unlink()
        self.pages.rmdir()

    def program(self, name):
        return str(self.bundle / "bin" / name)

    def run(self, *command, memory=None, name=None, environment=None, quiet=False):
        """`command` in a slice of `memory` (None: joins the slice `name`, or runs without one)."""
        words = []
        if memory or name:
            words = [str(self.bundle / "carve"), "run", "--gpu", "0"]
            words += ["--memory", memory] if memory else []
            words += ["--name", name] if name else []
            words += ["--"]
        return Program([*words, *command], self.environment | (environment or {}), quiet)

    def page(self):
        """The one page there is."""
        files = sorted(self.pages.glob("carve-*"))
        if len(files) != 1:
            raise NotAttached(f"{len(files)} pages in {self.pages}")
        return page.read(files[0])

    def slots(self, pids=None):
        """Slots of processes that are attached; NotAttached if one of `pids` is not among them."""
        slots = [s for s in self.page()["slots"] if s["kind"] == 1]
        missing = set(pids or ()) - {s["pid"] for s in slots}
        if missing or not slots:
            raise NotAttached(f"processes {sorted(missing)} have no slot")
        return slots


class Peak:
    """The most that the processes of a slice had together, by NVML, as fast as one can look."""

    def __init__(self, gpu, pids):
        self.gpu, self.pids, self.most, self.looks = gpu, set(pids), 0, 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _look(self):
        while not self._stop.is_set():
            self.most = max(self.most, sum(b for pid, b in self.gpu.processes().items() if pid in self.pids))
            self.looks += 1
            time.sleep(0.0002)
