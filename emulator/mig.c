/* SPDX-License-Identifier: Apache-2.0 */
/* MIG as the driver does it: see mig.h. */
#include "mig.h"

#include <stdio.h>
#include <string.h>

#include "abi.h"
#include "process.h"

bool mig_in_use(const struct state_gpu *s, uint32_t gi, uint32_t ci)
{
    for (unsigned i = 0; i < process_rows(s); i++) {
        const struct state_process *p = &s->processes[i];

        if (p->used && (gi == NVML_NO_INSTANCE || p->gi == gi) &&
            (ci == NVML_NO_INSTANCE || p->ci == ci))
            return true;
    }
    return false;
}

static bool has_instances(const struct state_gpu *s)
{
    for (unsigned i = 0; i < STATE_INSTANCES; i++) {
        if (s->gi[i].used)
            return true;
    }
    return false;
}

static bool is_busy(const struct state_gpu *s)
{
    return has_instances(s) || mig_in_use(s, NVML_NO_INSTANCE, NVML_NO_INSTANCE);
}

/* A board that changes its mode by a reset: the driver tries one, and a mode stays pending else. */
static int activate_by_reset(struct state_gpu *s)
{
    if (s->reset_refused)
        return NVML_ERROR_RESET_REQUIRED;
    if (is_busy(s))
        return NVML_ERROR_IN_USE;
    s->mig_current = s->mig_pending;
    s->counters.resets++;
    return NVML_SUCCESS;
}

int mig_set_mode(struct state *all, const struct gpu *g, bool on, int *activation)
{
    struct state_gpu *s = &all->gpus[g->index];

    process_reap(all, g->index);
    *activation = NVML_SUCCESS;
    if (!g->board->mig)
        return NVML_ERROR_NOT_SUPPORTED;
    s->counters.mode_set++;
    if (s->mig_current == on) {
        s->mig_pending = on;
        return NVML_SUCCESS;
    }
    if (s->mig_hold != STATE_HOLD_BOARD) {
        s->mig_pending = on;
        *activation = NVML_ERROR_RESET_REQUIRED;
    } else if (g->board->mig->needs_reset) {
        s->mig_pending = on;
        *activation = activate_by_reset(s);
    } else {
        if (is_busy(s))
            return NVML_ERROR_IN_USE;
        s->mig_current = s->mig_pending = on;
    }
    return NVML_SUCCESS;
}

static void lose_instances(struct state_gpu *s)
{
    for (unsigned i = 0; i < STATE_INSTANCES; i++)
        s->gi[i] = (struct state_gi){0};
}

int mig_reset(struct state *all, const struct gpu *g)
{
    struct state_gpu *s = &all->gpus[g->index];

    process_reap(all, g->index);
    if (s->lost)
        return NVML_ERROR_GPU_IS_LOST;
    if (s->reset_refused)
        return NVML_ERROR_RESET_REQUIRED;
    if (mig_in_use(s, NVML_NO_INSTANCE, NVML_NO_INSTANCE))
        return NVML_ERROR_IN_USE;
    lose_instances(s);
    if (s->recovery != STATE_RECOVERY_UNTOLD && s->recovery != 2 && s->recovery != 7)
        s->recovery = 0; /* but for actions that want a reboot */
    if (s->mig_hold != STATE_HOLD_REBOOT)
        s->mig_current = s->mig_pending;
    s->counters.resets++;
    return NVML_SUCCESS;
}

void mig_reboot(struct state *all, const struct node *n)
{
    for (unsigned i = 0; i < n->n_gpus; i++) {
        struct state_gpu *s = &all->gpus[i];
        const struct geometry *mig = n->gpus[i].board->mig;

        lose_instances(s);
        memset(s->processes, 0, sizeof s->processes);
        s->lost = 0;
        if (s->recovery != STATE_RECOVERY_UNTOLD)
            s->recovery = 0;
        if (mig && !mig->needs_reset && s->mig_pending == s->mig_current)
            s->mig_pending = 0; /* Hopper and later keep the mode in the driver's memory only */
        s->mig_current = s->mig_pending;
    }
}

