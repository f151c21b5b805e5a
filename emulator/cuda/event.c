/* SPDX-License-Identifier: Apache-2.0 */
/* Events: made, recorded, waited for, timed. */
#include "cuda/event.h"

#include <stdlib.h>
#include <string.h>

#include "cuda/capture.h"
#include "cuda/cuda.h"
#include "cuda/graph.h"
#include "cuda/stream.h"

enum {
    FLAGS_KNOWN = EVENT_BLOCKING_SYNC | EVENT_DISABLE_TIMING | EVENT_INTERPROCESS,
    RECORD_EXTERNAL = 1,
    WAIT_EXTERNAL = 1,
};

struct event *event_find(void *handle)
{
    return handle_is(handle, HANDLE_EVENT) ? handle : NULL;
}

void event_leave(struct event *e)
{
    if (e->capture)
        capture_drop(e->capture);
    e->capture = NULL;
    free(e->after);
    e->after = NULL;
    e->n_after = 0;
}

int event_record(struct event *e, struct stream *s)
{
    struct record *r = record_new(s->context->device);
    struct task task = {.kind = TASK_RECORD, .u.record = r};
    int rc;

    if (!r)
        return CUDA_ERROR_OUT_OF_MEMORY;
    event_leave(e);
    record_drop(e->record);
    e->record = record_ref(r);
    rc = op_submit(s, &task);
    if (rc != CUDA_SUCCESS)
        r->done = true;
    return rc;
}

int event_wait(struct stream *s, struct event *e)
{
    struct task task = {.kind = TASK_WAIT, .u.record = e->record};

    if (!e->record || e->record->done)
        return CUDA_SUCCESS;
    (void)record_ref(e->record);
    return op_submit(s, &task);
}

CUDA_API(cuEventCreate, void **out, unsigned flags)
{
    struct context *c;
    struct event *e;
    int rc = cuda_enter_context(&c);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out || (flags & ~(unsigned)FLAGS_KNOWN) ||
        ((flags & EVENT_INTERPROCESS) && !(flags & EVENT_DISABLE_TIMING)))
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    e = handle_new(HANDLE_EVENT, sizeof *e);
    if (!e)
        return cuda_leave(CUDA_ERROR_OUT_OF_MEMORY);
    e->context = c;
    e->flags = flags;
    *out = e;
    return cuda_leave(CUDA_SUCCESS);
}

static void free_event(struct event *e)
{
    event_leave(e);
    record_drop(e->record);
    handle_free(e);
}

static int destroy(void *handle)
{
    struct event *e;
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    e = event_find(handle);
    if (!e)
        return cuda_leave(CUDA_ERROR_INVALID_HANDLE);
    free_event(e);
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuEventDestroy, void *event)
{
    return destroy(event);
}

CUDA_API(cuEventDestroy_v2, void *event)
{
    return destroy(event);
}

void event_context_free(struct context *c)
{
    size_t at = 0;
    struct event *e;

    while ((e = handle_next(HANDLE_EVENT, &at))) {
        if (e->context != c)
            continue;
        free_event(e);
        at = 0;
    }
}

/* In a capture the event stands for what the stream has captured so far. */
static int record_captured(struct event *e, struct stream *s, unsigned flags)
{
    struct graph_node *const *after;

    if (s->capture->invalid)
        return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    if (flags & RECORD_EXTERNAL)
        return graph_capture_event(s, e, true);
    event_leave(e);
    capture_after(s, &after, &e->n_after);
    e->after = calloc(e->n_after + 1, sizeof *e->after);
    if (!e->after)
        return CUDA_ERROR_OUT_OF_MEMORY;
    if (e->n_after)
        memcpy(e->after, after, e->n_after * sizeof *e->after);
    e->capture = s->capture;
    s->capture->refs++;
    return CUDA_SUCCESS;
}

CUDA_API(cuEventRecordWithFlags, void *event, void *stream, unsigned flags)
{
    struct stream *s;
    struct event *e;
    int rc = stream_enter(stream, &s);

    if (rc != CUDA_SUCCESS)
        return rc;
    e = event_find(event);
    if (!e)
        return cuda_leave(CUDA_ERROR_INVALID_HANDLE);
    if (flags & ~(unsigned)RECORD_EXTERNAL)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    if (e->context->device != s->context->device)
        return cuda_leave(CUDA_ERROR_INVALID_HANDLE);
    if (s->capture)
        return cuda_leave(record_captured(e, s, flags));
    if (flags & RECORD_EXTERNAL)
        return cuda_leave(CUDA_ERROR_ILLEGAL_STATE);
    rc = capture_implicit(s);
    return cuda_leave(rc == CUDA_SUCCESS ? event_record(e, s) : rc);
}

