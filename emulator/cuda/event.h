/* SPDX-License-Identifier: Apache-2.0 */
/* Events: a handle for the last recording, in a stream or a capture. Under the session's lock. */
#ifndef EMULATOR_CUDA_EVENT_H
#define EMULATOR_CUDA_EVENT_H

#include "cuda/op.h"

struct capture;
struct graph_node;

enum event_flag {
    EVENT_BLOCKING_SYNC = 1,
    EVENT_DISABLE_TIMING = 2,
    EVENT_INTERPROCESS = 4,
};

struct event {
    struct context *context;
    unsigned flags;
    struct record *record;   /* NULL: never recorded */
    struct capture *capture; /* recorded in it: */
    struct graph_node **after;
    unsigned n_after;
};

/* NULL: INVALID_HANDLE. */
struct event *event_find(void *handle);

/* In a stream that does not capture, now. */
int event_record(struct event *e, struct stream *s);
int event_wait(struct stream *s, struct event *e);

/* Forgets that it was recorded in a capture. */
void event_leave(struct event *e);

#endif
