/* SPDX-License-Identifier: Apache-2.0 */
/* Host functions in streams, and values that streams wait for or write. */
#include <string.h>

#include "cuda/capture.h"
#include "cuda/cuda.h"
#include "cuda/graph.h"
#include "cuda/params.h"
#include "cuda/stream.h"

enum {
    MOST_VALUES = 256,
    WAIT_FLAGS = 3,
    WAIT_FLUSH = 1 << 30,
};

CUDA_API(cuLaunchHostFunc, void *stream, void (*function)(void *), void *data)
{
    struct task task = {.kind = TASK_HOST, .u.host = {function, data}};
    struct stream *s;
    int rc = stream_enter(stream, &s);

    if (rc != CUDA_SUCCESS)
        return rc;
    return cuda_leave(function ? graph_submit(s, &task) : CUDA_ERROR_INVALID_VALUE);
}

CUDA_API(cuStreamAddCallback, void *stream, void (*function)(void *, int, void *), void *data,
         unsigned flags)
{
    struct task task = {.kind = TASK_CALLBACK, .u.callback = {function, stream, data}};
    struct stream *s;
    int rc = stream_enter(stream, &s);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!function || flags != 0)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    return cuda_leave(graph_submit(s, &task));
}

static bool is_wide(const struct value *v)
{
    return v->op == VALUE_WAIT_64 || v->op == VALUE_WRITE_64;
}

static int check_value(const struct value *v)
{
    bool waits = v->op == VALUE_WAIT_32 || v->op == VALUE_WAIT_64;
    unsigned known = waits ? WAIT_FLAGS | WAIT_FLUSH : 0;

    if (v->op == VALUE_FLUSH || v->op == VALUE_BARRIER)
        return CUDA_SUCCESS;
    if (!v->op || v->op > VALUE_WRITE_64 || (v->flags & ~known))
        return CUDA_ERROR_INVALID_VALUE;
    if (v->flags & WAIT_FLUSH)
        return CUDA_ERROR_NOT_SUPPORTED;
    if (v->at % (is_wide(v) ? 8 : 4) != 0 || !range_find(v->at))
        return CUDA_ERROR_INVALID_VALUE;
    return CUDA_SUCCESS;
}

int values_check(const struct value *v, unsigned n, unsigned flags)
{
    int rc = CUDA_SUCCESS;

    if (n > MOST_VALUES || flags != 0 || (n && !v))
        return CUDA_ERROR_INVALID_VALUE;
    for (unsigned i = 0; i < n && rc == CUDA_SUCCESS; i++)
        rc = check_value(&v[i]);
    return rc;
}

/* What is waited for; the flags are CUstreamWaitValue_flags. */
bool value_is_there(const struct value *v)
{
    bool wide = v->op == VALUE_WAIT_64;
    uint64_t now = 0;

    if (!range_find(v->at))
        return true; /* freed meanwhile */
    memcpy(&now, (const void *)(uintptr_t)v->at, wide ? 8 : 4);
    switch (v->flags & 3) {
    case 0:
        return wide ? (int64_t)(now - v->value) >= 0
                    : (int32_t)((uint32_t)now - (uint32_t)v->value) >= 0;
    case 1:
        return wide ? now == v->value : (uint32_t)now == (uint32_t)v->value;
    case 2:
        return (now & v->value & (wide ? UINT64_MAX : UINT32_MAX)) != 0;
    default:
        return (~(now | v->value) & (wide ? UINT64_MAX : UINT32_MAX)) != 0;
    }
}

void value_write(const struct value *v)
{
    if (range_find(v->at) && (v->op == VALUE_WRITE_32 || v->op == VALUE_WRITE_64))
        memcpy((void *)(uintptr_t)v->at, &v->value, v->op == VALUE_WRITE_64 ? 8 : 4);
}

static int submit(struct stream *s, const struct value *values, unsigned n)
{
    int rc = CUDA_SUCCESS;

    if (s->capture) {
        struct batch_params batch = {
            .context = s->context, .count = n, .values = (struct value *)(uintptr_t)values};
        struct node_params params;

        rc = params_batch(&params, &batch);
        if (rc == CUDA_SUCCESS)
            rc = graph_capture(s, &params);
        return rc;
    }
    for (unsigned i = 0; i < n && rc == CUDA_SUCCESS; i++) {
        struct task task = {.kind = TASK_VALUE, .u.value = values[i]};

        rc = graph_submit(s, &task);
    }
    return rc;
}

static int batch(void *stream, unsigned n, const struct value *values, unsigned flags)
{
    struct stream *s;
    int rc = stream_enter(stream, &s);

    if (rc != CUDA_SUCCESS)
        return rc;
    rc = values_check(values, n, flags);
    return cuda_leave(rc == CUDA_SUCCESS ? submit(s, values, n) : rc);
}

static int one(void *stream, enum value_op op, uint64_t at, uint64_t value, unsigned flags)
{
    struct value v = {.op = op, .at = at, .value = value, .flags = flags};

    return batch(stream, 1, &v, 0);
}

/* The first versions of all these are off in the driver: NOT_SUPPORTED. */
#define ONE(name, op, type)                                                                        \
    CUDA_API(name, void *stream, uint64_t at, type value, unsigned flags)                          \
    {                                                                                              \
        return one(stream, op, at, value, flags);                                                  \
    }

ONE(cuStreamWaitValue32_v2, VALUE_WAIT_32, uint32_t)
ONE(cuStreamWriteValue32_v2, VALUE_WRITE_32, uint32_t)
ONE(cuStreamWaitValue64_v2, VALUE_WAIT_64, uint64_t)
ONE(cuStreamWriteValue64_v2, VALUE_WRITE_64, uint64_t)

CUDA_API(cuStreamBatchMemOp_v2, void *stream, unsigned n, const struct value *values,
         unsigned flags)
{
    return batch(stream, n, values, flags);
}

enum attach_flag { /* CUmemAttach_flags */
                   ATTACH_GLOBAL = 1,
                   ATTACH_HOST = 2,
                   ATTACH_SINGLE = 4,
};

/* Whose managed memory is: changes nothing here. */
CUDA_API(cuStreamAttachMemAsync, void *stream, uint64_t at, size_t bytes, unsigned flags)
{
    struct stream *s;
    const struct range *r;
    int rc = stream_enter(stream, &s);

    (void)bytes;
    if (rc != CUDA_SUCCESS)
        return rc;
    r = range_find(at);
    if (!r || r->kind != RANGE_MANAGED ||
        (flags != ATTACH_GLOBAL && flags != ATTACH_HOST && flags != ATTACH_SINGLE) ||
        (flags == ATTACH_SINGLE && !s->handle))
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    return cuda_leave(CUDA_SUCCESS);
}
