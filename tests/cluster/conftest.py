# SPDX-License-Identifier: Apache-2.0
"""A real Kubernetes with one node whose GPUs are the emulated p4d.24xlarge, and carved on it."""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

import pytest

import chart as charts
from harness import HERE, NODE, Cluster, make_busybox, wait_for

BUILD = pathlib.Path(os.environ["CARVE_BUILD"])


class Carved:
    """carved on the node, over the emulated driver, with a configuration that tests rewrite."""

    def __init__(self, cluster, folder):
        self.cluster = cluster
        self.folder = folder
        self.tree = folder / "tree"
        self.config = folder / "config.yaml"
        self.log = open(folder / "carved.log", "ab")
        self.process = None
        self.environment = {
            "CARVE_EMULATOR_NODE": "p4d.24xlarge",
            "CARVE_EMULATOR_STATE": folder / "state",
            "CARVE_EMULATOR_TREE": self.tree,
            "LD_LIBRARY_PATH": self.tree / "driver/usr/lib/x86_64-linux-gnu",
        }
        self.emulator("tree", self.tree)

    def inside(self, *words):
        settings = [f"{name}={value}" for name, value in self.environment.items()]
        return self.cluster.on_node("env", *settings, *words)

    def emulator(self, *words):
        subprocess.run(self.inside(BUILD / "emulator/carve-emulator", *words), check=True,
                       stdout=subprocess.DEVNULL)

    def carve(self, *words):
        done = subprocess.run(self.inside(BUILD / "src/cli/carve", *words), text=True, capture_output=True)
        assert done.returncode == 0, f"carve {' '.join(map(str, words))}: {done.stdout}{done.stderr}"
        return done.stdout

    def configure(self, text):
        temporary = self.folder / "config.new"
        temporary.write_text(text)
        temporary.rename(self.config)

    def start(self):
        assert self.process is None
        self.process = subprocess.Popen(
            self.inside(BUILD / "src/agent/carved", "--config-file", self.config,
                        "--nvidia-driver-root", self.tree / "driver",
                        "--container-driver-root", self.tree / "driver",
                        "--nvidia-dev-root", self.tree, "--proc-root", self.tree / "proc",
                        "--sysfs-root", self.tree / "sys", "--state-dir", self.folder / "carved-state",
                        "--device-list-strategy", "cdi-cri"),
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def stop(self, kill=False):
        if self.process is None:
            return
        # `cluster on` becomes carved by exec all the way, so the pid is carved's own.
        self.process.kill() if kill else self.process.terminate()
        code = self.process.wait(20)
        self.process = None
        assert code == (-signal.SIGKILL if kill else 0), f"carved ended with {code}"

    def holders(self):
        """{slice id: pod name} as `carve ps` sees it."""
        rows = json.loads(self.carve("ps", "-o", "json"))
        rows = rows["holders"] if isinstance(rows, dict) else rows
        pairs = [(row["slice"], row["pod"]) for row in rows if row.get("pod")]
        assert len({pair[0] for pair in pairs}) == len(pairs), f"a slice was given twice: {pairs}"
        return dict(pairs)


@pytest.fixture(scope="session")
def cluster():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="carve-cluster-"))
    made = Cluster(folder / "cluster")
    try:
        made.run("up", made.folder, NODE, stdout=subprocess.DEVNULL)
        make_busybox(made, folder)
        yield made
    finally:
        made.run("down", made.folder)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def node(cluster, tmp_path_factory):
    """carved, running, with the default configuration."""
    folder = tmp_path_factory.mktemp("node")
    made = Carved(cluster, folder)
    made.configure("version: v1\n")
    made.start()
    try:
        yield made
    finally:
        made.stop()
        made.log.close()
        print((folder / "carved.log").read_text()[-20000:])


@pytest.fixture
def clean(cluster, node):
    """Each test begins without pods."""
    cluster.clear()
    yield
    cluster.clear()


@pytest.fixture(scope="session")
def chart_node(cluster):
    """A second node, for the chart, which nobody else's carved serves."""
    for tag in ("1", "2"):
        archive = cluster.folder.parent / f"carve-{tag}.tar"
        charts.make_image(archive, tag)
        cluster.run("load", cluster.folder, f"carve-{tag}", archive, stdout=subprocess.DEVNULL)
    yield charts.add_node(cluster)
    cluster.run("node-down", cluster.folder, charts.NODE)
    cluster.kubectl("delete", "node", charts.NODE)


@contextlib.contextmanager
def chart_on(cluster, node, folder):
    """The chart, to be installed; afterwards it is gone again."""
    made = charts.Chart(cluster, charts.Machine(cluster, node, folder), folder)
    try:
        yield made
    finally:
        print(made.last_words())
        cluster.kubectl("delete", "pods,deployments", "--all", "--grace-period=0", "--force")
        made.helm("uninstall", charts.RELEASE, "--namespace", charts.NAMESPACE, "--wait", "--ignore-not-found",
                  "--timeout", "90s", check=False)
        made.helm("uninstall", charts.RELEASE, "--namespace", charts.NAMESPACE, "--no-hooks", "--ignore-not-found",
                  check=False)


@pytest.fixture
def chart(cluster, chart_node, tmp_path):
    with chart_on(cluster, chart_node, tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def node_features(cluster):
    """NodeFeature, as where Node Feature Discovery is installed; nobody acts on it here."""
    cluster.apply(charts.NODE_FEATURES)
    cluster.kubectl("wait", "--for=condition=Established", f"crd/{charts.FEATURES}", "--timeout=30s")
    yield charts.FEATURES
    cluster.kubectl("delete", "crd", charts.FEATURES)
