/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests on the loop: see http.h. A list of those under way, with one timer that looks for silent
 * and late ones. While a connection is being made further requests are held, so that they share it
 * where the server can do that. Sockets are transfers.c's, a request's settings http_handle.c's.
 */
#include "api/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "api/access.h"
#include "api/connection.h"
#include "api/http_handle.h"
#include "api/transfers.h"
#include "base/buf.h"
#include "base/err.h"

enum {
    REQUESTS_MAX = 64,
    REFUSAL_MAX_BYTES = 64 << 10, /* of what a server says instead of 2xx */
    TOKEN_MS = 60 * 1000,
    STALL_MS = 30 * 1000,
    RETRY_AFTER_MAX_S = 3600,
};

struct http {
    uv_loop_t *loop;
    struct connection connection;
    struct transfers *transfers;
    uv_timer_t watchdog;
    struct http_request *requests;
    unsigned n_requests;
    uint64_t token_ms; /* when the token was read */
    bool token_doubted;
    bool closing;
};

struct http_request {
    struct http *http;
    struct http_request *next, *previous;
    struct http_handle handle;
    char *path;                  /* without a query, for words */
    bool held;                   /* not libcurl's yet */
    uint64_t begun_ms, heard_ms; /* the loop's time */
    unsigned timeout_ms, stall_ms;
    http_begun *begun; /* the three are NULL once it was canceled */
    http_data *data;
    http_done *done;
    void *self;
    struct buf refusal;
    bool canceled, over;
    bool silent; /* given up by the watchdog, with err */
    int code;    /* of `data` */
    struct err err;
};

const char *http_server(const struct http *h)
{
    return h->connection.access->server;
}

uv_loop_t *http_loop(const struct http *h)
{
    return h->loop;
}

