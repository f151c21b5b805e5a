# SPDX-License-Identifier: Apache-2.0
"""The library for aarch64: that it attaches, charges and refuses as that for x86-64 does, in one page with it."""
# pylint: disable=unused-import
import pathlib
import re
import struct
import subprocess

import pytest

import test_glibc
import test_memory
import test_memory_processes
from conftest import BUILD, GIB, MIB, OUT_OF_MEMORY, RELEASE, SUCCESS, Node, Slice, run
from memory_program import CONTEXT, Program, blob
from test_attach import (
    counted, holds, only, test_a_child_of_a_program_that_uses_the_driver,
    test_a_library_in_another_namespace_is_flagged, test_a_preloaded_library_that_wraps_dlsym,
    test_another_preloaded_library, test_linked, test_looked_up, test_lookups_leave_no_trace, test_processes,
    test_symbols_with_versions, test_two_processes_share_the_limit, test_what_is_exported,
    test_without_the_driver_its_names_are_not_found)
from test_exec import test_with_an_empty_environment
from test_memory_processes import (
    test_a_forked_child_has_nothing_of_its_parents, test_a_killed_process_pays_until_the_driver_has_its_memory_back)
from test_page_version import (
    test_a_limit_that_was_changed_gives_no_memory, test_a_newer_minor_version_is_used,
    test_another_major_version_gives_no_memory)

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CHEAP = [way for way in test_memory.WAYS if way[3] >= 8 * MIB]  # those with many pieces take long under qemu


def tool(name, *words):
    return subprocess.run([f"aarch64-linux-gnu-{name}", *map(str, words)], check=True, text=True,
                          stdout=subprocess.PIPE, timeout=60).stdout


# ---- the file

def test_the_library_is_libcs_alone_and_may_lie_in_large_pages():
    shown = tool("readelf", "-dlW", BUILD / "src/shim/libcarve.so")
    assert set(re.findall(r"NEEDED.*\[(.*)\]", shown)) == {"libc.so.6", "libdl.so.2", "ld-linux-aarch64.so.1"}
    assert set(re.findall(r"^  LOAD.* (0x\w+)$", shown, re.M)) == {"0x10000"}


def test_nothing_newer_than_glibc_2_28_is_asked_for():
    test_glibc.runs_with_the_oldest(BUILD / "src/shim/libcarve.so", "aarch64-linux-gnu-")


def test_the_page_has_the_layout_of_the_document(tmp_path):
    """Every row of docs/page-format.md, as the compiler for aarch64 sees the header."""
    source = ['#include "page/page.h"']
    text = (ROOT / "docs/page-format.md").read_text(encoding="utf-8")
    part = None
    for name, offset, size in re.findall(r"^\| (\*\*\w+\*\*|`\w+`) \| (\d*) ?\| (\d+) \|", text, re.M):
        if name.startswith("*"):
            part = "struct " + name.strip("*")
            source.append(f'static_assert(sizeof({part}) == {size}, "{part}");')
        else:
            field = name.strip("`")
            source.append(f'static_assert(offsetof({part}, {field}) == {offset}, "{part} {field}");')
            source.append(f'static_assert(sizeof((({part} *)0)->{field}) == {size}, "{part} {field}");')
    assert len(source) > 100
    (tmp_path / "layout.c").write_text("\n".join(source) + "\n", encoding="utf-8")
    tool("gcc", "-std=gnu17", "-fsyntax-only", "-I", ROOT / "src", tmp_path / "layout.c")


# ---- entry.S

@pytest.mark.parametrize("first", ["dlsym", "dlvsym", "dlmopen", "dlsym-driver"])
def test_lookups_find_what_they_should_and_keep_the_callers_registers(slices, first):
    """Also as the very first call of the process, before any library has started."""
    held = slices(GIB)
    command = [BUILD / "tests/aarch64/entry", first]
    answers = [line.split() for line in run(command, held.environment()).splitlines()]
    assert len(answers) == 10 and {answer[0] for answer in answers} >= {first}
    assert [answer for answer in answers if answer[1:] != ["1", "kept", "1", "early", "1"]] == []


# ---- calls

def test_every_call_answers_as_on_x86_64(tmp_path):
    """Over 340 functions with arguments of all kinds, in a slice: each code and each value is the same."""
    node = Node(tmp_path, "g4dn.xlarge")
    held = Slice(node, {0: 12 * GIB})
    answers = [subprocess.run([build / "emulator/cuda-same"], env=held.environment(build), check=True, text=True,
                              stdout=subprocess.PIPE, timeout=600).stdout for build in (RELEASE, BUILD)]
    assert answers[1].splitlines() == answers[0].splitlines()
    assert len(answers[0].splitlines()) > 2000
    processes = held.processes()
    assert len(processes) % 2 == 0
    half = len(processes) // 2
    told = [[(p["launches"], p["allocations"], p["frees"], p["uncounted"], p["use"]) for p in some]
            for some in (processes[:half], processes[half:])]
    assert told[0] == told[1] and sum(launches for launches, *_ in told[1]) > 10
    held.end()


