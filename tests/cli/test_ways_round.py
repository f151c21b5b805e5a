# SPDX-License-Identifier: Apache-2.0
"""The ways round of libcarve(7) as a user sees them: the real `carve run` and library, and what `carve ps` shows."""
import pathlib
import re
import shutil
import subprocess

from conftest import fixtures, wait_for
from recipes import machine
from runnode import CONTEXT, GIB, as_user

ROOT = pathlib.Path(__file__).resolve().parents[2]
CUDA = fixtures.RELEASE / "emulator/libcuda.so.1"
TRY = "say(total(), context(), take(GIB), take(2 * GIB))\nsys.stdin.readline()\n"
HELD = [2 * GIB, 0, 0, 2]


def rows():
    """[(way, what becomes of it, tests)] of the table."""
    text = (ROOT / "man/libcarve.7.scd").read_text(encoding="utf-8")
    cells = re.findall(r"^\|  (.*?)\n:  (.*?)\n:  (.*?)\n(?=\||\n)", text[text.index("# WAYS ROUND"):], re.M | re.S)
    return [tuple(" ".join(cell.split()) for cell in row) for row in cells]


def test_the_tests_that_the_table_names_are_there():
    named = 0
    for way, _, tests in rows():
        for file, names in re.findall(r"(?:^|; )(\S+\.py): ([^;]+)", tests):
            path = ROOT / "tests" / file if "/" in file else ROOT / "tests/shim" / file
            for name in names.split(", "):
                assert re.search(rf"^def test_{name}", path.read_text(encoding="utf-8"), re.M), (way, file, name)
                named += 1
        assert named or tests.startswith(("none", "tests/")), way
    assert len(rows()) >= 18 and named >= 15


class Way:
    """A program in a slice of 2 GiB that has said a line of numbers, and waits."""

    def __init__(self, machine, *command, text=TRY, **more):
        machine.write("way.py", "from gpu import *\n" + text)
        self.machine = machine
        self.process = machine.start("run", "-m", "2Gi", "--gpu", "0", "--name", "w", "--", *(command or (
            "python3", "way.py")), stdin=subprocess.PIPE, **more)
        self.said = [int(word) for word in self.process.stdout.readline().split()]

    def on(self):
        """The next line, after one for the program."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return [int(word) for word in self.process.stdout.readline().split()]

    def flagged(self, flag):
        wait_for(lambda: flag in self.machine.slice("w")["flags"], lambda: self.machine("ps"))

    def end(self):
        self.process.stdin.close()
        assert self.process.wait(60) == 0
        return self.process.stderr.read()


def build(machine, name, *words):
    source = machine.write("way.c", "#include <stdio.h>\nint main(void) { puts(\"1\"); fflush(stdout); getchar(); }\n")
    subprocess.run(["cc", *words, "-o", machine.folder / name, source], check=True)
    return str(machine.folder / name)


def test_a_static_program(machine):
    program = build(machine, "static", "-static")
    assert "is linked statically" in machine("run", "-m", "2Gi", "--", program, code=2)
    way = Way(machine, "sh", "-c", f"{program}; true")
    way.flagged("unattached")
    assert way.said == [1]
    way.end()


def test_a_setuid_program(machine):
    program = build(machine, "raised")
    (machine.folder / "raised").chmod(0o4755)
    user = as_user(4711)
    assert "raises its rights" in machine("run", "-m", "2Gi", "--", program, code=2, preexec_fn=user)
    way = Way(machine, "sh", "-c", f"{program}; true", preexec_fn=user)
    way.flagged("unattached")
    way.end()


def test_system_with_a_cleared_environment(machine):
    """libc starts that shell by itself: the program is found by its use of the GPU."""
    machine.write("child.py", "from gpu import *\n" + TRY)
    way = Way(machine, text='for name in ("LD_PRELOAD", "CARVE_PAGE", "CARVE_LIBRARY"):\n'
                            '    del os.environ[name]\nos.system("/usr/bin/python3 child.py")\n')
    assert way.said[0] > 100 * GIB and way.said[1:] == [0, 0, 0]
    way.flagged("unattached")
    assert [o["driver_bytes"] for o in machine.ps()["outside"]] == [3 * GIB + CONTEXT]
    assert "uses GPU 0 without a limit" in way.end()


def test_started_by_a_raw_system_call(machine):
    """With an environment of its own, as Go programs start others: found by its use of the GPU."""
    machine.write("child.py", "from gpu import *\n" + TRY)
    way = Way(machine, text="""
def strings(*all):
    return (ctypes.c_char_p * (len(all) + 1))(*all, None)
