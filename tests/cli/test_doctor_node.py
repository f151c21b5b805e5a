# SPDX-License-Identifier: Apache-2.0
"""`carve doctor node` on the emulated node: fit as a whole, then one thing broken at a time, whose name must be the
cause. The API server is a small one of ours."""
import http.server
import json
import os
import pathlib
import socket
import threading

import pytest

import kubelet as kubelet_module
import pods as pods_module
from conftest import wait_for

GPU = "nvidia.com/gpu"
DRIVER = "580.159.04"
CDI = {"version": "v1", "flags": {"plugin": {"deviceListStrategy": ["cdi-cri"]}}}
ACCOUNT = "system:serviceaccount:gpu:carve"


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


# A fit node, with Kubernetes and without

def test_a_fit_node(doctor):
    doctor.fit(CDI)
    report = doctor()
    assert report["cause"] is None
    assert {f["result"] for f in report["findings"]} <= {"ok", "not judged"}, report
    assert results(report, "pci", "kernel-module", "driver-library", "versions", "nvml", "gpus", "cuda-library",
                   "device-nodes", "geometry", "runtime", "cdi", "kubelet", "pod-resources", "carved",
                   "configuration", "slices", "registration", "state") == ["ok"] * 18
    assert results(report, "api") == ["not judged"]
    assert "8 x NVIDIA A100" in report["found"]["gpus"]["seen"]
    table = doctor.carve(*doctor.words())
    assert " is fit" in table.splitlines()[0] and len(table.splitlines()) < 25, table


def test_a_workstation_without_kubernetes(doctor):
    report = doctor()
    assert results(report, "runtime", "cdi", "kubelet", "carved", "api") == ["not here"] * 5
    assert results(report, "pci", "nvml", "device-nodes") == ["ok"] * 3


def test_carved_alone_on_a_workstation(doctor):
    doctor.start(with_kubelet=False, arguments=["--kubelet-socket", ""])
    report = doctor()
    assert results(report, "carved", "slices", "registration", "kubelet") == ["ok", "ok", "not here", "not here"]


def test_another_container_than_carveds(doctor, node):
    doctor.fit()
    node.hide_driver()
    report = doctor("--dev-root", node.folder / "nothing", "--host-root", node.folder / "nothing", "--cdi-dir",
                    node.folder / "nothing")
    assert results(report, "driver-library", "nvml", "gpus", "device-nodes", "kubelet", "carved", "cdi") == [
        "not judged", "ok", "ok", "not judged", "ok", "ok", "not judged"]


def test_wrong_usage(doctor):
    for words in (["--slice", "0"], ["-o", "xml"], ["--timeout", "0"], ["--timeout", "soon"], ["x"],
                  ["--run-cuda", "--slice", "0", "--resource", GPU]):
        assert doctor.carve(*doctor.words(*words), code=2)


# The driver

def test_no_gpu_on_the_bus(doctor, node):
    for gpu in (node.folder / "sys/bus/pci/devices").iterdir():
        (gpu / "class").write_text("0x010802\n")
    (node.folder / "proc/driver/nvidia/version").unlink()
    node.hide_driver()
    report = doctor(code=1)
    assert [f["check"] for f in report["findings"] if f["result"] == "failed"] == ["pci"]


def test_no_module(doctor, node):
    (node.folder / "proc/driver/nvidia/version").unlink()
    node.hide_driver()
    check, seen, cure = doctor.cause()
    assert check == "kernel-module" and "not loaded" in seen and "modprobe" in cure


def test_nouveau(doctor, node):
    (node.folder / "proc/driver/nvidia/version").unlink()
    (node.folder / "sys/module/nouveau").mkdir(parents=True)
    node.hide_driver()
    check, seen, cure = doctor.cause()
    assert check == "kernel-module" and "nouveau" in seen and "blacklist nouveau" in cure


def test_nouveau_beside_nvidia(doctor, node):
    (node.folder / "sys/module/nouveau").mkdir(parents=True)
    assert results(doctor(), "nouveau") == ["warning"]


