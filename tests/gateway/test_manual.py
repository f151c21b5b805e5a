# SPDX-License-Identifier: Apache-2.0
"""The manual page and the program name the same options, variables, Events and reasons."""
import pathlib
import re
import subprocess

from conftest import BUILD

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = (ROOT / "man/carve-gateway.8.scd").read_text(encoding="utf-8")
SOURCES = {file.name: file.read_text(encoding="utf-8") for file in (ROOT / "src/gateway").glob("*.c")}


def part(begin, end):
    return PAGE[PAGE.index(f"# {begin}\n"):PAGE.index(f"# {end}\n")]


def says(*arguments):
    return subprocess.run([BUILD / "src/gateway/carve-gateway", *arguments], capture_output=True, text=True, timeout=20,
                          check=True).stdout


def test_the_manual_names_every_option():
    assert set(re.findall(r"(--[a-z][a-z-]+)", says("--help"))) == set(
        re.findall(r"^\*?.*?\*(--[a-z][a-z-]+)\*.*(?:\$|,)", part("OPTIONS", "RIGHTS"), re.M)) | {
            "--help", "--usage", "--version"}


def test_the_manual_names_every_variable():
    names = {re.search(r'"([A-Z_]+)"', row)[1] for row in
             re.findall(r'\{"[a-z-]+", "[A-Z_]+",', SOURCES["arguments.c"])}
    assert len(names) > 20 and names == set(re.findall(r"--[a-z-]+\*.*, \$([A-Z_]+)", part("OPTIONS", "RIGHTS")))


def test_the_manual_names_every_default():
    """As --help does: "(default X)" there is a line with _X_ here."""
    found = re.findall(r"--([a-z-]+)\[?=.*?\(default\s+(\S+)\)", re.sub(r"\n {20,}", " ", says("--help")))
    options = part("OPTIONS", "RIGHTS")
    assert len(found) > 12
    for flag, preset in found:
        entry = options[options.index(f"*--{flag}*"):]
        assert f"_{preset}_" in entry[:entry.index("\n\n")], flag


def test_the_manual_names_every_event():
    told = {reason for text in SOURCES.values() for reason in
            re.findall(r'(?:events_tell|configured_tell)\([^;"]*?"([A-Z][A-Za-z]+)"', text)}
    table = part("EVENTS", "CONDITIONS")
    assert told and all(re.search(rf"^(\||\[\[) +{reason}\n", table, re.M) for reason in told), told


def test_the_manual_names_every_reason_behind_the_taint():
    reasons = set(re.findall(r'say\(&?m, "([A-Za-z]+)"', SOURCES["ready_missing.c"])) | {"TaintNotRemoved"}
    assert len(reasons) > 8 and all(f"_{reason}_" in part("CONDITIONS", "SIGNALS") for reason in reasons)


def test_version():
    assert re.fullmatch(r"carve-gateway \d+\.\d+\.\d+\n", says("--version"))
