# SPDX-License-Identifier: Apache-2.0
"""--help and the manual page name the same options, and the page names their variables."""
import pathlib
import re
import subprocess

from conftest import BUILD

PAGE = pathlib.Path(__file__).resolve().parents[2] / "man/carved.8.scd"
SOURCES = [PAGE.parents[1] / "src" / name for name in ("config/config_settings.c",
                                                       "agent/arguments.c")]


def test_the_manual_names_every_option():
    text = subprocess.run([BUILD / "src/agent/carved", "--help"], capture_output=True, text=True,
                          check=True).stdout
    page = PAGE.read_text(encoding="utf-8")
    page = page[page.index("# OPTIONS"):page.index("# SIGNALS")]
    assert set(re.findall(r"(--[a-z][a-z-]+)", text)) == set(re.findall(r"(--[a-z][a-z-]+)", page))


def test_the_manual_names_every_variable():
    page = PAGE.read_text(encoding="utf-8")
    names = {name for source in SOURCES for name in
             re.findall(r'"\$?([A-Z][A-Z0-9]*_[A-Z0-9_]+)"', source.read_text(encoding="utf-8"))}
    assert names and all(f"${name}" in page for name in names)


def test_version():
    text = subprocess.run([BUILD / "src/agent/carved", "--version"], capture_output=True, text=True,
                          check=True).stdout
    assert re.fullmatch(r"carved \d+\.\d+\.\d+\n", text)
