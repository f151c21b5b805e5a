# SPDX-License-Identifier: Apache-2.0
"""Memory that outlives its handles, and what takes memory under other names: limits, green contexts, pools.

behind.so stands for the parts of the driver that the emulated one lacks."""
import struct

import pytest

from conftest import BUILD, GIB, MIB, OUT_OF_MEMORY, SUCCESS
from memory_program import CONTEXT, DEVICE, HOST, Program, blob, pool
from test_memory_measured import Measured

SIZE = 200 * MIB
LIMIT = CONTEXT + 256 * MIB
STACK, PRINTF, HEAP = range(3)
MAP, UNMAP = 1, 2


def tiles(operation, handle=0):
    """CUarrayMapInfo of one map or unmap."""
    return blob(struct.pack("<56xiiQ24x", operation, 0, handle))


def behind(of):
    """The environment of a program with behind.so."""
    return of.environment(LD_PRELOAD=f"{BUILD / 'src/shim/libcarve.so'}:{BUILD / 'tests/shim/behind.so'}")


def exported(p):
    assert p.cuMemExportToShareableHandle("&file", "h", 1, 0) == SUCCESS


def in_an_array(p):
    assert p.cuMemMapArrayAsync(tiles(MAP, p.value("h")), 1, 0) == SUCCESS


def in_an_array_per_thread(p):
    assert p.cuMemMapArrayAsync_ptsz(tiles(MAP, p.value("h")), 1, 0) == SUCCESS


def in_a_group(p):
    assert p.cuMulticastBindMem(0, 0, "h", 0, SIZE, 0) == SUCCESS


def in_a_group_by_address(p):
    assert p.cuMemAddressReserve("&v", SIZE, 0, 0, 0) == SUCCESS
    assert p.cuMemMap("v", SIZE, 0, "h", 0) == SUCCESS
    assert p.cuMulticastBindAddr(0, 0, p.value("v") + 2 * MIB, 2 * MIB, 0) == SUCCESS
    assert p.cuMemUnmap("v", SIZE) == SUCCESS


KEEPERS = [exported, in_an_array, in_an_array_per_thread, in_a_group, in_a_group_by_address]


@pytest.mark.parametrize("keeper", KEEPERS)
def test_what_something_else_keeps_stays_charged_while_the_driver_shows_it(node, keeper):
    p = Measured(node, LIMIT, LD_PRELOAD=str(BUILD / "tests/shim/behind.so"))
    for _ in range(3):
        assert p.cuMemCreate("&h", SIZE, blob(struct.pack("<iiii16x", 1, 1, DEVICE, 0)), 0) == SUCCESS
        keeper(p)
        assert p.cuMemRelease("h") == SUCCESS
        assert p.charged() == p.shown() == CONTEXT + SIZE
        assert p.cuMemAlloc_v2("&m", SIZE) == OUT_OF_MEMORY
        assert p.charged() == p.shown() == CONTEXT + SIZE
        assert p.cuMemMapArrayAsync(tiles(UNMAP), 1, 0) == SUCCESS
        assert p.shown() == CONTEXT
        assert p.cuMemAlloc_v2("&m", SIZE) == SUCCESS
        assert p.settled() == CONTEXT + SIZE
        assert p.cuMemFree_v2("m") == SUCCESS
    assert p.end() == 0


def test_what_was_given_away_and_closed_can_be_had_again_at_once(node):
    """Who measures may answer at any time, also between a look at the page and the question."""
    p = Measured(node, LIMIT)
    for _ in range(300):
        assert p.cuMemCreate("&h", SIZE, blob(struct.pack("<iiii16x", 1, 1, DEVICE, 0)), 0) == SUCCESS
        exported(p)
        assert p.ask("close", "file") == "0"
        assert p.cuMemRelease("h") == SUCCESS
        assert p.cuMemAlloc_v2("&m", SIZE) == SUCCESS
        assert p.cuMemFree_v2("m") == SUCCESS
    assert p.use()["refused"] == 0
    assert p.end() == 0


# ---- limits of a context

@pytest.mark.parametrize("limit", [PRINTF, HEAP])
def test_a_heap_for_kernels_needs_room(slices, limit):
    """The driver takes it with the first code that uses it, when nobody asks any more."""
    p = Program(slices(CONTEXT + GIB, context=CONTEXT))
    assert p.cuCtxGetLimit("&first", limit) == SUCCESS
    assert p.cuCtxSetLimit(limit, 2 * GIB) == OUT_OF_MEMORY
    assert p.cuCtxGetLimit("&now", limit) == SUCCESS
    assert p.value("now") == p.value("first")
    assert p.cuCtxSetLimit(limit, 600 * MIB) == SUCCESS
    assert p.cuMemAlloc_v2("&m", 500 * MIB) == OUT_OF_MEMORY
    assert p.cuCtxSetLimit(limit, MIB) == SUCCESS
    assert p.charged() == CONTEXT
    assert p.cuMemAlloc_v2("&m", GIB) == SUCCESS


def test_a_stack_is_charged_as_long_as_it_is_set(slices):
    """Again and again, where nobody measures: it does not add up, and it ends with its context."""
    p = Program(slices(2 * CONTEXT + 5 * GIB, context=CONTEXT))
    assert p.cuCtxCreate_v2("&other", 0, 0) == SUCCESS
    for _ in range(3):
        assert p.cuCtxSetLimit(STACK, 16384) == SUCCESS
        p.check()
        assert p.charged() > 2 * CONTEXT + 3 * GIB
        assert p.cuCtxSetLimit(STACK, 1 << 30) != SUCCESS
        p.check()
        assert p.cuCtxSetLimit(STACK, 512) == SUCCESS
        assert p.charged() == 2 * CONTEXT
    assert p.cuCtxSetLimit(STACK, 16384) == SUCCESS
    assert p.cuCtxDestroy_v2("other") == SUCCESS
    assert p.charged() == p.shown() == CONTEXT


