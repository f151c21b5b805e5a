/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NodeOverlays one by one: amounts that nodes will not show, resources that Karpenter refuses, and
 * overlays that change nothing. Pairs of them are check_overlay_pairs.c's, lacking ones
 * check_overlay_missing.c's. Source: Karpenter core v1.14, AWS provider v1.14.
 */
#include <string.h>

#include "lint/check/check_parts.h"
#include "lint/check/checks.h"
#include "lint/rules_list.h"
#include "lint/view/match.h"
#include "lint/view/match_index.h"
#include "lint/view/pool_types.h"
#include "lint/view/supply.h"

static void check_restricted(struct lint *l, const struct overlay *o, const struct amount *a)
{
    static const char *const names[] = {"cpu",
                                        "memory",
                                        "ephemeral-storage",
                                        "pods",
                                        "vpc.amazonaws.com/efa",
                                        "vpc.amazonaws.com/pod-eni",
                                        "aws.amazon.com/neuron",
                                        "aws.amazon.com/neuroncore",
                                        "habana.ai/gaudi"};
    struct finding *f;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i], a->name) != 0)
            continue;
        f = lint_find(l, RULE_OVERLAY_RESTRICTED, spot_of(o->doc, a->pair ? a->pair->key : a->node),
                      "an overlay may not change %s: Karpenter refuses all of '%s'", a->name,
                      o->name);
        finding_cure(l, f, "take it out of spec.capacity");
    }
}

/* What no device plugin can show: less than nothing, or a part. */
static void check_amount(struct lint *l, const struct overlay *o, const struct amount *a)
{
    const char *text = node_text(a->node, "");
    const char *why = NULL;
    int64_t whole, milli;
    struct finding *f;

    if (!text[0] || text_is_placeholder(text))
        return;
    if (text[0] == '-')
        why = "is below 0: the type vanishes from its pools";
    else if (strchr(a->name, '/') && quantity_read(&whole, text, 1) &&
             quantity_read(&milli, text, 1000) && milli != whole * 1000)
        why = "is no whole number, which devices come in";
    if (!why)
        return;
    f = lint_find(l, RULE_OVERLAY_AMOUNT, spot_of(o->doc, a->node), "%s: '%s' of overlay '%s' %s",
                  a->name, text, o->name, why);
    finding_cure(l, f, "write how many a node has, as a whole number");
}

/* A key of which the set can tell whether any pool has it. */
static bool is_ours(const struct requirement *r)
{
    return strcmp(r->key, "karpenter.sh/nodepool") == 0 || pool_types_label(r->key) ||
           !(strchr(r->key, '/') &&
             (strstr(r->key, "kubernetes.io/") || strstr(r->key, "karpenter")));
}

/* Counts an overlay's look at all types of a pool. */
static bool try_types(const struct system *s, size_t pool)
{
    return index_try(s, s->pools[pool].n_types + 1);
}

/* A pool whose name is a placeholder may be any that an overlay names. */
static bool has_nameless(const struct system *s)
{
    for (size_t i = 0; i < s->n_pools; i++)
        if (text_is_placeholder(s->pools[i].name))
            return true;
    return false;
}

static bool matches_some(struct lint *l, const struct overlay *o)
{
    const struct system *s = &l->system;
    struct pool_list list = index_overlay_pools(l, o);

    for (size_t i = 0; i < list.n && try_types(s, list.pools[i]); i++) {
        const struct pool *p = &s->pools[list.pools[i]];

        if (p->types_open || p->others)
            return true;
        for (size_t k = 0; k < p->n_types; k++)
            if (match_overlay(o, p, p->types[k]))
                return true;
    }
    return index_full(s) || has_nameless(s);
}

/* Types and families without GPUs are not in the catalogue. */
static bool value_is_known(const struct lint *l, const char *key, const char *value)
{
    if (text_is_placeholder(value))
        return false;
    if (strcmp(key, "node.kubernetes.io/instance-type") == 0)
        return catalog_find(l->catalog, value);
    if (strcmp(key, "karpenter.k8s.aws/instance-family") == 0)
        return catalog_has_family(l->catalog, value);
    if (strcmp(key, "karpenter.k8s.aws/instance-category") == 0)
        return strcmp(value, "g") == 0 || strcmp(value, "p") == 0;
    return true;
}

