# SPDX-License-Identifier: Apache-2.0
"""Pods against pools: what stays pending and why, what is bought; counts and prices as real Karpenter has them."""
import pytest

POOL = """\
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: NAME}
spec:
  weight: WEIGHT
  template:
    metadata: {labels: {LABELS}}
    spec:
      nodeClassRef: {group: karpenter.k8s.aws, kind: EC2NodeClass, name: gpu}
      taints: [TAINTS]
      requirements: [REQUIREMENTS]
  limits: {LIMITS}
"""
PODS = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: infer}
spec:
  replicas: COUNT
  selector: {matchLabels: {app: infer}}
  template:
    metadata: {labels: {app: infer}}
    spec:
      tolerations: [TOLERATIONS]
      nodeSelector: {SELECTOR}
      containers:
        - name: main
          image: registry.example.com/infer:1
          resources:
            requests: {cpu: CPU, memory: MEMORY}
            limits: {RESOURCE: AMOUNT}
"""
OVERLAY = """\
apiVersion: karpenter.sh/v1alpha1
kind: NodeOverlay
metadata: {name: NAME}
spec:
  requirements: [{key: karpenter.k8s.aws/instance-gpu-count, operator: In, values: ["GPUS"]}]
  capacity: {CAPACITY}
"""


def fill(form, **words):
    for word, value in words.items():
        assert word in form
        form = form.replace(word, str(value))
    return form


def names(*values, key="node.kubernetes.io/instance-type"):
    return f"{{key: {key}, operator: In, values: [{', '.join(values)}]}}"


def pool(requirements, NAME="gpu", WEIGHT=1, LABELS="", TAINTS="", LIMITS=""):
    return fill(POOL, NAME=NAME, WEIGHT=WEIGHT, LABELS=LABELS, TAINTS=TAINTS,
                REQUIREMENTS=requirements, LIMITS=LIMITS)


def pods(COUNT=1, RESOURCE="nvidia.com/gpu", AMOUNT=1, CPU="200m", MEMORY="512Mi", TOLERATIONS="",
         SELECTOR=""):
    return fill(PODS, COUNT=COUNT, TOLERATIONS=TOLERATIONS, SELECTOR=SELECTOR, CPU=CPU,
                MEMORY=MEMORY, RESOURCE=RESOURCE, AMOUNT=AMOUNT)


def overlays(replicas, resource="nvidia.com/gpu"):
    return "---\n".join(fill(OVERLAY, NAME=f"o{n}", GPUS=n, CAPACITY=f'{resource}: "{n * replicas}"')
                        for n in (1, 4, 8))


# Errors that say the same of single causes; where they speak, pod-pending does not.
EXACT = ("mig-family", "mig-profile-board", "overlay-missing", "pod-not-tolerating", "resource-name-unknown",
         "selector-unknown-label")


@pytest.fixture
def tell(lint):
    """The one finding of a rule about these files, or None; without the rules that say the same."""
    lint.write(".carve-lint.yaml", f"rules: {{{', '.join(f'{rule}: off' for rule in EXACT)}}}\n")

    def run(rule, *texts, **more):
        for i, text in enumerate(texts):
            lint.write(f"set/{i}.yaml" if not text.startswith("$ ") else f"set/{i}.sh", text.removeprefix("$ "))
        found = [finding for finding in lint.json("set", **more) if finding["rule"] == rule]
        assert len(found) <= 1, found
        return found[0] if found else None
    return run


G4DN = names("g4dn.xlarge", "g4dn.2xlarge", "g4dn.4xlarge")
G5 = names("g5", key="karpenter.k8s.aws/instance-family")


# The results of Karpenter core v1.14.1 itself on the same objects.
@pytest.mark.parametrize("requirements, count, replicas, nodes, hour", [
    (G4DN, 40, None, "40 x g4dn.xlarge", "$21.04/h"),
    (G4DN, 40, 10, "4 x g4dn.xlarge", "$2.10/h"),
    (names("g6.12xlarge"), 40, None, "10 x g6.12xlarge", "$46.02/h"),
    (names("g6.12xlarge"), 40, 10, "1 x g6.12xlarge", "$4.60/h"),
    (G5, 40, None, "5 x g5.48xlarge", "$81.44/h"),
    (G5, 40, 10, "1 x g5.12xlarge", "$5.67/h"),
    (names("g6", key="karpenter.k8s.aws/instance-family"), 72, 8, "1 x g6.48xlarge and 1 x g6.xlarge", "$14.16/h"),
])
def test_buys_what_karpenter_buys(tell, requirements, count, replicas, nodes, hour):
    texts = [pool(requirements), pods(count)] + ([overlays(replicas)] if replicas else [])
    message = tell("pod-cost", *texts)["message"]
    assert f"buys about {nodes}, {hour} on demand in us-east-1" in message


def test_mig_slices_fill_a_node(tell):
    overlay = fill(OVERLAY, NAME="mig", GPUS=8, CAPACITY='nvidia.com/gpu: "0", nvidia.com/mig-1g.5gb: "56"')
    message = tell("pod-cost", pool(names("p4d.24xlarge")), overlay,
                   pods(100, "nvidia.com/mig-1g.5gb", CPU="500m", MEMORY="2Gi"))["message"]
    assert "about 2 x p4d.24xlarge, $43.92/h" in message
    assert "$0.000762 for a GPU second, $0.3921 for an hour of each slice" in message


def test_slices_without_an_overlay_stay_pending(tell):
    found = tell("pod-pending", pool(names("p4d.24xlarge")), pods(100, "nvidia.com/mig-1g.5gb"))
    assert found["severity"] == "error"
    assert "pods of Deployment 'infer' stay pending for ever" in found["message"]
    assert "pool 'gpu': Karpenter knows no nvidia.com/mig-1g.5gb on its nodes" in found["message"]
    assert "NodeOverlay" in found["cure"]
    assert found["line"] == 17


def test_a_node_that_would_show_the_slices_is_not_bought(tell):
    operator = "$ helm install op nvidia/gpu-operator --set mig.strategy=mixed\n"
    found = tell("pod-pending", pool(names("p4d.24xlarge"), LABELS="nvidia.com/mig.config: all-1g.5gb"),
                 pods(100, "nvidia.com/mig-1g.5gb"), operator)
    assert "does not know that its nodes will show nvidia.com/mig-1g.5gb" in found["message"]
    assert '''nvidia.com/mig-1g.5gb: "56" on p4d.24xlarge''' in found["cure"]


TAINT = '{key: nvidia.com/gpu, value: "true", effect: NoSchedule}'


@pytest.mark.parametrize("pool_words, pod_words, reason, cure", [
    ({"TAINTS": TAINT}, {}, "its taint nvidia.com/gpu=true:NoSchedule is not tolerated", "tolerate"),
    ({"TAINTS": TAINT}, {"TOLERATIONS": "{key: nvidia.com/gpu, operator: Exists}"}, None, None),
    ({"TAINTS": '{key: a, effect: PreferNoSchedule}'}, {}, None, None),
    ({}, {"SELECTOR": "team: vision"}, "its nodes have no label team that suits", "template"),
    ({"LABELS": "team: vision"}, {"SELECTOR": "team: vision"}, None, None),
    ({}, {"SELECTOR": "topology.kubernetes.io/zone: us-east-1b"}, None, None),
    ({}, {"SELECTOR": "node.kubernetes.io/instance-type: g5.xlarge"}, "no label node.kubernetes.io/instance-type", "template"),
    ({}, {"AMOUNT": 2}, "its nodes have 1 of nvidia.com/gpu where one pod asks for 2", "ask for"),
    ({}, {"CPU": "20"}, "its largest node has too little cpu", "ask for less cpu"),
    ({}, {"MEMORY": "100Gi"}, "its largest node has too little memory", "larger types"),
    ({"LIMITS": "cpu: 2"}, {}, "its limit of cpu 2 is less than one node", "raise the limit"),
    ({"LIMITS": "cpu: 4"}, {}, None, None),
    ({"LIMITS": "nvidia.com/gpu: 0"}, {}, "its limit of nvidia.com/gpu 0", "raise"),
    ({"LIMITS": "nodes: 3"}, {}, None, None),
])
def test_reasons(tell, pool_words, pod_words, reason, cure):
    found = tell("pod-pending", pool(G4DN, **pool_words), pods(**pod_words))
    assert (found is None) == (reason is None), found
    if reason:
        assert reason in found["message"] and cure in found["cure"]


@pytest.mark.parametrize("rule, pool_words, pod_words", [
    ("pod-not-tolerating", {"TAINTS": TAINT}, {}),
    ("selector-unknown-label", {}, {"SELECTOR": "team: vision"}),
    ("resource-name-unknown", {}, {"RESOURCE": "nvidia.com/gpus"}),
    ("overlay-missing", {}, {"RESOURCE": "nvidia.com/gpu.shared"}),
    ("mig-family", {}, {"RESOURCE": "nvidia.com/mig-1g.5gb"}),
])
def test_a_pod_of_which_an_error_says_it_already_is_left_alone(lint, rule, pool_words, pod_words):
    def told(**more):
        lint.write("a.yaml", pool(G4DN, **pool_words) + "---\n" + pods(**(pod_words | more)))
        return {finding["rule"] for finding in lint.json("a.yaml")} & {rule, "pod-pending"}
    assert told() == {rule}
    assert told(CPU="90") == {rule, "pod-pending"}, "and another cause, of which nothing else tells"
    lint.write(".carve-lint.yaml", f"rules: {{mig-family: off, overlay-missing: off, {rule}: warning}}\n")
    assert "pod-pending" in told(), "no error says it"


def test_pools_come_in_order_of_nearness(tell):
    found = tell("pod-pending", pool(names("c", "m", key="karpenter.k8s.aws/instance-category"), NAME="plain"),
                 pool(G4DN, NAME="tainted", TAINTS=TAINT),
                 pool(G4DN, NAME="far", TAINTS=TAINT, LIMITS="cpu: 1"), pods())
    message = found["message"]
    assert message.index("'tainted'") < message.index("'plain'") < message.index("'far'")
    assert "'plain': it allows no type with GPUs" in message


CLUSTER = 'apiVersion: eksctl.io/v1alpha5\nkind: ClusterConfig\nmetadata: {name: "${CLUSTER_NAME}"}\n'


@pytest.mark.parametrize("other", [
    "apiVersion: karpenter.sh/v1\nkind: NodePool\nmetadata: {name: s}\nspec: {replicas: 2, template: {spec: {requirements: []}}}\n",
    "apiVersion: eksctl.io/v1alpha5\nkind: ClusterConfig\nmanagedNodeGroups: [{name: g, instanceType: g5.xlarge}]\n",
    "$ eksctl create nodegroup --cluster c --node-type=g5.xlarge\n",
    "$ eksctl create nodegroup --cluster c --node-type=$TYPE\n",
    "$ eksctl create nodegroup --config-file groups.yaml\n",
    "$ aws eks create-nodegroup --cluster-name c --instance-types m5.large,g5.xlarge\n",
    CLUSTER + "managedNodeGroups: [{name: g, instanceTypes: [\"${TYPE}\"]}]\n",
    CLUSTER + "managedNodeGroups: [{name: g, instanceSelector: {gpus: 1}}]\n",
    CLUSTER + "managedNodeGroups: [{name: g, launchTemplate: {id: lt-1}}]\n",
    "$ kubectl label nodes $NODE nvidia.com/mig.config=all-1g.5gb\n",
])
def test_silent_where_nodes_may_come_from_elsewhere(tell, other):
    assert tell("pod-pending", pool(G4DN, TAINTS=TAINT), pods(), other) is None


BY_HAND = "$ kubectl label nodes $NODE nvidia.com/mig.config=all-1g.5gb\n"
CUT = fill(OVERLAY, NAME="mig", GPUS=8, CAPACITY='nvidia.com/gpu: "0", nvidia.com/mig-1g.5gb: "56"')


@pytest.mark.parametrize("by_hand, judged", [
    (BY_HAND, True),
    (BY_HAND + "kubectl label nodes $NODE team=vision\n", False),
])
def test_a_pod_that_selects_a_pools_own_label_is_judged_all_the_same(tell, by_hand, judged):
    texts = [pool(names("p4d.24xlarge"), LABELS="team: vision"), CUT, by_hand]
    assert tell("pod-pending", *texts, pods(RESOURCE="nvidia.com/mig-1g.10gb")) is None
    found = tell("pod-pending", *texts, pods(RESOURCE="nvidia.com/mig-1g.10gb", SELECTOR="team: vision"))
    assert bool(found) == judged
    if judged:
        assert found["choice"] == "nvidia.com/mig-1g.10gb"


@pytest.mark.parametrize("rule", ["pod-pending", "pod-not-tolerating"])
@pytest.mark.parametrize("other", [
    CLUSTER + "managedNodeGroups: [{name: system, instanceType: m5.large}]\n",
    "$ eksctl create nodegroup --cluster $CLUSTER --name system\n",
])
def test_system_nodes_are_no_gpu_nodes(lint, tell, rule, other):
    if rule != "pod-pending":
        lint.write(".carve-lint.yaml", "rules: {}\n")
    assert tell(rule, pool(G4DN, TAINTS=TAINT), pods(), other)


GROUP = CLUSTER + "managedNodeGroups: [{name: g, instanceType: p4d.24xlarge}]\n"


@pytest.mark.parametrize("rule, requirements, pod_words", [
    ("pod-not-tolerating", G4DN, {"TAINTS": TAINT}),
    ("mig-family", G4DN, {"RESOURCE": "nvidia.com/mig-1g.5gb"}),
    ("mig-profile-board", names("p4d.24xlarge"), {"RESOURCE": "nvidia.com/mig-1g.24gb"}),
    ("overlay-missing", names("p4d.24xlarge"), {"RESOURCE": "nvidia.com/mig-1g.5gb"}),
])
def test_a_pod_that_may_run_elsewhere(lint, tell, rule, requirements, pod_words):
    """Node groups are reason to be silent; a node labelled by hand may be Karpenter's own."""
    lint.write(".carve-lint.yaml", "rules: {}\n")
    pool_words = {"LABELS": "team: vision", "TAINTS": pod_words.pop("TAINTS", "")}
    texts = [pool(requirements, **pool_words), pods(**pod_words)]
    assert tell(rule, *texts)["severity"] == "error"
    assert tell(rule, *texts, BY_HAND)["severity"] == "warning"
    (lint.folder / "set/2.sh").unlink()
    assert tell(rule, *texts, GROUP) is None
    texts[1] = pods(SELECTOR="team: vision", **pod_words)
    assert tell(rule, *texts, GROUP)["severity"] == "error"


