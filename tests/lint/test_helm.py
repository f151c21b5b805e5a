# SPDX-License-Identifier: Apache-2.0
"""Helm's commands and values: near misses that must be silent, and findings beyond the manual's."""
import pytest

ADD = "helm repo add nvidia https://helm.ngc.nvidia.com/nvidia\nhelm repo update\n"
ADD_PLUGIN = "helm repo add nvdp https://nvidia.github.io/k8s-device-plugin\nhelm repo update\n"
OPERATOR = "helm install gpu-operator nvidia/gpu-operator -n gpu-operator --create-namespace {}\n"
PLUGIN = "helm upgrade -i nvdp nvdp/nvidia-device-plugin -n nvidia-device-plugin --version {}\n"
EKS = "eksctl create cluster -f cluster.yaml\n"


def shell(lint, text):
    lint.write("install.sh", "#!/bin/sh\n" + text)
    return lint.json("install.sh")


def rules(lint, text):
    return {finding["rule"] for finding in shell(lint, text)}


def operator(lint, options):
    return rules(lint, ADD + OPERATOR.format(options))


@pytest.mark.parametrize("options", [
    "--version v26.7.0",
    "--version 26.7.0 --set mig.strategy=mixed",
    "--set migManager.env[0].name=WITH_REBOOT --set-string migManager.env[0].value=true",
    "--set devicePlugin.config.name=x --set devicePlugin.config.default=any",
    "--set node-feature-discovery.worker.tolerations[0].operator=Exists",
    "--set driver.version=580.95.05 --set toolkit.version=v1.18.0-ubuntu20.04",
    "--set daemonsets.tolerations[0].key=nvidia.com/gpu",
    "--set global.anything=1",
    "--set driver.resources.limits.memory=4Gi",
    "--set cdi.enabled=true --set nfd.enabled=false",
    "--set gfd.version=v0.19.0 --set gfd.repository=registry.example.com/nvidia",
    "--version $VERSION --set $OPTIONS",
    "--version v99.1.0 --set not.yet.known=1",
    "--version v26.3.1",
])
def test_values_that_the_operator_reads(lint, options):
    assert operator(lint, options) == set()


@pytest.mark.parametrize("options,rule,line", [
    ("--set migManager.default=all-disabled", "helm-value-unknown", 4),
    ("--set mig.strategie=mixed", "helm-value-unknown", 4),
    ("--set devicePlugin.NVIDIA_VISIBLE=all", "helm-value-unknown", 4),
    ("--set mig=mixed.strategy --set nonsense=1", "helm-value-unknown", 4),
    ("--version v23.9.0 --set operator.defaultRuntime=docker", "helm-value-removed", 4),
    ("--version v25.10.0 --set devicePlugin.hostNetwork=true", "helm-value-removed", 4),
    ("--set devicePlugin.version=v0.17.1", "helm-component-version", 4),
    ("--version=v24.3.0", "helm-chart-old", 4),
])
def test_values_that_it_does_not_read(lint, options, rule, line):
    found = shell(lint, ADD + OPERATOR.format(options))
    assert (rule, line) in {(finding["rule"], finding["line"]) for finding in found}, found


def test_values_files_of_other_charts(lint):
    lint.write("values.yaml", "gfd:\n  enabled: true\ndevicePlugin:\n  enabled: true\nhostPID: true\n")
    assert "helm-value-unknown" not in lint.rules("values.yaml")


def test_the_last_of_a_value_counts(lint):
    assert operator(lint, "--set driver.enabled=true --set driver.enabled=false") == set()


@pytest.mark.parametrize("version,old", [
    ("0.20.0", False), ("0.19.2", False), ("0.18.0", False), ("0.17.4", True), ("0.12.0", True),
    ("0.5.0", False), ("1.0.0", False), ("$V", False)])
def test_old_charts(lint, version, old):
    """Versions older or newer than all that are known are nobody's to judge."""
    assert ("helm-chart-old" in rules(lint, ADD_PLUGIN + PLUGIN.format(version))) == old


@pytest.mark.parametrize("text", [
    "driver.enabled=false --set toolkit.enabled=false", "driver.enabled=$DRIVER", "driver.enabled=false"])
def test_no_driver_on_eks(lint, text):
    assert "operator-driver-on-eks" not in rules(lint, EKS + ADD + OPERATOR.format("--set " + text))


