/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Allocations in the order of a stream. They come out of a pool, and the pool is what is charged
 * (memory_pool.c). A pool grows in chunks (32 MiB, measured), by no more than the request's own
 * chunks: so much room is charged before, and what it did not need goes back after.
 */
#include "shim/memory_pool.h"

enum { TRIES = 8, ORDINALS = 64 };

struct async {
    CUmemoryPool pool;
    int device;
    uint64_t room; /* charged before the driver is called */
    int pieces;    /* of what the pool had left, on which it relies */
    uint64_t had;  /* what the pool was charged for then */
    bool undone;   /* it had nothing left in one piece, or others took it: try anew */
    CUstream stream;
};

static uint64_t pool_key(const struct async *a)
{
    return (uint64_t)(uintptr_t)a->pool;
}

/* What must be charged beside the pool's charge, so that `size` more than all rely on can be had.
 */
static uint64_t growth(const struct async *a, const struct ledger_entry *pool, uint64_t size)
{
    uint64_t needs = memory_pool_needs(a->pool, (uint64_t)pool->maps * MEMORY_PIECE + size);

    return needs > pool->bytes ? needs - pool->bytes : 0;
}

static uint64_t least_growth(const struct async *a, uint64_t size)
{
    struct ledger_entry e = {0};

    (void)ledger_find(LEDGER_POOL, pool_key(a), &e);
    return growth(a, &e, size);
}

/* The room is charged: relies on the rest. False: that has gone, or others rely on it, and the room
   is given back. */
static bool rely(struct async *a, uint64_t size)
{
    struct ledger_entry after, e = {
                                   .kind = LEDGER_POOL,
                                   .key = pool_key(a),
                                   .device = -1, /* it is being destroyed: charged elsewhere */
                               };
    int pieces = (int)((size + MEMORY_PIECE - 1) / MEMORY_PIECE);
    bool counted = ledger_count(&e, 0, pieces, &after);

    if (counted && growth(a, &after, 0) <= a->room) {
        a->pieces = pieces;
        a->had = after.bytes;
        return true;
    }
    if (counted)
        (void)ledger_count(&e, 0, -pieces, &after);
    charge_end(a->device, -(int64_t)a->room);
    return false;
}

/*
 * Room for the request. Near the limit no more than the least is asked for, and what the stream has
 * freed is waited for: else a program that has filled its slice could not reuse what it freed.
 */
static bool find_room(struct async *a, uint64_t size)
{
    uint64_t most = memory_pool_chunks(size);
    int mode;

    a->room = most;
    if (charge_begin_if_easy(a->device, most))
        return true;
    a->room = least_growth(a, size);
    if (a->room < most && charge_begin_if_easy(a->device, a->room) && rely(a, size))
        return true;
    mode = memory_pool_relax();
    (void)CALL(cuStreamSynchronize, a->stream);
    memory_pool_restore(mode);
    memory_pool_settle();
    for (unsigned tried = 0; tried < TRIES; tried++) {
        a->room = least_growth(a, size);
        if (charge_begin_or_not(a->device, a->room)) {
            if (rely(a, size))
                return true;
        } else if (least_growth(a, size) >= a->room) {
            break; /* else another thread's growth has ended, and there is more in the pool */
        }
    }
    charge_refused(a->device, a->room);
    return false;
}

/* The device that the pool is of; that it is used in a stream of another one is fine. */
static int pool_device(CUmemoryPool pool, const struct memory_place *place)
{
    CUmemoryPool found;

    for (CUdevice i = 0; i < ORDINALS; i++) {
        if (PLAIN(cuDeviceGetDefaultMemPool)(&found, i) == CUDA_SUCCESS && found == pool)
            return shim_device(i);
    }
    return place->device;
}

/* The first time that we see this pool; it is this device's. False: no memory, or not for us. */
static bool discovered(CUmemoryPool pool, int device)
{
    struct ledger_entry after, e = {
                                   .kind = LEDGER_POOL,
                                   .key = (uint64_t)(uintptr_t)pool,
                                   .device = (int16_t)device,
                               };

    memory_pool_in_use();
    return device >= 0 && ledger_count(&e, 1, 0, &after); /* others may discover it, too */
}

/* The context that the stream is of; of one that nobody told us of, the device alone. */
static struct memory_place stream_place(CUstream stream)
{
    struct memory_place place = memory_place();
    struct ledger_entry e;
    CUcontext context;
    CUdevice ordinal;

