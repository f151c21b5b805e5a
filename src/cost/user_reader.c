/* SPDX-License-Identifier: Apache-2.0 */
/* Values of the user's own file: see user_reader.h. */
#include "cost/user_reader.h"

#include <stdio.h>
#include <string.h>

#include "config/suggest.h"

static bool read_words(struct words *out, struct user_reader *u, const struct yaml_pair *pair,
                       const char *what)
{
    const struct yaml_node *node = fields_value(pair);

    out->n = 0;
    if (!node)
        return true;
    if (node->kind == YAML_SCALAR) {
        out->items[out->n++] = node;
        return fields_text(&u->r, node, what);
    }
    if (!fields_expect(&u->r, node, YAML_LIST, what))
        return false;
    for (size_t i = 0; i < node->count; i++) {
        if (out->n == USER_MAX_WORDS) {
            fields_error(&u->r, node, "%s: more than %d; make several entries", what,
                         USER_MAX_WORDS);
            return false;
        }
        if (!fields_text(&u->r, node->items[i], what))
            return false;
        out->items[out->n++] = node->items[i];
    }
    return true;
}

static const struct yaml_node *find_word(const struct words *words, const char *text)
{
    for (size_t i = 0; i < words->n; i++)
        if (strcmp(words->items[i]->text, text) == 0)
            return words->items[i];
    return NULL;
}

/* Types of the catalogue, then those of the file. */
const struct instance_type *user_reader_type(const struct user_reader *u, size_t i)
{
    if (i < u->now->n_types)
        return u->now->types[i];
    i -= u->now->n_types;
    return i < u->rows->n_types ? &u->rows->types[i].type : NULL;
}

/* "g" of "g6e.xlarge", "gr" of "gr6.4xlarge". */
static bool in_category(const struct instance_type *t, const char *word)
{
    char category[CATALOG_LABEL_SIZE];

    return catalog_label(category, t, "karpenter.k8s.aws/instance-category") &&
           strcmp(category, word) == 0;
}

static bool in_families(const struct instance_type *t, const struct words *families)
{
    for (size_t i = 0; i < families->n; i++)
        if (strcmp(t->family, families->items[i]->text) == 0 ||
            in_category(t, families->items[i]->text))
            return true;
    return false;
}

static bool type_is_known(struct user_reader *u, const struct yaml_node *node)
{
    const struct instance_type *t;
    const char *near;

    for (size_t i = 0; (t = user_reader_type(u, i)); i++)
        if (strcmp(t->name, node->text) == 0)
            return true;
    near = suggest_find(node->text, u->now->names, u->now->n_names);
    fields_error(&u->r, node, "no instance type '%.60s' is in the catalogue%s%s%s", node->text,
                 near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    return false;
}

static bool family_is_known(struct user_reader *u, const struct yaml_node *node)
{
    const struct words one = {.n = 1, .items = {node}};
    const struct instance_type *t;
    const char *near;

    for (size_t i = 0; (t = user_reader_type(u, i)); i++)
        if (in_families(t, &one))
            return true;
    near = suggest_find(node->text, u->now->families, u->now->n_families);
    fields_error(&u->r, node, "no family '%.60s' is in the catalogue%s%s%s", node->text,
                 near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    return false;
}

/* Regions must be named as AWS names them: a zone "a" in it must lead back to it. */
static bool region_is_sound(struct user_reader *u, const struct yaml_node *node)
{
    char zone[CATALOG_REGION_SIZE + 1], region[CATALOG_REGION_SIZE];

    (void)snprintf(zone, sizeof zone, "%.31sa", node->text);
    if (catalog_zone_region(region, zone) && strcmp(region, node->text) == 0)
        return true;
    fields_error(&u->r, node, "'%.60s' is no region", node->text);
    return false;
}

static bool zone_is_sound(struct user_reader *u, const struct subject *s)
{
    char region[CATALOG_REGION_SIZE];

    if (!s->zone)
        return true;
    if (!fields_text(&u->r, s->zone, "zone"))
        return false;
    if (s->regions.n == 1 && catalog_zone_region(region, s->zone->text) &&
        strcmp(region, s->regions.items[0]->text) == 0)
        return true;
    fields_error(&u->r, s->zone, "zone '%.60s' is not in region '%.60s'", s->zone->text,
                 s->regions.n > 0 ? s->regions.items[0]->text : "");
    return false;
}

/* pairs: type, family, region, zone. */
bool user_reader_subject(struct subject *out, struct user_reader *u, const struct yaml_node *entry,
                         const struct yaml_pair *const pairs[4])
{
    bool fine;

    out->zone = fields_value(pairs[3]);
    if (!read_words(&out->types, u, pairs[0], "type") ||
        !read_words(&out->families, u, pairs[1], "family") ||
        !read_words(&out->regions, u, pairs[2], "region"))
        return false;
    fine = zone_is_sound(u, out);
    if (out->types.n + out->families.n == 0) {
        fields_error(&u->r, entry, "say of which 'type' or 'family'");
        return false;
    }
    if (out->regions.n == 0) {
        fields_error(&u->r, entry, "say in which 'region'");
        return false;
    }
    for (size_t i = 0; i < out->types.n; i++)
        fine &= type_is_known(u, out->types.items[i]);
    for (size_t i = 0; i < out->families.n; i++)
        fine &= family_is_known(u, out->families.items[i]);
    for (size_t i = 0; i < out->regions.n; i++)
        fine &= region_is_sound(u, out->regions.items[i]);
    return fine;
}

bool user_reader_is_about(const struct subject *s, const struct instance_type *t)
{
    return find_word(&s->types, t->name) || in_families(t, &s->families);
}

struct catalog_place user_reader_place(const struct user_reader *u, const struct yaml_node *node)
{
    return rows_place(u->rows, node->line, node->column);
}

bool user_reader_number(double *out, struct user_reader *u, const struct yaml_pair *pair,
                        const char *what)
{
    const struct yaml_node *node = fields_value(pair);

    if (!node)
        return true;
    if (node->kind == YAML_SCALAR && node->plain && rows_usd(out, node->text))
        return true;
    fields_error(&u->r, node, "%s: expected a number, got '%.60s'", what,
                 node->kind == YAML_SCALAR ? node->text : yaml_kind_name(node->kind));
    return false;
}

/* Leaves it as it is where nothing is said. */
bool user_reader_purchase(enum purchase *out, struct user_reader *u, const struct yaml_pair *pair)
{
    const struct yaml_node *node = fields_value(pair);

    if (!node)
        return true;
    for (unsigned p = 0; p <= PURCHASE_COMMITTED; p++) {
        if (node->kind == YAML_SCALAR && strcmp(node->text, purchase_name((enum purchase)p)) == 0) {
            *out = (enum purchase)p;
            return true;
        }
    }
    fields_error(&u->r, node, "purchase: expected on-demand, spot or committed");
    return false;
}

bool user_reader_text(const char **out, struct user_reader *u, const struct yaml_pair *pair,
                      const char *what)
{
    const struct yaml_node *node = fields_value(pair);

    if (!node)
        return true;
    if (!fields_text(&u->r, node, what))
        return false;
    *out = node->text;
    return true;
}

bool user_reader_date(const char **out, struct user_reader *u, const struct yaml_pair *pair)
{
    struct price p = {.date = ""};

    if (!user_reader_text(&p.date, u, pair, "date"))
        return false;
    if (!*p.date)
        return true;
    if (price_day(&p) == 0) {
        fields_error(&u->r, pair->value, "date: '%.60s' is no date like 2026-08-01", p.date);
        return false;
    }
    *out = p.date;
    return true;
}
