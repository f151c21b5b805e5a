# SPDX-License-Identifier: Apache-2.0
"""NodeOverlays: near misses that must be silent, amounts to the number, and the overlays that --fix writes."""
import pytest

from manifests import (CAPACITY, FAMILY, TYPE, deployment, documents, loud, markdown, need, overlay, pool,
                       sharing)

NODEPOOL = need("karpenter.sh/nodepool", "inference")
P4D = need(TYPE, "p4d.24xlarge")
ZEROED = 'nvidia.com/gpu: "0"\n'
STARTUP = "- {key: carve.dev/not-ready, effect: NoSchedule}"
PRESENT = 'nvidia.com/gpu.present: "true"'


def cut(config="all-1g.5gb", types=P4D, name="inference"):
    return pool(name=name, needs=types, labels=f"nvidia.com/mig.config: {config}", startup=STARTUP)


def shared(types=need(TYPE, "g6.xlarge"), **more):
    return pool(needs=types, labels=PRESENT, **more)


NEAR = {
    "slices with their overlay": documents(
        cut(), overlay(capacity=ZEROED + 'nvidia.com/mig-1g.5gb: "56"'),
        deployment(ask="nvidia.com/mig-1g.5gb: 1")),
    "all-balanced": documents(
        cut("all-balanced"),
        overlay(capacity=ZEROED + 'nvidia.com/mig-1g.5gb: "16"\nnvidia.com/mig-2g.10gb: "8"\n'
                                  'nvidia.com/mig-3g.20gb: "8"'),
        deployment(ask="nvidia.com/mig-2g.10gb: 1")),
    "a static pool needs no overlay": documents(
        pool(needs=P4D, labels="nvidia.com/mig.config: all-1g.5gb", startup=STARTUP, limits="nodes: 2",
             more="replicas: 2"), deployment(ask="nvidia.com/mig-1g.5gb: 1")),
    "a resource of one's own": documents(pool(needs=need(TYPE, "g6.xlarge")),
                                         overlay(capacity='example.com/seat: "5"')),
    "two overlays of two resources": documents(
        pool(needs=need(TYPE, "g6.xlarge")), overlay("one", 'example.com/seat: "5"'),
        overlay("two", 'example.com/desk: "5"')),
    "two overlays of two weights": documents(
        pool(needs=need(TYPE, "g6.xlarge")), overlay("one", weight=10), overlay("two", weight=11)),
    "two overlays of two pools": documents(
        pool(needs=need(TYPE, "g6.xlarge")), pool("other", needs=need(TYPE, "g6.2xlarge"), weight=5),
        overlay("one"), overlay("two", needs=need("karpenter.sh/nodepool", "other"))),
    "two overlays of two types": documents(
        pool(needs=need(FAMILY, "g6")), overlay("one", needs=NODEPOOL + need(TYPE, "g6.xlarge")),
        overlay("two", needs=NODEPOOL + need(TYPE, "g6.2xlarge"))),
    "two prices by capacity type": documents(
        pool(needs=need(TYPE, "g6.xlarge") + need(CAPACITY, "on-demand", "spot")),
        overlay("one", "", needs=NODEPOOL + need(CAPACITY, "spot"), more='price: "0.3"'),
        overlay("two", "", needs=NODEPOOL + need(CAPACITY, "on-demand"), more='price: "0.5"')),
    "a price and a capacity": documents(
        pool(needs=need(TYPE, "g6.xlarge")), overlay("one"), overlay("two", "", more='price: "0.5"')),
    "an overlay whose pool is elsewhere": overlay(needs=need("karpenter.sh/nodepool", "elsewhere")),
    "an overlay for CPU types": documents(
        pool(), overlay(capacity='example.com/seat: "5"', needs=need(TYPE, "m7i.large"))),
    "a label of the template": documents(
        pool(needs=need(TYPE, "g6.xlarge"), labels="example.com/layout: eight"),
        overlay(needs=need("example.com/layout", "eight"))),
    "an overlay for all": documents(pool(needs=need(TYPE, "g6.xlarge")), overlay(needs="")),
    "an adjusted price on demand": documents(
        pool(needs=need(FAMILY, "g6") + need(CAPACITY, "on-demand")),
        overlay(capacity="", more='priceAdjustment: "-30%"')),
    "a part of a GPU with its overlay": documents(
        pool(needs=need(TYPE, "g6f.xlarge", "g6f.2xlarge")), overlay(capacity='nvidia.com/gpu: "1"')),
    "replicas with their overlay": markdown(
        sharing(), shared(), overlay(capacity=ZEROED + 'nvidia.com/gpu.shared: "4"')),
    "replicas of four GPUs": markdown(
        sharing(), shared(need(TYPE, "g6.12xlarge")),
        overlay(capacity=ZEROED + 'nvidia.com/gpu.shared: "16"')),
    "replicas under the GPU's name": markdown(
        sharing(rename="false"), shared(), overlay(capacity='nvidia.com/gpu: "4"')),
}


