/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names for programs whose default stream is each thread's own: the same calls, with the handle
 * that means so in the place of NULL. Those of copies and fills are beside these.
 */
#include "cuda/cuda.h"
#include "cuda/launch.h"
#include "cuda/stream.h"

static void *own(void *stream)
{
    return stream ? stream : (void *)(uintptr_t)STREAM_PER_THREAD;
}

/* name_ptsz(parameters), which is name(words). */
#define PER_THREAD(name, parameters, words)                                                        \
    int name parameters;                                                                           \
    __attribute__((visibility("default"))) int name##_ptsz parameters;                             \
    int name##_ptsz parameters                                                                     \
    {                                                                                              \
        return name words;                                                                         \
    }

PER_THREAD(cuEventRecord, (void *event, void *s), (event, own(s)))
PER_THREAD(cuEventRecordWithFlags, (void *event, void *s, unsigned flags), (event, own(s), flags))
PER_THREAD(cuGraphLaunch, (void *exec, void *s), (exec, own(s)))
PER_THREAD(cuGraphUpload, (void *exec, void *s), (exec, own(s)))
PER_THREAD(cuGraphInstantiateWithParams, (void *out, void *graph, void *params),
           (out, graph, params))
/* NOLINTNEXTLINE(readability-function-size): the driver's parameters */
PER_THREAD(cuLaunchKernel,
           (void *f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
            unsigned shared, void *s, void **params, void **extra),
           (f, gx, gy, gz, bx, by, bz, shared, own(s), params, extra))
/* NOLINTNEXTLINE(readability-function-size): the driver's parameters */
PER_THREAD(cuLaunchCooperativeKernel,
           (void *f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
            unsigned shared, void *s, void **params),
           (f, gx, gy, gz, bx, by, bz, shared, own(s), params))
PER_THREAD(cuLaunchHostFunc, (void *s, void (*f)(void *), void *data), (own(s), f, data))
PER_THREAD(cuStreamAddCallback,
           (void *s, void (*f)(void *, int, void *), void *data, unsigned flags),
           (own(s), f, data, flags))
PER_THREAD(cuMemAllocAsync, (uint64_t * out, size_t bytes, void *s), (out, bytes, own(s)))
PER_THREAD(cuMemAllocFromPoolAsync, (uint64_t * out, size_t bytes, void *pool, void *s),
           (out, bytes, pool, own(s)))
PER_THREAD(cuMemFreeAsync, (uint64_t at, void *s), (at, own(s)))
PER_THREAD(cuStreamBatchMemOp_v2, (void *s, unsigned n, const void *values, unsigned flags),
           (own(s), n, values, flags))
PER_THREAD(cuStreamBeginCapture, (void *s), (own(s)))
PER_THREAD(cuStreamBeginCapture_v2, (void *s, int mode), (own(s), mode))
PER_THREAD(cuStreamBeginCaptureToGraph,
           (void *s, void *graph, void *const *after, const void *edges, size_t n, int mode),
           (own(s), graph, after, edges, n, mode))
PER_THREAD(cuStreamEndCapture, (void *s, void **out), (own(s), out))
PER_THREAD(cuStreamIsCapturing, (void *s, int *out), (own(s), out))
PER_THREAD(cuStreamGetCaptureInfo, (void *s, int *status, uint64_t *id), (own(s), status, id))
PER_THREAD(cuStreamGetCaptureInfo_v2,
           (void *s, int *status, uint64_t *id, void **graph, void *const **after, size_t *n),
           (own(s), status, id, graph, after, n))
PER_THREAD(cuStreamGetCaptureInfo_v3,
           (void *s, int *status, uint64_t *id, void **graph, void *const **after,
            const void **edges, size_t *n),
           (own(s), status, id, graph, after, edges, n))
PER_THREAD(cuStreamUpdateCaptureDependencies,
           (void *s, void *const *after, size_t n, unsigned flags), (own(s), after, n, flags))
PER_THREAD(cuStreamUpdateCaptureDependencies_v2,
           (void *s, void *const *after, const void *edges, size_t n, unsigned flags),
           (own(s), after, edges, n, flags))
PER_THREAD(cuStreamAttachMemAsync, (void *s, uint64_t at, size_t bytes, unsigned flags),
           (own(s), at, bytes, flags))
PER_THREAD(cuStreamCopyAttributes, (void *to, void *from), (own(to), own(from)))
PER_THREAD(cuStreamGetAttribute, (void *s, int attribute, void *out), (own(s), attribute, out))
PER_THREAD(cuStreamSetAttribute, (void *s, int attribute, const void *value),
           (own(s), attribute, value))
PER_THREAD(cuStreamGetCtx, (void *s, void **out), (own(s), out))
PER_THREAD(cuStreamGetCtx_v2, (void *s, void **out, void **out_green), (own(s), out, out_green))
PER_THREAD(cuStreamGetDevice, (void *s, int *out), (own(s), out))
PER_THREAD(cuStreamGetFlags, (void *s, unsigned *out), (own(s), out))
PER_THREAD(cuStreamGetId, (void *s, uint64_t *out), (own(s), out))
PER_THREAD(cuStreamGetPriority, (void *s, int *out), (own(s), out))
PER_THREAD(cuStreamQuery, (void *s), (own(s)))
PER_THREAD(cuStreamSynchronize, (void *s), (own(s)))
PER_THREAD(cuStreamWaitEvent, (void *s, void *event, unsigned flags), (own(s), event, flags))

/* Values waited for and written. */
#define PER_THREAD_VALUE(name, type)                                                               \
    PER_THREAD(name, (void *s, uint64_t at, type value, unsigned flags), (own(s), at, value, flags))
PER_THREAD_VALUE(cuStreamWaitValue32_v2, uint32_t)
PER_THREAD_VALUE(cuStreamWaitValue64_v2, uint64_t)
PER_THREAD_VALUE(cuStreamWriteValue32_v2, uint32_t)
PER_THREAD_VALUE(cuStreamWriteValue64_v2, uint64_t)

/* Its stream is in the configuration. */
CUDA_API(cuLaunchKernelEx_ptsz, const void *config, void *function, void **params, void **extra)
{
    return launch_config(config, function, params, extra, true);
}
