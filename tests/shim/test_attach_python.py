# SPDX-License-Identifier: Apache-2.0
"""Python programs in a slice: ctypes, multiprocessing, subprocess. They run with the release build."""
import json

import pytest

from conftest import GIB, OUT_OF_MEMORY, RELEASE, SUCCESS
from test_attach import DLSYM, NVML, PROC_ADDRESS, only

# What a framework does: open the driver, find its functions, make a context, allocate.
DRIVER = """
import ctypes, json, os, sys
def start(cuda=None, mode=ctypes.DEFAULT_MODE):
    cuda = cuda or ctypes.CDLL("libcuda.so.1", mode)
    device, context, total, free = ctypes.c_int(), ctypes.c_void_p(), ctypes.c_size_t(), ctypes.c_size_t()
    assert cuda.cuInit(0) == 0 and cuda.cuDeviceGet(ctypes.byref(device), 0) == 0
    assert cuda.cuDevicePrimaryCtxRetain(ctypes.byref(context), device) == 0
    assert cuda.cuCtxSetCurrent(context) == 0
    assert cuda.cuMemGetInfo_v2(ctypes.byref(free), ctypes.byref(total)) == 0
    return cuda, total.value
def attempt(cuda=None):
    cuda, total = start(cuda)
    at = ctypes.c_uint64()
    return [total, cuda.cuMemAlloc_v2(ctypes.byref(at), ctypes.c_size_t(2 << 20)),
            cuda.cuMemAlloc_v2(ctypes.byref(at), ctypes.c_size_t(total + (256 << 20)))]
"""
HELD = [GIB, SUCCESS, OUT_OF_MEMORY]


def last(output):
    return json.loads(output.splitlines()[-1])


def check(processes, n):
    assert len(processes) == n
    for process in processes:
        assert process["allocations"] == 1 and process["use"][0]["refused"] == 1, process


def test_ctypes(slices):
    held = slices(GIB)
    assert last(held.python(DRIVER + "print(json.dumps(attempt()))")) == HELD
    check(held.processes(), 1)
    assert only(held.processes())["routes"] == DLSYM


def test_ctypes_of_the_whole_program(slices):
    """CDLL(None): the global scope, where our own symbols stand too."""
    held = slices(GIB)
    text = """
missing = False
try:
    ctypes.CDLL(None).cuInit
except AttributeError:
    missing = True
ctypes.CDLL("libcuda.so.1", ctypes.RTLD_GLOBAL)
print(json.dumps([missing, attempt(ctypes.CDLL(None))]))
"""
    assert last(held.python(DRIVER + text)) == [True, HELD]
    check(held.processes(), 1)


def test_resolver_of_the_driver(slices):
    """As cudart: everything through cuGetProcAddress_v2, with the flag of per-thread streams."""
    held = slices(GIB)
    text = """
class Resolved:
    def __init__(self, cuda):
        self.cuda = cuda
    def __getattr__(self, name):
        at, status = ctypes.c_void_p(), ctypes.c_int()
        plain = name.removesuffix("_v2")
        assert self.cuda.cuGetProcAddress_v2(plain.encode(), ctypes.byref(at), 13000, ctypes.c_uint64(2),
                                             ctypes.byref(status)) == 0 and status.value == 0, name
        return ctypes.CFUNCTYPE(ctypes.c_int)(at.value)
resolved = Resolved(ctypes.CDLL("libcuda.so.1"))
def typed(name, *types):
    function = getattr(resolved, name)
    return ctypes.cast(function, ctypes.CFUNCTYPE(ctypes.c_int, *types))
P, S, I, V = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_void_p
device, context, at, total, free = ctypes.c_int(), P(), ctypes.c_uint64(), S(), S()
ref = lambda x: ctypes.cast(ctypes.byref(x), P)
assert typed("cuInit", I)(0) == 0 and typed("cuDeviceGet", P, I)(ref(device), 0) == 0
assert typed("cuDevicePrimaryCtxRetain", P, I)(ref(context), device.value) == 0
assert typed("cuCtxSetCurrent", P)(context) == 0
assert typed("cuMemGetInfo", P, P)(ref(free), ref(total)) == 0
print(json.dumps([total.value, typed("cuMemAlloc", P, S)(ref(at), 2 << 20),
                  typed("cuMemAllocAsync", P, S, V)(ref(at), total.value, None)]))
"""
    assert last(held.python(DRIVER + text)) == HELD
    process = only(held.processes())
    assert process["routes"] == DLSYM | PROC_ADDRESS
    assert process["allocations"] == 1 and process["use"][0]["refused"] == 1


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(slices, tmp_path, method):
    """Workers before their parent uses the driver, each a process of its own; then the parent."""
    held = slices(GIB)
    program = tmp_path / "program.py"
    program.write_text(DRIVER + f"""
import multiprocessing
def work(_):
    return attempt() + [os.getpid()]
if __name__ == "__main__":
    context = multiprocessing.get_context("{method}")
    with context.Pool(2, maxtasksperchild=1) as pool:
        done = pool.map(work, range(2), chunksize=1)
    print(json.dumps([done, attempt()]))
""", encoding="utf-8")
    done, own = last(held.python(f"import runpy; runpy.run_path({str(program)!r}, run_name='__main__')"))
    assert own == HELD and [result[:3] for result in done] == [HELD, HELD]
    pids = {result[3] for result in done}
    assert len(pids) == 2 and pids < {process["pid"] for process in held.processes()}
    check(held.processes(), 3)


def emulated(node):
    """What the emulated machine needs of an environment; nothing of ours."""
    return {name: value for name, value in node.environment(RELEASE).items()
            if name.startswith("CARVE_EMULATOR") or name == "LD_LIBRARY_PATH"}


@pytest.mark.parametrize("how", ["run", "spawn", "close_fds", "shell", "clear"])
def test_subprocess_without_the_environment(slices, how):
    held = slices(GIB)
    start = {
        "run": "subprocess.run([sys.executable, '-c', text], env=left, check=True)",
        "spawn": "os.waitpid(os.posix_spawn(sys.executable, [sys.executable, '-c', text], left), 0)",
        "close_fds": "subprocess.run([sys.executable, '-c', text], env=left, check=True, close_fds=True, "
                     "start_new_session=True, preexec_fn=os.getpid)",
        "shell": """subprocess.run(["sh", "-c", 'exec "$0" -c "$1"', sys.executable, text], env=left, check=True)""",
        "clear": "os.environ.clear(), os.environ.update(left), "
                 "subprocess.run([sys.executable, '-c', text], check=True)",
    }[how]
    text = f"""
import os, subprocess, sys
text, left = {DRIVER + "print(json.dumps(attempt()))"!r}, {emulated(held.node)!r}
{start}
"""
    assert last(held.python(text)) == HELD
    check(held.processes(), 1)


def test_a_program_of_all_kinds(slices):
    """NVML and the driver in one process: one slot, both ways seen."""
    held = slices(GIB)
    text = """
import pynvml
pynvml.nvmlInit()
memory = pynvml.nvmlDeviceGetMemoryInfo(pynvml.nvmlDeviceGetHandleByIndex(0))
print(json.dumps([memory.total, attempt()]))
"""
    assert last(held.python(DRIVER + text)) == [GIB, HELD]
    assert only(held.processes())["routes"] == DLSYM | NVML
