/* SPDX-License-Identifier: Apache-2.0 */
/* Compares by slices alone: compute instances of one size are alike. */
#include "plan/mig_compute.h"

#include <string.h>

#include "plan/mig_plan.h"

/* The position of a compute instance with so many slices that is marked destroyed, or -1. */
static int find_destroyed(const struct mig_compute *c, const struct gpu_instance *gi,
                          unsigned slices)
{
    for (unsigned i = 0; i < gi->n_computes; i++) {
        if ((c->destroyed & (1u << i)) && gi->computes[i].slices == slices)
            return (int)i;
    }
    return -1;
}

void mig_compute_compare(struct mig_compute *out, const struct gpu_instance *gi,
                         const struct mig_want *want)
{
    struct mig_compute none = {.n_destroyed = gi->n_computes,
                               .destroyed = (1u << gi->n_computes) - 1};
    bool needs_place = false;

    *out = none;
    for (unsigned i = 0; want && i < want->n_computes; i++) {
        int same = find_destroyed(out, gi, want->compute_slices[i]);

        if (same >= 0) {
            out->destroyed &= ~(1u << same);
            out->n_destroyed--;
        } else {
            needs_place = needs_place || want->compute_slices[i] > 1;
            out->created[out->n_created++] = want->compute_slices[i];
        }
    }
    if (needs_place && out->n_destroyed < gi->n_computes) {
        *out = none;
        out->n_created = want->n_computes;
        memcpy(out->created, want->compute_slices, sizeof out->created);
    }
}

bool mig_compute_same(const struct gpu_instance *gi, const struct mig_want *want)
{
    struct mig_compute change;

    mig_compute_compare(&change, gi, want);
    return change.n_destroyed + change.n_created == 0;
}