@pytest.mark.parametrize("text", NEAR.values(), ids=NEAR)
def test_near_misses_are_silent(lint, text):
    lint.write("set.md", text if text.startswith("```") else markdown(text))
    assert loud(lint.json("set.md")) == []


def of(lint, rule, *texts):
    lint.write("set.md", markdown(*texts))
    return [f for f in lint.json("set.md") if f["rule"] == rule]


def test_a_pod_for_slices_without_overlay(lint):
    [f] = of(lint, "overlay-missing", cut(), deployment(ask="nvidia.com/mig-1g.5gb: 1"))
    assert f["severity"] == "error"
    assert "Deployment 'chat' asks for nvidia.com/mig-1g.5gb" in f["message"]
    [f] = of(lint, "overlay-missing", cut())
    assert f["severity"] == "warning", "nobody asks for it among these files"


def test_replicas_without_overlay_cost_nodes(lint):
    [f] = of(lint, "overlay-missing-sharing", sharing(8, rename="false"), shared())
    assert "will show nvidia.com/gpu: 8, and Karpenter reckons with 1: it buys up to 8 nodes" in f["message"]


@pytest.mark.parametrize("replicas, types, given, real", [
    (4, "g6.xlarge", 8, 4), (4, "g6.12xlarge", 4, 16), (5, "g4dn.12xlarge", 5, 20)])
def test_amounts_are_per_node(lint, replicas, types, given, real):
    [f] = of(lint, "overlay-count", sharing(replicas), shared(need(TYPE, types)),
             overlay(capacity=ZEROED + f'nvidia.com/gpu.shared: "{given}"'))
    assert f"nvidia.com/gpu.shared: {given}, but such a node will show {real}" in f["message"]
    lint("--fix", "set.md")
    assert loud(lint.json("set.md")) == []


def test_all_pairs_are_compared(lint):
    found = of(lint, "overlay-conflict", pool(needs=need(TYPE, "g6.xlarge")),
               overlay("a", 'example.com/x: "1"'), overlay("b", 'example.com/y: "1"'),
               overlay("c", 'example.com/x: "2"'))
    assert len(found) == 1 and "overlays 'c' and 'a' both set example.com/x" in found[0]["message"]


@pytest.mark.parametrize("amount, words", [('"-1"', "below 0"), ('"0.5"', "whole number")])
def test_amounts_that_are_none(lint, amount, words):
    [f] = of(lint, "overlay-amount", pool(needs=need(TYPE, "g6.xlarge")),
             overlay(capacity=f"example.com/seat: {amount}"))
    assert words in f["message"]


FIXES = {
    "MIG, one size": ([cut(), deployment(ask="nvidia.com/mig-1g.5gb: 1")],
                      ['nvidia.com/mig-1g.5gb: "56"', 'nvidia.com/gpu: "0"']),
    "MIG, balanced": ([cut("all-balanced"), deployment(ask="nvidia.com/mig-3g.20gb: 1"),
                       deployment("other", ask="nvidia.com/mig-1g.5gb: 2")],
                      ['nvidia.com/mig-1g.5gb: "16"', 'nvidia.com/mig-3g.20gb: "8"']),
    "replicas renamed": ([sharing(4), shared(), deployment(ask="nvidia.com/gpu.shared: 1")],
                         ['nvidia.com/gpu.shared: "4"', 'nvidia.com/gpu: "0"']),
    "replicas, two counts": ([sharing(4, rename="false"), shared(need(TYPE, "g6.xlarge", "g6.12xlarge"), limits="nvidia.com/gpu: 64")],
                             ['nvidia.com/gpu: "4"', 'nvidia.com/gpu: "16"']),
    "parts of GPUs": ([pool(needs=need(FAMILY, "g6f"))], ['nvidia.com/gpu: "1"']),
    "no zero": ([cut(), overlay(capacity='nvidia.com/mig-1g.5gb: "56"')], ['nvidia.com/gpu: "0"']),
}


@pytest.mark.parametrize("name", FIXES)
def test_fix_writes_the_overlay(lint, name):
    texts, wanted = FIXES[name]
    lint.write("set.md", markdown(*texts))
    assert loud(lint.json("set.md"))
    lint("--fix", "set.md")
    after = (lint.folder / "set.md").read_text()
    for text in wanted:
        assert after.count(text) == 1, after
    assert loud(lint.json("set.md")) == [], after


def test_the_gate(lint):
    install = ("```shell\nhelm upgrade -i karpenter oci://public.ecr.aws/karpenter/karpenter "
               "--version 1.14.1 --namespace kube-system --set settings.clusterName=research{}\n```\n")
    set_up = [pool(needs=need(TYPE, "g6.xlarge")), overlay()]
    assert of(lint, "overlay-gate", *set_up)
    assert of(lint, "overlay-gate-off", install.format(""), *set_up)
    lint("--fix", "set.md")
    assert "--set settings.featureGates.nodeOverlay=true" in (lint.folder / "set.md").read_text()
    assert {f["rule"] for f in lint.json("set.md")} & {"overlay-gate", "overlay-gate-off"} == set()
