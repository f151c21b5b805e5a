/* SPDX-License-Identifier: Apache-2.0 */
/* Overlays by the pools that they name: see match_index.h. */
#include <stdlib.h>
#include <string.h>

#include "lint/view/match_work.h"
#include "lint/view/view.h"

enum { MAX_LOOKS = 10000000 }; /* at an overlay that names no pool, for each type of a pool */

static const char pool_key[] = "karpenter.sh/nodepool";

const struct requirement *index_names_pools(const struct overlay *o)
{
    for (size_t i = 0; i < o->n_requirements; i++) {
        const struct requirement *r = &o->requirements[i];
        size_t k = 0;

        if (strcmp(r->key, pool_key) != 0 || r->op != OPERATOR_IN || r->n_values == 0)
            continue;
        while (k < r->n_values && !text_is_placeholder(r->values[k]))
            k++;
        if (k == r->n_values)
            return r;
    }
    return NULL;
}

static int by_number(const void *left, const void *right)
{
    const uint32_t *a = left, *b = right;

    return (*a > *b) - (*a < *b);
}

size_t index_sort(uint32_t *items, size_t n)
{
    size_t kept = 0;

    if (n == 0)
        return 0;
    qsort(items, n, sizeof *items, by_number);
    for (size_t i = 1; i < n; i++)
        if (items[i] != items[kept])
            items[++kept] = items[i];
    return kept + 1;
}

static int by_pool(const void *left, const void *right)
{
    const struct index_named *a = left, *b = right;
    int order = strcmp(a->pool, b->pool);

    return order ? order : (a->overlay > b->overlay) - (a->overlay < b->overlay);
}

bool index_overlays_left(const struct system *s)
{
    return s->index->overlays_left;
}

static void leave_out(const struct system *s, struct match_index *x)
{
    size_t types = 0;

    for (size_t i = 0; i < s->n_pools; i++)
        types += s->pools[i].n_types;
    if (types == 0 || x->n_general <= MAX_LOOKS / types)
        return;
    x->n_general = 0;
    x->full = x->overlays_left = true;
}

void index_read_overlays(struct lint *l, struct system *s)
{
    struct match_index *x = s->index;
    size_t n_named = 0;

    for (size_t i = 0; i < s->n_overlays; i++) {
        const struct requirement *r = index_names_pools(&s->overlays[i]);

        n_named += r ? r->n_values : 0;
    }
    x->general = view_alloc(l, (s->n_overlays + 1) * sizeof *x->general);
    x->all = view_alloc(l, (s->n_overlays + 1) * sizeof *x->all);
    x->changed = view_alloc(l, (s->n_overlays + 1) * sizeof *x->changed);
    x->changed_known = view_alloc(l, (s->n_overlays + 1) * sizeof *x->changed_known);
    x->named = view_alloc(l, (n_named + 1) * sizeof *x->named);
    x->named_overlays = view_alloc(l, (n_named + 1) * sizeof *x->named_overlays);
    if (l->out_of_memory)
        return;
    for (size_t i = 0; i < s->n_overlays; i++) {
        const struct requirement *r = index_names_pools(&s->overlays[i]);

        x->all[i] = (uint32_t)i;
        if (!r)
            x->general[x->n_general++] = (uint32_t)i;
        for (size_t k = 0; r && k < r->n_values; k++)
            x->named[x->n_named++] = (struct index_named){r->values[k], (uint32_t)i};
    }
    leave_out(s, x);
    qsort(x->named, x->n_named, sizeof *x->named, by_pool);
    for (size_t i = 0; i < x->n_named; i++)
        x->named_overlays[i] = x->named[i].overlay;
}

/* Where the pool's overlays begin, or would. */
static size_t lower_bound(const struct match_index *x, const char *pool)
{
    size_t from = 0, to = x->n_named;

    while (from < to) {
        size_t middle = from + (to - from) / 2;

        if (strcmp(x->named[middle].pool, pool) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

struct overlay_walk index_overlays(const struct system *s, const struct pool *p)
{
    const struct match_index *x = s->index;
    const char *label = x->n_named > 0 ? pool_label(p, pool_key) : NULL;
    size_t from, to;

    if (x->n_named > 0 && (text_is_placeholder(p->name) || !label || strcmp(label, p->name) != 0))
        return (struct overlay_walk){.n_general = s->n_overlays, .general = x->all};
    from = to = lower_bound(x, p->name);
    while (to < x->n_named && strcmp(x->named[to].pool, p->name) == 0)
        to++;
    return (struct overlay_walk){x->n_general, to - from, x->general, x->named_overlays + from};
}

const struct overlay *index_next_overlay(const struct system *s, struct overlay_walk *w)
{
    bool named = w->n_named > 0 && (w->n_general == 0 || w->named[0] < w->general[0]);

    if (named) {
        w->n_named--;
        return &s->overlays[*w->named++];
    }
    if (w->n_general == 0)
        return NULL;
    w->n_general--;
    return &s->overlays[*w->general++];
}
