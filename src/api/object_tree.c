/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trees of objects: see object_tree.h. Children wait in one array until their map or list ends, and
 * then go into one of its exact size.
 */
#include "api/object_tree.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "config/yaml_tree.h"

enum { NODES_MAX = 65536, FIRST_CHILDREN = 256 };

void object_tree_done(struct object_tree *t)
{
    yaml_doc_free(t->doc);
    free(t->children);
    *t = (struct object_tree){0};
}

int object_tree_begin(struct object_tree *t, struct err *e)
{
    t->n_levels = 0;
    t->n_children = t->n_nodes = t->text_bytes = 0;
    t->key = NULL;
    t->member = NULL;
    t->doc = calloc(1, sizeof *t->doc);
    if (t->doc)
        t->doc->file = strdup("");
    return t->doc && t->doc->file ? 0 : err_memory(e);
}

static int too_large(struct err *e)
{
    (void)err_set(e, EFBIG, "an object of the answer is too large");
    return -EFBIG;
}

static int no_memory(struct err *e)
{
    (void)err_memory(e);
    return -ENOMEM;
}

/* NULL: no memory, or too many. */
static struct yaml_node *new_node(struct object_tree *t, enum yaml_kind kind)
{
    struct yaml_node *node = ++t->n_nodes > NODES_MAX ? NULL : yaml_tree_new(t->doc, sizeof *node);

    if (node)
        node->kind = kind;
    return node;
}

static int no_node(const struct object_tree *t, struct err *e)
{
    return t->n_nodes > NODES_MAX ? too_large(e) : no_memory(e);
}

static int new_scalar(struct yaml_node **out, struct object_tree *t, const void *text, size_t size,
                      struct err *e)
{
    struct yaml_node *node = new_node(t, YAML_SCALAR);

    if (!node)
        return no_node(t, e);
    t->text_bytes += size;
    if (t->text_bytes > OBJECT_TREE_TEXT_MAX)
        return too_large(e);
    node->plain = true;
    node->style = YAML_PLAIN;
    node->text = yaml_tree_text(t->doc, text, size);
    if (!node->text)
        return no_memory(e);
    *out = node;
    return 0;
}

/* Puts a value below the innermost open level; the root of an object has none. */
static int add_child(struct object_tree *t, struct yaml_node *value, struct err *e)
{
    if (t->n_levels == 0) {
        t->doc->root = value;
        return 0;
    }
    if (t->n_children == t->max_children) {
        size_t max = t->max_children ? t->max_children * 2 : FIRST_CHILDREN;
        struct yaml_pair *larger = reallocarray(t->children, max, sizeof *larger);

        if (!larger)
            return no_memory(e);
        t->children = larger;
        t->max_children = max;
    }
    t->children[t->n_children++] = (struct yaml_pair){t->key, value};
    t->key = NULL;
    return 0;
}

int object_tree_open(struct object_tree *t, enum yaml_kind kind, struct err *e)
{
    struct yaml_node *node;
    int r;

    if (t->n_levels == OBJECT_TREE_DEPTH_MAX)
        return err_set(e, EFBIG, "the answer is nested too deeply");
    node = new_node(t, kind);
    if (!node)
        return no_node(t, e);
    r = add_child(t, node, e);
    if (r != 0)
        return r;
    node->style = YAML_FLOW;
    t->levels[t->n_levels++] = (struct object_tree_level){node, t->n_children};
    return 0;
}

/* The level's children into arrays of their exact size. */
int object_tree_close(struct object_tree *t, struct err *e)
{
    const struct object_tree_level *level = &t->levels[--t->n_levels];
    struct yaml_node *node = level->node;

    node->count = t->n_children - level->first;
    t->n_children = level->first;
    if (t->n_levels == 0)
        t->doc->n_nodes = t->n_nodes;
    if (node->count == 0)
        return 0;
    if (node->kind == YAML_MAP) {
        node->pairs = yaml_tree_new(t->doc, node->count * sizeof *node->pairs);
        if (!node->pairs)
            return no_memory(e);
        memcpy(node->pairs, &t->children[level->first], node->count * sizeof *node->pairs);
        return 0;
    }
    node->items = yaml_tree_new(t->doc, node->count * sizeof(struct yaml_node *));
    if (!node->items)
        return no_memory(e);
    for (size_t i = 0; i < node->count; i++)
        node->items[i] = t->children[level->first + i].value;
    return 0;
}

int object_tree_key(struct object_tree *t, const void *text, size_t size, struct err *e)
{
    int r = new_scalar(&t->key, t, text, size, e);

    if (r == 0 && t->n_levels == 1)
        t->member = t->key->text;
    return r;
}

int object_tree_scalar(struct object_tree *t, const void *text, size_t size, bool plain,
                       struct err *e)
{
    struct yaml_node *node = NULL;
    int r = new_scalar(&node, t, text, size, e);

    if (r != 0)
        return r;
    node->plain = plain;
    node->style = plain ? YAML_PLAIN : YAML_DOUBLE;
    return add_child(t, node, e);
}

int object_tree_null(struct object_tree *t, struct err *e)
{
    struct yaml_node *node = new_node(t, YAML_NULL);

    if (!node)
        return no_node(t, e);
    node->text = "";
    return add_child(t, node, e);
}

static bool has(const struct yaml_node *map, const char *key)
{
    for (size_t i = 0; i < map->count; i++)
        if (strcmp(map->pairs[i].key->text, key) == 0)
            return true;
    return false;
}

int object_tree_complete(struct object_tree *t, const char *key, const char *text, size_t size,
                         struct err *e)
{
    struct yaml_node *map = t->doc->root;
    struct yaml_pair *pairs;
    int r;

    if (has(map, key))
        return 0;
    pairs = yaml_tree_new(t->doc, (map->count + 1) * sizeof *pairs);
    if (!pairs)
        return no_memory(e);
    r = new_scalar(&pairs[0].key, t, key, strlen(key), e);
    if (r == 0)
        r = new_scalar(&pairs[0].value, t, text, size, e);
    if (r != 0)
        return r;
    if (map->count > 0)
        memcpy(pairs + 1, map->pairs, map->count * sizeof *pairs);
    map->pairs = pairs;
    map->count++;
    return 0;
}

struct yaml_doc *object_tree_take(struct object_tree *t)
{
    return TAKE(t->doc);
}
