# SPDX-License-Identifier: Apache-2.0
"""`carve lint --fix` and `--diff` over whole files: what may be lost (nothing) and what comes to rest."""
import os
import re
import shutil
import subprocess

import pytest
import yaml

from conftest import POOL, ROOT

PAGES = sorted(path for path in (ROOT / "docs/rules").glob("*.md") if path.stem != "README")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
OLD_POOL = """\
# Pools of the lab.
apiVersion: karpenter.sh/v1beta1
kind: NodePool
metadata:
  name: lab # one a team
spec:
  # what nodes look like
  constraints:
    labels: # ours
      team: lab
    # keeps others off
    taints:
      - key: nvidia.com/gpu
        effect: NoSchedule
    requirements:
      # small ones
      - key: node.kubernetes.io/instance-type
        operator: In
        values: ["g6.xlarge", g6.2xlarge] # two of them
  limits:
    resources:
      nvidia.com/gpu: 4 # all that we pay for
  nodeClassRef:
    apiVersion: karpenter.k8s.aws/v1beta1
    kind: EC2NodeClass
    name: lab
"""


def fails(page):
    return page.read_text().split("\n## Fails\n")[1].split("\n## ")[0] + "\n"


def documents(markdown):
    for info, text in FENCE.findall(markdown):
        if info == "yaml":
            yield from yaml.safe_load_all(text)


def patched(lint, name, diff):
    """The file as patch(1) makes it."""
    shutil.copy(lint.folder / name, lint.folder / "copy")
    subprocess.run(["patch", "-s", "-p1", "copy"], input=diff, cwd=lint.folder, check=True,
                   encoding="utf-8", capture_output=True, timeout=60)
    return (lint.folder / "copy").read_bytes()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_failing_example_is_left_readable_and_at_rest(lint, page):
    path = lint.write("set.md", fails(page))
    before = lint.rules("set.md")
    wanted = patched(lint, "set.md", lint("--diff", "set.md"))
    assert path.read_text() == fails(page), "--diff writes nothing"
    lint("--fix", "set.md")
    assert path.read_bytes() == wanted
    assert "taken back" not in lint.stderr
    fixed = path.read_text()
    if "yaml-syntax" not in before and "template-not-checked" not in before:
        list(documents(fixed))
    for comment in re.findall(r"^\s*(# .*)$", "".join(t for _, t in FENCE.findall(fails(page))), re.M):
        assert comment in fixed
    assert "fixed:" not in lint("--fix", "set.md")
    assert path.read_text() == fixed
    assert not lint.rules("set.md") & {"yaml-syntax", "yaml-duplicate-key"} - before


def test_an_old_pool_is_moved_with_its_comments(lint):
    path = lint.write("pool.yaml", OLD_POOL)
    lint("--fix", "pool.yaml")
    fixed = path.read_text()
    for comment in re.findall(r"# .*", OLD_POOL):
        assert comment in fixed, fixed
    pool = yaml.safe_load(fixed)
    assert pool["apiVersion"] == "karpenter.sh/v1"
    assert pool["spec"]["limits"] == {"nvidia.com/gpu": 4}
    template = pool["spec"]["template"]
    assert template["metadata"]["labels"] == {"team": "lab"}
    assert template["spec"]["taints"] == [{"key": "nvidia.com/gpu", "effect": "NoSchedule"}]
    assert template["spec"]["requirements"][0]["values"] == ["g6.xlarge", "g6.2xlarge"]
    assert template["spec"]["nodeClassRef"] == {
        "group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "lab"}
    assert "constraints" not in pool["spec"]


@pytest.mark.parametrize("ending", ["\n", "\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "marked"])
@pytest.mark.parametrize("last", [True, False], ids=["newline", "no newline"])
def test_bytes_that_say_nothing_stay(lint, ending, mark, last):
    text = OLD_POOL if last else OLD_POOL.rstrip()
    path = lint.write("pool.yaml", mark + text.replace("\n", ending).encode())
    wanted = patched(lint, "pool.yaml", lint("--diff", "pool.yaml")) if ending == "\n" else None
    lint("--fix", "pool.yaml")
    fixed = path.read_bytes()
    assert wanted in (None, fixed)
    assert fixed.startswith(mark + b"# Pools")
    assert fixed.count(b"\n") == fixed.count(ending.encode())
    assert b"template:" in fixed


def test_links_and_modes_stay(lint):
    path = lint.write("real/pool.yaml", OLD_POOL)
    path.chmod(0o640)
    (lint.folder / "pool.yaml").symlink_to("real/pool.yaml")
    lint("--fix", "pool.yaml")
    assert (lint.folder / "pool.yaml").is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640
    assert "karpenter.sh/v1\n" in path.read_text()
    assert sorted(os.listdir(path.parent)) == ["pool.yaml"]


def test_many_pools_are_fixed_in_one_go(lint):
    pool = POOL.replace("\n  limits", "\n  # lid\n  limits")
    lint.write("pools.yaml", "---\n".join(pool.replace("inference", f"p{i}") for i in range(200)))
    lint("--fix", "pools.yaml")
    pools = list(yaml.safe_load_all((lint.folder / "pools.yaml").read_text()))
    assert len(pools) == 200
    assert all(p["spec"]["template"]["spec"]["taints"] for p in pools)
    assert (lint.folder / "pools.yaml").read_text().count("  # lid\n") == 200


def test_what_cannot_be_edited_is_left(lint):
    templated = POOL.replace("name: inference", "name: {{ .Values.name }}")
    anchored = POOL.replace("    spec:\n", "    spec: &s\n", 1) + "x: *s\n"
    for name, text in {"templated.yaml": templated, "anchored.yaml": anchored}.items():
        path = lint.write(name, text)
        lint("--fix", name)
        assert path.read_text() == text


def test_unreadable_files_are_told_after_fixing_too(lint):
    lint.write("a.yaml", OLD_POOL)
    lint.write("b.yaml", b"a: \x00\n")
    lint("--fix", "a.yaml", "b.yaml", code=1)
    assert "file-unreadable" in lint.rules("a.yaml", "b.yaml")
    assert "b.yaml" in lint("--fix", "a.yaml", "b.yaml", code=1)
