# SPDX-License-Identifier: Apache-2.0
"""karpenter-oracle: what Karpenter's own code buys, in the cases that carve's examples and plans rest on."""
import pytest

from oracle_question import (FAMILY, GPU, GPUS, POOL, SLICE, TYPE, ask, node, overlay, pod, pod_spec, pods, pool,
                             workload)

P4D, G6X, G612 = "p4d.24xlarge", "g6.xlarge", "g6.12xlarge"
INFER = pods("infer", 40, {GPU: 1}, cpu="200m", memory="512Mi")     # ten to a GPU: four GPUs would do
TEN_PER_GPU = [overlay(f"ten-{n}", {GPUS: str(n)}, {GPU: 10 * n}) for n in (1, 4, 8)]
MIG = pods("mig", 100, {SLICE: 1}, cpu="500m", memory="2Gi")
ALL_SLICES = overlay("all-1g.5gb", {TYPE: P4D}, {SLICE: 56, GPU: 0})


# Time-slicing

@pytest.mark.parametrize("where, without, with_overlay", [
    ({TYPE: ["g4dn.xlarge", "g4dn.2xlarge", "g4dn.4xlarge"]},
     ({"g4dn.xlarge": 40}, 21.04), ({"g4dn.xlarge": 4}, 2.104)),
    ({TYPE: G612}, ({G612: 10}, 46.016), ({G612: 1}, 4.6016)),
    ({FAMILY: "g5"}, ({"g5.48xlarge": 5}, 81.44), ({"g5.12xlarge": 1}, 5.672)),
], ids=["three g4dn", "g6.12xlarge", "family g5"])
def test_without_an_overlay_ten_times_too_many(where, without, with_overlay):
    for overlays, (nodes, dollars) in (([], without), (TEN_PER_GPU, with_overlay)):
        answer = ask(INFER, pool("p", where=where), *overlays)
        assert answer.bought == {("p", name): count for name, count in nodes.items()}
        assert answer.dollars == pytest.approx(dollars, abs=1e-4)


def test_of_equal_pools_the_later_name_gets_everything():
    answer = ask(INFER, pool("a", "g4dn.xlarge"), pool("b", "g5.xlarge"))
    assert answer.bought == {("b", "g5.xlarge"): 40}


# MIG

def test_mig_is_unknown_without_an_overlay():
    answer = ask(MIG, pool("p4d", P4D))
    assert answer.bought == {} and len(answer.pending) == 100
    assert answer.pending["mig-0"].startswith("no instance type has enough resources")


def test_mig_with_an_overlay_is_exact():
    answer = ask(MIG, pool("p4d", P4D), ALL_SLICES)
    assert (answer.bought, answer.pods) == ({("p4d", P4D): 2}, [56, 44])


def test_an_overlay_can_hide_the_gpus():
    whole = pod("whole", {GPU: 1})
    assert set(ask(whole, pool("p4d", P4D), ALL_SLICES).pending) == {"whole"}
    open_to_all = overlay("slices", {TYPE: P4D}, {SLICE: 56})
    assert ask(whole, pool("p4d", P4D), open_to_all).bought == {("p4d", P4D): 1}


def test_dynamic_resource_allocation_is_refused():
    claims = [{"name": "gpu", "resourceClaimTemplateName": "gpu"}]
    answer = ask(pod("dra", resourceClaims=claims), pool("p4d", P4D))
    assert "Dynamic Resource Allocation" in answer.pending["dra"]


# NodeOverlay: 16 pods that ask for a slice of a name that only overlays give

def slices(*overlays, more=(), where=None):
    return ask(pool("g6", where=where or {TYPE: G6X}), pods("p", 16, {"carve.dev/gpu-10g": 1}), *overlays, *more)


def tens(name, amount, weight=5, where=None, **more):
    return overlay(name, {TYPE: G6X} if where is None else where, {"carve.dev/gpu-10g": amount, **more}, weight=weight)


