# SPDX-License-Identifier: Apache-2.0
"""How `carve lint` is asked and how it tells: formats, colors, exit codes, silence, settings.

Findings are made with comments to carve-lint that name no rule, which need no other check.
"""
import json
import os
import pty
import re
import subprocess

import pytest
import yaml

from conftest import POOL, PROGRAM, ROOT

OBJECT = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: a\n"
WRONG = OBJECT + "# carve-lint: ignore nothing-like-it\n"
ERRORS = "rules: {ignore-unknown: error}\n"


@pytest.fixture
def wrong(lint):
    lint.write("a.yaml", WRONG)
    return lint


def test_table_shows_place_line_mark_and_cure(lint):
    lint.write("a.yaml", OBJECT + "spec: {} # carve-lint: ignore pool-without-tain\n")
    assert lint("a.yaml", code=0).splitlines()[:4] == [
        "a.yaml:5:10: warning: no rule 'pool-without-tain' [ignore-unknown]",
        "     5 | spec: {} # carve-lint: ignore pool-without-tain",
        "       |          ^" + 37 * "~",
        "       = cure: did you mean 'pool-without-taint'?"]


def test_table_ends_with_a_summary(wrong):
    wrong.write("b.yaml", OBJECT)
    assert "\n1 warning in 1 of 2 files\n" in wrong(".", code=0)
    assert wrong("b.yaml", code=0) == "nothing found in 1 file\n"
    wrong.write(".carve-lint.yaml", ERRORS)
    wrong.write("b.yaml", WRONG + "spec: {} # carve-lint: ignore ignore-unused\n")
    assert "\n2 errors, 1 info in 2 of 2 files\n" in wrong(".", code=1)


def test_one_cure_is_told_once(lint):
    lint.write("a.yaml", 3 * WRONG.replace("apiVersion", "---\napiVersion"))
    out = lint("a.yaml")
    assert out.count("[ignore-unknown]") == 3
    assert out.count("= cure:") == 1


@pytest.mark.parametrize("before,shown", [
    ("a:\t1 ", "a: 1 "), ("a: 中文 ", None), ("a: e\u0301\u0302 ", None), ("a: \U0001f680 ", None)])
def test_the_mark_stands_below_what_is_meant(lint, before, shown):
    """Tabs, wide characters, marks above a letter."""
    lint.write("a.sh", f"#!/bin/sh\necho {before}# carve-lint: ignore nope\n")
    line, mark = lint("a.sh").splitlines()[1:3]
    line, mark = line.split(" | ", 1)[1], mark.split(" | ", 1)[1]
    assert line.startswith("echo " + (shown or before))
    cells = {"中": 2, "文": 2, "\u0301": 0, "\u0302": 0, "\U0001f680": 2}
    assert mark.index("^") == sum(cells.get(c, 1) for c in line[:line.index("#")])


def test_of_a_long_line_only_the_surroundings_are_shown(lint):
    lint.write("a.sh", "#!/bin/sh\necho " + 5000 * "x" + " # carve-lint: ignore nope because " + 5000 * "y" + "\n")
    line, mark = lint("a.sh").splitlines()[1:3]
    assert len(line) < 140 and len(mark) < 140
    assert line.split(" | ")[1].startswith("...xxx") and line.endswith("yyy...")
    assert line[mark.index("^")] == "#"


def test_control_bytes_reach_no_terminal(lint):
    name = "a\x1b[31m\u202e.sh"
    lint.write(name, b"#!/bin/sh\necho \x1b[2J\x9b\xc2\x9b\x07 \xff # carve-lint: ignore no\x1bpe \xe2\x80\xae\n")
    for words in ([], ["-o", "json"], ["-o", "sarif"], ["-o", "github"]):
        out = lint(*words, ".")
        assert "ignore-unknown" in out
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", out), repr(out)


