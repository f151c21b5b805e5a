/* SPDX-License-Identifier: Apache-2.0 */
/* Which offers meet what is asked for, in the order wished. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "cli/offers.h"
#include "config/suggest.h"

bool offers_wants_way(const struct offers_query *q)
{
    return q->ways || q->memory_mib > 0 || q->mig || q->slices > 0;
}

static int unknown(struct err *e, const char *what, const char *name, const char *near)
{
    return err_set(e, ENOENT, "no %s '%.60s' is in the catalogue%s%s%s", what, name,
                   near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static int judge_gpu(const struct catalog *c, const char *name, struct err *e)
{
    const char *names[64], *near;
    const struct instance_type *t;
    size_t n = 0;

    for (size_t i = 0; (t = catalog_at(c, i)); i++) {
        if (strcmp(t->gpu_name, name) == 0)
            return 0;
        if (*t->gpu_name && n < 64 && (n == 0 || strcmp(names[n - 1], t->gpu_name) != 0))
            names[n++] = t->gpu_name;
    }
    near = suggest_find(name, names, n);
    return unknown(e, "GPU", name, near);
}

static int judge_names(const struct catalog *c, const struct offers_query *q, struct err *e)
{
    for (size_t i = 0; i < q->n_types; i++)
        if (catalog_has_family(c, q->types[i]))
            return err_set(e, ENOENT, "'%.60s' is a family, not a type; give it with --family",
                           q->types[i]);
        else if (!catalog_find(c, q->types[i]))
            return unknown(e, "instance type", q->types[i], catalog_nearest_type(c, q->types[i]));
    if (q->family && !catalog_has_family(c, q->family))
        return unknown(e, "family", q->family, catalog_nearest_family(c, q->family));
    if (!catalog_has_region(c, q->region)) {
        const char *near = catalog_nearest_region(c, q->region);

        return err_set(e, ENOENT,
                       "no price in region '%.40s' is known%s%s%s, or lay AWS's price list of it "
                       "over the catalogue with --file",
                       q->region, near ? "; take '" : "; take another", near ? near : "",
                       near ? "'" : "");
    }
    return q->gpu ? judge_gpu(c, q->gpu, e) : 0;
}

static bool is_named(const struct offers_query *q, const struct instance_type *t)
{
    for (size_t i = 0; i < q->n_types; i++)
        if (strcmp(q->types[i], t->name) == 0)
            return true;
    return q->n_types == 0;
}

/* Types that are known not to be sold there, or have no GPU, are shown only by name. */
static bool meets(const struct offers_query *q, const struct instance_type *t,
                  const struct price *price)
{
    if (!is_named(q, t) || (q->gpu && strcmp(t->gpu_name, q->gpu) != 0) ||
        (q->family && strcmp(t->family, q->family) != 0) ||
        (q->arch && strcmp(t->arch, q->arch) != 0))
        return false;
    if (q->n_types == 0 &&
        (catalog_sold(t, q->region, NULL) == SOLD_NO || (!q->family && !*t->gpu_product)))
        return false;
    return q->max_usd <= 0 || (price && price->usd_per_hour <= q->max_usd);
}

static bool is_mig(const struct way *w)
{
    return w->kind == WAY_MIG || w->kind == WAY_BALANCED;
}

/* The driver keeps a part of each MIG device; who asks for 10Gi means a "10gb" all the same. */
static bool way_meets(const struct offers_query *q, const struct way *w)
{
    return (w->slice_mib >= q->memory_mib || (q->by_name && w->named_mib >= q->memory_mib)) &&
           w->per_node >= q->slices && (!q->mig || is_mig(w));
}

/* A type's price is the same for all ways: more slices are cheaper ones; MIG before time-slices. */
static bool better(const struct way *w, const struct way *best)
{
    return !best || w->per_node > best->per_node ||
           (w->per_node == best->per_node && best->kind == WAY_TIME);
}

static void add(struct offer *offers, size_t *n, const struct instance_type *t,
                const struct price *price, const struct way *w)
{
    struct offer *o = &offers[(*n)++];

    *o = (struct offer){.type = t, .price = price, .has_way = w != NULL};
    if (w)
        o->way = *w;
    if (w && price)
        o->slice_usd = way_slice_usd(w, price->usd_per_hour);
}

