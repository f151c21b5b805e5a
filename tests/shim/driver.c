/* SPDX-License-Identifier: Apache-2.0 */
/* See driver.h. */
#include "driver.h"

#include <stdio.h>

static const size_t MIB = 1u << 20;

/* A context on the first device. */
static CUresult start(const struct driver *d)
{
    CUdevice device;
    CUcontext context;
    CUresult rc = d->init(0);

    if (rc == CUDA_SUCCESS)
        rc = d->device_get(&device, 0);
    if (rc == CUDA_SUCCESS)
        rc = d->retain(&context, device);
    return rc == CUDA_SUCCESS ? d->set_current(context) : rc;
}

bool driver_try(const struct driver *d)
{
    size_t free_bytes = 0, total = 0;
    CUdeviceptr address = 0;
    CUresult rc = start(d), small;

    if (rc != CUDA_SUCCESS) {
        (void)printf("init %d\n", rc);
        (void)fflush(stdout);
        return false;
    }
    (void)d->info(&free_bytes, &total);
    small = d->alloc(&address, 2 * MIB);
    if (small == CUDA_SUCCESS)
        (void)d->free(address);
    (void)printf("init 0 total %zu small %d large %d async %d\n", total / MIB, small,
                 d->alloc(&address, total + 256 * MIB),
                 d->alloc_async(&address, total + 256 * MIB, NULL));
    (void)fflush(stdout);
    return true;
}

void driver_find(struct driver *out, void *(*find)(void *self, const char *name), void *self)
{
    *out = (struct driver){
        .init = find(self, "cuInit"),
        .device_get = find(self, "cuDeviceGet"),
        .retain = find(self, "cuDevicePrimaryCtxRetain"),
        .set_current = find(self, "cuCtxSetCurrent"),
        .info = find(self, "cuMemGetInfo_v2"),
        .alloc = find(self, "cuMemAlloc_v2"),
        .free = find(self, "cuMemFree_v2"),
        .alloc_async = find(self, "cuMemAllocAsync"),
    };
}
