# SPDX-License-Identifier: Apache-2.0
"""Names for programs whose default stream is each thread's own, and copies and fills by their first versions.

The same program goes once through the plain names and once through the others; what it sees has to be the same.
"""
import ctypes

import pytest

from cudanames import (PER_THREAD, Config, Instantiate, Old, PerThread, Value, Way, different, low_memory,
                       per_thread_names, through)
from cudaprocess import INT, POINTER, SIZE, U64
from test_cuda_memory_calls import Rectangle, Side2

NON_BLOCKING, HOST, ARRAY, UINT8 = 1, 1, 3, 0x01
PTX = b".version 7.0\n.target sm_75\n.address_size 64\n.visible .entry plain() { ret; }\n"


def moves(way):
    """Every copy and fill, with and without a stream."""
    own = low_memory(way, 4096)
    base = ctypes.addressof(own)
    a, b, c = (way.address(base + at) for at in (0, 64, 128))
    host, out = POINTER(base + 256), POINTER(base + 320)
    first, second = (POINTER(way.get(POINTER, "cuArrayCreate_v2", ctypes.byref(way.array2(64, 2, UINT8, 1))).value)
                     for _ in range(2))
    for made in way.seen["cuArrayCreate_v2"]:
        made[1] = made[1] != 0
    n, off, far, none = way.size(8), way.size(4), way.size(16), way.size(0)
    rectangle = way.rectangle({"x": 1, "type": HOST, "host": host, "pitch": 8},
                              {"x": 3, "y": 1, "type": ARRAY, "array": first}, 5, 1)
    away = way.rectangle({"x": 2, "y": 1, "type": ARRAY, "array": first},
                         {"y": 1, "type": HOST, "host": out, "pitch": 16}, 7, 1)
    box = way.box({"type": HOST, "host": host, "pitch": 8, "height": 2},
                  {"x": 5, "type": ARRAY, "array": second}, 6, 2, 1)
    context = way.cuda.context
    rows = [("cuMemcpy", "", (U64(base), U64(base + 256), SIZE(8))), ("cuMemcpyHtoD", "_v2", (a, host, n)),
            ("cuMemcpyDtoD", "_v2", (b, a, n)), ("cuMemcpyDtoH", "_v2", (out, b, n)),
            ("cuMemcpyDtoA", "_v2", (first, off, a, n)), ("cuMemcpyAtoD", "_v2", (c, first, off, n)),
            ("cuMemcpyHtoA", "_v2", (first, far, host, n)), ("cuMemcpyAtoH", "_v2", (out, first, far, n)),
            ("cuMemcpyAtoA", "_v2", (second, none, first, off, n)),
            ("cuMemcpyPeer", "", (U64(base + 70), context, U64(base + 3), context, SIZE(9))),
            ("cuMemcpy2D", "_v2", (ctypes.byref(rectangle),)), ("cuMemcpy2D", "_v2", (ctypes.byref(away),)),
            ("cuMemcpy2DUnaligned", "_v2", (ctypes.byref(away),)), ("cuMemcpy3D", "_v2", (ctypes.byref(box),)),
            ("cuMemcpy3DPeer", "", (ctypes.byref(box),))]
    for bits, value in ((8, 0x41), (16, 0x4243), (32, 0x44454647)):
        rows += [(f"cuMemsetD{bits}", "_v2", (a, value, way.size(5))),
                 (f"cuMemsetD2D{bits}", "_v2", (b, way.size(16), value, way.size(3), way.size(2)))]
    for turn, (stem, version, words) in enumerate(rows):
        for name, more in ((stem + version, ()), (stem + "Async" + version, (way.stream,)),
                           (stem + "Async", (way.stream,))):
            if not way.has(name) or (name == stem + "Async" and version and "Memset" not in name):
                continue
            for i in range(640):
                own[i] = (i * 7 + turn * 13 + len(more)) % 251
            images = [(Side2(type=ARRAY, array=array), Side2(type=HOST, host=base + at, pitch=64))
                      for array, at in ((first, 384), (second, 512))]
            for array, image in images:
                way.cuda.ok("cuMemcpy2DAsync_v2", ctypes.byref(Rectangle(image, array, 64, 2)), POINTER(PER_THREAD))
            code = way.call(name, *words, *more)
            idle = way.call("cuStreamQuery", way.stream)
            for array, image in images:
                way.cuda.ok("cuMemcpy2DAsync_v2", ctypes.byref(Rectangle(array, image, 64, 2)), POINTER(PER_THREAD))
            way.cuda.ok("cuStreamSynchronize", POINTER(PER_THREAD))
            way.seen.setdefault(name, []).append([code, idle, list(own[:640])])
    return way.end()


