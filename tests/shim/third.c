/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Another preloaded library, of a tool of its own: it wraps some functions of the driver, goes on
 * to the next one of that name, and says at the end how many allocations it saw.
 */
#include <dlfcn.h>
#include <stdio.h>

#include "shim/cuda_types.h"

__attribute__((visibility("default"))) CUresult cuMemAlloc_v2(CUdeviceptr *out, size_t size);

__attribute__((visibility("default"))) CUresult cuInit(unsigned flags);

static unsigned seen;

CUresult cuInit(unsigned flags)
{
    CUresult (*next)(unsigned);

    *(void **)&next = dlsym(RTLD_NEXT, "cuInit");
    return next ? next(flags) : CUDA_ERROR_NOT_FOUND;
}

CUresult cuMemAlloc_v2(CUdeviceptr *out, size_t size)
{
    CUresult (*next)(CUdeviceptr *, size_t);

    *(void **)&next = dlsym(RTLD_NEXT, "cuMemAlloc_v2");
    seen++;
    return next ? next(out, size) : CUDA_ERROR_NOT_FOUND;
}

static __attribute__((destructor)) void say(void)
{
    (void)fprintf(stderr, "third saw %u\n", seen);
}
