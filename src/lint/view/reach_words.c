/* SPDX-License-Identifier: Apache-2.0 */
/* Why a pool does not take a pod, and what to do about it, in words. */
#include "lint/view/reach_words.h"

#include "lint/finding.h"
#include "lint/view/view.h"

/* "nvidia.com/gpu=true:NoSchedule" */
static const char *taint_words(struct lint *l, const struct taint *t)
{
    return lint_printf(l, "%s%s%s:%s", t->key, t->value[0] ? "=" : "", t->value, t->effect);
}

/* One thing that stands in the way. */
static const char *fault_words(struct lint *l, const struct reach_reason *reason, unsigned fault)
{
    const struct reach *r = &reason->reach;

    switch ((enum reach_fault)fault) {
    case REACH_TAINT:
        return lint_printf(l, "its taint %s is not tolerated", taint_words(l, r->taint));
    case REACH_LIMIT:
        return lint_printf(l, "its limit of %s %s is less than one node", r->limit->name,
                           node_text(r->limit->node, ""));
    case REACH_LABEL:
        return lint_printf(l, "its nodes have no label %s that suits", r->label);
    case REACH_RESOURCE:
        if (reason->shown)
            return lint_printf(l,
                               "Karpenter does not know that its nodes will show %s, and so "
                               "buys none",
                               r->ask->name);
        if (r->has == 0)
            return lint_printf(l, "Karpenter knows no %s on its nodes", r->ask->name);
        return lint_printf(l, "its nodes have %lld of %s where one pod asks for %lld",
                           (long long)r->has, r->ask->name, (long long)r->ask->count);
    case REACH_SIZE:
        return lint_printf(l, "its largest node has too little %s", r->size->name);
    case REACH_TYPES:
        break;
    }
    return "it allows no type with GPUs";
}

const char *reach_words_reason(struct lint *l, const struct reach_reason *reason)
{
    const char *words = "";

    for (unsigned fault = REACH_TAINT; fault <= REACH_TYPES; fault <<= 1)
        if (reason->reach.faults & fault)
            words = lint_printf(l, "%s%s%s", words, words[0] ? ", and " : "",
                                fault_words(l, reason, fault));
    return words;
}

/* The board can be cut into what is asked for. */
static bool has_profile(const struct reach *r)
{
    const char *profile = resource_profile(r->ask->name);

    return profile && r->type->mig && r->type->geometry &&
           geometry_find(r->type->geometry, profile);
}

void reach_words_cure(struct lint *l, struct finding *f, const struct reach_reason *nearest)
{
    const struct reach *r = &nearest->reach;
    const char *pool = nearest->pool->name;

    if (nearest->shown)
        finding_cure(l, f, "add a NodeOverlay that gives pool '%s' %s: \"%s\" on %s", pool,
                     r->ask->name, nearest->shown, r->type->name);
    else if (r->faults == REACH_TAINT)
        finding_cure(l, f, "let the pods tolerate %s", taint_words(l, r->taint));
    else if (r->faults == REACH_LIMIT)
        finding_cure(l, f, "raise the limit on %s of pool '%s'", r->limit->name, pool);
    else if (r->faults == REACH_LABEL)
        finding_cure(l, f, "put %s on the template of pool '%s', or do not select by it", r->label,
                     pool);
    else if (r->faults == REACH_SIZE)
        finding_cure(l, f, "ask for less %s, or allow larger types in pool '%s'", r->size->name,
                     pool);
    else if (r->faults == REACH_RESOURCE && has_profile(r))
        finding_cure(l, f, "cut the nodes of pool '%s' so, and tell Karpenter by a NodeOverlay",
                     pool);
    else if (r->faults == REACH_RESOURCE && nearest->offers)
        finding_cure(l, f, "ask for %s, which pool '%s' has, or add a pool that has %s",
                     nearest->offers, pool, r->ask->name);
    else if (r->faults & REACH_TYPES)
        finding_cure(l, f, "add a pool of types with GPUs");
    else
        finding_cure(l, f, "pool '%s' is the nearest: change all of that there", pool);
}
