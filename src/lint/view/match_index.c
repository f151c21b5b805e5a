/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pools by what they say of a label, and the lists made with it: see match_index.h. Which workloads
 * are alike is match_alike.c's, overlays are match_overlays.c's.
 */
#include "lint/view/match_index.h"

#include <stdlib.h>
#include <string.h>

#include "lint/check/checks.h"
#include "lint/rules_list.h"
#include "lint/view/match.h"
#include "lint/view/match_work.h"
#include "lint/view/pool_types.h"
#include "lint/view/reach.h"
#include "lint/view/view.h"

enum {
    MAX_TRIES = 50000000, /* of a pod, an overlay or a label by a pool */
    MAX_LISTED = 4000000, /* pools in all lists */
};

bool index_full(const struct system *s)
{
    return s->index->full;
}

void index_fill(const struct system *s)
{
    s->index->full = true;
}

bool index_try(const struct system *s, size_t tries)
{
    if (s->index->full)
        return false;
    s->index->n_tries += tries;
    s->index->full = s->index->n_tries > MAX_TRIES;
    return !s->index->full;
}

static int by_value(const void *left, const void *right)
{
    const struct index_said *a = left, *b = right;
    int order = strcmp(a->value, b->value);

    return order ? order : (a->pool > b->pool) - (a->pool < b->pool);
}

static bool has_requirement(const struct pool *p, const char *key)
{
    for (size_t i = 0; i < p->n_requirements; i++)
        if (strcmp(p->requirements[i].key, key) == 0)
            return true;
    return false;
}

/* The one value that the pool's nodes have; NULL: another way to meet it, or none. */
static const char *only_value(const struct pool *p, const char *key)
{
    const char *label = pool_label(p, key);

    if (!label || text_is_placeholder(label) || text_is_placeholder(p->name) ||
        pool_types_label(key) ||
        (strcmp(key, "karpenter.sh/nodepool") == 0 && strcmp(label, p->name) != 0))
        return NULL;
    return label;
}

/* Whether a pool that says nothing of a label leaves it open. */
static bool leaves_open(const struct pool *p, const char *key)
{
    static const char *nothing = "\x01";
    const struct requirement probe = {
        .key = key, .op = OPERATOR_IN, .n_values = 1, .values = &nothing};

    return has_requirement(p, key) || pool_label(p, key) || pool_types_label(key) ||
           match_pool(&probe, p) || reach_label_given(key);
}

static void read_key(struct lint *l, struct index_key *k, const char *key)
{
    const struct system *s = &l->system;
    uint32_t *rest = arena_array(&l->arena, s->n_pools, sizeof *rest);

    k->key = key;
    k->rest = rest;
    k->said = arena_array(&l->arena, s->n_pools, sizeof *k->said);
    k->pools = arena_array(&l->arena, s->n_pools, sizeof *k->pools);
    if (!k->said || !rest || !k->pools) {
        l->out_of_memory = true;
        return;
    }
    for (size_t i = 0; i < s->n_pools; i++) {
        const char *value = only_value(&s->pools[i], key);

        if (value)
            k->said[k->n_said++] = (struct index_said){value, (uint32_t)i};
        else if (leaves_open(&s->pools[i], key))
            rest[k->n_rest++] = (uint32_t)i;
    }
    qsort(k->said, k->n_said, sizeof *k->said, by_value);
    for (size_t i = 0; i < k->n_said; i++)
        k->pools[i] = k->said[i].pool;
}

static const struct index_key *find_key(struct lint *l, const char *key)
{
    struct match_index *x = l->system.index;

    for (size_t i = 0; i < x->n_keys; i++)
        if (strcmp(x->keys[i].key, key) == 0)
            return &x->keys[i];
    if (x->n_keys == MATCH_MAX_KEYS || l->system.n_pools == 0)
        return NULL;
    read_key(l, &x->keys[x->n_keys], key);
    return l->out_of_memory ? NULL : &x->keys[x->n_keys++];
}