/* Whether all values of it are types, families or GPUs of the catalogue, which can be judged. */
static bool names_known(const struct lint *l, const struct overlay *o)
{
    for (size_t i = 0; i < o->n_requirements; i++) {
        const struct requirement *r = &o->requirements[i];

        if (!is_ours(r))
            return false;
        for (size_t k = 0; k < r->n_values; k++)
            if (!value_is_known(l, r->key, r->values[k]))
                return false;
    }
    return o->n_requirements > 0;
}

static void check_effect(struct lint *l, const struct overlay *o)
{
    const struct system *s = &l->system;
    const struct requirement *blame = &o->requirements[0];
    struct finding *f;

    if (s->n_pools == 0 || !names_known(l, o) || matches_some(l, o))
        return;
    for (size_t i = 0; i < o->n_requirements; i++)
        if (strcmp(o->requirements[i].key, "karpenter.sh/nodepool") == 0)
            blame = &o->requirements[i];
    f = lint_find(l, RULE_OVERLAY_NO_EFFECT,
                  match_spot(o->doc, blame->values_node ? blame->values_node : blame->node),
                  "overlay '%s' matches no type of any pool among these files: Karpenter calls it "
                  "ready, and nothing changes",
                  o->name);
    finding_cure(l, f, "compare its requirements (%s %s) with the pools'", blame->key,
                 match_list(l, blame->values, blame->n_values));
}

/* A configuration with replicas that no plugin has loaded yet: amounts are in the air. */
static bool amounts_open(const struct system *s)
{
    for (size_t i = 0; i < s->n_plugins; i++)
        if (!s->plugins[i].loaded)
            return true;
    return false;
}

/* What a type in a pool shows against what the overlay says. */
struct compared {
    const struct pool *pool;
    const struct instance_type *type; /* the first that differs */
    int64_t real;                     /* of it */
    bool agree;                       /* all that the overlay covers show the same */
    bool known;                       /* and all are known */
};

/* What a node has of a slice that its pool's MIG wish names, where no plugin is in sight to ask. */
static bool wished(struct lint *l, int64_t *out, const struct pool *p,
                   const struct instance_type *t, const char *name)
{
    const struct system *s = &l->system;
    const char *profile = resource_profile(name), *wish = pool_label(p, "nvidia.com/mig.config");
    struct mig_yield yield;

    if (!profile || !wish || text_is_placeholder(wish) || s->has_plugin || s->n_plugins > 0)
        return false;
    mig_yield_make(l, &yield, s, wish, t);
    if (yield.state != MIG_YIELD_OK)
        return false;
    *out = 0;
    for (size_t i = 0; i < yield.n; i++)
        if (strcmp(yield.items[i].profile, profile) == 0)
            *out = yield.items[i].per_node;
    return true;
}

static struct compared compare(struct lint *l, const struct overlay *o, const struct amount *a)
{
    struct compared c = {.agree = true, .known = true};
    const struct system *s = &l->system;
    struct pool_list list = index_overlay_pools(l, o);
    int64_t first = -1;

    for (size_t i = 0; i < list.n && try_types(s, list.pools[i]); i++)
        for (size_t k = 0; k < s->pools[list.pools[i]].n_types; k++) {
            const struct pool *p = &s->pools[list.pools[i]];
            const struct instance_type *t = p->types[k];
            struct supply real;
            int64_t count;

            if (match_given(s, p, t, a->name) != a)
                continue;
            if (supply_real(l, &real, s, p, t)) {
                count = supply_of(&real, a->name);
            } else if (!wished(l, &count, p, t, a->name)) {
                c.known = false;
                continue;
            }
            c.agree = c.agree && (first < 0 || first == count);
            first = count;
            if (count != a->count && !c.pool) {
                c.pool = p;
                c.type = t;
                c.real = count;
            }
        }
    c.known = c.known && !index_full(s);
    return c;
}

static void check_count(struct lint *l, const struct overlay *o, const struct amount *a)
{
    struct compared c;
    struct finding *f;

    if (!resource_is_gpu(a->name) || text_is_placeholder(node_text(a->node, "")) || a->count < 0)
        return;
    c = compare(l, o, a);
    if (!c.pool)
        return;
    f = lint_find(l, RULE_OVERLAY_COUNT, spot_of(o->doc, a->node),
                  "overlay '%s' gives %s in pool '%s' %s: %lld, but such a node will show %lld",
                  o->name, c.type->name, c.pool->name, a->name, (long long)a->count,
                  (long long)c.real);
    finding_cure(l, f, "count per node: GPUs times replicas, or times the slices of one GPU");
    if (c.agree && c.known && c.real > 0)
        fix_replace(l, f, o->doc, a->node, lint_printf(l, "\"%lld\"", (long long)c.real));
}

