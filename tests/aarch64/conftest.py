# SPDX-License-Identifier: Apache-2.0
"""libcarve.so for aarch64, under qemu-user: what tests/shim has, and many of its tests.

CARVE_BUILD is what ./build made; CARVE_RELEASE is for this machine: its programs make and show the pages and
may join the slices.
"""
import importlib.util
import pathlib
import sys

SHIM = pathlib.Path(__file__).resolve().parent.parent / "shim"


def names_of(path):
    """All that a module has, under another name than that of this one."""
    spec = importlib.util.spec_from_file_location(f"shim_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {name: value for name, value in vars(module).items() if not name.startswith("__")}


sys.path.append(str(SHIM))  # for its tests, which find here what they import from `conftest`
globals().update(names_of(SHIM / "conftest.py"))
