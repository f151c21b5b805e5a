/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Launches: counted, and nothing else, in as few instructions as can be. Of graphs: memory_graph.c.
 */
#include "shim/hooks.h"

#include <stdatomic.h>

/* The driver's own, where nothing must be looked up any more. */
#define KNOWN(name)                                                                                \
    __extension__({                                                                                \
        void *known = atomic_load_explicit(&shim_known[HOOK_##name], memory_order_acquire);        \
                                                                                                   \
        known ? (__typeof__(&(name)))known : REAL(name);                                           \
    })

static __attribute__((noinline)) void count_anew(void)
{
    const struct shim *s = shim_get();

    if (s->state == SHIM_ATTACHED)
        (void)atomic_fetch_add_explicit(&s->slot->launches, 1, memory_order_relaxed);
}

static inline void count(void)
{
    struct page_slot *slot = shim_slot();

    if (__builtin_expect(slot != NULL, 1))
        (void)atomic_fetch_add_explicit(&slot->launches, 1, memory_order_relaxed);
    else
        count_anew();
}

void launch_counted(void)
{
    count();
}

CUresult cuLaunch(CUfunction function)
{
    count();
    return KNOWN(cuLaunch)(function);
}

CUresult cuLaunchGrid(CUfunction function, int width, int height)
{
    count();
    return KNOWN(cuLaunchGrid)(function, width, height);
}

CUresult cuLaunchGridAsync(CUfunction function, int width, int height, CUstream stream)
{
    count();
    return KNOWN(cuLaunchGridAsync)(function, width, height, stream);
}

/* The driver's parameters are as many as they are; in both stream modes. */
#define LAUNCH_KERNEL(name)                                                                        \
    CUresult name(CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z,          \
                  unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared_bytes,     \
                  CUstream stream, void **parameters, void **extra)                                \
    {                                                                                              \
        count();                                                                                   \
        return KNOWN(name)(function, grid_x, grid_y, grid_z, block_x, block_y, block_z,            \
                           shared_bytes, stream, parameters, extra);                               \
    }
/* NOLINTNEXTLINE(readability-function-size) */
LAUNCH_KERNEL(cuLaunchKernel)
/* NOLINTNEXTLINE(readability-function-size) */
LAUNCH_KERNEL(cuLaunchKernel_ptsz)

#define LAUNCH_COOPERATIVE(name)                                                                   \
    CUresult name(CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z,          \
                  unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared_bytes,     \
                  CUstream stream, void **parameters)                                              \
    {                                                                                              \
        count();                                                                                   \
        return KNOWN(name)(function, grid_x, grid_y, grid_z, block_x, block_y, block_z,            \
                           shared_bytes, stream, parameters);                                      \
    }
/* NOLINTNEXTLINE(readability-function-size) */
LAUNCH_COOPERATIVE(cuLaunchCooperativeKernel)
/* NOLINTNEXTLINE(readability-function-size) */
LAUNCH_COOPERATIVE(cuLaunchCooperativeKernel_ptsz)

CUresult cuLaunchKernelEx(const struct cuda_launch *launch, CUfunction function, void **parameters,
                          void **extra)
{
    count();
    return KNOWN(cuLaunchKernelEx)(launch, function, parameters, extra);
}

CUresult cuLaunchKernelEx_ptsz(const struct cuda_launch *launch, CUfunction function,
                               void **parameters, void **extra)
{
    count();
    return KNOWN(cuLaunchKernelEx_ptsz)(launch, function, parameters, extra);
}

CUresult cuLaunchCooperativeKernelMultiDevice(struct cuda_launch_multi *list, unsigned n,
                                              unsigned flags)
{
    count();
    return KNOWN(cuLaunchCooperativeKernelMultiDevice)(list, n, flags);
}
