# SPDX-License-Identifier: Apache-2.0
"""Reboot of carve.v1.Node: a command in the host's mounts, never beside a MIG change."""
import os
import signal
import subprocess

import grpc
import pytest

from conftest import NODE, wait_devices, wait_for

GPU = "nvidia.com/gpu"


def host_is(node, process="self"):
    """PID 1 of the emulated machine has the mounts of this process."""
    (node.folder / "proc/1").symlink_to(f"/proc/{process}")


def command(node, script):
    path = node.folder / "reboot"
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def reboot(run, why="MIG mode of GPU 0 is pending"):
    run.ask("Reboot", NODE.RebootRequest(why=why))


def refusal(run, **more):
    with pytest.raises(grpc.RpcError) as told:
        reboot(run, **more)
    return told.value.code().name, told.value.details()


def test_without_a_command_it_is_refused(carved, kubelet):
    run = carved()
    wait_devices(kubelet, {GPU: 8})
    code, words = refusal(run)
    assert code == "PERMISSION_DENIED" and "--reboot-command" in words


def test_it_runs_the_command_and_says_who_asked(carved, kubelet, node):
    host_is(node)
    done = node.folder / "done"
    run = carved(arguments=["--reboot-command",
                            f"{command(node, f'echo $# $1 $2 > {done}.new; mv {done}.new {done}')} "
                            "now  please"])
    wait_devices(kubelet, {GPU: 8})
    reboot(run, "two\nlines")
    assert done.read_text() == "2 now please\n"
    assert f'why="two?lines" user={os.getuid()} pid={os.getpid()}' in run.log()
    reboot(run)  # the last one is over
    code, words = refusal(run, why="")
    assert code == "INVALID_ARGUMENT" and "reason" in words
    assert refusal(run, why="w" * 513)[0] == "INVALID_ARGUMENT"


def test_the_command_runs_in_the_hosts_mounts(carved, kubelet, node):
    seen = node.folder / "seen"
    seen.mkdir()
    with subprocess.Popen(["unshare", "--mount", "--propagation", "private", "sh", "-c",
                           f"mount -t tmpfs none {seen} && touch {seen}/host && echo ready && "
                           "read line"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as host:
        assert host.stdout.readline() == b"ready\n"
        host_is(node, host.pid)
        run = carved(arguments=["--reboot-command", command(node, f"test -e {seen}/host")])
        wait_devices(kubelet, {GPU: 8})
        reboot(run)
        assert not (seen / "host").exists()
        host.communicate(b"\n")


@pytest.mark.parametrize("script, code, words", [
    ("exit 3", "INTERNAL", "ended with 3"),
    ("kill -9 $$", "INTERNAL", "signal 9"),
    ("exit 125", "PERMISSION_DENIED", "hostPID"),
])
def test_a_command_that_fails(carved, kubelet, node, script, code, words):
    host_is(node)
    run = carved(arguments=["--reboot-command", command(node, script)])
    wait_devices(kubelet, {GPU: 8})
    told = refusal(run)
    assert words in told[1] and told[0] == code, told
    assert "node does not reboot" in run.log()


def test_a_command_that_is_not_there(carved, kubelet, node):
    host_is(node)
    run = carved(arguments=["--reboot-command", node.folder / "none"])
    wait_devices(kubelet, {GPU: 8})
    assert "cannot be run on the host" in refusal(run)[1]


def test_a_host_that_cannot_be_seen(carved, kubelet, node):
    run = carved(arguments=["--reboot-command", command(node, "true")])
    wait_devices(kubelet, {GPU: 8})
    assert "hostPID" in refusal(run)[1]


def begin(run, method, request, stream=False):
    channel = grpc.insecure_channel(f"unix:{run.socket}")
    if stream:
        return channel, channel.unary_stream(f"/carve.v1.Node/{method}")(
            request.SerializeToString(), timeout=60)
    return channel, channel.unary_unary(f"/carve.v1.Node/{method}").future(
        request.SerializeToString(), timeout=60)


def test_one_at_a_time_and_never_beside_a_mig_change(carved, kubelet, node, pods):
    assert pods.held == []
    host_is(node)
    pipe = node.folder / "go"
    os.mkfifo(pipe)
    run = carved(arguments=["--reboot-command", command(node, f"read line < {pipe}")])
    wait_devices(kubelet, {GPU: 8})
    channel, first = begin(run, "Reboot", NODE.RebootRequest(why="first"))
    run.wait_log('why="first"')
    assert "already" in refusal(run)[1]
    change = NODE.ApplyMigRequest(config="all-1g.5gb")
    other, answers = begin(run, "ApplyMig", change, stream=True)
    with pytest.raises(grpc.RpcError, match="the node is being rebooted"):
        next(answers)
    pipe.write_text("\n", encoding="utf-8")
    first.result()
    channel.close()
    other.close()

    node.emulator("delay", "nvmlDeviceSetMigMode", 300)
    channel, answers = begin(run, "ApplyMig", change, stream=True)
    next(answers)
    assert "while a MIG layout is being changed" in refusal(run)[1]
    node.emulator("delay", "nvmlDeviceSetMigMode", 0)
    assert NODE.MigProgress.FromString(list(answers)[-1]).finished
    channel.close()


def test_stopped_while_the_command_runs(carved, kubelet, node):
    """As by the reboot itself: the command goes on."""
    host_is(node)
    pipe, done = node.folder / "go", node.folder / "done"
    os.mkfifo(pipe)
    run = carved(arguments=["--reboot-command",
                            command(node, f"trap '' TERM; read line < {pipe}; touch {done}")])
    wait_devices(kubelet, {GPU: 8})
    channel, first = begin(run, "Reboot", NODE.RebootRequest(why="first"))
    run.wait_log('why="first"')
    run.signal(signal.SIGTERM)
    assert "being stopped" in first.exception().details()
    assert run.process.wait(20) == 0
    pipe.write_text("\n", encoding="utf-8")
    wait_for(done.exists, "the end of the command")
    channel.close()
