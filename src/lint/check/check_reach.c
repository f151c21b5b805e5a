/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pods that ask for GPUs against the pools of the set: which stay pending for ever and why, and
 * which nodes are bought for the others. Sets that may have nodes from elsewhere are not judged.
 */
#include <string.h>

#include "base/text.h"
#include "lint/check/check_parts.h"
#include "lint/check/checks.h"
#include "lint/lint.h"
#include "lint/view/elsewhere.h"
#include "lint/view/match_index.h"
#include "lint/view/reach.h"
#include "lint/view/reach_cost.h"
#include "lint/view/reach_words.h"
#include "lint/view/view.h"

enum {
    MAX_TRIES = 20000000, /* of a type by a pod; a larger set is judged in part */
    MAX_REASONS = 3,      /* pools told of one workload */
};

/* What became of workloads that are alike so far. */
struct judged {
    const struct workload *w; /* one of them */
    bool open, taken;
    bool narrow; /* its selector leaves few pools */
    bool left;   /* not judged: the set is too large */
    bool shown;  /* find_shown() was asked */
    struct reach_cost cost;
    const struct pool *by; /* the pool that takes it; Karpenter asks the first of its order */
    size_t n_refused;
    size_t n_reasons; /* the nearest first */
    struct reach_reason reasons[MAX_REASONS];
};

/* Pools of a fixed size have nodes that no pod has to wait for. */
static bool has_fixed_pool(const struct system *s)
{
    for (size_t i = 0; i < s->n_pools; i++)
        if (s->pools[i].fixed)
            return true;
    return false;
}

/* Other schedulers, claims and pods on a named node have rules of their own. */
static bool is_judged(const struct workload *w)
{
    const char *scheduler = node_text(node_get(w->pod, "schedulerName"), "default-scheduler");

    return w->gpu && w->pods > 0 && strcmp(w->kind, "DaemonSet") != 0 &&
           !w->doc->piece->templated && strcmp(scheduler, "default-scheduler") == 0 &&
           !text_is_placeholder(w->ask->name) && !node_get(w->pod, "nodeName") &&
           !node_get(w->pod, "resourceClaims");
}

/* The nearest stay. */
static void keep_reason(struct judged *j, const struct reach_reason *reason)
{
    size_t at = j->n_reasons;

    j->n_refused++;
    while (at > 0 && reach_nearer(&reason->reach, &j->reasons[at - 1].reach))
        at--;
    if (at == MAX_REASONS)
        return;
    if (j->n_reasons < MAX_REASONS)
        j->n_reasons++;
    memmove(&j->reasons[at + 1], &j->reasons[at], (j->n_reasons - at - 1) * sizeof j->reasons[0]);
    j->reasons[at] = *reason;
}

/* Karpenter asks by weight, then by name, the last of the alphabet first. */
static bool is_before(const struct pool *a, const struct pool *b)
{
    return a->weight != b->weight ? a->weight > b->weight : strcmp(a->name, b->name) > 0;
}

/* kube-scheduler would bind the pod if only a node were there. */
static const char *find_shown(struct lint *l, const struct pool *p, const struct reach *reach)
{
    struct supply real;

    if (reach->faults != REACH_RESOURCE || !reach->type ||
        !supply_real(l, &real, &l->system, p, reach->type) ||
        supply_of(&real, reach->ask->name) < reach->ask->count)
        return NULL;
    return lint_printf(l, "%lld", (long long)supply_of(&real, reach->ask->name));
}

static const char *find_offer(const struct pool *p, const struct reach *reach,
                              const struct supply *believed)
{
    for (size_t i = 0; i < p->n_types; i++)
        for (size_t k = 0; p->types[i] == reach->type && k < believed[i].n; k++)
            if (believed[i].items[k].count > 0)
                return believed[i].items[k].name;
    return NULL;
}

static void judge(struct judged *j, const struct pool *p, const struct supply *believed)
{
    struct reach_reason reason = {.pool = p};

    reach_try(&reason.reach, j->w, p, believed);
    if (reason.reach.faults == 0) {
        j->taken = true;
        if (!p->fixed && (!j->by || is_before(p, j->by)))
            j->by = p;
        return;
    }
    j->open |= reason.reach.open;
    if (j->taken)
        return;
    reason.offers = find_offer(p, &reason.reach, believed);
    keep_reason(j, &reason);
}

