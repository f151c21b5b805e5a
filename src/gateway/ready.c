/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handshake with Karpenter: see ready.h. While the node has the start-up taint, finds what is
 * still missing (ready_missing.h), removes the taint once nothing is, and speaks up when that takes
 * too long, or at once when waiting is in vain. A node
 * without the taint is none of its business, so the taint is never put back and a node that serves
 * is never called broken from here.
 */
#include "gateway/ready.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/backoff.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/text.h"
#include "config/yaml.h"
#include "config/yaml_at.h"
#include "gateway/condition.h"
#include "gateway/events.h"
#include "gateway/gateway.h"
#include "gateway/node_taint.h"
#include "gateway/own_node.h"
#include "gateway/ready_missing.h"
#include "node/node_state.h"

enum {
    UID_SIZE = 64,
    VERSION_SIZE = 64,
    WORDS_SIZE = 512,
    NOTE_MAX = 900, /* bytes of the list of resources */
    PATCH_MAX = 16 << 10,
    FIRST_MS = 100,
    LAST_MS = 60 * 1000,
};

struct ready {
    struct gateway *g;
    uv_timer_t deadline, retry;
    unsigned n_handles;
    struct backoff backoff;
    struct http_request *request;
    bool waiting;               /* after a patch that failed */
    bool seen;                  /* the node's object, at least once */
    bool tainted;               /* when it was seen last */
    uint64_t since_ms;          /* from when the deadline counts; the loop's time */
    char uid[UID_SIZE];         /* of the object seen last */
    char version[VERSION_SIZE]; /* of the object that the last patch was made for */
    char note[WORDS_SIZE * 2];  /* what the Event will say if that succeeds */
    const char *said;           /* the reason in the log */
    const char *late;           /* the reason that condition and Event were told; NULL: none */
    struct err error;           /* why the last patch failed */
};

/* "nvidia.com/gpu 80, nvidia.com/mig-1g.5gb 7", for the Event. */
static void list_slices(struct ready *p)
{
    const struct node_state *s = gateway_state(p->g);
    OWN(buf_done) struct buf list;

    buf_init(&list, (size_t)NOTE_MAX * 2);
    for (size_t i = 0; i < s->n_resources && list.size < NOTE_MAX; i++)
        buf_printf(&list, "%s%s %u", i ? ", " : "", s->resources[i].name, s->resources[i].healthy);
    if (s->n_resources == 0)
        buf_text(&list, "the configuration gives this node no slices");
    (void)TEXT_COPY(p->note, list.data ? list.data : "");
}

static void retry_came(uv_timer_t *timer)
{
    struct ready *p = timer->data;

    p->waiting = false;
    p->version[0] = '\0';
    gateway_changed(p->g);
}

static void deadline_came(uv_timer_t *timer)
{
    struct ready *p = timer->data;

    gateway_changed(p->g);
}

static void patched(void *self, int r, const struct err *e)
{
    struct ready *p = self;

    p->request = NULL;
    if (r == 0) {
        backoff_clear(&p->backoff);
        p->error = (struct err){0};
        events_tell(p->g->events, false, "SlicesReady",
                    "start-up taint " GATEWAY_NOT_READY_TAINT " removed: %s", p->note);
        return;
    }
    /* -EINVAL: the taints are not the ones that we know any more; the newer object is on its way.
     */
    if (r != -EINVAL || p->error.code == EINVAL)
        log_event(LOG_WARNING, "cannot remove the start-up taint, trying again reason=\"%s\"",
                  e->msg);
    p->error = *e;
    p->waiting = true;
    (void)uv_timer_start(&p->retry, retry_came, backoff_wait_ms(&p->backoff), 0);
    gateway_changed(p->g);
}

static void remove_taint(struct ready *p)
{
    const struct yaml_node *object = own_node_object(p->g->own_node);
    const char *version = yaml_text(yaml_at(object, "metadata", NULL), "resourceVersion");
    const struct yaml_node *taints = yaml_at(object, "spec", "taints", NULL);
    OWN(buf_done) struct buf patch = {0};
    struct err e = {0};
    int r;

    /* The same object again tells nothing new: the patch was sent, and its effect is to come. */
    if (p->request || p->waiting || (version && strcmp(version, p->version) == 0))
        return;
    list_slices(p);
    buf_init(&patch, PATCH_MAX);
    node_taint_write_removed(&patch, taints, GATEWAY_NOT_READY_TAINT, NULL);
    r = buf_check(&patch, &e);
    if (r == 0)
        r = own_node_patch(&p->request, p->g->own_node, NULL, HTTP_JSON_PATCH, patch.data, patched,
                           p, &e);
    if (r < 0)
        patched(p, r, &e);
    else
        (void)TEXT_COPY(p->version, version ? version : "");
}

