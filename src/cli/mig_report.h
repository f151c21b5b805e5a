/* SPDX-License-Identifier: Apache-2.0 */
/* What `carve mig apply` says of a change: the plan, its progress on a terminal, the end. */
#ifndef CLI_MIG_REPORT_H
#define CLI_MIG_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/report.h"

struct err;
struct node_mig_progress;

/* Owns its document, also where it is not for JSON. Do not move it. */
struct mig_report {
    bool dry_run;
    bool as_json;
    bool progress; /* stderr is a terminal */
    bool planned;  /* the plan has come */
    bool finished;
    bool shortfall; /* something was left undone */
    size_t n_steps, done;
    unsigned kept;
    struct report_document document;
};

void mig_report_init(struct mig_report *r, bool dry_run, bool as_json);

/* News of the change; the first has the plan. */
void mig_report_progress(struct mig_report *r, const struct node_mig_progress *p);

/* The end, with the error if there was one (NULL: none); frees, and returns the exit code. */
int mig_report_end(struct mig_report *r, const struct err *e);

#endif
