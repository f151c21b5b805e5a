# SPDX-License-Identifier: Apache-2.0
"""The emulator as its users meet it: through nvidia-ml-py, other clients, and its control command.

CARVE_BUILD is a build folder without sanitizers, CARVE_VENV_PYTHON a Python that has the clients of
tests/requirements.txt. nvidia-ml-py is plain Python, so the tests load it from there too.
"""
import ctypes
import json
import os
import pathlib
import subprocess
import sys

import pytest

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = pathlib.Path(os.environ["CARVE_BUILD"]) / "emulator"
PYTHON = os.environ["CARVE_VENV_PYTHON"]

# Loaded by path first: what nvidia-ml-py then asks for by its soname is this library.
LIBRARY = ctypes.CDLL(str(FOLDER / "libnvidia-ml.so.1"))
sys.path.append(subprocess.run([PYTHON, "-c", "import pynvml, os; print(os.path.dirname(pynvml.__file__))"],
                               check=True, capture_output=True, text=True).stdout.strip())
import pynvml  # noqa: E402  pylint: disable=wrong-import-position


class Machine:
    """An emulated machine with a state file of its own; one session of this process on it."""

    def __init__(self, folder):
        self.state = folder / "state"
        self.environment = dict(os.environ)
        self.set("CARVE_EMULATOR_STATE", str(self.state))

    def set(self, name, value):
        self.environment[name] = value
        os.environ[name] = value

    def open(self, node="p4d.24xlarge"):
        self.set("CARVE_EMULATOR_NODE", node)
        pynvml.nvmlInit()
        return [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())]

    def run(self, program, *words, code=0, stream=None):
        done = subprocess.run([str(program), *map(str, words)], env=self.environment, text=True,
                              capture_output=True, timeout=60)
        assert done.returncode == code, (done.stdout, done.stderr)
        return getattr(done, stream or ("stdout" if code == 0 else "stderr"))

    def control(self, *words, code=0):
        return self.run(FOLDER / "carve-emulator", *words, code=code)

    def show(self, gpu=None):
        gpus = json.loads(self.control("show", "-o", "json"))["gpus"]
        return gpus if gpu is None else gpus[gpu]

    def calls(self, gpu):
        return json.loads(self.control("calls", "-o", "json"))[gpu]

    def python(self, *words):
        return subprocess.Popen([PYTHON, *map(str, words)], text=True, stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                env=self.environment | {"LD_LIBRARY_PATH": str(FOLDER)})


def shut_down():
    while LIBRARY.nvmlShutdown() == 0:
        pass


@pytest.fixture
def machine(tmp_path, monkeypatch):
    for name in ("CARVE_EMULATOR_NODE", "CARVE_EMULATOR_STATE", "CARVE_EMULATOR_TREE"):
        monkeypatch.delenv(name, raising=False)
    yield Machine(tmp_path)
    shut_down()
    for name in ("CARVE_EMULATOR_NODE", "CARVE_EMULATOR_STATE", "CARVE_EMULATOR_TREE"):
        os.environ.pop(name, None)


def code(call, *words):
    """NVML's return code of a call."""
    try:
        call(*words)
    except pynvml.NVMLError as error:
        return error.value
    return 0


def profile(gpu, index):
    return pynvml.nvmlDeviceGetGpuInstanceProfileInfo(gpu, index)


def place(start, size):
    return ctypes.byref(pynvml.c_nvmlGpuInstancePlacement_t(start, size))


def set_mig(gpu, on):
    """The activation status."""
    status = ctypes.c_uint()
    rc = LIBRARY.nvmlDeviceSetMigMode(gpu, int(on), ctypes.byref(status))
    if rc:
        raise pynvml.NVMLError(rc)
    return status.value


def create(gpu, profile_id):
    """A GPU instance with one compute instance as large: (gi handle, ci handle, gi id)."""
    gi = pynvml.nvmlDeviceCreateGpuInstance(gpu, profile_id)
    slices = pynvml.nvmlDeviceGetGpuInstanceProfileInfoByIdV(gpu, profile_id).sliceCount
    ci = pynvml.nvmlGpuInstanceCreateComputeInstance(gi, {1: 0, 2: 1, 3: 2, 4: 3, 7: 4}[slices])
    return gi, ci, pynvml.nvmlGpuInstanceGetInfo(gi).id


def mig_devices(gpu):
    found = []
    for index in range(pynvml.nvmlDeviceGetMaxMigDeviceCount(gpu)):
        try:
            found.append(pynvml.nvmlDeviceGetMigDeviceHandleByIndex(gpu, index))
        except pynvml.NVMLError_NotFound:
            pass
    return found
