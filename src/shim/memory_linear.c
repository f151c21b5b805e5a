/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linear memory: cuMemAlloc, pitched and managed memory, cuMemFree. Measured on an H100: up to 1
 * MiB an allocation is cut out of a 2 MiB block, which comes with the first and goes with the last;
 * a larger one takes whole units of its own. Managed memory is charged in full, where it is made.
 */
#include "shim/memory.h"
#include "shim/memory_pool.h"

enum { PITCH_UNIT = 512 };

struct linear {
    struct memory_place place;
    uint64_t bytes; /* charged before the driver is called */
    bool managed;
};

/* CUDA_SUCCESS: the driver may be called, and linear_end must follow. */
static CUresult linear_begin(struct linear *l, uint64_t size, bool managed)
{
    *l = (struct linear){.place = memory_place(), .bytes = memory_whole(size), .managed = managed};
    if (l->place.nowhere)
        l->bytes = 0;
    else if (!charge_begin(l->place.device, l->bytes))
        return CUDA_ERROR_OUT_OF_MEMORY;
    return CUDA_SUCCESS;
}

/* Blocks of devices, and of managed memory, are different even under one address. */
static uint64_t block_key(const struct linear *l, CUdeviceptr address)
{
    return ((uint64_t)address & ~(uint64_t)(MEMORY_UNIT - 1)) | (uint64_t)l->managed << 8 |
           (uint64_t)l->place.device;
}

/* Puts the allocation down; *out_bytes: what it takes. */
static bool book(const struct linear *l, CUdeviceptr address, uint64_t size, uint64_t *out_bytes)
{
    struct ledger_entry after, e = {
                                   .key = address,
                                   .kind = LEDGER_LINEAR,
                                   .context = (uint64_t)(uintptr_t)l->place.context,
                                   .device = (int16_t)l->place.device,
                                   .bytes = memory_whole(size),
                                   .managed = l->managed,
                               };
    struct ledger_entry block = {.kind = LEDGER_BLOCK, .key = block_key(l, address)};

    *out_bytes = e.bytes;
    if (size <= MEMORY_SMALL_MAX) {
        e.small = true;
        e.bytes = 0;
        e.other = block.key;
        if (!ledger_count(&block, 1, 0, &after))
            return false;
        *out_bytes = after.refs == 1 ? MEMORY_UNIT : 0;
    }
    if (memory_book(&e))
        return true;
    if (e.small)
        (void)ledger_count(&block, -1, 0, &after);
    return false;
}

/* The driver answered rc and, on success, this address. What it gave and we cannot book goes back.
 */
static CUresult linear_end(const struct linear *l, CUresult rc, CUdeviceptr address, uint64_t size)
{
    uint64_t bytes = 0;

    if (l->place.nowhere) {
        if (rc == CUDA_SUCCESS)
            charge_uncounted();
        return rc;
    }
    if (rc == CUDA_SUCCESS && !book(l, address, size, &bytes)) {
        (void)CALL(cuMemFree_v2, address);
        rc = CUDA_ERROR_OUT_OF_MEMORY;
        bytes = 0;
    }
    if (rc == CUDA_SUCCESS)
        charge_counted(CHARGE_ALLOCATION);
    if (l->managed)
        charge_managed(l->place.device, (int64_t)bytes);
    charge_end(l->place.device, (int64_t)bytes - (int64_t)l->bytes);
    return rc;
}

CUresult cuMemAlloc_v2(CUdeviceptr *out, size_t size)
{
    CUdeviceptr address = 0;
    struct linear l;
    CUresult rc;

    if (!out || size == 0 || !memory_judged())
        return CALL(cuMemAlloc_v2, out, size);
    rc = linear_begin(&l, size, false);
    if (rc != CUDA_SUCCESS)
        return rc;
    rc = CALL(cuMemAlloc_v2, &address, size);
    rc = linear_end(&l, rc, address, size);
    if (rc == CUDA_SUCCESS)
        *out = address;
    return rc;
}

CUresult cuMemAlloc(CUdeviceptr_v1 *out, unsigned size)
{
    CUdeviceptr_v1 address = 0;
    struct linear l;
    CUresult rc;

    if (!out || size == 0 || !memory_judged())
        return CALL(cuMemAlloc, out, size);
    rc = linear_begin(&l, size, false);
    if (rc != CUDA_SUCCESS)
        return rc;
    rc = CALL(cuMemAlloc, &address, size);
    rc = linear_end(&l, rc, address, size);
    if (rc == CUDA_SUCCESS)
        *out = address;
    return rc;
}

/* No pitch is wider than the row and one unit. */
static uint64_t pitched(uint64_t width, uint64_t height)
{
    uint64_t pitch = (width + PITCH_UNIT - 1) / PITCH_UNIT * PITCH_UNIT, bytes;

    if (pitch < width || __builtin_mul_overflow(pitch, height, &bytes))
        return UINT64_MAX;
    return bytes;
}

CUresult cuMemAllocPitch_v2(CUdeviceptr *out, size_t *out_pitch, size_t width, size_t height,
                            unsigned element)
{
    CUdeviceptr address = 0;
    struct linear l;
    size_t pitch = 0;
    CUresult rc;

    if (!out || !out_pitch || width == 0 || height == 0 || !memory_judged())
        return CALL(cuMemAllocPitch_v2, out, out_pitch, width, height, element);
    rc = linear_begin(&l, pitched(width, height), false);
    if (rc != CUDA_SUCCESS)
        return rc;
    rc = CALL(cuMemAllocPitch_v2, &address, &pitch, width, height, element);
    rc = linear_end(&l, rc, address, pitch * height);
    if (rc == CUDA_SUCCESS) {
        *out = address;
        *out_pitch = pitch;
    }
    return rc;
}

CUresult cuMemAllocPitch(CUdeviceptr_v1 *out, unsigned *out_pitch, unsigned width, unsigned height,
                         unsigned element)
{
    CUdeviceptr_v1 address = 0;
    struct linear l;
    unsigned pitch = 0;
    CUresult rc;

    if (!out || !out_pitch || width == 0 || height == 0 || !memory_judged())
        return CALL(cuMemAllocPitch, out, out_pitch, width, height, element);
    rc = linear_begin(&l, pitched(width, height), false);
    if (rc != CUDA_SUCCESS)
        return rc;
    rc = CALL(cuMemAllocPitch, &address, &pitch, width, height, element);
    rc = linear_end(&l, rc, address, (uint64_t)pitch * height);
    if (rc == CUDA_SUCCESS) {
        *out = address;
        *out_pitch = pitch;
    }
    return rc;
}

CUresult cuMemAllocManaged(CUdeviceptr *out, size_t size, unsigned flags)
{
    CUdeviceptr address = 0;
    struct linear l;
    CUresult rc;

    if (!out || size == 0 || !memory_judged())
        return CALL(cuMemAllocManaged, out, size, flags);
    rc = linear_begin(&l, size, true);
    if (rc != CUDA_SUCCESS)
        return rc;
    rc = CALL(cuMemAllocManaged, &address, size, flags);
    rc = linear_end(&l, rc, address, size);
    if (rc == CUDA_SUCCESS)
        *out = address;
    return rc;
}

CUresult cuMemFree_v2(CUdeviceptr address)
{
    CUresult rc = MEMORY_FREE(LEDGER_LINEAR, address, cuMemFree_v2, address);

    memory_pool_settle(); /* it may have been of a pool */
    return rc;
}

CUresult cuMemFree(CUdeviceptr_v1 address)
{
    return MEMORY_FREE(LEDGER_LINEAR, address, cuMemFree, address);
}
