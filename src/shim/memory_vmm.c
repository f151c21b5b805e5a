/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory by handle: cuMemCreate, map, unmap, release. The memory lives as long as a handle or a
 * mapping of it does, and the driver may give the value of a released handle anew while the memory
 * is still mapped: so the memory is an object with a number of our own, which handles and mappings
 * name. Memory of the host, and what another process made, is not charged. What else may keep the
 * memory (its descriptor, a sparse array) is not seen to go: then the driver's own figure decides.
 */
#include "page/page_slot.h"
#include "shim/memory.h"

/* The next object; 0 is none. */
static uint64_t new_object(void)
{
    static uint64_t last;

    return __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED);
}

/* Something else may keep what the program has given up: it counts as overhead until who measures
   has looked. Where nobody does, it is taken for free. */
static void given_up(const struct ledger_entry *object)
{
    const struct shim *s = shim_get();
    struct ledger_entry kept;

    if (!ledger_take(LEDGER_KEPT, object->key, &kept) || s->state != SHIM_ATTACHED ||
        !page_has(s->page, PAGE_RUN))
        return;
    measure_estimate(object->device, object->bytes);
    measure_soon(object->device);
}

/* Counts of the object change; what is free now is charged less by the caller's charge_end. */
static int64_t object_count(uint64_t object, int refs, int maps)
{
    struct ledger_entry after, e = {.kind = LEDGER_OBJECT, .key = object};

    if (!ledger_count(&e, refs, maps, &after) || after.refs != 0 || after.maps != 0)
        return 0;
    given_up(&after);
    return -(int64_t)after.bytes;
}

static int object_device(uint64_t object)
{
    struct ledger_entry e;

    return ledger_find(LEDGER_OBJECT, object, &e) ? e.device : -1;
}

/* A new object and its first handle; false: no memory. */
static bool book(CUmemGenericAllocationHandle handle, int device, uint64_t bytes)
{
    struct ledger_entry after, object = {
                                   .kind = LEDGER_OBJECT,
                                   .key = new_object(),
                                   .device = (int16_t)device,
                                   .bytes = bytes,
                               };
    struct ledger_entry h = {.kind = LEDGER_HANDLE, .key = handle, .other = object.key};

    if (!ledger_count(&object, 1, 0, &after))
        return false;
    if (ledger_count(&h, 1, 0, &after))
        return true;
    (void)object_count(object.key, -1, 0);
    return false;
}

CUresult cuMemCreate(CUmemGenericAllocationHandle *out, size_t size,
                     const struct cuda_memory_wish *wish, unsigned long long flags)
{
    CUmemGenericAllocationHandle handle = 0;
    uint64_t bytes = memory_whole(size);
    int64_t change = 0;
    int device;
    CUresult rc;

    if (!out || !wish || size == 0 || wish->location.type != CUDA_LOCATION_DEVICE ||
        !memory_judged())
        return CALL(cuMemCreate, out, size, wish, flags);
    device = shim_device(wish->location.id);
    if (device < 0 && memory_unknown_device(wish->location.id))
        return CALL(cuMemCreate, out, size, wish, flags);
    if (!charge_begin(device, bytes))
        return CUDA_ERROR_OUT_OF_MEMORY;
    rc = CALL(cuMemCreate, &handle, size, wish, flags);
    if (rc == CUDA_SUCCESS && !book(handle, device, bytes)) {
        (void)CALL(cuMemRelease, handle);
        rc = CUDA_ERROR_OUT_OF_MEMORY;
    }
    if (rc == CUDA_SUCCESS) {
        charge_counted(CHARGE_ALLOCATION);
        *out = handle;
    } else {
        change = -(int64_t)bytes;
    }
    charge_end(device, change);
    return rc;
}

/* The handle is booked as released before the driver is asked: it may give the value anew at once.
 */