def test_gpus_given_to_virtual_machines(doctor, node):
    (node.folder / "proc/driver/nvidia/version").unlink()
    for gpu in (node.folder / "sys/bus/pci/devices").iterdir():
        (gpu / "driver").symlink_to("/sys/bus/pci/drivers/vfio-pci")
    node.hide_driver()
    check, seen, _ = doctor.cause()
    assert check == "kernel-module" and "vfio-pci" in seen


def test_an_empty_driver_root(doctor, node):
    node.hide_driver()
    node.driver.mkdir()
    check, seen, cure = doctor.cause()
    assert check == "driver-library" and str(node.driver) in seen and "--driver-root" in cure
    node.driver.rmdir()


def test_a_library_of_another_machine(doctor, node):
    library = (node.driver / "usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1").resolve()
    text = bytearray(library.read_bytes())
    text[18:20] = (183).to_bytes(2, "little")
    library.write_bytes(text)
    check, seen, _ = doctor.cause()
    assert check == "driver-library" and "is for aarch64, this machine is x86_64" in seen


def test_a_file_that_is_no_library(doctor, node):
    (node.driver / "usr/lib/x86_64-linux-gnu/libcuda.so.1").resolve().write_text("lost+found")
    check, seen, _ = doctor.cause()
    assert check == "cuda-library" and "is no library" in seen


def test_versions_that_differ(doctor, node):
    path = node.folder / "proc/driver/nvidia/version"
    path.write_text(path.read_text().replace(DRIVER, "570.86.10"))
    check, seen, cure = doctor.cause()
    assert check == "versions" and "570.86.10" in seen and DRIVER in seen and "reboot" in cure


def test_a_libcuda_of_another_version(doctor, node):
    folder = node.driver / "usr/lib/x86_64-linux-gnu"
    (folder / f"libcuda.so.{DRIVER}").rename(folder / "libcuda.so.550.1.1")
    (folder / "libcuda.so.1").unlink()
    (folder / "libcuda.so.1").symlink_to("libcuda.so.550.1.1")
    check, seen, _ = doctor.cause()
    assert check == "versions" and "libcuda.so.1 is 550.1.1" in seen


def test_a_library_whose_name_tells_no_version_of_the_driver(doctor, node):
    folder = node.driver / "usr/lib/x86_64-linux-gnu"
    (folder / f"libcuda.so.{DRIVER}").rename(folder / "libcuda.so.1.1")
    (folder / "libcuda.so.1").unlink()
    (folder / "libcuda.so.1").symlink_to("libcuda.so.1.1")
    assert results(doctor(), "versions") == ["ok"]


def test_nvml_hangs(doctor, node):
    node.emulator("hang", "on")
    try:
        report = doctor("--timeout", "1", code=1)
        assert report["cause"] == "nvml" and "hangs" in report["found"]["nvml"]["seen"]
    finally:
        node.emulator("hang", "off")


def test_a_lost_gpu(doctor, node):
    node.emulator("lose", 3)
    check, seen, _ = doctor.cause()
    assert check == "gpus" and "GPU 3" in seen and "lost" in seen


def test_a_gpu_that_nvml_does_not_name(doctor, node):
    new = node.folder / "sys/bus/pci/devices/0000:ff:00.0"
    new.mkdir()
    for name, text in (("vendor", "0x10de"), ("class", "0x030200"), ("device", "0x20b0")):
        (new / name).write_text(text + "\n")
    check, seen, _ = doctor.cause()
    assert check == "gpus" and "8 of the 9 GPUs" in seen and "0000:ff:00.0" in seen


def test_a_virtual_function_is_no_gpu_of_its_own(doctor, node):
    devices = node.folder / "sys/bus/pci/devices"
    new = devices / "0000:ff:00.4"
    new.mkdir()
    for name, text in (("vendor", "0x10de"), ("class", "0x030200"), ("device", "0x20b0")):
        (new / name).write_text(text + "\n")
    assert doctor.cause()[0] == "gpus"
    (new / "physfn").symlink_to(next(path for path in devices.iterdir() if path != new))
    doctor()


