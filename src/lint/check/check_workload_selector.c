/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Labels that GPU pods want of their node and no pool gives: Karpenter then buys none. Labels that
 * programs put on a node once it runs are unknown before it is launched.
 */
#include <string.h>

#include "base/text.h"
#include "lint/check/check_parts.h"
#include "lint/rules_list.h"
#include "lint/view/match.h"
#include "lint/view/match_index.h"
#include "lint/view/reach.h"

/* Nodes of other makers' groups, which no pool is meant to be. */
static bool is_foreign(const char *key)
{
    static const char *const starts[] = {"eks.amazonaws.com/", "alpha.eksctl.io/",
                                         "cloud.google.com/",  "kubernetes.azure.com/",
                                         "agentpool",          "nodepool"};

    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++)
        if (text_starts(key, starts[i]))
            return true;
    return false;
}

/* Labels that NVIDIA's and others' feature discovery write. */
static bool is_discovered(const char *key)
{
    return text_starts(key, "nvidia.com/") || text_starts(key, "feature.node.kubernetes.io/");
}

static bool selects_foreign(const struct workload *w)
{
    const struct yaml_node *map = w->node_selector;

    for (size_t i = 0; map && map->kind == YAML_MAP && i < map->count; i++)
        if (is_foreign(map->pairs[i].key->text))
            return true;
    for (size_t i = 0; i < w->n_affinity; i++)
        for (size_t k = 0; k < w->affinity[i].n_requirements; k++)
            if (is_foreign(w->affinity[i].requirements[k].key))
                return true;
    return false;
}

/* The only GPU pool of the set that a label could be added to. */
static const struct pool *only_pool(const struct system *s)
{
    const struct pool *found = NULL;

    for (size_t i = 0; i < s->n_pools; i++) {
        if (!match_gpu_pool(&s->pools[i]))
            continue;
        if (found)
            return NULL;
        found = &s->pools[i];
    }
    return found;
}

static bool is_gpu_alone(const struct pool *p)
{
    return p->gpu && !p->others;
}

static bool has_gpu_pool(const struct system *s)
{
    for (size_t i = 0; i < s->n_pools; i++)
        if (is_gpu_alone(&s->pools[i]))
            return true;
    return false;
}

/* Whether a GPU pool can carry it, or nobody can tell any more. */
static bool is_carried(struct lint *l, const struct requirement *r)
{
    const struct system *s = &l->system;
    struct pool_list said, rest;
    bool some = r->op == OPERATOR_IN && r->n_values == 1 &&
                index_may_meet(l, r->key, r->values[0], &said, &rest);

    for (size_t i = 0;; i++) {
        size_t at = some ? index_next(&said, &rest) : i;

        if (at >= s->n_pools)
            return false;
        if (!index_try(s, 1) || (is_gpu_alone(&s->pools[at]) && match_pool(r, &s->pools[at])))
            return true;
    }
}

static bool is_own_label(const char *key)
{
    return !text_starts(key, "karpenter.") && !strstr(key, "kubernetes.io/") &&
           !text_starts(key, "topology.");
}

static void check_label(struct lint *l, const struct workload *w, const struct requirement *r,
                        const struct yaml_node *node)
{
    const char *value = r->n_values > 0 ? r->values[0] : "";
    bool discovered = is_discovered(r->key);
    const struct pool *p;
    struct finding *f;

    if (r->op == OPERATOR_UNKNOWN || text_is_placeholder(value) || !has_gpu_pool(&l->system) ||
        is_carried(l, r) || elsewhere_label(&l->system, r->key))
        return;
    p = only_pool(&l->system);
    f = lint_find(l, RULE_SELECTOR_UNKNOWN_LABEL, match_spot(w->doc, node),
                  "%s wants nodes with %s%s%s%s, which no GPU pool %s: it stays pending for ever",
                  match_workload(l, w), r->key, value[0] ? " '" : "", value, value[0] ? "'" : "",
                  discovered ? "can promise before the node runs" : "gives its nodes");
    match_told(l, w, f, REACH_LABEL);
    finding_cure(l, f,
                 discovered ? "select a label of Karpenter's, such as "
                              "karpenter.k8s.aws/instance-gpu-name%s%s"
                            : "add %s to spec.template.metadata.labels of the pool, or drop "
                              "%s",
                 discovered ? "" : r->key, discovered ? "" : "the selector");
    if (!p || r->op != OPERATOR_IN || r->n_values != 1 || !is_own_label(r->key) ||
        !match_editable(p, "spec.template.spec") || pool_label(p, r->key) ||
        (discovered && strcmp(r->key, "nvidia.com/gpu.present") != 0))
        return;
    fix_put(l, f, p->doc, "spec.template.metadata.labels", r->key, lint_printf(l, "\"%s\"", value));
}

void check_workload_selector(struct lint *l, const struct workload *w)
{
    const struct yaml_node *map = w->node_selector;

    if (!match_buys(w) || selects_foreign(w))
        return;
    for (size_t i = 0; map && map->kind == YAML_MAP && i < map->count; i++) {
        const char *value = node_text(map->pairs[i].value, "");
        struct requirement r = {.key = map->pairs[i].key->text, .op = OPERATOR_IN, .n_values = 1};

        r.values = &value;
        check_label(l, w, &r, map->pairs[i].key);
    }
    /* Of several terms one is enough, so only a single one can be judged. */
    for (size_t i = 0; w->n_affinity == 1 && i < w->affinity[0].n_requirements; i++)
        check_label(l, w, &w->affinity[0].requirements[i], w->affinity[0].requirements[i].node);
}
