/* SPDX-License-Identifier: Apache-2.0 */
/* cuda_same: finding functions, init, devices, contexts, limits. */
#include <stdio.h>
#include <string.h>

#include "cuda_same.h"

static void entry(const char *name, int version, uint64_t flags)
{
    void *at = NULL;
    int found = -1;
    char what[96];

    (void)snprintf(what, sizeof what, "%s-%d-%d", name, version, (int)flags);
    (void)CALL(cuGetProcAddress_v2, what, P(name), P(&at), (unsigned)version, flags, P(&found));
    same_value("found", found);
    same_value("is-null", at == NULL);
}

static void entry_bad(void)
{
    const char *alloc = "cuMemAlloc";
    void *at = &at;
    int found = -1;

    (void)CALL(cuGetProcAddress_v2, "no-name", 0, P(&at), 12000, 0, P(&found));
    (void)CALL(cuGetProcAddress_v2, "no-out", P(alloc), 0, 12000, 0, P(&found));
    (void)CALL(cuGetProcAddress_v2, "no-found", P(alloc), P(&at), 12000, 0, 0);
    same_value("is-null", at == NULL);
    at = &at;
    (void)CALL(cuGetProcAddress_v2, "unknown-no-found", P("cuNone"), P(&at), 12000, 0, 0);
    same_value("is-null", at == NULL);
    at = &at;
    (void)CALL(cuGetProcAddress_v2, "old-no-found", P("cuMemCreate"), P(&at), 2000, 0, 0);
    same_value("is-null", at == NULL);
    (void)CALL(cuGetProcAddress, "good", P(alloc), P(&at), 12000, 0);
    same_value("is-null", at == NULL);
    at = &at;
    (void)CALL(cuGetProcAddress, "unknown", P("cuNone"), P(&at), 12000, 0);
    same_value("is-null", at == NULL);
    at = &at;
    (void)CALL(cuGetProcAddress, "old", P("cuMemCreate"), P(&at), 2000, 0);
    same_value("is-null", at == NULL);
    (void)CALL(cuGetProcAddress, "future", P(alloc), P(&at), 13010, 0);
    (void)CALL(cuGetProcAddress, "no-name", 0, P(&at), 12000, 0);
    (void)CALL(cuGetProcAddress, "no-out", P(alloc), 0, 12000, 0);
}

void same_entry(void)
{
    static const unsigned char unknown_table[16] = {1, 2, 3};
    const void *table = NULL;

    for (int initialized = 0; initialized < 2; initialized++) {
        entry("cuMemAlloc", 2000, 0);
        entry("cuMemAlloc", 3020, 0);
        entry("cuMemAlloc", 13000, 0);
        entry("cuMemAlloc", 13001, 0);
        entry("cuMemAlloc", 13010, 0);
        entry("cuMemAlloc", 0, 0);
        entry("cuMemAlloc", -1, 0);
        entry("cuMemAlloc", 1999, 0);
        entry("cuMemAlloc", 12000, 3);
        entry("cuMemAlloc", 12000, 4);
        entry("cuMemAlloc", 12000, 1);
        entry("cuStreamQuery", 12000, 2);
        entry("cuStreamQuery", 2000, 2);
        entry("cuStreamQuery", 2000, 3);
        entry("cuNone", 12000, 0);
        entry("cuNone", 2000, 0);
        entry("", 12000, 0);
        entry("cuMemAlloc_v2", 12000, 0);
        entry_bad();
        (void)CALL(cuGetExportTable, "unknown", P(&table), P(unknown_table));
        (void)CALL(cuGetExportTable, "no-out", 0, P(unknown_table));
        (void)CALL(cuGetExportTable, "no-id", P(&table), 0);
        (void)QUIET(cuInit, 0);
    }
}

