# SPDX-License-Identifier: Apache-2.0
"""`carve mig` through carved: what changes, what is refused, and what never changes."""
import json
import os
import shutil
import re
import signal
import threading

import pytest

from conftest import SEVEN, Carve, calls, fixtures, mig_file, mixed, slow_change, wait_for

GPU = "nvidia.com/gpu"
BALANCED = [("1g.5gb", 2), ("1g.5gb", 3), ("2g.10gb", 0), ("3g.20gb", 4)]


def sizes(profiles):
    return sorted(name for name, _ in profiles)


def everything(carve):
    """The layout of all GPUs with the UUIDs of their devices."""
    return carve.json("mig", "show")["gpus"]


def test_cuts_every_gpu_and_then_has_nothing_to_do(carved, carve, node):
    carved(mixed(), with_kubelet=False)
    assert "120 of 120 steps done; 0 GPU instances kept" in carve("mig", "apply", "-c",
                                                                  "all-1g.5gb")
    assert all(carve.profiles(gpu) == SEVEN for gpu in range(8))
    before = calls(node)
    assert "nothing to do" in carve("mig", "apply", "-c", "all-1g.5gb")
    assert calls(node) == before


def test_the_kubelet_sees_the_new_slices(carved, carve, kubelet, pods):
    carved(mixed())
    wait_for(lambda: kubelet.healthy() == {GPU: 8}, "whole GPUs")
    carve("mig", "apply", "-c", "all-balanced")
    wait_for(lambda: kubelet.healthy() == {"nvidia.com/mig-1g.5gb": 16,
                                           "nvidia.com/mig-2g.10gb": 8,
                                           "nvidia.com/mig-3g.20gb": 8}, kubelet.healthy)


def test_slices_that_stay_are_not_touched(carved, carve, node):
    carved(mixed(), with_kubelet=False)
    path = mig_file(node.folder, one={"3g.20gb": 1}, more={"3g.20gb": 1, "1g.5gb": 2})
    carve("mig", "apply", "-f", path, "-c", "one")
    before = {gpu["index"]: gpu["instances"] for gpu in everything(carve)}
    created = calls(node)
    assert "8 GPU instances kept" in carve("mig", "apply", "-f", path, "-c", "more")
    after = everything(carve)
    assert all(before[gpu["index"]][0] in gpu["instances"] for gpu in after)
    for gpu in range(8):
        assert calls(node, gpu)["gpuInstancesDestroyed"] == 0
        assert sizes(carve.profiles(gpu)) == ["1g.5gb", "1g.5gb", "3g.20gb"]
    assert calls(node)["gpuInstancesCreated"] == created["gpuInstancesCreated"] + 2


@pytest.mark.parametrize("profiles, words", [
    ({"1g.6gb": 7}, ["no MIG profile '1g.6gb'", "did you mean '1g.5gb'?"]),
    ({"1g.5gb": 8}, ["8 x 1g.5gb", "at most 7 fit"]),
    ({"1g.5gb": 3, "2g.10gb": 1, "3g.20gb": 1}, ["cannot fit"]),
    ({"1g.5gb": 4, "1g.10gb": 2, "2g.10gb": 1}, ["cannot fit"]),
])
def test_what_cannot_be_had_changes_nothing(carved, carve, node, profiles, words):
    carved(mixed(), with_kubelet=False)
    carve("mig", "apply", "-c", "all-balanced")
    before, asked = everything(carve), [calls(node, gpu) for gpu in range(8)]
    # All GPUs but the last could be cut.
    path = mig_file(node.folder, bad=[
        {"devices": [0, 1, 2, 3, 4, 5, 6], "mig-enabled": True, "mig-devices": {"1g.5gb": 7}},
        {"devices": [7], "mig-enabled": True, "mig-devices": profiles}])
    told = carve("mig", "apply", "-f", path, "-c", "bad", code=2)
    assert "mig.yaml: line 1: GPU 7" in told and all(word in told for word in words), told
    assert everything(carve) == before
    assert [calls(node, gpu) for gpu in range(8)] == asked


