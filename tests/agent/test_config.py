# SPDX-License-Identifier: Apache-2.0
"""The configuration file: applied live, kept when the next one is bad, over restarts too."""
import os
import signal
import subprocess

import pytest

from conftest import BUILD, time_slicing, wait_devices, wait_for

GPU = "nvidia.com/gpu"
BAD = time_slicing(0)


def test_a_change_is_applied_live(carved, kubelet):
    run = carved(time_slicing(4))
    wait_devices(kubelet, {GPU: 32})
    run.configure(time_slicing(10))
    wait_devices(kubelet, {GPU: 80})
    # In place: no plugin was closed, and at no moment was there less than before.
    assert len(kubelet.registrations) == 1 and not kubelet.lost
    assert [n for _, n, _ in kubelet.lists] == [32, 80]


def test_an_edit_in_place_is_seen(carved, kubelet):
    run = carved("# nothing\n")
    wait_devices(kubelet, {GPU: 8})
    with open(run.config, "a", encoding="utf-8") as file:
        file.write("sharing: {timeSlicing: {resources: [{name: nvidia.com/gpu, replicas: 3}]}}\n")
    wait_devices(kubelet, {GPU: 24})


def test_seen_at_once_and_not_by_the_rescan(carved, kubelet):
    run = carved(time_slicing(4), ["--rescan-interval", "0"])
    wait_devices(kubelet, {GPU: 32})
    run.configure(time_slicing(5))
    wait_devices(kubelet, {GPU: 40})


def test_renamed_resources_appear_and_vanish(carved, kubelet):
    run = carved(time_slicing(4))
    wait_devices(kubelet, {GPU: 32})
    run.configure(time_slicing(4, renameByDefault=True))
    wait_devices(kubelet, {GPU + ".shared": 32})
    assert (kubelet.folder / "nvidia-gpu.shared.sock").exists()
    wait_for(lambda: not (kubelet.folder / "nvidia-gpu.sock").exists(), "the end of the plugin")
    run.configure(time_slicing(4))
    wait_devices(kubelet, {GPU: 32})


def swap(folder, name, text):
    """What the kubelet does to a mounted ConfigMap."""
    old = os.readlink(folder / "..data") if (folder / "..data").is_symlink() else None
    (folder / name).mkdir(parents=True)
    (folder / name / "config.yaml").write_text(text, encoding="utf-8")
    os.symlink(name, folder / "..tmp")
    os.rename(folder / "..tmp", folder / "..data")
    if old:
        (folder / old / "config.yaml").unlink()
        (folder / old).rmdir()
    else:
        os.symlink("..data/config.yaml", folder / "config.yaml")


SLICED = "sharing: {{timeSlicing: {{resources: [{{name: nvidia.com/gpu, replicas: {}}}]}}}}\n"


@pytest.mark.parametrize("behind_a_link", [False, True])
def test_a_configmap_is_swapped(carved, kubelet, node, behind_a_link):
    mount = node.folder / "mount"
    swap(mount, "..1", SLICED.format(2))
    path = mount / "config.yaml"
    if behind_a_link:  # as NVIDIA's config-manager does
        path = node.folder / "chosen/config.yaml"
        path.parent.mkdir()
        os.symlink(mount / "config.yaml", path)
    carved(arguments=["--config-file", path, "--rescan-interval", "0"])
    wait_devices(kubelet, {GPU: 16})
    for number in (3, 4):
        swap(mount, f"..{number}", SLICED.format(number))
        wait_devices(kubelet, {GPU: 8 * number})


def test_a_link_that_leads_elsewhere(carved, kubelet, node):
    """As when NVIDIA's config-manager chooses another file."""
    for number in (2, 3):
        (node.folder / str(number)).mkdir()
        (node.folder / f"{number}/c.yaml").write_text(SLICED.format(number), encoding="utf-8")
    (node.folder / "chosen").mkdir()
    path = node.folder / "chosen/config.yaml"
    os.symlink("../2/c.yaml", path)
    carved(arguments=["--config-file", path, "--rescan-interval", "0"])
    wait_devices(kubelet, {GPU: 16})
    os.symlink("../3/c.yaml", path.with_suffix(".new"))
    path.with_suffix(".new").rename(path)
    wait_devices(kubelet, {GPU: 24})


def test_a_bad_change_changes_nothing(carved, kubelet):
    run = carved(time_slicing(4))
    wait_devices(kubelet, {GPU: 32})
    run.configure("sharing: {timeSlicing: {resources: [{name: nvidia.com/gpu,\n  replicas: 0}]}}\n")
    run.wait_log("the last good one stays in force")
    state = run.state()
    assert state.config.last_good and "config.yaml:2:" in state.config.error
    assert state.config.file == str(run.config)
    assert kubelet.healthy() == {GPU: 32} and len(kubelet.lists) == 1
    run.configure(time_slicing(6))
    wait_devices(kubelet, {GPU: 48})
    state = run.state()
    assert not state.config.last_good and not state.config.error


@pytest.mark.parametrize("bad", ["{", "a: [", "version: v2\n", "version: v1\n\0", "- a\n- b\n",
                                 "flags: {migStrategy: both}\n"])
def test_sighup_with_a_broken_file_goes_on(carved, kubelet, bad):
    run = carved(time_slicing(4))
    wait_devices(kubelet, {GPU: 32})
    run.config.write_text(bad, encoding="utf-8")
    run.signal(signal.SIGHUP)
    run.wait_log("looking at configuration and hardware again")
    run.wait_log("configuration refused")
    assert kubelet.healthy() == {GPU: 32} and run.process.poll() is None


