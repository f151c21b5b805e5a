# SPDX-License-Identifier: Apache-2.0
"""Old versions of calls, which have to do what the new ones do; calls that come in pairs; and that none is left out."""
import ctypes
import mmap
import pathlib
import re

import pytest

from conftest import ROOT
from cudanames import PER_THREAD, Old, PerThread, Value, Way, different, implemented, low_memory, through
from cudaprocess import INT, POINTER, SIZE, U64, IpcHandle, PoolProps, Process, run
from test_cuda_twins import PTX, moves, work

GIB, UINT8, MAP_NORESERVE = 1 << 30, 0x01, 0x4000
INVALID_VALUE, OUT_OF_MEMORY, INVALID_DEVICE, NO_AFFINITY = 1, 2, 101, 224


class Kernel(ctypes.Structure):
    """CUDA_KERNEL_NODE_PARAMS_v2; the first version ends before the kernel."""
    _fields_ = [("function", POINTER), ("grid", ctypes.c_uint * 3), ("block", ctypes.c_uint * 3),
                ("shared", ctypes.c_uint), ("params", POINTER), ("extra", POINTER), ("kernel", POINTER),
                ("context", POINTER)]


class Batch(ctypes.Structure):
    _fields_ = [("context", POINTER), ("count", ctypes.c_uint), ("values", POINTER), ("flags", ctypes.c_uint)]


class AnyNode(ctypes.Structure):
    _fields_ = [("kind", INT), ("reserved", INT * 3), ("words", U64 * 29), ("rest", U64)]


class Alloc(ctypes.Structure):
    _fields_ = [("props", PoolProps), ("access", POINTER), ("count", SIZE), ("bytes", SIZE), ("at", U64)]


@pytest.fixture(autouse=True)
def h100(machine):
    machine.set("CARVE_EMULATOR_NODE", "p5.48xlarge")
    return machine


def contexts(way):
    """Contexts, primary ones, what goes with a handle."""
    made, popped, flags, active, to = POINTER(), POINTER(), ctypes.c_uint(), INT(), ctypes.byref

    def state():
        way.note("cuDevicePrimaryCtxGetState", 1, to(flags), to(active), see=lambda: (flags.value, active.value))
    way.note("cuCtxCreate_v2", to(made), 0, 0)
    way.note("cuCtxPopCurrent_v2", to(popped), see=lambda: popped.value == made.value)
    way.note("cuCtxPushCurrent_v2", made)
    way.note("cuCtxPushCurrent_v2", POINTER(64))
    for _ in range(2):
        way.note("cuCtxDestroy_v2", made)
    way.note("cuDevicePrimaryCtxSetFlags_v2", 1, 4)
    way.note("cuDevicePrimaryCtxSetFlags_v2", 1, 4096)
    state()
    way.note("cuDevicePrimaryCtxRetain", to(made), 1)
    state()
    for _ in range(2):
        way.note("cuDevicePrimaryCtxRelease_v2", 1)
    way.note("cuDevicePrimaryCtxReset_v2", 1)
    state()
    for kind in ("Event", "Stream"):
        handle = POINTER(way.cuda.get(POINTER, f"cu{kind}Create", 0))
        for _ in range(2):
            way.note(f"cu{kind}Destroy_v2", handle)


def ranges(way):
    """Memory of the host, what lies at an address, and how much there is of it."""
    own, at, to = low_memory(way, 8192), POINTER(), ctypes.byref
    start, base, size, total = ctypes.addressof(own), way.address(), way.size(), way.size()
    way.note("cuMemGetAddressRange_v2", to(base), to(size), way.address(start + 5000),
             see=lambda: (base.value - start, size.value))
    for address in (start, 0, 77):
        way.note("cuMemFree_v2", way.address(address))
    way.note("cuMemGetAddressRange_v2", to(base), to(size), way.address(77))
    way.note("cuMemAllocHost_v2", to(at), way.size(4096), see=lambda: at.value > 0)
    way.note("cuMemFreeHost", at)
    most = (lambda: min(total.value, 0xffffffff))
    way.note("cuDeviceTotalMem_v2", to(total), 1, see=most)
    way.note("cuMemGetInfo_v2", to(size), to(total), see=most)


def great(way):
    """Came when sizes had 64 bits already."""
    room = mmap.mmap(-1, 5 * GIB, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_NORESERVE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(room))
    size = SIZE()
    way.note("cuMemHostRegister_v2", POINTER(address), SIZE(5 * GIB), 0)
    way.cuda.ok("cuMemGetAddressRange_v2", None, ctypes.byref(size), U64(address))
    way.seen["registered"] = size.value


