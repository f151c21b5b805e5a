/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contexts: made and destroyed, primary ones retained and released, each thread's stack of them.
 * What a context can be asked and told is in context_limit.c.
 */
#include <string.h>

#include "cuda/cuda.h"
#include "cuda/op.h"

/* A context costs its process 518 MiB, and the device 5.5625 MiB more. */
static const uint64_t CONTEXT_BYTES = 518ull << 20, CONTEXT_DEVICE_BYTES = 5696ull << 10;

enum { FLAGS_KNOWN = 0xff };

static _Thread_local struct {
    struct context *at[CUDA_STACK];
    unsigned n;
} stack;

struct context *context_current(void)
{
    return stack.n ? stack.at[stack.n - 1] : NULL;
}

struct context *context_check(void *handle, int *out_rc)
{
    struct context *c = handle ? handle : context_current();

    *out_rc = CUDA_ERROR_INVALID_CONTEXT;
    if (!c)
        return NULL;
    if (handle_is(c, HANDLE_CONTEXT) && c->alive)
        return c;
    *out_rc = handle ? CUDA_ERROR_INVALID_CONTEXT : CUDA_ERROR_CONTEXT_IS_DESTROYED;
    return NULL;
}

int context_set_current(struct context *c)
{
    if (!c) {
        stack.n = 0;
        return CUDA_SUCCESS;
    }
    if (stack.n == 0)
        stack.n = 1;
    stack.at[stack.n - 1] = c;
    return CUDA_SUCCESS;
}

static bool has_contexts(const struct device *d)
{
    size_t at = 0;
    const struct context *c;

    while ((c = handle_next(HANDLE_CONTEXT, &at))) {
        if (c->alive && c->device == d)
            return true;
    }
    return false;
}

/* Memory and work of a context that has been made or was released. */
static int bring_to_life(struct context *c, struct device *d, unsigned flags)
{
    int rc = machine_take(d, MACHINE_PROCESS, CONTEXT_BYTES);

    if (rc != CUDA_SUCCESS)
        return rc;
    rc = machine_take(d, MACHINE_DEVICE, CONTEXT_DEVICE_BYTES);
    if (rc != CUDA_SUCCESS) {
        machine_give(d, MACHINE_PROCESS, CONTEXT_BYTES);
        return rc;
    }
    *c = (struct context){.device = d,
                          .id = ++cuda.next_id,
                          .bytes = CONTEXT_BYTES,
                          .device_bytes = CONTEXT_DEVICE_BYTES,
                          .flags = flags,
                          .attached = 1,
                          .version = 3020,
                          .alive = true};
    context_limits(c);
    rc = work_context_new(c);
    if (rc != CUDA_SUCCESS) {
        c->alive = false;
        machine_give(d, MACHINE_PROCESS, CONTEXT_BYTES);
        machine_give(d, MACHINE_DEVICE, CONTEXT_DEVICE_BYTES);
        return rc;
    }
    machine_contexts(d, true);
    return CUDA_SUCCESS;
}

static void end_life(struct context *c)
{
    c->alive = false; /* for other threads, while this one waits for its work */
    c->ending = true;
    work_context_free(c);
    memory_free_context(c);
    machine_give(c->device, MACHINE_PROCESS, c->bytes);
    machine_give(c->device, MACHINE_DEVICE, c->device_bytes);
    machine_contexts(c->device, has_contexts(c->device));
    c->ending = false;
}

static int new_context(struct context **out, unsigned flags, int ordinal)
{
    struct device *d;
    struct context *c;
    int rc = cuda_enter_device(ordinal, &d);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out || (flags & ~(unsigned)FLAGS_KNOWN) || (flags & 7) == 7 || stack.n == CUDA_STACK)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    c = handle_new(HANDLE_CONTEXT, sizeof *c);
    rc = c ? bring_to_life(c, d, flags) : CUDA_ERROR_OUT_OF_MEMORY;
    if (rc != CUDA_SUCCESS) {
        handle_free(c);
        return cuda_leave(rc);
    }
    stack.at[stack.n++] = c;
    *out = c;
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuCtxCreate, struct context **out, unsigned flags, int device)
{
    return new_context(out, flags, device);
}

CUDA_API(cuCtxCreate_v2, struct context **out, unsigned flags, int device)
{
    return new_context(out, flags, device);
}

/* An affinity is MPS's, which is not there. */
CUDA_API(cuCtxCreate_v3, struct context **out, const void *affinity, int n_affinity, unsigned flags,
         int device)
{
    if (n_affinity != 0 && affinity)
        return CUDA_ERROR_UNSUPPORTED_EXEC_AFFINITY;
    return new_context(out, flags, device);
}

/* CUctxCreateParams: affinity and its count, then what CIG wants. */
struct create_params {
    const void *affinity;
    int n_affinity;
    const void *cig;
};

CUDA_API(cuCtxCreate_v4, struct context **out, const struct create_params *params, unsigned flags,
         int device)
{
    if (params && params->n_affinity != 0)
        return CUDA_ERROR_UNSUPPORTED_EXEC_AFFINITY;
    if (params && params->cig)
        return CUDA_ERROR_NOT_SUPPORTED;
    return new_context(out, flags, device);
}

