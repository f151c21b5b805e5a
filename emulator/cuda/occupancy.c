/* SPDX-License-Identifier: Apache-2.0 */
/* How many blocks of a kernel fit on a multiprocessor: by its threads, blocks, and shared memory.
 */
#include "cuda/attribute.h"
#include "cuda/cuda.h"
#include "cuda/module.h"

enum {
    WARP = 32,
    MOST_THREADS = 1024,
    RESERVED_SHARED = 1024, /* of each block, by the driver */
    MOST_DYNAMIC = 8,       /* CUfunction_attribute */
    CLUSTER_BLOCKS = 8,     /* any board with clusters has as many */
    FIRST_WITH_CLUSTERS = 9,
    /* CUdevice_attribute */
    THREADS_PER_SM = 39,
    SHARED_PER_SM = 81,
    BLOCKS_PER_SM = 106,
};

static int number(const struct context *c, unsigned attribute)
{
    int n = 0;

    (void)attribute_read(c->device, attribute, &n);
    return n;
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

static int blocks_per_sm(const struct context *c, const struct function *f, int threads,
                         size_t dynamic)
{
    int warps = (threads + WARP - 1) / WARP, blocks, shared;
    size_t bytes = f->kernel.shared_bytes + dynamic;

    blocks = least(number(c, BLOCKS_PER_SM), number(c, THREADS_PER_SM) / WARP / warps);
    shared = number(c, SHARED_PER_SM);
    if (bytes > (size_t)shared)
        return 0;
    return bytes ? least(blocks, shared / (int)(bytes + RESERVED_SHARED)) : blocks;
}

static int enter(void *function, struct context **out_c, struct function **out_f)
{
    int rc = cuda_enter_context(out_c);

    if (rc != CUDA_SUCCESS)
        return rc;
    *out_f = function_find(function);
    return *out_f ? rc : cuda_leave(CUDA_ERROR_INVALID_HANDLE);
}

CUDA_API(cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags, int *out, void *function,
         int threads, size_t dynamic, unsigned flags)
{
    struct context *c;
    struct function *f;
    int rc = enter(function, &c, &f);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out || threads <= 0 || flags > 1)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    *out = threads > MOST_THREADS ? 0 : blocks_per_sm(c, f, threads, dynamic);
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuOccupancyMaxActiveBlocksPerMultiprocessor, int *out, void *function, int threads,
         size_t dynamic)
{
    return cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(out, function, threads, dynamic, 0);
}

/* The largest block of those that fill a multiprocessor best. */
CUDA_API(cuOccupancyMaxPotentialBlockSizeWithFlags, int *out_blocks, int *out_threads,
         void *function, size_t (*dynamic_of)(int), size_t dynamic, int most, unsigned flags)
{
    struct context *c;
    struct function *f;
    int best = 0, rc = enter(function, &c, &f);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out_blocks || !out_threads || flags > 1)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    most = most > 0 ? least(most, MOST_THREADS) : MOST_THREADS;
    for (int threads = most; threads > 0; threads -= (threads - 1) % WARP + 1) {
        int blocks = blocks_per_sm(c, f, threads, dynamic_of ? dynamic_of(threads) : dynamic);

        if (blocks * threads <= best)
            continue;
        best = blocks * threads;
        *out_threads = threads;
        *out_blocks = blocks * (int)attribute_sms(c->device);
    }
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuOccupancyMaxPotentialBlockSize, int *out_blocks, int *out_threads, void *function,
         size_t (*dynamic_of)(int), size_t dynamic, int most)
{
    return cuOccupancyMaxPotentialBlockSizeWithFlags(out_blocks, out_threads, function, dynamic_of,
                                                     dynamic, most, 0);
}

CUDA_API(cuOccupancyAvailableDynamicSMemPerBlock, size_t *out, void *function, int blocks,
         int threads)
{
    struct context *c;
    struct function *f;
    int rc = enter(function, &c, &f), most, usual = 0;

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out || blocks <= 0 || threads <= 0)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    most = number(c, SHARED_PER_SM) / blocks - RESERVED_SHARED - (int)f->kernel.shared_bytes;
    (void)function_attribute(f, MOST_DYNAMIC, &usual);
    *out = most > 0 ? (size_t)least(most, usual) : 0;
    return cuda_leave(CUDA_SUCCESS);
}

/* As many as there are blocks at once: clusters of one. */
CUDA_API(cuOccupancyMaxActiveClusters, int *out, void *function, const void *config)
{
    struct context *c;
    struct function *f;
    int rc = enter(function, &c, &f);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out || !config)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    if (attribute_compute_major(c->device) < FIRST_WITH_CLUSTERS)
        return cuda_leave(CUDA_ERROR_NOT_SUPPORTED);
    *out = (int)attribute_sms(c->device) * blocks_per_sm(c, f, MOST_THREADS, 0);
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuOccupancyMaxPotentialClusterSize, int *out, void *function, const void *config)
{
    struct context *c;
    struct function *f;
    int rc = enter(function, &c, &f);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out || !config)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    if (attribute_compute_major(c->device) < FIRST_WITH_CLUSTERS)
        return cuda_leave(CUDA_ERROR_NOT_SUPPORTED);
    *out = CLUSTER_BLOCKS;
    return cuda_leave(CUDA_SUCCESS);
}
