/* SPDX-License-Identifier: Apache-2.0 */
/* Words of a shell text, with their places. Used by shell.c alone. */
#ifndef LINT_SHELL_WORD_H
#define LINT_SHELL_WORD_H

#include "base/arena.h"
#include "base/buf.h"
#include "lint/read/text.h"

/* A place in a text. What was once not found behind it is not looked for again. */
struct cursor {
    const char *text;
    size_t size, at;
    unsigned line, column; /* from 1; columns in characters */
    bool no_single, no_double, no_back, no_paren, no_brace;
};

/* The byte that is so many ahead; 0 behind the end. */
char cursor_peek(const struct cursor *c, size_t ahead);
void cursor_step(struct cursor *c);
void cursor_skip(struct cursor *c, size_t bytes);

/* Moves to the next line and gives the one that it passed, without its end. */
void cursor_line(struct cursor *c, const char **line, size_t *size);

/* Passes a backslash that ends its line; false if there is none here. */
bool cursor_continues(struct cursor *c);

/* Whether a placeholder like <NAME> begins here, which is no redirection; its bytes. */
size_t cursor_placeholder(const struct cursor *c);

/*
 * Cuts a word off; quotes are taken away, nothing is expanded, and a quote without an end is a
 * character like any other. False without memory. *out is empty (text NULL) if no word is here.
 */
bool word_cut(struct word *out, struct cursor *c, const struct piece *piece, struct arena *arena,
              struct buf *scratch);

#endif
