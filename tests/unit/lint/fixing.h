/* SPDX-License-Identifier: Apache-2.0 */
/* What tests of fixes share: a run over one text, and the text that a finding's edits make. */
#ifndef TESTS_UNIT_LINT_FIXING_H
#define TESTS_UNIT_LINT_FIXING_H

#include "test.h"

#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "lint/fix/fix.h"
#include "lint/fix/fix_apply.h"
#include "lint/lint.h"
#include "lint/read/read.h"

/* The text after the finding's edits; NULL if it has none. free() it. */
static inline char *apply(struct lint *l, const struct finding *f)
{
    struct line_index index;
    struct fix_range ranges[64];
    struct buf out;
    size_t n = 0;
    const struct edit *edits = fix_ranges(l, f);

    if (!edits)
        return NULL;
    assert_true(line_index_make(&l->arena, &index, l->sources[0]));
    for (; edits; edits = edits->next, n++) {
        assert_true(n < 64);
        assert_true(fix_range_of(&ranges[n], &index, edits));
        ranges[n].order = n;
    }
    buf_init(&out, 1 << 20);
    assert_true(fix_apply(&out, l->sources[0], ranges, n));
    return buf_take(&out);
}

static inline void open_text(struct lint *l, const char *file, const char *text)
{
    struct err e = {0};

    lint_init(l, NULL, NULL);
    assert_int_equal(read_text(l, file, text, strlen(text), &e), 0);
}

#endif
