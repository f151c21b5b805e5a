# SPDX-License-Identifier: Apache-2.0
"""`carve lint` on texts of a test's own. Programs come from CARVE_BUILD."""
import json
import os
import pathlib
import subprocess
import sys

import pytest

sys.dont_write_bytecode = True
BUILD = pathlib.Path(os.environ["CARVE_BUILD"])
ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = BUILD / "src/cli/carve"
# Without sanitizers, which take memory and time of their own: for what is measured.
PLAIN = pathlib.Path(os.environ.get("CARVE_RELEASE", BUILD)) / "src/cli/carve"

POOL = """\
apiVersion: karpenter.sh/v1
kind: NodePool
metadata:
  name: inference
spec:
  template:
    spec:
      nodeClassRef:
        group: karpenter.k8s.aws
        kind: EC2NodeClass
        name: gpu-nodes
      requirements:
        - key: karpenter.k8s.aws/instance-family
          operator: In
          values: [g6]
      expireAfter: 336h
  disruption:
    consolidationPolicy: WhenEmpty
    consolidateAfter: 10m
  limits:
    nvidia.com/gpu: 8
"""
TAINT = """\
      taints:
        - key: nvidia.com/gpu
          effect: NoSchedule
"""


def tainted(pool=POOL):
    return pool.replace("      expireAfter", TAINT + "      expireAfter")


class Lint:
    """carve lint in a folder."""

    def __init__(self, folder):
        self.folder = folder
        self.stderr = ""
        self.code = 0

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(text, bytes):
            path.write_bytes(text)
        else:
            path.write_text(text, encoding="utf-8", newline="")
        return path

    def __call__(self, *words, code=None, stdin=None, environment=None):
        """stdout; `code` None: 0 or 1."""
        done = subprocess.run([PROGRAM, "lint", *map(str, words)], cwd=self.folder, input=stdin,
                              env=os.environ | (environment or {}), capture_output=True,
                              encoding="utf-8", timeout=120, check=False)
        self.stderr, self.code = done.stderr, done.returncode
        wanted = (0, 1) if code is None else (code,)
        assert done.returncode in wanted, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def json(self, *words, **more):
        return json.loads(self("-o", "json", *words, **more))

    def rules(self, *words, **more):
        """Ids of the rules that found something, each once."""
        return {finding["rule"] for finding in self.json(*words, **more)}


@pytest.fixture
def lint(tmp_path):
    return Lint(tmp_path)
