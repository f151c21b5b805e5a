/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arrays and mipmaps. The driver pads them in ways of its own and does not say what one takes; but
 * an array of the same shape with deferred mapping takes nothing and tells it. So such a twin is
 * made, asked, and destroyed, before the room is charged (12 us of the 170 that an array takes;
 * right for 264 of 264 shapes on an H100). A driver before 11.6 has no such arrays: then what an
 * H100 does is worked out. Sparse and deferred arrays take nothing until memory is mapped to them.
 */
#include "shim/memory.h"

enum { ROW_UNIT = 64, ROWS_MIN = 8, ROWS_MAX = 128, SLICES_MAX = 16 };

static uint64_t format_bytes(uint32_t format)
{
    switch ((enum cuda_array_format)format) {
    case CUDA_FORMAT_UINT8:
    case CUDA_FORMAT_INT8:
        return 1;
    case CUDA_FORMAT_UINT16:
    case CUDA_FORMAT_INT16:
    case CUDA_FORMAT_HALF:
        return 2;
    case CUDA_FORMAT_UINT32:
    case CUDA_FORMAT_INT32:
    case CUDA_FORMAT_FLOAT:
        return 4;
    }
    return 4; /* video and compressed formats: at most */
}

static uint64_t round_up(uint64_t value, uint64_t unit)
{
    return value > UINT64_MAX - unit ? UINT64_MAX : (value + unit - 1) / unit * unit;
}

/* Blocks of `least` to `most`, the smallest power of two that holds all. */
static uint64_t in_blocks(uint64_t n, uint64_t least, uint64_t most)
{
    uint64_t block = least;

    while (block < most && block < n)
        block *= 2;
    return round_up(n, block);
}

