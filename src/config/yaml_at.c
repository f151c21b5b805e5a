/* SPDX-License-Identifier: Apache-2.0 */
/* Walks down maps: see yaml_at.h. */
#include "config/yaml_at.h"

#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include "config/yaml.h"

static const struct yaml_node *member(const struct yaml_node *map, const char *key)
{
    for (size_t i = 0; map->kind == YAML_MAP && i < map->count; i++)
        if (strcmp(map->pairs[i].key->text, key) == 0)
            return map->pairs[i].value;
    return NULL;
}

const struct yaml_node *yaml_at(const struct yaml_node *node, ...)
{
    va_list names;
    const char *name;

    va_start(names, node);
    while (node && (name = va_arg(names, const char *)) != NULL)
        node = member(node, name);
    va_end(names);
    return node;
}

const char *yaml_text(const struct yaml_node *map, const char *key)
{
    const struct yaml_node *node = yaml_at(map, key, NULL);

    return node && node->kind == YAML_SCALAR ? node->text : NULL;
}
