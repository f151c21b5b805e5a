/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line of a file with a mark under what is meant. Tabs become spaces, wide characters count
 * twice, what could disturb a terminal becomes '?', and of a long line only the surroundings of
 * the mark are shown.
 */
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "cli/lint_output.h"

enum {
    TAB_CELLS = 4,
    MAX_CELLS = 120,
    BEFORE_MARK = 60, /* characters that a long line keeps before its mark */
};

/* The line as it is drawn. */
struct drawing {
    unsigned column; /* of the next character */
    unsigned cells;  /* drawn until now */
    unsigned mark_at, mark_cells;
    bool marked;
};

static const char *seek(struct lint_excerpt *x, const struct spot *spot, const char **end)
{
    const char *all_end = spot->source->text + spot->source->size;
    const char *newline;

    if (x->source != spot->source || x->number > spot->line)
        *x = (struct lint_excerpt){spot->source, spot->source->text, 1};
    while (x->number < spot->line) {
        newline = memchr(x->line, '\n', (size_t)(all_end - x->line));
        if (!newline)
            return NULL;
        x->line = newline + 1;
        x->number++;
    }
    newline = memchr(x->line, '\n', (size_t)(all_end - x->line));
    *end = newline ? newline : all_end;
    while (*end > x->line && ((*end)[-1] == '\r' || (*end)[-1] == ' '))
        (*end)--;
    return x->line;
}

static unsigned draw_character(const struct drawing *d, uint32_t character, const char *bytes,
                               size_t size)
{
    if (character == '\t') {
        unsigned cells = TAB_CELLS - d->cells % TAB_CELLS;

        (void)printf("%*s", (int)cells, "");
        return cells;
    }
    if (!utf8_harmless(character) || (size == 1 && (*bytes & 0x80))) {
        (void)fputc('?', stdout);
        return 1;
    }
    (void)fwrite(bytes, 1, size, stdout);
    return utf8_cells(character);
}

static void draw(struct drawing *d, const char *line, const char *end, const struct spot *spot)
{
    unsigned first = spot->column > MAX_CELLS - BEFORE_MARK ? spot->column - BEFORE_MARK : 1;
    unsigned last = spot->end_line > spot->line ? -1U : spot->end_column;

    if (first > 1) {
        (void)fputs("...", stdout);
        d->cells = 3;
    }
    for (d->column = 1; line < end; d->column++) {
        uint32_t character;
        size_t size = utf8_next(&character, line, (size_t)(end - line));
        unsigned cells;

        line += size;
        if (d->column < first)
            continue;
        if (d->cells >= MAX_CELLS) {
            (void)fputs("...", stdout);
            return;
        }
        if (d->column == spot->column) {
            d->mark_at = d->cells;
            d->marked = true;
        }
        cells = draw_character(d, character, line - size, size);
        d->cells += cells;
        if (d->column >= spot->column && d->column < last)
            d->mark_cells += cells;
    }
}

void lint_excerpt(struct lint_excerpt *x, const struct spot *spot, const struct lint_paint *paint)
{
    struct drawing d = {0};
    const char *end, *line;

    if (!spot->source || spot->line == 0)
        return;
    line = seek(x, spot, &end);
    if (!line || line == end)
        return;
    (void)printf("%6u | ", spot->line);
    draw(&d, line, end, spot);
    if (!d.marked)
        d.mark_at = d.cells;
    (void)printf("\n       | %*s%s^", (int)d.mark_at, "", paint->caret);
    for (unsigned i = 1; i < d.mark_cells; i++)
        (void)fputc('~', stdout);
    (void)printf("%s\n", paint->plain);
}