def test_a_dry_run_shows_the_steps_and_does_none(carved, carve, node):
    carved(mixed(), with_kubelet=False)
    before = calls(node)
    out = carve("mig", "apply", "-c", "all-balanced", "--dry-run")
    assert "GPU 7: create 3g.20gb at 4" in out and "nothing was changed" in out
    plan = carve.json("mig", "apply", "-c", "all-balanced", "--dry-run")
    assert plan["dry_run"] and plan["finished"] and len(plan["plan"]) == 8 * 9
    assert plan["plan"][0]["gpu"] == 0 and plan["left"] == []
    assert calls(node) == before and carve.profiles(0) is None


def test_a_held_slice_is_refused_with_its_holder(carved, carve, pods, node):
    carved(mixed(), with_kubelet=False)
    carve("mig", "apply", "-c", "all-balanced")
    held = next(i for i in everything(carve)[2]["instances"] if i["profile"] == "3g.20gb")
    pods.held = [("prod", "train-0", "main", "nvidia.com/mig-3g.20gb",
                  [held["devices"][0]["uuid"]])]
    before = everything(carve)
    told = carve("mig", "apply", "-c", "all-1g.5gb", code=2)
    assert "GPU 2: 3g.20gb at 4 is held by pod prod/train-0, container main" in told
    assert everything(carve) == before
    # What leaves that slice alone is done, also on its own GPU.
    path = mig_file(node.folder, around={"3g.20gb": 1, "1g.5gb": 4})
    carve("mig", "apply", "-f", path, "-c", "around")
    assert held in everything(carve)[2]["instances"]
    assert sizes(carve.profiles(2)) == ["1g.5gb"] * 4 + ["3g.20gb"]
    told = carve("mig", "apply", "-c", "all-disabled", code=2)
    assert "pod prod/train-0, container main" in told


def test_a_shared_gpu_in_use_is_not_turned_to_mig(carved, carve, pods):
    run = carved(mixed(), with_kubelet=False)
    uuid = run.state().inventory.gpus[5].uuid
    pods.held = [("default", "web-1", "srv", GPU, [f"{uuid}::3"])]
    told = carve("mig", "apply", "-c", "all-1g.5gb", code=2)
    assert "GPU 5: it is held by pod default/web-1, container srv" in told
    assert all(carve.profiles(gpu) is None for gpu in range(8))


def test_a_process_outside_any_container_is_named(carved, carve, node):
    carved(mixed(), with_kubelet=False)
    carve("mig", "apply", "-c", "all-balanced")
    gi = next(i for i in everything(carve)[0]["instances"] if i["profile"] == "2g.10gb")["gi"]
    node.emulator("process", "add", 0, os.getpid(), "--gi", gi, "--ci", 0)
    told = carve("mig", "apply", "-c", "all-3g.20gb", code=2)
    assert f"GPU 0: 2g.10gb at 0 is held by process {os.getpid()} (" in told
    node.emulator("process", "remove", 0, os.getpid())
    carve("mig", "apply", "-c", "all-3g.20gb")


def test_unknown_holders_stop_what_destroys(carved, carve, pods, node):
    carved(mixed(), with_kubelet=False)
    path = mig_file(node.folder, one={"3g.20gb": 1}, more={"3g.20gb": 1, "1g.5gb": 2})
    carve("mig", "apply", "-f", path, "-c", "one")
    pods.broken = True
    told = carve("mig", "apply", "-c", "all-1g.5gb", code=2)
    assert "who holds the slices is not known" in told and "checkpoint is broken" in told
    carve("mig", "apply", "-f", path, "-c", "more")


def test_a_kubelet_that_does_not_tell_its_pods_stops_what_destroys(carved, carve, kubelet):
    carved(mixed())
    wait_for(lambda: kubelet.healthy() == {GPU: 8}, "whole GPUs")
    told = carve("mig", "apply", "-c", "all-1g.5gb", code=2)
    assert "who holds the slices is not known" in told and "pods.sock" in told
    assert carve.profiles(0) is None


