# SPDX-License-Identifier: Apache-2.0
"""Every way to get device memory, up to the limit of a slice: never above, and back to nothing after."""
import pytest

from conftest import GIB, MIB, OUT_OF_MEMORY, SUCCESS
from memory_program import (CONTEXT, CUBEMAP, FLOAT, LAYERED, UNIT, Program, array2d, array3d, physical, pool)

LIMIT = CONTEXT + 301 * MIB  # not a whole number of units
INVALID_VALUE, NOT_INITIALIZED, INVALID_DEVICE = 1, 3, 101


def linear(p, name, size):
    return p.cuMemAlloc_v2(f"&{name}", size)


def pitch(p, name, size):
    return p.cuMemAllocPitch_v2(f"&{name}", "&pitch", 1000, size // 1024, 4)


def managed(p, name, size):
    return p.cuMemAllocManaged(f"&{name}", size, 1)


def array(p, name, size):
    return p.cuArray3DCreate_v2(f"&{name}", array3d(1024, size // 4096, 0))


def flat_array(p, name, size):
    return p.cuArrayCreate_v2(f"&{name}", array2d(1024, size // 4096))


def mipmap(p, name, size):
    return p.cuMipmappedArrayCreate(f"&{name}", array3d(1024, size // 4096 * 3 // 4, 0), 10)


def physical_memory(p, name, size):
    return p.cuMemCreate(f"&{name}", size, physical(), 0)


def asynchronous(p, name, size):
    return p.cuMemAllocAsync(f"&{name}", size, 0)


def from_pool(p, name, size):
    if name == "m0":
        assert p.cuMemPoolCreate("&pool", pool()) == SUCCESS
    return p.cuMemAllocFromPoolAsync(f"&{name}", size, "pool", 0)


def free_async(p, name):
    answer = p.cuMemFreeAsync(name, 0)
    assert p.cuStreamSynchronize(0) == SUCCESS
    return answer


# Name, how to take, how to free, size of a piece, and what may stay free beside it.
WAYS = [
    ("small", linear, "cuMemFree_v2", 64 * 1024, UNIT),
    ("one-mib", linear, "cuMemFree_v2", MIB, UNIT),
    ("beyond-one-mib", linear, "cuMemFree_v2", MIB + 1, UNIT),
    ("large", linear, "cuMemFree_v2", 30 * MIB, 0),
    ("pitch", pitch, "cuMemFree_v2", 8 * MIB, 0),
    ("managed", managed, "cuMemFree_v2", 16 * MIB, 0),
    ("array", array, "cuArrayDestroy", 16 * MIB, 0),
    ("flat-array", flat_array, "cuArrayDestroy", 16 * MIB, 0),
    ("mipmap", mipmap, "cuMipmappedArrayDestroy", 16 * MIB, UNIT),
    ("physical", physical_memory, "cuMemRelease", 20 * MIB, 0),
    ("async", asynchronous, free_async, 10 * MIB, 32 * MIB),
    ("pool", from_pool, free_async, 32 * MIB, 0),
]


@pytest.mark.parametrize("take,free,size,beside", [way[1:] for way in WAYS], ids=[way[0] for way in WAYS])
def test_up_to_the_limit_and_back(slices, take, free, size, beside):
    """Pieces until one is refused: the code is out of memory, what is shown stays below the limit, and what is
    left free is less than one piece. After that everything can be had again."""
    of = slices(LIMIT, context=CONTEXT)
    p = Program(of)
    for _ in range(2):
        names = []
        answer = SUCCESS
        while answer == SUCCESS:
            name = f"m{len(names)}"
            answer = take(p, name, size)
            if answer == SUCCESS:
                names.append(name)
            if len(names) % 16 == 0:
                p.check()
                assert p.charged() <= LIMIT and p.shown() <= LIMIT
        assert answer == OUT_OF_MEMORY
        p.check()
        assert p.charged() <= LIMIT and p.shown() <= LIMIT
        assert LIMIT - p.charged() < size + beside + UNIT
        assert p.use()["refused"] > 0
        assert p.info() == (LIMIT - p.charged(), LIMIT)
        for name in names:
            assert (free(p, name) if callable(free) else getattr(p, free)(name)) == SUCCESS
        p.check()
        assert p.charged() == CONTEXT
    assert p.end() == 0


def test_small_pieces_share_units(slices):
    p = Program(slices(context=CONTEXT))
    for i in range(100):
        assert p.cuMemAlloc_v2(f"&m{i}", 65536) == SUCCESS
        p.check()
    assert p.use()["tracked"] == 8 * MIB  # measured on an H100
    for i in range(100):
        assert p.cuMemFree_v2(f"m{i}") == SUCCESS
        p.check()
    assert p.use()["tracked"] == 0


@pytest.mark.parametrize("shape,mib", [
    ((1024, 0, 0, FLOAT, 1, 0), 2), ((100, 100, 0, FLOAT, 1, 0), 2), ((1000, 1000, 0, FLOAT, 1, 0), 4),
    ((1024, 1024, 0, FLOAT, 4, 0), 16), ((5000, 5000, 0, FLOAT, 4, 0), 392), ((100, 100, 100, FLOAT, 1, 0), 6),
    ((256, 256, 256, FLOAT, 4, 0), 256), ((1000, 1000, 7, FLOAT, 2, LAYERED), 56), ((512, 512, 6, FLOAT, 4, CUBEMAP), 24)])
def test_arrays_take_what_an_h100_showed(slices, shape, mib):
    p = Program(slices(2 * GIB, context=CONTEXT))
    assert p.cuArray3DCreate_v2("&a", array3d(*shape)) == SUCCESS
    assert p.use()["tracked"] == mib * MIB
    assert p.cuArrayDestroy("a") == SUCCESS
    assert p.use()["tracked"] == 0


def test_mipmaps_take_what_an_h100_showed(slices):
    p = Program(slices(context=CONTEXT))
    assert p.cuMipmappedArrayCreate("&a", array3d(1024, 1024, 0, FLOAT, 4), 11) == SUCCESS
    assert p.use()["tracked"] == 22 * MIB


def test_managed_memory_counts_in_full_although_nvml_does_not_show_it(slices):
    p = Program(slices(context=CONTEXT))
    assert p.cuMemAllocManaged("&m", 64 * MIB, 1) == SUCCESS
    assert p.use()["managed"] == p.use()["tracked"] == 64 * MIB
    assert p.cuMemAllocManaged("&n", GIB, 1) == OUT_OF_MEMORY
    assert p.cuMemFree_v2("m") == SUCCESS
    assert p.use()["managed"] == p.use()["tracked"] == 0


@pytest.mark.parametrize("call", [
    ("cuMemAlloc_v2", 0, 4096), ("cuMemAlloc_v2", "&m", 0), ("cuMemAllocPitch_v2", "&m", 0, 10, 10, 4),
    ("cuMemAllocPitch_v2", "&m", "&n", 0, 10, 4), ("cuMemAllocManaged", 0, 4096, 1), ("cuMemAllocManaged", "&m", 0, 1),
    ("cuMemCreate", 0, 2 * MIB, physical(), 0), ("cuMemCreate", "&m", 3 * MIB, physical(), 0),
    ("cuMemCreate", "&m", 2 * MIB, 0, 0), ("cuArray3DCreate_v2", 0, array3d(10, 10, 0)),
    ("cuArray3DCreate_v2", "&m", 0), ("cuMemAllocAsync", 0, 4096, 0), ("cuMemGetInfo_v2", 0, 0),
    ("cuDeviceTotalMem_v2", 0, 0), ("cuMemFree_v2", 4096), ("cuMemRelease", 0), ("cuMemUnmap", 4096, 2 * MIB),
    ("cuDevicePrimaryCtxRetain", 0, 0), ("cuDevicePrimaryCtxRetain", "&m", 77), ("cuCtxCreate_v2", 0, 0, 0),
    ("cuCtxCreate_v2", "&m", 0, 77), ("cuMemPoolCreate", 0, pool()), ("cuMemPoolCreate", "&m", 0),
    ("cuMemAllocFromPoolAsync", "&m", 4096, 0, 0), ("cuMemAlloc_v2", "&m", (1 << 64) - 1)],
    ids=lambda call: " ".join(map(str, call))[:48])
def test_wrong_calls_get_the_drivers_answer(slices, node, call):
    of = slices(context=CONTEXT)
    inside, outside = Program(of), Program(of, environment=node.environment())
    assert getattr(inside, call[0])(*call[1:]) == getattr(outside, call[0])(*call[1:])
    assert inside.use()["tracked"] == 0
    inside.check()


def test_double_free_and_free_of_unknown(slices):
    p = Program(slices(context=CONTEXT))
    assert p.cuMemAlloc_v2("&m", 10 * MIB) == SUCCESS
    assert p.cuMemFree_v2("m") == SUCCESS
    assert p.cuMemFree_v2("m") == INVALID_VALUE
    assert p.cuMemAlloc_v2("&n", 10 * MIB) == SUCCESS
    assert p.cuMemFree_v2(12345) == INVALID_VALUE
    assert p.use()["tracked"] == 10 * MIB
    p.check()


def test_refusal_touches_nothing_and_what_fits_still_fits(slices):
    p = Program(slices(LIMIT, context=CONTEXT))
    for call in (lambda: p.cuMemAlloc_v2("&m", GIB), lambda: p.cuMemAllocPitch_v2("&m", "&m", 1 << 20, 1 << 10, 4),
                 lambda: p.cuMemCreate("&m", GIB, physical(), 0), lambda: p.cuMemAllocAsync("&m", GIB, 0),
                 lambda: p.cuArray3DCreate_v2("&m", array3d(16384, 16384, 0, FLOAT, 4)),
                 lambda: p.cuMemAllocManaged("&m", GIB, 1)):
        assert call() == OUT_OF_MEMORY
        assert p.value("m") == 0
    assert p.use()["refused"] == 6
    assert p.cuMemAlloc_v2("&m", 300 * MIB) == SUCCESS
    p.check()


def test_reports(slices, node):
    of = slices(LIMIT, context=CONTEXT)
    p = Program(of)
    assert p.info() == (LIMIT - CONTEXT, LIMIT)
    assert p.cuDeviceTotalMem_v2("&total", 0) == SUCCESS
    assert p.value("total") == LIMIT
    assert p.cuMemAlloc_v2("&m", 100 * MIB) == SUCCESS
    assert p.info() == (LIMIT - CONTEXT - 100 * MIB, LIMIT)
    assert p.cuDeviceTotalMem_v2("&total", 1) == SUCCESS
    assert p.value("total") == 0  # the slice has nothing on that GPU
    outside = Program(of, environment=node.environment())
    assert outside.info()[1] > 10 * GIB


def test_a_gpu_without_a_limit_gives_nothing(slices):
    p = Program(slices(GIB, context=CONTEXT))
    assert p.cuDevicePrimaryCtxRetain("&c", 1) == OUT_OF_MEMORY
    assert p.cuCtxCreate_v2("&c", 0, 1) == OUT_OF_MEMORY
    assert p.cuMemCreate("&m", 2 * MIB, physical(where=1), 0) == OUT_OF_MEMORY


def test_a_device_that_is_not_there_is_the_drivers_to_judge(slices):
    p = Program(slices(GIB, context=CONTEXT), prepare=False)
    assert p.cuMemCreate("&m", 2 * MIB, physical(), 0) == NOT_INITIALIZED
    assert p.cuInit(0) == SUCCESS
    assert p.cuMemCreate("&m", 2 * MIB, physical(where=99), 0) == INVALID_DEVICE
    assert p.cuMemPoolCreate("&m", pool(where=99)) == INVALID_VALUE


def test_two_gpus_have_their_own_limits(slices):
    p = Program(slices({0: GIB, 1: 2 * GIB}, context=CONTEXT))
    assert p.cuMemAlloc_v2("&a", 400 * MIB) == SUCCESS
    assert p.cuDevicePrimaryCtxRetain("&other", 1) == SUCCESS
    assert p.cuCtxSetCurrent("other") == SUCCESS
    assert p.cuMemAlloc_v2("&b", 1200 * MIB) == SUCCESS
    assert p.cuMemFree_v2("a") == SUCCESS  # of the other GPU, whatever context is current
    assert (p.use(0)["tracked"], p.use(1)["tracked"]) == (0, 1200 * MIB)
    assert p.shown(1) == p.charged(1)
    assert p.info() == (2 * GIB - CONTEXT - 1200 * MIB, 2 * GIB)


def test_mixed_pieces_do_not_add_up_beyond_the_limit(slices):
    p = Program(slices(LIMIT, context=CONTEXT))
    for name, take, *_ in WAYS[:9]:
        assert take(p, "x" + name, 20 * MIB) == SUCCESS
        p.check()
    assert p.cuMemAlloc_v2("&last", 150 * MIB) == OUT_OF_MEMORY
    assert p.charged() <= LIMIT
