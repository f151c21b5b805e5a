/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A range of a file's lines laid out for editing, without what stands in front of each (the indent
 * of a here-document in a list, say). In the end it tells what changed, as ranges of the file.
 */
#ifndef LINT_SHEET_H
#define LINT_SHEET_H

#include "lint/finding.h"
#include "lint/fix/lines.h"

/* Where the lines of a source begin. */
struct line_index {
    const struct source *source;
    size_t n; /* lines; what stands behind the last newline is one, if there is something */
    const size_t *starts;
};

bool line_index_make(struct arena *a, struct line_index *out, const struct source *source);

/* A line from 1, without its end; an empty one if there is no such line. */
const char *line_index_line(const struct line_index *index, unsigned line, size_t *size);

/* Columns count characters from 1; what is beyond the line's end is its end. */
size_t column_to_byte(const char *line, size_t size, unsigned column);
unsigned byte_to_column(const char *line, size_t size, size_t byte);

/* The byte of the source that a line and a column name; false if there is no such line. */
bool line_index_byte(const struct line_index *index, unsigned line, unsigned column, size_t *byte);

struct sheet {
    const struct line_index *index;
    unsigned first, n_first; /* the lines of the source that it was made of */
    const char *prefix;      /* what stands in front of each line */
    struct lines lines;
};

/* A place on it. */
struct place {
    size_t line, byte; /* from 0 */
};

/*
 * Lays out n lines from `first` on, without their first `indent` characters, which must be the
 * same on all that are not blank. False if they are not, or without memory.
 */
bool sheet_open(struct sheet *s, struct arena *a, const struct line_index *index, unsigned first,
                unsigned n, unsigned indent);

/* Where a line and column of the source are now; false if they are no longer there. */
bool sheet_find(const struct sheet *s, unsigned line, unsigned column, struct place *out);

/* The same for the end of something: the column behind it. */
bool sheet_find_end(const struct sheet *s, unsigned line, unsigned column, struct place *out);

/* Puts a text, which may have several lines, in the place of a range. */
void sheet_replace(struct sheet *s, struct place from, struct place to, const char *text);

/* What changed, appended to *last as edits that live in `keep`; the place for the next. */
struct edit **sheet_edits(const struct sheet *s, struct arena *keep, struct edit **last);

#endif
