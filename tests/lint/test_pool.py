# SPDX-License-Identifier: Apache-2.0
"""Pools and classes: near misses that must be silent, exact places and words, fixes."""
import pytest

from conftest import ROOT
from manifests import (ARCH, CAPACITY, COUNT, FAMILY, GPU, SIZE, TYPE, ZONE, deployment, documents, loud,
                       markdown, need, node_class, overlay, pool)

NEAR = {
    "a taint of another key guards too": pool(taints="- {key: example.com/gpu, effect: NoSchedule}"),
    "NoExecute guards too": pool(taints="- {key: nvidia.com/gpu, effect: NoExecute}"),
    "a general pool with GPU types among others needs no taint":
        pool(needs=need("karpenter.k8s.aws/instance-category", "c", "m", "g"), taints=""),
    "a CPU pool": pool(needs=need(FAMILY, "m7i", "c7i"), taints="", limits="", disruption=""),
    "a limit on CPU that is exactly one node": pool(needs=need(TYPE, "p4d.24xlarge"), limits="cpu: 96"),
    "a limit on CPU that allows few nodes": pool(needs=need(TYPE, "g6.xlarge"), limits="cpu: 40"),
    "a limit of nodes": pool(limits="nodes: 3"),
    "a limit of 0 closes a pool": pool(limits="nvidia.com/gpu: 0"),
    "a static pool": pool(limits="nodes: 4", more="replicas: 4", disruption=""),
    "limits exclude large types of a family": pool(limits="nvidia.com/gpu: 4"),
    "memory as Karpenter counts it": pool(needs=need(TYPE, "p4d.24xlarge"),
                                          limits="memory: 1066Gi\nnvidia.com/gpu: 8"),
    "a slice's limit that an overlay backs": documents(
        pool(needs=need(TYPE, "p4d.24xlarge"), labels="nvidia.com/mig.config: all-1g.5gb",
             limits="nvidia.com/mig-1g.5gb: 112"),
        overlay(capacity='nvidia.com/gpu: "0"\nnvidia.com/mig-1g.5gb: "56"')),
    "empty nodes go at once": pool(disruption="{consolidationPolicy: WhenEmpty, consolidateAfter: 0s}"),
    "consolidation after a while":
        pool(disruption="{consolidationPolicy: WhenEmptyOrUnderutilized, consolidateAfter: 30m}"),
    "a custom label of that name": pool(needs=need(FAMILY, "g6") + need("nvidia.com/gpu", '"true"'),
                                        labels=""),
    "sizes": pool(needs=need(FAMILY, "g6") + need(SIZE, "xlarge", "2xlarge")),
    "a family newer than the catalogue": pool(needs=need(FAMILY, "g9")),
    "a type newer than the catalogue": pool(needs=need(TYPE, "p8.48xlarge")),
    "AMD's GPUs": pool(needs=need(GPU, "radeon-pro-v520")),
    "GPU names": pool(needs=need(GPU, "l4", "a10g", "rtx-pro-server-6000")),
    "CPU types": pool(needs=need(TYPE, "m7i.large"), taints="", limits="", disruption=""),
    "a type with another architecture and no requirement on it":
        pool(needs=need(TYPE, "g4dn.xlarge", "g5g.xlarge")),
    "both architectures": pool(needs=need(TYPE, "g4dn.xlarge", "g5g.xlarge") + need(ARCH, "amd64", "arm64")),
    "p3dn is of today": pool(needs=need(FAMILY, "p3dn")),
    "substitutes of like price": pool(needs=need(FAMILY, "g4dn", "g5", "g6", "g6e")),
    "large GPUs among themselves": pool(needs=need(FAMILY, "p4d", "p5", "p5en"),
                                        labels="nvidia.com/mig.config: all-disabled"),
    "a class of GPUs by letter": pool(needs=need("karpenter.k8s.aws/instance-category", "g", "p")),
    "sold in that region": pool(needs=need(FAMILY, "g5", "g4dn") + need(ZONE, "eu-west-1a", "eu-west-1c")),
    "nobody knows whether it is sold there": pool(needs=need(FAMILY, "g6") + need(ZONE, "sa-east-1a")),
    "no MIG is wished": pool(labels="nvidia.com/mig.config: all-disabled"),
    "startup taints that somebody takes off":
        pool(startup="- {key: ebs.csi.aws.com/agent-not-ready, effect: NoExecute}"),
    "one key, two effects": pool(taints="- {key: nvidia.com/gpu, effect: NoSchedule}\n"
                                        "- {key: nvidia.com/gpu, effect: NoExecute}"),
    "a template": pool(limits="nvidia.com/gpu: {{ .Values.gpus }}"),
    "Auto Mode": pool().replace("group: karpenter.k8s.aws, kind: EC2NodeClass",
                                "group: eks.amazonaws.com, kind: NodeClass"),
    "a class for CPU pools may have a small disk": documents(
        pool(needs=need(FAMILY, "m7i"), taints="", limits="", disruption=""), node_class(size="30Gi")),
    "disks of the instances": documents(pool(needs=need(TYPE, "g6.xlarge")),
                                        node_class(disks=False, more="instanceStorePolicy: RAID0")),
    "a decimal size": documents(pool(), node_class(size="100G")),
    "Bottlerocket's data disk": documents(
        pool(), node_class(ami="amiSelectorTerms: [{alias: bottlerocket@v1.40.0}]", device="/dev/xvdb")),
    "a custom image that joins by itself": documents(
        pool(), node_class(ami="amiFamily: Custom\namiSelectorTerms: [{id: ami-0123456789abcdef0}]",
                           more="userData: |\n  nodeadm init")),
    "an image with the driver by name": documents(
        pool(), node_class(ami="amiFamily: AL2023\namiSelectorTerms:\n"
                               "  - name: amazon-eks-node-al2023-x86_64-nvidia-1.34-v20250920")),
}


