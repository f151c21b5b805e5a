/* SPDX-License-Identifier: Apache-2.0 */
/* Looks into maps: see member.h. */
#include "api/member.h"

#include <string.h>

#include "config/yaml.h"

const struct yaml_node *member_of(const struct yaml_node *map, const char *key)
{
    for (size_t i = 0; map && map->kind == YAML_MAP && i < map->count; i++)
        if (strcmp(map->pairs[i].key->text, key) == 0)
            return map->pairs[i].value;
    return NULL;
}

const char *member_text(const struct yaml_node *map, const char *key)
{
    const struct yaml_node *node = member_of(map, key);

    return node && node->kind == YAML_SCALAR && *node->text ? node->text : NULL;
}
