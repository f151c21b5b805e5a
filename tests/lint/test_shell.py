# SPDX-License-Identifier: Apache-2.0
"""Commands around GPU nodes: near misses that must be silent, and findings beyond the manual's."""
import pytest

from conftest import tainted

RAW = "https://raw.githubusercontent.com/NVIDIA/"
INSTALL = """\
helm repo add nvidia https://helm.ngc.nvidia.com/nvidia
helm install gpu-operator nvidia/gpu-operator -n gpu-operator --create-namespace
"""
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {}
spec:
  selector:
    matchLabels: {{app: x}}
  template:
    metadata:
      labels: {{app: x}}
    spec:
      containers:
        - name: main
          image: registry.example.com/x:1.0.0
          resources:
            limits:
              nvidia.com/gpu: 1
"""


def rules(lint, text):
    lint.write("steps.sh", "#!/bin/sh\n" + text)
    return lint.rules("steps.sh")


def markdown(lint, *parts):
    """Parts that begin with a word of a command are shell."""
    lint.write("page.md", "\n".join(
        f"```{'yaml' if part.startswith('apiVersion') else 'sh'}\n{part}\n```\n" for part in parts))
    return lint.rules("page.md")


@pytest.mark.parametrize("address", [
    "k8s-device-plugin/v0.14.0/nvidia-device-plugin.yml",
    "k8s-device-plugin/v0.14.5/nvidia-device-plugin.yml",
    "k8s-device-plugin/v0.15.0/deployments/static/nvidia-device-plugin.yml",
    "dcgm-exporter/main/dcgm-exporter.yaml",
    "dcgm-exporter/4.5.2-4.8.1/dcgm-exporter.yaml",
    "k8s-device-plugin/$VERSION/nvidia-device-plugin.yml",
    "some-other-project/master/x.yaml",
    "k8s-device-plugin/release-0.19/a/file/of/a/branch.yml",
])
def test_addresses_that_are_there(lint, address):
    assert "kubectl-url-gone" not in rules(lint, f"kubectl apply -f {RAW}{address}\n")


@pytest.mark.parametrize("address", [
    "k8s-device-plugin/main/nvidia-device-plugin.yml",
    "k8s-device-plugin/refs/heads/main/nvidia-device-plugin.yml",
    "k8s-device-plugin/v0.15.0/nvidia-device-plugin.yml",
    "dcgm-exporter/master/dcgm-exporter.yaml",
])
def test_addresses_that_are_gone(lint, address):
    assert "kubectl-url-gone" in rules(lint, f"kubectl apply -f {RAW}{address}\n")
    assert "kubectl-url-gone" in rules(lint, f"sudo kubectl create --filename={RAW}{address}\n")


@pytest.mark.parametrize("address,found", [
    ("k8s-device-plugin/v0.20.0/deployments/static/nvidia-device-plugin.yml", set()),
    ("k8s-device-plugin/v0.18.0/deployments/static/nvidia-device-plugin.yml", set()),
    ("k8s-device-plugin/v0.21.0/deployments/static/nvidia-device-plugin.yml", set()),
    ("k8s-device-plugin/v0.16.0/deployments/static/nvidia-device-plugin.yml", {"kubectl-url-old"}),
    ("k8s-device-plugin/main/deployments/static/nvidia-device-plugin.yml", {"kubectl-url-unpinned"}),
])
def test_pinned_and_new(lint, address, found):
    assert rules(lint, f"kubectl apply -f {RAW}{address}\n") == found


@pytest.mark.parametrize("command", [
    "kubectl describe deployment gpu-operator -n gpu-operator",
    "kubectl get ds/nvidia-dcgm-exporter -n gpu-operator",
    "kubectl -n gpu-operator logs -l app=gpu-operator",
    "kubectl -n gpu-operator get pods -l app.kubernetes.io/component=gpu-operator",
    "kubectl logs -n monitoring -l app=grafana",
    "kubectl get pods -n team-a -l app=nvidia-smi-exporter-of-ours",
    "kubectl get pods -n kube-system",
    "kubectl get nodes -L nvidia.com/gpu.product",
    "kubectl describe $KIND gpu-operator",
    "kubectl get pods -n $NAMESPACE",
    "kubectl get daemonset aws-node -n kube-system",
    "kubectl -n gpu-operator delete pod nvidia-driver-daemonset-x7k2p",
])
def test_names_that_fit_the_operator(lint, command):
    assert rules(lint, INSTALL + command + "\n") == set()


def test_names_without_the_operator_are_not_judged(lint):
    assert rules(lint, "kubectl describe daemonset gpu-operator -n nvidia-gpu-operator\n"
                       "kubectl logs -l app=nvidia-gpu-operator\n") == set()


@pytest.mark.parametrize("command,unknown", [
    ("kubectl scale deployment caption --replicas=3", False),
    ("kubectl scale deploy/caption --replicas=3", False),
    ("kubectl logs caption-7d4b9c-x2k1p", False),
    ("kubectl logs deployment/caption", False),
    ("kubectl delete pod caption-7d4b9c-x2k1p", False),
    ("kubectl get deployment coredns -n kube-system", False),
    ("kubectl get statefulset db", False),
    ("kubectl get deployment $NAME", False),
    ("kubectl get deployment <name>", False),
    ("kubectl get deployment ...", False),
    ("kubectl rollout status deployment/capton", True),
    ("kubectl scale deployments caption other --replicas=3", True),
])
def test_objects_of_the_set(lint, command, unknown):
    found = markdown(lint, DEPLOYMENT.format("caption"), command)
    assert ("kubectl-object-unknown" in found) == unknown


@pytest.mark.parametrize("command,unknown", [
    ("kubectl top pods -n batch-jobs", True),
    ("kubectl get pods -n batch-jobs", True),
    ("kubectl get pods -n default", False),
    ("kubectl get pods -n kube-flannel", False),
    ("kubectl get pods -n monitoring", False),
    ("kubectl get pods -n batch-jobs -l app=unrelated", False),
    ("kubectl create namespace batch-jobs\nkubectl get pods -n batch-jobs", False),
    ("kubectl apply -n batch-jobs -f x.yaml\nkubectl get pods -n batch-jobs", False),
])
def test_namespaces_that_are_used(lint, command, unknown):
    lint.write("x.yaml", "")
    found = markdown(lint, DEPLOYMENT.format("caption"), command)
    assert ("kubectl-namespace-unknown" in found) == unknown


def test_files_that_are_there(lint):
    lint.write("manifests/pool.yaml", tainted())
    lint.write("steps.sh", "#!/bin/sh\nkubectl apply -f manifests/pool.yaml\nkubectl apply -f manifests/\n"
                           "kubectl apply -f -\nkubectl apply -f https://example.com/x.yaml\n"
                           "kubectl apply -k overlays/none\n")
    assert "kubectl-file-missing" not in lint.rules(".")
    assert "kubectl-file-missing" not in lint.rules("steps.sh")


@pytest.mark.parametrize("above", [
    "Save this as `pool.yaml`:", "**pool.yaml**", "Put the following into pool.yaml."])
def test_files_that_the_text_names(lint, above):
    lint.write("page.md", f"{above}\n\n```yaml\n{tainted()}```\n\n```sh\nkubectl apply -f pool.yaml\n```\n")
    assert "kubectl-file-missing" not in lint.rules("page.md")


def test_files_that_a_comment_names(lint):
    lint.write("page.md", f"```yaml\n# pool.yaml\n{tainted()}```\n```sh\nkubectl apply -f pool.yaml\n```\n")
    assert "kubectl-file-missing" not in lint.rules("page.md")


def test_a_missing_file_is_told_once(lint):
    lint.write("page.md", "```sh\nkubectl apply -f a.yaml\nkubectl delete -f a.yaml\nkubectl apply -f b.yaml\n```\n")
    found = [finding for finding in lint.json("page.md") if finding["rule"] == "kubectl-file-missing"]
    assert [finding["line"] for finding in found] == [2, 4]


def test_the_fix_gives_each_manifest_its_file(lint):
    page = ("```yaml\n" + DEPLOYMENT.format("caption") + "```\n\n```yaml\n" + tainted() + "```\n\n"
            "```sh\nkubectl apply -f gpu-nodepool.yaml\nkubectl apply -f app.yaml\n```\n")
    lint.write("page.md", page)
    lint("--fix", "page.md")
    fixed = (lint.folder / "page.md").read_text()
    pool, app = fixed.index("gpu-nodepool.yaml"), fixed.index("app.yaml")
    assert app < fixed.index("kind: Deployment") < pool < fixed.index("kind: NodePool")
    assert "kubectl-file-missing" not in lint.rules("page.md")


@pytest.mark.parametrize("before", [
    "kubectl drain $NODE --ignore-daemonsets", "kubectl cordon $NODE", "kubectl delete deployment x",
    "kubectl scale deployment x --replicas=0"])
def test_a_node_that_was_emptied(lint, before):
    assert "mig-relabel-undrained" not in rules(
        lint, before + "\nkubectl label node $NODE nvidia.com/mig.config=all-1g.5gb --overwrite\n")


def test_each_change_needs_its_own_drain(lint):
    label = "kubectl label node n1 nvidia.com/mig.config=all-{} --overwrite\n"
    lint.write("steps.sh", "#!/bin/sh\nkubectl drain n1\n" + label.format("1g.5gb") +
               "kubectl uncordon n1\nkubectl scale deployment x --replicas=4\n" + label.format("2g.10gb"))
    found = [finding for finding in lint.json("steps.sh") if finding["rule"] == "mig-relabel-undrained"]
    assert [finding["line"] for finding in found] == [6]


@pytest.mark.parametrize("label", ["nvidia.com/device-plugin.config=x", "nvidia.com/mig.config-", "team=a"])
def test_other_labels_cut_nothing(lint, label):
    assert "mig-relabel-undrained" not in rules(lint, f"kubectl label node n1 {label}\n")


@pytest.mark.parametrize("output", [
    r"custom-columns='N:.metadata.name,G:.status.allocatable.nvidia\.com/gpu'",
    r"jsonpath='{.items[*].status.allocatable.nvidia\.com/gpu}'",
    "jsonpath=\"{.items[*].status.allocatable['nvidia.com/gpu']}\"",
    "custom-columns=N:.metadata.name", "yaml", "json"])
def test_columns_that_print(lint, output):
    assert "kubectl-columns-unescaped" not in rules(lint, f"kubectl get nodes -o {output}\n")


def test_the_fix_escapes_the_name_alone(lint):
    lint.write("steps.sh", "#!/bin/sh\nkubectl get nodes -o custom-columns=N:.metadata.name,"
                           "G:.status.allocatable.nvidia.com/mig-1g.5gb\n")
    lint("--fix", "steps.sh")
    assert ("'custom-columns=N:.metadata.name,G:.status.allocatable.nvidia\\.com/mig-1g\\.5gb'"
            in (lint.folder / "steps.sh").read_text())


@pytest.mark.parametrize("text,found", [
    ("kubectl delete nodepool --all\neksctl delete cluster --name x\n", False),
    ("kubectl delete nodepools.karpenter.sh inference\neksctl delete cluster --name x\n", False),
    ("eksctl delete nodegroup --cluster x --name y\n", False),
    ("eksctl delete cluster --name x\nkubectl delete nodepool --all\n", True),
])
def test_clean_up(lint, text, found):
    lint.write("pool.yaml", tainted())
    lint.write("steps.sh", "#!/bin/sh\n" + text)
    assert ("cleanup-order" in lint.rules(".")) == found


def test_clean_up_without_karpenter(lint):
    assert "cleanup-order" not in rules(lint, "eksctl delete cluster --name x\n")


def test_many_commands_are_fast(lint):
    text = "".join(f"kubectl apply -f file-{n}.yaml\nkubectl get deployment d{n}\n" for n in range(4000))
    assert "kubectl-file-missing" in rules(lint, text)
