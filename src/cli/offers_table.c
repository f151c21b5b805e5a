/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of offers: one line a type, or one line a way to cut it. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "cli/offers.h"
#include "cli/report.h"
#include "cli/table.h"

enum {
    DAY_SECONDS = 24 * 60 * 60,
    BASIS_CHARACTERS = 14,
};

bool offers_stale(const struct price *p)
{
    int64_t day = price_day(p), today = (int64_t)time(NULL) / DAY_SECONDS;

    return day == 0 || today - day > CATALOG_STALE_DAYS;
}

const char *offers_date(char buffer[OFFERS_TEXT_SIZE], const struct price *p)
{
    (void)snprintf(buffer, OFFERS_TEXT_SIZE, "%s%s", *p->date ? p->date : "?",
                   offers_stale(p) ? "*" : "");
    return buffer;
}

bool offers_sized(const struct instance_type *t)
{
    return t->vcpus > 0;
}

/* Other purchase options than one of one price a region are told with each price. */
static bool tells_purchase(const struct offers_query *q)
{
    return q->purchases != 1u << PURCHASE_ON_DEMAND && q->purchases != 1u << PURCHASE_COMMITTED;
}

/* Below every table: what the numbers mean, what a time-slice is, which prices are old. */
static void print_footer(const struct offers_query *q, const struct offer *offers, size_t n)
{
    size_t stale = 0, unknown = 0, named = 0;
    bool time_slices = false;

    for (size_t i = 0; i < n; i++) {
        const struct offer *o = &offers[i];

        stale += o->price && offers_stale(o->price);
        unknown += !o->price;
        named += o->has_way && o->way.slice_mib < q->memory_mib;
        time_slices |= o->has_way && o->way.kind == WAY_TIME;
    }
    if (n == 0)
        return;
    (void)printf("\nUSD an hour%s%s in %s", tells_purchase(q) ? "" : ", ",
                 tells_purchase(q)                          ? ""
                 : q->purchases == 1u << PURCHASE_ON_DEMAND ? "on-demand"
                                                            : "committed",
                 q->region);
    if (offers_wants_way(q))
        (void)printf("; a slice's price holds while all slices are in use.\n");
    else
        (void)printf("; CPU, MiB and PODS are what a node has for pods; MIG is of one GPU.\n");
    if (named > 0)
        (void)printf("MIG devices are counted by the memory in their names; MiB is what they have "
                     "(to go by that: --memory %lluMi).\n",
                     (unsigned long long)q->memory_mib);
    if (time_slices)
        (void)printf("Time-slices are counted by memory, but limit nothing: each may take all of "
                     "the GPU's memory and time.\n");
    if (stale > 0)
        (void)printf("* seen more than %d days ago, or on some day of that half: lay newer prices "
                     "over them with --file.\n",
                     CATALOG_STALE_DAYS);
    if (unknown > 0)
        (void)printf("-: no price is known there; --file lays AWS's or your own over the "
                     "catalogue.\n");
}

/* "8x a100", "0.125x l4". */
static void add_gpus(struct table *t, const struct instance_type *type)
{
    const char *name = *type->gpu_name ? type->gpu_name : type->gpu_product;

    if (type->gpus == 0)
        table_cell(t, "%s%s", *name ? "?x " : "-", name);
    else
        table_cell(t, "%gx %s", type->gpus * type->gpu_part, name);
}

/* Cut down, so that no pod is promised what the node lacks. */
static void add_room(struct table *t, const struct instance_type *type)
{
    if (!offers_sized(type)) {
        for (unsigned i = 0; i < 4; i++)
            table_cell(t, "?");
        return;
    }
    table_cell(t, "%llu", (unsigned long long)type->gpu_memory_mib);
    table_cell(t, "%u.%u", type->allocatable_milli_cpu / 1000,
               type->allocatable_milli_cpu / 100 % 10);
    table_cell(t, "%llu", (unsigned long long)type->allocatable_memory_mib);
    table_cell(t, "%u", type->max_pods);
}

void offers_memory_cell(struct table *t, const struct way *w)
{
    table_cell(t, "%s%llu", w->by_name ? "~" : "", (unsigned long long)w->slice_mib);
}

void offers_usd_cell(struct table *t, const struct price *p, unsigned slices)
{
    if (p)
        table_cell(t, "%.4f", p->usd_per_hour / slices);
    else
        table_cell(t, "-");
}

