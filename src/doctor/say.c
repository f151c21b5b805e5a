/* SPDX-License-Identifier: Apache-2.0 */
/* Diagnoses of the report: see say.h. */
#include "doctor/say.h"

#include <stdlib.h>
#include <string.h>

enum {
    DIAGNOSES_MAX = 2000,
    EVIDENCE_MAX = 8, /* of one diagnosis */
};

const char *say_text(struct doctor_report *r, const char *fmt, ...)
{
    va_list args;
    const char *out;

    va_start(args, fmt);
    out = arena_vprintf(&r->arena, fmt, args);
    va_end(args);
    return out ? out : "";
}

static struct diagnosis *find(struct doctor_report *r, const char *cause, const char *words)
{
    for (size_t i = 0; i < r->n_diagnoses; i++)
        if (strcmp(r->diagnoses[i].cause, cause) == 0 && strcmp(r->diagnoses[i].words, words) == 0)
            return &r->diagnoses[i];
    return NULL;
}

struct diagnosis *say(struct doctor_report *r, const char *cause, unsigned likelihood,
                      const char *subject, const char *words)
{
    struct diagnosis *d = find(r, cause, words), *grown;

    if (d) {
        d->n_subjects++;
        if (likelihood > d->likelihood)
            d->likelihood = likelihood;
        return d;
    }
    grown = r->n_diagnoses < DIAGNOSES_MAX
                ? arena_grow(&r->arena, r->diagnoses, r->n_diagnoses, sizeof *grown)
                : NULL;
    if (!grown)
        return &r->spare;
    r->diagnoses = grown;
    d = &grown[r->n_diagnoses++];
    *d = (struct diagnosis){.cause = cause,
                            .subject = say_text(r, "%s", subject),
                            .n_subjects = 1,
                            .likelihood = likelihood,
                            .words = say_text(r, "%s", words),
                            .next = "",
                            .cure = ""};
    return d;
}

bool say_first(const struct doctor_report *r, const struct diagnosis *d)
{
    return d->n_subjects == 1 && d != &r->spare;
}

void say_evidence(struct doctor_report *r, struct diagnosis *d, const char *fmt, ...)
{
    const char **grown, *text;
    va_list args;

    if (d->n_evidence == EVIDENCE_MAX || d == &r->spare)
        return;
    va_start(args, fmt);
    text = arena_vprintf(&r->arena, fmt, args);
    va_end(args);
    for (size_t i = 0; text && i < d->n_evidence; i++)
        if (strcmp(d->evidence[i], text) == 0)
            return;
    grown = arena_grow(&r->arena, d->evidence, d->n_evidence, sizeof *grown);
    if (!grown || !text)
        return;
    d->evidence = grown;
    d->evidence[d->n_evidence++] = text;
}

void say_next(struct doctor_report *r, struct diagnosis *d, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    if (d->next && !*d->next)
        d->next = arena_vprintf(&r->arena, fmt, args);
    va_end(args);
    if (!d->next)
        d->next = "";
}

void say_cure(struct doctor_report *r, struct diagnosis *d, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    if (d->cure && !*d->cure)
        d->cure = arena_vprintf(&r->arena, fmt, args);
    va_end(args);
    if (!d->cure)
        d->cure = "";
}

static int by_likelihood(const void *a, const void *b)
{
    const struct diagnosis *x = a, *y = b;

    if (x->likelihood != y->likelihood)
        return x->likelihood < y->likelihood ? 1 : -1;
    if (x->n_subjects != y->n_subjects)
        return x->n_subjects < y->n_subjects ? 1 : -1;
    return strcmp(x->subject, y->subject);
}

void say_sort(struct doctor_report *r)
{
    if (r->n_diagnoses > 1)
        qsort(r->diagnoses, r->n_diagnoses, sizeof *r->diagnoses, by_likelihood);
}
