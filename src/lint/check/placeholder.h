/* SPDX-License-Identifier: Apache-2.0 */
/* Values that somebody was meant to fill in. */
#ifndef LINT_PLACEHOLDER_H
#define LINT_PLACEHOLDER_H

#include <stdbool.h>
#include <stddef.h>

struct lint;

/* Finds them in the run's Kubernetes objects; each is a choice of its own name. */
void placeholder_check(struct lint *l);

/*
 * The first placeholder in a text (${NAME}, <NAME>, YOUR_NAME): where it begins, its size, and the
 * bytes of its name in it. False if there is none.
 */
struct placeholder {
    size_t at, size;
    size_t name_at, name_size;
};
bool placeholder_next(struct placeholder *out, const char *text, size_t from);

#endif