void same_uninitialized(void)
{
    int n = 0;
    uint64_t word = 0, other = 0;
    const char *text = NULL;

    (void)CALL(cuDriverGetVersion, "before-init", P(&n));
    same_value("version", n);
    (void)CALL(cuDriverGetVersion, "no-out", 0);
    (void)CALL(cuGetErrorName, "ok", 0, P(&text));
    (void)CALL(cuGetErrorName, "unknown", 12345, P(&text));
    (void)CALL(cuGetErrorName, "no-out", 2, 0);
    (void)CALL(cuGetErrorString, "oom", 2, P(&text));
    same_value("length", text ? (int64_t)strlen(text) : -1);
    (void)CALL(cuGetErrorString, "unknown", 12345, P(&text));
    (void)CALL(cuDeviceGetCount, "before-init", P(&n));
    (void)CALL(cuDeviceGet, "before-init", P(&n), 0);
    (void)CALL(cuCtxGetCurrent, "before-init", P(&word));
    (void)CALL(cuCtxCreate_v2, "before-init", P(&word), 0, 0);
    (void)CALL(cuDevicePrimaryCtxRetain, "before-init", P(&word), 0);
    (void)CALL(cuMemAlloc_v2, "before-init", P(&word), 1024);
    (void)CALL(cuMemGetInfo_v2, "before-init", P(&word), P(&other));
    (void)CALL(cuMemFree_v2, "null-before-init", 0);
    (void)CALL(cuStreamCreate, "before-init", P(&word), 0);
    (void)CALL(cuStreamQuery, "before-init", 0);
    (void)CALL(cuEventCreate, "before-init", P(&word), 0);
    (void)CALL(cuModuleLoadData, "before-init", P(&word), P(same_ptx));
    (void)CALL(cuLibraryLoadData, "before-init", P(&word), P(same_ptx), 0, 0, 0, 0, 0, 0);
    (void)CALL(cuGraphCreate, "before-init", P(&word), 0);
    (void)CALL(cuLaunchKernel, "before-init", 0, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0);
    (void)CALL(cuThreadExchangeStreamCaptureMode, "before-init", P(&n));
    (void)CALL(cuInit, "bad-flags", 1);
    (void)CALL(cuInit, "good", 0);
    (void)CALL(cuInit, "again", 0);
    (void)CALL(cuInit, "bad-flags-after", 1);
}

void same_device(void)
{
    /* clocks, PCI address, and what depends on the machine around the GPU */
    static const int8_t untold[] = {13,  33,  34,  36,  50,  88,  89,  91, 98,
                                    100, 101, 106, 115, 124, 125, 126, 127};
    char text[128];
    int n = -1, other = -1;
    size_t bytes = 0;

    (void)QUIET(cuInit, 0);
    (void)CALL(cuDeviceGetCount, "good", P(&n));
    (void)CALL(cuDeviceGetCount, "no-out", 0);
    (void)CALL(cuDeviceGet, "first", P(&n), 0);
    (void)CALL(cuDeviceGet, "beyond", P(&n), 4096);
    (void)CALL(cuDeviceGet, "negative", P(&n), (unsigned)-1);
    (void)CALL(cuDeviceGet, "no-out", 0, 0);
    (void)CALL(cuDeviceGetName, "good", P(text), sizeof text, 0);
    (void)CALL(cuDeviceGetName, "short", P(text), 5, 0);
    same_value("length", (int64_t)strnlen(text, sizeof text));
    (void)CALL(cuDeviceGetName, "size-0", P(text), 0, 0);
    (void)CALL(cuDeviceGetName, "no-out", 0, 10, 0);
    (void)CALL(cuDeviceGetName, "beyond", P(text), sizeof text, 4096);
    (void)CALL(cuDeviceTotalMem_v2, "good", P(&bytes), 0);
    same_value("total-mib", (int64_t)(bytes >> 20));
    (void)CALL(cuDeviceTotalMem_v2, "beyond", P(&bytes), 4096);
    (void)CALL(cuDeviceTotalMem_v2, "no-out", 0, 0);
    (void)CALL(cuDeviceComputeCapability, "good", P(&n), P(&other), 0);
    same_value("capability", 10 * n + other);
    (void)CALL(cuDeviceGetUuid, "good", P(text), 0);
    (void)CALL(cuDeviceGetUuid_v2, "good", P(text), 0);
    (void)CALL(cuDeviceGetUuid_v2, "no-out", 0, 0);
    (void)CALL(cuDeviceGetUuid_v2, "beyond", P(text), 4096);
    (void)CALL(cuDeviceGetPCIBusId, "good", P(text), sizeof text, 0);
    same_value("length", (int64_t)strnlen(text, sizeof text));
    (void)CALL(cuDeviceGetByPCIBusId, "good", P(&n), P(text));
    same_value("device", n);
    (void)CALL(cuDeviceGetByPCIBusId, "unknown", P(&n), P("0000:7f:1f.0"));
    (void)CALL(cuDeviceGetByPCIBusId, "no-address", P(&n), P("nothing"));
    (void)CALL(cuDeviceGetPCIBusId, "short", P(text), 4, 0);
    (void)CALL(cuDeviceCanAccessPeer, "itself", P(&n), 0, 0);
    same_value("peer", n);
    (void)CALL(cuDeviceGetAttribute, "no-out", 0, 1, 0);
    (void)CALL(cuDeviceGetAttribute, "attribute-0", P(&n), 0, 0);
    (void)CALL(cuDeviceGetAttribute, "beyond", P(&n), 1, 4096);
    for (int i = 1; i < 150; i++) {
        char what[24];

        n = -1;
        (void)snprintf(what, sizeof what, "attribute-%d", i);
        (void)CALL(cuDeviceGetAttribute, what, P(&n), (unsigned)i, 0);
        if (!memchr(untold, i, sizeof untold))
            same_value("is", n);
    }
}

