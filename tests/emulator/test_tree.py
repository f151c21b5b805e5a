# SPDX-License-Identifier: Apache-2.0
"""The driver's files: libraries that load, nodes, /proc and /sys texts, and that they stay true."""
import ctypes
import os
import pathlib
import re
import resource
import stat
import subprocess

import pynvml as n
import pytest
from conftest import FOLDER, code, create, set_mig

LIBRARIES = "driver/usr/lib/x86_64-linux-gnu"
VERSION = "580.159.04"


@pytest.fixture
def tree(machine, tmp_path):
    folder = tmp_path / "tree"
    machine.set("CARVE_EMULATOR_TREE", str(folder))
    said = machine.control("tree", folder)
    assert ("character devices" in said) == stat.S_ISCHR((folder / "dev/nvidia0").stat().st_mode)
    return folder


def read(path):
    return dict(line.split(": ") for line in path.read_text().splitlines())


def capabilities(tree, gpu):
    """{path below gpuN/mig: minor} of what /proc shows, checked against /dev."""
    below = tree / f"proc/driver/nvidia/capabilities/gpu{gpu}/mig"
    found = {}
    for file in below.rglob("access"):
        words = read(file)
        found[str(file.parent.relative_to(below))] = int(words["DeviceFileMinor"])
        assert words["DeviceFileMode"] == "292" and words["DeviceFileModify"] == "1"
    return found


def nodes(tree):
    return {int(path.name.removeprefix("nvidia-cap")) for path in (tree / "dev/nvidia-caps").iterdir()}


def test_the_libraries_are_the_driver_s_and_load(machine, tree):
    folder = tree / LIBRARIES
    assert {path.name for path in folder.iterdir()} == {
        "libcuda.so", "libcuda.so.1", f"libcuda.so.{VERSION}", "libnvidia-ml.so.1", f"libnvidia-ml.so.{VERSION}"}
    for name in ("libcuda.so", "libnvidia-ml.so.1"):
        assert (folder / name).resolve().name.endswith(VERSION)
        assert (folder / name).read_bytes()[:4] == b"\x7fELF"
    dynamic = subprocess.run(["readelf", "-d", folder / "libnvidia-ml.so.1"], capture_output=True, text=True, check=True).stdout
    assert "[libnvidia-ml.so.1]" in dynamic
    assert [line.split("[")[1].rstrip("]") for line in dynamic.splitlines() if "(NEEDED)" in line] == ["libc.so.6"]
    assert "GPU 7:" in machine.run(tree / "driver/usr/bin/nvidia-smi", "-L")


def test_nodes_and_texts_of_an_idle_machine(machine, tree):
    gpus = machine.open()
    assert {path.name for path in (tree / "dev").iterdir()} == {
        *(f"nvidia{i}" for i in range(8)), "nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia-modeset", "nvidia-caps"}
    assert nodes(tree) == {1, 2}
    node = (tree / "dev/nvidia3").stat()
    if stat.S_ISCHR(node.st_mode):
        assert (os.major(node.st_rdev), os.minor(node.st_rdev)) == (1, 3)
    assert stat.S_IMODE(node.st_mode) == 0o666
    assert VERSION in (tree / "proc/driver/nvidia/version").read_text()
    assert "\n235 nvidia-caps\n" in (tree / "proc/devices").read_text()
    for index, gpu in enumerate(gpus):
        bus = n.nvmlDeviceGetPciInfo(gpu).busIdLegacy.lower()
        text = (tree / f"proc/driver/nvidia/gpus/{bus}/information").read_text()
        assert n.nvmlDeviceGetUUID(gpu) in text and f"Device Minor: \t {index}\n" in text
        assert (tree / f"sys/bus/pci/devices/{bus}/numa_node").read_text() == f"{index // 4}\n"
        assert (tree / f"proc/driver/nvidia/capabilities/gpu{index}/mig").is_dir()
    assert read(tree / "proc/driver/nvidia/capabilities/mig/config")["DeviceFileMode"] == "256"


def test_the_table_of_minors_is_the_kernel_module_s(tree):
    lines = (tree / "proc/driver/nvidia-caps/mig-minors").read_text().splitlines()
    table = dict(line.rsplit(" ", 1) for line in lines)
    assert table["config"] == "1" and table["monitor"] == "2"
    assert (table["gpu0/gi5/access"], table["gpu0/gi5/ci0/access"]) == ("48", "49")
    assert table["gpu7/gi14/ci7/access"] == str(3 + 135 * 7 + 9 * 14 + 1 + 7)
    assert len(table) == len(set(table.values())) == 2 + 32 * 15 * 9


def test_instances_come_and_go_in_proc_and_dev(machine, tree):
    gpu = machine.open()[2]
    set_mig(gpu, True)
    gi, ci, gi_id = create(gpu, 9)
    base = 3 + 135 * 2 + 9 * gi_id
    assert capabilities(tree, 2) == {f"gi{gi_id}": base, f"gi{gi_id}/ci0": base + 1}
    assert nodes(tree) == {1, 2, base, base + 1} and not capabilities(tree, 0)
    n.nvmlComputeInstanceDestroy(ci)
    assert capabilities(tree, 2) == {f"gi{gi_id}": base} and nodes(tree) == {1, 2, base}
    n.nvmlGpuInstanceDestroy(gi)
    assert not capabilities(tree, 2) and nodes(tree) == {1, 2}


@pytest.mark.parametrize("way", ["reset", "smi", "reboot", "clear"])
def test_a_reset_clears_the_tree(machine, tree, way):
    gpu = machine.open()[0]
    set_mig(gpu, True)
    create(gpu, 19)
    if way == "smi":
        machine.run(tree / "driver/usr/bin/nvidia-smi", "-r", "-i", 0)
    else:
        machine.control(way, *(["0"] if way == "reset" else []))
    assert nodes(tree) == {1, 2} and not capabilities(tree, 0)


