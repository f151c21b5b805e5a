# SPDX-License-Identifier: Apache-2.0
"""Real Karpenter on a real Kubernetes, whose nodes are real kubelets with emulated GPUs.

    CARVE_BUILD=build/release CARVE_KARPENTER=$(tests/karpenter/build) pytest tests/karpenter

One cluster for the session, without a node at first: control plane, Karpenter (its own program without a cloud,
NodeOverlay on), and a Fleet (fleet.py) that lets a machine join for each Node that Karpenter makes, with the CPUs,
the memory and the GPUs of its instance type, and takes it away with the Node. carve's chart is one release for all.

    def test_something(empty):                      # `empty` is the Cloud (cloud.py), before and after it nothing runs
        empty.install({"migManager": {"enabled": True}})    # carve's chart; values over each other, several at once
        empty.apply(*documents(EXAMPLES / "mig-single-p4d"))    # objects; of a NodePool nodeClassRef is exchanged
        empty.wait_running(60)                      # after a failure Karpenter's, the claims', the machines' and carve's words are printed
        empty.claims(), empty.nodes(), empty.pods() # {name: object}; empty.fleet.machines is {Node: instance type}

- `empty.cluster.kubectl(...)`, `.apply(...)`, `.run_on(NODE, ...)`: tests/cluster/harness.py. `empty.api` (api.py): list, get,
  patch without a program for each, and `Watch(empty.api, "nodes", heed)`.
- `empty.fleet.setup = "shell words"`: run on every new machine before its kubelet; `empty.fleet.emulator(NODE, "fault", ...)` is
  carve-emulator on a machine; its state lies in /run/emulator of the node.
- `empty.karpenter.stop()`, `.start(gates="")`: without overlays, say; `.said(PATTERN)`: lines of its log.
- `empty.chart`: tests/cluster/chart.py's Chart (helm, uninstall, last_words).
- Images: `carve.test/busybox:1`, `carve.test/carve:1`; `empty.image(NAME)` makes a small one of any name, with a shell, the C
  library and room for nvidia-smi. What every container of a machine gets: the emulator's CARVE_EMULATOR_* and /run/emulator, so
  that libnvidia-ml.so.1 and nvidia-smi, which carve puts into a container with its slice, find the machine's GPUs.
"""
import pathlib
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "cluster"))

for name in ("cloud", "scenes", "work", "examples"):
    pytest.register_assert_rewrite(name)

from cloud import Cloud  # pylint: disable=wrong-import-position


@pytest.fixture(scope="session")
def cloud():
    with tempfile.TemporaryDirectory(prefix="carve-karpenter-", ignore_cleanup_errors=True) as name, \
            Cloud(pathlib.Path(name)) as made:
        yield made


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    report = (yield).get_result()
    item.failed = getattr(item, "failed", False) or report.failed


@pytest.fixture
def empty(cloud, request):
    """Each test ends without pods, pools and nodes; after a failure what the parts say is printed first."""
    try:
        yield cloud
    finally:
        if request.node.failed:
            print(cloud.last_words())
        cloud.clear()
