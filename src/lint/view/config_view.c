/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration files on their way to their parsers: cut out of their pieces, and out of the
 * values of releases. What the files say is plugin_view.c's and mig_view.c's business.
 */
#include "lint/view/config_view.h"

#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "lint/read/source.h"

/* The start of a line of a text, or its end. */
static const char *find_line(const char *text, unsigned line)
{
    for (unsigned i = 1; i < line; i++) {
        const char *end = strchr(text, '\n');

        if (!end)
            return text + strlen(text);
        text = end + 1;
    }
    return text;
}

/* Lines before the document become empty ones, what stands before it in its first line blanks. */
const char *config_view_text(struct lint *l, const struct document *d)
{
    const char *start, *end;
    size_t size, n_lines, n_columns, tail = 0;
    char *out;

    if (d->root->line == 0 || !d->piece->text)
        return "";
    start = find_line(d->piece->text, d->root->line);
    end = find_line(d->piece->text, d->root->end_line);
    n_lines = d->root->line - 1;
    n_columns = d->root->column > 0 ? d->root->column - 1 : 0;
    for (unsigned i = 1; i < d->root->end_column && end[tail] && end[tail] != '\n'; tail++)
        i += ((unsigned char)end[tail + 1] & 0xC0) != 0x80;
    end += tail;
    size = (size_t)(end - start);
    out = view_alloc(l, n_lines + size + 2);
    if (!out)
        return NULL;
    memset(out, '\n', n_lines);
    memcpy(out + n_lines, start, size);
    for (size_t i = 0; i < n_columns && i < size; i++)
        out[n_lines + i] = ' ';
    out[n_lines + size] = '\n';
    return out;
}

void config_view_place(const struct document *d, struct config_notes *notes)
{
    if (d->piece->templated)
        notes->n = 0;
    for (size_t i = 0; i < notes->n; i++) {
        struct spot *spot = &notes->items[i].spot;

        *spot = spot->line ? spot_in(d->piece, spot->line, spot->column ? spot->column : 1)
                           : spot_of_document(d);
    }
}

static bool is_read(const struct system *s, const struct document *holder, const char *key)
{
    for (size_t i = 0; holder && i < s->n_plugins; i++)
        if (s->plugins[i].holder == holder && strcmp(s->plugins[i].key, key) == 0)
            return true;
    for (size_t i = 0; holder && i < s->n_migs; i++)
        if (s->migs[i].holder == holder && strcmp(s->migs[i].key, key) == 0)
            return true;
    return false;
}

/* A document of a value's text, which counts as standing where the value does. */
static const struct document *make_document(struct lint *l, const struct helm_value *value,
                                            const char *key)
{
    struct yaml_doc *tree = NULL;
    struct err e = {0};
    struct piece *piece;
    struct document like = {.api_version = "", .kind = "", .name = "", .space = ""};
    struct document *d;

    if (!value->spot.source ||
        yaml_read(&tree, value->spot.source->file, value->text, strlen(value->text), &e) < 0)
        return NULL;
    if (!source_keep(l, tree))
        return NULL;
    piece = view_alloc(l, sizeof *piece);
    d = view_alloc(l, sizeof *d);
    if (!piece || !d)
        return NULL;
    *piece = (struct piece){.kind = PIECE_YAML,
                            .source = value->spot.source,
                            .text = value->text,
                            .size = strlen(value->text),
                            .line = value->spot.line,
                            .indent = value->spot.column ? value->spot.column - 1 : 0,
                            .loose = true};
    like.piece = piece;
    like.yaml = tree;
    like.root = tree->root;
    like.outer = value->doc;
    like.key = key;
    *d = like;
    return d;
}

void config_view_values(struct lint *l, struct system *s, const char *path, enum chart chart,
                        config_view_each *each)
{
    for (size_t i = 0; i < s->n_releases; i++) {
        const struct release *r = &s->releases[i];

        for (size_t k = 0; k < r->n_values && r->chart == chart; k++) {
            const struct helm_value *value = &r->values[k];
            const struct document *d;

            if (!text_starts(value->path, path) || !value->text[0] ||
                is_read(s, value->doc, value->path + strlen(path)))
                continue;
            d = make_document(l, value, value->path + strlen(path));
            if (d)
                each(l, s, d);
        }
    }
}
