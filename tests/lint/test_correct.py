# SPDX-License-Identifier: Apache-2.0
"""Correct manifests: nothing louder than information is said of any, and every rule has a near miss.

An entry of tests/lint/correct is a file, or a folder that is one system.
"""
import pytest

from conftest import ROOT, Lint
from manifests import loud

FOLDER = ROOT / "tests/lint/correct"
ENTRIES = sorted(path.name for path in FOLDER.iterdir())
RULES = sorted(path.stem for path in (ROOT / "docs/rules").glob("*.md") if path.name != "README.md")
# Those that notes on EKS, Karpenter and NVIDIA's charts call right although they look wrong.
RIGHT = {"helm-repo-on-github-pages", "configmap-key-any", "all-balanced-p4d", "taint-without-value",
         "configmap-named-like-release", "old-static-manifest", "toleration-of-empty-value",
         "requests-equal-limits"}

# Files that are complete only with others which lie beside them, linted by themselves.
ALONE = ("kustomize/overlays/prod/more-gpus.yaml", "kustomize/overlays/dev/small.yaml",
         "kustomize/base/rbac.yaml", "repository/docs/install/guide.md", "own-chart/values.yaml",
         "terraform/manifests/node-class.yaml", "spark-pod-template.yaml")


def near(name):
    """The rule that an entry nearly breaks, or None."""
    return name.removeprefix("near-").split(".")[0] if name.startswith("near-") else None


@pytest.mark.parametrize("name", ENTRIES)
def test_a_correct_entry_is_not_found_fault_with(name):
    found = Lint(FOLDER).json(name)
    assert loud(found) == []
    assert near(name) not in {finding["rule"] for finding in found}


@pytest.mark.parametrize("name", ALONE)
def test_a_file_alone_is_not_found_fault_with_for_what_lies_beside_it(name):
    assert loud(Lint(FOLDER).json(name)) == []


def test_there_are_many():
    assert sum(path.is_file() for path in FOLDER.rglob("*")) >= 100


def test_every_rule_has_its_near_miss():
    assert sorted(rule for rule in map(near, ENTRIES) if rule) == RULES


def test_what_only_looks_wrong_is_there():
    assert RIGHT == {name.removeprefix("right-").split(".")[0] for name in ENTRIES
                     if name.startswith("right-")}
