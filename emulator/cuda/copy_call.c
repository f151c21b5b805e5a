/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cuMemcpy* of a row of bytes. Every call comes in up to five names: the first version with 32-bit
 * sizes, the second, each for the legacy stream or (_ptds, _ptsz) the thread's own, with or without
 * a stream argument.
 */
#include "cuda/cuda.h"
#include "cuda/stream.h"

static struct copy_side at_host(const void *host)
{
    return (struct copy_side){.type = COPY_HOST, .host = host};
}

static struct copy_side at_device(uint64_t address)
{
    return (struct copy_side){.type = COPY_DEVICE, .device = address};
}

static struct copy_side at_any(uint64_t address)
{
    return (struct copy_side){.type = COPY_UNIFIED, .device = address};
}

static struct copy_side at_array(void *array, size_t offset)
{
    return (struct copy_side){.type = COPY_ARRAY, .array = array, .x_bytes = offset};
}

static int copy_row(struct copy_side to, struct copy_side from, size_t bytes, void *stream,
                    unsigned how)
{
    struct copy copy = {.from = from, .to = to, .width_bytes = bytes, .height = 1, .depth = 1};
    struct context *c;
    int rc = cuda_enter_context(&c);

    if (rc == CUDA_SUCCESS)
        rc = cuda_leave(copy_submit(c, stream, how, &copy));
    return rc;
}

/* Without and with a stream argument; `sides` names the parameters. */
#define SYNC(name, how, params, ...)                                                               \
    CUDA_API(name, params)                                                                         \
    {                                                                                              \
        return copy_row(__VA_ARGS__, bytes, NULL, WORK_WAIT | (how));                              \
    }
#define ASYNC(name, how, params, ...)                                                              \
    CUDA_API(name, params, void *stream)                                                           \
    {                                                                                              \
        return copy_row(__VA_ARGS__, bytes, stream, how);                                          \
    }

#define ANY uint64_t to, uint64_t from, size_t bytes
SYNC(cuMemcpy, 0, ANY, at_any(to), at_any(from))
SYNC(cuMemcpy_ptds, WORK_PER_THREAD, ANY, at_any(to), at_any(from))
ASYNC(cuMemcpyAsync, 0, ANY, at_any(to), at_any(from))
ASYNC(cuMemcpyAsync_ptsz, WORK_PER_THREAD, ANY, at_any(to), at_any(from))

#define HTOD1 uint32_t to, const void *from, unsigned bytes
#define HTOD2 uint64_t to, const void *from, size_t bytes
SYNC(cuMemcpyHtoD, 0, HTOD1, at_device(to), at_host(from))
SYNC(cuMemcpyHtoD_v2, 0, HTOD2, at_device(to), at_host(from))
SYNC(cuMemcpyHtoD_v2_ptds, WORK_PER_THREAD, HTOD2, at_device(to), at_host(from))
ASYNC(cuMemcpyHtoDAsync, 0, HTOD1, at_device(to), at_host(from))
ASYNC(cuMemcpyHtoDAsync_v2, 0, HTOD2, at_device(to), at_host(from))
ASYNC(cuMemcpyHtoDAsync_v2_ptsz, WORK_PER_THREAD, HTOD2, at_device(to), at_host(from))

#define DTOH1 void *to, uint32_t from, unsigned bytes
#define DTOH2 void *to, uint64_t from, size_t bytes
SYNC(cuMemcpyDtoH, 0, DTOH1, at_host(to), at_device(from))
SYNC(cuMemcpyDtoH_v2, 0, DTOH2, at_host(to), at_device(from))
SYNC(cuMemcpyDtoH_v2_ptds, WORK_PER_THREAD, DTOH2, at_host(to), at_device(from))
ASYNC(cuMemcpyDtoHAsync, 0, DTOH1, at_host(to), at_device(from))
ASYNC(cuMemcpyDtoHAsync_v2, 0, DTOH2, at_host(to), at_device(from))
ASYNC(cuMemcpyDtoHAsync_v2_ptsz, WORK_PER_THREAD, DTOH2, at_host(to), at_device(from))

