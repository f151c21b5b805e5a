/* SPDX-License-Identifier: Apache-2.0 */
/* A program that is linked with a driver that has one function (versioned.c). */
#include <dlfcn.h>
#include <stdio.h>

#include "shim/cuda_types.h"

CUresult cuMemAlloc_v2(CUdeviceptr *out, size_t size);

int main(void)
{
    CUdeviceptr address;
    CUresult rc = cuMemAlloc_v2(&address, 1u << 20);

    (void)printf("alloc %d error %d\n", rc, dlerror() != NULL);
    return 0;
}
