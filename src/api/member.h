/* SPDX-License-Identifier: Apache-2.0 */
/* Members of the maps that kubeconfigs, objects and the server's other answers consist of. */
#ifndef API_MEMBER_H
#define API_MEMBER_H

struct yaml_node;

/* NULL where there is none, or no map. */
const struct yaml_node *member_of(const struct yaml_node *map, const char *key);

/* Its text, where it says something; else NULL. */
const char *member_text(const struct yaml_node *map, const char *key);

#endif
