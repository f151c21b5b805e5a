# SPDX-License-Identifier: Apache-2.0
"""`carve doctor node`: a machine that is fit, with Kubernetes and without, its runtime, the kubelet and carved."""
import socket
import threading

import pytest

from conftest import wait_for
from doctornode import CDI, GPU, doctor, kubelet, results


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
