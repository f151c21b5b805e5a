/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Health in the open: see condition.h. The condition is that of EKS' node monitoring agent, on
 * which EKS node repair and Karpenter act; where somebody else writes it (metadata.managedFields)
 * it is theirs, and Events and taint alone tell. A fault that passes by itself makes no node
 * unready: its slices are withdrawn, an Event says so, and nobody replaces the node for it.
 */
#include "gateway/condition.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "base/own.h"
#include "base/text.h"
#include "base/utf8.h"
#include "config/yaml_at.h"
#include "gateway/condition_words.h"
#include "gateway/fault_news.h"
#include "gateway/gateway.h"
#include "gateway/link.h"
#include "gateway/node_patch.h"
#include "gateway/node_taint.h"
#include "gateway/own_node.h"
#include "node/node_state.h"

#define TYPE "AcceleratedHardwareReady"

enum {
    BODY_MAX = 16 << 10,
    REMOVE_STEP_MS = 50,
    REMOVE_MS = 15 * 1000,
};

struct condition {
    struct gateway *g;
    uv_timer_t timer; /* when carved has been away for too long; then the steps of a removal */
    struct node_patch *patch;
    struct node_taint *taint; /* NULL: none is configured */
    struct fault_news *news;
    struct condition_words late; /* of the start-up handshake; reason "": all is well */
    bool waits;                  /* for the slices of a new node */
    bool left_alone;             /* somebody else writes the condition, which was said */
    condition_removed *removed;
    void *remover;
    uint64_t remove_by_ms;
};

