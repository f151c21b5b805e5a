# SPDX-License-Identifier: Apache-2.0
"""A library that meets a page of another version, or one that is not what it was: docs/page-format.md."""
import pathlib
import struct

import pytest

from conftest import GIB, MIB, OUT_OF_MEMORY, SUCCESS
from memory_program import Program

SEALED = 64 + 64 + 16 * 40  # bytes of the head before its seal
MAJOR, MINOR, LIMIT = 8, 10, 64 + 64 + 16


def seal(data):
    value = 0xcbf29ce484222325
    for byte in data[:SEALED]:
        value = (value ^ byte) * 0x100000001b3 & (1 << 64) - 1
    return struct.pack("<Q", value)


def change(page, offset, form, value, sealed=True):
    """Rewrites a field of the head, and the seal as one would who knows the format."""
    data = bytearray(pathlib.Path(page).read_bytes())
    assert data[SEALED:SEALED + 8] == seal(data), "the seal is FNV-1a of what stands before it"
    struct.pack_into(form, data, offset, value)
    if sealed:
        data[SEALED:SEALED + 8] = seal(data)
    with open(page, "r+b") as file:
        file.write(data[:SEALED + 8])


def takes(of):
    """What a program in the slice gets for 1 MiB: a context is the first thing that needs memory."""
    p = Program(of, prepare=False)
    assert p.cuInit(0) == SUCCESS
    answers = [p.cuDevicePrimaryCtxRetain("&c", 0), p.cuCtxSetCurrent("c"), p.cuMemAlloc_v2("&m", MIB)]
    p.process.stdin.close()
    assert p.process.wait(timeout=60) == 0
    return answers


def test_a_newer_minor_version_is_used(slices):
    of = slices(GIB)
    change(of.page, MINOR, "<H", 7)
    assert takes(of) == [SUCCESS] * 3


@pytest.mark.parametrize("major", [0, 2])
def test_another_major_version_gives_no_memory(slices, major):
    of = slices(GIB)
    change(of.page, MAJOR, "<H", major)
    assert takes(of)[0] == OUT_OF_MEMORY


def test_a_limit_that_was_changed_gives_no_memory(slices):
    of = slices(GIB)
    change(of.page, LIMIT, "<Q", 30 * GIB, sealed=False)
    assert takes(of)[0] == OUT_OF_MEMORY
