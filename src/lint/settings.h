/* SPDX-License-Identifier: Apache-2.0 */
/* The settings file of lint, carve-lint(5): how severe rules are, what is not looked at, the
 * region. */
#ifndef LINT_SETTINGS_H
#define LINT_SETTINGS_H

#include <stddef.h>

#include "base/own.h"
#include "lint/finding.h"

struct err;

/* Owns everything in it. */
struct settings {
    enum severity severities[RULE_COUNT];
    size_t n_exclude;
    char **exclude;     /* '*'-patterns of paths */
    const char *region; /* NULL: not set */
    struct yaml_doc *tree;
};

/* As it is without a file. */
void settings_init(struct settings *s);
void settings_done(struct settings *s);

/* Reads a file into fresh settings; unknown keys and rules are errors with their place. */
int settings_read(struct settings *s, const char *file, struct err *e);

#endif
