/* SPDX-License-Identifier: Apache-2.0 */
/* Silence by comment: see silence.h. One pass over the lines of each file that has such comments.
 */
#include "lint/silence.h"

#include <limits.h>
#include <string.h>

#include "config/suggest.h"
#include "lint/lint.h"
#include "lint/silence_words.h"

enum { MARKS_PER_FILE = 1000 };

/* One rule of a comment, and the lines for which it is silent. */
struct mark {
    enum rule_id rule;
    unsigned first_line, last_line;
    struct spot spot;
    bool html, used;
};

/* The walk over one file. Marks [waiting, n) want their line, [fenced, fenced_end) a block's end.
 */
struct walk {
    struct lint *l;
    const struct source *source;
    struct mark *marks;
    size_t n, waiting, fenced, fenced_end;
    size_t fence; /* characters of the fence that opened the block; 0: none */
    char fence_of;
    bool going_on; /* the line before ended in a backslash */
};

static const char *nearest_rule(const char *name)
{
    const char *names[RULE_COUNT];

    for (size_t i = 0; i < RULE_COUNT; i++)
        names[i] = rules[i].name;
    return suggest_find(name, names, RULE_COUNT);
}

static void complain(struct walk *w, struct spot spot, const char *name)
{
    const char *near = nearest_rule(name);
    struct finding *f = lint_find(w->l, RULE_IGNORE_UNKNOWN, spot, "no rule '%s'", name);

    if (near)
        finding_cure(w->l, f, "did you mean '%s'?", near);
    else
        finding_cure(w->l, f, "'carve lint --rules' lists them");
}

static void add_mark(struct walk *w, const struct silence_comment *c, struct spot spot,
                     const char *name)
{
    struct mark *grown;
    size_t rule = 0;

    while (rule < RULE_COUNT && strcmp(rules[rule].name, name) != 0)
        rule++;
    if (rule == RULE_COUNT) {
        complain(w, spot, name);
        return;
    }
    if (w->n == MARKS_PER_FILE) {
        lint_find(w->l, RULE_IGNORE_UNKNOWN, (struct spot){.source = w->source},
                  "more than %d rules silenced by comments; the rest is not heeded",
                  MARKS_PER_FILE);
        return;
    }
    grown = arena_grow(&w->l->arena, w->marks, w->n, sizeof *w->marks);
    if (!grown) {
        w->l->out_of_memory = true;
        return;
    }
    w->marks = grown;
    w->marks[w->n++] = (struct mark){
        .rule = (enum rule_id)rule,
        .first_line = c->whole_file ? 0 : spot.line,
        .last_line = c->whole_file ? UINT_MAX : spot.line,
        .spot = spot,
        .html = c->html,
    };
}

static void take_comment(struct walk *w, const struct silence_comment *c, unsigned line)
{
    struct spot spot = {
        .source = w->source,
        .line = line,
        .column = c->column,
        .end_line = line,
        .end_column = c->end_column,
    };
    const char *rest = c->rules;
    char name[SILENCE_NAME_SIZE];

    if (!c->known)
        lint_find(w->l, RULE_IGNORE_UNKNOWN, spot,
                  "a comment of carve-lint that says neither 'ignore' nor 'ignore-file'");
    else if (!silence_next_rule(name, &rest, c->end))
        lint_find(w->l, RULE_IGNORE_UNKNOWN, spot, "this comment names no rule to ignore");
    else
        do
            add_mark(w, c, spot, name);
        while (silence_next_rule(name, &rest, c->end));
    if (!c->alone)
        w->waiting = w->n;
}

/* Characters of a fence that begins the line, with the rest in *rest. */
static size_t fence_at(const char *line, const char *end, const char **rest)
{
    const char *p = line;
    char of = '\0';

    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    if (p < end)
        of = *p;
    line = p;
    while (p < end && *p == of && (of == '`' || of == '~'))
        p++;
    *rest = p;
    return p - line >= 3 ? (size_t)(p - line) : 0;
}

