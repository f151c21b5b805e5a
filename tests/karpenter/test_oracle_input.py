# SPDX-License-Identifier: Apache-2.0
"""karpenter-oracle: what it reads, what it refuses and how it says so."""
import json
import re
import shutil

import pytest

from oracle_question import GPU, ROOT, TYPE, ask, call, overlay, pod, pod_spec, pods, pool, program, workload

G6X = "g6.xlarge"
G6 = pool("g6", G6X)
ONE = pod("p", {GPU: 1})
CATALOG = ROOT / "data/ec2-gpu-instances.json"


def with_spec(thing, **spec):
    return thing | {"spec": thing["spec"] | spec}


# Forms of input

@pytest.mark.parametrize("made, nodes", [
    ({"apiVersion": "v1", "kind": "List", "items": [ONE]}, 1),
    (workload("Deployment", "d", pod_spec({GPU: 1})), 1),
    (workload("ReplicaSet", "r", pod_spec({GPU: 1}), replicas=3), 3),
    (workload("StatefulSet", "s", pod_spec({GPU: 1}), serviceName="s", replicas=2), 2),
    ({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"},
      "spec": {"parallelism": 4, "completions": 2, "template": {"spec": pod_spec({GPU: 1})}}}, 2),
], ids=lambda value: value["kind"] if isinstance(value, dict) else str(value))
def test_workloads(made, nodes):
    assert ask(G6, made).bought == {("g6", G6X): nodes}


def test_a_folder_may_hold_other_things(tmp_path):
    (tmp_path / "all.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: slices}\n---\n# nothing here\n---\n"
        "apiVersion: karpenter.k8s.aws/v1\nkind: EC2NodeClass\nmetadata: {name: gpu}\nspec: {role: node}\n---\n"
        + json.dumps(G6) + "\n---\n" + json.dumps(ONE))
    (tmp_path / "class.yml").write_text("apiVersion: karpenter.k8s.aws/v1\nkind: EC2NodeClass\nmetadata: {name: gpu}\n")
    (tmp_path / "policy.json").write_text('{"Version": "2012-10-17", "Statement": []}')
    (tmp_path / "README.md").write_text("no manifest\n")
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner/pool.yaml").write_text("no: manifest\n")
    answer = call("-o", "json", tmp_path)
    assert (answer.code, answer.bought) == (0, {("g6", G6X): 1}), answer.errors
    for note in ("all.yaml, document 1: ConfigMap 'slices' is not read", "document 3: EC2NodeClass 'gpu' is not read",
                 "policy.json, document 1: not a Kubernetes object", "class.yml, document 1: EC2NodeClass 'gpu'"):
        assert note in answer.errors
    assert "README.md" not in answer.errors and "inner" not in answer.errors


def test_pods_that_take_no_part_are_named():
    gone, waiting = pod("gone", {GPU: 1}, nodeName="elsewhere"), pod("waiting", schedulingGates=[{"name": "quota"}])
    done = pod("done", {GPU: 1}) | {"status": {"phase": "Succeeded"}}
    answer = ask(G6, gone, waiting, done)
    assert (answer.bought, answer.pending) == ({}, {})
    for note in ("pod 'default/gone' is bound to node 'elsewhere'",
                 "pod 'default/waiting' waits for its scheduling gates", "no pods in the input"):
        assert note in answer.errors


def test_a_pool_of_another_provider_is_named():
    other = pool("g6", G6X)
    kwok = {"group": "karpenter.kwok.sh", "kind": "KWOKNodeClass", "name": "x"}
    other["spec"]["template"]["spec"]["nodeClassRef"] = kwok
    answer = ask(other, ONE)
    assert "Karpenter on AWS ignores this pool" in answer.errors and set(answer.pending) == {"p"}


# Refused

NEGATIVE = pod("p", {GPU: 1})
NEGATIVE["spec"]["containers"][0]["resources"]["requests"]["cpu"] = "-1"
ALONE = pod("p")
ALONE["spec"]["containers"][0]["resources"]["requests"][GPU] = "1"
ABOVE = pod("p", {"cpu": "50m"})
OWNED = pod("owned", {GPU: 1})
OWNED["metadata"]["ownerReferences"] = [
    {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "d-1", "uid": "1", "controller": True}]
PRICED = overlay("o", {TYPE: G6X}, price="1", priceAdjustment="-10%")


