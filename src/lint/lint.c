/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The run itself: checks in their order, then silence, then an order that people can read. What
 * the texts are is read.c's business, what is wrong with them that of the checks.
 */
#include "lint/lint.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "lint/read/part.h"
#include "lint/silence.h"

const char *lint_printf(struct lint *l, const char *fmt, ...)
{
    va_list args;
    const char *out;

    va_start(args, fmt);
    out = arena_vprintf(&l->arena, fmt, args);
    va_end(args);
    if (!out)
        l->out_of_memory = true;
    return out ? out : "";
}

void lint_init(struct lint *l, const struct catalog *catalog, const struct schema_set *schemas)
{
    *l = (struct lint){.catalog = catalog, .schemas = schemas, .region = "us-east-1"};
}

void lint_done(struct lint *l)
{
    system_done(&l->system);
    for (size_t i = 0; i < l->n_trees; i++)
        yaml_doc_free(l->trees[i]);
    arena_done(&l->arena);
    *l = (struct lint){0};
}

static int compare_numbers(unsigned a, unsigned b)
{
    return (a > b) - (a < b);
}

/* Of the system as a whole comes last. */
static int compare_files(const struct source *a, const struct source *b)
{
    if (a == b)
        return 0;
    if (!a || !b)
        return a ? -1 : 1;
    return strcmp(a->file, b->file);
}

static int compare_places(const struct finding *a, const struct finding *b)
{
    int order = compare_files(a->spot.source, b->spot.source);

    if (order == 0)
        order = compare_numbers(a->spot.line, b->spot.line);
    if (order == 0)
        order = compare_numbers(a->spot.column, b->spot.column);
    return order;
}

static int compare(const void *left, const void *right)
{
    const struct finding *a = *(const struct finding *const *)left;
    const struct finding *b = *(const struct finding *const *)right;
    int order = compare_places(a, b);

    if (order == 0)
        order = compare_numbers(b->severity, a->severity);
    if (order == 0)
        order = compare_numbers(a->rule, b->rule);
    if (order == 0)
        order = strcmp(a->message, b->message);
    /* Of two that say the same the one that can be cured is kept. */
    return order ? order : (b->edits != NULL) - (a->edits != NULL);
}

static bool is_same(const struct finding *a, const struct finding *b)
{
    return a->rule == b->rule && compare_places(a, b) == 0 && strcmp(a->message, b->message) == 0;
}

/* A node that an alias shares, or two ways to the same fault, give the same finding twice. */
static void sort(struct lint *l)
{
    size_t kept = 0;

    if (l->n_findings == 0)
        return;
    qsort(l->findings, l->n_findings, sizeof(struct finding *), compare);
    for (size_t i = 1; i < l->n_findings; i++)
        if (!is_same(l->findings[kept], l->findings[i]))
            l->findings[++kept] = l->findings[i];
    l->n_findings = kept + 1;
}

int lint_run(struct lint *l, struct err *e)
{
    int r;

    part_mark(l);
    r = system_read(l, &l->system, e);
    if (r < 0)
        return r;
    for (lint_check *const *check = lint_checks; *check; check++)
        (*check)(l);
    sort(l);
    silence_apply(l);
    sort(l);
    if (l->out_of_memory || l->arena.failed)
        return err_memory(e);
    return 0;
}
