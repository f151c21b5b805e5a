# SPDX-License-Identifier: Apache-2.0
"""Calls on memory, contexts and devices: bytes that really move, pointers that are known, codes for what is wrong."""
import ctypes

import pytest

from cudaprocess import FLOAT, INT, POINTER, SIZE, U64, Array2, Array3, Driver, run

INVALID_VALUE, NOT_INITIALIZED, INVALID_DEVICE, INVALID_CONTEXT, DESTROYED, BAD_HANDLE = 1, 3, 101, 201, 709, 400


@pytest.fixture
def gpus(machine):
    machine.set("CARVE_EMULATOR_NODE", "p5.48xlarge")
    return machine


class Side(ctypes.Structure):
    _fields_ = [("x", SIZE), ("y", SIZE), ("z", SIZE), ("lod", SIZE), ("type", INT), ("host", POINTER), ("device", U64),
                ("array", POINTER), ("context", POINTER), ("pitch", SIZE), ("height", SIZE)]


class Box(ctypes.Structure):
    _fields_ = [("source", Side), ("to", Side), ("width", SIZE), ("height", SIZE), ("depth", SIZE)]


class Side2(ctypes.Structure):
    _fields_ = [("x", SIZE), ("y", SIZE), ("type", INT), ("host", POINTER), ("device", U64), ("array", POINTER),
                ("pitch", SIZE)]


class Rectangle(ctypes.Structure):
    _fields_ = [("source", Side2), ("to", Side2), ("width", SIZE), ("height", SIZE)]


def rows(cuda, suffix):
    """Host, device, device, host: each name with this suffix."""
    device, other = cuda.alloc(3 << 20), cuda.alloc(100)
    data, back = ctypes.create_string_buffer(b"0123456789", 10), ctypes.create_string_buffer(10)
    stream = (POINTER(),) if "Async" in suffix else ()
    cuda.ok("cuMemcpyHtoD" + suffix, U64(device + 7), data, SIZE(10), *stream)
    cuda.ok("cuMemcpyDtoD" + suffix, U64(other), U64(device + 7), SIZE(10), *stream)
    cuda.ok("cuMemcpyDtoH" + suffix, back, U64(other), SIZE(10), *stream)
    cuda.ok("cuCtxSynchronize")
    assert back.raw == b"0123456789"
    assert cuda.code("cuMemcpyHtoD" + suffix, U64(device + (3 << 20) - 9), data, SIZE(10), *stream) == INVALID_VALUE
    assert cuda.code("cuMemcpyDtoH" + suffix, back, U64(4096), SIZE(10), *stream) == INVALID_VALUE


@pytest.mark.parametrize("suffix", ["_v2", "_v2_ptds", "Async_v2", "Async_v2_ptsz"])
def test_rows_are_copied(gpus, suffix):
    run(lambda line: rows(Driver(), suffix))


@pytest.mark.parametrize("suffix, more", [("", ()), ("_ptds", ()), ("Async", (None,)), ("Async_ptsz", (None,))])
def test_any_address_to_any_other(gpus, suffix, more):
    def work(line):
        cuda = Driver()
        device, data = cuda.alloc(100), ctypes.create_string_buffer(b"abc", 3)
        cuda.ok("cuMemcpy" + suffix, U64(device), U64(ctypes.addressof(data)), SIZE(3), *more)
        cuda.ok("cuCtxSynchronize")
        peer = "cuMemcpyPeer" + suffix
        cuda.ok(peer, U64(device + 50), cuda.context, U64(device), cuda.context, SIZE(3), *more)
        words = U64(device), cuda.context, SIZE(3), *more
        assert cuda.code(peer, U64(device + 50), POINTER(8), *words) == INVALID_CONTEXT
        cuda.ok("cuCtxSynchronize")
        return cuda.read(device + 50, 3).decode()
    assert run(work) == "abc"


