# SPDX-License-Identifier: Apache-2.0
"""The manual of the rules: every page's examples are tried, Fails must fail, Passes must pass."""
import json
import re
import subprocess

import pytest

from conftest import ROOT

FOLDER = ROOT / "docs/rules"
PAGES = sorted(path for path in FOLDER.glob("*.md") if path.name != "README.md")
NAMES = [path.stem for path in PAGES]
SEVERITIES = ("error", "warning", "info")
# What no text can show; test_input.py shows it with files.
UNSHOWN = {"file-unreadable"}
SHOWN = [name for name in NAMES if name not in UNSHOWN]


def sections(name):
    """{title: text} of a page; what stands in a fence is never a heading."""
    out, title, fence = {}, "", ""
    for line in (FOLDER / f"{name}.md").read_text(encoding="utf-8").splitlines(keepends=True):
        mark = re.match(r"(`{3,}|~{3,})", line)
        if mark and (not fence or line.startswith(fence)):
            fence = "" if fence else mark[1]
        if not fence and line.startswith("## "):
            title = line[3:].strip()
        else:
            out[title] = out.get(title, "") + line
    return out


@pytest.mark.parametrize("name", SHOWN)
def test_the_failing_example_shows_the_rule(lint, name):
    lint.write("example.md", sections(name)["Fails"])
    found = lint.json("example.md")
    assert name in {finding["rule"] for finding in found}, found


@pytest.mark.parametrize("name", NAMES)
def test_the_passing_example_has_no_error_and_no_warning(lint, name):
    lint.write("example.md", sections(name)["Passes"])
    assert [f for f in lint.json("example.md") if f["severity"] != "info" or f["rule"] == name] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_page_has_its_form(name):
    text = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
    head = re.match(r"# ([a-z0-9-]+)\n\n(\w+): (\S[^\n]*\.)\n\n", text)
    assert head and head[1] == name and head[2] in SEVERITIES
    parts = sections(name)
    assert list(parts) == ["", "Why", "Cure", "Fails", "Passes", "Source"]
    for title in ("Why", "Cure", "Source"):
        assert parts[title].strip()
    for title in ("Fails", "Passes"):
        assert name in UNSHOWN or parts[title].count("```") >= 2, f"{title} has no example"
    for link in re.findall(r"\]\(([a-z0-9-]+)\.md\)", text):
        assert link in NAMES, f"links to '{link}', which is no rule"
    assert all(len(line) <= 140 for line in text.splitlines())


@pytest.mark.parametrize("name", NAMES)
def test_explain_prints_the_page(lint, name):
    assert lint("--explain", name, code=0) == (FOLDER / f"{name}.md").read_text(encoding="utf-8")


def test_explain_knows_the_nearest_name(lint):
    lint("--explain", "pool-without-tain", code=2)
    assert "did you mean 'pool-without-taint'?" in lint.stderr
    lint("--explain", "zzzzzz", code=2)
    assert "--rules" in lint.stderr


def test_rules_lists_every_page(lint):
    listed = json.loads(lint("--rules", "-o", "json", code=0))["rules"]
    assert [rule["rule"] for rule in listed] == NAMES
    for rule, page in zip(listed, PAGES):
        assert page.read_text(encoding="utf-8").split("\n")[2] == f"{rule['severity']}: {rule['title']}"
    table = lint("--rules", code=0)
    assert all(re.search(rf"^{name} ", table, re.M) for name in NAMES)


def test_every_rule_is_used():
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src/lint").rglob("*.c"))
    unused = [name for name in NAMES
              if not re.search(rf"\bRULE_{name.upper().replace('-', '_')}\b", code)]
    assert unused == []


def test_the_index_is_up_to_date():
    made = subprocess.run([ROOT / "tools/gen-rules", "--index", *PAGES], capture_output=True,
                          encoding="utf-8", check=True).stdout
    assert (FOLDER / "README.md").read_text(encoding="utf-8") == made