void same_no_context(void)
{
    uint64_t word = 0, other = 0;
    int n = 0;

    (void)QUIET(cuInit, 0);
    (void)CALL(cuCtxGetCurrent, "none", P(&word));
    same_value("is-null", word == 0);
    (void)CALL(cuCtxGetDevice, "none", P(&n));
    (void)CALL(cuCtxSynchronize, "none", 0);
    (void)CALL(cuCtxPopCurrent_v2, "none", P(&word));
    (void)CALL(cuCtxSetCurrent, "null", 0);
    (void)CALL(cuCtxPushCurrent_v2, "null", 0);
    (void)CALL(cuCtxGetLimit, "none", P(&word), 0);
    (void)CALL(cuCtxGetFlags, "none", P(&n));
    (void)CALL(cuMemAlloc_v2, "none", P(&word), 1024);
    (void)CALL(cuMemGetInfo_v2, "none", P(&word), P(&other));
    (void)CALL(cuMemAllocHost_v2, "none", P(&word), 4096);
    (void)CALL(cuMemAllocAsync, "none", P(&word), 4096, 0);
    (void)CALL(cuMemsetD8_v2, "none", 0, 0, 0);
    (void)CALL(cuMemFree_v2, "null", 0);
    (void)CALL(cuMemFreeHost, "null", 0);
    (void)CALL(cuStreamCreate, "none", P(&word), 0);
    (void)CALL(cuStreamQuery, "none", 0);
    (void)CALL(cuStreamSynchronize, "none", 0);
    (void)CALL(cuEventCreate, "none", P(&word), 0);
    (void)CALL(cuModuleLoadData, "none", P(&word), P(same_ptx));
    (void)CALL(cuLibraryLoadData, "none", P(&word), P(same_ptx), 0, 0, 0, 0, 0, 0);
    (void)CALL(cuGraphCreate, "none", P(&word), 0);
    (void)CALL(cuStreamIsCapturing, "none", 0, P(&n));
    (void)CALL(cuMemCreate, "none-no-props", P(&word), 2 << 20, 0, 0);
}

