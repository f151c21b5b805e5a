# SPDX-License-Identifier: Apache-2.0
"""The GPU as NVML shows it: an own reader, so that nothing of carve measures itself."""
import ctypes


class _Process(ctypes.Structure):
    _fields_ = [("pid", ctypes.c_uint), ("used", ctypes.c_ulonglong), ("gi", ctypes.c_uint), ("ci", ctypes.c_uint)]


class _Memory(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint), ("total", ctypes.c_ulonglong), ("reserved", ctypes.c_ulonglong),
                ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong)]


class Gpu:
    """One GPU of this machine."""

    def __init__(self, index=0):
        self.nvml = ctypes.CDLL("libnvidia-ml.so.1")
        self._check(self.nvml.nvmlInit_v2(), "nvmlInit")
        self.handle = ctypes.c_void_p()
        self._check(self.nvml.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(self.handle)), "handle")

    @staticmethod
    def _check(rc, what):
        if rc:
            raise OSError(f"NVML: {what}: error {rc}")

    def _text(self, call, *head, size=96):
        out = ctypes.create_string_buffer(size)
        self._check(getattr(self.nvml, call)(*head, out, size), call)
        return out.value.decode()

    def words(self):
        """Name of the board and version of the driver."""
        return {"gpu": self._text("nvmlDeviceGetName", self.handle),
                "driver": self._text("nvmlSystemGetDriverVersion")}

    def processes(self):
        """Bytes by pid."""
        items, count = (_Process * 256)(), ctypes.c_uint(256)
        self._check(self.nvml.nvmlDeviceGetComputeRunningProcesses_v3(self.handle, ctypes.byref(count), items),
                    "processes")
        return {items[i].pid: items[i].used for i in range(count.value)}

    def used(self):
        """Bytes in use on the GPU, the driver's reserve aside."""
        memory = _Memory(version=ctypes.sizeof(_Memory) | 2 << 24)
        self._check(self.nvml.nvmlDeviceGetMemoryInfo_v2(self.handle, ctypes.byref(memory)), "memory")
        return memory.used
