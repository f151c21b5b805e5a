# SPDX-License-Identifier: Apache-2.0
"""Pods that ask for GPUs: near misses that must be silent, the words of findings, fixes that drop nothing."""
import pytest

from manifests import (ARCH, CAPACITY, FAMILY, TYPE, deployment, documents, loud, markdown, need, node_class,
                       overlay, pool, sharing)

EMPTY = "- {key: nvidia.com/gpu, operator: Equal, effect: NoSchedule}"
TRUE = '- {key: nvidia.com/gpu, value: "true", effect: NoSchedule}'
COMMAND = "command: [nvidia-smi]"


def job(image, policy="Never", container=""):
    return (f"apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: once\nspec:\n  template:\n    spec:\n"
            f"      restartPolicy: {policy}\n"
            "      tolerations: [{key: nvidia.com/gpu, operator: Exists}]\n"
            f"      containers:\n        - name: main\n          image: {image}\n"
            f"          resources: {{limits: {{nvidia.com/gpu: 1}}}}\n{container}")


def budget(rule, app="chat"):
    return (f"apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata:\n  name: {app}\nspec:\n  {rule}\n"
            f"  selector: {{matchLabels: {{app: {app}}}}}\n")


NEAR = {
    "a lone pod": deployment(tolerations=""),
    "a lone pod with a selector": deployment(tolerations="", spec="nodeSelector: {team: research}"),
    "requests equal to limits": documents(pool(), deployment(
        resources='requests: {nvidia.com/gpu: "1"}\nlimits: {nvidia.com/gpu: 1}')),
    "limits alone": documents(pool(), deployment()),
    "a toleration of everything": documents(pool(), deployment(tolerations="- {operator: Exists}")),
    "an empty value against an empty value": documents(pool(), deployment(tolerations=EMPTY)),
    "Equal with the taint's value": documents(pool(taints=TRUE), deployment(
        tolerations='- {key: nvidia.com/gpu, operator: Equal, value: "true", effect: NoSchedule}')),
    "no operator means Equal": documents(pool(taints=TRUE), deployment(
        tolerations='- {key: nvidia.com/gpu, value: "true"}')),
    "one pool of two is tolerated": documents(
        pool(), pool("other", needs=need(FAMILY, "g5"), taints="- {key: example.com/x, effect: NoSchedule}",
                     weight=5), deployment()),
    "a pool that is meant by its name": documents(
        pool(), pool("other", needs=need(FAMILY, "g5"), taints="- {key: example.com/x, effect: NoSchedule}"),
        deployment(tolerations="- {key: example.com/x, operator: Exists}",
                   spec="nodeSelector: {karpenter.sh/nodepool: other}")),
    "a soft taint": documents(pool(taints="- {key: nvidia.com/gpu, effect: NoSchedule}\n"
                                          "- {key: example.com/x, effect: PreferNoSchedule}"), deployment()),
    "a pod without GPUs": documents(pool(), deployment(tolerations="", ask="cpu: 1")),
    "a node group of EKS": deployment(tolerations="", spec="nodeSelector: {eks.amazonaws.com/nodegroup: gpu}"),
    "a label of the template": documents(pool(labels="team: research"), deployment(
        spec="nodeSelector: {team: research}")),
    "a requirement as a label": documents(pool(needs=need(FAMILY, "g6") + need("team", "a", "b")), deployment(
        spec="nodeSelector: {team: b}")),
    "Karpenter's own labels": documents(pool(), deployment(spec=(
        "nodeSelector:\n  karpenter.k8s.aws/instance-gpu-name: l4\n  kubernetes.io/os: linux\n"
        "  kubernetes.io/arch: amd64\n  topology.kubernetes.io/zone: us-east-1a\n"
        "  karpenter.k8s.aws/instance-ebs-bandwidth: '5000'"))),
    "one affinity term of two": documents(pool(), deployment(spec=(
        "affinity:\n  nodeAffinity:\n    requiredDuringSchedulingIgnoredDuringExecution:\n"
        "      nodeSelectorTerms:\n"
        "        - matchExpressions: [{key: team, operator: In, values: [nobody]}]\n"
        "        - matchExpressions: [{key: kubernetes.io/os, operator: In, values: [linux]}]"))),
    "not on nodes with a label": documents(pool(), deployment(spec=(
        "affinity:\n  nodeAffinity:\n    requiredDuringSchedulingIgnoredDuringExecution:\n"
        "      nodeSelectorTerms:\n        - matchExpressions: [{key: team, operator: DoesNotExist}]"))),
    "another vendor's resource": documents(pool(), deployment(ask="rdma/hca: 1")),
    "many whole GPUs": documents(pool(), deployment(ask="nvidia.com/gpu: 4")),
    "many slices of MIG": documents(
        pool(needs=need(TYPE, "p4d.24xlarge"), labels="nvidia.com/mig.config: all-1g.5gb"),
        overlay(capacity='nvidia.com/gpu: "0"\nnvidia.com/mig-1g.5gb: "56"'),
        deployment(ask="nvidia.com/mig-1g.5gb: 2")),
    "one replica in each of two containers": markdown(
        sharing(), pool(needs=need(TYPE, "g6.xlarge"), labels='nvidia.com/gpu.present: "true"'),
        overlay(capacity='nvidia.com/gpu: "0"\nnvidia.com/gpu.shared: "4"'),
        deployment(ask="nvidia.com/gpu.shared: 1")),
    "CUDA of today": documents(pool(), deployment(image="nvidia/cuda:12.9.1-base-ubuntu22.04", container=COMMAND)),
    "CUDA by digest": documents(pool(), deployment(image="nvidia/cuda@sha256:" + "0" * 64, container=COMMAND)),
    "a version that is not CUDA's": documents(pool(), deployment(image="registry.example.com/model:1.0")),
    "args are a command": documents(pool(), deployment(
        image="nvidia/cuda:12.9.1-base-ubuntu22.04", container="args: [nvidia-smi]")),
    "a terminal keeps the shell": documents(pool(), deployment(
        image="nvidia/cuda:12.9.1-base-ubuntu22.04", container="stdin: true\ntty: true")),
    "a job may end": documents(pool(), job("nvidia/cuda:12.9.1-base-ubuntu22.04")),
    "an image with a program": documents(pool(), deployment(image="nvcr.io/nvidia/tritonserver:25.06-py3")),
    "an image for both": documents(pool(), deployment(image="registry.example.com/chat:arm64-and-amd64")),
    "an image for the pod's own choice": documents(
        pool(needs=need(TYPE, "g6.xlarge", "g5g.xlarge")), deployment(
            image="registry.example.com/chat:1.4-arm64", spec=f"nodeSelector: {{{ARCH}: arm64}}")),
    "a short end on spot": documents(pool(needs=need(FAMILY, "g6") + need(CAPACITY, "spot")), deployment(
        spec="terminationGracePeriodSeconds: 120")),
    "a long end on demand": documents(pool(needs=need(FAMILY, "g6") + need(CAPACITY, "on-demand")), deployment(
        spec="terminationGracePeriodSeconds: 900")),
    "undisturbed without expiry": documents(pool(expire="Never"), deployment(
        annotations='karpenter.sh/do-not-disrupt: "true"')),
    "a budget that lets one go": documents(pool(), deployment(), budget("minAvailable: 1")),
    "a budget for other pods": documents(pool(), deployment(), budget("maxUnavailable: 0", "other")),
    "metadata over the host": documents(pool(), node_class(), deployment(
        spec="hostNetwork: true", container="env: [{name: URL, value: 'http://169.254.169.254/'}]")),
    "claims for a static pool": documents(pool(limits="nodes: 1", more="replicas: 1"), deployment(
        spec="resourceClaims: [{name: gpu, resourceClaimTemplateName: gpu}]",
        resources="claims: [{name: gpu}]")),
    "templates": documents(pool(), deployment(
        ask='nvidia.com/gpu: "{{ .Values.gpus }}"', image='"{{ .Values.image }}"')),
}


