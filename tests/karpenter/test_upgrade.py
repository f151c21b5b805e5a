# SPDX-License-Identifier: Apache-2.0
"""carve is upgraded by its DaemonSet while nodes join and pods run: nobody is moved, and nothing is bought or taken away."""
import subprocess

import chart as charts
from api import Watch
from harness import wait_for
from scenes import identity
from work import condition, deployment, offer, pool_like, taints, values_of

NAME = "time-slicing-g6"
GPU = "nvidia.com/gpu"


class Seen:
    """What one node shows from now on: its slices whenever they are others, its conditions, its taints."""

    def __init__(self, api, node):
        self.node = node
        self.slices, self.hardware, self.taints = [], set(), set()
        self.watch = Watch(api, "nodes", self.heed)

    def heed(self, _, node):
        if node["metadata"]["name"] != self.node:
            return
        shown = node["status"]["allocatable"].get(GPU, "0")
        if self.slices[-1:] != [shown]:
            self.slices.append(shown)
        self.hardware.add(condition(node, "AcceleratedHardwareReady").get("status"))
        self.taints.update(taints(node))


def images(cloud):
    """{node: tag of carve's pod there, once that is ready}."""
    return {pod["spec"].get("nodeName"): pod["spec"]["containers"][0]["image"].rpartition(":")[2]
            for pod in cloud.chart.pods() if condition(pod, "Ready").get("status") == "True"}


def test_a_new_version_while_nodes_join(empty):
    charts.make_image(empty.folder / "carve-2.tar", "2")
    empty.cluster.run("load", empty.cluster.folder, "carve-2", empty.folder / "carve-2.tar", stdout=subprocess.DEVNULL)
    values = values_of(NAME)
    empty.install(values)
    offer(empty, *pool_like(NAME, NAME))
    empty.apply(deployment(NAME, 4))
    empty.wait_running(4)
    old, = empty.nodes()
    wait_for("the first node in service", lambda: condition(next(iter(empty.claims().values())), "Initialized")
             .get("status") == "True")
    before = {name: identity(pod) for name, pod in empty.pods("Running").items()}
    disrupted = len(empty.karpenter.said("disrupting node"))
    seen = Seen(empty.api, old)
    try:
        empty.cluster.kubectl("scale", f"deployment/{NAME}", "--replicas=8")
        empty.install(values, {"image": {"tag": "2"}}, wait=False)
        empty.wait_running(8)
        empty.chart.rolled_out()
        wait_for("the new version on both nodes", lambda: list(images(empty).values()) == ["2", "2"])
        wait_for("all slices again", lambda: all(node["status"]["allocatable"][GPU] == "4" for node in empty.nodes().values()))
    finally:
        seen.watch.close()
    after = {name: identity(pod) for name, pod in empty.pods("Running").items()}
    assert {name: after.get(name) for name in before} == before
    # What was bought is the one node more that the four pods more need, and nothing was taken away for it.
    assert len(empty.bought) == len(empty.claims()) == 2 and old in empty.nodes()
    assert len(empty.karpenter.said("disrupting node")) == disrupted
    # The slices were away at most once, between the end of the old and the word of the new one.
    assert seen.slices in (["4"], ["4", "0", "4"]), seen.slices
    assert seen.hardware == {"True"} and seen.taints == {GPU}
