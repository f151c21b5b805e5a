/* SPDX-License-Identifier: Apache-2.0 */
/* Look-ups in trees of config/yaml.h, by name. */
#ifndef CONFIG_YAML_AT_H
#define CONFIG_YAML_AT_H

struct yaml_node;

/*
 * Finds a member along names that end with NULL: yaml_at(object, "status", "allocatable", NULL).
 * NULL where there is none, or no map on the way.
 */
const struct yaml_node *yaml_at(const struct yaml_node *node, ...) __attribute__((sentinel));

/* The text of a map's member; NULL if there is none, or no text. Borrowed as the tree. */
const char *yaml_text(const struct yaml_node *map, const char *key);

#endif
