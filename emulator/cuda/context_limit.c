/* SPDX-License-Identifier: Apache-2.0 */
/* What a context can be asked and told: limits, flags, configurations, its device. */
#include "cuda/attribute.h"
#include "cuda/cuda.h"

enum limit { /* CUlimit */
             LIMIT_STACK,
             LIMIT_PRINTF,
             LIMIT_HEAP,
             LIMIT_SYNC_DEPTH,
             LIMIT_LAUNCHES,
             LIMIT_L2_FETCH,
             LIMIT_PERSISTING_L2,
             LIMIT_SHARED, /* these three can be read alone */
             LIMIT_CIG,
             LIMIT_CIG_SHARED,
             LIMIT_COUNT,
};

void context_limits(struct context *c)
{
    c->limits[LIMIT_STACK] = 1024;
    c->limits[LIMIT_PRINTF] = 8650752;
    c->limits[LIMIT_HEAP] = 8388608;
    c->limits[LIMIT_SYNC_DEPTH] = 2;
    c->limits[LIMIT_LAUNCHES] = 2048;
    int bytes = 0;

    c->limits[LIMIT_L2_FETCH] = 64;
    if (attribute_compute_major(c->device) == 9)
        c->limits[LIMIT_PERSISTING_L2] = 9830400;
    (void)attribute_read(c->device, 97, &bytes); /* of a block that asks for more than the usual */
    c->limits[LIMIT_SHARED] = (uint64_t)bytes;
    c->shared_config = 1;
}

/* From Hopper on the device's own runtime cannot wait for its kernels. */
static bool has_limit(const struct context *c, unsigned limit)
{
    return limit < LIMIT_CIG_SHARED &&
           (limit != LIMIT_SYNC_DEPTH || attribute_compute_major(c->device) < 9);
}

CUDA_API(cuCtxGetLimit, size_t *out, unsigned limit)
{
    struct context *c;
    int rc = cuda_enter_context(&c);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    if (!has_limit(c, limit))
        return cuda_leave(limit < LIMIT_COUNT ? CUDA_ERROR_UNSUPPORTED_LIMIT
                                              : CUDA_ERROR_INVALID_VALUE);
    *out = c->limits[limit];
    return cuda_leave(CUDA_SUCCESS);
}

/* Every thread that can be on the GPU has one, all at once: 264 MiB for each KiB on an H100. */
static int set_stack(struct context *c, uint64_t bytes)
{
    uint64_t threads = attribute_threads(c->device), was = c->limits[LIMIT_STACK];
    int rc = CUDA_SUCCESS;

    bytes = (bytes + 15) / 16 * 16;
    if (bytes > 524288 || threads == 0)
        return CUDA_ERROR_INVALID_VALUE;
    if (bytes > was)
        rc = memory_take(c, (bytes - was) * threads);
    else
        memory_give(c, (was - bytes) * threads);
    if (rc != CUDA_SUCCESS)
        return rc;
    if (bytes > was)
        c->bytes += memory_round((bytes - was) * threads);
    else
        c->bytes -= memory_round((was - bytes) * threads);
    c->limits[LIMIT_STACK] = bytes;
    return CUDA_SUCCESS;
}

CUDA_API(cuCtxSetLimit, unsigned limit, size_t value)
{
    struct context *c;
    int rc = cuda_enter_context(&c);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!has_limit(c, limit))
        return cuda_leave(limit < LIMIT_COUNT ? CUDA_ERROR_UNSUPPORTED_LIMIT
                                              : CUDA_ERROR_INVALID_VALUE);
    if (limit >= LIMIT_SHARED)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    if (limit == LIMIT_STACK)
        return cuda_leave(set_stack(c, value));
    if (limit == LIMIT_L2_FETCH && value > 128)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    c->limits[limit] = value;
    return cuda_leave(CUDA_SUCCESS);
}