@pytest.mark.parametrize("other", [4, 8], ids=["another amount", "the same amount"])
def test_overlays_of_equal_weight_conflict(other):
    answer = slices(tens("a", other), tens("b", 8))
    assert answer.overlays == {"a": "Conflict: conflict with another overlay", "b": None}
    assert answer.bought == {("g6", G6X): 2}


def test_overlays_of_different_weight_merge():
    one = pods("q", 1, {"carve.dev/gpu-20g": 1})
    answer = slices(tens("a", 4, **{"carve.dev/gpu-20g": 1}), tens("b", 8, weight=6), more=[one])
    assert (answer.overlays, answer.bought) == ({"a": None, "b": None}, {("g6", G6X): 2})


def test_a_conflict_can_go_unseen():
    other = overlay("b", {TYPE: G6X}, {"carve.dev/other": 1}, weight=5)
    answer = slices(tens("c", 8), other, tens("a", 4))
    assert (answer.overlays, answer.bought) == ({"a": None, "b": None, "c": None}, {("g6", G6X): 2})


@pytest.mark.parametrize("where", [{TYPE: P4D}, {POOL: "typo"}, {"example.com/tier": "x"}],
                         ids=["other type", "other pool", "unknown label"])
def test_an_overlay_that_matches_nothing_is_ready(where):
    answer = slices(tens("a", 8, where=where))
    assert answer.overlays == {"a": None} and len(answer.pending) == 16


@pytest.mark.parametrize("where", [{}, {POOL: "g6"}, {"example.com/tier": "x"},
                                   {TYPE: G6X, "topology.kubernetes.io/zone": "us-east-1b"}],
                         ids=["nothing asked", "pool", "label of the template", "one zone of three"])
def test_what_overlays_match(where):
    labels = {"example.com/tier": "x"}
    answer = ask(pool("g6", G6X, labels=labels), pods("p", 16, {"carve.dev/gpu-10g": 1}), tens("a", 8, where=where))
    assert answer.bought == {("g6", G6X): 2}


def test_a_negative_amount_takes_the_type_away():
    answer = ask(pod("p", {GPU: 1}), pool("g6", G6X), overlay("a", {TYPE: G6X}, {"carve.dev/x": -1}))
    assert "filtered out all available instance types" in answer.pending["p"]


@pytest.mark.parametrize("capacity, where, reason", [
    ({"vpc.amazonaws.com/efa": 4}, {TYPE: G6X}, "invalid capacity: vpc.amazonaws.com/efa in resource, restricted"),
    ({"carve.dev/x": 1}, {"karpenter.k8s.aws/instance-colour": "red"}, "might interfere with the internal"),
])
def test_refused_at_run_time_and_nothing_else_stops(capacity, where, reason):
    answer = ask(pod("p", {GPU: 1}), pool("g6", G6X), overlay("a", where, capacity))
    assert reason in answer.overlays["a"] and answer.bought == {("g6", G6X): 1}


def test_karpenter_goes_by_the_price_it_believes():
    dear = overlay("a", {TYPE: G6X}, price="2.0")
    answer = ask(pod("p", {GPU: 1}), pool("p", [G6X, "g5.xlarge"]), dear)
    assert (answer.bought, answer.dollars) == ({("p", "g5.xlarge"): 1}, 1.006)
    believed = ask(pod("p", {GPU: 1}), pool("p", G6X), dear).said["nodes"][0]
    assert (believed["pricePerHour"], believed["believedPrice"]) == (0.8048, 2)


# Packing, limits, consolidation

def family():
    amounts = [overlay(f"n{n}", {GPUS: str(n)}, {GPU: 0, "carve.dev/gpu-2g": 8 * n}) for n in (1, 4, 8)]
    return [pods("p", 72, {"carve.dev/gpu-2g": 1}), pool("g6", where={FAMILY: "g6"}), *amounts]


@pytest.mark.parametrize("options, nodes, dollars", [
    ([], {"g6.48xlarge": 1, G6X: 1}, 14.1552),
    (["--batch", 10], {"g6.12xlarge": 2, G6X: 1}, 10.008),
    (["--batch", 1], {G6X: 9}, 7.2432),
    (["--consolidate"], {"g6.48xlarge": 1, G6X: 1}, 14.1552),
], ids=["at once", "by ten", "by one", "consolidated"])
def test_a_family_fills_the_largest_type_first(options, nodes, dollars):
    answer = ask(*family(), options=options)
    assert answer.dollars == pytest.approx(dollars, abs=1e-4)
    assert answer.bought == {("g6", name): count for name, count in nodes.items()}


