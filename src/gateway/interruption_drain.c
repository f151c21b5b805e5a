/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rounds of holders and evictions: see interruption_drain.h. Each round begins with asking who
 * holds what, so it sees pods that have come or gone meanwhile, and a restart needs no memory. When
 * the time is nearly up what is left is told, once.
 */
#include "gateway/interruption_drain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "api/backoff.h"
#include "base/err.h"
#include "base/log.h"
#include "base/own.h"
#include "base/text.h"
#include "gateway/drain.h"
#include "gateway/events.h"
#include "gateway/gateway.h"
#include "gateway/link.h"
#include "gateway/mig_block.h"
#include "node/node_holders.h"

enum {
    FIRST_MS = 1000, /* pauses between rounds */
    LAST_MS = 10 * 1000,
    NEARLY_MS = 20 * 1000, /* before the node goes what is left is told */
    PODS_MAX = MIG_BLOCK_MAX,
    WORDS_SIZE = 700,
};

/* Freed when the loop has let the timer go. */
struct interruption_drain {
    struct gateway *g;
    bool wanted;
    uint64_t gone_by_ms;
    struct link_call *call; /* under way, or NULL */
    struct drain *drain;    /* likewise */
    bool waiting;           /* until the next round */
    uv_timer_t timer;
    struct backoff backoff;
    size_t n_pods; /* that hold slices, by the last round */
    struct mig_block_pod pods[PODS_MAX];
    struct err wrong;      /* with what carved told of them */
    char told[WORDS_SIZE]; /* of a failure */
    bool emptied, late;    /* was told */
};

static void look(struct interruption_drain *d);

static void forget_pods(struct interruption_drain *d)
{
    for (; d->n_pods > 0; d->n_pods--) {
        free(d->pods[d->n_pods - 1].namespace);
        free(d->pods[d->n_pods - 1].name);
    }
}

static bool is_there(const struct interruption_drain *d, const struct node_holder *h)
{
    for (size_t i = 0; i < d->n_pods; i++)
        if (strcmp(d->pods[i].namespace, h->namespace) == 0 && strcmp(d->pods[i].name, h->pod) == 0)
            return true;
    return false;
}

/* What is beyond the table's end goes in a later round. */
static int add_pod(struct interruption_drain *d, const struct node_holder *h, struct err *e)
{
    struct mig_block_pod *pod = &d->pods[d->n_pods];

    if (!*h->pod || d->n_pods == PODS_MAX || is_there(d, h))
        return 0;
    *pod = (struct mig_block_pod){.namespace = strdup(h->namespace), .name = strdup(h->pod)};
    d->n_pods++;
    return pod->namespace && pod->name ? 0 : err_memory(e);
}

static void on_time(uv_timer_t *timer)
{
    struct interruption_drain *d = timer->data;

    d->waiting = false;
    look(d);
}

/* A round is over. words: on the pods that are left, "" without any. */
static void rest(struct interruption_drain *d, const char *words)
{
    uint64_t now_ms = uv_now(d->g->loop);

    if (*words && d->gone_by_ms > 0 && d->gone_by_ms < now_ms + NEARLY_MS && !d->late) {
        d->late = true;
        events_tell(
            d->g->events, true, "InterruptionPodsLeft",
            "the instance goes in less than %d s, and pods that hold slices may be left: %s",
            NEARLY_MS / 1000, words);
    }
    d->waiting = true;
    (void)uv_timer_start(&d->timer, on_time, backoff_wait_ms(&d->backoff), 0);
}

static void tell_failure(struct interruption_drain *d, const struct err *e)
{
    if (strcmp(d->told, e->msg) != 0)
        events_tell(d->g->events, true, "InterruptionDrainFailed",
                    "pods that hold slices cannot be asked to go, trying on: %s", e->msg);
    (void)TEXT_COPY(d->told, e->msg);
}

static void failed(struct interruption_drain *d, const struct err *e)
{
    tell_failure(d, e);
    rest(d, e->msg);
}

static void on_evicted(void *self, const char *namespace, const char *name)
{
    (void)self;
    log_event(LOG_INFO, "evicted, since the instance is to go pod=%s/%s", namespace, name);
}