static void add_ways(struct offer *offers, size_t *n, const struct offers_query *q,
                     const struct instance_type *t, const struct price *price)
{
    struct way ways[WAYS_MAX];
    size_t n_ways = ways_list(ways, t, q->memory_mib ? q->memory_mib : OFFERS_PART_MIB);
    const struct way *best = NULL;

    for (size_t i = 0; i < n_ways; i++) {
        if (!way_meets(q, &ways[i]))
            continue;
        if (q->ways)
            add(offers, n, t, price, &ways[i]);
        else if (better(&ways[i], best))
            best = &ways[i];
    }
    if (best)
        add(offers, n, t, price, best);
}

/* What is not known comes last. */
static int by_number(double a, bool has_a, double b, bool has_b)
{
    if (has_a != has_b)
        return has_a ? -1 : 1;
    return a < b ? -1 : a > b;
}

static int by_price(const struct offer *a, const struct offer *b)
{
    return by_number(a->price ? a->price->usd_per_hour : 0, a->price,
                     b->price ? b->price->usd_per_hour : 0, b->price);
}

static uint64_t memory_of(const struct offer *o)
{
    return o->has_way ? o->way.slice_mib : o->type->gpu_memory_mib;
}

static int by_name(const struct offer *a, const struct offer *b)
{
    return strverscmp(a->type->name, b->type->name);
}

static int compare(const void *left, const void *right, void *self)
{
    const enum offers_sort *sort = self;
    const struct offer *a = left, *b = right;
    int order = 0;

    if (*sort == OFFERS_BY_SLICE)
        order =
            by_number(a->slice_usd, a->price && a->has_way, b->slice_usd, b->price && b->has_way);
    if (*sort == OFFERS_BY_MEMORY)
        order = by_number((double)memory_of(a), memory_of(a) > 0, (double)memory_of(b),
                          memory_of(b) > 0);
    if (order == 0 && *sort != OFFERS_BY_NAME)
        order = by_price(a, b);
    if (order == 0)
        order = by_name(a, b);
    return order ? order : strcmp(a->way.name, b->way.name);
}

static void sort_offers(struct offer *offers, size_t n, const struct offers_query *q)
{
    enum offers_sort sort = q->sort;

    if (sort == OFFERS_BY_DEFAULT)
        sort = offers_wants_way(q) ? OFFERS_BY_SLICE : OFFERS_BY_PRICE;
    if (n > 0)
        qsort_r(offers, n, sizeof *offers, compare, &sort);
}

int offers_choose(struct offer **out, size_t *out_n, const struct catalog *c,
                  const struct offers_query *q, struct err *e)
{
    OWN_MEM struct offer *offers = NULL;
    const struct instance_type *t;
    size_t n = 0, n_types = 0;
    int r = judge_names(c, q, e);

    if (r < 0)
        return r;
    while (catalog_at(c, n_types))
        n_types++;
    offers = calloc(n_types * (q->ways ? WAYS_MAX : 1) + 1, sizeof *offers);
    if (!offers)
        return err_memory(e);
    for (size_t i = 0; (t = catalog_at(c, i)); i++) {
        const struct price *price = catalog_price(t, q->region, q->purchases);

        if (!meets(q, t, price))
            continue;
        if (offers_wants_way(q))
            add_ways(offers, &n, q, t, price);
        else
            add(offers, &n, t, price, NULL);
    }
    sort_offers(offers, n, q);
    *out = TAKE(offers);
    *out_n = n;
    return 0;
}

/* A "24 GB" L4 has 22.4 GiB, an exactly told "10gb" 9.5 to 9.75. */
static bool just_misses(const struct offers_query *q, const struct way *w)
{
    struct offers_query any = *q;

    any.memory_mib = 0;
    return w->kind != WAY_BALANCED && w->slice_mib < q->memory_mib &&
           w->slice_mib * 100 >= q->memory_mib * 92 && way_meets(&any, w) && !way_meets(q, w);
}

bool offers_near_miss(struct offer *out, const struct catalog *c, const struct offers_query *q)
{
    const struct instance_type *t;

    for (size_t i = 0; (t = catalog_at(c, i)); i++) {
        struct way ways[WAYS_MAX];
        size_t n = ways_list(ways, t, 0);

        for (size_t w = 0; w < n; w++) {
            *out = (struct offer){.type = t, .has_way = true, .way = ways[w]};
            if (just_misses(q, &ways[w]) && meets(q, t, catalog_price(t, q->region, q->purchases)))
                return true;
        }
    }
    return false;
}
