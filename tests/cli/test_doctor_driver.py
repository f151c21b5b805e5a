# SPDX-License-Identifier: Apache-2.0
"""`carve doctor node` where the driver, its library or its device nodes are not as they should be."""
import pytest

from doctornode import DRIVER, doctor, kubelet, results


def test_no_gpu_on_the_bus(doctor, node):
    for gpu in (node.folder / "sys/bus/pci/devices").iterdir():
        (gpu / "class").write_text("0x010802\n")
    (node.folder / "proc/driver/nvidia/version").unlink()
    node.hide_driver()
    report = doctor(code=1)
    assert [f["check"] for f in report["findings"] if f["result"] == "failed"] == ["pci"]


def test_no_module(doctor, node):
    (node.folder / "proc/driver/nvidia/version").unlink()
    node.hide_driver()
    check, seen, cure = doctor.cause()
    assert check == "kernel-module" and "not loaded" in seen and "modprobe" in cure


def test_nouveau(doctor, node):
    (node.folder / "proc/driver/nvidia/version").unlink()
    (node.folder / "sys/module/nouveau").mkdir(parents=True)
    node.hide_driver()
    check, seen, cure = doctor.cause()
    assert check == "kernel-module" and "nouveau" in seen and "blacklist nouveau" in cure


def test_nouveau_beside_nvidia(doctor, node):
    (node.folder / "sys/module/nouveau").mkdir(parents=True)
    assert results(doctor(), "nouveau") == ["warning"]


def test_gpus_given_to_virtual_machines(doctor, node):
    (node.folder / "proc/driver/nvidia/version").unlink()
    for gpu in (node.folder / "sys/bus/pci/devices").iterdir():
        (gpu / "driver").symlink_to("/sys/bus/pci/drivers/vfio-pci")
    node.hide_driver()
    check, seen, _ = doctor.cause()
    assert check == "kernel-module" and "vfio-pci" in seen


def test_an_empty_driver_root(doctor, node):
    node.hide_driver()
    node.driver.mkdir()
    check, seen, cure = doctor.cause()
    assert check == "driver-library" and str(node.driver) in seen and "--driver-root" in cure
    node.driver.rmdir()


def test_a_library_of_another_machine(doctor, node):
    library = (node.driver / "usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1").resolve()
    text = bytearray(library.read_bytes())
    text[18:20] = (183).to_bytes(2, "little")
    library.write_bytes(text)
    check, seen, _ = doctor.cause()
    assert check == "driver-library" and "is for aarch64, this machine is x86_64" in seen


def test_a_file_that_is_no_library(doctor, node):
    (node.driver / "usr/lib/x86_64-linux-gnu/libcuda.so.1").resolve().write_text("lost+found")
    check, seen, _ = doctor.cause()
    assert check == "cuda-library" and "is no library" in seen


def test_versions_that_differ(doctor, node):
    path = node.folder / "proc/driver/nvidia/version"
    path.write_text(path.read_text().replace(DRIVER, "570.86.10"))
    check, seen, cure = doctor.cause()
    assert check == "versions" and "570.86.10" in seen and DRIVER in seen and "reboot" in cure


def test_a_libcuda_of_another_version(doctor, node):
    folder = node.driver / "usr/lib/x86_64-linux-gnu"
    (folder / f"libcuda.so.{DRIVER}").rename(folder / "libcuda.so.550.1.1")
    (folder / "libcuda.so.1").unlink()
    (folder / "libcuda.so.1").symlink_to("libcuda.so.550.1.1")
    check, seen, _ = doctor.cause()
    assert check == "versions" and "libcuda.so.1 is 550.1.1" in seen


def test_a_library_whose_name_tells_no_version_of_the_driver(doctor, node):
    folder = node.driver / "usr/lib/x86_64-linux-gnu"
    (folder / f"libcuda.so.{DRIVER}").rename(folder / "libcuda.so.1.1")
    (folder / "libcuda.so.1").unlink()
    (folder / "libcuda.so.1").symlink_to("libcuda.so.1.1")
    assert results(doctor(), "versions") == ["ok"]


