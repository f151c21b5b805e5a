/* SPDX-License-Identifier: Apache-2.0 */
/* The user's own file: see user_file.h. Whether rows contradict each other is for merge.c. */
#include "cost/user_file.h"

#include <limits.h>
#include <string.h>

#include "base/err.h"
#include "config/findings.h"
#include "cost/user_reader.h"

/* Calls add for each type and region of a subject; notes a failure that is not a finding. */
typedef int user_add(struct user_reader *u, void *row, const struct instance_type *t,
                     const char *region);

static void add_each(struct user_reader *u, const struct subject *s, user_add *add, void *row)
{
    const struct instance_type *t;

    for (size_t i = 0; u->failed == 0 && (t = user_reader_type(u, i)); i++) {
        if (!user_reader_is_about(s, t))
            continue;
        for (size_t k = 0; u->failed == 0 && k < s->regions.n; k++)
            u->failed = add(u, row, t, s->regions.items[k]->text);
    }
}

static int add_price(struct user_reader *u, void *row, const struct instance_type *t,
                     const char *region)
{
    struct price_row *p = row;

    p->type = t->name;
    p->price.region = region;
    return rows_add_price(u->rows, p, u->e);
}

static bool judge_price(struct user_reader *u, const struct yaml_node *entry,
                        const struct subject *s, const struct yaml_pair *usd,
                        const struct yaml_pair *percent)
{
    if (!fields_value(usd) == !fields_value(percent)) {
        fields_error(&u->r, entry, "give either 'usd_per_hour' or 'percent_off'");
        return false;
    }
    if (fields_value(usd) && (s->families.n > 0 || s->types.n > 1)) {
        fields_error(&u->r, usd->value,
                     "one price cannot hold for several types; name one 'type', "
                     "or give 'percent_off'");
        return false;
    }
    return true;
}

static void read_price(struct user_reader *u, const struct yaml_node *entry)
{
    static const char *const names[] = {"type",         "family",      "region", "zone", "purchase",
                                        "usd_per_hour", "percent_off", "date",   "basis"};
    static const struct fields known = {"prices", names, sizeof names / sizeof names[0], false};
    const struct yaml_pair *pairs[FIELDS_MAX];
    struct price_row row = {.percent_off = -1, .place = user_reader_place(u, entry)};
    struct subject s;

    row.price.purchase = PURCHASE_COMMITTED;
    row.price.date = u->date;
    row.price.basis = u->rows->file;
    if (!fields_read(&u->r, entry, &known, pairs) || !user_reader_subject(&s, u, entry, pairs) ||
        !user_reader_number(&row.price.usd_per_hour, u, pairs[5], "usd_per_hour") ||
        !user_reader_number(&row.percent_off, u, pairs[6], "percent_off") ||
        !judge_price(u, entry, &s, pairs[5], pairs[6]) ||
        !user_reader_date(&row.price.date, u, pairs[7]) ||
        !user_reader_text(&row.price.basis, u, pairs[8], "basis") ||
        !user_reader_purchase(&row.price.purchase, u, pairs[4]))
        return;
    if (fields_value(pairs[6]) &&
        (row.percent_off < 0 || row.price.purchase == PURCHASE_ON_DEMAND)) {
        fields_error(&u->r, pairs[6]->value,
                     row.percent_off < 0 ? "percent_off cannot be negative"
                                         : "an on-demand price cannot be a part of itself; say "
                                           "'purchase: committed'");
        return;
    }
    row.price.zone = s.zone ? s.zone->text : "";
    row.optional = s.types.n == 0;
    add_each(u, &s, add_price, &row);
}

static int add_absence(struct user_reader *u, void *row, const struct instance_type *t,
                       const char *region)
{
    struct absence_row *a = row;

    a->type = t->name;
    a->absence.region = region;
    return rows_add_absence(u->rows, a, u->e);
}