static uint64_t times(uint64_t a, uint64_t b)
{
    uint64_t product;

    return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

static bool has_layers(const struct cuda_array_3d *wish)
{
    return (wish->flags & (CUDA_ARRAY_LAYERED | CUDA_ARRAY_CUBEMAP)) != 0;
}

static uint64_t level_bytes(const struct cuda_array_3d *wish, uint64_t width, uint64_t height,
                            uint64_t depth)
{
    bool solid = depth > 1 && !has_layers(wish);
    uint64_t row = times(width, times(wish->channels, format_bytes(wish->format)));
    uint64_t rows = in_blocks(height, ROWS_MIN, solid ? ROWS_MIN : ROWS_MAX);
    uint64_t slices = solid ? in_blocks(depth, 1, SLICES_MAX) : depth;

    return times(times(round_up(row, ROW_UNIT), rows), slices ? slices : 1);
}

static uint64_t half(uint64_t side)
{
    return side > 1 ? side / 2 : side;
}

/* As an H100 has it. Layers and cube faces stay as many on each level. */
static uint64_t worked_out(const struct cuda_array_3d *wish, unsigned levels)
{
    uint64_t width = wish->width, height = wish->height, depth = wish->depth, sum = 0;

    for (unsigned i = 0; i < (levels ? levels : 1) && i < 64; i++) {
        uint64_t bytes = level_bytes(wish, width, height, depth);

        if (bytes > UINT64_MAX - sum)
            return UINT64_MAX;
        sum += bytes;
        width = half(width);
        height = half(height);
        depth = has_layers(wish) ? depth : half(depth);
    }
    return sum;
}

/* What the deferred twin says: CUDA_SUCCESS and its size, or there is none. levels 0: no mipmap. */
static CUresult ask_twin(uint64_t *out, const struct cuda_array_3d *wish, unsigned levels,
                         CUdevice ordinal)
{
    struct cuda_array_3d twin = *wish;
    struct cuda_array_needs needs = {0};
    CUmipmappedArray mipmap = NULL;
    CUarray array = NULL;
    CUresult rc;

    twin.flags |= CUDA_ARRAY_DEFERRED;
    if (levels > 0) {
        rc = CALL(cuMipmappedArrayCreate, &mipmap, &twin, levels);
        if (rc != CUDA_SUCCESS)
            return rc;
        rc = PLAIN(cuMipmappedArrayGetMemoryRequirements)(&needs, mipmap, ordinal);
        (void)CALL(cuMipmappedArrayDestroy, mipmap);
    } else {
        rc = CALL(cuArray3DCreate_v2, &array, &twin);
        if (rc != CUDA_SUCCESS)
            return rc;
        rc = PLAIN(cuArrayGetMemoryRequirements)(&needs, array, ordinal);
        (void)CALL(cuArrayDestroy, array);
    }
    *out = needs.size;
    return rc;
}

static uint64_t array_bytes(const struct memory_place *place, const struct cuda_array_3d *wish,
                            unsigned levels)
{
    uint64_t bytes;

    if (place->nowhere || wish->flags & (CUDA_ARRAY_SPARSE | CUDA_ARRAY_DEFERRED))
        return 0;
    if (ask_twin(&bytes, wish, levels, place->ordinal) != CUDA_SUCCESS)
        bytes = worked_out(wish, levels);
    return memory_whole(bytes);
}

struct array {
    struct memory_place place;
    uint64_t bytes;
};

/* CUDA_SUCCESS: the driver may be called, and array_end must follow. */
static CUresult array_begin(struct array *a, const struct cuda_array_3d *wish, unsigned levels)
{
    *a = (struct array){.place = memory_place()};
    a->bytes = array_bytes(&a->place, wish, levels);
    if (!a->place.nowhere && !charge_begin(a->place.device, a->bytes))
        return CUDA_ERROR_OUT_OF_MEMORY;
    return CUDA_SUCCESS;
}

/* False: the array cannot be booked, and must go. */
static bool array_end(const struct array *a, CUresult rc, const void *handle)
{
    struct ledger_entry e = {
        .key = (uint64_t)(uintptr_t)handle,
        .kind = LEDGER_ARRAY,
        .context = (uint64_t)(uintptr_t)a->place.context,
        .device = (int16_t)a->place.device,
        .bytes = a->bytes,
    };
    bool ok = rc == CUDA_SUCCESS && (a->place.nowhere || memory_book(&e));

    if (ok)
        charge_counted(CHARGE_ALLOCATION);
    if (ok && a->place.nowhere)
        charge_uncounted();
    if (!a->place.nowhere && (ok || rc != CUDA_SUCCESS))
        charge_end(a->place.device, ok ? 0 : -(int64_t)a->bytes);
    return ok || rc != CUDA_SUCCESS;
}

/* Destroys what could not be booked; its charge goes with it. */
static CUresult unbooked(const struct array *a, CUresult destroyed)
{
    (void)destroyed;
    charge_end(a->place.device, -(int64_t)a->bytes);
    return CUDA_ERROR_OUT_OF_MEMORY;
}

static struct cuda_array_3d widened(const struct cuda_array *wish)
{
    return (struct cuda_array_3d){
        .width = wish->width,
        .height = wish->height,
        .format = wish->format,
        .channels = wish->channels,
    };
}

/* One wrapper of a function that makes an array: *out, its wish, the wish as a 3D array's. */
#define CREATE_ARRAY(name, out, wish, wide)                                                        \
    __extension__({                                                                                \
        struct cuda_array_3d create_wide = wide;                                                   \
        CUarray create_handle = NULL;                                                              \
        struct array create;                                                                       \
        CUresult create_rc = array_begin(&create, &create_wide, 0);                                \
                                                                                                   \
        if (create_rc == CUDA_SUCCESS) {                                                           \
            create_rc = CALL(name, &create_handle, wish);                                          \
            if (!array_end(&create, create_rc, create_handle))                                     \
                create_rc = unbooked(&create, CALL(cuArrayDestroy, create_handle));                \
            if (create_rc == CUDA_SUCCESS)                                                         \
                *(out) = create_handle;                                                            \
        }                                                                                          \
        create_rc;                                                                                 \
    })

CUresult cuArrayCreate_v2(CUarray *out, const struct cuda_array *wish)
{
    if (!out || !wish || !memory_judged())
        return CALL(cuArrayCreate_v2, out, wish);
    return CREATE_ARRAY(cuArrayCreate_v2, out, wish, widened(wish));
}

CUresult cuArrayCreate(CUarray *out, const struct cuda_array_v1 *wish)
{
    struct cuda_array plain;

    if (!out || !wish || !memory_judged())
        return CALL(cuArrayCreate, out, wish);
    plain = (struct cuda_array){wish->width, wish->height, wish->format, wish->channels};
    return CREATE_ARRAY(cuArrayCreate, out, wish, widened(&plain));
}

CUresult cuArray3DCreate_v2(CUarray *out, const struct cuda_array_3d *wish)
{
    if (!out || !wish || !memory_judged())
        return CALL(cuArray3DCreate_v2, out, wish);
    return CREATE_ARRAY(cuArray3DCreate_v2, out, wish, *wish);
}

CUresult cuArray3DCreate(CUarray *out, const struct cuda_array_3d_v1 *wish)
{
    struct cuda_array_3d wide;

    if (!out || !wish || !memory_judged())
        return CALL(cuArray3DCreate, out, wish);
    wide = (struct cuda_array_3d){wish->width,  wish->height,   wish->depth,
                                  wish->format, wish->channels, wish->flags};
    return CREATE_ARRAY(cuArray3DCreate, out, wish, wide);
}

CUresult cuMipmappedArrayCreate(CUmipmappedArray *out, const struct cuda_array_3d *wish,
                                unsigned levels)
{
    CUmipmappedArray handle = NULL;
    struct array a;
    CUresult rc;

    if (!out || !wish || !memory_judged())
        return CALL(cuMipmappedArrayCreate, out, wish, levels);
    rc = array_begin(&a, wish, levels ? levels : 1);
    if (rc != CUDA_SUCCESS)
        return rc;
    rc = CALL(cuMipmappedArrayCreate, &handle, wish, levels);
    if (!array_end(&a, rc, handle))
        rc = unbooked(&a, CALL(cuMipmappedArrayDestroy, handle));
    if (rc == CUDA_SUCCESS)
        *out = handle;
    return rc;
}

CUresult cuArrayDestroy(CUarray array)
{
    return MEMORY_FREE(LEDGER_ARRAY, (uint64_t)(uintptr_t)array, cuArrayDestroy, array);
}

CUresult cuMipmappedArrayDestroy(CUmipmappedArray array)
{
    return MEMORY_FREE(LEDGER_ARRAY, (uint64_t)(uintptr_t)array, cuMipmappedArrayDestroy, array);
}
