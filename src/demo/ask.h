/* SPDX-License-Identifier: Apache-2.0 */
/* One question over a unix socket, waited for: runs the loop until the answer is there. */
#ifndef DEMO_ASK_H
#define DEMO_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

struct buf;
struct err;

/* The answer's bytes are appended to out; 10 s at most. */
int ask(struct buf *out, uv_loop_t *loop, const char *socket_path, const char *method,
        const void *message, size_t size, struct err *e);

/* Runs the loop until met(self), which is asked often, or the time is over; whether it was met. */
bool ask_wait(uv_loop_t *loop, bool (*met)(void *self), void *self, unsigned limit_ms);

#endif