def test_a_failed_step_is_rolled_back_on_all_gpus(carved, carve, node):
    run = carved(mixed(), with_kubelet=False)
    carve("mig", "apply", "-c", "all-balanced")
    before = [carve.profiles(gpu) for gpu in range(8)]
    node.emulator("delay", "nvmlDeviceCreateGpuInstanceWithPlacement", 20)
    change = carve.start("mig", "apply", "-c", "all-1g.5gb")
    wait_for(lambda: calls(node, 1)["gpuInstancesDestroyed"] > 0, "GPU 1's turn")
    node.emulator("lose", 7)
    out, told = change.communicate(timeout=60)
    assert change.returncode == 2, out
    assert "GPU 7: " in told and "all steps were undone" in told
    node.emulator("find", 7)
    node.emulator("delay", "nvmlDeviceCreateGpuInstanceWithPlacement", 0)
    wait_for(lambda: not run.state().inventory.gpus[7].fault, "GPU 7")
    assert [carve.profiles(gpu) for gpu in range(8)] == before


def test_a_pending_mode_is_reset_into_force(carved, carve, node):
    carved(mixed(), with_kubelet=False)
    node.emulator("mig-pending", 3, "reset")
    carve("mig", "apply", "-c", "all-1g.5gb")
    assert carve.profiles(3) == SEVEN
    assert calls(node, 3)["resets"] == 1 and calls(node, 2)["resets"] <= 1


@pytest.mark.parametrize("cause, why", [
    ("refused", "Resetting GPU 00000000:20:1D.0 is not supported."),
    ("skipped", "the reset is to be skipped"),
    ("reboot", "it is still pending after a GPU reset"),
])
def test_a_mode_that_stays_pending_is_a_shortfall(carved, carve, node, cause, why):
    carved(mixed(), with_kubelet=False)
    node.emulator("mig-pending", 3, "reboot" if cause == "reboot" else "reset")
    if cause == "refused":
        node.emulator("refuse-reset", 3, "on")
    words = ["--skip-reset"] if cause == "skipped" else []
    carve("mig", "apply", "-c", "all-1g.5gb", *words, code=1)
    assert "GPU 3: MIG mode is pending; needs a GPU reset or a reboot: " in carve.stderr
    assert why in carve.stderr
    assert all(carve.profiles(gpu) == SEVEN for gpu in range(8) if gpu != 3)
    assert carve.profiles(3) is None
    assert "MIG off, on after a GPU reset or a reboot" in carve("mig", "show", 3)
    assert "(MIG on is pending)" in carve("mig", "assert", "-c", "all-1g.5gb", code=1)
    if cause == "reboot":
        node.emulator("reboot")
        node.emulator("mig-pending", 3, "off")
        carve("mig", "apply", "-c", "all-1g.5gb")
        assert carve.profiles(3) == SEVEN


def test_modes_alone(carved, carve):
    carved(mixed(), with_kubelet=False)
    carve("mig", "apply", "-c", "all-balanced", "--mode-change-only")
    assert carve.profiles(0) == []
    carve("mig", "assert", "-c", "all-1g.5gb", "--mode-only")
    carve("mig", "assert", "-c", "all-1g.5gb", code=1)
    carve("mig", "apply", "-c", "all-balanced")
    # Right modes are left alone, whatever is on the GPUs.
    assert "nothing to do" in carve("mig", "apply", "-c", "all-1g.5gb", "-m")
    assert carve.profiles(0) == BALANCED
    carve("mig", "apply", "-c", "all-disabled", "-m")
    assert carve.profiles(0) is None


def test_h100s_take_their_own_layouts_without_a_reset(carved, folder):
    h100 = fixtures.Node(folder / "h100", "p5.48xlarge")
    carved(mixed(), with_kubelet=False, on=h100)
    carve = Carve(h100)
    carve("mig", "apply", "-c", "all-1g.10gb")
    assert carve.profiles(7) == [("1g.10gb", start) for start in range(7)]
    assert calls(h100, 7)["resets"] == 0
    assert "no MIG profile '1g.5gb'" in carve(
        "mig", "apply", "-f", mig_file(h100.folder, a100={"1g.5gb": 7}), code=2)


