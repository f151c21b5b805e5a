/* SPDX-License-Identifier: Apache-2.0 */
/* What only yaml.c and yaml_tree.c share: memory of a document, and merging of maps in it. */
#ifndef CONFIG_YAML_TREE_H
#define CONFIG_YAML_TREE_H

#include <stddef.h>

struct err;
struct yaml_doc;
struct yaml_node;
struct yaml_place;

/* Zeroed memory that lives as long as the document; NULL without memory. */
void *yaml_tree_new(struct yaml_doc *doc, size_t size);
char *yaml_tree_text(struct yaml_doc *doc, const void *text, size_t size);

/*
 * Replaces the "<<" pairs of a map by the pairs of the maps that they name, behind its own and
 * without those whose key it has. On failure *place says where.
 */
int yaml_tree_merge(struct yaml_doc *doc, struct yaml_node *map, struct yaml_place *place,
                    struct err *e);

#endif
