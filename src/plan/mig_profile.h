/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a profile's name in a MIG configuration means on a given board, and what to say to the user
 * when it means nothing there.
 */
#ifndef PLAN_MIG_PROFILE_H
#define PLAN_MIG_PROFILE_H

#include <stdbool.h>

#include "gpu/gpu.h"

struct err;

/*
 * The profile of the board that `name` means, and the slices of each compute instance: "3g.20gb"
 * is 3, "1c.3g.20gb" is 1. Attributes with '+' or '.'.
 *
 * Names differ a little by driver version, as the driver rounds the memory ("3g.39gb", "3g.40gb").
 * So a name that the board does not have is taken for the one profile with the same slices and
 * attribute whose memory differs by no more than 1 GB and no more than a twentieth, if there is
 * exactly one. The twentieth keeps "1g.6gb", another board's, from meaning "1g.5gb".
 *
 * -ENOENT lists the board's profiles and the nearest one; -EINVAL for compute instances that the
 * profile cannot have.
 */
int mig_profile_find(const struct gpu_profile **out, unsigned *out_slices,
                     const struct gpu_geometry *g, const char *name, struct err *e);

/*
 * True if compute instances of so many slices exist in the profile. The driver's rule: 1, 2 (at
 * every even start), 3 and 4 in a 7-slice one, and all. Any that sum up to the profile's slices at
 * most can stand together.
 */
bool mig_profile_computes(const struct gpu_profile *p, unsigned slices);

#endif
