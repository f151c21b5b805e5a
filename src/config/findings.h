/* SPDX-License-Identifier: Apache-2.0 */
/* What a reader of configuration has to say about it: warnings and errors with their places. */
#ifndef CONFIG_FINDINGS_H
#define CONFIG_FINDINGS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct err;

enum { FINDINGS_MAX = 100 };

struct findings_item {
    bool error; /* else a warning */
    unsigned line, column;
    char *text; /* the thing and the cure */
};

/* Owns its findings. At most 100 are kept; `n_errors` and `n_warnings` count all. */
struct findings {
    char *file;
    size_t count;
    struct findings_item *items; /* in the order found; a parser sorts them by place at its end */
    size_t n_errors, n_warnings;
};

void findings_init(struct findings *f, const char *file);
void findings_done(struct findings *f);

/* Text longer than 500 bytes is cut, control characters become '?'. */
void findings_add(struct findings *f, bool error, unsigned line, unsigned column, const char *fmt,
                  ...) __attribute__((format(printf, 5, 6)));
void findings_vadd(struct findings *f, bool error, unsigned line, unsigned column, const char *fmt,
                   va_list args) __attribute__((format(printf, 5, 0)));

/* By line and column; those without a place (line 0) first, else in the order found. */
void findings_sort(struct findings *f);

/* 0 without errors; else -EINVAL, and e gets the first error's line. */
int findings_verdict(const struct findings *f, struct err *e);

/* "FILE:LINE:COLUMN: error: text" as a new string; line 0 leaves the place out. NULL: no memory. */
char *findings_line(const struct findings *f, size_t index);

#endif
