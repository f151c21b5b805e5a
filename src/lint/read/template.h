/* SPDX-License-Identifier: Apache-2.0 */
/* Templates of Helm and Jinja, made readable as YAML without running them. */
#ifndef LINT_TEMPLATE_H
#define LINT_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>

/* Whether there is an action ({{ }} or {% %}) in a text. */
bool template_has(const char *text, size_t size);

/*
 * Writes the text with its actions gone to out, which has room for size bytes, and returns how
 * many it wrote. Lines that hold nothing but actions become empty ones; any other action becomes
 * "$(____)" of the same width, so that lines and columns stay what they were.
 */
size_t template_blank(char *out, const char *text, size_t size);

#endif
