/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks and commands of a document for people. */
#ifndef LINT_MARKDOWN_H
#define LINT_MARKDOWN_H

#include "lint/lint.h"

/* Reads the fenced blocks and the commands in backquotes of a text. -ENOMEM. */
int markdown_read(struct lint *l, const struct source *source, struct err *e);

#endif
