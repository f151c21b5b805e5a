/* SPDX-License-Identifier: Apache-2.0 */
/* What there is to know of rules: `carve lint --explain RULE` and `--rules`. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "cli/lint_output.h"
#include "cli/report.h"
#include "cli/table.h"
#include "config/suggest.h"

static int unknown(const char *name)
{
    const char *names[RULE_COUNT], *near;
    struct err e = {0};

    for (size_t i = 0; i < RULE_COUNT; i++)
        names[i] = rules[i].name;
    near = suggest_find(name, names, RULE_COUNT);
    if (near)
        (void)err_set(&e, ENOENT, "no rule '%s'; did you mean '%s'?", name, near);
    else
        (void)err_set(&e, ENOENT, "no rule '%s'; 'carve lint --rules' lists them", name);
    return report_error(&e);
}

/* Its headings stand out on a terminal; # in a block is a comment. */
static void print_page(const char *page, const struct lint_paint *paint)
{
    bool block = false;

    while (*page) {
        int size = (int)strcspn(page, "\n");
        bool heading = !block && *page == '#';

        if (strncmp(page, "```", 3) == 0)
            block = !block;
        (void)printf("%s%.*s%s\n", heading ? paint->bold : "", size, page,
                     heading ? paint->plain : "");
        page += size;
        page += *page == '\n';
    }
}

int lint_explain(const char *name, bool color)
{
    for (size_t i = 0; i < RULE_COUNT; i++) {
        if (strcmp(rules[i].name, name) != 0)
            continue;
        print_page(rules[i].page, lint_paint(color));
        return report_finish();
    }
    return unknown(name);
}

static int list_json(void)
{
    struct report_document d;

    report_begin(&d);
    json_array(&d.json, "rules");
    for (size_t i = 0; i < RULE_COUNT; i++) {
        json_object(&d.json, NULL);
        json_string(&d.json, "rule", rules[i].name);
        json_string(&d.json, "severity", lint_severity(rules[i].severity));
        json_string(&d.json, "title", rules[i].title);
        json_object_end(&d.json);
    }
    json_array_end(&d.json);
    return report_end(&d);
}

int lint_rules(bool json)
{
    static const char *const heads[] = {"RULE", "SEVERITY", "WHAT IT FINDS"};
    struct err e = {0};
    struct table t;
    int r;

    if (json)
        return list_json();
    table_init(&t, heads, sizeof heads / sizeof heads[0]);
    for (size_t i = 0; i < RULE_COUNT; i++) {
        table_cell(&t, "%s", rules[i].name);
        table_cell(&t, "%s", lint_severity(rules[i].severity));
        table_cell(&t, "%s", rules[i].title);
    }
    r = table_print(&t, stdout, &e);
    table_done(&t);
    return r < 0 ? report_error(&e) : report_finish();
}
