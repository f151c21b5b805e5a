/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches: see watch.h. One request at a time: the pages of a list, then the watch from the list's
 * version on, then the watch again from the last version seen. Between two requests the timer
 * waits.
 */
#include "api/watch.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/random.h>
#include <uv.h>

#include "api/backoff.h"
#include "api/http.h"
#include "api/member.h"
#include "api/name_set.h"
#include "api/objects.h"
#include "base/err.h"
#include "base/utf8.h"
#include "config/yaml_at.h"

enum {
    PAGE = 500,
    PAGES_MAX = 2 * NAME_SET_MAX / PAGE, /* pages may be shorter */
    FIRST_WAIT_MS = 500,
    LAST_WAIT_MS = 30 * 1000,
    LONG_WAIT_MS = 5 * 60 * 1000, /* for what will not be better soon */
    WATCH_MIN_S = 30 * 60,
    WATCH_MAX_S = 60 * 60,
    WATCH_GOOD_MS = 10 * 1000, /* one that lasted so long was none in vain */
    STALL_MS = 5 * 60 * 1000,  /* bookmarks come every minute */
};

struct watch {
    struct http *http;
    char *path;
    struct watch_handlers handlers;
    uv_timer_t timer; /* until the next request */
    struct http_request *request;
    struct backoff backoff;
    struct objects *objects; /* of the request's answer */
    struct name_set names;
    char *version;     /* to watch from; NULL: a list comes first */
    char *more;        /* token of the list's next page; NULL: from the start */
    unsigned pages;    /* of this list so far */
    uint64_t begun_ms; /* of the watch's answer, the loop's time; 0: not yet */
    int told;          /* to `reachable` last; 1: nothing yet */
    int code;          /* of a failure inside an object or event */
    struct err err;
    bool closed;
};

static void on_timer(uv_timer_t *timer);

static void tell(struct watch *w, int r, const struct err *e)
{
    if (w->told == r || w->closed)
        return;
    w->told = r;
    w->handlers.reachable(w->handlers.self, r, e);
}

static void wait_ms(struct watch *w, unsigned ms)
{
    if (!w->closed)
        (void)uv_timer_start(&w->timer, on_timer, ms, 0);
}

/* Again later, from `version` on if there is one. */
static void retry(struct watch *w, int code, unsigned least_ms)
{
    unsigned ms = backoff_wait_ms(&w->backoff);

    if (code == -ENOENT || code == -EFBIG) {
        struct backoff far = {.first_ms = LONG_WAIT_MS, .last_ms = LONG_WAIT_MS};

        ms = backoff_wait_ms(&far);
    }
    if (least_ms > LONG_WAIT_MS)
        least_ms = LONG_WAIT_MS;
    wait_ms(w, ms > least_ms ? ms : least_ms);
}

static void forget_place(struct watch *w)
{
    free(TAKE(w->version));
    free(TAKE(w->more));
}

/*
 * A list comes next where the place is too old, where the collection is gone and where the server
 * cannot read what it called a version; else the place is kept.
 */
static void fail(struct watch *w, int code, const struct err *e, unsigned least_ms)
{
    if (code == -ESTALE || code == -ENOENT || (code == -EINVAL && w->begun_ms == 0))
        forget_place(w);
    if (code != -ESTALE)
        tell(w, code, e);
    retry(w, code, least_ms);
}

/* Hands an object on; its name is noted. */
static int put(struct watch *w, struct yaml_doc *object, struct err *e)
{
    OWN(yaml_doc_freep) struct yaml_doc *mine = object;
    const struct yaml_node *meta = yaml_at(mine->root, "metadata", NULL);
    const char *name = member_text(meta, "name"), *space = member_text(meta, "namespace");
    int r;

    if (!name)
        return err_set(e, EINVAL, "%s%s: an object without a name", http_server(w->http), w->path);
    r = name_set_put(&w->names, space ? space : "", name, e);
    if (r < 0)
        return err_wrap(e, "%s%s", http_server(w->http), w->path);
    w->handlers.put(w->handlers.self, TAKE(mine));
    return 0;
}

/* The server ends the watch with words of its own. */
static int refused(const struct watch *w, const struct yaml_doc *status, struct err *e)
{
    const char *words = member_text(status->root, "message");
    const char *number = member_text(status->root, "code");
    int code = number && strcmp(number, "410") == 0 ? ESTALE : EREMOTEIO;

    (void)err_set(e, code, "%s%s: %s", http_server(w->http), w->path,
                  words ? words : "watch refused");
    utf8_clean(e->msg);
    return -code;
}

