# SPDX-License-Identifier: Apache-2.0
"""Streams, launches and the sharing of a GPU: times are the emulated GPU's own, told by events, so they are exact."""
import contextlib
import ctypes
import os
import subprocess
import sys
import threading
import time

import pynvml
import pytest

from conftest import FOLDER, ROOT, create, mig_devices, set_mig
from cudaprocess import POINTER, SIZE, U64, Driver, Process, run

SLICE_MS, SWITCH_MS = 2, 0.12
INVALID_VALUE, NOT_INITIALIZED, NOT_READY, NOT_PERMITTED = 1, 3, 600, 800
NON_BLOCKING = 1
PTX = b"""// three kernels
.version 7.0
.target sm_75 /* .entry not_this() */
.address_size 64
.visible .global .align 4 .b8 words[64];
.visible .entry plain() { ret; }
.visible .entry spin_20us() { ret; }
.visible .entry spin_5ms(.param .u32 a, .param .align 16 .b8 b[24]) { .shared .align 4 .b8 room[256]; ret; }
.visible .entry spin_us(.param .u64 us) { ret; }
.visible .entry _Z7spin_nsjPf(.param .u32 ns, .param .u64 .ptr .global .align 4 out) { ret; }
.visible .entry spinning() { ret; }
"""


@pytest.fixture(autouse=True)
def h100(machine):
    machine.set("CARVE_EMULATOR_NODE", "p5.48xlarge")
    return machine


class Work(Driver):
    """A driver with the test's module, a stream, and events that time."""

    def __init__(self, device=0):
        super().__init__(device)
        self.module = self.handle("cuModuleLoadData", PTX)
        self.stream = self.new_stream()

    def handle(self, name, *words):
        return POINTER(self.get(POINTER, name, *words))

    def new_stream(self, flags=NON_BLOCKING):
        return self.handle("cuStreamCreate", flags)

    def launch(self, name, param=None, stream=None):
        function = self.handle("cuModuleGetFunction", self.module, name)
        params = (POINTER * 2)(ctypes.cast(ctypes.byref(param), POINTER), ctypes.cast(ctypes.byref(U64()), POINTER)) \
            if param is not None else None
        self.ok("cuLaunchKernel", function, 1, 1, 1, 32, 1, 1, 0, self.stream if stream is None else stream, params,
                None)

    def spin(self, milliseconds, stream=None):
        self.launch(b"spin_us", U64(int(milliseconds * 1000)), stream)

    def mark(self, stream=None):
        event = self.handle("cuEventCreate", 0)
        self.ok("cuEventRecord", event, self.stream if stream is None else stream)
        return event

    @contextlib.contextmanager
    def held(self):
        """What is given meanwhile begins together afterwards, behind other work: nothing of the host is in it."""
        word = ctypes.c_uint32.from_address(self.get(POINTER, "cuMemHostAlloc", SIZE(64), 0))
        word.value = 0
        self.ok("cuStreamWaitValue32_v2", self.stream, U64(ctypes.addressof(word)), 1, 0)
        self.spin(100)
        yield
        word.value = 1

    def between(self, start, end):
        self.ok("cuEventSynchronize", end)
        ms = ctypes.c_float()
        self.ok("cuEventElapsedTime", ctypes.byref(ms), start, end)
        return ms.value

    def timed(self, work):
        start = self.mark()
        work()
        return self.between(start, self.mark())


def near(ms):
    return pytest.approx(ms, abs=0.0005)


@pytest.mark.parametrize("name, param, ms", [
    (b"plain", None, 0.003), (b"spinning", None, 0.003), (b"spin_20us", None, 0.02),
    (b"spin_5ms", ctypes.c_uint32(1), 5), (b"spin_us", U64(250), 0.25),
    (b"_Z7spin_nsjPf", ctypes.c_uint32(4000), 0.004),
])
def test_a_kernel_takes_the_time_that_its_name_states(name, param, ms):
    def work(line):
        del line
        cuda = Work()
        with cuda.held():
            start = cuda.mark()
            for _ in range(10):
                cuda.launch(name, param)
            end = cuda.mark()
        return cuda.between(start, end)
    assert run(work) == near(10 * ms)


