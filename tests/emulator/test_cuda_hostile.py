# SPDX-License-Identifier: Apache-2.0
"""What programs do to a driver that is in their process: they close what they did not open, free what they did not
allocate, end threads, call back and forth. The driver has to bear it."""
import _ctypes
import ctypes
import os
import re
import threading

import pytest

from conftest import FOLDER, ROOT
from cudaprocess import POINTER, SIZE, U64, run
from test_cuda_work import PTX, Work

INVALID_VALUE, LONG_S = 1, 20
PER_THREAD, LEGACY = POINTER(2), POINTER(1)


@pytest.fixture(autouse=True)
def h100(machine):
    machine.set("CARVE_EMULATOR_NODE", "p5.48xlarge")
    return machine


def user_object(line):
    """Its function wants a lock that a thread holds which is in a call."""
    del line
    cuda, mine, entered, got = Work(), threading.Lock(), threading.Event(), []

    @ctypes.CFUNCTYPE(None, POINTER)
    def end(_):
        entered.set()
        got.append(mine.acquire(timeout=LONG_S))  # pylint: disable=consider-using-with

    def call():
        with mine:
            held.set()
            assert entered.wait(LONG_S)
            got.append(cuda.code("cuCtxGetDevice", ctypes.byref(ctypes.c_int())))
    held, thread = threading.Event(), threading.Thread(target=call)
    cuda.code("cuCtxSetCurrent", cuda.context)
    thread.start()
    assert held.wait(LONG_S)
    graph = cuda.handle("cuGraphCreate", 0)
    owned = cuda.handle("cuUserObjectCreate", None, end, 1, 1)
    cuda.ok("cuGraphRetainUserObject", graph, owned, 1, 1)
    cuda.ok("cuGraphDestroy", graph)
    thread.join()
    return len(got), got[-1]


def test_a_user_objects_function_may_take_a_lock_of_the_program():
    assert run(user_object) == [2, True]


def globals_freed(line):
    del line
    cuda = Work()
    before, at, size = cuda.info(), U64(), SIZE()
    module = cuda.handle("cuModuleLoadData", PTX)
    cuda.ok("cuModuleGetGlobal_v2", ctypes.byref(at), ctypes.byref(size), module, b"words")
    other = cuda.alloc(64)
    codes = [cuda.code("cuMemFree_v2", at), cuda.code("cuMemFreeAsync", at, cuda.stream)]
    cuda.write(at.value, b"kept")
    seen = cuda.read(at.value, 4).decode()
    cuda.free(other)
    cuda.ok("cuModuleUnload", module)
    return codes, seen, cuda.code("cuMemcpyDtoH_v2", ctypes.create_string_buffer(4), at, SIZE(4)), \
        before == cuda.info()


def test_a_modules_variables_are_not_the_programs_to_free():
    assert run(globals_freed) == [[INVALID_VALUE] * 2, "kept", INVALID_VALUE, True]


def opened():
    """What descriptors above the standard ones stand for; sockets aside, one of which is the test's."""
    found = {}
    for fd in map(int, os.listdir("/proc/self/fd")):
        try:
            found[fd] = os.readlink(f"/proc/self/fd/{fd}")
        except OSError:
            pass  # the listing's own
    return {fd: name for fd, name in found.items() if fd > 2 and not name.startswith("socket:")}


def closes_all(line, path):
    """Its own file gets every number that was closed."""
    del line
    cuda = Work()
    kept, first = (cuda.alloc(4 << 20) for _ in range(2))
    pool = U64()
    cuda.ok("cuMemAllocAsync", ctypes.byref(pool), SIZE(4096), cuda.stream)
    for fd in opened():
        os.close(fd)
    with open(path, "wb") as file:
        file.write(b"mine" * 4096)
        file.flush()
        copies = [os.dup(file.fileno()) for _ in range(32)]
        second = cuda.alloc(4 << 20)
        for at in (first, second):
            cuda.ok("cuMemsetD8_v2", U64(at), 0xee, SIZE(4 << 20))
        sums = [sum(cuda.read(at, 4 << 20)) for at in (first, second)]
        cuda.ok("cuMemFreeAsync", pool, cuda.stream)
        cuda.ok("cuStreamSynchronize", cuda.stream)
        cuda.free(first)
        cuda.free(second)
        code = cuda.code("cuMemAllocAsync", ctypes.byref(pool), SIZE(1 << 30), cuda.stream)
        shared = cuda.code("cuIpcGetMemHandle", ctypes.create_string_buffer(64), U64(kept))
        still = [os.fstat(copy).st_size for copy in copies]
        names = opened().values()
    return sums, set(still) == {4 * 4096}, [code != 0, shared != 0], os.environ["CARVE_EMULATOR_STATE"] in names


