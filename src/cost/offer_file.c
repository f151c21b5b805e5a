/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Price lists: see offer_file.h. An offer file has all products, then all terms:
 *
 *   products.SKU.attributes.instanceType, …
 *   terms.OnDemand.SKU.SKU-TERM.priceDimensions.SKU-TERM-RATE.pricePerUnit.USD
 *
 * An entry of get-products is a text that holds one document of one product:
 *
 *   product.attributes.instanceType, …
 *   terms.OnDemand.SKU-TERM.priceDimensions.SKU-TERM-RATE.pricePerUnit.USD
 */
#include "cost/offer_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"

void offer_file_init(struct offer_file *o, struct rows *rows, const struct catalog_content *now,
                     struct err *e)
{
    *o = (struct offer_file){.rows = rows, .now = now, .e = e};
}

bool offer_file_knows(const char *key)
{
    return strcmp(key, "PriceList") == 0 || strcmp(key, "offerCode") == 0 ||
           strcmp(key, "products") == 0 || strcmp(key, "terms") == 0 ||
           strcmp(key, "publicationDate") == 0;
}

static const struct {
    const char *attribute;
    size_t offset;
} attributes[] = {
    {"instanceType", offsetof(struct offer_product, type)},
    {"regionCode", offsetof(struct offer_product, region)},
    {"locationType", offsetof(struct offer_product, place)},
    {"operatingSystem", offsetof(struct offer_product, system)},
    {"tenancy", offsetof(struct offer_product, tenancy)},
    {"preInstalledSw", offsetof(struct offer_product, software)},
    {"capacitystatus", offsetof(struct offer_product, capacity)},
    {"marketoption", offsetof(struct offer_product, market)},
};

/* Texts that are too long are none of those that count. */
static void keep(char field[DRAFT_TEXT_SIZE], const char *text)
{
    if (!text_copy(field, DRAFT_TEXT_SIZE, text))
        field[0] = '\0';
}

static void read_attribute(struct offer_product *p, const char *name, const char *text)
{
    for (size_t i = 0; i < sizeof attributes / sizeof attributes[0]; i++)
        if (strcmp(attributes[i].attribute, name) == 0)
            keep((char *)p + attributes[i].offset, text);
}

static bool is_or_empty(const char *text, const char *wanted)
{
    return !*text || strcmp(text, wanted) == 0;
}

/* On-demand capacity of Linux without paid software, on hardware shared with others. */
static bool counts(const struct offer_file *o, const struct offer_product *p)
{
    return *p->region && strcmp(p->system, "Linux") == 0 && strcmp(p->tenancy, "Shared") == 0 &&
           is_or_empty(p->software, "NA") && is_or_empty(p->capacity, "Used") &&
           is_or_empty(p->market, "OnDemand") && is_or_empty(p->place, "AWS Region") &&
           catalog_content_find(o->now, p->type);
}

static bool no_memory(struct offer_file *o)
{
    (void)err_memory(o->e);
    return false;
}

static bool keep_product(struct offer_file *o, const struct offer_product *p)
{
    struct arena *a = rows_arena(o->rows);
    struct offer_sold *grown;

    if (!*p->sku || !counts(o, p) || text_map_find(&o->skus, p->sku))
        return true;
    if (o->n_sold == CATALOG_MAX_PRICES) {
        (void)err_set(o->e, E2BIG, "%s: more than %d products", o->rows->file, CATALOG_MAX_PRICES);
        return false;
    }
    grown = arena_grow(a, o->sold, o->n_sold, sizeof *grown);
    if (!grown)
        return no_memory(o);
    o->sold = grown;
    grown[o->n_sold] =
        (struct offer_sold){catalog_content_find(o->now, p->type)->name, arena_text(a, p->region)};
    return text_map_add(&o->skus, a, p->sku, o->n_sold++) || no_memory(o);
}

/* A rate of 0 is not an offer. */
static bool add_price(struct offer_file *o, const struct offer_rate *rate, const char *type,
                      const char *region, const char *published)
{
    char date[sizeof "2026-08-01"];
    struct price_row row = {.type = type,
                            .percent_off = -1,
                            .place = rows_place(o->rows, o->record ? o->record : rate->line, 0),
                            .price = {.region = region,
                                      .zone = "",
                                      .purchase = PURCHASE_ON_DEMAND,
                                      .date = date,
                                      .basis = "AWS price list"}};

    if (!*rate->usd || !is_or_empty(rate->unit, "Hrs"))
        return true;
    (void)snprintf(date, sizeof date, "%.10s", *published ? published : rate->date);
    if (price_day(&row.price) == 0)
        date[0] = '\0';
    if (!rows_usd(&row.price.usd_per_hour, rate->usd)) {
        (void)rows_error(o->e, &row.place, "pricePerUnit cannot be '%s'", rate->usd);
        return false;
    }
    return row.price.usd_per_hour == 0 || rows_add_price(o->rows, &row, o->e) == 0;
}

/* An entry of get-products: one product with its rates, in any order. */
struct entry {
    struct offer_file *o;
    struct offer_product product;
    struct offer_rate rate, kept;
    char date[DRAFT_TEXT_SIZE];
};

