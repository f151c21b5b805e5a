/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NodePools: goes through them and their parts, and the few things that need two of them. The
 * parts are in check_pool_*.c.
 */
#include <string.h>

#include "lint/check/check_parts.h"
#include "lint/check/checks.h"
#include "lint/rules_list.h"
#include "lint/view/match.h"

enum { MAX_TIE_POOLS = 256 }; /* more are not compared with each other */

static bool share_type(const struct pool *a, const struct pool *b)
{
    for (size_t i = 0; i < a->n_types; i++)
        for (size_t k = 0; k < b->n_types; k++)
            if (a->types[i] == b->types[k])
                return true;
    return false;
}

/* Whether every taint of a stands on b too. */
static bool has_taints(const struct pool *a, const struct pool *b)
{
    for (size_t i = 0; i < a->n_taints; i++) {
        bool found = false;

        for (size_t k = 0; k < b->n_taints && !found; k++)
            found = strcmp(a->taints[i].key, b->taints[k].key) == 0 &&
                    strcmp(a->taints[i].value, b->taints[k].value) == 0 &&
                    strcmp(a->taints[i].effect, b->taints[k].effect) == 0;
        if (!found)
            return false;
    }
    return true;
}

static bool same_labels(const struct pool *a, const struct pool *b)
{
    size_t n_a = a->labels ? a->labels->count : 0, n_b = b->labels ? b->labels->count : 0;

    if (n_a != n_b)
        return false;
    for (size_t i = 0; i < n_a; i++) {
        const char *key = a->labels->pairs[i].key->text;

        if (strcmp(node_text(a->labels->pairs[i].value, ""),
                   node_text(node_get(b->labels, key), "")) != 0)
            return false;
    }
    return true;
}

/* Two pools that take the same pods, with nothing to say which goes first. */
static bool check_tie(struct lint *l, const struct pool *a, const struct pool *b)
{
    const struct pool *first = strcmp(a->name, b->name) > 0 ? a : b;
    struct finding *f;

    if (a->weight != b->weight || !a->name[0] || strcmp(a->name, b->name) == 0 ||
        !has_taints(a, b) || !has_taints(b, a) || !same_labels(a, b) || !share_type(a, b))
        return false;
    f = lint_find(l, RULE_POOL_WEIGHT_TIE, match_spot(b->doc, NULL),
                  "pools '%s' and '%s' take the same pods and have the same weight: '%s' gets them "
                  "all, as the later name",
                  a->name, b->name, first->name);
    finding_cure(l, f, "give the pool that is to be tried first the higher spec.weight");
    return true;
}

/* Each pool is told of once, with the first that it ties with. */
static void check_ties(struct lint *l)
{
    const struct system *s = &l->system;

    if (s->n_pools > MAX_TIE_POOLS)
        return;
    for (size_t k = 0; k < s->n_pools; k++)
        for (size_t i = 0; i < k && match_gpu_pool(&s->pools[k]); i++)
            if (match_gpu_pool(&s->pools[i]) && check_tie(l, &s->pools[i], &s->pools[k]))
                break;
}

void check_pool(struct lint *l)
{
    for (size_t i = 0; i < l->system.n_pools; i++) {
        const struct pool *p = &l->system.pools[i];

        check_pool_names(l, p);
        check_pool_types(l, p);
        check_pool_prices(l, p);
        check_pool_limits(l, p);
        check_pool_mig(l, p);
        check_pool_taints(l, p);
        check_pool_life(l, p);
    }
    check_ties(l);
}
