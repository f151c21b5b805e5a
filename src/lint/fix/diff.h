/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The difference of two texts by lines, as patch(1) takes it. Exact for changes that are local;
 * where much differs it may tell more than the least, but never something wrong.
 */
#ifndef LINT_DIFF_H
#define LINT_DIFF_H

#include <stddef.h>

struct buf;
struct err;

struct diff_text {
    const char *file; /* without "a/" or "b/" */
    const char *text;
    size_t size;
};

/* Nothing is added if they are the same. -ENOMEM, or -EFBIG if the buf is full. */
int diff_unified(struct buf *out, const struct diff_text *before, const struct diff_text *after,
                 struct err *e);

#endif