def pairs(limits, small, large):
    """12 pods of 15 slices and 12 of 17: as pairs they fill 12 nodes of 32."""
    return [pods("small", 12, small, cpu=4, memory="1Gi"), pods("large", 12, large, cpu=1, memory="1Gi"),
            pool("g6", G612, **limits),
            overlay("layout", {TYPE: G612},
                    {GPU: 0, "carve.dev/gpu-2g": 32, "carve.dev/small": 1, "carve.dev/large": 1})]


PAIRS = {"carve.dev/gpu-2g": 15}, {"carve.dev/gpu-2g": 17}


def test_pairs_are_packed_badly_and_consolidation_repairs_it():
    assert ask(*pairs({}, *PAIRS)).bought == {("g6", G612): 18}
    answer = ask(*pairs({}, *PAIRS), options=["--consolidate"])
    assert answer.bought == {("g6", G612): 12} and answer.commands > 0


@pytest.mark.parametrize("budgets, nodes, commands", [
    ([{"nodes": "100%"}], {"g4dn.2xlarge": 1}, 1), (None, {"g4dn.xlarge": 2}, 0),
], ids=["all may go", "a tenth, so one at a time"])
def test_consolidation_replaces_two_nodes_by_one(budgets, nodes, commands):
    disruption = {"consolidateAfter": "0s"} | ({"budgets": budgets} if budgets else {})
    question = pool("p", ["g4dn.xlarge", "g4dn.2xlarge"], disruption=disruption)
    answer = ask(pods("p", 2, cpu=3), question, options=["--batch", 1, "--consolidate"])
    assert answer.bought == {("p", name): count for name, count in nodes.items()}
    assert answer.commands == commands


def test_pods_stay_pending_under_the_lid_and_consolidation_is_no_help():
    answer = ask(*pairs({"limits": {"cpu": 576}}, *PAIRS), options=["--consolidate"])
    assert (answer.bought, len(answer.pending), answer.commands) == ({("g6", G612): 12}, 6, 0)


def test_static_pools_buy_their_number():
    assert ask(*pairs({"replicas": 12}, *PAIRS)).bought == {("g6", G612): 12}
    empty = ask(pool("g6", G612, replicas=2))
    assert (empty.bought, empty.pods, empty.said["nodes"][0]["round"]) == ({("g6", G612): 2}, [0, 0], 0)


def test_seats_leave_no_choice():
    question = pairs({"limits": {"cpu": 576}}, {"carve.dev/small": 1}, {"carve.dev/large": 1})
    answer = ask(*question, options=["--orders", 11, "--batch", "0,1,7", "--consolidate"])
    assert (answer.bought, answer.commands, answer.code) == ({("g6", G612): 12}, 0, 0)
    assert [order["batch"] for order in answer.said["orders"]] == [1, 7, 0, 1, 7, 0, 1, 7, 0, 1, 7]
    assert all(order["same"] and order["consolidations"] == 0 for order in answer.said["orders"])


# One plan, three g6.12xlarge of 16 slices and one p4d of 56, for 104 pods: how to write it

WORK = [pods("chat", 52, {"carve.dev/gpu-5g": 1}, cpu=1, memory="4Gi"),
        pods("embed", 52, {"carve.dev/gpu-5g": 1}, cpu="200m", memory="1Gi"),
        overlay("g6", {TYPE: G612}, {GPU: 0, "carve.dev/gpu-5g": 16}),
        overlay("p4d", {TYPE: P4D}, {GPU: 0, "carve.dev/gpu-5g": 56})]
PLAN = {("g6", G612): 3, ("p4d", P4D): 1}
TWO_P4D = {("p4d", P4D): 2}


