/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the best placement to steps, and from steps back again. Which placement is best is for
 * mig_search.c, doing the steps for the agent.
 */
#include "plan/mig_plan.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "plan/mig_compute.h"
#include "plan/mig_search.h"

static int check_known(const struct gpu *gpu, struct err *e)
{
    for (unsigned i = 0; i < gpu->n_instances; i++) {
        const struct gpu_instance *gi = &gpu->instances[i];

        if (!geometry_find_id(&gpu->geometry, gi->profile_id))
            return err_set(e, ENOTSUP,
                           "instance %u at %u has profile %u, which the driver does not list",
                           gi->id, gi->span.start, gi->profile_id);
    }
    return 0;
}

static int err_blocked(const struct mig_search *s, uint32_t *blockers, struct err *e)
{
    const struct gpu *gpu = s->gpu;
    char list[256] = "";
    uint32_t bits = 0;
    size_t size = 0;

    for (unsigned i = 0; i < gpu->n_instances; i++) {
        const struct gpu_instance *gi = &gpu->instances[i];
        int n;

        if (!mig_search_blocks(s, i))
            continue;
        bits |= UINT32_C(1) << i;
        n = snprintf(list + size, sizeof list - size, "%s%s at %u", size ? ", " : "",
                     geometry_find_id(&gpu->geometry, gi->profile_id)->name, gi->span.start);
        if (n > 0 && (size_t)n < sizeof list - size)
            size += (size_t)n;
    }
    if (blockers)
        *blockers = bits;
    return err_set(e, EBUSY, "in use and in the way: %s", list);
}

/* After the next reset too, where the driver tells. */
static bool mode_is_right(const struct gpu *gpu, bool on)
{
    enum gpu_mig wrong = on ? GPU_MIG_OFF : GPU_MIG_ON;

    return (gpu->mig == GPU_MIG_ON) == on && gpu->mig_pending != wrong;
}

static struct mig_step *plan_add(struct mig_plan *plan, enum mig_step_kind kind,
                                 const struct gpu_profile *p, struct gpu_span span)
{
    struct mig_step *step = &plan->steps[plan->n_steps++];

    *step = (struct mig_step){.kind = kind, .profile = p, .span = span, .made_by = -1};
    return step;
}

static void plan_compute_destroys(struct mig_plan *plan, const struct mig_search *s)
{
    for (unsigned i = 0; i < s->gpu->n_instances; i++) {
        const struct gpu_instance *gi = &s->gpu->instances[i];
        const struct mig_want *want = mig_search_keeper(s, gi);
        const struct gpu_profile *p = geometry_find_id(&s->gpu->geometry, gi->profile_id);
        struct mig_compute change;

        mig_compute_compare(&change, gi, want);
        /* Last first, so that the way back creates them in their first order. */
        for (unsigned c = gi->n_computes; c-- > 0;) {
            struct mig_step *step;

            if (!(change.destroyed & (1u << c)))
                continue;
            step = plan_add(plan, MIG_STEP_DESTROY_COMPUTE, p, gi->span);
            step->gi = gi->id;
            step->ci = gi->computes[c].id;
            step->slices = gi->computes[c].slices;
        }
    }
}

static void plan_instance_destroys(struct mig_plan *plan, const struct mig_search *s)
{
    for (unsigned i = 0; i < s->gpu->n_instances; i++) {
        const struct gpu_instance *gi = &s->gpu->instances[i];
        const struct gpu_profile *p = geometry_find_id(&s->gpu->geometry, gi->profile_id);

        if (mig_search_keeper(s, gi))
            plan->n_kept++;
        else
            plan_add(plan, MIG_STEP_DESTROY_INSTANCE, p, gi->span)->gi = gi->id;
    }
}

/* Biggest first, as the wants are: some drivers refuse a big one behind small ones. */
static void plan_creates(struct mig_plan *plan, const struct mig_search *s)
{
    for (unsigned i = 0; i < s->n_wants; i++) {
        const struct mig_want *want = &s->wants[i];
        const struct gpu_instance *kept = mig_search_kept(s, want);
        struct gpu_span span = {(uint8_t)s->starts[i], want->profile->span_size};
        struct mig_compute change = {.n_created = want->n_computes};
        int made_by = -1;

        if (kept) {
            mig_compute_compare(&change, kept, want);
        } else {
            memcpy(change.created, want->compute_slices, sizeof change.created);
            made_by = (int)plan->n_steps;
            plan_add(plan, MIG_STEP_CREATE_INSTANCE, want->profile, span);
        }
        for (unsigned c = 0; c < change.n_created; c++) {
            struct mig_step *step = plan_add(plan, MIG_STEP_CREATE_COMPUTE, want->profile, span);

            step->gi = kept ? kept->id : 0;
            step->slices = change.created[c];
            step->made_by = made_by;
        }
    }
}

