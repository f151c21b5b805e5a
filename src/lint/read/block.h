/* SPDX-License-Identifier: Apache-2.0 */
/* A text inside another, of any kind that lint reads. */
#ifndef LINT_BLOCK_H
#define LINT_BLOCK_H

#include "lint/lint.h"

/*
 * Adds the piece `like` (its kind is set here) if its content is YAML or commands, and reads it.
 * The label is what a fence calls it. *out may be NULL; it gets the piece, or NULL if it is
 * neither. -ENOMEM.
 */
int block_read(struct lint *l, const struct piece *like, const char *label, size_t label_size,
               struct piece **out, struct err *e);

#endif
