# SPDX-License-Identifier: Apache-2.0
"""docs/tutorial-karpenter.md: every block is run, what it shows is compared, and what it names is there."""
import importlib.util
import json
import os
import pathlib
import re
import subprocess
import time
import unittest.mock
import xml.etree.ElementTree as xml

import pytest
import yaml

import fleet as fleets
import tutorial
from tutorial import ROOT, Desk, steps

PAGE = tutorial.PAGE.read_text()
BUILD = pathlib.Path(os.environ["CARVE_BUILD"]).resolve()
PICTURE = ROOT / "docs/pictures/scaling.py"


def shell(kinds=("bash", "bash aws")):
    return "".join(block.text for block, _ in steps(PAGE) if block.kind in kinds)


def test_the_shell_is_right():
    given = "#!/bin/bash\n" + shell()
    done = subprocess.run(["shellcheck", "--shell=bash", "-"], input=given, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout


def missing(page):
    """What the text names, and is not there: files, sections, examples, values of Karpenter's chart."""
    titles = [re.sub(r"[^\w\- ]", "", line.lstrip("# ")).lower().replace(" ", "-")
              for line in page.splitlines() if line.startswith("#")]
    folders = {path.name for path in (ROOT / "examples/karpenter").iterdir() if path.is_dir()}
    named = [(path, (tutorial.PAGE.parent / path).exists()) for path in re.findall(r"\]\(([^)#]+)[^)]*\)", page)]
    named += [(anchor, anchor in titles) for anchor in re.findall(r"\]\(#([^)]+)\)", page)]
    named += [(path, (ROOT / path).exists()) for path in re.findall(r"(?:examples|docs|deploy|tests)/[\w./-]*\w", page)]
    named += [(name, name in folders) for name in re.findall(r"\b(?:mig-(?:single|mixed)|time-slicing|whole)-\w+", page)]
    named += [(key, in_karpenters_chart(key)) for key in karpenters_values(page)]
    return [name for name, there in named if not there]


def karpenters_values(page):
    command = re.search(r"helm upgrade --install karpenter .*?[^\\]\n", page, re.DOTALL)[0]
    return re.findall(r"--set \"?([\w.]+)=", command) + re.findall(r"settings\.featureGates\.\w+", page)


def in_karpenters_chart(key):
    level = yaml.safe_load((tutorial.karpenter_chart() / "values.yaml").read_text())
    for part in key.split("."):
        if not isinstance(level, dict) or (level and part not in level):
            return False
        level = level.get(part, {})
    return True


def test_what_the_text_names_is_there():
    assert not missing(PAGE)


@pytest.mark.parametrize("right,wrong", [
    ("mig-single-p4d", "mig-single-p4de"), ("featureGates.nodeOverlay", "featureGates.nodeOverlays"),
    ("settings.interruptionQueue", "settings.queue"), ("(health.md)", "(healthy.md)"), ("#without-overlays", "#no-overlays"),
    ("deploy/chart/carve", "deploy/carve"), ("time-slicing-g6/overlay.yaml", "time-slicing-g6/nodeoverlay.yaml")])
def test_a_name_that_is_not_there_is_seen(right, wrong):
    assert missing(PAGE.replace(right, wrong))


@pytest.mark.parametrize("kind", ["sh", "", "bash azure", "console"])
def test_a_block_of_an_unknown_kind_is_no_tutorial(kind):
    with pytest.raises(AssertionError, match="nobody knows"):
        steps(PAGE.replace("```bash aws\n", f"```{kind}\n", 1))


@pytest.mark.parametrize("shown,real,alike", [
    ("a  b\n", "a b", True), ("a …", "a 0.0", True), ("a", "a b", False), ("a", "a\nb", False), ("a\n…", "a", False)])
def test_what_is_shown_is_compared(shown, real, alike):
    assert tutorial.same(shown, real) is alike


def test_the_picture_is_what_its_script_draws():
    specification = importlib.util.spec_from_file_location("scaling", PICTURE)
    scaling = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(scaling)
    drawn = scaling.picture()
    assert PICTURE.with_suffix(".svg").read_text() == drawn, "run docs/pictures/scaling.py"
    words = ["".join(text.itertext()) for text in xml.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text")]
    numbers = {int(found[0]) for found in (re.match(r"\d+", word) for word in words) if found}
    assert numbers == set(range(1, max(numbers) + 1))
    asked = {int(number) for numbers in re.findall(r"\((\d+(?:(?:, | to )\d+)*)\)", PAGE) for number in re.findall(r"\d+", numbers)}
    assert asked <= numbers and asked, "the text speaks of steps that the picture has not"


def left_over(desk):
    """What was made in AWS and not taken away again, and the calls that failed though the shell went on."""
    calls = [json.loads(line)["operation"] for line in desk.calls.read_text().splitlines()]
    pairs = {"CreateRole": "DeleteRole", "AttachRolePolicy": "DetachRolePolicy", "ExecuteChangeSet": "DeleteStack",
             "CreatePodIdentityAssociation": "DeletePodIdentityAssociation", "CreateAccessEntry": "DeleteAccessEntry",
             "CreateRepository": "DeleteRepository"}
    found = {made: (calls.count(made), calls.count(gone)) for made, gone in pairs.items()
             if not calls.count(made) or calls.count(made) != calls.count(gone)}
    return found | ({"Failed": calls.count("Failed")} if "Failed" in calls else {})


@pytest.fixture(scope="module")
def walk(cloud, tmp_path_factory):
    """The whole tutorial on a real cluster with a real Karpenter: [(block, what was shown, what came, what the desk
    remembered before)], up to the first block that failed; what is left in AWS; which nodes are left."""
    desk = Desk(tmp_path_factory.mktemp("walk") / "desk", BUILD, cloud.cluster, fleets.values())
    done = []
    try:
        for block, shown in steps(PAGE):
            before = desk.state.read_text(), desk.calls.read_text()
            begin = time.monotonic()
            came = desk.run(block.text)
            print(f"line {block.line}: {time.monotonic() - begin:.1f} s\n{came.stdout}{came.stderr}")
            done.append((block, shown, came, before))
            if not as_told(block, shown, came):
                print(cloud.last_words(), cloud.cluster.kubectl("describe", "nodes"))
                break
            if "helm upgrade --install karpenter" in block.text:
                begin_karpenter(cloud)
        yield done, left_over(desk), cloud.nodes()
    finally:
        desk.close()
        cloud.karpenter.stop()
        cloud.karpenter.start()
        cloud.clear()


def begin_karpenter(cloud):
    """Karpenter with the gates that its chart was installed with, and all pods of a workload in one batch, however slow
    the machine: while a node is young, the program without a cloud forgets the overlays, and would buy another."""
    words = "-n kube-system get deployment karpenter -o jsonpath={..env[?(@.name=='FEATURE_GATES')].value}"
    cloud.karpenter.stop()
    with unittest.mock.patch.dict(os.environ, BATCH_IDLE_DURATION="3s", BATCH_MAX_DURATION="30s"):
        cloud.karpenter.start(cloud.cluster.kubectl(*words.split()))


def as_told(block, shown, came):
    """The doctor has a finding here, and must have no other: Karpenter's Deployment has no pod."""
    if block.text == "carve doctor cluster\n":
        return came.returncode == 1 and re.findall(r"^(\d+)\..*\[([a-z-]+),", came.stdout, re.MULTILINE) == [("1", "karpenter-down")]
    return came.returncode == 0 and (shown is None or tutorial.same(shown, came.stdout))


def test_the_blocks_in_their_order(walk):
    done, left, nodes = walk
    for block, shown, came, _ in done:
        assert as_told(block, shown, came), f"line {block.line} of the tutorial:\n{block.text}\nends with " \
            f"{came.returncode}:\n{came.stdout}{came.stderr}\n" + (f"instead of\n{shown}" if shown else "")
    assert len(done) == len(steps(PAGE))
    assert not nodes, "nodes are left"
    assert not left, "made in AWS, and not taken away as often"


def test_no_instance_is_found_after_the_clean_up(walk):
    block, _, came, _ = of_instances(walk)
    assert came.stdout.strip() == "", block.line


def of_instances(walk):
    """The block that asks AWS which instances are left, as it was walked."""
    return next(one for one in walk[0] if "describe-instances" in one[0].text)


# A slip of the pen, and that a reader would see it: (what stands there, the slip).
SLIPS = [
    ("--type EC2_LINUX", "--type EC2_LINU"),
    ("--principal-arn", "--principal-arm"),
    ("role/KarpenterNodeRole-", "role/KarpenterNode-"),
    ("--query 'nodegroups[0]'", "--query 'nodeGroups[0]'"),
    ("clusterSecurityGroupId", "securityGroupId"),
    ("sts:TagSession", "sts:TagSesion"),
    ('"Statement": [{', '"Statement": [['),
    ("--quota-code L-DB2E81BA", "--quota-code L-DB2E81BB"),
    ("KarpenterController${name}Policy", "Karpenter${name}Policy"),
    ("--capabilities CAPABILITY_NAMED_IAM", "--capabilities CAPABILITY_NAMED"),
    ("v1.14.1/website", "v1.14/website"),
    ("x86_64/nvidia", "x86_64/cuda"),
    ("--password-stdin", "--password"),
    ("delete-role ", "delete-roles "),
    ("aws iam detach-role-policy", "aws iam attach-role-policy"),
]


@pytest.fixture(scope="module")
def slippery(tmp_path_factory):
    """A desk without a cluster."""
    desk = Desk(tmp_path_factory.mktemp("slips") / "desk", BUILD)
    yield desk
    desk.close()


@pytest.mark.parametrize("right,wrong", [
    ('"Name=tag:eks:eks-cluster-name,Values=$CLUSTER_NAME" ', ""), ("Name=tag-key,Values=karpenter.sh/nodepool", ""),
    ("stopping,stopped", "stopping,stopped,terminated")])
def test_instances_are_shown_if_each_filter_does_not_do_its_part(walk, slippery, right, wrong):
    block, _, _, (exports, calls) = of_instances(walk)
    assert right in block.text
    slippery.remember(exports, calls)
    came = slippery.run(block.text.replace(right, wrong))
    assert came.returncode == 0 and "g6.xlarge" in came.stdout, came.stdout + came.stderr


@pytest.mark.parametrize("right,wrong", SLIPS, ids=[wrong for _, wrong in SLIPS])
def test_a_slip_in_a_call_of_aws_is_seen(walk, slippery, right, wrong):
    block, _, _, (exports, calls) = next(one for one in walk[0] if one[0].kind == "bash aws" and right in one[0].text)
    slippery.remember(exports, calls)
    came = slippery.run(block.text.replace(right, wrong))
    assert came.returncode not in (0, 124), came.stdout + came.stderr