@pytest.mark.parametrize("bits, value, image", [(8, 0x41, b"A"), (16, 0x4241, b"AB"), (32, 0x44434241, b"ABCD")])
@pytest.mark.parametrize("suffix, more", [("_v2", ()), ("_v2_ptds", ()), ("Async", (None,)), ("Async_ptsz", (None,))])
def test_fills(gpus, bits, value, image, suffix, more):
    def work(line):
        cuda = Driver()
        at = cuda.alloc(8192)
        cuda.ok(f"cuMemsetD{bits}{suffix}", U64(at), value, SIZE(5), *more)
        cuda.ok(f"cuMemsetD2D{bits}{suffix}", U64(at + 1024), SIZE(64), value, SIZE(3), SIZE(2), *more)
        cuda.ok("cuCtxSynchronize")
        assert cuda.read(at, 5 * len(image) + 1) == image * 5 + b"\0"
        assert cuda.read(at + 1024 + 64, 3 * len(image) + 1) == image * 3 + b"\0"
        beyond = [cuda.code(f"cuMemsetD{bits}{suffix}", U64(at), value, SIZE(8193), *more)]
        if bits > 8:
            beyond.append(cuda.code(f"cuMemsetD{bits}{suffix}", U64(at + 1), value, SIZE(1), *more))
        return beyond
    assert set(run(work)) == {INVALID_VALUE}


def test_arrays_hold_what_is_copied_into_them(gpus):
    def work(line):
        cuda = Driver()
        array = POINTER(cuda.get(POINTER, "cuArray3DCreate_v2", ctypes.byref(Array3(8, 4, 3, FLOAT, 1, 0))))
        data = ctypes.create_string_buffer(bytes(range(64)), 64)
        box = Box(Side(type=1, host=ctypes.addressof(data), pitch=16, height=2),
                  Side(x=8, y=1, z=1, type=3, array=array), 16, 2, 2)
        cuda.ok("cuMemcpy3D_v2", ctypes.byref(box))
        back = ctypes.create_string_buffer(64)
        away = Box(Side(x=8, y=1, z=1, type=3, array=array),
                   Side(type=1, host=ctypes.addressof(back), pitch=16, height=2), 16, 2, 2)
        cuda.ok("cuMemcpy3DAsync_v2", ctypes.byref(away), None)
        cuda.ok("cuCtxSynchronize")
        assert back.raw == bytes(range(64))
        box.to.z = 2
        codes = [cuda.code("cuMemcpy3D_v2", ctypes.byref(box))]
        cuda.ok("cuArrayDestroy", array)
        shape = Array3()
        codes += [cuda.code("cuArrayDestroy", array),
                  cuda.code("cuArray3DGetDescriptor_v2", ctypes.byref(shape), array),
                  cuda.code("cuArray3DGetDescriptor_v2", ctypes.byref(shape), cuda.context),
                  cuda.code("cuMemcpy3D_v2", ctypes.byref(away))]
        return codes
    assert run(work) == [INVALID_VALUE, BAD_HANDLE, BAD_HANDLE, BAD_HANDLE, INVALID_VALUE]


def test_rectangles_and_rows_of_arrays(gpus):
    def work(line):
        cuda = Driver()
        array = POINTER(cuda.get(POINTER, "cuArrayCreate_v2", ctypes.byref(Array2(4, 4, 0x01, 1))))
        pitch, at = SIZE(), U64()
        cuda.ok("cuMemAllocPitch_v2", ctypes.byref(at), ctypes.byref(pitch), SIZE(4), SIZE(4), 4)
        data = ctypes.create_string_buffer(b"0123456789abcdef", 16)
        cuda.ok("cuMemcpyHtoA_v2", array, SIZE(0), data, SIZE(4))
        whole = Rectangle(Side2(type=1, host=ctypes.addressof(data), pitch=4), Side2(type=3, array=array), 4, 4)
        cuda.ok("cuMemcpy2D_v2", ctypes.byref(whole))
        cuda.ok("cuMemcpy2DAsync_v2", ctypes.byref(Rectangle(
            Side2(x=1, y=1, type=3, array=array), Side2(type=2, device=at.value, pitch=pitch.value), 2, 3)), None)
        cuda.ok("cuCtxSynchronize")
        seen = [cuda.read(at.value + row * pitch.value, 2).decode() for row in range(3)]
        back = ctypes.create_string_buffer(4)
        cuda.ok("cuMemcpyAtoH_v2", back, array, SIZE(0), SIZE(4))
        whole.source.pitch = 3
        return seen, back.raw.decode(), cuda.code("cuMemcpy2D_v2", ctypes.byref(whole))
    assert run(work) == [["56", "9a", "de"], "0123", INVALID_VALUE]


