/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gRPC server without sockets: an nghttp2 client and our session pass bytes by hand, so that
 * every moment of a call's life can be held still.
 */
#ifndef TESTS_UNIT_KUBE_WORLD_H
#define TESTS_UNIT_KUBE_WORLD_H

#include "base/buf.h"
#include "kube/grpc_session.h"

/* A client with one stream that matters, and the server's side. */
struct world {
    struct grpc_site site;
    struct grpc_session server;
    nghttp2_session *client;
    char request[64];
    size_t request_size;
    struct buf data; /* of the answer, framed */
    char status[8];
    char words[128];
    bool closed;
    uint32_t close_code;
    struct grpc_call *kept;
    unsigned n_next, n_gone;
    int next_result; /* what `next` says */
    bool end_in_next;
    unsigned outputs;
};

int world_next(void *self, struct buf *out);

void world_gone(void *self);

int world_open(void **state);

void world_end_server(struct world *w);

int world_close(void **state);

bool world_pass(nghttp2_session *from, nghttp2_session *to);

/* Until neither has anything to say. */
void world_talk(struct world *w);

int32_t world_start(struct world *w, const char *path, const char *message);

void world_ask(struct world *w, const char *path, const char *message);

void world_reset(struct world *w);

void world_has_messages(const struct world *w, const char *wanted);

#endif