def shapes(way):
    """Arrays, described."""
    array, to = POINTER(), ctypes.byref
    flat, deep = way.array2(), way.array3()

    def words(shape):
        return [getattr(shape, name) for name, _ in shape._fields_]
    for kind in (UINT8, 0x55):
        way.note("cuArray3DCreate_v2", to(array), to(way.array3(8, 4, 3, kind, 2, 0)))
    way.note("cuArray3DGetDescriptor_v2", to(deep), array, see=lambda: words(deep))
    way.note("cuArrayGetDescriptor_v2", to(flat), array, see=lambda: words(flat))


def links(way):
    """Linking, from memory and from a file."""
    link, image, size, to = POINTER(), POINTER(), SIZE(), ctypes.byref
    path = ROOT / "LICENSE"
    way.note("cuLinkCreate_v2", 0, None, None, to(link))
    way.note("cuLinkAddData_v2", link, 1, PTX, SIZE(len(PTX)), b"name", 0, None, None)
    way.note("cuLinkAddFile_v2", link, 1, str(path).encode(), 0, None, None)
    way.note("cuLinkAddFile_v2", link, 1, b"/none", 0, None, None)
    way.note("cuLinkComplete", link, to(image), to(size), see=lambda: size.value)
    way.seen["linked"] = size.value > path.stat().st_size + len(PTX)


def kernels(way):
    """Kernel nodes, and what comes after what, with and without words on it."""
    cuda, to, n = way.cuda, ctypes.byref, SIZE()
    module = POINTER(cuda.get(POINTER, "cuModuleLoadData", PTX))
    graph, made = (POINTER(cuda.get(POINTER, "cuGraphCreate", 0)) for _ in range(2))
    function = cuda.get(POINTER, "cuModuleGetFunction", module, b"plain")
    params, got, nodes = Kernel(function, (2, 1, 1), (32, 1, 1)), Kernel(), [POINTER(), POINTER()]
    for node in nodes:
        way.note("cuGraphAddKernelNode_v2", to(node), graph, None, SIZE(0), to(params))
    params.grid[0] = 3
    way.note("cuGraphKernelNodeSetParams_v2", nodes[0], to(params))
    got.kernel = 7
    way.note("cuGraphKernelNodeGetParams_v2", nodes[0], to(got), see=lambda: (got.function == function, list(got.grid)))
    way.seen["kernel"] = got.kernel
    edges = (POINTER(nodes[0].value), POINTER(nodes[1].value))
    more = () if isinstance(way, Old) else (None,)
    for name in ("cuGraphAddDependencies_v2", "cuGraphAddDependencies_v2", "cuGraphRemoveDependencies_v2",
                 "cuGraphAddDependencies_v2"):
        way.note(name, graph, to(edges[0]), to(edges[1]), *more, SIZE(1))
        way.cuda.ok("cuGraphGetEdges", graph, None, None, to(n))
        way.seen.setdefault("edges", []).append(n.value)
    way.note("cuGraphInstantiate_v2", to(made), graph, None, None, SIZE(0))
    params.grid[0] = 0
    way.note("cuGraphExecKernelNodeSetParams_v2", made, nodes[0], to(params))
    params.grid[0] = 4
    way.note("cuGraphExecKernelNodeSetParams_v2", made, nodes[0], to(params))
    way.note("cuGraphLaunch", made, POINTER(PER_THREAD))


def others(way):
    for part in (contexts, ranges, great, shapes, links, kernels):
        part(way)
    return way.end()


def test_old_versions_do_what_the_new_ones_do():
    (plain, _), (other, _) = through(Way, others), through(Old, others)
    assert (plain.pop("kernel"), other.pop("kernel")) == (None, 7)  # beyond the end of the first version
    assert different(plain, other) == {} and plain["registered"] == 5 * GIB


def test_memory_that_32_bits_cannot_name_is_given_back():
    def work(line):
        cuda, low, pitch = Old().cuda, ctypes.c_uint32(5), ctypes.c_uint(6)
        before = cuda.info()
        codes = [cuda.code("cuMemAlloc", ctypes.byref(low), 4096),
                 cuda.code("cuMemAllocPitch", ctypes.byref(low), ctypes.byref(pitch), 100, 100, 4)]
        return codes, low.value, pitch.value, before == cuda.info()
    assert run(work) == [[OUT_OF_MEMORY] * 2, 5, 6, True]


