/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a file that a command names can be there: in the set, written by a command or a
 * here-document of it, named in the text above a block of Markdown, or on disk.
 */
#ifndef LINT_FILES_H
#define LINT_FILES_H

#include "lint/lint.h"

/* The name behind the last slash. */
const char *files_base(const char *path);

/* An address, "-" and what the shell will still make something of count as files that are there. */
bool files_can_be(const struct lint *l, const struct command *c, const char *file);

/* Whether files of Terraform lie beside the file or in the three folders above it. */
bool files_of_terraform(const char *file);

/* Whether the text right above a fenced block, or its first line, gives it this file's name. */
bool files_named(const struct piece *p, const char *file);

#endif
