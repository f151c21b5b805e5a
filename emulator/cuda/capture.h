/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Captures: what streams that capture make of calls. Under the session's lock.
 */
#ifndef EMULATOR_CUDA_CAPTURE_H
#define EMULATOR_CUDA_CAPTURE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct context;
struct graph;
struct graph_node;
struct stream;

enum capture_mode {
    CAPTURE_GLOBAL,
    CAPTURE_THREAD_LOCAL,
    CAPTURE_RELAXED,
};

enum capture_status {
    CAPTURE_NONE,
    CAPTURE_ACTIVE,
    CAPTURE_INVALIDATED,
};

struct capture {
    struct capture *next; /* of all */
    struct graph *graph;
    bool owns_graph; /* not BeginCaptureToGraph's */
    struct stream *origin;
    uint64_t id;
    enum capture_mode mode;
    pid_t thread;
    bool invalid;
    unsigned refs; /* streams that capture into it, and events recorded there */
};

enum capture_status capture_status(const struct stream *s);

/*
 * A call that could end badly beside a capture: STREAM_CAPTURE_UNSUPPORTED and the capture is
 * invalid, where the capture's and the calling thread's mode forbid it. SUCCESS else.
 */
int capture_unsafe(void);

/* Waiting for a context forbids all captures in it, whatever their mode. */
int capture_in_context(const struct context *c);

/* A blocking stream's legacy partner is used while one captures: STREAM_CAPTURE_IMPLICIT. */
int capture_implicit(const struct stream *s);

/* The nodes that a stream's next one comes after. */
void capture_after(struct stream *s, struct graph_node *const **out, unsigned *out_n);

/* The stream joins the capture of an event that was recorded in it. */
int capture_join(struct stream *s, struct capture *c, struct graph_node *const *after,
                 unsigned n_after);

/* Is the graph being captured into? Then it and its nodes have to stay. */
bool capture_has(const struct graph *g);

void capture_invalidate(struct capture *c);
void capture_drop(struct capture *c);
/* The stream has nothing to do with its capture any more. */
void capture_leave(struct stream *s);

#endif
