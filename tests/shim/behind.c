/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the emulated driver lacks and its documentation describes, as far as memory is concerned, in
 * a library preloaded behind ours: what else may keep memory (a descriptor, a sparse array, a
 * multicast object; an unmap of tiles lets go of all), and contexts that are made by other names.
 */
#include <dlfcn.h>
#include <stdint.h>

#include "shim/cuda_api.h"

enum { KEPT_MAX = 8, UNIT = 2 << 20 };

static CUdeviceptr kept[KEPT_MAX];
static unsigned n_kept;

static void *driver(const char *name)
{
    return dlsym(dlopen("libcuda.so.1", RTLD_LAZY | RTLD_NOLOAD), name);
}

#define NEXT(name, ...)                                                                            \
    __extension__({                                                                                \
        CUresult (*next)(__VA_ARGS__);                                                             \
                                                                                                   \
        *(void **)&next = driver(#name);                                                           \
        next;                                                                                      \
    })

/* A mapping, which keeps memory as well. */
static CUresult keep(CUmemGenericAllocationHandle handle)
{
    CUdeviceptr at = 0;
    CUresult rc = CUDA_ERROR_OUT_OF_MEMORY;

    if (n_kept < KEPT_MAX)
        rc = NEXT(cuMemAddressReserve, CUdeviceptr *, size_t, size_t, CUdeviceptr,
                  unsigned long long)(&at, UNIT, 0, 0, 0);
    if (rc == CUDA_SUCCESS)
        rc = NEXT(cuMemMap, CUdeviceptr, size_t, size_t, CUmemGenericAllocationHandle,
                  unsigned long long)(at, UNIT, 0, handle, 0);
    if (rc == CUDA_SUCCESS)
        kept[n_kept++] = at;
    return rc;
}

static CUresult let_go(void)
{
    CUresult rc = CUDA_SUCCESS;

    while (n_kept > 0 && rc == CUDA_SUCCESS)
        rc = NEXT(cuMemUnmap, CUdeviceptr, size_t)(kept[--n_kept], UNIT);
    return rc;
}

CUresult cuMemExportToShareableHandle(void *out, CUmemGenericAllocationHandle handle,
                                      CUmemAllocationHandleType type, unsigned long long flags)
{
    CUresult rc = keep(handle);

    if (rc != CUDA_SUCCESS)
        return rc;
    return NEXT(cuMemExportToShareableHandle, void *, CUmemGenericAllocationHandle,
                CUmemAllocationHandleType, unsigned long long)(out, handle, type, flags);
}

static CUresult map_tiles(const struct cuda_array_map *maps, unsigned n)
{
    CUresult rc = CUDA_SUCCESS;

    for (unsigned i = 0; i < n && rc == CUDA_SUCCESS; i++)
        rc = maps[i].operation == CUDA_ARRAY_MAP ? keep(maps[i].handle) : let_go();
    return rc;
}

CUresult cuMemMapArrayAsync(struct cuda_array_map *maps, unsigned n, CUstream stream)
{
    (void)stream;
    return map_tiles(maps, n);
}

CUresult cuMemMapArrayAsync_ptsz(struct cuda_array_map *maps, unsigned n, CUstream stream)
{
    (void)stream;
    return map_tiles(maps, n);
}

CUresult cuMulticastBindMem(CUmemGenericAllocationHandle multicast, size_t at,
                            CUmemGenericAllocationHandle handle, size_t offset, size_t size,
                            unsigned long long flags)
{
    (void)multicast, (void)at, (void)offset, (void)size, (void)flags;
    return keep(handle);
}

CUresult cuMulticastBindAddr(CUmemGenericAllocationHandle multicast, size_t at, CUdeviceptr address,
                             size_t size, unsigned long long flags)
{
    CUmemGenericAllocationHandle handle;
    CUresult rc;

    (void)multicast, (void)at, (void)size, (void)flags;
    rc = NEXT(cuMemRetainAllocationHandle, CUmemGenericAllocationHandle *, CUdeviceptr)(&handle,
                                                                                        address);
    if (rc == CUDA_SUCCESS)
        rc = keep(handle);
    if (rc == CUDA_SUCCESS)
        rc = NEXT(cuMemRelease, CUmemGenericAllocationHandle)(handle);
    return rc;
}

/* It retains the primary context until it is destroyed; here it is that. */
CUresult cuGreenCtxCreate(CUgreenCtx *out, CUdevResourceDesc resources, CUdevice device,
                          unsigned flags)
{
    (void)resources, (void)flags;
    return NEXT(cuDevicePrimaryCtxRetain, CUgreenCtx *, CUdevice)(out, device);
}

CUresult cuGreenCtxDestroy(CUgreenCtx context)
{
    (void)context;
    return NEXT(cuDevicePrimaryCtxRelease_v2, CUdevice)(0);
}

CUresult cuVDPAUCtxCreate_v2(CUcontext *out, unsigned flags, CUdevice device, uint32_t display,
                             cuda_vdpau_lookup *lookup)
{
    (void)display, (void)lookup;
    return NEXT(cuCtxCreate_v2, CUcontext *, unsigned, CUdevice)(out, flags, device);
}
