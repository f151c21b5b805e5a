/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of the emulated GPU: every byte that a process takes stands in its row of the shared
 * state, and all rows of a GPU (or GPU instance) fit into its memory.
 */
#include <time.h>
#include <unistd.h>

#include "cuda/cuda.h"
#include "process.h"

/* By device; checked at every use, since the state may be cleared. */
static struct {
    struct state_process *at;
    uint64_t start;
} rows[CUDA_DEVICES];

struct state_process *machine_row(const struct device *d)
{
    struct state_process *p = rows[d->ordinal].at;

    if (p && p->used && p->pid == (uint32_t)getpid() && p->start == rows[d->ordinal].start)
        return p;
    p = process_own(cuda.map.at, d->gpu->index, d->gi, d->ci);
    rows[d->ordinal].at = p;
    rows[d->ordinal].start = p ? p->start : 0;
    return p;
}

static uint64_t used_bytes(const struct device *d)
{
    return process_bytes(&cuda.map.at->gpus[d->gpu->index], d->gi);
}

int machine_take(const struct device *d, enum machine_of of, uint64_t bytes)
{
    struct state_process *p;
    bool fits;

    state_lock(&cuda.map);
    fits = bytes <= d->mem_bytes && used_bytes(d) + bytes <= d->mem_bytes;
    if (!fits && bytes <= d->mem_bytes) {
        process_reap(cuda.map.at, d->gpu->index);
        fits = used_bytes(d) + bytes <= d->mem_bytes;
    }
    p = fits ? machine_row(d) : NULL;
    if (p && of == MACHINE_PROCESS)
        p->mem_bytes += bytes;
    else if (p)
        p->device_bytes += bytes;
    state_unlock(&cuda.map);
    return p ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

/* More than there is (the state was cleared meanwhile) leaves nothing. */
static void lower(uint64_t *bytes, uint64_t by)
{
    *bytes -= by < *bytes ? by : *bytes;
}

void machine_give(const struct device *d, enum machine_of of, uint64_t bytes)
{
    struct state_process *p;

    state_lock(&cuda.map);
    p = machine_row(d);
    if (p)
        lower(of == MACHINE_PROCESS ? &p->mem_bytes : &p->device_bytes, bytes);
    state_unlock(&cuda.map);
}

void machine_contexts(const struct device *d, bool any)
{
    struct state_process *p;

    state_lock(&cuda.map);
    p = machine_row(d);
    if (p)
        p->hidden = !any;
    state_unlock(&cuda.map);
}

uint64_t machine_free_bytes(const struct device *d)
{
    uint64_t used;

    state_lock(&cuda.map);
    process_reap(cuda.map.at, d->gpu->index);
    used = used_bytes(d);
    state_unlock(&cuda.map);
    return used < d->mem_bytes ? d->mem_bytes - used : 0;
}

void machine_leave(void)
{
    state_lock(&cuda.map);
    for (int i = 0; i < cuda.n_devices; i++) {
        struct state_process *p = rows[i].at;

        if (p && p->used && p->pid == (uint32_t)getpid() && p->start == rows[i].start)
            process_drop(p);
    }
    state_unlock(&cuda.map);
}
