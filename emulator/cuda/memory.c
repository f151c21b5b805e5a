/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cuMemAlloc and cuMemFree. Up to 1 MiB an allocation is a part of a 2 MiB block of its context,
 * which comes with its first part and goes with its last; more is whole multiples of 2 MiB.
 */
#include <stdlib.h>
#include <string.h>

#include "cuda/array.h"
#include "cuda/chunk.h"
#include "cuda/cuda.h"
#include "cuda/host.h"
#include "cuda/share.h"
#include "cuda/work.h"

enum {
    UNIT_BYTES = 512, /* parts of blocks are multiples of it */
    UNITS = CUDA_BLOCK_BYTES / UNIT_BYTES,
};

struct block {
    struct block *next;
    struct chunk chunk;
    uint64_t at;
    unsigned used;        /* units */
    uint8_t taken[UNITS]; /* by unit */
};

/* What stands behind a large allocation. */
struct large {
    struct chunk chunk;
};

uint64_t memory_round(uint64_t bytes)
{
    uint64_t unit = CUDA_BLOCK_BYTES;

    return bytes > UINT64_MAX - unit ? UINT64_MAX / unit * unit : (bytes + unit - 1) / unit * unit;
}

int memory_take(struct context *c, uint64_t bytes)
{
    return machine_take(c->device, MACHINE_PROCESS, memory_round(bytes));
}

void memory_give(struct context *c, uint64_t bytes)
{
    machine_give(c->device, MACHINE_PROCESS, memory_round(bytes));
}

int memory_new(struct context *c, uint64_t bytes, struct chunk *out, uint64_t *out_at)
{
    int rc = memory_take(c, bytes);

    if (rc != CUDA_SUCCESS)
        return rc;
    rc = chunk_new(out, bytes, false);
    *out_at = rc == CUDA_SUCCESS ? chunk_reserve(bytes) : 0;
    if (rc == CUDA_SUCCESS)
        rc = *out_at ? chunk_map(out, *out_at, 0, bytes, true) : CUDA_ERROR_OUT_OF_MEMORY;
    if (rc == CUDA_SUCCESS)
        return CUDA_SUCCESS;
    if (*out_at)
        chunk_unreserve(*out_at, bytes);
    memory_give(c, bytes);
    return rc;
}

void memory_end(struct context *c, struct chunk *chunk, uint64_t at)
{
    uint64_t bytes = chunk->size;

    chunk_unreserve(at, bytes);
    chunk_free(chunk, true);
    memory_give(c, bytes);
}

/* The first run of free units; UNITS: none. */
static unsigned find_units(const struct block *b, unsigned n)
{
    unsigned run = 0;

    if (n > UNITS - b->used)
        return UNITS;
    for (unsigned i = 0; i < UNITS; i++) {
        run = b->taken[i] ? 0 : run + 1;
        if (run == n)
            return i + 1 - n;
    }
    return UNITS;
}

static int new_block(struct context *c, struct block **out)
{
    struct block *b = calloc(1, sizeof *b);
    int rc = b ? memory_new(c, CUDA_BLOCK_BYTES, &b->chunk, &b->at) : CUDA_ERROR_OUT_OF_MEMORY;

    if (rc != CUDA_SUCCESS) {
        free(b);
        return rc;
    }
    b->next = c->blocks;
    c->blocks = b;
    *out = b;
    return CUDA_SUCCESS;
}

static void drop_block(struct context *c, struct block *b)
{
    struct block **at = &c->blocks;

    while (*at && *at != b)
        at = &(*at)->next;
    if (*at)
        *at = b->next;
    memory_end(c, &b->chunk, b->at);
    free(b);
}

