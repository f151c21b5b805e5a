# SPDX-License-Identifier: Apache-2.0
"""Several processes on one emulated GPU: what they may take together, what NVML sees of them, how they end."""
import concurrent.futures
import ctypes
import os
import random
import subprocess

import pynvml
import pytest

from conftest import FOLDER, create, set_mig
from cudaprocess import (CONTEXT_BEYOND_KIB, CONTEXT_MIB, INIT_KIB, MIB, POINTER, SIZE, U64, Access, Array2, Array3,
                         Driver, IpcHandle, MemoryProps, PoolProps, Process, run)

CONTEXT_KIB = INIT_KIB + CONTEXT_MIB * 1024 + CONTEXT_BEYOND_KIB  # of the device


@pytest.fixture
def gpus(machine):
    return machine.open("p5.48xlarge")


def processes(gpu):
    return {p.pid: p.usedGpuMemory // MIB for p in pynvml.nvmlDeviceGetComputeRunningProcesses(gpu)}


def used(gpu):
    """KiB beyond the driver's reserve."""
    return pynvml.nvmlDeviceGetMemoryInfo(gpu, version=pynvml.nvmlMemory_v2).used // 1024


def hold(line, size, device=0):
    """Takes memory, and holds it until told."""
    cuda = Driver(device)
    code = cuda.alloc_code(size)
    line.say(code)
    line.hear()
    return code


def test_nvml_shows_who_has_how_much(gpus, machine):
    assert processes(gpus[0]) == {} and used(gpus[0]) == 0
    holder = Process(hold, 100 << 20)
    assert holder.hear() == 0
    assert processes(gpus[0]) == {holder.pid: CONTEXT_MIB + 100} and processes(gpus[1]) == {}
    assert used(gpus[0]) == CONTEXT_KIB + 100 * 1024
    assert used(gpus[1]) == INIT_KIB  # cuInit is on all of them
    assert [(p["pid"], p["memory"], p["beyond"], p["hasContext"]) for gpu in (0, 1)
            for p in machine.show(gpu)["processes"]] == [
                (holder.pid, (CONTEXT_MIB + 100) * MIB, (INIT_KIB + CONTEXT_BEYOND_KIB) * 1024, True),
                (holder.pid, 0, INIT_KIB * 1024, False)]
    holder.say()
    holder.end()
    assert processes(gpus[0]) == {} and used(gpus[0]) == 0 == used(gpus[1])


def test_a_process_without_a_context_is_not_listed(gpus):
    def work(line):
        cuda = Driver()
        line.say()
        line.hear()
        cuda.ok("cuDevicePrimaryCtxRelease_v2", 0)
        line.say()
        line.hear()
    one = Process(work)
    one.hear()
    assert processes(gpus[0]) == {one.pid: CONTEXT_MIB}
    one.say()
    one.hear()
    assert processes(gpus[0]) == {} and used(gpus[0]) == INIT_KIB
    one.say()
    one.end()


def test_a_program_that_ends_takes_its_row_along(gpus, machine):
    machine.control("teardown", 3600000)  # that is for those who are killed
    code = ("import ctypes; c = ctypes.CDLL('libcuda.so.1'); c.cuInit(0); p = ctypes.c_void_p();"
            "assert c.cuDevicePrimaryCtxRetain(ctypes.byref(p), 0) == 0")
    subprocess.run(["python3", "-c", code], env=machine.environment | {"LD_LIBRARY_PATH": str(FOLDER)}, check=True,
                   timeout=50)
    assert processes(gpus[0]) == {} and used(gpus[0]) == 0


def test_eight_processes_fill_a_gpu_together_and_no_more(gpus):
    def work(line):
        cuda = Driver()
        line.say()
        line.hear()
        took = 0
        while cuda.alloc_code(256 << 20) == 0:
            took += 256
        line.say()
        line.hear()
        return took
    holders = [Process(work) for _ in range(8)]
    for holder in holders:
        holder.hear()
    for holder in holders:
        holder.say()
    for holder in holders:
        holder.hear()
    room = 81079 - 8 * CONTEXT_KIB / 1024
    listed = processes(gpus[0])
    for holder in holders:
        holder.say()
    took = {holder.pid: holder.end() for holder in holders}
    assert sum(took.values()) == room // 256 * 256
    assert listed == {pid: CONTEXT_MIB + mib for pid, mib in took.items()}
    assert used(gpus[0]) == 0


def test_a_full_gpu_has_no_room_for_a_context_either(gpus):
    first = Process(hold, (81079 - 1200) << 20)
    assert first.hear() == 0

    def work(line):
        cuda = Driver(context=False)
        cuda.ok("cuInit", 0)
        one = cuda.code("cuDevicePrimaryCtxRetain", ctypes.byref(POINTER()), 0)
        return one, cuda.code("cuCtxCreate_v2", ctypes.byref(POINTER()), 0, 0)
    assert run(work) == [0, 2]
    first.say()
    first.end()
    assert run(lambda line: Driver().alloc_code(70 << 30)) == 0


def test_the_memory_of_a_killed_process_is_free_for_whoever_wants_it(gpus):
    for _ in range(20):
        holder = Process(hold, 70 << 30)
        assert holder.hear() == 0
        holder.kill(wait=False)
        os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)  # a zombie, not yet reaped
        assert run(lambda line: Driver().alloc_code(70 << 30)) == 0
        assert processes(gpus[0]) == {} and used(gpus[0]) == 0
        holder.wait()