def test_colors_are_for_terminals(wrong):
    assert "\033" not in wrong("a.yaml")
    assert "\033[1;33mwarning:\033[0m" in wrong("--color", "always", "a.yaml")
    ours, theirs = pty.openpty()
    try:
        for environment, words, colored in (({}, [], True), ({"NO_COLOR": "1"}, [], False),
                                            ({}, ["--color", "never"], False)):
            done = subprocess.Popen([PROGRAM, "lint", *words, "a.yaml"], cwd=wrong.folder, stdout=theirs,
                                    env={k: v for k, v in os.environ.items() if k != "NO_COLOR"} | environment)
            assert done.wait(60) == 0
            assert (b"\033[" in os.read(ours, 100000)) == colored
    finally:
        os.close(ours)
        os.close(theirs)


def test_json_is_an_array_of_findings(wrong):
    assert wrong.json("a.yaml", code=0) == [{
        "rule": "ignore-unknown", "severity": "warning", "file": "a.yaml", "line": 5, "column": 1,
        "endLine": 5, "endColumn": 37, "message": "no rule 'nothing-like-it'",
        "cure": "'carve lint --rules' lists them", "fixable": False, "choice": None}]
    wrong.write("a.yaml", OBJECT)
    assert wrong.json("a.yaml") == []


def test_findings_stand_in_the_order_of_the_files(lint):
    for name in ("b.yaml", "a.yaml", "c/d.yaml"):
        lint.write(name, WRONG + "\n" + "# carve-lint: ignore\n")
    found = [(f["file"], f["line"]) for f in lint.json("b.yaml", "c", "a.yaml")]
    assert found == [(name, line) for name in ("a.yaml", "b.yaml", "c/d.yaml") for line in (5, 7)]


def test_a_file_that_is_named_twice_is_read_once(wrong):
    assert len(wrong.json("a.yaml", ".", "a.yaml")) == 1