@pytest.mark.parametrize("objects, where, words", [
    ([with_spec(G6, constraints={})], "document 1: NodePool 'g6'", 'unknown field "spec.constraints"'),
    ([ONE, overlay("cpu", {}, {"cpu": 4})], "document 2: NodeOverlay 'cpu'", "invalid resource restricted"),
    ([PRICED], "NodeOverlay 'o'", "cannot set both 'price' and 'priceAdjustment'"),
    ([overlay("o", {}, price="-1")], "NodeOverlay 'o'", "should match"),
    ([overlay("o", {}, {"a.b/c": 1}, weight=0)], "NodeOverlay 'o'", "should be greater than or equal to 1"),
    ([overlay("o", {"kubernetes.io/hostname": "x"}, {"a.b/c": 1})], "NodeOverlay 'o'", "restricted"),
    ([G6 | {"apiVersion": "karpenter.sh/v1beta1"}], "NodePool 'g6'", "has no NodePool in karpenter.sh/v1beta1"),
    ([with_spec(G6, replicas=2, weight=3)], "NodePool 'g6'", "'weight' is not supported on static NodePools"),
    ([ONE, pool("p", "g99.xlarge")], "document 2: NodePool 'p'", "instance type 'g99.xlarge' is not in the catalogue"),
    ([overlay("o", {TYPE: "g99.xlarge"}, {"a.b/c": 1})], "document 1: NodeOverlay 'o'", "is not in the catalogue"),
    ([NEGATIVE], "Pod 'p'", "cpu: -1 is negative"),
    ([ALONE], "Pod 'p'", "the request needs an equal limit"),
    ([pod("p", {GPU: "500m"})], "Pod 'p'", "500m is not a whole number"),
    ([ABOVE], "Pod 'p'", "cpu: the request is above the limit"),
    ([with_spec(ONE, containers=[])], "Pod 'p'", "no containers"),
    ([pod("p", priorityClassName="urgent")], "document 1: Pod 'p'", "no PriorityClass 'urgent'"),
    ([ONE, ONE], "document 2: Pod 'p'", "is there already, in standard input, document 1"),
    ([pods("p", 1, {GPU: 1}), pod("p-0", {GPU: 1})], "document 2: Pod 'p-0'",
     "is there already, from standard input, document 1"),
    ([pods("d", 1, {GPU: 1}), OWNED], "document 2: Pod 'owned'", "owned by ReplicaSet 'd-1'"),
    ([pods("d", 100001, {GPU: 1})], "Deployment 'd'", "more than 100000 pods"),
    ([{"apiVersion": "v1", "kind": "Pod", "metadata": {}}], "document 1", "Pod without metadata.name"),
    ([{"guide": "no manifest"}], "document 1", "not a Kubernetes object"),
])
def test_refused(objects, where, words):
    answer = call("-", text="\n---\n".join(map(json.dumps, objects)))
    assert (answer.code, answer.out) == (2, "")
    said = answer.errors.splitlines()[-1]
    assert said.startswith("karpenter-oracle: standard input, document ") and where in said
    assert re.search(re.escape(words) + ".*: [a-z]", said), f"no cure: {said}"


def test_broken_text_is_refused():
    answer = call("-", text="kind: [Pod\n")
    assert answer.code == 2 and "standard input, document 1: yaml: line 1: did not find" in answer.errors
    twice = call("-", text="kind: Pod\nkind: Pod\n")
    assert twice.code == 2 and 'key "kind" already set' in twice.errors


@pytest.mark.parametrize("arguments, words", [
    ([], "no input: name files or folders, or - for standard input"),
    (["missing.yaml"], "missing.yaml: no such file"),
    (["--region", "mars-1", "-"], "no on-demand price in region 'mars-1': choose another --region"),
    (["--capacity-type", "free", "-"], "want on-demand, spot, or both with a comma"),
    (["--batch", "x", "-"], "want numbers of pods with commas"),
    (["--batch", "1,7", "-"], "2 sizes for 1 order(s): give one, or more --orders"),
    (["--orders", "-1", "-"], "--orders -1: want 0 to 1000"),
    (["-o", "yaml", "-"], "-o 'yaml': want json or table"),
    (["--shows", "g6", "-"], "want POOL:RESOURCE=N"),
    (["--shows", "g6:cpu=4", "-"], "'cpu': want a resource of a device plugin"),
    (["--shows", f"g6:{GPU}=x", "-"], f"'{GPU}=x': want RESOURCE=N"),
    (["--shows", f"g6:{GPU}=1,{GPU}=2", "-"], f"'{GPU}' is given twice for pool 'g6'"),
    (["--shows", f"g7:{GPU}=1", "-"], "no NodePool 'g7' in the input: name one that is"),
    (["--colour", "-"], "flag provided but not defined: -colour: see karpenter-oracle -h"),
    (["--catalog", "missing.json", "-"], "catalogue: open missing.json"),
    (["--catalog", "README.md", "-"], "catalogue README.md: invalid character"),
    (["--catalog", "data/mig-profiles.json", "-"], "give carve's own, data/ec2-gpu-instances.json"),
])
def test_wrong_arguments(arguments, words):
    answer = call(*arguments, text=json.dumps(G6) + "\n---\n" + json.dumps(ONE))
    assert (answer.code, answer.out) == (2, "") and words in answer.errors