def test_memory_of_another_process_opens_by_both_names():
    def hold(line):
        cuda, handle = Way().cuda, IpcHandle()
        at = cuda.alloc(4096)
        cuda.write(at, b"shared")
        cuda.ok("cuIpcGetMemHandle", ctypes.byref(handle), U64(at))
        line.say(bytes(handle).hex())
        line.hear()

    def read(line):
        cuda, seen = Way().cuda, []
        for name in ("cuIpcOpenMemHandle", "cuIpcOpenMemHandle_v2"):
            at = cuda.get(U64, name, IpcHandle.from_buffer_copy(bytes.fromhex(text)), 1)
            seen.append(cuda.read(at, 6).decode())
            cuda.ok("cuIpcCloseMemHandle", U64(at))
        return seen
    holder = Process(hold)
    text = holder.hear()
    assert run(read) == ["shared", "shared"]
    holder.say()
    holder.end()


def pairs(way):
    """Nodes and instances told anew: the getters, and what runs then, tell of it."""
    cuda, to, got = way.cuda, ctypes.byref, POINTER()
    graph, child, exec_ = (POINTER(cuda.get(POINTER, "cuGraphCreate", 0)) for _ in range(3))
    first, second = (POINTER(cuda.get(POINTER, "cuEventCreate", 0)) for _ in range(2))
    words = (U64 * 8)()
    cuda.ok("cuMemHostRegister_v2", words, SIZE(64), 0)
    stream, at = POINTER(cuda.get(POINTER, "cuStreamCreate", 1)), ctypes.addressof(words)

    def batch(place):
        values = (Value * 1)(Value(5, at + 8 * place, place + 1))
        return Batch(cuda.context, 1, ctypes.cast(values, POINTER), 0), values

    def launch():
        cuda.ok("cuGraphLaunch", exec_, stream)
        cuda.ok("cuStreamSynchronize", stream)
        way.seen.setdefault("words", []).append(list(words[:6]))
    waits, writes, inner = POINTER(), POINTER(), POINTER()
    (zero, _), (one, kept_one), (two, kept_two) = batch(0), batch(1), batch(2)
    way.note("cuGraphAddEventWaitNode", to(waits), graph, None, SIZE(0), first)
    way.note("cuGraphAddBatchMemOpNode", to(writes), graph, None, SIZE(0), to(zero))
    way.note("cuGraphAddChildGraphNode", to(inner), graph, None, SIZE(0), child)
    way.note("cuGraphEventWaitNodeSetEvent", waits, second)
    way.note("cuGraphEventWaitNodeGetEvent", waits, to(got), see=lambda: got.value == second.value)
    way.note("cuGraphBatchMemOpNodeSetParams", writes, to(one))
    out = Batch()
    way.note("cuGraphBatchMemOpNodeGetParams", writes, to(out), see=lambda: (out.count, out.flags))
    way.note("cuGraphInstantiateWithFlags", to(exec_), graph, U64(0))
    launch()
    way.note("cuGraphExecBatchMemOpNodeSetParams", exec_, writes, to(two))
    way.note("cuGraphExecEventWaitNodeSetEvent", exec_, waits, first)
    three, kept_three = batch(3)
    way.note("cuGraphAddBatchMemOpNode", to(POINTER()), child, None, SIZE(0), to(three))
    way.note("cuGraphExecChildGraphNodeSetParams", exec_, inner, child)
    launch()
    any_node = AnyNode(kind=12)
    four, kept_four = batch(4)
    ctypes.memmove(any_node.words, to(four), ctypes.sizeof(four))
    way.note("cuGraphExecNodeSetParams", exec_, writes, to(any_node))
    launch()
    way.note("cuGraphExecNodeSetParams", exec_, waits, to(any_node))  # a node stays what it is
    del kept_one, kept_two, kept_three, kept_four
    return way.end()


def test_what_is_set_is_what_is_got_and_run():
    seen, _ = run(lambda line: pairs(Way()))
    assert seen.pop("words") == [[0, 2, 0, 0, 0, 0], [0, 2, 3, 4, 0, 0], [0, 2, 3, 4, 5, 0]]
    assert seen["cuGraphEventWaitNodeGetEvent"] == [[0, True]]
    assert seen["cuGraphBatchMemOpNodeGetParams"] == [[0, [1, 0]]]
    assert seen.pop("cuGraphExecNodeSetParams") == [[0, None], [INVALID_VALUE, None]]
    assert {answer[0] for answers in seen.values() for answer in answers} == {0}