def test_what_the_driver_says_of_a_pointer(gpus):
    def work(line):
        cuda = Driver(1)
        at = cuda.alloc(1000)

        def ask(which, kind, address=at):
            return cuda.get(kind, "cuPointerGetAttribute", which, U64(address))
        base, size = U64(), SIZE()
        cuda.ok("cuMemGetAddressRange_v2", ctypes.byref(base), ctypes.byref(size), U64(at + 999))
        assert (base.value, size.value) == (at, 1000)
        assert cuda.code("cuMemGetAddressRange_v2", ctypes.byref(base), ctypes.byref(size), U64(at + 1000)) == 500
        assert ask(1, U64) == cuda.context.value and ask(2, ctypes.c_uint) == 2 and ask(3, U64, at + 5) == at + 5
        assert ask(9, INT) == 1 and ask(11, U64, at + 9) == at and ask(12, SIZE) == 1000 and not ask(8, ctypes.c_bool)
        host = cuda.get(POINTER, "cuMemAllocHost_v2", SIZE(10))
        assert ask(2, ctypes.c_uint, host) == 1 and ask(4, POINTER, host) == host
        managed = cuda.get(U64, "cuMemAllocManaged", SIZE(10), 1)
        assert ask(8, ctypes.c_bool, managed)
        codes = [cuda.code("cuPointerGetAttribute", ctypes.byref(U64()), which, U64(address))
                 for which, address in ((1, 4096), (999, at), (4, at))]
        kinds, device = ctypes.c_uint(7), INT(7)
        wanted = (ctypes.c_uint * 2)(2, 9)
        out = (POINTER * 2)(ctypes.addressof(kinds), ctypes.addressof(device))
        cuda.ok("cuPointerGetAttributes", 2, wanted, out, U64(at))
        known = kinds.value, device.value
        cuda.ok("cuPointerGetAttributes", 2, wanted, out, U64(4096))
        return codes, known, (kinds.value, device.value)
    assert run(work) == [[INVALID_VALUE] * 3, [2, 1], [0, -2]]


def test_memory_of_the_host(gpus):
    def work(line):
        cuda = Driver()
        mine = ctypes.create_string_buffer(10000)
        cuda.ok("cuMemHostRegister_v2", mine, SIZE(10000), 0)
        codes = [cuda.code("cuMemHostRegister_v2", mine, SIZE(1), 0), cuda.code("cuMemFreeHost", mine)]
        assert cuda.get(U64, "cuMemHostGetDevicePointer_v2", mine, 0) == ctypes.addressof(mine)
        cuda.ok("cuMemHostUnregister", mine)
        codes += [cuda.code("cuMemHostUnregister", mine),
                  cuda.code("cuMemHostAlloc", ctypes.byref(POINTER()), SIZE(0), 0)]
        at = cuda.get(POINTER, "cuMemHostAlloc", SIZE(100), 1)
        ctypes.memset(at, 1, 100)
        assert cuda.get(ctypes.c_uint, "cuMemHostGetFlags", POINTER(at)) == 3
        cuda.ok("cuMemFreeHost", POINTER(at))
        return codes + [cuda.code("cuMemFreeHost", POINTER(at))]
    assert run(work) == [712, INVALID_VALUE, 713, 0, INVALID_VALUE]


def test_free_takes_only_what_begins_there(gpus):
    def work(line):
        cuda = Driver()
        at = cuda.alloc(1000)
        codes = [cuda.code("cuMemFree_v2", U64(address)) for address in (0, at + 8, at, at)]
        two, gone = POINTER(), cuda.alloc(10)
        cuda.ok("cuCtxCreate_v2", ctypes.byref(two), 0, 0)
        other = cuda.alloc(5 << 20)
        cuda.free(gone)  # of another context: that is fine
        cuda.ok("cuCtxDestroy_v2", two)
        return codes + [cuda.code("cuMemFree_v2", U64(other))]
    assert run(work) == [0, INVALID_VALUE, 0, INVALID_VALUE, INVALID_VALUE]


