/* SPDX-License-Identifier: Apache-2.0 */
/* One round of fixing: see fix_round.h. */
#include "lint/fix/fix_round.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "lint/fix/fix.h"
#include "lint/fix/fix_apply.h"
#include "lint/fix/fix_step.h"
#include "lint/read/read.h"
#include "lint/read/source.h"

enum { MAX_TAKEN = 2000 }; /* a round; each is compared with all in its source */

/* The ranges that are replaced in a source. */
struct fix_slot {
    size_t n, n_findings;
    struct fix_range *ranges;
};

int fix_round_open(struct fix_round *round, struct fix_run *run, struct lint *before, bool *alone,
                   struct err *e)
{
    *round = (struct fix_round){.run = run, .before = before, .alone = alone};
    round->indexes = arena_array(&round->arena, before->n_sources + 1, sizeof *round->indexes);
    round->slots = arena_array(&round->arena, before->n_sources + 1, sizeof *round->slots);
    return round->indexes && round->slots ? 0 : err_memory(e);
}

void fix_round_done(struct fix_round *round)
{
    arena_done(&round->arena);
}

static size_t place_of_source(const struct lint *l, const struct source *source)
{
    for (size_t i = 0; i < l->n_sources; i++)
        if (l->sources[i] == source)
            return i;
    return l->n_sources;
}

/* An edit in bytes; the source's place in the run, or n_sources if it names nothing. */
static size_t range_of(struct fix_round *round, struct fix_range *out, const struct edit *edit)
{
    size_t n = round->before->n_sources, at = place_of_source(round->before, edit->spot.source);

    if (at == n)
        return n;
    if (!round->indexes[at].source &&
        !line_index_make(&round->arena, &round->indexes[at], edit->spot.source))
        return n;
    return fix_range_of(out, &round->indexes[at], edit) ? at : n;
}

/* With not more than the end of a line between them they may belong together. */
static bool is_near(const struct fix_range *a, const struct fix_range *b)
{
    enum { NEAR = 2 };

    return a->from <= b->to + NEAR && b->from <= a->to + NEAR;
}

static bool is_free(struct fix_round *round, const struct fix_taken *t)
{
    for (const struct edit *edit = t->ranges; edit; edit = edit->next) {
        struct fix_range range = {0};
        size_t at = range_of(round, &range, edit);
        const struct fix_slot *slot = &round->slots[at];

        if (at == round->before->n_sources || (round->alone[at] && slot->n_findings > 0))
            return false;
        for (size_t i = 0; i < slot->n; i++)
            if (is_near(&slot->ranges[i], &range))
                return false;
    }
    return true;
}

/* A further document or command that another finding adds as well is wanted once. */
static bool adds_the_same(const struct finding *a, const struct finding *b)
{
    for (const struct edit *x = a->edits; x; x = x->next) {
        if (!x->step || (x->step->kind != FIX_ADD_DOCUMENT && x->step->kind != FIX_ADD_COMMAND))
            continue;
        for (const struct edit *y = b->edits; y; y = y->next)
            if (y->step && y->step->kind == x->step->kind &&
                strcmp(x->step->text, y->step->text) == 0)
                return true;
    }
    return false;
}

static bool is_wanted(const struct fix_round *round, const struct finding *f)
{
    if (!f->edits || f->silenced || f->severity == SEVERITY_OFF || fix_has_failed(round->run, f))
        return false;
    for (size_t i = 0; i < round->n_taken; i++)
        if (adds_the_same(round->taken[i].finding, f))
            return false;
    return true;
}

static bool take(struct fix_round *round, const struct fix_taken *t)
{
    const struct source *counted = NULL;

    for (const struct edit *edit = t->ranges; edit; edit = edit->next) {
        struct fix_range range, *grown;
        size_t at = range_of(round, &range, edit);
        struct fix_slot *slot = &round->slots[at];

        grown = arena_grow(&round->arena, slot->ranges, slot->n, sizeof range);
        if (!grown)
            return false;
        slot->ranges = grown;
        range.order = slot->n;
        grown[slot->n++] = range;
        slot->n_findings += counted != edit->spot.source;
        counted = edit->spot.source;
    }
    round->taken[round->n_taken++] = *t;
    return true;
}

int fix_round_choose(struct fix_round *round, struct err *e)
{
    struct lint *l = round->before;

    round->taken = arena_array(&round->arena, MAX_TAKEN, sizeof *round->taken);
    if (!round->taken)
        return err_memory(e);
    for (size_t i = 0; i < l->n_findings && round->n_taken < MAX_TAKEN; i++) {
        struct fix_taken t = {.finding = l->findings[i]};

        if (!is_wanted(round, t.finding))
            continue;
        t.ranges = fix_ranges(l, t.finding);
        if (t.ranges && is_free(round, &t) && !take(round, &t))
            return err_memory(e);
    }
    return l->arena.failed || round->arena.failed ? err_memory(e) : 0;
}

static const struct fault *fault_of(const struct lint *l, const struct source *source)
{
    for (size_t i = 0; i < l->n_faults; i++)
        if (l->faults[i].spot.source == source &&
            (l->faults[i].rule == RULE_FILE_UNREADABLE || l->faults[i].rule == RULE_FILE_TOO_LARGE))
            return &l->faults[i];
    return NULL;
}

static int copy_fault(struct lint *l, const struct fault *fault, const struct source *source,
                      struct err *e)
{
    struct spot spot = fault->spot;
    const char *cure = arena_text(&l->arena, fault->cure);