static void plan_fill(struct mig_plan *plan, const struct mig_search *s, bool on)
{
    const struct gpu *gpu = s->gpu;

    memset(plan, 0, sizeof *plan);
    memcpy(plan->gpu_uuid, gpu->uuid, sizeof plan->gpu_uuid);
    plan->gpu_index = gpu->index;
    plan_compute_destroys(plan, s);
    plan_instance_destroys(plan, s);
    if (!mode_is_right(gpu, on)) {
        struct mig_step *step = plan_add(plan, MIG_STEP_SET_MODE, NULL, (struct gpu_span){0, 0});

        step->on = on;
        step->was_on = gpu->mig == GPU_MIG_ON;
    }
    plan_creates(plan, s);
}

static int make(struct mig_plan *out, const struct gpu *gpu, const struct mig_wish *wish,
                const struct mig_held *held, uint32_t *blockers, struct err *e)
{
    struct mig_search s;
    int rc = check_known(gpu, e);

    if (rc < 0)
        return rc;
    rc = mig_search_run(&s, gpu, wish, held, e);
    if (rc < 0)
        return rc;
    if (s.best.blocked)
        return err_blocked(&s, blockers, e);
    if (held->gpu && (gpu->mig == GPU_MIG_ON) != wish->enabled) {
        if (blockers)
            *blockers = 0;
        return err_set(e, EBUSY, "in use, so its MIG mode cannot change");
    }
    if (s.best.steps + 1 > MIG_PLAN_MAX_STEPS)
        return err_set(e, E2BIG, "more than %d steps", MIG_PLAN_MAX_STEPS);
    plan_fill(out, &s, wish->enabled);
    return 0;
}

int mig_plan_make(struct mig_plan *out, const struct gpu *gpu, const struct mig_wish *wish,
                  const struct mig_held *held, uint32_t *blockers, struct err *e)
{
    int rc;

    if (gpu->mig == GPU_MIG_NONE && wish->enabled)
        rc = err_set(e, ENOTSUP, "has no MIG");
    else
        rc = make(out, gpu, wish, held, blockers, e);
    if (rc < 0)
        (void)err_wrap(e, "GPU %u (%s)", gpu->index, gpu->name);
    return rc;
}

bool mig_plan_done(const struct gpu *gpu, const struct mig_wish *wish)
{
    unsigned n_wants = wish->enabled ? wish->n_wants : 0;
    uint32_t matched = 0;

    if (!mode_is_right(gpu, wish->enabled) || gpu->n_instances != n_wants)
        return false;
    for (unsigned i = 0; i < n_wants; i++) {
        unsigned k = 0;

        while (k < gpu->n_instances &&
               ((matched & (UINT32_C(1) << k)) ||
                gpu->instances[k].profile_id != wish->wants[i].profile->id ||
                !mig_compute_same(&gpu->instances[k], &wish->wants[i])))
            k++;
        if (k == gpu->n_instances)
            return false;
        matched |= UINT32_C(1) << k;
    }
    return true;
}

/* The step of the way back that creates again the instance that was `gi`, or -1: it never went. */
static int find_maker(const struct mig_plan *back, unsigned gi)
{
    for (size_t i = 0; i < back->n_steps; i++) {
        if (back->steps[i].kind == MIG_STEP_CREATE_INSTANCE && back->steps[i].gi == gi)
            return (int)i;
    }
    return -1;
}

/* False: nothing is to be done. */
static bool undo(struct mig_step *step, const struct mig_plan *back, const unsigned *made_ids,
                 size_t at)
{
    int maker = step->made_by;

    step->made_by = -1;
    switch (step->kind) {
    case MIG_STEP_DESTROY_COMPUTE:
        step->kind = MIG_STEP_CREATE_COMPUTE;
        step->made_by = find_maker(back, step->gi);
        return true;
    case MIG_STEP_DESTROY_INSTANCE:
        step->kind = MIG_STEP_CREATE_INSTANCE;
        return true;
    case MIG_STEP_SET_MODE:
        /* Where only a pending change was called off the mode is as it was. */
        if (step->on == step->was_on)
            return false;
        step->was_on = step->on;
        step->on = !step->on;
        return true;
    case MIG_STEP_CREATE_INSTANCE:
        step->kind = MIG_STEP_DESTROY_INSTANCE;
        step->gi = made_ids[at];
        return true;
    case MIG_STEP_CREATE_COMPUTE:
        step->kind = MIG_STEP_DESTROY_COMPUTE;
        step->ci = made_ids[at];
        if (maker >= 0)
            step->gi = made_ids[maker];
        return true;
    }
    return false;
}

void mig_plan_rollback(struct mig_plan *out, const struct mig_plan *plan, size_t n_done,
                       const unsigned *made_ids)
{
    memset(out, 0, sizeof *out);
    memcpy(out->gpu_uuid, plan->gpu_uuid, sizeof out->gpu_uuid);
    out->gpu_index = plan->gpu_index;
    out->n_kept = plan->n_kept;
    for (size_t i = n_done; i-- > 0;) {
        struct mig_step *step = &out->steps[out->n_steps];

        *step = plan->steps[i];
        if (undo(step, out, made_ids, i))
            out->n_steps++;
    }
}
