# SPDX-License-Identifier: Apache-2.0
"""`carve doctor node` on the emulated node: a machine that is fit, which the tests break one thing at a time; its name
must be the cause. Who imports `doctor` imports `kubelet` too, which stands where the doctor looks for one."""
import json

import pytest

import kubelet as kubelet_module
import pods as pods_module
from conftest import wait_for

GPU = "nvidia.com/gpu"
DRIVER = "580.159.04"
CDI = {"version": "v1", "flags": {"plugin": {"deviceListStrategy": ["cdi-cri"]}}}


@pytest.fixture
def kubelet(node):
    """Not started yet; where the doctor looks for one."""
    made = kubelet_module.Kubelet(node.folder / "var/lib/kubelet/device-plugins")
    yield made
    made.stop()


class Doctor:
    """Runs the verb; `fit` is the machine that the other tests break."""

    def __init__(self, carve, node, start):
        self.carve, self.node, self.start = carve, node, start
        self.pods = None
        carve.environment = {name: value for name, value in carve.environment.items()
                             if not name.startswith("KUBE")} | {"HOME": str(node.folder)}

    def words(self, *more):
        folder = self.node.folder
        return ["doctor", "node", "--proc-root", folder / "proc", "--dev-root", folder, "--host-root", folder,
                "--cdi-dir", folder / "cdi", "--state-dir", folder / "kept", *more]

    def __call__(self, *more, code=0, **environment):
        """The report; found[check] is the gravest finding of a check."""
        report = self.carve.json(*self.words(*more), code=code, environment=environment)
        assert report["fit"] is (code == 0), report
        report["found"] = {}
        for finding in report["findings"]:
            report["found"].setdefault(finding["check"], finding)
            if finding["result"] in ("failed", "warning"):
                assert finding["cure"], finding
        return report

    def cause(self, *more, **environment):
        """(check, words, cure) of the cause."""
        report = self(*more, code=1, **environment)
        finding = next(f for f in report["findings"] if f["result"] == "failed")
        assert finding["check"] == report["cause"]
        return finding["check"], finding["seen"], finding["cure"]

    def fit(self, config=None, **more):
        folder = self.node.folder
        self.write("etc/containerd/config.toml", "version = 3\n")
        (folder / "var/lib/kubelet/pod-resources").mkdir(parents=True)
        pods = folder / "var/lib/kubelet/pod-resources/kubelet.sock"
        (folder / "kept").mkdir()
        self.pods = pods_module.Pods(pods)
        run = self.start(config, ["--pod-resources-socket", pods, *more.pop("arguments", [])], **more)
        wait_for(lambda: run.state().resources and all(r.registered for r in run.state().resources), "registration")
        return run

    def write(self, path, text):
        path = self.node.folder / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text if isinstance(text, str) else json.dumps(text), encoding="utf-8")
        return path


@pytest.fixture
def doctor(carve, node, carved):
    made = Doctor(carve, node, carved)
    yield made
    if made.pods:
        made.pods.server.stop(None).wait(10)


def results(report, *checks):
    return [report["found"].get(check, {}).get("result") for check in checks]
