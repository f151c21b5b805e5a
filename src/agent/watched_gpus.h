/* SPDX-License-Identifier: Apache-2.0 */
/* Which GPUs a watch for events serves: those that have answered at every look since it began. */
#ifndef AGENT_WATCHED_GPUS_H
#define AGENT_WATCHED_GPUS_H

#include <stdbool.h>
#include <stdint.h>

#include "gpu/gpu.h"

/* A number for each UUID. Zeroed: none. */
struct watched_gpus {
    unsigned count;
    uint64_t sums[GPU_MAX];
};

/*
 * Takes note of the GPUs that answer now. True if one of them was not there before, as one that was
 * lost and is found: a watch must begin anew for it.
 */
bool watched_gpus_note(struct watched_gpus *w, const struct inventory *inv);

#endif
