/* SPDX-License-Identifier: Apache-2.0 */
/* How a comment to carve-lint is written, one line at a time. */
#ifndef LINT_SILENCE_WORDS_H
#define LINT_SILENCE_WORDS_H

#include <stdbool.h>
#include <stddef.h>

enum { SILENCE_NAME_SIZE = 64 };

/* Borrows the line. */
struct silence_comment {
    bool alone;                  /* nothing else stands on the line */
    bool html;                   /* <!-- --> */
    bool known;                  /* it says ignore or ignore-file */
    bool whole_file;             /* ignore-file */
    unsigned column, end_column; /* in characters from 1 */
    const char *rules, *end;     /* what follows, up to the comment's end */
};

/* Whether the text has such a comment anywhere. */
bool silence_is_in(const char *text, size_t size);

/* The comment of a line. */
bool silence_find(struct silence_comment *out, const char *line, const char *end);

/* The next of its rules, names cut at their field's size; false at the end of the list. */
bool silence_next_rule(char name[SILENCE_NAME_SIZE], const char **rest, const char *end);

bool silence_is_blank(const char *line, const char *end);

/* Blank, or nothing but a comment. */
bool silence_is_idle(const char *line, const char *end);

#endif
