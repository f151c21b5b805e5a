/* SPDX-License-Identifier: Apache-2.0 */
/* Reasons for which a pool does not take a pod, as messages and cures. */
#ifndef LINT_REACH_WORDS_H
#define LINT_REACH_WORDS_H

#include "lint/view/reach.h"

struct finding;

struct reach_reason {
    const struct pool *pool;
    struct reach reach;
    const char *shown;  /* what the node would show though Karpenter does not know; NULL */
    const char *offers; /* the first resource that the node has; NULL */
};

/* All that stands in the way, the nearest first: "its taint … is not tolerated, and …". */
const char *reach_words_reason(struct lint *l, const struct reach_reason *reason);

/* What would make this pool take the pods. */
void reach_words_cure(struct lint *l, struct finding *f, const struct reach_reason *nearest);

#endif
