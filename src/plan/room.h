/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of a GPU's MIG geometry is taken and what still fits. A set of instances is legal when their
 * spans are disjoint, no profile is there more often than the board allows, and the media engines
 * suffice (one "+me" takes the only OFA, "+me.all" every media engine). The engines that a GPU has
 * are those of a profile that spans it all; where that profile is not known they do not limit.
 */
#ifndef PLAN_ROOM_H
#define PLAN_ROOM_H

#include <stdbool.h>
#include <stdint.h>

#include "gpu/gpu.h"

enum { ROOM_MEDIA = 4 }; /* kinds of media engines */

/* Borrows the geometry, whose profiles are the only ones that may be asked for. */
struct room {
    const struct gpu_geometry *geometry;
    uint32_t used;                     /* bit n: unit n of the memory axis is taken */
    unsigned counts[GPU_MAX_PROFILES]; /* instances, by position of their profile */
    unsigned media[ROOM_MEDIA];        /* engines taken */
    unsigned media_max[ROOM_MEDIA];    /* 0: not known */
};

void room_init(struct room *r, const struct gpu_geometry *g);

bool room_fits(const struct room *r, const struct gpu_profile *p, unsigned start);
void room_take(struct room *r, const struct gpu_profile *p, unsigned start);
void room_give(struct room *r, const struct gpu_profile *p, unsigned start);

/* How many starts of a profile are still open (they may overlap each other). */
unsigned room_open_starts(const struct room *r, const struct gpu_profile *p);

/* How many instances of the profile fit on an empty GPU. */
unsigned room_most(const struct gpu_geometry *g, const struct gpu_profile *p);

/* Compute slices of the whole GPU. */
unsigned room_slices(const struct gpu_geometry *g);

/*
 * The resource of which this many instances by profile need more than the GPU has, with both
 * numbers: "memory units", "compute slices", "decoders"; NULL if there is enough of each.
 */
const char *room_lacks(const struct gpu_geometry *g, const unsigned counts[GPU_MAX_PROFILES],
                       unsigned *out_need, unsigned *out_have);

#endif
