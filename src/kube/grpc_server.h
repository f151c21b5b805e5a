/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gRPC server on a unix socket: HTTP/2 by nghttp2, the loop by libuv, framing, status and
 * trailers here. Messages are opaque bytes. One thread; nothing blocks.
 *
 *   bytes -> HTTP/2 stream -> whole request -> handler -> grpc_reply | grpc_fail | grpc_stream
 */
#ifndef KUBE_GRPC_SERVER_H
#define KUBE_GRPC_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

struct buf;
struct err;
struct grpc_call; /* one call of a client; lives until it was answered or is gone */
struct grpc_server;

enum {
    GRPC_MAX_MESSAGE = 4 << 20, /* a larger request is RESOURCE_EXHAUSTED */
    GRPC_MAX_CONNECTIONS = 64,
    GRPC_MAX_STREAMS = 128, /* of a connection */
};

/*
 * Called once with the whole request, which is borrowed until the handler returns. The handler
 * answers now or later, always: a call stays valid until it was answered even if its client goes,
 * or the server; the answer then goes nowhere.
 */
typedef void grpc_handler(void *self, struct grpc_call *call, const uint8_t *request, size_t size);

struct grpc_method {
    const char *path; /* "/v1beta1.DevicePlugin/Allocate" */
    grpc_handler *handle;
};

/*
 * Listens at socket_path (a stale socket there is removed first) with that mode. `methods` is
 * borrowed for the server's life, `self` goes to the handlers.
 */
int grpc_server_open(struct grpc_server **out, uv_loop_t *loop, const char *socket_path,
                     mode_t mode, const struct grpc_method *methods, size_t n_methods, void *self,
                     struct err *e);

/* The socket's file is still the one made here: false after a kubelet's restart removed it. */
bool grpc_server_is_reachable(const struct grpc_server *server);

/*
 * Ends all calls (UNAVAILABLE, every `gone` is called before this returns), says GOAWAY, removes
 * the socket if it is still the one made here, and frees the server when the loop, which must run
 * on for it, has let go. No handler, `next` or `gone` is called any more.
 */
void grpc_server_close(struct grpc_server *server);

/* The one answer of a unary call. The call is over. */
void grpc_reply(struct grpc_call *call, const void *message, size_t size);

/* Ends the call with the status that belongs to e->code, and e->msg. */
void grpc_fail(struct grpc_call *call, const struct err *e);

/*
 * Makes the call a stream. `next` is called when there is room on the wire and grpc_stream_wake()
 * was called since (once at the start): it appends one message to out, behind the bytes that are
 * there, and returns 1; 0: nothing new now; negative errno: end with that error. So a slow reader
 * gets the newest state and costs no memory. One wake is one message; a stream that has more to
 * say wakes itself inside `next`. `next` may end the stream or let it fail.
 * `gone` (may be NULL) is called when the call is over for whatever reason other than
 * grpc_stream_end() or grpc_fail(): at once if the client has left before the call became a
 * stream. The call is not to be used after any of the three.
 */
typedef int grpc_next(void *self, struct buf *out);
typedef void grpc_gone(void *self);
void grpc_stream(struct grpc_call *call, grpc_next *next, grpc_gone *gone, void *self);
void grpc_stream_wake(struct grpc_call *call);
void grpc_stream_end(struct grpc_call *call); /* status OK, after what was written */

/* Who called, from the socket's peer credentials. */
struct grpc_peer {
    uid_t uid;
    gid_t gid;
    pid_t pid;
};
struct grpc_peer grpc_call_peer(const struct grpc_call *call);

#endif
