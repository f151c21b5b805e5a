/* SPDX-License-Identifier: Apache-2.0 */
/* Findings: see findings.h. Without memory a finding is still counted, so an error stays one. */
#include "config/findings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/own.h"

void findings_init(struct findings *f, const char *file)
{
    *f = (struct findings){.file = strdup(file)};
}

void findings_done(struct findings *f)
{
    for (size_t i = 0; i < f->count; i++)
        free(f->items[i].text);
    free(f->items);
    free(f->file);
    *f = (struct findings){0};
}

/* A key with a line break must not look like a second finding. */
static void make_printable(char *text)
{
    for (unsigned char *p = (unsigned char *)text; *p; p++)
        if (*p < 0x20 || *p == 0x7f)
            *p = '?';
}

/* The place of the next finding; when all are taken an error pushes out the latest warning. */
static struct findings_item *make_room(struct findings *f, bool error)
{
    if (!f->items)
        f->items = calloc(FINDINGS_MAX, sizeof *f->items);
    if (!f->items)
        return NULL;
    if (f->count < FINDINGS_MAX)
        return &f->items[f->count++];
    for (size_t i = f->count; error && i-- > 0;)
        if (!f->items[i].error)
            return &f->items[i];
    return NULL;
}

void findings_vadd(struct findings *f, bool error, unsigned line, unsigned column, const char *fmt,
                   va_list args)
{
    char words[501];
    struct findings_item *item;
    char *text;

    if (error)
        f->n_errors++;
    else
        f->n_warnings++;
    (void)vsnprintf(words, sizeof words, fmt, args);
    make_printable(words);
    text = strdup(words);
    item = text ? make_room(f, error) : NULL;
    if (!item) {
        free(text);
        return;
    }
    free(item->text);
    *item = (struct findings_item){.error = error, .line = line, .column = column, .text = text};
}

void findings_add(struct findings *f, bool error, unsigned line, unsigned column, const char *fmt,
                  ...)
{
    va_list args;

    va_start(args, fmt);
    findings_vadd(f, error, line, column, fmt, args);
    va_end(args);
}

static bool comes_before(const struct findings_item *a, const struct findings_item *b)
{
    return a->line < b->line || (a->line == b->line && a->column < b->column);
}

/* Insertion: stable, and there are at most a hundred. */
void findings_sort(struct findings *f)
{
    for (size_t i = 1; i < f->count; i++) {
        struct findings_item moving = f->items[i];
        size_t place = i;

        for (; place > 0 && comes_before(&moving, &f->items[place - 1]); place--)
            f->items[place] = f->items[place - 1];
        f->items[place] = moving;
    }
}

int findings_verdict(const struct findings *f, struct err *e)
{
    if (f->n_errors == 0)
        return 0;
    for (size_t i = 0; i < f->count; i++) {
        OWN_MEM char *line = f->items[i].error ? findings_line(f, i) : NULL;

        if (line)
            return err_set(e, EINVAL, "%s", line);
    }
    return err_set(e, EINVAL, "%s: %zu errors", f->file ? f->file : "configuration", f->n_errors);
}

char *findings_line(const struct findings *f, size_t index)
{
    const struct findings_item *item = &f->items[index];
    const char *kind = item->error ? "error" : "warning";
    char *line = NULL;
    int r;

    if (item->line == 0)
        r = asprintf(&line, "%s: %s", kind, item->text);
    else
        r = asprintf(&line, "%s:%u:%u: %s: %s", f->file ? f->file : "?", item->line, item->column,
                     kind, item->text);
    return r < 0 ? NULL : line;
}
