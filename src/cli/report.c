/* SPDX-License-Identifier: Apache-2.0 */
/* How a verb ends: see report.h. */
#include "cli/report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"

enum { DOCUMENT_MAX_BYTES = 64 << 20 };

void report_clean(char *text)
{
    for (unsigned char *p = (unsigned char *)text; *p; p++) {
        if (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0) /* in UTF-8: the controls beyond ASCII */
            p[0] = p[1] = '?';
        if (*p < 0x20 || *p == 0x7f)
            *p = '?';
    }
}

int report_error(const struct err *e)
{
    report_note("%s", e->msg);
    return REPORT_FAILED;
}

void report_note(const char *fmt, ...)
{
    char text[2048];
    va_list args;

    va_start(args, fmt);
    if (vsnprintf(text, sizeof text, fmt, args) < 0)
        text[0] = '\0';
    va_end(args);
    report_clean(text);
    (void)fflush(stdout);
    (void)fprintf(stderr, "carve: %s\n", text);
}

int report_text(const struct buf *b)
{
    struct err e = {0};

    if (buf_check(b, &e) < 0)
        return report_error(&e);
    (void)fwrite(b->data, 1, b->size, stdout);
    if (b->size == 0 || b->data[b->size - 1] != '\n')
        (void)fputc('\n', stdout);
    return report_finish();
}

void report_begin(struct report_document *d)
{
    buf_init(&d->text, DOCUMENT_MAX_BYTES);
    json_init(&d->json, &d->text, 2);
    json_object(&d->json, NULL);
}

int report_end(struct report_document *d)
{
    int code;

    json_object_end(&d->json);
    code = report_text(&d->text);
    buf_done(&d->text);
    return code;
}

int report_finish(void)
{
    struct err e = {0};

    if (fflush(stdout) == 0 && !ferror(stdout))
        return REPORT_FINE;
    (void)err_errno(&e, errno, "write standard output");
    return report_error(&e);
}

bool report_wants_color(FILE *out)
{
    const char *no_color = secure_getenv("NO_COLOR");

    return !(no_color && *no_color) && isatty(fileno(out)) == 1;
}

const char *report_bold(FILE *out)
{
    return report_wants_color(out) ? "\033[1m" : "";
}

const char *report_red(FILE *out)
{
    return report_wants_color(out) ? "\033[31m" : "";
}

const char *report_plain(FILE *out)
{
    return report_wants_color(out) ? "\033[0m" : "";
}