    if (stream == NULL || stream == CUDA_STREAM_LEGACY || stream == CUDA_STREAM_PER_THREAD ||
        PLAIN(cuStreamGetCtx)(stream, &context) != CUDA_SUCCESS || context == place.context)
        return place;
    if (ledger_find(LEDGER_CONTEXT, (uint64_t)(uintptr_t)context, &e))
        return (struct memory_place){
            .context = context, .device = e.device, .ordinal = (CUdevice)e.other};
    if (PLAIN(cuStreamGetDevice)(stream, &ordinal) != CUDA_SUCCESS)
        return place;
    return (struct memory_place){
        .context = context, .device = shim_device(ordinal), .ordinal = ordinal};
}

enum way {
    WAY_DRIVER, /* the driver alone judges */
    WAY_CHARGED,
    WAY_REFUSED,
};

/* pool: NULL for the stream's device's current one. WAY_CHARGED: async_end must follow. */
static enum way async_begin(struct async *a, CUmemoryPool pool, CUstream stream, uint64_t size)
{
    struct memory_place place = stream_place(stream);
    struct ledger_entry e;

    *a = (struct async){.pool = pool, .device = place.device, .stream = stream};
    if (place.nowhere)
        return WAY_DRIVER;
    if (memory_pool_capturing(stream)) {
        memory_graph_allocates(place.device, place.ordinal);
        return WAY_DRIVER;
    }
    if (!pool && PLAIN(cuDeviceGetMemPool)(&a->pool, place.ordinal) != CUDA_SUCCESS)
        return WAY_DRIVER;
    if (ledger_find(LEDGER_POOL, (uint64_t)(uintptr_t)a->pool, &e)) {
        if (e.device < 0)
            return WAY_DRIVER; /* of the host, or imported: its owner pays */
        a->device = e.device;
    } else {
        a->device = pool ? pool_device(pool, &place) : place.device;
        if (!discovered(a->pool, a->device))
            return WAY_REFUSED;
    }
    return find_room(a, size) ? WAY_CHARGED : WAY_REFUSED;
}

/* It grew by more than there was room for: then the allocation goes back, and the growth with it.
 */
static CUresult undo(struct async *a, CUdeviceptr address)
{
    int mode = memory_pool_relax();

    (void)CALL(cuMemFreeAsync, address, a->stream);
    (void)CALL(cuStreamSynchronize, a->stream);
    memory_pool_trim_to(a->pool);
    memory_pool_restore(mode);
    return CUDA_ERROR_OUT_OF_MEMORY;
}

/* The driver answered rc and, on success, this address. */
static CUresult async_end(struct async *a, CUresult rc, CUdeviceptr address)
{
    struct ledger_entry after, e = {.kind = LEDGER_POOL, .key = pool_key(a)};
    int64_t change;
    bool grew;

    if (a->pieces > 0)
        (void)ledger_count(&e, 0, -a->pieces, &after);
    change = memory_pool_change(LEDGER_POOL, e.key);
    if (ledger_find(LEDGER_POOL, e.key, &e) && e.managed)
        charge_managed(a->device, change);
    charge_end(a->device, -(int64_t)a->room);
    /* another thread may have been the one that charged it */
    grew = change > (int64_t)a->room || (a->pieces > 0 && e.bytes > a->had + a->room);
    a->undone = rc == CUDA_SUCCESS && grew && !charge_fits(a->device, a->pieces == 0);
    if (a->undone)
        return undo(a, address);
    if (rc == CUDA_SUCCESS)
        charge_counted(CHARGE_ALLOCATION);
    return rc;
}

/* One wrapper: the pool or NULL, then what the driver's function takes after the address. */
#define ALLOC_ASYNC(name, pool, stream, out, size, ...)                                            \
    __extension__({                                                                                \
        CUdeviceptr async_address = 0;                                                             \
        struct async async = {.undone = (out) && (size) > 0 && memory_judged()};                   \
        enum way async_way = WAY_DRIVER;                                                           \
        CUresult async_rc = CUDA_ERROR_OUT_OF_MEMORY;                                              \
                                                                                                   \
        for (unsigned async_try = 0; async.undone && async_try < TRIES; async_try++) {             \
            async_way = async_begin(&async, pool, stream, size);                                   \
            if (async_way == WAY_CHARGED) {                                                        \
                async_rc = CALL(name, &async_address, size, __VA_ARGS__);                          \
                async_rc = async_end(&async, async_rc, async_address);                             \
            }                                                                                      \
        }                                                                                          \
        if (async_way == WAY_DRIVER)                                                               \
            async_rc = CALL(name, out, size, __VA_ARGS__);                                         \
        else if (async_way == WAY_REFUSED)                                                         \
            async_rc = CUDA_ERROR_OUT_OF_MEMORY;                                                   \
        else if (async_rc == CUDA_SUCCESS)                                                         \
            *(out) = async_address;                                                                \
        async_rc;                                                                                  \
    })

