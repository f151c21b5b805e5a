/* SPDX-License-Identifier: Apache-2.0 */
/* Table printer: see table.h. Knows nothing of what it prints. */
#include "cli/table.h"

#include <stdarg.h>
#include <string.h>

#include "cli/report.h"

enum { TABLE_MAX_BYTES = 64 << 20, CELL_MAX = 512, GAP = 2 };

static size_t characters(const char *text)
{
    size_t n = 0;

    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80; /* all but UTF-8's later bytes */
    return n;
}

static const char *head_text(const char *head)
{
    return *head == '>' ? head + 1 : head;
}

void table_init(struct table *t, const char *const *heads, size_t n_columns)
{
    *t = (struct table){.heads = heads, .n_columns = n_columns};
    buf_init(&t->cells, TABLE_MAX_BYTES);
    for (size_t c = 0; c < n_columns; c++)
        t->width[c] = characters(head_text(heads[c]));
}

void table_done(struct table *t)
{
    buf_done(&t->cells);
}

void table_cell(struct table *t, const char *fmt, ...)
{
    size_t column = t->n_cells % t->n_columns;
    char text[CELL_MAX];
    size_t width;
    va_list args;

    va_start(args, fmt);
    if (vsnprintf(text, sizeof text, fmt, args) < 0)
        text[0] = '\0';
    va_end(args);
    report_clean(text);
    width = characters(text);
    if (width > t->width[column])
        t->width[column] = width;
    buf_add(&t->cells, text, strlen(text) + 1);
    t->n_cells++;
}

void table_end_row(struct table *t)
{
    while (t->n_cells % t->n_columns != 0)
        table_cell(t, "%s", "");
}

/* Spaces are owed until a text follows, so that no line ends in them. */
static void print_cell(const struct table *t, size_t column, const char *text, size_t *owed,
                       FILE *out)
{
    size_t pad = t->width[column] - characters(text);

    if (t->heads[column][0] == '>') {
        *owed += pad;
        pad = 0;
    }
    if (*text) {
        (void)fprintf(out, "%*s%s", (int)*owed, "", text);
        *owed = 0;
    }
    *owed += pad + GAP;
}

int table_print(struct table *t, FILE *out, struct err *e)
{
    const char *text = t->cells.data;
    size_t owed = 0;
    int r;

    table_end_row(t);
    r = buf_check(&t->cells, e);
    if (r < 0)
        return r;
    if (t->n_cells == 0 || t->n_columns == 0)
        return 0;
    (void)fputs(report_bold(out), out);
    for (size_t c = 0; c < t->n_columns; c++)
        print_cell(t, c, head_text(t->heads[c]), &owed, out);
    (void)fprintf(out, "%s\n", report_plain(out));
    for (size_t i = 0; i < t->n_cells; i++) {
        if (i % t->n_columns == 0)
            owed = 0;
        print_cell(t, i % t->n_columns, text, &owed, out);
        text += strlen(text) + 1;
        if ((i + 1) % t->n_columns == 0)
            (void)fputc('\n', out);
    }
    return 0;
}