/* Media engines in use with one more instance of p, against all that the board has. */
static bool engines_suffice(const struct state_gpu *s, const struct gpu *g, const struct profile *p)
{
    unsigned have[4] = {0}, want[4] = {p->dec, p->enc, p->jpg, p->ofa};
    const struct profile *q;

    for (unsigned i = 0; (q = node_profile(g, i)); i++) {
        if (q->size == g->board->mig->axis) {
            have[0] = q->dec > have[0] ? q->dec : have[0];
            have[1] = q->enc > have[1] ? q->enc : have[1];
            have[2] = q->jpg > have[2] ? q->jpg : have[2];
            have[3] = q->ofa > have[3] ? q->ofa : have[3];
        }
    }
    if (!have[0])
        return true; /* the whole board's profile is not known */
    for (unsigned i = 0; i < STATE_INSTANCES; i++) {
        q = s->gi[i].used ? node_profile_by_id(g, s->gi[i].profile) : NULL;
        if (q) {
            want[0] += q->dec;
            want[1] += q->enc;
            want[2] += q->jpg;
            want[3] += q->ofa;
        }
    }
    return want[0] <= have[0] && want[1] <= have[1] && want[2] <= have[2] && want[3] <= have[3];
}

static bool is_room(const struct state_gpu *s, const struct profile *p, unsigned start)
{
    unsigned same = 0;

    for (unsigned i = 0; i < STATE_INSTANCES; i++) {
        const struct state_gi *gi = &s->gi[i];

        if (!gi->used)
            continue;
        if (start < (unsigned)gi->start + gi->size && gi->start < start + p->size)
            return false;
        same += gi->profile == p->id;
    }
    return same < p->max;
}

/*
 * The id says where an instance lies: 0 the whole axis, then halves, quarters, eighths in order
 * (research: the kernel module's span table).
 */
static unsigned instance_id(unsigned axis, const struct profile *p, unsigned start)
{
    unsigned parts = axis / p->size;

    return parts - 1 + start / p->size;
}

/*
 * The order in which the driver tries starts. On the axis of eight, as `nvidia-smi mig -cgi`
 * transcripts show it: top quarter, third quarter, then upwards from 0. Elsewhere upwards.
 */
static unsigned rank(unsigned axis, unsigned start)
{
    if (axis != 8 || start < 4)
        return 16 + start;
    return start >= 6 ? start - 6 : start - 2;
}

static int choose(const struct state_gpu *s, unsigned axis, const struct profile *p)
{
    int best = -1;

    for (unsigned start = 0; start < axis; start++) {
        if ((p->starts >> start & 1) && is_room(s, p, start) &&
            (best < 0 || rank(axis, start) < rank(axis, (unsigned)best)))
            best = (int)start;
    }
    return best;
}

static void place(struct state_gpu *s, unsigned id, const struct profile *p, unsigned start)
{
    struct state_gi *gi = &s->gi[id];

    memset(gi, 0, sizeof *gi);
    gi->profile = p->id;
    gi->start = (uint8_t)start;
    gi->size = p->size;
    __atomic_store_n(&gi->used, 1, __ATOMIC_RELEASE);
}

unsigned mig_remaining(const struct state *all, const struct gpu *g, const struct profile *p)
{
    struct state_gpu trial = all->gpus[g->index];
    unsigned axis = g->board->mig->axis, count = 0;

    for (unsigned start = 0; start < axis; start++) {
        if ((p->starts >> start & 1) && is_room(&trial, p, start) &&
            engines_suffice(&trial, g, p)) {
            place(&trial, instance_id(axis, p, start), p, start);
            count++;
        }
    }
    return count;
}

