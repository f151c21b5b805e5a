/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec.limits of GPU pools: none, ones that let the bill grow, ones under which no node can start,
 * and ones on slices, which block the pool. A limit of 0 closes a pool on purpose.
 */
#include <string.h>

#include "lint/check/check_parts.h"
#include "lint/rules_list.h"
#include "lint/view/match.h"
#include "lint/view/match_index.h"
#include "lint/view/supply.h"

enum { MANY_NODES = 16 }; /* that a limit on CPU or memory lets a pool have */

/* Karpenter reckons with this part of a type's memory. */
static int64_t memory_bytes(const struct instance_type *t)
{
    return (int64_t)(t->memory_mib - t->memory_mib * 75 / 1000) << 20;
}

/* What a node of the type counts against the limit; -1: not known. */
static int64_t counts(struct lint *l, const struct pool *p, const struct instance_type *t,
                      const char *resource)
{
    struct supply believed;

    if (t->vcpus == 0)
        return -1;
    if (strcmp(resource, "cpu") == 0)
        return (int64_t)t->vcpus * 1000;
    if (strcmp(resource, "memory") == 0)
        return memory_bytes(t);
    if (strcmp(resource, "nodes") == 0)
        return 1;
    if (strcmp(resource, "pods") == 0)
        return t->max_pods;
    if (!resource_is_gpu(resource))
        return -1;
    supply_believed(l, &believed, &l->system, p, t);
    return supply_of(&believed, resource);
}

static const struct amount *find_limit(const struct pool *p, const char *resource)
{
    for (size_t i = 0; i < p->n_limits; i++)
        if (strcmp(p->limits[i].name, resource) == 0)
            return &p->limits[i];
    return NULL;
}

static bool is_placeholder(const struct amount *limit)
{
    return text_is_placeholder(node_text(limit->node, ""));
}

/* The first limit under which the type can never start; NULL: it can. */
static const struct amount *excludes(struct lint *l, const struct pool *p,
                                     const struct instance_type *t)
{
    for (size_t i = 0; i < p->n_limits; i++)
        if (!is_placeholder(&p->limits[i]) &&
            counts(l, p, t, p->limits[i].name) > p->limits[i].count)
            return &p->limits[i];
    return NULL;
}

static bool is_closed(const struct pool *p)
{
    for (size_t i = 0; i < p->n_limits; i++)
        if (p->limits[i].count == 0 && !is_placeholder(&p->limits[i]))
            return true;
    return false;
}

/* A type as a user writes its size: "96", "1091Gi". */
static const char *write_amount(struct lint *l, const char *resource, int64_t count)
{
    if (strcmp(resource, "cpu") == 0)
        return lint_printf(l, "%lld", (long long)(count + 999) / 1000);
    if (strcmp(resource, "memory") == 0)
        return lint_printf(l, "%lldGi", ((long long)count + (1LL << 30) - 1) >> 30);
    return lint_printf(l, "%lld", (long long)count);
}

static int64_t largest(struct lint *l, const struct pool *p, const char *resource)
{
    int64_t most = -1;

    for (size_t i = 0; i < p->n_types; i++) {
        int64_t is = counts(l, p, p->types[i], resource);

        most = is > most ? is : most;
    }
    return most;
}

/* All of the memory: what the node will have may differ from what Karpenter reckons with. */
static int64_t most_memory(const struct pool *p)
{
    uint64_t most = 0;

    for (size_t i = 0; i < p->n_types; i++)
        if (p->types[i]->memory_mib > most)
            most = p->types[i]->memory_mib;
    return (int64_t)(most << 20);
}

/* Raises what is below one node of the largest type; the number of GPUs is the user's to say. */
static void fix_raise(struct lint *l, struct finding *f, const struct pool *p)
{
    const struct amount *gpus = find_limit(p, "nvidia.com/gpu");
    const char *value = NULL;

    if (gpus && largest(l, p, "nvidia.com/gpu") > gpus->count) {
        value = finding_choose(l, f, "gpu-limit", "GPUs that the pool may have in all");
        if (!value)
            return;
        fix_replace(l, f, p->doc, gpus->node, value);
    }
    for (size_t i = 0; i < p->n_limits; i++) {
        const struct amount *limit = &p->limits[i];
        int64_t most = largest(l, p, limit->name);

        if (strcmp(limit->name, "nvidia.com/gpu") == 0 || most <= limit->count)
            continue;
        if (strcmp(limit->name, "memory") == 0)
            most = most_memory(p);
        fix_replace(l, f, p->doc, limit->node, write_amount(l, limit->name, most));
    }
}