    if (!cure)
        return err_memory(e);
    spot.source = source;
    source_fault(l, fault->rule, spot, cure, "%s", fault->message);
    return 0;
}

/* A file that could not be read is as it was: it is told again, not read again. */
static int carry(struct lint *l, const struct source *s, const struct fault *fault, struct err *e)
{
    struct source *copy = source_add(l, s->file, "", 0);

    if (!copy)
        return err_memory(e);
    return fault ? copy_fault(l, fault, copy, e) : 0;
}

static int read_source(struct fix_round *round, size_t at, struct err *e)
{
    const struct source *s = round->before->sources[at];
    struct fix_slot *slot = &round->slots[at];
    struct lint *l = round->after;
    struct buf text;
    int r;

    if (s->size == 0 || memchr(s->text, '\0', s->size))
        return carry(l, s, fault_of(round->before, s), e);
    if (slot->n == 0) {
        r = read_text(l, s->file, s->text, s->size, e);
    } else {
        buf_init(&text, LINT_MAX_FILE_BYTES);
        if (fix_apply(&text, s, slot->ranges, slot->n))
            r = read_text(l, s->file, text.data, text.size, e);
        else
            r = err_set(e, EINVAL, "cannot edit '%s'", s->file);
        buf_done(&text);
    }
    if (r == 0)
        l->sources[l->n_sources - 1]->bom = s->bom;
    return r;
}

int fix_round_make(struct fix_round *round, struct err *e)
{
    struct lint *before = round->before, *l = calloc(1, sizeof *l);
    int r = 0;

    round->after = l;
    if (!l)
        return err_memory(e);
    lint_init(l, before->catalog, before->schemas);
    l->n_choices = before->n_choices;
    l->choices = before->choices;
    l->region = before->region;
    l->severities = before->severities;
    for (size_t i = 0; i < before->n_sources && r == 0; i++)
        r = read_source(round, i, e);
    for (size_t i = 0; i < before->n_faults && r == 0; i++)
        if (!before->faults[i].spot.source)
            r = copy_fault(l, &before->faults[i], NULL, e);
    l->system.partial |= before->system.partial;
    return r == 0 ? lint_run(l, e) : r;
}

bool fix_has_failed(const struct fix_run *run, const struct finding *f)
{
    const char *file = f->spot.source ? f->spot.source->file : "";

    for (size_t i = 0; i < run->n_failed; i++)
        if (strcmp(run->failed[i].rule, rules[f->rule].name) == 0 &&
            strcmp(run->failed[i].file, file) == 0 &&
            strcmp(run->failed[i].message, f->message) == 0)
            return true;
    return false;
}

const char *fix_taken_file(const struct fix_taken *t)
{
    const struct source *s = t->finding->spot.source;

    return s ? s->file : t->ranges->spot.source->file;
}

/* Documents less what is wrong with texts: the more the better. */
static long worth(const struct lint *l, size_t at)
{
    const struct source *source = l->sources[at];
    long n = 0;

    for (size_t i = 0; i < l->system.n_documents; i++)
        n += l->system.documents[i]->piece->source == source;
    for (size_t i = 0; i < l->n_faults; i++)
        n -= l->faults[i].spot.source == source;
    for (size_t i = 0; i < l->n_findings; i++)
        n -= l->findings[i]->rule == RULE_YAML_DUPLICATE_KEY &&
             l->findings[i]->spot.source == source;
    return n;
}

static bool touches(const struct fix_taken *t, const struct source *source)
{
    for (const struct edit *edit = t->ranges; edit; edit = edit->next)
        if (edit->spot.source == source)
            return true;
    return false;
}

/* Of several that broke a text together none is blamed: the next time they come one by one. */
static bool check_texts(struct fix_round *round)
{
    bool good = true;

    for (size_t at = 0; at < round->before->n_sources; at++) {
        if (round->slots[at].n == 0 || worth(round->after, at) >= worth(round->before, at))
            continue;
        good = false;
        round->alone[at] = true;
        for (size_t i = 0; i < round->n_taken && round->slots[at].n_findings == 1; i++)
            if (touches(&round->taken[i], round->before->sources[at])) {
                round->taken[i].failed = true;
                round->taken[i].why = "with its fix the text cannot be read as before";
            }
    }
    return good;
}

static bool is_like(const struct finding *a, const struct finding *b)
{
    const char *file_a = a->spot.source ? a->spot.source->file : "";
    const char *file_b = b->spot.source ? b->spot.source->file : "";

    return a->rule == b->rule && strcmp(a->message, b->message) == 0 && strcmp(file_a, file_b) == 0;
}

static size_t count_like(const struct lint *l, const struct finding *f)
{
    size_t n = 0;

    for (size_t i = 0; i < l->n_findings; i++)
        n += is_like(l->findings[i], f);
    return n;
}

/* What says the same after its fix was not cured by it. */
static bool check_cured(struct fix_round *round)
{
    bool good = true;

    for (size_t i = 0; i < round->n_taken; i++) {
        struct fix_taken *t = &round->taken[i];

        if (count_like(round->after, t->finding) < count_like(round->before, t->finding))
            continue;
        t->failed = true;
        t->why = "its fix does not cure it";
        good = false;
    }
    return good;
}

bool fix_round_good(struct fix_round *round)
{
    return check_texts(round) && check_cured(round);
}
