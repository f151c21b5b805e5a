# SPDX-License-Identifier: Apache-2.0
"""The MIG mode: at once, after a reset, after a reboot, never; resets and what they take along."""
import json

import pynvml as n
import pytest
from conftest import FOLDER, code, create, set_mig

SMI = FOLDER / "nvidia-smi"


def mode(gpu):
    return n.nvmlDeviceGetMigMode(gpu)


@pytest.mark.parametrize("node, resets", [("p4d.24xlarge", 1), ("p5.48xlarge", 0)])
def test_an_idle_board_changes_at_once(machine, node, resets):
    gpu = machine.open(node)[0]
    assert set_mig(gpu, True) == 0 and mode(gpu) == [1, 1]
    assert set_mig(gpu, True) == 0 and machine.calls(0)["resets"] == resets  # nothing to do: no reset
    assert set_mig(gpu, False) == 0 and mode(gpu) == [0, 0]


def test_a_busy_a100_stays_pending_until_it_is_reset(machine):
    gpu = machine.open()[0]
    machine.control("process", "add", 0, 99)
    assert set_mig(gpu, True) == n.NVML_ERROR_IN_USE and mode(gpu) == [0, 1]
    assert "in use" in machine.control("reset", 0, code=2)
    machine.control("process", "remove", 0, 99)
    assert mode(gpu) == [0, 1]
    machine.control("reset", 0)
    assert mode(gpu) == [1, 1]


def test_a_pending_change_can_be_taken_back(machine):
    gpu = machine.open()[0]
    machine.control("process", "add", 0, 99)
    assert set_mig(gpu, True) == n.NVML_ERROR_IN_USE
    assert set_mig(gpu, False) == 0 and mode(gpu) == [0, 0]


def test_a_busy_h100_refuses(machine):
    gpu = machine.open("p5.48xlarge")[0]
    machine.control("process", "add", 0, 99)
    assert code(set_mig, gpu, True) == n.NVML_ERROR_IN_USE and mode(gpu) == [0, 0]


def test_instances_must_go_before_the_mode(machine):
    for node, answer in (("p4d.24xlarge", n.NVML_ERROR_IN_USE), ("p5.48xlarge", None)):
        machine.set("CARVE_EMULATOR_STATE", f"{machine.state}-{node}")
        gpu = machine.open(node)[0]
        set_mig(gpu, True)
        gi, ci, _ = create(gpu, 19)
        if answer:
            assert set_mig(gpu, False) == answer and mode(gpu) == [1, 0]
        else:
            assert code(set_mig, gpu, False) == n.NVML_ERROR_IN_USE and mode(gpu) == [1, 1]
        n.nvmlComputeInstanceDestroy(ci)
        n.nvmlGpuInstanceDestroy(gi)
        assert set_mig(gpu, False) == 0 and mode(gpu) == [0, 0]
        n.nvmlShutdown()


def test_the_first_instance_needs_an_idle_gpu(machine):
    gpu = machine.open()[0]
    set_mig(gpu, True)
    machine.control("process", "add", 0, 7)  # of the board itself: a monitor
    assert code(n.nvmlDeviceCreateGpuInstance, gpu, 19) == n.NVML_ERROR_IN_USE
    machine.control("process", "remove", 0, 7)
    _, _, gi_id = create(gpu, 19)
    machine.control("process", "add", 0, 8, "--gi", gi_id, "--ci", 0)
    create(gpu, 19)  # later ones do not


def test_a_refused_reset_leaves_the_mode_pending(machine):
    gpu = machine.open()[2]
    machine.control("refuse-reset", 2, "on")
    assert set_mig(gpu, True) == n.NVML_ERROR_RESET_REQUIRED and mode(gpu) == [0, 1]
    assert "refused" in machine.control("reset", "all", code=2)
    machine.control("reboot")
    assert mode(gpu) == [1, 1]
    machine.control("refuse-reset", 2, "off")
    assert set_mig(gpu, False) == 0 and mode(gpu) == [0, 0]


@pytest.mark.parametrize("node", ["p4d.24xlarge", "p5.48xlarge"])
def test_a_mode_can_be_held_until_a_reset_or_a_reboot(machine, node):
    gpus = machine.open(node)
    machine.control("mig-pending", 0, "reset")
    machine.control("mig-pending", 1, "reboot")
    for gpu in gpus[:2]:
        assert set_mig(gpu, True) == n.NVML_ERROR_RESET_REQUIRED and mode(gpu) == [0, 1]
    machine.control("reset", "all")
    assert mode(gpus[0]) == [1, 1] and mode(gpus[1]) == [0, 1]
    machine.control("reboot")
    assert mode(gpus[1]) == [1, 1]


