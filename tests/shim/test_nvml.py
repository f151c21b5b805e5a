# SPDX-License-Identifier: Apache-2.0
"""The slice as nvidia-ml-py and nvidia-smi show it to programs of the slice."""
import json
import subprocess

import pytest

from conftest import BUILD, GIB, MIB, PYTHON, RELEASE, run
from test_attach import NVML, only

STRANGER = 4242

MEMORY = """
import json, pynvml as n
n.nvmlInit()
def info(gpu):
    h = n.nvmlDeviceGetHandleByIndex(gpu)
    old, new = n.nvmlDeviceGetMemoryInfo(h), n.nvmlDeviceGetMemoryInfo(h, version=n.nvmlMemory_v2)
    assert (old.total, old.free) == (new.total, new.free)
    assert new.total == new.used + new.free + new.reserved
    return [new.total, new.used, new.free, n.nvmlDeviceGetUUID(h)]
print(json.dumps([info(gpu) for gpu in range(n.nvmlDeviceGetCount())]))
"""

PROCESSES = """
import ctypes, json, sys, pynvml as n
n.nvmlInit()
def pids(gpu):
    h = n.nvmlDeviceGetHandleByIndex(gpu)
    found = []
    for kind in "Compute", "Graphics", "MPSCompute":
        for version, size in ("", 16), ("_v2", 24), ("_v3", 24):
            call = n._nvmlGetFunctionPointer(f"nvmlDeviceGet{kind}RunningProcesses{version}")
            count = ctypes.c_uint(0)
            rc = call(h, ctypes.byref(count), None)
            first = [rc, count.value]
            room = ctypes.create_string_buffer(size * (count.value + 1))
            count = ctypes.c_uint(count.value + 1)
            assert call(h, ctypes.byref(count), room) == 0
            found.append(first + [int.from_bytes(room.raw[i * size:i * size + 4], sys.byteorder)
                                  for i in range(count.value)])
    details = (n.c_nvmlProcessDetail_v1_t * 8)()
    asked = n.c_nvmlProcessDetailList_v1_t(n.nvmlProcessDetailList_v1, 0, 8, details)
    assert n._nvmlGetFunctionPointer("nvmlDeviceGetRunningProcessDetailList")(h, ctypes.byref(asked)) == 0
    found.append([details[i].pid for i in range(asked.numProcArrayEntries)])
    return found
print(json.dumps([pids(gpu) for gpu in range(n.nvmlDeviceGetCount())]))
"""


@pytest.fixture
def holding(slices):
    """A slice of GPU 0 with a process that has 64 MiB; the process beside it."""
    held = slices(GIB)
    environment = held.environment()
    with subprocess.Popen([BUILD / "tests/shim/driver-linked", "hold"], env=environment, text=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        while process.stdout.readline() != "holding\n":
            assert process.poll() is None
        yield held, process.pid
        process.communicate("", timeout=60)


def test_memory_is_the_slices(holding):
    held, pid = holding
    inside = json.loads(held.python(MEMORY))
    outside = json.loads(run([PYTHON, "-c", MEMORY], held.node.environment(RELEASE)))
    total, used, free, _ = inside[0]
    mine = next(process for process in held.processes() if process["pid"] == pid)["use"][0]
    assert total == GIB and used == mine["tracked"] + mine["overhead"] and used >= 64 * MIB
    assert free == total - used and outside[0][0] > 30 * GIB
    assert inside[1] == outside[1], "the other GPU is as it was"
    assert [gpu[3] for gpu in inside] == [gpu[3] for gpu in outside]


def test_processes_are_the_slices(holding):
    held, pid = holding
    for gpu in 0, 1:
        held.node.control("process", "add", gpu, STRANGER + gpu, "--memory", "1Gi")
    outside = json.loads(run([PYTHON, "-c", PROCESSES], held.node.environment(RELEASE)))
    assert STRANGER in outside[0][0] and pid in outside[0][0]
    inside = json.loads(held.python(PROCESSES))
    compute, others = inside[0][:3], inside[0][3:9]
    assert compute == [[7, 1, pid]] * 3 and others == [[0, 0]] * 6 and inside[0][9] == [pid]
    assert inside[1] == outside[1] and STRANGER + 1 in inside[1][0]


def test_more_processes_than_fit_at_once(holding):
    held, pid = holding
    for i in range(130):
        held.node.control("process", "add", 0, STRANGER + i, "--memory", "1Mi")
    inside = json.loads(held.python(PROCESSES))
    assert inside[0][0] == [7, 1, pid]


def test_a_program_that_only_looks_is_attached(slices):
    held = slices(GIB)
    held.python(MEMORY)
    process = only(held.processes())
    assert process["routes"] & NVML and process["use"][0]["tracked"] == 0


def test_nvidia_smi(holding):
    held, _ = holding
    shown = run([RELEASE / "emulator/nvidia-smi", "-L"], held.environment(RELEASE))
    assert shown == run([RELEASE / "emulator/nvidia-smi", "-L"], held.node.environment(RELEASE))


def test_errors_are_the_drivers(slices):
    text = """
import ctypes, pynvml as n
n.nvmlInit()
h = n.nvmlDeviceGetHandleByIndex(0)
f = n._nvmlGetFunctionPointer
memory = (ctypes.c_ulonglong * 8)(77)
print(f("nvmlDeviceGetMemoryInfo")(h, None), f("nvmlDeviceGetMemoryInfo_v2")(h, memory),
      f("nvmlDeviceGetComputeRunningProcesses_v3")(h, None, None),
      f("nvmlDeviceGetRunningProcessDetailList")(h, None))
"""
    held = slices(GIB)
    outside = run([PYTHON, "-c", text], held.node.environment(RELEASE))
    assert held.python(text) == outside and outside.split() == ["2", "25", "2", "2"]


def test_without_a_slice_nothing_changes(slices):
    held = slices(GIB)
    bare = {name: value for name, value in held.environment(RELEASE).items() if name != "CARVE_PAGE"}
    assert json.loads(run([PYTHON, "-c", MEMORY], bare))[0][0] > 30 * GIB
