/* SPDX-License-Identifier: Apache-2.0 */
/* Findings as commands of a GitHub workflow, which shows them at their lines. */
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "cli/lint_output.h"
#include "cli/report.h"

/* What has a meaning in such a command is written as %XX; in a property also what ends one. */
static void put(const char *text, bool property)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p < 0x20 || *p == 0x7f || *p == '%' || (property && strchr(":,", *p)))
            (void)printf("%%%02X", *p);
        else
            (void)fputc(*p, stdout);
    }
}

static void put_finding(const struct finding *f)
{
    static const char *const commands[] = {
        [SEVERITY_OFF] = "debug",
        [SEVERITY_INFO] = "notice",
        [SEVERITY_WARNING] = "warning",
        [SEVERITY_ERROR] = "error",
    };
    const struct spot *s = &f->spot;
    OWN_MEM char *file = s->source ? lint_file(s->source->file) : NULL;

    (void)printf("::%s ", commands[f->severity]);
    if (s->source) {
        (void)fputs("file=", stdout);
        put(file ? file : "?", true);
        (void)fputc(',', stdout);
    }
    if (s->source && s->line > 0) {
        (void)printf("line=%u,endLine=%u,", s->line, s->end_line > s->line ? s->end_line : s->line);
        /* Columns are allowed within one line alone. */
        if (s->end_line <= s->line)
            (void)printf("col=%u,endColumn=%u,", s->column,
                         s->end_column > s->column ? s->end_column : s->column);
    }
    (void)printf("title=%s::", rules[f->rule].name);
    put(f->message, false);
    if (*f->cure) {
        (void)fputs("%0A", stdout);
        put(f->cure, false);
    }
    (void)fputc('\n', stdout);
}

int lint_github(const struct lint *l)
{
    for (size_t i = 0; i < l->n_findings; i++)
        if (lint_shown(l->findings[i]))
            put_finding(l->findings[i]);
    return report_finish();
}
