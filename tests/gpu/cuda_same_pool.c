/* SPDX-License-Identifier: Apache-2.0 */
/* cuda_same: virtual memory, stream-ordered pools, and memory shared with other processes. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cuda_same.h"

static const uint64_t MIB = 1 << 20;

enum {
    ON_DEVICE = 1,
    PINNED = 1,
    DESCRIPTOR = 1, /* CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR */
};

static const struct same_alloc_prop pinned = {.type = PINNED, .location = {ON_DEVICE, 0}};

static void vmm_bad(uint64_t at, uint64_t handle)
{
    struct same_alloc_prop bad = pinned;
    uint64_t made = 0;
    size_t grain = 0;

    (void)CALL(cuMemGetAllocationGranularity, "no-out", 0, P(&pinned), 0);
    (void)CALL(cuMemGetAllocationGranularity, "no-props", P(&grain), 0, 0);
    (void)CALL(cuMemGetAllocationGranularity, "bad-option", P(&grain), P(&pinned), 7);
    (void)CALL(cuMemCreate, "odd", P(&made), 3 * MIB, P(&pinned), 0);
    (void)CALL(cuMemCreate, "zero", P(&made), 0, P(&pinned), 0);
    (void)CALL(cuMemCreate, "flags", P(&made), 2 * MIB, P(&pinned), 1);
    (void)CALL(cuMemCreate, "no-out", 0, 2 * MIB, P(&pinned), 0);
    (void)CALL(cuMemCreate, "too-much", P(&made), (uint64_t)1 << 46, P(&pinned), 0);
    bad.location.id = 4096;
    (void)CALL(cuMemCreate, "beyond", P(&made), 2 * MIB, P(&bad), 0);
    bad = pinned;
    bad.type = 0;
    (void)CALL(cuMemCreate, "type-0", P(&made), 2 * MIB, P(&bad), 0);
    bad = pinned;
    bad.location.type = 0;
    (void)CALL(cuMemCreate, "nowhere", P(&made), 2 * MIB, P(&bad), 0);
    (void)CALL(cuMemAddressReserve, "odd", P(&made), 4096, 0, 0, 0);
    (void)CALL(cuMemAddressReserve, "zero", P(&made), 0, 0, 0, 0);
    (void)CALL(cuMemAddressReserve, "no-out", 0, 2 * MIB, 0, 0, 0);
    (void)CALL(cuMemMap, "odd-address", at + 4096, 2 * MIB, 0, handle, 0);
    (void)CALL(cuMemMap, "more-than-it-has", at, 8 * MIB, 0, handle, 0);
    (void)CALL(cuMemMap, "offset", at, 2 * MIB, 2 * MIB, handle, 0);
    (void)CALL(cuMemMap, "flags", at, 4 * MIB, 0, handle, 1);
    (void)CALL(cuMemMap, "unreserved", (uint64_t)1 << 40, 4 * MIB, 0, handle, 0);
    (void)CALL(cuMemUnmap, "not-mapped", at, 4 * MIB);
    (void)CALL(cuMemRelease, "null", 0);
    (void)CALL(cuMemAddressFree, "unknown", (uint64_t)1 << 40, 4 * MIB);
}

void same_vmm(void)
{
    struct same_access access = {{ON_DEVICE, 0}, 3};
    struct same_alloc_prop got = {0};
    struct same_location here = {ON_DEVICE, 0};
    uint64_t handle = 0, second = 0, at = 0, flags = 0;
    size_t grain = 0;
    int64_t before;

    (void)same_context();
    (void)CALL(cuMemGetAllocationGranularity, "least", P(&grain), P(&pinned), 0);
    same_value("is", (int64_t)grain);
    (void)CALL(cuMemGetAllocationGranularity, "advised", P(&grain), P(&pinned), 1);
    same_value("is", (int64_t)grain);
    before = same_free_kib();
    (void)CALL(cuMemCreate, "good", P(&handle), 4 * MIB, P(&pinned), 0);
    same_value("took-kib", before - same_free_kib());
    (void)CALL(cuMemGetAllocationPropertiesFromHandle, "good", P(&got), handle);
    same_value("type", got.type);
    same_value("location", got.location.type);
    (void)CALL(cuMemAddressReserve, "good", P(&at), 16 * MIB, 0, 0, 0);
    vmm_bad(at, handle);
    (void)CALL(cuMemMap, "good", at, 4 * MIB, 0, handle, 0);
    (void)CALL(cuMemMap, "twice", at, 4 * MIB, 0, handle, 0);
    (void)CALL(cuMemsetD8_v2, "no-access", at, 1, 16);
    (void)CALL(cuMemSetAccess, "good", at, 4 * MIB, P(&access), 1);
    (void)CALL(cuMemGetAccess, "good", P(&flags), P(&here), at);
    same_value("is", (int64_t)flags);
    (void)CALL(cuMemSetAccess, "unmapped", at + 8 * MIB, 2 * MIB, P(&access), 1);
    (void)CALL(cuMemsetD8_v2, "access", at, 1, 16);
    (void)CALL(cuMemRetainAllocationHandle, "good", P(&second), at);
    same_value("same", handle == second);
    (void)CALL(cuMemRetainAllocationHandle, "unknown", P(&second), at + 8 * MIB);
    (void)CALL(cuMemAddressFree, "while-mapped", at, 16 * MIB);
    (void)CALL(cuMemRelease, "first", handle);
    (void)CALL(cuMemRelease, "second", handle);
    same_value("left-kib", before - same_free_kib());
    (void)CALL(cuMemFree_v2, "mapped", at);
    (void)CALL(cuMemUnmap, "half", at, 2 * MIB);
    (void)CALL(cuMemUnmap, "good", at, 4 * MIB);
    same_value("left-kib", before - same_free_kib());
    (void)CALL(cuMemAddressFree, "part", at, 8 * MIB);
    (void)CALL(cuMemAddressFree, "good", at, 16 * MIB);
    (void)CALL(cuMemAddressFree, "twice", at, 16 * MIB);
}