@pytest.mark.parametrize("text", NEAR.values(), ids=NEAR)
def test_near_misses_are_silent(lint, text):
    lint.write("set.yaml", text)
    assert loud(lint.json("set.yaml")) == []


def find(lint, rule, text, name="set.yaml"):
    lint.write(name, text)
    found = [f for f in lint.json(name) if f["rule"] == rule]
    assert found, f"no {rule} in {lint.json(name)}"
    return found


def test_limits_are_told_with_their_cost(lint):
    [f] = find(lint, "pool-without-gpu-limit", pool(needs=need(TYPE, "g6.xlarge"), limits="cpu: 400"))
    assert "allow 100 g6.xlarge, $80 an hour" in f["message"]
    assert (f["line"], f["severity"]) == (18, "warning")


def test_a_limit_below_a_node_names_both(lint):
    [f] = find(lint, "pool-limit-below-node",
               pool(needs=need(TYPE, "p4d.24xlarge"), limits="cpu: 95\nnvidia.com/gpu: 8"))
    assert "cpu 95 is below one p4d.24xlarge (96)" in f["message"]


def test_an_overlay_counts_for_limits(lint):
    text = documents(pool(needs=need(TYPE, "g6.xlarge"), limits="nvidia.com/gpu: 2"),
                     overlay(capacity='nvidia.com/gpu: "4"'))
    [f] = find(lint, "pool-limit-below-node", text)
    assert "nvidia.com/gpu 2 is below one g6.xlarge (4)" in f["message"]


@pytest.mark.parametrize("value, meant", [("G6.xlarge", "g6.xlarge"), ("g6xlarge", "g6.xlarge"),
                                          ("ml.g5.2xlarge", "g5.2xlarge"), ("g4dn-xlarge", "g4dn.xlarge")])
def test_a_type_in_other_letters_is_corrected(lint, value, meant):
    find(lint, "instance-type-unknown", pool(needs=need(TYPE, value)))
    lint("--fix", "set.yaml")
    assert f"values: [{meant}]" in (lint.folder / "set.yaml").read_text()
    assert loud(lint.json("set.yaml")) == []


@pytest.mark.parametrize("value", ["g4", "p4", "p3d", "g6d"])
def test_families_that_never_were(lint, value):
    find(lint, "instance-family-unknown", pool(needs=need(FAMILY, "g6", value)))


def test_types_that_only_a_zone_lacks_are_told_by_name(lint):
    [f] = find(lint, "zone-region", pool(needs=need(FAMILY, "g5", "p5") + need(ZONE, "eu-west-1a")))
    assert f["message"].startswith("p5 is not sold in eu-west-1")


def test_the_contradiction_is_named(lint):
    [f] = find(lint, "requirements-empty", pool(needs=need(FAMILY, "g6", "g5") + need(COUNT, '"16"')))
    assert COUNT in f["message"]