def test_sarif_has_what_code_scanning_wants(wrong):
    wrong.write("b c.yaml", WRONG + "spec: {} # carve-lint: ignore ignore-unused\n")
    log = json.loads(wrong("-o", "sarif", "."))
    assert log["version"] == "2.1.0" and len(log["runs"]) == 1
    run = log["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["ignore-unknown", "ignore-unused"]
    assert rules[0]["help"]["markdown"].startswith("# ignore-unknown\n")
    assert rules[1]["defaultConfiguration"]["level"] == "note"
    assert len(run["results"]) == 3
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("error", "warning", "note") and result["message"]["text"]
    place = run["results"][1]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "b%20c.yaml"
    assert place["region"] == {"startLine": 5, "startColumn": 1, "endLine": 5, "endColumn": 37}
    wrong.write("a.yaml", OBJECT)
    assert json.loads(wrong("-o", "sarif", "a.yaml"))["runs"][0]["results"] == []


def test_github_gets_commands_with_their_escapes(lint):
    lint.write("a,b:c%.yaml", OBJECT + "spec: {} # carve-lint: ignore 100%\n")
    lint.write(".carve-lint.yaml", ERRORS)
    assert lint("-o", "github", ".", code=1).splitlines() == [
        "::error file=a%2Cb%3Ac%25.yaml,line=5,endLine=5,col=10,endColumn=35,title=ignore-unknown"
        "::no rule '100'%0A'carve lint --rules' lists them"]


def test_exit_code_follows_the_severity(wrong):
    wrong("a.yaml", code=0)
    wrong("--strict", "a.yaml", code=1)
    wrong("--fail-on", "warning", "a.yaml", code=1)
    wrong.write(".carve-lint.yaml", "rules: {ignore-unknown: info}\n")
    wrong("--strict", "a.yaml", code=0)
    wrong("--fail-on", "info", "a.yaml", code=1)
    wrong.write(".carve-lint.yaml", ERRORS)
    wrong("a.yaml", code=1)
    for form in ("json", "sarif", "github"):
        wrong("-o", form, "a.yaml", code=1)


@pytest.mark.parametrize("words,told", [
    (["nowhere.yaml"], "nowhere.yaml"), (["-o", "xml", "."], "unknown output format 'xml'"),
    (["--set", "x", "."], "NAME=VALUE"), (["--set", "=x", "."], "NAME=VALUE"),
    (["--set", "a=1", "--set", "a=2", "."], "'a' twice"), (["--fail-on", "never", "."], "'never'"),
    (["--color", "red", "."], "'red'"), (["--settings", "nowhere.yaml", "."], "nowhere.yaml"),
    (["--catalog", "nowhere.json", "."], "nowhere.json"),
    (["--schemas", "nowhere.json", "."], "nowhere.json"), (["--nonsense"], "--nonsense")])
def test_what_cannot_be_done_is_exit_2(lint, words, told):
    lint(*words, code=2)
    assert told in lint.stderr


def test_a_full_disk_is_exit_2(wrong):
    for form in ("table", "json", "sarif", "github"):
        with open("/dev/full", "w", encoding="ascii") as full:
            done = subprocess.run([PROGRAM, "lint", "-o", form, "a.yaml"], cwd=wrong.folder, stdout=full,
                                  stderr=subprocess.PIPE, check=False)
        assert done.returncode == 2 and b"standard output" in done.stderr


def test_standard_input_is_a_file(wrong):
    assert [f["file"] for f in wrong.json("-", stdin=WRONG)] == ["-"]
    assert "-:5:1: warning:" in wrong("-", stdin=WRONG)


def test_without_a_name_it_is_this_folder(wrong):
    assert [f["file"] for f in wrong.json()] == ["a.yaml"]


def test_comments_silence_and_are_counted(lint):
    lint.write("a.yaml", POOL.replace("name: inference", "name: inference # carve-lint: ignore pool-without-taint"))
    assert lint.rules("a.yaml") == {"class-missing"}
    assert "in 1 of 1 file, 1 silenced\n" in lint("a.yaml")
    assert "pool-without-taint" not in lint("-o", "sarif", "a.yaml") + lint("-o", "github", "a.yaml")
    lint.write("a.yaml", OBJECT + "# carve-lint: ignore ignore-unused\n")
    assert lint.rules("a.yaml") == {"ignore-unused"}


def test_settings_change_severities(wrong):
    wrong.write(".carve-lint.yaml", "rules: {ignore-unknown: off}\n")
    assert wrong("a.yaml", code=0) == "nothing found in 1 file, 1 silenced\n"
    assert wrong.json("a.yaml", code=0) == []
    wrong.write("other.yaml", ERRORS)
    assert wrong.json("--settings", "other.yaml", "a.yaml", code=1)[0]["severity"] == "error"


def test_settings_are_found_here_or_in_the_folder(lint):
    lint.write("deploy/a.yaml", WRONG)
    lint.write("deploy/.carve-lint.yaml", ERRORS)
    lint("deploy", code=1)
    lint("deploy/a.yaml", code=0)
    lint.write(".carve-lint.yaml", "rules: {ignore-unknown: info}\n")
    lint("deploy", code=0)


def test_settings_that_are_wrong_are_refused(wrong):
    wrong.write(".carve-lint.yaml", "rules:\n  ignore-unknow: off\n")
    wrong("a.yaml", code=2)
    assert ".carve-lint.yaml:2:3: no rule 'ignore-unknow'; did you mean 'ignore-unknown'?" in wrong.stderr


def test_patterns_pass_over_files(wrong):
    wrong.write("vendor/b.yaml", WRONG)
    assert [f["file"] for f in wrong.json(".", "--exclude", "vendor/*")] == ["a.yaml"]
    wrong.write(".carve-lint.yaml", "exclude: [a.yaml]\n")
    assert [f["file"] for f in wrong.json(".")] == ["vendor/b.yaml"]
    assert wrong.json(".", "--exclude", "vendor/*") == []


def test_a_region_without_prices_is_told(wrong):
    wrong("--region", "atlantis-1", "a.yaml")
    assert "no prices of region 'atlantis-1'" in wrong.stderr
    wrong("--region", "eu-central-1", "a.yaml")
    assert wrong.stderr == ""
    wrong.write(".carve-lint.yaml", "region: atlantis-2\n")
    wrong("a.yaml")
    assert "'atlantis-2'" in wrong.stderr


def test_a_choice_that_nothing_asked_for_is_told(wrong):
    wrong("--set", "gpu-limits=8", "a.yaml", code=0)
    assert "nothing asked for --set gpu-limits; no choice is open here" in wrong.stderr


def test_findings_are_bounded_and_counted(lint):
    lint.write("a.yaml", OBJECT + 12000 * "# carve-lint: ignore nope\n")
    out = lint("a.yaml")
    assert "10000 warnings in 1 of 1 file, 2000 more not shown" in out
    lint("--strict", "a.yaml", code=1)


def test_errors_count_even_where_they_are_lost(lint):
    for number in range(10):
        lint.write(f"{number}.yaml", OBJECT + 1000 * "# carve-lint: ignore pool-without-taint\n")
    lint.write("z.yaml", WRONG)
    lint.write(".carve-lint.yaml", ERRORS)
    assert "10000 info in 10 of 11 files, 1 more not shown" in lint(".", code=1)
    assert len(lint.json(".", code=1)) == 10000


def test_what_an_alias_repeats_is_told_once(lint):
    lint.write("a.yaml", """\
apiVersion: v1
kind: Pod
metadata: {name: a}
spec:
  restartPolicy: Never
  containers:
    - &c {name: a, image: "registry.example/a:1", resources: {limits: {nvidia.com/gpu: "0.5"}}}
    - *c
""")
    assert [f["rule"] for f in lint.json("a.yaml")].count("resource-amount") == 1


def test_every_option_is_in_the_manual_page(lint):
    told = lint("--help", code=0)
    page = (ROOT / "man/carve-lint.1.scd").read_text(encoding="utf-8")
    options = set(re.findall(r"--[a-z-]+", told)) - {"--help", "--usage", "--version"}
    assert options == {o for o in re.findall(r"^\*--([a-z-]+)\*|\*-o\*, \*--([a-z]+)\*", page, re.M)
                       for o in [next(filter(None, o))] for o in ["--" + o]}


def test_the_manual_page_shows_settings_that_can_be_read(wrong):
    page = (ROOT / "man/carve-lint.5.scd").read_text(encoding="utf-8")
    example = re.search(r"^```\n(.*?)^```", page, re.M | re.S)[1]
    wrong.write(".carve-lint.yaml", example)
    wrong("a.yaml", code=0)


def test_the_problem_matcher_reads_the_table(wrong):
    text = (ROOT / "docs/lint-in-editors.md").read_text(encoding="utf-8")
    tasks = json.loads(re.search(r"```json\n(.*?)```", text, re.S)[1])
    pattern = tasks["tasks"][0]["problemMatcher"]["pattern"]
    out = wrong("--color", "never", "a.yaml")
    found = [re.match(pattern["regexp"], line) for line in out.splitlines()]
    found = [match for match in found if match]
    assert len(found) == 1
    assert [found[0][pattern[name]] for name in ("file", "line", "column", "severity", "message", "code")] == [
        "a.yaml", "5", "1", "warning", "no rule 'nothing-like-it'", "ignore-unknown"]


def test_the_hooks_run_what_there_is(wrong):
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert [hook["id"] for hook in hooks] == ["carve-lint", "carve-lint-fix"]
    for hook in hooks:
        program, *words = hook["entry"].split()
        assert program == "carve" and words[0] == "lint" and hook["language"] == "system"
        subprocess.run([PROGRAM, *words, "--help"], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize("sarif", ["", "out.sarif"])
def test_the_action_lints_and_annotates(lint, tmp_path, sarif):
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    steps = action["runs"]["steps"]
    assert "make -C" in steps[0]["run"]
    assert all("${{" not in step["run"] for step in steps), "an input must not become part of a script"
    place = tmp_path / "action/build/release/src/cli"
    place.mkdir(parents=True)
    (place / "carve").symlink_to(PROGRAM)
    lint.write("deploy/a.yaml", WRONG)
    for arguments, code in (("", 0), ("--strict\n--exclude=*x y*\n", 1)):
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", steps[1]["run"]], cwd=tmp_path,
            env=os.environ | {"GITHUB_ACTION_PATH": str(tmp_path / "action"), "LINT_PATHS": "deploy\n",
                              "LINT_ARGUMENTS": arguments, "LINT_SARIF": sarif},
            capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        assert done.stdout.startswith("::warning file=deploy/a.yaml,line=5,")
    if sarif:
        assert len(json.loads((tmp_path / sarif).read_text())["runs"][0]["results"]) == 1


def test_fixing_writes_tells_and_leaves_what_it_cannot_cure(lint):
    lint.write("a.yaml", POOL)
    lint.write("b.yaml", WRONG)
    out = lint("--fix", ".", code=0)
    assert "a.yaml:4: fixed: " in out and "[pool-without-taint]" in out
    assert "b.yaml:5:1: warning: no rule" in out
    assert "nvidia.com/gpu" in (lint.folder / "a.yaml").read_text().split("limits:")[0]
    assert lint.rules("a.yaml") <= {"class-missing"}
    assert "fixed" not in lint("--fix", ".", code=0)


def test_a_diff_changes_nothing_and_can_be_applied(lint):
    path = lint.write("a.yaml", POOL)
    out = lint("--diff", "a.yaml", code=0)
    assert path.read_text() == POOL
    subprocess.run(["patch", "-p1", "--quiet"], input=out, text=True, cwd=lint.folder, check=True)
    assert "pool-without-taint" not in lint.rules("a.yaml")
    assert lint("--diff", "a.yaml", code=0) == ""
    lint.write("a.yaml", POOL)
    lint.write(".carve-lint.yaml", "rules: {pool-without-taint: error}\n")
    lint("--diff", "a.yaml", code=1)
    lint("--fix", "a.yaml", code=0)


def test_fixing_standard_input_is_a_filter(lint):
    out = lint("--fix", "-", stdin=POOL, code=0)
    lint.write("a.yaml", out)
    assert "pool-without-taint" not in lint.rules("a.yaml")
    assert lint("--fix", "-", stdin=OBJECT, code=0) == OBJECT
    lint.write("a.yaml", POOL)
    lint("--fix", "-", "a.yaml", stdin=POOL, code=2)
    assert (lint.folder / "a.yaml").read_text() == POOL


def test_a_silenced_finding_is_not_fixed(lint):
    silent = "# carve-lint: ignore-file pool-without-taint\n" + POOL
    lint.write("a.yaml", silent)
    lint("--fix", "a.yaml")
    assert (lint.folder / "a.yaml").read_text() == silent
    lint.write("a.yaml", POOL)
    lint.write(".carve-lint.yaml", "rules: {pool-without-taint: off}\n")
    lint("--fix", "a.yaml")
    assert (lint.folder / "a.yaml").read_text() == POOL


def test_sarif_has_the_fixes(lint):
    lint.write("a.yaml", POOL)
    results = json.loads(lint("-o", "sarif", "a.yaml"))["runs"][0]["results"]
    change = next(r for r in results if r["ruleId"] == "pool-without-taint")["fixes"][0]["artifactChanges"][0]
    assert change["artifactLocation"]["uri"] == "a.yaml"
    lines = POOL.splitlines(keepends=True)
    for edit in change["replacements"]:
        region = edit["deletedRegion"]
        assert (region["startLine"], region["startColumn"]) == (region["endLine"], region["endColumn"])
        lines.insert(region["startLine"] - 1, edit["insertedContent"]["text"])
    lint.write("a.yaml", "".join(lines))
    assert "pool-without-taint" not in lint.rules("a.yaml")


def test_a_choice_that_is_open_is_named(lint):
    lint.write("a.yaml", POOL)
    out = lint("--set", "node-rol=x", "a.yaml")
    assert "= needs a choice: --set node-role=... (" in out
    assert "names that are asked for: node-role" in lint.stderr
    lint("--set", "node-role=x", "--set", "cluster=y", "a.yaml")
    assert lint.stderr == ""
    finding = next(f for f in lint.json("a.yaml") if f["rule"] == "class-missing")
    assert finding["choice"] == "node-role" and not finding["fixable"]
