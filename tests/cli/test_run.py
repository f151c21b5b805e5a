# SPDX-License-Identifier: Apache-2.0
"""`carve run`: what a program gets, and which words are refused."""
import os
import signal
import subprocess

import pytest

from conftest import wait_for
from elf import GLIBC, elf
from runnode import CONTEXT, GIB, MIB, as_user, desk


def variables(text):
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def test_a_program_gets_the_slice_and_nothing_is_said(desk):
    gpus = {gpu["uuid"] for gpu in desk.json("gpus")["gpus"]}
    told = variables(desk("run", "--memory", "2Gi", "--", "env"))
    assert told["LD_PRELOAD"] == told["CARVE_LIBRARY"] == desk.environment["CARVE_LIBRARY"]
    assert told["CARVE_PAGE"].startswith(f"{desk.pages}/carve-0-")
    assert told["CUDA_VISIBLE_DEVICES"] in gpus
    assert desk.stderr == "" and not list(desk.pages.iterdir())


def test_a_library_that_was_preloaded_stays_behind_ours(desk):
    told = variables(desk("run", "-m", "2Gi", "env", environment={"LD_PRELOAD": "/nowhere/else.so"}))
    assert told["LD_PRELOAD"] == f"{desk.environment['CARVE_LIBRARY']}:/nowhere/else.so"


def test_the_page_says_what_was_asked_for(desk):
    with desk.holder("--memory", "3Gi", "--name", "train", "--gpu", "1"):
        slice_ = desk.slice("train")
        assert slice_["owner"] == "root" and slice_["fault"] is None and slice_["alive"]
        (device,) = slice_["devices"]
        assert device["gpu"] == 1 and device["limit_bytes"] == 3 * GIB
        assert sorted(p["kind"] for p in slice_["processes"]) == ["process", "run"]
    assert desk.ps()["slices"] == []


@pytest.mark.parametrize("code", [0, 1, 7, 127, 255])
def test_exit_codes_are_the_programs(desk, code):
    process = desk.start("run", "-m", "2Gi", "--", "sh", "-c", f"exit {code}")
    assert process.wait(60) == code


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGINT])
def test_a_program_ended_by_a_signal_ends_us_the_same_way(desk, number):
    process = desk.start("run", "-m", "2Gi", "--", "sh", "-c", f"kill -{int(number)} $$")
    assert process.wait(60) == -number and process.stderr.read() == ""
    assert not list(desk.pages.iterdir())


