/* SPDX-License-Identifier: Apache-2.0 */
/* CUDA arrays. Here their elements lie row by row, whatever a real GPU does. */
#ifndef EMULATOR_CUDA_ARRAY_H
#define EMULATOR_CUDA_ARRAY_H

#include <stddef.h>
#include <stdint.h>

#include "cuda/chunk.h"

struct context;

struct array_shape { /* CUDA_ARRAY3D_DESCRIPTOR */
    size_t width, height, depth;
    unsigned format, channels, flags;
};

struct array {
    struct context *context;
    struct array_shape shape;
    struct chunk chunk;
    uint64_t at;
    size_t element_bytes, row_bytes, rows, layers;
    void *mipmap; /* that it is a level of, and whose memory it has; NULL: its own */
};

/* NULL: not one. */
struct array *array_check(void *handle);

/* Arrays and mipmaps of a context that goes. */
void array_free_context(struct context *c);

#endif
