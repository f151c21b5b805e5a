/* SPDX-License-Identifier: Apache-2.0 */
/* Page-locked memory: made here, or the program's own, registered. It costs the GPU nothing. */
#include "cuda/host.h"

#include <sys/mman.h>
#include <unistd.h>

#include "cuda/cuda.h"
#include "cuda/managed.h"
#include "cuda/work.h"

enum { HOST_FLAGS = 7, REGISTER_FLAGS = 15 };

static int alloc(void **out, size_t bytes, unsigned flags)
{
    struct context *c;
    void *at;
    int rc = cuda_enter_context(&c);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (out && bytes == 0) {
        *out = NULL;
        return cuda_leave(CUDA_SUCCESS);
    }
    if (!out || (flags & ~(unsigned)HOST_FLAGS))
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    rc = work_unsafe();
    if (rc != CUDA_SUCCESS)
        return cuda_leave(rc);
    at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
              0);
    if (at == MAP_FAILED)
        return cuda_leave(CUDA_ERROR_OUT_OF_MEMORY);
    if (!range_add((struct range){.start = (uint64_t)(uintptr_t)at,
                                  .size = bytes,
                                  .kind = RANGE_HOST,
                                  .context = c,
                                  .device = c->device,
                                  .flags = flags | 2})) {
        (void)munmap(at, bytes);
        return cuda_leave(CUDA_ERROR_OUT_OF_MEMORY);
    }
    *out = at;
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuMemHostAlloc, void **out, size_t bytes, unsigned flags)
{
    return alloc(out, bytes, flags);
}

CUDA_API(cuMemAllocHost_v2, void **out, size_t bytes)
{
    return alloc(out, bytes, 0);
}

CUDA_API(cuMemAllocHost, void **out, unsigned bytes)
{
    return alloc(out, bytes, 0);
}

void host_free(struct range *r)
{
    if (r->kind == RANGE_MANAGED)
        managed_leave(r);
    if (r->kind != RANGE_REGISTERED)
        (void)munmap((void *)(uintptr_t)r->start, r->size);
    range_drop(r);
}

CUDA_API(cuMemFreeHost, void *at)
{
    struct context *c;
    struct range *r;
    int rc = cuda_enter_context(&c);

    if (rc == CUDA_ERROR_INVALID_CONTEXT && !at)
        return CUDA_SUCCESS;
    if (rc != CUDA_SUCCESS)
        return rc;
    r = range_at((uint64_t)(uintptr_t)at);
    if (!r || r->kind != RANGE_HOST)
        return cuda_leave(at ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS);
    rc = work_finish(c);
    r = range_at((uint64_t)(uintptr_t)at); /* another thread may have been faster */
    if (rc != CUDA_SUCCESS || !r || r->kind != RANGE_HOST)
        return cuda_leave(rc != CUDA_SUCCESS ? rc : CUDA_ERROR_INVALID_VALUE);
    host_free(r);
    return cuda_leave(CUDA_SUCCESS);
}

static bool overlaps(uint64_t start, uint64_t bytes)
{
    const struct range *next;

    if (range_find(start))
        return true;
    next = range_after(start);
    return next && next->start - start < bytes;
}

static int register_host(void *at, size_t bytes, unsigned flags)
{
    uint64_t start = (uint64_t)(uintptr_t)at;
    struct context *c;
    int rc = cuda_enter_context(&c);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!at || bytes == 0 || start > UINT64_MAX - bytes || (flags & ~(unsigned)REGISTER_FLAGS))
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    if (overlaps(start, bytes))
        return cuda_leave(CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED);
    return cuda_leave(range_add((struct range){.start = start,
                                               .size = bytes,
                                               .kind = RANGE_REGISTERED,
                                               .context = c,
                                               .device = c->device,
                                               .flags = flags})
                          ? CUDA_SUCCESS
                          : CUDA_ERROR_OUT_OF_MEMORY);
}

CUDA_API(cuMemHostRegister_v2, void *at, size_t bytes, unsigned flags)
{
    return register_host(at, bytes, flags);
}

CUDA_API(cuMemHostRegister, void *at, size_t bytes, unsigned flags)
{
    return register_host(at, bytes, flags);
}

CUDA_API(cuMemHostUnregister, void *at)
{
    struct context *c;
    struct range *r;
    int rc = cuda_enter_context(&c);

    if (rc != CUDA_SUCCESS)
        return rc;
    r = range_at((uint64_t)(uintptr_t)at);
    if (!at)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    if (!r || r->kind != RANGE_REGISTERED)
        return cuda_leave(CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED);
    host_free(r);
    return cuda_leave(CUDA_SUCCESS);
}

static const struct range *host_at(const void *at)
{
    const struct range *r = range_find((uint64_t)(uintptr_t)at);

    return r && (r->kind == RANGE_HOST || r->kind == RANGE_REGISTERED) ? r : NULL;
}

CUDA_API(cuMemHostGetDevicePointer_v2, uint64_t *out, void *at, unsigned flags)
{
    struct context *c;
    int rc = cuda_enter_context(&c);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out || flags != 0 || !host_at(at))
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    *out = (uint64_t)(uintptr_t)at;
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuMemHostGetFlags, unsigned *out, void *at)
{
    struct context *c;
    const struct range *r;
    int rc = cuda_enter_context(&c);

    if (rc != CUDA_SUCCESS)
        return rc;
    r = host_at(at);
    if (!out || !r)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    *out = r->flags | 2;
    return cuda_leave(CUDA_SUCCESS);
}
