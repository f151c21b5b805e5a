# SPDX-License-Identifier: Apache-2.0
"""`carve ps`: who holds what."""
import json
import os

from conftest import fixtures, mixed, wait_for


def test_nobody(carved, carve, pods):
    carved(mixed(), with_kubelet=False)
    assert carve("ps") == "no holders\n"
    assert carve.json("ps") == {"carved": True, "holders": [], "error": None, "slices": [], "outside": []}


def test_containers_by_slice(carved, carve, pods):
    run = carved(fixtures.time_slicing(10), with_kubelet=False)
    carve("mig", "apply", "-f", "-", stdin="""
version: v1
mig-configs:
  two: [{devices: [0], mig-enabled: true, mig-devices: {3g.20gb: 2}}]
""")
    gpus = run.state().inventory.gpus
    device = gpus[0].instances[1].computes[0].uuid
    pods.held = [
        ("default", "infer-0", "srv", "nvidia.com/gpu.shared", [f"{gpus[1].uuid}::4"]),
        ("prod", "train-0", "main", "nvidia.com/mig-3g.20gb", [device]),
        ("prod", "other", "main", "example.com/nic", ["eth0"])]
    holders = carve.json("ps")["holders"]
    assert [(h["pod"], h["gpu"], h["profile"], h["device"]) for h in holders] == [
        ("infer-0", 1, None, gpus[1].uuid), ("train-0", 0, "3g.20gb", device)]
    assert holders[0]["slice"] == f"{gpus[1].uuid}::4" and holders[0]["namespace"] == "default"
    row = [line.split() for line in carve("ps").splitlines() if "train-0" in line][0]
    assert row == ["prod", "train-0", "main", "nvidia.com/mig-3g.20gb", device, "0", "3g.20gb", "-"]


def test_processes_outside_containers(carved, carve, node, pods):
    run = carved(mixed(), with_kubelet=False)
    node.emulator("process", "add", 4, os.getpid(), "--memory", "1Gi")
    wait_for(lambda: run.state().inventory.gpus[4].processes, "the process")
    holder = carve.json("ps")["holders"][0]
    assert (holder["pod"], holder["gpu"], holder["pids"]) == (None, 4, [os.getpid()])
    assert f"{os.getpid()} (" in carve("ps")


def test_processes_of_the_only_container_on_a_device(carved, carve, node, pods):
    run = carved(mixed(), with_kubelet=False)
    uuid = run.state().inventory.gpus[4].uuid
    proc = node.folder / "proc/77777"
    proc.mkdir()
    (proc / "comm").write_text("python3\n", encoding="utf-8")
    (proc / "cgroup").write_text("0::/kubepods.slice/pod1/cri-1.scope\n", encoding="utf-8")
    node.emulator("process", "add", 4, 77777)
    pods.held = [("a", "b", "c", "nvidia.com/gpu", [uuid])]
    wait_for(lambda: run.state().inventory.gpus[4].processes, "the process")
    holders = carve.json("ps")["holders"]
    assert len(holders) == 1 and holders[0]["processes"] == "77777 (python3)"
    # Whose it is, is not known once there are two.
    pods.held.append(("a", "d", "c", "nvidia.com/gpu", [uuid]))
    assert [h["processes"] for h in carve.json("ps")["holders"]] == [None, None]


def test_a_kubelet_that_does_not_answer(carved, carve, pods):
    carved(mixed(), with_kubelet=False)
    pods.broken = True
    assert carve("ps", code=1) == "no holders\n"
    assert "checkpoint is broken" in carve.stderr
    assert "checkpoint is broken" in carve.json("ps", code=1)["error"]


def test_hardware_that_changes_during_the_question(carved, carve, node, pods):
    """A slice that is gone when the kubelet's answer ends is held by nobody, and the others are
    where they are then."""
    run = carved(mixed(), with_kubelet=False)
    carve("mig", "apply", "-c", "all-1g.5gb")
    gpus = run.state().inventory.gpus
    pods.held = [("a", "gone", "c", "r", [gpus[0].instances[6].computes[0].uuid]),
                 ("a", "stays", "c", "r", [gpus[1].instances[6].computes[0].uuid])]
    pods.may_end.clear()
    asked = carve.start("ps", "-o", "json")
    wait_for(lambda: pods.told, "the answer's message")
    node.layout(0, "off")
    wait_for(lambda: not run.state().inventory.gpus[0].instances, "the change")
    pods.may_end.set()
    out, _ = asked.communicate(timeout=60)
    holders = json.loads(out)["holders"]
    assert [(h["pod"], h["device"]) for h in holders] == [
        ("stays", gpus[1].instances[6].computes[0].uuid)]


def test_without_carved(carve, node):
    """What `carve run` made needs no daemon, and who is in no slice is told too."""
    node.emulator("process", "add", 4, os.getpid(), "--memory", "1Gi")
    assert "(outside)" in carve("ps") and f"{os.getpid()} (" in carve("ps")
    told = carve.json("ps")
    assert not told["carved"] and told["holders"] == [] and carve.stderr == ""
    (outside,) = told["outside"]
    assert (outside["gpu"], outside["pid"], outside["driver_bytes"]) == (4, os.getpid(), 1 << 30)


def test_without_carved_and_driver(carve, node):
    node.hide_driver()
    assert carve("ps") == "no holders\n"
    assert "the driver does not answer" in carve.stderr and "libnvidia-ml.so.1" in carve.stderr
