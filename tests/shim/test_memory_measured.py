# SPDX-License-Identifier: Apache-2.0
"""What is charged beside allocations, measured by `carve run`: contexts, streams, code, stacks."""
import json
import time

import pytest

from conftest import BUILD, GIB, MIB, OUT_OF_MEMORY, SUCCESS, run
from memory_program import CONTEXT, Program


class Page:
    """The page that `carve run` made, for Program."""

    def __init__(self, node):
        self.node = node
        self.path = None

    def processes(self):
        return json.loads(run([BUILD / "tests/shim/page", "show", self.path], self.node.environment()))["processes"]


class Measured(Program):
    """memory-caller under `carve run`."""

    def __init__(self, node, memory, **environment):
        page = Page(node)
        super().__init__(page, environment=node.environment() | environment, prepare=False, command=[
            BUILD / "src/cli/carve", "run", "--gpu", "0", "--memory", str(memory), "--",
            BUILD / "tests/shim/memory-caller"])
        page.path = self.ask("env", "CARVE_PAGE")
        assert self.cuInit(0) == SUCCESS
        assert self.cuDevicePrimaryCtxRetain("&context", 0) == SUCCESS
        assert self.cuCtxSetCurrent("context") == SUCCESS
        self.pid = page.processes()[0]["pid"]

    def settled(self):
        """Waits until the page says what the driver shows."""
        deadline = time.monotonic() + 30
        while self.charged() != self.shown():
            assert time.monotonic() < deadline, (self.use(), self.shown())
            time.sleep(0.005)
        return self.charged()


@pytest.fixture
def measured(node):
    programs = []

    def start(memory=4 * GIB):
        programs.append(Measured(node, memory))
        return programs[-1]
    yield start
    for p in programs:
        assert p.end() == 0


def test_the_context_costs_what_the_driver_shows(measured):
    p = measured()
    assert p.charged() == p.shown() == CONTEXT
    assert p.cuCtxCreate_v2("&more", 0, 0) == SUCCESS
    assert p.charged() == p.shown() == 2 * CONTEXT
    assert p.cuCtxDestroy_v2("more") == SUCCESS
    assert p.charged() == p.shown() == CONTEXT


def test_streams_are_measured(measured):
    p = measured()
    for i in range(64):
        assert p.cuStreamCreate(f"&s{i}", 1) == SUCCESS
    assert p.settled() > CONTEXT


def test_measured_beside_allocations_of_every_kind(measured):
    p = measured()
    assert p.cuMemAlloc_v2("&m", 300 * MIB) == SUCCESS
    assert p.cuMemAlloc_v2("&s", 300) == SUCCESS
    assert p.cuMemAllocManaged("&n", 100 * MIB, 1) == SUCCESS
    assert p.cuMemAllocAsync("&a", 10 * MIB, 0) == SUCCESS
    assert p.cuCtxCreate_v2("&more", 0, 0) == SUCCESS
    p.check()
    assert p.use()["overhead"] == 2 * CONTEXT
    assert p.use()["tracked"] == 434 * MIB


def test_a_stack_is_measured_and_given_back(measured):
    p = measured(8 * GIB)
    assert p.cuCtxSetLimit(0, 16384) == SUCCESS
    high = p.settled()
    assert high > CONTEXT + GIB
    assert p.cuCtxSetLimit(0, 1024) == SUCCESS
    assert p.cuCtxSetLimit(0, 1 << 17) == OUT_OF_MEMORY
    p.settled()

