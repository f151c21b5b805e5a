/* SPDX-License-Identifier: Apache-2.0 */
/* The table of faults: see fault_table.h. Its words are in fault_words.c. */
#include "agent/fault_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "gpu/driver_events.h"
#include "gpu/xid.h"
#include "slice/resource.h"

#define UNKNOWN "unknown-"

enum { FIRST_ROOM = 8, TABLE_MAX = FAULT_TABLE_PER_GPU * GPU_MAX };

const struct gpu *fault_gpu(const struct fault *f, const struct inventory *inv)
{
    uint64_t index;

    if (!text_starts(f->gpu_uuid, UNKNOWN))
        return inventory_find(inv, f->gpu_uuid);
    if (!text_uint(&index, f->gpu_uuid + sizeof UNKNOWN - 1, GPU_MAX))
        return NULL;
    for (unsigned g = 0; g < inv->n_gpus; g++)
        if (inv->gpus[g].index == index)
            return &inv->gpus[g];
    return NULL;
}

void fault_table_done(struct fault_table *t)
{
    free(t->faults);
    *t = (struct fault_table){0};
}

static bool same(const struct fault *a, const struct fault *b)
{
    return a->kind == b->kind && a->xid == b->xid && a->gi_id == b->gi_id && a->ci_id == b->ci_id &&
           strcmp(a->gpu_uuid, b->gpu_uuid) == 0;
}

static struct fault *find(const struct fault_table *t, const struct fault *f)
{
    for (size_t i = 0; i < t->count; i++)
        if (same(&t->faults[i], f))
            return &t->faults[i];
    return NULL;
}

static size_t count_of(const struct fault_table *t, const char *gpu_uuid)
{
    size_t n = 0;

    for (size_t i = 0; i < t->count; i++)
        n += strcmp(t->faults[i].gpu_uuid, gpu_uuid) == 0;
    return n;
}

static struct fault *append(struct fault_table *t, const struct fault *f)
{
    if (t->count == t->room) {
        size_t room = t->room ? 2 * t->room : FIRST_ROOM;
        struct fault *more = room <= TABLE_MAX ? realloc(t->faults, room * sizeof *more) : NULL;

        if (!more)
            return NULL;
        t->faults = more;
        t->room = room;
    }
    t->faults[t->count] = *f;
    return &t->faults[t->count++];
}

bool fault_table_put(struct fault_table *t, const struct fault *f)
{
    return f->gpu_uuid[0] && count_of(t, f->gpu_uuid) < FAULT_TABLE_PER_GPU && !find(t, f) &&
           append(t, f);
}

static const struct gpu_instance *instance_of(const struct gpu *gpu, int gi_id)
{
    for (unsigned i = 0; i < gpu->n_instances; i++)
        if ((int)gpu->instances[i].id == gi_id)
            return &gpu->instances[i];
    return NULL;
}

/* The UUID of the MIG device that stands for the instance, or NULL. */
static const char *witness_of(const struct gpu *gpu, int gi_id, int ci_id)
{
    const struct gpu_instance *gi = instance_of(gpu, gi_id);

    for (unsigned k = 0; gi && k < gi->n_computes; k++)
        if (ci_id < 0 || (int)gi->computes[k].id == ci_id)
            return gi->computes[k].uuid;
    return NULL;
}

/* Where it is: on one instance, if it is of that kind and the driver names one that is there. */
static void place(struct fault *f, const struct gpu *gpu, const struct driver_event *event)
{
    const char *witness = witness_of(gpu, event->gi_id, event->ci_id);

    f->gi_id = f->ci_id = -1;
    if (xid_find(f->xid)->touches == XID_TOUCHES_GPU || event->gi_id < 0 || gpu->mig != GPU_MIG_ON)
        return;
    f->gi_id = event->gi_id;
    f->ci_id = event->ci_id;
    if (witness)
        (void)TEXT_COPY(f->witness, witness);
}

/* Adds f, or counts the one that is there; beyond the GPU's room its faults become one entry. */
static struct fault *enter(struct fault_table *t, struct fault *f, uint32_t times, bool *out_new)
{
    struct fault *there = find(t, f);

    if (!there && count_of(t, f->gpu_uuid) >= FAULT_TABLE_PER_GPU - 1) {
        f->kind = FAULT_MANY;
        f->xid = 0;
        f->gi_id = f->ci_id = -1;
        f->witness[0] = '\0';
        there = find(t, f);
    }
    *out_new = !there;
    if (!there)
        there = append(t, f);
    if (!there)
        return NULL;
    there->last_ms = f->last_ms;
    there->count += there->count <= UINT32_MAX - times ? times : 0;
    return there;
}

