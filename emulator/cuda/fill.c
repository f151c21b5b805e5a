/* SPDX-License-Identifier: Apache-2.0 */
/* cuMemset*: 8, 16 or 32 bits over a row or a rectangle. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cuda/cuda.h"
#include "cuda/managed.h"

int fill_check(const struct fill *f)
{
    uint64_t width, bytes;

    if (f->element_bytes != 1 && f->element_bytes != 2 && f->element_bytes != 4)
        return CUDA_ERROR_INVALID_VALUE;
    if (f->width == 0 || f->height == 0)
        return CUDA_SUCCESS;
    if (f->to % f->element_bytes || (f->height > 1 && f->pitch % f->element_bytes) ||
        __builtin_mul_overflow(f->width, (uint64_t)f->element_bytes, &width) ||
        (f->height > 1 && f->pitch < width) ||
        __builtin_mul_overflow(f->height - 1, f->pitch, &bytes) ||
        __builtin_add_overflow(bytes, width, &bytes))
        return CUDA_ERROR_INVALID_VALUE;
    return copy_reaches(f->to, bytes) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

enum { MANY_BYTES = 1 << 20 };

/* Zeros over many pages: they go instead, and need no memory of this machine. */
static bool clear_pages(char *to, size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE); /* the kernel rounds up to whole ones */
    size_t head = (page - (uintptr_t)to % page) % page;
    size_t pages = bytes < MANY_BYTES ? 0 : (bytes - head) / page * page;

    if (pages == 0 || madvise(to + head, pages, MADV_REMOVE) != 0)
        return false;
    memset(to, 0, head);
    memset(to + head + pages, 0, bytes - head - pages);
    return true;
}

/* The value's bytes lie as the processor keeps them: least first. */
static void fill_row(char *to, const struct fill *f)
{
    if (f->value == 0 && clear_pages(to, f->width * f->element_bytes))
        return;
    if (f->element_bytes == 1) {
        memset(to, (int)(f->value & 0xff), f->width);
        return;
    }
    for (size_t i = 0; i < f->width; i++)
        memcpy(to + i * f->element_bytes, &f->value, f->element_bytes);
}

void fill_run(const struct fill *f)
{
    if (f->width == 0 || f->height == 0 || fill_check(f) != CUDA_SUCCESS)
        return;
    managed_touch(f->to);
    for (size_t y = 0; y < f->height; y++)
        fill_row((char *)(uintptr_t)(f->to + y * f->pitch), f);
}

static int fill(struct fill f, void *stream, unsigned how)
{
    struct context *c;
    int rc = cuda_enter_context(&c);

    if (rc != CUDA_SUCCESS)
        return rc;
    rc = fill_check(&f);
    return cuda_leave(rc == CUDA_SUCCESS ? work_fill(c, stream, how, &f) : rc);
}

#define ROW(bytes) ((struct fill){to, 0, value, bytes, n, 1})
#define BOX(bytes) ((struct fill){to, pitch, value, bytes, width, height})

/* One size of element: seven names for rows, and for boxes. */
#define FILLS(bits, bytes, type)                                                                   \
    CUDA_API(cuMemsetD##bits, uint32_t to, type value, unsigned n)                                 \
    {                                                                                              \
        return fill(ROW(bytes), NULL, WORK_WAIT);                                                  \
    }                                                                                              \
    CUDA_API(cuMemsetD##bits##_v2, uint64_t to, type value, size_t n)                              \
    {                                                                                              \
        return fill(ROW(bytes), NULL, WORK_WAIT);                                                  \
    }                                                                                              \
    CUDA_API(cuMemsetD##bits##_v2_ptds, uint64_t to, type value, size_t n)                         \
    {                                                                                              \
        return fill(ROW(bytes), NULL, WORK_WAIT | WORK_PER_THREAD);                                \
    }                                                                                              \
    CUDA_API(cuMemsetD##bits##Async, uint64_t to, type value, size_t n, void *stream)              \
    {                                                                                              \
        return fill(ROW(bytes), stream, WORK_ASYNC);                                               \
    }                                                                                              \
    CUDA_API(cuMemsetD##bits##Async_ptsz, uint64_t to, type value, size_t n, void *stream)         \
    {                                                                                              \
        return fill(ROW(bytes), stream, WORK_PER_THREAD);                                          \
    }                                                                                              \
    CUDA_API(cuMemsetD2D##bits, uint32_t to, unsigned pitch, type value, unsigned width,           \
             unsigned height)                                                                      \
    {                                                                                              \
        return fill(BOX(bytes), NULL, WORK_WAIT);                                                  \
    }                                                                                              \
    CUDA_API(cuMemsetD2D##bits##_v2, uint64_t to, size_t pitch, type value, size_t width,          \
             size_t height)                                                                        \
    {                                                                                              \
        return fill(BOX(bytes), NULL, WORK_WAIT);                                                  \
    }                                                                                              \
    CUDA_API(cuMemsetD2D##bits##_v2_ptds, uint64_t to, size_t pitch, type value, size_t width,     \
             size_t height)                                                                        \
    {                                                                                              \
        return fill(BOX(bytes), NULL, WORK_WAIT | WORK_PER_THREAD);                                \
    }                                                                                              \
    CUDA_API(cuMemsetD2D##bits##Async, uint64_t to, size_t pitch, type value, size_t width,        \
             size_t height, void *stream)                                                          \
    {                                                                                              \
        return fill(BOX(bytes), stream, WORK_ASYNC);                                               \
    }                                                                                              \
    CUDA_API(cuMemsetD2D##bits##Async_ptsz, uint64_t to, size_t pitch, type value, size_t width,   \
             size_t height, void *stream)                                                          \
    {                                                                                              \
        return fill(BOX(bytes), stream, WORK_PER_THREAD);                                          \
    }

FILLS(8, 1, unsigned char)
FILLS(16, 2, unsigned short)
FILLS(32, 4, unsigned)
