/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lays the rows of a file over what the catalogue knows. What a file says of a type's prices in a
 * region under one purchase option replaces everything that was said of them before; what it says
 * of a type itself must agree with it.
 */
#ifndef COST_MERGE_H
#define COST_MERGE_H

#include "cost/rows.h"

/* The new content, in the rows' memory; `now` stays as it is and must live on. */
int merge_rows(struct catalog_content *out, const struct catalog_content *now,
               const struct rows *rows, struct err *e);

/* Parts of it: of types, with prices and absences as they were; then of those. */
struct merge {
    struct catalog_content next;
    struct instance_type *types; /* next.types points into it */
    struct catalog_place *origins;
    const struct rows *rows;
    struct arena *arena;
};
int merge_types(struct merge *m, const struct catalog_content *now, struct err *e);
int merge_prices(struct merge *m, struct err *e);

#endif