static int destroy(void *handle)
{
    struct context *c;
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    c = handle ? context_check(handle, &rc) : NULL;
    if (!c)
        return cuda_leave(handle ? rc : CUDA_ERROR_INVALID_VALUE);
    if (c->is_primary)
        return cuda_leave(CUDA_ERROR_INVALID_CONTEXT);
    if (context_current() == c)
        stack.n--;
    end_life(c);
    handle_free(c);
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuCtxDestroy, void *context)
{
    return destroy(context);
}

CUDA_API(cuCtxDestroy_v2, void *context)
{
    return destroy(context);
}

CUDA_API(cuCtxAttach, struct context **out, unsigned flags)
{
    struct context *c;
    int rc = cuda_enter_context(&c);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out || flags != 0)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    c->attached++;
    *out = c;
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuCtxDetach, void *context)
{
    struct context *c;
    int rc = cuda_enter_context(&c);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (c != context)
        return cuda_leave(CUDA_ERROR_INVALID_CONTEXT);
    if (c->attached > 1) {
        c->attached--;
        return cuda_leave(CUDA_SUCCESS);
    }
    (void)cuda_leave(CUDA_SUCCESS);
    return destroy(context);
}

static int push(void *handle)
{
    struct context *c;
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    c = handle ? context_check(handle, &rc) : NULL;
    if (!c)
        return cuda_leave(handle ? rc : CUDA_ERROR_INVALID_VALUE);
    if (stack.n == CUDA_STACK)
        return cuda_leave(CUDA_ERROR_OUT_OF_MEMORY);
    stack.at[stack.n++] = c;
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuCtxPushCurrent, void *context)
{
    return push(context);
}

CUDA_API(cuCtxPushCurrent_v2, void *context)
{
    return push(context);
}

static int pop(struct context **out)
{
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    if (stack.n == 0)
        return cuda_leave(CUDA_ERROR_INVALID_CONTEXT);
    stack.n--;
    if (out)
        *out = stack.at[stack.n];
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuCtxPopCurrent, struct context **out)
{
    return pop(out);
}

CUDA_API(cuCtxPopCurrent_v2, struct context **out)
{
    return pop(out);
}

CUDA_API(cuCtxSetCurrent, void *context)
{
    struct context *c = NULL;
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    if (context && !(c = context_check(context, &rc)))
        return cuda_leave(rc);
    return cuda_leave(context_set_current(c));
}

CUDA_API(cuCtxGetCurrent, struct context **out)
{
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    *out = context_current();
    return cuda_leave(CUDA_SUCCESS);
}

static int retain(struct context **out, struct device *d)
{
    int rc = CUDA_SUCCESS;

    if (!out)
        return CUDA_ERROR_INVALID_VALUE;
    if (!d->primary)
        d->primary = handle_new(HANDLE_CONTEXT, sizeof *d->primary);
    if (!d->primary)
        return CUDA_ERROR_OUT_OF_MEMORY;
    while (d->primary->ending && !cuda.ended) /* another thread releases it */
        op_pause();
    if (!d->primary->alive)
        rc = bring_to_life(d->primary, d, d->primary_flags);
    if (rc != CUDA_SUCCESS)
        return rc;
    d->primary->is_primary = true;
    d->primary_retains++;
    *out = d->primary;
    return CUDA_SUCCESS;
}

CUDA_API(cuDevicePrimaryCtxRetain, struct context **out, int device)
{
    struct device *d;
    int rc = cuda_enter_device(device, &d);

    return rc == CUDA_SUCCESS ? cuda_leave(retain(out, d)) : rc;
}

static int release(int ordinal)
{
    struct device *d;
    int rc = cuda_enter_device(ordinal, &d);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (d->primary_retains == 0)
        return cuda_leave(CUDA_ERROR_INVALID_CONTEXT);
    if (--d->primary_retains == 0 && d->primary->alive)
        end_life(d->primary);
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuDevicePrimaryCtxRelease, int device)
{
    return release(device);
}

CUDA_API(cuDevicePrimaryCtxRelease_v2, int device)
{
    return release(device);
}

static int reset(int ordinal)
{
    struct device *d;
    int rc = cuda_enter_device(ordinal, &d);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (d->primary && d->primary->alive)
        end_life(d->primary); /* who retained it still releases it */
    d->primary_flags = 0;
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuDevicePrimaryCtxReset, int device)
{
    return reset(device);
}

CUDA_API(cuDevicePrimaryCtxReset_v2, int device)
{
    return reset(device);
}

CUDA_API(cuDevicePrimaryCtxGetState, int device, unsigned *flags, int *active)
{
    struct device *d;
    int rc = cuda_enter_device(device, &d);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!flags || !active)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    *active = d->primary && d->primary->alive;
    *flags = d->primary_flags;
    return cuda_leave(CUDA_SUCCESS);
}

static int set_flags(int ordinal, unsigned flags)
{
    struct device *d;
    int rc = cuda_enter_device(ordinal, &d);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (flags & ~(unsigned)FLAGS_KNOWN)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    d->primary_flags = flags;
    if (d->primary && d->primary->alive)
        d->primary->flags = flags;
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuDevicePrimaryCtxSetFlags, int device, unsigned flags)
{
    return set_flags(device, flags);
}

CUDA_API(cuDevicePrimaryCtxSetFlags_v2, int device, unsigned flags)
{
    return set_flags(device, flags);
}
