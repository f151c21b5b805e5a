# SPDX-License-Identifier: Apache-2.0
"""A clock that jumps changes nothing: the wall clock is not read, by the library or by who measures."""
import pathlib
import re
import subprocess

from conftest import RELEASE

SOURCES = pathlib.Path(__file__).resolve().parents[2] / "src"
WALL = {"time", "gettimeofday", "ftime", "time64", "localtime", "gmtime", "mktime"}


def test_the_library_imports_no_wall_clock():
    told = subprocess.run(["nm", "-D", "--undefined-only", RELEASE / "src/shim/libcarve.so"], check=True, text=True,
                          stdout=subprocess.PIPE, timeout=60).stdout
    names = {line.split()[-1].split("@")[0] for line in told.splitlines()}
    assert "clock_gettime" in names and not names & WALL


def test_only_clocks_that_never_jump_are_named():
    files = [*SOURCES.glob("page/*.c"), *SOURCES.glob("shim/*.c"), *SOURCES.glob("cli/run*.c"),
             *SOURCES.glob("cli/slices*.c")]
    clocks = {name for file in files for name in re.findall(r"\bCLOCK_[A-Z]\w*", file.read_text(encoding="utf-8"))}
    assert clocks == {"CLOCK_MONOTONIC", "CLOCK_BOOTTIME"}
