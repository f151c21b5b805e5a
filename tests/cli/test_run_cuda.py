# SPDX-License-Identifier: Apache-2.0
"""The whole way: `carve run`, the real libcarve.so, the emulated libcuda; what a program then sees."""
import subprocess

import pytest

from conftest import fixtures, wait_for
from runnode import CONTEXT, GIB, desk

PROGRAM = """
import ctypes, os, sys
cuda = ctypes.CDLL("libcuda.so.1")
def call(name, *arguments):
    return getattr(cuda, name)(*arguments)
def need(*arguments):
    code = call(*arguments)
    assert code == 0, (arguments[0], code)
device, context, size, free = ctypes.c_int(), ctypes.c_void_p(), ctypes.c_size_t(), ctypes.c_size_t()
address = ctypes.c_uint64()
need("cuInit", 0)
need("cuDeviceGet", ctypes.byref(device), 0)
need("cuDeviceTotalMem_v2", ctypes.byref(size), device)
print("total", size.value, flush=True)
need("cuCtxCreate_v2", ctypes.byref(context), 0, device)
need("cuMemGetInfo_v2", ctypes.byref(free), ctypes.byref(size))
print("free", free.value, flush=True)
def allocate():
    print("alloc", call("cuMemAlloc_v2", ctypes.byref(address), ctypes.c_size_t(1 << 30)), flush=True)
for _ in range(int(sys.argv[1])):
    allocate()
print("done", os.getpid(), flush=True)
for line in sys.stdin:
    allocate()
"""

@pytest.fixture
def cuda(desk):
    """The command of a program that makes a context and allocates so many GiB one by one."""
    (desk.folder / "program.py").write_text(PROGRAM, encoding="utf-8")
    desk.environment["CARVE_LIBRARY"] = str(fixtures.RELEASE / "src/shim/libcarve.so")
    return lambda count: ["env", f"LD_LIBRARY_PATH={fixtures.RELEASE / 'emulator'}", "/usr/bin/python3",
                          "program.py", str(count)]

def test_a_program_sees_its_slice_and_stays_in_it(desk, cuda):
    process = desk.start("run", "-m", "2Gi", "--name", "c", "--gpu", "1", "--", *cuda(2), stdin=subprocess.PIPE)
    assert int(desk.line(process, "total")) == 2 * GIB
    assert int(desk.line(process, "free")) == 2 * GIB - CONTEXT
    assert [desk.line(process, "alloc"), desk.line(process, "alloc")] == ["0", "2"]
    pid = int(desk.line(process, "done"))
    slice_ = desk.slice("c")
    (device,) = slice_["devices"]
    assert device["used_bytes"] == device["driver_bytes"] == GIB + CONTEXT
    assert device["refused"] == 1 and slice_["flags"] == []
    assert [p["pid"] for p in slice_["processes"] if p["kind"] == "process"] == [pid]
    process.stdin.close()
    assert process.wait(60) == 0, process.stderr.read()
    assert process.stderr.read() == ""

def test_two_programs_share_a_slice(desk, cuda):
    first = desk.start("run", "-m", "4Gi", "--name", "c", "--gpu", "1", "--", *cuda(2), stdin=subprocess.PIPE)
    desk.line(first, "done")
    second = desk.start("run", "--name", "c", "--", *cuda(1), stdin=subprocess.PIPE)
    assert int(desk.line(second, "free")) == 2 * GIB - 2 * CONTEXT
    assert desk.line(second, "alloc") == "2"
    first.stdin.close()
    assert first.wait(60) == 0
    second.stdin.close()
    assert second.wait(60) == 0

def go_on(process):
    process.stdin.write("\n")
    process.stdin.flush()


def end_all(desk, process):
    process.stdin.close()
    wait_for(lambda: not [s for s in desk.ps()["slices"] if s["alive"]], "its end")


def test_it_stays_limited_when_we_are_killed(desk, cuda):
    first = desk.start("run", "-m", "3Gi", "--name", "c", "--gpu", "1", "--", *cuda(1), stdin=subprocess.PIPE)
    desk.line(first, "done")
    first.kill()
    first.wait(60)
    told = []
    for _ in range(2):
        go_on(first)
        told.append(desk.line(first, "alloc"))
    assert told == ["0", "2"] and desk.slice("c")["flags"] == ["not_measured"]
    end_all(desk, first)


def test_killed_before_the_program_used_the_gpu(desk, cuda):
    """Nobody lived in the slice any more, so its memory may be others' now: it has none, not all."""
    first = desk.start("run", "-m", "3Gi", "--name", "c", "--gpu", "1", "--", "sh", "-c",
                       f"echo on $$; read x; exec {' '.join(cuda(0))}", stdin=subprocess.PIPE)
    desk.line(first, "on")
    first.kill()
    first.wait(60)
    go_on(first)
    assert "('cuCtxCreate_v2', 2)" in first.stderr.read()
    end_all(desk, first)