/* Where the value begins, or would. */
static size_t lower_bound(const struct index_key *k, const char *value)
{
    size_t from = 0, to = k->n_said;

    while (from < to) {
        size_t middle = from + (to - from) / 2;

        if (strcmp(k->said[middle].value, value) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

bool index_may_meet(struct lint *l, const char *key, const char *value, struct pool_list *said,
                    struct pool_list *rest)
{
    const struct index_key *k =
        text_is_placeholder(key) || text_is_placeholder(value) ? NULL : find_key(l, key);
    size_t from, to;

    if (!k)
        return false;
    from = to = lower_bound(k, value);
    while (to < k->n_said && strcmp(k->said[to].value, value) == 0)
        to++;
    *said = (struct pool_list){to - from, k->pools + from};
    *rest = (struct pool_list){k->n_rest, k->rest};
    return true;
}

bool index_possible(struct lint *l, const struct workload *w, struct pool_list *said,
                    struct pool_list *rest)
{
    const struct yaml_node *map = w->node_selector;
    bool found = false;

    for (size_t i = 0; map && map->kind == YAML_MAP && i < map->count; i++) {
        struct pool_list a, b;

        if (!index_may_meet(l, map->pairs[i].key->text, node_text(map->pairs[i].value, ""), &a,
                            &b) ||
            (found && a.n + b.n >= said->n + rest->n))
            continue;
        *said = a;
        *rest = b;
        found = true;
    }
    return found;
}

size_t index_next(struct pool_list *said, struct pool_list *rest)
{
    struct pool_list *from = said;

    if (said->n == 0 || (rest->n > 0 && rest->pools[0] < said->pools[0]))
        from = rest;
    if (from->n == 0)
        return SIZE_MAX;
    from->n--;
    return *from->pools++;
}

/* Keeps what stands in the scratch list. */
static struct pool_list keep(struct lint *l, size_t n)
{
    struct match_index *x = l->system.index;
    uint32_t *pools;

    x->n_listed += n;
    x->full |= x->n_listed > MAX_LISTED;
    if (n == 0 || x->full)
        return (struct pool_list){0};
    pools = view_alloc(l, n * sizeof *pools);
    if (!pools)
        return (struct pool_list){0};
    memcpy(pools, x->scratch, n * sizeof *pools);
    return (struct pool_list){n, pools};
}

static struct pool_list list_serving(struct lint *l, const struct workload *w)
{
    struct system *s = &l->system;
    struct pool_list said, rest;
    bool some = index_possible(l, w, &said, &rest);
    size_t n = 0;

    if (!index_try(s, some ? said.n + rest.n : s->n_pools))
        return (struct pool_list){0};
    for (size_t i = 0;; i++) {
        size_t at = some ? index_next(&said, &rest) : i;

        if (at >= s->n_pools)
            break;
        if (match_serves(l, w, &s->pools[at]))
            s->index->scratch[n++] = (uint32_t)at;
    }
    return keep(l, n);
}

struct pool_list index_serves(struct lint *l, const struct workload *w)
{
    struct selection *of = w->alike ? w->alike->selection : NULL;

    if (!of || index_full(&l->system))
        return (struct pool_list){0};
    if (!of->listed)
        of->serves = list_serving(l, w);
    of->listed = true;
    return of->serves;
}

/* By the first requirement that names pools; without one all pools are looked at. */
static struct pool_list list_changed(struct lint *l, const struct overlay *o)
{
    struct system *s = &l->system;
    const struct requirement *names = index_names_pools(o);
    size_t n = 0;

    for (size_t k = 0; names && k < names->n_values; k++) {
        struct pool_list said, rest;
        size_t at;

        if (!index_may_meet(l, names->key, names->values[k], &said, &rest) ||
            !index_try(s, said.n + rest.n + 1) || n + said.n + rest.n > s->n_pools)
            goto all;
        while ((at = index_next(&said, &rest)) != SIZE_MAX)
            if (match_overlay_pool(o, &s->pools[at]))
                s->index->scratch[n++] = (uint32_t)at;
    }
    if (names)
        return keep(l, index_sort(s->index->scratch, n));
all:
    n = 0;
    if (!index_try(s, s->n_pools))
        return (struct pool_list){0};
    for (size_t i = 0; i < s->n_pools; i++)
        if (match_overlay_pool(o, &s->pools[i]))
            s->index->scratch[n++] = (uint32_t)i;
    return keep(l, n);
}

struct pool_list index_overlay_pools(struct lint *l, const struct overlay *o)
{
    struct match_index *x = l->system.index;
    size_t at = (size_t)(o - l->system.overlays);

    if (x->full)
        return (struct pool_list){0};
    if (!x->changed_known[at])
        x->changed[at] = list_changed(l, o);
    x->changed_known[at] = true;
    return x->changed[at];
}

void check_bounds(struct lint *l)
{
    struct finding *f;

    if (!index_full(&l->system))
        return;
    f = lint_find(l, RULE_FILE_TOO_LARGE, (struct spot){0},
                  "not every pod is judged against every pool: there are %zu workloads and %zu "
                  "pools",
                  l->system.n_workloads, l->system.n_pools);
    f->severity = SEVERITY_INFO;
    finding_cure(l, f, "lint fewer files at a time");
}