def test_what_was_exported_can_be_applied_and_asserted(carved, carve, node):
    carved(mixed(), with_kubelet=False)
    path = mig_file(node.folder, odd=[
        {"devices": [0, 2], "mig-enabled": True, "mig-devices": {"3g.20gb": 1, "1c.3g.20gb": 2}},
        {"devices": [1], "mig-enabled": True, "mig-devices": {"1g.5gb+me": 1, "4g.20gb": 1}},
        {"devices": [3, 4, 5, 6, 7], "mig-enabled": False}])
    carve("mig", "apply", "-f", path)
    for words in ([], ["-o", "json"]):
        exported = node.folder / "exported.yaml"
        exported.write_text(carve("mig", "export", "--config-label", "mine", *words),
                            encoding="utf-8")
        carve("mig", "assert", "-f", exported, "-c", "mine")
        carve("mig", "apply", "-c", "all-1g.5gb")
        told = carve("mig", "assert", "-f", exported, code=1)
        assert "GPU 1: has 7 x 1g.5gb; wanted 1 x 1g.5gb+me, 1 x 4g.20gb" in told
        assert "GPU 7: has 7 x 1g.5gb; wanted MIG off" in told
        found = carve.json("mig", "assert", "-f", exported, code=1)
        assert not found["matches"] and len(found["differences"]) == 8
        carve("mig", "apply", "-f", "-", stdin=exported.read_text(encoding="utf-8"))
        assert carve.json("mig", "assert", "-f", exported)["matches"]
    assert json.loads(carve("mig", "export", "-o", "json"))["version"] == "v1"


def test_assert_wants_every_gpu_matched(carved, carve, node):
    carved(mixed(), with_kubelet=False)
    path = mig_file(node.folder, some=[{"devices": [0], "mig-enabled": False}])
    assert "nothing to do" in carve("mig", "apply", "-f", path)
    assert "GPU 1: no entry matches it" in carve("mig", "assert", "-f", path, code=1)


def test_the_environment_of_the_original(carved, carve, node):
    carved(mixed(), with_kubelet=False)
    path = mig_file(node.folder, one={"7g.40gb": 1}, two={"3g.20gb": 2})
    known = {"MIG_PARTED_CONFIG_FILE": str(path), "MIG_PARTED_SELECTED_CONFIG": "two"}
    carve("mig", "apply", environment=known)
    assert carve.profiles(0) == [("3g.20gb", 0), ("3g.20gb", 4)]
    assert carve("mig", "configs", environment=known) == "one\ntwo\n"
    told = carve("mig", "apply", "-f", path, code=2)
    assert "one" in told and "two" in told
    assert "no configuration 'three'" in carve("mig", "apply", "-f", path, "-c", "three", code=2)


def test_a_file_is_checked_without_hardware(carve, node):
    path = mig_file(node.folder, off={"1g.5gb": 7})
    assert carve("mig", "assert", "--valid-config", "-f", path, "-c", "off") == ""
    carve("mig", "assert", "--valid-config", "-f", path, "-c", "on", code=2)
    path.write_text("version: v1\nmig-configs:\n  a:\n  - devices: all\n    mig-enable: true\n",
                    encoding="utf-8")
    told = carve("mig", "assert", "--valid-config", "-f", path, code=2)
    assert "mig.yaml:4:5: error: " in told and "mig.yaml:5:5: error: " in told


def test_one_change_at_a_time(carved, carve, node):
    carved(mixed(), with_kubelet=False)
    change = slow_change(carve, node)
    told = carve("mig", "apply", "-c", "all-disabled", code=2)
    assert "another MIG change is under way" in told
    out, err = change.communicate(timeout=60)
    assert change.returncode == 0, err
    carve("mig", "assert", "-c", "all-1g.5gb")


def test_the_result_is_looked_at(carved, carve, node):
    carved(mixed(), with_kubelet=False)
    change = slow_change(carve, node)
    node.layout(0, "off")
    _, told = change.communicate(timeout=60)
    assert change.returncode == 2
    assert "all steps are done, but GPU 0: has MIG off; wanted 7 x 1g.5gb" in told


def test_a_change_ends_though_its_caller_is_gone(carved, carve, node):
    run = carved(mixed(), with_kubelet=False)
    change = slow_change(carve, node)
    change.send_signal(signal.SIGKILL)
    change.communicate()
    run.wait_log("MIG change finished")
    carve("mig", "assert", "-c", "all-1g.5gb")


