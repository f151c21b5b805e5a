/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prices and absences over those of a catalogue: see merge.h. Rows are sorted, so that those of one
 * type lie together and each question is a binary search.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "cost/merge.h"

/* Sorted: prices by type, region, purchase, zone; absences by type, region, zone. */
struct sorted {
    size_t n_prices, n_absences;
    const struct price_row **prices;
    const struct absence_row **absences;
};

static int by_group(const struct price_row *a, const struct price_row *b)
{
    int order = strcmp(a->type, b->type);

    if (order == 0)
        order = strcmp(a->price.region, b->price.region);
    return order ? order : (int)a->price.purchase - (int)b->price.purchase;
}

static int by_price(const void *left, const void *right)
{
    const struct price_row *const *a = left, *const *b = right;
    int order = by_group(*a, *b);

    return order ? order : strcmp((*a)->price.zone, (*b)->price.zone);
}

static int by_price_group(const void *left, const void *right)
{
    return by_group(*(const struct price_row *const *)left,
                    *(const struct price_row *const *)right);
}

static int by_absence(const void *left, const void *right)
{
    const struct absence_row *const *a = left, *const *b = right;
    int order = strcmp((*a)->type, (*b)->type);

    if (order == 0)
        order = strcmp((*a)->absence.region, (*b)->absence.region);
    return order ? order : strcmp((*a)->absence.zone, (*b)->absence.zone);
}

static bool find_group(const struct sorted *s, const char *type, const struct price *p)
{
    const struct price_row like = {.type = type, .price = *p}, *key = &like;

    return s->n_prices > 0 &&
           bsearch(&key, s->prices, s->n_prices, sizeof(void *), by_price_group) != NULL;
}

/* A price of the type in a region, or in one zone of it. */
static const struct price_row *find_price(const struct sorted *s, const char *type,
                                          const struct absence *where)
{
    for (unsigned p = 0; s->n_prices > 0 && p <= PURCHASE_COMMITTED; p++) {
        struct price_row like = {
            .type = type,
            .price = {.region = where->region, .zone = where->zone, .purchase = (enum purchase)p}};
        const struct price_row *key = &like, **found;

        found = bsearch(&key, s->prices, s->n_prices, sizeof(void *),
                        *where->zone ? by_price : by_price_group);
        if (found)
            return *found;
    }
    return NULL;
}

static bool find_absence(const struct sorted *s, const char *type, const char *region,
                         const char *zone)
{
    const struct absence_row like = {.type = type, .absence = {region, zone}}, *key = &like;

    return s->n_absences > 0 &&
           bsearch(&key, s->absences, s->n_absences, sizeof(void *), by_absence) != NULL;
}

/* Equal prices that are there twice count once; others contradict each other. */
static int drop_repeated(struct sorted *s, struct err *e)
{
    char place[CATALOG_PLACE_SIZE];
    size_t kept = 0;

    for (size_t i = 0; i < s->n_prices; i++) {
        const struct price_row *a = kept > 0 ? s->prices[kept - 1] : NULL, *b = s->prices[i];

        if (!a || by_price(&a, &b) != 0) {
            s->prices[kept++] = b;
            continue;
        }
        if (a->price.usd_per_hour != b->price.usd_per_hour)
            return rows_error(e, &b->place, "'%s' in %s costs %g %s, but %g by %s", b->type,
                              *b->price.zone ? b->price.zone : b->price.region,
                              b->price.usd_per_hour, purchase_name(b->price.purchase),
                              a->price.usd_per_hour, catalog_place_text(place, &a->place));
    }
    s->n_prices = kept;
    return 0;
}

static int judge_absences(const struct sorted *s, struct err *e)
{
    char place[CATALOG_PLACE_SIZE];

    for (size_t i = 0; i < s->n_absences; i++) {
        const struct absence_row *a = s->absences[i];
        const struct price_row *p = find_price(s, a->type, &a->absence);

        if (p)
            return rows_error(e, &a->place, "'%s' is not sold in %s, but has a price there by %s",
                              a->type, *a->absence.zone ? a->absence.zone : a->absence.region,
                              catalog_place_text(place, &p->place));
    }
    return 0;
}

/* All rows whose price is known by now. */
static int sort_rows(struct sorted *s, const struct merge *m, struct err *e)
{
    const struct rows *rows = m->rows;

    *s = (struct sorted){0};
    s->prices = arena_array(m->arena, rows->n_prices + 1, sizeof(void *));
    s->absences = arena_array(m->arena, rows->n_absences + 1, sizeof(void *));
    if (!s->prices || !s->absences)
        return err_memory(e);
    for (size_t i = 0; i < rows->n_prices; i++)
        if (rows->prices[i].price.usd_per_hour > 0)
            s->prices[s->n_prices++] = &rows->prices[i];
    for (size_t i = 0; i < rows->n_absences; i++)
        s->absences[s->n_absences++] = &rows->absences[i];
    qsort(s->prices, s->n_prices, sizeof(void *), by_price);
    qsort(s->absences, s->n_absences, sizeof(void *), by_absence);
    return 0;
}

