/* SPDX-License-Identifier: Apache-2.0 */
/* Which streams there are, and the door of work.h through which memory's operations come in. */
#include "cuda/stream.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "cuda/capture.h"
#include "cuda/cuda.h"
#include "cuda/graph.h"

struct stream *streams;

/* What a CUstream points to. */
struct stream_handle {
    struct stream *stream;
};

enum {
    PRIORITY_GREATEST = -5,
    STREAMS_PER_BLOCK = 4, /* streams of a context take 2 MiB of the GPU together */
};

bool stream_is_blocking(const struct stream *s)
{
    return s->is_legacy || !(s->flags & STREAM_NON_BLOCKING);
}

static struct stream *add(struct context *c)
{
    struct stream *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    s->context = c;
    s->id = ++cuda.next_id;
    s->next = streams;
    streams = s;
    return s;
}

int stream_new(struct context *c, unsigned flags, int priority, struct stream **out)
{
    struct stream_handle *h = handle_new(HANDLE_STREAM, sizeof *h);

    if (!h || !(h->stream = add(c))) {
        handle_free(h);
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    priority = priority > 0 ? 0 : priority;
    h->stream->priority = priority < PRIORITY_GREATEST ? PRIORITY_GREATEST : priority;
    h->stream->flags = flags;
    h->stream->handle = h;
    *out = h->stream;
    return CUDA_SUCCESS;
}

/* Streams of threads that have ended go, once they are empty. */
static void forget_threads(void)
{
    for (struct stream *s = streams; s; s = s->next) {
        if (s->thread && tgkill(getpid(), s->thread, 0) < 0 && errno == ESRCH)
            s->gone = true;
    }
}

/* The context's legacy stream (thread 0) or the one of a thread, made at first use. */
static struct stream *own(struct context *c, pid_t thread)
{
    struct stream *s = streams;

    while (s && (s->context != c || s->handle || s->gone || s->thread != thread))
        s = s->next;
    if (s)
        return s;
    forget_threads();
    s = add(c);
    if (s) {
        s->is_legacy = thread == 0;
        s->thread = thread;
    }
    return s;
}

struct stream *stream_find(struct context *c, void *handle, int *out_rc)
{
    struct stream *s;

    if ((uintptr_t)handle > STREAM_PER_THREAD) {
        if (handle_is(handle, HANDLE_STREAM))
            return ((struct stream_handle *)handle)->stream;
        *out_rc = CUDA_ERROR_INVALID_HANDLE;
        return NULL;
    }
    s = own(c, (uintptr_t)handle == STREAM_PER_THREAD ? gettid() : 0);
    if (!s)
        *out_rc = CUDA_ERROR_OUT_OF_MEMORY;
    return s;
}

int stream_enter(void *handle, struct stream **out)
{
    struct context *c;
    int rc = cuda_enter_context(&c);

    if (rc != CUDA_SUCCESS)
        return rc;
    *out = stream_find(c, handle, &rc);
    return *out ? CUDA_SUCCESS : cuda_leave(rc);
}

static void free_stream(struct stream *s)
{
    struct stream **at = &streams;

    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    op_drop_all(s);
    capture_leave(s);
    free(s);
}

void stream_sweep(void)
{
    struct stream *s = streams;

    while (s) {
        struct stream *next = s->next;

        if (s->gone && !s->first)
            free_stream(s);
        s = next;
    }
}

/* What a context has cost since it was made: goes with it. */
struct costs {
    unsigned n_streams, blocks;
    bool has_fills;
};

static int take_block(struct context *c)
{
    int rc = memory_take(c, CUDA_BLOCK_BYTES);

    if (rc == CUDA_SUCCESS)
        c->bytes += CUDA_BLOCK_BYTES;
    return rc;
}

static int take_stream(struct context *c)
{
    struct costs *costs = c->work;
    int rc = CUDA_SUCCESS;

    if (costs->n_streams == costs->blocks * STREAMS_PER_BLOCK) {
        rc = take_block(c);
        if (rc != CUDA_SUCCESS)
            return rc;
        costs->blocks++;
    }
    costs->n_streams++;
    return CUDA_SUCCESS;
}

int stream_take_fills(struct context *c)
{
    struct costs *costs = c->work;
    int rc = costs->has_fills ? CUDA_SUCCESS : take_block(c);

    if (rc == CUDA_SUCCESS)
        costs->has_fills = true;
    return rc;
}

int work_context_new(struct context *c)
{
    c->work = calloc(1, sizeof(struct costs));
    return c->work ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

/* Work that waits for a host function in progress is forgotten with its stream, when that ends. */
void work_context_free(struct context *c)
{
    (void)op_wait_context(c);
    for (struct stream *s = streams; s; s = s->next) {
        if (s->context != c)
            continue;
        handle_free(s->handle);
        s->handle = NULL;
        s->gone = true;
    }
    stream_sweep();
    event_context_free(c);
    module_context_free(c);
    free(c->work);
    c->work = NULL;
}

int work_unsafe(void)
{
    return capture_unsafe();
}

int work_finish(struct context *c)
{
    int rc = capture_unsafe();

    return rc == CUDA_SUCCESS ? op_wait_context(c) : rc;
}

static struct stream *find_how(struct context *c, void *handle, unsigned how, int *out_rc)
{
    if (!handle && (how & WORK_PER_THREAD))
        handle = (void *)(uintptr_t)STREAM_PER_THREAD;
    return stream_find(c, handle, out_rc);
}

int work_stream(struct context *c, void *stream, unsigned how)
{
    int rc = CUDA_SUCCESS;

    return find_how(c, stream, how, &rc) ? CUDA_SUCCESS : rc;
}

/* A task of memory goes into its stream, or becomes a node of its capture. */
static int submit(struct context *c, void *stream, unsigned how, const struct task *task)
{
    int rc = CUDA_SUCCESS;
    struct stream *s = find_how(c, stream, how, &rc);

    if (!s)
        return rc;
    rc = graph_submit(s, task);
    return rc == CUDA_SUCCESS && (how & WORK_WAIT) ? op_wait_stream(s) : rc;
}

int work_copy(struct context *c, void *stream, unsigned how, const struct copy *copy)
{
    struct task task = {.kind = TASK_COPY, .u.copy = *copy};

    return submit(c, stream, how, &task);
}

int work_fill(struct context *c, void *stream, unsigned how, const struct fill *fill)
{
    struct task task = {.kind = TASK_FILL, .u.fill = *fill};

    return submit(c, stream, how, &task);
}

CUDA_API(cuStreamCreateWithPriority, void **out, unsigned flags, int priority)
{
    struct context *c;
    struct stream *s;
    int rc = cuda_enter_context(&c);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out || (flags & ~(unsigned)STREAM_NON_BLOCKING))
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    rc = take_stream(c);
    if (rc == CUDA_SUCCESS)
        rc = stream_new(c, flags, priority, &s);
    if (rc == CUDA_SUCCESS)
        *out = s->handle;
    return cuda_leave(rc);
}

CUDA_API(cuStreamCreate, void **out, unsigned flags)
{
    return cuStreamCreateWithPriority(out, flags, 0);
}

static int destroy(void *handle)
{
    struct stream *s;
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!handle_is(handle, HANDLE_STREAM))
        return cuda_leave(CUDA_ERROR_INVALID_HANDLE);
    s = ((struct stream_handle *)handle)->stream;
    ((struct costs *)s->context->work)->n_streams--;
    if (s->capture)
        capture_invalidate(s->capture);
    handle_free(handle);
    s->handle = NULL;
    s->gone = true;
    op_pump();
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuStreamDestroy, void *stream)
{
    return destroy(stream);
}

