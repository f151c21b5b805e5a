/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pools as such: what they hold is what is charged, whatever of it is handed out. So their charge
 * is read from the driver, after every call that may have changed it. Allocations from them are in
 * memory_async.c, memory of graphs in memory_graph.c.
 */
#include "shim/memory_pool.h"

enum {
    CHUNK = 32 << 20,
    READS = 100,
    CAPTURE_MODE_RELAXED = 2,
    MEMORY_TYPE_PINNED = 1,
    MEMORY_TYPE_MANAGED = 2
};

/* Set with the first pool; never unset. */
static bool pool_in_use;

void memory_pool_in_use(void)
{
    if (!__atomic_load_n(&pool_in_use, __ATOMIC_RELAXED))
        __atomic_store_n(&pool_in_use, true, __ATOMIC_RELAXED);
}

bool memory_pool_capturing(CUstream stream)
{
    int status = 0;

    return PLAIN(cuStreamIsCapturing)(stream, &status) != CUDA_SUCCESS || status != 0;
}

int memory_pool_relax(void)
{
    int mode = CAPTURE_MODE_RELAXED;

    (void)PLAIN(cuThreadExchangeStreamCaptureMode)(&mode);
    return mode;
}

void memory_pool_restore(int mode)
{
    (void)PLAIN(cuThreadExchangeStreamCaptureMode)(&mode);
}

uint64_t memory_pool_chunks(uint64_t bytes)
{
    return bytes > UINT64_MAX - CHUNK ? UINT64_MAX : (bytes + CHUNK - 1) / CHUNK * CHUNK;
}

/* A pool that the driver does not know any more holds nothing. */
static uint64_t held(enum ledger_kind kind, uint64_t key)
{
    uint64_t bytes = 0;
    CUresult rc;

    if (kind == LEDGER_POOL)
        rc = PLAIN(cuMemPoolGetAttribute)(memory_handle(key), CUDA_POOL_RESERVED_CURRENT, &bytes);
    else
        rc =
            PLAIN(cuDeviceGetGraphMemAttribute)((CUdevice)key, CUDA_GRAPH_RESERVED_CURRENT, &bytes);
    return rc == CUDA_SUCCESS ? bytes : 0;
}

uint64_t memory_pool_needs(CUmemoryPool pool, uint64_t more)
{
    uint64_t used = 0;

    (void)PLAIN(cuMemPoolGetAttribute)(pool, CUDA_POOL_USED_CURRENT, &used);
    return more > UINT64_MAX - used ? UINT64_MAX : memory_pool_chunks(used + more);
}

/* What it is to be charged for: what it holds, or what calls under way rely on that it will. */
static uint64_t due(const struct ledger_entry *e)
{
    uint64_t bytes = held((enum ledger_kind)e->kind, e->key), needs;

    if (e->maps == 0)
        return bytes;
    needs = memory_pool_needs(memory_handle(e->key), (uint64_t)e->maps * MEMORY_PIECE);
    return needs > bytes ? needs : bytes;
}

/* One read; *out_change: what was wanted. False: another thread has changed the charge meanwhile.
   It is in the page before it is in the ledger: what another thread finds there is charged. */
static bool charge_due(const struct ledger_entry *e, int64_t *out_change)
{
    uint64_t now = due(e);
    int64_t change = (int64_t)(now - e->bytes);
    bool ok;

    if (change > 0)
        charge_change(e->device, change);
    ok = ledger_charge(e, now);
    if (ok && change < 0)
        charge_change(e->device, change);
    else if (!ok && change > 0)
        charge_change(e->device, -change);
    *out_change = change;
    return ok;
}

/* Of several threads that set the charge at once, the last sees that it is still so, or sets it. */
int64_t memory_pool_change(enum ledger_kind kind, uint64_t key)
{
    int64_t sum = 0, change;
    struct ledger_entry e;

    for (unsigned reads = 0; reads < READS && ledger_find(kind, key, &e); reads++) {
        if (!charge_due(&e, &change))
            continue;
        if (change == 0)
            break;
        sum += change;
    }
    return sum;
}

/* Says that memory is changing only where it has: a program that synchronizes all the time could
   not be measured. */
static void settle(const struct ledger_entry *e)
{
    int64_t change;

    if (e->device < 0 || due(e) == e->bytes)
        return;
    charge_begin_free(e->device);
    change = memory_pool_change((enum ledger_kind)e->kind, e->key);
    if (e->managed)
        charge_managed(e->device, change);
    charge_end(e->device, 0);
}

static void settle_kind(enum ledger_kind kind)
{
    struct ledger_entry e;

    for (uint64_t at = 0; ledger_next(kind, &at, &e);)
        settle(&e);
}

void memory_pool_settle(void)
{
    if (!__atomic_load_n(&pool_in_use, __ATOMIC_RELAXED))
        return;
    settle_kind(LEDGER_POOL);
    settle_kind(LEDGER_GRAPH_POOL);
}

static CUresult trim(CUmemoryPool pool, size_t keep)
{
    struct ledger_entry e;
    CUresult rc;

    if (!ledger_find(LEDGER_POOL, (uint64_t)(uintptr_t)pool, &e))
        return CALL(cuMemPoolTrimTo, pool, keep);
    charge_begin_free(e.device);
    rc = CALL(cuMemPoolTrimTo, pool, keep);
    settle(&e);
    charge_end(e.device, 0);
    return rc;
}

void memory_pool_trim_to(CUmemoryPool pool)
{
    (void)trim(pool, 0);
}