@pytest.mark.parametrize("text", NEAR.values(), ids=NEAR)
def test_near_misses_are_silent(lint, text):
    lint.write("set.md", text if text.startswith("```") else markdown(text))
    assert loud(lint.json("set.md")) == []


def of(lint, rule, *texts):
    lint.write("set.yaml", documents(*texts))
    return [f for f in lint.json("set.yaml") if f["rule"] == rule]


@pytest.mark.parametrize("name, meant", [
    ("nvidia.com/gpus", "nvidia.com/gpu"), ("nvidia.com/GPU", "nvidia.com/gpu"),
    ("nvidia/gpu", "nvidia.com/gpu"), ("alpha.kubernetes.io/nvidia-gpu", "nvidia.com/gpu"),
    ("nvidia.com/3g.40gb", "nvidia.com/mig-3g.40gb"), ("nvidia.com/mig-1g-10gb", "nvidia.com/mig-1g.10gb"),
    ("nvidia.com/mig-2g20gb", "nvidia.com/mig-2g.20gb"), ("nvidia.com/MIG-1g.5GB", "nvidia.com/mig-1g.5gb")])
def test_names_are_corrected(lint, name, meant):
    found = of(lint, "resource-name-unknown", deployment(ask=f"{name}: 1 # one"))
    assert len(found) == 1 and f"'{name}'" in found[0]["message"] and meant in found[0]["cure"]
    lint("--fix", "set.yaml")
    assert f"{meant}: 1 # one" in (lint.folder / "set.yaml").read_text()


