# SPDX-License-Identifier: Apache-2.0
"""Several processes and threads in one slice: one budget, killed and forked processes, everything at random."""
import os
import signal
import subprocess
import time

import pytest

from conftest import BUILD, GIB, MIB, OUT_OF_MEMORY, SUCCESS
from memory_program import CONTEXT, Program, shown


def wait_for(condition, what, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"timed out waiting for {what}"
        time.sleep(0.002)


@pytest.mark.parametrize("size", [64 * 1024, 3 * MIB, 40 * MIB])
def test_eight_processes_share_one_limit(slices, node, size):
    limit = 8 * CONTEXT + 500 * MIB
    programs = [Program(slices_of) for slices_of in [slices(limit, context=CONTEXT)] * 8]
    full, taken = set(), 0
    while len(full) < 8:
        for p in programs:
            for _ in range(8):
                p.send("cuMemAlloc_v2", "&m", size)
        for p in programs:
            for _ in range(8):
                answer = int(p.process.stdout.readline())
                assert answer in (SUCCESS, OUT_OF_MEMORY)
                taken += answer == SUCCESS
                if answer:
                    full.add(p)
        assert sum(shown(node).values()) <= limit
    assert taken > 0
    charged = sum(p.charged() for p in programs)
    assert charged == sum(shown(node).values())
    # What is left is too little for a piece; small pieces need a unit of their own to be sure of room.
    assert limit - charged < max(size, 2 * MIB) + 2 * MIB


def test_sixty_four_processes_share_one_limit_and_half_of_them_are_killed(slices, node):
    limit = 64 * CONTEXT + 400 * MIB
    of = slices(limit, context=CONTEXT)
    programs = [Program(of) for _ in range(64)]
    assert len([p for p in of.processes() if p["use"][0]["contexts"]]) == 64
    answers = [p.cuMemAlloc_v2("&m", 16 * MIB) for p in programs]
    assert answers.count(SUCCESS) == 400 // 16 and answers.count(OUT_OF_MEMORY) == 64 - 400 // 16
    assert sum(shown(node).values()) == limit
    for p in programs[:32]:
        p.process.kill()
        p.process.wait()
    rest = 32 * CONTEXT + 400 * MIB - sum(a == SUCCESS for a in answers[32:]) * 16 * MIB
    assert programs[63].cuMemAlloc_v2("&n", rest + 2 * MIB) == OUT_OF_MEMORY
    assert programs[63].cuMemAlloc_v2("&n", rest) == SUCCESS
    assert sum(shown(node).values()) == limit


def test_a_killed_process_pays_until_the_driver_has_its_memory_back(slices, node):
    of = slices(2 * CONTEXT + 300 * MIB, context=CONTEXT)
    victim, other = Program(of), Program(of)
    assert victim.cuMemAlloc_v2("&m", 280 * MIB) == SUCCESS
    assert other.cuMemAlloc_v2("&m", 200 * MIB) == OUT_OF_MEMORY
    victim.process.send_signal(signal.SIGKILL)

    def tries():
        answer = other.cuMemAlloc_v2("&m", 200 * MIB)
        if answer == SUCCESS:
            assert victim.pid not in shown(node)
        return answer == SUCCESS
    wait_for(tries, "the memory of the killed process")
    assert sum(shown(node).values()) == other.charged()
    victim.process.wait()


def test_killed_at_any_time_nothing_stays_charged(slices, node):
    of = slices(3 * GIB, context=CONTEXT)
    keeper = Program(of)
    for i in range(1000):
        run = subprocess.Popen([BUILD / "tests/shim/memory-fuzz", str(i), "1000000", "3"],
                               env=of.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        wait_for(lambda: run.pid in shown(node), "its context")  # pylint: disable=cell-var-from-loop
        run.send_signal(signal.SIGKILL)
        run.wait()
        wait_for(lambda: run.pid not in shown(node), "the driver")  # pylint: disable=cell-var-from-loop
        assert keeper.cuMemAlloc_v2("&m", 3 * GIB - CONTEXT) == SUCCESS
        assert keeper.cuMemFree_v2("m") == SUCCESS
    assert sum(p["use"][0]["tracked"] for p in of.processes() if p["alive"]) == 0


def test_a_forked_child_has_nothing_of_its_parents(slices):
    p = Program(slices(GIB, context=CONTEXT))
    assert p.cuMemAlloc_v2("&m", 100 * MIB) == SUCCESS
    before = p.use()
    assert p.ask("fork") == "0"  # from here on the child answers
    assert p.cuMemFree_v2("m") != SUCCESS
    assert p.cuMemAlloc_v2("&n", MIB) not in (SUCCESS, OUT_OF_MEMORY)
    assert p.use() == before
    assert sum(other["use"][0]["tracked"] for other in p.slice.processes()) == before["tracked"]
    assert p.end() == 0


def test_shared_memory_is_paid_by_its_owner(slices, node):
    of = slices(4 * CONTEXT, context=CONTEXT)
    owner, user = Program(of), Program(of)
    assert owner.cuMemAlloc_v2("&m", 100 * MIB) == SUCCESS
    assert owner.cuIpcGetMemHandle("&handle", "m") == SUCCESS
    assert user.cuIpcOpenMemHandle_v2("&m", 1, 0, 0, 0, 0, *owner.values("handle")) == SUCCESS
    assert (owner.charged(), user.charged()) == (CONTEXT + 100 * MIB, CONTEXT)
    assert sum(shown(node).values()) == owner.charged() + user.charged()
    assert user.cuIpcCloseMemHandle("m") == SUCCESS
    assert user.cuIpcCloseMemHandle("m") != SUCCESS
    assert owner.cuMemFree_v2("m") == SUCCESS
    assert (owner.charged(), user.charged()) == (CONTEXT, CONTEXT)


def go_on(run):
    run.stdin.write("\n")
    run.stdin.flush()


def fuzz(of, seed, steps, threads, *pools, **environment):
    """Has its context, and waits for a line before it begins, and where it is at rest."""
    words = [BUILD / "tests/shim/memory-fuzz", str(seed), str(steps), str(threads), *pools]
    run = subprocess.Popen(words, text=True, env=of.environment(**environment), stdin=subprocess.PIPE,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert run.stdout.readline() == "ready\n", run.communicate()[1]
    return run


def at_rest(of, node, run):
    """(tracked beside managed and the context, what the driver shows beside the context) of a process."""
    use = [p for p in of.processes() if p["pid"] == run.pid][0]["use"][0]
    assert use["asking"] == 0
    return use["tracked"] - use["managed"] + use["overhead"] - CONTEXT, shown(node)[run.pid] - CONTEXT


@pytest.mark.parametrize("pools", [[], ["pools"]], ids=["without-pools", "with-pools"])
@pytest.mark.parametrize("seed", range(3))
def test_all_ways_at_random_in_threads_and_processes(slices, node, seed, pools):
    """At rest the page says exactly what the driver shows; meanwhile the limit holds. A pool whose rest is in pieces
    may grow for as long as a call takes, and is then shrunk: libcarve(7)."""
    limit = 4 * CONTEXT + 800 * MIB
    of = slices(limit, context=CONTEXT)
    runs = [fuzz(of, 100 * seed + i, 300, 8, *pools) for i in range(4)]
    for run in runs:
        go_on(run)
    highest = 0
    os.set_blocking(runs[0].stdout.fileno(), False)
    while not runs[0].stdout.readline():
        highest = max(highest, sum(shown(node).values()))
        assert pools or highest <= limit
        assert runs[0].poll() is None, runs[0].stderr.read()
    os.set_blocking(runs[0].stdout.fileno(), True)
    assert [run.stdout.readline() for run in runs[1:]] == ["rest\n"] * 3
    assert highest > 4 * CONTEXT and sum(shown(node).values()) <= limit
    assert [at_rest(of, node, run) for run in runs] == [(x, x) for x, _ in [at_rest(of, node, run) for run in runs]]
    for run in runs:
        go_on(run)
    assert [run.stdout.readline() for run in runs] == ["empty\n"] * 4
    assert [at_rest(of, node, run) for run in runs] == [(0, 0)] * 4
    for run in runs:
        _, errors = run.communicate("\n", timeout=60)
        assert run.returncode == 0, errors
