/* SPDX-License-Identifier: Apache-2.0 */
/* Replacing ranges of a text: see fix_apply.h. */
#include "lint/fix/fix_apply.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

bool fix_range_of(struct fix_range *out, const struct line_index *index, const struct edit *edit)
{
    const struct spot *spot = &edit->spot;

    *out = (struct fix_range){.text = edit->text};
    return spot->source == index->source &&
           line_index_byte(index, spot->line, spot->column, &out->from) &&
           line_index_byte(index, spot->end_line, spot->end_column, &out->to) &&
           out->from <= out->to;
}

static int compare(const void *left, const void *right)
{
    const struct fix_range *a = left, *b = right;

    if (a->from != b->from)
        return a->from < b->from ? -1 : 1;
    if (a->to != b->to)
        return a->to < b->to ? -1 : 1;
    return (a->order > b->order) - (a->order < b->order);
}

static void add_text(struct buf *out, const struct source *source, const char *text)
{
    while (*text) {
        size_t size = strcspn(text, "\n");

        buf_add(out, text, size);
        text += size;
        if (*text) {
            buf_text(out, source->crlf ? "\r\n" : "\n");
            text++;
        }
    }
}

bool fix_apply(struct buf *out, const struct source *source, struct fix_range *ranges, size_t n)
{
    size_t at = 0;

    qsort(ranges, n, sizeof *ranges, compare);
    for (size_t i = 0; i < n; i++) {
        if (ranges[i].from < at || ranges[i].to > source->size)
            return false;
        buf_add(out, source->text + at, ranges[i].from - at);
        add_text(out, source, ranges[i].text);
        at = ranges[i].to;
    }
    buf_add(out, source->text + at, source->size - at);
    return !out->failed;
}
