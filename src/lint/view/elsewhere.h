/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes with GPUs that Karpenter does not buy: node groups, nodes labelled by hand. Where a set
 * shows some, its pools alone do not tell whether a pod finds a node.
 */
#ifndef LINT_ELSEWHERE_H
#define LINT_ELSEWHERE_H

#include <stdbool.h>

struct finding;
struct lint;
struct system;
struct workload;

enum elsewhere {
    ELSEWHERE_NONE,
    ELSEWHERE_LABELLED, /* nodes that somebody labels by hand: Karpenter may have bought them */
    ELSEWHERE_GROUPS,   /* groups that others fill, or of types that cannot be seen */
};

/* What the set shows of such nodes. */
enum elsewhere elsewhere_nodes(const struct lint *l);

/* Whether a command of the set puts that label on nodes. */
bool elsewhere_label(const struct system *s, const char *key);

/* Whether the pod selects nodes of the set's pools, so that others do not matter to it. */
bool elsewhere_never(const struct system *s, const struct workload *w);

/* An error about pools alone is a warning for a pod that may find a node labelled by hand. */
void elsewhere_soften(struct finding *f);

#endif
