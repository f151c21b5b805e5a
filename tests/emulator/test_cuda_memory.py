# SPDX-License-Identifier: Apache-2.0
"""What memory of each kind costs, as an H100 with driver 580.159.04 charged it on 2026-11-22 (KiB of cuMemGetInfo)."""
import ctypes

import pytest

from cudaprocess import (CONTEXT_BEYOND_KIB, CONTEXT_MIB, FLOAT, INIT_KIB, MIB, POINTER, SIZE, U64, Access, Array2,
                         Array3, Driver, MemoryProps, run)

TOTAL_MIB = 81079  # of such an H100, less what the driver keeps


@pytest.fixture
def h100(machine):
    machine.set("CARVE_EMULATOR_NODE", "p5.48xlarge")
    return machine


def cost_of(line, make, *words):
    """KiB of one thing, and what is back when it goes."""
    del line
    cuda = Driver()
    taken, thing = cuda.cost(lambda: make(cuda, *words))
    given, _ = cuda.cost(thing)
    assert given == -taken
    return taken


def alloc_many(cuda, count, size):
    made = [cuda.alloc(size) for _ in range(count)]
    assert len(set(made)) == count
    return lambda: [cuda.free(address) for address in made]


@pytest.mark.parametrize("count, size, kib", [
    (1, 1, 2048), (1, 512, 2048), (1, 1 << 20, 2048), (1, (1 << 20) + 1, 2048), (1, 2 << 20, 2048),
    (1, (2 << 20) + 1, 4096), (1, 3 << 20, 4096), (1, 5 << 20, 6144), (1, 33 << 20, 34816),
    (1000, 256, 2048), (1000, 512, 2048), (1000, 4096, 4096), (100, 65536, 8192), (100, 65537, 8192),
    (64, 512 << 10, 32768), (32, 1 << 20, 32768), (32, (1 << 20) + 1, 65536), (32, 3 << 19, 65536),
    (32, (2 << 20) - 1, 65536), (32, (2 << 20) + 1, 131072), (32, 3 << 20, 131072),
])
def test_an_allocation_costs_whole_blocks(h100, count, size, kib):
    assert run(cost_of, alloc_many, count, size) == kib


def test_a_context_costs_what_it_cost_on_the_gpu(h100):
    def work(line):
        cuda = Driver()
        free, total = cuda.info()
        second = POINTER()
        made, _ = cuda.cost(lambda: cuda.ok("cuCtxCreate_v2", ctypes.byref(second), 0, 0))
        gone, _ = cuda.cost(lambda: cuda.ok("cuCtxDestroy_v2", second))
        return total, total - free, made, gone
    total, used, made, gone = run(work)
    context_kib = CONTEXT_MIB * 1024 + CONTEXT_BEYOND_KIB
    assert total == TOTAL_MIB * MIB
    assert used == (INIT_KIB + context_kib) * 1024
    assert made == context_kib and gone == -context_kib


def make_pitch(cuda):
    at, pitch = U64(), SIZE()
    cuda.ok("cuMemAllocPitch_v2", ctypes.byref(at), ctypes.byref(pitch), SIZE(1000), SIZE(10000), 4)
    assert pitch.value == 1024
    return lambda: cuda.free(at.value)


def make_host(cuda):
    at = POINTER()
    cuda.ok("cuMemHostAlloc", ctypes.byref(at), SIZE(64 << 20), 0)
    return lambda: cuda.ok("cuMemFreeHost", at)


def make_array(cuda, width, height, channels):
    at = cuda.get(POINTER, "cuArrayCreate_v2", ctypes.byref(Array2(width, height, FLOAT, channels)))
    assert cuda.code("cuArrayGetMemoryRequirements", ctypes.create_string_buffer(64), POINTER(at), 0) == 1
    return lambda: cuda.ok("cuArrayDestroy", POINTER(at))


def make_array3(cuda, width, height, depth, channels, flags):
    shape = Array3(width, height, depth, FLOAT, channels, flags)
    at = cuda.get(POINTER, "cuArray3DCreate_v2", ctypes.byref(shape))
    return lambda: cuda.ok("cuArrayDestroy", POINTER(at))


def make_mipmap(cuda, width, height, channels, levels):
    shape = Array3(width, height, 0, FLOAT, channels, 0)
    at = cuda.get(POINTER, "cuMipmappedArrayCreate", ctypes.byref(shape), levels)
    cuda.get(POINTER, "cuMipmappedArrayGetLevel", POINTER(at), levels - 1)
    return lambda: cuda.ok("cuMipmappedArrayDestroy", POINTER(at))


@pytest.mark.parametrize("kib, make, words", [
    (10240, make_pitch, ()), (0, make_host, ()),
    (2048, make_array, (1024, 0, 1)), (2048, make_array, (100, 100, 1)), (4096, make_array, (1000, 1000, 1)),
    (16384, make_array, (1024, 1024, 4)), (401408, make_array, (5000, 5000, 4)),
    (6144, make_array3, (100, 100, 100, 1, 0)), (262144, make_array3, (256, 256, 256, 4, 0)),
    (57344, make_array3, (1000, 1000, 7, 2, 1)), (24576, make_array3, (512, 512, 6, 4, 4)),
    (22528, make_mipmap, (1024, 1024, 4, 11)),
])
def test_pitched_host_and_array_memory(h100, kib, make, words):
    assert run(cost_of, make, *words) == kib


