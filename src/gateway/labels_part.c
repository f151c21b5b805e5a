/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps the node's labels true: see labels_part.h.
 *
 * Where NFD runs, the labels are in the NodeFeature and NFD puts them on the node. Until it has
 * done so (it has just been installed, is slow, or only its definitions were left behind) they are
 * applied to the node as well, and given up without a change once its annotation lists them all.
 * So they move from one way to the other without a gap, and what is applied goes away by itself
 * when it is not applied any more.
 *
 * Where labels are off, what an earlier setting wrote is taken back in the same ways, once.
 */
#include "gateway/labels_part.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/backoff.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/own.h"
#include "gateway/events.h"
#include "gateway/gateway.h"
#include "gateway/labels.h"
#include "gateway/labels_feature.h"
#include "gateway/labels_node.h"
#include "gateway/node_patch.h"
#include "gateway/own_node.h"
#include "node/node_state.h"

enum {
    NFD_ACTS_MS = 5000,    /* NFD has so long before the node is labelled directly too */
    NFD_LATE_MS = 180000,  /* and so long before somebody is told */
    REMOVE_FIRST_MS = 300, /* after a failure at the end */
    REMOVE_LAST_MS = 2000,
};

/* Behind the NodeFeature's. */
enum remove_step { REMOVE_APPLIED, REMOVE_LEFTOVERS, REMOVE_END };

struct labels_part {
    struct gateway *g;
    struct labels_feature *feature;
    struct node_patch *apply, *leftovers, *release;
    uint64_t timestamp_s;

    bool made; /* `wanted` holds labels */
    struct labels wanted;

    uv_timer_t timer;
    uint64_t missing_since_ms; /* NFD has not labelled the node; 0: it has */
    bool late_told;
    struct err refused; /* that was told of last */

    struct http_request *request; /* of the removal */
    enum remove_step step;
    struct backoff backoff;
    labels_part_removed *removed;
    void *self;
};

static void on_timer(uv_timer_t *timer)
{
    struct labels_part *p = timer->data;

    gateway_changed(p->g);
}

static int open_all(struct labels_part *p, struct err *e)
{
    int r = labels_feature_open(&p->feature, p->g, e);

    if (r == 0)
        r = node_patch_open(&p->apply, p->g, "labels", e);
    if (r == 0)
        r = node_patch_open(&p->leftovers, p->g, "leftover labels", e);
    if (r == 0)
        r = node_patch_open(&p->release, p->g, "labels that NFD has taken over", e);
    return r;
}

int labels_part_open(struct labels_part **out, struct gateway *g, struct err *e)
{
    struct labels_part *p = calloc(1, sizeof *p);
    struct timespec now = {0};

    if (!p)
        return err_memory(e);
    p->g = g;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    p->timestamp_s = g->options.no_timestamp ? 0 : (uint64_t)now.tv_sec;
    p->backoff = (struct backoff){.first_ms = REMOVE_FIRST_MS, .last_ms = REMOVE_LAST_MS};
    (void)uv_timer_init(g->loop, &p->timer);
    p->timer.data = p;
    *out = p;
    return open_all(p, e);
}

static void closed(uv_handle_t *handle)
{
    struct labels_part *p = handle->data;

    labels_done(&p->wanted);
    free(p);
}

void labels_part_close(struct labels_part *p)
{
    if (!p)
        return;
    if (p->request)
        http_cancel(TAKE(p->request));
    labels_feature_close(TAKE(p->feature));
    node_patch_close(TAKE(p->apply));
    node_patch_close(TAKE(p->leftovers));
    node_patch_close(TAKE(p->release));
    uv_close((uv_handle_t *)&p->timer, closed);
}

static void take(struct labels_part *p, struct labels *made)
{
    if (p->made && labels_equal(&p->wanted, made)) {
        labels_done(made);
        return;
    }
    if (made->n_left_out > 0)
        log_event(LOG_WARNING,
                  "labels left out that Kubernetes does not take count=%zu first=\"%s\"",
                  made->n_left_out, made->left_out);
    log_event(LOG_INFO, "labels of the node made count=%zu", made->count);
    labels_done(&p->wanted);
    p->wanted = *made;
    p->made = true;
}

/*
 * Of the newest state that tells enough; each time, since a carved that was started again counts
 * its generations from the beginning.
 */
