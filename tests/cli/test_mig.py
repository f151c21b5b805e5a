# SPDX-License-Identifier: Apache-2.0
"""`carve mig` cuts GPUs as it is told, and says what it would do, did and found."""
import os
import shutil

import pytest

from conftest import GPU, SEVEN, Carve, calls, everything, fixtures, mig_file, mixed, sizes, slow_change, wait_for

BALANCED = [("1g.5gb", 2), ("1g.5gb", 3), ("2g.10gb", 0), ("3g.20gb", 4)]


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


def test_assert_wants_every_gpu_matched(carved, carve, node):
    carved(mixed(), with_kubelet=False)
    path = mig_file(node.folder, some=[{"devices": [0], "mig-enabled": False}])
    assert "nothing to do" in carve("mig", "apply", "-f", path)
    assert "GPU 1: no entry matches it" in carve("mig", "assert", "-f", path, code=1)


def test_the_result_is_looked_at(carved, carve, node):
    carved(mixed(), with_kubelet=False)
    change = slow_change(carve, node)
    node.layout(0, "off")
    _, told = change.communicate(timeout=60)
    assert change.returncode == 2
    assert "all steps are done, but GPU 0: has MIG off; wanted 7 x 1g.5gb" in told


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
