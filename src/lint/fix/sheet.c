/* SPDX-License-Identifier: Apache-2.0 */
/* Laying out lines of a file and telling what changed in them: see sheet.h. */
#include "lint/fix/sheet.h"

#include <string.h>

bool line_index_make(struct arena *a, struct line_index *out, const struct source *source)
{
    size_t n = 0, *starts;

    for (size_t at = 0; at < source->size; n++) {
        const char *end = memchr(source->text + at, '\n', source->size - at);

        at = end ? (size_t)(end - source->text) + 1 : source->size;
    }
    starts = arena_array(a, n + 1, sizeof *starts);
    if (!starts)
        return false;
    for (size_t at = 0, i = 0; i < n; i++) {
        const char *end = memchr(source->text + at, '\n', source->size - at);

        starts[i] = at;
        at = end ? (size_t)(end - source->text) + 1 : source->size;
    }
    starts[n] = source->size;
    *out = (struct line_index){.source = source, .n = n, .starts = starts};
    return true;
}

const char *line_index_line(const struct line_index *index, unsigned line, size_t *size)
{
    const char *text = index->source->text;
    size_t start, end;

    *size = 0;
    if (line == 0 || line > index->n)
        return "";
    start = index->starts[line - 1];
    end = index->starts[line];
    if (end > start && text[end - 1] == '\n')
        end--;
    if (end > start && text[end - 1] == '\r')
        end--;
    *size = end - start;
    return text + start;
}

static bool is_inside(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80; /* a byte of a character but its first */
}

size_t column_to_byte(const char *line, size_t size, unsigned column)
{
    size_t at = 0;

    for (; column > 1 && at < size; column--)
        do
            at++;
        while (at < size && is_inside(line[at]));
    return at;
}

unsigned byte_to_column(const char *line, size_t size, size_t byte)
{
    unsigned column = 1;

    for (size_t i = 0; i < byte && i < size; i++)
        column += !is_inside(line[i]);
    /* A byte inside a character belongs to it. */
    if (byte < size && is_inside(line[byte]))
        column--;
    return column;
}

bool line_index_byte(const struct line_index *index, unsigned line, unsigned column, size_t *byte)
{
    size_t size;
    const char *text = line_index_line(index, line, &size);

    if (line == index->n + 1 && column == 1) {
        *byte = index->source->size;
        return true;
    }
    if (line == 0 || line > index->n)
        return false;
    *byte = index->starts[line - 1] + column_to_byte(text, size, column);
    return true;
}

/* libyaml takes these for ends of lines, nobody else here does. */
static bool has_odd_break(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\r')
            return true;
        if (i + 1 < size && memcmp(text + i, "\xc2\x85", 2) == 0)
            return true;
        if (i + 2 < size &&
            (memcmp(text + i, "\xe2\x80\xa8", 3) == 0 || memcmp(text + i, "\xe2\x80\xa9", 3) == 0))
            return true;
    }
    return false;
}

/* The line without its prefix, which is learnt from the first line that is not blank. */
static bool open_line(struct sheet *s, struct line *line, unsigned indent)
{
    size_t size = column_to_byte(line->text, line->size, indent + 1);

    if (has_odd_break(line->text, line->size))
        return false;
    if (s->prefix && size == strlen(s->prefix) && memcmp(line->text, s->prefix, size) == 0) {
        line->text += size;
        line->size -= size;
        return true;
    }
    if (line_is_blank(line)) {
        line->text += line->size;
        line->size = 0;
        return true;
    }
    if (s->prefix)
        return false;
    s->prefix = arena_copy(s->lines.arena, line->text, size);
    line->text += size;
    line->size -= size;
    return s->prefix != NULL;
}

