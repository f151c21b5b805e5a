/* SPDX-License-Identifier: Apache-2.0 */
/* gRPC calls over a unix socket, one connection a call; on a libuv loop, nothing blocks. */
#ifndef KUBE_GRPC_CLIENT_H
#define KUBE_GRPC_CLIENT_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct err;
struct grpc_request; /* a call under way */

/* A message of the answer; borrowed for the time of the call. */
typedef void grpc_message(void *self, const uint8_t *message, size_t size);

/*
 * The call is over: r is 0, or negative errno with words in e (a status other than OK, a deadline
 * -ETIMEDOUT, a socket that is not there -ENOENT/-ECONNREFUSED, a connection lost -ECONNRESET, a
 * server that shows no sign of life -EHOSTDOWN).
 */
typedef void grpc_done(void *self, int r, const struct err *e);

struct grpc_question {
    const char *socket_path;
    const char *method; /* "/v1beta1.Registration/Register" */
    const void *message;
    size_t size;
    unsigned timeout_ms;      /* for the whole call; 0: none */
    unsigned silence_ms;      /* of the server, a PING in its middle; 0: any; without timeout_ms */
    size_t max_answer;        /* bytes of one message */
    grpc_message *message_cb; /* may be NULL */
    grpc_done *done_cb;
    void *self;
};

/*
 * Starts a call; the question is copied. done_cb is called exactly once, never from inside this
 * function, unless grpc_cancel() came first. *out is valid until then.
 */
int grpc_start(struct grpc_request **out, uv_loop_t *loop, const struct grpc_question *question,
               struct err *e);

/* Gives the call up; no callback comes any more. */
void grpc_cancel(struct grpc_request *request);

#endif
