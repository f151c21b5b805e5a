/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of a text while it is edited. A line knows the line of the file that it was, and what
 * happened to it since, so that a place in the file is found again wherever the line went.
 */
#ifndef LINT_LINES_H
#define LINT_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

struct shift;

struct line {
    const char *text; /* without its end */
    size_t size;
    unsigned origin; /* its line in the file; 0: new */
    bool moved;      /* no longer between its old neighbors */
    struct shift *shifts, *last_shift;
};

/* Borrows the arena, where everything lives; once that failed nothing happens any more. */
struct lines {
    struct arena *arena;
    size_t n, room;
    struct line **at;
};

/* The lines of a text; one newline at its end makes no further line. */
struct lines lines_of(struct arena *a, const char *text);
struct line *line_new(struct arena *a, const char *text, size_t size);

/* Puts `added` in the place of `removed` bytes from byte `at` on. */
void line_splice(struct arena *a, struct line *line, size_t at, size_t removed, const char *added);

/* Where a byte of the line as it was in the file is now; false if it was taken out. */
bool line_find(const struct line *line, size_t *byte);

/* The same for the end of something, the byte behind it: what replaces that thing is in front. */
bool line_find_end(const struct line *line, size_t *byte);

void lines_insert(struct lines *to, size_t at, const struct lines *what);
void lines_insert_line(struct lines *to, size_t at, struct line *line);

/* Takes `n` lines out, which are marked as moved. */
struct lines lines_cut(struct lines *from, size_t at, size_t n);

/* Indents the lines from `first` on; negative takes away as far as there are blanks. */
void lines_indent(struct lines *lines, size_t first, long columns);

/* All with newlines between and at the end; NULL without memory. */
char *lines_text(const struct lines *lines, size_t *size);

size_t line_indent(const struct line *line); /* bytes of blanks at its start */
bool line_is_blank(const struct line *line);
bool line_is_comment(const struct line *line); /* nothing but a comment */

#endif