/* An object has come, changed or gone. */
static int act(struct watch *w, const char *type, struct yaml_doc *object, struct err *e)
{
    OWN(yaml_doc_freep) struct yaml_doc *mine = object;
    const struct yaml_node *meta = yaml_at(mine->root, "metadata", NULL);
    const char *name = member_text(meta, "name"), *space = member_text(meta, "namespace");

    if (strcmp(type, "BOOKMARK") == 0)
        return 0;
    if (strcmp(type, "ADDED") == 0 || strcmp(type, "MODIFIED") == 0)
        return put(w, TAKE(mine), e);
    if (strcmp(type, "DELETED") != 0 || !name)
        return err_set(e, EINVAL, "%s%s: an event that is none", http_server(w->http), w->path);
    space = space ? space : "";
    name_set_remove(&w->names, space, name);
    w->handlers.gone(w->handlers.self, space, name);
    return 0;
}

/* The version counts once the event has been told. */
static int take_event(struct watch *w, const char *type, struct yaml_doc *object, struct err *e)
{
    OWN(yaml_doc_freep) struct yaml_doc *mine = object;
    const char *text = member_text(yaml_at(mine->root, "metadata", NULL), "resourceVersion");
    OWN_MEM char *version = text ? strdup(text) : NULL;
    int r;

    if (strcmp(type, "ERROR") == 0)
        return refused(w, mine, e);
    if (!text)
        return err_set(e, EINVAL, "%s%s: an event without a version", http_server(w->http),
                       w->path);
    if (!version)
        return err_memory(e);
    r = act(w, type, TAKE(mine), e);
    if (r < 0)
        return r;
    free(w->version);
    w->version = TAKE(version);
    return 0;
}

static bool on_object(void *self, struct yaml_doc *object)
{
    struct watch *w = self;

    w->code = put(w, object, &w->err);
    return w->code == 0 && !w->closed;
}

static bool on_event(void *self, const char *type, struct yaml_doc *object)
{
    struct watch *w = self;

    w->code = take_event(w, type, object, &w->err);
    return w->code == 0 && !w->closed;
}

static int on_data(void *self, const char *data, size_t size, struct err *e)
{
    struct watch *w = self;
    int r = objects_feed(w->objects, data, size, e);

    if (w->code < 0) {
        *e = w->err;
        return w->code;
    }
    return r < 0 ? err_wrap(e, "%s%s", http_server(w->http), w->path) : 0;
}

static void on_begun(void *self)
{
    struct watch *w = self;

    w->begun_ms = uv_now(w->timer.loop);
    tell(w, 0, NULL);
}

/* The request is over. How long the server asks to be left alone. */
static unsigned end_request(struct watch *w)
{
    return http_retry_after_ms(TAKE(w->request));
}

static void on_watched(void *self, int r, const struct err *e)
{
    struct watch *w = self;
    unsigned least_ms = end_request(w);

    objects_free(TAKE(w->objects));
    if (w->begun_ms > 0 && uv_now(w->timer.loop) - w->begun_ms >= WATCH_GOOD_MS)
        backoff_clear(&w->backoff);
    if (w->begun_ms > 0 && (r == 0 || r == -EHOSTUNREACH || r == -ETIMEDOUT))
        retry(w, 0, 0); /* the end that every watch has, or a cut */
    else
        fail(w, r, e, least_ms);
}

/* All pages have come. */
static int settle(struct watch *w, struct err *e)
{
    const char *version = objects_version(w->objects);
    char *gone;

    if (!version || !*version)
        return err_set(e, EINVAL, "%s%s: a list without a version", http_server(w->http), w->path);
    w->version = strdup(version);
    if (!w->version)
        return err_memory(e);
    while (!w->closed && (gone = name_set_take_unseen(&w->names))) {
        size_t namespace_size = strcspn(gone, "/");

        gone[namespace_size] = '\0';
        w->handlers.gone(w->handlers.self, gone, gone + namespace_size + 1);
        free(gone);
    }
    if (!w->closed)
        w->handlers.synced(w->handlers.self);
    return 0;
}

/* A page has come as a whole. */
static int turn_page(struct watch *w, struct err *e)
{
    int r = objects_end(w->objects, &w->more, e);

    if (r < 0)
        return err_wrap(e, "%s%s", http_server(w->http), w->path);
    if (!w->more)
        return settle(w, e);
    if (++w->pages < PAGES_MAX)
        return 0;
    return err_set(e, EFBIG, "%s%s: a list without end", http_server(w->http), w->path);
}

