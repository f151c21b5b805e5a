# SPDX-License-Identifier: Apache-2.0
"""`carve doctor node --run-cuda`: which slice it takes. Kernels of the emulated libcuda compute nothing."""
import os
import pathlib
import shutil

from conftest import BUILD
from doctornode import DRIVER, GPU, doctor, kubelet


def test_an_emulated_gpu_computes_nothing(doctor, node):
    report = doctor("--run-cuda", code=1)
    assert report["cause"] == "cuda" and "1048576 of 1048576 sums are wrong" in report["found"]["cuda"]["seen"]
    assert report["cuda"]["device"] == "NVIDIA A100-SXM4-40GB"


def test_a_driver_that_cannot_run_kernels(doctor, node):
    shutil.copy(BUILD / "emulator/libnvidia-ml.so.1",
                node.driver / f"usr/lib/x86_64-linux-gnu/libcuda.so.{DRIVER}")
    report = doctor("--run-cuda", code=1)
    assert report["cause"] == "cuda" and "cannot run kernels" in report["found"]["cuda"]["seen"]
    assert "has no function cuInit" in report["found"]["cuda"]["seen"]
    assert "is not NVIDIA's" in report["found"]["cuda"]["seen"] and report["cuda"]["sums"] == 0


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