int mig_create(struct state *all, const struct gpu *g, const struct profile *p, int start,
               unsigned *out_gi)
{
    struct state_gpu *s = &all->gpus[g->index];
    unsigned axis = g->board->mig->axis;

    process_reap(all, g->index);
    if (!s->mig_current)
        return NVML_ERROR_NOT_SUPPORTED;
    if (start >= (int)axis || (start >= 0 && !(p->starts >> start & 1)))
        return NVML_ERROR_INVALID_ARGUMENT;
    if (!has_instances(s) && mig_in_use(s, NVML_NO_INSTANCE, NVML_NO_INSTANCE))
        return NVML_ERROR_IN_USE; /* the first instance needs all of the GPU idle */
    if (start < 0)
        start = choose(s, axis, p);
    if (start < 0 || !is_room(s, p, (unsigned)start) || !engines_suffice(s, g, p))
        return NVML_ERROR_INSUFFICIENT_RESOURCES;
    *out_gi = instance_id(axis, p, (unsigned)start);
    place(s, *out_gi, p, (unsigned)start);
    s->counters.gi_created++;
    return NVML_SUCCESS;
}

int mig_destroy(struct state *all, const struct gpu *g, unsigned id)
{
    struct state_gpu *s = &all->gpus[g->index];
    struct state_gi *gi = &s->gi[id];

    process_reap(all, g->index);
    if (!gi->used)
        return NVML_ERROR_NOT_FOUND;
    for (unsigned i = 0; i < STATE_COMPUTES; i++) {
        if (gi->ci[i].used)
            return NVML_ERROR_IN_USE;
    }
    if (mig_in_use(s, id, NVML_NO_INSTANCE))
        return NVML_ERROR_IN_USE;
    __atomic_store_n(&gi->used, 0, __ATOMIC_RELEASE);
    s->counters.gi_destroyed++;
    return NVML_SUCCESS;
}

const struct compute_shape *mig_shape(const struct profile *p, unsigned index)
{
    static const uint8_t slices_of[] = {1, 2, 3, 4, 7};

    for (size_t i = 0; index < sizeof slices_of && i < n_compute_shapes; i++) {
        const struct compute_shape *shape = &compute_shapes[i];

        if (shape->gi_slices == p->slices && shape->slices == slices_of[index])
            return shape;
    }
    return NULL;
}

unsigned mig_shape_sm(const struct gpu *g, const struct profile *p,
                      const struct compute_shape *shape)
{
    const struct profile *q;

    if (shape->slices == p->slices)
        return p->sm;
    for (unsigned i = 0; (q = node_profile(g, i)); i++) {
        if (q->index <= 4 && q->slices == shape->slices) /* the plain profile of that many slices */
            return q->sm;
    }
    return 0;
}

static bool compute_room(const struct state_gi *gi, const struct compute_shape *shape,
                         unsigned start)
{
    for (unsigned i = 0; i < STATE_COMPUTES; i++) {
        const struct state_ci *ci = &gi->ci[i];

        if (ci->used && start < (unsigned)ci->start + ci->size && ci->start < start + shape->slices)
            return false;
    }
    return start + shape->slices <= shape->gi_slices;
}

unsigned mig_compute_remaining(const struct state_gi *gi, const struct compute_shape *shape)
{
    unsigned count = 0, next = 0;

    for (unsigned start = 0; start < shape->gi_slices; start++) {
        if ((shape->starts >> start & 1) && start >= next && compute_room(gi, shape, start)) {
            next = start + shape->slices;
            count++;
        }
    }
    return count < shape->count ? count : shape->count;
}

