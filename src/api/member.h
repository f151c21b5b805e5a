/* SPDX-License-Identifier: Apache-2.0 */
/* Members of the maps that kubeconfigs, objects and the server's other answers consist of. */
#ifndef API_MEMBER_H
#define API_MEMBER_H

struct yaml_node;

/* A member's text, where it says something; else NULL. */
const char *member_text(const struct yaml_node *map, const char *key);

#endif
