/* SPDX-License-Identifier: Apache-2.0 */
/* Captures: how streams begin, join and end them, and what they forbid meanwhile. */
#include "cuda/capture.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cuda/cuda.h"
#include "cuda/event.h"
#include "cuda/graph.h"
#include "cuda/stream.h"

static struct capture *captures;
static _Thread_local enum capture_mode thread_mode = CAPTURE_GLOBAL;

enum capture_status capture_status(const struct stream *s)
{
    if (!s->capture)
        return CAPTURE_NONE;
    return s->capture->invalid ? CAPTURE_INVALIDATED : CAPTURE_ACTIVE;
}

void capture_invalidate(struct capture *c)
{
    c->invalid = true;
}

bool capture_has(const struct graph *g)
{
    const struct capture *c = captures;

    while (c && c->graph != g)
        c = c->next;
    return c;
}

void capture_drop(struct capture *c)
{
    struct capture **at = &captures;

    if (--c->refs)
        return;
    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    if (c->owns_graph)
        graph_free(c->graph);
    free(c);
}

void capture_leave(struct stream *s)
{
    struct capture *c = s->capture;

    if (!c)
        return;
    if (c->origin == s)
        c->origin = NULL;
    s->capture = NULL;
    free(s->after);
    s->after = NULL;
    s->n_after = 0;
    capture_drop(c);
}

static bool forbids(const struct capture *c, enum capture_mode mode, pid_t thread)
{
    if (!c->origin || c->mode == CAPTURE_RELAXED || mode == CAPTURE_RELAXED)
        return false;
    return c->thread == thread || (c->mode == CAPTURE_GLOBAL && mode == CAPTURE_GLOBAL);
}

int capture_unsafe(void)
{
    int rc = CUDA_SUCCESS;
    pid_t thread = captures ? gettid() : 0;

    for (struct capture *c = captures; c; c = c->next) {
        if (!forbids(c, thread_mode, thread))
            continue;
        capture_invalidate(c);
        rc = CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    }
    return rc;
}

int capture_in_context(const struct context *c)
{
    int rc = capture_unsafe();

    for (struct stream *s = streams; s; s = s->next) {
        if (!s->capture || s->context != c)
            continue;
        capture_invalidate(s->capture);
        rc = CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    }
    return rc;
}

int capture_implicit(const struct stream *s)
{
    int rc = CUDA_SUCCESS;

    for (struct stream *o = streams; s->is_legacy && o; o = o->next) {
        if (!o->capture || o->context != s->context || !stream_is_blocking(o))
            continue;
        capture_invalidate(o->capture);
        rc = CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
    }
    return rc;
}

void capture_after(struct stream *s, struct graph_node *const **out, unsigned *out_n)
{
    *out = s->after;
    *out_n = s->n_after;
}

static int set_after(struct stream *s, struct graph_node *const *after, unsigned n)
{
    struct graph_node **copy = calloc(n + 1, sizeof(struct graph_node *)), **old;

    if (!copy)
        return CUDA_ERROR_OUT_OF_MEMORY;
    if (n)
        memcpy(copy, after, n * sizeof(struct graph_node *));
    old = s->after;
    s->after = copy;
    s->n_after = n;
    free(old);
    return CUDA_SUCCESS;
}

static int capture_add(struct stream *s, struct graph_node *n)
{
    return set_after(s, &n, 1);
}

static bool has(const struct stream *s, const struct graph_node *n)
{
    for (unsigned i = 0; i < s->n_after; i++) {
        if (s->after[i] == n)
            return true;
    }
    return false;
}

/* What the stream's next node comes after, more than before. */
static int add_after(struct stream *s, struct graph_node *const *after, unsigned n)
{
    struct graph_node **all = calloc(s->n_after + n + 1, sizeof(struct graph_node *));
    unsigned total = s->n_after;
    int rc;

    if (!all)
        return CUDA_ERROR_OUT_OF_MEMORY;
    if (s->n_after)
        memcpy(all, s->after, s->n_after * sizeof(struct graph_node *));
    for (unsigned i = 0; i < n; i++) {
        if (!has(s, after[i]))
            all[total++] = after[i];
    }
    rc = set_after(s, all, total);
    free(all);
    return rc;
}

int capture_join(struct stream *s, struct capture *c, struct graph_node *const *after,
                 unsigned n_after)
{
    if (c->invalid)
        return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    if (s->capture && s->capture != c) {
        capture_invalidate(s->capture);
        capture_invalidate(c);
        return CUDA_ERROR_STREAM_CAPTURE_MERGE;
    }
    if (s->is_legacy) {
        capture_invalidate(c);
        return CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
    }
    if (!s->capture) {
        s->capture = c;
        c->refs++;
    }
    return add_after(s, after, n_after);
}

