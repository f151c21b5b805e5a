# SPDX-License-Identifier: Apache-2.0
"""However a program comes by the driver's functions, the slice's limit holds and its page shows it."""
import os
import re
import shutil
import subprocess

import pytest

from conftest import BUILD, GIB, MIB, OUT_OF_MEMORY, SUCCESS, figures, run

LINKED, DLSYM, PROC_ADDRESS, NVML, DLMOPEN = 1, 2, 4, 8, 16
HELD = {"total": 1024, "small": SUCCESS, "large": OUT_OF_MEMORY, "async": OUT_OF_MEMORY}


def holds(text):
    """The program saw the slice's total, could allocate, and was refused what is above the limit."""
    seen = figures(text)
    assert {name: seen.get(name) for name in HELD} == HELD, text


def only(processes):
    assert len(processes) == 1, processes
    return processes[0]


def counted(process, refused=2):
    """The page shows that the library was there: it counted allocations and refusals."""
    assert process["allocations"] > 0 and process["use"][0]["refused"] == refused, process


def test_without_a_slice_everything_passes(slices):
    held = slices(GIB)
    bare = {name: value for name, value in held.environment().items() if name != "CARVE_PAGE"}
    free = figures(run([BUILD / "tests/shim/driver-linked", "try"], bare))
    assert free["total"] > 1024 and free["small"] == SUCCESS
    assert held.processes() == []


@pytest.mark.parametrize("way, route", [
    ("dlsym", DLSYM), ("default", DLSYM), ("next", DLSYM), ("proc-address", DLSYM | PROC_ADDRESS),
    ("proc-address-v2", DLSYM | PROC_ADDRESS), ("proc-address-per-thread", DLSYM | PROC_ADDRESS)])
def test_looked_up(slices, way, route):
    held = slices(GIB)
    holds(held.run("driver-lookup", way))
    process = only(held.processes())
    counted(process)
    assert process["routes"] == route


def test_linked(slices):
    held = slices(GIB)
    holds(held.run("driver-linked", "try"))
    process = only(held.processes())
    counted(process)
    assert process["routes"] == LINKED and process["command"] == "driver-linked"
    assert process["uncounted"] == 0


def test_symbols_with_versions(slices):
    held = slices(GIB)
    library = BUILD / "tests/shim/libcuda.so.1"
    free = {name: value for name, value in held.environment().items() if name != "LD_PRELOAD"}
    assert figures(run([BUILD / "tests/shim/driver-lookup", "versioned", library], free)) == {
        "found": 1, "other": 0, "wrapped": 0}
    assert figures(held.run("driver-lookup", "versioned", library)) == {"found": 1, "other": 0, "wrapped": 1}


def test_without_the_driver_its_names_are_not_found(slices):
    held = slices(GIB)
    nothing = {"LD_LIBRARY_PATH": str(held.node.folder)}
    inside = held.run("driver-lookup", "absent", environment=nothing)
    outside = run([BUILD / "tests/shim/driver-lookup", "absent"], held.node.environment() | nothing)
    assert inside == outside and set(line.split()[1] for line in inside.splitlines()) == {"absent"}


@pytest.mark.parametrize("what", ["other", "error"])
def test_lookups_leave_no_trace(slices, what):
    """Other names are libc's business, and dlerror knows nothing of what we looked for ourselves."""
    assert figures(slices(GIB).run("driver-lookup", what)) == {"found": 1, "error": 0}


@pytest.mark.parametrize("program, way", [("driver-linked", "try"), ("driver-lookup", "dlsym")])
@pytest.mark.parametrize("first", [True, False])
def test_another_preloaded_library(slices, first, program, way):
    """A tool's own library that wraps the driver sees what it would see without us; the limit holds."""
    held = slices(GIB)
    libraries = [str(BUILD / "src/shim/libcarve.so")]
    libraries.insert(0 if first else 1, str(BUILD / "tests/shim/third.so"))
    done = subprocess.run([BUILD / "tests/shim" / program, way], check=True, text=True, timeout=60,
                          env=held.environment(LD_PRELOAD=":".join(libraries)), capture_output=True)
    holds(done.stdout)
    counted(only(held.processes()))
    linked = program == "driver-linked"
    # What is looked up in the driver's own library never passed it; what we refuse does not get behind us.
    seen = {(True, True): 2, (True, False): 1, (False, True): 0, (False, False): 1}[linked, first]
    assert f"third saw {seen}" in done.stderr


@pytest.mark.parametrize("first", [True, False])
def test_a_preloaded_library_that_wraps_dlsym(slices, first):
    """It asks libc past us for the real one, and gets ours; behind us libc's, and names that are not the driver's."""
    held = slices(GIB)
    libraries = [str(BUILD / "src/shim/libcarve.so")]
    libraries.insert(0 if first else 1, str(BUILD / "tests/shim/own-dlsym.so"))
    done = subprocess.run([BUILD / "tests/shim/driver-lookup", "dlsym"], check=True, text=True, timeout=60,
                          env=held.environment(LD_PRELOAD=":".join(libraries)), capture_output=True)
    holds(done.stdout)
    counted(only(held.processes()))
    assert (figures(done.stderr)["driver"] > 0) == first
    done = subprocess.run([BUILD / "tests/shim/driver-lookup", "other"], check=True, text=True, timeout=60,
                          env=held.environment(LD_PRELOAD=":".join(libraries)), capture_output=True)
    assert figures(done.stdout)["found"] == 1
    assert figures(done.stderr)["passed"] > 0


@pytest.mark.parametrize("kind, processes", [("fork", 2), ("vfork", 2), ("spawn", 1), ("clear", 1), ("threads", 1)])
def test_processes(slices, kind, processes):
    held = slices(GIB)
    output = held.run("driver-linked", kind)
    tries = [line for line in output.splitlines() if line.startswith("init")]
    assert len(tries) == processes
    for line in tries:
        holds(line)
    assert len(held.processes()) == processes
    for process in held.processes():
        counted(process)


