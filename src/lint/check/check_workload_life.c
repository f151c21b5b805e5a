/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How GPU pods end against how their nodes do: spot's two minutes, forced expiry, and budgets that
 * let no pod go.
 */
#include <string.h>

#include "lint/check/check_parts.h"
#include "lint/rules_list.h"
#include "lint/view/match.h"

enum { SPOT_NOTICE_S = 120 };

/* Whether the pod itself keeps off spot. */
static bool avoids_spot(const struct workload *w)
{
    static const char key[] = "karpenter.sh/capacity-type";
    const char *wanted = node_text(node_get(w->node_selector, key), "spot");

    if (strcmp(wanted, "spot") != 0)
        return true;
    for (size_t i = 0; w->n_affinity == 1 && i < w->affinity[0].n_requirements; i++) {
        const struct requirement *r = &w->affinity[0].requirements[i];

        if (strcmp(r->key, key) == 0 && !requirement_meets(r, "spot"))
            return true;
    }
    return false;
}

static void check_grace(struct lint *l, const struct workload *w)
{
    const struct yaml_node *node = node_get(w->pod, "terminationGracePeriodSeconds");
    const struct pool *p;
    int64_t seconds;
    size_t at = 0;
    struct finding *f;

    if (!node || !quantity_read(&seconds, node_text(node, ""), 1) || seconds <= SPOT_NOTICE_S ||
        avoids_spot(w))
        return;
    while ((p = match_next(l, w, &at))) {
        if (!match_requirement(p, "karpenter.sh/capacity-type") || !match_capacity_type(p, "spot"))
            continue;
        f = lint_find(l, RULE_TERMINATION_GRACE_SPOT, spot_of(w->doc, node),
                      "%s takes up to %lld s to end, and pool '%s' buys spot, which is gone 120 s "
                      "after its notice",
                      match_workload(l, w), (long long)seconds, p->name);
        finding_cure(l, f,
                     "save often and end within 120 s, or select "
                     "karpenter.sh/capacity-type: on-demand");
        return;
    }
}

static bool keeps_node(const struct workload *w)
{
    const struct yaml_node *notes = node_get(w->pod_meta, "annotations");

    return strcmp(node_text(node_get(notes, "karpenter.sh/do-not-disrupt"), ""), "true") == 0;
}

static void check_expiry(struct lint *l, const struct workload *w)
{
    static const char key[] = "karpenter.sh/do-not-disrupt";
    const struct pool *p;
    size_t at = 0;

    if (!keeps_node(w))
        return;
    while ((p = match_next(l, w, &at))) {
        const struct yaml_node *after = node_get(p->template_spec, "expireAfter");
        struct finding *f;

        if (!after || strcmp(node_text(after, ""), "Never") == 0 ||
            text_is_placeholder(node_text(after, "")))
            continue;
        f = lint_find(l, RULE_EXPIRE_DO_NOT_DISRUPT,
                      match_spot(w->doc, node_pair(node_get(w->pod_meta, "annotations"), key)->key),
                      "%s forbids disruption, which does not stop nodes of pool '%s' from expiring "
                      "after %s",
                      match_workload(l, w), p->name, node_text(after, "?"));
        finding_cure(l, f, "let it resume, or set expireAfter: Never in the pool");
        return;
    }
}

/* Whether every label that the budget selects by is on the pod. */
static bool covers(const struct document *budget, const struct workload *w)
{
    const struct yaml_node *wanted = node_at(budget->root, "spec.selector.matchLabels");
    const struct yaml_node *labels = node_get(w->pod_meta, "labels");

    if (!wanted || wanted->kind != YAML_MAP || wanted->count == 0 ||
        strcmp(budget->space, w->space) != 0)
        return false;
    for (size_t i = 0; i < wanted->count; i++)
        if (strcmp(node_text(wanted->pairs[i].value, ""),
                   node_text(node_get(labels, wanted->pairs[i].key->text), "?")) != 0)
            return false;
    return true;
}

/* The field by which it lets no pod go, or NULL. */
static const struct yaml_node *blocking_field(const struct document *budget,
                                              const struct workload *w)
{
    const struct yaml_node *most = node_at(budget->root, "spec.maxUnavailable");
    const struct yaml_node *least = node_at(budget->root, "spec.minAvailable");
    const char *text = node_text(most, "");
    int64_t count;

    if (strcmp(text, "0") == 0 || strcmp(text, "0%") == 0)
        return most;
    text = node_text(least, "");
    if (strcmp(text, "100%") == 0)
        return least;
    if (text[0] && quantity_read(&count, text, 1) && count >= (int64_t)w->pods && count > 0)
        return least;
    return NULL;
}

static void check_budget(struct lint *l, const struct workload *w, const struct document *budget)
{
    const struct yaml_node *field = covers(budget, w) ? blocking_field(budget, w) : NULL;
    const struct pool *p;
    size_t at = 0;
    struct finding *f;

    if (!field)
        return;
    while ((p = match_next(l, w, &at))) {
        if (node_get(p->template_spec, "terminationGracePeriod"))
            continue;
        f = lint_find(l, RULE_PDB_BLOCKS, spot_of(budget, field),
                      "budget '%s' lets no pod of %s go, and pool '%s' has no "
                      "terminationGracePeriod: its nodes are drained for ever and paid",
                      budget->name, match_workload(l, w), p->name);
        finding_cure(l, f,
                     "allow one disruption, or set terminationGracePeriod in the pool's "
                     "template");
        return;
    }
}

void check_workload_life(struct lint *l, const struct workload *w)
{
    if (!match_buys(w) || l->system.n_pools == 0)
        return;
    check_grace(l, w);
    check_expiry(l, w);
}

void check_budgets(struct lint *l)
{
    const struct system *s = &l->system;

    for (size_t i = 0; i < s->n_documents && s->n_pools > 0; i++) {
        if (!document_is(s->documents[i], "policy", "PodDisruptionBudget"))
            continue;
        for (size_t k = 0; k < s->n_workloads; k++)
            if (match_buys(&s->workloads[k]))
                check_budget(l, &s->workloads[k], s->documents[i]);
    }
}
