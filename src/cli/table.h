/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Aligned tables for people. Cells are added in reading order and printed at the end, when the
 * widths are known. Control bytes in a cell become '?', so that a process or pod cannot write to
 * somebody's terminal.
 */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stddef.h>
#include <stdio.h>

#include "base/buf.h"

enum { TABLE_MAX_COLUMNS = 16 };

/* Borrows the heads; owns its cells. A head that starts with '>' makes its column flush right. */
struct table {
    const char *const *heads;
    size_t n_columns;
    struct buf cells; /* NUL-terminated texts */
    size_t n_cells;
    size_t width[TABLE_MAX_COLUMNS]; /* in characters */
};

void table_init(struct table *t, const char *const *heads, size_t n_columns);
void table_done(struct table *t);
void table_cell(struct table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Fills the rest of the row with empty cells; nothing happens at a row's start. */
void table_end_row(struct table *t);

/* Heads and rows; nothing at all without rows. -ENOMEM / -EFBIG if a cell was lost. */
struct err;
int table_print(struct table *t, FILE *out, struct err *e);

#endif