CUresult cuMemRelease(CUmemGenericAllocationHandle handle)
{
    struct ledger_entry h, unknown = {.kind = LEDGER_HANDLE, .key = handle};
    int64_t change = 0;
    CUresult rc;
    int device;

    if (!memory_judged() || !ledger_count(&unknown, -1, 0, &h))
        return CALL(cuMemRelease, handle);
    device = object_device(h.other);
    charge_begin_free(device);
    rc = CALL(cuMemRelease, handle);
    if (rc == CUDA_SUCCESS) {
        charge_counted(CHARGE_FREE);
        change = object_count(h.other, -1, 0);
    } else {
        (void)ledger_count(&h, 1, 0, &h);
    }
    charge_end(device, change);
    return rc;
}

CUresult cuMemMap(CUdeviceptr address, size_t size, size_t offset,
                  CUmemGenericAllocationHandle handle, unsigned long long flags)
{
    struct ledger_entry h, map = {.kind = LEDGER_MAP, .key = address, .size = size};
    int64_t change = 0;
    CUresult rc;
    int device;

    if (!memory_judged() || !ledger_find(LEDGER_HANDLE, handle, &h))
        return CALL(cuMemMap, address, size, offset, handle, flags);
    device = object_device(h.other);
    map.other = h.other;
    charge_begin_free(device);
    (void)object_count(h.other, 0, 1);
    rc = CALL(cuMemMap, address, size, offset, handle, flags);
    if (rc == CUDA_SUCCESS && !memory_book(&map)) {
        (void)CALL(cuMemUnmap, address, size);
        rc = CUDA_ERROR_OUT_OF_MEMORY;
    }
    if (rc != CUDA_SUCCESS)
        change = object_count(h.other, 0, -1);
    charge_end(device, change);
    return rc;
}

/* The first mapping in [address, address + size), taken out; mappings that we know lie side by
   side, but one of another process's memory may be between them. */
static bool take_map(uint64_t *address, uint64_t end, struct ledger_entry *out)
{
    uint64_t lowest = end;

    if (*address >= end)
        return false;
    if (!ledger_take(LEDGER_MAP, *address, out)) {
        for (uint64_t at = 0; ledger_next(LEDGER_MAP, &at, out);) {
            if (out->key > *address && out->key < lowest)
                lowest = out->key;
        }
        if (lowest == end || !ledger_take(LEDGER_MAP, lowest, out))
            return false;
    }
    *address = out->key + out->size;
    return true;
}

enum { UNMAPS = 64 }; /* mappings that one call may undo and, if it fails, are put back */

struct unmapped {
    struct ledger_entry maps[UNMAPS];
    unsigned n;
};

static void take_maps(struct unmapped *out, uint64_t address, uint64_t end)
{
    out->n = 0;
    while (out->n < UNMAPS && take_map(&address, end, &out->maps[out->n]))
        out->n++;
}

static void unmap_begin(const struct unmapped *u)
{
    for (unsigned i = 0; i < u->n; i++)
        charge_begin_free(object_device(u->maps[i].other));
}

static void unmap_end(const struct unmapped *u, CUresult rc)
{
    for (unsigned i = 0; i < u->n; i++) {
        int device = object_device(u->maps[i].other);

        if (rc != CUDA_SUCCESS)
            (void)memory_book(&u->maps[i]);
        charge_end(device, rc == CUDA_SUCCESS ? object_count(u->maps[i].other, 0, -1) : 0);
    }
}

/* More than UNMAPS at once: the driver has done it, the rest is booked after. */
static void unmap_rest(uint64_t address, uint64_t end)
{
    struct unmapped u;

    for (take_maps(&u, address, end); u.n > 0; take_maps(&u, address, end)) {
        unmap_begin(&u);
        unmap_end(&u, CUDA_SUCCESS);
    }
}

CUresult cuMemUnmap(CUdeviceptr address, size_t size)
{
    uint64_t end = size > UINT64_MAX - address ? UINT64_MAX : address + size;
    struct unmapped u;
    CUresult rc;

    if (!memory_judged())
        return CALL(cuMemUnmap, address, size);
    take_maps(&u, address, end);
    unmap_begin(&u);
    rc = CALL(cuMemUnmap, address, size);
    unmap_end(&u, rc);
    if (rc == CUDA_SUCCESS && u.n == UNMAPS)
        unmap_rest(address, end);
    return rc;
}