@pytest.mark.parametrize("text, count", [
    ("2Gi", 2 * GIB), ("2GiB", 2 * GIB), ("2gib", 2 * GIB), ("1.5Gi", 3 * GIB // 2), ("600Mi", 600 * MIB),
    ("2G", 2 * 10**9), ("2g", 2 * 10**9), ("2GB", 2 * 10**9), ("900M", 900 * 10**6),
    ("800000Ki", 800000 * 1024), ("2147483648", 2147483648), ("2147483648B", 2147483648), ("0.1T", 10**11)])
def test_amounts(desk, text, count):
    told = desk.json("run", "-m", text, "true")
    assert told["memory_bytes"] == count and told["would_start"]


@pytest.mark.parametrize("words, says", [
    (["-m", "0"], "a limit of 0"),
    (["-m", "0Gi"], "a limit of 0"),
    (["-m", "lots"], "is no amount of memory; write 10Gi"),
    (["-m", "-1"], "is no amount of memory"),
    (["-m", "1e9"], "is no amount of memory"),
    (["-m", "10 G i"], "is no amount of memory"),
    (["-m", "10Gix"], "is no amount of memory"),
    (["-m", "10"], "'10' is 10 bytes, and a GPU's memory is taken by 2 MiB at least; a number needs its unit"),
    (["-m", "99999999999Ti"], "is no amount of memory"),
    (["-m", ""], "is no amount of memory"),
    (["-m", "10000Gi"], "is more than GPU"),
    (["-m", "100Mi"], "a CUDA context alone takes 518 MiB"),
    (["-m", "518Mi"], "a CUDA context alone takes 518 MiB"),
    ([], "--memory is missing"),
    (["-m", "2Gi", "--gpu", "9"], "there is no GPU '9'; 'carve gpus' lists"),
    (["-m", "2Gi", "--gpu", "0:1"], "there is no GPU '0:1'"),
    (["-m", "2Gi", "--gpu", "GPU-77"], "there is no GPU 'GPU-77'"),
    (["-m", "2Gi", "--gpu", "GPU-0"], "more than one UUID"),
    (["-m", "2Gi", "--gpu", "0,0"], "named twice"),
    (["-m", "2Gi", "--gpu", "0,,1"], "names an empty GPU"),
    (["-m", "2Gi", "--gpu", ""], "names an empty GPU"),
    (["-m", "2Gi", "--name", "a b"], "is no name for a slice"),
    (["-m", "2Gi", "--name", "x" * 64], "is no name for a slice"),
    (["-m", "2Gi", "--name", "../x"], "is no name for a slice"),
    (["-m", "2Gi", "--wait=soon"], "is no time to wait"),
    (["-m", "2Gi", "--wait=0"], "is no time to wait"),
    (["-m", "2Gi", "-o", "yaml"], "unknown output format"),
    (["-m", "2Gi", "-o", "json"], "--output is of --explain"),
    (["-m", "2Gi", "--wait", "5m"], "'5m' stands where the command begins; write --wait=5m"),
    (["--name", "nobody"], "you have no slice 'nobody'; --memory makes one"),
])
def test_wrong_words(desk, words, says):
    assert says in desk("run", *words, "--", "true", code=2)
    assert not list(desk.pages.iterdir())


def test_no_command(desk):
    assert "there is no command" in desk("run", "-m", "2Gi", code=2)


@pytest.mark.parametrize("command, says", [
    ("no-such-program", "there is no program 'no-such-program' in PATH"),
    ("./nothing", "there is no program './nothing'"), ("/tmp", "cannot be run")])
def test_no_program(desk, command, says):
    assert says in desk("run", "-m", "2Gi", "--", command, code=2)


def test_an_empty_path_is_the_current_folder(desk):
    """As execvp has it; what was judged is what runs."""
    (desk.folder / "prog").write_text("#!/bin/sh\necho here\n", encoding="utf-8")
    (desk.folder / "prog").chmod(0o755)
    assert desk("run", "-m", "2Gi", "prog", environment={"PATH": ""}) == "here\n"
    assert "there is no program 'sh' in PATH" in desk("run", "-m", "2Gi", "sh", code=2, environment={"PATH": ""})


def test_several_gpus_by_list_and_by_repeating(desk):
    uuids = [gpu["uuid"] for gpu in desk.json("gpus")["gpus"]]
    for words in (["--gpu", "1,0"], ["--gpu", "1", "--gpu", "0"], ["--gpu", f"{uuids[1]},0"]):
        told = variables(desk("run", *words, "-m", "2Gi", "env"))
        assert told["CUDA_VISIBLE_DEVICES"] == f"{uuids[1]},{uuids[0]}"
    with desk.holder("--gpu", "0,1", "-m", "4Gi", "--name", "both"):
        assert [d["gpu"] for d in desk.slice("both")["devices"]] == [0, 1]
        assert all(d["limit_bytes"] == 4 * GIB for d in desk.slice("both")["devices"])


def test_what_the_session_left_visible(desk):
    """As Slurm sets it: others are neither chosen nor to be had."""
    visible = {"CUDA_VISIBLE_DEVICES": "0"}
    told = desk.json("run", "-m", "2Gi", "true", environment=visible)
    assert [gpu["gpu"] for gpu in told["gpus"] if gpu["chosen"]] == [0]
    assert "not in CUDA_VISIBLE_DEVICES" in desk("run", "-m", "2Gi", "--gpu", "1", "true", code=2,
                                                 environment=visible)
    assert "no GPU to run on among CUDA_VISIBLE_DEVICES" in desk(
        "run", "-m", "2Gi", "true", code=2, environment={"CUDA_VISIBLE_DEVICES": ""})


def test_mig_devices(emulated_node, desk):
    node = desk.node
    node.layout(0, 19, 19)
    devices = [i["devices"][0]["uuid"] for i in desk.json("gpus", "0")["gpus"][0]["instances"]]
    assert "is cut by MIG" in desk("run", "-m", "2Gi", "--gpu", "0", "true", code=2)
    for gpu in ("0:1", devices[1]):
        assert variables(desk("run", "-m", "2Gi", "--gpu", gpu, "env"))["CUDA_VISIBLE_DEVICES"] == devices[1]
    assert "only one MIG device" in desk("run", "-m", "2Gi", "--gpu", "0:0,0:1", "true", code=2)
    assert "is more than MIG device 0:1 has" in desk("run", "-m", "20Gi", "--gpu", "0:1", "true", code=2)


def test_inside_a_slice_there_is_no_other(desk):
    assert "inside a slice already" in desk("run", "-m", "2Gi", "true", code=2,
                                            environment={"CARVE_PAGE": f"{desk.pages}/carve-0-1"})


def test_no_driver(desk):
    desk.node.hide_driver()
    assert "libnvidia-ml.so.1" in desk("run", "-m", "2Gi", "true", code=2)


def test_no_library(desk):
    for path in ("/nowhere/libcarve.so", "libcarve.so"):
        assert "by which limits get into a program" in desk(
            "run", "-m", "2Gi", "true", code=2, environment={"CARVE_LIBRARY": path})


def test_a_library_in_a_folder_with_a_space(desk):
    folder = desk.folder / "a b"
    folder.mkdir()
    library = folder / "libcarve.so"
    library.write_bytes(b"")
    assert "LD_PRELOAD cannot carry" in desk("run", "-m", "2Gi", "true", code=2,
                                             environment={"CARVE_LIBRARY": str(library)})


@pytest.mark.parametrize("what", ["text", "folder", "program"])
def test_a_library_that_is_none(desk, what):
    """The loader would start the program without it, and so without a limit."""
    path = desk.folder / "libcarve.so"
    if what == "text":
        path.write_text("no library", encoding="utf-8")
    elif what == "folder":
        path.mkdir()
    else:
        path.write_bytes(elf(GLIBC))
    assert f"'{path}' is no library for this machine" in desk(
        "run", "-m", "2Gi", "true", code=2, environment={"CARVE_LIBRARY": str(path)})


def test_a_library_that_may_not_be_run(desk):
    folder = desk.folder / "noexec"
    folder.mkdir()
    library = desk.environment["CARVE_LIBRARY"]
    script = f"mount -t tmpfs -o noexec none {folder} && cp {library} {folder}/ && exec \"$@\""
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", desk.program, "run", *desk.driver, "-m", "2Gi", "true"],
        env=dict(desk.environment, CARVE_LIBRARY=str(folder / "libcarve.so")), capture_output=True, text=True)
    assert done.returncode == 2 and "its file system is mounted noexec" in done.stderr, done.stderr


