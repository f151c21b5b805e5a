/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of carve.v1.Node on carved's socket, one at a time; a call blocks until it is over. */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

/* Gets each message of the answer; false ends the call, with success. */
typedef bool client_message(void *self, const uint8_t *message, size_t size);

struct client_call {
    const char *socket;
    const char *method; /* "Watch" */
    const void *message;
    size_t size;
    unsigned timeout_ms; /* 0: none */
    client_message *got;
    void *self;
};

/* 1: carved listens there, 0: it does not, negative errno: it cannot be asked. */
int client_find(const char *socket, struct err *e);

/* carved's own errors come in its words. */
int client_run(const struct client_call *call, struct err *e);

#endif
