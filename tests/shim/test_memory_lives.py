# SPDX-License-Identifier: Apache-2.0
"""How long memory is charged: handles and mappings, pools, contexts, stacks."""
import struct

import pytest

from conftest import GIB, MIB, OUT_OF_MEMORY, SUCCESS
from memory_program import CONTEXT, DEVICE, HOST, POOL_RELEASE_THRESHOLD, Program, blob, physical, pool

SIZE = 20 * MIB


@pytest.fixture
def program(slices):
    p = Program(slices(CONTEXT + 256 * MIB, context=CONTEXT))
    yield p
    assert p.end() == 0


def tracked(p, mib):
    assert p.use()["tracked"] == mib * MIB
    p.check()


# ---- handles and mappings

def mapped(p, size=SIZE):
    assert p.cuMemCreate("&h", size, physical(), 0) == SUCCESS
    assert p.cuMemAddressReserve("&v", size, 0, 0, 0) == SUCCESS
    assert p.cuMemMap("v", size, 0, "h", 0) == SUCCESS


def test_a_mapping_keeps_what_its_handle_gave_up(program):
    mapped(program)
    assert program.cuMemRelease("h") == SUCCESS
    tracked(program, 20)
    assert program.cuMemUnmap("v", SIZE) == SUCCESS
    tracked(program, 0)


def test_a_handle_keeps_what_is_not_mapped(program):
    mapped(program)
    assert program.cuMemUnmap("v", SIZE) == SUCCESS
    tracked(program, 20)
    assert program.cuMemRelease("h") == SUCCESS
    tracked(program, 0)
    assert program.cuMemRelease("h") != SUCCESS
    tracked(program, 0)


def test_a_retained_handle_counts_once_more(program):
    mapped(program)
    assert program.cuMemRetainAllocationHandle("&again", "v") == SUCCESS
    assert program.cuMemRelease("h") == SUCCESS
    assert program.cuMemUnmap("v", SIZE) == SUCCESS
    tracked(program, 20)
    assert program.cuMemRelease("again") == SUCCESS
    tracked(program, 0)


def test_a_new_handle_is_not_mistaken_for_a_released_one(program):
    """The driver may give the value of a released handle anew while its memory is still mapped."""
    mapped(program)
    assert program.cuMemRelease("h") == SUCCESS
    assert program.cuMemCreate("&h2", 4 * MIB, physical(), 0) == SUCCESS
    tracked(program, 24)
    assert program.cuMemUnmap("v", SIZE) == SUCCESS
    tracked(program, 4)
    assert program.cuMemRelease("h2") == SUCCESS
    tracked(program, 0)


def test_one_unmap_of_many_mappings(program):
    pieces = 80
    assert program.cuMemAddressReserve("&v", pieces * 2 * MIB, 0, 0, 0) == SUCCESS
    base = program.value("v")
    for i in range(pieces):
        assert program.cuMemCreate(f"&h{i}", 2 * MIB, physical(), 0) == SUCCESS
        assert program.cuMemMap(base + i * 2 * MIB, 2 * MIB, 0, f"h{i}", 0) == SUCCESS
        assert program.cuMemRelease(f"h{i}") == SUCCESS
    tracked(program, 2 * pieces)
    assert program.cuMemUnmap(base, pieces * 2 * MIB) == SUCCESS
    tracked(program, 0)


def test_a_mapping_that_fails_changes_nothing(program):
    mapped(program)
    assert program.cuMemMap("v", SIZE, 0, "h", 0) != SUCCESS
    assert program.cuMemUnmap(4096, SIZE) != SUCCESS
    assert program.cuMemUnmap("v", SIZE) == SUCCESS
    tracked(program, 20)
    assert program.cuMemRelease("h") == SUCCESS
    tracked(program, 0)