def test_the_tree_can_be_written_over_a_machine_in_use(machine, tmp_path):
    gpu = machine.open()[0]
    set_mig(gpu, True)
    _, _, gi_id = create(gpu, 19)
    machine.control("tree", tmp_path / "late")
    machine.control("tree", tmp_path / "late")
    assert capabilities(tmp_path / "late", 0).keys() == {f"gi{gi_id}", f"gi{gi_id}/ci0"}


def test_a_tree_that_cannot_be_written_fails_no_call(machine, tmp_path):
    machine.set("CARVE_EMULATOR_TREE", str(tmp_path / "nowhere"))
    gpu = machine.open()[0]
    set_mig(gpu, True)
    create(gpu, 19)
    assert not (tmp_path / "nowhere").exists()


def test_a_tree_that_does_not_fit_is_an_error(machine, tmp_path):
    """A file that is written in part, as on a full disk."""
    machine.open()  # the state file is there already
    done = subprocess.run([str(FOLDER / "carve-emulator"), "tree", str(tmp_path / "cut")], env=machine.environment,
                          capture_output=True, text=True, timeout=60, restore_signals=False,  # keeps SIGXFSZ ignored
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)))
    assert done.returncode == 2 and f"libnvidia-ml.so.{VERSION}': No space left on device" in done.stderr
    assert not (tmp_path / "cut" / LIBRARIES / f"libnvidia-ml.so.{VERSION}").exists()


CUDA = """
import ctypes, sys
cuda = ctypes.CDLL(sys.argv[1])
rc, count = cuda.cuInit(0), ctypes.c_int()
print(rc)
cuda.cuDeviceGetCount(ctypes.byref(count))
for i in range(count.value):
    name, uuid, size = ctypes.create_string_buffer(96), (ctypes.c_ubyte * 16)(), ctypes.c_size_t()
    assert cuda.cuDeviceGetName(name, 96, i) == cuda.cuDeviceGetUuid_v2(uuid, i) == cuda.cuDeviceTotalMem_v2(ctypes.byref(size), i) == 0
    print(name.value.decode(), bytes(uuid).hex(), size.value >> 20, sep="|")
"""


def cuda(machine, tree, **environment):
    client = subprocess.run(["/usr/bin/python3", "-c", CUDA, tree / LIBRARIES / "libcuda.so.1"], text=True,
                            env=machine.environment | environment, capture_output=True, timeout=30)
    assert client.returncode == 0, client.stderr
    return client.stdout.splitlines()


def bare(uuid):
    return uuid[4:].replace("-", "")


def test_cuda_sees_what_is_visible(machine, tree):
    if pathlib.Path("/dev/nvidia0").exists():
        pytest.fail("this machine has GPUs: their nodes hide the emulated ones from libcuda's stand-in")
    gpus = machine.open()
    everything = cuda(machine, tree)
    assert everything[0] == "0" and len(everything) == 9
    assert everything[1].split("|")[:2] == ["NVIDIA A100-SXM4-40GB", bare(n.nvmlDeviceGetUUID(gpus[0]))]
    two = cuda(machine, tree, CUDA_VISIBLE_DEVICES=f"5,{n.nvmlDeviceGetUUID(gpus[1])},none,2")
    assert [line.split("|")[1] for line in two[1:]] == [bare(n.nvmlDeviceGetUUID(gpus[i])) for i in (5, 1)]
    assert cuda(machine, tree, CUDA_VISIBLE_DEVICES="") == ["100"]
    set_mig(gpus[0], True)
    create(gpus[0], 19)
    create(gpus[0], 9)
    mig = n.nvmlDeviceGetMigDeviceHandleByIndex(gpus[0], 0)
    (line,) = cuda(machine, tree, CUDA_VISIBLE_DEVICES=n.nvmlDeviceGetUUID(mig))[1:]
    assert line == f"NVIDIA A100-SXM4-40GB MIG 3g.20gb|{bare(n.nvmlDeviceGetUUID(mig))}|19968"
    assert code(lambda: ctypes.CDLL(str(tree / LIBRARIES / "libcuda.so"))) == 0


IN_CONTAINER = """mount -t tmpfs tmpfs /dev && mkdir /dev/nvidia-caps && for name in $1; do : >/dev/$name; done
shift; exec "$@" """


@pytest.mark.parametrize("whole", [True, False])
def test_nvidia_smi_in_a_container_sees_what_its_dev_has(machine, tree, whole):
    gpus = machine.open()
    for gpu in gpus[1:3]:
        set_mig(gpu, True)
    _, _, gi_id = create(gpus[1], 19)
    create(gpus[1], 19)
    create(gpus[2], 19)
    base = 3 + 135 * 1 + 9 * gi_id
    names = "nvidia5 nvidiactl" if whole else f"nvidia1 nvidia-caps/nvidia-cap{base} nvidia-caps/nvidia-cap{base + 1}"
    words = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    said = machine.run(*words, "sh", "-ec", IN_CONTAINER, "sh", names, tree / "driver/usr/bin/nvidia-smi", "-L")
    lines = said.splitlines()
    assert lines[0].startswith("GPU 0: ") and n.nvmlDeviceGetUUID(gpus[5 if whole else 1]) in lines[0]
    assert len(lines) == (1 if whole else 2)
    if not whole:
        assert re.fullmatch(r"  MIG 1g\.5gb +Device  0: \(UUID: MIG-\S+\)", lines[1])
