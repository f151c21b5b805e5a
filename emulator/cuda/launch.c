/* SPDX-License-Identifier: Apache-2.0 */
/* Launches of every kind: checks, and the time that they take. See launch.h. */
#include "cuda/launch.h"

#include <string.h>

#include "cuda/attribute.h"
#include "cuda/capture.h"
#include "cuda/cuda.h"
#include "cuda/graph.h"
#include "cuda/module.h"
#include "cuda/stream.h"

enum {
    MOST_THREADS = 1024,
    MOST_DEPTH = 64, /* of a block */
    MOST_SHARED = 49152,
    MOST_GRID_YZ = 65535,
    THREADS_PER_SM = 2048,
    /* the `extra` of cuLaunchKernel */
    EXTRA_END = 0,
    EXTRA_BUFFER = 1,
    EXTRA_SIZE = 2,
    EXTRA_WORDS = 8,
};
static const uint64_t MOST_NS = 60000000000;

/* The first parameter's bytes, or NULL. */
static const void *first_param(void **params, void **extra)
{
    if (params)
        return params[0];
    for (unsigned i = 0; extra && i < EXTRA_WORDS && (uintptr_t)extra[i] != EXTRA_END; i += 2) {
        if ((uintptr_t)extra[i] == EXTRA_BUFFER)
            return extra[i + 1];
    }
    return NULL;
}

static uint64_t unit_ns(const char *text)
{
    if (strncmp(text, "ns", 2) == 0)
        return 1;
    if (strncmp(text, "us", 2) == 0)
        return 1000;
    return strncmp(text, "ms", 2) == 0 ? 1000000 : 0;
}

uint64_t launch_ns(const struct function *f, void **params, void **extra)
{
    const char *at = strstr(f->kernel.name, "spin_"), *digits;
    const void *first = NULL;
    uint64_t n = 0, unit;

    if (!at)
        return LAUNCH_DEFAULT_NS;
    at += strlen("spin_");
    for (digits = at; *at >= '0' && *at <= '9' && n < MOST_NS; at++)
        n = n * 10 + (uint64_t)(*at - '0');
    unit = unit_ns(at);
    if (unit && at == digits) {
        first = first_param(params, extra);
        if (!first)
            return LAUNCH_DEFAULT_NS;
        memcpy(&n, first, f->kernel.n_params && f->kernel.param_bytes[0] == 4 ? 4 : 8);
    }
    if (!unit)
        return LAUNCH_DEFAULT_NS;
    return n > MOST_NS / unit ? MOST_NS : n * unit;
}

static int check_shape(const struct launch *l)
{
    uint64_t threads = (uint64_t)l->block[0] * l->block[1] * l->block[2];

    if (!l->grid[0] || !l->grid[1] || !l->grid[2] || !threads)
        return CUDA_ERROR_INVALID_VALUE;
    if (l->grid[0] > INT32_MAX || l->grid[1] > MOST_GRID_YZ || l->grid[2] > MOST_GRID_YZ ||
        l->block[0] > MOST_THREADS || l->block[1] > MOST_THREADS || l->block[2] > MOST_DEPTH ||
        threads > MOST_THREADS)
        return CUDA_ERROR_INVALID_VALUE;
    return CUDA_SUCCESS;
}

/* All blocks of a cooperative launch run at once. */
static bool fits_at_once(const struct launch *l)
{
    const struct context *c = context_current();
    uint64_t threads = (uint64_t)l->block[0] * l->block[1] * l->block[2];
    uint64_t warps = (threads + 31) / 32 * 32, blocks = THREADS_PER_SM / warps;

    blocks = blocks > 32 ? 32 : blocks;
    return (uint64_t)l->grid[0] * l->grid[1] * l->grid[2] <= blocks * attribute_sms(c->device);
}

/* Packed arguments are as many bytes as the kernel's parameters, if those are known. */
static bool has_size(void **extra, const struct function *f)
{
    unsigned last = f->kernel.n_params;

    for (unsigned i = 0; i < EXTRA_WORDS && (uintptr_t)extra[i] != EXTRA_END; i += 2) {
        if ((uintptr_t)extra[i] == EXTRA_SIZE && last)
            return *(const size_t *)extra[i + 1] ==
                   (size_t)f->kernel.param_at[last - 1] + f->kernel.param_bytes[last - 1];
    }
    return true;
}

int launch_check(struct launch *l, void **params, void **extra)
{
    struct function *f = function_find(l->handle);
    int shared = MOST_SHARED, rc;

    if (!f)
        return CUDA_ERROR_INVALID_HANDLE;
    rc = check_shape(l);
    if (rc != CUDA_SUCCESS)
        return rc;
    (void)function_attribute(f, 8, &shared); /* most dynamic shared memory */
    if (l->shared_bytes > (unsigned)shared)
        return CUDA_ERROR_INVALID_VALUE;
    if ((params && extra) || (f->kernel.n_params && !params && !extra))
        return CUDA_ERROR_INVALID_VALUE;
    if (extra && !params && !has_size(extra, f))
        return CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES;
    if (l->is_cooperative && !fits_at_once(l))
        return CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE;
    f->loaded = true;
    l->ns = launch_ns(f, params, extra);
    return CUDA_SUCCESS;
}

