# SPDX-License-Identifier: Apache-2.0
"""Broken systems with several faults each: what is found is exactly what the first line names."""
import re

import pytest

from conftest import ROOT, Lint

FOLDER = ROOT / "tests/lint/broken"
FILES = sorted(path.name for path in FOLDER.iterdir())
RULES = {path.stem for path in (ROOT / "docs/rules").glob("*.md")}


def expected(name):
    first = (FOLDER / name).read_text(encoding="utf-8").split("\n", 1)[0]
    return set(re.fullmatch(r"# expect: (.+)", first)[1].split(", "))


@pytest.mark.parametrize("name", FILES)
def test_the_faults_of_a_system_are_found(name):
    found = Lint(FOLDER).json(name)
    assert {f["rule"] for f in found if f["severity"] != "info"} == expected(name)


def test_there_are_many():
    assert len(FILES) >= 40
    assert len(set.union(*map(expected, FILES))) >= 80
    assert set.union(*map(expected, FILES)) <= RULES
