/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ranges of files that a finding's steps come to: each document and each file's commands are
 * laid out once, all steps are done on them, one after the other, and what changed is told. How a
 * step is done: fix_step.h.
 */
#include <stdlib.h>
#include <string.h>

#include "lint/fix/fix.h"
#include "lint/fix/fix_work.h"
#include "lint/lint.h"

enum { MAX_PARSED_MIB = 512 }; /* by all findings of a run */

const struct line_index *fix_index_of(struct fix_work *w, const struct source *source)
{
    struct line_index *index;

    if (w->cache->index && w->cache->index->source == source)
        return w->cache->index;
    index = arena_alloc(&w->l->arena, sizeof *index);
    if (!index || !line_index_make(&w->l->arena, index, source))
        return NULL;
    w->cache->index = index;
    return index;
}

/* "---" or "..." with nothing or a blank behind it. */
static bool is_marker(const struct line_index *index, unsigned line, unsigned indent)
{
    size_t size, at;
    const char *text = line_index_line(index, line, &size);

    at = column_to_byte(text, size, indent + 1);
    text += at;
    size -= at;
    if (size < 3 || (memcmp(text, "---", 3) != 0 && memcmp(text, "...", 3) != 0))
        return false;
    return size == 3 || text[3] == ' ' || text[3] == '\t';
}

/* The lines of the file that hold a document, without the marks around it. */
static void lines_of_document(const struct line_index *index, const struct document *d,
                              unsigned *first, unsigned *last)
{
    const struct piece *p = d->piece;
    const struct yaml_node *root = d->yaml->root;
    unsigned end = p->line;

    for (const char *at = p->text; (at = memchr(at, '\n', p->size - (size_t)(at - p->text))); at++)
        if ((size_t)(at - p->text) + 1 < p->size)
            end++;
    if (end > index->n)
        end = (unsigned)index->n;
    *first = p->line + root->line - 1;
    while (*first > p->line && !is_marker(index, *first, p->indent) &&
           !is_marker(index, *first - 1, p->indent))
        (*first)--;
    *last = p->line + root->end_line - 1;
    while (*last < end && !is_marker(index, *last + 1, p->indent))
        (*last)++;
}

static struct fix_yaml *yaml_of(struct fix_work *w, const struct document *d)
{
    const struct line_index *index;
    struct fix_yaml *y;
    unsigned first, last;

    for (size_t i = 0; i < w->n_yaml; i++)
        if (w->yaml[i]->document->piece == d->piece && w->yaml[i]->document->yaml == d->yaml) {
            w->yaml[i]->document = d;
            return w->yaml[i];
        }
    index = fix_index_of(w, d->piece->source);
    y = arena_alloc(&w->arena, sizeof *y);
    if (!index || !y || w->n_yaml == FIX_MAX_SHEETS)
        return NULL;
    lines_of_document(index, d, &first, &last);
    *y = (struct fix_yaml){.arena = &w->arena,
                           .document = d,
                           .bytes_left = &w->cache->bytes_left,
                           .tail = {.arena = &w->arena}};
    if (last < first ||
        !sheet_open(&y->sheet, &w->arena, index, first, last - first + 1, d->piece->indent))
        return NULL;
    w->yaml[w->n_yaml++] = y;
    return y;
}

/* One sheet has the lines of all commands that the finding's steps touch in a file. */
static struct sheet *shell_of(struct fix_work *w, const struct source *source)
{
    const struct line_index *index = fix_index_of(w, source);
    unsigned first = 0, last = 0;
    struct sheet *s;

    for (size_t i = 0; i < w->n_shell; i++)
        if (w->shell[i]->index->source == source)
            return w->shell[i];
    s = arena_alloc(&w->arena, sizeof *s);
    if (!index || !s || w->n_shell == FIX_MAX_SHEETS)
        return NULL;
    for (const struct edit *e = w->finding->edits; e; e = e->next) {
        const struct fix_step *step = e->step;
        unsigned from, to;

        if (!step || !(step->word || step->command) ||
            (step->word ? step->word : step->command->words)->spot.source != source)
            continue;
        fix_step_lines(index, step, &from, &to);
        first = first == 0 || from < first ? from : first;
        last = to > last ? to : last;
    }
    if (first == 0 || last < first || !sheet_open(s, &w->arena, index, first, last - first + 1, 0))
        return NULL;
    w->shell[w->n_shell++] = s;
    return s;
}

