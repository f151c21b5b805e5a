# SPDX-License-Identifier: Apache-2.0
"""Memory of graphs, and allocations in a capture: charged when the driver takes it, never before."""
import struct

import pytest

from conftest import GIB, MIB, OUT_OF_MEMORY, SUCCESS
from memory_program import CONTEXT, DEVICE, Program, blob

RELAXED = 2


def alloc_node(size, gpu=0):
    """CUDA_MEM_ALLOC_NODE_PARAMS."""
    return blob(struct.pack("<iiii8xQ56xQQQQ", 1, 0, DEVICE, gpu, 0, 0, 0, size, 0))


@pytest.fixture
def program(slices):
    p = Program(slices(CONTEXT + 256 * MIB, context=CONTEXT))
    assert p.cuStreamCreate("&stream", 1) == SUCCESS
    p.beside = p.shown() - p.charged()
    yield p
    assert p.end() == 0


def captured(p, size):
    """A graph that takes memory and gives it back, as `name`."""
    assert p.cuStreamBeginCapture_v2("stream", RELAXED) == SUCCESS
    assert p.cuMemAllocAsync("&m", size, "stream") == SUCCESS
    assert p.cuMemFreeAsync("m", "stream") == SUCCESS
    assert p.cuStreamEndCapture("stream", "&graph") == SUCCESS


def test_a_capture_takes_nothing(program):
    before = program.charged()
    captured(program, 100 * MIB)
    assert program.charged() == before
    program.check()


def test_a_graph_is_charged_when_it_runs_and_until_it_is_trimmed(program):
    captured(program, 100 * MIB)
    base = program.use()["tracked"]
    assert program.cuGraphInstantiateWithFlags("&exec", "graph", 0) == SUCCESS
    for _ in range(3):
        assert program.cuGraphLaunch("exec", "stream") == SUCCESS
        assert program.cuStreamSynchronize("stream") == SUCCESS
        program.check()
    assert program.use()["tracked"] >= base + 100 * MIB
    assert program.cuDeviceGraphMemTrim(0) == SUCCESS
    program.check()
    assert program.use()["tracked"] == base
    assert program.cuGraphLaunch("exec", "stream") == SUCCESS
    assert program.cuStreamSynchronize("stream") == SUCCESS
    program.check()
    assert program.cuGraphExecDestroy("exec") == SUCCESS
    assert program.cuDeviceGraphMemTrim(0) == SUCCESS
    program.check()
    assert program.use()["tracked"] == base


def test_a_graph_that_does_not_fit_is_refused(program):
    captured(program, GIB)
    assert program.cuGraphInstantiateWithFlags("&exec", "graph", 0) == OUT_OF_MEMORY
    assert program.cuGraphCreate("&other", 0) == SUCCESS
    assert program.cuGraphAddMemAllocNode("&node", "other", 0, 0, alloc_node(GIB)) == OUT_OF_MEMORY
    program.check()


def test_a_graph_of_two_gpus_needs_room_on_each(slices):
    p = Program(slices({0: CONTEXT + 400 * MIB, 1: 2 * GIB}, context=CONTEXT))
    assert p.cuDevicePrimaryCtxRetain("&other", 1) == SUCCESS
    assert p.cuStreamCreate("&stream", 1) == SUCCESS
    p.beside = p.shown() - p.charged()
    assert p.cuGraphCreate("&graph", 0) == SUCCESS
    assert p.cuGraphAddMemAllocNode("&first", "graph", 0, 0, alloc_node(320 * MIB)) == SUCCESS
    assert p.cuGraphAddMemAllocNode("&second", "graph", 0, 0, alloc_node(640 * MIB, 1)) == SUCCESS
    assert p.cuMemAlloc_v2("&m", 100 * MIB) == SUCCESS
    assert p.cuGraphInstantiateWithFlags("&exec", "graph", 0) == OUT_OF_MEMORY
    assert (p.use(0)["tracked"], p.use(1)["tracked"]) == (100 * MIB, 0)
    assert p.cuMemFree_v2("m") == SUCCESS
    assert p.cuGraphInstantiateWithFlags("&exec", "graph", 0) == SUCCESS
    assert p.cuMemAlloc_v2("&m", 100 * MIB) == SUCCESS
    assert p.cuGraphLaunch("exec", "stream") == OUT_OF_MEMORY
    assert p.cuMemFree_v2("m") == SUCCESS
    assert p.cuGraphLaunch("exec", "stream") == SUCCESS
    assert (p.use(0)["tracked"], p.use(1)["tracked"]) == (320 * MIB, 640 * MIB)
    p.check()
    assert p.charged(1) == p.shown(1)


def test_a_graph_deep_within_others_needs_room(program):
    assert program.cuGraphCreate("&g0", 0) == SUCCESS
    assert program.cuGraphAddMemAllocNode("&node", "g0", 0, 0, alloc_node(200 * MIB)) == SUCCESS
    for i in range(12):
        assert program.cuGraphCreate(f"&g{i + 1}", 0) == SUCCESS
        assert program.cuGraphAddChildGraphNode("&node", f"g{i + 1}", 0, 0, f"g{i}") == SUCCESS
    assert program.cuMemAlloc_v2("&m", 100 * MIB) == SUCCESS
    assert program.cuGraphInstantiateWithFlags("&exec", "g12", 0) == OUT_OF_MEMORY
    program.check()


def test_memory_of_graphs_is_trimmed_before_a_refusal(program):
    captured(program, 200 * MIB)
    assert program.cuGraphInstantiateWithFlags("&exec", "graph", 0) == SUCCESS
    assert program.cuGraphLaunch("exec", "stream") == SUCCESS
    assert program.cuStreamSynchronize("stream") == SUCCESS
    assert program.cuMemAlloc_v2("&m", 200 * MIB) == SUCCESS
    program.check()
    assert program.cuGraphLaunch("exec", "stream") == OUT_OF_MEMORY
    assert program.cuMemFree_v2("m") == SUCCESS
    assert program.cuGraphLaunch("exec", "stream") == SUCCESS
    program.check()


def test_a_capture_survives_a_refusal_beside_it(program):
    """A full slice makes room by calls that a capture would not survive; the capture must not see them."""
    assert program.cuStreamBeginCapture_v2("stream", RELAXED) == SUCCESS
    assert program.cuMemAllocAsync("&m", 10 * MIB, "stream") == SUCCESS
    assert program.cuMemAlloc_v2("&big", GIB) == OUT_OF_MEMORY
    assert program.cuMemAllocAsync("&n", GIB, 0) == OUT_OF_MEMORY
    assert program.cuMemFreeAsync("m", "stream") == SUCCESS
    assert program.cuStreamEndCapture("stream", "&graph") == SUCCESS
    assert program.cuGraphInstantiateWithFlags("&exec", "graph", 0) == SUCCESS


def test_launches_are_counted(program):
    captured(program, MIB)
    assert program.cuGraphInstantiateWithFlags("&exec", "graph", 0) == SUCCESS
    for _ in range(5):
        assert program.cuGraphLaunch("exec", "stream") == SUCCESS
    assert [p["launches"] for p in program.slice.processes()] == [5]