def test_a_child_of_a_program_that_uses_the_driver(slices):
    held = slices(GIB)
    child = figures(held.run("driver-linked", "fork-late"))["child"]
    own = next(process for process in held.processes() if process["pid"] == child)
    assert own["use"][0]["tracked"] == 0 and len(held.processes()) == 2


@pytest.mark.parametrize("kind", ["close-all", "no-descriptors"])
def test_no_descriptor_is_needed(slices, kind):
    """A program may close all descriptors, or have none left: the page is mapped."""
    held = slices(GIB)
    leaks = {"ASAN_OPTIONS": held.node.base["ASAN_OPTIONS"] + ":detect_leaks=0"}  # looking for leaks needs one
    before, after = held.run("driver-linked", kind, environment=leaks).splitlines()
    holds(before)
    after = figures(after)  # what is within the limit may fail: the driver, too, has lost its descriptors
    assert (after["total"], after["large"], after["async"]) == (1024, OUT_OF_MEMORY, OUT_OF_MEMORY)
    counted(only(held.processes()), refused=4)


def test_two_processes_share_the_limit(slices):
    held = slices(256 * MIB)
    with subprocess.Popen([BUILD / "tests/shim/driver-linked", "hold"], env=held.environment(), text=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        holder.stdout.readline()
        assert holder.stdout.readline() == "holding\n"
        holding = only(held.processes())["use"][0]["tracked"]
        assert 64 * MIB <= holding < 72 * MIB
        assert held.run("driver-linked", "try")
        holder.communicate("", timeout=60)
    assert {process["alive"] for process in held.processes()} == {False}


def test_a_library_in_another_namespace_is_flagged(slices):
    held = slices(GIB)
    holds(held.run("driver-linked", "dlmopen"))
    assert only(held.processes())["routes"] == LINKED | DLMOPEN


def test_a_copy_of_the_driver_under_another_name(slices, tmp_path):
    """The only one in the process: wrapped as the driver, whatever its file is called."""
    held = slices(GIB)
    copy = shutil.copy(BUILD / "emulator/libcuda.so.1", tmp_path / "libmine.so")
    holds(held.run("driver-lookup", "dlsym", copy))
    counted(only(held.processes()))


@pytest.mark.parametrize("spoil", ["delete", "cut", "truncate", "scribble", "link"])
def test_a_page_that_cannot_be_had(slices, spoil, tmp_path):
    """No page, no device memory; whatever the page is instead."""
    held = slices(GIB)
    page = held.page
    content = open(page, "rb").read()
    os.unlink(page)
    if spoil == "cut":
        open(page, "wb").write(content[:1000])
    elif spoil == "truncate":
        open(page, "wb").close()
    elif spoil == "scribble":
        open(page, "wb").write(content[:100] + b"\xff" * 8 + content[108:])
    elif spoil == "link":
        (tmp_path / "elsewhere").write_bytes(content)
        os.symlink(tmp_path / "elsewhere", page)
    # A context takes memory, so even that is refused.
    assert figures(held.run("driver-linked", "try", code=1)) == {"init": OUT_OF_MEMORY}


def test_a_deleted_page_goes_on_for_who_has_it(slices, tmp_path):
    """A fork does not open the page again."""
    held = slices(GIB)
    kept = tmp_path / os.path.basename(held.page)
    with subprocess.Popen([BUILD / "tests/shim/driver-linked", "fork-late"], env=held.environment(), text=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        holds(parent.stdout.readline())
        os.rename(held.page, kept)
        output, _ = parent.communicate("", timeout=60)
        assert parent.returncode == 0
    held.page = kept
    assert figures(output)["child"] in {process["pid"] for process in held.processes()}


def test_a_driver_that_lacks_functions(slices):
    """Of an older driver, here one that has a single function: what it lacks is not looked for aloud."""
    held = slices(GIB)
    old = {"LD_LIBRARY_PATH": str(BUILD / "tests/shim")}
    outside = run([BUILD / "tests/shim/driver-old"], held.node.environment() | old)
    assert figures(outside) == {"alloc": SUCCESS, "error": 0}
    assert figures(held.run("driver-old", environment=old))["error"] == 0


def test_two_other_preloaded_libraries(slices, tmp_path):
    """Each goes on to the next in the order, we come last."""
    held = slices(GIB)
    other = shutil.copy(BUILD / "tests/shim/third.so", tmp_path / "fourth.so")
    libraries = [BUILD / "tests/shim/third.so", other, BUILD / "src/shim/libcarve.so"]
    done = subprocess.run([BUILD / "tests/shim/driver-linked", "try"], check=True, text=True, timeout=60,
                          env=held.environment(LD_PRELOAD=":".join(map(str, libraries))), capture_output=True)
    holds(done.stdout)
    assert done.stderr.count("third saw 2") == 2


def test_what_is_exported(node):
    """The functions of hooks.h and what finds or starts things: nothing else gets into programs."""
    lines = run(["nm", "-D", "--defined-only", BUILD / "src/shim/libcarve.so"], node.environment()).splitlines()
    exported = {line.split()[-1] for line in lines}
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    with open(os.path.join(root, "src/shim/hooks.h"), encoding="utf-8") as text:
        hooks = set(re.findall(r"^    H\((\w+)\)", text.read(), re.M))
    others = {"dlsym", "dlvsym", "dlmopen", "execve", "execv", "execvp", "execvpe", "execl", "execlp", "execle",
              "fexecve", "execveat", "posix_spawn", "posix_spawnp"}
    assert len(hooks) > 100 and exported == hooks | others
