# SPDX-License-Identifier: Apache-2.0
"""Each right of carve-gateway taken away in turn: it says what is missing, carved serves on, and all is
well again when the right is back."""
import contextlib
import json
import re
import subprocess
from typing import Callable, NamedTuple

import pytest

from chart import NAMESPACE, NODE, RELEASE
from conftest import HERE, chart_on, wait_for
from test_install import run_pod, wait_slices
from test_node_life import CONFIG, MIG

CLUSTER = ("clusterrole", RELEASE)
OWN = ("-n", NAMESPACE, "role", RELEASE)
EVENTS = ("-n", "default", "role", f"{RELEASE}-events")
FEATURE = f"nvidia-features-for-{NODE}"
TAINT = "carve.dev/not-ready"
VALUES = {"config": {"map": {"any": "version: v1\nflags:\n  migStrategy: mixed\n"}},
          "migManager": {"enabled": True, "drain": True}, "mig": {"strategy": "mixed"}}


@pytest.fixture(scope="module")
def installed(cluster, chart_node, node_features, tmp_path_factory):
    with chart_on(cluster, chart_node, tmp_path_factory.mktemp("rights")) as chart:
        chart.install(VALUES)
        wait_slices(chart, {"nvidia.com/gpu": 8})
        wait_for("labels", lambda: well(cluster, chart))
        yield chart
        cluster.kubectl("label", "node", NODE, f"{MIG}-")


def features(cluster):
    found = cluster.get("-n", NAMESPACE, "nodefeatures")["items"]
    return [item for item in found if item["metadata"]["name"] == FEATURE and "deletionTimestamp" not in item["metadata"]]


def without(rules, resource, verb):
    """The rules but for this right."""
    result = json.loads(json.dumps(rules))
    for rule in result:
        if resource in rule["resources"] and verb in rule["verbs"]:
            rule["verbs"] = [item for item in rule["verbs"] if item != verb]
    return [rule for rule in result if rule["verbs"]]


@contextlib.contextmanager
def right_taken(cluster, roles, resource, verb):
    before = {role: cluster.get(*role)["rules"] for role in roles}
    try:
        for role, rules in before.items():
            fewer = without(rules, resource, verb)
            assert fewer != rules, f"{role} has no right to {verb} {resource}"
            patch_rules(cluster, role, fewer)
        yield
    finally:
        for role, rules in before.items():
            patch_rules(cluster, role, rules)


def patch_rules(cluster, role, rules):
    cluster.kubectl("patch", *role, "--type=merge", "-p", json.dumps({"rules": rules}))


def logged(chart):
    """Its log, or nothing while the pod is being replaced."""
    try:
        return chart.logs("carve-gateway")
    except AssertionError:
        return ""


class Log:
    """What carve-gateway says from now on, also while its pod ends."""

    def __init__(self, chart):
        self.path = chart.folder / "followed.log"
        self.text = open(self.path, "wb")
        self.process = subprocess.Popen([HERE / "cluster", "exec", chart.cluster.folder, "kubectl", "-n", NAMESPACE, "logs",
                                         "-f", "--tail=1", chart.pod(), "-c", "carve-gateway"], stdout=self.text)

    def read(self):
        return self.path.read_text()

    def end(self):
        self.process.terminate()
        self.process.wait()
        self.text.close()


def restart(cluster, chart):
    cluster.kubectl("-n", NAMESPACE, "delete", "pod", chart.pod(), "--wait=true")
    chart.rolled_out()


def spoil_node(cluster, chart):
    cluster.kubectl("taint", "node", NODE, f"{TAINT}=true:NoSchedule")
    cluster.kubectl("label", "node", NODE, "--overwrite", "nvidia.com/gpu.count=7")


def spoil_feature(cluster, chart):
    cluster.kubectl("-n", NAMESPACE, "delete", "nodefeature", FEATURE)
    restart(cluster, chart)


def choose(cluster, chart, key="nonsense"):
    cluster.kubectl("label", "node", NODE, "--overwrite", f"{CONFIG}={key}")


def choose_new(cluster, chart):
    choose(cluster, chart, "unheard-of")


def choose_twice(cluster, chart):
    """The same Event again, which is counted."""
    for key in ("one", "another", "one"):
        choose(cluster, chart, key)
        wait_for(f"condition of '{key}'", lambda: f"'{key}'" in chart.condition("carve.dev/Configured")["message"])