@pytest.mark.parametrize("node, kept", [("p4d.24xlarge", 1), ("p5.48xlarge", 0), ("h200-x2", 0)])
def test_a_reboot_takes_instances_and_on_hopper_the_mode(machine, node, kept):
    gpu = machine.open(node)[0]
    set_mig(gpu, True)
    create(gpu, 19)
    machine.control("reboot")
    assert mode(gpu) == [kept, kept] and not machine.show(0)["instances"]


def test_a_lost_gpu_cannot_be_reset(machine):
    gpu = machine.open()[0]
    set_mig(gpu, True)
    create(gpu, 19)
    machine.control("lose", 0)
    assert "GPU 0: lost" in machine.control("reset", "all", code=2)
    assert "GPU is lost" in machine.run(SMI, "-r", "-i", 0, code=1, stream="stdout")
    assert machine.show(0)["instances"] and machine.calls(0)["resets"] == 1  # the mode's own


def test_a_reset_takes_instances_and_keeps_the_mode(machine):
    gpu = machine.open("p5.48xlarge")[0]
    set_mig(gpu, True)
    create(gpu, 19)
    machine.control("reset", 0)
    assert mode(gpu) == [1, 1] and not machine.show(0)["instances"]


def test_nvidia_smi_resets_lists_and_refuses(machine):
    gpu = machine.open()[0]
    set_mig(gpu, True)
    _, _, gi_id = create(gpu, 9)
    lines = machine.run(SMI, "-L").splitlines()
    assert lines[0] == f"GPU 0: NVIDIA A100-SXM4-40GB (UUID: {n.nvmlDeviceGetUUID(gpu)})"
    uuid = machine.show(0)["instances"][0]["compute"][0]["uuid"]
    assert lines[1].split() == ["MIG", "3g.20gb", "Device", "0:", "(UUID:", uuid + ")"]
    machine.control("process", "add", 0, 5, "--gi", gi_id, "--ci", 0)
    machine.run(SMI, "--gpu-reset", "-i", "0", code=1)
    machine.control("process", "remove", 0, 5)
    assert "successfully reset" in machine.run(SMI, "-r", "-i", "00000000:10:1C.0")
    machine.control("refuse-reset", 0, "on")
    machine.run(SMI, "-r", "-i", "0", code=1)
    machine.run(SMI, "-L", "-i", "42", code=6)
    assert "GPU  0 Profile ID 19 Placements: {0,1,2,3,4,5,6}:1" in machine.run(SMI, "mig", "-lgipp", "-i", "0")


def test_the_control_command_refuses_nonsense(machine):
    machine.open()
    for words in (("xid", "9", "79"), ("xid", "0", "many"), ("hang", "maybe"), ("mig-pending", "0", "never"),
                  ("process", "add", "0", "1", "--gi", "3", "--ci", "0"), ("process", "add", "0", "1", "--ci", "0"),
                  ("process", "add", "0", "1", "--memory", "9223372036854775808"),
                  ("process", "add", "0", "1", "--memory", "8589934592Gi"), ("process", "remove", "0", "1"),
                  ("frobnicate",), ("xid", "0"), ("reset", "GPU-nobody")):
        assert machine.control(*words, code=2).startswith("carve-emulator: ")


def test_show_prints_what_is_there(machine):
    gpu = machine.open()[0]
    set_mig(gpu, True)
    create(gpu, 9)
    machine.control("process", "add", 1, 77, "--memory", "3Gi", "--name", "notebook")
    machine.control("lose", 7)
    text = machine.control("show")
    assert "emulated node p4d.24xlarge, driver 580.159.04" in text
    assert "3g.20gb  gi 2 ci 0  at 4:4" in text and "process 77  notebook  3072 MiB" in text and "LOST" in text
    everything = json.loads(machine.control("show", "-o", "json"))
    assert everything["gpus"][1]["processes"] == [{"pid": 77, "name": "notebook", "memory": 3 << 30}]
    assert everything["gpus"][7]["lost"] and everything["gpus"][0]["mig"] == "on"
