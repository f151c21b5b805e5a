# SPDX-License-Identifier: Apache-2.0
"""`carve run` on an emulated node, with a ledger of its own and a library that does nothing: what is
tested here is the command; programs take part in slices by slice_hold.c."""
import contextlib
import functools
import json
import os
import pathlib
import signal
import subprocess
import tempfile

import pytest

from conftest import BUILD, Carve, wait_for

HERE = pathlib.Path(__file__).resolve().parent
SOURCES = HERE.parents[1] / "src"
GIB = 1 << 30
MIB = 1 << 20
CONTEXT = 518 * MIB

# Whoever starts the tests in the background of a shell has these ignored, and programs would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)


@functools.cache
def tools():
    """The programs that the tests here need beside the product's, compiled once a worker."""
    made = tempfile.TemporaryDirectory(prefix="carve-run-")  # goes with the worker
    folder = pathlib.Path(made.name)
    folder.chmod(0o755)
    pages = [str(path) for path in sorted((SOURCES / "page").glob("*.c"))]
    subprocess.run(["cc", "-O1", "-std=gnu17", "-D_GNU_SOURCE", f"-I{SOURCES}", "-o", folder / "slice-hold",
                    HERE / "slice_hold.c", *pages], check=True)
    (folder / "empty.c").write_text("typedef int nothing;\n", encoding="utf-8")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", folder / "libcarve.so", folder / "empty.c"], check=True)
    return made, folder


class Desk(Carve):
    """A machine on which people start programs by hand."""

    def __init__(self, on):
        super().__init__(on)
        self.folder = on.folder
        self.pages = on.folder / "pages"
        self.pages.mkdir()
        self.pages.chmod(0o1777)
        _, helpers = tools()
        self.hold = helpers / "slice-hold"
        self.driver = ["--driver-root", str(on.driver)]
        self.environment.update(CARVE_PAGES=str(self.pages), CARVE_LIBRARY=str(helpers / "libcarve.so"))
        for name in ("CUDA_VISIBLE_DEVICES", "CARVE_PAGE", "LD_PRELOAD"):
            self.environment.pop(name, None)
        self.started = []
        for path in (on.folder.parent, on.folder):
            path.chmod(0o755)
        if on.state.exists():
            on.state.chmod(0o666)

    def start(self, *words, **more):
        """`run` has its options in front of the program's."""
        if words[0] != "run":
            return super().start(*words, **more)
        more.setdefault("stdin", subprocess.DEVNULL)
        environment = dict(self.environment, **(more.pop("environment", None) or {}))
        process = subprocess.Popen(
            [self.program, "run", *self.driver, *map(str, words[1:])], text=True, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, cwd=self.folder, env=environment, **more)
        self.started.append(process)
        return process

    def __call__(self, *words, code=0, stdin=None, **more):
        if words[0] != "run":
            return super().__call__(*words, code=code, stdin=stdin, **more)
        process = self.start(*words, **more)
        out, err = process.communicate(timeout=60)
        assert process.returncode == code, f"exit {process.returncode}\n{out}\n{err}"
        self.stderr = err
        return err if code == 2 else out

    def json(self, *words, code=0, **more):
        """Of `run`: what --explain says; with code None whether it would start or not."""
        if words[0] != "run":
            return super().json(*words, code=code, **more)
        process = self.start("run", "--explain", "-o", "json", *words[1:], **more)
        out, err = process.communicate(timeout=60)
        assert process.returncode in ((0, 1) if code is None else (code,)), f"exit {process.returncode}\n{out}\n{err}"
        self.stderr = err
        return json.loads(out)

    @contextlib.contextmanager
    def holder(self, *words, does=(), options=(), **more):
        """A slice with a program in it that has done what `does` says and then waits."""
        process = self.start("run", *options, *words, "--", self.hold, *does, "pid", "hold",
                             stdin=subprocess.PIPE, **more)
        try:
            process.pid_inside = int(self.line(process, "pid"))
            yield process
        finally:
            process.stdin.close()
            process.wait(60)
            process.stdout.close()
            process.stderr.close()

    @staticmethod
    def line(process, start):
        """What follows `start` on the first line that begins so."""
        for line in process.stdout:
            if line.startswith(f"{start} "):
                return line.split(maxsplit=1)[1].strip()
        raise AssertionError(f"no line '{start}': exit {process.wait(60)}, {process.stderr.read()}")

    def ps(self, **more):
        return self.json("ps", **more)

    def slice(self, name):
        found = [s for s in self.ps()["slices"] if s["name"] == name]
        assert len(found) == 1, found
        return found[0]

    def end(self):
        for process in self.started:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                process.wait(60)
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream:
                    stream.close()


@pytest.fixture
def desk(emulated_node):
    made = Desk(emulated_node("h200-x2"))
    yield made
    made.end()


def as_user(uid):
    """For preexec_fn: a user without any right of root's."""
    def become():
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    return become
