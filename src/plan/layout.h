/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a board could be cut: every maximal layout of its geometry, one by one or folded by what is
 * in them. A layout is maximal when nothing more fits. An H100 without its variants has 78 in 38
 * kinds, so all are simply walked through.
 */
#ifndef PLAN_LAYOUT_H
#define PLAN_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>

#include "gpu/gpu.h"

struct err;

/* Instances with where they sit, by start. Borrows its profiles from the geometry. */
struct layout {
    unsigned count;
    const struct gpu_profile *profiles[GPU_MAX_INSTANCES];
    struct gpu_span spans[GPU_MAX_INSTANCES];
};
typedef bool layout_visit(void *self, const struct layout *layout);

/* Calls visit for every maximal layout of a geometry; stops when it returns false. */
void layout_each(const struct gpu_geometry *g, layout_visit *visit, void *self);

/* Maximal layouts that have the same instances. */
struct layout_kind {
    unsigned counts[GPU_MAX_PROFILES]; /* by position of the profile in the geometry */
    unsigned n_layouts;                /* ways to place them */
    unsigned idle_slices;              /* compute slices that it leaves unused */
    unsigned idle_units;               /* units of the memory axis that it leaves unused */
};

/* All kinds in a new array (free() it), those with the biggest instances first. */
int layout_kinds(struct layout_kind **out, size_t *out_n, const struct gpu_geometry *g,
                 struct err *e);

/*
 * The geometry without variants: of profiles with the same slices and placements ("1g.5gb" and
 * "1g.5gb+me") the one with the shortest name. Each variant can stand wherever its plain one does,
 * up to its own maximum, so for reading the plain layouts say it all.
 */
void layout_plain_geometry(struct gpu_geometry *out, const struct gpu_geometry *g);

/* "1 x 3g.20gb + 4 x 1g.5gb", biggest first; "nothing" for no instance. Returns buffer. */
enum { LAYOUT_TEXT_SIZE = 256 };
const char *layout_text(char buffer[LAYOUT_TEXT_SIZE], const struct gpu_geometry *g,
                        const unsigned counts[GPU_MAX_PROFILES]);

#endif
