/* SPDX-License-Identifier: Apache-2.0 */
/* The calls on device memory: alloc, pitch, free, what is left, where an allocation begins. */
#include "cuda/cuda.h"
#include "cuda/work.h"

enum { PITCH_BYTES = 512 };

/* Version 1 of a call has 32-bit sizes and addresses. */
static int alloc(uint64_t *out, uint64_t bytes)
{
    struct context *c;
    int rc = cuda_enter_context(&c);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    rc = work_unsafe();
    return cuda_leave(rc == CUDA_SUCCESS ? memory_alloc(c, bytes, out) : rc);
}

CUDA_API(cuMemAlloc_v2, uint64_t *out, size_t bytes)
{
    return alloc(out, bytes);
}

static int release(uint64_t address);

/* An address that does not fit is given back: the first version cannot name it. */
static int low_address(uint32_t *out, uint64_t address)
{
    if (address > UINT32_MAX) {
        (void)release(address);
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    *out = (uint32_t)address;
    return CUDA_SUCCESS;
}

CUDA_API(cuMemAlloc, uint32_t *out, unsigned bytes)
{
    uint64_t address;
    int rc = out ? alloc(&address, bytes) : CUDA_ERROR_INVALID_VALUE;

    return rc == CUDA_SUCCESS ? low_address(out, address) : rc;
}

static int alloc_pitch(uint64_t *out, size_t *out_pitch, size_t width, size_t height,
                       unsigned element)
{
    size_t pitch = (width + PITCH_BYTES - 1) / PITCH_BYTES * PITCH_BYTES;
    int rc;

    if (!out || !out_pitch || width == 0 || height == 0 ||
        (element != 4 && element != 8 && element != 16) || pitch < width)
        return CUDA_ERROR_INVALID_VALUE;
    rc = height > SIZE_MAX / pitch ? CUDA_ERROR_OUT_OF_MEMORY : alloc(out, pitch * height);
    if (rc == CUDA_SUCCESS)
        *out_pitch = pitch;
    return rc;
}

CUDA_API(cuMemAllocPitch_v2, uint64_t *out, size_t *pitch, size_t width, size_t height,
         unsigned element)
{
    return alloc_pitch(out, pitch, width, height, element);
}

CUDA_API(cuMemAllocPitch, uint32_t *out, unsigned *out_pitch, unsigned width, unsigned height,
         unsigned element)
{
    uint64_t address;
    size_t pitch;
    int rc = out && out_pitch ? alloc_pitch(&address, &pitch, width, height, element)
                              : CUDA_ERROR_INVALID_VALUE;

    if (rc == CUDA_SUCCESS)
        rc = low_address(out, address);
    if (rc == CUDA_SUCCESS)
        *out_pitch = (unsigned)pitch;
    return rc;
}

/* Frees what began there, in whichever context; the driver waits for its work first. */
static int release(uint64_t address)
{
    struct context *c;
    struct range *r;
    int rc = cuda_enter_context(&c);

    if (rc == CUDA_ERROR_INVALID_CONTEXT && address == 0)
        return CUDA_SUCCESS;
    if (rc != CUDA_SUCCESS)
        return rc;
    rc = work_unsafe();
    if (rc != CUDA_SUCCESS || address == 0)
        return cuda_leave(rc);
    r = range_at(address);
    if (!r)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    rc = work_finish(r->context ? r->context : c);
    r = range_at(address); /* another thread may have been faster */
    if (rc != CUDA_SUCCESS)
        return cuda_leave(rc);
    return cuda_leave(r ? memory_free(r) : CUDA_ERROR_INVALID_VALUE);
}

CUDA_API(cuMemFree_v2, uint64_t address)
{
    return release(address);
}

CUDA_API(cuMemFree, uint32_t address)
{
    return release(address);
}

CUDA_API(cuMemGetInfo_v2, size_t *out_free, size_t *out_total)
{
    struct context *c;
    int rc = cuda_enter_context(&c);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (out_free)
        *out_free = machine_free_bytes(c->device);
    if (out_total)
        *out_total = c->device->mem_bytes;
    return cuda_leave(CUDA_SUCCESS);
}

static unsigned low_size(size_t bytes)
{
    return bytes > UINT32_MAX ? UINT32_MAX : (unsigned)bytes;
}

CUDA_API(cuMemGetInfo, unsigned *out_free, unsigned *out_total)
{
    size_t left, total;
    int rc = out_free && out_total ? cuMemGetInfo_v2(&left, &total) : CUDA_ERROR_INVALID_VALUE;

    if (rc == CUDA_SUCCESS) {
        *out_free = low_size(left);
        *out_total = low_size(total);
    }
    return rc;
}

CUDA_API(cuMemGetAddressRange_v2, uint64_t *base, size_t *size, uint64_t address)
{
    struct context *c;
    const struct range *r;
    int rc = cuda_enter_context(&c);

    if (rc != CUDA_SUCCESS)
        return rc;
    r = range_find(address);
    if (!r)
        return cuda_leave(CUDA_ERROR_NOT_FOUND);
    if (base)
        *base = r->start;
    if (size)
        *size = r->size;
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuMemGetAddressRange, uint32_t *base, unsigned *size, uint32_t address)
{
    uint64_t at;
    size_t bytes;
    int rc = cuMemGetAddressRange_v2(&at, &bytes, address);

    if (rc == CUDA_SUCCESS && base)
        *base = (uint32_t)at;
    if (rc == CUDA_SUCCESS && size)
        *size = low_size(bytes);
    return rc;
}
