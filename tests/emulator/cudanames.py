# SPDX-License-Identifier: Apache-2.0
"""One program through the driver by several names: the plain ones, those for threads' own streams, old versions."""
import ctypes
import functools
import mmap

from cudaprocess import INT, POINTER, SIZE, U64, Array2, Array3, Driver, run
from test_cuda_entry import exported
from test_cuda_memory_calls import Box, Rectangle, Side, Side2

NOT_READY, MAP_32BIT, PER_THREAD = 600, 0x40, 2


class OldSide2(ctypes.Structure):
    """What CUDA_MEMCPY2D_v1 has of the source; the target follows at once, without padding."""
    _fields_ = [("x", ctypes.c_uint), ("y", ctypes.c_uint), ("type", INT), ("host", POINTER),
                ("device", ctypes.c_uint32), ("array", POINTER), ("pitch", ctypes.c_uint)]


class OldRectangle(ctypes.Structure):
    _fields_ = [(end + name, kind) for end in ("source_", "to_") for name, kind in OldSide2._fields_] + \
        [("width", ctypes.c_uint), ("height", ctypes.c_uint)]


class OldBox(ctypes.Structure):
    _fields_ = [(end + name, kind) for end in ("source_", "to_") for name, kind in
                [("x", ctypes.c_uint), ("y", ctypes.c_uint), ("z", ctypes.c_uint), ("lod", ctypes.c_uint),
                 ("type", INT), ("host", POINTER), ("device", ctypes.c_uint32), ("array", POINTER),
                 ("context", POINTER), ("pitch", ctypes.c_uint), ("height", ctypes.c_uint)]] + \
        [("width", ctypes.c_uint), ("height", ctypes.c_uint), ("depth", ctypes.c_uint)]


class OldArray2(ctypes.Structure):
    _fields_ = [("width", ctypes.c_uint), ("height", ctypes.c_uint), ("format", INT), ("channels", ctypes.c_uint)]


class OldArray3(ctypes.Structure):
    _fields_ = [("width", ctypes.c_uint), ("height", ctypes.c_uint), ("depth", ctypes.c_uint), ("format", INT),
                ("channels", ctypes.c_uint), ("flags", ctypes.c_uint)]


class Value(ctypes.Structure):
    _fields_ = [("op", ctypes.c_uint), ("at", U64), ("value", U64), ("flags", ctypes.c_uint), ("alias", U64),
                ("reserved", U64)]


class Config(ctypes.Structure):
    _fields_ = [("grid", ctypes.c_uint * 3), ("block", ctypes.c_uint * 3), ("shared", ctypes.c_uint),
                ("stream", POINTER), ("attributes", POINTER), ("count", ctypes.c_uint)]


class Instantiate(ctypes.Structure):
    _fields_ = [("flags", U64), ("stream", POINTER), ("node", POINTER), ("result", INT)]


@functools.cache
def implemented():
    return {symbol for kind, symbol in exported() if kind == "T"}


def per_thread_names():
    """The other name of each plain one."""
    return {name[:-len("_ptsz")]: name for name in implemented() if name.endswith(("_ptsz", "_ptds"))}


def old_names():
    """The first version of each second one."""
    return {name + "_v2": name for name in implemented() if name + "_v2" in implemented()}


class Way:
    """How a program calls: by plain names, or by the others where there are some."""
    size, address, stream = SIZE, U64, POINTER(PER_THREAD)
    array2, array3 = Array2, Array3

    def __init__(self):
        self.cuda, self.seen, self.called = Driver(), {}, []
        self.start()

    def start(self):
        """What stands beside the program."""

    def name(self, plain):
        return plain

    def call(self, plain, *words):
        name = self.name(plain)
        self.called.append(name)
        return self.cuda.code(name, *words)

    def note(self, plain, *words, see=lambda: None):
        """Calls, and keeps the answer."""
        code = self.call(plain, *words)
        self.seen.setdefault(plain, []).append([code, see()])

    def get(self, kind, plain, *words):
        out = kind()
        self.note(plain, ctypes.byref(out), *words, see=lambda: out.value)
        return out

    def rectangle(self, source, to, width, height):
        return Rectangle(Side2(**source), Side2(**to), width, height)

    def box(self, source, to, width, height, depth):
        return Box(Side(**source), Side(**to), width, height, depth)

    def has(self, plain):
        return plain in implemented()

    def end(self):
        self.cuda.ok("cuStreamSynchronize", POINTER(PER_THREAD))
        return self.seen, self.called


class PerThread(Way):
    """Beside a stream that waits: whatever went into the legacy stream would wait for it."""
    stream = POINTER()

    def start(self):
        self.word = ctypes.c_uint32.from_address(self.cuda.get(POINTER, "cuMemHostAlloc", SIZE(64), 0))
        self.word.value = 0
        self.waits = POINTER(self.cuda.get(POINTER, "cuStreamCreate", 0))
        self.cuda.ok("cuStreamWaitValue32_v2", self.waits, U64(ctypes.addressof(self.word)), 1, 1)

    def name(self, plain):
        return per_thread_names().get(plain, plain)

    def end(self):
        assert self.cuda.code("cuStreamQuery", self.waits) == NOT_READY
        result = super().end()
        self.word.value = 1
        self.cuda.ok("cuStreamSynchronize", self.waits)
        return result


def flat(source, to):
    return {f"{end}_{name}": value for end, side in (("source", source), ("to", to)) for name, value in side.items()}


class Old(Way):
    size, address = ctypes.c_uint, ctypes.c_uint32
    array2, array3 = OldArray2, OldArray3

    def name(self, plain):
        return old_names().get(plain, plain)

    def has(self, plain):
        return plain in old_names()

    def rectangle(self, source, to, width, height):
        return OldRectangle(**flat(source, to), width=width, height=height)

    def box(self, source, to, width, height, depth):
        return OldBox(**flat(source, to), width=width, height=height, depth=depth)


def low_memory(way, size):
    """The program's own memory, registered: an address that 32 bits can name, which device and host reach."""
    room = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_32BIT)
    memory = (ctypes.c_ubyte * size).from_buffer(room)
    way.note("cuMemHostRegister_v2", POINTER(ctypes.addressof(memory)), way.size(size), 0)
    return memory


def different(plain, other):
    """What the two did not see alike."""
    return {name: (plain[name], seen) for name, seen in other.items() if plain[name] != seen}


def through(way, program):
    return run(lambda line: program(way()))
