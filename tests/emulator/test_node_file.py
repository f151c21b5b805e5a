# SPDX-License-Identifier: Apache-2.0
"""Node files: what they can say, and errors that name the line."""
import json
import re

import pynvml as n
import pytest
from conftest import ROOT, code

BOARDS = json.loads((ROOT / "data/mig-profiles.json").read_text())["gpus"]

BAD = [
    ("", "no 'gpu' line"),
    ("# nothing\n\n", "no 'gpu' line"),
    ("node\ngpu t4\n", ":1: 'node' has no value"),
    ("gpu t4\n\ncolour blue\n", ":3: unknown key 'colour'"),
    ("gpu a1000\n", ":1: unknown board 'a1000'"),
    ("gpu t4 bus 00:1e.0\n", ":1: 'bus' wants an address such as 0000:10:1c.0, not '00:1e.0'"),
    ("gpu t4 bus 0000:00:3f.0\n", ":1: 'bus' wants an address"),
    ("gpu t4 bus 0000:0g:1f.0\n", ":1: 'bus' wants an address"),
    ("gpu t4\nmemory-mib lots\n", ":2: 'memory-mib' wants a number, 'unsupported' or 'error-N', not 'lots'"),
    ("gpu t4 memory-mib 99999999999999999999\n", ":1: 'memory-mib' wants a number"),
    ("gpu t4 temperature-c -3\n", ":1: 'temperature-c' wants a number"),
    ("gpu t4 numa\n", ":1: 'numa' has no value"),
    ("gpu t4 numa # 1\n", ":1: 'numa' has no value"),
    ("gpu t4 numa 5000\n", ":1: 'numa' wants a number up to 1023, not '5000'"),
    ("gpu t4 uuid GPU-1\n", ":1: uuid is 'GPU-' and 36 characters, not 'GPU-1'"),
    ("cuda 13\ngpu t4\n", ":1: 'cuda' wants a version such as 13.0"),
    ("gpu t4\nboard t4x from t5\n", ":2: unknown board 't5'"),
    ("board a\nboard a\n", ":2: board 'a' is there already"),
    ("board a like t4\n", ":1: after a board's name comes 'from BOARD' or nothing"),
    ("board a\npci-device 20B010DE\n", ":2: 'pci-device' wants 0x and up to 8 digits, not '20B010DE'"),
    ("board a\nmemory-clocks-mhz 1 2 3 4 5\n", ":2: more than 4 memory clocks"),
    ("board a from a100-40gb\nprofile 9g.5gb 12\n", ":2: board 'a' has no known profile '9g.5gb'"),
    ("board a from t4\nprofile 1g.5gb 12\n", ":2: board 'a' has no known profile '1g.5gb'"),
    ("board a\nvbios " + "9" * 40 + "\ngpu a\n", ":2: 'vbios' is longer than 31 characters"),
    ("board a\nname x\ty\x01\ngpu a\n", ":2: control character in 'name'"),
    ("board a\ngpu a\n", "the memory of board 'a' is not known: state memory-mib"),
    ("gpu gb300-278gb\n", "the memory of board 'gb300-278gb' is not known"),
    ("gpu t4 reserved-kib 99999999\n", "GPU 0: reserved-kib is not a part of memory-mib"),
    ("gpu t4\ngpu t4 reserved-kib unsupported\n", "GPU 1: reserved-kib is not a part of memory-mib"),
    ("gpu t4 bar1-used-kib 999999\n", "GPU 0: bar1-used-kib is not a part of bar1-mib"),
    ("gpu t4\n" * 17, ":17: more than 16 GPUs"),
    ("".join(f"board b{i}\n" for i in range(9)), ":9: more than 8 boards"),
]


@pytest.mark.parametrize("number", range(len(BAD)))
def test_bad_lines_are_named(machine, tmp_path, number):
    text, words = BAD[number]
    file = tmp_path / "bad.node"
    file.write_text(text)
    machine.set("CARVE_EMULATOR_NODE", str(file))
    said = machine.control("show", code=2)
    assert words in said and str(file) in said


def test_a_file_that_is_not_there_or_too_long(machine, tmp_path):
    machine.set("CARVE_EMULATOR_NODE", "p6.99xlarge")
    assert "no emulated node 'p6.99xlarge'" in machine.control("show", code=2)
    file = tmp_path / "long.node"
    file.write_text("gpu t4\n" + "#" * 70000)
    machine.set("CARVE_EMULATOR_NODE", str(file))
    assert "long.node" in machine.control("show", code=2)