def plan(g6, p4d):
    return [*WORK, pool("g6", G612, **g6), pool("p4d", P4D, **p4d)]


@pytest.mark.parametrize("g6, p4d, bought", [
    ({"weight": 1}, {"weight": 100}, TWO_P4D),
    ({"weight": 1, "limits": {"nodes": 3}}, {"weight": 100, "limits": {"nodes": 1}}, TWO_P4D),
    ({"weight": 1, "limits": {GPU: 12}}, {"weight": 100, "limits": {GPU: 8}}, TWO_P4D),
    ({"weight": 1, "limits": {"carve.dev/gpu-5g": 48}}, {"weight": 100, "limits": {"carve.dev/gpu-5g": 56}}, PLAN),
    ({"replicas": 3}, {"replicas": 1}, PLAN),
], ids=["weights", "limits.nodes", "limits on a hidden resource", "limits on slices", "static"])
def test_ways_to_write_a_plan(g6, p4d, bought):
    assert ask(*plan(g6, p4d)).bought == bought


def test_a_cpu_lid_is_exact_in_any_order():
    question = plan({"weight": 1, "limits": {"cpu": 144}}, {"weight": 100, "limits": {"cpu": 96}})
    answer = ask(*question, options=["--orders", 12, "--batch", "0,1,7,10", "--consolidate"])
    assert (answer.bought, answer.commands, answer.code) == (PLAN, 0, 0)
    assert len(answer.said["orders"]) == 12


def test_a_lid_below_one_node_buys_nothing():
    answer = ask(pods("p", 1, {GPU: 1}), pool("p4d", P4D, limits={"cpu": 95}))
    assert "all available instance types exceed limits for nodepool" in answer.pending["p-0"]


def test_an_order_that_differs_can_be_asked_again():
    question = plan({"weight": 1, "limits": {"nodes": 3}}, {"weight": 100, "limits": {"nodes": 1}})
    answer = ask(*question, options=["--orders", 3, "--batch", "0,7"])
    assert answer.code == 3 and answer.bought == TWO_P4D
    order = next(order for order in answer.said["orders"] if not order["same"])
    again = ask(*question, options=["--shuffle", order["shuffle"], "--batch", order["batch"]])
    assert again.said["bought"] == order["bought"] and again.dollars == order["totalPerHour"] < answer.dollars


def test_one_pod_too_many_stays_pending_in_every_order():
    seats = overlay("seats", {POOL: "g6"}, {GPU: 0, "carve.dev/seat": 4})
    nine = pods("p", 9, {"carve.dev/seat": 1})
    answer = ask(nine, pool("g6", G6X, limits={"cpu": 8}), seats, options=["--orders", 4])
    assert (answer.bought, answer.pods, answer.code) == ({("g6", G6X): 2}, [4, 4], 1)
    assert [order["unschedulable"] for order in answer.said["orders"]] == [1] * 4


def test_without_a_taint_foreign_pods_take_the_room():
    foreign = pod("foreign", cpu=44)
    free = ask(*WORK, foreign, pool("g6", G612, limits={"cpu": 144}), pool("p4d", P4D, limits={"cpu": 96}))
    assert free.pending and "foreign" not in free.pending
    taints = [{"key": GPU, "value": "true", "effect": "NoSchedule"}]
    tolerant = [dict(item) for item in WORK]
    for item in tolerant[:2]:
        template = item["spec"]["template"]
        spec = template["spec"] | {"tolerations": [{"key": GPU, "operator": "Exists"}]}
        item["spec"] = item["spec"] | {"template": template | {"spec": spec}}
    kept = ask(*tolerant, foreign, pool("g6", G612, limits={"cpu": 144}, taints=taints),
               pool("p4d", P4D, limits={"cpu": 96}, taints=taints))
    assert (kept.bought, set(kept.pending)) == (PLAN, {"foreign"})


def test_skew_on_hosts_is_a_cap_per_node():
    spread = [{"maxSkew": 1, "minDomains": 3, "topologyKey": "kubernetes.io/hostname",
               "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchLabels": {"app": "p"}}}]
    answer = ask(pods("p", 3, {GPU: 1}, topologySpreadConstraints=spread), pool("g6", G612))
    assert answer.pods == [1, 1, 1]