void same_share(void)
{
    struct same_alloc_prop shareable = pinned;
    uint64_t handle = 0, imported = 0, at = 0;
    int descriptor = -1;

    (void)same_context();
    shareable.handles = DESCRIPTOR;
    (void)QUIET(cuMemCreate, P(&handle), 2 * MIB, P(&pinned), 0);
    (void)CALL(cuMemExportToShareableHandle, "not-shareable", P(&descriptor), handle, DESCRIPTOR,
               0);
    (void)QUIET(cuMemRelease, handle);
    (void)QUIET(cuMemCreate, P(&handle), 2 * MIB, P(&shareable), 0);
    (void)CALL(cuMemExportToShareableHandle, "bad-type", P(&descriptor), handle, 77, 0);
    (void)CALL(cuMemExportToShareableHandle, "good", P(&descriptor), handle, DESCRIPTOR, 0);
    (void)CALL(cuMemImportFromShareableHandle, "good", P(&imported), (unsigned)descriptor,
               DESCRIPTOR);
    (void)CALL(cuMemRelease, "imported", imported);
    (void)CALL(cuMemImportFromShareableHandle, "no-descriptor", P(&imported), 999, DESCRIPTOR);
    (void)CALL(cuMemRelease, "exported", handle);
    (void)close(descriptor);
    (void)QUIET(cuMemAlloc_v2, P(&at), 2 * MIB);
    (void)CALL(cuMemRetainAllocationHandle, "of-cuMemAlloc", P(&handle), at);
}

static void pool_words(uint64_t pool, const char *when)
{
    uint64_t value = 0;
    char what[32];

    for (unsigned i = 5; i <= 7; i += 2) {
        (void)snprintf(what, sizeof what, "%s-%u", when, i);
        (void)CALL(cuMemPoolGetAttribute, what, pool, i, P(&value));
        same_value("kib", (int64_t)(value >> 10));
    }
}

void same_pool(void)
{
    uint64_t pool = 0, current = 0, at = 0, second = 0, value = 0;
    int64_t before;

    (void)same_context();
    (void)CALL(cuDeviceGetDefaultMemPool, "good", P(&pool), 0);
    (void)CALL(cuDeviceGetDefaultMemPool, "beyond", P(&pool), 4096);
    (void)CALL(cuDeviceGetMemPool, "good", P(&current), 0);
    same_value("same", pool == current);
    (void)CALL(cuMemPoolGetAttribute, "threshold", pool, 4, P(&value));
    same_value("is", (int64_t)value);
    before = same_free_kib();
    (void)CALL(cuMemAllocAsync, "good", P(&at), 10 * MIB, 0);
    pool_words(pool, "ten");
    same_value("took-kib", before - same_free_kib());
    (void)CALL(cuMemAllocAsync, "more", P(&second), 30 * MIB, 0);
    pool_words(pool, "forty");
    (void)CALL(cuMemAllocAsync, "zero", P(&value), 0, 0);
    (void)CALL(cuMemAllocAsync, "no-out", 0, 4096, 0);
    (void)CALL(cuMemAllocAsync, "too-much", P(&value), (uint64_t)1 << 46, 0);
    (void)CALL(cuMemFreeAsync, "good", at, 0);
    (void)CALL(cuMemFreeAsync, "twice", at, 0);
    (void)CALL(cuMemFreeAsync, "null", 0, 0);
    (void)CALL(cuMemFreeAsync, "unknown", 4096, 0);
    (void)CALL(cuStreamSynchronize, "good", 0);
    pool_words(pool, "freed-one");
    same_value("took-kib", before - same_free_kib());
    (void)CALL(cuMemFree_v2, "async", second);
    (void)CALL(cuStreamSynchronize, "good", 0);
    pool_words(pool, "freed-all");
    same_value("left-kib", before - same_free_kib());
    (void)QUIET(cuMemAlloc_v2, P(&at), 4096);
    (void)CALL(cuMemFreeAsync, "of-cuMemAlloc", at, 0);
    value = UINT64_MAX;
    (void)CALL(cuMemPoolSetAttribute, "threshold", pool, 4, P(&value));
    (void)QUIET(cuMemAllocAsync, P(&at), 100 * MIB, 0);
    (void)QUIET(cuMemFreeAsync, at, 0);
    (void)CALL(cuStreamSynchronize, "good", 0);
    pool_words(pool, "kept");
    (void)CALL(cuMemPoolTrimTo, "40m", pool, 40 * MIB);
    pool_words(pool, "trimmed");
    (void)CALL(cuMemPoolTrimTo, "0", pool, 0);
    same_value("left-kib", before - same_free_kib());
    (void)CALL(cuMemPoolDestroy, "default", pool);
}