def test_a_driver_elsewhere_than_on_eks_or_on_ubuntu(lint):
    assert "operator-driver-on-eks" not in operator(lint, "--set driver.enabled=true")
    lint.write("class.yaml", """\
apiVersion: karpenter.k8s.aws/v1
kind: EC2NodeClass
metadata: {name: ubuntu}
spec:
  amiFamily: Custom
  amiSelectorTerms: [{name: ubuntu-eks/k8s_1.33/images/*, owner: "099720109477"}]
  userData: "#!/bin/sh"
  role: nodes
  subnetSelectorTerms: [{tags: {karpenter.sh/discovery: lab}}]
  securityGroupSelectorTerms: [{tags: {karpenter.sh/discovery: lab}}]
""")
    lint.write("install.sh", "#!/bin/sh\n" + EKS + ADD + OPERATOR.format(""))
    assert "operator-driver-on-eks" not in lint.rules(".")


@pytest.mark.parametrize("reference", [
    "oci://public.ecr.aws/karpenter/karpenter", "./charts/gpu-operator", "nvidia/gpu-operator --repo https://x.y",
    "$CHART", "bitnami/redis", "gpu-operator-v26.7.0.tgz",
    "https://nvidia.github.io/gpu-operator/stable/gpu-operator-v26.7.0.tgz"])
def test_charts_that_need_no_repository(lint, reference):
    assert "helm-repo-missing" not in rules(lint, f"helm install x {reference}\n")


def test_a_repository_is_missed_once(lint):
    found = shell(lint, PLUGIN.format("0.20.0") * 3)
    assert [finding["rule"] for finding in found].count("helm-repo-missing") == 1


def test_a_repository_under_another_name_does_not_do(lint):
    assert "helm-repo-missing" in rules(
        lint, ADD.replace("add nvidia", "add ngc") + OPERATOR.format(""))


@pytest.mark.parametrize("line,wrong", [
    ("helm repo add nvidia https://nvidia.github.io/gpu-operator", False),
    ("helm repo add --force-update nvidia https://nvidia.github.io/gpu-operator", False),
    ("helm repo add nvidia https://x.y --username a --password b", False),
    ("helm repo add nvidia https://x.y && helm repo update", False),
    ("helm repo add $ARGUMENTS", False),
    ("helm repo add nvidia", True),
    ("helm repo add nvidia https://x.y helm repo update", True),
])
def test_arguments_of_repo_add(lint, line, wrong):
    assert ("helm-repo-add-arguments" in rules(lint, line + "\n")) == wrong


@pytest.mark.parametrize("options", ["--force-conflicts", "--atomic", "--set a.force=true"])
def test_what_is_no_force(lint, options):
    assert "helm-force" not in rules(lint, ADD_PLUGIN + PLUGIN.format("0.20.0 " + options))


def test_force_of_another_chart_is_not_ours(lint):
    assert rules(lint, "helm upgrade --force web bitnami/nginx -f nowhere.yaml\n") == set()


@pytest.mark.parametrize("option", [
    "-f values/plugin.yaml", "--values=./values/plugin.yaml", "-f https://example.com/v.yaml",
    "-f $VALUES", "-f -", "-f <(cat x)"])
def test_values_files_that_can_be(lint, option):
    lint.write("values/plugin.yaml", "gfd:\n  enabled: true\n")
    assert "helm-values-file-missing" not in rules(
        lint, ADD_PLUGIN + PLUGIN.format("0.20.0 " + option))


@pytest.mark.parametrize("before", [
    "cat > v.yaml <<EOF\ngfd:\n  enabled: true\nEOF\n", "curl -o v.yaml https://example.com/v.yaml\n",
    "envsubst < template > v.yaml\n", "cd deploy\n", "wget https://example.com/charts/v.yaml\n"])
def test_values_files_that_a_command_makes(lint, before):
    assert "helm-values-file-missing" not in rules(
        lint, ADD_PLUGIN + before + PLUGIN.format("0.20.0 -f v.yaml"))


def test_an_address_of_the_values_file_does_not_bring_it_here(lint):
    lint.write("a.md", "```sh\n" + ADD_PLUGIN + PLUGIN.format("0.20.0 -f v.yaml") + "```\n"
               "The file is in [a repository](https://github.com/example/demo/blob/main/v.yaml).\n")
    assert "helm-values-file-missing" in lint.rules("a.md")
    lint.write("a.md", (lint.folder / "a.md").read_text() + "Here it is `charts/v.yaml`.\n")
    assert "helm-values-file-missing" not in lint.rules("a.md")


def test_a_values_file_of_the_same_folder(lint):
    lint.write("docs/plugin.yaml", "gfd:\n  enabled: true\n")
    lint.write("docs/install.md", "```sh\n" + ADD_PLUGIN + PLUGIN.format("0.20.0 -f plugin.yaml") + "```\n")
    assert "helm-values-file-missing" not in lint.rules("docs/install.md")
    assert "helm-values-file-missing" not in lint.rules("docs")
