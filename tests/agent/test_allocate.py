# SPDX-License-Identifier: Apache-2.0
"""What containers get: Allocate, preferred allocation and the CDI file."""
import os
import pathlib
import re

import grpc
import pytest

from conftest import time_slicing, wait_devices, wait_for

GPU = "nvidia.com/gpu"
MIG = "nvidia.com/mig-1g.5gb"
CDI = {"plugin": {"deviceListStrategy": ["cdi-cri"]}}
BOTH = {"plugin": {"deviceListStrategy": ["envvar", "cdi-cri"]}}


def refused(call, *arguments):
    with pytest.raises(grpc.RpcError) as failure:
        call(*arguments)
    return failure.value.code(), failure.value.details()


def test_environment(carved, kubelet):
    carved()
    wait_devices(kubelet, {GPU: 8})
    first, second, third = list(kubelet.devices[GPU])[:3]
    one, two = kubelet.plugins[GPU].allocate([second], [third, first])
    assert dict(one.envs) == {"NVIDIA_VISIBLE_DEVICES": second}
    assert dict(two.envs) == {"NVIDIA_VISIBLE_DEVICES": f"{first},{third}"}
    for answer in (one, two):
        assert not answer.cdi_devices and not answer.mounts and not answer.devices
        assert not answer.annotations


def test_cdi_names(carved, kubelet):
    run = carved({"flags": CDI})
    wait_devices(kubelet, {GPU: 8})
    first, second = list(kubelet.devices[GPU])[:2]
    answer, = kubelet.plugins[GPU].allocate([first, second])
    assert [d.name for d in answer.cdi_devices] == [
        f"carve.dev/gpu={first}", f"carve.dev/gpu={second}"]
    assert not answer.envs
    assert {first, second} <= {d["name"] for d in run.cdi()["devices"]}


def test_both(carved, kubelet):
    carved({"flags": BOTH})
    wait_devices(kubelet, {GPU: 8})
    answer, = kubelet.plugins[GPU].allocate([kubelet.ids()[0]])
    assert len(answer.envs) == 1 and len(answer.cdi_devices) == 1


def test_replicas_of_one_gpu_are_one_device(carved, kubelet):
    carved(dict(time_slicing(4), flags=BOTH))
    wait_devices(kubelet, {GPU: 32})
    gpu = kubelet.ids()[0].split("::")[0]
    answer, = kubelet.plugins[GPU].allocate([f"{gpu}::0", f"{gpu}::3"])
    assert answer.envs["NVIDIA_VISIBLE_DEVICES"] == gpu and len(answer.cdi_devices) == 1


def test_mig_device(carved, kubelet, node):
    node.layout(0, 19)
    carved({"flags": dict(BOTH, migStrategy="mixed")})
    wait_devices(kubelet, {GPU: 7, MIG: 1})
    device, = kubelet.ids(MIG)
    answer, = kubelet.plugins[MIG].allocate([device])
    assert answer.envs["NVIDIA_VISIBLE_DEVICES"] == device and device.startswith("MIG-")


def test_more_than_one_is_refused_if_so_configured(carved, kubelet):
    carved(time_slicing(4, failRequestsGreaterThanOne=True))
    wait_devices(kubelet, {GPU: 32})
    code, words = refused(kubelet.plugins[GPU].allocate, kubelet.ids()[:2])
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert "maximum request size for shared resources is 1; found 2" in words
    assert kubelet.plugins[GPU].allocate(kubelet.ids()[:1])


@pytest.mark.parametrize("ids", [["GPU-none"], ["GPU-none::1"], [""], []])
def test_what_is_not_known_is_refused(carved, kubelet, ids):
    run = carved(time_slicing(4))
    wait_devices(kubelet, {GPU: 32})
    code, words = refused(kubelet.plugins[GPU].allocate, ids)
    assert code == (grpc.StatusCode.NOT_FOUND if ids else grpc.StatusCode.INVALID_ARGUMENT), words
    run.wait_log("request refused")


def test_an_unhealthy_device_is_refused(carved, kubelet, node):
    carved()
    wait_devices(kubelet, {GPU: 8})
    device = list(kubelet.devices[GPU])[3]
    node.emulator("lose", 3)
    wait_devices(kubelet, {GPU: 7})
    code, words = refused(kubelet.plugins[GPU].allocate, [device])
    assert code == grpc.StatusCode.INTERNAL and device in words


