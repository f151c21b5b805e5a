# SPDX-License-Identifier: Apache-2.0
"""The life of GPU and compute instances: creation, places, devices, removal, every refusal."""
import ctypes
import json

import pynvml as n
import pytest
from conftest import LIBRARY, ROOT, code, create, mig_devices, place, profile, set_mig

BOARDS = {board["key"]: board for board in json.loads((ROOT / "data/mig-profiles.json").read_text())["gpus"]}
A100 = {entry["name"]: entry for entry in BOARDS["a100-40gb"]["profiles"]}


def candidates(table, with_media):
    return [(entry["gi_profile_id"], start, entry["placement_size"], entry["max_instances"])
            for name, entry in table.items() for start in entry["placement_starts"] if with_media or "+" not in name]


def is_legal(layout, extra):
    profile_id, start, size, most = extra
    same = sum(one[0] == profile_id for one in layout)
    return same < most and all(start >= s + z or s >= start + size for _, s, z, _ in layout)


@pytest.mark.parametrize("media, count", [(False, 723), (True, None)])
def test_every_legal_layout_of_an_a100_can_be_made_and_nothing_else(machine, media, count):
    gpu = machine.open()[0]
    set_mig(gpu, True)
    every = candidates(A100, media)
    layouts = set()

    def visit(layout):
        layouts.add(frozenset(layout))
        for position, extra in enumerate(every):
            legal = is_legal(layout, extra)
            try:
                gi = n.nvmlDeviceCreateGpuInstanceWithPlacement(gpu, extra[0], place(*extra[1:3]))
            except n.NVMLError as error:
                assert not legal and error.value == n.NVML_ERROR_INSUFFICIENT_RESOURCES, (layout, extra)
                continue
            assert legal, (layout, extra)
            info = n.nvmlGpuInstanceGetInfo(gi)
            assert (info.profileId, info.placement.start, info.placement.size) == extra[:3]
            if not layout or every.index(layout[-1]) < position:
                visit(layout + [extra])
            n.nvmlGpuInstanceDestroy(gi)

    visit([])
    assert count is None or len(layouts) == count  # counted in research, by enumeration
    assert len(layouts) > 700


def test_places_that_a_profile_does_not_have_are_refused(machine):
    gpu = machine.open()[0]
    set_mig(gpu, True)
    for profile_id, start, size in ((9, 2, 4), (14, 6, 2), (19, 7, 1), (5, 4, 4), (0, 1, 8), (19, 0, 2), (19, 99, 1)):
        assert code(n.nvmlDeviceCreateGpuInstanceWithPlacement, gpu, profile_id, place(start, size)) == 2
    assert code(n.nvmlDeviceCreateGpuInstance, gpu, 21) == 2  # an A30's id


def test_the_driver_places_as_transcripts_of_nvidia_smi_show(machine):
    gpu = machine.open()[0]
    set_mig(gpu, True)
    assert [create(gpu, 19)[2] for _ in range(7)] == [13, 11, 12, 7, 8, 9, 10]
    assert code(n.nvmlDeviceCreateGpuInstance, gpu, 19) == n.NVML_ERROR_INSUFFICIENT_RESOURCES
    machine.control("clear")
    set_mig(gpu, True)
    assert [create(gpu, profile_id)[2] for profile_id in (9, 9)] == [2, 1]
    machine.control("clear")
    set_mig(gpu, True)
    assert [create(gpu, profile_id)[2] for profile_id in (19, 14, 5)] == [13, 5, 1]


@pytest.mark.parametrize("board", [key for key, board in BOARDS.items() if board["memory_axis"]])
def test_both_id_spaces_places_and_unknown_values_of_each_board(machine, tmp_path, board):
    known = BOARDS[board]
    file = tmp_path / "one.node"
    file.write_text(f"node one\nboard mine from {board}\n memory-mib 98304\ngpu mine\n")
    gpu = machine.open(str(file))[0]
    unknown = {entry["nvml_profile_enum"] for entry in known["profiles"]
               if any(entry[key] is None for key in ("sm", "mem_mib", "ce", "dec", "gi_profile_id", "placement_starts"))}
    by_index = {entry["nvml_profile_enum"]: entry for entry in known["profiles"]}
    for index in range(20):
        if index >= 17:
            assert code(profile, gpu, index) == n.NVML_ERROR_INVALID_ARGUMENT
        elif index not in by_index or index in unknown:
            assert code(profile, gpu, index) == n.NVML_ERROR_NOT_SUPPORTED
        else:
            entry, info = by_index[index], profile(gpu, index)
            assert (info.id, info.name) == (entry["gi_profile_id"], "MIG " + entry["name"])
            assert (info.sliceCount, info.instanceCount, info.multiprocessorCount, info.memorySizeMB) == \
                (entry["compute_slices"], entry["max_instances"], entry["sm"], entry["mem_mib"])
            again = n.nvmlDeviceGetGpuInstanceProfileInfoByIdV(gpu, info.id)
            assert (again.id, again.name) == (info.id, info.name)
            assert n.nvmlDeviceGetGpuInstanceRemainingCapacity(gpu, info.id) == entry["max_instances"]
    assert code(n.nvmlDeviceGetGpuInstanceProfileInfoByIdV, gpu, 99) == n.NVML_ERROR_INVALID_ARGUMENT


