# SPDX-License-Identifier: Apache-2.0
"""Threads of one process at the limit: cancelled, all at one pool, refused again and again."""
import contextlib
import subprocess

import pytest

from conftest import BUILD, GIB, MIB, OUT_OF_MEMORY, figures
from memory_program import CONTEXT


@contextlib.contextmanager
def start(of, *words):
    with subprocess.Popen([BUILD / "tests/shim/concurrent", *map(str, words)], text=True, env=of.environment(),
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        try:
            yield run
        finally:
            run.kill() # also one that waits for a lock which nobody gives back


def test_a_thread_cancelled_while_it_attaches_leaves_no_lock(slices):
    """Another thread then has a context; with a lock left behind it would wait for ever."""
    of = slices(GIB, context=CONTEXT)
    with start(of, "cancelled-first") as run:
        assert figures(run.stdout.readline())["cancelled"] == 0
        _, errors = run.communicate("\n", timeout=60)
        assert run.returncode == 0, errors
    (process,) = of.processes()
    assert process["use"][0]["contexts"] == 1


def test_a_thread_cancelled_while_it_is_refused_leaves_nothing_asked(slices):
    """What is under way would be so for good, and nobody could measure the process any more."""
    of = slices(CONTEXT + 50 * MIB, context=CONTEXT)
    with start(of, "cancelled-full") as run:
        assert figures(run.stdout.readline()) == {"cancelled": 0, "answered": OUT_OF_MEMORY}
        (process,) = of.processes()
        use = process["use"][0]
        assert (use["asking"], use["changing"], use["refused"]) == (0, 0, 1)
        _, errors = run.communicate("\n", timeout=60)
        assert run.returncode == 0, errors


@pytest.mark.parametrize("threads", [2, 8])
def test_who_meets_a_growing_pool_is_not_refused(slices, threads):
    """There is room for one piece of the pool, out of which all can be served."""
    of = slices(CONTEXT + 32 * MIB, context=CONTEXT)
    assert figures(of.run("concurrent", "pool", threads, 100)) == {"refused": 0, "faults": 0}


def test_nobody_waits_again_and_again_for_who_does_not_measure(slices):
    """The holder of this slice measures nothing, as one that is stopped: the first refusal waits for it."""
    of = slices(CONTEXT + 50 * MIB, context=CONTEXT)
    found = figures(of.run("concurrent", "refused", 200))
    assert found["refused"] == 200
    assert found["slept"] < 200, found
