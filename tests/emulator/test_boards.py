# SPDX-License-Identifier: Apache-2.0
"""The named nodes: their boards, places, links, and who is on them; handles and bad arguments."""
import ctypes
import json

import pynvml as n
import pytest
from conftest import LIBRARY, ROOT, code, create, mig_devices, set_mig

# name, boards, product, PCI id, compute capability, MiB, cores, NVLinks, power limit in W
NODES = [
    ("p4d.24xlarge", 8, "NVIDIA A100-SXM4-40GB", 0x20B010DE, (8, 0), 40960, 6912, 12, 400),
    ("p5.48xlarge", 8, "NVIDIA H100 80GB HBM3", 0x233010DE, (9, 0), 81559, 16896, 18, 700),
    ("g6.12xlarge", 4, "NVIDIA L4", 0x27B810DE, (8, 9), 23034, 7424, 0, 72),
    ("g6.xlarge", 1, "NVIDIA L4", 0x27B810DE, (8, 9), 23034, 7424, 0, 72),
    ("g7e.2xlarge", 1, "NVIDIA RTX PRO 6000 Blackwell Server Edition", 0x2BB510DE, (12, 0), 97887, 24064, 0, 600),
    ("g5.xlarge", 1, "NVIDIA A10G", 0x223710DE, (8, 6), 23028, 10240, 0, 300),
    ("g4dn.xlarge", 1, "Tesla T4", 0x1EB810DE, (7, 5), 15360, 2560, 0, 70),
    ("h200-x2", 2, "NVIDIA H200", 0x233510DE, (9, 0), 143771, 16896, 18, 700),
]


@pytest.mark.parametrize("node, count, name, pci, compute, mib, cores, links, watts", NODES)
def test_the_boards_of_a_named_node(machine, node, count, name, pci, compute, mib, cores, links, watts):
    gpus = machine.open(node)
    assert len(gpus) == count
    assert len({n.nvmlDeviceGetUUID(gpu) for gpu in gpus}) == len({n.nvmlDeviceGetPciInfo(gpu).busId for gpu in gpus}) == count
    for index, gpu in enumerate(gpus):
        assert n.nvmlDeviceGetName(gpu) == name and n.nvmlDeviceGetPciInfo(gpu).pciDeviceId == pci
        assert n.nvmlDeviceGetCudaComputeCapability(gpu) == compute
        assert n.nvmlDeviceGetMemoryInfo(gpu).total == mib << 20
        assert n.nvmlDeviceGetNumGpuCores(gpu) == cores
        assert n.nvmlDeviceGetPowerManagementLimit(gpu) == watts * 1000
        assert n.nvmlDeviceGetIndex(gpu) == n.nvmlDeviceGetMinorNumber(gpu) == index
        states = [code(n.nvmlDeviceGetNvLinkState, gpu, link) for link in range(18)]
        assert states == [0] * links + [n.NVML_ERROR_NOT_SUPPORTED] * (18 - links)


def test_the_node_of_an_unset_name_is_p4d(machine):
    assert len(machine.open("")) == 8 and "p4d.24xlarge" in machine.control("show")


@pytest.mark.parametrize("node, ancestors", [
    ("p4d.24xlarge", [0, 10, 40, 40, 50, 50, 50, 50]), ("p5.48xlarge", [0, 40, 40, 40, 50, 50, 50, 50]),
    ("g6.12xlarge", [0, 40, 40, 40])])
def test_how_boards_reach_each_other(machine, node, ancestors):
    gpus = machine.open(node)
    assert [n.nvmlDeviceGetTopologyCommonAncestor(gpus[0], gpu) for gpu in gpus] == ancestors
    near = n.nvmlDeviceGetTopologyNearestGpus(gpus[0], 40)
    assert {n.nvmlDeviceGetIndex(gpu) for gpu in near} == {i for i, level in enumerate(ancestors) if level == 40}
    nvlink = n.nvmlDeviceGetP2PStatus(gpus[0], gpus[1], n.NVML_P2P_CAPS_INDEX_NVLINK)
    assert nvlink == (n.NVML_P2P_STATUS_OK if node != "g6.12xlarge" else n.NVML_P2P_STATUS_NOT_SUPPORTED)


