/* SPDX-License-Identifier: Apache-2.0 */
/* A copy, described: is it one, and doing it. The calls that describe copies are in copy_call*.c.
 */
#include <string.h>

#include "cuda/array.h"
#include "cuda/cuda.h"
#include "cuda/managed.h"

/* Is all of it memory that the device reaches? Ranges that touch (mappings) count as one. */
bool copy_reaches(uint64_t address, uint64_t bytes)
{
    while (bytes > 0) {
        const struct range *r = range_find(address);
        uint64_t here;

        if (!r || (r->kind == RANGE_MAPPED && !(r->flags & RANGE_READABLE)))
            return false;
        here = r->size - (address - r->start);
        if (here >= bytes)
            return true;
        address += here;
        bytes -= here;
    }
    return true;
}

/* One side, resolved: the first byte, and the steps to the next row and layer. */
struct place {
    uint64_t at;
    uint64_t row_bytes, layer_bytes;
};

static bool place_array(const struct copy_side *s, const struct copy *c, struct place *out)
{
    const struct array *a = array_check(s->array);

    if (!a || !a->at || s->x_bytes > a->row_bytes || c->width_bytes > a->row_bytes - s->x_bytes ||
        s->y > a->rows || c->height > a->rows - s->y || s->z > a->layers ||
        c->depth > a->layers - s->z)
        return false;
    out->row_bytes = a->row_bytes;
    out->layer_bytes = a->row_bytes * a->rows;
    out->at = a->at + s->z * out->layer_bytes + s->y * a->row_bytes + s->x_bytes;
    return true;
}

/* Up to the last byte that is touched; false where that is beyond 64 bits. */
static bool extent(const struct place *p, const struct copy *c, uint64_t *out)
{
    uint64_t layers, rows;

    return !__builtin_mul_overflow(c->depth - 1, p->layer_bytes, &layers) &&
           !__builtin_mul_overflow(c->height - 1, p->row_bytes, &rows) &&
           !__builtin_add_overflow(layers, rows, out) &&
           !__builtin_add_overflow(*out, c->width_bytes, out);
}

static bool place_line(const struct copy_side *s, const struct copy *c, struct place *out)
{
    uint64_t start = s->type == COPY_HOST ? (uint64_t)(uintptr_t)s->host : s->device, bytes;
    uint64_t pitch = s->pitch ? s->pitch : s->x_bytes + c->width_bytes;
    uint64_t height = s->height ? s->height : s->y + c->height;

    if (start == 0 || pitch < s->x_bytes + c->width_bytes || (c->depth > 1 && height < c->height))
        return false;
    out->row_bytes = pitch;
    out->layer_bytes = pitch * height;
    out->at = start + s->z * out->layer_bytes + s->y * pitch + s->x_bytes;
    if (!extent(out, c, &bytes))
        return false;
    if (s->type == COPY_HOST || (s->type == COPY_UNIFIED && !range_find(out->at)))
        return true;
    return copy_reaches(out->at, bytes);
}

static bool place_side(const struct copy_side *s, const struct copy *c, struct place *out)
{
    if (s->type == COPY_ARRAY)
        return place_array(s, c, out);
    return s->type >= COPY_HOST && s->type <= COPY_UNIFIED && place_line(s, c, out);
}

static bool is_empty(const struct copy *c)
{
    return c->width_bytes == 0 || c->height == 0 || c->depth == 0;
}

int copy_check(const struct copy *c)
{
    struct place place;

    if (is_empty(c))
        return CUDA_SUCCESS;
    return place_side(&c->from, c, &place) && place_side(&c->to, c, &place)
               ? CUDA_SUCCESS
               : CUDA_ERROR_INVALID_VALUE;
}

void copy_run(const struct copy *c)
{
    struct place from, to;

    if (is_empty(c) || !place_side(&c->from, c, &from) || !place_side(&c->to, c, &to))
        return;
    managed_touch(from.at);
    managed_touch(to.at);
    for (size_t z = 0; z < c->depth; z++) {
        for (size_t y = 0; y < c->height; y++)
            memmove((void *)(uintptr_t)(to.at + z * to.layer_bytes + y * to.row_bytes),
                    (const void *)(uintptr_t)(from.at + z * from.layer_bytes + y * from.row_bytes),
                    c->width_bytes);
    }
}

int copy_submit(struct context *c, void *stream, unsigned how, const struct copy *copy)
{
    int rc = copy_check(copy);

    return rc == CUDA_SUCCESS ? work_copy(c, stream, how, copy) : rc;
}