/* Where the pool's nodes have other slices, one of those may be meant. */
static void choose_slice(struct lint *l, struct finding *f, const struct workload *w,
                         const struct reach_reason *nearest)
{
    const char *name, *to;

    if (nearest->reach.faults != REACH_RESOURCE || nearest->shown || !nearest->offers ||
        !resource_profile(nearest->offers) || !resource_profile(nearest->reach.ask->name))
        return;
    name = nearest->reach.ask->name;
    to = finding_choose(l, f, name, "the slice that is to be asked for instead");
    if (to)
        check_workload_rename(l, f, w, name, to);
}

static void tell_pending(struct lint *l, struct judged *j, const struct workload *w)
{
    const char *reasons = "";
    struct finding *f;

    for (size_t i = 0; i < j->n_reasons && !j->shown; i++)
        j->reasons[i].shown = find_shown(l, j->reasons[i].pool, &j->reasons[i].reach);
    j->shown = true;
    for (size_t i = 0; i < j->n_reasons; i++)
        reasons = lint_printf(l, "%s%s pool '%s': %s", reasons, i ? ";" : "",
                              j->reasons[i].pool->name, reach_words_reason(l, &j->reasons[i]));
    if (j->n_refused > j->n_reasons)
        reasons = lint_printf(l, "%s; and %zu more pools", reasons, j->n_refused - j->n_reasons);
    f = lint_find(l, RULE_POD_PENDING, spot_of(w->doc, w->ask->node),
                  "pods of %s '%s' stay pending for ever;%s", w->kind, w->name, reasons);
    reach_words_cure(l, f, &j->reasons[0]);
    choose_slice(l, f, w, &j->reasons[0]);
}

/* Whether errors of other rules tell all that keeps the pod from the pool that is nearest. */
static bool is_told(const struct judged *j, const struct workload *w)
{
    return j->n_reasons > 0 && (j->reasons[0].reach.faults & ~w->told) == 0;
}

static void tell_cost(struct lint *l, const struct judged *j, const struct workload *w)
{
    struct finding *f;

    if (!j->by || j->cost.n == 0)
        return;
    f = lint_find(l, RULE_POD_COST, spot_of(w->doc, w->ask->node),
                  "for %u pod%s of %s '%s' pool '%s' buys %s", w->pods, w->pods == 1 ? "" : "s",
                  w->kind, w->name, j->by->name, reach_cost_words(l, &j->cost));
    if (j->cost.limit)
        finding_cure(l, f, "the pool's limit of %s %s stops it at %llu", j->cost.limit->name,
                     node_text(j->cost.limit->node, ""), (unsigned long long)j->cost.limit_nodes);
}

/* The set's workloads, of those that are alike one; and which of them each pool has to see. */
struct judging {
    size_t n;
    struct judged **all;
    size_t types;     /* of all pools, and one for each */
    size_t tries;     /* that are left */
    uint32_t *starts; /* of each pool's part of `narrow`, and the end */
    uint32_t *narrow;
    struct supply *believed; /* of the types of one pool */
};

static bool collect(struct lint *l, struct judging *g)
{
    const struct system *s = &l->system;

    for (size_t i = 0; i < s->n_workloads; i++) {
        struct workload *w = &s->workloads[i];
        struct judged **grown;

        if (!is_judged(w) || w->alike->judged)
            continue;
        grown = view_grow(l, g->all, g->n, sizeof(struct judged *));
        w->alike->judged = view_alloc(l, sizeof *w->alike->judged);
        if (!grown || !w->alike->judged)
            return false;
        g->all = grown;
        g->all[g->n++] = w->alike->judged;
        w->alike->judged->w = w;
    }
    return true;
}

/* Nodes of a fixed size are there before the pods: what they show counts, not what Karpenter
 * thinks. */
static void believe(struct lint *l, struct supply *believed, const struct pool *p)
{
    for (size_t i = 0; i < p->n_types; i++)
        if (!p->fixed || !supply_real(l, &believed[i], &l->system, p, p->types[i]))
            supply_believed(l, &believed[i], &l->system, p, p->types[i]);
}

/* Once it is known which pool buys for which workload. */
static void price(struct lint *l, struct judging *g)
{
    for (size_t i = 0; i < g->n; i++) {
        struct judged *j = g->all[i];

        if (!j->by)
            continue;
        believe(l, g->believed, j->by);
        reach_cost_make(&j->cost, l, j->w, j->by, g->believed);
    }
}