def test_arguments_are_read_where_there_are_some_and_given_in_one_way():
    def work(line):
        del line
        cuda, nowhere, value = Work(), POINTER(16), U64(5)
        params = (POINTER * 1)(ctypes.addressof(value))
        extra = (POINTER * 5)(1, ctypes.addressof(value), 2, ctypes.addressof(SIZE(8)), 0)
        plain, spin = (cuda.handle("cuModuleGetFunction", cuda.module, name) for name in (b"plain", b"spin_us"))
        shape = 1, 1, 1, 32, 1, 1, 0, cuda.stream
        return [cuda.code("cuLaunchKernel", plain, *shape, nowhere, None),
                cuda.code("cuLaunchKernel", spin, *shape, params, extra)]
    assert run(work) == [0, INVALID_VALUE]


def test_streams_of_a_process_take_turns_and_events_order_them():
    def work(line):
        del line
        cuda = Work()
        other = cuda.new_stream()
        with cuda.held():
            start = cuda.mark()
            cuda.spin(3)
            made = cuda.mark()
            cuda.ok("cuStreamWaitEvent", other, made, 0)
            seen = cuda.mark(other)
            cuda.spin(1, other)
            done = cuda.mark(other)
        return cuda.between(start, seen), cuda.between(start, done)
    assert run(work) == [near(3), near(4)]


def test_the_legacy_stream_waits_for_blocking_streams_alone():
    def work(line):
        del line
        cuda = Work()
        blocking = cuda.new_stream(0)
        cuda.spin(50, blocking)
        cuda.spin(50, cuda.stream)
        idle = cuda.code("cuStreamQuery", cuda.new_stream())
        busy = cuda.code("cuStreamQuery", POINTER(1))
        start = cuda.mark(blocking)
        return idle, busy, cuda.between(start, cuda.mark(POINTER(1)))
    idle, busy, ms = run(work)
    assert (idle, busy) == (0, NOT_READY) and 0 <= ms < 50


def test_a_host_function_runs_in_its_turn_and_may_not_call():
    def work(line):
        del line
        cuda, seen = Work(), []
        kind = ctypes.CFUNCTYPE(None, ctypes.c_void_p)

        def call(data):
            seen.append((data, cuda.code("cuStreamQuery", cuda.stream), threading.get_ident() != main))
        main, function = threading.get_ident(), kind(call)
        cuda.spin(5)
        start = cuda.mark()
        cuda.ok("cuLaunchHostFunc", cuda.stream, function, POINTER(7))
        cuda.spin(1)
        return cuda.between(start, cuda.mark()) >= 1, seen
    assert run(work) == [True, [[7, NOT_PERMITTED, True]]]


def test_a_stream_waits_for_a_value_that_the_host_writes():
    def work(line):
        del line
        cuda = Work()
        at = POINTER()
        cuda.ok("cuMemHostAlloc", ctypes.byref(at), SIZE(4096), 0)
        word = ctypes.c_uint32.from_address(at.value)
        word.value = 0
        cuda.ok("cuStreamWaitValue32_v2", cuda.stream, U64(at.value), 5, 0)
        cuda.ok("cuStreamWriteValue32_v2", cuda.stream, U64(at.value + 4), 9, 0)
        before = cuda.code("cuStreamQuery", cuda.stream)
        word.value = 5
        cuda.ok("cuStreamSynchronize", cuda.stream)
        return before, ctypes.c_uint32.from_address(at.value + 4).value
    assert run(work) == [NOT_READY, 9]


def test_a_destroyed_stream_ends_its_work():
    def work(line):
        del line
        cuda = Work()
        other = cuda.new_stream()
        at = cuda.alloc(64)
        cuda.spin(5, other)
        cuda.ok("cuMemsetD8Async", U64(at), 7, SIZE(64), other)
        event = cuda.mark(other)
        cuda.ok("cuStreamDestroy_v2", other)
        cuda.ok("cuEventSynchronize", event)
        return list(cuda.read(at, 2))
    assert run(work) == [7, 7]


