/* SPDX-License-Identifier: Apache-2.0 */
/* The few functions of the driver that a test program calls, however it came by them. */
#ifndef TESTS_SHIM_DRIVER_H
#define TESTS_SHIM_DRIVER_H

#include <stdbool.h>
#include <stddef.h>

#include "shim/cuda_types.h"

struct driver {
    CUresult (*init)(unsigned flags);
    CUresult (*device_get)(CUdevice *out, int ordinal);
    CUresult (*retain)(CUcontext *out, CUdevice device);
    CUresult (*set_current)(CUcontext context);
    CUresult (*info)(size_t *out_free, size_t *out_total);
    CUresult (*alloc)(CUdeviceptr *out, size_t size);
    CUresult (*free)(CUdeviceptr address);
    CUresult (*alloc_async)(CUdeviceptr *out, size_t size, CUstream stream);
};

/*
 * Starts the driver, takes and frees 2 MiB, asks for one 256 MiB more than the total that the
 * driver states; prints the codes as "init 0 total 1024 small 0 large 2 async 2" (total in MiB).
 * False: the driver could not be started.
 */
bool driver_try(const struct driver *d);

/* Fills in all that `find(self, name)` finds. */
void driver_find(struct driver *out, void *(*find)(void *self, const char *name), void *self);

#endif