static long status_of(const struct http_request *r)
{
    long status = 0;

    (void)curl_easy_getinfo(r->handle.curl, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

static bool is_success(long status)
{
    return status >= 200 && status < 300;
}

static void request_free(struct http_request *r)
{
    http_handle_close(&r->handle);
    buf_done(&r->refusal);
    free(r->path);
    free(r);
}

/* Out of libcurl and of the list. */
static void unlink_request(struct http_request *r)
{
    struct http *h = r->http;

    if (!r->held)
        transfers_remove(h->transfers, r->handle.curl);
    if (r->previous)
        r->previous->next = r->next;
    else
        h->requests = r->next;
    if (r->next)
        r->next->previous = r->previous;
    h->n_requests--;
}

static void finish(struct http_request *r, int code)
{
    unlink_request(r);
    r->over = true;
    if (r->done)
        r->done(r->self, code, &r->err);
    request_free(r);
}

/* What became of a request that libcurl is done with. */
static int judge(struct http_request *r, CURLcode result)
{
    const struct connection *c = &r->http->connection;
    long status = status_of(r);

    if (r->code < 0)
        return r->code;
    if (result != CURLE_OK)
        return connection_failed(c, result, r->handle.words, &r->err);
    if (is_success(status))
        return 0;
    if (status == 401)
        r->http->token_doubted = true;
    return connection_refused(c, r->path, status, r->refusal.data, r->refusal.size, &r->err);
}

/* Whether a connection is being made: some are with libcurl, and none has got as far as sending. */
static bool is_connecting(const struct http *h)
{
    bool any = false;

    for (const struct http_request *r = h->requests; r; r = r->next) {
        long sent_bytes = 0;

        if (r->held)
            continue;
        any = true;
        (void)curl_easy_getinfo(r->handle.curl, CURLINFO_REQUEST_SIZE, &sent_bytes);
        if (sent_bytes > 0 || status_of(r) > 0)
            return false;
    }
    return any;
}

/* The one that waits longest. */
static struct http_request *find_held(const struct http *h)
{
    struct http_request *found = NULL;

    for (struct http_request *r = h->requests; r; r = r->next)
        if (r->held)
            found = r;
    return found;
}

/*
 * Those that were held go, or where there is no connection the first of them makes one. All at once
 * where the attempt has `failed`, or they would wait for each other's.
 */
static void release(struct http *h, bool failed)
{
    struct http_request *r;

    while (!h->closing && (failed || !is_connecting(h)) && (r = find_held(h))) {
        int code = transfers_add(h->transfers, r->handle.curl, &r->err);

        r->held = code < 0;
        if (code < 0)
            finish(r, code);
    }
}

static struct http_request *find_canceled(const struct http *h)
{
    struct http_request *r = h->requests;

    while (r && !r->canceled)
        r = r->next;
    return r;
}

static void on_turn(void *self)
{
    struct http *h = self;
    struct http_request *r;
    bool failed = false;
    CURLcode result;
    CURL *curl;

    while (!h->closing && (r = find_canceled(h))) {
        unlink_request(r);
        request_free(r);
    }
    while (!h->closing && (curl = transfers_next(h->transfers, &result))) {
        (void)curl_easy_getinfo(curl, CURLINFO_PRIVATE, (char **)&r);
        failed = failed || result != CURLE_OK;
        finish(r, judge(r, result));
    }
    release(h, failed);
}

static size_t on_header(char *line, size_t one, size_t size, void *self)
{
    struct http_request *r = self;

    (void)one;
    r->heard_ms = uv_now(r->http->loop);
    if (r->begun && (*line == '\r' || *line == '\n') && is_success(status_of(r))) {
        http_begun *begun = r->begun;

        r->begun = NULL; /* trailers end with an empty line as well */
        begun(r->self);
    }
    return size;
}

static size_t on_data(char *data, size_t one, size_t size, void *self)
{
    struct http_request *r = self;

    (void)one;
    r->heard_ms = uv_now(r->http->loop);
    if (r->canceled)
        return 0;
    if (!is_success(status_of(r))) {
        if (r->refusal.size + size <= REFUSAL_MAX_BYTES)
            buf_add(&r->refusal, data, size);
        return size;
    }
    if (r->data)
        r->code = r->data(r->self, data, size, &r->err);
    return r->code < 0 || r->canceled ? 0 : size;
}

/* The earliest time at which it is given up. */
static uint64_t limit_of(const struct http_request *r)
{
    uint64_t limit = r->heard_ms + r->stall_ms;

    if (r->timeout_ms > 0 && r->begun_ms + r->timeout_ms < limit)
        limit = r->begun_ms + r->timeout_ms;
    return limit;
}

static void on_watchdog(uv_timer_t *timer);

static void set_watchdog(struct http *h)
{
    uint64_t now = uv_now(h->loop), first = UINT64_MAX;

    for (const struct http_request *r = h->requests; r; r = r->next)
        if (limit_of(r) < first)
            first = limit_of(r);
    if (first == UINT64_MAX)
        (void)uv_timer_stop(&h->watchdog);
    else
        (void)uv_timer_start(&h->watchdog, on_watchdog, first > now ? first - now : 0, 0);
}

/* The port names the connection; 0: none yet. */
static long port_of(const struct http_request *r)
{
    long port = 0;

    (void)curl_easy_getinfo(r->handle.curl, CURLINFO_LOCAL_PORT, &port);
    return port;
}

/* The connection closes with the last request on it. */
static void give_up(struct http_request *r)
{
    r->silent = true;
    (void)curl_easy_setopt(r->handle.curl, CURLOPT_FORBID_REUSE, 1L);
    (void)err_set(&r->err, ETIMEDOUT, "%s%s: no answer in time", http_server(r->http), r->path);
}

static struct http_request *find_silent(const struct http *h)
{
    struct http_request *r = h->requests;

    while (r && !r->silent)
        r = r->next;
    return r;
}

static void on_watchdog(uv_timer_t *timer)
{
    struct http *h = timer->data;
    uint64_t now = uv_now(h->loop);
    struct http_request *r;
    bool failed = false;

    for (r = h->requests; r; r = r->next) {
        if (limit_of(r) > now || r->silent)
            continue;
        give_up(r);
        for (struct http_request *other = h->requests; other; other = other->next)
            if (!other->silent && port_of(r) > 0 && port_of(other) == port_of(r))
                give_up(other);
    }
    while (!h->closing && (r = find_silent(h))) {
        failed = true;
        finish(r, -ETIMEDOUT);
    }
    release(h, failed);
    if (!h->closing)
        set_watchdog(h);
}

static void renew_token(struct http *h)
{
    uint64_t now = uv_now(h->loop);

    if (!h->token_doubted && now - h->token_ms < TOKEN_MS)
        return;
    (void)access_renew(h->connection.access, NULL);
    h->token_doubted = false;
    h->token_ms = now;
}

static bool set_callbacks(struct http_request *r)
{
    CURL *curl = r->handle.curl;

    return curl_easy_setopt(curl, CURLOPT_PRIVATE, r) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEDATA, r) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_HEADERDATA, r) == CURLE_OK;
}

