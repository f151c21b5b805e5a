/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Markdown, as far as lint needs it: fences of ``` and ~~~ at any indentation, behind the marks of
 * lists and quotes, and commands in `backquotes`. Prose is nothing.
 */
#include "lint/read/markdown.h"

#include <string.h>

#include "base/err.h"
#include "lint/read/block.h"
#include "lint/read/shell.h"
#include "lint/read/source.h"

/* Of a line of prose: looking for the end of each backquote is quadratic. */
enum { LINE_MAX_BYTES = 4096 };

struct fence {
    char mark;     /* '`' or '~' */
    size_t length; /* of the mark */
    const char *label;
    size_t label_size;
    bool quoted; /* in a block that is quoted with '>' */
};

struct scan {
    struct lint *l;
    const struct source *source;
    size_t at;
    unsigned line; /* from 1 */
};

/* A line without its end. */
struct line {
    const char *text;
    size_t size;
};

static bool next(struct scan *s, struct line *line)
{
    const char *end;

    if (s->at >= s->source->size)
        return false;
    line->text = s->source->text + s->at;
    end = memchr(line->text, '\n', s->source->size - s->at);
    line->size = end ? (size_t)(end - line->text) : s->source->size - s->at;
    s->at += line->size + (end != NULL);
    s->line++;
    if (line->size > 0 && line->text[line->size - 1] == '\r')
        line->size--;
    return true;
}

static bool is_one_of(char c, const char *set)
{
    return c && strchr(set, c);
}

/* Bytes of the space, quote or list mark that a text begins with; 0 if it has none. */
static size_t mark_size(const char *text, size_t size)
{
    size_t n = 0;

    if (size > 0 && is_one_of(*text, " \t>"))
        return 1;
    if (size > 1 && is_one_of(*text, "-*+") && text[1] == ' ')
        return 2;
    while (n < size && text[n] >= '0' && text[n] <= '9')
        n++;
    return n > 0 && n + 1 < size && is_one_of(text[n], ".)") && text[n + 1] == ' ' ? n + 2 : 0;
}

/* Behind all such marks of a line. */
static size_t skip_marks(const struct line *line, bool *quoted)
{
    size_t at = 0, n;

    *quoted = false;
    while ((n = mark_size(line->text + at, line->size - at)) > 0) {
        *quoted = *quoted || line->text[at] == '>';
        at += n;
    }
    return at;
}

static size_t run_of(const char *text, size_t size, char mark)
{
    size_t n = 0;

    while (n < size && text[n] == mark)
        n++;
    return n;
}

/* The first word behind the fence's marks, without the dot of "{.yaml}". */
static void read_label(struct fence *f, const char *text, size_t size)
{
    while (size > 0 && is_one_of(*text, " \t{.")) {
        text++;
        size--;
    }
    f->label = text;
    f->label_size = 0;
    while (f->label_size < size && !is_one_of(text[f->label_size], " \t,}{:"))
        f->label_size++;
}

static bool opens(struct fence *f, const struct line *line)
{
    size_t at = skip_marks(line, &f->quoted);
    const char *text = line->text + at;
    size_t size = line->size - at;

    if (size < 3 || !is_one_of(*text, "`~"))
        return false;
    f->mark = *text;
    f->length = run_of(text, size, f->mark);
    if (f->length < 3 || (f->mark == '`' && memchr(text + f->length, '`', size - f->length)))
        return false;
    read_label(f, text + f->length, size - f->length);
    return true;
}

static bool closes(const struct fence *f, const struct line *line)
{
    size_t at = 0, n;

    while (at < line->size && is_one_of(line->text[at], f->quoted ? " \t>" : " \t"))
        at++;
    n = run_of(line->text + at, line->size - at, f->mark);
    if (n < f->length)
        return false;
    for (at += n; at < line->size; at++)
        if (!is_one_of(line->text[at], " \t"))
            return false;
    return true;
}

/* Bytes of space that all lines of a text begin with alike, empty ones aside. */
static size_t common_space(const char *text, size_t size)
{
    const char *first = NULL, *end;
    size_t common = 0;

    for (size_t at = 0; at < size; at = (size_t)(end - text) + 1) {
        const char *line = text + at;
        size_t n = 0;

        end = memchr(line, '\n', size - at);
        if (!end)
            end = text + size;
        while (line + n < end && is_one_of(line[n], " \t\r"))
            n++;
        if (line + n == end)
            continue;
        if (!first) {
            first = line;
            common = n;
        }
        for (size_t i = 0; i < common; i++)
            if (i >= n || line[i] != first[i])
                common = i;
    }
    return common;
}