def singles(way):
    """What one call tells, another tells too; what the device does not have is refused."""
    cuda, to = way.cuda, ctypes.byref
    properties, peers, value = (INT * 14)(), INT(), INT()
    way.note("cuDeviceGetProperties", properties, 0, see=lambda: list(properties))
    cuda.ok("cuDeviceCanAccessPeer", to(peers), 0, 1)
    way.note("cuDeviceGetP2PAttribute", to(value), 2, 0, 1, see=lambda: value.value == peers.value)
    way.note("cuDeviceGetP2PAttribute", to(value), 2, 0, 0)
    way.note("cuDeviceGetExecAffinitySupport", to(value), 0, 0, see=lambda: value.value)
    way.note("cuCtxGetExecAffinity", to(value), 0)
    width = SIZE()
    way.note("cuDeviceGetTexture1DLinearMaxWidth", to(width), 0x20, 1, 0, see=lambda: width.value)
    array, mipmap, room = POINTER(), POINTER(), ctypes.create_string_buffer(64)
    cuda.ok("cuArrayCreate_v2", to(array), to(way.array2(8, 8, UINT8, 1)))
    cuda.ok("cuMipmappedArrayCreate", to(mipmap), to(way.array3(8, 8, 0, UINT8, 1, 0)), 2)
    way.note("cuArrayGetPlane", room, array, 0)
    way.note("cuArrayGetSparseProperties", room, array)
    way.note("cuMipmappedArrayGetSparseProperties", room, mipmap)
    place, pools = (INT * 2)(1, 0), [POINTER(), POINTER()]
    cuda.ok("cuMemPoolCreate", to(pools[0]), to(PoolProps(1, 0, 1, 0)))
    way.note("cuMemSetMemPool", place, 1, pools[0])
    way.note("cuMemGetMemPool", to(pools[1]), place, 1, see=lambda: pools[0].value == pools[1].value)
    managed = U64(cuda.get(U64, "cuMemAllocManaged", SIZE(4096), 1))
    cuda.ok("cuMemAdvise", managed, SIZE(4096), 1, 0)
    cuda.ok("cuMemAdvise", managed, SIZE(4096), 3, 1)
    many = [INT(), INT()]
    way.note("cuMemRangeGetAttributes", (POINTER * 2)(*[ctypes.addressof(one) for one in many]), (SIZE * 2)(4, 4),
             (INT * 2)(1, 2), SIZE(2), managed, SIZE(4096), see=lambda: [one.value for one in many])
    graph, node, ends, at = POINTER(cuda.get(POINTER, "cuGraphCreate", 0)), POINTER(), POINTER(), U64()
    alloc = Alloc(PoolProps(1, 0, 1, 0), None, 0, 4096, 0)
    cuda.ok("cuGraphAddMemAllocNode", to(node), graph, None, SIZE(0), to(alloc))
    cuda.ok("cuGraphAddMemFreeNode", to(ends), graph, to(node), SIZE(1), U64(alloc.at))
    way.note("cuGraphMemFreeNodeGetParams", ends, to(at), see=lambda: at.value == alloc.at != 0)
    module = POINTER(cuda.get(POINTER, "cuModuleLoadData", PTX))
    way.note("cuParamSetf", POINTER(cuda.get(POINTER, "cuModuleGetFunction", module, b"plain")), 0, ctypes.c_float(1))
    way.seen["attributes"] = [cuda.attribute(which) for which in range(1, 15)]
    return way.end()


def test_what_one_call_tells_another_tells_too():
    seen, _ = run(lambda line: singles(Way()))
    attributes = seen.pop("attributes")
    assert seen == {
        "cuDeviceGetProperties": [[0, attributes]], "cuDeviceGetP2PAttribute": [[0, True], [INVALID_DEVICE, None]],
        "cuDeviceGetExecAffinitySupport": [[0, 0]], "cuCtxGetExecAffinity": [[NO_AFFINITY, None]],
        "cuDeviceGetTexture1DLinearMaxWidth": [[0, 1 << 28]], "cuArrayGetPlane": [[INVALID_VALUE, None]],
        "cuArrayGetSparseProperties": [[INVALID_VALUE, None]],
        "cuMipmappedArrayGetSparseProperties": [[INVALID_VALUE, None]], "cuMemSetMemPool": [[0, None]],
        "cuMemGetMemPool": [[0, True]], "cuMemRangeGetAttributes": [[0, [1, 1]]],
        "cuGraphMemFreeNodeGetParams": [[0, True]], "cuParamSetf": [[0, None]]}


def elsewhere():
    """What cuda-same calls, and the tests of memory and of this file by its full name."""
    files = [*(ROOT / "tests/gpu").glob("cuda_same*.c"), *pathlib.Path(__file__).parent.glob("test_cuda_memory*.py")]
    return set(re.findall(r"\bcu[A-Z]\w*", "".join(path.read_text() for path in files))) | \
        {"cuIpcOpenMemHandle", "cuMemAllocPitch"}


def test_no_function_is_left_that_no_test_calls():
    ways = [(Way, moves), (PerThread, moves), (Old, moves), (Way, work), (PerThread, work), (Way, others),
            (Old, others), (Way, pairs), (Way, singles)]
    called = {name for way, program in ways for name in through(way, program)[1]}
    assert implemented() - called - elsewhere() == set()