/* Which workloads have a selector that leaves few pools: counts them, then lists them. */
static void list_narrow(struct lint *l, struct judging *g, bool fill)
{
    const size_t few = l->system.n_pools / 4;

    for (size_t i = 0; i < g->n; i++) {
        struct pool_list said, rest;
        size_t at;

        if (!index_possible(l, g->all[i]->w, &said, &rest) || said.n + rest.n > few ||
            (fill ? !g->all[i]->narrow : !index_try(&l->system, said.n + rest.n)))
            continue;
        g->all[i]->narrow = true;
        while ((at = index_next(&said, &rest)) != SIZE_MAX) {
            if (fill)
                g->narrow[g->starts[at]++] = (uint32_t)i;
            else
                g->starts[at + 1]++;
        }
    }
}

static bool plan(struct lint *l, struct judging *g)
{
    const struct system *s = &l->system;
    size_t most = 1;

    for (size_t i = 0; i < s->n_pools; i++) {
        most = s->pools[i].n_types > most ? s->pools[i].n_types : most;
        g->types += s->pools[i].n_types + 1;
    }
    g->tries = MAX_TRIES;
    g->starts = view_alloc(l, (s->n_pools + 2) * sizeof *g->starts);
    g->believed = view_alloc(l, most * sizeof *g->believed);
    if (!g->starts || !g->believed)
        return false;
    list_narrow(l, g, false);
    for (size_t i = 0; i < s->n_pools; i++)
        g->starts[i + 1] += g->starts[i];
    g->narrow = view_alloc(l, (g->starts[s->n_pools] + 1) * sizeof *g->narrow);
    if (!g->narrow)
        return false;
    list_narrow(l, g, true);
    memmove(g->starts + 1, g->starts, s->n_pools * sizeof *g->starts);
    g->starts[0] = 0;
    return true;
}

/* Every pool against the workloads that have to be judged by all of them, and the narrow ones. */
static void judge_pools(struct lint *l, struct judging *g, bool narrow)
{
    const struct system *s = &l->system;

    for (size_t i = 0; i < s->n_pools; i++) {
        believe(l, g->believed, &s->pools[i]);
        for (size_t k = 0; k < g->n; k++)
            if (!g->all[k]->narrow && !g->all[k]->left)
                judge(g->all[k], &s->pools[i], g->believed);
        for (size_t k = g->starts[i]; narrow && k < g->starts[i + 1]; k++)
            judge(g->all[g->narrow[k]], &s->pools[i], g->believed);
    }
}

/* Leaves out what is too much. False if nothing is left. */
static bool spend(const struct system *s, struct judging *g)
{
    bool any = false;

    for (size_t i = 0; i < g->n; i++) {
        struct judged *j = g->all[i];

        if (j->narrow || j->left || j->taken)
            continue;
        j->left = g->tries < g->types;
        g->tries -= j->left ? 0 : g->types;
        any |= !j->left;
        if (j->left)
            index_fill(s);
    }
    return any;
}

/* What no pool takes is told of with the nearest ones, which may be any: those are judged anew. */
static bool widen(const struct system *s, const struct judging *g, struct judging *again)
{
    *again = *g;
    again->n = 0;
    for (size_t i = 0; i < g->n; i++) {
        struct judged *j = g->all[i];

        if (!j->narrow || j->taken)
            continue;
        *j = (struct judged){.w = j->w};
        again->all[again->n++] = j;
    }
    return spend(s, again);
}

/* Every pool against every kind of workload. */
static bool judge_all(struct lint *l, struct judging *g)
{
    struct judging again;

    if (!plan(l, g))
        return false;
    (void)spend(&l->system, g);
    judge_pools(l, g, true);
    price(l, g);
    if (widen(&l->system, g, &again))
        judge_pools(l, &again, false);
    return true;
}

static void tell(struct lint *l)
{
    const struct system *s = &l->system;
    bool others = has_fixed_pool(s) || elsewhere_nodes(l);

    for (size_t i = 0; i < s->n_workloads && !l->out_of_memory; i++) {
        const struct workload *w = &s->workloads[i];
        struct judged *j = w->alike->judged;

        if (!j || j->left || !is_judged(w))
            continue;
        if (j->taken)
            tell_cost(l, j, w);
        else if (!j->open && !s->partial && !index_overlays_left(s) && !is_told(j, w) &&
                 (!others || elsewhere_never(s, w)))
            tell_pending(l, j, w);
    }
}

void check_reach(struct lint *l)
{
    struct judging g = {0};

    if (l->system.n_pools == 0 || !collect(l, &g) || !judge_all(l, &g))
        return;
    tell(l);
}