def test_a_change_cut_short_by_a_kill_can_be_made_again(carved, carve, node):
    run = carved(mixed(), with_kubelet=False)
    change = slow_change(carve, node)
    run.kill()
    _, told = change.communicate(timeout=60)
    assert change.returncode == 2 and "carved is gone in the midst of the change" in told
    run.start()
    wait_for(lambda: carve("mig", "show") and not carve.stderr, "carved")
    assert any(carve.profiles(gpu) != SEVEN for gpu in range(8))
    carve("mig", "apply", "-c", "all-1g.5gb")
    carve("mig", "assert", "-c", "all-1g.5gb")


def test_carved_stops_in_order_during_a_change(carved, carve, node):
    run = carved(mixed(), with_kubelet=False)
    change = slow_change(carve, node)
    run.end()
    _, told = change.communicate(timeout=60)
    assert change.returncode == 2
    assert re.search(r"carved was stopped after \d+ steps of the change; apply it again", told), told


def test_carved_does_not_wait_for_a_reset_to_stop(carved, carve, node):
    run = carved(mixed(), with_kubelet=False)
    node.emulator("mig-pending", 3, "reset")
    program, pids = node.driver / "usr/bin/nvidia-smi", node.folder / "pids"
    program.unlink()
    program.write_text(f"#!/bin/sh\necho $$ >>{pids}\nexec sleep 60\n", encoding="utf-8")
    program.chmod(0o755)
    change = carve.start("mig", "apply", "-c", "all-1g.5gb")
    pid = int(wait_for(lambda: pids.exists() and pids.read_text(encoding="utf-8"), "the reset"))
    try:
        run.signal(signal.SIGTERM)
        assert run.process.wait(10) == 0
        os.kill(pid, 0)  # nobody breaks a reset off
    finally:
        os.kill(pid, signal.SIGKILL)
    change.communicate(timeout=60)
    assert change.returncode == 2


def test_a_container_that_has_just_been_admitted_is_seen(carved, carve, kubelet, pods, node):
    """The kubelet lists a container only after it has heard the answer to Allocate."""
    run = carved(mixed())
    carve("mig", "apply", "-c", "all-3g.20gb")
    name = "nvidia.com/mig-3g.20gb"
    wait_for(lambda: kubelet.healthy() == {name: 16}, kubelet.healthy)
    uuid = run.state().inventory.gpus[4].instances[0].computes[0].uuid
    kubelet.plugins[name].allocate([uuid])

    def admit():
        pods.held = [("prod", "new-0", "main", name, [uuid])]
    admission = threading.Timer(0.3, admit)
    admission.start()
    told = carve("mig", "apply", "-c", "all-1g.5gb", code=2)
    admission.join()
    assert "is held by pod prod/new-0, container main" in told


def test_a_driver_that_hangs_is_waited_for(carved, carve, node):
    run = carved(mixed(), with_kubelet=False, arguments=["--driver-timeout", "100ms"])
    change = slow_change(carve, node)
    node.emulator("hang", "on")
    run.wait_log("MIG change waits")
    node.emulator("hang", "off")
    out, err = change.communicate(timeout=60)
    assert change.returncode == 0, err
    carve("mig", "assert", "-c", "all-1g.5gb")


def test_slices_under_change_are_given_to_nobody(carved, carve, kubelet, pods, node):
    carved(mixed())
    path = mig_file(node.folder, one={"3g.20gb": 1})
    carve("mig", "apply", "-f", path)
    name = "nvidia.com/mig-3g.20gb"
    wait_for(lambda: kubelet.healthy() == {name: 8}, kubelet.healthy)
    devices = {i["devices"][0]["uuid"]: gpu["index"] for gpu in everything(carve)
               for i in gpu["instances"]}
    node.emulator("delay", "nvmlDeviceCreateGpuInstanceWithPlacement", 20)
    more = mig_file(node.folder, more=[
        {"devices": [0, 1, 2, 3], "mig-enabled": True, "mig-devices": {"3g.20gb": 1, "1g.5gb": 4}},
        {"devices": [4, 5], "mig-enabled": True, "mig-devices": {"7g.40gb": 1}}])
    change = carve.start("mig", "apply", "-f", more)
    wait_for(lambda: calls(node, 0)["gpuInstancesCreated"] > 1, "GPU 0's turn")
    refused = []
    for uuid, gpu in devices.items():
        try:
            kubelet.plugins[name].allocate([uuid])
        except Exception as error:  # pylint: disable=broad-except
            assert "is being changed" in str(error)
            refused.append(gpu)
    assert sorted(refused) == [4, 5] and change.poll() is None
    out, err = change.communicate(timeout=60)
    assert change.returncode == 0, err


