/* SPDX-License-Identifier: Apache-2.0 */
/* Templates: see template.h. What an action does is never asked. */
#include "lint/read/template.h"

#include <string.h>

bool template_has(const char *text, size_t size)
{
    return memmem(text, size, "{{", 2) || memmem(text, size, "{%", 2) ||
           memmem(text, size, "%{ ", 3) || memmem(text, size, "%{~", 3) ||
           (memmem(text, size, "${", 2) && memmem(text, size, " ? ", 3));
}

static bool starts(const char *text, size_t size, size_t at, const char *what)
{
    size_t n = strlen(what);

    return size - at >= n && memcmp(text + at, what, n) == 0;
}

/* A choice of Terraform's: ${NAME ? "one" : "other"}. */
static bool is_choice(const char *text, size_t size, size_t at)
{
    const char *end;

    if (!starts(text, size, at, "${"))
        return false;
    end = memchr(text + at, '}', size - at);
    return end && memmem(text + at, (size_t)(end - text) - at, " ? ", 3);
}

/* An action of Helm, of Jinja, or of Terraform's templates. */
static bool is_action(const char *text, size_t size, size_t at)
{
    return is_choice(text, size, at) || starts(text, size, at, "{{") ||
           starts(text, size, at, "{%") || starts(text, size, at, "%{ ") ||
           starts(text, size, at, "%{~");
}

/* Behind a text in quotes, which may hold braces; an open one ends with its line. */
static size_t skip_quoted(const char *text, size_t size, size_t at)
{
    char quote = text[at++];

    for (; at < size && text[at] != '\n'; at++) {
        if (text[at] == '\\' && quote == '"' && at + 1 < size && text[at + 1] != '\n')
            at++;
        else if (text[at] == quote)
            return at + 1;
    }
    return at;
}

/* Behind a comment, which may have many lines. *never remembers that there is no end ahead. */
static size_t skip_comment(const char *text, size_t size, size_t at, bool *never)
{
    const char *end = *never ? NULL : memmem(text + at + 2, size - at - 2, "*/", 2);

    *never = !end;
    return end ? (size_t)(end - text) + 2 : at + 2;
}

/* Behind the action that begins at `at`. One without an end ends with its line. */
static size_t action_end(const char *text, size_t size, size_t at, bool *never)
{
    const char *close = text[at] == '%' || text[at] == '$' ? "}"
                        : text[at + 1] == '{'              ? "}}"
                                                           : "%}";
    size_t close_size = strlen(close);
    size_t first_line_end = 0;
    bool told = false;

    for (at += 2; at < size;) {
        if (starts(text, size, at, close))
            return at + close_size;
        if (is_action(text, size, at))
            break; /* the one before lacks its end */
        if (text[at] == '"' || text[at] == '`')
            at = skip_quoted(text, size, at);
        else if (starts(text, size, at, "/*"))
            at = skip_comment(text, size, at, never);
        else {
            if (text[at] == '\n' && !told) {
                first_line_end = at;
                told = true;
            }
            at++;
        }
    }
    return told ? first_line_end : at;
}

struct blanking {
    char *out;
    size_t used, line; /* bytes written, and where their last line begins */
    bool acts;         /* the line has an action, */
    bool other;        /* and something that is none */
    bool comment;      /* the line is a comment from here on */
    bool no_comment_end;
};

static void end_line(struct blanking *b)
{
    if (b->acts && !b->other)
        b->used = b->line;
}

static void begin_line(struct blanking *b)
{
    b->out[b->used++] = '\n';
    b->line = b->used;
    b->acts = b->other = b->comment = false;
}

/* The placeholder of an action, or of the part of it that is on one line. */
static void add_action(struct blanking *b, const char *text, size_t size)
{
    char *out = b->out + b->used;

    for (size_t i = 0; i < size; i++)
        out[i] = (char)((text[i] & 0x80) ? text[i] : '_');
    if (size >= 4 && !((text[0] | text[1] | text[size - 1]) & 0x80)) {
        out[0] = '$';
        out[1] = '(';
        out[size - 1] = ')';
    }
    b->used += size;
    b->acts = true;
}

static void add_lines_of_action(struct blanking *b, const char *text, size_t size)
{
    for (const char *end; (end = memchr(text, '\n', size)) != NULL;) {
        add_action(b, text, (size_t)(end - text));
        end_line(b);
        begin_line(b);
        size -= (size_t)(end + 1 - text);
        text = end + 1;
    }
    add_action(b, text, size);
}

size_t template_blank(char *out, const char *text, size_t size)
{
    struct blanking b = {.out = out};

    for (size_t at = 0; at < size;) {
        if (is_action(text, size, at)) {
            size_t end = action_end(text, size, at, &b.no_comment_end);

            add_lines_of_action(&b, text + at, end - at);
            at = end;
            continue;
        }
        if (text[at] == '\n') {
            end_line(&b);
            begin_line(&b);
        } else {
            b.comment = b.comment || (text[at] == '#' && !b.other);
            b.other = b.other || !(b.comment || strchr(" \t\r", text[at]));
            b.out[b.used++] = text[at];
        }
        at++;
    }
    end_line(&b);
    return b.used;
}
