# SPDX-License-Identifier: Apache-2.0
"""docs/tutorial-karpenter.md as something that can be run: its blocks, and the desk that a reader would sit at.

What is on the desk is the real thing, but for the programs in desk/, each of which says what it does instead.
"""
import dataclasses
import functools
import json
import os
import pathlib
import re
import shutil
import subprocess

import yaml

from harness import wait_for

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PAGE = ROOT / "docs/tutorial-karpenter.md"
TOOLS = ROOT / "tests/cluster"
KINDS = ("bash", "bash aws", "text")
# Whoever wants to see a node go need not wait as long as one who pays for it.
SHORT = "consolidateAfter: 3s"
PATIENCE = 90       # seconds for a block


@dataclasses.dataclass
class Block:
    kind: str
    text: str
    line: int


def blocks(page):
    """The fenced blocks of a Markdown text."""
    found, opened = [], None
    for number, line in enumerate(page.splitlines(), 1):
        fence = re.fullmatch(r"\s*```(.*)", line)
        if fence and opened is None:
            opened = Block(fence[1].strip(), "", number)
        elif fence:
            found.append(opened)
            opened = None
        elif opened is not None:
            opened.text += line + "\n"
    assert opened is None, f"the block of line {opened.line} has no end"
    return found


def steps(page):
    """[(block to run, the output that it must have, or None)]; a text stands behind what gives it."""
    found = []
    for block in blocks(page):
        assert block.kind in KINDS, f"line {block.line}: nobody knows how to run a block of kind '{block.kind}'"
        if block.kind != "text":
            found.append((block, None))
        else:
            assert found and found[-1][1] is None, f"line {block.line}: the output of what?"
            found[-1] = (found[-1][0], block.text)
    return found


def same(shown, real):
    """Whether the output is as the text shows it; blanks do not count, and … is anything."""
    def words(text):
        return [" ".join(line.split()) for line in text.strip().splitlines()]
    pattern = "\n".join(re.escape(line).replace("…", ".*") for line in words(shown))
    return re.fullmatch(pattern, "\n".join(words(real))) is not None


def go_list(field, module):
    return subprocess.run(["go", "list", "-m", "-f", "{{." + field + "}}", module], cwd=HERE,
                          check=True, capture_output=True, text=True).stdout.strip()


@functools.cache
def karpenter_version():
    """Without the v."""
    return go_list("Version", "sigs.k8s.io/karpenter").removeprefix("v")


@functools.cache
def karpenter_chart():
    """In the Go module of the AWS provider."""
    done = subprocess.run(["go", "mod", "download", "-json", f"github.com/aws/karpenter-provider-aws@v{karpenter_version()}"],
                          cwd=HERE, check=True, capture_output=True, text=True)
    return pathlib.Path(json.loads(done.stdout)["Dir"]) / "charts/karpenter"


def app_version():
    return yaml.safe_load((ROOT / "deploy/chart/carve/Chart.yaml").read_text())["appVersion"]


class Desk:
    """A reader's machine: carve's sources, the programs in desk/, and a shell that remembers."""

    def __init__(self, folder, build, cluster=None, values=None):
        folder.mkdir()
        self.folder, self.cluster = folder, cluster
        self.sources, self.state = folder / "carve", folder / "exports"
        version = karpenter_version()
        (folder / "values.yaml").write_text(yaml.safe_dump(values or {}))
        self.calls = folder / "aws.log"
        self.calls.touch()
        self.lay_out_sources(build)
        settings = {
            "DESK": folder, "DESK_ROOT": ROOT, "DESK_CHART": karpenter_chart(), "DESK_KARPENTER": version, "HOME": folder,
            "DESK_CLUSTER": cluster.folder if cluster else "/nowhere", "DESK_VERSION": app_version(),
            "PATH": f"{HERE / 'desk'}:$PATH"}
        self.own = "".join(f'export {name}="{value}"\n' for name, value in settings.items())
        self.state.write_text(self.own)
        self.aws = self.start_aws()

    def start_aws(self):
        own = {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none", "KUBECONFIG": str(self.folder / "kubeconfig")}
        meeting = self.folder / "aws.sock"
        process = subprocess.Popen([os.environ["CARVE_VENV_PYTHON"], HERE / "aws_stand_in.py", meeting, self.calls],
                                   stdin=subprocess.DEVNULL, env=os.environ | own)
        wait_for("aws", meeting.exists, 30)
        return process

    def remember(self, exports, calls):
        """What another desk had in its head, and what had been called there."""
        self.state.write_text(exports + self.own)
        self.calls.write_text(calls)

    def close(self):
        self.aws.terminate()
        self.aws.wait()

    def lay_out_sources(self, build):
        """The checkout as it is, but for what only fits EC2: the node class, and the patience."""
        (self.sources / "build").mkdir(parents=True)
        (self.sources / "build/release").symlink_to(build)
        for path in ROOT.iterdir():
            if path.name not in ("examples", "build", ".git"):
                (self.sources / path.name).symlink_to(path)
        shutil.copytree(ROOT / "examples", self.sources / "examples")
        for path in self.sources.glob("examples/karpenter/**/nodepool.yaml"):
            text = re.sub(r"group: karpenter.k8s.aws\n(\s+)kind: EC2NodeClass\n\s+name: .*",
                          r"group: karpenter.kwok.sh\n\1kind: KWOKNodeClass\n\1name: default", path.read_text())
            path.write_text(re.sub(r"consolidateAfter: \d+[smh]", SHORT, text))

    def run(self, text):
        """A block, in the shell that remembers what the earlier ones exported."""
        whole = f"set -euo pipefail\n. {self.state}\ncd {self.sources}\n{text}\nexport -p >{self.state}\n"
        before = [TOOLS / "cluster", "exec", self.cluster.folder] if self.cluster else []
        return subprocess.run([*before, "timeout", str(PATIENCE), "bash", "-c", whole], capture_output=True, text=True,
                              check=False, stdin=subprocess.DEVNULL)
