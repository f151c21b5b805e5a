/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CUDA arrays and mipmaps. A real GPU keeps them in tiles of 64 bytes by up to 128 rows (flat ones)
 * or by 8 rows and up to 16 slices (3D ones), and every array begins on a 2 MiB page of its own:
 * what they cost follows from that. One with deferred mapping has no memory, and tells how much it
 * wants.
 */
#include "cuda/array.h"

#include "cuda/cuda.h"

enum {
    TILE_BYTES = 64,
    TILE_ROWS = 8,
    BLOCK_ROWS = 128, /* 16 tiles */
    BLOCK_SLICES = 16,
    REQUIREMENT_ALIGNMENT = 65536,
    MOST_WIDE = 131072,
    MOST_LEVELS = 17,
    FLAG_LAYERED = 1,
    FLAG_CUBE = 4,
    FLAG_DEFERRED = 0x80,
    FLAGS_HAVE = 0x3f | FLAG_DEFERRED, /* but sparse */
};

struct array_v1 {
    unsigned width, height, format, channels;
};
struct array_v2 {
    size_t width, height;
    unsigned format, channels;
};
struct array3_v1 {
    unsigned width, height, depth, format, channels, flags;
};

struct mipmap {
    struct context *context;
    struct array_shape shape;
    unsigned levels;
    struct chunk chunk;
    uint64_t at;
    struct array *level[MOST_LEVELS]; /* by level; NULL: nobody has asked */
};

/* Bytes of one channel by CUarray_format; 0: not one that is known here. */
static unsigned format_bytes(unsigned format)
{
    switch (format) {
    case 0x01: /* unsigned, signed 8 */
    case 0x08:
        return 1;
    case 0x02: /* 16, half */
    case 0x09:
    case 0x10:
        return 2;
    case 0x03: /* 32, float */
    case 0x0a:
    case 0x20:
        return 4;
    default:
        return 0;
    }
}

static size_t element_bytes(const struct array_shape *s)
{
    return (size_t)format_bytes(s->format) * s->channels;
}

static size_t at_least_one(size_t n)
{
    return n ? n : 1;
}

static size_t up(size_t n, size_t unit)
{
    return (n + unit - 1) / unit * unit;
}

/* Small arrays have smaller blocks: the least power of two, from `least` on, that holds them. */
static size_t in_blocks(size_t n, size_t least, size_t most)
{
    size_t block = least;

    while (block < most && block < n)
        block *= 2;
    return up(n, block);
}

static uint64_t padded_bytes(const struct array_shape *s)
{
    bool solid = s->depth > 1 && !(s->flags & (FLAG_LAYERED | FLAG_CUBE));
    size_t rows = at_least_one(s->height), slices = at_least_one(s->depth);

    rows = in_blocks(rows, TILE_ROWS, solid ? TILE_ROWS : BLOCK_ROWS);
    if (solid)
        slices = in_blocks(slices, 1, BLOCK_SLICES);
    return (uint64_t)up(s->width * element_bytes(s), TILE_BYTES) * rows * slices;
}

static bool is_fine(const struct array_shape *s)
{
    return s->width > 0 && s->width <= MOST_WIDE && s->height <= MOST_WIDE && s->depth <= 16384 &&
           (s->channels == 1 || s->channels == 2 || s->channels == 4) &&
           format_bytes(s->format) != 0 &&
           !(s->flags & FLAG_CUBE && (s->width != s->height || s->depth % 6 != 0)) &&
           !(s->flags & FLAG_LAYERED && s->depth == 0);
}

/* As memory: rows without padding. */
static void lay_out(struct array *a, struct context *c, const struct array_shape *s)
{
    a->context = c;
    a->shape = *s;
    a->element_bytes = element_bytes(s);
    a->row_bytes = s->width * a->element_bytes;
    a->rows = at_least_one(s->height);
    a->layers = at_least_one(s->depth);
}

