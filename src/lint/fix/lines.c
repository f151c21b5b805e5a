/* SPDX-License-Identifier: Apache-2.0 */
/* Lines that are edited: see lines.h. What they mean is the callers' business. */
#include "lint/fix/lines.h"

#include <string.h>

struct shift {
    size_t at, removed, added;
    struct shift *next;
};

struct line *line_new(struct arena *a, const char *text, size_t size)
{
    struct line *line = arena_alloc(a, sizeof *line);

    if (line) {
        line->text = text;
        line->size = size;
    }
    return line;
}

struct lines lines_of(struct arena *a, const char *text)
{
    struct lines lines = {.arena = a};

    while (*text) {
        size_t size = strcspn(text, "\n");

        lines_insert_line(&lines, lines.n, line_new(a, text, size));
        text += size;
        text += *text == '\n';
    }
    return lines;
}

void line_splice(struct arena *a, struct line *line, size_t at, size_t removed, const char *added)
{
    size_t n = strlen(added);
    char *text = arena_alloc(a, line->size - removed + n + 1);
    struct shift *shift = arena_alloc(a, sizeof *shift);

    if (!text || !shift)
        return;
    memcpy(text, line->text, at);
    memcpy(text + at, added, n);
    memcpy(text + at + n, line->text + at + removed, line->size - at - removed);
    line->text = text;
    line->size += n;
    line->size -= removed;
    *shift = (struct shift){.at = at, .removed = removed, .added = n};
    if (line->last_shift)
        line->last_shift->next = shift;
    else
        line->shifts = shift;
    line->last_shift = shift;
}

bool line_find(const struct line *line, size_t *byte)
{
    size_t at = *byte;

    for (const struct shift *shift = line->shifts; shift; shift = shift->next) {
        if (at < shift->at || (at == shift->at && shift->removed > 0 && shift->added > 0))
            continue;
        if (at < shift->at + shift->removed)
            return false;
        at += shift->added;
        at -= shift->removed;
    }
    *byte = at;
    return true;
}

bool line_find_end(const struct line *line, size_t *byte)
{
    size_t at = *byte;

    for (const struct shift *shift = line->shifts; shift; shift = shift->next) {
        if (at <= shift->at)
            continue;
        if (at < shift->at + shift->removed)
            return false;
        at += shift->added;
        at -= shift->removed;
    }
    *byte = at;
    return true;
}

static bool make_room(struct lines *lines, size_t n)
{
    size_t room = lines->room ? lines->room : 16;
    struct line **grown;

    if (lines->n + n <= lines->room)
        return true;
    while (room < lines->n + n)
        room *= 2;
    grown = arena_array(lines->arena, room, sizeof(struct line *));
    if (!grown)
        return false;
    if (lines->n > 0)
        memcpy(grown, lines->at, lines->n * sizeof(struct line *));
    lines->at = grown;
    lines->room = room;
    return true;
}

void lines_insert(struct lines *to, size_t at, const struct lines *what)
{
    if (what->n == 0 || !make_room(to, what->n))
        return;
    memmove(to->at + at + what->n, to->at + at, (to->n - at) * sizeof(struct line *));
    memcpy(to->at + at, what->at, what->n * sizeof(struct line *));
    to->n += what->n;
}

void lines_insert_line(struct lines *to, size_t at, struct line *line)
{
    struct lines one = {.n = 1, .at = &line};

    if (line)
        lines_insert(to, at, &one);
}

struct lines lines_cut(struct lines *from, size_t at, size_t n)
{
    struct lines cut = {.arena = from->arena};
    struct lines seen = {.n = n, .at = from->at + at};

    lines_insert(&cut, 0, &seen);
    if (cut.n != n)
        return cut;
    for (size_t i = 0; i < n; i++)
        cut.at[i]->moved = true;
    memmove(from->at + at, from->at + at + n, (from->n - at - n) * sizeof(struct line *));
    from->n -= n;
    return cut;
}

static void indent_line(struct arena *a, struct line *line, long columns)
{
    size_t have = line_indent(line), less = columns < 0 ? (size_t)-columns : 0;
    char *blanks;

    if (line_is_blank(line))
        return;
    if (less > 0) {
        line_splice(a, line, 0, less < have ? less : have, "");
        return;
    }
    blanks = arena_alloc(a, (size_t)columns + 1);
    if (!blanks)
        return;
    memset(blanks, ' ', (size_t)columns);
    line_splice(a, line, 0, 0, blanks);
}

void lines_indent(struct lines *lines, size_t first, long columns)
{
    for (size_t i = first; i < lines->n && columns != 0; i++)
        indent_line(lines->arena, lines->at[i], columns);
}

char *lines_text(const struct lines *lines, size_t *size)
{
    size_t total = 0, at = 0;
    char *text;

    for (size_t i = 0; i < lines->n; i++)
        total += lines->at[i]->size + 1;
    text = arena_alloc(lines->arena, total + 1);
    if (!text)
        return NULL;
    for (size_t i = 0; i < lines->n; i++) {
        memcpy(text + at, lines->at[i]->text, lines->at[i]->size);
        at += lines->at[i]->size;
        text[at++] = '\n';
    }
    *size = total;
    return text;
}

size_t line_indent(const struct line *line)
{
    size_t n = 0;

    while (n < line->size && line->text[n] == ' ')
        n++;
    return n;
}

bool line_is_blank(const struct line *line)
{
    for (size_t i = 0; i < line->size; i++)
        if (line->text[i] != ' ' && line->text[i] != '\t')
            return false;
    return true;
}

bool line_is_comment(const struct line *line)
{
    size_t n = line_indent(line);

    return n < line->size && line->text[n] == '#';
}
