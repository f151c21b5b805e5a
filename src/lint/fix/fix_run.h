/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fixing: what findings offer is applied to the texts in memory, these are read and judged anew,
 * and so on until nothing is offered any more. No file is touched before fix_run_write().
 */
#ifndef LINT_FIX_RUN_H
#define LINT_FIX_RUN_H

#include "lint/lint.h"

struct buf;

enum { FIX_MAX_ROUNDS = 40 };

/* A finding that was cured; the line is that in the text as it was then. */
struct fix_cured {
    const char *file, *rule, *message, *cure;
    enum severity severity;
    unsigned line;
    unsigned round; /* from 1 */
};

/* A file that changed, without its byte order mark. */
struct fix_file {
    const char *file; /* "-": standard input */
    const char *before, *after;
    size_t before_size, after_size;
    bool bom;
};

/* A fix that was tried and taken back: it left a text unreadable or did not cure. */
struct fix_failed {
    const char *rule, *file, *message;
    const char *why;
};

/* Owns everything but the first run. */
struct fix_run {
    struct arena arena;
    struct lint *last; /* the run over the texts as they are in the end: what is left to say */
    struct lint *own;  /* that run, unless nothing was fixed: NULL */
    size_t n_files;
    struct fix_file *files;
    size_t n_cured; /* in the order of files, then of rounds */
    struct fix_cured *cured;
    size_t n_failed;
    struct fix_failed *failed;
    unsigned n_rounds;
};

/*
 * Fixes what a run that was judged found. `first` has to live as long as the result: `last` is the
 * same run if nothing was fixed. -ENOMEM; the result is to be freed in any case.
 */
int fix_run(struct fix_run *r, struct lint *first, struct err *e);
void fix_run_done(struct fix_run *r);

/*
 * Replaces the changed files, each by rename, unless one of them is not any more what was read
 * (-EBUSY) or is standard input (-EINVAL): then none is.
 */
int fix_run_write(const struct fix_run *r, struct err *e);

/* All changes as one unified diff that patch(1) takes with -p1. */
int fix_run_diff(const struct fix_run *r, struct buf *out, struct err *e);

/* What a file became, with its byte order mark. */
void fix_run_text(const struct fix_file *file, struct buf *out);

#endif
