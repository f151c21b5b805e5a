/* SPDX-License-Identifier: Apache-2.0 */
/* Doing and undoing plans: see mig_run.h. */
#include "node/mig_run.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"
#include "gpu/driver.h"
#include "node/mig_change.h"

enum { VERIFY_MAX_BYTES = 64 << 10 };

/* One GPU's plan under way, or the way back from it. */
struct gpu_run {
    struct gpu_geometry geometry; /* what the steps' profiles point into */
    struct mig_plan plan;
    size_t done;
    unsigned ids[MIG_PLAN_MAX_STEPS]; /* of the instance that step s has made */
    bool pending;                     /* waits at its mode step */
    bool given_up;                    /* ... for good */
    bool was_reset;                   /* a reset was tried */
    char left[300];                   /* why it is pending still, in words */
};

struct mig_run {
    bool skip_reset;
    bool undoing;
    struct err failure;    /* of the step that failed */
    struct err not_undone; /* of the first step that could not be undone */
    unsigned n_gpus;
    struct gpu_run gpus[];
};

static int copy_gpu(struct gpu_run *g, const struct mig_plan *plan, const struct gpu *gpu)
{
    g->geometry = gpu->geometry;
    g->plan = *plan;
    (void)TEXT_COPY(g->plan.gpu_uuid, gpu->uuid);
    for (size_t s = 0; s < plan->n_steps; s++) {
        const struct gpu_profile *old = plan->steps[s].profile;

        if (!old)
            continue;
        g->plan.steps[s].profile = geometry_find_id(&g->geometry, old->id);
        if (!g->plan.steps[s].profile)
            return -EINVAL;
    }
    return 0;
}

int mig_run_new(struct mig_run **out, const struct mig_change *change, const struct inventory *inv,
                bool skip_reset, struct err *e)
{
    OWN(mig_run_freep)
    struct mig_run *r = calloc(1, sizeof *r + change->n_gpus * sizeof r->gpus[0]);

    if (!r)
        return err_memory(e);
    r->skip_reset = skip_reset;
    for (unsigned i = 0; i < change->n_gpus; i++) {
        if (!change->gpus[i].matched || change->gpus[i].plan.n_steps == 0)
            continue;
        if (copy_gpu(&r->gpus[r->n_gpus++], &change->gpus[i].plan, &inv->gpus[i]) < 0)
            return err_set(e, EINVAL, "GPU %u: the plan was made for another board",
                           inv->gpus[i].index);
    }
    *out = TAKE(r);
    return 0;
}

void mig_run_free(struct mig_run *r)
{
    free(r);
}

/* The GPU whose step or reset is next; NULL at the end. */
static const struct gpu_run *next_gpu(const struct mig_run *r)
{
    for (unsigned i = 0; i < r->n_gpus; i++)
        if (!r->gpus[i].pending && r->gpus[i].done < r->gpus[i].plan.n_steps)
            return &r->gpus[i];
    for (unsigned i = 0; i < r->n_gpus; i++)
        if (r->gpus[i].pending && !r->gpus[i].given_up)
            return &r->gpus[i];
    return NULL;
}

static struct gpu_run *current(struct mig_run *r)
{
    const struct gpu_run *g = next_gpu(r);

    return g ? &r->gpus[g - r->gpus] : NULL;
}

enum mig_run_next mig_run_next(const struct mig_run *r)
{
    const struct gpu_run *g = next_gpu(r);

    if (!g)
        return MIG_RUN_END;
    return g->pending ? MIG_RUN_RESET : MIG_RUN_STEP;
}

const char *mig_run_text(char buffer[MIG_RUN_TEXT_SIZE], const struct mig_run *r)
{
    const struct gpu_run *g = next_gpu(r);
    char step[MIG_STEP_TEXT_SIZE];

    if (!g)
        (void)snprintf(buffer, MIG_RUN_TEXT_SIZE, "finished");
    else if (g->pending)
        (void)snprintf(buffer, MIG_RUN_TEXT_SIZE, "GPU %u: reset", g->plan.gpu_index);
    else
        (void)snprintf(buffer, MIG_RUN_TEXT_SIZE, "%sGPU %u: %s",
                       r->undoing ? "rolling back: " : "", g->plan.gpu_index,
                       mig_step_text(step, &g->plan.steps[g->done]));
    return buffer;
}

static void give_up(struct gpu_run *g, const char *why)
{
    g->given_up = true;
    (void)snprintf(g->left, sizeof g->left,
                   "GPU %u: MIG mode is pending; needs a GPU reset or a reboot: %s",
                   g->plan.gpu_index, why);
}

static void wait_for_reset(struct mig_run *r, struct gpu_run *g)
{
    g->pending = true;
    if (g->was_reset)
        give_up(g, "it is still pending after a GPU reset");
    else if (r->skip_reset)
        give_up(g, "the reset is to be skipped");
}

static unsigned instance_of(const struct gpu_run *g, const struct mig_step *step)
{
    return step->made_by >= 0 ? g->ids[step->made_by] : step->gi;
}

