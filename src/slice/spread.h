/* SPDX-License-Identifier: Apache-2.0 */
/* Choosing replicas and MIG devices: spread over the GPUs, or packed onto few. */
#ifndef SLICE_SPREAD_H
#define SLICE_SPREAD_H

#include <stdbool.h>
#include <stddef.h>

struct err;
struct resource;

/* What may be chosen: is_free[n] says whether slice n of the resource is free. Changed by choosing.
 */
struct spread {
    const struct resource *r;
    bool *is_free; /* resource_slices(r) */
    bool packed;
};

/*
 * Fills out[n_done..size) with free slices, one after the other; out[0..n_done) are taken already.
 * Distributed: from the GPU with the fewest slices taken, of those the one used least by this call.
 * Packed: from the GPU already used by this call while it has some; else from one that holds all
 * that is missing, so that one GPU serves a request wherever one can; of those from that with the
 * most slices taken. Inside the GPU its devices are chosen likewise; equals by lowest index. There
 * are enough free ones.
 */
int spread_choose(size_t *out, size_t n_done, size_t size, struct spread *s, struct err *e);

#endif