def test_memory_freed_in_a_stream_is_still_read_before_that():
    def work(line):
        del line
        cuda = Work()
        at = U64()
        out = ctypes.create_string_buffer(4)
        cuda.ok("cuMemAllocAsync", ctypes.byref(at), SIZE(4096), cuda.stream)
        cuda.spin(2)
        cuda.ok("cuMemsetD8Async", at, 7, SIZE(4096), cuda.stream)
        cuda.ok("cuMemcpyDtoHAsync_v2", out, at, SIZE(4), cuda.stream)
        cuda.ok("cuMemFreeAsync", at, cuda.stream)
        cuda.ok("cuStreamSynchronize", cuda.stream)
        return list(out.raw)
    assert run(work) == [7, 7, 7, 7]


def busy(line, device, milliseconds):
    """Gives the GPU so much work, and says so."""
    cuda = Work(device)
    cuda.spin(milliseconds)
    line.say(cuda.code("cuStreamQuery", cuda.stream))
    line.hear()


@pytest.fixture
def neighbor():
    made = []

    def start(device=0, milliseconds=60000):
        process = Process(busy, device, milliseconds)
        made.append(process)
        assert process.hear() == NOT_READY
        return process
    yield start
    for process in made:
        if not process.left:
            process.kill()


def sums(line, count, milliseconds, device=0):
    """The time of so much work, given at once."""
    del line
    cuda = Work(device)
    with cuda.held():
        start = cuda.mark()
        for _ in range(count):
            cuda.spin(milliseconds)
        end = cuda.mark()
    return cuda.between(start, end)


def test_two_busy_processes_have_the_gpu_half_each(neighbor):
    neighbor()
    slices = 50 / SLICE_MS
    wanted = slices * 2 * (SLICE_MS + SWITCH_MS)
    assert wanted - 3 * SLICE_MS < run(sums, 5, 10) < wanted + 3 * SLICE_MS


def test_three_busy_processes_have_a_third_each(neighbor):
    neighbor()
    neighbor()
    wanted = 30 / SLICE_MS * 3 * (SLICE_MS + SWITCH_MS)
    assert wanted - 4 * SLICE_MS < run(sums, 3, 10) < wanted + 4 * SLICE_MS