def test_mig_takes_peer_access_and_links_away(machine):
    gpus = machine.open()
    set_mig(gpus[0], True)
    assert n.nvmlDeviceGetP2PStatus(gpus[0], gpus[1], n.NVML_P2P_CAPS_INDEX_NVLINK) == n.NVML_P2P_STATUS_NOT_SUPPORTED
    assert n.nvmlDeviceGetNvLinkState(gpus[0], 0) == 0 and n.nvmlDeviceGetNvLinkState(gpus[1], 0) == 1


def test_processors_near_a_gpu(machine):
    gpus = machine.open()
    bits = list(n.nvmlDeviceGetCpuAffinity(gpus[7], 2))
    assert [i for i in range(128) if bits[i // 64] >> i % 64 & 1] == [*range(24, 48), *range(72, 96)]
    assert list(n.nvmlDeviceGetMemoryAffinity(gpus[7], 1, 0)) == [2]
    assert [n.nvmlDeviceGetIndex(gpu) for gpu in n.nvmlSystemGetTopologyGpuSet(50)] == [0, 1, 2, 3]


def test_memory_and_processes_go_together(machine):
    gpu = machine.open()[0]
    idle = n.nvmlDeviceGetMemoryInfo(gpu, n.nvmlMemory_v2)
    assert idle.used == 0 and idle.total == idle.free + idle.reserved
    machine.control("process", "add", 0, 4242, "--memory", "3Gi", "--name", "train.py")
    assert n.nvmlDeviceGetMemoryInfo(gpu, n.nvmlMemory_v2).used == 3 << 30
    assert n.nvmlDeviceGetMemoryInfo(gpu).used == (3 << 30) + idle.reserved
    (process,) = n.nvmlDeviceGetComputeRunningProcesses(gpu)
    assert (process.pid, process.usedGpuMemory, process.gpuInstanceId) == (4242, 3 << 30, 0xFFFFFFFF)
    assert n.nvmlSystemGetProcessName(4242) == "train.py"
    assert not n.nvmlDeviceGetGraphicsRunningProcesses(gpu) and not n.nvmlDeviceGetMPSComputeRunningProcesses(gpu)
    machine.control("process", "add", 0, 1, "--memory", 100 << 30)
    assert n.nvmlDeviceGetMemoryInfo(gpu).free == 0


def test_each_version_of_the_process_list(machine):
    gpu = machine.open()[0]
    for pid in (11, 12):
        machine.control("process", "add", 0, pid, "--memory", pid)
    count = ctypes.c_uint(0)
    assert LIBRARY.nvmlDeviceGetComputeRunningProcesses(gpu, ctypes.byref(count), None) == n.NVML_ERROR_INSUFFICIENT_SIZE
    assert count.value == 2
    old = (ctypes.c_uint64 * 4)()  # the first version: pid and padding, then bytes
    assert LIBRARY.nvmlDeviceGetComputeRunningProcesses(gpu, ctypes.byref(count), old) == 0
    assert list(old) == [11, 11, 12, 12]
    for call in (n.nvmlDeviceGetComputeRunningProcesses_v2, n.nvmlDeviceGetComputeRunningProcesses_v3):
        assert [(p.pid, p.usedGpuMemory) for p in call(gpu)] == [(11, 11), (12, 12)]
    one = (n.c_nvmlProcessInfo_v3_t * 1)()
    count.value = 1
    assert LIBRARY.nvmlDeviceGetComputeRunningProcesses_v3(gpu, ctypes.byref(count), one) == n.NVML_ERROR_INSUFFICIENT_SIZE


def test_a_process_of_an_instance_is_seen_there_and_on_the_board(machine):
    gpu = machine.open()[0]
    set_mig(gpu, True)
    _, _, first = create(gpu, 9)
    create(gpu, 9)
    machine.control("process", "add", 0, 99, "--gi", first, "--ci", 0, "--memory", "1Gi")
    (process,) = n.nvmlDeviceGetComputeRunningProcesses(gpu)
    assert (process.gpuInstanceId, process.computeInstanceId) == (first, 0)
    for mig in mig_devices(gpu):
        here = n.nvmlDeviceGetGpuInstanceId(mig) == first
        assert len(n.nvmlDeviceGetComputeRunningProcesses(mig)) == here
        assert n.nvmlDeviceGetMemoryInfo(mig).used == (1 << 30) * here


def test_handles_by_every_name(machine):
    gpus = machine.open()
    uuid = n.nvmlDeviceGetUUID(gpus[4])
    for found in (n.nvmlDeviceGetHandleByUUID(uuid), n.nvmlDeviceGetHandleByPciBusId("0000:90:1C.0"),
                  n.nvmlDeviceGetHandleByPciBusId("00000000:90:1c.0"),
                  n.nvmlDeviceGetHandleBySerial(n.nvmlDeviceGetSerial(gpus[4]))):
        assert n.nvmlDeviceGetUUID(found) == uuid
    assert code(n.nvmlDeviceGetHandleByUUID, "GPU-nobody") == n.NVML_ERROR_NOT_FOUND
    assert code(n.nvmlDeviceGetHandleByUUID, "MIG-nobody") == n.NVML_ERROR_NOT_FOUND
    assert code(n.nvmlDeviceGetHandleByPciBusId, "0000:ff:00.0") == n.NVML_ERROR_NOT_FOUND
    assert code(n.nvmlDeviceGetHandleByIndex, 8) == n.NVML_ERROR_INVALID_ARGUMENT


def test_wrong_handles_and_missing_places_are_invalid(machine):
    gpu = machine.open()[0]
    captured = json.loads((ROOT / "data/captures/nvml-h200-x2.json").read_text())["symbols"]
    own = {"nvmlDeviceDiscoverGpus", "nvmlDeviceModifyDrainState", "nvmlDeviceQueryDrainState", "nvmlDeviceRemoveGpu"}
    for name, present in captured.items():
        if not present or not name.startswith("nvmlDevice") or "HandleBy" in name or name.endswith("GetCount") or name in own:
            continue
        call = getattr(LIBRARY, name)
        for handle in (None, ctypes.c_void_p(1), ctypes.c_void_p(2**64 - 1), ctypes.c_char_p(b"nothing")):
            assert call(handle, None, None, None, None) in (2, 25), (name, handle)
        assert call(gpu, None, None, None, None) in (2, 3, 6, 25, 27, 999), name  # never a crash


def test_every_call_before_init_is_refused(machine):
    for name, present in json.loads((ROOT / "data/captures/nvml-h200-x2.json").read_text())["symbols"].items():
        if not present or name in ("nvmlInit", "nvmlInitWithFlags", "nvmlErrorString"):
            continue
        rc = getattr(LIBRARY, name)(None, None, None, None, None)
        assert rc in (n.NVML_ERROR_UNINITIALIZED, n.NVML_ERROR_INVALID_ARGUMENT), name


def test_error_texts():
    LIBRARY.nvmlErrorString.restype = ctypes.c_char_p
    assert LIBRARY.nvmlErrorString(19) == b"In use by another client"
    assert LIBRARY.nvmlErrorString(23) == b"Insufficient Resources"
    assert LIBRARY.nvmlErrorString(12345) == b"Unknown Error"


def test_field_values(machine):
    gpu = machine.open()[0]
    asked = [n.NVML_FI_DEV_NVLINK_LINK_COUNT, n.NVML_FI_DEV_POWER_INSTANT, n.NVML_FI_DEV_TOTAL_ENERGY_CONSUMPTION, 9999]
    link, power, energy, unknown = n.nvmlDeviceGetFieldValues(gpu, asked)
    assert link.value.uiVal == 12 and power.value.uiVal == 52120 and energy.value.ullVal == 2400000
    assert unknown.nvmlReturn == n.NVML_ERROR_NOT_SUPPORTED
