/* SPDX-License-Identifier: Apache-2.0 */
/* The work on one finding's fix, from its steps to ranges of files. */
#ifndef LINT_FIX_WORK_H
#define LINT_FIX_WORK_H

#include "lint/fix/fix_step.h"

enum { FIX_MAX_SHEETS = 64 }; /* documents, and files with commands, of one finding */

/* What a run keeps from one finding to the next. */
struct fix_cache {
    size_t bytes_left;              /* to parse */
    const struct line_index *index; /* of the source asked for last; NULL */
};

struct fix_work {
    struct lint *l;
    const struct finding *finding;
    struct fix_cache *cache;
    struct arena arena;
    size_t n_yaml, n_shell;
    struct fix_yaml *yaml[FIX_MAX_SHEETS];
    struct sheet *shell[FIX_MAX_SHEETS];
    struct edit *edits, **last;
};

/* NULL without memory; it lives as long as the run. */
const struct line_index *fix_index_of(struct fix_work *w, const struct source *source);

/* A further range; the text is the run's. */
void fix_add_edit(struct fix_work *w, struct spot spot, const char *text);

/* FIX_WRITE_FILE; false if the block has no fences as they should be. */
bool fix_write_fence(struct fix_work *w, const struct fix_step *step);

#endif
