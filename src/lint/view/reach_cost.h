/* SPDX-License-Identifier: Apache-2.0 */
/* Which nodes of a pool Karpenter would buy for a workload's pods, and what they cost. */
#ifndef LINT_REACH_COST_H
#define LINT_REACH_COST_H

#include "lint/view/supply.h"

struct lint;

enum { REACH_COST_MAX_KINDS = 2 }; /* full nodes, and the one for the rest */

/* Nodes of one type. */
struct reach_nodes {
    const struct instance_type *type;
    const struct price *price; /* NULL: not known there */
    uint64_t count;
    int64_t slices; /* of the resource that is asked for, on one node */
};

struct reach_cost {
    size_t n; /* 0: nothing can be bought */
    struct reach_nodes nodes[REACH_COST_MAX_KINDS];
    const struct amount *limit; /* of the pool, that stops before all pods have a node; NULL */
    uint64_t limit_nodes;       /* how many it lets be */
    char region[CATALOG_REGION_SIZE];
    bool spot;
};

/* The pool takes such a pod; believed: of its types, in their order. */
void reach_cost_make(struct reach_cost *out, const struct lint *l, const struct workload *w,
                     const struct pool *p, const struct supply *believed);

/* "about 4 x g4dn.xlarge, $2.10/h on demand in us-east-1 (2026-07-20): …" */
const char *reach_cost_words(struct lint *l, const struct reach_cost *c);

#endif
