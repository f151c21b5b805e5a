/* SPDX-License-Identifier: Apache-2.0 */
/* Words of a shell text: see shell_word.h. */
#include "lint/read/shell_word.h"

#include <string.h>

char cursor_peek(const struct cursor *c, size_t ahead)
{
    return (char)(c->size - c->at > ahead ? c->text[c->at + ahead] : '\0');
}

void cursor_step(struct cursor *c)
{
    char byte = cursor_peek(c, 0);

    if (c->at == c->size)
        return;
    c->at++;
    if (byte == '\n') {
        c->line++;
        c->column = 1;
    } else if (((unsigned char)byte & 0xc0) != 0x80) {
        c->column++;
    }
}

void cursor_skip(struct cursor *c, size_t bytes)
{
    while (bytes-- > 0)
        cursor_step(c);
}

void cursor_line(struct cursor *c, const char **line, size_t *size)
{
    const char *start = c->text + c->at, *end = memchr(start, '\n', c->size - c->at);

    *line = start;
    *size = end ? (size_t)(end - start) : c->size - c->at;
    c->at += *size + (end != NULL);
    c->line += end != NULL;
    c->column = 1;
    if (*size > 0 && start[*size - 1] == '\r')
        --*size;
}

bool cursor_continues(struct cursor *c)
{
    size_t n = 1;

    if (cursor_peek(c, 0) != '\\')
        return false;
    n += cursor_peek(c, n) == '\r';
    if (cursor_peek(c, n) != '\n')
        return false;
    cursor_skip(c, n + 1);
    return true;
}

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

size_t cursor_placeholder(const struct cursor *c)
{
    size_t n = 1;

    if (cursor_peek(c, 0) != '<')
        return 0;
    while (n < 64 &&
           (is_name(cursor_peek(c, n)) || cursor_peek(c, n) == '-' || cursor_peek(c, n) == '.'))
        n++;
    return n > 1 && cursor_peek(c, n) == '>' ? n + 1 : 0;
}

/* A word in the making. */
struct cutting {
    struct cursor *c;
    struct buf *text;
    bool any, expands;
    size_t value_at; /* behind the first '=' */
    unsigned value_line, value_column;
};

static void take(struct cutting *w)
{
    buf_char(w->text, cursor_peek(w->c, 0));
    cursor_step(w->c);
}

static void take_bytes(struct cutting *w, size_t n)
{
    while (n-- > 0)
        take(w);
}

/* Bytes to a closing character, itself not counted; *never remembers that there is none. */
static bool find_close(const struct cursor *c, char close, bool *never, size_t *out)
{
    const char *end;

    if (*never || c->size - c->at < 2)
        return false;
    end = memchr(c->text + c->at + 1, close, c->size - c->at - 1);
    if (!end) {
        *never = true;
        return false;
    }
    *out = (size_t)(end - c->text) - c->at - 1;
    return true;
}

static void take_single(struct cutting *w)
{
    size_t n;

    if (!find_close(w->c, '\'', &w->c->no_single, &n)) {
        take(w);
        return;
    }
    cursor_step(w->c);
    take_bytes(w, n);
    cursor_step(w->c);
}

static bool has_double_end(struct cursor *c)
{
    for (size_t i = c->at + 1; i < c->size && !c->no_double; i++) {
        if (c->text[i] == '"')
            return true;
        i += c->text[i] == '\\';
    }
    c->no_double = true;
    return false;
}

static void take_double(struct cutting *w)
{
    if (!has_double_end(w->c)) {
        take(w);
        return;
    }
    cursor_step(w->c);
    while (cursor_peek(w->c, 0) != '"' && w->c->at < w->c->size) {
        char next = cursor_peek(w->c, 1);

        if (cursor_continues(w->c))
            continue;
        if (cursor_peek(w->c, 0) == '\\' && next && strchr("\"\\$`", next))
            cursor_step(w->c);
        else if (cursor_peek(w->c, 0) == '$' || cursor_peek(w->c, 0) == '`')
            w->expands = true;
        take(w);
    }
    cursor_step(w->c);
}

