/* SPDX-License-Identifier: Apache-2.0 */
/* What must change among the compute instances of one GPU instance. */
#ifndef PLAN_MIG_COMPUTE_H
#define PLAN_MIG_COMPUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "gpu/gpu.h"

struct mig_want;

struct mig_compute {
    unsigned n_destroyed, n_created;
    uint32_t destroyed;               /* by position in the GPU instance's computes */
    uint8_t created[GPU_MAX_COMPUTE]; /* slices, descending */
};

/*
 * From the compute instances of gi to those of want (NULL: none are wished). Only those that
 * differ change, but where one of two or more slices must come beside one that would stay, all
 * are made anew: it starts at certain slices only, and where the others sit is not known here.
 */
void mig_compute_compare(struct mig_compute *out, const struct gpu_instance *gi,
                         const struct mig_want *want);

/* True if nothing must change. */
bool mig_compute_same(const struct gpu_instance *gi, const struct mig_want *want);

#endif