def test_rubbish_is_refused(carved, kubelet):
    carved()
    wait_devices(kubelet, {GPU: 8})
    for method in ("Allocate", "GetPreferredAllocation"):
        call = kubelet.plugins[GPU].channel.unary_unary("/v1beta1.DevicePlugin/" + method)
        assert refused(lambda: call(b"\xff" * 40, timeout=5))[0] == \
            grpc.StatusCode.INVALID_ARGUMENT
    assert kubelet.plugins[GPU].allocate(kubelet.ids()[:1])


def test_replicas_are_spread_over_gpus(carved, kubelet):
    carved(time_slicing(4))
    wait_devices(kubelet, {GPU: 32})
    chosen = kubelet.plugins[GPU].prefer(kubelet.ids(), 8)
    assert len({i.split("::")[0] for i in chosen}) == 8


def test_replicas_are_packed_if_so_configured(carved, kubelet):
    carved(dict(time_slicing(4), flags={"plugin": {"sharedDevicesAllocationPolicy": "packed"}}))
    wait_devices(kubelet, {GPU: 32})
    chosen = kubelet.plugins[GPU].prefer(kubelet.ids(), 4)
    assert len({i.split("::")[0] for i in chosen}) == 1


def test_whole_gpus_that_must_be_among_the_chosen(carved, kubelet):
    carved()
    wait_devices(kubelet, {GPU: 8})
    last = kubelet.ids()[-1]
    chosen = kubelet.plugins[GPU].prefer(kubelet.ids(), 4, [last])
    assert last in chosen and len(set(chosen)) == 4 and set(chosen) <= set(kubelet.ids())


def test_too_many_wanted(carved, kubelet):
    carved()
    wait_devices(kubelet, {GPU: 8})
    assert refused(kubelet.plugins[GPU].prefer, kubelet.ids()[:2], 3)[0] == \
        grpc.StatusCode.INVALID_ARGUMENT


# What CDI 0.5.0 knows: runtimes drop a whole file for one unknown key.
SPEC = {
    "": {"cdiVersion": str, "kind": str, "devices": list, "containerEdits": dict},
    "devices": {"name": str, "containerEdits": dict},
    "containerEdits": {"env": list, "deviceNodes": list, "mounts": list, "hooks": list},
    "deviceNodes": {"path": str, "hostPath": str, "type": str, "major": int, "minor": int,
                    "fileMode": int, "permissions": str, "uid": int, "gid": int},
    "mounts": {"hostPath": str, "containerPath": str, "options": list},
    "hooks": {"hookName": str, "path": str, "args": list, "env": list, "timeout": int},
}


def check_spec(value, place=""):
    if isinstance(value, list):
        for item in value:
            check_spec(item, place)
    elif isinstance(value, dict):
        for key, inner in value.items():
            assert key in SPEC[place] and isinstance(inner, SPEC[place][key]), (place, key)
            check_spec(inner, key)


def check_file(spec):
    check_spec(spec)
    assert spec["kind"] == "carve.dev/gpu" and spec["devices"]
    names = [d["name"] for d in spec["devices"]]
    assert len(set(names)) == len(names)
    for device in spec["devices"]:
        assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_.:-]*", device["name"])
        assert device["containerEdits"]["deviceNodes"]
    edits = [spec["containerEdits"], *(d["containerEdits"] for d in spec["devices"])]
    has_host_path = any("hostPath" in n for e in edits for n in e.get("deviceNodes", []))
    assert spec["cdiVersion"] == ("0.5.0" if has_host_path else "0.3.0")
    for edit in edits:
        for mount in edit.get("mounts", []):
            assert os.path.exists(mount["hostPath"]), mount
            assert {"nosuid", "nodev", "rbind", "rprivate"} <= set(mount["options"])
        for one in edit.get("deviceNodes", []):
            assert os.path.exists(one.get("hostPath", one["path"])), one


def nodes(edits):
    return [n["path"] for n in edits["deviceNodes"]]


