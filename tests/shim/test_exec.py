# SPDX-License-Identifier: Apache-2.0
"""The slice goes on over exec, whatever environment a program gives; what cannot be attached is counted."""
import os
import shutil

import pytest

from conftest import BUILD, GIB, RELEASE, run
from test_attach import counted, holds, only

TRY = RELEASE / "tests/shim/driver-linked"


@pytest.mark.parametrize("function", ["execve", "execv", "execvp", "execvpe", "execl", "execlp", "execle"])
def test_with_an_empty_environment(slices, function):
    held = slices(GIB)
    holds(held.run("driver-linked", "exec", function))
    counted(only(held.processes()))


@pytest.mark.parametrize("lacks", ["CARVE_PAGE", "CARVE_LIBRARY", "LD_PRELOAD"])
def test_with_one_variable_missing(slices, lacks):
    held = slices(GIB)
    holds(run(["sh", "-c", f"env -u {lacks} {TRY} try"], held.environment(RELEASE)))
    counted(only(held.processes()))


def test_a_library_path_that_is_too_long(slices):
    """It cannot be handed on; the program starts all the same."""
    environment = slices(GIB).environment(RELEASE, CARVE_LIBRARY="/" + "x" * 1100)
    assert run(["env", "-i", "echo", "started"], environment).strip() == "started"


def test_another_preload_stays(slices):
    """The program's own libraries go before ours."""
    held = slices(GIB)
    third = RELEASE / "tests/shim/third.so"
    shown = run(["sh", "-c", f"exec env LD_PRELOAD={third} sh -c 'echo $LD_PRELOAD'"], held.environment(RELEASE))
    assert shown.strip() == f"{third}:{RELEASE / 'src/shim/libcarve.so'}"


def test_an_empty_preload(slices):
    held = slices(GIB)
    shown = run(["sh", "-c", "exec env LD_PRELOAD= sh -c 'echo $LD_PRELOAD'"], held.environment(RELEASE))
    assert shown.strip() == str(RELEASE / "src/shim/libcarve.so")


def test_a_longer_name_is_not_ours(slices):
    held = slices(GIB)
    library = str(RELEASE / "src/shim/libcarve.so")
    shown = run(["sh", "-c", f"exec env LD_PRELOAD={library}.old sh -c 'echo $LD_PRELOAD'"],
                held.environment(RELEASE))
    assert shown.strip() == f"{library}.old:{library}"


def test_the_rest_of_an_environment_is_untouched(slices):
    held = slices(GIB)
    shown = run(["env", "-i", "A=1", "B=two words", "env"], held.environment(RELEASE))
    assert set(shown.splitlines()) == {
        "A=1", "B=two words", f"CARVE_PAGE={held.page}", f"CARVE_LIBRARY={RELEASE / 'src/shim/libcarve.so'}",
        f"LD_PRELOAD={RELEASE / 'src/shim/libcarve.so'}"}


def test_the_devices_go_on(slices):
    held = slices(GIB)
    shown = run(["env", "-i", "env"], held.environment(RELEASE, CUDA_VISIBLE_DEVICES="GPU-1"))
    assert "CUDA_VISIBLE_DEVICES=GPU-1" in shown.splitlines()
    shown = run(["env", "-i", "CUDA_VISIBLE_DEVICES=0", "env"],
                held.environment(RELEASE, CUDA_VISIBLE_DEVICES="GPU-1"))
    assert [line for line in shown.splitlines() if "CUDA" in line] == ["CUDA_VISIBLE_DEVICES=0"]


def test_another_slice_within(slices):
    """A CARVE_PAGE of the program's own is left: a slice in a slice."""
    held = slices(GIB)
    shown = run(["env", "-i", "CARVE_PAGE=/other", "env"], held.environment(RELEASE))
    assert [line for line in shown.splitlines() if "CARVE_PAGE" in line] == ["CARVE_PAGE=/other"]


def test_without_a_slice_nothing_is_put_in(slices):
    held = slices(GIB)
    bare = {name: value for name, value in held.environment(RELEASE).items() if name != "CARVE_PAGE"}
    assert run(["env", "-i", "A=1", "env"], bare) == "A=1\n"


def test_errors_are_those_of_libc(slices):
    held = slices(GIB)
    done = run(["sh", "-c", "exec /no/such/program"], held.environment(RELEASE), code=127)
    assert done == "" and held.show()["unattached"] == 0


@pytest.mark.parametrize("how", ["linked program", "shell", "script", "path"])
def test_a_static_program_is_counted(slices, how, tmp_path):
    held = slices(GIB)
    static = BUILD / "tests/shim/nothing-static"
    if how == "linked program":
        held.run("driver-linked", "start", static)
    elif how == "shell":
        run(["sh", "-c", f"{static}; true"], held.environment(RELEASE))
    elif how == "script":
        script = tmp_path / "script"
        script.write_text(f"#!{static}\n")
        script.chmod(0o755)
        run(["sh", "-c", f"{script}; true"], held.environment(RELEASE))
    else:
        run(["env", "nothing-static"], held.environment(
            RELEASE, PATH=f"/no/such/folder:{static.parent}:{os.environ['PATH']}"))
    assert held.show()["unattached"] == 1


def test_a_static_program_that_does_not_start_is_not_counted(slices, tmp_path):
    held = slices(GIB)
    copy = tmp_path / "static"
    shutil.copy(BUILD / "tests/shim/nothing-static", copy)
    copy.chmod(0o644)
    run(["sh", "-c", f"exec {copy}"], held.environment(RELEASE), code=126)
    assert held.show()["unattached"] == 0


def test_a_program_with_more_rights_is_counted(slices, tmp_path):
    """The linker ignores LD_PRELOAD there. Seen as such only if it belongs to another user."""
    if os.geteuid() != 0:
        pytest.fail("needs root, to make a file of another user")
    held = slices(GIB)
    copy = tmp_path / "other"
    shutil.copy("/bin/true", copy)
    os.chown(copy, 65534, 65534)
    run(["env", copy], held.environment(RELEASE))
    assert held.show()["unattached"] == 0
    copy.chmod(0o4755)
    run(["env", copy], held.environment(RELEASE))
    assert held.show()["unattached"] == 1


def test_a_program_that_the_library_cannot_reach_is_counted(slices, tmp_path):
    """As behind a chroot: the linker starts it without the library."""
    held = slices(GIB)
    library = shutil.copy(RELEASE / "src/shim/libcarve.so", tmp_path / "libcarve.so")
    environment = held.environment(RELEASE) | {"CARVE_LIBRARY": str(library), "LD_PRELOAD": str(library)}
    run(["sh", "-c", "env true"], environment)
    assert held.show()["unattached"] == 0
    run(["sh", "-c", f"mv {library} {library}.away; exec {TRY} try"], environment)
    assert held.show()["unattached"] == 1 and held.processes() == []


def test_ordinary_programs_are_not_counted(slices):
    held = slices(GIB)
    run(["sh", "-c", "ls / >/dev/null; env true; /bin/echo x"], held.environment(RELEASE))
    assert held.show()["unattached"] == 0