def test_a_struct_is_passed_by_value(slices):
    """One of 64 bytes, which goes by a pointer on aarch64."""
    of = slices(4 * CONTEXT, context=CONTEXT)
    owner, user = Program(of), Program(of)
    assert owner.cuMemAlloc_v2("&m", 100 * MIB) == SUCCESS
    assert owner.cuIpcGetMemHandle("&handle", "m") == SUCCESS
    handle = blob(struct.pack("<8Q", *owner.values("handle")))
    assert user.cuIpcOpenMemHandle_v2("&m", handle, 1) == SUCCESS
    assert user.cuIpcCloseMemHandle("m") == SUCCESS
    assert (owner.charged(), user.charged()) == (CONTEXT + 100 * MIB, CONTEXT)


@pytest.mark.parametrize("take,free,size,beside", [way[1:] for way in CHEAP], ids=[way[0] for way in CHEAP])
def test_up_to_the_limit_and_back(slices, take, free, size, beside):
    test_memory.test_up_to_the_limit_and_back(slices, take, free, size, beside)


# ---- processes and threads

@pytest.mark.parametrize("cpu", ["max", "cortex-a57"])
def test_threads_share_one_limit(slices, cpu):
    """With the atomic instructions of Armv8.1, and with those of Armv8.0."""
    of = slices(CONTEXT + 100 * MIB, context=CONTEXT)
    with test_memory_processes.fuzz(of, 1, 60, 8, QEMU_CPU=cpu) as fuzz:
        test_memory_processes.go_on(fuzz)
        assert fuzz.stdout.readline() == "rest\n"
        assert only(of.processes())["use"][0]["refused"] > 0
        told, shown = test_memory_processes.at_rest(of, of.node, fuzz)
        assert told == shown
        _, errors = fuzz.communicate("\n\n", timeout=60)
        assert fuzz.returncode == 0, errors
    assert only(of.processes())["use"][0]["tracked"] == 0


def test_eight_processes_share_one_limit(slices, node):
    test_memory_processes.test_eight_processes_share_one_limit(slices, node, 40 * MIB)


# ---- with x86-64

def test_both_architectures_share_one_limit(slices, node):
    """A page that is mapped by programs of both: each sees what the other has, and finds it dead."""
    of = slices(2 * CONTEXT + 300 * MIB, context=CONTEXT)
    own = Program(of, environment=of.environment(RELEASE), command=[RELEASE / "tests/shim/memory-caller"])
    other = Program(of)
    for one, two in ((own, other), (other, own)):
        assert one.cuMemAlloc_v2("&m", 200 * MIB) == SUCCESS
        assert two.cuMemAlloc_v2("&m", 200 * MIB) == OUT_OF_MEMORY
        assert two.info() == (100 * MIB, 2 * CONTEXT + 300 * MIB)
        assert one.cuMemFree_v2("m") == SUCCESS
    assert other.cuMemAlloc_v2("&m", 200 * MIB) == SUCCESS
    other.process.kill()
    other.process.wait()
    assert own.cuMemAlloc_v2("&m", 200 * MIB) == SUCCESS


def test_a_page_that_was_made_on_aarch64(node):
    """Its bytes are what a program for x86-64 takes for a page; its maker counts as alive."""
    uuid = node.gpus()[0]["uuid"]
    with subprocess.Popen([BUILD / "tests/aarch64/page", "make", node.pages, "0", uuid, str(GIB)], text=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=node.environment()) as holder:
        page = holder.stdout.readline().strip()
        library = RELEASE / "src/shim/libcarve.so"
        environment = node.environment(RELEASE) | {"LD_PRELOAD": str(library), "CARVE_LIBRARY": str(library),
                                                   "CARVE_PAGE": page}
        holds(run([RELEASE / "tests/shim/driver-linked", "try"], environment))
        shown = [run([program, "show", page], node.environment())
                 for program in (RELEASE / "tests/shim/page", BUILD / "tests/aarch64/page")]
        assert shown[0] == shown[1] and '"refused": 2' in shown[0]
        holder.communicate("", timeout=60)
        assert holder.returncode == 0


# ---- kernels with pages of 64 KiB

@pytest.mark.parametrize("program, way", [
    ("driver-linked", "try"), ("driver-lookup", "dlsym"), ("driver-linked", "threads")])
def test_pages_of_64_kib(slices, program, way):
    held = slices(GIB)
    holds(held.run(program, way, environment={"QEMU_PAGESIZE": "65536"}))
    counted(only(held.processes()))