static void read_absence(struct user_reader *u, const struct yaml_node *entry)
{
    static const char *const names[] = {"type", "family", "region", "zone"};
    static const struct fields known = {"unavailable", names, sizeof names / sizeof names[0],
                                        false};
    const struct yaml_pair *pairs[FIELDS_MAX];
    struct absence_row row = {.place = user_reader_place(u, entry)};
    struct subject s;

    if (!fields_read(&u->r, entry, &known, pairs) || !user_reader_subject(&s, u, entry, pairs))
        return;
    row.absence.zone = s.zone ? s.zone->text : "";
    add_each(u, &s, add_absence, &row);
}

static void read_quota(struct user_reader *u, const struct yaml_node *entry)
{
    static const char *const names[] = {"family", "region", "purchase", "vcpus"};
    static const struct fields known = {"quotas", names, sizeof names / sizeof names[0], false};
    const struct yaml_pair *pairs[FIELDS_MAX];
    const char *families[USER_MAX_WORDS];
    struct quota_row row = {.place = user_reader_place(u, entry)};
    struct subject s;

    if (!fields_read(&u->r, entry, &known, pairs) ||
        !user_reader_subject(&s, u, entry,
                             (const struct yaml_pair *const[4]){NULL, pairs[0], pairs[1], NULL}) ||
        !user_reader_purchase(&row.quota.purchase, u, pairs[2]))
        return;
    if (row.quota.purchase == PURCHASE_COMMITTED) {
        fields_error(&u->r, pairs[2]->value, "AWS has quotas for on-demand and spot only");
        return;
    }
    if (!fields_value(pairs[3])) {
        fields_error(&u->r, entry, "say how many 'vcpus'");
        return;
    }
    if (!fields_whole(&row.quota.vcpus, &u->r, pairs[3]->value, "vcpus", 0, INT_MAX))
        return;
    for (size_t i = 0; i < s.families.n; i++)
        families[i] = s.families.items[i]->text;
    row.quota.families = families;
    row.quota.n_families = s.families.n;
    for (size_t i = 0; u->failed == 0 && i < s.regions.n; i++) {
        row.quota.region = s.regions.items[i]->text;
        u->failed = rows_add_quota(u->rows, &row, u->e);
    }
}

typedef void user_read(struct user_reader *u, const struct yaml_node *entry);

static void read_list(struct user_reader *u, const struct yaml_pair *pair, user_read *read)
{
    const struct yaml_node *list = fields_value(pair);

    if (!list || !fields_expect(&u->r, list, YAML_LIST, pair->key->text))
        return;
    for (size_t i = 0; u->failed == 0 && i < list->count; i++)
        read(u, list->items[i]);
}

static void read_root(struct user_reader *u, const struct yaml_node *root)
{
    static const char *const names[] = {"version",     "date",   "types",
                                        "unavailable", "prices", "quotas"};
    static const struct fields known = {"", names, sizeof names / sizeof names[0], false};
    const struct yaml_pair *pairs[FIELDS_MAX];
    const char *version = "v1";

    if (!root || !fields_read(&u->r, root, &known, pairs) ||
        !user_reader_text(&version, u, pairs[0], "version") ||
        !user_reader_date(&u->date, u, pairs[1]))
        return;
    if (strcmp(version, "v1") != 0) {
        fields_error(&u->r, pairs[0]->value, "version: '%.60s' is not v1", version);
        return;
    }
    read_list(u, pairs[2], user_types_read);
    read_list(u, pairs[3], read_absence);
    read_list(u, pairs[4], read_price);
    read_list(u, pairs[5], read_quota);
}

int user_file_read(struct rows *rows, const struct catalog_content *now, const char *text,
                   size_t size, struct err *e)
{
    OWN(yaml_doc_freep) struct yaml_doc *doc = NULL;
    struct findings f;
    struct user_reader u = {.r = {.f = &f, .strict = true, .closed = true},
                            .rows = rows,
                            .now = now,
                            .date = "",
                            .e = e};
    int r;

    findings_init(&f, rows->file);
    r = fields_open(&doc, &u.r, rows->file, text, size, e);
    if (r == 0) {
        read_root(&u, fields_root(&u.r, doc));
        r = u.failed;
    }
    if (r == 0 || f.n_errors > 0) {
        findings_sort(&f);
        r = findings_verdict(&f, e);
    }
    findings_done(&f);
    return r < 0 ? r : u.failed;
}