def test_the_cdi_file_is_complete(carved, kubelet, node):
    node.layout(1, 9, 19)
    run = carved({"flags": dict(CDI, migStrategy="mixed")})
    wait_devices(kubelet, {GPU: 7, MIG: 1, "nvidia.com/mig-3g.20gb": 1})
    spec = run.cdi()
    check_file(spec)
    common = spec["containerEdits"]
    assert nodes(common) == ["/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools",
                             "/dev/nvidia-modeset"]
    assert common["env"] == ["NVIDIA_VISIBLE_DEVICES=void"]
    targets = {m["containerPath"] for m in common["mounts"]}
    version = run.state().inventory.driver_version
    for name in (f"libcuda.so.{version}", "libcuda.so.1", "libcuda.so",
                 f"libnvidia-ml.so.{version}", "libnvidia-ml.so.1"):
        assert f"/usr/lib/x86_64-linux-gnu/{name}" in targets
    assert "/usr/bin/nvidia-smi" in targets
    assert "hooks" not in common
    by_name = {d["name"]: d["containerEdits"] for d in spec["devices"]}
    for minor, gpu in enumerate(run.state().inventory.gpus):
        assert nodes(by_name[gpu.uuid]) == [f"/dev/nvidia{minor}"]
        for gi in gpu.instances:
            base = 3 + 135 * minor + 9 * gi.id
            for ci in gi.computes:
                assert nodes(by_name[ci.uuid]) == [
                    f"/dev/nvidia{minor}", f"/dev/nvidia-caps/nvidia-cap{base}",
                    f"/dev/nvidia-caps/nvidia-cap{base + 1 + ci.id}"]


def test_nodes_that_are_missing_are_given_by_number(carved, kubelet, node):
    node.layout(0, 19)
    for cap in (node.folder / "dev/nvidia-caps").iterdir():
        cap.unlink()
    run = carved({"flags": dict(CDI, migStrategy="mixed")})
    wait_devices(kubelet, {GPU: 7, MIG: 1})
    device, = [d for d in run.cdi()["devices"] if d["name"].startswith("MIG-")]
    major = int(re.search(r"(\d+) nvidia-caps\n",
                          (node.folder / "proc/devices").read_text(encoding="utf-8")).group(1))
    _, gi, ci = device["containerEdits"]["deviceNodes"]
    for one in (gi, ci):
        assert (one["type"], one["major"], one["fileMode"]) == ("c", major, 0o444)
        assert one["path"].endswith(f"nvidia-cap{one['minor']}")
    assert ci["minor"] == gi["minor"] + 1


def test_the_driver_root_is_seen_elsewhere(carved, kubelet, node):
    seen = node.folder / "seen-here"
    os.symlink(node.driver, seen)
    run = carved({"flags": CDI}, ["--driver-root", "/run/nvidia/driver", "--driver-root-ctr-path",
                                  seen])
    wait_devices(kubelet, {GPU: 8})
    mounts = run.cdi()["containerEdits"]["mounts"]
    assert mounts and all(m["hostPath"].startswith("/run/nvidia/driver/usr/") for m in mounts)
    assert all(m["containerPath"].startswith("/usr/") for m in mounts)


def test_the_hook_is_used_where_it_is(carved, kubelet, node):
    run = carved({"flags": CDI})
    wait_devices(kubelet, {GPU: 8})
    assert "hooks" not in run.cdi()["containerEdits"]
    hook = node.driver / "usr/bin/nvidia-cdi-hook"
    hook.write_text("", encoding="utf-8")
    wait_for(lambda: "hooks" in run.cdi()["containerEdits"], "the hook")
    assert run.cdi()["containerEdits"]["hooks"] == [{
        "hookName": "createContainer", "path": str(hook), "args": [
            "nvidia-cdi-hook", "update-ldcache", "--folder", "/usr/lib/x86_64-linux-gnu"]}]


def test_the_hook_is_chosen_and_turned_off(carved, kubelet, node):
    (node.driver / "usr/bin/nvidia-cdi-hook").write_text("", encoding="utf-8")
    run = carved({"flags": {"plugin": {"deviceListStrategy": ["cdi-cri"],
                                       "nvidiaCTKPath": "/opt/toolkit/nvidia-ctk"}}})
    wait_devices(kubelet, {GPU: 8})
    hook, = run.cdi()["containerEdits"]["hooks"]
    assert hook["path"] == "/opt/toolkit/nvidia-ctk"  # the host's, below no driver root
    assert hook["args"][:3] == ["nvidia-ctk", "hook", "update-ldcache"]
    run.end()
    run.arguments += ["--cdi-disable-hooks", "create-symlinks,update-ldcache"]
    run.start()
    wait_for(lambda: "hooks" not in run.cdi()["containerEdits"], "no hook")