def test_a_label_that_a_command_puts_on_nodes_is_there(lint, tell):
    lint.write(".carve-lint.yaml", "rules: {}\n")
    texts = [pool(G4DN), pods(SELECTOR="team: vision")]
    assert tell("selector-unknown-label", *texts)
    assert tell("selector-unknown-label", *texts, "$ kubectl label node n1 team=vision\n") is None


@pytest.mark.parametrize("texts", [
    [pods()],
    [pool(names("${TYPE}")), pods(AMOUNT=4)],
    [pool(names("g99.xlarge")), pods()],
    [pool(G4DN, TAINTS=TAINT), pods(0)],
    [pool(G4DN, TAINTS=TAINT), pods(RESOURCE="amd.com/gpu")],
    [pool(G4DN, TAINTS=TAINT), pods().replace("kind: Deployment", "kind: DaemonSet")],
    [pool(G4DN, TAINTS=TAINT), pods().replace("      containers:", "      schedulerName: kai\n      containers:")],
    [pool(G4DN), pods(SELECTOR='team: "${TEAM}"').replace("nodeSelector: {team", 'nodeSelector: {"${KEY}"')],
])
def test_silent_where_nothing_is_known(tell, texts):
    assert tell("pod-pending", *texts) is None


def test_the_heavier_pool_then_the_later_name_is_asked_first(tell):
    light, heavy = pool(G4DN, NAME="z", WEIGHT=1), pool(G5, NAME="a", WEIGHT=2)
    assert "pool 'a' buys" in tell("pod-cost", light, heavy, pods())["message"]
    assert "pool 'z' buys" in tell("pod-cost", light, heavy.replace("weight: 2", "weight: 1"), pods())["message"]


def test_the_region_is_that_of_the_pools_zones(tell):
    zone = names("eu-central-1a", key="topology.kubernetes.io/zone")
    message = tell("pod-cost", pool(f"{G4DN}, {zone}"), pods())["message"]
    assert "$0.66/h on demand in eu-central-1" in message


def test_a_limit_that_stops_before_all_pods_have_a_node(tell):
    found = tell("pod-cost", pool(G4DN, LIMITS="nvidia.com/gpu: 8"), pods(40))
    assert "limit of nvidia.com/gpu 8 stops it at 8" in found["cure"]
    assert not tell("pod-cost", pool(G4DN, LIMITS="nvidia.com/gpu: 80"), pods(40))["cure"]