void fix_add_edit(struct fix_work *w, struct spot spot, const char *text)
{
    struct edit *edit = arena_alloc(&w->l->arena, sizeof *edit);

    if (!edit || !text)
        return;
    edit->spot = spot;
    edit->text = text;
    *w->last = edit;
    w->last = &edit->next;
}

static bool do_step(struct fix_work *w, const struct edit *edit)
{
    const struct fix_step *step = edit->step;

    if (!step) {
        fix_add_edit(w, edit->spot, edit->text);
        return true;
    }
    if (step->kind == FIX_WRITE_FILE)
        return fix_write_fence(w, step);
    if (step->document) {
        struct fix_yaml *y = yaml_of(w, step->document);

        if (y)
            fix_step_yaml(y, step);
        return y && !y->failed;
    }
    {
        const struct word *word = step->word ? step->word : step->command->words;
        struct sheet *s = shell_of(w, word->spot.source);

        return s && fix_step_command(s, step);
    }
}

/* The further documents, behind the last line that has something. */
static void add_tail(struct fix_yaml *y)
{
    struct lines *lines = &y->sheet.lines;
    size_t at = lines->n;

    while (at > 0 && line_is_blank(lines->at[at - 1]))
        at--;
    lines_insert(lines, at, &y->tail);
}

static bool do_all(struct fix_work *w)
{
    for (const struct edit *e = w->finding->edits; e; e = e->next)
        if (!do_step(w, e))
            return false;
    for (size_t i = 0; i < w->n_yaml; i++) {
        if (!fix_parse(w->yaml[i]))
            return false;
        add_tail(w->yaml[i]);
        w->last = sheet_edits(&w->yaml[i]->sheet, &w->l->arena, w->last);
    }
    for (size_t i = 0; i < w->n_shell; i++)
        w->last = sheet_edits(w->shell[i], &w->l->arena, w->last);
    return !w->arena.failed && !w->l->arena.failed;
}

/* An edit with the order in which it was made, which counts at one place. */
struct placed {
    struct edit *edit;
    size_t order;
};

static int compare_edits(const void *left, const void *right)
{
    const struct placed *x = left, *y = right;
    const struct spot *a = &x->edit->spot, *b = &y->edit->spot;

    if (a->source != b->source)
        return strcmp(a->source->file, b->source->file);
    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    if (a->column != b->column)
        return a->column < b->column ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

static bool is_over(const struct edit *a, const struct edit *b)
{
    if (a->spot.source != b->spot.source)
        return false;
    return b->spot.line < a->spot.end_line ||
           (b->spot.line == a->spot.end_line && b->spot.column < a->spot.end_column);
}

/* In the order of the text; NULL if one stands over another. */
static const struct edit *in_order(struct fix_work *w)
{
    struct edit *first = NULL, **last = &first;
    struct placed *all;
    size_t n = 0, i = 0;

    for (struct edit *e = w->edits; e; e = e->next)
        n++;
    all = arena_array(&w->arena, n + 1, sizeof *all);
    if (!all)
        return NULL;
    for (struct edit *e = w->edits; e; e = e->next, i++)
        all[i] = (struct placed){e, i};
    qsort(all, n, sizeof *all, compare_edits);
    for (i = 0; i < n; i++) {
        if (i > 0 && is_over(all[i - 1].edit, all[i].edit))
            return NULL;
        *last = all[i].edit;
        last = &all[i].edit->next;
    }
    *last = NULL;
    return first;
}

const struct edit *fix_ranges(struct lint *l, const struct finding *f)
{
    struct fix_work w = {.l = l, .finding = f};
    const struct edit *ranges = NULL;

    if (!f->edits)
        return NULL;
    if (!l->fix_cache) {
        l->fix_cache = arena_alloc(&l->arena, sizeof *l->fix_cache);
        if (!l->fix_cache)
            return NULL;
        l->fix_cache->bytes_left = (size_t)MAX_PARSED_MIB << 20;
    }
    w.cache = l->fix_cache;
    w.last = &w.edits;
    if (do_all(&w))
        ranges = in_order(&w);
    for (size_t i = 0; i < w.n_yaml; i++)
        fix_changed(w.yaml[i]);
    arena_done(&w.arena);
    return ranges;
}