def test_only_root_and_carved_may_change_layouts(carved, carve, folder, node):
    assert os.geteuid() == 0, "these tests run as root"
    run = carved(mixed(), with_kubelet=False)
    wait_for(run.socket.exists, "the socket")
    folder.chmod(0o755)
    # The build may lie where that user may not look.
    carve.program = shutil.copy(carve.program, folder)
    told = carve("mig", "apply", "-c", "all-1g.5gb", code=2, user=65534, group=65534)
    assert "user 65534 may not change MIG layouts" in told
    carve("mig", "show", user=65534, group=65534)
    assert carve("ps", user=65534, group=65534) == "no holders\n"


def test_a_lost_gpu_is_shown_as_such(carved, carve, node):
    run = carved(mixed(), with_kubelet=False)
    node.emulator("lose", 2)
    wait_for(lambda: run.state().inventory.gpus[2].fault, "the fault")
    assert carve("mig", "show").splitlines() == [
        "GPUs 0-1, 3-7: NVIDIA A100-SXM4-40GB, MIG off",
        "GPU 2: NVIDIA A100-SXM4-40GB, cannot be used: GPU is lost"]
    assert carve.json("mig", "show", 2)["gpus"][0]["fault"] == "GPU is lost"


def test_json_has_the_same_names_however_it_went(carved, carve, node):
    carved(mixed(), with_kubelet=False)
    path = mig_file(node.folder, bad={"1g.5gb": 8})
    answers = [carve.json("mig", "apply", "-f", path, code=2),
               carve.json("mig", "apply", "-c", "all-1g.5gb", "--dry-run"),
               carve.json("mig", "apply", "-c", "all-1g.5gb"),
               carve.json("mig", "apply", "-c", "all-1g.5gb")]
    names = {"dry_run", "kept", "plan", "left", "done", "finished", "error"}
    assert all(set(answer) == names for answer in answers), answers
    assert "at most 7 fit" in answers[0]["error"] and answers[2]["error"] is None


def test_a_wrong_gpu_beside_a_pending_one_is_found(carved, carve, node):
    carved(mixed(), with_kubelet=False)
    node.emulator("mig-pending", 7, "reset")
    node.emulator("refuse-reset", 7, "on")
    change = slow_change(carve, node)
    node.layout(0, "off")
    _, told = change.communicate(timeout=60)
    assert change.returncode == 2
    assert "all steps are done, but GPU 0: has MIG off; wanted 7 x 1g.5gb" in told


@pytest.mark.parametrize("text, told", [
    ("", "is empty"),
    ("version: v1\nmig-configs:\n  a:\n  - {devices: all, mig-enabled: false}\n\0more", "NUL byte"),
    ("version: v1\nmig-configs: [", ":3:1: error: "),
    ("version: v2\nmig-configs: {}\n", "version"),
    ("- a\n", "error: "),
    ("\xff\xfe", "error: "),
    ("a: &a [*a, *a]\n", "error: "),
], ids=["empty", "nul", "cut", "version", "list", "bytes", "loop"])
def test_files_that_are_none(carved, carve, node, text, told):
    carved(mixed(), with_kubelet=False)
    path = node.folder / "odd.yaml"
    path.write_bytes(text.encode("latin-1"))
    for words in (["apply"], ["assert"], ["configs"], ["assert", "--valid-config"]):
        said = carve("mig", *words, "-f", path, code=2)
        assert "odd.yaml" in said and told in said, said