void same_pool_more(void)
{
    struct same_pool_props props = {.type = PINNED, .location = {ON_DEVICE, 0}};
    struct same_access access = {{ON_DEVICE, 0}, 3};
    struct same_location here = {ON_DEVICE, 0};
    uint64_t pool = 0, at = 0, value = 0, current = 0;
    int flags = 0;
    int64_t before;

    (void)same_context();
    before = same_free_kib();
    (void)CALL(cuMemPoolCreate, "good", P(&pool), P(&props));
    same_value("took-kib", before - same_free_kib());
    (void)CALL(cuMemPoolGetAccess, "good", P(&flags), pool, P(&here));
    same_value("is", flags);
    (void)CALL(cuMemPoolSetAccess, "own", pool, P(&access), 1);
    (void)CALL(cuMemAllocFromPoolAsync, "good", P(&at), MIB, pool, 0);
    pool_words(pool, "made");
    (void)CALL(cuMemPoolGetAttribute, "bad", pool, 77, P(&value));
    (void)CALL(cuMemPoolGetAttribute, "no-out", pool, 5, 0);
    (void)CALL(cuMemPoolGetAttribute, "high", pool, 6, P(&value));
    same_value("kib", (int64_t)(value >> 10));
    (void)CALL(cuMemPoolSetAttribute, "high-1", pool, 6, P(&value));
    value = 0;
    (void)CALL(cuMemPoolSetAttribute, "high-0", pool, 6, P(&value));
    (void)CALL(cuMemPoolSetAttribute, "current", pool, 5, P(&value));
    (void)CALL(cuDeviceSetMemPool, "good", 0, pool);
    (void)CALL(cuDeviceGetMemPool, "set", P(&current), 0);
    same_value("same", pool == current);
    (void)CALL(cuMemPoolExportPointer, "not-shareable", P(&props), at);
    (void)CALL(cuMemFreeAsync, "good", at, 0);
    (void)CALL(cuMemPoolDestroy, "current", pool);
    (void)CALL(cuDeviceGetMemPool, "destroyed", P(&current), 0);
    same_value("same", pool == current);
    (void)CALL(cuStreamSynchronize, "good", 0);
    same_value("left-kib", before - same_free_kib());
    (void)CALL(cuMemPoolDestroy, "null", 0);
    (void)CALL(cuMemPoolCreate, "no-props", P(&pool), 0);
    props.location.id = 4096;
    (void)CALL(cuMemPoolCreate, "beyond", P(&pool), P(&props));
    props.location = here;
    props.max_bytes = 40 * MIB;
    (void)CALL(cuMemPoolCreate, "most-40m", P(&pool), P(&props));
    (void)CALL(cuMemAllocFromPoolAsync, "within", P(&at), 30 * MIB, pool, 0);
    (void)CALL(cuMemAllocFromPoolAsync, "beyond", P(&at), 50 * MIB, pool, 0);
    (void)CALL(cuMemAllocFromPoolAsync, "no-pool", P(&at), MIB, 0, 0);
    (void)CALL(cuMemGetDefaultMemPool, "good", P(&current), P(&here), PINNED);
    (void)CALL(cuMemGetMemPool, "good", P(&current), P(&here), PINNED);
}

void same_ipc(void)
{
    unsigned char handle[64] = {0};
    uint64_t at = 0, host = 0, event = 0;

    (void)same_context();
    (void)QUIET(cuMemAlloc_v2, P(&at), 2 * MIB);
    (void)CALL(cuIpcGetMemHandle, "good", P(handle), at);
    (void)CALL(cuIpcGetMemHandle, "no-out", 0, at);
    (void)CALL(cuIpcGetMemHandle, "null", P(handle), 0);
    (void)CALL(cuIpcGetMemHandle, "unknown", P(handle), 4096);
    (void)QUIET(cuMemAllocHost_v2, P(&host), 4096);
    (void)CALL(cuIpcGetMemHandle, "host", P(handle), host);
    (void)CALL(cuIpcCloseMemHandle, "own", at);
    (void)CALL(cuIpcCloseMemHandle, "null", 0);
    (void)QUIET(cuEventCreate, P(&event), 2 | 4);
    (void)CALL(cuIpcGetEventHandle, "good", P(handle), event);
    (void)QUIET(cuEventCreate, P(&event), 0);
    (void)CALL(cuIpcGetEventHandle, "ordinary", P(handle), event);
}
