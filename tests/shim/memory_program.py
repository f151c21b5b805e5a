# SPDX-License-Identifier: Apache-2.0
"""A program in a slice that calls the CUDA driver as a test tells it, and what the driver shows of it."""
import json
import struct
import subprocess

from conftest import BUILD, MIB, SUCCESS

CONTEXT = 518 * MIB  # what a context takes on the emulated GPU, as on an H100
UNIT = 2 * MIB
DEVICE, HOST = 1, 2  # where memory is
FLOAT = 0x20
LAYERED, CUBEMAP = 1, 4
POOL_RELEASE_THRESHOLD, POOL_RESERVED, POOL_USED = 4, 5, 7


class Program:
    """memory-caller; program.cuMemAlloc_v2("&a", 4096) is the driver's answer."""

    def __init__(self, on, environment=None, command=None, prepare=True, device=0):
        self.slice = on
        self.process = subprocess.Popen(command or [BUILD / "tests/shim/memory-caller"], text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, env=environment or on.environment())
        self.pid = self.process.pid
        self.beside = 0  # what the driver has taken for streams, where nobody measures
        if prepare:
            assert self.cuInit(0) == SUCCESS
            assert self.cuDevicePrimaryCtxRetain("&context", device) == SUCCESS
            assert self.cuCtxSetCurrent("context") == SUCCESS

    def send(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()

    def ask(self, *words):
        self.send(*words)
        line = self.process.stdout.readline()
        assert line, f"the program ended at {words}"
        return line.strip()

    def __getattr__(self, name):
        if not name.startswith("cu"):
            raise AttributeError(name)
        return lambda *words: int(self.ask(name, *words))

    def values(self, name):
        return [int(word) for word in self.ask("?", name).split()]

    def value(self, name):
        return self.values(name)[0]

    def info(self):
        """(free, total) as the driver says."""
        assert self.cuMemGetInfo_v2("&free", "&total") == SUCCESS
        return self.value("free"), self.value("total")

    def use(self, device=0):
        """What the page says of the process on one of the slice's GPUs."""
        mine = [p for p in self.slice.processes() if p["pid"] == self.pid]
        assert len(mine) == 1, self.slice.show()
        return mine[0]["use"][device]

    def charged(self, device=0):
        use = self.use(device)
        return use["tracked"] + use["overhead"]

    def shown(self, gpu=0):
        """What the driver shows of the process to NVML; managed memory is not in it."""
        return shown(self.slice.node, gpu).get(self.pid, 0)

    def check(self, error=0):
        """At rest the page says what the driver shows."""
        use = self.use()
        assert use["asking"] == 0
        difference = use["tracked"] + use["overhead"] - use["managed"] - self.shown() + self.beside
        assert 0 <= difference <= error, (use, self.shown(), difference)

    def end(self):
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait(timeout=60)


def shown(node, gpu=0):
    """{pid: bytes} of all processes on a GPU, by the emulated driver."""
    processes = json.loads(node.control("show", "-o", "json"))["gpus"][gpu]["processes"]
    return {p["pid"]: p["memory"] for p in processes}


def blob(data):
    return "%" + data.hex()


def array3d(width, height, depth, form=FLOAT, channels=1, flags=0):
    return blob(struct.pack("<QQQIII4x", width, height, depth, form, channels, flags))


def array2d(width, height, form=FLOAT, channels=1):
    return blob(struct.pack("<QQII", width, height, form, channels))


def physical(kind=DEVICE, where=0):
    return blob(struct.pack("<iiii16x", 1, 0, kind, where))


def pool(kind=DEVICE, where=0, most=0):
    return blob(struct.pack("<iiii8xQ56x", 1, 0, kind, where, most))