def test_a_process_that_waits_for_memory_gets_it_when_another_is_killed(gpus):
    def work(line):
        cuda = Driver()
        line.say(cuda.alloc_code(70 << 30))
        line.hear()
        return cuda.alloc_code(70 << 30)
    holder = Process(hold, 70 << 30)
    assert holder.hear() == 0
    waiter = Process(work)
    assert waiter.hear() == 2
    holder.kill()
    waiter.say()
    assert waiter.end() == 0


def test_a_teardown_time_delays_that(gpus, machine):
    machine.control("teardown", 3600000)
    holder = Process(hold, 70 << 30)
    assert holder.hear() == 0
    holder.kill()
    assert list(processes(gpus[0])) == [holder.pid]
    assert run(lambda line: Driver().alloc_code(70 << 30)) == 2
    machine.control("teardown", 0)
    assert processes(gpus[0]) == {}
    assert run(lambda line: Driver().alloc_code(70 << 30)) == 0


def test_a_child_of_a_process_with_cuda_has_none(gpus):
    def work(line):
        cuda = Driver()
        address = cuda.alloc(4096)

        def child(_):
            cuda.context = None
            return [cuda.code("cuInit", 0), cuda.alloc_code(1), cuda.code("cuMemFree_v2", U64(address)),
                    cuda.code("cuCtxSetCurrent", None), cuda.code("cuDeviceGetCount", ctypes.byref(ctypes.c_int()))]
        codes = run(child)
        cuda.free(address)
        return codes
    assert run(work) == [3] * 5


def test_a_child_of_a_process_without_a_call_has_its_own(gpus):
    def work(line):
        Driver(context=False)
        return run(lambda _: Driver().alloc_code(1))
    assert run(work) == 0


def test_ipc_reaches_the_makers_memory(gpus):
    def maker(line):
        cuda = Driver()
        handles = []
        for size in (100, 4 << 20):
            address = cuda.alloc(size)
            cuda.write(address, b"from the maker")
            handle = IpcHandle()
            cuda.ok("cuIpcGetMemHandle", ctypes.byref(handle), U64(address))
            handles.append(bytes(handle).hex())
        codes = cuda.code("cuIpcOpenMemHandle_v2", ctypes.byref(U64()), handle, 1)
        line.say(handles)
        line.hear()
        return codes, cuda.read(address, 14).decode()

    def taker(line, handles):
        cuda = Driver()
        seen = []
        for text in handles:
            handle = IpcHandle.from_buffer_copy(bytes.fromhex(text))
            cost, at = cuda.cost(lambda: cuda.get(U64, "cuIpcOpenMemHandle_v2", handle, 1))
            assert cost == 0 and cuda.get(U64, "cuIpcOpenMemHandle_v2", handle, 1) == at
            seen.append(cuda.read(at, 14).decode())
            cuda.write(at, b"from the taker")
            assert cuda.code("cuMemFree_v2", U64(at)) == 1
            assert [cuda.code("cuIpcCloseMemHandle", U64(at)) for _ in range(3)] == [0, 0, 1]
        return seen
    one = Process(maker)
    assert run(taker, one.hear()) == ["from the maker"] * 2
    one.say()
    assert one.end() == [201, "from the taker"]


