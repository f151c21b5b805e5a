/* SPDX-License-Identifier: Apache-2.0 */
/* Looks into maps: see member.h. */
#include "api/member.h"

#include <stddef.h>

#include "config/yaml_at.h"

const char *member_text(const struct yaml_node *map, const char *key)
{
    const char *text = yaml_text(map, key);

    return text && *text ? text : NULL;
}