int mig_create_compute(struct state *all, const struct gpu *g, unsigned id, unsigned index,
                       int start, unsigned *out_ci)
{
    struct state_gpu *s = &all->gpus[g->index];
    struct state_gi *gi = &s->gi[id];
    const struct profile *p = gi->used ? node_profile_by_id(g, gi->profile) : NULL;
    const struct compute_shape *shape = p ? mig_shape(p, index) : NULL;
    unsigned slot = 0;

    if (!p)
        return NVML_ERROR_NOT_FOUND;
    if (!shape || !mig_shape_sm(g, p, shape))
        return NVML_ERROR_NOT_SUPPORTED;
    if (start >= 0 && (start >= shape->gi_slices || !(shape->starts >> start & 1)))
        return NVML_ERROR_INVALID_ARGUMENT;
    for (int at = 0; start < 0 && at < shape->gi_slices; at++) {
        if ((shape->starts >> at & 1) && compute_room(gi, shape, (unsigned)at))
            start = at;
    }
    while (slot < STATE_COMPUTES && gi->ci[slot].used)
        slot++;
    if (start < 0 || slot == STATE_COMPUTES || !compute_room(gi, shape, (unsigned)start))
        return NVML_ERROR_INSUFFICIENT_RESOURCES;
    gi->ci[slot] = (struct state_ci){.profile = (uint8_t)index,
                                     .start = (uint8_t)start,
                                     .size = shape->slices,
                                     .serial = ++s->serial};
    __atomic_store_n(&gi->ci[slot].used, 1, __ATOMIC_RELEASE);
    s->counters.ci_created++;
    *out_ci = slot;
    return NVML_SUCCESS;
}

int mig_destroy_compute(struct state *all, const struct gpu *g, unsigned gi, unsigned ci)
{
    struct state_gpu *s = &all->gpus[g->index];

    process_reap(all, g->index);
    if (!s->gi[gi].used || !s->gi[gi].ci[ci].used)
        return NVML_ERROR_NOT_FOUND;
    if (mig_in_use(s, gi, ci))
        return NVML_ERROR_IN_USE;
    __atomic_store_n(&s->gi[gi].ci[ci].used, 0, __ATOMIC_RELEASE);
    s->counters.ci_destroyed++;
    return NVML_SUCCESS;
}

bool mig_device_at(const struct state_gpu *s, unsigned n, unsigned *out_gi, unsigned *out_ci)
{
    for (unsigned gi = 0; gi < STATE_INSTANCES; gi++) {
        for (unsigned ci = 0; s->gi[gi].used && ci < STATE_COMPUTES; ci++) {
            if (!s->gi[gi].ci[ci].used || n-- > 0)
                continue;
            *out_gi = gi;
            *out_ci = ci;
            return true;
        }
    }
    return false;
}

void mig_device_uuid(char out[MIG_UUID_SIZE], const struct gpu *g, const struct state_gpu *s,
                     unsigned gi, unsigned ci)
{
    uint64_t where = (uint64_t)gi << 40 | (uint64_t)ci << 32 | s->gi[gi].ci[ci].serial;
    uint64_t a = node_hash(&where, sizeof where, node_hash(g->uuid, strlen(g->uuid), 0));
    uint64_t b = node_hash(&where, sizeof where, a);

    (void)snprintf(out, MIG_UUID_SIZE, "MIG-%08x-%04x-5%03x-8%03x-%012llx", (unsigned)(a >> 32),
                   (unsigned)(a >> 16 & 0xffff), (unsigned)(a & 0xfff), (unsigned)(b >> 48 & 0xfff),
                   (unsigned long long)(b & 0xffffffffffff));
}

void mig_device_name(char out[24], const struct gpu *g, const struct state_gpu *s, unsigned gi,
                     unsigned ci)
{
    const struct profile *p = node_profile_by_id(g, s->gi[gi].profile);

    if (!p)
        (void)snprintf(out, 24, "?");
    else if (s->gi[gi].ci[ci].size == p->slices)
        (void)snprintf(out, 24, "%s", p->name);
    else
        (void)snprintf(out, 24, "%uc.%s", s->gi[gi].ci[ci].size, p->name);
}
