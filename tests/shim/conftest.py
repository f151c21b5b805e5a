# SPDX-License-Identifier: Apache-2.0
"""libcarve.so in programs, on an emulated node whose libcuda and NVML they load.

CARVE_BUILD is the build folder whose library and C programs run, with its sanitizers; CARVE_RELEASE one
without, for programs that are not ours (Python, sh): those cannot load an instrumented library.
"""
import contextlib
import json
import os
import pathlib
import subprocess
import sys

import pytest

sys.dont_write_bytecode = True
BUILD = pathlib.Path(os.environ["CARVE_BUILD"])
RELEASE = pathlib.Path(os.environ["CARVE_RELEASE"])
PYTHON = os.environ["CARVE_VENV_PYTHON"]
MIB, GIB = 1 << 20, 1 << 30
SUCCESS, OUT_OF_MEMORY = 0, 2
OURS = ("CARVE_", "LD_", "CUDA_", "ASAN_", "UBSAN_", "TSAN_")


class Node:
    """An emulated machine, and a folder of pages of its own."""

    def __init__(self, folder, kind="p4d.24xlarge"):
        self.folder = folder
        self.pages = folder / "pages"
        self.pages.mkdir()
        self.base = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        self.base |= {"CARVE_EMULATOR_NODE": kind, "CARVE_EMULATOR_STATE": str(folder / "machine"),
                      "CARVE_PAGES": str(self.pages)}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"):
            if name in os.environ:
                self.base[name] = os.environ[name]
        # The library comes before the sanitizer's own, since a slice's LD_PRELOAD knows nothing of it.
        self.base["ASAN_OPTIONS"] = ":".join(
            filter(None, [self.base.get("ASAN_OPTIONS"), "verify_asan_link_order=0"]))

    def environment(self, build=BUILD):
        return self.base | {"LD_LIBRARY_PATH": str(build / "emulator")}

    def control(self, *words):
        return subprocess.run([RELEASE / "emulator/carve-emulator", *map(str, words)], check=True, text=True,
                              env=self.environment(RELEASE), stdout=subprocess.PIPE, timeout=60).stdout

    def gpus(self):
        return json.loads(self.control("show", "-o", "json"))["gpus"]


def run(command, environment, code=0, **more):
    """What a program printed; it must end with `code` in time."""
    done = subprocess.run([str(word) for word in command], env=environment, text=True, timeout=60,
                          stdin=more.pop("stdin", subprocess.DEVNULL), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False, **more)
    assert done.returncode == code, f"{command}: ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


class Slice:
    """A page with one or more GPUs, held open by a program that stands where `carve run` does."""

    def __init__(self, node, limits, context=0):
        self.node = node
        gpus = node.gpus()
        words = []
        for gpu, limit in limits.items():
            words += [gpus[gpu]["uuid"], limit]
        self.holder = subprocess.Popen(
            [BUILD / "tests/shim/page", "make", node.pages, str(context), *map(str, words)], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=node.environment())
        self.page = self.holder.stdout.readline().strip()
        assert self.page, "no page was made"

    def end(self):
        self.holder.stdin.close()
        self.holder.stdout.close()
        assert self.holder.wait(timeout=60) == 0

    def environment(self, build=BUILD, **more):
        library = build / "src/shim/libcarve.so"
        return self.node.environment(build) | {
            "LD_PRELOAD": str(library), "CARVE_LIBRARY": str(library), "CARVE_PAGE": self.page} | more

    def run(self, program, *words, code=0, environment=None, **more):
        """One of the C programs of tests/shim, in the slice; what it printed."""
        return run([BUILD / "tests/shim" / program, *words],
                   self.environment(**(environment or {})), code, **more)

    def python(self, text, *words, code=0, **more):
        """A Python program in the slice, with the release build; what it printed."""
        return run([PYTHON, "-c", text, *words], self.environment(RELEASE, **more), code)

    def show(self):
        """The page: what all share, and a dictionary for each process that has a slot."""
        return json.loads(run([BUILD / "tests/shim/page", "show", self.page], self.node.environment()))

    def processes(self):
        return self.show()["processes"]


@pytest.fixture
def node(tmp_path):
    return Node(tmp_path)


@pytest.fixture
def slices(node):
    """Makes slices: slices(limit in bytes) on GPU 0, or slices({gpu: limit})."""
    with contextlib.ExitStack() as all_of_them:
        def make(limits=GIB, **more):
            made = Slice(node, limits if isinstance(limits, dict) else {0: limits}, **more)
            all_of_them.callback(made.end)
            return made
        yield make


def figures(text):
    """{"small": 0, "large": 2, ...} of a line "small 0 large 2 ..."; the last line that a program printed."""
    words = text.strip().splitlines()[-1].split()
    return dict(zip(words[::2], map(int, words[1::2])))