/* The object that is mapped at the address; 0: none that we know. */
static uint64_t mapped_object(uint64_t address)
{
    struct ledger_entry e;

    if (ledger_find(LEDGER_MAP, address, &e))
        return e.other;
    for (uint64_t at = 0; ledger_next(LEDGER_MAP, &at, &e);) {
        if (address >= e.key && address - e.key < e.size)
            return e.other;
    }
    return 0;
}

CUresult cuMemRetainAllocationHandle(CUmemGenericAllocationHandle *out, void *address)
{
    CUresult rc = CALL(cuMemRetainAllocationHandle, out, address);
    struct ledger_entry after, h = {.kind = LEDGER_HANDLE};

    if (rc != CUDA_SUCCESS || !memory_judged())
        return rc;
    h.other = mapped_object((uint64_t)(uintptr_t)address);
    h.key = *out;
    if (h.other == 0)
        return rc;
    (void)object_count(h.other, 1, 0);
    if (!ledger_count(&h, 1, 0, &after)) {
        (void)object_count(h.other, -1, 0);
        charge_uncounted();
    }
    return rc;
}

/* Of another process's memory, its owner pays; our own comes back under a handle that we know. */
CUresult cuMemImportFromShareableHandle(CUmemGenericAllocationHandle *out, void *handle,
                                        CUmemAllocationHandleType type)
{
    CUresult rc = CALL(cuMemImportFromShareableHandle, out, handle, type);
    struct ledger_entry h;

    if (rc == CUDA_SUCCESS && memory_judged() && ledger_find(LEDGER_HANDLE, *out, &h)) {
        (void)object_count(h.other, 1, 0);
        (void)ledger_count(&h, 1, 0, &h);
    }
    return rc;
}

/* ---- what else may keep memory */

static void keep_object(uint64_t object)
{
    struct ledger_entry old, kept = {.kind = LEDGER_KEPT, .key = object};

    if (object != 0 && !ledger_put(&kept, &old))
        charge_uncounted();
}

static void keep(CUmemGenericAllocationHandle handle)
{
    struct ledger_entry h;

    if (memory_judged() && ledger_find(LEDGER_HANDLE, handle, &h))
        keep_object(h.other);
}

static void keep_all(const struct cuda_array_map *maps, unsigned n)
{
    for (unsigned i = 0; maps && i < n; i++) {
        if (maps[i].operation == CUDA_ARRAY_MAP)
            keep(maps[i].handle);
    }
}

CUresult cuMemExportToShareableHandle(void *out, CUmemGenericAllocationHandle handle,
                                      CUmemAllocationHandleType type, unsigned long long flags)
{
    keep(handle);
    return CALL(cuMemExportToShareableHandle, out, handle, type, flags);
}

CUresult cuMemMapArrayAsync(struct cuda_array_map *maps, unsigned n, CUstream stream)
{
    keep_all(maps, n);
    return CALL(cuMemMapArrayAsync, maps, n, stream);
}

CUresult cuMemMapArrayAsync_ptsz(struct cuda_array_map *maps, unsigned n, CUstream stream)
{
    keep_all(maps, n);
    return CALL(cuMemMapArrayAsync_ptsz, maps, n, stream);
}

CUresult cuMulticastBindMem(CUmemGenericAllocationHandle multicast, size_t at,
                            CUmemGenericAllocationHandle handle, size_t offset, size_t size,
                            unsigned long long flags)
{
    keep(handle);
    return CALL(cuMulticastBindMem, multicast, at, handle, offset, size, flags);
}

CUresult cuMulticastBindAddr(CUmemGenericAllocationHandle multicast, size_t at, CUdeviceptr address,
                             size_t size, unsigned long long flags)
{
    if (memory_judged())
        keep_object(mapped_object(address));
    return CALL(cuMulticastBindAddr, multicast, at, address, size, flags);
}