def test_contexts_are_a_stack_of_each_thread(gpus):
    def work(line):
        cuda = Driver(context=False)
        cuda.ok("cuInit", 0)
        seen = [cuda.code("cuMemGetInfo_v2", ctypes.byref(SIZE()), ctypes.byref(SIZE())),
                cuda.code("cuCtxPopCurrent_v2", None)]
        one, two, now, device = POINTER(), POINTER(), POINTER(), INT(-1)
        cuda.ok("cuDevicePrimaryCtxRetain", ctypes.byref(one), 2)
        cuda.ok("cuCtxPushCurrent_v2", one)
        cuda.ok("cuCtxCreate_v2", ctypes.byref(two), 0, 1)
        cuda.ok("cuCtxGetDevice", ctypes.byref(device))
        assert device.value == 1
        cuda.ok("cuCtxPopCurrent_v2", ctypes.byref(now))
        assert now.value == two.value and cuda.get(POINTER, "cuCtxGetCurrent") == one.value
        cuda.ok("cuCtxDestroy_v2", two)
        seen += [cuda.code("cuCtxSetCurrent", two), cuda.code("cuCtxDestroy_v2", two),
                 cuda.code("cuCtxDestroy_v2", one), cuda.code("cuCtxPushCurrent_v2", POINTER(64)),
                 cuda.code("cuDevicePrimaryCtxRelease_v2", 3)]
        flags, active = ctypes.c_uint(), INT()
        cuda.ok("cuDevicePrimaryCtxRelease_v2", 2)
        cuda.ok("cuDevicePrimaryCtxGetState", 2, ctypes.byref(flags), ctypes.byref(active))
        assert active.value == 0
        seen.append(cuda.alloc_code(1))
        again = cuda.get(POINTER, "cuDevicePrimaryCtxRetain", 2)
        assert again == one.value
        return seen + [cuda.alloc_code(1)]
    assert run(work) == [INVALID_CONTEXT] * 7 + [DESTROYED, 0]


def test_nothing_works_before_init(gpus):
    def work(line):
        cuda = Driver(context=False)
        version = cuda.get(INT, "cuDriverGetVersion")
        codes = [cuda.alloc_code(1), cuda.code("cuDeviceGetCount", ctypes.byref(INT())),
                 cuda.code("cuCtxSetCurrent", None), cuda.code("cuMemFree_v2", U64(0)), cuda.code("cuInit", 1)]
        return version, codes
    assert run(work) == [13000, [NOT_INITIALIZED] * 4 + [INVALID_VALUE]]


def test_codes_have_names_and_words(gpus):
    def work(line):
        cuda = Driver(context=False)

        def ask(call, code):
            out = ctypes.c_char_p()
            return cuda.code(call, code, ctypes.byref(out)), out.value.decode() if out.value else None
        return [ask("cuGetErrorName", code) for code in (0, 2, 801, 12345)] + [ask("cuGetErrorString", 2)]
    assert run(work) == [[0, "CUDA_SUCCESS"], [0, "CUDA_ERROR_OUT_OF_MEMORY"], [0, "CUDA_ERROR_NOT_SUPPORTED"],
                         [INVALID_VALUE, None], [0, "out of memory"]]


@pytest.mark.parametrize("node, sms, threads, shared, major", [
    ("p5.48xlarge", 132, 2048, 232448, 9), ("p4d.24xlarge", 108, 2048, 166912, 8), ("g4dn.xlarge", 40, 1024, 65536, 7),
    ("g5.xlarge", 80, 1536, 101376, 8), ("g6.xlarge", 58, 1536, 101376, 8),
])
def test_attributes_of_boards(machine, node, sms, threads, shared, major):
    machine.set("CARVE_EMULATOR_NODE", node)

    def work(line):
        cuda = Driver()
        name = ctypes.create_string_buffer(100)
        bus = ctypes.create_string_buffer(20)
        cuda.ok("cuDeviceGetName", name, 100, 0)
        cuda.ok("cuDeviceGetPCIBusId", bus, 20, 0)
        assert cuda.get(INT, "cuDeviceGetByPCIBusId", bus) == 0
        short = cuda.code("cuDeviceGetPCIBusId", bus, 5, 0)
        assert int(bus.raw[5:7], 16) == cuda.attribute(33)
        every = [cuda.code("cuDeviceGetAttribute", ctypes.byref(INT()), which, 0) for which in range(1, 148)]
        unknown = cuda.code("cuDeviceGetAttribute", ctypes.byref(INT()), 5000, 0)
        return [cuda.attribute(which) for which in (16, 39, 97, 75)], short, unknown, sorted(set(every))
    values, short, unknown, every = run(work)
    assert values == [sms, threads, shared, major]
    assert short == unknown == INVALID_VALUE and every == [0]