#define DTOD1 uint32_t to, uint32_t from, unsigned bytes
SYNC(cuMemcpyDtoD, 0, DTOD1, at_device(to), at_device(from))
SYNC(cuMemcpyDtoD_v2, 0, ANY, at_device(to), at_device(from))
SYNC(cuMemcpyDtoD_v2_ptds, WORK_PER_THREAD, ANY, at_device(to), at_device(from))
ASYNC(cuMemcpyDtoDAsync, 0, DTOD1, at_device(to), at_device(from))
ASYNC(cuMemcpyDtoDAsync_v2, 0, ANY, at_device(to), at_device(from))
ASYNC(cuMemcpyDtoDAsync_v2_ptsz, WORK_PER_THREAD, ANY, at_device(to), at_device(from))

#define DTOA1 void *to, unsigned offset, uint32_t from, unsigned bytes
#define DTOA2 void *to, size_t offset, uint64_t from, size_t bytes
SYNC(cuMemcpyDtoA, 0, DTOA1, at_array(to, offset), at_device(from))
SYNC(cuMemcpyDtoA_v2, 0, DTOA2, at_array(to, offset), at_device(from))
SYNC(cuMemcpyDtoA_v2_ptds, WORK_PER_THREAD, DTOA2, at_array(to, offset), at_device(from))

#define ATOD1 uint32_t to, void *from, unsigned offset, unsigned bytes
#define ATOD2 uint64_t to, void *from, size_t offset, size_t bytes
SYNC(cuMemcpyAtoD, 0, ATOD1, at_device(to), at_array(from, offset))
SYNC(cuMemcpyAtoD_v2, 0, ATOD2, at_device(to), at_array(from, offset))
SYNC(cuMemcpyAtoD_v2_ptds, WORK_PER_THREAD, ATOD2, at_device(to), at_array(from, offset))

#define HTOA1 void *to, unsigned offset, const void *from, unsigned bytes
#define HTOA2 void *to, size_t offset, const void *from, size_t bytes
SYNC(cuMemcpyHtoA, 0, HTOA1, at_array(to, offset), at_host(from))
SYNC(cuMemcpyHtoA_v2, 0, HTOA2, at_array(to, offset), at_host(from))
SYNC(cuMemcpyHtoA_v2_ptds, WORK_PER_THREAD, HTOA2, at_array(to, offset), at_host(from))
ASYNC(cuMemcpyHtoAAsync, 0, HTOA1, at_array(to, offset), at_host(from))
ASYNC(cuMemcpyHtoAAsync_v2, 0, HTOA2, at_array(to, offset), at_host(from))
ASYNC(cuMemcpyHtoAAsync_v2_ptsz, WORK_PER_THREAD, HTOA2, at_array(to, offset), at_host(from))

#define ATOH1 void *to, void *from, unsigned offset, unsigned bytes
#define ATOH2 void *to, void *from, size_t offset, size_t bytes
SYNC(cuMemcpyAtoH, 0, ATOH1, at_host(to), at_array(from, offset))
SYNC(cuMemcpyAtoH_v2, 0, ATOH2, at_host(to), at_array(from, offset))
SYNC(cuMemcpyAtoH_v2_ptds, WORK_PER_THREAD, ATOH2, at_host(to), at_array(from, offset))
ASYNC(cuMemcpyAtoHAsync, 0, ATOH1, at_host(to), at_array(from, offset))
ASYNC(cuMemcpyAtoHAsync_v2, 0, ATOH2, at_host(to), at_array(from, offset))
ASYNC(cuMemcpyAtoHAsync_v2_ptsz, WORK_PER_THREAD, ATOH2, at_host(to), at_array(from, offset))

#define ATOA1 void *to, unsigned to_offset, void *from, unsigned offset, unsigned bytes
#define ATOA2 void *to, size_t to_offset, void *from, size_t offset, size_t bytes
SYNC(cuMemcpyAtoA, 0, ATOA1, at_array(to, to_offset), at_array(from, offset))
SYNC(cuMemcpyAtoA_v2, 0, ATOA2, at_array(to, to_offset), at_array(from, offset))
SYNC(cuMemcpyAtoA_v2_ptds, WORK_PER_THREAD, ATOA2, at_array(to, to_offset), at_array(from, offset))