def test_a_mig_device_that_cdi_cannot_describe_is_unhealthy(carved, kubelet, node):
    node.layout(0, 19)
    table, hidden = node.folder / "proc/driver/nvidia-caps", node.folder / "hidden-caps"
    capabilities = node.folder / "proc/driver/nvidia/capabilities"
    table.rename(hidden)
    capabilities.rename(node.folder / "hidden-capabilities")
    run = carved({"flags": dict(CDI, migStrategy="mixed")})
    wait_devices(kubelet, {GPU: 7, MIG: 0})
    run.wait_log("no capability nodes of 1 MIG devices")
    device, = kubelet.ids(MIG)
    assert refused(kubelet.plugins[MIG].allocate, [device])[0] == grpc.StatusCode.INTERNAL
    hidden.rename(table)
    wait_devices(kubelet, {GPU: 7, MIG: 1})
    assert device in str(run.cdi())


def test_refusals_do_not_fill_the_log(carved, kubelet):
    run = carved()
    wait_devices(kubelet, {GPU: 8})
    for number in range(30):
        refused(kubelet.plugins[GPU].allocate, [f"GPU-{number}"])
    assert run.log().count("request refused") == 10
    assert run.log().count("more in this minute are only counted") == 1


def test_the_file_of_an_earlier_run_stays(carved, kubelet):
    run = carved({"flags": CDI})
    wait_devices(kubelet, {GPU: 8})
    before = (run.cdi_folder / "carve.dev-gpu.json").stat().st_ino
    run.end()
    wait_for(lambda: not kubelet.devices, "the end of the stream")
    run.start()
    wait_devices(kubelet, {GPU: 8})
    assert (run.cdi_folder / "carve.dev-gpu.json").stat().st_ino == before
    assert run.log().count("CDI file written") == 1


def test_the_file_follows_the_driver_root(carved, kubelet, node):
    run = carved({"flags": CDI})
    wait_devices(kubelet, {GPU: 8})
    version = run.state().inventory.driver_version
    extra = node.driver / f"usr/lib/x86_64-linux-gnu/libnvidia-extra.so.{version}"
    extra.write_text("", encoding="utf-8")
    wait_for(lambda: str(extra) in str(run.cdi()), "the new library")
    extra.unlink()
    wait_for(lambda: str(extra) not in str(run.cdi()), "its end")
    (run.cdi_folder / "carve.dev-gpu.json").unlink()
    check_file(wait_for(run.cdi, "the file again"))


def test_no_file_without_cdi_and_kept_true_after_it(carved, kubelet, node):
    run = carved({"version": "v1"})
    wait_devices(kubelet, {GPU: 8})
    assert run.cdi() is None
    run.configure({"flags": CDI})
    wait_for(run.cdi, "the file")
    run.configure({"version": "v1", "flags": {"migStrategy": "mixed"}})
    node.layout(0, 19)
    wait_devices(kubelet, {GPU: 7, MIG: 1})
    assert len(run.cdi()["devices"]) == 9
    assert pathlib.Path(run.cdi_folder).stat().st_mode & 0o777 == 0o755


def test_the_file_is_written_once(carved, kubelet):
    run = carved({"flags": CDI})
    wait_devices(kubelet, {GPU: 8})
    before = (run.cdi_folder / "carve.dev-gpu.json").stat().st_ino
    run.configure(dict(time_slicing(4), flags=CDI))
    wait_devices(kubelet, {GPU: 32})
    assert (run.cdi_folder / "carve.dev-gpu.json").stat().st_ino == before
    assert os.listdir(run.cdi_folder) == ["carve.dev-gpu.json"]


def test_a_cdi_folder_that_cannot_be_made(carved, kubelet, node):
    """Nothing is offered that no container could start with."""
    (node.folder / "file").write_text("", encoding="utf-8")
    run = carved({"flags": CDI}, ["--cdi-dir", node.folder / "file/below"])
    run.wait_log("CDI file not complete")
    wait_devices(kubelet, {GPU: 0})
    (node.folder / "file").unlink()
    wait_devices(kubelet, {GPU: 8})