left = [b"%s=%s" % pair for pair in os.environb.items() if pair[0].startswith((b"CARVE_E", b"LD_LIB", b"PYTHON"))]
words = strings(b"/usr/bin/python3", b"child.py")
execve = {"x86_64": 59, "aarch64": 221}[os.uname().machine]
ctypes.CDLL(None).syscall(execve, ctypes.c_char_p(words[0]), words, strings(*left))
""")
    assert way.said[0] > 100 * GIB and way.said[1:] == [0, 0, 0]
    way.flagged("unattached")
    way.end()


def test_another_user_than_the_owner(machine):
    way = Way(machine, text="os.setgid(4711)\nos.setuid(4711)\n" + TRY)
    assert way.said[1:] == [2, 201, 201]
    way.end()


def test_another_namespace_of_libraries(machine):
    way = Way(machine, text="""
libc = ctypes.CDLL(None)
libc.dlmopen.restype = libc.dlsym.restype = ctypes.c_void_p
library = ctypes.c_void_p(libc.dlmopen(-1, b"libcuda.so.1", 2))
def call(name, *words):
    return ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_size_t] * len(words))(libc.dlsym(library, name))(*words)
made = ctypes.c_uint64()
at = ctypes.addressof(made)
say(call(b"cuInit", 0), call(b"cuDevicePrimaryCtxRetain", at, 0), call(b"cuCtxSetCurrent", made.value),
    call(b"cuMemAlloc_v2", at, 4 * GIB))
sys.stdin.readline()
""")
    assert way.said == [0, 0, 0, 0]
    way.flagged("bypass")
    way.flagged("over_limit")
    way.end()


def test_a_library_bound_deep(machine):
    """Nothing of its process comes to us: found by its use of the GPU."""
    source = machine.write("deep.c", "extern int cuInit(unsigned), cuDevicePrimaryCtxRetain(void **, int);\n"
                           "int deep(void) { void *c; return cuInit(0) || cuDevicePrimaryCtxRetain(&c, 0); }\n")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", machine.folder / "deep.so", source, CUDA], check=True)
    way = Way(machine, text='deep = ctypes.CDLL("./deep.so", mode=os.RTLD_NOW | os.RTLD_DEEPBIND)\nsay(deep.deep())\n'
                            "sys.stdin.readline()\n")
    assert way.said == [0]
    way.flagged("unattached")
    way.end()


def test_a_search_of_its_own_for_the_drivers_functions(machine):
    """What it takes counts as overhead of its process, which gets no more then."""
    (offset,) = [line.split()[0] for line in subprocess.run(
        ["nm", "-D", CUDA], capture_output=True, text=True, check=True).stdout.splitlines()
        if re.search(r" T cuMemAlloc_v2\b", line)]
    way = Way(machine, text=f"""
say(context(), take(GIB))
base = next(int(line.split("-")[0], 16) for line in open("/proc/self/maps") if "libcuda.so.1" in line)
own = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t)(base + 0x{offset})
address = ctypes.c_uint64()
sys.stdin.readline()
say(own(ctypes.addressof(address), 4 * GIB))
sys.stdin.readline()
say(take(1 << 20))
sys.stdin.readline()
""")
    assert way.said == [0, 0] and way.on() == [0]
    way.flagged("over_limit")
    wait_for(lambda: machine.slice("w")["devices"][0]["used_bytes"] == 5 * GIB + CONTEXT, "the overhead")
    assert way.on() == [2]
    way.end()


GO_ON = TRY + """
say(take(2 * GIB), os.system("/usr/bin/python3 -c 'from gpu import *; sys.exit(context())'") >> 8)
sys.stdin.readline()
"""


def test_a_page_that_is_deleted(machine):
    way = Way(machine, text=GO_ON)
    assert way.said == HELD
    for path in machine.pages.iterdir():
        path.unlink()
    assert way.on() == [2, 2]  # who has it is held, a new program gets nothing
    way.end()


def test_a_page_that_its_owner_wrote(machine):
    way = Way(machine, text=GO_ON)
    assert way.said == HELD
    (path,) = machine.pages.iterdir()
    with open(path, "r+b") as file:
        file.seek(128 + 16)
        file.write((100 * GIB).to_bytes(8, "little"))
    assert way.on()[1] == 2
    assert [s["fault"] for s in machine.ps()["slices"]] != [None]
    way.end()


def test_all_descriptors_closed(machine):
    way = Way(machine, text=f"total()\nos.closerange(3, 1000)\n{TRY}")
    assert way.said == HELD
    way.end()


def test_the_driver_under_another_name(machine):
    copy = shutil.copy(CUDA, machine.folder / "libmine.so")
    gpu = machine.folder / "gpu.py"
    gpu.write_text(gpu.read_text().replace('"libcuda.so.1"', repr(str(copy))))
    way = Way(machine)
    assert way.said == HELD
    way.end()
