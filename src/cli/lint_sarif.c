/* SPDX-License-Identifier: Apache-2.0 */
/* Findings as SARIF 2.1.0, with the manual of the rules that found something and with the fixes. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/own.h"
#include "cli/lint_output.h"
#include "cli/report.h"
#include "lint/fix/fix.h"

enum { MAX_BYTES = 256 << 20 };

/* Position of each rule in the list of those that found something. */
struct index {
    size_t n;
    size_t of[RULE_COUNT];
    bool has[RULE_COUNT];
};

static const char *level(enum severity severity)
{
    return severity == SEVERITY_INFO ? "note" : lint_severity(severity);
}

static void put_text(struct json *j, const char *key, const char *name, const char *text)
{
    json_object(j, key);
    json_string(j, name, text);
    json_object_end(j);
}

static void put_rule(struct json *j, const struct rule *rule)
{
    json_object(j, NULL);
    json_string(j, "id", rule->name);
    put_text(j, "shortDescription", "text", rule->title);
    json_object(j, "help");
    json_string(j, "text", rule->title);
    json_string(j, "markdown", rule->page);
    json_object_end(j);
    put_text(j, "defaultConfiguration", "level", level(rule->severity));
    json_object_end(j);
}

static void put_rules(struct json *j, const struct lint *l, struct index *index)
{
    for (size_t i = 0; i < l->n_findings; i++)
        if (lint_shown(l->findings[i]))
            index->has[l->findings[i]->rule] = true;
    json_array(j, "rules");
    for (size_t i = 0; i < RULE_COUNT; i++) {
        if (!index->has[i])
            continue;
        put_rule(j, &rules[i]);
        index->of[i] = index->n++;
    }
    json_array_end(j);
}

/* A path as a URI: what may not stand in one is written as %XX. */
static void put_file(struct json *j, const char *file)
{
    static const char legal[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";
    struct buf uri;

    buf_init(&uri, MAX_BYTES);
    while (file[0] == '.' && file[1] == '/' && file[2])
        file += 2;
    buf_text(&uri, *file == '/' ? "file://" : "");
    if (strcmp(file, "-") == 0)
        file = "stdin";
    for (; *file; file++) {
        if (strchr(legal, *file))
            buf_char(&uri, *file);
        else
            buf_printf(&uri, "%%%02X", (unsigned char)*file);
    }
    if (uri.failed)
        j->out->failed = true;
    else
        put_text(j, "artifactLocation", "uri", uri.data ? uri.data : "");
    buf_done(&uri);
}

static void put_region(struct json *j, const char *key, const struct spot *s)
{
    json_object(j, key);
    json_uint(j, "startLine", s->line);
    json_uint(j, "startColumn", s->column > 0 ? s->column : 1);
    if (s->end_line >= s->line) {
        json_uint(j, "endLine", s->end_line);
        json_uint(j, "endColumn", s->end_column > 0 ? s->end_column : 1);
    }
    json_object_end(j);
}

static void put_locations(struct json *j, const struct spot *s)
{
    json_array(j, "locations");
    if (s->source) {
        json_object(j, NULL);
        json_object(j, "physicalLocation");
        put_file(j, s->source->file);
        if (s->line > 0)
            put_region(j, "region", s);
        json_object_end(j);
        json_object_end(j);
    }
    json_array_end(j);
}

static void put_edit(struct json *j, const struct edit *edit)
{
    OWN_MEM char *text = strdup(edit->text);

    if (!text) {
        j->out->failed = true;
        return;
    }
    json_object(j, NULL);
    put_region(j, "deletedRegion", &edit->spot);
    put_text(j, "insertedContent", "text", text);
    json_object_end(j);
}

/* An edit after the other, each as a change of its file; they may be in any order. */
static void put_fix(struct json *j, struct lint *l, const struct finding *f)
{
    const struct edit *first = fix_ranges(l, f);

    if (!first)
        return;
    json_array(j, "fixes");
    json_object(j, NULL);
    put_text(j, "description", "text", *f->cure ? f->cure : f->message);
    json_array(j, "artifactChanges");
    for (const struct edit *edit = first; edit; edit = edit->next) {
        json_object(j, NULL);
        put_file(j, edit->spot.source->file);
        json_array(j, "replacements");
        put_edit(j, edit);
        json_array_end(j);
        json_object_end(j);
    }
    json_array_end(j);
    json_object_end(j);
    json_array_end(j);
}

static void put_result(struct json *j, struct lint *l, const struct finding *f,
                       const struct index *index)
{
    OWN_MEM char *text = NULL;

    if (asprintf(&text, "%s%s%s", f->message, *f->cure ? "; " : "", f->cure) < 0) {
        text = NULL;
        j->out->failed = true;
        return;
    }
    json_object(j, NULL);
    json_string(j, "ruleId", rules[f->rule].name);
    json_uint(j, "ruleIndex", index->of[f->rule]);
    json_string(j, "level", level(f->severity));
    put_text(j, "message", "text", text);
    put_locations(j, &f->spot);
    if (f->edits)
        put_fix(j, l, f);
    json_object_end(j);
}

static void put_run(struct json *j, struct lint *l)
{
    struct index index = {0};

    json_object(j, NULL);
    json_object(j, "tool");
    json_object(j, "driver");
    json_string(j, "name", "carve lint");
    json_string(j, "version", CARVE_VERSION);
    put_rules(j, l, &index);
    json_object_end(j);
    json_object_end(j);
    json_string(j, "columnKind", "unicodeCodePoints");
    json_array(j, "results");
    for (size_t i = 0; i < l->n_findings; i++)
        if (lint_shown(l->findings[i]))
            put_result(j, l, l->findings[i], &index);
    json_array_end(j);
    json_object_end(j);
}

int lint_sarif(struct lint *l)
{
    struct buf text;
    struct json j;
    int code;

    buf_init(&text, MAX_BYTES);
    json_init(&j, &text, 2);
    json_object(&j, NULL);
    json_string(&j, "$schema", "https://json.schemastore.org/sarif-2.1.0.json");
    json_string(&j, "version", "2.1.0");
    json_array(&j, "runs");
    put_run(&j, l);
    json_array_end(&j);
    json_object_end(&j);
    code = report_text(&text);
    buf_done(&text);
    return code;
}