def test_instance_ids_say_where_an_instance_lies(machine, tmp_path):
    tables = json.loads((ROOT / "data/mig-profiles.json").read_text())["rules"]["gi_id_to_placement"]
    for board, table in (("a100-40gb", "axis8"), ("a30-24gb", "axis4_a30"), ("rtx-pro-6000-blackwell-96gb", "axis12_rtxpro6000")):
        file = tmp_path / f"{board}.node"
        file.write_text(f"gpu {board}\n")
        machine.set("CARVE_EMULATOR_STATE", str(tmp_path / board))
        gpu = machine.open(str(file))[0]
        set_mig(gpu, True)
        seen = set()
        for entry in BOARDS[board]["profiles"]:
            for start in entry["placement_starts"]:
                gi = n.nvmlDeviceCreateGpuInstanceWithPlacement(gpu, entry["gi_profile_id"], place(start, entry["placement_size"]))
                info = n.nvmlGpuInstanceGetInfo(gi)
                assert tables[table][str(info.id)] == [info.placement.start, info.placement.size]
                seen.add(info.id)
                n.nvmlGpuInstanceDestroy(gi)
        assert seen == {int(key) for key in tables[table]}
        n.nvmlShutdown()


def test_media_engines_are_not_given_twice(machine, tmp_path):
    file = tmp_path / "rtx.node"
    file.write_text("gpu rtx-pro-6000-blackwell-96gb\n")
    gpu = machine.open(str(file))[0]
    set_mig(gpu, True)
    create(gpu, 65)  # 1g.24gb+me.all takes them all
    assert code(n.nvmlDeviceCreateGpuInstance, gpu, 14) == n.NVML_ERROR_INSUFFICIENT_RESOURCES
    assert n.nvmlDeviceGetGpuInstanceRemainingCapacity(gpu, 14) == 0
    assert n.nvmlDeviceGetGpuInstanceRemainingCapacity(gpu, 67) == 3  # 1g.24gb-me needs none
    create(gpu, 67)


def test_what_is_left_shrinks_and_grows(machine):
    gpu = machine.open()[0]
    set_mig(gpu, True)
    left = n.nvmlDeviceGetGpuInstanceRemainingCapacity
    gi, ci, _ = create(gpu, 9)
    assert [left(gpu, i) for i in (19, 20, 15, 14, 9, 5, 0)] == [4, 1, 2, 2, 1, 1, 0]
    n.nvmlComputeInstanceDestroy(ci)
    n.nvmlGpuInstanceDestroy(gi)
    assert [left(gpu, i) for i in (19, 20, 15, 14, 9, 5, 0)] == [7, 1, 4, 3, 2, 1, 1]


def test_a_mig_device_and_its_board_know_each_other(machine):
    gpu = machine.open()[3]
    set_mig(gpu, True)
    _, _, gi_id = create(gpu, 14)
    (mig,) = mig_devices(gpu)
    assert n.nvmlDeviceGetName(mig) == "NVIDIA A100-SXM4-40GB MIG 2g.10gb"
    assert n.nvmlDeviceGetGpuInstanceId(mig) == gi_id and n.nvmlDeviceGetComputeInstanceId(mig) == 0
    assert n.nvmlDeviceIsMigDeviceHandle(mig).value == 1
    parent = n.nvmlDeviceGetDeviceHandleFromMigDeviceHandle(mig)
    assert n.nvmlDeviceGetUUID(parent) == n.nvmlDeviceGetUUID(gpu)
    memory = n.nvmlDeviceGetMemoryInfo(mig)
    assert (memory.total, memory.used) == (9856 << 20, 0)
    a = n.nvmlDeviceGetAttributes(mig)
    assert (a.multiprocessorCount, a.gpuInstanceSliceCount, a.computeInstanceSliceCount, a.memorySizeMB,
            a.sharedCopyEngineCount, a.sharedDecoderCount) == (28, 2, 2, 9856, 2, 1)
    for uuid in (n.nvmlDeviceGetUUID(mig), f"MIG-{n.nvmlDeviceGetUUID(gpu)}/{gi_id}/0"):
        found = n.nvmlDeviceGetHandleByUUID(uuid)
        assert n.nvmlDeviceGetUUID(found) == n.nvmlDeviceGetUUID(mig)
    for whole_only in (n.nvmlDeviceGetTemperature, n.nvmlDeviceGetClockInfo):
        assert code(whole_only, mig, 0) == n.NVML_ERROR_NOT_SUPPORTED
    assert code(n.nvmlDeviceGetUtilizationRates, gpu) == n.NVML_ERROR_NOT_SUPPORTED