static CUstream per_thread(CUstream stream)
{
    return stream ? stream : CUDA_STREAM_PER_THREAD;
}

CUresult cuMemAllocAsync(CUdeviceptr *out, size_t size, CUstream stream)
{
    return ALLOC_ASYNC(cuMemAllocAsync, NULL, stream, out, size, stream);
}

CUresult cuMemAllocAsync_ptsz(CUdeviceptr *out, size_t size, CUstream stream)
{
    return ALLOC_ASYNC(cuMemAllocAsync_ptsz, NULL, per_thread(stream), out, size, stream);
}

CUresult cuMemAllocFromPoolAsync(CUdeviceptr *out, size_t size, CUmemoryPool pool, CUstream stream)
{
    if (!pool)
        return CALL(cuMemAllocFromPoolAsync, out, size, pool, stream);
    return ALLOC_ASYNC(cuMemAllocFromPoolAsync, pool, stream, out, size, pool, stream);
}

CUresult cuMemAllocFromPoolAsync_ptsz(CUdeviceptr *out, size_t size, CUmemoryPool pool,
                                      CUstream stream)
{
    if (!pool)
        return CALL(cuMemAllocFromPoolAsync_ptsz, out, size, pool, stream);
    return ALLOC_ASYNC(cuMemAllocFromPoolAsync_ptsz, pool, per_thread(stream), out, size, pool,
                       stream);
}

/* A free in the order of a stream is one of cuMemAlloc's memory too. */
#define FREE_ASYNC(name, address, stream)                                                          \
    __extension__({                                                                                \
        CUresult freed_rc;                                                                         \
        struct ledger_entry freed;                                                                 \
        bool freed_known = memory_judged() && memory_free_begin(LEDGER_LINEAR, address, &freed);   \
                                                                                                   \
        freed_rc = CALL(name, address, stream);                                                    \
        if (freed_known)                                                                           \
            memory_free_end(&freed, freed_rc);                                                     \
        else if (freed_rc == CUDA_SUCCESS)                                                         \
            charge_counted(CHARGE_FREE);                                                           \
        freed_rc;                                                                                  \
    })

CUresult cuMemFreeAsync(CUdeviceptr address, CUstream stream)
{
    return FREE_ASYNC(cuMemFreeAsync, address, stream);
}

CUresult cuMemFreeAsync_ptsz(CUdeviceptr address, CUstream stream)
{
    return FREE_ASYNC(cuMemFreeAsync_ptsz, address, stream);
}

/* Points at which the driver gives back what pools do not need. */
#define THEN_SETTLE(name, ...)                                                                     \
    __extension__({                                                                                \
        CUresult settle_rc = CALL(name, __VA_ARGS__);                                              \
                                                                                                   \
        memory_pool_settle();                                                                      \
        settle_rc;                                                                                 \
    })

CUresult cuStreamSynchronize(CUstream stream)
{
    return THEN_SETTLE(cuStreamSynchronize, stream);
}

CUresult cuStreamSynchronize_ptsz(CUstream stream)
{
    return THEN_SETTLE(cuStreamSynchronize_ptsz, stream);
}

CUresult cuEventSynchronize(CUevent event)
{
    return THEN_SETTLE(cuEventSynchronize, event);
}

CUresult cuStreamDestroy(CUstream stream)
{
    return THEN_SETTLE(cuStreamDestroy, stream);
}

CUresult cuStreamDestroy_v2(CUstream stream)
{
    return THEN_SETTLE(cuStreamDestroy_v2, stream);
}

CUresult cuCtxSynchronize(void)
{
    CUresult rc = CALL(cuCtxSynchronize);

    memory_pool_settle();
    return rc;
}

CUresult cuCtxSynchronize_v2(CUcontext context)
{
    return THEN_SETTLE(cuCtxSynchronize_v2, context);
}
