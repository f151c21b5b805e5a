/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a call: request in, handler, answer out, trailers. Bytes leave through nghttp2's
 * data callback, which asks for them when there is room on the wire, so that flow control and the
 * skipping of outdated states of a stream cost nothing.
 */
#include "kube/grpc_call.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "kube/grpc_frame.h"
#include "kube/grpc_session.h"
#include "kube/wire.h"

enum { MAX_WORDS = 2048 }; /* of a percent-encoded message */

struct grpc_call *grpc_call_new(struct grpc_session *session, int32_t stream_id)
{
    struct grpc_call *call = calloc(1, sizeof *call);

    if (!call)
        return NULL;
    call->session = session;
    call->site = session->site;
    call->stream_id = stream_id;
    call->peer = session->peer;
    buf_init(&call->in, GRPC_MAX_MESSAGE + GRPC_FRAME_PREFIX);
    buf_init(&call->out, UINT32_MAX);
    LIST_INSERT_HEAD(&session->calls, call, link);
    return call;
}

/* Counts what the call holds now; false if the server as a whole holds too much. */
static bool account(struct grpc_call *call)
{
    size_t now = call->in.size + call->out.size;

    call->site->held_bytes += now - call->held;
    call->held = now;
    return call->site->held_bytes <= GRPC_MAX_HELD_BYTES;
}

static void drop(struct grpc_call *call, struct buf *b)
{
    buf_done(b);
    (void)account(call);
}

static void notify_gone(struct grpc_call *call)
{
    if (call->streaming && call->gone)
        call->gone(call->self);
}

static void release(struct grpc_call *call)
{
    if (call->site) {
        LIST_REMOVE(call, link);
        call->site->n_left--;
    }
    free(call->words);
    free(call);
}

void grpc_call_closed(struct grpc_call *call)
{
    drop(call, &call->in);
    drop(call, &call->out);
    LIST_REMOVE(call, link);
    LIST_INSERT_HEAD(&call->site->left, call, link);
    call->site->n_left++;
    call->session = NULL;
    if (!call->over)
        notify_gone(call);
    call->over = true;
    if (!call->kept)
        release(call);
}

/* The handler gives the call back; true if there is still a client to answer. */
static bool let_go(struct grpc_call *call)
{
    call->kept = false;
    if (call->session)
        return !call->over;
    release(call);
    return false;
}

/* nghttp2 has no memory for the answer: all that is left is to reset the stream. */
static void reset(struct grpc_call *call)
{
    (void)nghttp2_submit_rst_stream(call->session->h2, NGHTTP2_FLAG_NONE, call->stream_id,
                                    NGHTTP2_INTERNAL_ERROR);
}

/* Response headers; the body comes from `data`, without it the headers are the whole answer. */
static void respond(struct grpc_call *call, const nghttp2_nv *nv, size_t n,
                    const nghttp2_data_provider *data)
{
    if (nghttp2_submit_response(call->session->h2, call->stream_id, nv, n, data) != 0)
        reset(call);
    grpc_session_mark(call->session);
}

static size_t add_status(nghttp2_nv *nv, const struct grpc_call *call)
{
    nv[0] = (nghttp2_nv)WIRE_HEADER("grpc-status", grpc_status_digits(call->status));
    if (!call->words)
        return 1;
    nv[1] = (nghttp2_nv)WIRE_HEADER("grpc-message", call->words);
    return 2;
}

/* Sets the status. Before any answer it goes out at once, in a stream after what was written. */
static void finish(struct grpc_call *call, enum grpc_status status, const char *words)
{
    nghttp2_nv nv[4] = {WIRE_HEADER(":status", "200"),
                        WIRE_HEADER("content-type", "application/grpc")};
    char encoded[MAX_WORDS];

    call->over = true;
    call->status = status;
    if (words && grpc_status_encode(encoded, sizeof encoded, words) > 0)
        call->words = strdup(encoded);
    drop(call, &call->in);
    if (!call->streaming) {
        respond(call, nv, 2 + add_status(nv + 2, call), NULL);
        return;
    }
    (void)nghttp2_session_resume_data(call->session->h2, call->stream_id);
    grpc_session_mark(call->session);
}

static void fail(struct grpc_call *call, const struct err *e)
{
    finish(call, grpc_status_of_errno(e->code), e->msg);
}

/* Asks a stream for its next message. */
static void refill(struct grpc_call *call)
{
    uint8_t prefix[GRPC_FRAME_PREFIX] = {0};
    struct err e = {0};
    struct buf out; /* the call's own only afterwards: `next` may have the server closed */
    int r;

    call->awake = false;
    call->sent = 0;
    buf_init(&out, GRPC_MAX_MESSAGE + sizeof prefix);
    buf_add(&out, prefix, sizeof prefix);
    r = call->next(call->self, &out);
    assert(out.failed || out.size >= sizeof prefix);
    call->out = out;
    if (r < 0)
        r = err_set(&e, -r, "%s", strerror(-r));
    else if (r > 0 && buf_check(&call->out, &e) == 0 && !account(call))
        r = err_set(&e, ENOSPC, "the server holds too many bytes for its clients");
    if (r > 0 && !e.code) {
        grpc_frame_prefix((uint8_t *)call->out.data, call->out.size - sizeof prefix);
        return;
    }
    drop(call, &call->out);
    if (!e.code)
        return;
    if (call->over) {
        if (call->status == GRPC_OK) /* ended in `next`, but its last message is lost */
            call->status = grpc_status_of_errno(e.code);
        return;
    }
    fail(call, &e);
    notify_gone(call);
}