/* "$(…)" with the brackets in it closed; 0 if it has no end. */
static size_t substitution(struct cursor *c)
{
    size_t open = 0;

    for (size_t i = c->at + 1; i < c->size && !c->no_paren; i++) {
        open += c->text[i] == '(';
        open -= c->text[i] == ')';
        if (open == 0)
            return i + 1 - c->at;
    }
    c->no_paren = true;
    return 0;
}

static void take_dollar(struct cutting *w)
{
    char next = cursor_peek(w->c, 1);
    size_t n = 0;

    if (next == '\'') {
        cursor_step(w->c);
        take_single(w);
        return;
    }
    if (next == '(')
        n = substitution(w->c);
    else if (next == '{' && find_close(w->c, '}', &w->c->no_brace, &n))
        n += 2;
    w->expands = w->expands || n > 0 || is_name(next) || (next && strchr("{@*#?!", next));
    take_bytes(w, n ? n : 1);
}

static void take_back(struct cutting *w)
{
    size_t n;

    w->expands = true;
    if (find_close(w->c, '`', &w->c->no_back, &n))
        take_bytes(w, n + 2);
    else
        take(w);
}

/* The '=' of "--name=value". */
static void take_equals(struct cutting *w)
{
    take(w);
    if (w->value_at > 0 || !w->text->data || w->text->data[0] != '-')
        return;
    w->value_at = w->text->size;
    w->value_line = w->c->line;
    w->value_column = w->c->column;
}

static void take_escaped(struct cutting *w)
{
    cursor_step(w->c);
    if (w->c->at < w->c->size)
        take(w);
}

/* Takes what is next of the word; false at its end. */
static bool take_next(struct cutting *w)
{
    size_t placeholder = cursor_placeholder(w->c);
    char c = cursor_peek(w->c, 0);

    if (w->c->at == w->c->size || (strchr(" \t\r\n;&|<>()", c) && !placeholder))
        return false;
    if (cursor_continues(w->c))
        return true;
    w->any = true;
    w->expands = w->expands || placeholder || c == '*' || c == '?';
    if (placeholder)
        take_bytes(w, placeholder);
    else if (c == '\\')
        take_escaped(w);
    else if (c == '\'')
        take_single(w);
    else if (c == '"')
        take_double(w);
    else if (c == '$')
        take_dollar(w);
    else if (c == '`')
        take_back(w);
    else if (c == '=')
        take_equals(w);
    else
        take(w);
    return true;
}

static void end_at(struct spot *spot, const struct cutting *w, const struct piece *piece)
{
    struct spot end = spot_in(piece, w->c->line, w->c->column);

    spot->end_line = end.line;
    spot->end_column = end.column;
}

bool word_cut(struct word *out, struct cursor *c, const struct piece *piece, struct arena *arena,
              struct buf *scratch)
{
    struct cutting w = {.c = c, .text = scratch};
    struct word *value;

    *out = (struct word){.spot = spot_in(piece, c->line, c->column)};
    buf_clear(scratch);
    while (take_next(&w))
        ;
    if (scratch->failed)
        return false;
    if (!w.any)
        return true;
    end_at(&out->spot, &w, piece);
    out->expands = w.expands;
    out->text = arena_copy(arena, scratch->size ? scratch->data : "", scratch->size);
    if (!out->text || w.value_at == 0)
        return out->text != NULL;
    value = arena_alloc(arena, sizeof *value);
    if (!value)
        return false;
    *value = (struct word){.text = out->text + w.value_at,
                           .expands = w.expands,
                           .spot = spot_in(piece, w.value_line, w.value_column)};
    end_at(&value->spot, &w, piece);
    out->value = value;
    return true;
}