static void on_time(uv_timer_t *timer)
{
    struct condition *p = timer->data;

    gateway_changed(p->g);
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

int condition_open(struct condition **out, struct gateway *g, struct err *e)
{
    struct condition *p = calloc(1, sizeof *p);
    int r;

    if (!p)
        return err_memory(e);
    p->g = g;
    (void)uv_timer_init(g->loop, &p->timer);
    p->timer.data = p;
    r = node_patch_open(&p->patch, g, "condition " TYPE, e);
    if (r == 0)
        r = fault_news_open(&p->news, e);
    if (r == 0 && g->options.fault_taint)
        r = node_taint_open(&p->taint, g, g->options.fault_taint, e);
    if (r == 0)
        *out = p;
    else
        condition_close(p);
    return r;
}

void condition_close(struct condition *p)
{
    if (!p)
        return;
    node_patch_close(p->patch);
    node_taint_close(p->taint);
    fault_news_close(p->news);
    uv_close((uv_handle_t *)&p->timer, on_closed);
}

void condition_not_ready(struct condition *p, const char *reason, const char *words)
{
    struct condition_words late = {0};

    if (reason) {
        (void)TEXT_COPY(late.reason, reason);
        (void)TEXT_COPY(late.message, words);
        utf8_clean(late.message);
    }
    if (strcmp(late.reason, p->late.reason) == 0 && strcmp(late.message, p->late.message) == 0)
        return;
    p->late = late;
    gateway_changed(p->g);
}

void condition_waits(struct condition *p, bool waits)
{
    if (p->waits == waits)
        return;
    p->waits = waits;
    gateway_changed(p->g);
}

/* False while it has not been away for long enough; the clock looks again then. */
static bool is_away(struct condition *p)
{
    const struct gateway *g = p->g;
    uint64_t away_ms = uv_now(g->loop) - link_down_since_ms(g->link);

    if (link_up(g->link)) {
        (void)uv_timer_stop(&p->timer);
        return false;
    }
    if (away_ms >= g->options.carved_grace_ms)
        return true;
    (void)uv_timer_start(&p->timer, on_time, g->options.carved_grace_ms - away_ms, 0);
    return false;
}

/* What carved knows of the hardware; NULL: nothing yet, as just after its start. */
static const struct node_state *find_state(const struct condition *p)
{
    const struct node_state *state = gateway_state(p->g);

    return state && condition_is_known(state) ? state : NULL;
}

/*
 * What the condition shall be; false: nothing is known yet, and what is there stays. A new node
 * that never served is broken also when it is so for want of carved.
 */
static bool find_words(struct condition_words *out, struct condition *p)
{
    const struct node_state *state = find_state(p);
    bool away = is_away(p);

    *out = (struct condition_words){.ready = true};
    if (state)
        condition_say(out, state);
    if (!out->ready)
        return true;
    if (p->late.reason[0]) {
        *out = p->late;
    } else if (away) {
        *out = (struct condition_words){.unknown = true};
        (void)TEXT_COPY(out->reason, "CarvedNotRunning");
        (void)snprintf(out->message, sizeof out->message,
                       "carved does not answer, so nobody watches the GPUs: %s. Do: see the log of "
                       "container carved in carve's pod on this node",
                       link_error(p->g->link));
    }
    return state || away || p->late.reason[0];
}

/* Whether somebody else writes the condition. */
static bool is_theirs(struct condition *p)
{
    const char *manager = own_node_condition_manager(p->g->own_node, TYPE);
    bool theirs = own_node_condition(p->g->own_node, TYPE) && manager &&
                  strcmp(manager, GATEWAY_MANAGER) != 0;

    if (theirs && !p->left_alone)
        log_event(LOG_INFO, "condition " TYPE " is left to its writer manager=%s", manager);
    if (!theirs && p->left_alone)
        log_event(LOG_INFO, "condition " TYPE " is ours again");
    p->left_alone = theirs;
    return theirs;
}

static bool same_text(const struct yaml_node *condition, const char *key, const char *text)
{
    const char *there = yaml_text(condition, key);

    return there && strcmp(there, text) == 0;
}

static const char *status_of(const struct condition_words *w)
{
    return w->unknown ? "Unknown" : w->ready ? "True" : "False";
}

static void write_body(struct buf *body, const struct condition_words *w, bool turned)
{
    char now[32];
    time_t seconds = time(NULL);
    struct tm tm;
    struct json j;

    if (!gmtime_r(&seconds, &tm) || strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        (void)TEXT_COPY(now, "1970-01-01T00:00:00Z");
    json_init(&j, body, 0);
    json_object(&j, NULL);
    json_object(&j, "status");
    json_array(&j, "conditions");
    json_object(&j, NULL);
    json_string(&j, "type", TYPE);
    json_string(&j, "status", status_of(w));
    json_string(&j, "reason", w->reason);
    json_string(&j, "message", w->message);
    json_string(&j, "lastHeartbeatTime", now);
    if (turned)
        json_string(&j, "lastTransitionTime", now);
    json_object_end(&j);
    json_array_end(&j);
    json_object_end(&j);
    json_object_end(&j);
}

static void keep_condition(struct condition *p, const struct condition_words *w)
{
    const struct yaml_node *there = own_node_condition(p->g->own_node, TYPE);
    bool same_status = there && same_text(there, "status", status_of(w));
    char key[sizeof w->reason + sizeof w->message + 1];
    OWN(buf_done) struct buf body = {0};

    if (p->waits && w->ready && (!there || same_text(there, "status", "False")))
        return;
    if (is_theirs(p) || (same_status && same_text(there, "reason", w->reason) &&
                         same_text(there, "message", w->message)))
        return;
    (void)snprintf(key, sizeof key, "%s %s", w->reason, w->message);
    buf_init(&body, BODY_MAX);
    write_body(&body, w, !same_status);
    if (!body.failed)
        node_patch_want(p->patch, &(struct node_patch_order){.key = key,
                                                             .subresource = "status",
                                                             .content = HTTP_STRATEGIC_PATCH,
                                                             .body = body.data});
}

static bool wants_taint(const struct node_state *state)
{
    for (size_t i = 0; i < state->n_faults; i++)
        if (condition_is_wide(&state->faults[i]))
            return true;
    return false;
}

void condition_look(struct condition *p)
{
    const struct node_state *state = find_state(p);
    struct condition_words words;

    if (state)
        fault_news_look(p->news, state, p->g->events);
    if (!own_node_object(p->g->own_node))
        return;
    if (find_words(&words, p))
        keep_condition(p, &words);
    if (p->taint && state)
        node_taint_keep(p->taint, wants_taint(state));
}

/* One step of the removal: asks for what is still there, until it is gone or time is up. */
static void on_remove(uv_timer_t *timer)
{
    static const char body[] =
        "{\"status\":{\"conditions\":[{\"type\":\"" TYPE "\",\"$patch\":\"delete\"}]}}";
    struct condition *p = timer->data;
    bool there = own_node_condition(p->g->own_node, TYPE) && !is_theirs(p);
    bool tainted = p->taint && node_taint_there(p->taint);

    if ((there || tainted) && uv_now(p->g->loop) < p->remove_by_ms) {
        if (there)
            node_patch_want(p->patch, &(struct node_patch_order){.key = "gone",
                                                                 .subresource = "status",
                                                                 .content = HTTP_STRATEGIC_PATCH,
                                                                 .body = body});
        if (tainted)
            node_taint_keep(p->taint, false);
        return;
    }
    (void)uv_timer_stop(timer);
    p->removed(p->remover);
}

void condition_remove(struct condition *p, condition_removed *done, void *self)
{
    p->removed = done;
    p->remover = self;
    p->remove_by_ms = uv_now(p->g->loop) + REMOVE_MS;
    (void)uv_timer_start(&p->timer, on_remove, 0, REMOVE_STEP_MS);
}
