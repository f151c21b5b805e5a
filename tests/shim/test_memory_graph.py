# SPDX-License-Identifier: Apache-2.0
"""Memory of graphs, and allocations in a capture: charged when the driver takes it, never before."""
import struct

import pytest

from conftest import GIB, MIB, OUT_OF_MEMORY, SUCCESS
from memory_program import CONTEXT, DEVICE, Program, blob

RELAXED = 2


def alloc_node(size):
    """CUDA_MEM_ALLOC_NODE_PARAMS: memory of GPU 0."""
    return blob(struct.pack("<iiii8xQ56xQQQQ", 1, 0, DEVICE, 0, 0, 0, 0, size, 0))


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