static int create(struct array **out, const struct array_shape *s)
{
    struct context *c;
    struct array *a;
    int rc = cuda_enter_context(&c);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out || !is_fine(s))
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    if (s->flags & ~(unsigned)FLAGS_HAVE)
        return cuda_leave(CUDA_ERROR_NOT_SUPPORTED);
    a = handle_new(HANDLE_ARRAY, sizeof *a);
    if (!a)
        return cuda_leave(CUDA_ERROR_OUT_OF_MEMORY);
    lay_out(a, c, s);
    if (!(s->flags & FLAG_DEFERRED))
        rc = memory_new(c, memory_round(padded_bytes(s)), &a->chunk, &a->at);
    if (rc != CUDA_SUCCESS) {
        handle_free(a);
        return cuda_leave(rc);
    }
    *out = a;
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuArrayCreate_v2, struct array **out, const struct array_v2 *d)
{
    if (!d)
        return CUDA_ERROR_INVALID_VALUE;
    return create(out, &(struct array_shape){d->width, d->height, 0, d->format, d->channels, 0});
}

CUDA_API(cuArrayCreate, struct array **out, const struct array_v1 *d)
{
    if (!d)
        return CUDA_ERROR_INVALID_VALUE;
    return create(out, &(struct array_shape){d->width, d->height, 0, d->format, d->channels, 0});
}

CUDA_API(cuArray3DCreate_v2, struct array **out, const struct array_shape *d)
{
    return d ? create(out, d) : CUDA_ERROR_INVALID_VALUE;
}

CUDA_API(cuArray3DCreate, struct array **out, const struct array3_v1 *d)
{
    if (!d)
        return CUDA_ERROR_INVALID_VALUE;
    return create(out, &(struct array_shape){d->width, d->height, d->depth, d->format, d->channels,
                                             d->flags});
}

struct array *array_check(void *handle)
{
    return handle_is(handle, HANDLE_ARRAY) ? handle : NULL;
}

static void destroy(struct array *a)
{
    if (!a->mipmap && a->at)
        memory_end(a->context, &a->chunk, a->at);
    handle_free(a);
}

CUDA_API(cuArrayDestroy, void *handle)
{
    struct context *c;
    struct array *a;
    int rc = cuda_enter_context(&c);

    if (rc != CUDA_SUCCESS)
        return rc;
    a = array_check(handle);
    if (!a || a->mipmap) /* a level goes with its mipmap */
        return cuda_leave(CUDA_ERROR_INVALID_HANDLE);
    rc = work_finish(a->context);
    a = array_check(handle);
    if (rc == CUDA_SUCCESS && a)
        destroy(a);
    return cuda_leave(a ? rc : CUDA_ERROR_INVALID_HANDLE);
}

static int describe(struct array_shape *out, void *handle)
{
    struct context *c;
    const struct array *a;
    int rc = cuda_enter_context(&c);

    if (rc != CUDA_SUCCESS)
        return rc;
    a = array_check(handle);
    if (!a)
        return cuda_leave(CUDA_ERROR_INVALID_HANDLE);
    *out = a->shape;
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuArray3DGetDescriptor_v2, struct array_shape *out, void *handle)
{
    return out ? describe(out, handle) : CUDA_ERROR_INVALID_VALUE;
}

CUDA_API(cuArray3DGetDescriptor, struct array3_v1 *out, void *handle)
{
    struct array_shape s = {0};
    int rc = out ? describe(&s, handle) : CUDA_ERROR_INVALID_VALUE;

    if (rc == CUDA_SUCCESS)
        *out = (struct array3_v1){(unsigned)s.width, (unsigned)s.height, (unsigned)s.depth,
                                  s.format,          s.channels,         s.flags};
    return rc;
}

CUDA_API(cuArrayGetDescriptor_v2, struct array_v2 *out, void *handle)
{
    struct array_shape s = {0};
    int rc = out ? describe(&s, handle) : CUDA_ERROR_INVALID_VALUE;

    if (rc == CUDA_SUCCESS)
        *out = (struct array_v2){s.width, s.height, s.format, s.channels};
    return rc;
}