static void ask(struct watch *w);

static void on_listed(void *self, int r, const struct err *e)
{
    struct watch *w = self;
    struct err mine = {0};
    unsigned least_ms = end_request(w);

    free(TAKE(w->more));
    if (r == 0) {
        r = turn_page(w, &mine);
        e = &mine;
    }
    objects_free(TAKE(w->objects));
    if (w->closed)
        return;
    if (r == 0) {
        ask(w);
        return;
    }
    forget_place(w);
    fail(w, r, e, least_ms);
}

/* Evenly out of the allowed times, so that nodes do not come in step. */
static unsigned watch_time_s(void)
{
    unsigned value = 0;

    if (getrandom(&value, sizeof value, GRND_NONBLOCK) != (ssize_t)sizeof value)
        return WATCH_MIN_S;
    return WATCH_MIN_S + value % (WATCH_MAX_S - WATCH_MIN_S + 1);
}

/* The path with what list or watch needs behind it (free() it); NULL without memory. */
static char *address_of(const struct watch *w)
{
    const char *place = w->version ? w->version : w->more;
    char *escaped = curl_easy_escape(NULL, place ? place : "", 0), *address;
    char sign = strchr(w->path, '?') ? '&' : '?';
    int n;

    if (!escaped)
        return NULL;
    if (w->version)
        n = asprintf(&address,
                     "%s%cwatch=true&allowWatchBookmarks=true&resourceVersion=%s&timeoutSeconds=%u",
                     w->path, sign, escaped, watch_time_s());
    else
        n = asprintf(&address, "%s%climit=%d%s%s", w->path, sign, PAGE, w->more ? "&continue=" : "",
                     escaped);
    curl_free(escaped);
    return n < 0 ? NULL : address;
}

static int open_objects(struct watch *w, struct err *e)
{
    int r = w->version ? objects_open_events(&w->objects, on_event, w, e)
                       : objects_open(&w->objects, on_object, w, e);

    if (r == 0 && w->handlers.skip)
        objects_skip(w->objects, w->handlers.skip);
    return r;
}

static int send_next(struct watch *w, struct err *e)
{
    OWN_MEM char *address = address_of(w);
    struct http_question question = {.method = "GET",
                                     .path = address,
                                     .stall_ms = w->version ? STALL_MS : 0,
                                     .begun = on_begun,
                                     .data = on_data,
                                     .done = w->version ? on_watched : on_listed,
                                     .self = w};
    int r = address ? open_objects(w, e) : err_memory(e);

    if (r == 0)
        r = http_send(&w->request, w->http, &question, e);
    if (r < 0)
        objects_free(TAKE(w->objects));
    return r;
}

/* The next request. */
static void ask(struct watch *w)
{
    struct err e = {0};
    int r;

    w->code = 0;
    w->begun_ms = 0;
    if (!w->version && !w->more) {
        name_set_begin(&w->names);
        w->pages = 0;
    }
    r = send_next(w, &e);
    if (r < 0)
        fail(w, r, &e, 0);
}

static void on_timer(uv_timer_t *timer)
{
    ask(timer->data);
}

int watch_open(struct watch **out, struct http *h, const char *path,
               const struct watch_handlers *handlers, struct err *e)
{
    struct watch *w = calloc(1, sizeof *w);

    if (w)
        w->path = strdup(path);
    if (!w || !w->path) {
        free(w);
        return err_memory(e);
    }
    w->http = h;
    w->handlers = *handlers;
    w->backoff = (struct backoff){.first_ms = FIRST_WAIT_MS, .last_ms = LAST_WAIT_MS};
    w->told = 1;
    (void)uv_timer_init(http_loop(h), &w->timer);
    w->timer.data = w;
    wait_ms(w, 0);
    *out = w;
    return 0;
}

/* No longer inside a handler, as watch_close() may have been. */
static void on_closed(uv_handle_t *handle)
{
    struct watch *w = handle->data;

    objects_free(w->objects);
    name_set_done(&w->names);
    forget_place(w);
    free(w->path);
    free(w);
}

void watch_close(struct watch *w)
{
    if (!w || w->closed)
        return;
    w->closed = true;
    if (w->request)
        http_cancel(w->request);
    w->request = NULL;
    uv_close((uv_handle_t *)&w->timer, on_closed);
}