static void make(struct labels_part *p)
{
    const struct node_state *state = gateway_state(p->g);
    struct labels made = {0};
    struct err e = {0};

    if (!labels_ready(state))
        return;
    if (labels_make(&made, state, p->timestamp_s, &e) < 0)
        log_event(LOG_ERROR, "labels not made reason=\"%s\"; keeping the last ones", e.msg);
    else
        take(p, &made);
}

/* Whether the very same was written before, and is undone or not yet seen. */
static bool patch(struct node_patch *by, enum http_content content, const struct buf *body)
{
    if (buf_check(body, NULL) != 0)
        return false;
    node_patch_want(
        by, &(struct node_patch_order){.key = body->data, .content = content, .body = body->data});
    return node_patch_wrote(by, body->data);
}

static bool apply(struct labels_part *p, const struct labels *wanted)
{
    OWN(buf_done) struct buf body;

    buf_init(&body, LABELS_NODE_PATCH_MAX);
    labels_node_write_apply(&body, p->g->options.node_name, wanted);
    return patch(p->apply, HTTP_APPLY, &body);
}

static void release(struct labels_part *p, ptrdiff_t entry)
{
    OWN(buf_done) struct buf body;

    buf_init(&body, LABELS_NODE_PATCH_MAX);
    labels_node_write_release(&body, entry);
    (void)patch(p->release, HTTP_JSON_PATCH, &body);
}

static void remove_leftovers(struct labels_part *p, const struct yaml_node *node)
{
    OWN(buf_done) struct buf body;

    buf_init(&body, LABELS_NODE_PATCH_MAX);
    if (labels_node_write_leftovers(&body, node, &p->wanted))
        (void)patch(p->leftovers, HTTP_MERGE_PATCH, &body);
}

/* Whether so long has gone since then; if not, the part looks again when it has. */
static bool is_over(struct labels_part *p, uint64_t since_ms, uint64_t limit_ms)
{
    uint64_t gone_ms = uv_now(p->g->loop) - since_ms;

    if (gone_ms < limit_ms)
        (void)uv_timer_start(&p->timer, on_timer, limit_ms - gone_ms, 0);
    return gone_ms >= limit_ms;
}

static void tell_late(struct labels_part *p)
{
    if (p->late_told || !is_over(p, p->missing_since_ms, NFD_LATE_MS))
        return;
    p->late_told = true;
    events_tell(p->g->events, true, "LabelsNotTaken",
                "Node Feature Discovery does not act on NodeFeature %s/nvidia-features-for-%s: the "
                "node is labelled directly; see that its nfd-master runs, or give carve-gateway "
                "--labels=node",
                p->g->options.namespace, p->g->options.node_name);
}

/* The node where NFD is to label it. */
static void look_with_nfd(struct labels_part *p, const struct yaml_node *node)
{
    struct labels_node_owned owned = labels_node_owned(node, &p->wanted);
    bool shows = labels_node_shows(node, &p->wanted), had_time;

    if (shows && labels_node_by_nfd(node, &p->wanted)) {
        p->missing_since_ms = 0;
        p->late_told = false;
        if (owned.entry >= 0)
            release(p, owned.entry);
        return;
    }
    if (p->missing_since_ms == 0)
        p->missing_since_ms = uv_now(p->g->loop);
    had_time = labels_feature_fails(p->feature) || is_over(p, p->missing_since_ms, NFD_ACTS_MS);
    if (owned.entry >= 0 ? !shows || owned.excess : !shows && had_time)
        (void)apply(p, &p->wanted);
    if (had_time && !labels_feature_fails(p->feature))
        tell_late(p);
}

/* Once the node has had the labels the NodeFeature goes, by which an NFD that runs undoes them. */
static void look_without_nfd(struct labels_part *p, const struct yaml_node *node)
{
    struct labels_node_owned owned = labels_node_owned(node, &p->wanted);

    p->missing_since_ms = 0;
    if (!labels_node_shows(node, &p->wanted) || owned.lacks || owned.excess) {
        if (apply(p, &p->wanted))
            labels_feature_want(p->feature, NULL);
        return;
    }
    remove_leftovers(p, node);
    labels_feature_want(p->feature, NULL);
}

/* Who may not label the node learns what is missing, once. */
static void tell_refused(struct labels_part *p)
{
    int code = node_patch_error_code(p->apply);

    if ((code != EACCES && code != EINVAL) ||
        strcmp(p->refused.msg, node_patch_error(p->apply)) == 0)
        return;
    (void)err_set(&p->refused, code, "%s", node_patch_error(p->apply));
    events_tell(p->g->events, true, "LabelsRefused", "labels of the node: %s", p->refused.msg);
}

