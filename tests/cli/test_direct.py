# SPDX-License-Identifier: Apache-2.0
"""MIG changes where carved does not run: the same rules, done by the command itself."""
import os
import signal

from conftest import SEVEN, calls, mig_file, slow_change, wait_for


def test_cuts_and_keeps(carve, node):
    path = mig_file(node.folder, one={"3g.20gb": 1}, more={"3g.20gb": 1, "1g.5gb": 2})
    carve("mig", "apply", "-f", path, "-c", "one")
    assert "(read directly; carved is not running)" in carve.stderr
    assert "8 GPU instances kept" in carve("mig", "apply", "-f", path, "-c", "more")
    assert calls(node)["gpuInstancesDestroyed"] == 0
    carve("mig", "assert", "-f", path, "-c", "more")
    before = calls(node)
    assert "GPU 0: set MIG mode off" in carve("mig", "apply", "-c", "all-disabled", "--dry-run")
    assert "nothing to do" in carve("mig", "apply", "-f", path, "-c", "more")
    assert calls(node) == before


def test_what_cannot_be_had_changes_nothing(carve, node):
    carve("mig", "apply", "-c", "all-balanced")
    before = calls(node)
    told = carve("mig", "apply", "-f", mig_file(node.folder, bad={"1g.6gb": 7}), code=2)
    assert "GPU 0" in told and "1g.6gb" in told
    answer = carve.json("mig", "apply", "-f", mig_file(node.folder, bad={"1g.5gb": 8}), code=2)
    assert "at most 7 fit" in answer["error"] and not answer["finished"]
    assert calls(node) == before


def test_a_process_in_the_way_is_named(carve, node):
    carve("mig", "apply", "-c", "all-balanced")
    gi = next(i["gi"] for i in carve.json("mig", "show", 6)["gpus"][0]["instances"]
              if i["profile"] == "3g.20gb")
    node.emulator("process", "add", 6, os.getpid(), "--gi", gi, "--ci", 0)
    told = carve("mig", "apply", "-c", "all-1g.5gb", code=2)
    assert f"GPU 6: 3g.20gb at 4 is held by process {os.getpid()} (" in told


def test_a_failed_step_is_rolled_back(carve, node):
    carve("mig", "apply", "-c", "all-balanced")
    before = [carve.profiles(gpu) for gpu in range(7)]
    node.emulator("delay", "nvmlDeviceCreateGpuInstanceWithPlacement", 20)
    change = carve.start("mig", "apply", "-c", "all-1g.5gb")
    wait_for(lambda: calls(node, 1)["gpuInstancesDestroyed"] > 0, "GPU 1's turn")
    node.emulator("lose", 7)
    out, told = change.communicate(timeout=60)
    assert change.returncode == 2 and "all steps were undone" in told, out + told
    assert [carve.profiles(gpu) for gpu in range(7)] == before


def test_a_pending_mode(carve, node):
    node.emulator("mig-pending", 1, "reset")
    node.emulator("mig-pending", 2, "reset")
    node.emulator("refuse-reset", 2, "on")
    answer = carve.json("mig", "apply", "-c", "all-1g.5gb", code=1)
    assert len(answer["left"]) == 1 and answer["left"][0].startswith("GPU 2: MIG mode is pending")
    assert len(carve.profiles(1)) == 7 and carve.profiles(2) is None


def test_the_result_is_looked_at(carve, node):
    node.emulator("delay", "nvmlDeviceCreateGpuInstanceWithPlacement", 20)
    change = carve.start("mig", "apply", "-c", "all-1g.5gb")
    wait_for(lambda: calls(node, 1)["gpuInstancesCreated"] > 0, "GPU 1's turn")
    node.layout(0, "off")
    _, told = change.communicate(timeout=60)
    assert change.returncode == 2
    assert "all steps are done, but GPU 0: has MIG off; wanted 7 x 1g.5gb" in told


def test_signals_wait_for_the_end(carve, node):
    change = slow_change(carve, node)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        change.send_signal(number)
    change.communicate(timeout=60)
    assert change.returncode < 0
    assert all(carve.profiles(gpu) == SEVEN for gpu in range(8))


def test_one_change_at_a_time(carve, node):
    change = slow_change(carve, node)
    assert "another MIG change is under way" in carve("mig", "apply", "-c", "all-balanced", code=2)
    carve("mig", "apply", "-c", "all-balanced", "--dry-run")
    assert change.communicate(timeout=60) and change.returncode == 0
    carve("mig", "assert", "-c", "all-1g.5gb")


def test_carved_does_not_start_into_a_change(any_carved, carve, node):
    change = slow_change(carve, node)
    run = any_carved(with_kubelet=False)
    run.expected_codes.append(1)
    run.process.wait(20)
    assert "without carved is under way" in run.log()
    change.communicate(timeout=60)
    assert change.returncode == 0


def test_without_a_driver_nothing_is_done(carve, node):
    node.hide_driver()
    for words in (["gpus"], ["mig", "show"], ["mig", "apply", "-c", "all-1g.5gb"], ["mig", "export"],
                  ["mig", "configs"], ["mig", "assert", "-c", "all-1g.5gb"]):
        told = carve(*words, code=2)
        assert "libnvidia-ml.so.1" in told and "Traceback" not in told