static bool trim_kind(enum ledger_kind kind, int device)
{
    struct ledger_entry e, after;
    bool less = false;

    for (uint64_t at = 0; ledger_next(kind, &at, &e);) {
        if (e.device != device)
            continue;
        if (kind == LEDGER_POOL)
            memory_pool_trim_to(memory_handle(e.key));
        else
            memory_graph_trim((CUdevice)e.key);
        less = less || (ledger_find(kind, e.key, &after) && after.bytes < e.bytes);
    }
    return less;
}

bool memory_pool_trim(int device)
{
    bool pools, graphs;
    int mode;

    if (!__atomic_load_n(&pool_in_use, __ATOMIC_RELAXED))
        return false;
    mode = memory_pool_relax();
    pools = trim_kind(LEDGER_POOL, device);
    graphs = trim_kind(LEDGER_GRAPH_POOL, device);
    memory_pool_restore(mode);
    return pools || graphs;
}

/* The pool is ours, of this device; -1: not to be charged. False: no memory. */
static bool book(CUmemoryPool pool, int device, bool managed)
{
    struct ledger_entry e = {
        .kind = LEDGER_POOL,
        .key = (uint64_t)(uintptr_t)pool,
        .device = (int16_t)device,
        .managed = managed,
        .refs = 1,
    };

    memory_pool_in_use();
    return memory_book(&e);
}

/* With the slice's limit as its largest size, where the driver takes one. */
static CUresult create(CUmemoryPool *out, const struct cuda_pool_wish *wish, int device)
{
    uint64_t limit = shim_get()->page->head.limits[device].limit_bytes;
    struct cuda_pool_wish bounded = *wish;
    CUresult rc;

    if (wish->max_size != 0 && wish->max_size <= limit)
        return CALL(cuMemPoolCreate, out, wish);
    bounded.max_size = limit;
    rc = CALL(cuMemPoolCreate, out, &bounded);
    if (rc != CUDA_ERROR_INVALID_VALUE)
        return rc;
    return CALL(cuMemPoolCreate, out, wish);
}

static bool is_of_host(const struct cuda_pool_wish *wish)
{
    return wish->type == MEMORY_TYPE_PINNED && wish->location.type >= CUDA_LOCATION_HOST &&
           wish->location.type <= CUDA_LOCATION_HOST_NUMA_CURRENT;
}

/* Nobody is charged for it, on whatever device's streams it is used. */
static CUresult create_of_host(CUmemoryPool *out, const struct cuda_pool_wish *wish)
{
    CUresult rc = CALL(cuMemPoolCreate, out, wish);

    if (rc == CUDA_SUCCESS && !book(*out, -1, false))
        charge_uncounted();
    return rc;
}

CUresult cuMemPoolCreate(CUmemoryPool *out, const struct cuda_pool_wish *wish)
{
    CUmemoryPool pool = NULL;
    CUresult rc;
    int device;

    if (out && wish && is_of_host(wish) && memory_judged())
        return create_of_host(out, wish);
    if (!out || !wish || wish->location.type != CUDA_LOCATION_DEVICE || !memory_judged())
        return CALL(cuMemPoolCreate, out, wish);
    device = shim_device(wish->location.id);
    if (device < 0 && memory_unknown_device(wish->location.id))
        return CALL(cuMemPoolCreate, out, wish);
    if (shim_get()->state != SHIM_ATTACHED || device < 0)
        return CUDA_ERROR_OUT_OF_MEMORY;
    rc = create(&pool, wish, device);
    if (rc == CUDA_SUCCESS && !book(pool, device, wish->type == MEMORY_TYPE_MANAGED)) {
        (void)CALL(cuMemPoolDestroy, pool);
        rc = CUDA_ERROR_OUT_OF_MEMORY;
    }
    if (rc == CUDA_SUCCESS)
        *out = pool;
    return rc;
}

/* What is still handed out lives on and cannot be read any more: it counts as overhead, measured.
 */
static void orphaned(const struct ledger_entry *e)
{
    if (e->managed)
        charge_managed(e->device, -(int64_t)e->bytes);
    if (e->bytes > 0 && !e->managed)
        measure_estimate(e->device, e->bytes);
    charge_end(e->device, -(int64_t)e->bytes);
    if (e->bytes > 0)
        measure_soon(e->device);
}

CUresult cuMemPoolDestroy(CUmemoryPool pool)
{
    struct ledger_entry e;
    uint64_t used = 0;
    CUresult rc;

    if (!memory_judged() || !ledger_take(LEDGER_POOL, (uint64_t)(uintptr_t)pool, &e))
        return CALL(cuMemPoolDestroy, pool);
    charge_begin_free(e.device);
    (void)PLAIN(cuMemPoolGetAttribute)(pool, CUDA_POOL_USED_CURRENT, &used);
    rc = CALL(cuMemPoolDestroy, pool);
    if (rc == CUDA_SUCCESS && used == 0) {
        if (e.managed)
            charge_managed(e.device, -(int64_t)e.bytes);
        charge_end(e.device, -(int64_t)e.bytes);
    } else if (rc == CUDA_SUCCESS) {
        orphaned(&e);
    } else {
        e.maps = 0; /* who relied on it may have ended meanwhile */
        (void)memory_book(&e);
        charge_end(e.device, 0);
    }
    return rc;
}

CUresult cuMemPoolTrimTo(CUmemoryPool pool, size_t keep)
{
    return trim(pool, keep);
}

/* Its owner pays. */
CUresult cuMemPoolImportFromShareableHandle(CUmemoryPool *out, void *handle,
                                            CUmemAllocationHandleType type,
                                            unsigned long long flags)
{
    CUresult rc = CALL(cuMemPoolImportFromShareableHandle, out, handle, type, flags);

    if (rc == CUDA_SUCCESS && memory_judged() && !book(*out, -1, false))
        charge_uncounted();
    return rc;
}
