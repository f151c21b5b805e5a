/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A MIG change from request to answer: see apply.h. All callbacks of one change, in order:
 *
 *   apply_call -> look at the hardware -> on_looked: file, wishes, first plan; its GPUs are now
 *   closed to Allocate -> ask for holders, once the last Allocate must be among them ->
 *   on_holders: the plan that spares them
 *   -> apply_advance (apply_run.c): one job a step, or a reset -> look again: is it as wished?
 */
#include "agent/apply.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/apply_held.h"
#include "agent/apply_state.h"
#include "agent/apply_stream.h"
#include "agent/health.h"
#include "agent/holders.h"
#include "agent/rights.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/own.h"
#include "base/text.h"
#include "config/findings.h"
#include "config/mig_file.h"
#include "kube/grpc_server.h"
#include "node/mig_change.h"
#include "node/mig_reset.h"
#include "node/mig_run.h"
#include "node/node_mig.h"

enum {
    KEPT_MAX_BYTES = 64 << 10,
    SETTLE_MS = 1000, /* from an Allocate until the kubelet lists its container, at the most */
};

void apply_let_go(struct apply *ap)
{
    if (--ap->holds > 0)
        return;
    free(ap->file_name);
    free(ap->text);
    free(ap->config_name);
    mig_run_free(ap->run);
    buf_done(&ap->kept);
    free(ap);
}

static void on_timer_closed(uv_handle_t *handle)
{
    apply_let_go(handle->data);
}

/* The change is over and the stream has been told. */
static void end(struct apply *ap)
{
    ap->agent->apply = NULL;
    health_resume(ap->agent->health);
    ap->agent = NULL;
    uv_close((uv_handle_t *)&ap->timer, on_timer_closed);
}

void apply_close(struct apply *ap)
{
    struct err e = {0};

    if (!ap)
        return;
    (void)err_set(&e, ECANCELED, "carved was stopped after %zu steps of the change; apply it again",
                  ap->n_done);
    if (ap->reset)
        mig_reset_leave(TAKE(ap->reset));
    apply_fail(ap, &e);
}

void apply_fail(struct apply *ap, const struct err *e)
{
    log_event(LOG_WARNING, "MIG change refused or failed config=%s reason=\"%s\"", ap->config_name,
              e->msg);
    apply_stream_fail(ap->stream, e);
    end(ap);
}

void apply_finish(struct apply *ap)
{
    size_t done = ap->run ? mig_run_done(ap->run) : 0, n_left = 0;
    const char *left[GPU_MAX];

    if (ap->run)
        n_left = mig_run_left(ap->run, left);
    for (size_t i = 0; i < n_left; i++)
        log_event(LOG_WARNING, "MIG change left undone: %s", left[i]);
    if (!ap->dry_run)
        log_event(LOG_INFO, "MIG change finished config=%s steps=%zu", ap->config_name, done);
    apply_stream_finish(ap->stream, done, left, n_left);
    end(ap);
}

static int read_file(struct mig_file **out, const struct apply *ap, struct err *e)
{
    OWN_MEM char *made = NULL;
    const char *text = ap->text, *name = ap->file_name;
    struct findings findings;
    int r;

    if (!*text) {
        r = mig_file_default(&made, ap->agent->inventory, e);
        if (r < 0)
            return r;
        text = made;
        name = "default configuration";
    }
    findings_init(&findings, name);
    r = mig_file_parse(out, name, text, strlen(text), &findings, e);
    findings_done(&findings);
    return r;
}

/* What is wished, for the inventory as it is now. */
int apply_wish(struct mig_change **out, struct apply *ap, struct err *e)
{
    const struct inventory *inv = ap->agent->inventory;
    OWN(mig_file_freep) struct mig_file *file = NULL;
    const struct mig_config *config;
    int r;

    r = read_file(&file, ap, e);
    if (r < 0)
        return r;
    r = mig_file_find(&config, file, *ap->config_name ? ap->config_name : NULL, e);
    if (r < 0)
        return r;
    r = mig_change_make(out, inv, config, ap->mode_only, e);
    return r < 0 ? err_wrap(e, "%s", file->file) : 0;
}

