/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of `carve lint`. */
#ifndef CLI_LINT_OPTIONS_H
#define CLI_LINT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "lint/lint.h"

enum lint_format {
    LINT_FORMAT_TABLE,
    LINT_FORMAT_JSON,
    LINT_FORMAT_SARIF,
    LINT_FORMAT_GITHUB,
};

/* Words of the command line that belong to one option; borrowed from argv. */
struct lint_words {
    size_t n;
    char **items;
};

/* Owns its lists, not what is in them. */
struct lint_options {
    enum lint_format format;
    enum severity fail_on;
    bool color; /* on stdout */
    bool fix, diff, list_rules;
    const char *explain;  /* a rule; NULL */
    const char *region;   /* NULL: the settings', or the default */
    const char *settings; /* NULL: where they are by default */
    struct lint_words paths, exclude, catalogs, schemas;
    size_t n_choices;
    struct choice *choices;
};

struct err;

/* Wrong usage ends the process. -ENOMEM. */
int lint_options_read(struct lint_options *out, int argc, char **argv, struct err *e);
void lint_options_done(struct lint_options *o);

#endif
