# SPDX-License-Identifier: Apache-2.0
"""Objects against the schemas: what is said, what is passed over, what --fix makes of it."""
import subprocess
import sys

import pytest

from conftest import ROOT, tainted

CLASS = """\
apiVersion: karpenter.k8s.aws/v1
kind: EC2NodeClass
metadata:
  name: gpu-nodes
spec:
  role: gpu-node-role
  amiSelectorTerms:
    - alias: al2023@v20260101
  subnetSelectorTerms:
    - tags:
        karpenter.sh/discovery: render
  securityGroupSelectorTerms:
    - tags:
        karpenter.sh/discovery: render
  blockDeviceMappings:
    - deviceName: /dev/xvda
      ebs:
        volumeSize: 200Gi
        volumeType: gp3
        encrypted: true
        deleteOnTermination: true
      rootVolume: true
"""
OLD_POOL = """\
apiVersion: karpenter.sh/v1alpha5
kind: Provisioner
metadata:
  name: inference
spec:
  # only these
  requirements:
    - key: karpenter.k8s.aws/instance-family
      operator: In
      values: [g6]
  labels:
    team: render
  taints:
    - key: nvidia.com/gpu
      effect: NoSchedule
  limits:
    resources:
      nvidia.com/gpu: 8 # two racks
  ttlSecondsAfterEmpty: 600
  ttlSecondsUntilExpired: 1209600
  providerRef:
    name: gpu-nodes
"""
POD = """\
apiVersion: v1
kind: Pod
metadata:
  name: encoder
spec:
  containers:
    - name: encoder
      image: registry.example.com/encoder:1.4
"""
OURS = {"api-version-removed", "kind-removed", "kind-unknown", "field-unknown", "field-misplaced", "field-renamed",
        "field-missing", "value-type", "value-enum", "value-pattern", "value-bounds", "value-rule", "name-invalid",
        "label-value-invalid", "requirement-key-unknown"}


def ours(lint, name, text):
    lint.write(name, text)
    return [f for f in lint.json(name) if f["rule"] in OURS]


def fixed(lint, name, text, *words):
    path = lint.write(name, text)
    lint("--fix", *words, name)
    return path.read_text(encoding="utf-8")


def test_the_place_and_the_words_are_exact(lint):
    found = ours(lint, "a.yaml", tainted().replace("      expireAfter: 336h", "      expireAfter: 14d"))
    assert [(f["rule"], f["line"], f["column"]) for f in found] == [("value-pattern", 19, 20)]
    assert "expireAfter is '14d'" in found[0]["message"] and "720h" in found[0]["message"]


def test_an_old_version_and_what_is_wrong_in_it_are_found_at_once(lint):
    rules = {(f["rule"], f["line"]) for f in ours(lint, "a.yaml", OLD_POOL)}
    assert {("kind-removed", 2), ("field-misplaced", 7), ("field-misplaced", 11), ("field-misplaced", 13),
            ("field-renamed", 17), ("field-renamed", 19), ("field-renamed", 20), ("field-renamed", 21)} <= rules


def test_an_old_pool_becomes_a_new_one(lint):
    lint.write("class.yaml", CLASS)
    text = fixed(lint, "a.yaml", OLD_POOL)
    assert [f for f in ours(lint, "a.yaml", text) if f["severity"] == "error"] == []
    for kept in ("# only these", "# two racks", "team: render", "nvidia.com/gpu: 8", "consolidateAfter: 600s",
                 "consolidationPolicy: WhenEmpty", "expireAfter: 1209600s", "kind: EC2NodeClass",
                 "group: karpenter.k8s.aws", "name: gpu-nodes"):
        assert kept in text, kept


