/* SPDX-License-Identifier: Apache-2.0 */
/* Which types of the catalogue a list of requirements allows. */
#ifndef LINT_POOL_TYPES_H
#define LINT_POOL_TYPES_H

#include "lint/view/system.h"

/* Fills the pool's types from its requirements, and what they say of the pool. */
void pool_types_read(struct lint *l, struct pool *p);

/*
 * Whether a type meets a requirement on a label of types; true for other labels. Old spellings of
 * keys count as the right ones, "g5.xlarge" as a size or family as the type.
 */
bool pool_types_meets(const struct requirement *r, const struct instance_type *t);

/* Whether the key is a label that every type has a value or a lack of. */
bool pool_types_label(const char *key);

#endif
