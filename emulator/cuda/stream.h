/* SPDX-License-Identifier: Apache-2.0 */
/* Streams: those that a context has and those that programs make. Under the session's lock. */
#ifndef EMULATOR_CUDA_STREAM_H
#define EMULATOR_CUDA_STREAM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cuda/op.h"

struct capture;
struct context;
struct graph_node;

enum stream_flag {
    STREAM_NON_BLOCKING = 1,
};

/* Handles that stand for streams of the current context. */
enum stream_name {
    STREAM_NULL = 0,
    STREAM_LEGACY = 1,
    STREAM_PER_THREAD = 2,
};

enum { STREAM_DEPTH = 1024 }; /* ops that wait; then who submits waits */

struct stream {
    struct stream *next; /* of all */
    struct context *context;
    void *handle; /* NULL: the context's own, or destroyed */
    uint64_t id;
    unsigned flags;
    int priority;
    bool is_legacy, gone;
    pid_t thread;                       /* whose per-thread default stream; 0: none */
    struct op *first, *last, *unplaced; /* unplaced: the first without a place */
    unsigned n_ops;
    uint64_t end_place; /* of the last op with a place */
    uint64_t policy;    /* attributes kept for who asks */
    struct capture *capture;
    struct graph_node **after; /* the last nodes captured */
    unsigned n_after;
};

extern struct stream *streams; /* all of the process */

/* handle, by the rules of work.h's `stream`; NULL: none, *out_rc says why. */
struct stream *stream_find(struct context *c, void *handle, int *out_rc);
int stream_new(struct context *c, unsigned flags, int priority, struct stream **out);

/* A context's first instance of a graph that fills costs it 2 MiB. */
int stream_take_fills(struct context *c);

/* Of a device: does the stream wait for the legacy one, and the legacy one for it? */
bool stream_is_blocking(const struct stream *s);

/* Frees those that are gone and empty. */
void stream_sweep(void);

/* Enters the session with the stream's context; a call on the handle 0, 1, 2 needs a current one.
 */
int stream_enter(void *handle, struct stream **out);

#endif
