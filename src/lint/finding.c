/* SPDX-License-Identifier: Apache-2.0 */
/* Findings of a run: see finding.h. What they say is made harmless here, whatever the input held.
 */
#include "lint/finding.h"

#include <stdarg.h>
#include <string.h>

#include "base/utf8.h"
#include "lint/lint.h"

static enum severity severity_of(const struct lint *l, enum rule_id rule)
{
    return l->severities ? l->severities[rule] : rules[rule].severity;
}

/* What nobody will see still has to be somewhere, since callers write to what they get. */
static struct finding *spare_of(struct lint *l)
{
    l->spare = (struct finding){0};
    return &l->spare;
}

static struct finding *make_room(struct lint *l, enum severity severity)
{
    struct finding **grown;
    struct finding *f;

    if (severity == SEVERITY_OFF) {
        l->n_silenced++;
        return spare_of(l);
    }
    if (l->n_findings == LINT_MAX_FINDINGS) {
        l->n_lost++;
        l->n_lost_errors += severity == SEVERITY_ERROR;
        return spare_of(l);
    }
    grown = arena_grow(&l->arena, l->findings, l->n_findings, sizeof(struct finding *));
    f = arena_alloc(&l->arena, sizeof *f);
    if (!grown || !f) {
        l->out_of_memory = true;
        return spare_of(l);
    }
    l->findings = grown;
    l->findings[l->n_findings++] = f;
    return f;
}

/* One harmless line; "" without memory. */
__attribute__((format(printf, 2, 0))) static const char *words(struct lint *l, const char *fmt,
                                                               va_list args)
{
    char *text = arena_vprintf(&l->arena, fmt, args);

    if (!text) {
        l->out_of_memory = true;
        return "";
    }
    utf8_clean(text);
    return text;
}

struct finding *lint_find(struct lint *l, enum rule_id rule, struct spot spot, const char *fmt, ...)
{
    enum severity severity = severity_of(l, rule);
    struct finding *f = make_room(l, severity);
    va_list args;

    f->rule = rule;
    f->severity = severity;
    f->spot = spot;
    f->message = f->cure = "";
    if (f == &l->spare)
        return f;
    va_start(args, fmt);
    f->message = words(l, fmt, args);
    va_end(args);
    return f;
}

void finding_cure(struct lint *l, struct finding *f, const char *fmt, ...)
{
    va_list args;

    if (f == &l->spare)
        return;
    va_start(args, fmt);
    f->cure = words(l, fmt, args);
    va_end(args);
}

/* Keeps the name, so that an unused --set can be told what there was to choose. */
static const char *ask(struct lint *l, const char *name)
{
    const char **grown;
    char *copy;

    for (size_t i = 0; i < l->n_asked; i++)
        if (strcmp(l->asked[i], name) == 0)
            return l->asked[i];
    copy = arena_text(&l->arena, name);
    if (!copy)
        goto failed;
    utf8_clean(copy);
    if (l->n_asked == LINT_MAX_ASKED)
        return copy;
    grown = arena_grow(&l->arena, l->asked, l->n_asked, sizeof(const char *));
    if (!grown)
        goto failed;
    l->asked = grown;
    l->asked[l->n_asked++] = copy;
    return copy;

failed:
    l->out_of_memory = true;
    return "";
}

const char *finding_choose(struct lint *l, struct finding *f, const char *name, const char *is)
{
    for (size_t i = 0; i < l->n_choices; i++) {
        if (strcmp(l->choices[i].name, name) != 0)
            continue;
        l->choices[i].used = true;
        return l->choices[i].value;
    }
    if (f == &l->spare || f->choice)
        return NULL;
    f->choice = ask(l, name);
    f->choice_is = arena_text(&l->arena, is);
    if (!f->choice_is) {
        l->out_of_memory = true;
        f->choice_is = "";
    }
    return NULL;
}
