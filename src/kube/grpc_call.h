/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call of a client, as the server's own files see it: from the request's bytes through the
 * answer to the trailers. The public half is in grpc_server.h.
 *
 *   HEADERS -> call_new -> grpc_call_begin -> grpc_call_take ... -> grpc_call_dispatch -> handler
 *                                                        answer -> trailers -> grpc_call_closed
 */
#ifndef KUBE_GRPC_CALL_H
#define KUBE_GRPC_CALL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/buf.h"
#include "kube/grpc_server.h"
#include "kube/grpc_status.h"

struct grpc_session;
struct grpc_site;

/*
 * Freed when both the HTTP/2 stream is closed and the handler has let go of it. Owns its buffers
 * and words.
 */
struct grpc_call {
    LIST_ENTRY(grpc_call) link;   /* in the session's list, or the site's of calls left behind */
    struct grpc_session *session; /* NULL: the client is gone */
    struct grpc_site *site;       /* NULL: the server is gone too */
    const struct grpc_method *method; /* NULL: nobody serves this path */
    int32_t stream_id;
    struct grpc_peer peer;
    bool is_post;   /* what the headers said */
    bool is_grpc;   /* content-type */
    bool kept;      /* a handler has it and has not answered */
    bool streaming; /* grpc_stream() was called */
    bool awake;     /* grpc_stream_wake() since `next` was asked */
    bool over;      /* the status is set; nothing follows but the bytes in `out` and trailers */
    struct buf in;  /* framed request, as far as it came */
    struct buf out; /* framed answer */
    size_t sent;    /* of out */
    size_t held;    /* bytes counted in the site for in and out */
    enum grpc_status status;
    char *words; /* percent-encoded grpc-message, or NULL */
    grpc_next *next;
    grpc_gone *gone;
    void *self;
};

struct grpc_call *grpc_call_new(struct grpc_session *session, int32_t stream_id);

/* The headers are complete: refuses what is no gRPC call of ours. */
void grpc_call_begin(struct grpc_call *call);

/* Bytes of the request. */
void grpc_call_take(struct grpc_call *call, const uint8_t *bytes, size_t size);

/* The request is complete: hands it to its handler. */
void grpc_call_dispatch(struct grpc_call *call);

/* The server closes: ends the call with UNAVAILABLE, whoever has it. */
void grpc_call_abort(struct grpc_call *call);

/* The HTTP/2 stream is no more. The call is freed, now or when its handler lets go. */
void grpc_call_closed(struct grpc_call *call);

#endif