@pytest.mark.parametrize("resources, words", [
    ('limits: {nvidia.com/gpu: "0.5"}', "asks for 0.5"), ("limits: {nvidia.com/gpu: 500m}", "asks for 500m"),
    ("requests: {nvidia.com/gpu: 1}", "sets no limit"),
    ("requests: {nvidia.com/gpu: 1}\nlimits: {nvidia.com/gpu: 2}", "requests 1 of nvidia.com/gpu and limits it to 2")])
def test_amounts_that_the_server_refuses(lint, resources, words):
    [f] = of(lint, "resource-amount", pool(), deployment(resources=resources))
    assert words in f["message"] and f["severity"] == "error"


def test_the_taint_is_named(lint):
    [f] = of(lint, "pod-not-tolerating", pool(taints=TRUE), deployment(tolerations=""))
    assert "does not tolerate the taint nvidia.com/gpu=true:NoSchedule of pool 'inference'" in f["message"]


def test_another_value_is_told_as_such(lint):
    texts = pool(taints=TRUE), deployment(tolerations=EMPTY)
    [f] = of(lint, "toleration-value", *texts)
    assert "with the value '', but the taint has the value 'true'" in f["message"]
    lint("--fix", "set.yaml")
    assert loud(lint.json("set.yaml")) == []


def test_a_shared_gpu_is_asked_for_once(lint):
    def shared(fail):
        lint.write("set.md", markdown(
            sharing(fail=fail), pool(needs=need(TYPE, "g6.xlarge"), labels='nvidia.com/gpu.present: "true"'),
            overlay(capacity='nvidia.com/gpu: "0"\nnvidia.com/gpu.shared: "4"'),
            deployment(ask="nvidia.com/gpu.shared: 2")))
        return [f["severity"] for f in lint.json("set.md") if f["rule"] == "shared-request-many"]
    assert shared("true") == ["error"]
    assert shared("false") == ["warning"]


@pytest.mark.parametrize("types, image, rule", [
    ("g5.xlarge", "nvidia/cuda:11.0.3-base-ubuntu20.04", "image-cuda-too-old"),
    ("g5.xlarge", "nvidia/cuda:11.1.1-base-ubuntu20.04", "image-cuda-old"),
    ("p4d.24xlarge", "nvidia/cuda:11.0.3-base-ubuntu20.04", "image-cuda-old"),
    ("g6.xlarge", "nvcr.io/nvidia/cuda:11.7.1-base-ubuntu20.04", "image-cuda-too-old"),
    ("p6-b200.48xlarge", "nvidia/cuda:12.6.3-base-ubuntu22.04", "image-cuda-too-old"),
    ("g4dn.xlarge", "nvcr.io/nvidia/k8s/cuda-sample:nbody-cuda10.2", "image-cuda-old"),
    ("g4dn.xlarge", "registry.example.com/train:2.1-cuda9.2", "image-cuda-too-old")])
