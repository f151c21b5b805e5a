/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all kinds of device memory have in common: where it goes, how the driver rounds it, how it
 * is booked and freed. The wrappers are in memory_*.c.
 */
#include "shim/memory.h"

#include <string.h>

bool memory_judged(void)
{
    return shim_depth == 0 && shim_get()->state != SHIM_OFF;
}

/* A context that nobody told us of: made by hidden calls of the driver. */
static void discover(struct memory_place *place)
{
    struct ledger_entry e = {
        .key = (uint64_t)(uintptr_t)place->context,
        .kind = LEDGER_CONTEXT,
    };

    if (PLAIN(cuCtxGetDevice)(&place->ordinal) != CUDA_SUCCESS) {
        place->nowhere = true;
        return;
    }
    place->device = shim_device(place->ordinal);
    e.device = (int16_t)place->device;
    e.other = (uint64_t)place->ordinal;
    if (memory_book(&e))
        measure_soon(place->device);
}

struct memory_place memory_place(void)
{
    struct memory_place place = {.device = -1};
    struct ledger_entry e;

    if (PLAIN(cuCtxGetCurrent)(&place.context) != CUDA_SUCCESS || !place.context) {
        place.nowhere = true;
    } else if (ledger_find(LEDGER_CONTEXT, (uint64_t)(uintptr_t)place.context, &e)) {
        place.device = e.device;
        place.ordinal = (CUdevice)e.other;
    } else {
        discover(&place);
    }
    return place;
}

bool memory_unknown_device(CUdevice ordinal)
{
    enum { ATTRIBUTE_PROCESSORS = 16 };
    int processors;

    return PLAIN(cuDeviceGetAttribute)(&processors, ATTRIBUTE_PROCESSORS, ordinal) != CUDA_SUCCESS;
}

void *memory_handle(uint64_t key)
{
    void *handle;

    memcpy(&handle, &key, sizeof handle);
    return handle;
}

uint64_t memory_whole(uint64_t bytes)
{
    if (bytes > UINT64_MAX - MEMORY_UNIT)
        return UINT64_MAX;
    return (bytes + MEMORY_UNIT - 1) / MEMORY_UNIT * MEMORY_UNIT;
}

uint64_t memory_freed(const struct ledger_entry *e)
{
    struct ledger_entry after, block = {
                                   .key = e->other,
                                   .kind = LEDGER_BLOCK,
                               };
    uint64_t bytes = e->bytes;

    if (e->small)
        bytes = ledger_count(&block, -1, 0, &after) && after.refs == 0 ? MEMORY_UNIT : 0;
    if (e->managed)
        charge_managed(e->device, -(int64_t)bytes);
    return bytes;
}

/* Of another than the calling thread's allocation: begin and end of its own. */
static void give_back(const struct ledger_entry *e)
{
    charge_begin_free(e->device);
    charge_end(e->device, -(int64_t)memory_freed(e));
}

bool memory_book(const struct ledger_entry *e)
{
    struct ledger_entry old;

    if (!ledger_put(e, &old))
        return false;
    if (old.kind != 0)
        give_back(&old); /* the driver gave the key anew: what had it is gone */
    return true;
}

void memory_drop(CUcontext context)
{
    struct ledger_entry e;

    for (uint64_t at = 0; ledger_take_context((uint64_t)(uintptr_t)context, &at, &e);)
        give_back(&e);
}

/* Out of the ledger before the driver frees it: it may give the address to another thread at once.
 */
bool memory_free_begin(enum ledger_kind kind, uint64_t key, struct ledger_entry *out)
{
    if (!ledger_take(kind, key, out))
        return false;
    charge_begin_free(out->device);
    return true;
}

void memory_free_end(const struct ledger_entry *e, CUresult rc)
{
    if (rc != CUDA_SUCCESS) {
        (void)memory_book(e);
        charge_end(e->device, 0);
        return;
    }
    charge_counted(CHARGE_FREE);
    charge_end(e->device, -(int64_t)memory_freed(e));
}
