# SPDX-License-Identifier: Apache-2.0
"""`carve mig apply` that ends in the middle or has to wait: its caller gone, carved killed or stopped, a
driver that hangs."""
import os
import re
import signal

from conftest import SEVEN, calls, mixed, slow_change, wait_for


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


def test_one_change_at_a_time(carved, carve, node):
    carved(mixed(), with_kubelet=False)
    change = slow_change(carve, node)
    told = carve("mig", "apply", "-c", "all-disabled", code=2)
    assert "another MIG change is under way" in told
    out, err = change.communicate(timeout=60)
    assert change.returncode == 0, err
    carve("mig", "assert", "-c", "all-1g.5gb")


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


def test_a_driver_that_hangs_is_waited_for(carved, carve, node):
    run = carved(mixed(), with_kubelet=False, arguments=["--driver-timeout", "2s"])
    change = slow_change(carve, node)
    node.emulator("hang", "on")
    run.wait_log("MIG change waits")
    node.emulator("hang", "off")
    out, err = change.communicate(timeout=60)
    assert change.returncode == 0, err
    carve("mig", "assert", "-c", "all-1g.5gb")