def test_a_file_that_is_removed_stays_in_force(carved, kubelet):
    run = carved(time_slicing(4))
    wait_devices(kubelet, {GPU: 32})
    run.config.unlink()
    run.wait_log("the last good one stays in force")
    assert "No such file" in run.state().config.error
    run.configure(time_slicing(4))
    wait_for(lambda: not run.state().config.error, "no error")
    assert len(kubelet.lists) == 1


def test_the_last_good_one_survives_restarts(carved, kubelet):
    run = carved(time_slicing(4))
    wait_devices(kubelet, {GPU: 32})
    run.configure(BAD)
    run.wait_log("configuration refused")
    for _ in range(2):
        run.end()
        wait_for(lambda: not kubelet.devices, "the end of the stream")
        run.start()
        wait_devices(kubelet, {GPU: 32})
        assert run.state().config.last_good and "replicas" in run.state().config.error
    assert "the last good configuration is in force" in run.log()
    run.configure(time_slicing(5))
    wait_devices(kubelet, {GPU: 40})
    run.end()
    wait_for(lambda: not kubelet.devices, "the end of the stream")
    run.configure(BAD)
    run.start()
    wait_devices(kubelet, {GPU: 40})


def test_a_bad_file_at_the_first_start(carved, kubelet):
    run = carved(BAD)
    run.wait_log("no slices until the file is mended")
    state = wait_for(lambda: run.state() if run.state().inventory.gpus else None, "the hardware")
    assert not state.resources and "replicas" in state.config.error
    assert not state.config.last_good
    run.configure(time_slicing(4))
    wait_devices(kubelet, {GPU: 32})


def test_a_missing_file_at_the_first_start(carved, kubelet, node):
    path = node.folder / "later/config.yaml"
    run = carved(arguments=["--config-file", path])
    run.wait_log("no slices until the file is mended")
    path.parent.mkdir()
    path.write_text(SLICED.format(4), encoding="utf-8")
    wait_devices(kubelet, {GPU: 32})


def test_a_list_too_long_for_the_kubelet_is_a_bad_configuration(carved, kubelet):
    run = carved(time_slicing(4))
    wait_devices(kubelet, {GPU: 32})
    run.configure(time_slicing(20000))
    run.wait_log("the last good one stays in force")
    assert "bytes" in run.state().config.error
    assert kubelet.healthy() == {GPU: 32} and len(kubelet.lists) == 1
    run.end()
    wait_for(lambda: not kubelet.devices, "the end of the stream")
    run.start()
    wait_devices(kubelet, {GPU: 32})
    assert run.state().config.last_good


def test_a_list_too_long_at_the_first_start(carved, kubelet):
    run = carved(time_slicing(20000))
    run.wait_log("asks too much of this node")
    assert "bytes" in run.state().config.error and not run.state().resources
    run.configure(time_slicing(4))
    wait_devices(kubelet, {GPU: 32})
    assert not run.state().config.error


def test_a_state_folder_that_cannot_be_written(carved, kubelet, node):
    (node.folder / "file").write_text("", encoding="utf-8")
    run = carved(time_slicing(4), ["--state-dir", node.folder / "file/below"])
    wait_devices(kubelet, {GPU: 32})
    run.wait_log("last good configuration not kept")


def test_warnings_are_told(carved, kubelet):
    run = carved("flags:\n  migStratgy: single\n")
    wait_devices(kubelet, {GPU: 8})
    finding, = run.state().config.findings
    assert "config.yaml:2:3: warning" in finding and "migStrategy" in finding


def test_flags_and_environment_lie_over_the_file(carved, kubelet, node):
    node.layout(0, 19, 19)
    run = carved("flags: {migStrategy: single}\n", environment={"MIG_STRATEGY": "none"},
                 arguments=["--mig-strategy", "mixed"])
    wait_devices(kubelet, {GPU: 7, "nvidia.com/mig-1g.5gb": 2})
    run.end()


@pytest.mark.parametrize("arguments, words", [
    (["--mig-strategy", "both"], "--mig-strategy"),
    (["--rescan-interval", "soon"], "--rescan-interval: 'soon'"),
    (["--socket", "relative"], "--socket: 'relative'"),
    (["--no-such-option"], "no-such-option"),
    (["--log-level", "loud"], "'loud'"),
])
def test_a_wrong_command_line(arguments, words):
    done = subprocess.run([BUILD / "src/agent/carved", *arguments], capture_output=True, text=True,
                          timeout=20)
    assert done.returncode == 2 and words in done.stderr


def test_a_wrong_environment():
    done = subprocess.run([BUILD / "src/agent/carved"], capture_output=True, text=True, timeout=20,
                          env=dict(os.environ, CARVE_RESCAN_INTERVAL="soon"))
    assert done.returncode == 2 and "$CARVE_RESCAN_INTERVAL: 'soon'" in done.stderr


def check(path):
    done = subprocess.run([BUILD / "src/agent/carved", "--check-config", path],
                          capture_output=True, text=True, timeout=20)
    return done.returncode, done.stdout, done.stderr


def test_check_config(folder):
    file = folder / "c.yaml"
    file.write_text(SLICED.format(4), encoding="utf-8")
    assert check(file) == (0, f"{file}: 0 errors, 0 warnings\n", "")
    file.write_text("sharring: {}\nflags:\n  migStratgy: none\n", encoding="utf-8")
    code, out, _ = check(file)
    assert code == 1
    assert f"{file}:1:1: error: " in out and f"{file}:3:3: error: " in out
    assert out.endswith("2 errors, 0 warnings\n")
    file.write_text("sharring: {}\n", encoding="utf-8")
    assert check(file)[1].endswith(": 1 error, 0 warnings\n")
    code, out, err = check(folder / "none.yaml")
    assert (code, out) == (2, "") and "none.yaml" in err