static int prepare(struct http_request *r, const struct http_question *q, struct err *e)
{
    int code = http_handle_open(&r->handle, &r->http->connection, q, e);

    if (code < 0)
        return code;
    r->path = strndup(q->path, strcspn(q->path, "?"));
    return r->path && set_callbacks(r) ? 0 : err_memory(e);
}

int http_send(struct http_request **out, struct http *h, const struct http_question *question,
              struct err *e)
{
    struct http_request *r;
    int code;

    if (h->n_requests == REQUESTS_MAX)
        return err_set(e, EBUSY, "%d requests are under way already", REQUESTS_MAX);
    r = calloc(1, sizeof *r);
    if (!r)
        return err_memory(e);
    r->http = h;
    r->begun_ms = r->heard_ms = uv_now(h->loop);
    r->timeout_ms = question->timeout_ms;
    r->stall_ms = question->stall_ms ? question->stall_ms : STALL_MS;
    r->begun = question->begun;
    r->data = question->data;
    r->done = question->done;
    r->self = question->self;
    buf_init(&r->refusal, REFUSAL_MAX_BYTES);
    renew_token(h);
    r->held = is_connecting(h) || transfers_inside(h->transfers);
    code = prepare(r, question, e);
    if (code == 0 && !r->held)
        code = transfers_add(h->transfers, r->handle.curl, e);
    if (code < 0) {
        request_free(r);
        return code;
    }
    r->next = h->requests;
    if (r->next)
        r->next->previous = r;
    h->requests = r;
    h->n_requests++;
    set_watchdog(h);
    *out = r;
    return 0;
}

static void silence(struct http_request *r)
{
    r->canceled = true;
    r->begun = NULL;
    r->data = NULL;
    r->done = NULL;
}

void http_cancel(struct http_request *r)
{
    struct http *h = r->http;

    if (r->over)
        return;
    silence(r);
    if (transfers_inside(h->transfers))
        return;
    unlink_request(r);
    request_free(r);
    (void)uv_timer_start(&h->watchdog, on_watchdog, 0, 0); /* what was held behind it goes on */
}

unsigned http_retry_after_ms(const struct http_request *r)
{
    curl_off_t wait_s = 0;

    if (curl_easy_getinfo(r->handle.curl, CURLINFO_RETRY_AFTER, &wait_s) != CURLE_OK || wait_s < 0)
        return 0;
    if (wait_s > RETRY_AFTER_MAX_S)
        wait_s = RETRY_AFTER_MAX_S;
    return (unsigned)wait_s * 1000;
}

/* Takes the connection over, if all goes well. */
static int open_on(struct http **out, uv_loop_t *loop, struct connection *c, struct err *e)
{
    OWN_MEM struct http *h = calloc(1, sizeof *h);
    int r;

    if (!h)
        return err_memory(e);
    r = transfers_open(&h->transfers, loop, on_turn, h, e);
    if (r < 0)
        return r;
    h->connection = *c;
    *c = (struct connection){0};
    h->loop = loop;
    h->token_ms = uv_now(loop);
    (void)uv_timer_init(loop, &h->watchdog);
    h->watchdog.data = h;
    *out = TAKE(h);
    return 0;
}

int http_open(struct http **out, uv_loop_t *loop, const char *kubeconfig, const char *context,
              struct err *e)
{
    OWN(connection_done) struct connection c = {0};
    int r = connection_open(&c, kubeconfig, context, e);

    return r < 0 ? r : open_on(out, loop, &c, e);
}

int http_open_plain(struct http **out, uv_loop_t *loop, const char *endpoint, struct err *e)
{
    OWN(connection_done) struct connection c = {0};
    int r = connection_open_plain(&c, endpoint, e);

    return r < 0 ? r : open_on(out, loop, &c, e);
}

/* Never inside libcurl, as http_close() may have been. */
static void on_closed(uv_handle_t *handle)
{
    struct http *h = handle->data;

    while (h->requests) {
        struct http_request *r = h->requests;

        unlink_request(r);
        request_free(r);
    }
    transfers_close(h->transfers);
    connection_done(&h->connection);
    free(h);
}

void http_close(struct http *h)
{
    if (!h || h->closing)
        return;
    h->closing = true;
    for (struct http_request *r = h->requests; r; r = r->next)
        silence(r);
    uv_close((uv_handle_t *)&h->watchdog, on_closed);
}
