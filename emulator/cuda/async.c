/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Allocations in the order of a stream. The pool gives at the call; a capture makes nodes of them.
 */
#include "cuda/capture.h"
#include "cuda/cuda.h"
#include "cuda/graph.h"
#include "cuda/stream.h"

enum {
    PINNED = 1,
    ON_DEVICE = 1,
};

static int capture_alloc(struct stream *s, size_t bytes, uint64_t *out)
{
    struct node_params p = {.kind = NODE_ALLOC};
    int rc;

    p.u.alloc.props.type = PINNED;
    p.u.alloc.props.location_type = ON_DEVICE;
    p.u.alloc.props.location = s->context->device->ordinal;
    p.u.alloc.bytes = bytes;
    if (s->capture->invalid)
        return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    rc = graph_alloc_reserve(&p.u.alloc);
    if (rc == CUDA_SUCCESS)
        rc = graph_capture(s, &p);
    if (rc == CUDA_SUCCESS)
        *out = p.u.alloc.at;
    return rc;
}

static int alloc(uint64_t *out, size_t bytes, void *pool, bool is_default, void *stream)
{
    struct stream *s;
    struct pool *p;
    int rc = stream_enter(stream, &s);

    if (rc != CUDA_SUCCESS)
        return rc;
    p = is_default ? pool_of(s->context->device) : pool_check(pool);
    if (!out || !p)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    if (!bytes) {
        *out = 0;
        return cuda_leave(CUDA_SUCCESS);
    }
    if (s->capture)
        return cuda_leave(capture_alloc(s, bytes, out));
    rc = capture_unsafe();
    if (rc == CUDA_SUCCESS)
        op_pump();
    return cuda_leave(rc == CUDA_SUCCESS ? pool_alloc(p, bytes, out) : rc);
}

CUDA_API(cuMemAllocAsync, uint64_t *out, size_t bytes, void *stream)
{
    return alloc(out, bytes, NULL, true, stream);
}

CUDA_API(cuMemAllocFromPoolAsync, uint64_t *out, size_t bytes, void *pool, void *stream)
{
    return alloc(out, bytes, pool, false, stream);
}

CUDA_API(cuMemFreeAsync, uint64_t at, void *stream)
{
    struct stream *s;
    struct node_params p = {.kind = NODE_FREE, .u.free_at = at};
    struct task task = {.kind = TASK_FREE, .u.free_at = at};
    struct range *r;
    int rc = stream_enter(stream, &s);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (s->capture)
        return cuda_leave(graph_memory_known(s->capture->graph, at) ? graph_capture(s, &p)
                                                                    : CUDA_ERROR_INVALID_VALUE);
    rc = capture_implicit(s);
    if (rc != CUDA_SUCCESS || at == 0)
        return cuda_leave(rc);
    if (graph_memory_release(at))
        return cuda_leave(CUDA_SUCCESS);
    r = range_at(at);
    if (r && r->kind == RANGE_DEVICE) {
        rc = op_wait_stream(s); /* of cuMemAlloc: freed at once */
        r = range_at(at);
        return cuda_leave(rc == CUDA_SUCCESS && r ? memory_free(r) : CUDA_ERROR_INVALID_VALUE);
    }
    if (!r || r->kind != RANGE_POOL)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    return cuda_leave(op_submit(s, &task));
}
