/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the calls of fix.h record: steps, which fix_ranges.c makes ranges of when somebody wants
 * them.
 */
#include "lint/fix/fix.h"

#include "lint/fix/fix_step.h"
#include "lint/lint.h"

enum { MAX_STEPS = 256 }; /* of one finding */

bool fix_possible(const struct document *d)
{
    if (!d->yaml || !d->root || d->root->line == 0 || !d->piece || !d->piece->source)
        return false;
    for (const struct piece *p = d->piece; p; p = p->outer)
        if (p->loose || p->templated)
            return false;
    return d->piece->source->text != NULL;
}

static void give_up(struct finding *f)
{
    f->unfixable = true;
    f->edits = NULL;
}

static const char *keep(struct lint *l, const char *text)
{
    char *copy = text ? arena_text(&l->arena, text) : NULL;

    if (text && !copy)
        l->out_of_memory = true;
    return copy;
}

static void record(struct lint *l, struct finding *f, bool possible, const struct fix_step *like)
{
    struct fix_step *step;
    struct edit *edit, **last = &f->edits;
    size_t n = 0;

    if (f == &l->spare || f->unfixable)
        return;
    for (; *last; last = &(*last)->next)
        n++;
    if (!possible || n == MAX_STEPS) {
        give_up(f);
        return;
    }
    step = arena_alloc(&l->arena, sizeof *step);
    edit = arena_alloc(&l->arena, sizeof *edit);
    if (!step || !edit) {
        l->out_of_memory = true;
        give_up(f);
        return;
    }
    *step = *like;
    step->path = keep(l, like->path);
    step->key = keep(l, like->key);
    step->new_path = keep(l, like->new_path);
    step->new_key = keep(l, like->new_key);
    step->text = keep(l, like->text);
    edit->step = step;
    edit->text = "";
    *last = edit;
}

void fix_replace(struct lint *l, struct finding *f, const struct document *d,
                 const struct yaml_node *node, const char *yaml)
{
    record(l, f, fix_possible(d) && !node->shared,
           &(struct fix_step){.kind = FIX_REPLACE, .document = d, .node = node, .text = yaml});
}

void fix_rename(struct lint *l, struct finding *f, const struct document *d,
                const struct yaml_pair *pair, const char *key)
{
    record(l, f, fix_possible(d) && !pair->key->shared,
           &(struct fix_step){.kind = FIX_RENAME, .document = d, .pair = pair, .key = key});
}

void fix_put(struct lint *l, struct finding *f, const struct document *d, const char *path,
             const char *key, const char *yaml)
{
    record(
        l, f, fix_possible(d),
        &(struct fix_step){.kind = FIX_PUT, .document = d, .path = path, .key = key, .text = yaml});
}

void fix_remove(struct lint *l, struct finding *f, const struct document *d, const char *path,
                const char *key)
{
    record(l, f, fix_possible(d),
           &(struct fix_step){.kind = FIX_REMOVE, .document = d, .path = path, .key = key});
}

void fix_remove_item(struct lint *l, struct finding *f, const struct document *d,
                     const struct yaml_node *list, size_t index)
{
    bool there = list->kind == YAML_LIST && index < list->count;

    record(l, f, fix_possible(d) && there,
           &(struct fix_step){
               .kind = FIX_REMOVE_ITEM, .document = d, .node = there ? list->items[index] : NULL});
}

void fix_move(struct lint *l, struct finding *f, const struct document *d, const char *path,
              const char *key, const char *new_path, const char *new_key)
{
    record(l, f, fix_possible(d),
           &(struct fix_step){.kind = FIX_MOVE,
                              .document = d,
                              .path = path,
                              .key = key,
                              .new_path = new_path,
                              .new_key = new_key});
}

void fix_comment_out(struct lint *l, struct finding *f, const struct document *d,
                     const struct yaml_pair *pair, const char *why)
{
    record(l, f, fix_possible(d) && !pair->key->shared,
           &(struct fix_step){.kind = FIX_COMMENT_OUT, .document = d, .pair = pair, .text = why});
}

void fix_comment_out_item(struct lint *l, struct finding *f, const struct document *d,
                          const struct yaml_node *list, size_t index, const char *why)
{
    bool there = list->kind == YAML_LIST && index < list->count;

    record(l, f, fix_possible(d) && there,
           &(struct fix_step){.kind = FIX_COMMENT_OUT_ITEM,
                              .document = d,
                              .node = there ? list->items[index] : NULL,
                              .text = why});
}

void fix_add_document(struct lint *l, struct finding *f, const struct document *d, const char *yaml)
{
    while (d->outer)
        d = d->outer;
    record(l, f, fix_possible(d),
           &(struct fix_step){.kind = FIX_ADD_DOCUMENT, .document = d, .text = yaml});
}

/* A word of a text that counts as standing at one place cannot be edited. */
static bool can_edit(const struct word *word)
{
    const struct spot *s = &word->spot;

    return s->source && s->source->text && s->line > 0 &&
           (s->end_line > s->line || s->end_column > s->column);
}

static bool can_edit_all(const struct command *c)
{
    if (c->n_words == 0 || c->piece->loose || c->piece->templated)
        return false;
    return can_edit(&c->words[0]) && can_edit(&c->words[c->n_words - 1]);
}

void fix_word(struct lint *l, struct finding *f, const struct word *word, const char *text)
{
    record(l, f, can_edit(word), &(struct fix_step){.kind = FIX_WORD, .word = word, .text = text});
}

void fix_add_words(struct lint *l, struct finding *f, const struct command *c, const char *words)
{
    record(l, f, can_edit_all(c),
           &(struct fix_step){.kind = FIX_ADD_WORDS, .command = c, .text = words});
}

void fix_add_command(struct lint *l, struct finding *f, const struct command *c, bool before,
                     const char *text)
{
    record(
        l, f, can_edit_all(c),
        &(struct fix_step){.kind = FIX_ADD_COMMAND, .command = c, .before = before, .text = text});
}

void fix_write_file(struct lint *l, struct finding *f, const struct piece *piece, const char *file)
{
    record(l, f, piece->fenced && !piece->loose && piece->source->text && piece->size > 0,
           &(struct fix_step){.kind = FIX_WRITE_FILE, .piece = piece, .text = file});
}