@pytest.mark.parametrize("path, told", [("nowhere.yaml", "No such file"), (".", "Is a directory"),
                                        ("/dev/null", "is empty")])
def test_files_that_cannot_be_read(carve, path, told):
    for words in (["apply"], ["assert"], ["configs"]):
        said = carve("mig", *words, "-f", path, code=2)
        assert path in said and told in said


# mig-parted's default configuration: what each name means on a board, and on which boards.
DEFAULT = {
    "p4d.24xlarge": {
        "all-1g.5gb": {"1g.5gb": 7}, "all-1g.5gb.me": {"1g.5gb+me": 1}, "all-2g.10gb": {"2g.10gb": 3},
        "all-3g.20gb": {"3g.20gb": 2}, "all-4g.20gb": {"4g.20gb": 1}, "all-7g.40gb": {"7g.40gb": 1},
        "all-balanced": {"1g.5gb": 2, "2g.10gb": 1, "3g.20gb": 1}},
    "p5.48xlarge": {
        "all-1g.10gb": {"1g.10gb": 7}, "all-1g.10gb.me": {"1g.10gb+me": 1},
        "all-1g.20gb": {"1g.20gb": 4}, "all-2g.20gb": {"2g.20gb": 3}, "all-3g.40gb": {"3g.40gb": 2},
        "all-4g.40gb": {"4g.40gb": 1}, "all-7g.80gb": {"7g.80gb": 1},
        "all-balanced": {"1g.10gb": 2, "2g.20gb": 1, "3g.40gb": 1}},
    "h200-x2": {
        "all-1g.18gb": {"1g.18gb": 7}, "all-1g.18gb.me": {"1g.18gb+me": 1},
        "all-1g.35gb": {"1g.35gb": 4}, "all-2g.35gb": {"2g.35gb": 3}, "all-3g.71gb": {"3g.71gb": 2},
        "all-4g.71gb": {"4g.71gb": 1}, "all-7g.141gb": {"7g.141gb": 1},
        "all-balanced": {"1g.18gb": 2, "2g.35gb": 1, "3g.71gb": 1}},
}


@pytest.mark.parametrize("name", DEFAULT)
def test_the_names_of_the_default_configuration(folder, carved, name):
    """Each after the other, so that every change starts from another layout; by carved's own file,
    and as mig-parted's says it."""
    node = fixtures.Node(folder / "other", name)
    carved(mixed(), with_kubelet=False, on=node)
    carve = Carve(node)
    n_gpus = len(carve.json("gpus")["gpus"])
    path = mig_file(node.folder, **DEFAULT[name])
    for config, profiles in [("all-enabled", {}), *DEFAULT[name].items()]:
        carve("mig", "apply", "-c", config)
        for gpu in range(n_gpus):
            found = [profile for profile, _ in carve.profiles(gpu)]
            assert {p: found.count(p) for p in found} == profiles, (config, gpu)
        carve("mig", "assert", "-c", config)
        if profiles:
            carve("mig", "assert", "-f", path, "-c", config)
            assert "nothing to do" in carve("mig", "apply", "-f", path, "-c", config)
    carve("mig", "apply", "-c", "all-disabled")
    assert all(carve.profiles(gpu) is None for gpu in range(n_gpus))


@pytest.mark.parametrize("name", ["g6.12xlarge", "g5.xlarge", "g4dn.xlarge"])
def test_boards_without_mig_have_nothing_to_cut(folder, carved, name):
    node = fixtures.Node(folder / "other", name)
    carved(mixed(), with_kubelet=False, on=node)
    carve = Carve(node)
    assert carve("mig", "configs") == "all-disabled\n"
    assert "nothing to do" in carve("mig", "apply", "-c", "all-disabled")
    carve("mig", "assert", "-c", "all-disabled")
    assert "no configuration 'all-1g.5gb'" in carve("mig", "apply", "-c", "all-1g.5gb", code=2)
    named = mig_file(node.folder, a=[{"devices": [0], "mig-enabled": True, "mig-devices": {}}])
    assert "GPU 0" in carve("mig", "apply", "-f", named, code=2)
