# SPDX-License-Identifier: Apache-2.0
"""examples/karpenter as the tests see it: the folders, what their READMEs promise, and the oracle that is asked."""
import json
import os
import pathlib
import re
import subprocess

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "examples/karpenter"
NAMES = sorted(path.parent.name for path in FOLDER.glob("*/nodepool.yaml"))
# A variant is a folder below an example; its files take the place of those of the same name.
VARIANTS = sorted({str(path.parent.relative_to(FOLDER)) for path in FOLDER.glob("*/without-overlay/**/*.yaml")
                   if not path.name.startswith(".")})
CATALOG = ROOT / "data/ec2-gpu-instances.json"
REGION = "us-east-1"
GPU = "nvidia.com/gpu"


def documents(path):
    return [item for item in yaml.safe_load_all(path.read_text()) if item]


def types():
    return {item["type"]: item for item in json.loads(CATALOG.read_text())["types"]}


def price(kind):
    """(dollars an hour, date) of a node on demand."""
    dollars, date, *_ = types()[kind]["on_demand"][REGION]
    return dollars, date


def slices_of(capacity):
    """The resources of an overlay that a node has."""
    return {name: int(count) for name, count in capacity.items() if int(count)}


class Example:
    """A folder, or one of its variants."""

    def __init__(self, name):
        self.name = name.split("/")[0]
        self.variant = name if "/" in name else None
        self.files = {path.name: path for path in (FOLDER / self.name).glob("*.yaml")}
        if self.variant:
            self.files.pop("overlay.yaml")
            self.files |= {path.name: path for path in (FOLDER / self.variant).glob("*.yaml")
                           if not path.name.startswith(".")}
        self.readme = (FOLDER / self.name / "README.md").read_text()

    def objects(self, *names):
        return [item for name in names for item in documents(self.files[name])]

    @property
    def pool(self):
        return self.objects("nodepool.yaml")[0]

    @property
    def template(self):
        return self.pool["spec"]["template"]

    @property
    def labels(self):
        return self.template["metadata"]["labels"]

    @property
    def type(self):
        """The one instance type."""
        found = [item["values"] for item in self.template["spec"]["requirements"]
                 if item["key"] == "node.kubernetes.io/instance-type"]
        assert len(found) == 1 and len(found[0]) == 1
        return found[0][0]

    @property
    def overlay(self):
        return self.objects("overlay.yaml")[0] if "overlay.yaml" in self.files else None

    @property
    def configuration(self):
        """The text that the nodes of the pool get, as the values have it."""
        return yaml.safe_load(self.files["values.yaml"].read_text())["config"]["map"][self.name]

    @property
    def deployments(self):
        """Those of the workload, by name."""
        return {item["metadata"]["name"]: item for item in self.objects("workload.yaml")
                if item["kind"] == "Deployment"}

    def karpenter_objects(self):
        """All that the oracle reads, with the workload as it is."""
        files = [name for name in self.files if not name.startswith(("nodeclass", "values"))]
        return self.objects(*sorted(files))

    def table(self, mark):
        """Rows of the table whose header has this cell, as lists of (header, cell)."""
        lines = self.readme.splitlines()
        start = next(i for i, line in enumerate(lines) if line.startswith("|") and mark in cells(line))
        heads, rows = cells(lines[start]), []
        for line in lines[start + 2:]:
            if not line.startswith("|"):
                break
            rows.append(list(zip(heads, cells(line))))
        assert rows
        return rows

    def scaled(self, row):
        """The objects with the replicas of a row: column "pods", or one for each Deployment by its last word."""
        counts = {head: int(cell) for head, cell in row[:row_width(row)]}
        made = self.karpenter_objects()
        for item in made:
            name = item["metadata"]["name"]
            if item["kind"] == "Deployment" and name in self.deployments:
                item["spec"]["replicas"] = counts.get("pods", counts.get(name.rsplit("-", 1)[-1]))
        return made


def cells(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def row_width(row):
    """How many of its first columns say how many pods there are."""
    return next(i for i, (head, _) in enumerate(row) if head.startswith("nodes"))


def without_lid(objects):
    for item in objects:
        if item["kind"] == "NodePool":
            item["spec"].pop("limits", None)
    return objects


def without_overlays(objects):
    return [item for item in objects if item["kind"] != "NodeOverlay"]


def on_whole_gpus(objects):
    """The same pods, each with a GPU of its own, and as many nodes as that takes."""
    made = without_overlays(without_lid(objects))
    for item in made:
        if item["kind"] == "Deployment":
            for container in item["spec"]["template"]["spec"]["containers"]:
                limits = container["resources"]["limits"]
                container["resources"]["limits"] = {GPU: 1} | {
                    name: amount for name, amount in limits.items() if not name.startswith("nvidia.com/")}
    return made


class Answer:
    """What Karpenter would buy."""

    def __init__(self, text):
        self.said = json.loads(text)
        self.nodes = self.said["nodes"]
        self.pending = self.said["unschedulable"]
        self.commands = self.said["consolidations"]
        self.orders = self.said.get("orders", [])
        self.waits = [node["waitsFor"] for node in self.nodes if node.get("waitsFor")]
        self.dollars = self.said["totalPerHour"]

    @property
    def kinds(self):
        return {node["chosen"] for node in self.nodes}

    @property
    def pods(self):
        """How many pods each node has, the fullest first."""
        return sorted((len(node["pods"]) for node in self.nodes), reverse=True)


def oracle(folder):
    """ask(objects, option...) of the program that tests/karpenter/build makes. What was asked before is remembered."""
    program = pathlib.Path(os.environ["CARVE_KARPENTER"]) / "karpenter-oracle"
    said = {}

    def ask(objects, *options):
        question = (yaml.safe_dump_all(objects), *map(str, options))
        if question not in said:
            path = folder / "question.yaml"
            path.write_text(question[0])
            done = subprocess.run([program, "--catalog", CATALOG, "--region", REGION, "-o", "json", *question[1:], path],
                                  text=True, capture_output=True, check=False)
            assert done.returncode in (0, 1, 3), done.stderr
            said[question] = done.stdout
        return Answer(said[question])

    return ask


def only(pattern, text):
    """The groups of the one place that matches."""
    found = re.findall(pattern, text)
    assert len(found) == 1, f"{pattern}: {found}"
    return found[0]
