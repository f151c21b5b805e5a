/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts that many kinds of objects have: requirements, taints, amounts of resources. Leaves to
 * the schema's check what is wrong with them.
 */
#include "lint/view/view.h"

#include <string.h>

void *view_grow(struct lint *l, void *array, size_t n, size_t size)
{
    void *grown = arena_grow(&l->arena, array, n, size);

    if (!grown)
        l->out_of_memory = true;
    return grown;
}

void *view_alloc(struct lint *l, size_t size)
{
    void *out = arena_alloc(&l->arena, size);

    if (!out)
        l->out_of_memory = true;
    return out;
}

static const struct {
    const char *name;
    enum operator op;
} operators[] = {
    {"In", OPERATOR_IN},   {"NotIn", OPERATOR_NOT_IN}, {"Exists", OPERATOR_EXISTS},
    {"Gt", OPERATOR_GT},   {"Lt", OPERATOR_LT},        {"DoesNotExist", OPERATOR_DOES_NOT_EXIST},
    {"Gte", OPERATOR_GTE}, {"Lte", OPERATOR_LTE},
};

static enum operator read_operator(const char *name)
{
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++)
        if (strcmp(operators[i].name, name) == 0)
            return operators[i].op;
    return OPERATOR_UNKNOWN;
}

/* A list of texts, or one text where a list is meant. */
static void read_values(struct lint *l, struct requirement *r, const struct yaml_node *values)
{
    size_t count;

    r->values_node = values;
    if (!values || (values->kind != YAML_LIST && values->kind != YAML_SCALAR))
        return;
    count = values->kind == YAML_LIST ? values->count : 1;
    if (count > VIEW_MAX_ENTRIES)
        count = VIEW_MAX_ENTRIES;
    r->values = arena_array(&l->arena, count ? count : 1, sizeof *r->values);
    if (!r->values) {
        l->out_of_memory = true;
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const char *text = node_text(values->kind == YAML_LIST ? values->items[i] : values, NULL);

        if (text)
            r->values[r->n_values++] = text;
    }
}

void view_requirements(struct lint *l, const struct yaml_node *list, struct requirement **items,
                       size_t *n)
{
    if (!list || list->kind != YAML_LIST)
        return;
    for (size_t i = 0; i < list->count && *n < VIEW_MAX_ENTRIES; i++) {
        const struct yaml_node *node = list->items[i];
        const char *key = node_text(node_get(node, "key"), "");
        struct requirement *grown;

        if (!key[0])
            continue;
        grown = view_grow(l, *items, *n, sizeof *grown);
        if (!grown)
            return;
        *items = grown;
        grown += (*n)++;
        *grown = (struct requirement){.key = key, .node = node};
        grown->op = read_operator(node_text(node_get(node, "operator"), "In"));
        read_values(l, grown, node_get(node, "values"));
    }
}

void view_selector(struct lint *l, const struct yaml_node *map, struct requirement **items,
                   size_t *n)
{
    if (!map || map->kind != YAML_MAP)
        return;
    for (size_t i = 0; i < map->count && *n < VIEW_MAX_ENTRIES; i++) {
        struct requirement *grown = view_grow(l, *items, *n, sizeof *grown);

        if (!grown)
            return;
        *items = grown;
        grown += (*n)++;
        *grown = (struct requirement){.key = map->pairs[i].key->text, .op = OPERATOR_IN};
        grown->node = map->pairs[i].value;
        read_values(l, grown, map->pairs[i].value);
    }
}

void view_taints(struct lint *l, const struct yaml_node *list, struct taint **items, size_t *n)
{
    if (!list || list->kind != YAML_LIST)
        return;
    for (size_t i = 0; i < list->count && *n < VIEW_MAX_ENTRIES; i++) {
        const struct yaml_node *node = list->items[i];
        struct taint *grown;

        if (node->kind != YAML_MAP)
            continue;
        grown = view_grow(l, *items, *n, sizeof *grown);
        if (!grown)
            return;
        *items = grown;
        grown[(*n)++] = (struct taint){
            .key = node_text(node_get(node, "key"), ""),
            .value = node_text(node_get(node, "value"), ""),
            .effect = node_text(node_get(node, "effect"), ""),
            .node = node,
        };
    }
}

/* CPU counts in milli, all else in its own unit. */
static bool read_amount(struct amount *out, const struct yaml_pair *pair)
{
    const char *text = node_text(pair->value, NULL);

    *out = (struct amount){.name = pair->key->text, .node = pair->value, .pair = pair};
    if (!text || !out->name)
        return false;
    if (text_is_placeholder(text)) {
        out->count = 1;
        return true;
    }
    return quantity_read(&out->count, text, strcmp(out->name, "cpu") == 0 ? 1000 : 1);
}

void view_amounts(struct lint *l, const struct yaml_node *map, struct amount **items, size_t *n)
{
    if (!map || map->kind != YAML_MAP)
        return;
    for (size_t i = 0; i < map->count && *n < VIEW_MAX_ENTRIES; i++) {
        struct amount amount, *grown;

        if (!read_amount(&amount, &map->pairs[i]))
            continue;
        grown = view_grow(l, *items, *n, sizeof *grown);
        if (!grown)
            return;
        *items = grown;
        grown[(*n)++] = amount;
    }
}
