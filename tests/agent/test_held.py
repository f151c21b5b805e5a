# SPDX-License-Identifier: Apache-2.0
"""Slices that containers hold when the configuration drops them: they stay, unhealthy, until they
are released, through restarts of carved and of the kubelet; and what is configured is never away in
between."""
import os
import time

import grpc
import pytest

from conftest import time_slicing, wait_devices, wait_for

GPU = "nvidia.com/gpu"
SHARED = GPU + ".shared"


def hold(pods, *ids, resource=GPU, pod="train-0"):
    pods.held.append(("default", pod, "main", resource, list(ids)))


def health(kubelet, resource=GPU):
    """{id: health} as the kubelet has it."""
    return {i: d.health for i, d in dict(kubelet.devices.get(resource, {})).items()}


def wait_unhealthy(kubelet, ids, resource=GPU, seconds=60):
    """Until exactly these slices are listed as unhealthy."""
    wait_for(lambda: sorted(i for i, h in health(kubelet, resource).items() if h == "Unhealthy")
             == sorted(ids), lambda: f"{ids}: {health(kubelet, resource)}", seconds)


def restarted(run, kubelet, how="end"):
    getattr(run, how)()
    wait_for(lambda: not kubelet.devices, "the end of the streams")
    kubelet.lists.clear()
    run.start()


def uuids(kubelet):
    return sorted({i.split("::")[0] for i in kubelet.ids()})


def test_held_replicas_stay_until_they_are_released(carved, kubelet, pods):
    run = carved(time_slicing(4))
    wait_devices(kubelet, {GPU: 32})
    first, second = uuids(kubelet)[:2]
    hold(pods, f"{first}::0", f"{first}::3")
    hold(pods, f"{second}::2", pod="train-1")
    run.configure(time_slicing(2))
    wait_devices(kubelet, {GPU: 16})
    wait_unhealthy(kubelet, [f"{first}::3", f"{second}::2"])
    resource, = run.state().resources
    assert (resource.slices, resource.healthy) == (16, 16)
    assert any("2 slices are" in note and GPU in note for note in run.state().notes)
    with pytest.raises(grpc.RpcError, match="not configured any more"):
        kubelet.plugins[GPU].allocate([f"{first}::3"])
    kubelet.plugins[GPU].allocate([f"{first}::1"])
    pods.held.pop()
    wait_unhealthy(kubelet, [f"{first}::3"])
    pods.held.clear()
    wait_unhealthy(kubelet, [])
    assert kubelet.healthy() == {GPU: 16} and not run.state().notes
    assert not kubelet.lost and len(kubelet.registrations) == 1
    assert min(h for _, _, h in kubelet.lists) == 16  # never less than what is configured


def test_a_slice_that_comes_back(carved, kubelet, pods):
    run = carved(time_slicing(4))
    wait_devices(kubelet, {GPU: 32})
    gpu = uuids(kubelet)[0]
    hold(pods, f"{gpu}::3")
    run.configure(time_slicing(2))
    wait_unhealthy(kubelet, [f"{gpu}::3"])
    run.configure(time_slicing(4))
    wait_unhealthy(kubelet, [])
    assert kubelet.healthy() == {GPU: 32}


def test_a_resource_that_is_dropped_stays_with_what_is_held(carved, kubelet, pods):
    run = carved(time_slicing(4))
    wait_devices(kubelet, {GPU: 32})
    gpu = uuids(kubelet)[0]
    hold(pods, f"{gpu}::1", f"{gpu}::2")
    run.configure(time_slicing(4, renameByDefault=True))
    wait_devices(kubelet, {SHARED: 32, GPU: 0})
    wait_for(lambda: health(kubelet) == dict.fromkeys([f"{gpu}::1", f"{gpu}::2"], "Unhealthy"),
             "the held slices alone")
    assert [r.name for r in run.state().resources] == [SHARED]
    assert kubelet.lost == []
    pods.held.clear()
    wait_devices(kubelet, {SHARED: 32})
    assert kubelet.lost == [GPU]
    wait_for(lambda: not (kubelet.folder / "nvidia-gpu.sock").exists(), "the end of the plugin")