FIXES = {
    "pool-without-taint": (pool(taints=""), []),
    "pool-default-disruption": (pool(disruption=""), []),
    "pool-unlimited": (pool(limits=""), ["gpu-limit=8"]),
    "pool-without-gpu-limit": (pool(limits="cpu: 4000"), ["gpu-limit=8"]),
    "pool-limit-below-node": (pool(needs=need(TYPE, "p4d.24xlarge"),
                                   limits="cpu: 8\nmemory: 64Gi\nnvidia.com/gpu: 1"), ["gpu-limit=16"]),
    "pool-limit-slices": (pool(needs=need(TYPE, "p4d.24xlarge"), limits="nvidia.com/mig-1g.5gb: 8"),
                          ["gpu-limit=8"]),
    "pool-requires-resource": (pool(needs=need("nvidia.com/gpu", op="Exists") + need(FAMILY, "g6")), []),
    "instance-size-value": (pool(needs=need(SIZE, "g6.xlarge")), []),
    "gpu-name-unknown": (pool(needs=need(GPU, "A10G")), []),
    "arch-excludes-type": (pool(needs=need(TYPE, "g6.xlarge", "g5g.xlarge") + need(ARCH, "amd64")), []),
    "family-legacy": (pool(needs=need(FAMILY, "p2", "g3")), ["instance-families=g6,g5"]),
    "capacity-type-label": (pool(labels=f"{CAPACITY}: spot"), []),
    "mig-family": (pool(needs=need(FAMILY, "g5") + need(SIZE, "xlarge"),
                        labels="nvidia.com/mig.config: all-1g.10gb"), ["instance-types=p5.4xlarge"]),
    "startup-taint-unremoved": (pool(taints="", startup="- {key: nvidia.com/gpu, effect: NoSchedule}"), []),
    "gpu-partition-count": (pool(needs=need(FAMILY, "g6f") + need(COUNT, '"0"', op="Gt")), []),
    "ami-custom-without-userdata": (documents(pool(), node_class(
        ami="amiFamily: Custom # ours\namiSelectorTerms:\n  - id: ami-0123456789abcdef0")),
        ["ami-alias=al2023@v20250920"]),
    "ami-latest": (documents(pool(), node_class(ami="amiSelectorTerms: [{alias: al2023@latest}]")),
                   ["ami-alias=al2023@v20250920"]),
    "ami-al2-retired": (documents(pool(), node_class(ami="amiSelectorTerms:\n  - alias: al2@v20240807")),
                        ["ami-alias=al2023@v20250920"]),
    "root-volume-small": (documents(pool(), node_class(disks=False)), []),
    "root-device-name": (documents(pool(), node_class(device="/dev/sda1")), []),
}


@pytest.mark.parametrize("rule", FIXES)
def test_fix_leaves_nothing_loud(lint, rule):
    text, choices = FIXES[rule]
    find(lint, rule, text)
    lint("--fix", "set.yaml", *[word for choice in choices for word in ("--set", choice)])
    assert loud(lint.json("set.yaml")) == [], (lint.folder / "set.yaml").read_text()


def test_a_missing_class_is_written(lint):
    lint.write("set.yaml", pool(node_class="missing"))
    assert [f["choice"] for f in lint.json("set.yaml") if f["rule"] == "class-missing"] == ["node-role"]
    lint("--fix", "set.yaml", "--set", "node-role=gpu-node", "--set", "cluster=research",
         "--set", "ami-alias=al2023@v20250920")
    text = (lint.folder / "set.yaml").read_text()
    assert "kind: EC2NodeClass" in text and "name: missing" in text and "volumeSize: 100Gi" in text
    assert lint.json("set.yaml") == []


def test_metadata_over_one_hop(lint):
    text = documents(pool(), node_class(), deployment(
        container="env: [{name: URL, value: 'http://169.254.169.254/latest'}]"))
    find(lint, "imds-hop-limit", text)
    lint("--fix", "set.yaml")
    assert "httpPutResponseHopLimit: 2" in (lint.folder / "set.yaml").read_text()
    assert loud(lint.json("set.yaml")) == []


def test_markdown_is_a_set_too(lint):
    find(lint, "pool-without-taint", "# Notes\n\n" + markdown(pool(taints="")), "notes.md")


def test_pools_that_tie_are_told_of_once_each(lint):
    """Not once for each pair: that would be a page of them for a dozen pools."""
    form = (ROOT / "docs/rules/pool-without-taint.md").read_text(encoding="utf-8").split("## Passes")[1].split("```")[1]
    form = form.removeprefix("yaml\n")
    lint.write("set.yaml", "---\n".join(form.replace("name: inference", f"name: pool-{n}") for n in range(6)))
    ties = [found for found in lint.json("set.yaml", code=0) if found["rule"] == "pool-weight-tie"]
    assert len(ties) == 5