def test_managed_memory_counts_when_the_gpu_touches_it(h100):
    def work(line):
        cuda = Driver()
        made, at = cuda.cost(lambda: cuda.get(U64, "cuMemAllocManaged", SIZE(64 << 20), 1))
        touched, _ = cuda.cost(lambda: cuda.ok("cuMemsetD8_v2", U64(at), 1, SIZE(64 << 20)))
        gone, _ = cuda.cost(lambda: cuda.free(at))
        second = cuda.get(U64, "cuMemAllocManaged", SIZE(6 << 20), 1)
        more, _ = cuda.cost(lambda: cuda.ok("cuMemsetD8_v2", U64(second), 1, SIZE(1)))
        return made, touched, gone, more
    assert run(work) == [0, 131072, -65536, 6144]


def test_pools_take_32_mib_at_a_time_and_give_it_back_at_a_synchronization(h100):
    def work(line):
        cuda = Driver()
        pool = POINTER(cuda.get(POINTER, "cuDeviceGetDefaultMemPool", 0))
        seen, made = [], []
        for size in (1024, 1 << 20, 10 << 20, 33 << 20, 100 << 20):
            cost, at = cuda.cost(lambda: cuda.get(U64, "cuMemAllocAsync", SIZE(size), None))
            made.append(at)
            seen.append([cost, reserved(cuda, pool, 5), reserved(cuda, pool, 7)])
        for at in made:
            cuda.ok("cuMemFreeAsync", U64(at), None)
        gone, _ = cuda.cost(lambda: cuda.ok("cuStreamSynchronize", None))
        return seen, gone, reserved(cuda, pool, 5)
    seen, gone, left = run(work)
    assert seen == [[32768, 32768, 1], [0, 32768, 1025], [0, 32768, 11265], [32768, 65536, 45057],
                    [98304, 163840, 147457]]
    assert gone == -163840 and left == 0


def reserved(cuda, pool, which):
    out = U64()
    cuda.ok("cuMemPoolGetAttribute", pool, which, ctypes.byref(out))
    return out.value // 1024


def test_a_pool_keeps_what_its_threshold_says(h100):
    def work(line):
        cuda = Driver()
        pool = POINTER(cuda.get(POINTER, "cuDeviceGetDefaultMemPool", 0))
        cuda.ok("cuMemPoolSetAttribute", pool, 4, ctypes.byref(U64(64 << 20)))
        at = cuda.get(U64, "cuMemAllocAsync", SIZE(100 << 20), None)
        cuda.ok("cuMemFreeAsync", U64(at), None)
        cuda.ok("cuStreamSynchronize", None)
        kept = [reserved(cuda, pool, 5)]
        cuda.ok("cuMemPoolSetAttribute", pool, 4, ctypes.byref(U64(2**64 - 1)))  # as PyTorch does
        cuda.ok("cuStreamSynchronize", None)
        kept.append(reserved(cuda, pool, 5))
        cuda.ok("cuMemPoolTrimTo", pool, SIZE(0))
        return kept + [reserved(cuda, pool, 5)]
    assert run(work) == [65536, 65536, 0]


def test_virtual_memory_lasts_until_it_is_unmapped_and_released(h100):
    def work(line):
        cuda = Driver()
        props, size = MemoryProps(1, 0, 1, 0), 20 << 20
        costs = []

        def step(name, *words):
            costs.append(cuda.cost(lambda: cuda.ok(name, *words))[0])
        assert cuda.get(SIZE, "cuMemGetAllocationGranularity", ctypes.byref(props), 0) == 2 << 20
        assert cuda.code("cuMemCreate", ctypes.byref(U64()), SIZE(3 << 20), ctypes.byref(props), U64(0)) == 1
        handle, at = U64(), U64()
        step("cuMemCreate", ctypes.byref(handle), SIZE(size), ctypes.byref(props), U64(0))
        step("cuMemAddressReserve", ctypes.byref(at), SIZE(size), SIZE(0), U64(0), U64(0))
        step("cuMemMap", at, SIZE(size), SIZE(0), handle, U64(0))
        assert cuda.code("cuMemcpyHtoD_v2", at, b"early", SIZE(5)) == 1
        step("cuMemSetAccess", at, SIZE(size), ctypes.byref(Access(1, 0, 3)), SIZE(1))
        cuda.write(at.value + size - 5, b"hello")
        assert cuda.read(at.value + size - 5, 5) == b"hello"
        step("cuMemRelease", handle)
        assert cuda.code("cuMemRelease", handle) == 1
        assert cuda.code("cuMemAddressFree", at, SIZE(size)) == 1
        step("cuMemUnmap", at, SIZE(size))
        step("cuMemAddressFree", at, SIZE(size))
        return costs
    assert run(work) == [20480, 0, 0, 0, 0, -20480, 0]


def test_stacks_are_there_for_all_threads_at_once(h100):
    def work(line):
        cuda = Driver()
        assert [limit(cuda, which) for which in (0, 1, 2)] == [1024, 8650752, 8388608]
        costs = [cuda.cost(lambda: cuda.ok("cuCtxSetLimit", which, SIZE(value)))[0]
                 for which, value in ((2, 256 << 20), (1, 64 << 20), (0, 16 << 10), (0, 64 << 10))]
        code = cuda.code("cuCtxSetLimit", 3, SIZE(4))
        cuda.ok("cuDevicePrimaryCtxRelease_v2", 0)
        return costs, code
    assert run(work) == [[0, 0, 4055040, 12976128], 215]


def limit(cuda, which):
    return cuda.get(SIZE, "cuCtxGetLimit", which)


@pytest.mark.parametrize("size, code", [(0, 1), (1 << 45, 2)])
def test_what_is_no_size(h100, size, code):
    assert run(lambda line: Driver().alloc_code(size)) == code