@pytest.mark.parametrize("before, after", [(1, 4), (4, 1), (1, 1)])
def test_a_device_that_is_held_whole_is_nobody_elses(carved, kubelet, pods, before, after):
    """Time-slicing that begins or ends, and a whole GPU under another name."""
    run = carved(time_slicing(before) if before > 1 else None)
    run.arguments += [] if before > 1 else ["--config-file", run.config]
    wait_devices(kubelet, {GPU: 8 * before})
    first, second = uuids(kubelet)[:2]
    hold(pods, *(f"{gpu}::2" if before > 1 else gpu for gpu in (first, second)))
    if before == 1:
        run.configure("version: v1\n")
        restarted(run, kubelet)
        wait_devices(kubelet, {GPU: 8})
    renamed = after == before
    name = SHARED if renamed else GPU
    run.configure({"version": "v1", "carve": {"honor": ["resources"]}, "resources": {"gpus": [
        {"pattern": "*", "name": SHARED}]}} if renamed else
        time_slicing(after) if after > 1 else "version: v1\n")
    wait_for(lambda: kubelet.healthy().get(name) == 6 * after, lambda: kubelet.healthy())
    healthy = {i.split("::")[0] for i, h in health(kubelet, name).items() if h == "Healthy"}
    assert first not in healthy and second not in healthy and len(healthy) == 6
    assert any("wait until the containers" in note for note in run.state().notes)
    free = sorted(healthy)[0]
    kubelet.plugins[name].allocate([free if after == 1 else f"{free}::0"])
    held = f"{first}::1" if after > 1 else first
    with pytest.raises(grpc.RpcError, match="unhealthy|not configured any more"):
        kubelet.plugins[name].allocate([held])
    pods.held.clear()
    wait_devices(kubelet, {name: 8 * after})
    assert not run.state().notes


@pytest.mark.parametrize("how", ["end", "kill"])
def test_carved_restarted_in_between(carved, kubelet, pods, how):
    run = carved(time_slicing(4))
    wait_devices(kubelet, {GPU: 32})
    gpu = uuids(kubelet)[0]
    hold(pods, f"{gpu}::3")
    run.configure(time_slicing(2))
    wait_unhealthy(kubelet, [f"{gpu}::3"])
    restarted(run, kubelet, how)
    wait_devices(kubelet, {GPU: 16})
    wait_unhealthy(kubelet, [f"{gpu}::3"])
    assert {n for _, n, _ in kubelet.lists} == {17}  # from the first list on
    restarted(run, kubelet, how)
    run.configure(time_slicing(4, renameByDefault=True))
    wait_devices(kubelet, {SHARED: 32, GPU: 0})
    restarted(run, kubelet, how)
    wait_devices(kubelet, {SHARED: 32, GPU: 0})
    assert health(kubelet) == {f"{gpu}::3": "Unhealthy"}
    pods.held.clear()
    wait_devices(kubelet, {SHARED: 32})


def test_the_kubelet_restarted_in_between(carved, kubelet, pods):
    run = carved(time_slicing(4))
    wait_devices(kubelet, {GPU: 32})
    gpu = uuids(kubelet)[0]
    hold(pods, f"{gpu}::3")
    run.configure(time_slicing(2))
    wait_unhealthy(kubelet, [f"{gpu}::3"])
    pods.knows_pods = False  # as long as it has not heard from the API server
    held, pods.held = pods.held, []
    kubelet.restart()
    wait_devices(kubelet, {GPU: 16})
    told = pods.told
    wait_for(lambda: pods.told >= told + 3, "some questions")
    wait_unhealthy(kubelet, [f"{gpu}::3"])
    assert {(n, h) for _, n, h in kubelet.lists} == {(17, 16)}  # the full list at once
    pods.knows_pods, pods.held = True, held
    told = pods.told
    wait_for(lambda: pods.told >= told + 2, "some questions")
    wait_unhealthy(kubelet, [f"{gpu}::3"])
    pods.held = []
    wait_unhealthy(kubelet, [])


def test_an_old_kubelet_without_pods_is_believed(carved, kubelet, pods):
    pods.knows_pods = False
    kubelet.start()
    os.utime(kubelet.socket, (time.time() - 60,) * 2)
    run = carved(time_slicing(4))
    wait_devices(kubelet, {GPU: 32})
    run.configure(time_slicing(2))
    wait_devices(kubelet, {GPU: 16})
    wait_unhealthy(kubelet, [])


def test_a_kubelet_that_comes_later(carved, kubelet, pods):
    """As after a reboot of the node, with another configuration than before."""
    gpu = "GPU-of-another-node"
    hold(pods, f"{gpu}::3")
    run = carved(time_slicing(2), with_kubelet=False)
    run.wait_log("resource offered")
    gpu = run.state().inventory.gpus[0].uuid
    hold(pods, f"{gpu}::7")
    hold(pods, f"{gpu}::8", resource="example.com/gpu")  # another plugin's
    kubelet.start()
    wait_devices(kubelet, {GPU: 16})
    wait_unhealthy(kubelet, [f"{gpu}::7"])
    assert list(kubelet.devices) == [GPU] and "example.com" not in run.log()