/* A getter of the current context: one value. */
#define GETTER(name, type, value)                                                                  \
    CUDA_API(name, type *out)                                                                      \
    {                                                                                              \
        struct context *c;                                                                         \
        int rc = cuda_enter_context(&c);                                                           \
                                                                                                   \
        if (rc != CUDA_SUCCESS)                                                                    \
            return rc;                                                                             \
        if (!out)                                                                                  \
            return cuda_leave(CUDA_ERROR_INVALID_VALUE);                                           \
        *out = (value);                                                                            \
        return cuda_leave(CUDA_SUCCESS);                                                           \
    }

/* Also of a primary context that has been released. */
CUDA_API(cuCtxGetDevice, int *out)
{
    const struct context *c;
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    c = context_current();
    if (!c || !handle_is(c, HANDLE_CONTEXT))
        return cuda_leave(c ? CUDA_ERROR_CONTEXT_IS_DESTROYED : CUDA_ERROR_INVALID_CONTEXT);
    if (!out)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    *out = c->device->ordinal;
    return cuda_leave(CUDA_SUCCESS);
}

GETTER(cuCtxGetFlags, unsigned, c->flags)
GETTER(cuCtxGetCacheConfig, int, c->cache_config)
GETTER(cuCtxGetSharedMemConfig, int, c->shared_config)

/* A getter that names its context; NULL: the current one. */
#define GETTER_OF(name, type, value)                                                               \
    CUDA_API(name, void *context, type *out)                                                       \
    {                                                                                              \
        struct context *c;                                                                         \
        int rc = cuda_enter();                                                                     \
                                                                                                   \
        if (rc != CUDA_SUCCESS)                                                                    \
            return rc;                                                                             \
        c = context_check(context, &rc);                                                           \
        if (!c)                                                                                    \
            return cuda_leave(rc);                                                                 \
        if (!out)                                                                                  \
            return cuda_leave(CUDA_ERROR_INVALID_VALUE);                                           \
        *out = (value);                                                                            \
        return cuda_leave(CUDA_SUCCESS);                                                           \
    }

GETTER_OF(cuCtxGetApiVersion, unsigned, c->version)
GETTER_OF(cuCtxGetId, uint64_t, c->id)

/* Here the context comes second. */
CUDA_API(cuCtxGetDevice_v2, int *out, void *context)
{
    struct context *c;
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    c = context_check(context, &rc);
    if (!c)
        return cuda_leave(rc);
    if (!out)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    *out = c->device->ordinal;
    return cuda_leave(CUDA_SUCCESS);
}

/* A setter of the current context: up to which value. */
#define SETTER(name, field, most)                                                                  \
    CUDA_API(name, unsigned value)                                                                 \
    {                                                                                              \
        struct context *c;                                                                         \
        int rc = cuda_enter_context(&c);                                                           \
                                                                                                   \
        if (rc != CUDA_SUCCESS)                                                                    \
            return rc;                                                                             \
        if (value > (most))                                                                        \
            return cuda_leave(CUDA_ERROR_INVALID_VALUE);                                           \
        c->field = (__typeof__(c->field))value;                                                    \
        return cuda_leave(CUDA_SUCCESS);                                                           \
    }

SETTER(cuCtxSetCacheConfig, cache_config, 3)
SETTER(cuCtxSetSharedMemConfig, shared_config, 2)
SETTER(cuCtxSetFlags, flags, 0xff)

CUDA_API(cuCtxGetStreamPriorityRange, int *least, int *greatest)
{
    struct context *c;
    int rc = cuda_enter_context(&c);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (least)
        *least = 0;
    if (greatest)
        *greatest = -5;
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuCtxResetPersistingL2Cache, void)
{
    struct context *c;
    int rc = cuda_enter_context(&c);

    return rc == CUDA_SUCCESS ? cuda_leave(CUDA_SUCCESS) : rc;
}

/* Affinity by count of SMs is MPS's. */
CUDA_API(cuCtxGetExecAffinity, void *out, unsigned type)
{
    struct context *c;
    int rc = cuda_enter_context(&c);

    (void)type;
    if (rc != CUDA_SUCCESS)
        return rc;
    return cuda_leave(out ? CUDA_ERROR_UNSUPPORTED_EXEC_AFFINITY : CUDA_ERROR_INVALID_VALUE);
}
