/* SPDX-License-Identifier: Apache-2.0 */
/* Ranges of a file replaced in its text: the last step of fixing. */
#ifndef LINT_FIX_APPLY_H
#define LINT_FIX_APPLY_H

#include <stdbool.h>
#include <stddef.h>

#include "lint/fix/sheet.h"

struct buf;

/* A range in bytes with what comes into its place. */
struct fix_range {
    size_t from, to;
    const char *text;
    size_t order; /* of ranges at one place */
};

/* What an edit means in bytes of its source; false if it names no place in it. */
bool fix_range_of(struct fix_range *out, const struct line_index *index, const struct edit *edit);

/*
 * The text with all ranges replaced, which are sorted by this. New lines end as those of the file
 * do. False if one range stands over another.
 */
bool fix_apply(struct buf *out, const struct source *source, struct fix_range *ranges, size_t n);

#endif
