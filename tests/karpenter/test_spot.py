# SPDX-License-Identifier: Apache-2.0
"""EC2 takes a node back: the pods that hold slices are on a replacement that Karpenter bought, before the time is up."""
import datetime
import json
import pathlib
import re
import sys

from harness import wait_for
from work import deployment, offer, pool_like, taints, told, values_of

HERE = pathlib.Path(__file__).resolve().parent
NAME = "time-slicing-g6"
TAINT = "carve.dev/interruption"
PIDFILE = "/run/emulator/metadata.pid"
SERVICE = (f"setsid {sys.executable} {HERE}/metadata_on_node.py {PIDFILE} </dev/null >/run/emulator/metadata.log 2>&1 & "
           f"until [ -s {PIDFILE} ]; do sleep 0.1; done")


def notice(cloud, node):
    """The machine of this node is to go in two minutes."""
    cloud.cluster.run("on", cloud.cluster.folder, node, "sh", "-c", f"kill -USR1 $(cat {PIDFILE})")


def test_a_notice_moves_the_pods_in_time(empty):
    empty.fleet.setup = SERVICE
    empty.install(values_of(NAME), {"interruption": {"enabled": True}})
    pool, overlay = pool_like(NAME, NAME)
    pool["spec"]["disruption"]["consolidateAfter"] = "1s"
    offer(empty, pool, overlay)
    empty.apply(deployment(NAME, 3))
    empty.wait_running(3)
    old, = empty.nodes()
    # A pod without a slice is not asked to go.
    bystander = deployment("bystander", 1, pool=NAME)["spec"]["template"]
    del bystander["spec"]["containers"][0]["resources"]
    empty.apply({"apiVersion": "v1", "kind": "Pod", **bystander, "metadata": {"name": "bystander"}})
    empty.wait_running(4)

    notice(empty, old)
    said = wait_for("the Event", lambda: told(empty, old, "SpotInterruption"), 30)[0]
    gone_by = datetime.datetime.strptime(re.search(r"terminate at (\S+),", said)[1], "%Y-%m-%dT%H:%M:%SZ")
    wait_for("the taint", lambda: TAINT in taints(empty.nodes()[old]), 20)

    def moved():
        places = {pod["spec"].get("nodeName") for name, pod in empty.pods("Running").items() if name != "bystander"}
        return len(empty.pods("Running")) == 4 and old not in places and places
    places = wait_for("three pods on another node", moved, 120)
    assert datetime.datetime.utcnow() < gone_by
    new, = places
    assert set(empty.nodes()) == {old, new} and TAINT not in taints(empty.nodes()[new])
    assert empty.pods("Running")["bystander"]["spec"]["nodeName"] == old
    assert told(empty, old, "InterruptionPodsEvicted") and told(empty, old, "InterruptionDrained")
    assert not told(empty, old, "InterruptionPodsLeft") and not told(empty, new, "SpotInterruption")

    # The empty node is one too many for Karpenter, which takes it away before EC2 does.
    empty.cluster.kubectl("delete", "pod", "bystander", "--grace-period=0", "--force")
    wait_for("the end of the node", lambda: set(empty.nodes()) == set(empty.fleet.machines) == {new}, 90)
    assert len(empty.bought) == 2, json.dumps(empty.bought)
    assert len(empty.pods("Running")) == 3