/* Closes the GPUs with steps; `kept_known` lets the devices that the plan leaves alone through. */
static void close_gpus(struct apply *ap, const struct mig_change *change, bool kept_known)
{
    const struct inventory *inv = ap->agent->inventory;

    ap->n_closed = 0;
    buf_clear(&ap->kept);
    for (unsigned g = 0; g < change->n_gpus; g++) {
        if (!change->gpus[g].matched || change->gpus[g].plan.n_steps == 0)
            continue;
        (void)TEXT_COPY(ap->closed[ap->n_closed], inv->gpus[g].uuid);
        ap->n_closed++;
        if (kept_known)
            apply_held_kept(&ap->kept, &inv->gpus[g], &change->gpus[g].plan);
    }
}

static bool is_kept(const struct apply *ap, const char *uuid)
{
    for (size_t at = 0; at < ap->kept.size; at += strlen(ap->kept.data + at) + 1)
        if (strcmp(ap->kept.data + at, uuid) == 0)
            return true;
    return false;
}

bool apply_touches(const struct apply *ap, const char *device_uuid)
{
    const struct inventory *inv;
    struct holder at;

    if (!ap || ap->n_closed == 0)
        return false;
    inv = ap->agent->inventory;
    if (!holders_place(&at, inv, device_uuid))
        return true; /* made or taken away by this change */
    for (unsigned i = 0; i < ap->n_closed; i++)
        if (strcmp(ap->closed[i], inv->gpus[at.gpu].uuid) == 0)
            return !is_kept(ap, device_uuid);
    return false;
}

static bool destroys(const struct mig_change *change)
{
    for (unsigned g = 0; g < change->n_gpus; g++) {
        const struct mig_plan *plan = &change->gpus[g].plan;

        for (size_t s = 0; change->gpus[g].matched && s < plan->n_steps; s++)
            if (plan->steps[s].kind == MIG_STEP_DESTROY_COMPUTE ||
                plan->steps[s].kind == MIG_STEP_DESTROY_INSTANCE ||
                plan->steps[s].kind == MIG_STEP_SET_MODE)
                return true;
    }
    return false;
}

/* The plan that spares the holders; kubelet_error: why they are not all known, or NULL. */
static int plan(struct mig_change **out, struct apply *ap, const struct holder_list *holders,
                const char *kubelet_error, struct err *e)
{
    const struct inventory *inv = ap->agent->inventory;
    OWN(mig_change_freep) struct mig_change *change = NULL;
    struct mig_change_held held = {0};
    struct mig_change_block block;
    int r = apply_wish(&change, ap, e);

    if (r < 0)
        return r;
    if (!holders)
        return err_set(e, ENOMEM, "%s", kubelet_error);
    apply_held_fill(&held, inv, holders);
    r = mig_change_plan(change, inv, &held, &block, e);
    if (r == -EBUSY)
        return apply_held_refuse(e, inv, &block, holders);
    if (r < 0)
        return r;
    if (kubelet_error && destroys(change))
        return err_set(e, EBUSY, "who holds the slices is not known: %s", kubelet_error);
    *out = TAKE(change);
    return 0;
}

static int begin(struct apply *ap, const struct mig_change *change, struct err *e)
{
    const struct agent *a = ap->agent;
    int r = mig_run_new(&ap->run, change, a->inventory, ap->skip_reset, e);

    if (r < 0)
        return r;
    close_gpus(ap, change, true);
    log_event(LOG_INFO, "MIG change begins config=%s steps=%zu kept=%u", ap->config_name,
              mig_change_steps(change), mig_change_kept(change));
    return 0;
}