/* A node after what the stream has captured; the stream goes on after it. */
int graph_capture(struct stream *s, struct node_params *params)
{
    struct graph_node *n;
    int rc = CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;

    if (!s->capture->invalid)
        rc = graph_add(s->capture->graph, s->after, s->n_after, params, &n);
    if (rc == CUDA_SUCCESS)
        return capture_add(s, n);
    params_done(params);
    return rc;
}

int graph_capture_event(struct stream *s, struct event *e, bool records)
{
    struct node_params params = {.kind = records ? NODE_RECORD : NODE_WAIT, .u.event = e};

    return graph_capture(s, &params);
}

/* Copies, fills, host functions: what a stream's task is as a node. */
static int capture_task(struct stream *s, const struct task *task)
{
    struct node_params params = {.kind = (enum node_kind)task->kind};

    switch (task->kind) {
    case TASK_COPY:
        params.u.copy = task->u.copy;
        break;
    case TASK_FILL:
        params.u.fill = task->u.fill;
        break;
    case TASK_HOST:
        params.u.host = (struct host_params){task->u.host.function, task->u.host.data};
        break;
    case TASK_EMPTY:
        break;
    case TASK_FREE:
    case TASK_VALUE:
    case TASK_KERNEL:
    case TASK_WAIT:
    case TASK_RECORD:
    case TASK_CALLBACK:
        capture_invalidate(s->capture);
        return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    }
    return graph_capture(s, &params);
}

int graph_submit(struct stream *s, const struct task *task)
{
    int rc;

    if (s->capture)
        return capture_task(s, task);
    rc = capture_implicit(s);
    return rc == CUDA_SUCCESS ? op_submit(s, task) : rc;
}

static bool are_of(const struct graph *g, struct graph_node *const *nodes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!handle_is(nodes[i], HANDLE_NODE) || nodes[i]->graph != g)
            return false;
    }
    return true;
}

