/* SPDX-License-Identifier: Apache-2.0 */
/* Which of some GPUs are best connected with each other. Pure, on a matrix of pair scores. */
#ifndef SLICE_CONNECTED_H
#define SLICE_CONNECTED_H

#include <stdint.h>

#include "gpu/gpu.h"

/* Symmetric, the diagonal is 0. */
struct connected {
    unsigned count;
    int32_t score[GPU_MAX][GPU_MAX];
};

/*
 * The set of `size` nodes with the largest sum of pair scores that lies in `available` and contains
 * `required` (bit n: node n; required lies in available and is not larger than size, size not
 * larger than available). Of equal sets that which leaves the better connected rest of `available`,
 * then that with the lowest numbers. Exact where the search is short, which takes in all of up to
 * 16 GPUs and small sets of 64; else greedy from every start, improved by exchanges.
 */
uint64_t connected_choose(const struct connected *c, uint64_t available, uint64_t required,
                          unsigned size);

#endif