static bool gives_slices(const struct overlay *o)
{
    for (size_t i = 0; i < o->n_capacity; i++)
        if (strcmp(o->capacity[i].name, "nvidia.com/gpu") != 0 && o->capacity[i].count > 0 &&
            resource_is_gpu(o->capacity[i].name))
            return true;
    return false;
}

/* A type that keeps its whole GPUs in Karpenter's eyes though they are cut. */
static const struct instance_type *find_whole(struct lint *l, const struct overlay *o,
                                              const struct pool **out)
{
    const struct system *s = &l->system;
    struct pool_list list = index_overlay_pools(l, o);

    for (size_t i = 0; i < list.n && try_types(s, list.pools[i]); i++)
        for (size_t k = 0; k < s->pools[list.pools[i]].n_types; k++) {
            const struct pool *p = &s->pools[list.pools[i]];
            const struct instance_type *t = p->types[k];
            struct supply real;

            if (t->catalog_gpus == 0 || !match_overlay(o, p, t) ||
                match_given(s, p, t, "nvidia.com/gpu"))
                continue;
            if (supply_real(l, &real, s, p, t) && supply_of(&real, "nvidia.com/gpu") > 0)
                continue;
            *out = p;
            return t;
        }
    return NULL;
}

static void check_zero(struct lint *l, const struct overlay *o)
{
    const struct pool *p = NULL;
    const struct instance_type *t = gives_slices(o) ? find_whole(l, o, &p) : NULL;
    struct finding *f;

    if (!t)
        return;
    f = lint_find(l, RULE_OVERLAY_WITHOUT_ZERO,
                  match_spot(o->doc, node_at(o->doc->root, "spec.capacity")),
                  "overlay '%s' adds slices to %s in pool '%s' and leaves it %u whole GPUs in "
                  "Karpenter's eyes: it buys such nodes for pods that find no GPU there",
                  o->name, t->name, p->name, t->catalog_gpus);
    finding_cure(l, f, "add nvidia.com/gpu: \"0\" to spec.capacity");
    fix_put(l, f, o->doc, "spec.capacity", "nvidia.com/gpu", "\"0\"");
}

/* GPUs' prices on spot are compared with the adjusted one of on-demand. */
static void check_adjustment(struct lint *l, const struct overlay *o)
{
    const struct yaml_node *node = node_at(o->doc->root, "spec.priceAdjustment");
    const struct system *s = &l->system;
    struct pool_list list = node ? index_overlay_pools(l, o) : (struct pool_list){0};

    for (size_t i = 0; i < list.n; i++) {
        const struct pool *p = &s->pools[list.pools[i]];
        struct finding *f;

        if (!p->gpu || !match_capacity_type(p, "spot") || p->n_types == 0 ||
            !match_requirement(p, "karpenter.sh/capacity-type") ||
            !match_overlay(o, p, p->types[0]))
            continue;
        f = lint_find(l, RULE_PRICE_ADJUSTMENT_SPOT, spot_of(o->doc, node),
                      "overlay '%s' adjusts prices by %s in pool '%s', which buys spot: offers "
                      "dearer than the adjusted on-demand price are left out",
                      o->name, node_text(node, "?"), p->name);
        finding_cure(l, f,
                     "require karpenter.sh/capacity-type In [on-demand] in a pool of its "
                     "own, or set spec.price");
        return;
    }
}

void check_overlay(struct lint *l)
{
    const struct system *s = &l->system;
    bool open = amounts_open(s);

    for (size_t i = 0; i < s->n_overlays; i++) {
        const struct overlay *o = &s->overlays[i];

        for (size_t k = 0; k < o->n_capacity; k++) {
            check_restricted(l, o, &o->capacity[k]);
            check_amount(l, o, &o->capacity[k]);
            if (!open)
                check_count(l, o, &o->capacity[k]);
        }
        check_effect(l, o);
        check_zero(l, o);
        check_adjustment(l, o);
    }
    check_overlay_pairs(l);
    check_overlay_missing(l);
}