static void end_fence(struct walk *w, unsigned line)
{
    for (; w->fenced < w->fenced_end; w->fenced++)
        w->marks[w->fenced].last_line = line;
    w->fence = 0;
}

/* A line of the file's own words, which comments above it may be waiting for. */
static void take_line(struct walk *w, const char *line, const char *end, unsigned number)
{
    const char *rest;
    size_t fence = fence_at(line, end, &rest);

    if (w->fence > 0 && fence >= w->fence && rest[-1] == w->fence_of &&
        silence_is_blank(rest, end)) {
        end_fence(w, number);
        w->waiting = w->n;
        return;
    }
    if (w->waiting == w->n)
        return;
    if (fence > 0 && w->fence == 0 && w->marks[w->n - 1].html) {
        w->fenced = w->waiting;
        w->fenced_end = w->waiting = w->n;
        w->fence = fence;
        w->fence_of = rest[-1];
        return;
    }
    for (size_t i = w->waiting; i < w->n; i++)
        if (w->marks[i].last_line < number)
            w->marks[i].last_line = number;
    w->going_on = end > line && end[-1] == '\\';
    if (!w->going_on)
        w->waiting = w->n;
}

static void walk_lines(struct walk *w)
{
    const char *line = w->source->text, *all_end = line + w->source->size;

    for (unsigned number = 1; line < all_end; number++) {
        const char *newline = memchr(line, '\n', (size_t)(all_end - line));
        const char *end = newline ? newline : all_end;
        const char *next = newline ? newline + 1 : all_end;
        struct silence_comment c;

        if (end > line && end[-1] == '\r')
            end--;
        if (silence_find(&c, line, end)) {
            if (!c.alone)
                take_line(w, line, end, number);
            take_comment(w, &c, number);
        } else if (w->going_on || !silence_is_idle(line, end)) {
            take_line(w, line, end, number);
        }
        line = next;
    }
    end_fence(w, UINT_MAX);
}

/* Findings are sorted by the names of their files. */
static size_t first_of(const struct lint *l, size_t n, const char *file)
{
    size_t first = 0;

    while (first < n) {
        size_t middle = first + (n - first) / 2;
        const struct source *source = l->findings[middle]->spot.source;

        if (source && strcmp(source->file, file) < 0)
            first = middle + 1;
        else
            n = middle;
    }
    return first;
}

static void use_marks(struct walk *w, struct finding *f)
{
    for (size_t m = 0; m < w->n; m++) {
        struct mark *mark = &w->marks[m];

        if (mark->rule != f->rule || f->spot.line < mark->first_line ||
            f->spot.line > mark->last_line)
            continue;
        w->l->n_silenced += !f->silenced;
        f->silenced = mark->used = true;
    }
}

/* Nobody can say that of a rule that is off, nor where findings were lost. */
static void tell_unused(struct walk *w)
{
    for (size_t m = 0; m < w->n && w->l->n_lost == 0; m++) {
        const struct mark *mark = &w->marks[m];
        struct finding *f;

        if (mark->used || (w->l->severities && w->l->severities[mark->rule] == SEVERITY_OFF))
            continue;
        f = lint_find(w->l, RULE_IGNORE_UNUSED, mark->spot, "nothing here to ignore for '%s'",
                      rules[mark->rule].name);
        finding_cure(w->l, f, "take '%s' out of the comment", rules[mark->rule].name);
    }
}

void silence_apply(struct lint *l)
{
    size_t n_findings = l->n_findings; /* ours come behind */

    for (size_t s = 0; s < l->n_sources; s++) {
        struct walk w = {.l = l, .source = l->sources[s]};

        if (!silence_is_in(w.source->text, w.source->size))
            continue;
        walk_lines(&w);
        for (size_t i = first_of(l, n_findings, w.source->file); i < n_findings; i++) {
            const struct source *source = l->findings[i]->spot.source;

            if (!source || strcmp(source->file, w.source->file) != 0)
                break;
            if (source == w.source)
                use_marks(&w, l->findings[i]);
        }
        tell_unused(&w);
    }
}
