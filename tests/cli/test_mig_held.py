# SPDX-License-Identifier: Apache-2.0
"""`carve mig apply` where containers and processes hold slices: what would take them away is refused, by name."""
import os
import threading

from conftest import GPU, calls, everything, mig_file, mixed, sizes, wait_for


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
