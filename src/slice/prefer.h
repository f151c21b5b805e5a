/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of the free slices a container should get (GetPreferredAllocation). Whole GPUs: those best
 * connected (connected.h), found exactly and fast also on 16 GPUs; replicas and MIG devices: spread
 * over GPUs, or packed (spread.h). Scores as NVIDIA's plugin (PCIe 10 … 60, 100 per NVLink).
 */
#ifndef SLICE_PREFER_H
#define SLICE_PREFER_H

#include <stdbool.h>
#include <stddef.h>

struct err;
struct inventory;
struct resource;

struct prefer_request {
    size_t n_available;
    const char *const *available; /* slice ids */
    size_t n_required;            /* must be in the answer */
    const char *const *required;  /* count as available */
    size_t size;                  /* how many are wanted */
    bool packed;
};

/*
 * Writes the numbers of request->size slices to out (room for that many), required ones first.
 * -EINVAL: an unknown id, more required than wanted, or too few available.
 */
int prefer_choose(size_t *out, const struct resource *r, const struct inventory *inv,
                  const struct prefer_request *request, struct err *e);

#endif