def test_a_new_device_has_a_new_uuid_and_an_old_handle_is_dead(machine):
    gpu = machine.open()[0]
    set_mig(gpu, True)
    seen = set()
    for _ in range(5):
        gi, ci, gi_id = create(gpu, 19)
        (mig,) = mig_devices(gpu)
        seen.add(n.nvmlDeviceGetUUID(mig))
        n.nvmlComputeInstanceDestroy(ci)
        n.nvmlGpuInstanceDestroy(gi)
        assert gi_id == 13
        assert code(n.nvmlDeviceGetUUID, mig) == n.NVML_ERROR_INVALID_ARGUMENT
    assert len(seen) == 5 and all(uuid.startswith("MIG-") and len(uuid) == 40 for uuid in seen)
    create(gpu, 19)
    assert code(n.nvmlDeviceGetUUID, mig) == n.NVML_ERROR_INVALID_ARGUMENT  # same place, another device


def test_a_cleared_machine_does_not_give_a_uuid_again(machine):
    gpu = machine.open()[0]

    def device():
        set_mig(gpu, True)
        create(gpu, 19)
        return mig_devices(gpu)[0]

    before = device()
    uuid = n.nvmlDeviceGetUUID(before)
    machine.control("clear")
    assert n.nvmlDeviceGetUUID(device()) != uuid


def test_device_indexes_go_by_instance_id_and_close_up(machine):
    gpu = machine.open()[0]
    set_mig(gpu, True)
    made = {gi_id: (gi, ci) for gi, ci, gi_id in (create(gpu, 19) for _ in range(7))}
    ids = [n.nvmlDeviceGetGpuInstanceId(mig) for mig in mig_devices(gpu)]
    assert ids == sorted(made)
    gi, ci = made[9]
    n.nvmlComputeInstanceDestroy(ci)
    n.nvmlGpuInstanceDestroy(gi)
    assert [n.nvmlDeviceGetGpuInstanceId(mig) for mig in mig_devices(gpu)] == [7, 8, 10, 11, 12, 13]
    assert code(n.nvmlDeviceGetMigDeviceHandleByIndex, gpu, 6) == n.NVML_ERROR_NOT_FOUND
    assert code(n.nvmlDeviceGetMigDeviceHandleByIndex, gpu, 7) == n.NVML_ERROR_INVALID_ARGUMENT


def test_compute_instances_share_a_gpu_instance(machine):
    gpu = machine.open()[0]
    set_mig(gpu, True)
    gi = n.nvmlDeviceCreateGpuInstance(gpu, 9)
    infos = {i: n.nvmlGpuInstanceGetComputeInstanceProfileInfo(gi, i, 0, 2) for i in (0, 1, 2)}
    assert [(i.name, i.sliceCount, i.instanceCount, i.multiprocessorCount) for i in infos.values()] == [
        ("MIG 1c.3g.20gb", 1, 3, 14), ("MIG 2c.3g.20gb", 2, 1, 28), ("MIG 3g.20gb", 3, 1, 42)]
    for index in (3, 4, 5, 7):
        assert code(n.nvmlGpuInstanceGetComputeInstanceProfileInfo, gi, index, 0) == n.NVML_ERROR_NOT_SUPPORTED
    assert code(n.nvmlGpuInstanceGetComputeInstanceProfileInfo, gi, 8, 0) == n.NVML_ERROR_INVALID_ARGUMENT
    made = [n.nvmlGpuInstanceCreateComputeInstance(gi, 0) for _ in range(3)]
    assert [n.nvmlComputeInstanceGetInfo(ci).id for ci in made] == [0, 1, 2]
    assert code(n.nvmlGpuInstanceCreateComputeInstance, gi, 0) == n.NVML_ERROR_INSUFFICIENT_RESOURCES
    assert {n.nvmlDeviceGetName(mig) for mig in mig_devices(gpu)} == {"NVIDIA A100-SXM4-40GB MIG 1c.3g.20gb"}
    assert {n.nvmlDeviceGetAttributes(mig).multiprocessorCount for mig in mig_devices(gpu)} == {14}
    n.nvmlComputeInstanceDestroy(made[1])
    assert n.nvmlGpuInstanceGetComputeInstanceRemainingCapacity(gi, 0) == 1
    assert n.nvmlComputeInstanceGetInfo(n.nvmlGpuInstanceCreateComputeInstance(gi, 0)).id == 1
    assert n.nvmlComputeInstanceGetInfo(n.nvmlGpuInstanceGetComputeInstanceById(gi, 2)).placement.start == 2
    assert code(n.nvmlGpuInstanceGetComputeInstanceById, gi, 5) == n.NVML_ERROR_NOT_FOUND


