/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a notice to what is done about it: see interruption.h. The reader (metadata.h) tells what
 * EC2 says now; the taint is on the node as long as it says so, and evictions go on for as long. A
 * notice that is taken back, and an instance that comes back after its stop, so lose the taint.
 */
#include "gateway/interruption.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/err.h"
#include "gateway/events.h"
#include "gateway/gateway.h"
#include "gateway/interruption_drain.h"
#include "gateway/metadata.h"
#include "gateway/node_taint.h"
#include "gateway/notice.h"
#include "gateway/own_node.h"

enum {
    TAINT_MS = 5000,  /* for the taint to be seen, before pods are evicted without it */
    REMOVE_MS = 5000, /* for the taint to go at the end */
    REMOVE_STEP_MS = 50,
};

/* Freed when the loop has let the timer go. */
struct interruption {
    struct gateway *g;
    struct metadata *metadata; /* NULL: not asked for */
    struct node_taint *taint;
    struct interruption_drain *drain;
    struct notice interruption, rebalance; /* that were told by Events */
    uint64_t gone_by_ms;                   /* the loop's time; 0: nobody knows */
    uint64_t taint_by_ms;                  /* likewise, of TAINT_MS; 0: nobody is to be evicted */
    uv_timer_t timer;                      /* until then; at the end, for the taint to go */
    interruption_removed *removed;
    void *remover;
    uint64_t remove_by_ms;
};

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

int interruption_open(struct interruption **out, struct gateway *g, struct err *e)
{
    struct interruption *p = calloc(1, sizeof *p);
    int r;

    if (!p)
        return err_memory(e);
    p->g = g;
    (void)uv_timer_init(g->loop, &p->timer);
    p->timer.data = p;
    r = node_taint_open(&p->taint, g, INTERRUPTION_TAINT ":NoSchedule", e);
    if (r == 0)
        r = interruption_drain_open(&p->drain, g, e);
    if (r == 0 && g->options.interruption)
        r = metadata_open(&p->metadata, g, e);
    if (r == 0)
        *out = p;
    else
        interruption_close(p);
    return r;
}

void interruption_close(struct interruption *p)
{
    if (!p)
        return;
    metadata_close(p->metadata);
    interruption_drain_close(p->drain);
    node_taint_close(p->taint);
    uv_close((uv_handle_t *)&p->timer, on_closed);
}

/* The clock of the wall may be wrong: the time left is never more than EC2 gives. */
static void tell_interruption(struct interruption *p, const struct notice *now)
{
    unsigned left_s = notice_left_s(now, time(NULL));
    char when[NOTICE_TIME_SIZE], left[32] = "any moment now";

    p->gone_by_ms = 0;
    if (!notice_is_there(now)) {
        events_tell(p->g->events, false, "SpotInterruptionOver",
                    "EC2 has taken the interruption notice back: pods may come again");
        return;
    }
    if (left_s > 0) {
        p->gone_by_ms = uv_now(p->g->loop) + 1000 * (uint64_t)left_s;
        (void)snprintf(left, sizeof left, "%u s from now", left_s);
    }
    events_tell(p->g->events, true, "SpotInterruption",
                "EC2 interrupts this spot instance: %s at %s, %s; no new pods come here, and those "
                "that hold slices are asked to go",
                now->action, notice_print_time(when, now->at), left);
}

static void tell_rebalance(struct interruption *p, const struct notice *now)
{
    static const char *const done[] = {
        [GATEWAY_REBALANCE_EVENT] = "nothing is done about it",
        [GATEWAY_REBALANCE_TAINT] = "no new pods come here",
        [GATEWAY_REBALANCE_DRAIN] =
            "no new pods come here, and those that hold slices are asked to go",
    };
    char when[NOTICE_TIME_SIZE];

    if (notice_is_there(now))
        events_tell(p->g->events, false, "RebalanceRecommended",
                    "EC2 said at %s that this spot instance is likely to be interrupted; %s",
                    notice_print_time(when, now->at), done[p->g->options.interruption_rebalance]);
    else
        events_tell(p->g->events, false, "RebalanceOver",
                    "EC2 has taken back that this instance is likely to be interrupted");
}

static void tell(struct interruption *p, const struct notice *interruption,
                 const struct notice *rebalance)
{
    if (!notice_same(interruption, &p->interruption))
        tell_interruption(p, interruption);
    if (!notice_same(rebalance, &p->rebalance))
        tell_rebalance(p, rebalance);
    p->interruption = *interruption;
    p->rebalance = *rebalance;
}

static void on_taint_late(uv_timer_t *timer)
{
    struct interruption *p = timer->data;

    gateway_changed(p->g);
}

/* Successors would come back to a node that is not tainted yet; but time is short. */
static bool may_drain(struct interruption *p)
{
    uint64_t now_ms = uv_now(p->g->loop);

    if (p->taint_by_ms == 0) {
        p->taint_by_ms = now_ms + TAINT_MS;
        (void)uv_timer_start(&p->timer, on_taint_late, TAINT_MS, 0);
    }
    return node_taint_there(p->taint) || node_taint_error_code(p->taint) != 0 ||
           now_ms >= p->taint_by_ms;
}

static void stop_drain(struct interruption *p)
{
    p->taint_by_ms = 0;
    (void)uv_timer_stop(&p->timer);
    interruption_drain_stop(p->drain);
}

void interruption_look(struct interruption *p)
{
    enum gateway_rebalance rebalance = p->g->options.interruption_rebalance;
    const struct notice *notice, *advice;
    bool taint, drain;

    if (!own_node_object(p->g->own_node))
        return;
    if (!p->metadata) { /* one of an earlier run */
        node_taint_keep(p->taint, false);
        return;
    }
    notice = metadata_interruption(p->metadata);
    advice = metadata_rebalance(p->metadata);
    if (!metadata_known(p->metadata) && !notice_is_there(notice))
        return;
    tell(p, notice, advice);
    drain = notice_is_there(notice) ||
            (notice_is_there(advice) && rebalance == GATEWAY_REBALANCE_DRAIN);
    taint = drain || (notice_is_there(advice) && rebalance == GATEWAY_REBALANCE_TAINT);
    node_taint_keep(p->taint, taint);
    if (!drain)
        stop_drain(p);
    else if (may_drain(p))
        interruption_drain_keep(p->drain, p->gone_by_ms);
}

static void on_remove(uv_timer_t *timer)
{
    struct interruption *p = timer->data;

    if (!node_taint_gone(p->taint) && uv_now(p->g->loop) < p->remove_by_ms) {
        node_taint_keep(p->taint, false);
        return;
    }
    (void)uv_timer_stop(timer);
    p->removed(p->remover);
}

void interruption_remove(struct interruption *p, interruption_removed *done, void *self)
{
    interruption_drain_stop(p->drain);
    p->removed = done;
    p->remover = self;
    p->remove_by_ms = uv_now(p->g->loop) + REMOVE_MS;
    (void)uv_timer_start(&p->timer, on_remove, 0, REMOVE_STEP_MS);
}
