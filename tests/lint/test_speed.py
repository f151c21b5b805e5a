# SPDX-License-Identifier: Apache-2.0
"""Large sets take time that grows with them, not with their square. The bounds are ten times what a slow core
takes; without the index that these guard, each set takes many times the bound."""
import os
import subprocess

import pytest

from conftest import PLAIN

POOL = """\
apiVersion: karpenter.sh/v1
kind: NodePool
metadata:
  name: pool-{n}
spec:
  template:
    spec:
      nodeClassRef: {{group: karpenter.k8s.aws, kind: EC2NodeClass, name: main}}
      requirements:
        - {{key: karpenter.k8s.aws/instance-family, operator: In, values: [p4d, p5]}}
      taints:
        - {{key: nvidia.com/gpu, effect: NoSchedule}}
      expireAfter: 336h
  limits: {{nvidia.com/gpu: 64}}
"""
POD = """\
apiVersion: v1
kind: Pod
metadata:
  name: pod-{n}
spec:
  nodeSelector: {selector}
  tolerations:
    - {{key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}}
  containers:
    - name: main
      image: registry.example.com/model:{n}
      resources: {{limits: {{{resource}: 1}}}}
"""
OVERLAY = """\
apiVersion: karpenter.sh/v1alpha1
kind: NodeOverlay
metadata:
  name: overlay-{n}
spec:
  requirements:
    - {{key: karpenter.sh/nodepool, operator: In, values: [pool-{n}]}}
  capacity: {{nvidia.com/mig-1g.5gb: 56, nvidia.com/gpu: 0}}
"""


def pods(count, selector="{{}}", resource="nvidia.com/gpu"):
    return [POD.format(n=n, selector=selector.format(n // 2), resource=resource) for n in range(count)]


def pools(count):
    return [POOL.format(n=n) for n in range(count)]


def commands(count, text):
    return "#!/bin/sh\n" + "".join(text.format(n=n) for n in range(count))


def run(path):
    """(findings as text, seconds of the processor, MiB at most)."""
    done = subprocess.Popen([PLAIN, "lint", "--settings", "/dev/null", "-o", "json", path],
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    out = done.stdout.read()
    _, status, usage = os.wait4(done.pid, 0)
    done.returncode = os.waitstatus_to_exitcode(status)
    assert done.returncode in (0, 1)
    return out, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


@pytest.mark.parametrize("rule,documents,seconds", [
    ("pod-cost", pools(1000) + pods(2000), 4),
    ("pod-cost", pools(1000) + pods(2000, "{{karpenter.sh/nodepool: pool-{}}}"), 4),
    ("selector-unknown-label", pools(1000) + pods(2000, "{{karpenter.sh/nodepool: none-{}}}"), 8),
    ("overlay-missing", pools(1000) + pods(2000, resource="nvidia.com/mig-1g.5gb"), 4),
    ("overlay-gate", pools(2000) + [OVERLAY.format(n=n) for n in range(2000)]
     + pods(2000, resource="nvidia.com/mig-1g.5gb"), 8),
])
def test_pods_against_pools(tmp_path, rule, documents, seconds):
    path = tmp_path / "all.yaml"
    path.write_text("---\n".join(documents))
    out, taken, _ = run(path)
    assert taken < seconds
    assert f'"{rule}"' in out
    assert "not every pod is judged" not in out


@pytest.mark.parametrize("text,rule", [
    ("kubectl get pods -n space{n}\n", None),
    ("helm install r{n} nvdp/nvidia-device-plugin -n ns{n}\n", "helm-repo-missing"),
])
def test_commands_against_each_other(tmp_path, text, rule):
    path = tmp_path / "all.sh"
    path.write_text(commands(8192, text))
    out, taken, _ = run(path)
    assert taken < 8
    assert rule is None or f'"{rule}"' in out


def test_many_files_of_pools(tmp_path):
    documents = zip(pools(4000), pods(8000)[::2], pods(8000)[1::2])
    for number, texts in enumerate(documents):
        (tmp_path / f"{number:04}.yaml").write_text("---\n".join(texts))
    out, taken, most = run(tmp_path)
    assert taken < 15
    assert most < 1024  # a sanitizer's build takes several times the 90 MiB of a plain one
    assert '"pod-cost"' in out


def test_a_set_beyond_the_bound_is_told_once(tmp_path):
    """Selectors by a label that every pool may have leave nothing to look up."""
    path = tmp_path / "all.yaml"
    path.write_text("---\n".join(pools(2500) + pods(6000, "{{topology.kubernetes.io/zone: zone-{}}}")))
    out, taken, _ = run(path)
    assert taken < 60
    assert out.count("not every pod is judged") == 1
    assert '"pod-pending"' not in out
