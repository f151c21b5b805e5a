# SPDX-License-Identifier: Apache-2.0
"""How programs find the driver's functions: every answer of the emulated library against the capture of a real one."""
import csv
import ctypes
import subprocess

import pytest

from conftest import FOLDER, ROOT
from cudaprocess import run

CAPTURE = ROOT / "data/captures/cuda-580.159.04.csv"
NEWEST = 13000
DEFAULT, LEGACY, PER_THREAD = 0, 1, 2
FOUND, NO_NAME, ONLY_NEWER = 0, 1, 2
SUCCESS, INVALID_VALUE, NOT_FOUND, NOT_SUPPORTED = 0, 1, 500, 801


def captured():
    lines = [line for line in CAPTURE.read_text().splitlines() if not line.startswith("#")]
    return list(csv.DictReader(lines))


ROWS = captured()
SYMBOLS = sorted({row["symbol"] for row in ROWS})
NAMES = sorted({row["name"] for row in ROWS if row["name"]})
VERSIONS = sorted({int(row["since"]) for row in ROWS if row["name"]} | {2000, 11080, 12999, NEWEST})


def expected(name, version, flags):
    """(what is found, symbol) as the head of the capture says to read it."""
    kinds = {row["streams"] for row in ROWS if row["name"] == name}
    kind = "per-thread" if flags == PER_THREAD and "per-thread" in kinds else "legacy"
    known = [row for row in ROWS if row["name"] == name and row["streams"] == kind]
    fitting = [row for row in known if int(row["since"]) <= version]
    if not known:
        return NO_NAME, None
    if not fitting:
        return ONLY_NEWER, None
    return FOUND, max(fitting, key=lambda row: int(row["since"]))["symbol"]


def library():
    return ctypes.CDLL(str(FOLDER / "libcuda.so.1"))


def ask(cuda, name, version, flags):
    at, found = ctypes.c_void_p(), ctypes.c_int(-1)
    code = cuda.cuGetProcAddress_v2(name.encode(), ctypes.byref(at), version, ctypes.c_uint64(flags),
                                    ctypes.byref(found))
    return code, found.value, at.value


def exported():
    """(kind, symbol) of all that the library exports."""
    out = subprocess.run(["nm", "-D", "--defined-only", FOLDER / "libcuda.so.1"], check=True, capture_output=True,
                         text=True).stdout
    return [tuple(line.split()[-2:]) for line in out.splitlines()]


def test_it_exports_the_captured_symbols_and_nothing_else():
    assert sorted(symbol for _, symbol in exported()) == SYMBOLS


def answers(line):
    """All that differ."""
    del line
    cuda = library()
    at = {ctypes.cast(getattr(cuda, symbol), ctypes.c_void_p).value: symbol for symbol in SYMBOLS}
    assert len(at) == len(SYMBOLS)
    wrong, asked = [], 0
    for name in NAMES:
        for flags in (DEFAULT, LEGACY, PER_THREAD):
            for version in VERSIONS:
                code, found, address = ask(cuda, name, version, flags)
                asked += 1
                if (code, found, at.get(address)) != (SUCCESS, *expected(name, version, flags)):
                    wrong.append((name, version, flags, code, found, at.get(address)))
    return asked, wrong


def test_every_answer_is_the_captured_one():
    asked, wrong = run(answers)
    assert wrong == [] and asked == len(NAMES) * 3 * len(VERSIONS) > 30000


@pytest.mark.parametrize("name", [symbol for symbol in SYMBOLS if symbol not in NAMES][:40] +
                         ["", "cuNone", "nvmlInit"])
def test_a_name_with_a_suffix_is_no_name(name):
    assert ask(library(), name, NEWEST, DEFAULT) == (SUCCESS, NO_NAME, None)


def test_a_version_above_the_driver_is_refused_and_nothing_written():
    code, found, address = ask(library(), "cuMemAlloc", NEWEST + 10, DEFAULT)
    assert (code, found, address) == (INVALID_VALUE, -1, None)


def test_version_one_tells_by_its_code():
    cuda, at = library(), ctypes.c_void_p(77)
    assert cuda.cuGetProcAddress(b"cuNone", ctypes.byref(at), NEWEST, ctypes.c_uint64(0)) == NOT_FOUND
    assert at.value == 77
    assert cuda.cuGetProcAddress(b"cuMemAlloc", ctypes.byref(at), NEWEST, ctypes.c_uint64(0)) == SUCCESS
    assert at.value == ctypes.cast(cuda.cuMemAlloc_v2, ctypes.c_void_p).value


def test_private_tables_are_not_there():
    table = ctypes.c_void_p()
    assert library().cuGetExportTable(ctypes.byref(table), bytes(range(16))) == INVALID_VALUE


def test_what_nobody_implements_says_so():
    cuda = library()
    stubs = [symbol for kind, symbol in exported() if kind == "W"]
    assert "cuGLCtxCreate_v2" in stubs and "cuMemAlloc_v2" not in stubs
    assert {getattr(cuda, symbol)() for symbol in stubs} == {NOT_SUPPORTED}