CUDA_API(cuEventRecord, void *event, void *stream)
{
    return cuEventRecordWithFlags(event, stream, 0);
}

static int wait_event(struct stream *s, struct event *e, unsigned flags)
{
    if (s->capture && s->capture->invalid)
        return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    if (s->capture && (flags & WAIT_EXTERNAL))
        return graph_capture_event(s, e, false);
    if (e->capture)
        return capture_join(s, e->capture, e->after, e->n_after);
    if (s->capture && e->record) {
        capture_invalidate(s->capture);
        return CUDA_ERROR_STREAM_CAPTURE_ISOLATION;
    }
    if (s->capture)
        return CUDA_SUCCESS;
    return event_wait(s, e);
}

CUDA_API(cuStreamWaitEvent, void *stream, void *event, unsigned flags)
{
    struct stream *s;
    struct event *e;
    int rc = stream_enter(stream, &s);

    if (rc != CUDA_SUCCESS)
        return rc;
    e = event_find(event);
    if (!e)
        return cuda_leave(CUDA_ERROR_INVALID_HANDLE);
    if (flags & ~(unsigned)WAIT_EXTERNAL)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    rc = capture_implicit(s);
    return cuda_leave(rc == CUDA_SUCCESS ? wait_event(s, e, flags) : rc);
}

/* Enters the session with an event that may be asked or waited for. */
static int enter_event(void *handle, struct event **out)
{
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    *out = event_find(handle);
    if (!*out)
        return cuda_leave(CUDA_ERROR_INVALID_HANDLE);
    if ((*out)->capture && (*out)->capture->invalid)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    if ((*out)->capture) {
        capture_invalidate((*out)->capture);
        return cuda_leave(CUDA_ERROR_CAPTURED_EVENT);
    }
    return CUDA_SUCCESS;
}

CUDA_API(cuEventQuery, void *event)
{
    struct event *e;
    int rc = enter_event(event, &e);

    if (rc != CUDA_SUCCESS)
        return rc;
    rc = capture_unsafe();
    if (rc != CUDA_SUCCESS)
        return cuda_leave(rc);
    op_pump();
    return cuda_leave(e->record && !e->record->done ? CUDA_ERROR_NOT_READY : CUDA_SUCCESS);
}

CUDA_API(cuEventSynchronize, void *event)
{
    struct event *e;
    int rc = enter_event(event, &e);

    if (rc != CUDA_SUCCESS)
        return rc;
    rc = capture_unsafe();
    if (rc == CUDA_SUCCESS && e->record)
        rc = op_wait_record(e->record);
    if (rc == CUDA_SUCCESS)
        pool_settle();
    return cuda_leave(rc);
}

static int elapsed(float *ms, void *from, void *to)
{
    struct event *a, *b;
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    a = event_find(from);
    b = event_find(to);
    if (!ms || !a || !b || ((a->flags | b->flags) & EVENT_DISABLE_TIMING) || !a->record ||
        !b->record)
        return cuda_leave(CUDA_ERROR_INVALID_HANDLE);
    op_pump();
    if (!a->record->done || !b->record->done)
        return cuda_leave(CUDA_ERROR_NOT_READY);
    *ms = (float)((double)(int64_t)(b->record->at - a->record->at) / 1e6);
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuEventElapsedTime, float *ms, void *from, void *to)
{
    return elapsed(ms, from, to);
}

CUDA_API(cuEventElapsedTime_v2, float *ms, void *from, void *to)
{
    return elapsed(ms, from, to);
}

/* A context's event stands for all its streams: in the legacy one it comes after all that block. */
CUDA_API(cuCtxRecordEvent, void *context, void *event)
{
    struct context *c;
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    c = context ? context_check(context, &rc) : NULL;
    (void)cuda_leave(rc);
    if (!context)
        return CUDA_ERROR_INVALID_CONTEXT;
    return c ? cuEventRecord(event, NULL) : rc;
}

CUDA_API(cuCtxWaitEvent, void *context, void *event)
{
    struct context *c;
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    c = context ? context_check(context, &rc) : NULL;
    (void)cuda_leave(rc);
    if (!context)
        return CUDA_ERROR_INVALID_CONTEXT;
    return c ? cuStreamWaitEvent(NULL, event, 0) : rc;
}
