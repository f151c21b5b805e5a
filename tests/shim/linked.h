/* SPDX-License-Identifier: Apache-2.0 */
/* The driver's functions as the linker finds them. */
#ifndef TESTS_SHIM_LINKED_H
#define TESTS_SHIM_LINKED_H

#include "driver.h"

CUresult cuInit(unsigned flags);
CUresult cuDeviceGet(CUdevice *out, int ordinal);
CUresult cuDevicePrimaryCtxRetain(CUcontext *out, CUdevice device);
CUresult cuCtxSetCurrent(CUcontext context);
CUresult cuMemGetInfo_v2(size_t *out_free, size_t *out_total);
CUresult cuMemAlloc_v2(CUdeviceptr *out, size_t size);
CUresult cuMemFree_v2(CUdeviceptr address);
CUresult cuMemAllocAsync(CUdeviceptr *out, size_t size, CUstream stream);

static const struct driver linked = {
    .init = cuInit,
    .device_get = cuDeviceGet,
    .retain = cuDevicePrimaryCtxRetain,
    .set_current = cuCtxSetCurrent,
    .info = cuMemGetInfo_v2,
    .alloc = cuMemAlloc_v2,
    .free = cuMemFree_v2,
    .alloc_async = cuMemAllocAsync,
};

#endif