/* 1: the mode is pending. */
static int do_step(struct gpu_run *g, const struct driver *d, struct err *e)
{
    const struct mig_step *step = &g->plan.steps[g->done];
    const char *uuid = g->plan.gpu_uuid;
    enum driver_mode mode = DRIVER_MODE_SET;
    unsigned *id = &g->ids[g->done];
    int r;

    switch (step->kind) {
    case MIG_STEP_DESTROY_COMPUTE:
        return d->destroy_compute(d->self, uuid, step->gi, step->ci, e);
    case MIG_STEP_DESTROY_INSTANCE:
        return d->destroy_instance(d->self, uuid, step->gi, e);
    case MIG_STEP_SET_MODE:
        r = d->set_mig(d->self, uuid, step->on, &mode, e);
        return r < 0 ? r : mode == DRIVER_MODE_PENDING;
    case MIG_STEP_CREATE_INSTANCE:
        return d->create_instance(d->self, uuid, step->profile->id, step->span.start, id, e);
    case MIG_STEP_CREATE_COMPUTE:
        return d->create_compute(d->self, uuid, instance_of(g, step), step->slices, id, e);
    }
    return err_set(e, EINVAL, "unknown step");
}

static void wrap(struct err *e, const struct gpu_run *g)
{
    char step[MIG_STEP_TEXT_SIZE];

    (void)err_wrap(e, "GPU %u: %s", g->plan.gpu_index,
                   mig_step_text(step, &g->plan.steps[g->done]));
}

/* A step that cannot be undone is remembered and left out. */
static void undo_step(struct mig_run *r, struct gpu_run *g, const struct driver *driver)
{
    struct err e = {0};
    int result = do_step(g, driver, &e);

    if (result > 0)
        result = err_set(&e, EBUSY, "going back needs a GPU reset or a reboot");
    if (result < 0) {
        g->ids[g->done] = UINT_MAX; /* what stood inside finds no instance again */
        wrap(&e, g);
        if (r->not_undone.code == 0)
            r->not_undone = e;
    }
    g->done++;
}

/* Every plan becomes the way back from what is done of it; a pending mode counts as done. */
static void turn_back(struct mig_run *r)
{
    r->undoing = true;
    for (unsigned i = 0; i < r->n_gpus; i++) {
        struct gpu_run *g = &r->gpus[i];
        struct mig_plan forward = g->plan;

        mig_plan_rollback(&g->plan, &forward, g->done + g->pending, g->ids);
        g->done = 0;
        g->pending = false;
    }
}

void mig_run_step(struct mig_run *r, const struct driver *driver)
{
    struct gpu_run *g = current(r);
    struct err e = {0};
    int result;

    if (!g || g->pending)
        return;
    if (r->undoing) {
        undo_step(r, g, driver);
        return;
    }
    result = do_step(g, driver, &e);
    if (result > 0) {
        wait_for_reset(r, g);
        return;
    }
    if (result == 0) {
        g->done++;
        return;
    }
    wrap(&e, g);
    r->failure = e;
    turn_back(r);
}

const char *mig_run_reset_gpu(const struct mig_run *r)
{
    return next_gpu(r)->plan.gpu_uuid;
}

void mig_run_reset_done(struct mig_run *r, int result, const char *why)
{
    struct gpu_run *g = current(r);

    if (!g)
        return;
    g->was_reset = true;
    if (result == 0) {
        /* The mode step runs again: it tells whether the mode is in force now. */
        g->pending = false;
        return;
    }
    give_up(g, why);
}

size_t mig_run_done(const struct mig_run *r)
{
    size_t n = 0;

    if (r->undoing)
        return 0;
    for (unsigned i = 0; i < r->n_gpus; i++)
        n += r->gpus[i].done;
    return n;
}

int mig_run_result(const struct mig_run *r, struct err *e)
{
    if (!r->undoing)
        return 0;
    if (r->not_undone.code != 0)
        return err_set(e, r->failure.code, "%s; not all could be undone: %s", r->failure.msg,
                       r->not_undone.msg);
    return err_set(e, r->failure.code, "%s; all steps were undone", r->failure.msg);
}

size_t mig_run_left(const struct mig_run *r, const char *lines[GPU_MAX])
{
    size_t n = 0;

    for (unsigned i = 0; i < r->n_gpus && n < GPU_MAX; i++)
        if (r->gpus[i].pending)
            lines[n++] = r->gpus[i].left;
    return n;
}

static bool is_left(const struct mig_run *r, const char *uuid)
{
    for (unsigned i = 0; i < r->n_gpus; i++)
        if (r->gpus[i].pending && strcmp(r->gpus[i].plan.gpu_uuid, uuid) == 0)
            return true;
    return false;
}

int mig_run_verify(const struct mig_run *r, const struct mig_change *now,
                   const struct inventory *inv, struct err *e)
{
    struct buf one, all;
    int result = 0;

    buf_init(&one, VERIFY_MAX_BYTES);
    buf_init(&all, VERIFY_MAX_BYTES);
    for (unsigned i = 0; i < now->n_gpus; i++) {
        buf_clear(&one);
        if (is_left(r, inv->gpus[i].uuid) || !mig_change_differs(now, inv, i, &one))
            continue;
        buf_printf(&all, "%s%s", all.size > 0 ? "; " : "", one.data ? one.data : "");
        result = -EIO;
    }
    if (result < 0)
        (void)err_set(e, EIO, "all steps are done, but %s", all.data ? all.data : "in vain");
    buf_done(&one);
    buf_done(&all);
    return result;
}
