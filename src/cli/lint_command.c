/* SPDX-License-Identifier: Apache-2.0 */
/* `carve lint`: what is read, what it is judged by, and in which form it is told. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/file.h"
#include "cli/lint_options.h"
#include "cli/lint_output.h"
#include "cli/report.h"
#include "cli/verbs.h"
#include "cost/catalog.h"
#include "lint/fix/fix_run.h"
#include "lint/read/read.h"
#include "lint/settings.h"
#include "schema/schema.h"

#define SETTINGS_FILE ".carve-lint.yaml"

enum { DIFF_MAX_BYTES = 512 << 20 };

/* What a run borrows. Owns it. */
struct judge {
    struct catalog *catalog;
    struct schema_set *schemas;
    struct settings settings;
};

static void judge_done(struct judge *j)
{
    catalog_free(j->catalog);
    schema_free(j->schemas);
    settings_done(&j->settings);
}

static bool is_folder(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The settings file here, or else in the first folder that is named; NULL: neither has one. */
static int find_settings(char **out, const struct lint_options *o, struct err *e)
{
    OWN_MEM char *path = strdup(SETTINGS_FILE);

    for (size_t i = 0; path && access(path, F_OK) != 0; i++) {
        while (i < o->paths.n && !is_folder(o->paths.items[i]))
            i++;
        if (i >= o->paths.n) {
            *out = NULL;
            return 0;
        }
        free(path);
        path = file_join(o->paths.items[i], SETTINGS_FILE);
    }
    if (!path)
        return err_memory(e);
    *out = TAKE(path);
    return 0;
}

static int read_settings(struct settings *s, const struct lint_options *o, struct err *e)
{
    OWN_MEM char *found = NULL;
    const char *file = o->settings;

    settings_init(s);
    if (!file && find_settings(&found, o, e) < 0)
        return -e->code;
    if (!file)
        file = found;
    return file ? settings_read(s, file, e) : 0;
}

static int judge_open(struct judge *j, const struct lint_options *o, struct err *e)
{
    int r = read_settings(&j->settings, o, e);

    if (r == 0)
        r = catalog_open(&j->catalog, e);
    for (size_t i = 0; r == 0 && i < o->catalogs.n; i++)
        r = catalog_add(j->catalog, o->catalogs.items[i], e);
    if (r == 0)
        r = schema_open(&j->schemas, e);
    for (size_t i = 0; r == 0 && i < o->schemas.n; i++)
        r = schema_add(j->schemas, o->schemas.items[i], e);
    return r;
}

static void choose_region(struct lint *l, const struct judge *j, const struct lint_options *o)
{
    if (o->region)
        l->region = o->region;
    else if (j->settings.region)
        l->region = j->settings.region;
    if (!catalog_has_region(j->catalog, l->region))
        report_note("warning: the catalog has no prices of region '%s'", l->region);
}

/* Patterns of the settings and of the command line in one list. */
static int read_texts(struct lint *l, const struct judge *j, const struct lint_options *o,
                      struct err *e)
{
    static char here[] = ".";
    char *only_here[] = {here};
    size_t n = j->settings.n_exclude + o->exclude.n;
    OWN_MEM char **exclude = calloc(n + 1, sizeof *exclude);

    if (!exclude)
        return err_memory(e);
    for (size_t i = 0; i < n; i++)
        exclude[i] = i < j->settings.n_exclude ? j->settings.exclude[i]
                                               : o->exclude.items[i - j->settings.n_exclude];
    if (o->paths.n == 0)
        return read_paths(l, only_here, 1, exclude, n, e);
    return read_paths(l, o->paths.items, o->paths.n, exclude, n, e);
}

/* A name that nothing asked for is most often a mistake. */
static void tell_unused(const struct lint *l)
{
    for (size_t i = 0; i < l->n_choices; i++) {
        struct buf known;

        if (l->choices[i].used)
            continue;
        buf_init(&known, 1 << 16);
        for (size_t k = 0; k < l->n_asked; k++)
            buf_printf(&known, "%s%s", k > 0 ? ", " : "", l->asked[k]);
        report_note("warning: nothing asked for --set %s; %s%s", l->choices[i].name,
                    l->n_asked > 0 ? "names that are asked for: " : "no choice is open here",
                    known.data ? known.data : "");
        buf_done(&known);
    }
}

static int tell(struct lint *l, const struct lint_options *o)
{
    switch (o->format) {
    case LINT_FORMAT_TABLE:
        return lint_table(l, o->color);
    case LINT_FORMAT_JSON:
        return lint_json(l);
    case LINT_FORMAT_SARIF:
        return lint_sarif(l);
    case LINT_FORMAT_GITHUB:
        return lint_github(l);
    }
    return REPORT_FAILED;
}

static bool fails(const struct lint *l, enum severity from)
{
    for (size_t i = 0; i < l->n_findings; i++)
        if (lint_shown(l->findings[i]) && l->findings[i]->severity >= from)
            return true;
    return l->n_lost_errors > 0 || (l->n_lost > 0 && from < SEVERITY_ERROR);
}

static int print_diff(const struct fix_run *r)
{
    struct err e = {0};
    struct buf text;
    int code;

    buf_init(&text, DIFF_MAX_BYTES);
    if (fix_run_diff(r, &text, &e) < 0)
        code = report_error(&e);
    else
        code = text.size > 0 ? report_text(&text) : REPORT_FINE;
    buf_done(&text);
    return code;
}

/* A filter: the text of standard input, as it became, on standard output. */
static int print_fixed(const struct lint *l, const struct fix_run *r)
{
    struct buf text;
    int code;

    if (r->n_files == 0) {
        if (l->n_sources > 0)
            (void)fwrite(l->sources[0]->text, 1, l->sources[0]->size, stdout);
        return report_finish();
    }
    buf_init(&text, 2 * (size_t)LINT_MAX_FILE_BYTES);
    fix_run_text(&r->files[0], &text);
    code = report_text(&text);
    buf_done(&text);
    return code;
}

static bool is_filter(const struct lint_options *o)
{
    return o->paths.n == 1 && strcmp(o->paths.items[0], "-") == 0;
}

static int write_fixed(const struct fix_run *r, const struct lint_options *o)
{
    struct err e = {0};

    if (fix_run_write(r, &e) < 0)
        return report_error(&e);
    if (o->format == LINT_FORMAT_TABLE)
        lint_cured(r, o->color);
    return tell(r->last, o);
}

/* With --diff the exit code is that of the files as they are. */
static int fix(struct lint *l, const struct lint_options *o)
{
    struct fix_run r = {0};
    struct err e = {0};
    int code;

    if (fix_run(&r, l, &e) < 0)
        code = report_error(&e);
    else if (o->diff)
        code = print_diff(&r);
    else
        code = is_filter(o) ? print_fixed(l, &r) : write_fixed(&r, o);
    if (code == REPORT_FINE && fails(o->diff ? l : r.last, o->fail_on))
        code = REPORT_FINDINGS;
    fix_run_done(&r);
    return code;
}

static int run(struct lint *l, const struct judge *j, const struct lint_options *o)
{
    struct err e = {0};
    int code;

    l->severities = j->settings.severities;
    l->n_choices = o->n_choices;
    l->choices = o->choices;
    choose_region(l, j, o);
    if (read_texts(l, j, o, &e) < 0 || lint_run(l, &e) < 0)
        return report_error(&e);
    if (o->fix || o->diff) {
        code = fix(l, o);
    } else {
        code = tell(l, o);
        code = code == REPORT_FINE && fails(l, o->fail_on) ? REPORT_FINDINGS : code;
    }
    tell_unused(l);
    return code;
}

static int lint_files(const struct lint_options *o)
{
    struct judge j = {0};
    struct err e = {0};
    struct lint l;
    int code;

    if (judge_open(&j, o, &e) < 0) {
        code = report_error(&e);
    } else {
        lint_init(&l, j.catalog, j.schemas);
        code = run(&l, &j, o);
        lint_done(&l);
    }
    judge_done(&j);
    return code;
}

int cmd_lint(int argc, char **argv)
{
    struct lint_options o;
    struct err e = {0};
    int code;

    if (lint_options_read(&o, argc, argv, &e) < 0)
        return report_error(&e);
    if (o.explain)
        code = lint_explain(o.explain, o.color);
    else if (o.list_rules)
        code = lint_rules(o.format == LINT_FORMAT_JSON);
    else
        code = lint_files(&o);
    lint_options_done(&o);
    return code;
}
