/* SPDX-License-Identifier: Apache-2.0 */
/* A fenced block of YAML that becomes a here-document: see fix_write_file(). */
#include <stdint.h>
#include <string.h>

#include "lint/fix/fix_work.h"
#include "lint/lint.h"

enum { MAX_FENCE_BYTES = 1 << 12 };

/* A word that ends a here-document and is no line of the text. */
static const char *delimiter_of(struct fix_work *w, const struct piece *p)
{
    const char *word = "EOF";

    for (unsigned i = 1; word && i < 100; i++) {
        size_t n = strlen(word);
        bool taken = false;

        for (size_t at = 0; at + n <= p->size && !taken; at++)
            taken = memcmp(p->text + at, word, n) == 0 && (at == 0 || p->text[at - 1] == '\n') &&
                    (at + n == p->size || strchr("\r\n", p->text[at + n]));
        if (!taken)
            return word;
        word = arena_printf(&w->arena, "EOF%u", i);
    }
    return NULL;
}

/* Where the info string of a fence begins: behind its ticks or tildes; SIZE_MAX. */
static size_t info_of(const char *line, size_t size)
{
    size_t at = 0, n = 0;

    while (at < size && !strchr("`~", line[at]))
        at++;
    while (at + n < size && line[at + n] == line[at])
        n++;
    return n < 3 ? SIZE_MAX : at + n;
}

/* The fence says "shell", and the block becomes the text of a here-document. */
bool fix_write_fence(struct fix_work *w, const struct fix_step *step)
{
    const struct piece *p = step->piece;
    const struct line_index *index = fix_index_of(w, p->source);
    struct spot spot = {.source = p->source, .line = p->line - 1, .end_line = p->line - 1};
    const char *delimiter = delimiter_of(w, p), *fence, *first, *text;
    size_t size, at, end;
    unsigned n = 0;

    if (!index || !delimiter || p->line < 2)
        return false;
    for (size_t i = 0; i < p->size; i++)
        n += p->text[i] == '\n' || i + 1 == p->size;
    fence = line_index_line(index, p->line + n, &size);
    if (info_of(fence, size) == SIZE_MAX)
        return false;
    fence = line_index_line(index, p->line - 1, &size);
    at = info_of(fence, size);
    if (at == SIZE_MAX || size > MAX_FENCE_BYTES)
        return false;
    for (end = at; end < size && fence[end] != ' ' && fence[end] != '\t';)
        end++;
    spot.column = byte_to_column(fence, size, at);
    spot.end_column = byte_to_column(fence, size, end);
    fix_add_edit(w, spot, "shell");
    first = line_index_line(index, p->line, &size);
    size = column_to_byte(first, size, p->indent + 1);
    spot = (struct spot){
        .source = p->source, .line = p->line, .column = 1, .end_line = p->line, .end_column = 1};
    text = arena_printf(&w->l->arena, "%.*scat > %s <<'%s'\n", (int)size, first,
                        fix_quote(&w->arena, step->text), delimiter);
    fix_add_edit(w, spot, text);
    spot.line = spot.end_line = p->line + n;
    text = arena_printf(&w->l->arena, "%.*s%s\n", (int)size, first, delimiter);
    fix_add_edit(w, spot, text);
    return text != NULL;
}
