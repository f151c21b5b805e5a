/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration against a node: see mig_change.h. */
#include "node/mig_change.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "config/mig_file.h"
#include "node/node_mig.h"

int mig_change_make(struct mig_change **out, const struct inventory *inv,
                    const struct mig_config *config, bool mode_only, struct err *e)
{
    OWN(mig_change_freep)
    struct mig_change *c = calloc(1, sizeof *c + inv->n_gpus * sizeof c->gpus[0]);

    if (!c)
        return err_memory(e);
    c->mode_only = mode_only;
    c->n_gpus = inv->n_gpus;
    for (unsigned i = 0; i < inv->n_gpus; i++) {
        const struct gpu *gpu = &inv->gpus[i];
        int r = mig_wish_make(&c->gpus[i].wish, gpu, config, e);

        if (r < 0)
            return r;
        c->gpus[i].matched = r > 0;
        if (r > 0 && gpu->fault[0])
            return err_set(e, ENODEV, "GPU %u cannot be changed: %s", gpu->index, gpu->fault);
    }
    *out = TAKE(c);
    return 0;
}

void mig_change_free(struct mig_change *c)
{
    free(c);
}

/* The wish that remains of `wish` when only modes count; false: the GPU's mode is right. */
static bool mode_wish(struct mig_wish *out, const struct mig_wish *wish, const struct gpu *gpu)
{
    enum gpu_mig wrong = wish->enabled ? GPU_MIG_OFF : GPU_MIG_ON;

    *out = (struct mig_wish){.enabled = wish->enabled};
    return gpu->mig == wrong || gpu->mig_pending == wrong;
}

static int plan_one(struct mig_change_gpu *g, bool mode_only, const struct gpu *gpu,
                    const struct mig_held *held, uint32_t *blockers, struct err *e)
{
    struct mig_wish mode;

    g->plan = (struct mig_plan){.gpu_index = gpu->index, .n_kept = gpu->n_instances};
    if (!mode_only)
        return mig_plan_make(&g->plan, gpu, &g->wish, held, blockers, e);
    if (!mode_wish(&mode, &g->wish, gpu))
        return 0;
    return mig_plan_make(&g->plan, gpu, &mode, held, blockers, e);
}

int mig_change_plan(struct mig_change *c, const struct inventory *inv,
                    const struct mig_change_held *held, struct mig_change_block *block,
                    struct err *e)
{
    static const struct mig_held nothing;

    for (unsigned i = 0; i < c->n_gpus; i++) {
        uint32_t blockers = 0;
        int r;

        if (!c->gpus[i].matched)
            continue;
        r = plan_one(&c->gpus[i], c->mode_only, &inv->gpus[i], held ? &held->gpus[i] : &nothing,
                     &blockers, e);
        if (r == -EBUSY && block)
            *block = (struct mig_change_block){.gpu = i, .instances = blockers};
        if (r < 0)
            return r;
    }
    return 0;
}

size_t mig_change_steps(const struct mig_change *c)
{
    size_t n = 0;

    for (unsigned i = 0; i < c->n_gpus; i++)
        n += c->gpus[i].matched ? c->gpus[i].plan.n_steps : 0;
    return n;
}

unsigned mig_change_kept(const struct mig_change *c)
{
    unsigned n = 0;

    for (unsigned i = 0; i < c->n_gpus; i++)
        n += c->gpus[i].matched ? c->gpus[i].plan.n_kept : 0;
    return n;
}

struct node_mig_step *mig_change_list(const struct mig_change *c)
{
    size_t n = mig_change_steps(c), at = 0;
    struct node_mig_step *list = calloc(n + 1, sizeof *list + MIG_STEP_TEXT_SIZE);
    char(*texts)[MIG_STEP_TEXT_SIZE] = list ? (void *)(list + n) : NULL;

    for (unsigned g = 0; list && g < c->n_gpus; g++) {
        const struct mig_plan *plan = &c->gpus[g].plan;

        for (size_t s = 0; c->gpus[g].matched && s < plan->n_steps; s++, at++)
            list[at] =
                (struct node_mig_step){plan->gpu_index, mig_step_text(texts[at], &plan->steps[s])};
    }
    return list;
}

static void hold(struct mig_held *held, const struct gpu *gpu, int gi_id)
{
    if (gi_id < 0)
        held->gpu = true;
    for (unsigned i = 0; i < gpu->n_instances; i++)
        if (gi_id >= 0 && gpu->instances[i].id == (unsigned)gi_id)
            held->instances |= UINT32_C(1) << i;
}