def test_nvml_hangs(doctor, node):
    node.emulator("hang", "on")
    try:
        report = doctor("--timeout", "1", code=1)
        assert report["cause"] == "nvml" and "hangs" in report["found"]["nvml"]["seen"]
    finally:
        node.emulator("hang", "off")


def test_a_lost_gpu(doctor, node):
    node.emulator("lose", 3)
    check, seen, _ = doctor.cause()
    assert check == "gpus" and "GPU 3" in seen and "lost" in seen


def test_a_gpu_that_nvml_does_not_name(doctor, node):
    new = node.folder / "sys/bus/pci/devices/0000:ff:00.0"
    new.mkdir()
    for name, text in (("vendor", "0x10de"), ("class", "0x030200"), ("device", "0x20b0")):
        (new / name).write_text(text + "\n")
    check, seen, _ = doctor.cause()
    assert check == "gpus" and "8 of the 9 GPUs" in seen and "0000:ff:00.0" in seen


def test_a_virtual_function_is_no_gpu_of_its_own(doctor, node):
    devices = node.folder / "sys/bus/pci/devices"
    new = devices / "0000:ff:00.4"
    new.mkdir()
    for name, text in (("vendor", "0x10de"), ("class", "0x030200"), ("device", "0x20b0")):
        (new / name).write_text(text + "\n")
    assert doctor.cause()[0] == "gpus"
    (new / "physfn").symlink_to(next(path for path in devices.iterdir() if path != new))
    doctor()


def test_gpus_that_a_container_was_not_given(doctor, node):
    new = node.folder / "proc/driver/nvidia/gpus/0000:ff:00.0"
    new.mkdir()
    (new / "information").write_text("Model: \t\t X\nDevice Minor: \t 9\n")
    bus = node.folder / "sys/bus/pci/devices/0000:ff:00.0"
    bus.mkdir()
    for file, text in (("vendor", "0x10de"), ("class", "0x030200"), ("device", "0x20b0")):
        (bus / file).write_text(text + "\n")
    assert "not given to this container" in doctor()["found"]["gpus"]["seen"]


@pytest.mark.parametrize("name, cure", [("nvidiactl", "nvidia-smi"), ("nvidia-uvm", "nvidia-modprobe -u"),
                                        ("nvidia5", "nvidia-smi")])
def test_a_missing_node(doctor, node, name, cure):
    (node.folder / "dev" / name).unlink()
    check, seen, advice = doctor.cause()
    assert check == "device-nodes" and f"/dev/{name} is missing" in seen and cure in advice


def test_a_node_that_is_not_needed(doctor, node):
    (node.folder / "dev/nvidia-uvm-tools").unlink()
    assert results(doctor(), "device-nodes") == ["warning"]


def test_a_node_that_is_none(doctor, node):
    (node.folder / "dev/nvidia0").unlink()
    (node.folder / "dev/nvidia0").touch()
    assert doctor.cause()[1] == "/dev/nvidia0 is no device node"


def test_a_wrong_major_number(doctor, node):
    path = node.folder / "proc/devices"
    path.write_text(path.read_text().replace("  1 nvidia-uvm\n", ""))
    check, seen, cure = doctor.cause()
    assert check == "device-nodes" and "/dev/nvidia-uvm has major number 1" in seen and "nvidia-modprobe" in cure


def test_a_missing_node_of_a_mig_device(doctor, node):
    node.layout(0, 9, 9)
    assert results(doctor(), "mig", "device-nodes") == ["ok", "ok"]
    caps = node.folder / "dev/nvidia-caps"
    max(caps.iterdir(), key=lambda path: int(path.name.removeprefix("nvidia-cap"))).unlink()
    check, seen, _ = doctor.cause()
    assert check == "device-nodes" and "/dev/nvidia-caps/nvidia-cap" in seen


def test_mig_mode_without_instances(doctor, node):
    node.layout(1)
    report = doctor()
    assert results(report, "mig") == ["warning"] and "GPU 1" in report["found"]["mig"]["seen"]
