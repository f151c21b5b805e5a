/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events about this node, one request after the other: see events.h. Each lies in a table until it
 * is written; what is told again meanwhile costs no request of its own. Events about nodes live in
 * the namespace "default", which the API server insists on.
 */
#include "gateway/events.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <uv.h>

#include "api/backoff.h"
#include "api/http.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "base/utf8.h"
#include "gateway/gateway.h"
#include "gateway/own_node.h"

#define PATH "/api/v1/namespaces/default/events"

enum {
    ENTRIES = 32,
    REASON_SIZE = 64,
    NOTE_SIZE = 1024, /* what newer versions of the API allow */
    NAME_SIZE = 253,  /* of an object */
    BODY_MAX = 16 << 10,
    TOGETHER_MS = 3600 * 1000, /* the same is counted on one Event for so long */
    APART_MS = 5 * 1000,       /* at least, between two counts of one Event */
    PACE_MS = 10 * 1000,       /* between two requests of any, */
    BURST = 25,                /* but so many may come at once */
    GIVE_UP_MS = 10 * 60 * 1000,
    FIRST_MS = 500,
    LAST_MS = 60 * 1000,
    TIMEOUT_MS = 15 * 1000,
};

/* One thing told. Times in ms are the loop's; count 0: the place is free. */
struct entry {
    bool warning;
    bool exists; /* at the server */
    char reason[REASON_SIZE], note[NOTE_SIZE], name[NAME_SIZE];
    unsigned count, written;
    time_t first, last;
    uint64_t first_ms;
    uint64_t dirty_ms;   /* since when there is something to write */
    uint64_t written_ms; /* last */
};

struct events {
    struct gateway *g;
    uv_timer_t timer; /* waits after a failure, or until a count may be written */
    struct backoff backoff;
    struct http_request *request;
    struct entry *sending; /* by that request */
    unsigned sent;         /* its count */
    bool waiting;          /* after a failure */
    bool refused;          /* said in the log */
    uint64_t paced_ms;     /* the loop's time at which all requests so far would be in pace */
    struct entry entries[ENTRIES];
};

static void push(struct events *v);

static bool dirty(const struct entry *t)
{
    return t->count > t->written;
}

static void time_came(uv_timer_t *timer)
{
    struct events *v = timer->data;

    v->waiting = false;
    push(v);
}