@pytest.mark.parametrize("board", [board["key"] for board in BOARDS])
def test_every_known_board_can_be_on_a_node(machine, tmp_path, board):
    known = next(entry for entry in BOARDS if entry["key"] == board)
    file = tmp_path / "any.node"
    file.write_text(f"board here from {board}  memory-mib 65536\ngpu here bus 0000:01:00.0\n")
    gpu = machine.open(str(file))[0]
    assert n.nvmlDeviceGetName(gpu) == known["names"][0]
    assert list(n.nvmlDeviceGetCudaComputeCapability(gpu)) == [int(x) for x in known["compute_capability"].split(".")]
    assert n.nvmlDeviceGetMigMode(gpu) == [0, 0]
    if known["pci_device_ids"]:
        assert n.nvmlDeviceGetPciInfo(gpu).pciDeviceId == int(known["pci_device_ids"][0], 16)


def test_a_file_can_state_everything(machine, tmp_path):
    file = tmp_path / "mixed.node"
    file.write_text("""
# two makes of board
node mixed  driver 575.57.08  cuda 12.9  branch r575_00
board big from h100-80gb-sxm
    name NVIDIA H100 Special Edition   # a comment
    vbios 96.00.01  memory-mib 4096  fan-percent error-15 fans 2
    profile 1g.10gb 500
gpu big  bus 0001:aa:0b.0  numa 1  cpus 0-3,8  serial 42
gpu t4   bus 0000:01:00.0  uuid GPU-11111111-2222-3333-4444-555555555555  temperature-c 90  power-limit-mw unsupported
""")
    first, second = machine.open(str(file))
    assert n.nvmlSystemGetDriverVersion() == "575.57.08" and n.nvmlSystemGetNVMLVersion() == "12.575.57.08"
    assert n.nvmlSystemGetCudaDriverVersion() == 12090
    assert n.nvmlDeviceGetName(first) == "NVIDIA H100 Special Edition"
    assert n.nvmlDeviceGetPciInfo(first).busId == "00000001:AA:0B.0"
    assert n.nvmlDeviceGetMemoryInfo(first).total == 4096 << 20
    assert n.nvmlDeviceGetGpuInstanceProfileInfo(first, 0).memorySizeMB == 500
    assert code(n.nvmlDeviceGetFanSpeed, first) == n.NVML_ERROR_GPU_IS_LOST
    assert list(n.nvmlDeviceGetCpuAffinity(first, 1)) == [0b100001111]
    assert n.nvmlDeviceGetUUID(n.nvmlDeviceGetHandleBySerial("42")) == n.nvmlDeviceGetUUID(first)
    assert n.nvmlDeviceGetUUID(second) == "GPU-11111111-2222-3333-4444-555555555555"
    assert n.nvmlDeviceGetTemperature(second, 0) == 90
    assert code(n.nvmlDeviceGetPowerManagementLimit, second) == n.NVML_ERROR_NOT_SUPPORTED
    assert n.nvmlDeviceGetTopologyCommonAncestor(first, second) == n.NVML_TOPOLOGY_SYSTEM
    assert machine.control("show").startswith("emulated node mixed, driver 575.57.08\n")


def test_a_refusal_is_the_answer_of_every_getter_that_gives_the_number(machine, tmp_path):
    file = tmp_path / "refuses.node"
    file.write_text("gpu t4 utilization error-15 gsp unsupported event-types unsupported power-limit-mw error-4\n")
    (gpu,) = machine.open(str(file))
    for call in (n.nvmlDeviceGetUtilizationRates, n.nvmlDeviceGetDynamicPstatesInfo):
        assert code(call, gpu) == n.NVML_ERROR_GPU_IS_LOST
    for call in (n.nvmlDeviceGetGspFirmwareVersion, n.nvmlDeviceGetGspFirmwareMode, n.nvmlDeviceGetSupportedEventTypes):
        assert code(call, gpu) == n.NVML_ERROR_NOT_SUPPORTED
    assert code(n.nvmlDeviceRegisterEvents, gpu, n.nvmlEventTypeXidCriticalError, n.nvmlEventSetCreate()) == n.NVML_ERROR_NOT_SUPPORTED
    assert code(n.nvmlDeviceGetPowerManagementLimitConstraints, gpu) == n.NVML_ERROR_NO_PERMISSION


def test_the_manual_names_every_key():
    page = (ROOT / "man/carve-emulator.7.scd").read_text()
    keys = re.findall(r'^    X\(\w+, "([a-z0-9-]+)"', (ROOT / "emulator/facts.h").read_text(), re.M)
    assert len(keys) > 50
    assert [key for key in keys if f"*{key}*" not in page] == []