static void check_below_node(struct lint *l, const struct pool *p)
{
    const struct amount *limit = NULL;
    const struct instance_type *t = NULL;
    struct finding *f;

    for (size_t i = 0; i < p->n_types; i++) {
        const struct amount *found = excludes(l, p, p->types[i]);

        if (!found)
            return;
        if (!limit) {
            limit = found;
            t = p->types[i];
        }
    }
    if (!limit)
        return;
    f = lint_find(l, RULE_POOL_LIMIT_BELOW_NODE, match_spot(p->doc, limit->node),
                  "pool '%s' can never start a node: its limit %s %s is below one %s (%s)", p->name,
                  limit->name, node_text(limit->node, "?"), t->name,
                  write_amount(l, limit->name, counts(l, p, t, limit->name)));
    finding_cure(l, f, "set each limit to what the nodes that you want have in all, or more");
    fix_raise(l, f, p);
}

/* Whether a value of a requirement means this type. */
static bool value_means(const struct requirement *r, const char *value,
                        const struct instance_type *t)
{
    char label[CATALOG_LABEL_SIZE];

    if (strcmp(value, t->name) == 0)
        return true;
    return catalog_label(label, t, r->key) && strcmp(label, value) == 0;
}

/* A type that a value names, if none of those that it names can start. */
static const struct instance_type *never_starts(struct lint *l, const struct pool *p,
                                                const struct requirement *r, const char *value)
{
    const struct instance_type *found = NULL;

    for (size_t i = 0; i < p->n_types; i++) {
        if (!value_means(r, value, p->types[i]))
            continue;
        if (!excludes(l, p, p->types[i]))
            return NULL;
        found = p->types[i];
    }
    return found;
}

static void check_value(struct lint *l, const struct pool *p, const struct requirement *r,
                        size_t index)
{
    const struct instance_type *t = never_starts(l, p, r, r->values[index]);
    const struct amount *limit = t ? excludes(l, p, t) : NULL;
    struct finding *f;

    if (!limit)
        return;
    f = lint_find(l, RULE_POOL_LIMIT_EXCLUDES_TYPE, match_spot(p->doc, limit->node),
                  "the limit %s %s of pool '%s' is below one %s (%s), which it names: that type "
                  "never starts",
                  limit->name, node_text(limit->node, "?"), p->name, t->name,
                  write_amount(l, limit->name, counts(l, p, t, limit->name)));
    finding_cure(l, f, "raise the limit, or do not name the type");
    fix_raise(l, f, p);
}

static void check_excluded(struct lint *l, const struct pool *p)
{
    static const char *const keys[] = {
        "node.kubernetes.io/instance-type", "karpenter.k8s.aws/instance-family",
        "karpenter.k8s.aws/instance-size", "karpenter.k8s.aws/instance-gpu-name"};
    bool any = false;

    for (size_t i = 0; i < p->n_types && !any; i++)
        any = !excludes(l, p, p->types[i]);
    if (!any)
        return;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const struct requirement *r = match_requirement(p, keys[i]);

        if (!r || r->op != OPERATOR_IN)
            continue;
        for (size_t k = 0; k < r->n_values; k++)
            check_value(l, p, r, k);
    }
}

/* Whether the nodes really will have the resource, so that only an overlay lacks. */
static bool will_have(struct lint *l, const struct pool *p, const char *resource)
{
    struct supply real;

    for (size_t i = 0; i < p->n_types; i++)
        if (supply_real(l, &real, &l->system, p, p->types[i]) && supply_of(&real, resource) > 0)
            return true;
    return false;
}

