/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rounds of fixing: see fix_run.h. In a round all fixes that are not in each other's way are
 * applied at once. A round that made a text worse, or did not cure what it was to cure, is taken
 * back and done again without the fixes that did it.
 */
#include "lint/fix/fix_run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "lint/fix/fix_round.h"

enum { MAX_ATTEMPTS = 3 * FIX_MAX_ROUNDS };

/* What the texts were after each round. */
struct history {
    size_t n;
    uint64_t prints[FIX_MAX_ROUNDS + 1];
};

static void free_lint(struct lint *l)
{
    if (!l)
        return;
    lint_done(l);
    free(l);
}

static uint64_t print_of(const struct lint *l)
{
    uint64_t h = 0xcbf29ce484222325u;

    for (size_t i = 0; i < l->n_sources; i++)
        for (size_t k = 0; k <= l->sources[i]->size; k++) {
            unsigned char c = k < l->sources[i]->size ? (unsigned char)l->sources[i]->text[k] : 0;

            h = (h ^ c) * 0x100000001b3u;
        }
    return h;
}

static bool was_seen(const struct history *h, uint64_t print)
{
    for (size_t i = 0; i < h->n; i++)
        if (h->prints[i] == print)
            return true;
    return false;
}

static int keep_failed(struct fix_run *r, const struct fix_round *round, const char *all,
                       struct err *e)
{
    for (size_t i = 0; i < round->n_taken; i++) {
        const struct fix_taken *t = &round->taken[i];
        const struct source *s = t->finding->spot.source;
        struct fix_failed *grown;

        if (!t->failed && !all)
            continue;
        grown = arena_grow(&r->arena, r->failed, r->n_failed, sizeof *grown);
        if (!grown)
            return err_memory(e);
        r->failed = grown;
        grown[r->n_failed++] =
            (struct fix_failed){.rule = rules[t->finding->rule].name,
                                .file = arena_text(&r->arena, s ? s->file : ""),
                                .message = arena_text(&r->arena, t->finding->message),
                                .why = all ? all : t->why};
    }
    return r->arena.failed ? err_memory(e) : 0;
}

static int keep_cured(struct fix_run *r, const struct fix_round *round, struct err *e)
{
    for (size_t i = 0; i < round->n_taken; i++) {
        const struct finding *f = round->taken[i].finding;
        struct fix_cured *grown = arena_grow(&r->arena, r->cured, r->n_cured, sizeof *grown);

        if (!grown)
            return err_memory(e);
        r->cured = grown;
        grown[r->n_cured++] =
            (struct fix_cured){.file = arena_text(&r->arena, fix_taken_file(&round->taken[i])),
                               .rule = rules[f->rule].name,
                               .message = arena_text(&r->arena, f->message),
                               .cure = arena_text(&r->arena, f->cure),
                               .severity = f->severity,
                               .line = f->spot.line,
                               .round = r->n_rounds};
    }
    return r->arena.failed ? err_memory(e) : 0;
}

/* The new run takes the old one's place. */
static int accept(struct fix_run *r, struct fix_round *round, struct history *history,
                  struct err *e)
{
    int failed;

    r->n_rounds++;
    failed = keep_cured(r, round, e);
    free_lint(r->own);
    r->own = r->last = round->after;
    history->prints[history->n++] = print_of(r->last);
    return failed;
}

/* 1 if something was done, be it to learn that a fix is none; 0 if nothing is offered. */
static int do_round(struct fix_run *r, bool *alone, struct history *history, struct err *e)
{
    struct fix_round round;
    int failed = fix_round_open(&round, r, r->last, alone, e);

    if (failed == 0)
        failed = fix_round_choose(&round, e);
    if (failed < 0 || round.n_taken == 0)
        goto out;
    failed = fix_round_make(&round, e);
    if (failed < 0)
        goto out;
    if (!fix_round_good(&round))
        failed = keep_failed(r, &round, NULL, e);
    else if (was_seen(history, print_of(round.after)))
        failed = keep_failed(r, &round, "its fix and others undo each other", e);
    else
        failed = accept(r, &round, history, e);
    if (failed == 0)
        failed = 1;

out:
    if (round.after != r->last)
        free_lint(round.after);
    fix_round_done(&round);
    return failed;
}

static int compare_cured(const void *left, const void *right)
{
    const struct fix_cured *a = left, *b = right;
    int order = strcmp(a->file, b->file);

    if (order == 0)
        order = (a->round > b->round) - (a->round < b->round);
    return order ? order : (a->line > b->line) - (a->line < b->line);
}

/* Sources stand in the same order in all runs. */
static int find_changes(struct fix_run *r, const struct lint *first, struct err *e)
{
    for (size_t i = 0; i < first->n_sources && i < r->last->n_sources; i++) {
        const struct source *a = first->sources[i], *b = r->last->sources[i];
        struct fix_file *grown;

        if (r->last == first || b->size == 0 ||
            (a->size == b->size && memcmp(a->text, b->text, a->size) == 0))
            continue;
        grown = arena_grow(&r->arena, r->files, r->n_files, sizeof *grown);
        if (!grown)
            return err_memory(e);
        r->files = grown;
        grown[r->n_files++] = (struct fix_file){.file = a->file,
                                                .before = a->text,
                                                .before_size = a->size,
                                                .after = b->text,
                                                .after_size = b->size,
                                                .bom = a->bom};
    }
    if (r->n_cured > 0)
        qsort(r->cured, r->n_cured, sizeof *r->cured, compare_cured);
    return 0;
}

int fix_run(struct fix_run *r, struct lint *first, struct err *e)
{
    struct history history = {.n = 1, .prints = {print_of(first)}};
    bool *alone;
    int more = 1;

    *r = (struct fix_run){.last = first};
    alone = arena_array(&r->arena, first->n_sources + 1, sizeof *alone);
    if (!alone)
        return err_memory(e);
    for (unsigned i = 0; more == 1 && i < MAX_ATTEMPTS && r->n_rounds < FIX_MAX_ROUNDS; i++)
        more = do_round(r, alone, &history, e);
    return more < 0 ? more : find_changes(r, first, e);
}

void fix_run_done(struct fix_run *r)
{
    free_lint(r->own);
    arena_done(&r->arena);
    *r = (struct fix_run){0};
}
