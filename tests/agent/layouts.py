# SPDX-License-Identifier: Apache-2.0
"""Makes MIG layouts on the emulated node through NVML, as another program on the node would.

usage: layouts.py LIBRARY GPU off|PROFILE_ID...
"""
import ctypes
import sys


class Attributes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint) for name in (
        "id", "slices", "instances", "sm", "ce", "dec", "enc", "jpg", "ofa")]


def check(rc, what):
    if rc:
        sys.exit(f"{what}: NVML error {rc}")


class Info(ctypes.Structure):
    _fields_ = [("device", ctypes.c_void_p), ("id", ctypes.c_uint), ("profile", ctypes.c_uint),
                ("start", ctypes.c_uint), ("size", ctypes.c_uint)]


class ComputeInfo(ctypes.Structure):
    _fields_ = [("device", ctypes.c_void_p), ("gi", ctypes.c_void_p), ("id", ctypes.c_uint),
                ("profile", ctypes.c_uint), ("start", ctypes.c_uint), ("size", ctypes.c_uint)]


def instances(nvml, device, profile):
    found = (ctypes.c_void_p * 16)()
    count = ctypes.c_uint(0)
    if nvml.nvmlDeviceGetGpuInstances(device, profile, found, ctypes.byref(count)):
        return []
    return [ctypes.c_void_p(found[i]) for i in range(count.value)]


def destroy_all(nvml, device):
    for profile in (0, 5, 9, 14, 15, 19, 20):
        for gi in instances(nvml, device, profile):
            for compute in range(8):
                found = (ctypes.c_void_p * 8)()
                count = ctypes.c_uint(0)
                if nvml.nvmlGpuInstanceGetComputeInstances(gi, compute, found,
                                                           ctypes.byref(count)):
                    continue
                for i in range(count.value):
                    check(nvml.nvmlComputeInstanceDestroy(ctypes.c_void_p(found[i])), "destroy CI")
            check(nvml.nvmlGpuInstanceDestroy(gi), "destroy GI")


# Compute profile (NVML_COMPUTE_INSTANCE_PROFILE_*) that fills a GPU instance profile of A100.
FULL = {0: 4, 5: 3, 9: 2, 14: 1, 15: 0, 19: 0, 20: 0}


def main():
    nvml = ctypes.CDLL(sys.argv[1])
    device = ctypes.c_void_p()
    status = ctypes.c_uint()
    check(nvml.nvmlInit_v2(), "init")
    check(nvml.nvmlDeviceGetHandleByIndex_v2(int(sys.argv[2]), ctypes.byref(device)), "GPU")
    wanted = sys.argv[3:]
    destroy_all(nvml, device)
    check(nvml.nvmlDeviceSetMigMode(device, int(wanted != ["off"]), ctypes.byref(status)), "mode")
    for profile in map(int, wanted if wanted != ["off"] else []):
        gi, ci = ctypes.c_void_p(), ctypes.c_void_p()
        check(nvml.nvmlDeviceCreateGpuInstance(device, profile, ctypes.byref(gi)), "create GI")
        check(nvml.nvmlGpuInstanceCreateComputeInstance(gi, FULL[profile], ctypes.byref(ci)),
              "create CI")


if __name__ == "__main__":
    main()
