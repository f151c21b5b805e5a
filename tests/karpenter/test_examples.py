# SPDX-License-Identifier: Apache-2.0
"""examples/karpenter: Karpenter's own code buys what each README says, and their prices are the catalogue's."""
import math
import re

import pytest

import examples
from examples import FOLDER, GPU, NAMES, VARIANTS, Example, oracle, only, price

# 20 more orders of arrival, in batches of these sizes in turn; 0: all at once.
ORDERS = ("--orders", 20, "--batch", "0,1,5,7,10", "--consolidate")
SHOWN = {  # what the nodes of a variant show; test_examples_nodes.py holds it against emulated ones
    "time-slicing-g6": {GPU: 4},
    "time-slicing-g5": {GPU: 8},
    "mig-single-g7e": {GPU: 4},
    "mig-single-p4d": {GPU: 56},
    "mig-mixed-p4d": {"nvidia.com/mig-1g.5gb": 16, "nvidia.com/mig-2g.10gb": 8, "nvidia.com/mig-3g.20gb": 8},
}


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    return oracle(tmp_path_factory.mktemp("oracle"))


def dollars(count, kind):
    return f"{count * price(kind)[0]:.4f}"


def limits(deployment):
    return deployment["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]


def batch(size):
    return ("--batch", size) if size else ()


def shows(example):
    amounts = ",".join(f"{resource}={count}" for resource, count in SHOWN[example.name].items())
    return ("--shows", f"{example.name}:{amounts}")


def is_exact(answer):
    """Every order: the same nodes, nothing pending, no node that is never initialized, and nothing to move afterwards."""
    assert answer.waits == [] and answer.pending == [] and answer.commands == 0
    assert len(answer.orders) == 20
    for other in answer.orders:
        assert other["same"] and (other["unschedulable"], other["consolidations"]) == (0, 0), other


def test_there_are_folders():
    assert {"time-slicing-g6", "time-slicing-g5", "mig-single-p4d", "mig-mixed-p4d", "whole-g4dn"} <= set(NAMES)
    assert len(VARIANTS) >= 6
    assert {variant.split("/")[0] for variant in VARIANTS} == {name for name in NAMES if Example(name).overlay}


@pytest.mark.parametrize("name", NAMES)
def test_rows_of_the_readme(name, ask):
    """Each row of the table: nodes and price, and the same pods with a GPU each."""
    example = Example(name)
    for row in example.table("nodes"):
        _, (_, nodes), (_, cost), (_, whole), (_, whole_cost) = row[examples.row_width(row) - 1:]
        answer = ask(example.scaled(row))
        assert (len(answer.nodes), answer.pending, answer.kinds) == (int(nodes), [], {example.type}), row
        assert f"{answer.dollars:.4f}" == cost == dollars(int(nodes), example.type), row
        answer = ask(examples.on_whole_gpus(example.scaled(row)))
        assert (len(answer.nodes), answer.pending) == (int(whole), []), row
        assert f"{answer.dollars:.4f}" == whole_cost, row


@pytest.mark.parametrize("name", NAMES)
def test_three_lines_on_costs(name, ask):
    example = Example(name)
    kind, node, region, date, rest = only(
        r"- One `(\S+)` costs \$([\d.]+)/h \(on demand, (\S+), ([\d-]+)\), (.*)\n", example.readme)
    assert (kind, region, date) == (example.type, examples.REGION, price(kind)[1])
    assert node == dollars(1, kind)
    assert re.findall(r"\$([\d.]+)/h", rest) == slice_prices(example)

    pods, count, more, cost = only(r"- The workload, (\d+) pods, buys (\d+) nodes(.*): \$([\d.]+)/h\.", example.readme)
    answer = ask(example.karpenter_objects())
    assert sum(answer.pods) == int(pods) and answer.pending == []
    assert len(answer.nodes) == int(count) and f"{answer.dollars:.4f}" == cost
    if more:
        assert answer.pods == [int(number) for number in re.findall(r"\d+", more)]

    count, cost, rest = only(r"- Without slices, a GPU for each pod: (\d+) nodes, \$([\d.]+)/h\. (.*)\n", example.readme)
    answer = ask(examples.on_whole_gpus(example.karpenter_objects()))
    assert (len(answer.nodes), f"{answer.dollars:.4f}") == (int(count), cost)
    for number, other, cost in re.findall(r"\((\d+) `(\S+?)`\D*\$([\d.]+)/h", rest):
        assert (int(number), cost) == (int(pods), dollars(int(number), other))
    for number in re.findall(r"below (\d+) slices", rest):
        assert int(number) == math.ceil(price(kind)[0] / price("g6.xlarge")[0])


def slice_prices(example):
    """Of each sort of slice: by number where they are alike, by compute slices where they are not."""
    if not example.overlay:
        return []
    slices = examples.slices_of(example.overlay["spec"]["capacity"])
    hour, _ = price(example.type)
    if len(slices) == 1:
        return [f"{hour / count:.4f}" for count in slices.values()]
    parts = {name: int(only(r"mig-(\d)g", name)) for name in slices}
    whole = sum(parts[name] * count for name, count in slices.items())
    return [f"{hour * parts[name] / whole:.4f}" for name in slices]


@pytest.mark.parametrize("name", NAMES)
def test_what_stock_karpenter_buys_without_the_overlay(name, ask):
    """The last of the three lines, where it speaks of that."""
    example = Example(name)
    nothing = "no overlay Karpenter buys nothing" in example.readme
    burst = re.findall(r"no overlay Karpenter buys those (\d+) as well, and removes (\d+)", example.readme)
    answer = ask(examples.without_overlays(examples.without_lid(example.karpenter_objects())))
    assert nothing == (answer.nodes == [])
    for bought, removed in burst:
        assert len(answer.nodes) == int(bought)
        assert len(ask(example.karpenter_objects()).nodes) == int(bought) - int(removed)


@pytest.mark.parametrize("name", NAMES)
def test_any_order_buys_the_same(name, ask):
    example = Example(name)
    answer = ask(example.karpenter_objects(), *ORDERS)
    is_exact(answer)
    slices = examples.slices_of(example.overlay["spec"]["capacity"]) if example.overlay else {GPU: 1}
    asked = [(item["spec"]["replicas"], next(name for name in limits(item) if name in slices))
             for item in example.deployments.values()]
    assert len(answer.nodes) == max(math.ceil(pods / slices[resource]) for pods, resource in asked)


@pytest.mark.parametrize("name", NAMES)
def test_the_lid_holds(name, ask):
    """As many nodes as the README says, and what is too much waits."""
    example = Example(name)
    most = example.table("nodes")[-1]
    over = [(head, str(int(cell) + 1) if i < examples.row_width(most) else cell)
            for i, (head, cell) in enumerate(most)]
    extra = examples.row_width(most)
    for size in (0, 1, 7):
        answer = ask(example.scaled(over), *batch(size))
        assert len(answer.nodes) == int(dict(most)["nodes"]) and len(answer.pending) == extra, size
    vcpus = examples.types()[example.type]["vcpus"]
    assert int(example.pool["spec"]["limits"]["cpu"]) == vcpus * len(answer.nodes)
    for number in re.findall(r"More than (\d+) pods wait", example.readme):
        assert number == most[0][1]


def test_all_folders_in_one_cluster(ask):
    """Each buys for itself what it buys alone."""
    answer = ask([item for name in NAMES for item in Example(name).karpenter_objects()], *ORDERS)
    is_exact(answer)
    for name in NAMES:
        alone = ask(Example(name).karpenter_objects())
        assert sum(node["nodePool"] == name for node in answer.nodes) == len(alone.nodes)


@pytest.mark.parametrize("variant", VARIANTS)
def test_rows_without_overlays(variant, ask):
    """What is bought at first, and what is left when Karpenter has thought again."""
    example = Example(variant)
    for row in example.table("nodes at first"):
        _, (_, first), (_, last), (_, cost) = row[examples.row_width(row) - 1:]
        answer = ask(example.scaled(row), *shows(example))
        assert (len(answer.nodes), answer.pending) == (int(first), []), row
        answer = ask(example.scaled(row), *shows(example), "--consolidate")
        assert (len(answer.nodes), answer.pending) == (int(last), []), row
        assert f"{answer.dollars:.4f}" == cost == dollars(int(last), example.type), row


@pytest.mark.parametrize("variant", VARIANTS)
def test_any_order_without_overlays(variant, ask):
    """The workload as it is fills the nodes of the lid, in any order, and nothing is pending."""
    example = Example(variant)
    answer = ask(example.karpenter_objects(), *shows(example), *ORDERS)
    is_exact(answer)
    assert len(answer.nodes) == len(ask(Example(example.name).karpenter_objects()).nodes)


def test_a_static_pool_has_room_to_replace_a_node():
    """Karpenter makes the new node first, and never more than limits.nodes."""
    static = [Example(variant).pool["spec"] for variant in VARIANTS if "replicas" in Example(variant).pool["spec"]]
    assert static
    for spec in static:
        assert int(spec["limits"]["nodes"]) > spec["replicas"]


def test_table_of_the_folders():
    """The top README has a row for each folder, with its numbers."""
    lines = (FOLDER / "README.md").read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("| folder |"))
    rows = {}
    for line in lines[start + 2:]:
        if not line.startswith("|"):
            break
        cell = examples.cells(line)
        rows[only(r"\[(\S+)\]\(\1/README\.md\)", cell[0])] = cell[1:]
    assert sorted(rows) == NAMES
    for name, (_, kind, asks, slices, node, cost, _) in rows.items():
        example = Example(name)
        shown = examples.slices_of(example.overlay["spec"]["capacity"]) if example.overlay else {GPU: 1}
        assert kind == example.type and node == dollars(1, kind)
        assert re.findall(r"`(\S+?)`", asks) == list(shown)
        assert slices == ", ".join(map(str, shown.values()))
        assert cost == ", ".join(slice_prices(example) or [dollars(1, kind)])
    assert price(example.type)[1] in lines[start + 3 + len(rows)]