static int launch(struct launch *l, void *stream, void **params, void **extra)
{
    struct node_params node = {.kind = NODE_KERNEL};
    struct stream *s;
    int rc = stream_enter(stream, &s);

    if (rc != CUDA_SUCCESS)
        return rc;
    rc = launch_check(l, params, extra);
    if (rc != CUDA_SUCCESS && s->capture)
        capture_invalidate(s->capture);
    if (rc != CUDA_SUCCESS)
        return cuda_leave(rc);
    if (s->capture) {
        node.u.kernel = *l;
        rc = launch_keep(&node.u.kernel, params, extra);
        if (rc == CUDA_SUCCESS)
            rc = graph_capture(s, &node);
    } else {
        struct task task = {.kind = TASK_KERNEL, .u.kernel_ns = l->ns};

        rc = graph_submit(s, &task);
    }
    return cuda_leave(rc);
}

/* NOLINTNEXTLINE(readability-function-size): the driver's parameters */
CUDA_API(cuLaunchKernel, void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx,
         unsigned by, unsigned bz, unsigned shared, void *stream, void **params, void **extra)
{
    struct launch l = {
        .handle = function, .grid = {gx, gy, gz}, .block = {bx, by, bz}, .shared_bytes = shared};

    return launch(&l, stream, params, extra);
}

/* NOLINTNEXTLINE(readability-function-size): the driver's parameters */
CUDA_API(cuLaunchCooperativeKernel, void *function, unsigned gx, unsigned gy, unsigned gz,
         unsigned bx, unsigned by, unsigned bz, unsigned shared, void *stream, void **params)
{
    struct launch l = {.handle = function,
                       .grid = {gx, gy, gz},
                       .block = {bx, by, bz},
                       .shared_bytes = shared,
                       .is_cooperative = true};

    return launch(&l, stream, params, NULL);
}

/* CUlaunchAttribute and CUlaunchConfig. */
struct attribute {
    int id;
    char pad[4];
    union {
        char bytes[64];
        int number;
    } value;
};

struct config {
    unsigned grid[3], block[3], shared_bytes;
    void *stream;
    const struct attribute *attributes;
    unsigned n_attributes;
};

enum {
    ATTRIBUTE_COOPERATIVE = 2,
    ATTRIBUTE_PRIORITY = 8,
    ATTRIBUTE_LAST = 16,
};

static int read_attributes(struct launch *l, const struct config *c)
{
    if (c->n_attributes && !c->attributes)
        return CUDA_ERROR_INVALID_VALUE;
    for (unsigned i = 0; i < c->n_attributes; i++) {
        const struct attribute *a = &c->attributes[i];

        if (a->id < 0 || a->id > ATTRIBUTE_LAST)
            return CUDA_ERROR_INVALID_VALUE;
        if (a->id == ATTRIBUTE_COOPERATIVE)
            l->is_cooperative = a->value.number != 0;
        if (a->id == ATTRIBUTE_PRIORITY)
            l->priority = a->value.number;
    }
    return CUDA_SUCCESS;
}

int launch_config(const void *config, void *function, void **params, void **extra, bool per_thread)
{
    const struct config *c = config;
    struct launch l = {.handle = function};
    int rc = c ? read_attributes(&l, c) : CUDA_ERROR_INVALID_VALUE;

    if (rc != CUDA_SUCCESS)
        return rc;
    memcpy(l.grid, c->grid, sizeof l.grid);
    memcpy(l.block, c->block, sizeof l.block);
    l.shared_bytes = c->shared_bytes;
    return launch(&l, c->stream || !per_thread ? c->stream : (void *)STREAM_PER_THREAD, params,
                  extra);
}

CUDA_API(cuLaunchKernelEx, const void *config, void *function, void **params, void **extra)
{
    return launch_config(config, function, params, extra, false);
}

/* The oldest way: shape and arguments are kept with the function. */
static int launch_old(struct function *f, unsigned width, unsigned height, void *stream)
{
    struct launch l = {.handle = f, .grid = {width, height, 1}};
    static uint8_t no_bytes[UINT16_MAX]; /* as many as a parameter can have */
    void *params[IMAGE_PARAMS];
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!function_find(f))
        return cuda_leave(CUDA_ERROR_INVALID_HANDLE);
    for (unsigned i = 0; i < IMAGE_PARAMS; i++)
        params[i] = no_bytes;
    memcpy(l.block, f->old_block, sizeof l.block);
    l.shared_bytes = f->old_shared;
    (void)cuda_leave(rc);
    return launch(&l, stream, params, NULL);
}

CUDA_API(cuLaunch, void *function)
{
    return launch_old(function, 1, 1, NULL);
}

CUDA_API(cuLaunchGrid, void *function, int width, int height)
{
    return launch_old(function, (unsigned)width, (unsigned)height, NULL);
}

CUDA_API(cuLaunchGridAsync, void *function, int width, int height, void *stream)
{
    return launch_old(function, (unsigned)width, (unsigned)height, stream);
}

/* CUDA_LAUNCH_PARAMS: one launch of a cooperative one over several devices. */
struct one_of_many {
    void *function;
    unsigned grid[3], block[3], shared_bytes;
    void *stream;
    void **params;
};

CUDA_API(cuLaunchCooperativeKernelMultiDevice, const struct one_of_many *list, unsigned n,
         unsigned flags)
{
    int rc = CUDA_SUCCESS;

    if (!list || !n || n > CUDA_DEVICES || flags > 3)
        return CUDA_ERROR_INVALID_VALUE;
    for (unsigned i = 0; i < n && rc == CUDA_SUCCESS; i++) {
        struct launch l = {.handle = list[i].function,
                           .shared_bytes = list[i].shared_bytes,
                           .is_cooperative = true};

        memcpy(l.grid, list[i].grid, sizeof l.grid);
        memcpy(l.block, list[i].block, sizeof l.block);
        rc = launch(&l, list[i].stream, list[i].params, NULL);
    }
    return rc;
}
