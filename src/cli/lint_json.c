/* SPDX-License-Identifier: Apache-2.0 */
/* Findings as a JSON array. A finding about all of the files together has no file and line 0. */
#include "base/own.h"
#include "cli/lint_output.h"
#include "cli/report.h"

enum { MAX_BYTES = 256 << 20 };

static void put_file(struct json *j, const struct source *source)
{
    OWN_MEM char *name = source ? lint_file(source->file) : NULL;

    if (source && !name)
        j->out->failed = true;
    json_string(j, "file", name ? name : "");
}

static void put(struct json *j, const struct finding *f)
{
    json_object(j, NULL);
    json_string(j, "rule", rules[f->rule].name);
    json_string(j, "severity", lint_severity(f->severity));
    put_file(j, f->spot.source);
    json_uint(j, "line", f->spot.line);
    json_uint(j, "column", f->spot.column);
    json_uint(j, "endLine", f->spot.end_line);
    json_uint(j, "endColumn", f->spot.end_column);
    json_string(j, "message", f->message);
    json_string(j, "cure", f->cure);
    json_bool(j, "fixable", f->edits != NULL);
    json_string(j, "choice", f->edits ? NULL : f->choice);
    json_object_end(j);
}

int lint_json(const struct lint *l)
{
    struct buf text;
    struct json j;
    int code;

    buf_init(&text, MAX_BYTES);
    json_init(&j, &text, 2);
    json_array(&j, NULL);
    for (size_t i = 0; i < l->n_findings; i++)
        if (lint_shown(l->findings[i]))
            put(&j, l->findings[i]);
    json_array_end(&j);
    code = report_text(&text);
    buf_done(&text);
    return code;
}
