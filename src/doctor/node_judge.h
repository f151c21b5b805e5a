/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a node is fit, out of the facts alone. Pure. */
#ifndef DOCTOR_NODE_JUDGE_H
#define DOCTOR_NODE_JUDGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

struct err;
struct node_facts;

/* How a check came out, the gravest first. */
enum node_level {
    NODE_FAILED,
    NODE_WARNING,
    NODE_FINE,
    NODE_UNSEEN, /* cannot be judged, and why */
    NODE_ABSENT, /* not on this machine, which is nothing wrong */
};

struct node_finding {
    const char *check; /* stable id: "kernel-module" */
    enum node_level level;
    const char *seen; /* in words */
    const char *cure; /* "" */
};

/* Owns its findings; their order is that of cause and effect. */
struct node_report {
    struct arena arena;
    size_t n_findings;
    struct node_finding *findings;
};

/* -ENOMEM alone. The report may be used after the facts are gone. */
int node_judge(struct node_report *out, const struct node_facts *facts, struct err *e);
void node_report_done(struct node_report *r);

/* "failed", "warning", "ok", "not judged", "not here". */
const char *node_level_name(enum node_level level);

/* The gravest cause: the first that failed, or NULL: the node is fit. */
const struct node_finding *node_cause(const struct node_report *r);

#endif
