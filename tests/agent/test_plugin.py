# SPDX-License-Identifier: Apache-2.0
"""carved as the kubelet sees it: registration, device lists, restarts on either side."""
import os
import signal
import subprocess

import grpc
import pytest

from conftest import BUILD, time_slicing, wait_devices, wait_for
from kubelet import DP, Kubelet, Plugin

GPU = "nvidia.com/gpu"
ONLY_NOTICES = ["--rescan-interval", "0"]  # nothing is looked at unless something happens


def test_registers_whole_gpus(carved, kubelet):
    carved()
    wait_devices(kubelet, {GPU: 8})
    assert kubelet.registrations == [(GPU, "nvidia-gpu.sock")]
    assert all(len(d.topology.nodes) == 1 for d in kubelet.devices[GPU].values())
    numa = sorted(d.topology.nodes[0].ID for d in kubelet.devices[GPU].values())
    assert numa == [0] * 4 + [1] * 4


def test_560_devices(carved, kubelet):
    carved(time_slicing(70))
    wait_devices(kubelet, {GPU: 560})
    gpus = {i.split("::")[0] for i in kubelet.ids()}
    assert len(gpus) == 8
    assert kubelet.ids() == sorted(f"{g}::{n}" for g in gpus for n in range(70))


def test_the_same_ids_in_the_same_order_after_a_restart(carved, kubelet):
    run = carved(time_slicing(4))
    wait_devices(kubelet, {GPU: 32})
    before = list(kubelet.devices[GPU])
    run.end()
    wait_for(lambda: kubelet.lost, "the end of the stream")
    run.start()
    wait_devices(kubelet, {GPU: 32})
    assert list(kubelet.devices[GPU]) == before


def test_comes_back_after_being_killed(carved, kubelet):
    run = carved()
    wait_devices(kubelet, {GPU: 8})
    run.kill()
    assert (kubelet.folder / "nvidia-gpu.sock").exists()
    run.start()
    wait_for(lambda: len(kubelet.registrations) == 2, "the second registration")
    wait_devices(kubelet, {GPU: 8})


def test_leaves_no_socket_behind(carved, kubelet):
    run = carved()
    wait_devices(kubelet, {GPU: 8})
    run.end()
    assert not (kubelet.folder / "nvidia-gpu.sock").exists()


def test_registers_again_with_a_new_kubelet(carved, kubelet):
    carved(arguments=ONLY_NOTICES)
    wait_devices(kubelet, {GPU: 8})
    for _ in range(3):
        kubelet.restart()
        wait_devices(kubelet, {GPU: 8})
        assert kubelet.registrations == [(GPU, "nvidia-gpu.sock")]


def test_listens_again_where_its_socket_was_removed(carved, kubelet):
    carved(arguments=ONLY_NOTICES)
    wait_devices(kubelet, {GPU: 8})
    (kubelet.folder / "nvidia-gpu.sock").unlink()
    wait_for(lambda: len(kubelet.registrations) == 2, "the second registration")
    wait_devices(kubelet, {GPU: 8})


def test_waits_for_a_kubelet(carved, kubelet):
    kubelet.folder.mkdir()
    run = carved(arguments=ONLY_NOTICES, with_kubelet=False)
    run.wait_log("no kubelet at")
    kubelet.start()
    wait_devices(kubelet, {GPU: 8}, seconds=6)


def test_waits_for_the_folder_while_it_serves(carved, kubelet):
    run = carved(arguments=ONLY_NOTICES, with_kubelet=False)
    run.wait_log("resource not registered")
    assert not kubelet.folder.exists()
    kubelet.folder.mkdir()
    wait_for((kubelet.folder / "nvidia-gpu.sock").exists, "the plugin's socket")
    kubelet.start()
    wait_devices(kubelet, {GPU: 8})