def test_gpus_that_a_container_was_not_given(doctor, node):
    new = node.folder / "proc/driver/nvidia/gpus/0000:ff:00.0"
    new.mkdir()
    (new / "information").write_text("Model: \t\t X\nDevice Minor: \t 9\n")
    bus = node.folder / "sys/bus/pci/devices/0000:ff:00.0"
    bus.mkdir()
    for file, text in (("vendor", "0x10de"), ("class", "0x030200"), ("device", "0x20b0")):
        (bus / file).write_text(text + "\n")
    assert "not given to this container" in doctor()["found"]["gpus"]["seen"]


# Device nodes

@pytest.mark.parametrize("name, cure", [("nvidiactl", "nvidia-smi"), ("nvidia-uvm", "nvidia-modprobe -u"),
                                        ("nvidia5", "nvidia-smi")])
def test_a_missing_node(doctor, node, name, cure):
    (node.folder / "dev" / name).unlink()
    check, seen, advice = doctor.cause()
    assert check == "device-nodes" and f"/dev/{name} is missing" in seen and cure in advice


def test_a_node_that_is_not_needed(doctor, node):
    (node.folder / "dev/nvidia-uvm-tools").unlink()
    assert results(doctor(), "device-nodes") == ["warning"]


def test_a_node_that_is_none(doctor, node):
    (node.folder / "dev/nvidia0").unlink()
    (node.folder / "dev/nvidia0").touch()
    assert doctor.cause()[1] == "/dev/nvidia0 is no device node"


def test_a_wrong_major_number(doctor, node):
    path = node.folder / "proc/devices"
    path.write_text(path.read_text().replace("  1 nvidia-uvm\n", ""))
    check, seen, cure = doctor.cause()
    assert check == "device-nodes" and "/dev/nvidia-uvm has major number 1" in seen and "nvidia-modprobe" in cure


def test_a_missing_node_of_a_mig_device(doctor, node):
    node.layout(0, 9, 9)
    assert results(doctor(), "mig", "device-nodes") == ["ok", "ok"]
    caps = node.folder / "dev/nvidia-caps"
    max(caps.iterdir(), key=lambda path: int(path.name.removeprefix("nvidia-cap"))).unlink()
    check, seen, _ = doctor.cause()
    assert check == "device-nodes" and "/dev/nvidia-caps/nvidia-cap" in seen


def test_mig_mode_without_instances(doctor, node):
    node.layout(1)
    report = doctor()
    assert results(report, "mig") == ["warning"] and "GPU 1" in report["found"]["mig"]["seen"]


# Runtime and CDI

@pytest.mark.parametrize("file, text, result", [
    ("containerd/config.toml", "version = 3\n", "ok"),
    ("containerd/config.toml", 'version = 2\n[plugins."io.containerd.grpc.v1.cri"]\n  enable_cdi = true # on\n', "ok"),
    ("containerd/config.toml", 'version = 2\n[plugins."io.containerd.grpc.v1.cri"]\n  enable_cdi = false\n', "failed"),
    ("containerd/config.toml", "version = 2\n", "warning"),
    ("containerd/config.toml", 'version = 2\n[plugins."io.containerd.grpc.v1.cri".containerd]\n'
     'default_runtime_name = "nvidia"\n', "ok"),
    ("containerd/config.toml", 'version = 2\n[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.nvidia]\n',
     "warning"),
    ("containerd/conf.d/99-nvidia.toml", "[plugins.'io.containerd.cri.v1.runtime'.containerd]\n"
     "default_runtime_name = 'nvidia'\n", "ok"),
    ("crio/crio.conf.d/10.conf", "[crio.runtime]\n", "ok"),
])
def test_runtimes(doctor, file, text, result):
    doctor.write("etc/" + file, text)
    report = doctor(code=1 if result == "failed" else 0)
    assert results(report, "runtime") == [result], report["found"]["runtime"]


