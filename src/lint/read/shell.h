/* SPDX-License-Identifier: Apache-2.0 */
/* Commands of a shell text, read and never run. */
#ifndef LINT_SHELL_H
#define LINT_SHELL_H

#include "lint/lint.h"

/* Reads the commands of a piece, and the files that its here-documents write. -ENOMEM. */
int shell_read(struct lint *l, const struct piece *piece, struct err *e);

#endif
