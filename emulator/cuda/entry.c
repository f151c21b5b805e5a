/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How programs find the driver's functions: cuGetProcAddress in both versions, over the table
 * made from a capture. Private tables (cuGetExportTable) are not there.
 */
#include "cuda/entry.h"

#include <stdint.h>
#include <string.h>

#include "cuda/cuda.h"

enum {
    FLAG_LEGACY = 1,
    FLAG_PER_THREAD = 2,
    NEWEST = 13000, /* the captured driver's version of CUDA */
};

enum found {
    FOUND = 0,
    FOUND_NO_NAME = 1,
    FOUND_ONLY_NEWER = 2,
};

/* The first line of a name, or NULL. */
static const struct entry *first_of(const char *name)
{
    size_t low = 0, high = n_entries;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(entries[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n_entries && strcmp(entries[low].name, name) == 0 ? &entries[low] : NULL;
}

/* The newest variant that `version` knows; a name with per-thread variants has a list of each. */
static enum found find(int (**out)(void), const char *name, int version, bool per_thread)
{
    const struct entry *e = first_of(name), *end = entries + n_entries;
    bool any = false;

    if (!e)
        return FOUND_NO_NAME;
    for (const struct entry *i = e; i < end && strcmp(i->name, name) == 0; i++)
        any |= i->per_thread;
    *out = NULL;
    for (; e < end && strcmp(e->name, name) == 0; e++) {
        if (e->per_thread == (per_thread && any) && (unsigned)e->since <= (unsigned)version)
            *out = e->symbol;
    }
    return *out ? FOUND : FOUND_ONLY_NEWER;
}

CUDA_API(cuGetProcAddress_v2, const char *name, void **out, int version, uint64_t flags,
         int *out_found)
{
    int (*symbol)(void) = NULL;
    enum found found;

    if (!name || !out || version > NEWEST || (flags & ~(uint64_t)(FLAG_LEGACY | FLAG_PER_THREAD)))
        return CUDA_ERROR_INVALID_VALUE;
    found = find(&symbol, name, version, flags & FLAG_PER_THREAD);
    memcpy(out, &symbol, sizeof symbol);
    if (out_found)
        *out_found = (int)found;
    return CUDA_SUCCESS;
}

/* Version 1 has only its code to say that there is no such name. */
CUDA_API(cuGetProcAddress, const char *name, void **out, int version, uint64_t flags)
{
    void *at = NULL;
    int found = FOUND_NO_NAME, rc;

    rc = cuGetProcAddress_v2(name, out ? &at : NULL, version, flags, &found);
    if (rc == CUDA_SUCCESS && found != FOUND)
        return CUDA_ERROR_NOT_FOUND;
    if (rc == CUDA_SUCCESS)
        *out = at;
    return rc;
}

/* What a driver answers for a table that it does not have. */
CUDA_API(cuGetExportTable, const void **out, const void *id)
{
    (void)out;
    (void)id;
    return CUDA_ERROR_INVALID_VALUE;
}