static const char *print_time(char text[32], time_t when)
{
    struct tm tm;

    if (!gmtime_r(&when, &tm) || strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        (void)text_copy(text, 32, "1970-01-01T00:00:00Z");
    return text;
}

/* By chance and not by time, which may be anything and the same twice. */
static void make_name(struct events *v, struct entry *t)
{
    uint64_t chance = 0;

    if (getrandom(&chance, sizeof chance, GRND_NONBLOCK) != (ssize_t)sizeof chance)
        chance = uv_hrtime();
    (void)snprintf(t->name, sizeof t->name, "%.230s.%016llx", v->g->options.node_name,
                   (unsigned long long)chance);
    t->exists = false;
}

static void write_object(struct events *v, struct json *j, const struct entry *t)
{
    const char *node = v->g->options.node_name;
    const char *pod = v->g->options.pod_name;
    const char *uid = own_node_uid(v->g->own_node);
    char when[32];

    json_string(j, "apiVersion", "v1");
    json_string(j, "kind", "Event");
    json_object(j, "metadata");
    json_string(j, "name", t->name);
    json_string(j, "namespace", "default");
    json_object_end(j);
    json_object(j, "involvedObject");
    json_string(j, "apiVersion", "v1");
    json_string(j, "kind", "Node");
    json_string(j, "name", node);
    json_string(j, "uid", uid ? uid : node);
    json_object_end(j);
    json_string(j, "type", t->warning ? "Warning" : "Normal");
    json_string(j, "reason", t->reason);
    json_string(j, "message", t->note);
    json_object(j, "source");
    json_string(j, "component", GATEWAY_MANAGER);
    json_string(j, "host", node);
    json_object_end(j);
    json_string(j, "reportingComponent", GATEWAY_MANAGER);
    json_string(j, "reportingInstance", pod ? pod : node);
    json_string(j, "firstTimestamp", print_time(when, t->first));
}

/* The Event itself, or (it exists) the merge patch that counts on it. */
static void write_body(struct events *v, struct buf *body, const struct entry *t)
{
    struct json j;
    char when[32];

    json_init(&j, body, 0);
    json_object(&j, NULL);
    if (!t->exists)
        write_object(v, &j, t);
    json_string(&j, "lastTimestamp", print_time(when, t->last));
    json_uint(&j, "count", t->count);
    json_object_end(&j);
}

static void drop(struct events *v, struct entry *t, const char *why)
{
    if (!v->refused)
        log_event(LOG_WARNING, "cannot write Events, leaving out reason=%s words=\"%s\"", t->reason,
                  why);
    t->written = t->count;
}

static void wait_more(struct events *v, unsigned least_ms)
{
    unsigned wait_ms = backoff_wait_ms(&v->backoff);

    v->waiting = true;
    (void)uv_timer_start(&v->timer, time_came, wait_ms > least_ms ? wait_ms : least_ms, 0);
}

static void written(struct events *v, struct entry *t)
{
    v->refused = false;
    backoff_clear(&v->backoff);
    t->exists = true;
    t->written = v->sent;
    t->written_ms = t->dirty_ms = uv_now(v->g->loop);
}

static void done(void *self, int r, const struct err *e)
{
    struct events *v = self;
    struct entry *t = TAKE(v->sending);
    unsigned least_ms = http_retry_after_ms(v->request);

    v->request = NULL;
    if (r == 0) {
        written(v, t);
    } else if (r == -EACCES || r == -EINVAL || (r == -ENOENT && !t->exists)) {
        drop(v, t, e->msg);
        v->refused = true;
    } else {
        if (r == -ENOENT)
            make_name(v, t); /* it has expired meanwhile */
        else if (r == -EEXIST)
            t->exists = true; /* made by a request of ours whose answer was lost */
        if (uv_now(v->g->loop) - t->dirty_ms > GIVE_UP_MS)
            drop(v, t, e->msg);
        wait_more(v, least_ms);
    }
    push(v);
}

static void send_entry(struct events *v, struct entry *t)
{
    OWN(buf_done) struct buf body;
    char path[sizeof PATH + NAME_SIZE + 32];
    struct err e = {0};
    struct http_question question = {
        .method = t->exists ? "PATCH" : "POST",
        .path = path,
        .content = t->exists ? HTTP_MERGE_PATCH : HTTP_JSON,
        .timeout_ms = TIMEOUT_MS,
        .done = done,
        .self = v,
    };
    int r;

    buf_init(&body, BODY_MAX);
    write_body(v, &body, t);
    (void)snprintf(path, sizeof path, PATH "%s%s?fieldManager=" GATEWAY_MANAGER,
                   t->exists ? "/" : "", t->exists ? t->name : "");
    r = buf_check(&body, &e);
    question.body = body.data;
    question.size = body.size;
    if (r == 0)
        r = http_send(&v->request, v->g->http, &question, &e);
    if (r < 0) {
        drop(v, t, e.msg);
        return;
    }
    v->sending = t;
    v->sent = t->count;
    v->paced_ms = (v->paced_ms > uv_now(v->g->loop) ? v->paced_ms : uv_now(v->g->loop)) + PACE_MS;
}

/* When this entry may be written: now, or that many ms from now. */
static uint64_t due_in(const struct events *v, const struct entry *t)
{
    uint64_t now = uv_now(v->g->loop);
    uint64_t early = now + (uint64_t)BURST * PACE_MS;
    uint64_t by_pace = v->paced_ms > early ? v->paced_ms - early : 0;
    uint64_t next = t->written_ms + APART_MS;
    uint64_t by_entry = t->written > 0 && next > now ? next - now : 0;

    return by_pace > by_entry ? by_pace : by_entry;
}

/* Writes the oldest that may be written now, if the line is free. */
static void push(struct events *v)
{
    uint64_t soonest = UINT64_MAX;
    struct entry *next = NULL;

    if (v->request || v->waiting)
        return;
    for (size_t i = 0; i < ENTRIES; i++) {
        struct entry *t = &v->entries[i];
        uint64_t in_ms = due_in(v, t);

        if (!dirty(t))
            continue;
        if (in_ms < soonest)
            soonest = in_ms;
        if (in_ms == 0 && (!next || t->dirty_ms < next->dirty_ms))
            next = t;
    }
    if (next)
        send_entry(v, next);
    else if (soonest != UINT64_MAX)
        (void)uv_timer_start(&v->timer, time_came, soonest, 0);
}

static struct entry *find(struct events *v, bool warning, const char *reason, const char *note)
{
    for (size_t i = 0; i < ENTRIES; i++) {
        struct entry *t = &v->entries[i];

        if (t->count > 0 && t->warning == warning && strcmp(t->reason, reason) == 0 &&
            strcmp(t->note, note) == 0 && uv_now(v->g->loop) - t->first_ms < TOGETHER_MS)
            return t;
    }
    return NULL;
}

/* A free place, else that of the oldest that is written, else that of the oldest. */
static struct entry *make_room(struct events *v)
{
    struct entry *oldest = &v->entries[v->sending == v->entries ? 1 : 0];

    for (size_t i = 0; i < ENTRIES; i++) {
        struct entry *t = &v->entries[i];

        if (t->count == 0)
            return t;
        if (t != v->sending && ((dirty(oldest) && !dirty(t)) ||
                                (dirty(oldest) == dirty(t) && t->first_ms < oldest->first_ms)))
            oldest = t;
    }
    if (dirty(oldest))
        drop(v, oldest, "too many at once");
    return oldest;
}

void events_tell(struct events *v, bool warning, const char *reason, const char *fmt, ...)
{
    char note[NOTE_SIZE];
    struct entry *t;
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(note, sizeof note, fmt, args);
    va_end(args);
    utf8_clean(note); /* also where it was cut */
    log_event(warning ? LOG_WARNING : LOG_INFO, "%s event=%s", note, reason);
    t = find(v, warning, reason, note);
    if (!t) {
        t = make_room(v);
        *t =
            (struct entry){.warning = warning, .first = time(NULL), .first_ms = uv_now(v->g->loop)};
        (void)TEXT_COPY(t->reason, reason);
        (void)TEXT_COPY(t->note, note);
        make_name(v, t);
    }
    if (!dirty(t))
        t->dirty_ms = uv_now(v->g->loop);
    t->count++;
    t->last = time(NULL);
    push(v);
}

int events_open(struct events **out, struct gateway *g, struct err *e)
{
    struct events *v = calloc(1, sizeof *v);

    if (!v)
        return err_memory(e);
    v->g = g;
    v->backoff = (struct backoff){.first_ms = FIRST_MS, .last_ms = LAST_MS};
    (void)uv_timer_init(g->loop, &v->timer);
    v->timer.data = v;
    *out = v;
    return 0;
}

static void closed(uv_handle_t *handle)
{
    free(handle->data);
}

void events_close(struct events *v)
{
    if (!v)
        return;
    if (v->request)
        http_cancel(TAKE(v->request));
    uv_close((uv_handle_t *)&v->timer, closed);
}