def spec(kind, *names):
    return {"cdiVersion": "0.5.0", "kind": kind, "devices": [{"name": n, "containerEdits": {}} for n in names]}


def test_cdi_devices_defined_twice(doctor):
    doctor.write("cdi/a.json", spec("nvidia.com/gpu", "0", "all"))
    doctor.write("cdi/b.yaml", spec("nvidia.com/gpu", "1", "all"))
    doctor.write("etc/cdi/c.json", spec("nvidia.com/gpu", "1"))
    check, seen, cure = doctor.cause()
    assert check == "cdi" and "a.json" in seen and "nvidia.com/gpu=all" in seen and "b.yaml" in seen
    assert "remove" in cure
    assert any(f["result"] == "warning" and "the second wins" in f["seen"] for f in doctor(code=1)["findings"])


def test_cdi_files_that_are_broken(doctor, node):
    doctor.fit(CDI)
    (node.folder / "cdi/carve.dev-gpu.json").write_text('{"cdiVersion": ')
    check, seen, cure = doctor.cause()
    assert check == "cdi" and "carve.dev-gpu.json" in seen and "restart carved" in cure


def test_a_broken_cdi_file_of_nvidias_matters_without_carves(doctor):
    doctor.write("etc/cdi/nvidia.yaml", "{")
    assert doctor.cause()[0] == "cdi"
    doctor.fit(CDI)
    assert results(doctor(), "cdi") == ["warning"]


def test_one_cdi_folder_by_two_names(doctor, node):
    doctor.write("etc/cdi/nvidia.yaml", spec("nvidia.com/gpu", "all"))
    (node.folder / "link").symlink_to(node.folder / "etc/cdi")
    assert "1 file," in doctor("--cdi-dir", node.folder / "link")["found"]["cdi"]["seen"]


@pytest.mark.parametrize("text, words", [("[]", "no map"), ({"kind": "gpu"}, "no kind"), ({"kind": "a/b"}, "cdiVersion"),
                                         (spec("a/b"), "no devices"), ("{{{{{", "line 2"), ("\0\1", ":")])
def test_cdi_files_of_others_that_are_broken(doctor, text, words):
    doctor.write("etc/cdi/other.json", text)
    report = doctor()
    assert results(report, "cdi") == ["warning"] and words in report["found"]["cdi"]["seen"]


def test_a_cdi_file_that_names_what_is_gone(doctor):
    edits = {"deviceNodes": [{"path": "/dev/null"}], "mounts": [{"hostPath": "/lib/gone", "containerPath": "/x"}]}
    doctor.write("etc/cdi/other.json", spec("a/b", "c") | {"containerEdits": edits})
    report = doctor()
    assert results(report, "cdi") == ["warning"] and "/lib/gone, which is not there" in report["found"]["cdi"]["seen"]


# The kubelet and carved

def test_the_kubelets_socket_is_gone(doctor, kubelet):
    doctor.fit()
    kubelet.stop()
    kubelet.socket.unlink()
    check, seen, cure = doctor.cause()
    assert check == "kubelet" and "kubelet.sock is missing" in seen and "systemctl status kubelet" in cure


def test_a_kubelet_that_is_dead(doctor, kubelet):
    doctor.fit()
    kubelet.stop()
    check, seen, _ = doctor.cause()
    assert check == "kubelet" and "nobody listens" in seen


def test_a_resource_that_the_kubelet_refused(doctor, kubelet):
    kubelet.start().refuse = "no"
    run = doctor.start()
    run.wait_log("no")
    report = doctor(code=1)
    assert report["cause"] == "registration" and GPU in report["found"]["registration"]["seen"]
    assert results(report, "kubelet", "slices") == ["ok", "ok"]


def test_another_plugin_as_a_process(doctor, node):
    doctor.fit()
    doctor.write("proc/4711/comm", "nvidia-device-p\n")
    check, seen, cure = doctor.cause()
    assert check == "device-plugins" and "4711" in seen and "Bottlerocket" in cure