CUDA_API(cuStreamDestroy_v2, void *stream)
{
    return destroy(stream);
}

/* A stream that captures is not to be waited for or asked. */
static int check_idle_call(struct stream *s)
{
    if (s->capture) {
        capture_invalidate(s->capture);
        return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    }
    return capture_unsafe();
}

CUDA_API(cuStreamQuery, void *stream)
{
    struct stream *s;
    int rc = stream_enter(stream, &s);

    if (rc != CUDA_SUCCESS)
        return rc;
    rc = check_idle_call(s);
    if (rc != CUDA_SUCCESS)
        return cuda_leave(rc);
    op_pump();
    if (s->first)
        return cuda_leave(CUDA_ERROR_NOT_READY);
    for (struct stream *o = streams; s->is_legacy && o; o = o->next) {
        if (o->first && o->context == s->context && stream_is_blocking(o))
            return cuda_leave(CUDA_ERROR_NOT_READY);
    }
    return cuda_leave(CUDA_SUCCESS);
}

/* Waiting for the legacy stream is waiting for all that block with it. */
static int wait_for(struct stream *s)
{
    struct task nothing = {.kind = TASK_EMPTY};
    int rc = s->is_legacy ? op_submit(s, &nothing) : CUDA_SUCCESS;

    return rc == CUDA_SUCCESS ? op_wait_stream(s) : rc;
}

CUDA_API(cuStreamSynchronize, void *stream)
{
    struct stream *s;
    int rc = stream_enter(stream, &s);

    if (rc != CUDA_SUCCESS)
        return rc;
    rc = check_idle_call(s);
    if (rc == CUDA_SUCCESS)
        rc = wait_for(s);
    if (rc == CUDA_SUCCESS)
        pool_settle();
    return cuda_leave(rc);
}

static int synchronize(void *context)
{
    struct context *c;
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    c = context_check(context, &rc);
    if (!c)
        return cuda_leave(rc);
    rc = capture_in_context(c);
    if (rc == CUDA_SUCCESS)
        rc = op_wait_context(c);
    if (rc == CUDA_SUCCESS)
        pool_settle();
    return cuda_leave(rc);
}

CUDA_API(cuCtxSynchronize, void)
{
    return synchronize(NULL);
}

CUDA_API(cuCtxSynchronize_v2, void *context)
{
    return synchronize(context);
}
