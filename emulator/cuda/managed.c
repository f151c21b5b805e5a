/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Managed memory. On the GPU it counts as the device's, not as the process's; with the first of it
 * come 64 MiB that stay until the process ends. What the GPU has no room for stays on the host.
 */
#include "cuda/managed.h"

#include <string.h>
#include <sys/mman.h>

#include "cuda/cuda.h"
#include "cuda/virtual.h"

enum {
    FIRST_BYTES = 64 << 20,
    ATTACH_GLOBAL = 1,
    ATTACH_HOST = 2,
};

enum { DEVICE_CPU = -1, DEVICE_INVALID = -2 };

CUDA_API(cuMemAllocManaged, uint64_t *out, size_t bytes, unsigned flags)
{
    struct context *c;
    void *at;
    int rc = cuda_enter_context(&c);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out || bytes == 0 || (flags != ATTACH_GLOBAL && flags != ATTACH_HOST))
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
              0);
    if (at == MAP_FAILED)
        return cuda_leave(CUDA_ERROR_OUT_OF_MEMORY);
    if (!range_add((struct range){.start = (uint64_t)(uintptr_t)at,
                                  .size = bytes,
                                  .kind = RANGE_MANAGED,
                                  .sync_memops = true,
                                  .context = c,
                                  .device = c->device,
                                  .flags = flags,
                                  .preferred = DEVICE_INVALID,
                                  .prefetched = DEVICE_INVALID})) {
        (void)munmap(at, bytes);
        return cuda_leave(CUDA_ERROR_OUT_OF_MEMORY);
    }
    *out = (uint64_t)(uintptr_t)at;
    return cuda_leave(CUDA_SUCCESS);
}

void managed_touch(uint64_t address)
{
    struct range *r = range_find(address);
    uint64_t bytes;

    if (!r || r->kind != RANGE_MANAGED || r->charged)
        return;
    bytes = memory_round(r->size);
    if (!r->device->managed_used &&
        machine_take(r->device, MACHINE_DEVICE, FIRST_BYTES) == CUDA_SUCCESS)
        r->device->managed_used = true;
    if (machine_take(r->device, MACHINE_DEVICE, bytes) == CUDA_SUCCESS)
        r->charged = bytes;
}

void managed_leave(struct range *r)
{
    if (r->charged)
        machine_give(r->device, MACHINE_DEVICE, r->charged);
    r->charged = 0;
}

/* The managed range that holds all of it. */
static struct range *managed_at(uint64_t address, size_t bytes)
{
    struct range *r = range_find(address);

    return r && r->kind == RANGE_MANAGED && bytes > 0 && bytes <= r->size - (address - r->start)
               ? r
               : NULL;
}

static int prefetch(uint64_t address, size_t bytes, int to, void *stream, unsigned how)
{
    struct context *c;
    struct range *r;
    int rc = cuda_enter_context(&c);

    if (rc != CUDA_SUCCESS)
        return rc;
    rc = work_stream(c, stream, how);
    if (rc != CUDA_SUCCESS)
        return cuda_leave(rc);
    r = managed_at(address, bytes);
    if (!r)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    if (to < DEVICE_CPU || to >= cuda.n_devices)
        return cuda_leave(CUDA_ERROR_INVALID_DEVICE);
    managed_leave(r);
    r->prefetched = to;
    if (to >= 0) {
        r->device = &cuda.devices[to];
        managed_touch(address);
    }
    return cuda_leave(CUDA_SUCCESS);
}

static int device_of(struct location l)
{
    return l.type == 1 ? l.id : DEVICE_CPU;
}

CUDA_API(cuMemPrefetchAsync, uint64_t address, size_t bytes, int to, void *stream)
{
    return prefetch(address, bytes, to, stream, WORK_ASYNC);
}

CUDA_API(cuMemPrefetchAsync_ptsz, uint64_t address, size_t bytes, int to, void *stream)
{
    return prefetch(address, bytes, to, stream, WORK_PER_THREAD);
}

