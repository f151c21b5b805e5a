# SPDX-License-Identifier: Apache-2.0
"""Programs that no limit can get into are refused, with what to do instead."""
import os
import shutil
import subprocess

import pytest

from elf import GLIBC, MUSL, elf
from runnode import as_user, desk


def program(desk, name, data, mode=0o755):
    path = desk.folder / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    path.chmod(mode)
    return path


def judge(desk, command, **more):
    """The verdict on a program, as (back end, words)."""
    told = desk.json("run", "-m", "2Gi", "--", command, code=None, **more)["program"]
    return told["back_end"], told["unattached"]


@pytest.mark.parametrize("data, says", [
    (elf(), "is linked statically, so no limit could get into it; link it dynamically"),
    (elf(kind=3), "is linked statically"),
    (elf(MUSL), "is linked with musl"),
    (elf("/opt/ld-own.so"), "has a loader that is not glibc's"),
    (elf(GLIBC, machine="aarch64"), "is for another architecture"),
    (elf(GLIBC, machine="i386", bits=32), "is for another architecture"),
    (elf(GLIBC, bits=32), "is for another architecture"),
    (elf(GLIBC, kind=1), "is a damaged ELF file"),
    (elf(GLIBC)[:40], "is a damaged ELF file"),
    (elf(GLIBC)[:150], "is a damaged ELF file"),
    (elf(GLIBC)[:-1], "is a damaged ELF file"),
    (elf(headers=[(3, 1 << 62, 20)]), "is a damaged ELF file"),
    (elf(headers=[(3, 64, 1 << 40)]), "is a damaged ELF file"),
    (elf(headers=[(3, 64, 0)]), "is a damaged ELF file"),
    ("", "is neither a program nor a script"),
    ("echo hello\n", "is neither a program nor a script with '#!', so no limit could get into it; put"),
    ("#!\n", "is neither a program nor a script")], ids=range(17))
def test_what_cannot_be_attached(desk, data, says):
    path = program(desk, "prog", data)
    said = desk("run", "-m", "2Gi", "--", path, code=2)
    assert f"'{path}' {says}" in said and "--allow-unattached" in said
    assert not list(desk.pages.iterdir())
    assert judge(desk, path)[0] is None


def test_what_can(desk):
    assert judge(desk, program(desk, "prog", elf(GLIBC))) == ("preload", None)
    assert judge(desk, program(desk, "prog", elf(GLIBC, kind=3))) == ("preload", None)
    assert judge(desk, "sh") == ("preload", None)


def test_scripts_go_by_their_interpreter(desk):
    static = program(desk, "static", elf())
    for line in (f"#!{static}", f"#! {static} -x", f"#!/usr/bin/env {static}", f"#!/usr/bin/env -S A=b {static} -u"):
        said = desk("run", "-m", "2Gi", "--", program(desk, "script", f"{line}\n"), code=2)
        assert f"'{static}' is linked statically" in said, line
    assert judge(desk, program(desk, "good", "#!/bin/sh -e\nexit 0\n")) == ("preload", None)
    assert judge(desk, program(desk, "good", "#!/usr/bin/env python3\n"))[0] == "preload"
    assert "interpreter '/nowhere/sh'" in desk(
        "run", "-m", "2Gi", "--", program(desk, "bad", "#!/nowhere/sh\n"), code=2)


def test_a_script_of_itself(desk):
    path = desk.folder / "loop"
    program(desk, "loop", f"#!{path}\n")
    assert "script of a script" in desk("run", "-m", "2Gi", "--", path, code=2)


def test_rights_that_the_kernel_would_raise(desk):
    user = as_user(4711)
    path = desk.folder / "raised"
    for mode in (0o4755, 0o2755):
        shutil.copy("/bin/true", path)
        path.chmod(mode)
        said = desk("run", "-m", "2Gi", "--", path, code=2, preexec_fn=user)
        assert f"'{path}' raises its rights" in said and "a copy without these rights" in said
    os.chown(path, 4711, 4711)
    path.chmod(0o6755)
    assert judge(desk, path, preexec_fn=user)[0] == "preload"  # they are ours already


def test_file_capabilities(desk):
    path = desk.folder / "capable"
    shutil.copy("/bin/true", path)
    # struct vfs_cap_data, revision 2: cap_net_raw permitted and effective
    os.setxattr(path, "security.capability", bytes.fromhex("01000002" + "00200000" + "00000000" * 3))
    assert "raises its rights" in desk("run", "-m", "2Gi", "--", path, code=2, preexec_fn=as_user(4711))
    assert judge(desk, path)[0] == "preload"  # for root nothing is raised


def test_a_file_that_may_not_be_executed(desk):
    path = program(desk, "prog", elf(GLIBC), mode=0o644)
    assert "cannot be run" in desk("run", "-m", "2Gi", "--", path, code=2)
    found = desk("run", "-m", "2Gi", "--", "prog", code=2, environment={"PATH": f"{desk.folder}:/usr/bin"})
    assert f"'{path}' cannot be run" in found and "chmod +x" in found


def test_clients_of_container_daemons(desk):
    """The container does not get our environment; who hands it on may."""
    for name in ("docker", "podman"):
        path = program(desk, name, "#!/bin/sh\necho \"$@\"\n")
        said = desk("run", "-m", "2Gi", "--", path, "run", "image", code=2)
        assert "starts containers, which the limit would not reach; hand it on with '-e LD_PRELOAD" in said
        assert desk("run", "-m", "2Gi", "--", path, "run", "-e", "CARVE_PAGE") == "run -e CARVE_PAGE\n"


def test_unattached_programs_are_allowed_and_shown(desk):
    static = program(desk, "static.c", "int main(void) { __builtin_trap(); }\n")
    subprocess.run(["cc", "-static", "-o", desk.folder / "static", static], check=True)
    process = desk.start("run", "-m", "2Gi", "--allow-unattached", "--", desk.folder / "static")
    assert process.wait(60) < 0
    with desk.holder("-m", "2Gi", "--name", "free", options=["--allow-unattached"]):
        assert "unattached_allowed" in desk.slice("free")["flags"]
        assert "unattached" not in desk.slice("free")["flags"]
        assert "may run unattached" in desk("ps")


def test_an_unattached_program_gets_no_library(desk):
    program(desk, "docker", "#!/bin/sh\nenv\n")
    told = desk("run", "-m", "2Gi", "--allow-unattached", "--", desk.folder / "docker")
    assert "LD_PRELOAD" not in told and "CARVE_PAGE=" not in told and "CUDA_VISIBLE_DEVICES=GPU-" in told


def test_explain_says_all_of_it(desk):
    said = desk("run", "-m", "2Gi", "--gpu", "1", "--explain", "--name", "x", "--", "sh")
    for words in ("GPU 1", "named by --gpu", "2147483648 bytes on each GPU", "would be made", "preload",
                  "CARVE_PAGE", "CUDA_VISIBLE_DEVICES", "would start"):
        assert words in said, words
    assert not list(desk.pages.iterdir())
    told = desk("run", "-m", "2Gi", "--explain", "--", program(desk, "prog", elf()), code=1)
    assert "is linked statically" in told