void same_primary(void)
{
    uint64_t context = 0, current = 0;
    unsigned flags = 99;
    int active = -1;

    (void)QUIET(cuInit, 0);
    (void)CALL(cuDevicePrimaryCtxGetState, "unused", 0, P(&flags), P(&active));
    same_value("flags", flags);
    same_value("active", active);
    (void)CALL(cuDevicePrimaryCtxGetState, "no-out", 0, 0, 0);
    (void)CALL(cuDevicePrimaryCtxGetState, "beyond", 4096, P(&flags), P(&active));
    (void)CALL(cuDevicePrimaryCtxSetFlags_v2, "yield", 0, 2);
    (void)CALL(cuDevicePrimaryCtxSetFlags_v2, "bad", 0, 0x1000);
    (void)CALL(cuDevicePrimaryCtxRelease_v2, "unused", 0);
    (void)CALL(cuDevicePrimaryCtxRetain, "no-out", 0, 0);
    (void)CALL(cuDevicePrimaryCtxRetain, "beyond", P(&context), 4096);
    (void)CALL(cuDevicePrimaryCtxRetain, "good", P(&context), 0);
    (void)CALL(cuDevicePrimaryCtxGetState, "used", 0, P(&flags), P(&active));
    same_value("flags", flags);
    same_value("active", active);
    (void)CALL(cuDevicePrimaryCtxSetFlags_v2, "while-active", 0, 4);
    (void)CALL(cuDevicePrimaryCtxGetState, "changed", 0, P(&flags), P(&active));
    same_value("flags", flags);
    (void)CALL(cuCtxGetCurrent, "not-set", P(&current));
    same_value("is-null", current == 0);
    (void)CALL(cuCtxSetCurrent, "primary", context);
    (void)CALL(cuCtxGetCurrent, "set", P(&current));
    same_value("is-it", current == context);
    (void)CALL(cuCtxDestroy_v2, "primary", context);
    (void)CALL(cuDevicePrimaryCtxRetain, "again", P(&current), 0);
    same_value("is-it", current == context);
    (void)CALL(cuDevicePrimaryCtxRelease_v2, "first", 0);
    (void)CALL(cuDevicePrimaryCtxReset_v2, "good", 0);
    (void)CALL(cuDevicePrimaryCtxGetState, "after-reset", 0, P(&flags), P(&active));
    same_value("active", active);
    (void)CALL(cuMemAlloc_v2, "after-reset", P(&current), 1024);
    (void)CALL(cuDevicePrimaryCtxRelease_v2, "second", 0);
    (void)CALL(cuDevicePrimaryCtxRelease_v2, "third", 0);
    (void)CALL(cuCtxGetDevice, "after-release", P(&active));
}

