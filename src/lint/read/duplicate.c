/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys given twice: see duplicate.h. Small maps are compared key by key, large ones sorted. Pairs
 * merged by "<<" never repeat a key.
 */
#include "lint/read/duplicate.h"

#include <stdlib.h>
#include <string.h>

#include "lint/read/source.h"

enum { SMALL = 24 };

static int compare(const void *left, const void *right)
{
    const struct yaml_node *a = *(const struct yaml_node *const *)left;
    const struct yaml_node *b = *(const struct yaml_node *const *)right;
    int order = strcmp(a->text, b->text);

    if (order == 0)
        order = (a->line > b->line) - (a->line < b->line);
    return order ? order : (a->column > b->column) - (a->column < b->column);
}

static void tell(struct lint *l, const struct piece *piece, const struct yaml_node *first,
                 const struct yaml_node *again)
{
    struct spot before = spot_in(piece, first->line, first->column);
    struct spot spot = spot_in(piece, again->line, again->column);

    if (!piece->loose)
        spot.end_column += again->end_column - again->column;
    source_fault(l, RULE_YAML_DUPLICATE_KEY, spot, "keep one of the two",
                 "key '%s' stands here for the second time, first on line %u", again->text,
                 before.line);
}

static void find_small(struct lint *l, const struct piece *piece, const struct yaml_node *map)
{
    for (size_t i = 1; i < map->count; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(map->pairs[i].key->text, map->pairs[j].key->text) == 0) {
                tell(l, piece, map->pairs[j].key, map->pairs[i].key);
                break;
            }
}

static void find_large(struct lint *l, const struct piece *piece, const struct yaml_node *map)
{
    const struct yaml_node **keys = calloc(map->count, sizeof(struct yaml_node *));

    if (!keys) {
        l->out_of_memory = true;
        return;
    }
    for (size_t i = 0; i < map->count; i++)
        keys[i] = map->pairs[i].key;
    qsort(keys, map->count, sizeof(struct yaml_node *), compare);
    for (size_t i = 1; i < map->count; i++)
        if (strcmp(keys[i - 1]->text, keys[i]->text) == 0)
            tell(l, piece, keys[i - 1], keys[i]);
    free(keys);
}

void duplicate_find(struct lint *l, const struct piece *piece, const struct yaml_node *root)
{
    if (root->kind == YAML_MAP && root->count <= SMALL)
        find_small(l, piece, root);
    else if (root->kind == YAML_MAP)
        find_large(l, piece, root);
    for (size_t i = 0; root->kind == YAML_LIST && i < root->count; i++)
        duplicate_find(l, piece, root->items[i]);
    for (size_t i = 0; root->kind == YAML_MAP && i < root->count; i++)
        duplicate_find(l, piece, root->pairs[i].value);
}
