/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Karpenter fills one node as far as the largest type of the pool goes before it opens the next,
 * and then takes the cheapest type that holds what is on it. Source: Karpenter core v1.14, one
 * batch of equal pods, no other pods and no daemons on the nodes.
 */
#include "lint/view/reach_cost.h"

#include <string.h>

#include "base/text.h"
#include "lint/lint.h"
#include "lint/view/reach.h"
#include "lint/view/view.h"

/* The region of the pool's zones, if they are all of one. */
static void find_region(struct reach_cost *out, const struct lint *l, const struct pool *p)
{
    char region[CATALOG_REGION_SIZE];

    (void)TEXT_COPY(out->region, l->region);
    for (size_t i = 0; i < p->n_requirements; i++) {
        const struct requirement *r = &p->requirements[i];

        if (r->op != OPERATOR_IN || r->n_values == 0)
            continue;
        if (strcmp(r->key, "topology.kubernetes.io/region") == 0 &&
            catalog_has_region(l->catalog, r->values[0]))
            (void)TEXT_COPY(out->region, r->values[0]);
        if (strcmp(r->key, "topology.kubernetes.io/zone") == 0 &&
            catalog_zone_region(region, r->values[0]))
            (void)TEXT_COPY(out->region, region);
    }
}

/* Spot prices move too fast to be told unless nothing else is allowed. */
static bool spot_alone(const struct pool *p)
{
    const char *label = pool_label(p, "karpenter.sh/capacity-type");

    return label && strcmp(label, "spot") == 0;
}

/* The types of a pool that take the pod, and how they compare. */
struct choice_of_types {
    const struct workload *w;
    const struct pool *p;
    const struct supply *believed;
    const struct reach_cost *cost;
    bool priced; /* some of them have a price there: those without are not sold there */
};

static const struct price *find_price(const struct choice_of_types *c,
                                      const struct instance_type *t)
{
    unsigned purchases =
        c->cost->spot ? 1U << PURCHASE_SPOT : 1U << PURCHASE_ON_DEMAND | 1U << PURCHASE_COMMITTED;

    return catalog_price(t, c->cost->region, purchases);
}

/* Pods on a node of the type; 0 if it is no choice. */
static uint64_t pods_on(const struct choice_of_types *c, size_t i)
{
    const struct instance_type *t = c->p->types[i];

    if (!reach_type_takes(c->w, c->p, t, &c->believed[i]) || (c->priced && !find_price(c, t)))
        return 0;
    return reach_pods(c->w, t, &c->believed[i]);
}

static bool is_cheaper(const struct choice_of_types *c, const struct instance_type *a,
                       const struct instance_type *b)
{
    const struct price *of_a = find_price(c, a), *of_b = find_price(c, b);

    if (of_a && of_b)
        return of_a->usd_per_hour < of_b->usd_per_hour;
    return a->gpus != b->gpus ? a->gpus < b->gpus : a->vcpus < b->vcpus;
}

static uint64_t most_pods(const struct choice_of_types *c)
{
    uint64_t most = 0;

    for (size_t i = 0; i < c->p->n_types; i++) {
        uint64_t pods = pods_on(c, i);

        most = pods > most ? pods : most;
    }
    return most;
}

/* Some nodes for so many pods each, of the cheapest type that holds them. */
static void buy(struct reach_cost *out, const struct choice_of_types *c, uint64_t pods,
                uint64_t count)
{
    struct reach_nodes *nodes = &out->nodes[out->n];
    const struct instance_type *best = NULL;

    if (pods == 0 || count == 0)
        return;
    for (size_t i = 0; i < c->p->n_types; i++) {
        if (pods_on(c, i) < pods || (best && !is_cheaper(c, c->p->types[i], best)))
            continue;
        best = c->p->types[i];
        nodes->slices = supply_of(&c->believed[i], c->w->ask->name);
    }
    if (!best)
        return;
    nodes->type = best;
    nodes->count = count;
    nodes->price = find_price(c, best);
    if (out->n == 1 && out->nodes[0].type == best)
        out->nodes[0].count += count;
    else
        out->n++;
}

/* Where full nodes use a limit up before all pods have one. */
static void find_limit(struct reach_cost *out, const struct choice_of_types *c)
{
    uint64_t wanted = 0;

    for (size_t i = 0; i < out->n; i++)
        wanted += out->nodes[i].count;
    out->limit_nodes = wanted;
    for (size_t k = 0; k < c->p->n_limits && out->n > 0; k++) {
        const struct amount *limit = &c->p->limits[k];
        size_t at = 0;
        int64_t use;

        while (c->p->types[at] != out->nodes[0].type)
            at++;
        use = reach_use(limit->name, out->nodes[0].type, &c->believed[at]);
        if (use > 0 && limit->count >= 0 && (uint64_t)(limit->count / use) < out->limit_nodes) {
            out->limit = limit;
            out->limit_nodes = (uint64_t)(limit->count / use);
        }
    }
}

void reach_cost_make(struct reach_cost *out, const struct lint *l, const struct workload *w,
                     const struct pool *p, const struct supply *believed)
{
    struct choice_of_types c = {.w = w, .p = p, .believed = believed, .cost = out};
    uint64_t most;

    *out = (struct reach_cost){.spot = spot_alone(p)};
    find_region(out, l, p);
    for (size_t i = 0; i < p->n_types && !c.priced; i++)
        c.priced = pods_on(&c, i) > 0 && find_price(&c, p->types[i]);
    most = most_pods(&c);
    if (most == 0)
        return;
    buy(out, &c, most, w->pods / most);
    buy(out, &c, w->pods % most, 1);
    find_limit(out, &c);
}

static const char *nodes_words(struct lint *l, const struct reach_cost *c)
{
    const char *first =
        lint_printf(l, "%llu x %s", (unsigned long long)c->nodes[0].count, c->nodes[0].type->name);

    if (c->n == 1)
        return first;
    return lint_printf(l, "%s and %llu x %s", first, (unsigned long long)c->nodes[1].count,
                       c->nodes[1].type->name);
}

const char *reach_cost_words(struct lint *l, const struct reach_cost *c)
{
    const char *nodes = nodes_words(l, c);
    double hour = 0, gpus = 0, slices = 0;

    for (size_t i = 0; i < c->n; i++) {
        const struct reach_nodes *n = &c->nodes[i];

        if (!n->price)
            return lint_printf(l, "about %s; no price is known in %s", nodes, c->region);
        hour += n->price->usd_per_hour * (double)n->count;
        gpus += (double)n->type->gpus * (double)n->count;
        slices += (double)n->slices * (double)n->count;
    }
    if (gpus <= 0 || slices <= 0)
        return lint_printf(l, "about %s, $%.2f/h", nodes, hour);
    return lint_printf(l,
                       "about %s, $%.2f/h %s in %s (%s): $%.6f for a GPU second, $%.4f for an "
                       "hour of each %s",
                       nodes, hour, c->spot ? "spot" : "on demand", c->region,
                       c->nodes[0].price->date[0] ? c->nodes[0].price->date : "no date",
                       hour / gpus / 3600, hour / slices, slices > gpus ? "slice" : "GPU");
}
