/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pods: goes through them and their parts, and what is asked of the cluster around them. The parts
 * are in check_workload_*.c and check_image.c.
 */
#include <string.h>

#include "lint/check/check_parts.h"
#include "lint/check/checks.h"
#include "lint/rules_list.h"
#include "lint/view/elsewhere.h"
#include "lint/view/match.h"

/* Whether Karpenter was told to heed claims: by its chart's own setting, or its environment. */
static bool heeds_claims(const struct system *s)
{
    for (size_t i = 0; i < s->n_releases; i++) {
        const struct release *r = &s->releases[i];

        if (r->chart != CHART_KARPENTER)
            continue;
        if (r->values_open)
            return true;
        for (size_t k = 0; k < r->n_values; k++)
            if (strstr(r->values[k].path, "DRA") || strstr(r->values[k].path, "draNVIDIA") ||
                strstr(r->values[k].text, "DRA_REQUESTS"))
                return true;
    }
    return false;
}

static void check_claims(struct lint *l, const struct workload *w)
{
    const struct yaml_node *claims = node_get(w->pod, "resourceClaims");
    const struct pool *p, *found = NULL;
    size_t at = 0;
    struct finding *f;

    if (!claims || claims->count == 0 || strcmp(w->kind, "DaemonSet") == 0 ||
        heeds_claims(&l->system))
        return;
    while ((p = match_next(l, w, &at))) {
        if (p->fixed)
            return;
        found = p;
    }
    if (!found)
        return;
    f = lint_find(l, RULE_DRA_REQUEST, spot_of(w->doc, claims),
                  "%s has resource claims, and Karpenter buys no node of pool '%s' for such a pod",
                  match_workload(l, w), found->name);
    finding_cure(l, f,
                 "ask for nvidia.com/gpu, use a pool with spec.replicas or a node group, or "
                 "turn on DRA in Karpenter 1.15");
}

void check_workload(struct lint *l)
{
    enum elsewhere others = elsewhere_nodes(l);

    for (size_t i = 0; i < l->system.n_workloads; i++) {
        const struct workload *w = &l->system.workloads[i];
        bool pinned = others && elsewhere_never(&l->system, w);
        enum elsewhere elsewhere = pinned ? ELSEWHERE_NONE : others;

        if (elsewhere != ELSEWHERE_GROUPS)
            check_claims(l, w);
        check_image(l, w);
        check_workload_names(l, w);
        check_workload_life(l, w);
        check_workload_taints(l, w, elsewhere);
        if (!w->gpu)
            continue;
        if (elsewhere != ELSEWHERE_GROUPS)
            check_workload_selector(l, w);
        check_workload_slices(l, w, elsewhere);
    }
    check_budgets(l);
}