@pytest.fixture(autouse=True)
def h100(machine):
    machine.set("CARVE_EMULATOR_NODE", "p5.48xlarge")
    return machine


@pytest.mark.parametrize("way", [PerThread, Old])
def test_copies_and_fills_are_the_same_by_every_name(way):
    (plain, _), (other, _) = through(Way, moves), through(way, moves)
    assert different(plain, other) == {} and len(other) >= 25
    assert all(answer[0] == 0 for answers in other.values() for answer in answers)


def captures(way, module):
    """A stream that captures, told and asked by every name; the graph launched."""
    function = POINTER(way.cuda.get(POINTER, "cuModuleGetFunction", module, b"plain"))
    status, ident, graph, nodes, edges, n = INT(), U64(), POINTER(), POINTER(), POINTER(), SIZE()
    to = ctypes.byref
    launch = function, 1, 1, 1, 32, 1, 1, 0, way.stream, None, None

    def begin(name, *words):
        way.note(name, way.stream, *words)
        way.note("cuLaunchKernel", *launch)
        way.note("cuStreamIsCapturing", way.stream, to(status), see=lambda: status.value)

    def end():
        way.note("cuStreamEndCapture", way.stream, to(graph))
        way.note("cuGraphGetNodes", graph, None, to(n), see=lambda: n.value)
    begin("cuStreamBeginCapture")
    end()
    begin("cuStreamBeginCaptureToGraph", graph, None, None, SIZE(0), 2)
    way.note("cuStreamGetCaptureInfo", way.stream, to(status), to(ident), see=lambda: (status.value, ident.value > 0))
    same = (lambda: (status.value, graph.value is not None, n.value))
    way.note("cuStreamGetCaptureInfo_v2", way.stream, to(status), to(ident), to(graph), to(nodes), to(n), see=same)
    way.note("cuStreamGetCaptureInfo_v3", way.stream, to(status), to(ident), to(graph), to(nodes), to(edges), to(n),
             see=same)
    end()
    begin("cuStreamBeginCapture_v2", 1)
    way.note("cuStreamUpdateCaptureDependencies", way.stream, None, SIZE(0), 1)
    way.note("cuLaunchKernel", *launch)
    way.note("cuStreamUpdateCaptureDependencies_v2", way.stream, None, None, SIZE(0), 0)
    way.note("cuStreamGetCaptureInfo_v2", way.stream, to(status), None, to(graph), to(nodes), to(n), see=same)
    way.note("cuLaunchKernel", *launch)
    end()
    made, wanted = POINTER(), Instantiate()
    way.note("cuGraphInstantiateWithParams", to(made), graph, to(wanted), see=lambda: wanted.result)
    way.note("cuGraphUpload", made, way.stream)
    way.note("cuGraphLaunch", made, way.stream)
    way.note("cuStreamSynchronize", way.stream)
    config = Config((1, 1, 1), (32, 1, 1), 0, way.stream, None, 0)
    way.note("cuLaunchKernelEx", to(config), function, None, None)
    way.note("cuLaunchKernel", *launch)
    way.note("cuLaunchCooperativeKernel", *launch[:-1])


def asks(way):
    """What the stream is asked about itself: the plain names then tell that it was the thread's own."""
    own = POINTER(PER_THREAD)
    for name, kind in (("cuStreamGetId", U64), ("cuStreamGetFlags", INT), ("cuStreamGetPriority", INT),
                       ("cuStreamGetDevice", INT), ("cuStreamGetCtx", POINTER), ("cuStreamGetCtx_v2", POINTER)):
        out, known, green = kind(), kind(), POINTER(8)
        more = (ctypes.byref(green),) if name.endswith("_v2") else ()
        way.cuda.ok(name, own, ctypes.byref(known), *more)
        way.note(name, way.stream, ctypes.byref(out), *more, see=lambda: (out.value == known.value, green.value))
    policy, told = 3, ctypes.c_uint(2)
    way.note("cuStreamSetAttribute", way.stream, policy, ctypes.byref(told))
    told.value = 0
    way.cuda.ok("cuStreamGetAttribute", own, policy, ctypes.byref(told))
    way.seen["policy"] = told.value
    way.note("cuStreamGetAttribute", way.stream, policy, ctypes.byref(told), see=lambda: told.value)
    way.note("cuStreamCopyAttributes", way.stream, way.stream)
    fresh = POINTER(way.cuda.get(POINTER, "cuStreamCreate", NON_BLOCKING))
    way.note("cuStreamCopyAttributes", fresh, way.stream)
    way.cuda.ok("cuStreamGetAttribute", fresh, policy, ctypes.byref(told))
    way.seen["copied"] = told.value


