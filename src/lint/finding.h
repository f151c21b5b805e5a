/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lint has to say, and the edits that would cure it. Everything lives in the arena of the run,
 * so nobody frees anything; when memory is gone the run knows it, and findings go to a spare one.
 */
#ifndef LINT_FINDING_H
#define LINT_FINDING_H

#include <stdbool.h>
#include <stddef.h>

#include "lint/read/text.h"
#include "lint/rules_list.h" /* made from docs/rules: enum rule_id, RULE_POOL_WITHOUT_TAINT, … */

struct lint;

enum severity {
    SEVERITY_OFF,
    SEVERITY_INFO,
    SEVERITY_WARNING,
    SEVERITY_ERROR,
};

/* A rule as its page under docs/rules tells it. The table is rules[RULE_COUNT], by id. */
struct rule {
    const char *name; /* stable: "pool-without-taint" */
    enum severity severity;
    const char *title; /* one sentence */
    const char *page;  /* the whole page, Markdown */
};
extern const struct rule rules[];

struct fix_step;

/*
 * Replaces a range of a file by a text. An empty range inserts before its start. What the calls of
 * fix.h record is kept as a step, of which the ranges are made when they are wanted: fix_ranges().
 */
struct edit {
    struct spot spot;
    const char *text;
    struct edit *next;
    const struct fix_step *step; /* then spot and text are empty; NULL */
};

struct finding {
    enum rule_id rule;
    enum severity severity;
    struct spot spot;
    const char *message;   /* what is wrong with this thing here, one line */
    const char *cure;      /* what to do about it here, one line; "" if the message says it */
    struct edit *edits;    /* all or none are applied; NULL: no fix */
    bool unfixable;        /* one of its edits cannot be made: it gets none */
    const char *choice;    /* the name for --set that the fix waits for; NULL: none */
    const char *choice_is; /* what it chooses: "instance types that have MIG" */
    bool silenced;
};

/*
 * Adds a finding at a place; the message names the thing, lower case, no period. Never NULL. A
 * place of which source is NULL means the system as a whole.
 */
struct finding *lint_find(struct lint *l, enum rule_id rule, struct spot spot, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void finding_cure(struct lint *l, struct finding *f, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * The value that --set gave for a choice, or NULL: then the finding is marked as one that needs
 * it and the caller adds no edits.
 */
const char *finding_choose(struct lint *l, struct finding *f, const char *name, const char *is);

#endif
