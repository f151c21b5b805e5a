/* SPDX-License-Identifier: Apache-2.0 */
/* How a verb ends: exit codes, errors in words on stderr, JSON on stdout, color on terminals. */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/json.h"

struct err;

enum report_exit {
    REPORT_FINE = 0,
    REPORT_FINDINGS = 1, /* findings or a shortfall */
    REPORT_FAILED = 2,   /* could not do it */
};

/* Control bytes become '?', so that nobody's name writes to somebody's terminal. */
void report_clean(char *text);

/* "carve: words" on stderr; returns REPORT_FAILED. */
int report_error(const struct err *e);
void report_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Writes the buffer and a newline to stdout; returns an exit code. */
int report_text(const struct buf *b);

/* One JSON object on stdout, whose members go to `json`. Do not move it. */
struct report_document {
    struct buf text;
    struct json json;
};
void report_begin(struct report_document *d);
int report_end(struct report_document *d); /* writes it, frees it; returns an exit code */

/* REPORT_FINE, or REPORT_FAILED with words if stdout could not be written. */
int report_finish(void);

/* Whether out is a terminal and NO_COLOR is not set. */
bool report_wants_color(FILE *out);

/* Escape sequences, or "" where out is no terminal or NO_COLOR is set. */
const char *report_bold(FILE *out);
const char *report_red(FILE *out);
const char *report_plain(FILE *out);

#endif