def memory(way):
    """Memory in the stream's order, managed memory, and batches of copies."""
    at, pool, to = U64(), POINTER(way.cuda.get(POINTER, "cuDeviceGetDefaultMemPool", 0)), ctypes.byref
    for name, more in (("cuMemAllocAsync", ()), ("cuMemAllocFromPoolAsync", (pool,))):
        way.note(name, to(at), SIZE(4096), *more, way.stream)
        way.note("cuMemFreeAsync", at, way.stream)
        way.note("cuMemFreeAsync", U64(12345), way.stream)
    managed = U64(way.cuda.get(U64, "cuMemAllocManaged", SIZE(4096), 1))
    way.note("cuMemPrefetchAsync", managed, SIZE(4096), 0, way.stream)
    way.note("cuMemPrefetchAsync_v2", managed, SIZE(4096), U64(1), 0, way.stream)
    way.note("cuStreamAttachMemAsync", way.stream, managed, SIZE(0), 1)
    own = low_memory(way, 4096)
    base = ctypes.addressof(own)
    own[0:4] = (9, 8, 7, 6)
    for name, more in (("cuMemcpyBatchAsync", (to(SIZE()),)), ("cuMemcpyBatchAsync_v2", ())):
        way.note(name, (U64 * 2)(base + 64, base + 128), (U64 * 2)(base, base + 2), (SIZE * 2)(2, 2), SIZE(2),
                 ctypes.create_string_buffer(64), (SIZE * 1)(0), SIZE(1), *more, way.stream)
        way.note("cuStreamSynchronize", way.stream, see=lambda: list(own[60:132]))
        own[64:132] = [0] * 68


def order(way):
    """Events, host functions, values."""
    event, seen = POINTER(way.cuda.get(POINTER, "cuEventCreate", 0)), []

    @ctypes.CFUNCTYPE(None, POINTER)
    def host(data):
        seen.append(data)

    @ctypes.CFUNCTYPE(None, POINTER, INT, POINTER)
    def back(stream, code, data):
        seen.append((stream, code, data))
    way.note("cuEventRecord", event, way.stream)
    way.note("cuEventRecordWithFlags", event, way.stream, 0)
    way.note("cuStreamWaitEvent", way.stream, event, 0)
    way.note("cuLaunchHostFunc", way.stream, host, POINTER(5))
    way.note("cuStreamAddCallback", way.stream, back, POINTER(6), 0)
    words = (U64 * 8)()
    way.cuda.ok("cuMemHostRegister_v2", words, SIZE(64), 0)
    at = ctypes.addressof(words)
    way.note("cuStreamWriteValue32_v2", way.stream, U64(at), 7, 0)
    way.note("cuStreamWaitValue32_v2", way.stream, U64(at), 7, 1)
    way.note("cuStreamWriteValue64_v2", way.stream, U64(at + 8), U64(1 << 40), 0)
    way.note("cuStreamWaitValue64_v2", way.stream, U64(at + 8), U64(1 << 40), 1)
    way.note("cuStreamBatchMemOp_v2", way.stream, 1, ctypes.byref(Value(5, at + 16, 1 << 41)), 0)
    way.note("cuStreamSynchronize", way.stream, see=lambda: (list(words), list(seen)))
    way.note("cuStreamQuery", way.stream)


def work(way):
    module = POINTER(way.cuda.get(POINTER, "cuModuleLoadData", PTX))
    captures(way, module)
    asks(way)
    memory(way)
    order(way)
    return way.end()


def test_streams_are_the_same_by_the_names_for_each_threads_own():
    (plain, _), (other, _) = through(Way, work), through(PerThread, work)
    assert different(plain, other) == {}
    refused = {name: answers for name, answers in other.items() if isinstance(answers, list) and
               any(answer[0] for answer in answers)}
    assert set(refused) == {"cuMemFreeAsync"}  # of an address that nobody has


def test_every_name_for_each_threads_own_is_called():
    called = {name for program in (moves, work) for name in through(PerThread, program)[1]}
    assert set(per_thread_names().values()) - called == set()