static bool entry_value(void *self, const struct json_stream *s, const char *text, size_t size)
{
    static const struct json_pattern
        attribute = {3, {"product", "attributes", NULL}},
        usd = {7, {"terms", "OnDemand", NULL, "priceDimensions", NULL, "pricePerUnit", "USD"}},
        unit = {6, {"terms", "OnDemand", NULL, "priceDimensions", NULL, "unit"}},
        since = {4, {"terms", "OnDemand", NULL, "effectiveDate"}}, date = {1, {"publicationDate"}};
    const struct json_path *path = json_stream_path(s);
    struct entry *entry = self;

    (void)size;
    if (json_pattern_matches(&attribute, path))
        read_attribute(&entry->product, path->keys[2], text);
    else if (json_pattern_matches(&usd, path))
        keep(entry->rate.usd, text);
    else if (json_pattern_matches(&unit, path))
        keep(entry->rate.unit, text);
    else if (json_pattern_matches(&since, path))
        keep(entry->rate.date, text);
    else if (json_pattern_matches(&date, path))
        keep(entry->date, text);
    return true;
}

static const struct json_pattern entry_rate_path = {
    5, {"terms", "OnDemand", NULL, "priceDimensions", NULL}};

static bool entry_begin(void *self, const struct json_stream *s)
{
    struct entry *entry = self;

    if (json_pattern_matches(&entry_rate_path, json_stream_path(s)))
        entry->rate.usd[0] = entry->rate.unit[0] = '\0';
    return true;
}

static bool entry_end(void *self, const struct json_stream *s)
{
    struct entry *entry = self;

    if (json_pattern_matches(&entry_rate_path, json_stream_path(s)) && *entry->rate.usd &&
        !*entry->kept.usd)
        entry->kept = entry->rate;
    return true;
}

static bool read_entry(struct offer_file *o, const char *text, size_t size)
{
    struct entry entry = {.o = o};
    const struct json_listener listener = {&entry, entry_value, entry_begin, entry_end};
    struct json_stream *s = NULL;
    int r = json_stream_open(&s, &listener, o->rows->file, o->e);

    if (r == 0)
        r = json_stream_feed(s, text, size, o->e);
    if (r == 0)
        r = json_stream_finish(s, o->e);
    json_stream_close(s);
    if (r == -ENOMEM)
        return false;
    if (r < 0) {
        struct catalog_place place = rows_place(o->rows, o->record, 0);

        (void)rows_error(o->e, &place, "the entry is not JSON");
        return false;
    }
    keep(entry.kept.date, entry.rate.date);
    return !counts(o, &entry.product) ||
           add_price(o, &entry.kept, entry.product.type, entry.product.region, entry.date);
}

static bool in_products(const struct json_path *path)
{
    return path->depth >= 2 && strcmp(path->keys[0], "products") == 0;
}

static bool read_rate(struct offer_file *o, const struct json_path *path, const char *text)
{
    static const struct json_pattern
        usd = {8,
               {"terms", "OnDemand", NULL, NULL, "priceDimensions", NULL, "pricePerUnit", "USD"}},
        unit = {7, {"terms", "OnDemand", NULL, NULL, "priceDimensions", NULL, "unit"}},
        since = {5, {"terms", "OnDemand", NULL, NULL, "effectiveDate"}};

    if (json_pattern_matches(&usd, path))
        keep(o->rate.usd, text);
    else if (json_pattern_matches(&unit, path))
        keep(o->rate.unit, text);
    else if (json_pattern_matches(&since, path))
        keep(o->rate.date, text);
    return true;
}

bool offer_file_value(struct offer_file *o, const struct json_stream *s, const char *text,
                      size_t size)
{
    static const struct json_pattern entry = {2, {"PriceList", "[]"}},
                                     date = {1, {"publicationDate"}};
    const struct json_path *path = json_stream_path(s);
    bool fine;

    if (in_products(path)) {
        if (path->depth == 4 && strcmp(path->keys[2], "attributes") == 0)
            read_attribute(&o->product, path->keys[3], text);
        return true;
    }
    if (json_pattern_matches(&date, path)) {
        keep(o->date, text);
        return true;
    }
    if (!json_pattern_matches(&entry, path))
        return read_rate(o, path, text);
    o->record = json_stream_line(s);
    fine = read_entry(o, text, size);
    o->record = 0;
    return fine;
}

static const struct json_pattern rate_path = {
    6, {"terms", "OnDemand", NULL, NULL, "priceDimensions", NULL}};

bool offer_file_begin(struct offer_file *o, const struct json_stream *s)
{
    const struct json_path *path = json_stream_path(s);

    if (in_products(path) && path->depth == 2) {
        o->product = (struct offer_product){0};
        keep(o->product.sku, path->keys[1]);
    } else if (json_pattern_matches(&rate_path, path)) {
        o->rate.line = json_stream_line(s);
        o->rate.usd[0] = o->rate.unit[0] = '\0';
    }
    return true;
}

bool offer_file_end(struct offer_file *o, const struct json_stream *s)
{
    const struct json_path *path = json_stream_path(s);
    const size_t *sold;

    if (in_products(path) && path->depth == 2)
        return keep_product(o, &o->product);
    if (!json_pattern_matches(&rate_path, path))
        return true;
    sold = text_map_find(&o->skus, path->keys[2]);
    if (!sold) {
        o->early |= o->skus.count == 0;
        return true;
    }
    return add_price(o, &o->rate, o->sold[*sold].type, o->sold[*sold].region, o->date);
}