def test_daemons_count_where_the_template_has_their_label():
    daemon = workload("DaemonSet", "exporter", pod_spec(cpu=1, nodeSelector={"nvidia.com/gpu.present": "true"}))
    train = pod("train", {GPU: 1}, cpu=3)
    assert ask(train, daemon, pool("g6", G6X)).bought == {("g6", G6X): 1}
    answer = ask(train, daemon, pool("g6", G6X, labels={"nvidia.com/gpu.present": "true"}))
    assert (answer.bought, set(answer.pending)) == ({}, {"train"})


# Spot

def test_spot_is_preferred_and_comes_up_where_it_is_cheapest():
    both = ["--capacity-type", "on-demand,spot"]
    spot = ask(INFER, pool("g4dn", "g4dn.xlarge"), *TEN_PER_GPU, options=both).said
    assert spot["bought"][0]["capacityType"] == "spot" and spot["totalPerHour"] < 4 * 0.526
    assert {item["zone"] for item in spot["nodes"]} == {"us-east-1a"}
    on_demand = [{"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["on-demand"]}]
    choosy = pool("g4dn", "g4dn.xlarge")
    choosy["spec"]["template"]["spec"]["requirements"] += on_demand
    assert ask(INFER, choosy, *TEN_PER_GPU, options=both).dollars == pytest.approx(2.104)


@pytest.mark.parametrize("least, chosen", [(None, ("g4dn.2xlarge", "on-demand")), (2, (G612, "spot"))],
                         ids=["the cheaper", "no filter under minValues"])
def test_spot_that_is_dearer_than_on_demand(least, chosen):
    question = pool("p", ["g4dn.2xlarge", G612])       # the first is not on the spot market
    if least:
        question["spec"]["template"]["spec"]["requirements"][0]["minValues"] = least
    item = ask(pod("p", {GPU: 1}), question, options=["--capacity-type", "spot,on-demand"]).said["nodes"][0]
    assert (item["chosen"], item["capacityType"]) == chosen


def test_plain_types_before_exotic_ones():
    """To AWS's provider a type with a fraction of a GPU is plain, and one with a GPU is not."""
    assert ask(pod("p"), pool("p", ["g6f.4xlarge", "g4dn.xlarge"])).bought == {("p", "g6f.4xlarge"): 1}
    assert ask(pod("p", {GPU: 1}), pool("p", ["g6f.4xlarge", "g4dn.xlarge"])).bought == {("p", "g4dn.xlarge"): 1}


# What nodes really show

G6_SHOWS_40 = ["--shows", f"g6:{GPU}=40"]


@pytest.mark.parametrize("options, nodes", [([], 10), (["--batch", 1], 1), (["--consolidate"], 1)],
                         ids=["at once", "by one", "consolidated"])
def test_time_slices_that_karpenter_does_not_know(options, nodes):
    answer = ask(INFER, pool("g6", G612), options=[*G6_SHOWS_40, *options])
    assert (answer.bought, answer.pending) == ({("g6", G612): nodes}, {})
    assert answer.said["nodes"][0]["shows"] == {GPU: "40"}


def test_mig_single_under_a_lid_needs_no_overlay():
    question = [pods("p", 60, {GPU: 1}, cpu="500m"), pool("p4d", P4D, limits={"cpu": 192})]
    shows = ["--shows", f"p4d:{GPU}=56"]
    answer = ask(*question, options=[*shows, "--orders", 12, "--batch", "0,1,7"])
    assert (answer.bought, answer.code) == ({("p4d", P4D): 2}, 0)
    assert len(ask(*question).pending) == 60 - 16
    free = ask(question[0], pool("p4d", P4D), options=[*shows, "--orders", 2, "--batch", "0,1"])
    assert free.bought == {("p4d", P4D): 8} and free.code == 3


def test_slices_that_the_node_does_not_show_are_bought_again():
    answer = ask(INFER, pool("g6", G612), *TEN_PER_GPU, options=["--shows", f"g6:{GPU}=4"])
    assert (answer.bought, set(answer.pods)) == ({("g6", G612): 10}, {4})


def test_a_resource_that_never_comes_keeps_its_pods_waiting():
    answer = ask(MIG, pool("p4d", P4D), ALL_SLICES, options=["--shows", f"p4d:{SLICE}=0", "--batch", 60])
    assert (answer.bought, len(answer.pending)) == ({("p4d", P4D): 2}, 100)     # Karpenter counts on the two
    assert "shows no nvidia.com/mig-1g.5gb" in answer.pending["mig-0"]
    assert {item["waitsFor"] for item in answer.said["nodes"]} == {SLICE}


def test_too_little_for_any_pod_does_not_buy_without_end():
    answer = ask(pod("two", {GPU: 2}), pool("p4d", P4D), options=["--shows", f"p4d:{GPU}=1"])
    assert answer.bought == {("p4d", P4D): 1} and "really shows too little" in answer.pending["two"]


# kube-scheduler

def test_pods_that_a_running_node_takes_never_reach_karpenter():
    answer = ask(node("old"), pods("p", 3, {GPU: 1}), pool("g6", G6X))
    assert answer.bought == {("g6", G6X): 2} and len(answer.said["existing"]["old"]) == 1


def test_taints_labels_and_pods_of_running_nodes_count():
    tainted = node("old", taints=[{"key": "x", "effect": "NoSchedule"}])
    assert ask(tainted, pod("p", {GPU: 1}), pool("g6", G6X)).bought == {("g6", G6X): 1}
    selects = pod("p", {GPU: 1}, nodeSelector={POOL: "g6"})
    assert ask(node("old"), selects, pool("g6", G6X)).bought == {("g6", G6X): 1}
    full = ask(node("old"), pod("there", {GPU: 1}, nodeName="old"), pod("p", {GPU: 1}), pool("g6", G6X))
    assert full.bought == {("g6", G6X): 1}


def test_the_most_important_pod_is_bound_first():
    urgent = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "urgent"}, "value": 9}
    q = pod("q", {GPU: 1}, priorityClassName="urgent")
    answer = ask(node("old"), pod("p", {GPU: 1}), q, urgent, pool("g6", G6X))
    assert answer.said["existing"] == {"old": ["default/q"]} and answer.said["nodes"][0]["pods"] == ["default/p"]