def test_another_plugin_by_its_socket(doctor, kubelet):
    doctor.fit()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(kubelet.folder / "nvidia-mig-1g.5gb.sock"))
        other.listen()
        check, seen, _ = doctor.cause()
    assert check == "device-plugins" and "nvidia-mig-1g.5gb.sock" in seen
    doctor()


def test_a_socket_of_carveds_whose_resource_is_leaving(doctor, kubelet):
    doctor.fit()
    (kubelet.folder / "nvidia-mig-1g.5gb.sock").hardlink_to(kubelet.folder / "nvidia-gpu.sock")
    doctor()


def test_carved_does_not_run(doctor, kubelet):
    kubelet.start()
    check, seen, cure = doctor.cause()
    assert check == "carved" and "carved.sock" in seen and "kubectl get pods" in cure


def test_a_carved_that_does_not_answer(doctor, node, kubelet):
    kubelet.start()
    (node.folder / "run").mkdir()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(node.folder / "run/carved.sock"))
        dead.listen()
        accepted = threading.Thread(target=lambda: dead.accept()[0].close(), daemon=True)
        accepted.start()
        threading.Thread(target=lambda: [accepted.join(), dead.accept()[0].close()], daemon=True).start()
        check, seen, _ = doctor.cause()
    assert check == "carved" and "does not answer" in seen


def test_a_refused_configuration(doctor):
    run = doctor.fit({"version": "v1"})
    run.configure({"version": "v1", "sharing": {"timeSlicing": {"resources": [{"name": GPU, "replicas": 0}]}}})
    wait_for(lambda: run.state().config.error, "the refusal")
    check, seen, cure = doctor.cause()
    assert check == "configuration" and "replicas" in seen and "an older one is in force" in seen
    assert "--check-config" in cure


def test_a_configuration_with_findings(doctor):
    doctor.fit({"version": "v1", "surprise": 1})
    report = doctor()
    assert results(report, "configuration") == ["warning"] and "surprise" in report["found"]["configuration"]["seen"]


def test_carved_cannot_read_the_hardware(doctor, node):
    run = doctor.fit(arguments=["--driver-timeout", "300ms"])
    node.emulator("hang", "on")
    try:
        wait_for(lambda: run.state().driver_error, "the hang")
        report = doctor("--timeout", "1", code=1)
        assert report["cause"] == "nvml" and results(report, "carved-driver") == ["not judged"]
    finally:
        node.emulator("hang", "off")


def test_faults_that_carved_has_seen(doctor, node):
    run = doctor.fit()
    node.emulator("lose", 2)
    wait_for(lambda: any(r.healthy < r.slices for r in run.state().resources), "the fault")
    report = doctor(code=1)
    assert report["cause"] == "gpus" and results(report, "slices") == ["warning"]


# The API server

class Server(http.server.ThreadingHTTPServer):
    """Has one Node; `denied` are the rights (verb, resource) that it does not give, `status` what it answers."""

    def __init__(self, node):
        self.node, self.denied, self.status, self.user, self.posted = node, set(), {}, ACCOUNT, []
        self.features, self.rules = False, []
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def refused(self):
        status = self.server.status.get(self.path)
        if status:
            self.answer(status, {"kind": "Status", "message": f"refused with {status}"})
        return status

    def do_GET(self):
        if self.refused():
            return None
        if self.path == "/apis/nfd.k8s-sigs.io/v1alpha1" and self.server.features:
            return self.answer(200, {"kind": "APIResourceList"})
        if self.path == "/api/v1/nodes/" + self.server.node["metadata"]["name"]:
            return self.answer(200, self.server.node)
        return self.answer(404, {"kind": "Status", "message": f"{self.path} not found"})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.posted.append(body)
        assert self.headers["Content-Type"] == "application/json"
        if self.refused():
            return None
        kind = body["kind"]
        if kind == "SelfSubjectReview":
            body["status"] = {"userInfo": {"username": self.server.user}}
        elif kind == "SelfSubjectRulesReview":
            body["status"] = {"resourceRules": self.server.rules if body["spec"]["namespace"] == "gpu" else [],
                              "incomplete": True}
        else:
            asked = body["spec"]["resourceAttributes"]
            name = asked["resource"] + ("/" + asked["subresource"] if asked["subresource"] else "")
            body["status"] = {"allowed": (asked["verb"], name) not in self.server.denied}
        return self.answer(201, body)