/* "exact", "spot sample", "spot b price history": its words up to a comma, cut. */
static void add_basis(struct table *t, const struct offers_query *q, const struct price *p)
{
    const char *zone = p->zone;
    size_t region = strlen(p->region), words = strcspn(p->basis, ",");
    bool cut = words > BASIS_CHARACTERS;

    if (strncmp(zone, p->region, region) == 0)
        zone += region;
    if (cut)
        words = BASIS_CHARACTERS - strlen("...");
    while (cut && words > 0 && ((unsigned char)p->basis[words] & 0xc0) == 0x80)
        words--; /* within a character of UTF-8 */
    if (tells_purchase(q) && p->purchase != PURCHASE_ON_DEMAND)
        table_cell(t, "%s%s%s %.*s%s", purchase_name(p->purchase), *zone ? " " : "", zone,
                   (int)words, p->basis, cut ? "..." : "");
    else
        table_cell(t, "%.*s%s", (int)words, p->basis, cut ? "..." : "");
}

static void add_source(struct table *t, const struct offers_query *q, const struct price *p)
{
    char text[OFFERS_TEXT_SIZE];

    if (p) {
        table_cell(t, "%s", offers_date(text, p));
        add_basis(t, q, p);
    }
    table_end_row(t);
}

/* "7x 1g.5gb": the most MIG devices that one GPU gives. */
static void add_mig(struct table *t, const struct instance_type *type)
{
    if (type->n_mig_profiles > 0)
        table_cell(t, "%ux %s", type->mig_profiles[0].per_gpu, type->mig_profiles[0].name);
    else
        table_cell(t, "-");
}

static int finish(struct table *t, const struct offers_query *q, const struct offer *offers,
                  size_t n)
{
    struct err e = {0};
    int r = table_print(t, stdout, &e);

    table_done(t);
    if (r < 0)
        return report_error(&e);
    print_footer(q, offers, n);
    return report_finish();
}

static void add_way(struct table *t, const struct way *w)
{
    table_cell(t, "%s", w->kind == WAY_TIME ? "time-slice" : w->name);
    offers_memory_cell(t, w);
    table_cell(t, "%u", w->per_node);
}

static int print_slices(const struct offers_query *q, const struct offer *offers, size_t n)
{
    static const char *const heads[] = {"TYPE",       "GPUS",   "SLICE", ">MiB", ">SLICES",
                                        ">USD/SLICE", ">USD/H", "SEEN",  "BASIS"};
    struct table t;

    table_init(&t, heads, sizeof heads / sizeof heads[0]);
    for (size_t i = 0; i < n; i++) {
        const struct offer *o = &offers[i];

        table_cell(&t, "%s", o->type->name);
        add_gpus(&t, o->type);
        add_way(&t, &o->way);
        offers_usd_cell(&t, o->price, o->way.per_node);
        offers_usd_cell(&t, o->price, 1);
        add_source(&t, q, o->price);
    }
    return finish(&t, q, offers, n);
}

int offers_table(const struct offers_query *q, const struct offer *offers, size_t n)
{
    static const char *const heads[] = {"TYPE",  "GPUS", ">GPU MiB", ">CPU", ">MiB",
                                        ">PODS", "MIG",  ">USD/H",   "SEEN", "BASIS"};
    struct table t;

    if (offers_wants_way(q))
        return print_slices(q, offers, n);
    table_init(&t, heads, sizeof heads / sizeof heads[0]);
    for (size_t i = 0; i < n; i++) {
        table_cell(&t, "%s", offers[i].type->name);
        add_gpus(&t, offers[i].type);
        add_room(&t, offers[i].type);
        add_mig(&t, offers[i].type);
        offers_usd_cell(&t, offers[i].price, 1);
        add_source(&t, q, offers[i].price);
    }
    return finish(&t, q, offers, n);
}

void offers_break_even_cell(struct table *t, const struct way *w, const struct way_rival *rival)
{
    if (!rival->type)
        table_cell(t, "-");
    else if (rival->from > w->per_node)
        table_cell(t, "never");
    else
        table_cell(t, "%u (%.0f %%)", rival->from, 100.0 * rival->from / w->per_node);
}

int offers_ways(const struct catalog *c, const struct offers_query *q, const struct offer *offers,
                size_t n)
{
    static const char *const heads[] = {"TYPE",          "WAY",        ">MiB",
                                        ">SLICES",       ">USD/SLICE", "A GPU EACH",
                                        ">CHEAPER FROM", "SEEN",       "BASIS"};
    struct table t;

    table_init(&t, heads, sizeof heads / sizeof heads[0]);
    for (size_t i = 0; i < n; i++) {
        const struct offer *o = &offers[i];
        struct way_rival rival = {0};

        if (o->price)
            (void)way_rival(&rival, c, o->type, &o->way, o->price);
        table_cell(&t, "%s", o->type->name);
        add_way(&t, &o->way);
        offers_usd_cell(&t, o->price, o->way.per_node);
        table_cell(&t, "%s", rival.type ? rival.type->name : "-");
        offers_break_even_cell(&t, &o->way, &rival);
        add_source(&t, q, o->price);
    }
    return finish(&t, q, offers, n);
}