CUDA_API(cuMemPrefetchAsync_v2, uint64_t address, size_t bytes, struct location to, unsigned flags,
         void *stream)
{
    if (flags != 0)
        return CUDA_ERROR_INVALID_VALUE;
    return prefetch(address, bytes, device_of(to), stream, WORK_ASYNC);
}

CUDA_API(cuMemPrefetchAsync_v2_ptsz, uint64_t address, size_t bytes, struct location to,
         unsigned flags, void *stream)
{
    if (flags != 0)
        return CUDA_ERROR_INVALID_VALUE;
    return prefetch(address, bytes, device_of(to), stream, WORK_PER_THREAD);
}

enum advice { /* CUmem_advise */
              ADVICE_READ_MOSTLY = 1,
              ADVICE_NOT_READ_MOSTLY,
              ADVICE_PREFERRED,
              ADVICE_NOT_PREFERRED,
              ADVICE_ACCESSED_BY,
              ADVICE_NOT_ACCESSED_BY,
};

static int advise(uint64_t address, size_t bytes, unsigned advice, int device)
{
    struct context *c;
    struct range *r;
    int rc = cuda_enter_context(&c);

    if (rc != CUDA_SUCCESS)
        return rc;
    r = managed_at(address, bytes);
    if (!r || advice < ADVICE_READ_MOSTLY || advice > ADVICE_NOT_ACCESSED_BY)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    if (advice > ADVICE_NOT_READ_MOSTLY && (device < DEVICE_CPU || device >= cuda.n_devices))
        return cuda_leave(CUDA_ERROR_INVALID_DEVICE);
    if (advice <= ADVICE_NOT_READ_MOSTLY)
        r->read_mostly = advice == ADVICE_READ_MOSTLY;
    else if (advice <= ADVICE_NOT_PREFERRED)
        r->preferred = advice == ADVICE_PREFERRED ? device : DEVICE_INVALID;
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuMemAdvise, uint64_t address, size_t bytes, unsigned advice, int device)
{
    return advise(address, bytes, advice, device);
}

CUDA_API(cuMemAdvise_v2, uint64_t address, size_t bytes, unsigned advice, struct location where)
{
    return advise(address, bytes, advice, device_of(where));
}

/* By CUmem_range_attribute; who has access (3) is not kept. */
static int range_value(const struct range *r, unsigned attribute, int *out)
{
    switch (attribute) {
    case 1:
        *out = r->read_mostly;
        return CUDA_SUCCESS;
    case 2:
        *out = r->preferred;
        return CUDA_SUCCESS;
    case 3:
        *out = DEVICE_INVALID;
        return CUDA_SUCCESS;
    case 4:
        *out = r->prefetched;
        return CUDA_SUCCESS;
    default:
        return CUDA_ERROR_INVALID_VALUE;
    }
}

static int range_attribute(void *out, size_t size, unsigned attribute, uint64_t address,
                           size_t bytes)
{
    const struct range *r = managed_at(address, bytes);
    int value, rc;

    if (!out || !r || size < sizeof value || size % sizeof value)
        return CUDA_ERROR_INVALID_VALUE;
    rc = range_value(r, attribute, &value);
    for (size_t i = 0; rc == CUDA_SUCCESS && i < size / sizeof value; i++)
        memcpy((char *)out + i * sizeof value, &value, sizeof value);
    return rc;
}

CUDA_API(cuMemRangeGetAttribute, void *out, size_t size, unsigned attribute, uint64_t address,
         size_t bytes)
{
    struct context *c;
    int rc = cuda_enter_context(&c);

    if (rc != CUDA_SUCCESS)
        return rc;
    return cuda_leave(range_attribute(out, size, attribute, address, bytes));
}

CUDA_API(cuMemRangeGetAttributes, void **out, size_t *sizes, unsigned *attributes, size_t n,
         uint64_t address, size_t bytes)
{
    struct context *c;
    int rc = cuda_enter_context(&c);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out || !sizes || !attributes || n == 0)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    for (size_t i = 0; rc == CUDA_SUCCESS && i < n; i++)
        rc = range_attribute(out[i], sizes[i], attributes[i], address, bytes);
    return cuda_leave(rc);
}
