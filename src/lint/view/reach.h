/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether Karpenter would buy a node of a pool for a pod: taints, labels, types, resources as it
 * believes them, limits. Source: Karpenter core v1.14, scheduling of pods on new NodeClaims.
 */
#ifndef LINT_REACH_H
#define LINT_REACH_H

#include "lint/view/supply.h"

struct lint;

/* Why not, the nearest first. */
enum reach_fault {
    REACH_TAINT = 1,
    REACH_LIMIT = 2,
    REACH_LABEL = 4,
    REACH_RESOURCE = 8, /* fewer than asked for, or none at all */
    REACH_SIZE = 16,    /* CPU or memory */
    REACH_TYPES = 32,   /* the pool has no types with GPUs */
};

/* What a pool says to a pod. */
struct reach {
    unsigned
        faults; /* enum reach_fault bits of the type that has the fewest; 0: it takes the pod */
    bool open;  /* a placeholder may make it take the pod */
    const struct instance_type *type; /* that one; NULL without types */
    const struct taint *taint;        /* of REACH_TAINT */
    const char *label;                /* of REACH_LABEL: its key */
    const struct amount *limit;       /* of REACH_LIMIT */
    const struct amount *ask;         /* of REACH_RESOURCE */
    int64_t has;                      /* of what is asked for */
    const struct amount *size;        /* of REACH_SIZE */
};

/* believed: of the pool's types, in their order. */
void reach_try(struct reach *out, const struct workload *w, const struct pool *p,
               const struct supply *believed);

/* The same for one type, taints left out. */
bool reach_type_takes(const struct workload *w, const struct pool *p, const struct instance_type *t,
                      const struct supply *believed);

/* Labels that Karpenter or AWS gives nodes, beside those of types. */
bool reach_label_given(const char *key);

/* Fewer faults are nearer, then nearer kinds of them. */
bool reach_nearer(const struct reach *a, const struct reach *b);

/* How many such pods fit on an empty node of a type that takes one. */
uint64_t reach_pods(const struct workload *w, const struct instance_type *t,
                    const struct supply *believed);

/* How much of a limit one node uses up; 0 where the limit is on something else. */
int64_t reach_use(const char *limit, const struct instance_type *t, const struct supply *believed);

#endif
