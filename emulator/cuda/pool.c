/* SPDX-License-Identifier: Apache-2.0 */
/* Memory pools as such; the calls are in pool_call.c. */
#include "cuda/pool.h"

#include <unistd.h>

#include "cuda/chunk.h"
#include "cuda/cuda.h"

enum { ALIGN_BYTES = 512 };

int pool_new(struct pool **out, struct device *d)
{
    struct pool *p = handle_new(HANDLE_POOL, sizeof *p);
    uint64_t most = d ? d->mem_bytes : 64ull << 30;

    if (!p)
        return CUDA_ERROR_OUT_OF_MEMORY;
    p->device = d;
    for (int i = 0; i < 3; i++)
        p->reuse[i] = 1;
    /* Twice the memory: room for allocations that cannot lie side by side. */
    p->pieces = most * 2 / CUDA_POOL_BYTES + 1;
    p->pieces = p->pieces < POOL_PIECES ? p->pieces : POOL_PIECES;
    p->at = chunk_reserve(p->pieces * CUDA_POOL_BYTES);
    if (!p->at || chunk_new(&p->file, p->pieces * CUDA_POOL_BYTES, true) != CUDA_SUCCESS) {
        if (p->at)
            chunk_unreserve(p->at, p->pieces * CUDA_POOL_BYTES);
        handle_free(p);
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    *out = p;
    return CUDA_SUCCESS;
}

struct pool *pool_check(void *handle)
{
    struct pool *p = handle;

    return handle_is(p, HANDLE_POOL) && !p->dying ? p : NULL;
}

struct pool *pool_of(struct device *d)
{
    if (d->current_pool)
        return d->current_pool;
    if (!d->default_pool && pool_new(&d->default_pool, d) != CUDA_SUCCESS)
        return NULL;
    d->default_pool->is_default = true;
    d->current_pool = d->default_pool;
    return d->current_pool;
}

struct chunk pool_piece(const struct pool *p, uint64_t i)
{
    struct chunk piece = p->file;

    piece.owns_fd = false;
    piece.offset = i * CUDA_POOL_BYTES;
    piece.size = CUDA_POOL_BYTES;
    return piece;
}

static int map_piece(struct pool *p, uint64_t i)
{
    struct chunk piece = pool_piece(p, i);
    int rc = chunk_map(&piece, p->at + i * CUDA_POOL_BYTES, 0, CUDA_POOL_BYTES, true);

    if (rc != CUDA_SUCCESS)
        return rc;
    p->has[i] = 1;
    p->reserved += CUDA_POOL_BYTES;
    return CUDA_SUCCESS;
}

/* All pieces that the range needs; what cannot be mapped is given back. */
static int commit(struct pool *p, uint64_t start, uint64_t bytes)
{
    uint64_t first = (start - p->at) / CUDA_POOL_BYTES;
    uint64_t last = (start - p->at + bytes - 1) / CUDA_POOL_BYTES, missing = 0;
    int rc = CUDA_SUCCESS;

    for (uint64_t i = first; i <= last; i++)
        missing += !p->has[i];
    if (missing && p->max_bytes && p->reserved + missing * CUDA_POOL_BYTES > p->max_bytes)
        return CUDA_ERROR_OUT_OF_MEMORY;
    if (missing && p->device)
        rc = machine_take(p->device, MACHINE_PROCESS, missing * CUDA_POOL_BYTES);
    if (rc != CUDA_SUCCESS)
        return rc;
    for (uint64_t i = first; rc == CUDA_SUCCESS && missing; i++) {
        if (p->has[i])
            continue;
        rc = map_piece(p, i);
        missing -= rc == CUDA_SUCCESS;
    }
    if (missing && p->device)
        machine_give(p->device, MACHINE_PROCESS, missing * CUDA_POOL_BYTES);
    if (p->reserved > p->reserved_high)
        p->reserved_high = p->reserved;
    return rc;
}

static bool has_all(const struct pool *p, uint64_t start, uint64_t bytes)
{
    for (uint64_t i = (start - p->at) / CUDA_POOL_BYTES;
         i <= (start - p->at + bytes - 1) / CUDA_POOL_BYTES; i++) {
        if (!p->has[i])
            return false;
    }
    return true;
}

/* The lowest gap that fits; with_memory: only one that lies in pieces that have it. */
static bool find_gap(const struct pool *p, uint64_t bytes, bool with_memory, uint64_t *out)
{
    uint64_t at = p->at, end = p->at + p->pieces * CUDA_POOL_BYTES;
    const struct range *r = range_at(at);

    if (!r)
        r = range_after(at);
    for (; r && r->start < end; r = range_after(r->start)) {
        if (r->start - at >= bytes && (!with_memory || has_all(p, at, bytes))) {
            *out = at;
            return true;
        }
        at = (r->start + r->size + ALIGN_BYTES - 1) / ALIGN_BYTES * ALIGN_BYTES;
    }
    *out = at;
    return at <= end && end - at >= bytes && (!with_memory || has_all(p, at, bytes));
}

int pool_alloc(struct pool *p, uint64_t bytes, uint64_t *out)
{
    uint64_t at, room = (bytes + ALIGN_BYTES - 1) / ALIGN_BYTES * ALIGN_BYTES;
    int rc;

    if (bytes == 0)
        return CUDA_ERROR_INVALID_VALUE;
    if (bytes > p->pieces * CUDA_POOL_BYTES)
        return CUDA_ERROR_OUT_OF_MEMORY;
    if (!find_gap(p, room, true, &at) && !find_gap(p, room, false, &at))
        return CUDA_ERROR_OUT_OF_MEMORY;
    rc = commit(p, at, room);
    if (rc != CUDA_SUCCESS)
        return rc;
    if (!range_add((struct range){.start = at,
                                  .size = bytes,
                                  .kind = RANGE_POOL,
                                  .device = p->device ? p->device : &cuda.devices[0],
                                  .of = p}))
        return CUDA_ERROR_OUT_OF_MEMORY;
    p->used += room;
    if (p->used > p->used_high)
        p->used_high = p->used;
    *out = at;
    return CUDA_SUCCESS;
}

/* Does an allocation lie in the piece? */
static bool in_use(uint64_t start)
{
    const struct range *next;

    if (range_find(start))
        return true;
    next = range_after(start);
    return next && next->start < start + CUDA_POOL_BYTES;
}

void pool_trim(struct pool *p, uint64_t keep_bytes)
{
    for (uint64_t i = p->pieces;
         i > 0 && p->reserved >= CUDA_POOL_BYTES && p->reserved - CUDA_POOL_BYTES >= keep_bytes;
         i--) {
        uint64_t start = p->at + (i - 1) * CUDA_POOL_BYTES;
        struct chunk piece = pool_piece(p, i - 1);

        if (!p->has[i - 1] || in_use(start))
            continue;
        chunk_unmap(start, CUDA_POOL_BYTES);
        chunk_free(&piece, true);
        p->has[i - 1] = 0;
        p->reserved -= CUDA_POOL_BYTES;
        if (p->device)
            machine_give(p->device, MACHINE_PROCESS, CUDA_POOL_BYTES);
    }
}

void pool_settle(void)
{
    size_t at = 0;
    struct pool *p;

    while ((p = handle_next(HANDLE_POOL, &at))) {
        if (!p->imported)
            pool_trim(p, p->threshold);
    }
}

static struct range *first_in(const struct pool *p)
{
    struct range *r = range_at(p->at);

    if (!r)
        r = range_after(p->at);
    return r && r->start < p->at + p->pieces * CUDA_POOL_BYTES ? r : NULL;
}

static void pool_end(struct pool *p)
{
    struct range *r;

    while ((r = first_in(p)))
        range_drop(r);
    if (!p->imported)
        pool_trim(p, 0);
    chunk_unreserve(p->at, p->pieces * CUDA_POOL_BYTES);
    chunk_free(&p->file, false);
    handle_free(p);
}

int pool_free(uint64_t address)
{
    struct range *r = range_at(address);
    struct pool *p;

    if (!r || r->kind != RANGE_POOL)
        return CUDA_ERROR_INVALID_VALUE;
    p = r->of;
    p->used -= (r->size + ALIGN_BYTES - 1) / ALIGN_BYTES * ALIGN_BYTES;
    range_drop(r);
    if (p->dying && p->used == 0)
        pool_end(p);
    return CUDA_SUCCESS;
}

void pool_destroy(struct pool *p)
{
    p->dying = true;
    if (!first_in(p))
        pool_end(p);
}
