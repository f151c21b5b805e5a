# SPDX-License-Identifier: Apache-2.0
"""Processes that use the emulated libcuda.so.1: forked from the test, so that each has a driver of its own."""
import ctypes
import json
import os
import signal
import socket
import traceback

from conftest import FOLDER

MIB = 1 << 20
CONTEXT_MIB = 518         # what a context costs its process
CONTEXT_BEYOND_KIB = 5696  # and the device beyond that
INIT_KIB = 3328           # what cuInit costs the device
U64, SIZE, POINTER, INT = ctypes.c_uint64, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_int
FLOAT = 0x20


class Array2(ctypes.Structure):
    _fields_ = [("width", SIZE), ("height", SIZE), ("format", INT), ("channels", ctypes.c_uint)]


class Array3(ctypes.Structure):
    _fields_ = [("width", SIZE), ("height", SIZE), ("depth", SIZE), ("format", INT), ("channels", ctypes.c_uint),
                ("flags", ctypes.c_uint)]


class MemoryProps(ctypes.Structure):
    _fields_ = [("type", INT), ("handles", INT), ("where", INT), ("id", INT), ("security", POINTER),
                ("rest", ctypes.c_ubyte * 8)]


class PoolProps(ctypes.Structure):
    _fields_ = [("type", INT), ("handles", INT), ("where", INT), ("id", INT), ("security", POINTER),
                ("most", SIZE), ("rest", ctypes.c_ubyte * 56)]


class Access(ctypes.Structure):
    _fields_ = [("where", INT), ("id", INT), ("flags", INT)]


class IpcHandle(ctypes.Structure):
    _fields_ = [("bytes", ctypes.c_char * 64)]


class Driver:
    """libcuda.so.1 with a context on a device; every call must succeed unless asked for its code."""

    def __init__(self, device=0, context=True):
        self.library = ctypes.CDLL(str(FOLDER / "libcuda.so.1"))
        if context:
            self.ok("cuInit", 0)
            self.context = POINTER()
            self.ok("cuDevicePrimaryCtxRetain", ctypes.byref(self.context), device)
            self.ok("cuCtxSetCurrent", self.context)

    def code(self, name, *words):
        return getattr(self.library, name)(*words)

    def ok(self, name, *words):
        assert self.code(name, *words) == 0, (name, words)

    def get(self, kind, name, *words):
        out = kind()
        self.ok(name, ctypes.byref(out), *words)
        return out.value

    def info(self):
        free, total = SIZE(), SIZE()
        self.ok("cuMemGetInfo_v2", ctypes.byref(free), ctypes.byref(total))
        return free.value, total.value

    def alloc(self, size):
        return self.get(U64, "cuMemAlloc_v2", SIZE(size))

    def alloc_code(self, size):
        return self.code("cuMemAlloc_v2", ctypes.byref(U64()), SIZE(size))

    def free(self, address):
        self.ok("cuMemFree_v2", U64(address))

    def write(self, address, data):
        self.ok("cuMemcpyHtoD_v2", U64(address), data, SIZE(len(data)))

    def read(self, address, size):
        out = ctypes.create_string_buffer(size)
        self.ok("cuMemcpyDtoH_v2", out, U64(address), SIZE(size))
        return out.raw

    def attribute(self, which, device=0):
        return self.get(INT, "cuDeviceGetAttribute", which, device)

    def cost(self, work):
        """KiB of the GPU that work takes, and its result."""
        before = self.info()[0]
        result = work()
        return (before - self.info()[0]) / 1024, result


class Line:
    """Messages between a test and its process."""

    def __init__(self, end):
        self.file = end.makefile("rw")

    def say(self, word=None):
        self.file.write(json.dumps(word) + "\n")
        self.file.flush()

    def hear(self):
        text = self.file.readline()
        assert text, "the other side has gone"
        return json.loads(text)


class Process:
    """work(line, *words) in a forked process; its exceptions are the test's."""

    def __init__(self, work, *words):
        here, there = socket.socketpair()
        here.settimeout(50)
        self.pid = os.fork()
        if self.pid == 0:
            here.close()
            line = Line(there)
            try:
                line.say(["result", work(line, *words)])
            except BaseException:  # pylint: disable=broad-except
                line.say(["error", traceback.format_exc()])
            finally:
                os._exit(0)
        there.close()
        self.line, self.left = Line(here), False

    def hear(self):
        """What the process says before its end."""
        word = self.line.hear()
        assert not (isinstance(word, list) and word and word[0] == "error"), word[1]
        return word

    def say(self, word=None):
        self.line.say(word)

    def end(self):
        """The result of work."""
        try:
            kind, result = self.line.hear()
        finally:
            self.wait()
        assert kind == "result", result
        return result

    def wait(self):
        if not self.left:
            os.waitpid(self.pid, 0)
            self.left = True

    def kill(self, wait=True):
        os.kill(self.pid, signal.SIGKILL)
        if wait:
            self.wait()


def run(work, *words):
    return Process(work, *words).end()