def test_a_kubelet_that_refuses_is_asked_again(carved, kubelet):
    kubelet.start()
    kubelet.refuse = "not now"
    run = carved(arguments=ONLY_NOTICES)
    wait_for(lambda: kubelet.asked == 3, "three calls")
    kubelet.refuse = None
    wait_devices(kubelet, {GPU: 8})
    assert run.log().count("not now") == 1


def test_another_kubelet_at_the_same_place(carved, kubelet):
    carved(arguments=ONLY_NOTICES)
    wait_devices(kubelet, {GPU: 8})
    kubelet.socket.unlink()
    other = Kubelet(kubelet.folder)
    other.listen()
    try:
        wait_devices(other, {GPU: 8})
    finally:
        other.stop()


def test_registers_again_when_the_kubelet_stops_reading(carved, kubelet):
    carved(arguments=ONLY_NOTICES)
    wait_devices(kubelet, {GPU: 8})
    kubelet.plugins[GPU].close()
    wait_for(lambda: len(kubelet.registrations) == 2, "the second registration")
    wait_devices(kubelet, {GPU: 8})


def test_registered_is_told(carved, kubelet):
    kubelet.folder.mkdir()
    run = carved(with_kubelet=False)
    run.wait_log("no kubelet at")
    resource, = run.state().resources
    assert (resource.name, resource.slices, resource.healthy) == (GPU, 8, 8)
    assert not resource.registered
    kubelet.start()
    wait_for(lambda: run.state().resources[0].registered, "registered")
    kubelet.stop()
    wait_for(lambda: not run.state().resources[0].registered, "not registered any more")


def test_serves_without_registering(carved, node, kubelet):
    run = carved(arguments=["--kubelet-socket", ""], with_kubelet=False)
    path = run.socket.parent / "nvidia-gpu.sock"
    wait_for(path.exists, "the plugin's socket")
    plugin = Plugin(path)
    assert len(plugin.allocate([plugin_ids(plugin)[0]])) == 1
    plugin.close()
    assert not kubelet.folder.exists()


def plugin_ids(plugin):
    return [d.ID for d in DP.ListAndWatchResponse.FromString(next(plugin.watch())).devices]


def test_a_lost_gpu_becomes_unhealthy_with_all_its_replicas_and_comes_back(carved, kubelet, node):
    carved(time_slicing(10))
    wait_devices(kubelet, {GPU: 80})
    node.emulator("lose", 3)
    wait_devices(kubelet, {GPU: 70})
    assert len(kubelet.ids()) == 80
    node.emulator("find", 3)
    wait_devices(kubelet, {GPU: 80})
    assert len(kubelet.registrations) == 1


def test_pre_start_is_answered(carved, kubelet):
    carved()
    wait_devices(kubelet, {GPU: 8})
    channel = kubelet.plugins[GPU].channel
    assert channel.unary_unary("/v1beta1.DevicePlugin/PreStartContainer")(b"", timeout=5) == b""


def test_a_second_carved_on_the_socket_is_refused(carved, kubelet):
    run = carved()
    wait_devices(kubelet, {GPU: 8})
    second = subprocess.run([BUILD / "src/agent/carved", *map(str, run.arguments)],
                            env=run.environment, capture_output=True, text=True, timeout=20)
    assert second.returncode == 1
    assert f"another carved serves '{run.socket}'" in second.stderr
    assert len(kubelet.registrations) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stops_when_told(carved, kubelet, number):
    run = carved()
    wait_devices(kubelet, {GPU: 8})
    run.signal(number)
    assert run.process.wait(10) == 0


def test_many_clients_read_and_leave(carved, kubelet):
    carved(time_slicing(10))
    wait_devices(kubelet, {GPU: 80})
    for _ in range(20):
        plugin = Plugin(kubelet.folder / "nvidia-gpu.sock")
        assert len(plugin_ids(plugin)) == 80
        plugin.close()
    assert len(kubelet.registrations) == 1
    with pytest.raises(grpc.RpcError):
        kubelet.plugins[GPU].allocate([])
    assert os.path.exists(kubelet.folder / "nvidia-gpu.sock")