def test_compute_instances_can_be_placed(machine):
    gpu = machine.open()[0]
    set_mig(gpu, True)
    gi = n.nvmlDeviceCreateGpuInstance(gpu, 0)
    handle = ctypes.c_void_p()

    def at(index, start):
        where = n.c_nvmlComputeInstancePlacement_t(start, 0)
        return LIBRARY.nvmlGpuInstanceCreateComputeInstanceWithPlacement(gi, index, ctypes.byref(where), ctypes.byref(handle))

    assert at(2, 4) == 0 and at(1, 0) == 0 and at(0, 2) == 0
    assert at(0, 4) == n.NVML_ERROR_INSUFFICIENT_RESOURCES
    assert at(2, 1) == n.NVML_ERROR_INVALID_ARGUMENT
    assert [(d["id"], d["name"]) for d in machine.show(0)["instances"][0]["compute"]] == [
        (0, "3c.7g.40gb"), (1, "2c.7g.40gb"), (2, "1c.7g.40gb")]


def test_what_is_in_use_cannot_be_destroyed(machine):
    gpu = machine.open()[0]
    set_mig(gpu, True)
    gi, ci, gi_id = create(gpu, 9)
    other = create(gpu, 9)
    assert code(n.nvmlGpuInstanceDestroy, gi) == n.NVML_ERROR_IN_USE  # it has a compute instance
    machine.control("process", "add", 0, 4711, "--gi", gi_id, "--ci", 0, "--memory", "2Gi", "--name", "train")
    assert code(n.nvmlComputeInstanceDestroy, ci) == n.NVML_ERROR_IN_USE
    n.nvmlComputeInstanceDestroy(other[1])
    n.nvmlGpuInstanceDestroy(other[0])
    create(gpu, 14)  # a neighbor that works does not stop a creation beside it
    machine.control("process", "remove", 0, 4711)
    n.nvmlComputeInstanceDestroy(ci)
    n.nvmlGpuInstanceDestroy(gi)
    assert code(n.nvmlGpuInstanceDestroy, gi) == n.NVML_ERROR_NOT_FOUND


def test_calls_that_need_the_mode(machine):
    gpu = machine.open()[0]
    assert n.nvmlDeviceGetMaxMigDeviceCount(gpu) == 0
    assert code(n.nvmlDeviceCreateGpuInstance, gpu, 19) == n.NVML_ERROR_NOT_SUPPORTED
    assert code(n.nvmlDeviceGetMigDeviceHandleByIndex, gpu, 0) == n.NVML_ERROR_NOT_SUPPORTED
    assert code(n.nvmlDeviceGetGpuInstanceById, gpu, 1) == n.NVML_ERROR_NOT_SUPPORTED
    assert code(set_mig, gpu, 7) == n.NVML_ERROR_INVALID_ARGUMENT
    set_mig(gpu, True)
    assert n.nvmlDeviceGetMaxMigDeviceCount(gpu) == 7
    assert code(n.nvmlDeviceGetGpuInstanceById, gpu, 1) == n.NVML_ERROR_NOT_FOUND


@pytest.mark.parametrize("node", ["g4dn.xlarge", "g5.xlarge", "g6.12xlarge"])
def test_boards_without_mig_say_so(machine, node):
    for gpu in machine.open(node):
        assert code(n.nvmlDeviceGetMigMode, gpu) == n.NVML_ERROR_NOT_SUPPORTED
        assert code(set_mig, gpu, True) == n.NVML_ERROR_NOT_SUPPORTED
        assert code(profile, gpu, 0) == n.NVML_ERROR_NOT_SUPPORTED
        assert n.nvmlDeviceGetMaxMigDeviceCount(gpu) == 0  # documented: zero, not an error


def test_calls_are_counted(machine):
    gpu = machine.open()[1]
    set_mig(gpu, True)
    made = [create(gpu, 19) for _ in range(3)]
    n.nvmlComputeInstanceDestroy(made[0][1])
    n.nvmlGpuInstanceDestroy(made[0][0])
    counts = machine.calls(1)
    assert counts["gpuInstancesCreated"] == counts["computeInstancesCreated"] == 3
    assert counts["gpuInstancesDestroyed"] == counts["computeInstancesDestroyed"] == 1
    assert counts["modeSet"] == 1 and machine.calls(0)["modeSet"] == 0