def test_selectors_become_terms(lint):
    old = CLASS.replace("karpenter.k8s.aws/v1", "karpenter.k8s.aws/v1alpha1").replace("EC2NodeClass", "AWSNodeTemplate")
    old = old.replace("  subnetSelectorTerms:\n    - tags:\n        karpenter.sh/discovery: render\n",
                      "  subnetSelector:\n    aws-ids: subnet-0a,subnet-0b\n")
    old = old.replace("  securityGroupSelectorTerms:\n    - tags:\n        karpenter.sh/discovery: render\n",
                      "  securityGroupSelector:\n    karpenter.sh/discovery: render # all\n")
    text = fixed(lint, "a.yaml", old)
    assert ours(lint, "a.yaml", text) == []
    assert "- id: subnet-0a\n" in text and "- id: subnet-0b\n" in text
    assert "securityGroupSelectorTerms:\n" in text and "karpenter.sh/discovery: render" in text


def test_a_pool_without_class_takes_the_only_one(lint):
    pool = tainted().replace("""\
      nodeClassRef:
        group: karpenter.k8s.aws
        kind: EC2NodeClass
        name: gpu-nodes
""", "")
    text = fixed(lint, "a.yaml", pool + "---\n" + CLASS)
    assert "name: gpu-nodes" in text.split("---")[0]
    assert ours(lint, "a.yaml", text) == []


def test_a_pool_without_class_asks_for_one(lint):
    pool = tainted().replace("""\
      nodeClassRef:
        group: karpenter.k8s.aws
        kind: EC2NodeClass
        name: gpu-nodes
""", "")
    assert "nodeClassRef" not in fixed(lint, "a.yaml", pool)
    assert "name: big" in fixed(lint, "b.yaml", pool, "--set", "node-class=big")


@pytest.mark.parametrize("before, after", [
    ("      expireAfter: 336h", "      expiresAfter: 336h"),
    ("    consolidationPolicy: WhenEmpty", "    consolidationPolicy: WhenEmty"),
    ("      expireAfter: 336h", "      expireAfter: 14d"),
    ("        group: karpenter.k8s.aws", "        group: karpenter.k8s.aws/v1"),
    ("        group: karpenter.k8s.aws", "        apiVersion: karpenter.k8s.aws/v1"),
    ("        group: karpenter.k8s.aws\n", ""),
    ("        - key: karpenter.k8s.aws/instance-family", "        - key: karpenter.k8s.aws/instance-famliy"),
])
def test_a_slip_is_put_right(lint, before, after):
    assert before in tainted()
    broken = tainted().replace(before, after)
    assert ours(lint, "broken.yaml", broken) != []
    (lint.folder / "broken.yaml").unlink()
    assert sorted(fixed(lint, "a.yaml", broken).split()) == sorted(tainted().split())


def test_texts_get_quotes(lint):
    text = fixed(lint, "a.yaml", POD.replace("  name: encoder\n", "  name: encoder\n  labels: {a: yes, b: 1}\n", 1))
    assert 'a: "yes"' in text and 'b: "1"' in text
    assert ours(lint, "a.yaml", text) == []


def test_what_is_unknown_becomes_a_comment(lint):
    text = fixed(lint, "a.yaml", POD + "  colour:\n    of: the night\n")
    assert "of: the night" in text and ours(lint, "a.yaml", text) == []


def test_a_label_of_nodes_goes_to_the_template(lint):
    text = fixed(lint, "a.yaml", tainted().replace("  name: inference\n", "  name: inference\n  labels:\n    pool: team=render\n"))
    assert "team: render" in text and "team=render" not in text
    assert ours(lint, "a.yaml", text) == []


@pytest.mark.parametrize("text", [
    tainted(), CLASS, POD,
    "apiVersion: v1\nkind: Config\nclusters: []\n",
    "apiVersion: ray.io/v1\nkind: RayCluster\nspec: {anything: [1]}\n",
    "apiVersion: nvidia.com/v1alpha1\nkind: DynamoGraphDeployment\nspec: {anything: 1}\n",
    POD.replace("encoder:1.4", "{{ .Values.image }}").replace("  containers", "  {{ .Values.x }}: 1\n  containers"),
    POD.replace("name: encoder", "name: ${NAME}"),
    POD.replace("metadata:\n", "metadata:\n  labels:\n"),
    "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {a: b}\ndata: {c: aGVsbG8=}\n",
    "apiVersion: v1\nkind: List\nitems:\n  - {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n",
])
def test_is_silent(lint, text):
    assert ours(lint, "a.yaml", text) == []


