# SPDX-License-Identifier: Apache-2.0
"""MIG layout by label on boards that need a reset or a reboot before the mode is another one."""
import grpc
import pytest

from conftest import NODE, a_state, fixtures, wait_event, wait_for
from miglabel import LABEL, SMALL, all_calls, calls, cut, states, wait_devices, wait_state


def test_a_reset_that_is_allowed(cut, api, kubelet, node):
    node.emulator("mig-pending", 3, "reset")
    cut(labels={LABEL: "all-1g.5gb"})
    wait_devices(kubelet, {SMALL: 56})
    wait_state(api, "success")
    assert calls(node, 3)["resets"] == 1


def test_a_reset_that_is_refused(cut, api, kubelet, node):
    """The rest is done; the state says what is missing, and recovers when the reset can be had."""
    node.emulator("mig-pending", 3, "reset")
    node.emulator("refuse-reset", 3, "on")
    cut(labels={LABEL: "all-1g.5gb"})
    wait_state(api, "failed", "GPU 3: MIG mode is pending", "not supported")
    wait_for(lambda: kubelet.healthy().get(SMALL) == 49, "the slices of the others")
    assert "GPU 3" in wait_event(api, "MigChangeFailed")["message"]
    node.emulator("refuse-reset", 3, "off")
    wait_state(api, "success")
    wait_devices(kubelet, {SMALL: 56})


def host(node, script):
    """PID 1's mounts, and a command that reboots."""
    (node.folder / "proc/1").symlink_to("/proc/self")
    path = node.folder / "reboot"
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return ["--reboot-command", path]


@pytest.mark.parametrize("helps", [True, False])
def test_reboot(cut, api, kubelet, node, helps):
    node.emulator("mig-pending", 3, "reboot")
    command = host(node, f"echo x >> {node.folder}/reboots")
    run, other = cut("--mig-reboot", labels={LABEL: "all-1g.5gb"}, carved_arguments=command)
    wait_state(api, "rebooting")
    wait_for((node.folder / "reboots").exists, "the command")
    assert states(api) == ["pending", "rebooting"]
    assert "needs a reboot" in wait_event(api, "MigRebooting")["message"]
    other.kill()
    run.kill()
    if helps:
        node.emulator("reboot")
    run.start()
    other.start()
    if helps:
        wait_devices(kubelet, {SMALL: 56})
        wait_state(api, "success")
        assert "carve.dev/mig.config.rebooted" not in api.get("Node", NODE)["metadata"]["annotations"]
    else:
        wait_state(api, "failed", "after a reboot too", "GPU 3")
        # Never again by itself, not after a restart either.
        other.kill()
        other.start()
        other.wait_log("MIG change begins", times=3)
        wait_for(lambda: run.log().count("MIG change left undone") >= 3, "another try")
        wait_state(api, "failed", "after a reboot too")
    assert (node.folder / "reboots").read_text() == "x\n"


def test_reboot_refused_by_carved(cut, api, node):
    node.emulator("mig-pending", 3, "reboot")
    cut("--mig-reboot", labels={LABEL: "all-1g.5gb"})
    wait_state(api, "failed", "--reboot-command")


def test_a_reboot_command_may_take_its_time(stand_in, gateway, api):
    """carved gives it a minute and tells how it ended: the gateway waits for that, and for nothing less."""
    waits = []

    def apply(request, _):
        dry_run = fixtures.NODE.ApplyMigRequest.FromString(request).dry_run
        progress = fixtures.NODE.MigProgress(finished=True, left=[] if dry_run else ["GPU 0: MIG mode is pending"])
        progress.plan.add(gpu=0, text="MIG on")
        yield progress.SerializeToString()

    def reboot(_, context):
        waits.append(context.time_remaining())
        context.abort(grpc.StatusCode.INTERNAL, "'reboot' has not ended in 60 s and was killed")

    stand_in(a_state(), ApplyMig=grpc.unary_stream_rpc_method_handler(apply),
             Reboot=grpc.unary_unary_rpc_method_handler(reboot))
    gateway("--mig", "--mig-reboot", labels={LABEL: "all-1g.5gb"})
    wait_state(api, "failed", "has not ended in 60 s")
    assert waits and all(wait is None or wait > 60 for wait in waits)


def test_no_reboot_that_cannot_be_announced(cut, api, node):
    node.emulator("mig-pending", 3, "reboot")
    command = host(node, f"echo x >> {node.folder}/reboots")
    api.forbid("patch", "nodes")
    run, other = cut("--mig-reboot", labels={LABEL: "all-1g.5gb"}, carved_arguments=command)
    run.wait_log("MIG change left undone")
    other.wait_log("MIG layout 'all-1g.5gb'")
    wait_for(lambda: "event=MigChangeFailed" in other.log(), other.log)
    assert not (node.folder / "reboots").exists()


@pytest.mark.parametrize("node", ["p5.48xlarge"], indirect=True)
def test_boards_without_resets(cut, api, node, kubelet):
    """Hopper and later change the mode at once."""
    cut(labels={LABEL: "all-1g.10gb"})
    wait_devices(kubelet, {"nvidia.com/mig-1g.10gb": 56})
    wait_state(api, "success")
    assert all(c["resets"] == 0 for c in all_calls(node))
