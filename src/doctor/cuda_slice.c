/* SPDX-License-Identifier: Apache-2.0 */
/* Choosing a slice: see cuda_slice.h. A slice is a GPU that is not cut, or a MIG device. */
#include "doctor/cuda_slice.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "doctor/cuda_run.h"
#include "gpu/gpu.h"
#include "node/node_state.h"

enum { UUID_START_MIN = 8 };

/* One slice that there is. */
struct candidate {
    const struct gpu *gpu;
    const struct gpu_instance *gi; /* NULL: the whole GPU */
    const struct gpu_compute *ci;
};

/* What is wanted, and the best so far. */
struct choice {
    const char *slice, *resource;
    size_t slice_size;                    /* without the replica's "::3" */
    const struct node_resource *declared; /* by carved; NULL */
    struct candidate best;
    unsigned best_processes;
    bool named; /* something fits the name, but is not healthy */
};

static const char *uuid_of(const struct candidate *c)
{
    return c->ci ? c->ci->uuid : c->gpu->uuid;
}

static bool fits_slice(const struct choice *w, const struct candidate *c)
{
    char index[32];

    if (!w->slice)
        return true;
    if (c->ci)
        (void)snprintf(index, sizeof index, "%u:%u", c->gpu->index, c->ci->device_index);
    else
        (void)snprintf(index, sizeof index, "%u", c->gpu->index);
    if (strlen(index) == w->slice_size && strncmp(w->slice, index, w->slice_size) == 0)
        return true;
    return w->slice_size >= UUID_START_MIN && strncmp(uuid_of(c), w->slice, w->slice_size) == 0;
}

/* "mig-1g.5gb.me" of the device 1g.5gb+me; '+' is no character of a resource's name. */
static bool fits_name(const struct candidate *c, const char *name)
{
    char device[GPU_PROFILE_NAME_SIZE];

    if (!c->ci)
        return !text_starts(name, "mig-");
    if (!text_starts(name, "mig-"))
        return false;
    (void)gpu_device_name(device, c->gpu, c->gi, c->ci);
    for (char *p = device; *p; p++)
        if (*p == '+')
            *p = '.';
    return strcmp(name + 4, device) == 0;
}

static bool fits_resource(const struct choice *w, const struct candidate *c)
{
    char device[GPU_PROFILE_NAME_SIZE];
    const char *slash;

    if (!w->resource)
        return true;
    if (!w->declared) {
        slash = strchr(w->resource, '/');
        return fits_name(c, slash ? slash + 1 : w->resource);
    }
    if (!c->ci || !*w->declared->profile)
        return !c->ci && !w->declared->mig;
    return strcmp(gpu_device_name(device, c->gpu, c->gi, c->ci), w->declared->profile) == 0;
}

static unsigned processes_of(const struct candidate *c)
{
    unsigned n = 0;

    if (!c->ci)
        return c->gpu->n_processes;
    for (unsigned i = 0; i < c->gpu->n_processes; i++)
        n += c->gpu->processes[i].gi_id == (int)c->gi->id &&
             c->gpu->processes[i].ci_id == (int)c->ci->id;
    return n;
}

static void offer(struct choice *w, const struct candidate *c)
{
    unsigned processes = processes_of(c);

    if (!fits_slice(w, c) || !fits_resource(w, c))
        return;
    w->named = true;
    if (c->gpu->fault[0] || (w->best.gpu && processes >= w->best_processes))
        return;
    w->best = *c;
    w->best_processes = processes;
}

static void offer_gpu(struct choice *w, const struct gpu *g)
{
    if (g->mig != GPU_MIG_ON) {
        offer(w, &(struct candidate){.gpu = g});
        return;
    }
    for (unsigned i = 0; i < g->n_instances; i++)
        for (unsigned n = 0; n < g->instances[i].n_computes; n++)
            offer(w, &(struct candidate){g, &g->instances[i], &g->instances[i].computes[n]});
}

static void describe(struct node_cuda_facts *out, const struct candidate *c)
{
    const struct gpu *g = c->gpu;
    const struct gpu_profile *p = c->gi ? geometry_find_id(&g->geometry, c->gi->profile_id) : NULL;
    char device[GPU_PROFILE_NAME_SIZE];

    (void)TEXT_COPY(out->uuid, uuid_of(c));
    out->n_processes = processes_of(c);
    if (!c->ci) {
        (void)snprintf(out->slice, sizeof out->slice, "GPU %u (%s)", g->index, g->uuid);
        out->slice_bytes = g->mem_total_bytes - g->mem_reserved_bytes;
        return;
    }
    (void)snprintf(out->slice, sizeof out->slice, "%s on GPU %u (%s)",
                   gpu_device_name(device, g, c->gi, c->ci), g->index, c->ci->uuid);
    out->slice_bytes = p && !(p->unknown & GPU_NUMBER_MEM) ? p->mem_mib << 20 : 0;
}

static void refuse(struct node_cuda_facts *out, const struct choice *w, const struct inventory *inv)
{
    bool all_mig = inv->n_gpus > 0;

    for (unsigned i = 0; i < inv->n_gpus; i++)
        all_mig &= inv->gpus[i].mig == GPU_MIG_ON && inv->gpus[i].n_instances == 0;
    if (w->named)
        (void)snprintf(out->refused, sizeof out->refused, "no slice is healthy%s%s",
                       w->slice || w->resource ? " of " : "",
                       w->slice      ? w->slice
                       : w->resource ? w->resource
                                     : "");
    else if (all_mig)
        (void)TEXT_COPY(out->refused, "all GPUs are in MIG mode and have no instance");
    else if (w->slice)
        (void)snprintf(out->refused, sizeof out->refused, "there is no slice '%s'", w->slice);
    else if (w->resource)
        (void)snprintf(out->refused, sizeof out->refused, "no slice is behind '%s'", w->resource);
    else
        (void)TEXT_COPY(out->refused, "there is no GPU");
}

void cuda_slice_choose(struct node_cuda_facts *out, const struct inventory *inv,
                       const struct node_state *state, const char *slice, const char *resource)
{
    struct choice w = {.slice = slice, .resource = resource};
    const char *replica = slice ? strstr(slice, "::") : NULL;

    if (slice)
        w.slice_size = replica ? (size_t)(replica - slice) : strlen(slice);
    for (size_t i = 0; state && resource && i < state->n_resources; i++)
        if (strcmp(state->resources[i].name, resource) == 0)
            w.declared = &state->resources[i];
    for (unsigned i = 0; i < inv->n_gpus; i++)
        offer_gpu(&w, &inv->gpus[i]);
    if (w.best.gpu)
        describe(out, &w.best);
    else
        refuse(out, &w, inv);
}
