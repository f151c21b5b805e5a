/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One round of fixing: which findings' edits can be made together, what the texts become, and
 * whether that was for the better. Nothing outside memory is touched.
 */
#ifndef LINT_FIX_ROUND_H
#define LINT_FIX_ROUND_H

#include "lint/fix/fix_run.h"
#include "lint/fix/sheet.h"

/* A finding whose edits are made in this round. */
struct fix_taken {
    const struct finding *finding;
    const struct edit *ranges; /* never NULL */
    bool failed;               /* see `why` */
    const char *why;
};

struct fix_round {
    struct fix_run *run;
    struct lint *before, *after;
    struct arena arena;
    struct line_index *indexes; /* by source; made when needed */
    struct fix_slot *slots;     /* by source: what is edited in it */
    bool *alone;                /* by source: one finding a round, for some together went wrong */
    size_t n_taken;
    struct fix_taken *taken;
};

/* Begins a round over a run that was judged. `alone` has an element for each of its sources. */
int fix_round_open(struct fix_round *round, struct fix_run *run, struct lint *before, bool *alone,
                   struct err *e);
void fix_round_done(struct fix_round *round); /* not the runs */

/* Chooses what can be made together; none if nothing is offered. */
int fix_round_choose(struct fix_round *round, struct err *e);

/* Makes the texts, reads and judges them: round->after, which the caller frees. */
int fix_round_make(struct fix_round *round, struct err *e);

/* Whether the new run is as it should be; if not, some of the taken have failed. */
bool fix_round_good(struct fix_round *round);

/* Whether a finding's fix was tried before and taken back. */
bool fix_has_failed(const struct fix_run *run, const struct finding *f);

/* The file that a taken finding is told of. */
const char *fix_taken_file(const struct fix_taken *t);

#endif