def test_cuda_against_the_gpu(lint, types, image, rule):
    [f] = of(lint, rule, pool(needs=need(TYPE, types)), deployment(image=image, container=COMMAND))
    assert image in f["message"] and f["choice"] == image
    new = "nvidia/cuda:12.9.1-base-ubuntu22.04"
    lint("--fix", "set.yaml", "--set", f"{image}={new}")
    assert loud(lint.json("set.yaml")) == [] and new in (lint.folder / "set.yaml").read_text()


def test_the_oldest_gpu_of_a_pool_decides(lint):
    assert not of(lint, "image-cuda-too-old", pool(needs=need(TYPE, "g4dn.xlarge", "g6.xlarge")),
                  deployment(image="nvidia/cuda:11.2.2-base-ubuntu20.04", container=COMMAND))


def test_a_command_is_put_into_the_right_container(lint):
    text = deployment(image="nvidia/cuda:12.9.1-base-ubuntu22.04",
                      spec="initContainers:\n  - {name: first, image: registry.example.com/init:1}")
    assert of(lint, "image-no-command", pool(), text)
    lint("--fix", "set.yaml", "--set", "command=nvidia-smi && sleep infinity")
    after = (lint.folder / "set.yaml").read_text()
    assert loud(lint.json("set.yaml")) == [], after
    assert after.index("name: main") < after.index("nvidia-smi && sleep infinity")


def test_another_slice_is_chosen_by_the_old_one(lint):
    board = pool(needs=need(TYPE, "p4d.24xlarge"), labels="nvidia.com/mig.config: all-1g.5gb")
    given = overlay(capacity='nvidia.com/gpu: "0"\nnvidia.com/mig-1g.5gb: "56"')
    [f] = of(lint, "mig-profile-board", board, given, deployment(ask="nvidia.com/mig-1g.18gb: 1"))
    assert f["choice"] == "nvidia.com/mig-1g.18gb" and "A100" in f["message"]
    lint("--fix", "set.yaml", "--set", "nvidia.com/mig-1g.18gb=nvidia.com/mig-1g.5gb")
    assert "nvidia.com/mig-1g.5gb: 1" in (lint.folder / "set.yaml").read_text()
    assert loud(lint.json("set.yaml")) == []


FIXES = {
    "pod-not-tolerating": [pool(), deployment(tolerations="")],
    "gpu-pod-without-toleration": [pool(taints=""), deployment(tolerations="- {key: team, operator: Exists}")],
    "toleration-value": [pool(taints=TRUE), deployment(tolerations=EMPTY)],
    "selector-unknown-label": [pool(), deployment(spec="nodeSelector: {team: research}")],
    "resource-amount": [pool(), deployment(resources="requests: {nvidia.com/gpu: 1}")],
}


@pytest.mark.parametrize("rule", FIXES)
def test_fix_leaves_nothing_loud_and_drops_nothing(lint, rule):
    assert of(lint, rule, *FIXES[rule])
    before = (lint.folder / "set.yaml").read_text()
    lint("--fix", "set.yaml")
    after = (lint.folder / "set.yaml").read_text()
    assert loud(lint.json("set.yaml")) == [], after
    for word in ("kind: Deployment", "kind: NodePool", "nvidia.com/gpu: ", "tolerations:"):
        assert after.count(word) >= before.count(word)


@pytest.mark.parametrize("rule", ["minAvailable: 2", "minAvailable: 100%", "maxUnavailable: 0%"])
def test_budgets_that_block(lint, rule):
    [f] = of(lint, "pdb-blocks", pool(), deployment(), budget(rule))
    assert "budget 'chat' lets no pod of Deployment 'chat' go" in f["message"]


def test_discovered_labels_are_no_reason_to_buy(lint):
    [f] = of(lint, "selector-unknown-label", pool(), deployment(
        spec="nodeSelector: {nvidia.com/gpu.product: NVIDIA-L4}"))
    assert "can promise before the node runs" in f["message"] and f["severity"] == "error"
