# SPDX-License-Identifier: Apache-2.0
"""`carve doctor node --run-cuda` over a libcuda.so.1 of ours that computes on the host, and what goes wrong in it."""
import os
import shutil

import pytest

from conftest import BUILD
from doctornode import DRIVER, doctor, kubelet


@pytest.fixture
def cuda(doctor, node):
    """Runs a kernel; `plan` is what goes wrong."""
    shutil.copy(BUILD / "tests/cli/cuda-standin.so",
                node.driver / f"usr/lib/x86_64-linux-gnu/libcuda.so.{DRIVER}")

    def run(plan="", *words, code=1):
        return doctor("--run-cuda", *words, code=code, CUDA_STANDIN=plan)
    return run


def test_a_kernel_runs(cuda, node):
    report = cuda(code=0)
    told = report["cuda"]
    assert told["sums"] == 1 << 20 and told["wrong"] == 0 and told["step"] == "done" and told["code"] == 0
    assert told["device"] == "Stand-In 1" and told["devices"] == 1 and told["slice"].endswith(told["deviceUuid"])
    assert "1048576 sums right on Stand-In 1" in report["found"]["cuda"]["seen"]
    assert "40320 MiB seen of the slice's" in report["found"]["cuda-memory"]["seen"]
    node.layout(0, 9, 9)
    assert cuda("small", "--slice", "0:1", code=0)["cuda"]["slice"].startswith("MIG-")


@pytest.mark.parametrize("plan, seen, cure", [
    ("cuInit=803", "libcuda.so.1 and the kernel module have different versions", "reboot"),
    ("cuInit=802", "fabric manager", "nvidia-fabricmanager"),
    ("cuInit=100", "CUDA sees no device", "device-nodes"),
    ("none", "CUDA sees no device", "carve mig apply"),
    ("cuInit=999", "something is wrong, but not what", "nvidia-modprobe"),
    ("cuInit=304", "/dev/nvidia-uvm", "nvidia-modprobe -u"),
    ("cuInit=34", "stub", "LD_LIBRARY_PATH"),
    ("cuInit=804", "cuda-compat", "compat"),
    ("cuDeviceGet=101", "none that CUDA can use", "carve gpus"),
    ("cuDevicePrimaryCtxRetain=2", "no memory left", "carve ps"),
    ("cuDevicePrimaryCtxRetain=46", "compute mode", "nvidia-smi -c 0"),
    ("cuDevicePrimaryCtxRetain=214", "ECC", "nvidia-smi -r"),
    ("cuModuleLoadData=218", "compiler refuses the kernel", "libnvidia-ptxjitcompiler"),
    ("cuModuleLoadData=221", "compiler is missing", "CDI"),
    ("cuModuleLoadData=209", "cannot compile", "driver"),
    ("cuMemAlloc_v2=2", "no memory left", "carve gpus"),
    ("cuCtxSynchronize=700", "memory that is not its own", "Xid"),
    ("cuMemcpyDtoH_v2=719", "failed on the device", "Xid"),
    ("cuLaunchKernel=555", "run the kernel", "Xid"),
])
def test_each_code_has_words_and_a_cure(cuda, plan, seen, cure):
    report = cuda(plan)
    found = report["found"]["cuda"]
    assert report["cause"] == "cuda" and seen in found["seen"] and cure in found["cure"], found
    if "=" in plan:
        assert plan.split("=", maxsplit=1)[0] in found["seen"] and f"({plan.split('=')[1]})" in found["seen"], found


@pytest.mark.parametrize("plan", ["cuDevicePrimaryCtxRetain=2", "cuMemAlloc_v2=2", "cuDevicePrimaryCtxRetain=46"])
def test_a_busy_slice_makes_no_node_unfit(cuda, node, plan):
    """Where nobody uses it, the same answer does."""
    for gpu in range(8):
        node.emulator("process", "add", gpu, os.getpid())
    report = cuda(plan, code=0)
    found = report["found"]["cuda"]
    assert found["result"] == "not judged" and report["cuda"]["processes"] == 1
    assert "is busy: 1 process uses it" in found["seen"] and "--slice" in found["cure"] and "carve ps" in found["cure"]
    assert cuda("cuMemAlloc_v2=700")["cause"] == "cuda", "what is no want of room is a failure there too"
    node.emulator("process", "remove", 5, os.getpid())
    assert cuda(plan)["cuda"]["processes"] == 0


@pytest.mark.parametrize("call, step", [("cuInit", "start CUDA"), ("cuModuleLoadData", "compile the kernel"),
                                        ("cuCtxSynchronize", "run the kernel")])
def test_a_hang_and_a_crash_say_where(cuda, call, step):
    seen = cuda(f"{call}=hang", "--timeout", "4")["found"]["cuda"]["seen"]
    assert "CUDA hangs" in seen and step in seen
    seen = cuda(f"{call}=crash")["found"]["cuda"]["seen"]
    assert "crashed" in seen and step in seen


def test_a_gpu_that_computes_wrongly(cuda):
    assert "1 of 1048576 sums are wrong" in cuda("wrong")["found"]["cuda"]["seen"]


def test_another_device_than_was_asked_for(cuda):
    report = cuda("two")
    assert report["cause"] == "cuda-device" and "CUDA shows 2 devices" in report["found"]["cuda-device"]["seen"]


def test_less_memory_than_the_slice_has(cuda):
    report = cuda("small", code=0)
    assert report["found"]["cuda-memory"]["result"] == "warning" and "20160 MiB seen" in report["found"]["cuda-memory"]["seen"]
