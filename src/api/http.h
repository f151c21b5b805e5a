/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to one API server (or one plain HTTP server) on a libuv loop, over libcurl: nothing
 * blocks. Connections are kept and shared; one on which an answer does not come in time is ended
 * with all that is on it, so that nothing waits behind it again. A token that lies in a file (a
 * pod's) is read anew before each request that comes a minute or more after the last reading, and
 * at once after an answer 401.
 * The program ignores SIGPIPE.
 */
#ifndef API_HTTP_H
#define API_HTTP_H

#include <stddef.h>
#include <uv.h>

#include "base/own.h"

struct err;

/* Owns its connections and whatever is under way. */
struct http;
struct http_request;

/* From where api_open() takes it. */
int http_open(struct http **out, uv_loop_t *loop, const char *kubeconfig, const char *context,
              struct err *e);

/*
 * To a plain HTTP server instead, "http://169.254.169.254": no identity, no proxy, no TLS. Refusals
 * are told as below.
 */
int http_open_plain(struct http **out, uv_loop_t *loop, const char *endpoint, struct err *e);

/* Gives up what is under way, without callbacks; frees itself when the loop has let its handles go.
 */
void http_close(struct http *h);

const char *http_server(const struct http *h); /* "https://10.0.0.1:6443", for messages */
uv_loop_t *http_loop(const struct http *h);

/* What the body is. */
enum http_content {
    HTTP_JSON,
    HTTP_MERGE_PATCH,     /* RFC 7386 */
    HTTP_STRATEGIC_PATCH, /* Kubernetes' own: lists with keys are merged */
    HTTP_JSON_PATCH,      /* RFC 6902 */
    HTTP_APPLY,           /* server-side apply; the path names the fieldManager */
};

/* A 2xx answer has begun: its headers are there. */
typedef void http_begun(void *self);

/* A piece of a 2xx answer's body; negative (with e) gives the request up with that error. */
typedef int http_data(void *self, const char *data, size_t size, struct err *e);

/*
 * The request is over. r is 0 for a 2xx answer, else negative errno, and e says it in words with
 * the server's message: -ENOENT 404, -EPERM 401, -EACCES 403 (words name the missing right),
 * -EEXIST 409, -ESTALE 410, -EINVAL 400 and 422, -EBUSY 429 and 503, -EREMOTEIO other answers,
 * -EHOSTUNREACH no connection, -ETIMEDOUT.
 */
typedef void http_done(void *self, int r, const struct err *e);

struct http_header {
    const char *name, *value;
};

/* Copied by http_send(). 64 may be under way at a time; more are -EBUSY. */
struct http_question {
    const char *method;               /* "GET", "POST", "PUT", "PATCH", "DELETE" */
    const char *path;                 /* "/api/v1/nodes/a", with a query where there is one */
    const struct http_header *header; /* one more than all requests have; NULL: none */
    enum http_content content;
    const char *body; /* NULL: none */
    size_t size;
    unsigned timeout_ms; /* for all of it; 0: as long as bytes come */
    unsigned stall_ms;   /* without a byte; 0: 30 s */
    http_begun *begun;   /* may be NULL */
    http_data *data;     /* may be NULL */
    http_done *done;
    void *self;
};

/*
 * done is called once, never from inside this function, unless http_cancel() came first; *out
 * is valid until then. Callbacks may send and cancel, and close the client.
 */
int http_send(struct http_request **out, struct http *h, const struct http_question *question,
              struct err *e);
void http_cancel(struct http_request *request);

/* Inside done: how long the server asks to be left alone (Retry-After), or 0. */
unsigned http_retry_after_ms(const struct http_request *request);

#endif
