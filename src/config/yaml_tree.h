/* SPDX-License-Identifier: Apache-2.0 */
/* What yaml.c and other makers of trees share: memory of a document, merging of maps, ends. */
#ifndef CONFIG_YAML_TREE_H
#define CONFIG_YAML_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "config/yaml.h"

struct err;

/* The lines of a text, passed through once. */
struct yaml_lines {
    const char *text;
    size_t size;
    unsigned before; /* lines of the file in front of the text */
    size_t line, at; /* the line that is next, from 0, and its first byte */
    unsigned indent; /* spaces before the first text that yaml_lines_end passed last */
};

/* Zeroed memory for structs, that lives as long as the document; NULL without memory. */
void *yaml_tree_new(struct yaml_doc *doc, size_t size);
char *yaml_tree_text(struct yaml_doc *doc, const void *text, size_t size);

/*
 * Replaces the "<<" pairs of a map by the pairs of the maps that they name, behind its own and
 * without those whose key it has. On failure *place says where.
 */
int yaml_tree_merge(struct yaml_doc *doc, struct yaml_node *map, struct yaml_place *place,
                    struct err *e);

/* Marks a node and what is below it as one that stands for more than one place. */
void yaml_tree_share(struct yaml_node *node);

/*
 * Where a block scalar ends whose header is on line `first` and whose text goes on before line
 * `end`, or into it: behind the last character of its last line that is not empty. Lines from 0.
 */
struct yaml_place yaml_lines_end(struct yaml_lines *lines, size_t first, size_t end, bool into);

#endif
