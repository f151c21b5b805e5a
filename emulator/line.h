/* SPDX-License-Identifier: Apache-2.0 */
/* One line of a node file at a time, cut into words; errors carry the file and the line's number.
 */
#ifndef EMULATOR_LINE_H
#define EMULATOR_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

/* Borrows its text. */
struct line {
    const char *label; /* the file's name in errors */
    const char *at;    /* the next unread byte of this line */
    const char *end;   /* the line's newline, or the text's end */
    const char *next;  /* the next line, or NULL */
    unsigned number;
};

void line_init(struct line *l, const char *text, const char *label);

/* Goes to the next line; false at the end of the text. */
bool line_next(struct line *l);

/* Is there another word on this line, before a '#'? */
bool line_more(struct line *l);

void line_skip(struct line *l);

/* All return 0 or -EINVAL, with words; `key` is what the value belongs to. */
int line_error(const struct line *l, struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
int line_field(struct line *l, char *out, size_t size, const char *key, struct err *e);
int line_rest(struct line *l, char *out, size_t size, const char *key, struct err *e);
int line_number(struct line *l, int64_t *out, uint64_t max, const char *key, struct err *e);
int line_hex(struct line *l, uint32_t *out, const char *key, struct err *e);
/* "8.0" */
int line_version(struct line *l, uint32_t *major, uint32_t *minor, const char *key, struct err *e);
/* A number, or "unsupported", or "error-N": the NVML code that the getter answers, negated. */
int line_number_or_refusal(struct line *l, int64_t *out, const char *key, struct err *e);
/* "0000:10:1c.0" */
int line_bus(struct line *l, uint32_t *domain, uint32_t *bus, uint32_t *device, struct err *e);

#endif
