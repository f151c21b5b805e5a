/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The doing of a MIG change: one job of the worker for each step, GPU resets between them, and a
 * last look at what came of it. A step that the driver does not answer in time is waited for: its
 * GPU is in nobody's hands before it has ended.
 */
#include <errno.h>

#include "agent/agent.h"
#include "agent/apply_state.h"
#include "agent/apply_stream.h"
#include "agent/health.h"
#include "agent/worker.h"
#include "base/err.h"
#include "base/log.h"
#include "node/mig_change.h"
#include "node/mig_reset.h"
#include "node/mig_run.h"

enum {
    RESET_TIMEOUT_MS = 120000,
    RETRY_MS = 500, /* while the driver's thread takes no jobs */
};

static void on_reopened(void *self, int r, const char *words)
{
    (void)r; /* steps wait for a door that did not open */
    (void)words;
    apply_advance(self);
}

/* A look opens the door again, if it was closed for a reset and did not open then. */
static void on_retry(uv_timer_t *timer)
{
    struct apply *ap = timer->data;

    agent_observe(ap->agent, on_reopened, ap);
}

static int job_run(void *data, struct err *e)
{
    struct apply *ap = data;

    if (!ap->driver->read)
        return err_set(e, EAGAIN, "the driver is closed");
    ap->ran = true;
    mig_run_step(ap->run, ap->driver);
    return 0;
}

/* The worker's thread may still have the run. */
static void job_done(void *data, int r, const struct err *e)
{
    struct apply *ap = data;

    if (r == -ETIMEDOUT && ap->agent) {
        log_event(LOG_WARNING, "MIG change waits reason=\"%s\"; it goes on when the driver answers",
                  e->msg);
        apply_stream_progress(ap->stream, ap->n_done, "waiting: the driver is slow");
    }
}

/* Nobody touches the run any more: the next step, or this one again if it never ran. */
static void job_released(void *data)
{
    struct apply *ap = data;

    if (ap->agent && ap->ran)
        apply_advance(ap);
    else if (ap->agent)
        (void)uv_timer_start(&ap->timer, on_retry, RETRY_MS, 0);
    apply_let_go(ap);
}

static void submit(struct apply *ap, int (*run)(void *, struct err *), void (*release)(void *))
{
    const struct worker_job job = {.run = run, .done = job_done, .release = release, .data = ap};

    ap->ran = false;
    ap->holds++;
    if (worker_submit(ap->agent->worker, &job, NULL) == 0)
        return;
    ap->holds--;
    (void)uv_timer_start(&ap->timer, on_retry, RETRY_MS, 0);
}

/* The door is closed first, since nobody may have a GPU open that is reset; a look opens it. */
static int close_door(void *data, struct err *e)
{
    struct apply *ap = data;

    (void)e;
    ap->ran = true;
    driver_close(ap->driver);
    return 0;
}

static void on_reset(void *self, int r, const char *words)
{
    struct apply *ap = self;

    ap->reset = NULL;
    log_event(r < 0 ? LOG_WARNING : LOG_INFO, "GPU reset gpu=%s%s%s%s", mig_run_reset_gpu(ap->run),
              r < 0 ? " refused=\"" : "", r < 0 ? words : "", r < 0 ? "\"" : "");
    if (r == 0)
        health_was_reset(ap->agent->health, mig_run_reset_gpu(ap->run));
    mig_run_reset_done(ap->run, r, words);
    agent_observe(ap->agent, on_reopened, ap);
}

static void start_reset(struct apply *ap)
{
    const struct mig_reset_order order = {
        .driver_root = agent_driver_root(ap->agent),
        .gpu_uuid = mig_run_reset_gpu(ap->run),
        .timeout_ms = RESET_TIMEOUT_MS,
        .done = on_reset,
        .self = ap,
    };
    struct err e = {0};
    int r = mig_reset_start(&ap->reset, ap->agent->loop, &order, &e);

    if (r < 0)
        on_reset(ap, r, e.msg);
}

static void door_closed(void *data)
{
    struct apply *ap = data;

    if (ap->agent && ap->ran)
        start_reset(ap);
    else if (ap->agent)
        (void)uv_timer_start(&ap->timer, on_retry, RETRY_MS, 0);
    apply_let_go(ap);
}

/* Nobody waits for events any more, who would have the GPU open. */
static void on_unwatched(void *self)
{
    struct apply *ap = self;

    if (ap->agent)
        submit(ap, close_door, door_closed);
    apply_let_go(ap);
}

/* After the last step: the node is looked at again, and must be as wished. */
static void on_verified(void *self, int r, const char *words)
{
    struct apply *ap = self;
    OWN(mig_change_freep) struct mig_change *change = NULL;
    struct err e = {0};
    int result = mig_run_result(ap->run, &e);

    if (result == 0 && r < 0)
        result = err_set(&e, -r, "all steps are done, but the hardware cannot be read: %s", words);
    if (result == 0)
        result = apply_wish(&change, ap, &e);
    if (result == 0)
        result = mig_run_verify(ap->run, change, ap->agent->inventory, &e);
    if (result < 0)
        apply_fail(ap, &e);
    else
        apply_finish(ap);
}

void apply_advance(struct apply *ap)
{
    char text[MIG_RUN_TEXT_SIZE];

    ap->n_done = mig_run_done(ap->run);
    apply_stream_progress(ap->stream, ap->n_done, mig_run_text(text, ap->run));
    switch (mig_run_next(ap->run)) {
    case MIG_RUN_STEP:
        log_event(LOG_DEBUG, "MIG step %s", text);
        submit(ap, job_run, job_released);
        break;
    case MIG_RUN_RESET:
        log_event(LOG_INFO, "MIG step %s", text);
        ap->holds++;
        health_stop(ap->agent->health, on_unwatched, ap);
        break;
    case MIG_RUN_END:
        agent_observe(ap->agent, on_verified, ap);
        break;
    }
}