/* Old prices that nobody replaces or denies, then the new ones: rows [from, to). */
static int set_prices(struct merge *m, struct instance_type *t, const struct sorted *s, size_t from,
                      size_t to, struct err *e)
{
    struct price *all = arena_array(m->arena, t->n_prices + (to - from) + 1, sizeof *all);
    size_t n = 0;

    if (!all)
        return err_memory(e);
    for (size_t i = 0; i < t->n_prices; i++) {
        const struct price *p = &t->prices[i];

        if (!find_group(s, t->name, p) && !find_absence(s, t->name, p->region, "") &&
            !(*p->zone && find_absence(s, t->name, p->region, p->zone)))
            all[n++] = *p;
    }
    for (size_t i = from; i < to; i++)
        all[n++] = s->prices[i]->price;
    t->prices = all;
    t->n_prices = n;
    return 0;
}

/* Old absences that no new price denies, then the new ones, rows [from, to), each once. */
static int set_absences(struct merge *m, struct instance_type *t, const struct sorted *s,
                        size_t from, size_t to, struct err *e)
{
    struct absence *all = arena_array(m->arena, t->n_absences + (to - from) + 1, sizeof *all);
    size_t n = 0;

    if (!all)
        return err_memory(e);
    for (size_t i = 0; i < t->n_absences; i++) {
        const struct absence *a = &t->absences[i];

        if (!find_price(s, t->name, a) && !find_absence(s, t->name, a->region, a->zone))
            all[n++] = *a;
    }
    for (size_t i = from; i < to; i++)
        if (i == from || by_absence(&s->absences[i - 1], &s->absences[i]) != 0)
            all[n++] = s->absences[i]->absence;
    t->absences = all;
    t->n_absences = n;
    return 0;
}

static int by_name(const void *left, const void *right)
{
    const struct instance_type *const *a = left, *const *b = right;

    return strcmp((*a)->name, (*b)->name);
}

/* Types by name and rows side by side. */
static int lay_over(struct merge *m, struct instance_type **types, struct err *e)
{
    struct sorted s;
    size_t p = 0, a = 0;
    int r = sort_rows(&s, m, e);

    if (r == 0)
        r = drop_repeated(&s, e);
    if (r == 0)
        r = judge_absences(&s, e);
    for (size_t i = 0; r == 0 && i < m->next.n_types; i++) {
        struct instance_type *t = types[i];
        size_t first_price = p, first_absence = a;

        while (p < s.n_prices && strcmp(s.prices[p]->type, t->name) == 0)
            p++;
        while (a < s.n_absences && strcmp(s.absences[a]->type, t->name) == 0)
            a++;
        if (p == first_price && a == first_absence)
            continue;
        r = set_prices(m, t, &s, first_price, p, e);
        if (r == 0)
            r = set_absences(m, t, &s, first_absence, a, e);
    }
    if (r == 0 && p < s.n_prices)
        r = rows_error(e, &s.prices[p]->place, "a price of '%s', which nobody knows",
                       s.prices[p]->type);
    return r;
}

static int reckon(struct merge *m, struct price_row *row, struct instance_type **types,
                  struct err *e)
{
    const struct instance_type like = {.name = row->type}, *key = &like;
    struct instance_type **type = bsearch(&key, types, m->next.n_types, sizeof(void *), by_name);
    const struct price *whole =
        type ? catalog_price(*type, row->price.region, 1u << PURCHASE_ON_DEMAND) : NULL;
    const char *own = row->price.basis;

    if (!whole && row->optional)
        return 0;
    if (!whole && type && catalog_sold(*type, row->price.region, NULL) == SOLD_NO)
        return rows_error(e, &row->place,
                          "'%s' is not sold in %s, so no part of its price is known", row->type,
                          row->price.region);
    if (!whole)
        return rows_error(e, &row->place, "the on-demand price of '%s' in %s is not known",
                          row->type, row->price.region);
    row->price.usd_per_hour = whole->usd_per_hour * (100 - row->percent_off) / 100;
    row->price.basis =
        arena_printf(m->arena, "%s%s%g %% off on-demand", own, *own ? ", " : "", row->percent_off);
    if (!*row->price.date)
        row->price.date = whole->date;
    return row->price.basis ? 0 : err_memory(e);
}

/* Prices that are parts of on-demand prices wait until those are settled. */
int merge_prices(struct merge *m, struct err *e)
{
    struct instance_type **types = arena_array(m->arena, m->next.n_types + 1, sizeof(void *));
    bool parts = false;
    int r = 0;

    if (!types)
        return err_memory(e);
    for (size_t i = 0; i < m->next.n_types; i++)
        types[i] = &m->types[i];
    qsort(types, m->next.n_types, sizeof(void *), by_name);
    for (size_t i = 0; i < m->rows->n_prices; i++)
        parts |= m->rows->prices[i].percent_off >= 0;
    if (parts)
        r = lay_over(m, types, e);
    for (size_t i = 0; r == 0 && i < m->rows->n_prices; i++)
        if (m->rows->prices[i].percent_off >= 0)
            r = reckon(m, &m->rows->prices[i], types, e);
    return r == 0 ? lay_over(m, types, e) : r;
}
