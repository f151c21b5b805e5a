/* SPDX-License-Identifier: Apache-2.0 */
/* The forms in which findings are printed on stdout. Each returns an exit code of report.h. */
#ifndef CLI_LINT_OUTPUT_H
#define CLI_LINT_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "lint/lint.h"

/* Colors of a terminal; each "" where there is no color. */
struct lint_paint {
    const char *bold, *severity[SEVERITY_ERROR + 1], *caret, *plain;
};
const struct lint_paint *lint_paint(bool color);

const char *lint_severity(enum severity severity); /* "error" */

/* Whether it is printed: neither silenced nor off. */
bool lint_shown(const struct finding *f);

/* The file's name for printing, without control bytes and "./"; free() it. NULL: no memory. */
char *lint_file(const char *file);

/* For people: places, lines with what is meant underlined, cures, a summary. */
int lint_table(const struct lint *l, bool color);

int lint_json(const struct lint *l);   /* an array of findings */
int lint_sarif(struct lint *l);        /* SARIF 2.1.0, with the fixes */
int lint_github(const struct lint *l); /* commands of a workflow, which become annotations */

struct err;
struct fix_run;

/* For people: what was cured, and which fixes were taken back. */
void lint_cured(const struct fix_run *r, bool color);

/* The page of a rule, or words about the nearest one. */
int lint_explain(const char *name, bool color);
int lint_rules(bool json);

/* Where the last line was, so that one pass over a file finds all. Zeroed at first. */
struct lint_excerpt {
    const struct source *source;
    const char *line;
    unsigned number;
};

/* Prints the spot's first line and marks below it what is meant. */
void lint_excerpt(struct lint_excerpt *x, const struct spot *spot, const struct lint_paint *paint);

#endif
