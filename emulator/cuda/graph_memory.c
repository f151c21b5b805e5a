/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of graphs' allocation nodes: see graph.h. */
#include <stdlib.h>

#include "cuda/chunk.h"
#include "cuda/cuda.h"
#include "cuda/graph.h"

enum {
    PINNED = 1,
    ON_DEVICE = 1,
    USED = 0, /* CUgraphMem_attribute */
    USED_HIGH,
    RESERVED,
    RESERVED_HIGH,
};

struct block {
    struct block *next;
    struct device *device;
    struct range *range;
    struct chunk chunk;
    uint64_t at, size; /* whole multiples of 32 MiB, as of pools */
    unsigned refs;     /* of nodes; 0: goes with a trim */
    bool mapped, used;
};

static struct block *blocks;
static uint64_t reserved_high[CUDA_DEVICES];

static struct block *find(uint64_t at)
{
    struct block *b = blocks;

    while (b && b->at != at)
        b = b->next;
    return b;
}

int graph_alloc_reserve(struct alloc_params *p)
{
    uint64_t unit = CUDA_POOL_BYTES;
    struct context *c = context_current();
    struct block *b;
    struct range r = {.kind = RANGE_GRAPH, .context = c};

    if (!p->bytes || p->props.type != PINNED || p->props.location_type != ON_DEVICE ||
        p->props.location < 0 || p->props.location >= cuda.n_devices)
        return CUDA_ERROR_INVALID_VALUE;
    r.device = &cuda.devices[p->props.location];
    if (p->bytes > r.device->mem_bytes)
        return CUDA_ERROR_OUT_OF_MEMORY;
    b = calloc(1, sizeof *b);
    if (!b)
        return CUDA_ERROR_OUT_OF_MEMORY;
    *b = (struct block){.device = r.device, .size = (p->bytes + unit - 1) / unit * unit, .refs = 1};
    b->at = chunk_reserve(b->size);
    r.start = b->at;
    r.size = p->bytes;
    r.of = b;
    b->range = b->at ? range_add(r) : NULL;
    if (!b->range) {
        if (b->at)
            chunk_unreserve(b->at, b->size);
        free(b);
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    b->next = blocks;
    blocks = b;
    p->at = b->at;
    return CUDA_SUCCESS;
}

static void unmap(struct block *b)
{
    if (!b->mapped)
        return;
    chunk_unmap(b->at, b->size);
    chunk_free(&b->chunk, true);
    machine_give(b->device, MACHINE_PROCESS, b->size);
    b->device->graph_bytes -= b->size;
    b->mapped = false;
}

static void end(struct block *b)
{
    struct block **at = &blocks;

    while (*at != b)
        at = &(*at)->next;
    *at = b->next;
    unmap(b);
    range_drop(b->range);
    chunk_unreserve(b->at, b->size);
    free(b);
}

void graph_alloc_ref(uint64_t at)
{
    struct block *b = find(at);

    if (b)
        b->refs++;
}

void graph_alloc_drop(uint64_t at)
{
    struct block *b = find(at);

    if (b && b->refs && --b->refs == 0 && !b->mapped)
        end(b);
}

/* The driver counts as used what it has reserved, until a trim. */
static void raise_high(struct device *d)
{
    uint64_t *high = &reserved_high[d->ordinal];

    if (d->graph_bytes > d->graph_high_bytes)
        d->graph_high_bytes = d->graph_bytes;
    *high = d->graph_bytes > *high ? d->graph_bytes : *high;
}

unsigned graph_alloc_refs(uint64_t at)
{
    const struct block *b = find(at);

    return b ? b->refs : 0;
}

static int map(struct block *b)
{
    int rc = machine_take(b->device, MACHINE_PROCESS, b->size);

    if (rc != CUDA_SUCCESS)
        return rc;
    rc = chunk_new(&b->chunk, b->size, false);
    if (rc == CUDA_SUCCESS) {
        rc = chunk_map(&b->chunk, b->at, 0, b->size, true);
        if (rc != CUDA_SUCCESS)
            chunk_free(&b->chunk, true);
    }
    if (rc != CUDA_SUCCESS) {
        machine_give(b->device, MACHINE_PROCESS, b->size);
        return rc;
    }
    b->mapped = true;
    b->device->graph_bytes += b->size;
    raise_high(b->device);
    return CUDA_SUCCESS;
}

int graph_alloc_run(uint64_t at, bool again)
{
    struct block *b = find(at);
    int rc = CUDA_SUCCESS;

    if (!b || (b->used && !again))
        return CUDA_ERROR_INVALID_VALUE;
    if (!b->mapped)
        rc = map(b);
    if (rc != CUDA_SUCCESS || b->used)
        return rc;
    b->used = true;
    return CUDA_SUCCESS;
}

bool graph_memory_release(uint64_t at)
{
    struct block *b = find(at);

    if (!b || !b->used)
        return false;
    b->used = false;
    return true;
}

bool graph_memory_known(const struct graph *g, uint64_t at)
{
    bool is_alive = false;

    for (unsigned i = 0; i < g->n_nodes; i++) {
        const struct node_params *p = &g->nodes[i]->params;

        if (p->kind == NODE_ALLOC && p->u.alloc.at == at)
            is_alive = true;
        if (p->kind == NODE_FREE && p->u.free_at == at)
            return false;
    }
    return is_alive;
}

CUDA_API(cuDeviceGraphMemTrim, int device)
{
    struct device *d;
    struct block *b, *next;
    int rc = cuda_enter_device(device, &d);

    if (rc != CUDA_SUCCESS)
        return rc;
    for (b = blocks; b; b = next) {
        next = b->next;
        if (b->device != d || b->used)
            continue;
        if (b->refs)
            unmap(b);
        else
            end(b);
    }
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuDeviceGetGraphMemAttribute, int device, unsigned attribute, uint64_t *value)
{
    struct device *d;
    int rc = cuda_enter_device(device, &d);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!value || attribute > RESERVED_HIGH)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    if (attribute == USED || attribute == RESERVED)
        *value = d->graph_bytes;
    else
        *value = attribute == USED_HIGH ? d->graph_high_bytes : reserved_high[d->ordinal];
    return cuda_leave(CUDA_SUCCESS);
}

/* High marks alone can be set, and to zero alone: they begin again at what is. */
CUDA_API(cuDeviceSetGraphMemAttribute, int device, unsigned attribute, const uint64_t *value)
{
    struct device *d;
    int rc = cuda_enter_device(device, &d);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!value || *value || (attribute != USED_HIGH && attribute != RESERVED_HIGH))
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    if (attribute == USED_HIGH)
        d->graph_high_bytes = d->graph_bytes;
    else
        reserved_high[d->ordinal] = d->graph_bytes;
    return cuda_leave(CUDA_SUCCESS);
}