bool sheet_open(struct sheet *s, struct arena *a, const struct line_index *index, unsigned first,
                unsigned n, unsigned indent)
{
    struct line *all = arena_array(a, n ? n : 1, sizeof *all);

    *s = (struct sheet){.index = index, .first = first, .n_first = n, .lines = {.arena = a}};
    if (!all || first == 0 || first > index->n || n > index->n - first + 1)
        return false;
    for (unsigned i = 0; i < n; i++) {
        struct line *line = &all[i];

        line->text = line_index_line(index, first + i, &line->size);
        line->origin = first + i;
        if (!open_line(s, line, indent))
            return false;
        lines_insert_line(&s->lines, i, line);
    }
    if (!s->prefix)
        s->prefix = "";
    return !a->failed;
}

static bool find(const struct sheet *s, unsigned line, unsigned column, struct place *out,
                 bool (*move)(const struct line *, size_t *))
{
    for (size_t i = 0; i < s->lines.n; i++) {
        size_t size, byte, before = strlen(s->prefix);
        const char *text;

        if (s->lines.at[i]->origin != line || line == 0)
            continue;
        text = line_index_line(s->index, line, &size);
        byte = column_to_byte(text, size, column);
        if (byte < before)
            return false;
        byte -= before;
        if (!move(s->lines.at[i], &byte))
            return false;
        *out = (struct place){.line = i, .byte = byte};
        return true;
    }
    return false;
}

bool sheet_find(const struct sheet *s, unsigned line, unsigned column, struct place *out)
{
    return find(s, line, column, out, line_find);
}

bool sheet_find_end(const struct sheet *s, unsigned line, unsigned column, struct place *out)
{
    return find(s, line, column, out, line_find_end);
}

/* A range over several lines: the first keeps its beginning, the last lends it its end. */
static void join(struct sheet *s, struct place from, struct place to)
{
    struct line *first = s->lines.at[from.line], *last = s->lines.at[to.line];
    const char *rest = arena_copy(s->lines.arena, last->text + to.byte, last->size - to.byte);

    if (!rest)
        return;
    line_splice(s->lines.arena, first, from.byte, first->size - from.byte, rest);
    (void)lines_cut(&s->lines, from.line + 1, to.line - from.line);
}

void sheet_replace(struct sheet *s, struct place from, struct place to, const char *text)
{
    struct arena *a = s->lines.arena;
    struct line *line = s->lines.at[from.line];
    const char *newline = strchr(text, '\n');
    struct lines more;
    char *head, *rest;

    if (to.line != from.line) {
        join(s, from, to);
        to = from;
    }
    if (!newline) {
        line_splice(a, line, from.byte, to.byte - from.byte, text);
        return;
    }
    head = arena_copy(a, text, (size_t)(newline - text));
    rest = arena_copy(a, line->text + to.byte, line->size - to.byte);
    if (!head || !rest)
        return;
    line_splice(a, line, from.byte, line->size - from.byte, head);
    more = lines_of(a, newline + 1);
    if (more.n == 0)
        lines_insert_line(&more, 0, line_new(a, "", 0));
    if (more.n > 0)
        line_splice(a, more.at[more.n - 1], more.at[more.n - 1]->size, 0, rest);
    lines_insert(&s->lines, from.line + 1, &more);
}

static struct edit **add_edit(struct arena *keep, struct edit **last, struct spot spot, char *text)
{
    struct edit *edit = arena_alloc(keep, sizeof *edit);

    if (!edit || !text)
        return last;
    edit->spot = spot;
    edit->text = text;
    *last = edit;
    return &edit->next;
}

/* The line as it will stand in the file. */
static char *with_prefix(const struct sheet *s, struct arena *a, const struct line *line)
{
    return arena_printf(a, "%s%.*s", line->size > 0 ? s->prefix : "", (int)line->size, line->text);
}