CUDA_API(cuArrayGetDescriptor, struct array_v1 *out, void *handle)
{
    struct array_shape s = {0};
    int rc = out ? describe(&s, handle) : CUDA_ERROR_INVALID_VALUE;

    if (rc == CUDA_SUCCESS)
        *out = (struct array_v1){(unsigned)s.width, (unsigned)s.height, s.format, s.channels};
    return rc;
}

/* CUDA_ARRAY_MEMORY_REQUIREMENTS */
struct requirement {
    size_t size, alignment;
    unsigned reserved[4];
};

/* Only arrays with deferred mapping have requirements, only sparse ones such properties. */
static int never(void *handle, enum handle_kind kind)
{
    struct context *c;
    int rc = cuda_enter_context(&c);

    if (rc != CUDA_SUCCESS)
        return rc;
    return cuda_leave(handle_is(handle, kind) ? CUDA_ERROR_INVALID_VALUE
                                              : CUDA_ERROR_INVALID_HANDLE);
}

static void require(struct requirement *out, uint64_t bytes)
{
    *out = (struct requirement){.size = bytes, .alignment = REQUIREMENT_ALIGNMENT};
}

CUDA_API(cuArrayGetMemoryRequirements, struct requirement *out, void *handle, int device)
{
    const struct array *a;
    struct context *c;
    int rc = cuda_enter_context(&c);

    (void)device;
    if (rc != CUDA_SUCCESS)
        return rc;
    a = array_check(handle);
    if (!out || !a || a->mipmap || !(a->shape.flags & FLAG_DEFERRED))
        return cuda_leave(out && !a ? CUDA_ERROR_INVALID_HANDLE : CUDA_ERROR_INVALID_VALUE);
    require(out, padded_bytes(&a->shape));
    return cuda_leave(CUDA_SUCCESS);
}

static uint64_t level_offset(const struct mipmap *m, unsigned level);

CUDA_API(cuMipmappedArrayGetMemoryRequirements, struct requirement *out, void *handle, int device)
{
    const struct mipmap *m = handle;
    struct context *c;
    int rc = cuda_enter_context(&c);

    (void)device;
    if (rc != CUDA_SUCCESS)
        return rc;
    if (out && !handle_is(handle, HANDLE_MIPMAP))
        return cuda_leave(CUDA_ERROR_INVALID_HANDLE);
    if (!out || !(m->shape.flags & FLAG_DEFERRED))
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    require(out, level_offset(m, m->levels));
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuArrayGetSparseProperties, void *out, void *handle)
{
    return out ? never(handle, HANDLE_ARRAY) : CUDA_ERROR_INVALID_VALUE;
}

CUDA_API(cuMipmappedArrayGetSparseProperties, void *out, void *handle)
{
    return out ? never(handle, HANDLE_MIPMAP) : CUDA_ERROR_INVALID_VALUE;
}

/* Planes are those of video formats. */
CUDA_API(cuArrayGetPlane, void *out, void *handle, unsigned plane)
{
    (void)plane;
    return out ? never(handle, HANDLE_ARRAY) : CUDA_ERROR_INVALID_VALUE;
}

static size_t halved(size_t n, unsigned times)
{
    return n == 0 ? 0 : at_least_one(n >> times);
}

/* Layers stay as many, depth shrinks. */
static struct array_shape level_shape(const struct array_shape *s, unsigned level)
{
    struct array_shape out = *s;

    out.width = halved(s->width, level);
    out.height = halved(s->height, level);
    if (!(s->flags & (FLAG_LAYERED | FLAG_CUBE)))
        out.depth = halved(s->depth, level);
    return out;
}