def test_a_handle_of_a_dead_process_maps_nothing(gpus):
    def maker(line):
        cuda = Driver()
        handle = IpcHandle()
        cuda.ok("cuIpcGetMemHandle", ctypes.byref(handle), U64(cuda.alloc(100)))
        return bytes(handle).hex()
    handle = IpcHandle.from_buffer_copy(bytes.fromhex(run(maker)))
    assert run(lambda line: Driver().code("cuIpcOpenMemHandle_v2", ctypes.byref(U64()), handle, 1)) == 205


def test_virtual_memory_by_descriptor(gpus):
    def work(line):
        cuda = Driver()
        handle, props, size = U64(), MemoryProps(1, 1, 1, 0), 4 << 20
        cuda.ok("cuMemCreate", ctypes.byref(handle), SIZE(size), ctypes.byref(props), U64(0))
        at = mapped(cuda, handle, size)
        cuda.write(at, b"shared")
        descriptor = cuda.get(ctypes.c_int, "cuMemExportToShareableHandle", handle, 1, U64(0))
        copy = os.dup(descriptor)
        line.say([os.getpid(), copy])
        line.hear()
        return cuda.read(at, 6).decode()

    def other(line, pid, descriptor):
        fd = os.open(f"/proc/{pid}/fd/{descriptor}", os.O_RDWR)
        cuda = Driver()
        before = cuda.info()[0]
        handle = cuda.get(U64, "cuMemImportFromShareableHandle", POINTER(fd), 1)
        at = mapped(cuda, U64(handle), 4 << 20)
        assert cuda.read(at, 6) == b"shared" and cuda.info()[0] == before
        cuda.write(at, b"SHARED")
        assert cuda.code("cuMemImportFromShareableHandle", ctypes.byref(U64()),
                         POINTER(os.open("/dev/null", os.O_RDONLY)), 1) == 1
    maker = Process(work)
    run(other, *maker.hear())
    maker.say()
    assert maker.end() == "SHARED"


def mapped(cuda, handle, size):
    at = U64(cuda.get(U64, "cuMemAddressReserve", SIZE(size), SIZE(0), U64(0), U64(0)))
    cuda.ok("cuMemMap", at, SIZE(size), SIZE(0), handle, U64(0))
    cuda.ok("cuMemSetAccess", at, SIZE(size), ctypes.byref(Access(1, 0, 3)), SIZE(1))
    return at.value


def test_a_pool_by_descriptor(gpus):
    def work(line):
        cuda = Driver()
        pool = POINTER(cuda.get(POINTER, "cuMemPoolCreate", ctypes.byref(PoolProps(1, 1, 1, 0))))
        at = cuda.get(U64, "cuMemAllocFromPoolAsync", SIZE(1 << 20), pool, None)
        cuda.ok("cuStreamSynchronize", None)
        cuda.write(at, b"pooled")
        descriptor = cuda.get(ctypes.c_int, "cuMemPoolExportToShareableHandle", pool, 1, U64(0))
        label = IpcHandle()
        cuda.ok("cuMemPoolExportPointer", ctypes.byref(label), U64(at))
        line.say([os.getpid(), descriptor, bytes(label).hex()])
        line.hear()

    def other(line, pid, descriptor, label):
        cuda = Driver()
        fd = os.open(f"/proc/{pid}/fd/{descriptor}", os.O_RDWR)
        pool = POINTER(cuda.get(POINTER, "cuMemPoolImportFromShareableHandle", POINTER(fd), 1, U64(0)))
        label = IpcHandle.from_buffer_copy(bytes.fromhex(label))
        at = cuda.get(U64, "cuMemPoolImportPointer", pool, ctypes.byref(label))
        seen = cuda.read(at, 6).decode()
        cuda.ok("cuMemFreeAsync", U64(at), None)
        cuda.ok("cuMemPoolDestroy", pool)
        return seen
    maker = Process(work)
    assert run(other, *maker.hear()) == "pooled"
    maker.say()
    maker.end()


