/* SPDX-License-Identifier: Apache-2.0 */
/* Findings for people: see lint_output.h. A cure that was told once is not told again at once. */
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "base/utf8.h"
#include "cli/lint_output.h"
#include "cli/report.h"

/* What the summary counts. */
struct tally {
    size_t by_severity[SEVERITY_ERROR + 1];
    size_t files, fixable, waiting;
    const char *choice; /* the first that a fix waits for */
};

const char *lint_severity(enum severity severity)
{
    static const char *const names[] = {
        [SEVERITY_OFF] = "off",
        [SEVERITY_INFO] = "info",
        [SEVERITY_WARNING] = "warning",
        [SEVERITY_ERROR] = "error",
    };

    return names[severity];
}

bool lint_shown(const struct finding *f)
{
    return !f->silenced && f->severity != SEVERITY_OFF;
}

const struct lint_paint *lint_paint(bool color)
{
    static const struct lint_paint none = {"", {"", "", "", ""}, "", ""};
    static const struct lint_paint colors = {
        "\033[1m", {"", "\033[36m", "\033[1;33m", "\033[1;31m"}, "\033[32m", "\033[0m"};

    return color ? &colors : &none;
}

char *lint_file(const char *file)
{
    char *clean;

    while (file[0] == '.' && file[1] == '/' && file[2])
        file += 2;
    clean = strdup(file);
    if (clean)
        utf8_clean(clean);
    return clean;
}

static void print_place(const struct spot *spot, const struct lint_paint *paint)
{
    OWN_MEM char *file = NULL;

    if (!spot->source)
        return;
    file = lint_file(spot->source->file);
    (void)printf("%s%s", paint->bold, file ? file : "?");
    if (spot->line > 0)
        (void)printf(":%u:%u", spot->line, spot->column);
    (void)printf(":%s ", paint->plain);
}

/* The last cure of each rule that was told. */
static void print_cure(const struct finding *f, const char *told[RULE_COUNT])
{
    if (*f->cure && (!told[f->rule] || strcmp(told[f->rule], f->cure) != 0))
        (void)printf("       = cure: %s\n", f->cure);
    told[f->rule] = f->cure;
    if (f->edits)
        (void)puts("       = fixable");
    else if (f->choice)
        (void)printf("       = needs a choice: --set %s=...%s%s%s\n", f->choice,
                     *f->choice_is ? " (" : "", f->choice_is, *f->choice_is ? ")" : "");
}

static void count(struct tally *t, const struct finding *f, const struct finding *before)
{
    t->by_severity[f->severity]++;
    t->files += f->spot.source && (!before || before->spot.source != f->spot.source);
    t->fixable += f->edits != NULL;
    if (f->edits || !f->choice)
        return;
    t->waiting++;
    if (!t->choice)
        t->choice = f->choice;
}

static void print_number(size_t n, const char *one, const char *many, const char **between)
{
    if (n == 0)
        return;
    (void)printf("%s%zu %s", *between, n, n == 1 ? one : many);
    *between = ", ";
}

static void print_summary(const struct lint *l, const struct tally *t)
{
    const char *between = "";

    print_number(t->by_severity[SEVERITY_ERROR], "error", "errors", &between);
    print_number(t->by_severity[SEVERITY_WARNING], "warning", "warnings", &between);
    print_number(t->by_severity[SEVERITY_INFO], "info", "info", &between);
    if (!*between)
        (void)fputs("nothing found", stdout);
    if (t->files > 0)
        (void)printf(" in %zu of %zu file%s", t->files, l->n_sources, l->n_sources == 1 ? "" : "s");
    else
        (void)printf(" in %zu file%s", l->n_sources, l->n_sources == 1 ? "" : "s");
    if (l->n_silenced > 0)
        (void)printf(", %zu silenced", l->n_silenced);
    if (l->n_lost > 0)
        (void)printf(", %zu more not shown", l->n_lost);
    (void)fputc('\n', stdout);
    if (t->fixable > 0)
        (void)printf("--fix cures %zu of them; --diff shows how\n", t->fixable);
    if (t->waiting > 0)
        (void)printf("%zu need%s a choice before --fix can cure them: --set %s=...\n", t->waiting,
                     t->waiting == 1 ? "s" : "", t->choice);
    if (*between)
        (void)puts("'carve lint --explain RULE' tells why, and shows an example");
}

int lint_table(const struct lint *l, bool color)
{
    const struct lint_paint *paint = lint_paint(color);
    const struct finding *before = NULL;
    const char *told[RULE_COUNT] = {0};
    struct lint_excerpt excerpt = {0};
    struct tally tally = {0};

    for (size_t i = 0; i < l->n_findings; i++) {
        const struct finding *f = l->findings[i];

        if (!lint_shown(f))
            continue;
        print_place(&f->spot, paint);
        (void)printf("%s%s:%s %s%s%s [%s]\n", paint->severity[f->severity],
                     lint_severity(f->severity), paint->plain, paint->bold, f->message,
                     paint->plain, rules[f->rule].name);
        lint_excerpt(&excerpt, &f->spot, paint);
        print_cure(f, told);
        count(&tally, f, before);
        before = f;
    }
    if (before)
        (void)fputc('\n', stdout);
    print_summary(l, &tally);
    return report_finish();
}