struct fault *fault_table_add(struct fault_table *t, const struct inventory *inv,
                              const struct driver_event *event, uint32_t times,
                              struct fault_time now, bool *out_new)
{
    const struct gpu *gpu = inventory_find(inv, event->gpu_uuid);
    struct fault f = {
        .kind = FAULT_XID,
        .xid = event->xid,
        .since_s = now.wall_s,
        .last_ms = now.boot_ms,
    };

    if (!gpu)
        return NULL;
    f.gpu = gpu->index;
    (void)TEXT_COPY(f.gpu_uuid, gpu->uuid);
    place(&f, gpu, event);
    return enter(t, &f, times, out_new);
}

static bool is_unwell(const struct gpu *gpu)
{
    return gpu->fault[0] ||
           (gpu->recovery != GPU_RECOVERY_UNKNOWN && gpu->recovery != GPU_RECOVERY_NONE);
}

/* The driver has said it too; true if it had not before. */
static bool confirm(struct fault *f)
{
    bool is_new = !f->confirmed;

    f->confirmed = true;
    return is_new;
}

/* What the driver says of this GPU is explained by a fault of all of it that came before. */
static bool is_explained(struct fault_table *t, const char *name, bool *out_changed)
{
    bool any = false;

    for (size_t i = 0; i < t->count; i++) {
        struct fault *f = &t->faults[i];

        if (strcmp(f->gpu_uuid, name) != 0)
            continue;
        *out_changed |= confirm(f);
        any |= f->gi_id < 0;
    }
    return any;
}

bool fault_table_look(struct fault_table *t, const struct inventory *inv, struct fault_time now)
{
    bool changed = false;

    /* A GPU that the driver lists no more is not well. */
    for (size_t i = 0; i < t->count; i++)
        if (!fault_gpu(&t->faults[i], inv))
            changed |= confirm(&t->faults[i]);
    for (unsigned g = 0; g < inv->n_gpus; g++) {
        const struct gpu *gpu = &inv->gpus[g];
        struct fault f = {
            .kind = gpu->fault[0] ? FAULT_SILENT : FAULT_ASKED,
            .gpu = gpu->index,
            .gi_id = -1,
            .ci_id = -1,
            .confirmed = true,
            .since_s = now.wall_s,
            .last_ms = now.boot_ms,
        };
        bool is_new = false;

        if (gpu->uuid[0])
            (void)TEXT_COPY(f.gpu_uuid, gpu->uuid);
        else
            (void)snprintf(f.gpu_uuid, sizeof f.gpu_uuid, UNKNOWN "%u", gpu->index);
        if (!is_unwell(gpu) || is_explained(t, f.gpu_uuid, &changed))
            continue;
        (void)enter(t, &f, 1, &is_new);
        changed |= is_new;
    }
    return changed;
}

static bool was_removed(const struct fault *f, const struct gpu *gpu)
{
    const char *witness;

    if (f->gi_id < 0)
        return false;
    witness = witness_of(gpu, f->gi_id, f->ci_id);
    return !witness || (f->witness[0] && strcmp(witness, f->witness) != 0);
}

enum fault_end fault_table_judge(const struct fault *f, const struct inventory *inv,
                                 uint64_t probation_ms, uint64_t boot_ms)
{
    const struct gpu *gpu = fault_gpu(f, inv);
    bool waited = boot_ms - f->last_ms >= probation_ms;

    if (!gpu || gpu->fault[0])
        return FAULT_GOES_ON;
    if (was_removed(f, gpu))
        return FAULT_REMOVED;
    if (is_unwell(gpu))
        return FAULT_GOES_ON;
    if (f->confirmed)
        return FAULT_WELL;
    if (gpu->recovery == GPU_RECOVERY_UNKNOWN && fault_needs(f, inv) != NODE_FAULT_WAIT)
        return FAULT_GOES_ON;
    return waited ? FAULT_PASSED : FAULT_GOES_ON;
}

void fault_table_remove(struct fault_table *t, size_t at)
{
    memmove(&t->faults[at], &t->faults[at + 1], (t->count - at - 1) * sizeof *t->faults);
    t->count--;
}

bool fault_table_reset(struct fault_table *t, const char *gpu_uuid)
{
    bool any = false;

    for (size_t i = t->count; i-- > 0;) {
        const struct fault *f = &t->faults[i];
        bool more_than_reset = f->kind == FAULT_XID && xid_find(f->xid)->cure > XID_CURE_RESET;

        if (strcmp(f->gpu_uuid, gpu_uuid) != 0 || more_than_reset)
            continue;
        fault_table_remove(t, i);
        any = true;
    }
    return any;
}

bool fault_touches(const struct fault *f, const struct inventory *inv,
                   const struct resource_device *d)
{
    if (d->gpu >= inv->n_gpus || strcmp(inv->gpus[d->gpu].uuid, f->gpu_uuid) != 0)
        return false;
    return f->gi_id < 0 || (d->gi_id == f->gi_id && (f->ci_id < 0 || d->ci_id == f->ci_id));
}
