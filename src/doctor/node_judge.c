/* SPDX-License-Identifier: Apache-2.0 */
/* The report of a node: see node_judge.h. The judges speak in the order of cause and effect. */
#include "doctor/node_judge.h"

#include <stdarg.h>
#include <string.h>

#include "base/err.h"
#include "doctor/node_say.h"
#include "node/node_state.h"

enum { LISTED_MAX = 4 };

__attribute__((format(printf, 2, 0))) static const char *text_of(struct node_report *r,
                                                                 const char *fmt, va_list args)
{
    const char *out = arena_vprintf(&r->arena, fmt, args);

    return out ? out : "";
}

void node_say(struct node_report *r, const char *check, enum node_level level, const char *fmt, ...)
{
    struct node_finding *grown =
        arena_grow(&r->arena, r->findings, r->n_findings, sizeof *r->findings);
    va_list args;

    if (!grown)
        return;
    r->findings = grown;
    va_start(args, fmt);
    grown[r->n_findings] = (struct node_finding){
        .check = check, .level = level, .seen = text_of(r, fmt, args), .cure = ""};
    va_end(args);
    r->n_findings++;
}

void node_cure(struct node_report *r, const char *fmt, ...)
{
    va_list args;

    if (r->n_findings == 0)
        return;
    va_start(args, fmt);
    r->findings[r->n_findings - 1].cure = text_of(r, fmt, args);
    va_end(args);
}

bool node_has_failed(const struct node_report *r, const char *check)
{
    for (size_t i = 0; i < r->n_findings; i++)
        if (strcmp(r->findings[i].check, check) == 0 && r->findings[i].level == NODE_FAILED)
            return true;
    return false;
}

bool node_follows(struct node_report *r, const char *check, const char *from)
{
    if (!node_has_failed(r, from))
        return false;
    node_say(r, check, NODE_UNSEEN, "follows from %s", from);
    return true;
}

const char *node_list(struct node_report *r, const char *const *texts, size_t n)
{
    const char *out = "";

    for (size_t i = 0; i < n && i < LISTED_MAX && out; i++)
        out = arena_printf(&r->arena, "%s%s%s", out, i ? ", " : "", texts[i]);
    if (out && n > LISTED_MAX)
        out = arena_printf(&r->arena, "%s and %zu more", out, n - LISTED_MAX);
    return out ? out : "";
}

bool node_elsewhere(const struct node_facts *f)
{
    const struct node_driver_facts *d = &f->driver;
    const struct node_state *s = f->carved.state;

    return !d->told && d->nvml.end == CHILD_DONE && s && s->inventory && !*s->driver_error &&
           (!d->nvml.path || f->is_contained || !f->is_root);
}

bool node_has_kubelet(const struct node_facts *f)
{
    return f->kubelet.plugins != NODE_MISSING || f->api.in_pod || f->api.node;
}

const char *node_level_name(enum node_level level)
{
    static const char *const names[] = {
        [NODE_FAILED] = "failed",     [NODE_WARNING] = "warning", [NODE_FINE] = "ok",
        [NODE_UNSEEN] = "not judged", [NODE_ABSENT] = "not here",
    };

    return names[level];
}

const struct node_finding *node_cause(const struct node_report *r)
{
    for (size_t i = 0; i < r->n_findings; i++)
        if (r->findings[i].level == NODE_FAILED)
            return &r->findings[i];
    return NULL;
}

int node_judge(struct node_report *out, const struct node_facts *facts, struct err *e)
{
    static void (*const judges[])(struct node_report *, const struct node_facts *) = {
        node_judge_driver,  node_judge_nodes,   node_judge_nvml,
        node_judge_devices, node_judge_runtime, node_judge_kubelet,
        node_judge_carved,  node_judge_cluster, node_judge_cuda,
    };
    OWN(node_report_done) struct node_report r = {.n_findings = 0};

    for (size_t i = 0; i < sizeof judges / sizeof judges[0]; i++)
        judges[i](&r, facts);
    if (r.arena.failed)
        return err_memory(e);
    *out = r;
    r = (struct node_report){.n_findings = 0};
    return 0;
}

void node_report_done(struct node_report *r)
{
    arena_done(&r->arena);
    *r = (struct node_report){.n_findings = 0};
}