# ---- contexts by other names

def test_a_green_context_makes_the_primary_one(slices):
    of = slices({0: CONTEXT - MIB, 1: GIB}, context=CONTEXT)
    p = Program(of, environment=behind(of), prepare=False)
    assert p.cuInit(0) == SUCCESS
    assert p.cuGreenCtxCreate("&green", 0, 0, 1) == OUT_OF_MEMORY
    assert p.shown() == 0
    assert p.cuGreenCtxCreate("&green", 0, 1, 1) == SUCCESS
    assert p.charged(1) == p.shown(1) == CONTEXT
    assert p.cuDevicePrimaryCtxRetain("&context", 1) == SUCCESS
    assert p.charged(1) == p.shown(1) == CONTEXT


def test_a_green_context_may_be_the_last_to_hold_the_primary_one(slices):
    of = slices(LIMIT, context=CONTEXT)
    p = Program(of, environment=behind(of))
    assert p.cuGreenCtxCreate("&green", 0, 0, 1) == SUCCESS
    assert p.cuMemAlloc_v2("&m", SIZE) == SUCCESS
    assert p.cuDevicePrimaryCtxRelease_v2(0) == SUCCESS
    assert p.charged() == p.shown() == CONTEXT + SIZE
    assert p.cuGreenCtxDestroy("green") == SUCCESS
    assert p.charged() == p.shown() == 0


def test_green_contexts_do_not_add_up(slices):
    of = slices(2 * CONTEXT, context=CONTEXT)
    p = Program(of, environment=behind(of), prepare=False)
    assert p.cuInit(0) == SUCCESS
    for _ in range(4):
        assert p.cuGreenCtxCreate("&green", 0, 0, 1) == SUCCESS
        assert p.charged() == p.shown() == CONTEXT
        assert p.cuGreenCtxDestroy("green") == SUCCESS
        assert p.charged() == p.shown() == 0


def test_a_context_of_vdpau_needs_room(slices):
    of = slices(LIMIT, context=CONTEXT)
    p = Program(of, environment=behind(of))
    assert p.cuVDPAUCtxCreate_v2("&context", 0, 0, 0, 0) == OUT_OF_MEMORY
    p.check()


# ---- whose a pool is

@pytest.mark.parametrize("call", ["cuMemAllocFromPoolAsync", "cuMemAllocFromPoolAsync_ptsz"])
def test_a_pool_is_its_devices_on_any_stream(slices, call):
    p = Program(slices({0: GIB, 1: 100 * MIB}, context=CONTEXT))
    assert p.cuDeviceGetDefaultMemPool("&pool", 1) == SUCCESS
    assert getattr(p, call)("&m", 200 * MIB, "pool", 0) == OUT_OF_MEMORY
    assert getattr(p, call)("&m", 60 * MIB, "pool", 0) == SUCCESS
    assert p.use(0)["tracked"] == 0
    assert p.charged(1) == p.shown(1) == 64 * MIB


def test_a_pool_of_a_gpu_without_a_limit_gives_nothing(slices):
    p = Program(slices(GIB, context=CONTEXT))
    assert p.cuDeviceGetDefaultMemPool("&pool", 1) == SUCCESS
    assert p.cuMemAllocFromPoolAsync("&m", 2 * MIB, "pool", 0) == OUT_OF_MEMORY
    assert p.shown(1) == 0


def test_a_pool_of_the_hosts_memory_is_free(slices):
    p = Program(slices(LIMIT, context=CONTEXT))
    assert p.cuMemPoolCreate("&pool", pool(HOST)) == SUCCESS
    assert p.cuMemAllocFromPoolAsync("&m", GIB, "pool", 0) == SUCCESS
    assert p.use()["tracked"] == 0
    p.check()
    assert p.cuMemFreeAsync("m", 0) == SUCCESS
    assert p.cuMemPoolDestroy("pool") == SUCCESS
    p.check()


def test_a_stream_of_a_context_that_nobody_told_of_is_its_devices(slices):
    of = slices({0: LIMIT, 1: GIB}, context=CONTEXT)
    p = Program(of, environment=behind(of))
    assert p.cuGreenCtxCreate("&green", 0, 1, 1) == SUCCESS
    assert p.cuCtxSetCurrent("green") == SUCCESS
    assert p.cuStreamCreate("&stream", 1) == SUCCESS
    assert p.cuCtxSetCurrent("context") == SUCCESS
    before = p.use(0)
    assert p.cuMemAllocAsync("&m", 60 * MIB, "stream") == SUCCESS
    assert p.use(0) == before
    assert p.use(1)["tracked"] == 64 * MIB


def test_who_synchronizes_all_the_time_can_be_measured(slices):
    """Nothing changes, and so who measures finds nothing changed meanwhile."""
    p = Program(slices(LIMIT, context=CONTEXT))
    assert p.cuMemAllocAsync("&m", 60 * MIB, 0) == SUCCESS
    assert p.cuStreamSynchronize(0) == SUCCESS
    before = p.use()
    assert p.cuStreamSynchronize(0) == SUCCESS
    assert p.use() == before
    assert p.cuMemFreeAsync("m", 0) == SUCCESS
    assert p.cuStreamSynchronize(0) == SUCCESS
    assert p.use()["changed"] > before["changed"]
    assert p.charged() == p.shown() == CONTEXT
