/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must hold of every run: places lie in their files, and where a plain value stands the file
 * has just that text. Used by unit tests and by fuzzing; stops the program where it does not hold.
 */
#ifndef TESTS_UNIT_LINT_PLACES_H
#define TESTS_UNIT_LINT_PLACES_H

#include <stdlib.h>
#include <string.h>

#include "lint/lint.h"

/* The byte at a line and a column of characters, or NULL if the file has no such place. */
static inline const char *places_at(const struct source *s, unsigned line, unsigned column)
{
    const char *at = s->text, *end = s->text + s->size;

    for (; line > 1; line--) {
        at = memchr(at, '\n', (size_t)(end - at));
        if (!at)
            return NULL;
        at++;
    }
    for (; column > 1; column--) {
        if (at == end || *at == '\n')
            return NULL;
        do
            at++;
        while (at < end && ((unsigned char)*at & 0xc0) == 0x80);
    }
    return at;
}

/* The text of a place in *size bytes; NULL if there is none such. */
static inline const char *places_text(const struct spot *spot, size_t *size)
{
    const char *from = places_at(spot->source, spot->line, spot->column);
    const char *end = places_at(spot->source, spot->end_line, spot->end_column);

    if (!from || !end || end < from)
        return NULL;
    *size = (size_t)(end - from);
    return from;
}

/* Whether a text is what the file has, where reading does not put spaces for odd line ends. */
static inline bool places_same(const char *text, const char *file, size_t size)
{
    if (strlen(text) != size)
        return false;
    for (size_t i = 0; i < size; i++)
        if (text[i] != file[i] && !strchr("\r\x85\xa8\xa9", file[i]))
            return false;
    return true;
}

static inline void places_check_node(const struct document *d, const struct yaml_node *node)
{
    struct spot spot = spot_of(d, node);
    const struct piece *p = d->piece;
    const char *text;
    size_t size;

    if (node->line == 0 || p->loose)
        return;
    text = places_text(&spot, &size);
    if (!text)
        abort();
    if (node->style == YAML_PLAIN && node->text && spot.line == spot.end_line && !p->templated &&
        !p->expands && !strchr("&!", *text) && !places_same(node->text, text, size))
        abort();
}

static inline void places_check_below(const struct document *d, const struct yaml_node *node)
{
    places_check_node(d, node);
    for (size_t i = 0; node->kind == YAML_LIST && i < node->count; i++)
        places_check_below(d, node->items[i]);
    for (size_t i = 0; node->kind == YAML_MAP && i < node->count; i++) {
        places_check_node(d, node->pairs[i].key);
        places_check_below(d, node->pairs[i].value);
    }
}

static inline void places_check_word(const struct word *w, const struct piece *piece)
{
    size_t size;

    if (!w->text || (!piece->loose && !places_text(&w->spot, &size)))
        abort();
    if (w->value)
        places_check_word(w->value, piece);
}

static inline void places_check(const struct lint *l)
{
    for (size_t i = 0; i < l->system.n_documents; i++)
        places_check_below(l->system.documents[i], l->system.documents[i]->root);
    for (size_t i = 0; i < l->system.n_commands; i++) {
        const struct command *c = l->system.commands[i];

        if (c->n_words == 0)
            abort();
        for (size_t j = 0; j < c->n_words; j++)
            places_check_word(&c->words[j], c->piece);
    }
}

#endif