static int alloc_small(struct context *c, struct range *r)
{
    unsigned n = (unsigned)((r->size + UNIT_BYTES - 1) / UNIT_BYTES), first = UNITS;
    struct block *b = c->blocks;
    int rc = CUDA_SUCCESS;

    while (b && (first = find_units(b, n)) == UNITS)
        b = b->next;
    if (!b) {
        rc = new_block(c, &b);
        if (rc != CUDA_SUCCESS)
            return rc;
        first = 0;
    }
    memset(b->taken + first, 1, n);
    b->used += n;
    r->start = b->at + (uint64_t)first * UNIT_BYTES;
    r->of = b;
    return CUDA_SUCCESS;
}

static void free_small(struct range *r)
{
    struct block *b = r->of;
    unsigned n = (unsigned)((r->size + UNIT_BYTES - 1) / UNIT_BYTES);

    memset(b->taken + (r->start - b->at) / UNIT_BYTES, 0, n);
    b->used -= n;
    if (b->used == 0)
        drop_block(r->context, b);
}

static int alloc_large(struct context *c, struct range *r)
{
    struct large *l = calloc(1, sizeof *l);
    int rc =
        l ? memory_new(c, memory_round(r->size), &l->chunk, &r->start) : CUDA_ERROR_OUT_OF_MEMORY;

    if (rc != CUDA_SUCCESS) {
        free(l);
        return rc;
    }
    r->charged = l->chunk.size;
    r->of = l;
    return CUDA_SUCCESS;
}

static void free_large(struct range *r)
{
    struct large *l = r->of;

    memory_end(r->context, &l->chunk, r->start);
    free(l);
}

static void free_memory_of(struct range *r)
{
    if (r->charged)
        free_large(r);
    else
        free_small(r);
}

int memory_alloc(struct context *c, uint64_t bytes, uint64_t *out)
{
    struct range r = {.size = bytes,
                      .kind = RANGE_DEVICE,
                      .context = c,
                      .device = c->device,
                      .sync_memops = true};
    int rc;

    if (bytes == 0)
        return CUDA_ERROR_INVALID_VALUE;
    if (bytes > c->device->mem_bytes)
        return CUDA_ERROR_OUT_OF_MEMORY;
    rc = bytes <= CUDA_SMALL_BYTES ? alloc_small(c, &r) : alloc_large(c, &r);
    if (rc != CUDA_SUCCESS)
        return rc;
    if (!range_add(r)) {
        free_memory_of(&r);
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    *out = r.start;
    return CUDA_SUCCESS;
}

int memory_free(struct range *r)
{
    switch (r->kind) {
    case RANGE_DEVICE:
        free_memory_of(r);
        range_drop(r);
        return CUDA_SUCCESS;
    case RANGE_MANAGED:
        host_free(r);
        return CUDA_SUCCESS;
    case RANGE_POOL:
        return pool_free(r->start);
    case RANGE_GRAPH:
        return graph_memory_release(r->start) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
    case RANGE_HOST:
    case RANGE_REGISTERED:
    case RANGE_IPC:
    case RANGE_MAPPED:
    case RANGE_MODULE:
        break;
    }
    return CUDA_ERROR_INVALID_VALUE;
}

void memory_free_context(struct context *c)
{
    struct range *r = range_next(NULL);

    while (r) {
        uint64_t start = r->start;
        bool mine = r->context == c;

        if (mine && (r->kind == RANGE_HOST || r->kind == RANGE_REGISTERED))
            host_free(r);
        else if (mine && r->kind == RANGE_IPC)
            share_close(r);
        else if (mine && (r->kind == RANGE_DEVICE || r->kind == RANGE_MANAGED))
            (void)memory_free(r);
        r = range_after(start);
    }
    array_free_context(c);
}

const struct chunk *memory_chunk(const struct range *r, uint64_t *out_offset, uint64_t *out_base)
{
    const struct block *b = r->of;
    const struct large *l = r->of;

    *out_base = r->charged ? r->start : b->at;
    *out_offset = r->start - *out_base;
    return r->charged ? &l->chunk : &b->chunk;
}