/* Behind the last '>' of those that a line begins with, and one space. */
static size_t behind_quote(const char *text, size_t at, size_t end)
{
    size_t look = at;

    while (look < end && is_one_of(text[look], " >"))
        if (text[look++] == '>')
            at = look;
    return at + (at < end && text[at] == ' ');
}

/* Copies lines without their first `drop` bytes, and without the marks of quotes. */
static size_t strip(char *out, const char *text, size_t size, size_t drop, bool quoted)
{
    size_t used = 0;

    for (size_t at = 0; at < size;) {
        const char *end = memchr(text + at, '\n', size - at);
        size_t next_at = end ? (size_t)(end - text) + 1 : size, skip = at;

        while (skip < next_at && skip < at + drop && is_one_of(text[skip], " \t"))
            skip++;
        if (quoted)
            skip = behind_quote(text, skip, next_at);
        memcpy(out + used, text + skip, next_at - skip);
        used += next_at - skip;
        at = next_at;
    }
    return used;
}

/* The block's text; lines that are indented or quoted are taken out of that first. */
static bool make_piece(struct piece *out, struct lint *l, const struct fence *f, size_t from,
                       size_t end)
{
    const char *text = out->source->text + from;
    size_t size = end - from, space = f->quoted ? 0 : common_space(text, size);
    char *copy;

    out->text = text;
    out->size = size;
    out->fenced = true;
    if (space == 0 && !f->quoted)
        return true;
    copy = arena_alloc(&l->arena, size + 1);
    if (!copy)
        return false;
    out->text = copy;
    out->size = strip(copy, text, size, space, f->quoted);
    out->indent = (unsigned)space;
    out->loose = f->quoted;
    return true;
}

/* A fence's block to its end, or to the text's if it has none. */
static int read_block(struct scan *s, const struct fence *f, struct err *e)
{
    struct piece like = {.source = s->source, .line = s->line + 1};
    size_t from = s->at, end = s->at;
    struct line line;

    while (next(s, &line)) {
        if (closes(f, &line))
            break;
        end = s->at;
    }
    if (!make_piece(&like, s->l, f, from, end))
        return err_memory(e);
    return block_read(s->l, &like, f->label, f->label_size, NULL, e);
}

static bool is_command(const char *text, size_t size)
{
    static const char *const words[] = {"kubectl ", "helm ", "eksctl ", "aws "};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t n = strlen(words[i]);

        if (size > n && memcmp(text, words[i], n) == 0)
            return true;
    }
    return false;
}

static unsigned characters(const char *text, size_t size)
{
    unsigned n = 0;

    for (size_t i = 0; i < size; i++)
        n += ((unsigned char)text[i] & 0xc0) != 0x80;
    return n;
}

static int read_command(struct scan *s, const struct line *line, size_t at, size_t size,
                        struct err *e)
{
    struct piece like = {.kind = PIECE_SHELL,
                         .source = s->source,
                         .text = line->text + at,
                         .size = size,
                         .line = s->line,
                         .indent = characters(line->text, at)};
    struct piece *piece;

    if (!is_command(like.text, size) || s->l->closed)
        return 0;
    if (s->l->system.n_commands >= LINT_MAX_COMMANDS) {
        source_partial(s->l, spot_in(&like, 1, 1), "too many commands: this is not checked");
        return 0;
    }
    piece = source_piece(s->l, &like);
    return piece ? shell_read(s->l, piece, e) : err_memory(e);
}

/* Texts in backquotes of one line; a run of them is closed by one of the same length. */
static int read_inline(struct scan *s, const struct line *line, struct err *e)
{
    int r = 0;

    if (line->size > LINE_MAX_BYTES)
        return 0;
    for (size_t at = 0; at < line->size && r == 0;) {
        const char *open = memchr(line->text + at, '`', line->size - at);
        size_t from, n, end;

        if (!open)
            return 0;
        from = (size_t)(open - line->text);
        n = run_of(open, line->size - from, '`');
        from += n;
        for (end = from; end < line->size;) {
            size_t run = run_of(line->text + end, line->size - end, '`');

            if (run == n)
                break;
            end += run ? run : 1;
        }
        at = end < line->size ? end + n : from;
        if (end < line->size)
            r = read_command(s, line, from, end - from, e);
    }
    return r;
}

int markdown_read(struct lint *l, const struct source *source, struct err *e)
{
    struct scan s = {.l = l, .source = source};
    struct line line;
    struct fence fence;
    int r = 0;

    while (r == 0 && next(&s, &line))
        r = opens(&fence, &line) ? read_block(&s, &fence, e) : read_inline(&s, &line, e);
    return r;
}
