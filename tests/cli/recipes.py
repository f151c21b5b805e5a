# SPDX-License-Identifier: Apache-2.0
"""The recipes of docs/run.md, as the document prints them, and a machine on which they run: `carve` and `python3`
in PATH, the real libcarve.so, an emulated driver, a home and a ledger of its own."""
import os
import pathlib
import re
import shlex
import stat
import subprocess

import pytest

from conftest import fixtures
from runnode import Desk

DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "docs/run.md"
TEXT = DOCUMENT.read_text(encoding="utf-8")

# What the programs of the recipes do here: gpu.py takes memory of a GPU and says what the driver answered.
GPU = """
import ctypes, os, signal, sys
cuda = ctypes.CDLL("libcuda.so.1")
GIB = 1 << 30
def number(kind, name, *words):
    value = kind()
    code = getattr(cuda, name)(ctypes.byref(value), *words)
    return value.value if code == 0 else -code
def context(device=0):
    made = ctypes.c_void_p()
    cuda.cuInit(0)
    code = cuda.cuDevicePrimaryCtxRetain(ctypes.byref(made), device)
    return code or cuda.cuCtxSetCurrent(made)
def take(size):
    address = ctypes.c_uint64()
    return cuda.cuMemAlloc_v2(ctypes.byref(address), ctypes.c_size_t(size))
def total(device=0):
    cuda.cuInit(0)
    return number(ctypes.c_size_t, "cuDeviceTotalMem_v2", device)
def count():
    cuda.cuInit(0)
    return number(ctypes.c_int, "cuDeviceGetCount")
def say(*words):
    print(*words, flush=True)
"""


def section(title):
    """What stands under a heading."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", TEXT, re.M | re.S)
    assert found, f"docs/run.md has no section '{title}'"
    return found[1]


def block(title, kind="sh"):
    """The one block of a kind under a heading."""
    found = re.findall(rf"^```{kind}\n(.*?)^```$", section(title), re.M | re.S)
    assert len(found) == 1, (title, kind, found)
    return found[0]


def table(text):
    """The rows of a table below its head, as lists of cells."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


class Recipes(Desk):
    """A user's machine: what the document's words find there."""

    def __init__(self, on):
        super().__init__(on)
        self.path = self.folder / "bin"
        self.path.mkdir()
        self.environment.update(
            PATH=f"{self.path}:{os.environ['PATH']}", HOME=str(self.folder), PYTHONDONTWRITEBYTECODE="1",
            LD_LIBRARY_PATH=str(fixtures.RELEASE / "emulator"), PYTHONPATH=str(self.folder),
            CARVE_LIBRARY=str(fixtures.RELEASE / "src/shim/libcarve.so"))
        self.script("carve", f'#!/bin/sh\nexec {shlex.quote(str(self.program))} "$@"\n')
        self.script("python3", f'#!/bin/sh\nexec {self.python} "$@"\n')
        self.write("gpu.py", GPU)

    python = "/usr/bin/python3"

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def script(self, name, text):
        path = self.write(f"bin/{name}", text)
        path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
        return path

    def shell(self, text, **more):
        """Words as a user types them into a shell."""
        more.setdefault("stdin", subprocess.DEVNULL)
        environment = dict(self.environment, **(more.pop("environment", None) or {}))
        process = subprocess.Popen(["bash", "-c", text], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   cwd=self.folder, env=environment, **more)
        self.started.append(process)
        return process

    def says(self, text, code=0, **more):
        """The lines that they print."""
        out, err = (process := self.shell(text, **more)).communicate(timeout=60)
        assert process.returncode == code, f"exit {process.returncode}\n{out}\n{err}"
        self.stderr = err
        return out.splitlines()

    def inside(self, name=None):
        """Processes in slices, {pid: its devices}; `carve run` itself left out."""
        return {p["pid"]: p["devices"] for s in self.ps()["slices"] if name in (None, s["name"])
                for p in s["processes"] if p["kind"] == "process"}


@pytest.fixture
def machine(emulated_node):
    made = Recipes(emulated_node("h200-x2"))
    yield made
    made.end()
