# SPDX-License-Identifier: Apache-2.0
"""The library goes into images with an older glibc than that of the machine that it was built on."""
import re
import subprocess

from conftest import RELEASE

OLDEST = (2, 28)


def too_new(version):
    """Also what is no number, as GLIBC_ABI_DT_RELR: each such name came after 2.28."""
    number = re.fullmatch(r"GLIBC_(\d+)\.(\d+)(?:\.\d+)?", version)
    return not number or tuple(map(int, number.groups())) > OLDEST


def runs_with_the_oldest(library, tools=""):
    def shown(tool, what):
        return subprocess.run([tools + tool, what, library], check=True, text=True, stdout=subprocess.PIPE,
                              timeout=60).stdout

    asked = re.findall(r"\*UND\*\s+\w+\s+\(?(GLIBC_[\w.]+)\)?\s+(\S+)$", shown("objdump", "-T"), re.M)
    assert "dlopen" in {symbol for _, symbol in asked}
    assert [(symbol, version) for version, symbol in asked if too_new(version)] == []
    needed = re.findall(r"Name: (\S+)", shown("readelf", "-VW").split("'.gnu.version_r'", 1)[1])
    assert needed and [version for version in needed if too_new(version)] == []
    # Before glibc 2.34 dlopen and its like are not in libc, and a program that does not use them lacks them.
    assert "[libdl.so.2]" in shown("readelf", "-dW")


def test_nothing_newer_than_glibc_2_28_is_asked_for():
    runs_with_the_oldest(RELEASE / "src/shim/libcarve.so")
