/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stream-ordered memory pools. A pool is address space of which 32 MiB pieces have memory; an
 * allocation lies anywhere in it, and the pieces that it needs come from the GPU.
 */
#ifndef EMULATOR_CUDA_POOL_H
#define EMULATOR_CUDA_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "cuda/chunk.h"
#include "cuda/cuda.h"

enum { POOL_PIECES = 8192 };

struct pool {
    struct device *device; /* NULL: memory of the host, which costs nothing */
    bool is_default, imported, dying;
    unsigned handle_types;
    unsigned access[CUDA_DEVICES];  /* by device: CUmemAccess_flags; its own always has all */
    uint64_t at, pieces, max_bytes; /* address space */
    struct chunk file;              /* piece n is at n x 32 MiB */
    uint64_t reserved, reserved_high, used, used_high, threshold;
    int reuse[3];
    uint8_t has[POOL_PIECES]; /* by piece: has memory */
};

int pool_new(struct pool **out, struct device *d);
void pool_destroy(struct pool *p); /* it goes with its last allocation */
struct chunk pool_piece(const struct pool *p, uint64_t i);
void pool_trim(struct pool *p, uint64_t keep_bytes);

#endif
