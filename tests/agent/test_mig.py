# SPDX-License-Identifier: Apache-2.0
"""MIG strategies on layouts that somebody else makes while carved runs."""
from conftest import time_slicing, wait_devices, wait_for

GPU = "nvidia.com/gpu"
SEVENTH = [19] * 7
BALANCED = [9, 14, 19, 19]


def strategy(name):
    return {"version": "v1", "flags": {"migStrategy": name}}


def test_single_follows_a_new_layout(carved, kubelet, node):
    carved(strategy("single"))
    wait_devices(kubelet, {GPU: 8})
    for gpu in range(8):
        node.layout(gpu, *SEVENTH)
    wait_devices(kubelet, {GPU: 56})
    assert all(i.startswith("MIG-") for i in kubelet.ids())
    assert len(kubelet.registrations) == 1


def test_mixed_has_a_resource_a_profile(carved, kubelet, node):
    for gpu in range(8):
        node.layout(gpu, *BALANCED)
    run = carved(strategy("mixed"))
    wait_devices(kubelet, {"nvidia.com/mig-1g.5gb": 16, "nvidia.com/mig-2g.10gb": 8,
                           "nvidia.com/mig-3g.20gb": 8})
    assert (kubelet.folder / "nvidia-mig-1g.5gb.sock").exists()
    for gpu in range(8):
        node.layout(gpu, *SEVENTH)
    wait_devices(kubelet, {"nvidia.com/mig-1g.5gb": 56})
    wait_for(lambda: not (kubelet.folder / "nvidia-mig-2g.10gb.sock").exists(), "the plugin's end")
    node.layout(0, "off")
    wait_devices(kubelet, {"nvidia.com/mig-1g.5gb": 49, GPU: 1})
    assert run.process.poll() is None


def test_single_with_a_layout_that_the_original_dies_of(carved, kubelet, node):
    node.layout(0, *BALANCED)
    node.layout(1, *SEVENTH)
    run = carved(strategy("single"))
    wait_devices(kubelet, {GPU: 9})
    notes = run.state().notes
    assert any("2g.10gb" in n for n in notes) and any("3g.20gb" in n for n in notes)
    assert "not offered" in run.log()


def test_none_leaves_gpus_with_mig_out(carved, kubelet, node):
    node.layout(2, *SEVENTH)
    run = carved(strategy("none"))
    wait_devices(kubelet, {GPU: 7})
    assert run.state().notes


def test_replicas_of_mig_devices(carved, kubelet, node):
    node.layout(0, *BALANCED)
    carved(dict(time_slicing(3, "nvidia.com/mig-1g.5gb"), **strategy("mixed")))
    wait_devices(kubelet, {GPU: 7, "nvidia.com/mig-1g.5gb": 6, "nvidia.com/mig-2g.10gb": 1,
                           "nvidia.com/mig-3g.20gb": 1})


def test_hardware_that_becomes_too_much_takes_no_slices_away(carved, kubelet, node):
    """The list of all devices would be longer than the kubelet's 4 MiB."""
    node.layout(0, *SEVENTH)
    run = carved(dict(time_slicing(8000, "nvidia.com/mig-1g.5gb"), **strategy("mixed")))
    wait_devices(kubelet, {GPU: 7, "nvidia.com/mig-1g.5gb": 56000})
    node.layout(1, 19, 19)
    run.wait_log("keeping the slices of before")
    wait_devices(kubelet, {GPU: 6, "nvidia.com/mig-1g.5gb": 56000})
    assert len(kubelet.ids()) == 7 and "72000" not in str(kubelet.healthy())
    assert "at most" in run.state().config.error
    node.layout(0, *[19] * 6)
    wait_devices(kubelet, {GPU: 6, "nvidia.com/mig-1g.5gb": 64000})
    assert not run.state().config.error


def test_a_configuration_that_the_hardware_refused_is_tried_again(carved, kubelet, node):
    node.layout(0, *SEVENTH)
    node.layout(1, 19, 19)
    run = carved(dict(time_slicing(2, "nvidia.com/mig-1g.5gb"), **strategy("mixed")))
    wait_devices(kubelet, {GPU: 6, "nvidia.com/mig-1g.5gb": 18})
    run.configure(dict(time_slicing(8000, "nvidia.com/mig-1g.5gb"), **strategy("mixed")))
    run.wait_log("the last good one stays in force")
    node.layout(1, "off")
    wait_devices(kubelet, {GPU: 7, "nvidia.com/mig-1g.5gb": 56000})
    assert not run.state().config.error and not run.state().config.last_good


def test_the_cdi_file_is_there_before_the_device(carved, kubelet, node):
    run = carved({"version": "v1", "flags": {
        "migStrategy": "mixed", "plugin": {"deviceListStrategy": ["cdi-cri"]}}})
    wait_devices(kubelet, {GPU: 8})
    assert len(run.cdi()["devices"]) == 8
    for round_ in (SEVENTH, BALANCED):
        for gpu in range(8):
            node.layout(gpu, *round_)
        count = 8 * len(round_)
        wait_for(lambda: sum(kubelet.healthy().values()) == count, "the devices")
        named = {d["name"] for d in run.cdi()["devices"]}
        advertised = {i for devices in kubelet.devices.values() for i in devices}
        assert advertised <= named and len(named) == 8 + count


def test_what_vanishes_and_comes_back_at_once_is_not_registered_again(carved, kubelet):
    run = carved(time_slicing(2))
    wait_devices(kubelet, {"nvidia.com/gpu": 16})
    run.configure(time_slicing(2, renameByDefault=True))
    wait_for(lambda: kubelet.healthy().get("nvidia.com/gpu.shared") == 16, "the renamed slices")
    assert (kubelet.folder / "nvidia-gpu.sock").exists(), "closed too soon for the kubelet to follow"
    run.configure(time_slicing(2))
    wait_for(lambda: kubelet.healthy().get("nvidia.com/gpu") == 16, "the slices under their old name")
    # The other's plugin is closed in its own time; this one was never closed.
    wait_devices(kubelet, {"nvidia.com/gpu": 16})
    assert [name for name, _ in kubelet.registrations].count("nvidia.com/gpu") == 1
