# SPDX-License-Identifier: Apache-2.0
"""Ways round the library that man/libcarve.7.scd states: what is flagged, and what nothing shows."""
import shutil

from conftest import BUILD, GIB, RELEASE, figures
from test_attach import holds, only

LOAD = "import ctypes, os, sys; sys.exit(ctypes.CDLL(sys.argv[1], mode={mode}).deep_try())"


def test_a_library_that_is_linked_with_the_driver(slices):
    """Opened by a program that is not: bound to us, since the program's order comes first."""
    held = slices(GIB)
    holds(held.python(LOAD.format(mode="os.RTLD_NOW"), RELEASE / "tests/shim/deep.so"))
    assert only(held.processes())["allocations"] == 1


def test_a_library_bound_deep(slices):
    """RTLD_DEEPBIND: the library's own order comes first. A stated limit."""
    held = slices(GIB)
    seen = figures(held.python(LOAD.format(mode="os.RTLD_NOW | os.RTLD_DEEPBIND"),
                               RELEASE / "tests/shim/deep.so"))
    assert seen["total"] > 1024 and seen["small"] == 0 and held.processes() == []


def test_a_second_copy_of_the_driver(slices, tmp_path):
    """Its functions are its own, and that they were asked for is counted."""
    held = slices(GIB)
    copy = shutil.copy(BUILD / "emulator/libcuda.so.1", tmp_path / "libmine.so")
    output = held.run("driver-lookup", "second", copy).splitlines()
    holds(output[0])
    assert output[1] == "own 1" and only(held.processes())["uncounted"] == 1


def test_system_with_a_cleared_environment(slices):
    """libc's system() starts its shell by itself: what that starts is not in the slice. A stated limit."""
    held = slices(GIB)
    keep = ("CARVE_EMULATOR", "LD_LIBRARY_PATH")
    text = f"""
import os, sys
left = {{name: value for name, value in os.environ.items() if name.startswith({keep!r})}}
os.environ.clear()
os.environ.update(left)
sys.exit(os.system(sys.argv[1]))
"""
    seen = figures(held.python(text, f"{RELEASE / 'tests/shim/driver-linked'} try"))
    assert seen["total"] > 1024 and held.processes() == []