/* nghttp2 asks for bytes of the answer. */
static ssize_t read_answer(nghttp2_session *h2, int32_t stream_id, uint8_t *bytes, size_t room,
                           uint32_t *flags, nghttp2_data_source *source, void *user)
{
    struct grpc_call *call = source->ptr;
    nghttp2_nv nv[2];
    size_t n;

    (void)user;
    if (call->out.size == 0 && call->awake && !call->over)
        refill(call);
    if (call->out.size == 0 && !call->over)
        return NGHTTP2_ERR_DEFERRED;
    n = call->out.size - call->sent;
    if (n > room)
        n = room;
    if (n > 0)
        memcpy(bytes, call->out.data + call->sent, n);
    call->sent += n;
    if (call->sent < call->out.size)
        return (ssize_t)n;
    drop(call, &call->out);
    call->sent = 0;
    if (call->over) {
        *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
        if (nghttp2_submit_trailer(h2, stream_id, nv, add_status(nv, call)) != 0)
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    return (ssize_t)n;
}

static void respond_with_data(struct grpc_call *call)
{
    const nghttp2_nv nv[] = {WIRE_HEADER(":status", "200"),
                             WIRE_HEADER("content-type", "application/grpc")};
    const nghttp2_data_provider data = {.source.ptr = call, .read_callback = read_answer};

    respond(call, nv, 2, &data);
}

void grpc_call_begin(struct grpc_call *call)
{
    const nghttp2_nv not_post[] = {WIRE_HEADER(":status", "405")};
    const nghttp2_nv not_grpc[] = {WIRE_HEADER(":status", "415")};

    if (call->over) /* aborted while its headers were on their way */
        return;
    if (call->is_post && call->is_grpc && call->method)
        return;
    if (call->is_post && call->is_grpc) {
        finish(call, GRPC_UNIMPLEMENTED, "unknown method");
        return;
    }
    call->over = true;
    respond(call, call->is_post ? not_grpc : not_post, 1, NULL);
}

void grpc_call_take(struct grpc_call *call, const uint8_t *bytes, size_t size)
{
    const uint8_t *message;
    struct err e = {0};
    size_t length;

    if (call->over || call->kept || call->streaming)
        return;
    buf_add(&call->in, bytes, size);
    if (buf_check(&call->in, &e) < 0)
        e.code = EMSGSIZE;
    else if (!account(call))
        (void)err_set(&e, ENOSPC, "the server holds too many bytes for its clients");
    else
        (void)grpc_frame_read(&message, &length, (const uint8_t *)call->in.data, call->in.size,
                              GRPC_MAX_MESSAGE, &e);
    if (e.code)
        fail(call, &e);
}

void grpc_call_dispatch(struct grpc_call *call)
{
    const uint8_t *message = NULL;
    struct buf in = call->in;
    size_t length = 0;
    int r;

    if (call->over || call->kept || call->streaming)
        return;
    r = grpc_frame_read(&message, &length, (const uint8_t *)in.data, in.size, GRPC_MAX_MESSAGE,
                        NULL);
    if (r <= 0 || length + GRPC_FRAME_PREFIX != in.size) {
        finish(call, GRPC_INTERNAL, "a request is one whole message");
        return;
    }
    if (call->site->n_left >= GRPC_MAX_LEFT_CALLS) {
        finish(call, GRPC_RESOURCE_EXHAUSTED, "too many calls were given up by their clients");
        return;
    }
    /* From here the request is ours: the handler may end the call and still read it. */
    buf_init(&call->in, 0);
    (void)account(call);
    call->kept = true;
    call->method->handle(call->site->self, call, message, length);
    buf_done(&in);
}

void grpc_call_abort(struct grpc_call *call)
{
    if (call->over)
        return;
    if (call->sent == 0)
        drop(call, &call->out);
    finish(call, GRPC_UNAVAILABLE, "the server closes");
    notify_gone(call);
}

void grpc_reply(struct grpc_call *call, const void *message, size_t size)
{
    uint8_t prefix[GRPC_FRAME_PREFIX];

    if (!let_go(call))
        return;
    grpc_frame_prefix(prefix, size);
    (void)buf_room(&call->out, sizeof prefix + size);
    buf_add(&call->out, prefix, sizeof prefix);
    buf_add(&call->out, message, size); /* may be the request itself, which is there until now */
    if (call->out.failed || !account(call)) {
        drop(call, &call->out);
        finish(call, GRPC_RESOURCE_EXHAUSTED, "no memory for the answer");
        return;
    }
    call->over = true;
    call->status = GRPC_OK;
    respond_with_data(call);
}

void grpc_fail(struct grpc_call *call, const struct err *e)
{
    if (let_go(call))
        fail(call, e);
}

void grpc_stream(struct grpc_call *call, grpc_next *next, grpc_gone *gone, void *self)
{
    if (!let_go(call)) {
        if (gone)
            gone(self);
        return;
    }
    call->streaming = true;
    call->awake = true;
    call->next = next;
    call->gone = gone;
    call->self = self;
    respond_with_data(call);
}

void grpc_stream_wake(struct grpc_call *call)
{
    call->awake = true;
    if (call->over || !call->session)
        return;
    if (nghttp2_session_resume_data(call->session->h2, call->stream_id) == NGHTTP2_ERR_NOMEM)
        reset(call);
    grpc_session_mark(call->session);
}

void grpc_stream_end(struct grpc_call *call)
{
    if (let_go(call))
        finish(call, GRPC_OK, NULL);
}

struct grpc_peer grpc_call_peer(const struct grpc_call *call)
{
    return call->peer;
}