@pytest.fixture
def server(doctor):
    made = Server({
        "kind": "Node", "spec": {},
        "metadata": {"name": "n1", "labels": {"nvidia.com/gpu.count": "8", "nvidia.com/gpu.product": "A100",
                                              "nvidia.com/cuda.driver-version.full": DRIVER},
                     "managedFields": [{"manager": "carve-gateway", "time": "2026-01-02T03:04:05Z"}]},
        "status": {"allocatable": {GPU: "8"}, "nodeInfo": {"kubeletVersion": "v1.36.3"},
                   "conditions": [{"type": "Ready", "status": "True"},
                                  {"type": "AcceleratedHardwareReady", "status": "True"}]}})
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    config = doctor.write("kubeconfig", {
        "current-context": "here",
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{made.server_port}"}}],
        "users": [{"name": "u", "user": {"token": "a-secret"}}],
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}]})
    doctor.carve.environment |= {"KUBECONFIG": str(config), "NODE_NAME": "n1", "NAMESPACE": "gpu", "no_proxy": "*"}
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.fixture
def cluster(doctor, server):
    """With a carved that is well."""
    doctor.fit()
    return server


CLUSTER = ("api", "rights", "gateway", "allocatable", "labels", "taints")


def test_a_fit_node_in_a_cluster(doctor, cluster):
    report = doctor()
    assert report["node"] == "n1" and results(report, *CLUSTER) == ["ok"] * 6, report["findings"]
    assert "v1.36.3" in report["found"]["api"]["seen"]
    assert all(body["kind"].startswith("SelfSubject") for body in cluster.posted)


def test_each_right_that_is_missing(doctor, cluster):
    for right in (("get", "nodes"), ("watch", "nodes"), ("patch", "nodes"), ("patch", "nodes/status"), ("create", "events")):
        cluster.denied = {right}
        check, seen, cure = doctor.cause()
        assert check == "rights" and " ".join(right) + " (" in seen and "gpu:carve may not" in seen, seen
        assert "ClusterRole" in cure