def test_an_empty_folder_is_refused(tmp_path):
    answer = call(tmp_path)
    assert answer.code == 2 and "no .yaml, .yml or .json file" in answer.errors


# Catalogue, table, help

def test_the_catalogue_is_found_upwards_from_here_or_from_the_program(tmp_path):
    text = json.dumps(G6) + "\n---\n" + json.dumps(ONE)
    assert call("-", text=text, folder=ROOT / "tests/karpenter").code == 0
    tools, away = tmp_path / "tree/tools", tmp_path / "away"
    tools.mkdir(parents=True)
    away.mkdir()
    copy = shutil.copy(program(), tools)
    lost = call("-", text=text, folder=away, this=copy)
    assert lost.code == 2 and "name the file with --catalog" in lost.errors
    assert call("--catalog", CATALOG, "-", text=text, folder=away, this=copy).code == 0
    (tmp_path / "tree/data").mkdir()
    (tmp_path / "tree/data/ec2-gpu-instances.json").symlink_to(CATALOG)
    assert call("-", text=text, folder=away, this=copy).code == 0


def test_every_type_on_sale_can_be_bought():
    """Karpenter reckons with the catalogue's allocatable amounts: a pod as large as a node fits, a larger one not."""
    types = {item["type"]: item for item in json.loads(CATALOG.read_text())["types"]
             if isinstance(item["on_demand"].get("us-east-1", [None])[0], float) and item["vcpus"]}
    assert len(types) > 60
    objects = []
    for i, (name, row) in enumerate(types.items()):
        for size, more in (("fits", 0), ("large", 1)):
            objects.append(pod(f"{size}-{i}", cpu=f"{row['allocatable_milli_cpu'] + more}m",
                               memory=f"{row['allocatable_memory_mib']}Mi", nodeSelector={TYPE: name}))
    answer = ask(pool("all", sorted(types)), *objects)
    assert answer.bought == {("all", name): 1 for name in types}
    assert set(answer.pending) == {f"large-{i}" for i in range(len(types))}


def test_table():
    question = [pods("p", 3, {GPU: 1}), pool("g6", "g6.12xlarge", limits={"nodes": 1}), pod("q", {"a.b/c": 1})]
    answer = call("--orders", 2, "--batch", "0,1", "-", text="\n---\n".join(map(json.dumps, question)))
    assert answer.code == 1
    lines = answer.out.splitlines()
    assert lines[0].split() == ["NODEPOOL", "TYPE", "CAPACITY", "NODES", "PODS", "$/HOUR"]
    assert lines[1].split() == ["g6", "g6.12xlarge", "on-demand", "1", "3", "4.6016"]
    assert lines[2].split() == ["total", "1", "3", "4.6016"]
    assert lines[3].startswith("1 pods cannot be scheduled, default/q first: ")
    assert lines[-1] == "2 of 2 other orders of arrival: the same"


def test_table_names_the_order_that_differs():
    question = [pods("p", 8, {GPU: 1}), pool("g6", "g6.12xlarge"),
                pool("g5", "g5.xlarge", weight=1, limits={"nodes": 1})]
    answer = call("--orders", 2, "--batch", "0,4", "-", text="\n---\n".join(map(json.dumps, question)))
    assert answer.code == 3
    assert any(line.startswith("--shuffle 1 --batch 4 differs: ") for line in answer.out.splitlines())


def test_help():
    answer = call("-h")
    assert answer.code == 0 and answer.out.startswith("usage: karpenter-oracle") and "-shows" in answer.out
