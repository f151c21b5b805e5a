# SPDX-License-Identifier: Apache-2.0
"""The pair of H200s against what two real ones answered, getter by getter."""
import ctypes
import json

import pytest
from conftest import FOLDER, LIBRARY, ROOT, shut_down

CAPTURE = json.loads((ROOT / "data/captures/nvml-h200-x2.json").read_text())

# Identities and readings that may differ from the capture. None does: the node file states the
# captured ones (the capture's UUIDs and serial numbers were blanked by its makers).
MAY_DIFFER = set()

# Names that exist in nvidia-ml-py alone, whatever the capture's "symbols" says of them.
PYTHON_ONLY = {"nvmlExceptionClass", "nvmlFriendlyObjectToStruct", "nvmlStructToFriendlyObject"}


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    from conftest import Machine
    machine = Machine(tmp_path_factory.mktemp("capture"))
    machine.set("CARVE_EMULATOR_NODE", "h200-x2")
    client = machine.python(ROOT / "tests/emulator/dump.py")
    out, errors = client.communicate(timeout=60)
    shut_down()
    assert client.returncode == 0, errors
    return json.loads(out)


def differences(path, captured, emulated):
    if isinstance(captured, dict) and isinstance(emulated, dict):
        for key in captured.keys() | emulated.keys():
            if key not in captured or key not in emulated:
                yield f"{path}/{key}", captured.get(key, "-"), emulated.get(key, "-")
            else:
                yield from differences(f"{path}/{key}", captured[key], emulated[key])
    elif captured != emulated:
        yield path, captured, emulated


@pytest.mark.parametrize("part", ["system", "pairs", "boards"])
def test_every_getter_answers_as_captured(answers, part):
    captured, emulated = CAPTURE[part], answers[part]
    if part == "boards":
        assert len(emulated) == len(captured) == 2
        assert all(len(board) > 150 for board in captured)
        captured, emulated = dict(enumerate(captured)), dict(enumerate(emulated))
    found = [entry for entry in differences("", captured, emulated) if entry[0] not in MAY_DIFFER]
    assert not found


def test_the_same_functions_are_exported_and_no_other_is():
    for name, present in CAPTURE["symbols"].items():
        if name not in PYTHON_ONLY:
            assert hasattr(LIBRARY, name) == present, name
    dynamic = ctypes.CDLL(str(FOLDER / "libnvidia-ml.so.1"))
    for inside in ("node_open", "state_open", "err_set", "session_enter"):
        assert not hasattr(dynamic, inside)


def test_symbols_that_clients_look_up_by_their_versioned_name():
    for name in ("nvmlInit_v2", "nvmlDeviceGetCount_v2", "nvmlDeviceGetHandleByIndex_v2", "nvmlEventSetWait_v2",
                 "nvmlDeviceGetHandleByPciBusId_v2", "nvmlDeviceGetMemoryInfo_v2", "nvmlDeviceGetPciInfo_v3",
                 "nvmlDeviceGetGpuInstancePossiblePlacements_v2", "nvmlComputeInstanceGetInfo_v2"):
        assert hasattr(LIBRARY, name), name
