/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What programs are told about the device's memory: the slice is the device. Never an error because
 * of us, and what the driver would not write is not written.
 */
#include "page/page_charge.h"
#include "shim/memory.h"

struct report {
    uint64_t free_bytes, total_bytes;
};

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* What the driver said, cut to the slice; device -1: nothing of it is ours. */
static struct report sliced(int device, uint64_t free_bytes, uint64_t total_bytes)
{
    const struct shim *s = shim_get();
    uint64_t limit, used;

    if (s->state != SHIM_ATTACHED || device < 0)
        return (struct report){0};
    limit = s->page->head.limits[device].limit_bytes;
    used = page_used(s->page, (unsigned)device);
    return (struct report){
        .free_bytes = least(free_bytes, limit > used ? limit - used : 0),
        .total_bytes = least(total_bytes, limit),
    };
}

CUresult cuMemGetInfo_v2(size_t *out_free, size_t *out_total)
{
    CUresult asked = CUDA_SUCCESS, rc = CALL(cuMemGetInfo_v2, out_free, out_total);
    struct report r;

    if (rc != CUDA_SUCCESS || !memory_judged())
        return rc;
    r = sliced(shim_current_device(&asked), out_free ? *out_free : 0, out_total ? *out_total : 0);
    if (out_free)
        *out_free = r.free_bytes;
    if (out_total)
        *out_total = r.total_bytes;
    return rc;
}

/* The driver's oldest form has 32 bits. */
CUresult cuMemGetInfo(unsigned *out_free, unsigned *out_total)
{
    CUresult asked = CUDA_SUCCESS, rc = CALL(cuMemGetInfo, out_free, out_total);
    struct report r;

    if (rc != CUDA_SUCCESS || !memory_judged())
        return rc;
    r = sliced(shim_current_device(&asked), out_free ? *out_free : 0, out_total ? *out_total : 0);
    if (out_free)
        *out_free = (unsigned)r.free_bytes;
    if (out_total)
        *out_total = (unsigned)r.total_bytes;
    return rc;
}

CUresult cuDeviceTotalMem_v2(size_t *out, CUdevice device)
{
    CUresult rc = CALL(cuDeviceTotalMem_v2, out, device);

    if (rc == CUDA_SUCCESS && memory_judged())
        *out = sliced(shim_device(device), 0, *out).total_bytes;
    return rc;
}

CUresult cuDeviceTotalMem(unsigned *out, CUdevice device)
{
    CUresult rc = CALL(cuDeviceTotalMem, out, device);

    if (rc == CUDA_SUCCESS && memory_judged())
        *out = (unsigned)sliced(shim_device(device), 0, *out).total_bytes;
    return rc;
}