static void check_slices(struct lint *l, const struct pool *p)
{
    size_t n_slices = 0;

    for (size_t i = 0; i < p->n_limits; i++)
        n_slices +=
            resource_is_gpu(p->limits[i].name) && strcmp(p->limits[i].name, "nvidia.com/gpu") != 0;
    for (size_t i = 0; i < p->n_limits; i++) {
        const struct amount *limit = &p->limits[i];
        struct finding *f;
        const char *value = NULL;

        if (!resource_is_gpu(limit->name) || strcmp(limit->name, "nvidia.com/gpu") == 0 ||
            p->types_open || largest(l, p, limit->name) > 0)
            continue;
        f = lint_find(l, RULE_POOL_LIMIT_SLICES,
                      spot_of(p->doc, limit->pair ? limit->pair->key : limit->node),
                      "Karpenter does not know that nodes of pool '%s' have %s: the limit lets the "
                      "first ones pass, and then none for ever",
                      p->name, limit->name);
        finding_cure(l, f, "limit nvidia.com/gpu, cpu or nodes instead");
        if (will_have(l, p, limit->name) || !p->limits_node ||
            node_at(p->doc->root, "spec.limits") != p->limits_node)
            continue;
        if (n_slices == p->n_limits) {
            value = finding_choose(l, f, "gpu-limit", "GPUs that the pool may have in all");
            if (!value)
                continue;
            fix_put(l, f, p->doc, "spec.limits", "nvidia.com/gpu", value);
        }
        if (p->limits_node->style == YAML_BLOCK)
            fix_comment_out(l, f, p->doc, limit->pair, NULL);
        else
            fix_remove(l, f, p->doc, "spec.limits", limit->name);
        n_slices = 0;
    }
}

static void choose_limit(struct lint *l, struct finding *f, const struct pool *p)
{
    const char *value = finding_choose(l, f, "gpu-limit", "GPUs that the pool may have in all");

    finding_cure(l, f, "add nvidia.com/gpu to spec.limits");
    /* Where the limits stand in a wrong place they are moved first. */
    if (value && match_editable(p, "spec") &&
        (!p->limits_node || node_at(p->doc->root, "spec.limits") == p->limits_node) &&
        !node_at(p->doc->root, "spec.limits.resources"))
        fix_put(l, f, p->doc, "spec.limits", "nvidia.com/gpu", value);
}

/* How many nodes of a type the limits on other things than GPUs allow. */
static int64_t nodes_allowed(struct lint *l, const struct pool *p, const struct instance_type *t)
{
    int64_t most = INT64_MAX;

    for (size_t i = 0; i < p->n_limits; i++) {
        int64_t one = counts(l, p, t, p->limits[i].name);

        if (one > 0 && p->limits[i].count / one < most)
            most = p->limits[i].count / one;
    }
    return most;
}

static void check_open(struct lint *l, const struct pool *p)
{
    const struct instance_type *worst = NULL;
    int64_t most = 0;
    const struct price *price;
    const char *cost = "";
    struct finding *f;

    for (size_t i = 0; i < p->n_limits; i++)
        if (resource_is_gpu(p->limits[i].name) || strcmp(p->limits[i].name, "nodes") == 0 ||
            is_placeholder(&p->limits[i]))
            return;
    for (size_t i = 0; i < p->n_types; i++) {
        int64_t nodes = nodes_allowed(l, p, p->types[i]);

        if (nodes > most) {
            most = nodes;
            worst = p->types[i];
        }
    }
    if (!worst || most <= MANY_NODES)
        return;
    price = catalog_price(worst, l->region, 1 << PURCHASE_ON_DEMAND);
    if (price && most != INT64_MAX)
        cost = lint_printf(l, ", $%.0f an hour", price->usd_per_hour * (double)most);
    f = lint_find(l, RULE_POOL_WITHOUT_GPU_LIMIT, match_spot(p->doc, p->limits[0].node),
                  "the limits of pool '%s' say nothing of GPUs and allow %lld %s%s", p->name,
                  (long long)most, worst->name, cost);
    choose_limit(l, f, p);
}

void check_pool_limits(struct lint *l, const struct pool *p)
{
    struct finding *f;

    if (p->n_limits > 64 || p->fixed || index_overlays_left(&l->system))
        return;
    if (p->gpu)
        check_slices(l, p);
    if (!match_gpu_pool(p))
        return;
    if (p->n_limits == 0) {
        if (p->limits_node && text_is_placeholder(node_text(p->limits_node, "")))
            return;
        f = lint_find(l, RULE_POOL_UNLIMITED, match_spot(p->doc, NULL),
                      "pool '%s' has no limits: pods alone decide how many GPU nodes it buys",
                      p->name);
        choose_limit(l, f, p);
        return;
    }
    check_open(l, p);
    if (p->types_open || is_closed(p))
        return;
    check_below_node(l, p);
    check_excluded(l, p);
}
