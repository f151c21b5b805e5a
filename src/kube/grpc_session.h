/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's end of one HTTP/2 connection, without I/O: bytes go in and out through the nghttp2
 * session `h2`, calls come out at the handlers. The socket around it is grpc_server.c's.
 */
#ifndef KUBE_GRPC_SESSION_H
#define KUBE_GRPC_SESSION_H

#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <sys/queue.h>

#include "kube/grpc_call.h"
#include "kube/grpc_server.h"

enum {
    GRPC_MAX_HELD_BYTES = 64 << 20, /* requests and answers of all calls of a server */
    GRPC_MAX_LEFT_CALLS = 1024,     /* calls whose client has gone before the handler answered */
};

LIST_HEAD(grpc_calls, grpc_call);

/* What all connections of a server share. */
struct grpc_site {
    const struct grpc_method *methods;
    size_t n_methods;
    void *self; /* for the handlers */
    size_t held_bytes;
    struct grpc_calls left; /* clients gone, handlers not done */
    unsigned n_left;
    void (*has_output)(struct grpc_site *site); /* some session has become dirty */
};

struct grpc_session {
    nghttp2_session *h2;
    struct grpc_site *site;
    struct grpc_peer peer;
    struct grpc_calls calls;
    bool dirty;     /* there may be bytes to send */
    bool shut_down; /* takes no new calls */
};

void grpc_site_init(struct grpc_site *site, const struct grpc_method *methods, size_t n_methods,
                    void *self, void (*has_output)(struct grpc_site *site));

/* Lets go of calls that handlers still keep. */
void grpc_site_done(struct grpc_site *site);

/* 0 or -ENOMEM. Our SETTINGS wait to be sent. */
int grpc_session_init(struct grpc_session *session, struct grpc_site *site, struct grpc_peer peer);

/* Ends all calls without a word to the peer. */
void grpc_session_done(struct grpc_session *session);

/* Ends all calls with UNAVAILABLE and says GOAWAY; the bytes wait to be sent. */
void grpc_session_shutdown(struct grpc_session *session);

/* Notes that there is something to send. */
void grpc_session_mark(struct grpc_session *session);

#endif