/* What is different in a line that stayed where it was. */
static struct edit **edit_line(const struct sheet *s, struct arena *keep, struct edit **last,
                               const struct line *line)
{
    size_t size, start = 0, end = 0, n;
    const char *old = line_index_line(s->index, line->origin, &size);
    const char *text = with_prefix(s, s->lines.arena, line);
    struct spot spot = {.source = s->index->source, .line = line->origin, .end_line = line->origin};

    if (!text)
        return last;
    n = strlen(text);
    while (start < n && start < size && text[start] == old[start])
        start++;
    while (start > 0 && start < size && is_inside(old[start]))
        start--;
    while (end < n - start && end < size - start && text[n - end - 1] == old[size - end - 1])
        end++;
    while (end > 0 && is_inside(old[size - end]))
        end--;
    if (start == size && n == size)
        return last;
    spot.column = byte_to_column(old, size, start);
    spot.end_column = byte_to_column(old, size, size - end);
    return add_edit(keep, last, spot, arena_copy(keep, text + start, n - start - end));
}

/* The lines from..to of the sheet as one text without a newline at its end. */
static char *joined(const struct sheet *s, struct arena *keep, size_t from, size_t to)
{
    size_t size = 0, at = 0, before = strlen(s->prefix);
    char *text;

    for (size_t i = from; i < to; i++)
        size += before + s->lines.at[i]->size + 1;
    text = arena_alloc(keep, size + 2);
    for (size_t i = from; text && i < to; i++) {
        const struct line *line = s->lines.at[i];

        if (line->size > 0) {
            memcpy(text + at, s->prefix, before);
            memcpy(text + at + before, line->text, line->size);
            at += before + line->size;
        }
        if (i + 1 < to)
            text[at++] = '\n';
    }
    return text;
}

static unsigned end_column(const struct sheet *s, unsigned line)
{
    size_t size;
    const char *text = line_index_line(s->index, line, &size);

    return byte_to_column(text, size, size);
}

/*
 * Between two lines that stayed: the file's lines after..before (both not in it) become the
 * sheet's lines from..to.
 */
static struct edit **edit_gap(const struct sheet *s, struct arena *keep, struct edit **last,
                              const unsigned gap[2], const size_t now[2])
{
    struct spot spot = {.source = s->index->source};
    char *text = joined(s, keep, now[0], now[1]);
    bool gone = gap[0] + 1 < gap[1], come = now[0] < now[1];

    if (!gone && !come)
        return last;
    if (gone && come) {
        spot.line = gap[0] + 1;
        spot.column = 1;
        spot.end_line = gap[1] - 1;
        spot.end_column = end_column(s, spot.end_line);
    } else if (come && gap[0] > 0) {
        spot.line = spot.end_line = gap[0];
        spot.column = spot.end_column = end_column(s, gap[0]);
        if (text)
            text = arena_printf(keep, "\n%s", text);
    } else if (come) {
        spot.line = spot.end_line = spot.column = spot.end_column = 1;
        if (text)
            text = arena_printf(keep, "%s\n", text);
    } else if (gap[1] > s->index->n && gap[0] > 0) {
        spot.line = gap[0];
        spot.column = end_column(s, gap[0]);
        spot.end_line = gap[1] - 1;
        spot.end_column = end_column(s, spot.end_line);
    } else {
        spot.line = gap[0] + 1;
        spot.end_line = gap[1];
        spot.column = spot.end_column = 1;
    }
    return add_edit(keep, last, spot, text);
}

struct edit **sheet_edits(const struct sheet *s, struct arena *keep, struct edit **last)
{
    unsigned gap[2] = {s->first - 1, 0};
    size_t now[2] = {0, 0};

    for (size_t i = 0; i < s->lines.n; i++) {
        const struct line *line = s->lines.at[i];

        if (line->moved || line->origin == 0)
            continue;
        gap[1] = line->origin;
        now[1] = i;
        last = edit_gap(s, keep, last, gap, now);
        if (line->shifts)
            last = edit_line(s, keep, last, line);
        gap[0] = line->origin;
        now[0] = i + 1;
    }
    gap[1] = s->first + s->n_first;
    now[1] = s->lines.n;
    return edit_gap(s, keep, last, gap, now);
}
