# SPDX-License-Identifier: Apache-2.0
"""Prints, as JSON, what every getter of nvidia-ml-py answers about each board of this machine.

The shape is that of data/captures/*.json, so that a board and its stand-in can be compared. An
error is {"error": code}; a getter that nvidia-ml-py itself cannot serve is {"python": words}.
"""
import ctypes
import inspect
import json

import pynvml

ARGUMENTS = {
    "clock": (pynvml.nvmlDeviceGetClockInfo, 5),
    "maxClock": (pynvml.nvmlDeviceGetMaxClockInfo, 5),
    "temperature": (pynvml.nvmlDeviceGetTemperature, 2),
    "threshold": (pynvml.nvmlDeviceGetTemperatureThreshold, 10),
    "nvlinkState": (pynvml.nvmlDeviceGetNvLinkState, 19),
    "nvlinkVersion": (pynvml.nvmlDeviceGetNvLinkVersion, 19),
    "nvlinkRemote": (pynvml.nvmlDeviceGetNvLinkRemotePciInfo, 19),
}


def plain(value):
    """Whatever nvidia-ml-py returns, as JSON can have it."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, ctypes.Array):
        return plain(value.value) if value._type_ is ctypes.c_char else [plain(item) for item in value]
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (ctypes.Structure, ctypes.Union)):
        return {name: plain(getattr(value, name)) for name, *_ in value._fields_}
    if isinstance(value, ctypes._SimpleCData):
        return value.value
    return value


def answer(call, *words):
    try:
        return plain(call(*words))
    except pynvml.NVMLError as error:
        return {"error": error.value}
    except Exception as error:  # pylint: disable=broad-except
        return {"python": f"{type(error).__name__}: {error}"[:120]}


def getters(prefix, n_arguments):
    for name, call in vars(pynvml).items():
        if name.startswith(prefix) and inspect.isfunction(call) and "Set" not in name:
            free = [p for p in inspect.signature(call).parameters.values() if p.default is p.empty]
            if len(free) == n_arguments:
                yield name, call


def possible_placements(gpu, profile_id):
    count = ctypes.c_uint(64)
    found = (pynvml.c_nvmlGpuInstancePlacement_t * 64)()
    pynvml.nvmlDeviceGetGpuInstancePossiblePlacements(gpu, profile_id, found, ctypes.byref(count))
    return [[place.start, place.size] for place in found[:count.value]]


def mig(gpu):
    out = {}
    for index in range(20):
        entry = out[str(index)] = {
            "v1": answer(pynvml.nvmlDeviceGetGpuInstanceProfileInfo, gpu, index),
            "v2": answer(pynvml.nvmlDeviceGetGpuInstanceProfileInfo, gpu, index, 2),
        }
        if "id" in entry["v1"]:
            profile_id = entry["v1"]["id"]
            entry["placements"] = answer(possible_placements, gpu, profile_id)
            entry["remaining"] = answer(pynvml.nvmlDeviceGetGpuInstanceRemainingCapacity, gpu, profile_id)
    return out


def board(gpu):
    out = {}
    for prefix in ("nvmlDeviceGet", "nvmlDeviceIs"):
        out |= {name: answer(call, gpu) for name, call in getters(prefix, 1)}
    for name, (call, count) in ARGUMENTS.items():
        out[name] = {str(value): answer(call, gpu, value) for value in range(count)}
    return out | {"mig": mig(gpu)}


def pair(a, b):
    return {"ancestor": answer(pynvml.nvmlDeviceGetTopologyCommonAncestor, a, b),
            "p2p": {str(i): answer(pynvml.nvmlDeviceGetP2PStatus, a, b, i) for i in range(6)},
            "onSameBoard": answer(pynvml.nvmlDeviceOnSameBoard, a, b)}


def main():
    pynvml.nvmlInit()
    gpus = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())]
    print(json.dumps({
        "system": {name: answer(call) for name, call in getters("nvmlSystemGet", 0)},
        "boards": [board(gpu) for gpu in gpus],
        "pairs": {f"{i}-{j}": pair(a, b) for i, a in enumerate(gpus) for j, b in enumerate(gpus) if i != j},
    }))


if __name__ == "__main__":
    main()
