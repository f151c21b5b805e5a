/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pools whose nodes are to be cut by MIG, and the families that they may buy for it. What a
 * configuration makes of a board, and who asks for that, is the business of others.
 */
#include <string.h>

#include "base/text.h"
#include "lint/check/check_parts.h"
#include "lint/rules_list.h"
#include "lint/view/match.h"
#include "lint/view/match_index.h"

static const char wish_key[] = "nvidia.com/mig.config";
static const char type_key[] = "node.kubernetes.io/instance-type";

/* Keys that say which types; one of them becomes the list of types, the others go. */
static const char *const naming_keys[] = {
    "node.kubernetes.io/instance-type",      "karpenter.k8s.aws/instance-family",
    "karpenter.k8s.aws/instance-size",       "karpenter.k8s.aws/instance-category",
    "karpenter.k8s.aws/instance-generation", "karpenter.k8s.aws/instance-gpu-name",
};

static bool is_naming(const char *key)
{
    for (size_t i = 0; i < sizeof naming_keys / sizeof naming_keys[0]; i++)
        if (strcmp(naming_keys[i], key) == 0)
            return true;
    return false;
}

/* Makes `types`, parted by commas, all that the pool may buy. */
static void fix_types(struct lint *l, struct finding *f, const struct pool *p, const char *types)
{
    const struct yaml_node *list = p->requirements_node;
    bool kept = false;

    for (size_t i = 0; list && list->kind == YAML_LIST && i < list->count; i++) {
        const struct yaml_node *entry = list->items[i], *values = node_get(entry, "values");
        const char *key = node_text(node_get(entry, "key"), "");

        if (!is_naming(key))
            continue;
        if (kept || !values) {
            fix_remove_item(l, f, p->doc, list, i);
            continue;
        }
        kept = true;
        if (strcmp(key, type_key) != 0)
            fix_replace(l, f, p->doc, node_get(entry, "key"), type_key);
        if (strcmp(node_text(node_get(entry, "operator"), ""), "In") != 0)
            fix_replace(l, f, p->doc, node_get(entry, "operator"), "In");
        match_fix_values(l, f, p->doc, values, types);
    }
    if (!kept && match_editable(p, "spec.template.spec"))
        fix_put(l, f, p->doc, "spec.template.spec", "requirements",
                lint_printf(l, "- key: %s\n  operator: In\n  values: %s", type_key,
                            match_flow(l, types)));
}

static bool wants_mig(const char *wish)
{
    return wish && wish[0] && strcmp(wish, "all-disabled") != 0 && strcmp(wish, "disabled") != 0 &&
           !text_is_placeholder(wish);
}

static size_t find_without(const struct pool *p, const struct instance_type **out, size_t max)
{
    size_t n = 0;

    for (size_t i = 0; i < p->n_types; i++) {
        const struct instance_type *t = p->types[i];
        size_t at = 0;

        if (t->mig || t->gpus == 0)
            continue;
        while (at < n && strcmp(out[at]->family, t->family) != 0)
            at++;
        if (at == n && n < max)
            out[n++] = t;
    }
    return n;
}

static const struct yaml_node *find_naming(const struct pool *p)
{
    for (size_t i = 0; i < p->n_requirements; i++)
        if (is_naming(p->requirements[i].key))
            return p->requirements[i].values_node ? p->requirements[i].values_node
                                                  : p->requirements[i].node;
    return p->requirements_node;
}

static void check_family(struct lint *l, const struct pool *p, const char *wish)
{
    const struct instance_type *without[8];
    const char *words[8], *types;
    size_t n = find_without(p, without, 8);
    const struct yaml_node *label = node_get(p->labels, wish_key);
    bool some = false;
    struct finding *f;

    for (size_t i = 0; i < p->n_types; i++)
        some |= p->types[i]->mig;
    if (n == 0)
        return;
    for (size_t i = 0; i < n; i++)
        words[i] = lint_printf(l, "%s (%s)", without[i]->family, without[i]->gpu_product);
    f = lint_find(l, RULE_MIG_FAMILY, match_spot(p->doc, find_naming(p)),
                  "pool '%s' wants the MIG configuration '%s', which %s cannot have", p->name, wish,
                  match_list(l, words, n));
    finding_cure(l, f,
                 "buy types with MIG: p4d, p4de, p5, p5e, p5en, p6-b200, p6-b300, g7e and g7 "
                 "have it");
    types = finding_choose(l, f, "instance-types", "instance types with MIG");
    if (types)
        fix_types(l, f, p, types);
    if (some || !label)
        return;
    f = lint_find(l, RULE_MIG_FAMILY, spot_of(p->doc, label),
                  "no type that pool '%s' may buy has MIG: the configuration '%s' fails on all its "
                  "nodes",
                  p->name, wish);
    finding_cure(l, f, "buy types with MIG, or drop the label");
    /* The other finding's edits cure this one too. */
    finding_choose(l, f, "instance-types", "instance types with MIG");
}

static bool selects_wish(const struct workload *w)
{
    if (node_get(w->node_selector, wish_key))
        return true;
    for (size_t i = 0; i < w->n_affinity; i++)
        for (size_t k = 0; k < w->affinity[i].n_requirements; k++)
            if (strcmp(w->affinity[i].requirements[k].key, wish_key) == 0)
                return true;
    return false;
}

/* Where a pod can come onto a node that is only going to be cut. */
static void check_wish(struct lint *l, const struct pool *p, const struct workload *w)
{
    const struct yaml_pair *pair = node_pair(w->node_selector, wish_key);
    const char *key;
    struct finding *f;

    f = lint_find(l, RULE_SELECTOR_MIG_WISH, match_spot(w->doc, pair ? pair->key : NULL),
                  "%s selects %s, which says how a node of pool '%s' is meant to be cut, not that "
                  "it is",
                  match_workload(l, w), wish_key, p->name);
    finding_cure(l, f, "give the pool a startup taint that is taken off once the slices are there");
    key = finding_choose(l, f, "startup-taint",
                         "the key of a taint that something takes off when the slices are there");
    if (key && match_editable(p, "spec.template.spec"))
        fix_put(l, f, p->doc, "spec.template.spec", "startupTaints",
                lint_printf(l, "- key: %s\n  effect: NoSchedule", key));
}

void check_pool_mig(struct lint *l, const struct pool *p)
{
    const char *wish = pool_label(p, wish_key);
    const struct workload *first = NULL;

    if (!wants_mig(wish))
        return;
    if (!p->types_open && !p->others)
        check_family(l, p, wish);
    for (size_t i = 0; i < index_alikes(&l->system) && p->n_startup_taints == 0; i++) {
        const struct workload *w = index_alike(&l->system, i)->first;

        if ((first && w > first) || !w->gpu || !index_try(&l->system, 1) || !selects_wish(w) ||
            !match_serves(l, w, p))
            continue;
        first = w;
    }
    if (first)
        check_wish(l, p, first); /* the others need the same taint */
}