void mig_change_hold_processes(struct mig_change_held *held, const struct inventory *inv)
{
    for (unsigned g = 0; g < inv->n_gpus && g < GPU_MAX; g++) {
        const struct gpu *gpu = &inv->gpus[g];

        for (unsigned p = 0; p < gpu->n_processes; p++)
            hold(&held->gpus[g], gpu, gpu->processes[p].gi_id);
        if (gpu->n_processes_left_out > 0) /* they may be anywhere */
            held->gpus[g] = (struct mig_held){.gpu = true, .instances = UINT32_MAX};
    }
}

/* "2 x 1g.5gb, 1 x 3g.20gb" of names that stand in a row; equal neighbours are counted. */
struct tally {
    struct buf *out;
    char name[GPU_PROFILE_NAME_SIZE + 32];
    unsigned count;
    bool any;
};

static void tally_end(struct tally *t)
{
    if (t->count > 0)
        buf_printf(t->out, "%s%u x %s", t->any ? ", " : "", t->count, t->name);
    t->any = t->any || t->count > 0;
    t->count = 0;
}

static void tally_add(struct tally *t, const char *name)
{
    if (t->count > 0 && strcmp(t->name, name) != 0)
        tally_end(t);
    (void)snprintf(t->name, sizeof t->name, "%s", name);
    t->count++;
}

static void tally_compute(struct tally *t, const struct gpu_profile *p, unsigned slices)
{
    char name[GPU_PROFILE_NAME_SIZE + 8];

    if (slices == p->slices)
        (void)snprintf(name, sizeof name, "%s", p->name);
    else
        (void)snprintf(name, sizeof name, "%uc.%s", slices, p->name);
    tally_add(t, name);
}

static void tally_bare(struct tally *t, const struct gpu_profile *p)
{
    char name[GPU_PROFILE_NAME_SIZE + 32];

    (void)snprintf(name, sizeof name, "%s (no compute instance)", p->name);
    tally_add(t, name);
}

static void wanted(struct buf *out, const struct gpu *gpu, const struct mig_wish *wish)
{
    struct tally t = {.out = out};

    if (!wish->enabled) {
        buf_text(out, "MIG off");
        return;
    }
    /* In the geometry's order, which is that of the instances below too. */
    for (unsigned p = 0; p < gpu->geometry.n_profiles; p++) {
        const struct gpu_profile *profile = &gpu->geometry.profiles[p];

        for (unsigned w = 0; w < wish->n_wants; w++) {
            if (wish->wants[w].profile->id != profile->id)
                continue;
            for (unsigned c = 0; c < wish->wants[w].n_computes; c++)
                tally_compute(&t, profile, wish->wants[w].compute_slices[c]);
            if (wish->wants[w].n_computes == 0)
                tally_bare(&t, profile);
        }
    }
    tally_end(&t);
    if (!t.any)
        buf_text(out, "MIG on without instances");
}

static void present(struct buf *out, const struct gpu *gpu)
{
    struct tally t = {.out = out};

    if (gpu->mig != GPU_MIG_ON) {
        buf_printf(out, "%s", gpu->mig == GPU_MIG_NONE ? "no MIG" : "MIG off");
        return;
    }
    for (unsigned p = 0; p < gpu->geometry.n_profiles; p++) {
        const struct gpu_profile *profile = &gpu->geometry.profiles[p];

        for (unsigned i = 0; i < gpu->n_instances; i++) {
            if (gpu->instances[i].profile_id != profile->id)
                continue;
            for (unsigned c = 0; c < gpu->instances[i].n_computes; c++)
                tally_compute(&t, profile, gpu->instances[i].computes[c].slices);
            if (gpu->instances[i].n_computes == 0)
                tally_bare(&t, profile);
        }
    }
    tally_end(&t);
    if (!t.any)
        buf_text(out, "MIG on without instances");
}

static bool as_wished(const struct mig_change *c, unsigned i, const struct gpu *gpu)
{
    struct mig_wish mode;

    if (c->mode_only)
        return !mode_wish(&mode, &c->gpus[i].wish, gpu);
    return mig_plan_done(gpu, &c->gpus[i].wish);
}

bool mig_change_differs(const struct mig_change *c, const struct inventory *inv, unsigned i,
                        struct buf *out)
{
    const struct gpu *gpu = &inv->gpus[i];

    if (!c->gpus[i].matched || as_wished(c, i, gpu))
        return false;
    buf_printf(out, "GPU %u: has ", gpu->index);
    present(out, gpu);
    if (gpu->mig_pending != GPU_MIG_NONE && gpu->mig != gpu->mig_pending)
        buf_printf(out, " (MIG %s is pending)", gpu->mig_pending == GPU_MIG_ON ? "on" : "off");
    buf_text(out, "; wanted ");
    if (c->mode_only)
        buf_printf(out, "MIG %s", c->gpus[i].wish.enabled ? "on" : "off");
    else
        wanted(out, gpu, &c->gpus[i].wish);
    return true;
}
