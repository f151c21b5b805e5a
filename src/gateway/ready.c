/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handshake with Karpenter: see ready.h. While the node has the start-up taint, finds what is
 * still missing, removes the taint once nothing is, and speaks up when that takes too long. A node
 * without the taint is none of its business, so the taint is never put back and a node that serves
 * is never called broken from here.
 */
#include "gateway/ready.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/backoff.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/text.h"
#include "config/yaml.h"
#include "gateway/choice.h"
#include "gateway/condition.h"
#include "gateway/events.h"
#include "gateway/gateway.h"
#include "gateway/link.h"
#include "gateway/mig_part.h"
#include "gateway/own_node.h"
#include "gpu/gpu.h"
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

/* What is not there yet: one CamelCase word, and words for people. reason NULL: nothing. */
struct missing {
    const char *reason;
    char words[WORDS_SIZE];
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

static void say(struct missing *m, const char *reason, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void say(struct missing *m, const char *reason, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(m->words, sizeof m->words, fmt, args);
    va_end(args);
    m->reason = reason;
}

/* Before the slices themselves can be looked at. */
static void find_unsettled(struct missing *m, const struct gateway *g)
{
    const struct node_state *s = gateway_state(g);

    if (!link_up(g->link))
        say(m, "CarvedAway", "carved does not answer: %s", link_error(g->link));
    else if (s->driver_error[0])
        say(m, "DriverError", "the driver cannot be read: %s", s->driver_error);
    else if (s->config_error[0])
        say(m, "ConfigurationError", "the configuration is refused: %s", s->config_error);
    else if (!choice_settled(g->choice))
        say(m, "ConfigurationPending",
            "the configuration that label '%s' chooses is not in force; see its Events",
            g->options.config_label);
    else if (!mig_part_settled(g->mig))
        say(m, "LayoutPending",
            "the MIG layout that label '%s' asks for is not made; see its "
            "Events and label '%s.state'",
            g->options.mig_label, g->options.mig_label);
    else if (!s->resolved)
        say(m, "HardwareUnread", "carved has not made slices of hardware and configuration yet");
}

static bool is_faulty(const struct node_state *s)
{
    for (unsigned i = 0; s->inventory && i < s->inventory->n_gpus; i++)
        if (s->inventory->gpus[i].fault[0])
            return true;
    return s->n_faults > 0;
}

static bool is_cut(const struct node_state *s)
{
    for (unsigned i = 0; s->inventory && i < s->inventory->n_gpus; i++)
        if (s->inventory->gpus[i].mig == GPU_MIG_ON)
            return true;
    return false;
}

/* A resource that has lost all its slices to a fault is not waited for, if others have some. */
static void find_in_resource(struct missing *m, const struct gateway *g,
                             const struct node_resource *r)
{
    int64_t allocatable = own_node_allocatable(g->own_node, r->name);
    uint32_t there = allocatable < 0            ? 0
                     : allocatable > UINT32_MAX ? UINT32_MAX
                                                : (uint32_t)allocatable;

    if (!r->registered)
        say(m, "NotRegistered", "the kubelet has not taken resource '%s'", r->name);
    else if (there < r->healthy)
        say(m, "NotAllocatable", "of the %u healthy slices of '%s' %u are allocatable", r->healthy,
            r->name, there);
    else if (r->slices > 0 && r->healthy == 0 && !is_faulty(gateway_state(g)))
        say(m, "NoHealthySlices", "none of the slices of '%s' is healthy", r->name);
}

/*
 * No slice at all is a mistake if a GPU is broken, or cut for MIG devices that are not there. Whole
 * GPUs that are not offered are what the configuration's patterns say.
 */
static void find_slices(struct missing *m, const struct gateway *g)
{
    const struct node_state *s = gateway_state(g);
    unsigned healthy = 0;

    for (size_t i = 0; i < s->n_resources && !m->reason; i++) {
        find_in_resource(m, g, &s->resources[i]);
        healthy += s->resources[i].healthy;
    }
    if (m->reason || healthy > 0)
        return;
    if (s->n_resources > 0)
        say(m, "NoHealthySlices", "none of the slices is healthy%s%s", s->n_faults ? ": " : "",
            s->n_faults ? s->faults[0].what : "");
    else if (is_faulty(s) || is_cut(s))
        say(m, "NoSlices", "there are no slices%s%s", s->n_notes ? ": " : "",
            s->n_notes ? s->notes[0] : "");
}

static struct missing find_missing(const struct gateway *g)
{
    struct missing m = {0};

    find_unsettled(&m, g);
    if (!m.reason)
        find_slices(&m, g);
    return m;
}

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

/*
 * Each of our taints by its place, from the last, each place tested just before: a change that
 * somebody else makes at the same time makes the server refuse the patch, and nothing is lost.
 */
static void write_patch(struct buf *patch, const struct yaml_node *taints)
{
    const char *comma = "";

    buf_char(patch, '[');
    for (size_t i = taints->count; i-- > 0;) {
        const char *key = own_node_text(taints->items[i], "key");

        if (!key || strcmp(key, GATEWAY_NOT_READY_TAINT) != 0)
            continue;
        buf_printf(patch,
                   "%s{\"op\":\"test\",\"path\":\"/spec/taints/%zu/key\",\"value\":"
                   "\"" GATEWAY_NOT_READY_TAINT "\"},"
                   "{\"op\":\"remove\",\"path\":\"/spec/taints/%zu\"}",
                   comma, i, i);
        comma = ",";
    }
    buf_char(patch, ']');
}

static void remove_taint(struct ready *p)
{
    const struct yaml_node *object = own_node_object(p->g->own_node);
    const char *version = own_node_text(own_node_at(object, "metadata", NULL), "resourceVersion");
    const struct yaml_node *taints = own_node_at(object, "spec", "taints", NULL);
    OWN(buf_done) struct buf patch = {0};
    struct err e = {0};
    int r;

    /* The same object again tells nothing new: the patch was sent, and its effect is to come. */
    if (p->request || p->waiting || (version && strcmp(version, p->version) == 0))
        return;
    list_slices(p);
    buf_init(&patch, PATCH_MAX);
    write_patch(&patch, taints);
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

static void is_late(struct ready *p, const struct missing *m)
{
    condition_not_ready(p->g->condition, m->reason, m->words);
    if (!p->late || strcmp(p->late, m->reason) != 0)
        events_tell(p->g->events, true, "SlicesLate",
                    "start-up taint " GATEWAY_NOT_READY_TAINT " stays, since after %u s: %s",
                    p->g->options.ready_deadline_ms / 1000, m->words);
    p->late = m->reason;
}

static void is_well(struct ready *p)
{
    if (p->late)
        condition_not_ready(p->g->condition, NULL, NULL);
    p->late = NULL;
}

static void judge(struct ready *p)
{
    struct missing m = find_missing(p->g);

    if (m.reason && (!p->said || strcmp(p->said, m.reason) != 0))
        log_event(LOG_INFO, "start-up taint stays for now reason=%s words=\"%s\"", m.reason,
                  m.words);
    p->said = m.reason;
    if (!m.reason)
        remove_taint(p);
    if (!m.reason && p->error.code)
        say(&m, "TaintNotRemoved", "the start-up taint cannot be removed: %s", p->error.msg);
    if (!m.reason)
        is_well(p);
    else if (uv_now(p->g->loop) - p->since_ms >= p->g->options.ready_deadline_ms)
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
