/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One object under construction, out of values in the order in which JSON has them. At most 64
 * levels, 65,536 nodes and 4 MiB of text: beyond is -EFBIG.
 */
#ifndef API_OBJECT_TREE_H
#define API_OBJECT_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "config/yaml.h"

enum { OBJECT_TREE_DEPTH_MAX = 64, OBJECT_TREE_TEXT_MAX = 4 << 20 };

struct err;

/* A map or list that is open: its children are in `children` from `first` on. */
struct object_tree_level {
    struct yaml_node *node;
    size_t first;
};

/* Owns the document and the children. A zeroed struct is one without an object. */
struct object_tree {
    struct yaml_doc *doc; /* NULL: no object is open */
    unsigned n_levels;
    struct object_tree_level levels[OBJECT_TREE_DEPTH_MAX];
    struct yaml_pair *children; /* of all open levels so far; keys only in maps */
    size_t n_children, max_children, n_nodes, text_bytes;
    struct yaml_node *key; /* of the value that comes next */
    const char *member;    /* the object's own member that is being read */
};

void object_tree_done(struct object_tree *t);

int object_tree_begin(struct object_tree *t, struct err *e);

/* A map or list begins; the innermost one ends: the object is whole once n_levels is 0. */
int object_tree_open(struct object_tree *t, enum yaml_kind kind, struct err *e);
int object_tree_close(struct object_tree *t, struct err *e);

int object_tree_key(struct object_tree *t, const void *text, size_t size, struct err *e);
int object_tree_scalar(struct object_tree *t, const void *text, size_t size, bool plain,
                       struct err *e);
int object_tree_null(struct object_tree *t, struct err *e);

/* Adds a member in front of a whole object that lacks it. */
int object_tree_complete(struct object_tree *t, const char *key, const char *text, size_t size,
                         struct err *e);

/* The object, whole. */
struct yaml_doc *object_tree_take(struct object_tree *t);

#endif