def test_a_kubelet_that_does_not_answer_delays_nothing_for_long(carved, kubelet, pods):
    pods.hangs.set()
    run = carved(time_slicing(4))
    wait_devices(kubelet, {GPU: 32})
    assert "does not tell who holds the slices" in run.log()
    gpu = uuids(kubelet)[0]
    run.configure(time_slicing(2))
    wait_devices(kubelet, {GPU: 16})
    assert len(health(kubelet)) == 32  # nobody knows whether they are held
    hold(pods, f"{gpu}::3")
    pods.hangs.clear()
    pods.may_go.set()
    wait_unhealthy(kubelet, [f"{gpu}::3"])


def test_a_kubelet_that_fails_is_asked_again(carved, kubelet, pods):
    run = carved(time_slicing(4))
    wait_devices(kubelet, {GPU: 32})
    gpu = uuids(kubelet)[0]
    hold(pods, f"{gpu}::3")
    pods.broken = True
    run.configure(time_slicing(2))
    wait_devices(kubelet, {GPU: 16})
    assert len(health(kubelet)) == 32
    pods.broken = False
    wait_unhealthy(kubelet, [f"{gpu}::3"])


def test_where_nobody_can_be_asked_nothing_waits_for_ever(carved, kubelet):
    run = carved(time_slicing(4))
    wait_devices(kubelet, {GPU: 32})
    run.configure(time_slicing(2))
    wait_devices(kubelet, {GPU: 16})
    wait_unhealthy(kubelet, [])
    run.wait_log("who holds the slices is not known")
    run.configure(time_slicing(4, renameByDefault=True))
    wait_devices(kubelet, {SHARED: 32})


def test_a_layout_change_elsewhere(carved, kubelet, pods, node):
    """Strategy `single`: with MIG on one GPU the whole ones are offered no more."""
    run = carved({"version": "v1", "flags": {"migStrategy": "single"}})
    wait_devices(kubelet, {GPU: 8})
    whole = kubelet.ids()
    first, last = (run.state().inventory.gpus[n].uuid for n in (0, 7))
    assert first in whole and last in whole
    hold(pods, last)
    node.layout(0, 19, 19)
    wait_devices(kubelet, {GPU: 2})
    wait_unhealthy(kubelet, [last])
    pods.held.clear()
    wait_unhealthy(kubelet, [])
    assert kubelet.healthy() == {GPU: 2}


def test_a_device_that_is_gone_does_not_stay(carved, kubelet, pods, node):
    node.layout(0, 19, 19)
    carved({"version": "v1", "flags": {"migStrategy": "mixed"}})
    wait_devices(kubelet, {GPU: 7, "nvidia.com/mig-1g.5gb": 2})
    hold(pods, *kubelet.ids("nvidia.com/mig-1g.5gb"), resource="nvidia.com/mig-1g.5gb")
    node.layout(0, "off")
    wait_devices(kubelet, {GPU: 8})


def test_a_slice_given_away_just_before_the_change(carved, kubelet, pods):
    """The kubelet lists it a moment later."""
    run = carved(time_slicing(4))
    wait_devices(kubelet, {GPU: 32})
    gpu = uuids(kubelet)[0]
    kubelet.plugins[GPU].allocate([f"{gpu}::3"])
    told = pods.told
    run.configure(time_slicing(2))
    wait_devices(kubelet, {GPU: 16})
    assert pods.told == told  # not asked yet
    hold(pods, f"{gpu}::3")
    wait_for(lambda: pods.told > told, "the question")
    wait_unhealthy(kubelet, [f"{gpu}::3"])


def test_it_is_not_asked_while_nothing_is_leaving(carved, kubelet, pods):
    run = carved(time_slicing(4))
    wait_devices(kubelet, {GPU: 32})
    hold(pods, *kubelet.ids()[:4])
    run.configure(time_slicing(2))
    wait_devices(kubelet, {GPU: 16})
    wait_for(lambda: len(health(kubelet)) > 16, "what is held")
    run.configure(time_slicing(4))
    wait_devices(kubelet, {GPU: 32})
    run.configure(time_slicing(5))
    wait_devices(kubelet, {GPU: 40})
    told = pods.told
    wait_for(lambda: run.log().count("hardware") or run.state(), "some time")
    assert pods.told <= told + 1


def test_stopped_while_the_kubelet_is_asked(carved, kubelet, pods):
    pods.hangs.set()
    run = carved(time_slicing(4))
    wait_for(lambda: pods.asked, "the question")
    run.end()
    pods.may_go.set()