def test_a_program_that_closes_all_descriptors_has_its_files_left_alone(tmp_path):
    path = tmp_path / "own"
    assert run(closes_all, path) == [[0xee * (4 << 20)] * 2, True, [True, True], True]
    assert path.read_bytes() == b"mine" * 4096


def released_and_retained(line):
    """One thread releases the context, which waits for its work; another retains it meanwhile."""
    del line
    cuda, active, flags = Work(), ctypes.c_int(1), ctypes.c_uint()
    before = cuda.info()[0]
    cuda.spin(300)
    thread = threading.Thread(target=cuda.ok, args=("cuDevicePrimaryCtxRelease_v2", 0))
    thread.start()
    while active.value:
        cuda.ok("cuDevicePrimaryCtxGetState", 0, ctypes.byref(flags), ctypes.byref(active))
    again = cuda.handle("cuDevicePrimaryCtxRetain", 0)
    thread.join()
    cuda.ok("cuDevicePrimaryCtxGetState", 0, ctypes.byref(flags), ctypes.byref(active))
    cuda.ok("cuCtxSetCurrent", again)
    cuda.new_stream()
    return active.value, cuda.info()[0] == before


def test_a_context_that_is_being_released_is_made_anew():
    assert run(released_and_retained) == [1, True]


class Mallinfo(ctypes.Structure):
    _fields_ = [(name, SIZE) for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks",
                                          "uordblks", "fordblks", "keepcost")]


def ends_threads(line):
    """What is allocated after a thousand threads, each with a stream of its own, and after a thousand more."""
    del line
    cuda, libc, seen = Work(), ctypes.CDLL(None), []
    libc.mallinfo2.restype = Mallinfo

    def use():
        cuda.ok("cuCtxSetCurrent", cuda.context)
        cuda.ok("cuStreamSynchronize", PER_THREAD)
    for _ in range(3):
        for _ in range(1000):
            thread = threading.Thread(target=use)
            thread.start()
            thread.join()
        seen.append(libc.mallinfo2().uordblks)
    return seen[2] - seen[1]


def test_threads_that_have_ended_leave_nothing():
    assert run(ends_threads) < 50000


@pytest.mark.parametrize("name", ["cuMemcpyBatchAsync_v2", "cuMemcpyBatchAsync_v2_ptsz"])
def test_a_batch_is_not_for_the_legacy_stream(name):
    def work(line):
        cuda, at = Work(), POINTER()
        cuda.ok("cuMemHostAlloc", ctypes.byref(at), SIZE(4096), 0)
        words = ((U64 * 1)(at.value), (U64 * 1)(at.value + 64), (SIZE * 1)(8), SIZE(1),
                 ctypes.create_string_buffer(64), (SIZE * 1)(0), SIZE(1))
        return [cuda.code(name, *words, stream) for stream in (None, LEGACY, PER_THREAD, cuda.stream)]
    assert run(work) == [0 if name.endswith("ptsz") else INVALID_VALUE, INVALID_VALUE, 0, 0]


def test_a_wall_clock_that_jumps_changes_nothing():
    text = "".join(path.read_text() for path in (ROOT / "emulator/cuda").glob("*.c"))
    assert set(re.findall(r"\bCLOCK_[A-Z]\w*", text)) == {"CLOCK_MONOTONIC"}
    assert not re.findall(r"\bpthread_(?:mutex_timedlock|cond_timedwait)|\b(?:time|gettimeofday)\(", text)


def closes_library(line):
    """While the driver's own thread runs; then it opens it again."""
    del line
    cuda, seen = Work(), []

    @ctypes.CFUNCTYPE(None, POINTER)
    def call(_):
        seen.append(1)
    cuda.ok("cuLaunchHostFunc", cuda.stream, call, None)
    cuda.ok("cuStreamSynchronize", cuda.stream)
    _ctypes.dlclose(cuda.library._handle)  # pylint: disable=protected-access
    again = ctypes.CDLL(str(FOLDER / "libcuda.so.1"))
    return [again.cuInit(0), again.cuLaunchHostFunc(cuda.stream, call, None),
            again.cuStreamSynchronize(cuda.stream)], len(seen)


def test_a_driver_that_is_closed_stays():
    assert run(closes_library) == [[0, 0, 0], 2]