def drain(cluster, chart):
    run_pod(cluster, "holder")
    cluster.kubectl("label", "node", NODE, "--overwrite", "carve.dev/mig.drain=true", f"{MIG}=all-1g.5gb")


def well(cluster, chart):
    """Whether everything is as it should be, after what was spoilt has been taken back."""
    condition = chart.condition("carve.dev/Configured")
    return (features(cluster) and TAINT not in chart.taints() and chart.labels().get("nvidia.com/gpu.count") == "8"
            and condition and condition["status"] == "True")


def drained(cluster, chart):
    return not cluster.pods() and chart.labels().get(f"{MIG}.state") == "success"


class Right(NamedTuple):
    resource: str
    verb: str
    roles: tuple
    use: Callable              # what makes the gateway use the right
    event: str = ""            # reason of the Event that tells of it, too
    healed: Callable = well    # with the right again, by itself


RIGHTS = [
    Right("nodes", "list", (CLUSTER,), restart),
    Right("nodes", "watch", (CLUSTER,), restart),
    Right("nodes", "patch", (CLUSTER,), spoil_node, "LabelsRefused"),
    Right("nodes/status", "patch", (CLUSTER,), choose),
    Right("events", "create", (EVENTS,), choose_new),
    Right("events", "patch", (EVENTS,), choose_twice),
    Right("nodefeatures", "list", (CLUSTER,), restart),
    Right("nodefeatures", "watch", (CLUSTER,), restart),
    Right("configmaps", "list", (OWN,), restart, "ConfigMapForbidden"),
    Right("configmaps", "watch", (OWN,), restart),
    Right("pods", "get", (CLUSTER, OWN), restart),
    Right("nodefeatures", "create", (OWN,), spoil_feature, "LabelsRefused"),
    Right("nodefeatures", "patch", (OWN,), restart, "LabelsRefused"),
    Right("daemonsets", "get", (OWN,), restart),
    Right("pods", "get", (CLUSTER,), drain, healed=drained),
    Right("pods/eviction", "create", (CLUSTER,), drain, healed=drained),
]


@pytest.fixture
def log(installed):
    followed = Log(installed)
    yield followed
    followed.end()


@pytest.fixture
def labels_gone(cluster, installed):
    yield
    cluster.kubectl("label", "node", NODE, f"{CONFIG}-", "carve.dev/mig.drain-")
    cluster.kubectl("label", "node", NODE, "--overwrite", f"{MIG}=all-disabled")
    wait_slices(installed, {"nvidia.com/gpu": 8})


@pytest.mark.parametrize("right", RIGHTS, ids=lambda right: f"{right.verb} {right.resource} {right.use.__name__}")
def test_each_right_is_missed_with_words(cluster, installed, log, labels_gone, right):
    words = re.compile(rf'cannot {right.verb} resource \W*"{re.escape(right.resource)}')

    def said():
        return words.search(log.read()) or words.search(logged(installed))

    def told():
        return any(reason == right.event and words.search(message) for reason, message in installed.events())

    with right_taken(cluster, right.roles, right.resource, right.verb):
        right.use(cluster, installed)
        wait_for(f"words about {right.verb} {right.resource}", said)
        if right.event:
            wait_for(f"Event {right.event} about {right.verb} {right.resource}", told)
        assert all(item["restartCount"] == 0 for item in installed.pods()[0]["status"]["containerStatuses"])
        wait_slices(installed, {"nvidia.com/gpu": 8})  # carved serves on
    if right.use in (choose, choose_new, choose_twice):
        choose(cluster, installed, "any")
    wait_for(f"health with the right to {right.verb} {right.resource}", lambda: right.healed(cluster, installed), 90)


def test_every_right_of_the_chart_is_tried(cluster, installed):
    """But for those of test_features.py and of `carve doctor node`."""
    elsewhere = {("nodefeatures", "delete"), ("nodes", "get")}
    given = {(resource, verb) for role in (CLUSTER, OWN, EVENTS) for rule in cluster.get(*role)["rules"]
             for resource in rule["resources"] for verb in rule["verbs"]}
    assert given == {(right.resource, right.verb) for right in RIGHTS} | elsewhere