void same_contexts(void)
{
    uint64_t primary = same_context(), made = 0, got = 0, id = 0, other = 0;
    int device = -1, low = 9, high = 9;
    unsigned version = 0;

    (void)CALL(cuCtxGetApiVersion, "primary", primary, P(&version));
    same_value("version", version);
    (void)CALL(cuCtxCreate_v2, "no-out", 0, 0, 0);
    (void)CALL(cuCtxCreate_v2, "beyond", P(&made), 0, 4096);
    (void)CALL(cuCtxCreate_v2, "bad-flags", P(&made), 0x10000, 0);
    (void)CALL(cuCtxCreate_v2, "good", P(&made), 0, 0);
    (void)CALL(cuCtxGetApiVersion, "made", made, P(&version));
    same_value("version", version);
    (void)CALL(cuCtxGetApiVersion, "current", 0, P(&version));
    (void)CALL(cuCtxGetCurrent, "made", P(&got));
    same_value("is-made", got == made);
    (void)CALL(cuCtxGetId, "made", made, P(&id));
    (void)CALL(cuCtxGetId, "current", 0, P(&other));
    same_value("same-id", id == other);
    (void)CALL(cuCtxGetId, "no-out", made, 0);
    (void)CALL(cuCtxPopCurrent_v2, "good", P(&got));
    same_value("is-made", got == made);
    (void)CALL(cuCtxPushCurrent_v2, "good", made);
    (void)CALL(cuCtxPopCurrent_v2, "no-out", 0);
    (void)CALL(cuCtxGetCurrent, "back", P(&got));
    same_value("is-primary", got == primary);
    (void)CALL(cuCtxGetDevice, "good", P(&device));
    same_value("device", device);
    (void)CALL(cuCtxGetDevice, "no-out", 0);
    (void)CALL(cuCtxGetDevice_v2, "made", P(&device), made);
    (void)CALL(cuCtxGetStreamPriorityRange, "good", P(&low), P(&high));
    same_value("least", low);
    same_value("greatest", high);
    (void)CALL(cuCtxGetStreamPriorityRange, "no-out", 0, 0);
    (void)CALL(cuCtxSynchronize, "good", 0);
    (void)CALL(cuCtxSynchronize_v2, "made", made);
    (void)CALL(cuCtxDestroy_v2, "good", made);
    (void)CALL(cuCtxDestroy_v2, "null", 0);
    (void)CALL(cuCtxCreate_v3, "good", P(&made), 0, 0, 0, 0);
    (void)CALL(cuCtxAttach, "current", P(&got), 0);
    (void)CALL(cuCtxDetach, "current", made);
    (void)CALL(cuCtxDestroy_v2, "current", made);
    (void)CALL(cuCtxGetCurrent, "after-destroy", P(&got));
    same_value("is-primary", got == primary);
    (void)CALL(cuCtxCreate_v4, "good", P(&made), 0, 0, 0);
    (void)CALL(cuCtxGetFlags, "made", P(&version));
    same_value("flags", version);
    (void)CALL(cuCtxSetFlags, "good", 2);
    (void)CALL(cuCtxSetFlags, "bad", 0x10000);
    (void)CALL(cuCtxDestroy_v2, "made", made);
}

void same_limits(void)
{
    size_t value = 0;
    int64_t before;
    int config = -1;

    (void)same_context();
    for (unsigned limit = 0; limit < 13; limit++) {
        char what[24];

        (void)snprintf(what, sizeof what, "limit-%u", limit);
        if (CALL(cuCtxGetLimit, what, P(&value), limit) == 0)
            same_value("is", (int64_t)value);
    }
    (void)CALL(cuCtxGetLimit, "no-out", 0, 0);
    before = same_free_kib();
    (void)CALL(cuCtxSetLimit, "stack-2k", 0, 2048);
    same_value("took-kib", before - same_free_kib());
    (void)CALL(cuCtxGetLimit, "stack", P(&value), 0);
    same_value("is", (int64_t)value);
    (void)CALL(cuCtxSetLimit, "stack-2001", 0, 2001);
    (void)CALL(cuCtxGetLimit, "stack", P(&value), 0);
    same_value("is", (int64_t)value);
    (void)CALL(cuCtxSetLimit, "printf-2m", 1, 2 << 20);
    (void)CALL(cuCtxGetLimit, "printf", P(&value), 1);
    same_value("is", (int64_t)value);
    (void)CALL(cuCtxSetLimit, "heap-16m", 2, 16 << 20);
    (void)CALL(cuCtxGetLimit, "heap", P(&value), 2);
    same_value("is", (int64_t)value);
    (void)CALL(cuCtxSetLimit, "unknown", 99, 1);
    (void)CALL(cuCtxGetCacheConfig, "good", P(&config));
    same_value("cache", config);
    (void)CALL(cuCtxSetCacheConfig, "l1", 2);
    (void)CALL(cuCtxGetCacheConfig, "l1", P(&config));
    same_value("cache", config);
    (void)CALL(cuCtxSetCacheConfig, "bad", 77);
    (void)CALL(cuCtxGetSharedMemConfig, "good", P(&config));
    same_value("shared", config);
    (void)CALL(cuCtxSetSharedMemConfig, "eight", 2);
    (void)CALL(cuCtxResetPersistingL2Cache, "good", 0);
    (void)CALL(cuCtxEnablePeerAccess, "null", 0, 0);
    (void)CALL(cuCtxDisablePeerAccess, "null", 0);
}
