/* SPDX-License-Identifier: Apache-2.0 */
/* What a stream is asked about itself, and its attributes. */
#include "cuda/capture.h"
#include "cuda/cuda.h"
#include "cuda/stream.h"

enum {
    ATTRIBUTE_WINDOW = 1, /* CUlaunchAttributeID: access policy window */
    ATTRIBUTE_POLICY = 3, /* synchronization */
    ATTRIBUTE_PRIORITY = 8,
    ATTRIBUTE_DOMAINS = 9, /* memory synchronization: map, */
    ATTRIBUTE_DOMAIN = 10, /* and which */
    WINDOW_WORDS = 4,
};

/* A getter: checks, and one expression. Not while a capture is broken. */
#define GETTER(name, type, value)                                                                  \
    CUDA_API(name, void *stream, type *out)                                                        \
    {                                                                                              \
        struct stream *s;                                                                          \
        int rc = stream_enter(stream, &s);                                                         \
        if (rc != CUDA_SUCCESS)                                                                    \
            return rc;                                                                             \
        if (s->capture && s->capture->invalid)                                                     \
            return cuda_leave(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);                              \
        if (!out)                                                                                  \
            return cuda_leave(CUDA_ERROR_INVALID_VALUE);                                           \
        *out = (value);                                                                            \
        return cuda_leave(CUDA_SUCCESS);                                                           \
    }

GETTER(cuStreamGetFlags, unsigned, s->flags)
GETTER(cuStreamGetPriority, int, s->priority)
GETTER(cuStreamGetId, uint64_t, s->id)
GETTER(cuStreamGetCtx, struct context *, s->context)
GETTER(cuStreamGetDevice, int, s->context->device->ordinal)
GETTER(cuStreamGetGreenCtx, void *, NULL) /* there are none */

CUDA_API(cuStreamGetCtx_v2, void *stream, struct context **out, void **out_green)
{
    int rc = cuStreamGetCtx(stream, out);

    if (rc == CUDA_SUCCESS && out_green)
        *out_green = NULL;
    return rc;
}

CUDA_API(cuStreamGetAttribute, void *stream, int attribute, uint64_t *out)
{
    struct stream *s;
    int rc = stream_enter(stream, &s);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    switch (attribute) {
    case ATTRIBUTE_WINDOW:
        for (unsigned i = 0; i < WINDOW_WORDS; i++)
            out[i] = 0;
        break;
    case ATTRIBUTE_DOMAINS:
    case ATTRIBUTE_DOMAIN:
        *(uint32_t *)out = 0;
        break;
    case ATTRIBUTE_POLICY:
        *(uint32_t *)out = (uint32_t)s->policy;
        break;
    case ATTRIBUTE_PRIORITY:
        *(int *)out = s->priority;
        break;
    default:
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    }
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuStreamSetAttribute, void *stream, int attribute, const uint64_t *value)
{
    struct stream *s;
    int rc = stream_enter(stream, &s);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!value)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    if (attribute == ATTRIBUTE_POLICY)
        s->policy = (uint32_t)*value;
    else if (attribute != ATTRIBUTE_WINDOW && attribute != ATTRIBUTE_PRIORITY)
        rc = CUDA_ERROR_INVALID_VALUE;
    return cuda_leave(rc);
}

CUDA_API(cuStreamCopyAttributes, void *to, void *from)
{
    struct stream *a, *b;
    int rc = stream_enter(to, &a);

    if (rc != CUDA_SUCCESS)
        return rc;
    b = stream_find(a->context, from, &rc);
    if (b)
        a->policy = b->policy;
    return cuda_leave(b ? CUDA_SUCCESS : rc);
}