static void on_holders(void *self, struct holder_list *list, const char *words)
{
    OWN(holder_list_freep) struct holder_list *holders = list;
    OWN(mig_change_freep) struct mig_change *change = NULL;
    struct apply *ap = self;
    struct err e = {0};
    int r;

    if (!ap->agent) {
        apply_let_go(ap);
        return;
    }
    r = plan(&change, ap, holders, words, &e);
    if (r == 0 && !ap->dry_run)
        r = begin(ap, change, &e);
    if (r == 0)
        apply_stream_plan(ap->stream, change);
    if (r != 0)
        apply_fail(ap, &e);
    else if (ap->dry_run)
        apply_finish(ap);
    else
        apply_advance(ap);
    apply_let_go(ap);
}

static void ask_holders(uv_timer_t *timer)
{
    struct apply *ap = timer->data;

    ap->holds++;
    holders_read(ap->agent, on_holders, ap);
}

/* The hardware is known: without holders in mind first, which says which GPUs are to be closed. */
static void on_looked(void *self, int r, const char *words)
{
    struct apply *ap = self;
    OWN(mig_change_freep) struct mig_change *change = NULL;
    struct err e = {0};
    uint64_t age_ms;

    if (r < 0)
        r = err_set(&e, -r, "the hardware cannot be read: %s", words);
    if (r == 0)
        r = apply_wish(&change, ap, &e);
    if (r == 0)
        r = mig_change_plan(change, ap->agent->inventory, NULL, NULL, &e);
    if (r != 0) {
        apply_fail(ap, &e);
        return;
    }
    if (mig_change_steps(change) == 0) {
        apply_stream_plan(ap->stream, change);
        apply_finish(ap);
        return;
    }
    if (!ap->dry_run)
        close_gpus(ap, change, false);
    age_ms = uv_now(ap->agent->loop) - ap->agent->allocated_ms;
    (void)uv_timer_start(&ap->timer, ask_holders,
                         !ap->dry_run && age_ms < SETTLE_MS ? SETTLE_MS - age_ms : 0, 0);
}

static int check_caller(const struct agent *a, const struct grpc_call *call, struct err *e)
{
    int r = rights_check(a, call, "change MIG layouts", e);

    if (r == 0 && a->reboot)
        r = err_set(e, EBUSY, "the node is being rebooted; try again when it is back");
    if (r == 0 && a->apply)
        r = err_set(e, EBUSY, "another MIG change is under way; try again when it has ended");
    return r;
}

static int apply_new(struct apply **out, struct agent *a, const struct node_mig_request *request,
                     struct err *e)
{
    struct apply *ap = calloc(1, sizeof *ap);

    if (!ap) {
        (void)err_memory(e);
        return -ENOMEM;
    }
    ap->holds = 1;
    ap->agent = a;
    ap->driver = &a->driver;
    ap->file_name = strdup(*request->file ? request->file : "request");
    ap->text = strdup(request->text);
    ap->config_name = strdup(request->config);
    ap->dry_run = request->dry_run;
    ap->mode_only = request->mode_only;
    ap->skip_reset = request->skip_reset;
    buf_init(&ap->kept, KEPT_MAX_BYTES);
    if (!ap->file_name || !ap->text || !ap->config_name) {
        apply_let_go(ap);
        (void)err_memory(e);
        return -ENOMEM;
    }
    (void)uv_timer_init(a->loop, &ap->timer);
    ap->timer.data = ap;
    *out = ap;
    return 0;
}

void apply_call(void *agent, struct grpc_call *call, const uint8_t *bytes, size_t size)
{
    struct agent *a = agent;
    OWN(node_mig_request_freep) struct node_mig_request *request = NULL;
    struct apply *ap = NULL;
    struct err e = {0};
    int r = check_caller(a, call, &e);

    if (r == 0)
        r = node_mig_request_unpack(&request, bytes, size, &e);
    if (r == 0 && strlen(request->text) != request->text_size)
        r = err_set(&e, EINVAL, "the file has a NUL byte in it");
    if (r == 0)
        r = apply_new(&ap, a, request, &e);
    if (r != 0) {
        grpc_fail(call, &e);
        return;
    }
    a->apply = ap;
    if (apply_stream_open(&ap->stream, call) < 0)
        end(ap); /* the caller has its answer */
    else
        agent_observe(a, on_looked, ap);
}