def test_a_launch_and_wait_beside_a_busy_process_waits_for_a_slice(neighbor):
    def work(line):
        del line
        cuda = Work()
        return [cuda.timed(lambda: cuda.launch(b"spin_20us")) for _ in range(20)]
    neighbor()
    times = sorted(run(work))  # the middle one: now and then the host is late between its two calls
    assert SLICE_MS / 2 < times[len(times) // 2] < SLICE_MS + 2 * SWITCH_MS + 0.5


def test_events_of_a_shared_gpu_are_exact_however_late_their_process_looks(neighbor):
    def work(line):
        del line
        cuda = Work()
        with cuda.held():
            events = [cuda.mark()]
            for _ in range(12):
                cuda.spin(5)
                events.append(cuda.mark())
        done = time.monotonic() + 0.7  # the GPU goes by this clock; nobody asks it meanwhile
        while time.monotonic() < done:
            time.sleep(0.01)
        return [cuda.between(*pair) for pair in zip(events, events[1:])]
    neighbor()
    turn = SLICE_MS + SWITCH_MS
    for ms in run(work):  # two or three times it is the neighbor's turn
        assert ms in (near(5 + 2 * turn + 2 * SWITCH_MS), near(5 + 3 * turn + 3 * SWITCH_MS))


def test_another_gpu_is_not_waited_for(neighbor):
    neighbor(device=1)
    assert run(loaded, 0) == near(10)


def loaded(line, device):
    """The time of 10 ms of work."""
    del line
    cuda = Work(device)
    with cuda.held():
        start = cuda.mark()
        cuda.spin(10)
        end = cuda.mark()
    return cuda.between(start, end)


def test_instances_of_a_gpu_run_beside_each_other(neighbor, machine):
    gpu = machine.open("p5.48xlarge")[0]
    set_mig(gpu, True)
    create(gpu, 9)
    create(gpu, 9)
    first, second = (pynvml.nvmlDeviceGetUUID(device) for device in mig_devices(gpu))
    machine.set("CUDA_VISIBLE_DEVICES", first)
    neighbor()
    shared = run(loaded, 0)
    machine.set("CUDA_VISIBLE_DEVICES", second)
    alone = run(loaded, 0)
    del os.environ["CUDA_VISIBLE_DEVICES"]
    assert alone == near(10) and shared > 15


def test_the_work_of_a_killed_process_is_forgotten(neighbor):
    def work(line):
        cuda = Work()
        line.say()
        line.hear()
        cuda.launch(b"spin_20us")
        cuda.ok("cuStreamSynchronize", cuda.stream)
        return cuda.timed(lambda: cuda.launch(b"spin_20us"))
    other = neighbor(milliseconds=60000)
    process = Process(work)
    process.hear()
    other.kill()
    process.say()
    assert process.end() < 1000  # not a minute


def test_it_answers_as_a_real_gpu():
    build = FOLDER.parent
    done = subprocess.run([sys.executable, ROOT / "tests/gpu/cuda_same", build], capture_output=True, text=True,
                          timeout=120, check=False)
    assert done.returncode == 0, done.stdout


def captured_graph_stays(line):
    work = Work()
    work.ok("cuStreamBeginCapture_v2", work.stream, 0)
    work.launch(b"plain")
    status, graph, nodes, n = ctypes.c_int(), POINTER(), ctypes.POINTER(POINTER)(), SIZE()
    work.ok("cuStreamGetCaptureInfo_v2", work.stream, ctypes.byref(status), None, ctypes.byref(graph),
            ctypes.byref(nodes), ctypes.byref(n))
    refused = [work.code("cuGraphDestroy", graph), work.code("cuGraphDestroyNode", POINTER(nodes[0]))]
    work.launch(b"plain")
    work.ok("cuStreamEndCapture", work.stream, ctypes.byref(graph))
    work.ok("cuGraphGetNodes", graph, None, ctypes.byref(n))
    return n.value, refused, work.code("cuGraphDestroy", graph), work.code("cuGraphDestroy", graph)


def test_a_graph_and_its_nodes_stay_while_they_are_captured_into():
    assert run(captured_graph_stays) == [2, [INVALID_VALUE] * 2, 0, INVALID_VALUE]


def calls_in_user_object(line):
    """What the function of a user object gets from calls, in its process and in one that it forks."""
    work = Work()
    version, seen = ctypes.c_int(), []

    @ctypes.CFUNCTYPE(None, POINTER)
    def end(_):
        seen.append(work.code("cuCtxSynchronize"))
        seen.append(work.code("cuDriverGetVersion", ctypes.byref(version)))
        child = os.fork()
        if child == 0:
            os._exit(work.code("cuDriverGetVersion", ctypes.byref(version)) or work.code("cuInit", 0))
        seen.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

    owned = work.handle("cuUserObjectCreate", None, end, 1, 1)
    work.ok("cuUserObjectRelease", owned, 1)
    return seen


def test_a_user_objects_function_meets_no_lock():
    assert run(calls_in_user_object) == [NOT_PERMITTED, 0, NOT_INITIALIZED]


def old_launch_is_captured(line):
    work = Work()
    function = work.handle("cuModuleGetFunction", work.module, b"_Z7spin_nsjPf")
    work.ok("cuFuncSetBlockShape", function, 32, 1, 1)
    work.ok("cuStreamBeginCapture_v2", work.stream, 0)
    work.ok("cuLaunchGridAsync", function, 1, 1, work.stream)
    graph, n = POINTER(), SIZE()
    work.ok("cuStreamEndCapture", work.stream, ctypes.byref(graph))
    work.ok("cuGraphGetNodes", graph, None, ctypes.byref(n))
    return n.value


def test_the_oldest_launch_is_captured_with_all_its_parameters():
    assert run(old_launch_is_captured) == 1