static int begin(void *stream, struct graph *into, struct graph_node *const *after,
                 unsigned n_after, int mode)
{
    struct stream *s;
    struct capture *c;
    int rc = stream_enter(stream, &s);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (s->is_legacy)
        return cuda_leave(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
    if (mode < CAPTURE_GLOBAL || mode > CAPTURE_RELAXED)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    if (s->capture)
        return cuda_leave(CUDA_ERROR_ILLEGAL_STATE);
    c = calloc(1, sizeof *c);
    if (c)
        c->graph = into ? into : graph_new();
    if (!c || !c->graph || set_after(s, after, n_after) != CUDA_SUCCESS) {
        if (c && c->graph && !into)
            graph_free(c->graph);
        free(c);
        return cuda_leave(CUDA_ERROR_OUT_OF_MEMORY);
    }
    c->owns_graph = !into;
    c->origin = s;
    c->id = ++cuda.next_id;
    c->mode = (enum capture_mode)mode;
    c->thread = gettid();
    c->refs = 1;
    c->next = captures;
    captures = c;
    s->capture = c;
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuStreamBeginCapture_v2, void *stream, int mode)
{
    return begin(stream, NULL, NULL, 0, mode);
}

CUDA_API(cuStreamBeginCapture, void *stream)
{
    return begin(stream, NULL, NULL, 0, CAPTURE_GLOBAL);
}

CUDA_API(cuStreamBeginCaptureToGraph, void *stream, void *graph, struct graph_node *const *after,
         const void *edges, size_t n_after, int mode)
{
    int rc = cuda_enter();

    (void)edges;
    if (rc != CUDA_SUCCESS)
        return rc;
    if (!handle_is(graph, HANDLE_GRAPH) || (n_after && !after) || n_after > UINT32_MAX ||
        !are_of(graph, after, n_after))
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    (void)cuda_leave(rc);
    return begin(stream, graph, after, (unsigned)n_after, mode);
}

/* Everything that was captured comes before what the origin would capture next. */
static bool is_joined(const struct capture *c)
{
    for (const struct stream *s = streams; s; s = s->next) {
        if (s->capture != c || s == c->origin)
            continue;
        for (unsigned i = 0; i < s->n_after; i++) {
            bool found = false;

            for (unsigned j = 0; j < c->origin->n_after && !found; j++)
                found = graph_reaches(s->after[i], c->origin->after[j]);
            if (!found)
                return false;
        }
    }
    return true;
}

static void forget(struct capture *c)
{
    size_t at = 0;
    struct event *e;

    c->refs++;
    while ((e = handle_next(HANDLE_EVENT, &at))) {
        if (e->capture == c)
            event_leave(e);
    }
    for (struct stream *s = streams; s; s = s->next) {
        if (s->capture == c)
            capture_leave(s);
    }
    capture_drop(c);
}

static int end(struct stream *s, struct graph **out)
{
    struct capture *c = s->capture;
    int rc = CUDA_SUCCESS;

    if (!c)
        return CUDA_ERROR_ILLEGAL_STATE;
    if (c->origin != s) {
        capture_invalidate(c);
        return CUDA_ERROR_STREAM_CAPTURE_UNMATCHED;
    }
    if (c->mode != CAPTURE_RELAXED && c->thread != gettid())
        return CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD;
    if (c->invalid)
        rc = CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    else if (!is_joined(c))
        rc = CUDA_ERROR_STREAM_CAPTURE_UNJOINED;
    if (out)
        *out = rc == CUDA_SUCCESS ? c->graph : NULL;
    if (out && rc == CUDA_SUCCESS)
        c->owns_graph = false;
    forget(c);
    return rc;
}

CUDA_API(cuStreamEndCapture, void *stream, struct graph **out)
{
    struct stream *s;
    int rc = stream_enter(stream, &s);

    if (rc != CUDA_SUCCESS)
        return rc;
    return cuda_leave(end(s, out));
}

CUDA_API(cuStreamIsCapturing, void *stream, int *out)
{
    struct stream *s;
    int rc = stream_enter(stream, &s);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    rc = capture_implicit(s);
    if (rc == CUDA_SUCCESS)
        *out = (int)capture_status(s);
    return cuda_leave(rc);
}

CUDA_API(cuThreadExchangeStreamCaptureMode, int *mode)
{
    int was = (int)thread_mode;

    if (!cuda.ready)
        return CUDA_ERROR_NOT_INITIALIZED;
    if (!mode)
        return CUDA_ERROR_INVALID_VALUE;
    thread_mode = (enum capture_mode) * mode;
    *mode = was;
    return CUDA_SUCCESS;
}

/* What a capture is asked for; anything but the status may be NULL. */
struct info {
    uint64_t *id;
    struct graph **graph;
    struct graph_node *const **after;
    const void **edges;
    size_t *n_after;
};

static int capture_info(void *stream, int *status, const struct info *out)
{
    struct stream *s;
    int rc = stream_enter(stream, &s);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!status)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    rc = capture_implicit(s);
    if (rc != CUDA_SUCCESS)
        return cuda_leave(rc);
    *status = (int)capture_status(s);
    if (*status != CAPTURE_ACTIVE)
        return cuda_leave(CUDA_SUCCESS);
    if (out->id)
        *out->id = s->capture->id;
    if (out->graph)
        *out->graph = s->capture->graph;
    if (out->after)
        *out->after = s->after;
    if (out->edges)
        *out->edges = NULL;
    if (out->n_after)
        *out->n_after = s->n_after;
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuStreamGetCaptureInfo, void *stream, int *status, uint64_t *id)
{
    return capture_info(stream, status, &(struct info){.id = id});
}

CUDA_API(cuStreamGetCaptureInfo_v2, void *stream, int *status, uint64_t *id, struct graph **graph,
         struct graph_node *const **after, size_t *n_after)
{
    return capture_info(
        stream, status,
        &(struct info){.id = id, .graph = graph, .after = after, .n_after = n_after});
}

CUDA_API(cuStreamGetCaptureInfo_v3, void *stream, int *status, uint64_t *id, struct graph **graph,
         struct graph_node *const **after, const void **edges, size_t *n_after)
{
    return capture_info(stream, status, &(struct info){id, graph, after, edges, n_after});
}

CUDA_API(cuStreamUpdateCaptureDependencies, void *stream, struct graph_node *const *after,
         size_t n_after, unsigned flags)
{
    struct stream *s;
    int rc = stream_enter(stream, &s);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!s->capture)
        return cuda_leave(CUDA_ERROR_ILLEGAL_STATE);
    if (flags > 1 || (n_after && !after) || n_after > UINT32_MAX)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    if (!are_of(s->capture->graph, after, n_after))
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    rc = flags == 1 ? set_after(s, after, (unsigned)n_after)
                    : add_after(s, after, (unsigned)n_after);
    return cuda_leave(rc);
}

CUDA_API(cuStreamUpdateCaptureDependencies_v2, void *stream, struct graph_node *const *after,
         const void *edges, size_t n_after, unsigned flags)
{
    (void)edges;
    return cuStreamUpdateCaptureDependencies(stream, after, n_after, flags);
}