/* Where a level begins; beyond the last: all of it. */
static uint64_t level_offset(const struct mipmap *m, unsigned level)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < level; i++) {
        struct array_shape s = level_shape(&m->shape, i);

        sum += padded_bytes(&s);
    }
    return sum;
}

/* As many as halvings lead to one element, at most. */
static unsigned most_levels(const struct array_shape *s)
{
    size_t longest = s->width > s->height ? s->width : s->height;
    unsigned n = 0;

    if (!(s->flags & (FLAG_LAYERED | FLAG_CUBE)) && s->depth > longest)
        longest = s->depth;
    for (; longest; longest /= 2)
        n++;
    return n < MOST_LEVELS ? n : MOST_LEVELS;
}

CUDA_API(cuMipmappedArrayCreate, struct mipmap **out, const struct array_shape *d, unsigned levels)
{
    struct context *c;
    struct mipmap *m;
    int rc = cuda_enter_context(&c);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out || !d || !is_fine(d))
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    levels = levels ? levels : 1;
    if (d->flags & ~(unsigned)FLAGS_HAVE)
        return cuda_leave(CUDA_ERROR_NOT_SUPPORTED);
    m = handle_new(HANDLE_MIPMAP, sizeof *m);
    if (!m)
        return cuda_leave(CUDA_ERROR_OUT_OF_MEMORY);
    m->context = c;
    m->shape = *d;
    m->levels = levels < most_levels(d) ? levels : most_levels(d);
    if (!(d->flags & FLAG_DEFERRED))
        rc = memory_new(c, memory_round(level_offset(m, m->levels)), &m->chunk, &m->at);
    if (rc != CUDA_SUCCESS) {
        handle_free(m);
        return cuda_leave(rc);
    }
    *out = m;
    return cuda_leave(CUDA_SUCCESS);
}

static int get_level(struct array **out, struct mipmap *m, unsigned level)
{
    struct array_shape s = {0};

    if (level >= m->levels)
        return CUDA_ERROR_INVALID_VALUE;
    if (!m->level[level])
        m->level[level] = handle_new(HANDLE_ARRAY, sizeof **m->level);
    if (!m->level[level])
        return CUDA_ERROR_OUT_OF_MEMORY;
    s = level_shape(&m->shape, level);
    lay_out(m->level[level], m->context, &s);
    m->level[level]->at = m->at ? m->at + level_offset(m, level) : 0;
    m->level[level]->mipmap = m;
    *out = m->level[level];
    return CUDA_SUCCESS;
}

CUDA_API(cuMipmappedArrayGetLevel, struct array **out, void *handle, unsigned level)
{
    struct context *c;
    int rc = cuda_enter_context(&c);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    if (!handle_is(handle, HANDLE_MIPMAP))
        return cuda_leave(CUDA_ERROR_INVALID_HANDLE);
    return cuda_leave(get_level(out, handle, level));
}

static void destroy_mipmap(struct mipmap *m)
{
    for (unsigned i = 0; i < m->levels; i++)
        handle_free(m->level[i]);
    if (m->at)
        memory_end(m->context, &m->chunk, m->at);
    handle_free(m);
}

CUDA_API(cuMipmappedArrayDestroy, void *handle)
{
    struct context *c;
    int rc = cuda_enter_context(&c);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!handle_is(handle, HANDLE_MIPMAP))
        return cuda_leave(CUDA_ERROR_INVALID_HANDLE);
    rc = work_finish(c);
    if (rc == CUDA_SUCCESS && handle_is(handle, HANDLE_MIPMAP))
        destroy_mipmap(handle);
    return cuda_leave(rc);
}

void array_free_context(struct context *c)
{
    struct array *a;
    struct mipmap *m;

    for (size_t at = 0; (m = handle_next(HANDLE_MIPMAP, &at));) {
        if (m->context == c)
            destroy_mipmap(m);
    }
    for (size_t at = 0; (a = handle_next(HANDLE_ARRAY, &at));) {
        if (a->context == c)
            destroy(a);
    }
}