static void on_drained(void *self, int r, const struct drain_result *result, const struct err *e)
{
    struct interruption_drain *d = self;
    bool left = result->n_evicted + result->n_ending + result->n_refused > 0;
    const char *words = r < 0 ? e->msg : "";

    d->drain = NULL;
    if (result->n_evicted > 0) {
        backoff_clear(&d->backoff);
        events_tell(d->g->events, false, "InterruptionPodsEvicted",
                    "%zu pods that hold slices are evicted, %zu may not go yet: %s",
                    result->n_evicted, result->n_refused, result->words);
    }
    if (r < 0)
        tell_failure(d, e);
    else
        d->told[0] = '\0';
    rest(d, left ? result->words : words);
}

static void evict(struct interruption_drain *d)
{
    const struct drain_order order = {
        .pods = d->pods,
        .n_pods = d->n_pods,
        .gone_by_ms = d->gone_by_ms,
        .evicted = on_evicted,
        .done = on_drained,
        .self = d,
    };
    struct err e = {0};

    d->emptied = false;
    if (drain_start(&d->drain, d->g, &order, &e) < 0)
        failed(d, &e);
}

static void on_holders(void *self, const struct node_holders *holders)
{
    struct interruption_drain *d = self;

    if (*holders->error)
        (void)err_set(&d->wrong, EAGAIN, "%s", holders->error);
    for (size_t i = 0; i < holders->count && !d->wrong.code; i++)
        (void)add_pod(d, &holders->items[i], &d->wrong);
}

static void on_held(void *self, int r, const struct err *e)
{
    struct interruption_drain *d = self;

    d->call = NULL;
    if (r < 0) {
        failed(d, e);
    } else if (d->wrong.code) {
        failed(d, &d->wrong);
    } else if (d->n_pods > 0) {
        evict(d);
    } else {
        if (!d->emptied)
            events_tell(d->g->events, false, "InterruptionDrained", "no pod holds a slice");
        d->emptied = true;
        d->told[0] = '\0';
        rest(d, "");
    }
}

/* Begins a round, if it is time for one. */
static void look(struct interruption_drain *d)
{
    struct err e = {0};
    int r;

    if (!d->wanted || d->waiting || d->call || d->drain)
        return;
    forget_pods(d);
    d->wrong = (struct err){0};
    if (link_up(d->g->link))
        r = link_holders(&d->call, d->g->link, on_holders, on_held, d, &e);
    else
        r = err_set(&e, ENOTCONN, "carved does not answer: %s", link_error(d->g->link));
    if (r < 0)
        failed(d, &e);
}

void interruption_drain_keep(struct interruption_drain *d, uint64_t gone_by_ms)
{
    if (!d->wanted || d->gone_by_ms != gone_by_ms) {
        d->emptied = d->late = d->waiting = false;
        (void)uv_timer_stop(&d->timer);
        backoff_clear(&d->backoff);
    }
    d->wanted = true;
    d->gone_by_ms = gone_by_ms;
    look(d);
}

void interruption_drain_stop(struct interruption_drain *d)
{
    d->wanted = d->waiting = false;
    (void)uv_timer_stop(&d->timer);
    if (d->call)
        link_cancel(TAKE(d->call));
    if (d->drain)
        drain_cancel(TAKE(d->drain));
}

int interruption_drain_open(struct interruption_drain **out, struct gateway *g, struct err *e)
{
    struct interruption_drain *d = calloc(1, sizeof *d);

    if (!d)
        return err_memory(e);
    d->g = g;
    d->backoff = (struct backoff){.first_ms = FIRST_MS, .last_ms = LAST_MS};
    (void)uv_timer_init(g->loop, &d->timer);
    d->timer.data = d;
    *out = d;
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    struct interruption_drain *d = handle->data;

    forget_pods(d);
    free(d);
}

void interruption_drain_close(struct interruption_drain *d)
{
    if (!d)
        return;
    interruption_drain_stop(d);
    uv_close((uv_handle_t *)&d->timer, on_closed);
}