def test_a_patch_has_only_what_it_changes(lint):
    lint.write("kustomization.yaml", "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
               "patches:\n  - path: more/patch.yaml\n")
    lint.write("more/patch.yaml", "apiVersion: karpenter.sh/v1\nkind: NodePool\nmetadata: {name: a}\nspec: {weight: 1000}\n")
    found = {f["rule"] for f in lint.json(".")}
    assert "field-missing" not in found and "value-bounds" in found


def test_prose_may_leave_out_what_it_says_by_dots(lint):
    part = "apiVersion: karpenter.sh/v1\nkind: NodePool\nmetadata:\n  name: a\nspec:\n  template:\n    spec:\n      requirements: []\n"
    assert "field-missing" in {f["rule"] for f in ours(lint, "a.md", f"# a\n\n```yaml\n{part}```\n")}
    assert ours(lint, "b.md", f"# a\n\n```yaml\n{part}  # ...\n```\n") == []


def test_schemas_of_ones_own(lint):
    lint.write("mine.txt", "source Mine 1\nobject\n size! i>1\nobject\n metadata M\n spec! 0\n"
               "kind example.com/v1 Board cluster 1\n")
    lint.write("a.yaml", "apiVersion: example.com/v1\nkind: Board\nmetadata: {name: a}\nspec: {size: 0, hue: 1}\n")
    assert lint.rules("--schemas", "mine.txt", "a.yaml") >= {"value-bounds", "field-unknown"}
    lint.write("broken.txt", "source Mine 1\nhello\n")
    lint("--schemas", "broken.txt", "a.yaml", code=2)
    assert "broken.txt:2" in lint.stderr


CRD = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: boards.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Board, plural: boards}
  versions:
    - name: v1
      served: true
      schema:
        openAPIV3Schema:
          type: object
          required: [spec]
          properties:
            apiVersion: {type: string}
            kind: {type: string}
            metadata: {type: object}
            spec:
              type: object
              description: a text that is not kept
              required: [size, hue]
              properties:
                size: {type: integer, minimum: 1, maximum: 9}
                hue: {type: string, default: red, pattern: '^\\w[\\w\\-]*$', maxLength: 5}
                kind: {type: string, enum: [A, B, ""]}
                free: {type: object, x-kubernetes-preserve-unknown-fields: true}
                ports: {type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [name],
                        items: {type: object, properties: {name: {type: string}}}}
    - {name: v0, served: false, schema: {openAPIV3Schema: {type: object}}}
"""


def test_schemas_are_made_from_crds(lint):
    lint.write("crd.yaml", CRD)
    subprocess.run([sys.executable, ROOT / "tools/gen-schemas", "-o", "mine.txt", "--source", "Boards 1", "--date", "2026-01-01",
                    "--complete", "example.com", "crd.yaml"], cwd=lint.folder, check=True)
    facts = (lint.folder / "mine.txt").read_text(encoding="utf-8")
    assert "not kept" not in facts and "pattern ^[A-Za-z0-9_][A-Za-z0-9_-]*$" in facts
    head = "apiVersion: example.com/v1\nkind: Board\nmetadata: {name: a}\nspec: "
    cases = {
        "{size: 1, hue: a-b, kind: '', free: {x: [1]}, ports: [{name: a}, {name: b}]}": set(),
        "{size: 1}": set(),
        "{hue: a}": {"field-missing"},
        "{size: 10}": {"value-bounds"},
        "{size: 1, hue: '-'}": {"value-pattern"},
        "{size: 1, hue: abcdef}": {"value-bounds"},
        "{size: 1, kind: C}": {"value-enum"},
        "{size: 1, ports: [{name: a}, {name: a}]}": {"value-rule"},
    }
    for number, (spec, rules) in enumerate(cases.items()):
        lint.write(f"{number}.yaml", head + spec + "\n")
        assert lint.rules("--schemas", "mine.txt", f"{number}.yaml") == rules, spec
    lint.write("v0.yaml", head.replace("v1", "v0") + "{size: 1}\n")
    assert lint.rules("--schemas", "mine.txt", "v0.yaml") == {"kind-unknown"}
