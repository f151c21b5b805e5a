/* SPDX-License-Identifier: Apache-2.0 */
/* cuMemcpy2D*, cuMemcpy3D*: copies of rectangles and boxes, as their structs describe them. */
#include "cuda/cuda.h"

struct side2 { /* of CUDA_MEMCPY2D_v2 */
    size_t x_bytes, y;
    unsigned type;
    const void *host;
    uint64_t device;
    void *array;
    size_t pitch;
};
struct copy2 {
    struct side2 from, to;
    size_t width_bytes, height;
};
_Static_assert(sizeof(struct copy2) == 128, "the driver's layout");

/* CUDA_MEMCPY2D_v1: the target's words follow the source's at once, without padding. */
#define SIDE2_V1(side)                                                                             \
    unsigned side##_x_bytes, side##_y, side##_type;                                                \
    const void *side##_host;                                                                       \
    uint32_t side##_device;                                                                        \
    void *side##_array;                                                                            \
    unsigned side##_pitch;
struct copy2_v1 {
    SIDE2_V1(from)
    SIDE2_V1(to)
    unsigned width_bytes, height;
};
_Static_assert(sizeof(struct copy2_v1) == 96 && offsetof(struct copy2_v1, to_x_bytes) == 44,
               "the driver's layout");

struct side3_v1 { /* of CUDA_MEMCPY3D_v1 */
    unsigned x_bytes, y, z, lod, type;
    const void *host;
    uint32_t device;
    void *array;
    void *reserved;
    unsigned pitch, height;
};
struct copy3_v1 {
    struct side3_v1 from, to;
    unsigned width_bytes, height, depth;
};
_Static_assert(sizeof(struct copy3_v1) == 144, "the driver's layout");

static struct copy_side side_of_2(const struct side2 *s)
{
    return (struct copy_side){.x_bytes = s->x_bytes,
                              .y = s->y,
                              .type = s->type,
                              .host = s->host,
                              .device = s->device,
                              .array = s->array,
                              .pitch = s->pitch};
}

static struct copy_side side_of_3_v1(const struct side3_v1 *s)
{
    return (struct copy_side){.x_bytes = s->x_bytes,
                              .y = s->y,
                              .z = s->z,
                              .lod = s->lod,
                              .type = s->type,
                              .host = s->host,
                              .device = s->device,
                              .array = s->array,
                              .pitch = s->pitch,
                              .height = s->height};
}

static int run(const struct copy *copy, void *stream, unsigned how)
{
    struct context *c;
    int rc = cuda_enter_context(&c);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (copy->from.lod || copy->to.lod)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    return cuda_leave(copy_submit(c, stream, how, copy));
}

static int run2(const struct copy2 *p, void *stream, unsigned how)
{
    struct copy copy;

    if (!p)
        return CUDA_ERROR_INVALID_VALUE;
    copy = (struct copy){.from = side_of_2(&p->from),
                         .to = side_of_2(&p->to),
                         .width_bytes = p->width_bytes,
                         .height = p->height,
                         .depth = 1};
    return run(&copy, stream, how);
}

#define SIDE_OF_2_V1(p, side)                                                                      \
    {                                                                                              \
        .x_bytes = (p)->side##_x_bytes, .y = (p)->side##_y, .type = (p)->side##_type,              \
        .host = (p)->side##_host, .device = (p)->side##_device, .array = (p)->side##_array,        \
        .pitch = (p)->side##_pitch                                                                 \
    }

static int run2_v1(const struct copy2_v1 *p, void *stream, unsigned how)
{
    struct copy copy;

    if (!p)
        return CUDA_ERROR_INVALID_VALUE;
    copy = (struct copy){.from = SIDE_OF_2_V1(p, from),
                         .to = SIDE_OF_2_V1(p, to),
                         .width_bytes = p->width_bytes,
                         .height = p->height,
                         .depth = 1};
    return run(&copy, stream, how);
}

static int run3(const struct copy *p, void *stream, unsigned how)
{
    return p ? run(p, stream, how) : CUDA_ERROR_INVALID_VALUE;
}

static int run3_v1(const struct copy3_v1 *p, void *stream, unsigned how)
{
    struct copy copy;

    if (!p)
        return CUDA_ERROR_INVALID_VALUE;
    copy = (struct copy){.from = side_of_3_v1(&p->from),
                         .to = side_of_3_v1(&p->to),
                         .width_bytes = p->width_bytes,
                         .height = p->height,
                         .depth = p->depth};
    return run(&copy, stream, how);
}

/* Both contexts must be there. */
static int run_peer(const struct copy *p, void *stream, unsigned how)
{
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!p)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    if (!context_check(p->from.context, &rc) || !context_check(p->to.context, &rc))
        return cuda_leave(CUDA_ERROR_INVALID_CONTEXT);
    (void)cuda_leave(CUDA_SUCCESS);
    return run(p, stream, how);
}

#define SYNC(name, type, runs, how)                                                                \
    CUDA_API(name, const struct type *copy)                                                        \
    {                                                                                              \
        return runs(copy, NULL, WORK_WAIT | (how));                                                \
    }
#define ASYNC(name, type, runs, how)                                                               \
    CUDA_API(name, const struct type *copy, void *stream)                                          \
    {                                                                                              \
        return runs(copy, stream, how);                                                            \
    }

SYNC(cuMemcpy2D, copy2_v1, run2_v1, 0)
SYNC(cuMemcpy2D_v2, copy2, run2, 0)
SYNC(cuMemcpy2D_v2_ptds, copy2, run2, WORK_PER_THREAD)
SYNC(cuMemcpy2DUnaligned, copy2_v1, run2_v1, 0)
SYNC(cuMemcpy2DUnaligned_v2, copy2, run2, 0)
SYNC(cuMemcpy2DUnaligned_v2_ptds, copy2, run2, WORK_PER_THREAD)
ASYNC(cuMemcpy2DAsync, copy2_v1, run2_v1, 0)
ASYNC(cuMemcpy2DAsync_v2, copy2, run2, 0)
ASYNC(cuMemcpy2DAsync_v2_ptsz, copy2, run2, WORK_PER_THREAD)
SYNC(cuMemcpy3D, copy3_v1, run3_v1, 0)
SYNC(cuMemcpy3D_v2, copy, run3, 0)
SYNC(cuMemcpy3D_v2_ptds, copy, run3, WORK_PER_THREAD)
ASYNC(cuMemcpy3DAsync, copy3_v1, run3_v1, 0)
ASYNC(cuMemcpy3DAsync_v2, copy, run3, 0)
ASYNC(cuMemcpy3DAsync_v2_ptsz, copy, run3, WORK_PER_THREAD)
SYNC(cuMemcpy3DPeer, copy, run_peer, 0)
SYNC(cuMemcpy3DPeer_ptds, copy, run_peer, WORK_PER_THREAD)
ASYNC(cuMemcpy3DPeerAsync, copy, run_peer, 0)
ASYNC(cuMemcpy3DPeerAsync_ptsz, copy, run_peer, WORK_PER_THREAD)