def test_a_mig_device_has_its_own_memory(gpus, machine):
    set_mig(gpus[0], True)
    _, _, gi = create(gpus[0], 19)
    mig = pynvml.nvmlDeviceGetMigDeviceHandleByIndex(gpus[0], 0)

    def work(line):
        cuda = Driver()
        free, total = cuda.info()
        line.say()
        line.hear()
        return total // MIB, (total - free) // 1024, cuda.alloc_code(total), cuda.attribute(16)
    one = Process(work)
    one.hear()
    assert processes(mig) == {one.pid: CONTEXT_MIB}
    row = next(p for p in machine.show(0)["processes"] if p["pid"] == one.pid)
    assert row["gi"] == gi
    one.say()
    total, taken, code, sms = one.end()
    assert total == pynvml.nvmlDeviceGetMemoryInfo(mig).total // MIB
    assert taken == CONTEXT_KIB and code == 2 and sms == 16


def test_an_exec_ends_the_use_of_the_gpu(gpus, machine):
    code = ("import ctypes, os; c = ctypes.CDLL('libcuda.so.1'); c.cuInit(0); p = ctypes.c_void_p();"
            "assert c.cuDevicePrimaryCtxRetain(ctypes.byref(p), 0) == 0; print('ready', flush=True); os.read(0, 1);"
            "os.execvp('cat', ['cat'])")
    program = machine.python("-c", code)
    assert program.stdout.readline() == "ready\n"
    assert processes(gpus[0]) == {program.pid: CONTEXT_MIB}
    program.stdin.write("!it is cat\n")
    program.stdin.flush()
    assert program.stdout.readline() == "it is cat\n"
    assert processes(gpus[0]) == {} and used(gpus[0]) == 0
    program.communicate(timeout=50)


def test_a_gpu_has_room_for_512_processes(gpus, machine):
    for pid in range(900000, 900512):
        machine.control("process", "add", 0, pid)
    machine.control("process", "add", 0, 900512, code=2)

    def work(line):
        cuda = Driver(context=False)
        cuda.ok("cuInit", 0)
        return cuda.code("cuDevicePrimaryCtxRetain", ctypes.byref(POINTER()), 0), \
            cuda.code("cuDevicePrimaryCtxRetain", ctypes.byref(POINTER()), 1)
    assert run(work) == [2, 0]
    machine.control("process", "remove", 0, 900100)
    assert run(work) == [0, 0]


def at_random(cuda, seed, rounds):
    """Makes and frees memory of many kinds in turn; at the end all of it is free. Refusals are fine."""
    cuda.ok("cuCtxSetCurrent", cuda.context)
    chance, made = random.Random(seed), []
    props = MemoryProps(1, 0, 1, 0)

    def make(name, *words, free):
        out = U64()
        if cuda.code(name, ctypes.byref(out), *words) == 0:
            made.append((free, out))

    for _ in range(rounds):
        size = chance.choice([1, 700, 70000, 1 << 20, 3 << 20, 900 << 20])
        kind = chance.randrange(7)
        if kind == 0:
            make("cuMemAlloc_v2", SIZE(size), free="cuMemFree_v2")
        elif kind == 1:
            make("cuMemCreate", SIZE((size // (2 << 20) + 1) * (2 << 20)), ctypes.byref(props), U64(0),
                 free="cuMemRelease")
        elif kind == 2:
            make("cuArrayCreate_v2", ctypes.byref(Array2(size % 5000 + 1, 77, 1, 1)), free="cuArrayDestroy")
        elif kind == 3:
            make("cuMemHostAlloc", SIZE(size), 0, free="cuMemFreeHost")
        elif kind == 4:
            make("cuMipmappedArrayCreate", ctypes.byref(Array3(512, 512, 0, 1, 4, 0)), 9,
                 free="cuMipmappedArrayDestroy")
        while made and (kind >= 5 or len(made) > 40):
            free, address = made.pop(chance.randrange(len(made)))
            assert cuda.code(free, address) == 0
            if chance.random() < 0.3:
                break
    for free, address in made:
        assert cuda.code(free, address) == 0


def test_nothing_is_lost_however_threads_and_processes_allocate(gpus):
    def work(line, seed):
        cuda = Driver()
        line.say()
        line.hear()
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda thread: at_random(cuda, seed * 10 + thread, 150), range(4)))
        line.say()
        line.hear()
    workers = [Process(work, seed) for seed in range(4)]
    for worker in workers:
        worker.hear()
    for worker in workers:
        worker.say()
    for worker in workers:
        worker.hear()
    assert processes(gpus[0]) == {worker.pid: CONTEXT_MIB for worker in workers}
    assert used(gpus[0]) == 4 * CONTEXT_KIB
    for worker in workers:
        worker.say()
        worker.end()