def test_peers(gpus):
    def work(line):
        cuda = Driver(0)
        other = POINTER(cuda.get(POINTER, "cuDevicePrimaryCtxRetain", 1))
        can = [cuda.get(INT, "cuDeviceCanAccessPeer", 0, peer) for peer in (0, 1)]
        return can, [cuda.code(name, *words) for name, words in (
            ("cuCtxDisablePeerAccess", (other,)), ("cuCtxEnablePeerAccess", (other, 0)),
            ("cuCtxEnablePeerAccess", (other, 0)), ("cuCtxDisablePeerAccess", (other,)),
            ("cuCtxEnablePeerAccess", (cuda.context, 0)), ("cuDeviceCanAccessPeer", (ctypes.byref(INT()), 0, 99)))]
    assert run(work) == [[0, 1], [705, 0, 704, 0, INVALID_CONTEXT, INVALID_DEVICE]]


def test_memory_of_many_gibibytes_is_only_address_space(gpus):
    def work(line):
        cuda = Driver()
        at = cuda.alloc(70 << 30)
        cuda.ok("cuMemsetD8_v2", U64(at), 0, SIZE(70 << 30))
        cuda.write(at + (69 << 30), b"far away")
        return cuda.read(at + (69 << 30), 8).decode(), cuda.read(at + (35 << 30), 1).hex()
    assert run(work) == ["far away", "00"]


def test_managed_memory_is_advised_and_prefetched(gpus):
    def work(line):
        cuda = Driver()
        at, size = cuda.get(U64, "cuMemAllocManaged", SIZE(8 << 20), 1), 8 << 20
        device = cuda.alloc(10)

        def ask(which):
            out = INT(7)
            cuda.ok("cuMemRangeGetAttribute", ctypes.byref(out), SIZE(4), which, U64(at), SIZE(size))
            return out.value
        before = [ask(which) for which in (1, 2, 4)]
        cuda.ok("cuMemAdvise", U64(at), SIZE(size), 1, 0)
        cuda.ok("cuMemAdvise", U64(at), SIZE(size), 3, -1)
        there, _ = cuda.cost(lambda: cuda.ok("cuMemPrefetchAsync", U64(at), SIZE(size), 0, None))
        after = [ask(which) for which in (1, 2, 4)]
        back, _ = cuda.cost(lambda: cuda.ok("cuMemPrefetchAsync", U64(at), SIZE(size), -1, None))
        return before, after, there, back, cuda.code("cuMemPrefetchAsync", U64(device), SIZE(1), 0, None)
    assert run(work) == [[0, -2, -2], [1, -1, 0], 8192 + 65536, -8192, INVALID_VALUE]


def test_a_batch_of_copies(gpus):
    def work(line):
        cuda = Driver()
        stream = POINTER(2)  # the thread's own: the legacy stream takes no batch
        at, data = cuda.alloc(100), ctypes.create_string_buffer(b"onetwo", 6)
        to = (U64 * 2)(at, at + 3)
        source = (U64 * 2)(ctypes.addressof(data), ctypes.addressof(data) + 3)
        sizes, hints, first, fail = (SIZE * 2)(3, 3), ctypes.create_string_buffer(64), (SIZE * 1)(0), SIZE(9)
        words = (to, source, sizes, SIZE(2), hints, first, SIZE(1), ctypes.byref(fail), stream)
        cuda.ok("cuMemcpyBatchAsync", *words)
        cuda.ok("cuCtxSynchronize")
        seen = cuda.read(at, 6).decode()
        sizes[1] = 3000
        return seen, cuda.code("cuMemcpyBatchAsync", *words), fail.value
    assert run(work) == ["onetwo", INVALID_VALUE, 1]