/* From when the deadline counts: our start, or when a new node or a new taint was seen. */
static void begin(struct ready *p)
{
    const char *uid = own_node_uid(p->g->own_node);
    bool new_node = p->seen && strcmp(p->uid, uid ? uid : "") != 0;

    if (!p->seen)
        p->since_ms = p->g->started_ms;
    else if (new_node || !p->tainted)
        p->since_ms = uv_now(p->g->loop);
    else
        return;
    (void)uv_timer_start(&p->deadline, deadline_came,
                         p->since_ms + p->g->options.ready_deadline_ms > uv_now(p->g->loop)
                             ? p->since_ms + p->g->options.ready_deadline_ms - uv_now(p->g->loop)
                             : 0,
                         0);
    (void)TEXT_COPY(p->uid, uid ? uid : "");
}

static void is_late(struct ready *p, const struct ready_missing *m)
{
    bool news = !p->late || strcmp(p->late, m->reason) != 0;

    condition_not_ready(p->g->condition, m->reason, m->words);
    p->late = m->reason;
    if (news && m->for_good)
        events_tell(p->g->events, true, "SlicesFailed",
                    "start-up taint " GATEWAY_NOT_READY_TAINT " stays until this is mended: %s",
                    m->words);
    else if (news)
        events_tell(p->g->events, true, "SlicesLate",
                    "start-up taint " GATEWAY_NOT_READY_TAINT " stays, since after %u s: %s",
                    p->g->options.ready_deadline_ms / 1000, m->words);
}

static void is_well(struct ready *p)
{
    if (p->late)
        condition_not_ready(p->g->condition, NULL, NULL);
    p->late = NULL;
}

static void cannot_remove(struct ready_missing *m, const struct err *e)
{
    m->reason = "TaintNotRemoved";
    (void)snprintf(m->words, sizeof m->words, "the start-up taint cannot be removed: %s", e->msg);
}

static bool is_over(const struct ready *p)
{
    return uv_now(p->g->loop) - p->since_ms >= p->g->options.ready_deadline_ms;
}

static void judge(struct ready *p)
{
    struct ready_missing m = ready_missing_find(p->g);

    if (m.reason && (!p->said || strcmp(p->said, m.reason) != 0))
        log_event(LOG_INFO, "start-up taint stays for now reason=%s words=\"%s\"", m.reason,
                  m.words);
    p->said = m.reason;
    if (!m.reason)
        remove_taint(p);
    if (!m.reason && p->error.code)
        cannot_remove(&m, &p->error);
    condition_waits(p->g->condition, m.reason != NULL);
    if (!m.reason)
        is_well(p);
    else if (m.for_good || is_over(p))
        is_late(p, &m);
}

void ready_look(struct ready *p)
{
    bool tainted;

    if (!own_node_object(p->g->own_node))
        return;
    tainted = own_node_taint(p->g->own_node, GATEWAY_NOT_READY_TAINT, NULL);
    if (tainted)
        begin(p);
    p->seen = true;
    p->tainted = tainted;
    if (tainted) {
        judge(p);
    } else {
        (void)uv_timer_stop(&p->deadline);
        p->error = (struct err){0};
        condition_waits(p->g->condition, false);
        is_well(p);
    }
}

int ready_open(struct ready **out, struct gateway *g, struct err *e)
{
    struct ready *p = calloc(1, sizeof *p);

    if (!p)
        return err_memory(e);
    p->g = g;
    p->backoff = (struct backoff){.first_ms = FIRST_MS, .last_ms = LAST_MS};
    (void)uv_timer_init(g->loop, &p->deadline);
    (void)uv_timer_init(g->loop, &p->retry);
    p->deadline.data = p->retry.data = p;
    p->n_handles = 2;
    *out = p;
    return 0;
}

static void closed(uv_handle_t *handle)
{
    struct ready *p = handle->data;

    if (--p->n_handles == 0)
        free(p);
}

void ready_close(struct ready *p)
{
    if (!p)
        return;
    if (p->request)
        http_cancel(TAKE(p->request));
    uv_close((uv_handle_t *)&p->deadline, closed);
    uv_close((uv_handle_t *)&p->retry, closed);
}

/* The taint belongs to those who start nodes; there is nothing to take back. */
void ready_remove(struct ready *p, ready_removed *done, void *self)
{
    (void)p;
    done(self);
}