def test_help_says_what_units_are_meant(desk):
    done = subprocess.run([desk.program, "run", "--help"], capture_output=True, text=True, check=True)
    assert "10GiB (1024 x 1024 x 1024)" in " ".join(done.stdout.split())


def test_descriptors_and_signal_settings_are_as_without_us(desk):
    script = ("import os, signal; print(sorted(os.listdir('/proc/self/fd'))); "
              "print([l for l in open('/proc/self/status') if l[:6] in ('SigBlk', 'SigIgn')])")
    plain = subprocess.run(["/usr/bin/python3", "-c", script], stdin=subprocess.DEVNULL, capture_output=True,
                           text=True, check=True).stdout
    assert desk("run", "-m", "2Gi", "--", "/usr/bin/python3", "-c", script) == plain


@pytest.mark.parametrize("closed", [[0], [1], [2], [0, 1, 2]])
def test_closed_standard_descriptors(desk, closed):
    """They stay closed for the program, and no file that we open takes their place and our words."""
    def close():
        for fd in closed:
            os.close(fd)
    script = "import os; open('fds', 'w').write(str([os.path.exists(f'/proc/self/fd/{fd}') for fd in range(3)]))"
    process = desk.start("run", "-m", "2Gi", "--", "/usr/bin/python3", "-c", script, preexec_fn=close)
    assert process.wait(60) == 0
    seen = (desk.folder / "fds").read_text(encoding="utf-8")
    subprocess.run(["/usr/bin/python3", "-c", script], cwd=desk.folder, check=True, stdin=subprocess.DEVNULL,
                   capture_output=True, preexec_fn=close)
    assert seen == (desk.folder / "fds").read_text(encoding="utf-8")
    before = desk.node.state.read_bytes()
    assert desk.start("run", "-m", "2Gi", "--gpu", "9", "true", preexec_fn=close).wait(60) == 2
    assert desk.node.state.read_bytes()[:64] == before[:64]


def test_a_parent_that_ignores_children(desk):
    """Who leaves SIGCHLD ignored, as some daemons do, takes no exit code from us."""
    def ignore():
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    process = desk.start("run", "-m", "2Gi", "--", "/usr/bin/python3", "-c", "import os; os._exit(9)",
                         preexec_fn=ignore)
    assert process.wait(60) == 9


def test_an_ordinary_user(desk):
    user = as_user(4711)
    assert variables(desk("run", "-m", "2Gi", "env", preexec_fn=user))["CARVE_PAGE"].startswith(
        f"{desk.pages}/carve-4711-")
    with desk.holder("-m", "2Gi", "--name", "u", preexec_fn=user):
        slice_ = desk.slice("u")
        assert slice_["uid"] == 4711 and slice_["owner"] == "4711"