def test_what_one_exports_and_imports_is_charged_once(program):
    shared = blob(struct.pack("<iiii16x", 1, 1, DEVICE, 0))  # to be exported as a descriptor
    assert program.cuMemCreate("&h", SIZE, shared, 0) == SUCCESS
    assert program.cuMemExportToShareableHandle("&file", "h", 1, 0) == SUCCESS
    assert program.cuMemImportFromShareableHandle("&again", "file", 1) == SUCCESS
    tracked(program, 20)
    assert program.cuMemRelease("again") == SUCCESS
    tracked(program, 20)
    assert program.cuMemRelease("h") == SUCCESS
    assert program.use()["tracked"] == 0
    assert program.charged() == CONTEXT + SIZE  # its file is open: until somebody looks (test_memory_kept.py)


def test_host_memory_is_free(program):
    assert program.cuMemAllocHost_v2("&m", GIB // 2) == SUCCESS
    program.cuMemCreate("&h", GIB, physical(HOST), 0)  # a machine may not offer it
    tracked(program, 0)


# ---- pools

def test_a_pool_is_charged_for_what_it_holds(program):
    assert program.cuMemAllocAsync("&m", 1000, 0) == SUCCESS
    tracked(program, 32)
    assert program.cuMemAllocAsync("&n", 10 * MIB, 0) == SUCCESS
    tracked(program, 32)
    assert program.cuMemAllocAsync("&o", 33 * MIB, 0) == SUCCESS
    tracked(program, 64)
    for name in "mno":
        assert program.cuMemFreeAsync(name, 0) == SUCCESS
    assert program.cuStreamSynchronize(0) == SUCCESS
    tracked(program, 0)


def keep_all(p, name):
    assert p.cuMemPoolSetAttribute(name, POOL_RELEASE_THRESHOLD, blob(struct.pack("<Q", GIB))) == SUCCESS


def test_what_a_pool_keeps_is_trimmed_before_a_refusal(program):
    assert program.cuDeviceGetDefaultMemPool("&pool", 0) == SUCCESS
    keep_all(program, "pool")
    assert program.cuMemAllocAsync("&m", 200 * MIB, 0) == SUCCESS
    assert program.cuMemFreeAsync("m", 0) == SUCCESS
    assert program.cuStreamSynchronize(0) == SUCCESS
    tracked(program, 224)
    assert program.cuMemAlloc_v2("&n", 200 * MIB) == SUCCESS
    tracked(program, 200)
    assert program.use()["refused"] == 0


def test_a_full_pool_can_be_used_again(program):
    """All of the slice is in the pool, and half of that is free: no new room is needed."""
    assert program.cuDeviceGetDefaultMemPool("&pool", 0) == SUCCESS
    keep_all(program, "pool")
    names = [f"m{i}" for i in range(8)]
    for name in names:
        assert program.cuMemAllocAsync("&" + name, 32 * MIB, 0) == SUCCESS
    tracked(program, 256)
    for _ in range(4):
        assert program.cuMemFreeAsync("m3", 0) == SUCCESS
        assert program.cuMemAllocAsync("&m3", 30 * MIB, 0) == SUCCESS
        tracked(program, 256)
    assert program.cuMemAllocAsync("&more", 32 * MIB, 0) == OUT_OF_MEMORY
    tracked(program, 256)


def test_pools_of_ones_own(program):
    assert program.cuMemPoolCreate("&pool", pool()) == SUCCESS
    assert program.cuMemAllocFromPoolAsync("&m", 40 * MIB, "pool", 0) == SUCCESS
    tracked(program, 64)
    assert program.cuMemAllocFromPoolAsync("&n", GIB, "pool", 0) == OUT_OF_MEMORY
    assert program.cuMemFreeAsync("m", 0) == SUCCESS
    assert program.cuStreamSynchronize(0) == SUCCESS
    assert program.cuMemPoolTrimTo("pool", 0) == SUCCESS
    tracked(program, 0)
    assert program.cuMemAllocFromPoolAsync("&m", 40 * MIB, "pool", 0) == SUCCESS
    assert program.cuMemFreeAsync("m", 0) == SUCCESS
    assert program.cuMemPoolDestroy("pool") == SUCCESS
    tracked(program, 0)


# ---- contexts

def test_a_context_takes_what_was_allocated_in_it_along(slices):
    p = Program(slices(3 * GIB, context=CONTEXT), prepare=False)
    assert p.cuInit(0) == SUCCESS
    assert p.cuCtxCreate_v2("&one", 0, 0) == SUCCESS
    assert p.cuMemAlloc_v2("&m", 100 * MIB) == SUCCESS
    assert p.cuMemAlloc_v2("&s", 1000) == SUCCESS
    assert p.cuCtxCreate_v2("&two", 0, 0) == SUCCESS
    assert p.cuMemAlloc_v2("&n", 50 * MIB) == SUCCESS
    assert p.charged() == 2 * CONTEXT + 152 * MIB
    p.check()
    assert p.cuCtxDestroy_v2("one") == SUCCESS
    assert p.charged() == CONTEXT + 50 * MIB
    p.check()
    assert p.cuCtxDestroy_v2("one") != SUCCESS
    assert p.cuCtxDestroy_v2("two") == SUCCESS
    assert p.charged() == 0
    p.check()


def test_a_primary_context_goes_with_its_last_user_or_a_reset(slices):
    p = Program(slices(3 * GIB, context=CONTEXT))
    for end in ("cuDevicePrimaryCtxRelease_v2", "cuDevicePrimaryCtxReset_v2"):
        assert p.cuCtxSetCurrent("context") == SUCCESS
        assert p.cuMemAlloc_v2("&m", 100 * MIB) == SUCCESS
        assert p.cuDevicePrimaryCtxRetain("&again", 0) == SUCCESS
        assert p.charged() == CONTEXT + 100 * MIB
        if end.endswith("Release_v2"):
            assert getattr(p, end)(0) == SUCCESS
            assert p.charged() == CONTEXT + 100 * MIB
        assert getattr(p, end)(0) == SUCCESS
        assert p.charged() == 0
        assert p.use()["contexts"] == 0
        p.check()
        assert p.cuDevicePrimaryCtxRetain("&context", 0) == SUCCESS


def test_a_context_that_does_not_fit_is_refused(slices):
    p = Program(slices(CONTEXT + 100 * MIB, context=CONTEXT))
    assert p.cuCtxCreate_v2("&more", 0, 0) == OUT_OF_MEMORY
    assert p.cuMemAlloc_v2("&m", 100 * MIB) == SUCCESS
    p.check()
    small = Program(slices(CONTEXT - MIB, context=CONTEXT), prepare=False)
    assert small.cuInit(0) == SUCCESS
    assert small.cuDevicePrimaryCtxRetain("&context", 0) == OUT_OF_MEMORY
    small.check()


def test_a_stack_for_all_threads_needs_room(slices):
    """Measured on an H100: a stack takes its size times all threads that the GPU can hold."""
    p = Program(slices(CONTEXT + 5 * GIB, context=CONTEXT))
    assert p.cuCtxSetLimit(0, 65536) == OUT_OF_MEMORY
    assert p.charged() == p.shown() == CONTEXT
    assert p.cuCtxSetLimit(0, 16384) == SUCCESS
    assert p.charged() == p.shown() > CONTEXT + 3 * GIB
    assert p.cuMemAlloc_v2("&m", 2 * GIB) == OUT_OF_MEMORY


def test_a_context_created_in_secret_is_still_charged(slices):
    """The current context decides, not whoever made it: one of a thread that we never saw."""
    p = Program(slices(CONTEXT + 100 * MIB, context=CONTEXT))
    assert p.cuCtxPopCurrent_v2("&old") == SUCCESS
    assert p.cuMemAlloc_v2("&m", MIB) == 201
    assert p.cuCtxPushCurrent_v2("context") == SUCCESS
    assert p.cuMemAlloc_v2("&m", MIB) == SUCCESS
    p.check()