def test_the_order_of_arrival_decides_among_equals_and_a_seed_repeats_it():
    question = [node("old"), pods("p", 4, {GPU: 1}), pool("g6", G6X)]
    lucky = [ask(*question, options=["--shuffle", seed]).said["existing"]["old"] for seed in (0, 1, 2, 3, 3)]
    assert lucky[0] == ["default/p-0"] and len(set(map(tuple, lucky))) > 1
    assert lucky[-1] == lucky[-2]


def test_a_pod_that_runs_keeps_others_away():
    alone = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
        {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "p"}}}]}}
    there = pod("there", affinity=alone, nodeName="old")
    answer = ask(node("old"), there, pods("p", 1, {GPU: 1}), pods("q", 1), pool("g6", G6X))
    assert answer.bought == {("g6", G6X): 1} and answer.said["existing"] == {"old": ["default/q-0"]}


def test_pods_that_repel_each_other_go_to_nodes_of_their_own():
    apart = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
        {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "p"}}}]}}
    answer = ask(node("old", **{GPU: "4"}), pods("p", 3, {GPU: 1}, affinity=apart), pool("g6", G612))
    assert answer.pods == [1, 1] and len(answer.said["existing"]["old"]) == 1


def test_a_budget_that_allows_nothing_stops_consolidation():
    def budget(allowed):
        return {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "infer"},
                "spec": {"maxUnavailable": allowed, "selector": {"matchLabels": {"app": "infer"}}}}
    for allowed, nodes in ((0, 10), ("25%", 1)):
        answer = ask(INFER, pool("g6", G612), budget(allowed), options=[*G6_SHOWS_40, "--consolidate"])
        assert answer.bought == {("g6", G612): nodes}