static bool is_nfd_to_label(const struct labels_part *p)
{
    switch (p->g->options.labels) {
    case GATEWAY_LABELS_AUTO:
        return labels_feature_nfd(p->feature) == LABELS_NFD_THERE;
    case GATEWAY_LABELS_NODE_FEATURE:
        return true;
    case GATEWAY_LABELS_NODE:
    case GATEWAY_LABELS_OFF:
        break;
    }
    return false;
}

/* Only what the server says is ours: who does not want our labels may have others' there. */
static void look_off(struct labels_part *p, const struct yaml_node *node)
{
    bool applied;

    if (!p->feature || !node || labels_feature_nfd(p->feature) == LABELS_NFD_UNKNOWN)
        return;
    applied = labels_node_owned(node, &(struct labels){0}).entry >= 0;
    if (applied)
        (void)apply(p, NULL);
    labels_feature_want(p->feature, NULL);
    if (!applied && !labels_feature_is_ours(p->feature))
        labels_feature_close(TAKE(p->feature));
}

void labels_part_look(struct labels_part *p)
{
    const struct yaml_node *node = own_node_object(p->g->own_node);

    if (p->g->options.labels == GATEWAY_LABELS_OFF) {
        look_off(p, node);
        return;
    }
    make(p);
    tell_refused(p);
    if (!p->made || !node ||
        (p->g->options.labels == GATEWAY_LABELS_AUTO &&
         labels_feature_nfd(p->feature) == LABELS_NFD_UNKNOWN))
        return;
    if (!is_nfd_to_label(p)) {
        look_without_nfd(p, node);
    } else {
        labels_feature_want(p->feature, &p->wanted);
        if (!labels_feature_is_taken(p->feature))
            look_with_nfd(p, node);
    }
}

/* The end: the NodeFeature, then what we applied, then what nobody else would remove. */

static void remove_step(struct labels_part *p);

static void on_remove_timer(uv_timer_t *timer)
{
    remove_step(timer->data);
}

static void on_step(void *self, int r, const struct err *e)
{
    struct labels_part *p = self;
    bool final = r == 0 || r == -ENOENT || r == -EACCES || r == -EINVAL || r == -EFBIG;

    p->request = NULL;
    if (r < 0)
        log_event(LOG_WARNING, "labels not removed reason=\"%s\"%s", e->msg,
                  final ? "" : "; trying again");
    if (final)
        p->step = p->step == REMOVE_APPLIED && p->g->options.labels != GATEWAY_LABELS_OFF
                      ? REMOVE_LEFTOVERS
                      : REMOVE_END;
    (void)uv_timer_start(&p->timer, on_remove_timer, final ? 0 : backoff_wait_ms(&p->backoff), 0);
}

/* False: nothing is to be sent. */
static bool write_step(struct buf *body, const struct labels_part *p)
{
    const struct yaml_node *node = own_node_object(p->g->own_node);

    if (!node)
        return false;
    if (p->step == REMOVE_LEFTOVERS)
        return labels_node_write_leftovers(body, node, NULL);
    labels_node_write_apply(body, p->g->options.node_name, NULL);
    return true;
}

static void remove_step(struct labels_part *p)
{
    OWN(buf_done) struct buf body;
    struct err e = {0};
    int r;

    buf_init(&body, LABELS_NODE_PATCH_MAX);
    if (p->step == REMOVE_END || !write_step(&body, p)) {
        p->removed(p->self);
        return;
    }
    r = buf_check(&body, &e);
    if (r == 0)
        r = own_node_patch(&p->request, p->g->own_node, NULL,
                           p->step == REMOVE_APPLIED ? HTTP_APPLY : HTTP_MERGE_PATCH, body.data,
                           on_step, p, &e);
    if (r < 0)
        on_step(p, r, &e);
}

static void feature_removed(void *self)
{
    remove_step(self);
}

void labels_part_remove(struct labels_part *p, labels_part_removed *done, void *self)
{
    if (!p->feature) { /* off, and nothing is left */
        done(self);
        return;
    }
    node_patch_close(TAKE(p->apply));
    node_patch_close(TAKE(p->leftovers));
    node_patch_close(TAKE(p->release));
    p->removed = done;
    p->self = self;
    labels_feature_remove(p->feature, feature_removed, p);
}