/* Between contexts; NULL: the current one. */
static int copy_peer(uint64_t to, void *to_context, uint64_t from, void *from_context, size_t bytes,
                     void *stream, unsigned how)
{
    struct copy copy = {.from = at_device(from),
                        .to = at_device(to),
                        .width_bytes = bytes,
                        .height = 1,
                        .depth = 1};
    struct context *c;
    int rc = cuda_enter_context(&c);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!context_check(to_context, &rc) || !context_check(from_context, &rc))
        return cuda_leave(CUDA_ERROR_INVALID_CONTEXT);
    return cuda_leave(copy_submit(c, stream, how, &copy));
}

#define PEER uint64_t to, void *to_context, uint64_t from, void *from_context, size_t bytes

CUDA_API(cuMemcpyPeer, PEER)
{
    return copy_peer(to, to_context, from, from_context, bytes, NULL, WORK_WAIT);
}

CUDA_API(cuMemcpyPeer_ptds, PEER)
{
    return copy_peer(to, to_context, from, from_context, bytes, NULL, WORK_WAIT | WORK_PER_THREAD);
}

CUDA_API(cuMemcpyPeerAsync, PEER, void *stream)
{
    return copy_peer(to, to_context, from, from_context, bytes, stream, WORK_ASYNC);
}

CUDA_API(cuMemcpyPeerAsync_ptsz, PEER, void *stream)
{
    return copy_peer(to, to_context, from, from_context, bytes, stream, WORK_PER_THREAD);
}

/*
 * Many rows at once, in no order; attributes are hints. *fail: which one was refused. The legacy
 * stream does not take them, by whatever name.
 */
static int copy_batch(const uint64_t *to, const uint64_t *from, const size_t *bytes, size_t n,
                      size_t *fail, void *stream, unsigned how)
{
    bool is_legacy = (uintptr_t)stream == STREAM_LEGACY || (!stream && !(how & WORK_PER_THREAD));
    int rc = n && to && from && bytes && !is_legacy ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;

    if (fail)
        *fail = SIZE_MAX;
    for (size_t i = 0; rc == CUDA_SUCCESS && i < n; i++) {
        rc = copy_row(at_any(to[i]), at_any(from[i]), bytes[i], stream, how);
        if (rc != CUDA_SUCCESS && fail)
            *fail = i;
    }
    return rc;
}

#define BATCH                                                                                      \
    const uint64_t *to, const uint64_t *from, const size_t *bytes, size_t n, const void *hints,    \
        const size_t *hint_of, size_t n_hints

#define BATCH_CALL(name, how)                                                                      \
    CUDA_API(name, BATCH, size_t *fail, void *stream)                                              \
    {                                                                                              \
        if (!hints || !hint_of || n_hints == 0 || n_hints > n)                                     \
            return CUDA_ERROR_INVALID_VALUE;                                                       \
        return copy_batch(to, from, bytes, n, fail, stream, how);                                  \
    }
#define BATCH_CALL_V2(name, how)                                                                   \
    CUDA_API(name, BATCH, void *stream)                                                            \
    {                                                                                              \
        if (!hints || !hint_of || n_hints == 0 || n_hints > n)                                     \
            return CUDA_ERROR_INVALID_VALUE;                                                       \
        return copy_batch(to, from, bytes, n, NULL, stream, how);                                  \
    }

BATCH_CALL(cuMemcpyBatchAsync, WORK_ASYNC)
BATCH_CALL(cuMemcpyBatchAsync_ptsz, WORK_PER_THREAD)
BATCH_CALL_V2(cuMemcpyBatchAsync_v2, WORK_ASYNC)
BATCH_CALL_V2(cuMemcpyBatchAsync_v2_ptsz, WORK_PER_THREAD)