def test_rights_that_are_needed_only_where_configured(doctor, cluster):
    cluster.denied = {("create", "pods/eviction"), ("list", "configmaps")}
    report = doctor()
    assert results(report, "rights") == ["ok"] and "create pods/eviction" in report["found"]["rights"]["seen"]
    cluster.rules = [{"verbs": ["get", "list"], "apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["x"]}]
    seen = doctor()["found"]["rights"]["seen"]
    assert "pods/eviction" in seen and "configmaps" not in seen


def test_rights_through_nfd_only_where_it_is(doctor, cluster):
    cluster.denied = {("patch", "nodefeatures")}
    assert "nodefeatures" not in doctor()["found"]["rights"]["seen"]
    cluster.features = True
    assert "patch nodefeatures" in doctor()["found"]["rights"]["seen"]


def test_somebody_elses_rights_are_not_judged(doctor, cluster):
    cluster.denied = {("patch", "nodes")}
    for user in ("alice", "system:serviceaccount:default:debug"):
        cluster.user = user
        report = doctor()
        assert results(report, "rights") == ["not judged"] and user in report["found"]["rights"]["seen"]


def test_rights_of_another_pods_account_are_not_judged(doctor, cluster):
    doctor.carve.environment.pop("NAMESPACE")
    cluster.denied = {("patch", "nodes")}
    assert results(doctor(), "rights") == ["not judged"]


def test_rights_that_cannot_be_asked(doctor, cluster):
    cluster.status["/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"] = 403
    assert results(doctor(), "rights") == ["not judged"]


def test_the_node_may_not_be_read(doctor, cluster):
    cluster.status["/api/v1/nodes/n1"] = 403
    cluster.denied = {("get", "nodes")}
    report = doctor(code=1)
    assert report["cause"] == "rights" and results(report, "api", "taints") == ["not judged", None]
    assert doctor.cause("-k", doctor.node.folder / "kubeconfig")[0] == "rights"


@pytest.mark.parametrize("status, words", [(401, "credentials"), (500, "refused with 500"), (404, "refused with 404")])
def test_a_server_that_refuses(doctor, server, status, words):
    server.status["/api/v1/nodes/n1"] = status
    check, seen, _ = doctor.cause("-k", doctor.node.folder / "kubeconfig")
    assert check == "api" and words in seen
    # Of a file that nobody named, only that there is no such node says something of the machine.
    report = doctor(code=1 if status == 404 else 0)
    assert results(report, "api") == ["failed" if status == 404 else "not judged"]


def test_a_server_that_is_not_there(doctor, cluster):
    cluster.server_close()
    cluster.shutdown()
    report = doctor()
    assert results(report, "api") == ["not judged"] and "cannot reach" in report["found"]["api"]["seen"]
    check, _, _ = doctor.cause("--kubeconfig", doctor.node.folder / "kubeconfig")
    assert check == "api"


def test_a_cluster_without_this_machine(doctor, server):
    doctor.carve.environment.pop("NODE_NAME")
    assert results(doctor(), "api", "taints") == ["not here", None]


def test_the_startup_taint(doctor, cluster):
    cluster.node["spec"]["taints"] = [{"key": "carve.dev/not-ready", "effect": "NoSchedule"}]
    check, seen, _ = doctor.cause()
    assert check == "taints" and "carve.dev/not-ready is still there: slices are not yet allocatable" in seen
    cluster.node["metadata"]["managedFields"] = []
    check, seen, cure = doctor.cause()
    assert check == "taints" and "has not come so far" in seen and "kubectl logs" in cure


def test_the_startup_taint_waits_for_something_else(doctor, server, kubelet):
    kubelet.start().refuse = "no"
    run = doctor.start()
    run.wait_log("no")
    server.node["spec"]["taints"] = [{"key": "carve.dev/not-ready", "effect": "NoSchedule"}]
    server.node["status"]["allocatable"] = {}
    report = doctor(code=1)
    assert report["cause"] == "registration" and "waits for registration" in report["found"]["taints"]["seen"]
    assert results(report, "allocatable") == ["not judged"]


def test_what_the_node_shows_is_not_what_carved_has(doctor, cluster):
    cluster.node["status"]["allocatable"] = {GPU: "7"}
    report = doctor()
    assert results(report, "allocatable") == ["warning"] and "carved has 8" in report["found"]["allocatable"]["seen"]
    cluster.node["status"]["allocatable"] = {GPU: "0"}
    assert doctor.cause()[0] == "allocatable"


def test_conditions(doctor, cluster):
    cluster.node["status"]["conditions"][1] |= {"status": "False", "reason": "GPUFault", "message": "GPU 3 is lost"}
    check, seen, _ = doctor.cause()
    assert check == "hardware-ready" and "GPU 3 is lost" in seen
    cluster.node["status"]["conditions"][0] |= {"status": "Unknown", "reason": "NodeStatusUnknown", "message": "gone"}
    assert doctor.cause()[0] == "node-ready"


def test_labels_and_other_taints(doctor, cluster):
    meta = cluster.node["metadata"]
    meta["labels"] |= {"nvidia.com/mig.config": "all-9g", "nvidia.com/mig.config.state": "failed"}
    cluster.node["spec"] = {"unschedulable": True}
    check, seen, _ = doctor.cause()
    assert check == "mig-config" and "all-9g" in seen
    meta["labels"] = {"nvidia.com/gpu.count": "8", "nvidia.com/cuda.driver-version.full": "1.2.3"}
    assert results(doctor(), "labels", "taints") == ["warning", "warning"]
    meta["labels"] = {}
    cluster.node["spec"] = {"taints": [{"key": "carve.dev/fault", "effect": "NoExecute"}]}
    report = doctor(code=1)
    assert report["cause"] == "taints" and results(report, "labels") == ["warning"]


def test_an_answer_that_is_no_node(doctor, cluster):
    cluster.node["spec"] = [[]]
    cluster.node["status"] = "?"
    cluster.node["metadata"] = {"name": "n1", "labels": [1], "managedFields": {"a": 1}}
    report = doctor(code=1)
    assert report["cause"] == "allocatable" and results(report, "api", "gateway") == ["ok", "warning"]


# A kernel in a slice: the emulated libcuda finds devices and can do no more

def test_a_driver_that_cannot_run_kernels(doctor, node):
    report = doctor("--run-cuda", code=1)
    assert report["cause"] == "cuda" and "cannot run kernels" in report["found"]["cuda"]["seen"]
    assert "is not NVIDIA's" in report["found"]["cuda"]["seen"]
    assert report["cuda"]["device"] == "NVIDIA A100-SXM4-40GB" and report["cuda"]["sums"] == 0


def test_the_slice_that_is_used(doctor, node):
    node.layout(2, 19, 14)
    node.emulator("process", "add", 0, os.getpid())
    gpus = doctor.carve.json("gpus")["gpus"]
    assert doctor("--run-cuda", code=1)["cuda"]["slice"] == gpus[1]["uuid"]
    for words, uuid in ((["--slice", "4"], gpus[4]["uuid"]), (["--slice", gpus[5]["uuid"] + "::7"], gpus[5]["uuid"]),
                        (["--slice", gpus[6]["uuid"][:12]], gpus[6]["uuid"])):
        cuda = doctor("--run-cuda", *words, code=1)["cuda"]
        assert cuda["slice"] == uuid and uuid.endswith(cuda["deviceUuid"]), words
    devices = {d["profile"]: d["uuid"] for i in gpus[2]["instances"] for d in i["devices"]}
    for words, profile in ((["--resource", "nvidia.com/mig-1g.5gb"], "1g.5gb"), (["--slice", "2:1"], None),
                           (["--resource", "nvidia.com/mig-2g.10gb"], "2g.10gb")):
        cuda = doctor("--run-cuda", *words, code=1)["cuda"]
        assert cuda["slice"] in ([devices[profile]] if profile else devices.values()), words
        assert cuda["devices"] == 1


def test_slices_that_are_not_there(doctor, node):
    for words in (["--slice", "8"], ["--slice", "GPU-0000-nothing"], ["--resource", "nvidia.com/mig-1g.5gb"]):
        report = doctor("--run-cuda", *words, code=1)
        assert report["cause"] == "cuda" and "no slice" in report["found"]["cuda"]["seen"], words
    node.emulator("lose", 4)
    found = doctor("--run-cuda", "--slice", "4", code=1)["found"]
    assert "not healthy" in found["cuda"]["seen"] or "no slice is healthy" in found["cuda"]["seen"]


def test_a_resource_of_carveds(doctor, node):
    node.layout(0, 19)
    doctor.fit({"version": "v1", "flags": {"migStrategy": "mixed"}})
    cuda = doctor("--run-cuda", "--resource", "nvidia.com/mig-1g.5gb", code=1)["cuda"]
    assert cuda["slice"].startswith("MIG-")
    assert doctor("--run-cuda", "--resource", GPU, code=1)["cuda"]["slice"].startswith("GPU-")


def test_without_a_libcuda(doctor, node):
    for path in (node.driver / "usr/lib/x86_64-linux-gnu").glob("libcuda*"):
        path.unlink()
    found = doctor("--run-cuda", code=1)["found"]
    assert "libcuda.so.1" in found["cuda"]["seen"] and found["cuda-library"]["result"] == "failed"


def test_nothing_is_changed(doctor, node):
    def tree():
        return sorted((str(path), path.lstat().st_mtime_ns, path.lstat().st_size) for path in
                      pathlib.Path(node.folder).rglob("*") if path.name != "state")
    before = tree()
    doctor("--run-cuda", code=1)
    assert tree() == before
