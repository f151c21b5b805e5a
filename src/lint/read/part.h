/* SPDX-License-Identifier: Apache-2.0 */
/* Objects that are no more than a part of one. */
#ifndef LINT_PART_H
#define LINT_PART_H

#include "lint/lint.h"

/*
 * Marks the documents that are patches, excerpts in prose, or pods that another program completes.
 * What they lack comes from elsewhere, so nothing is judged by it, and the system does not have
 * them as objects. Reads the folders' kustomizations where they are not in the set.
 */
void part_mark(struct lint *l);

/* Whether a kustomization lies beside it, which may give it its namespace. */
bool part_is_built(const struct document *d);

#endif
