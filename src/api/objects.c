/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of objects out of a stream of JSON: see objects.h. yajl's events go to the tree under
 * construction while an item is open; else only the list's own kind, version and page token are
 * looked at.
 */
#include "api/objects.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "base/err.h"
#include "config/yaml_tree.h"

enum {
    DEPTH_MAX = 64,
    NODES_MAX = 65536,    /* of an object */
    TEXT_MAX = 4 << 20,   /* bytes of an object's texts */
    TOP_TEXT_MAX = 16384, /* of the list's own kind, version, token */
};

/* A map or list that is open: its children are in `children` from `first` on. */
struct level {
    struct yaml_node *node;
    size_t first;
};

struct objects {
    yajl_handle parser;
    api_object *each;
    void *self;
    unsigned depth; /* of all that is open */
    char top_key[32], second_key[32];
    char *kind, *version, *more; /* the list's */
    /* The item that is open: its tree, its open levels, their children so far. */
    struct yaml_doc *doc;
    unsigned n_levels;
    struct level levels[DEPTH_MAX];
    struct yaml_pair *children; /* keys only in maps */
    size_t n_children, max_children, n_nodes, text_bytes;
    struct yaml_node *key; /* of the value that comes next */
    unsigned passed_over;  /* open levels of a value that nobody needs */
    bool pass_over;        /* the value that comes next is one */
    int code;              /* of a failure inside an event */
    struct err err;
};

static int failed(struct objects *o, int code, const char *words)
{
    o->code = err_set(&o->err, code, "%s", words);
    return 0;
}

static bool inside(const struct objects *o)
{
    return o->doc != NULL;
}

static struct yaml_node *new_node(struct objects *o, enum yaml_kind kind)
{
    struct yaml_node *node;

    if (++o->n_nodes > NODES_MAX) {
        (void)failed(o, EFBIG, "an object of the answer is too large");
        return NULL;
    }
    node = yaml_tree_new(o->doc, sizeof *node);
    if (!node)
        (void)failed(o, ENOMEM, "out of memory");
    else
        node->kind = kind;
    return node;
}

static struct yaml_node *new_scalar(struct objects *o, const void *text, size_t size, bool plain)
{
    struct yaml_node *node = new_node(o, YAML_SCALAR);

    if (!node)
        return NULL;
    o->text_bytes += size;
    if (o->text_bytes > TEXT_MAX) {
        (void)failed(o, EFBIG, "an object of the answer is too large");
        return NULL;
    }
    node->plain = plain;
    node->style = plain ? YAML_PLAIN : YAML_DOUBLE;
    node->text = yaml_tree_text(o->doc, text, size);
    if (!node->text)
        (void)failed(o, ENOMEM, "out of memory");
    return node->text ? node : NULL;
}

/* Puts a value below the innermost open level; the root of an item has none. */
static int add_child(struct objects *o, struct yaml_node *value)
{
    if (!value)
        return 0;
    if (o->pass_over) { /* no list after all */
        o->pass_over = false;
        o->key = NULL;
        return 1;
    }
    if (o->n_levels == 0) {
        o->doc->root = value;
        return 1;
    }
    if (o->n_children == o->max_children) {
        size_t max = o->max_children ? o->max_children * 2 : 256;
        struct yaml_pair *larger = reallocarray(o->children, max, sizeof *larger);

        if (!larger)
            return failed(o, ENOMEM, "out of memory");
        o->children = larger;
        o->max_children = max;
    }
    o->children[o->n_children++] = (struct yaml_pair){o->key, value};
    o->key = NULL;
    return 1;
}

static int begin_item(struct objects *o)
{
    o->doc = calloc(1, sizeof *o->doc);
    if (!o->doc)
        return failed(o, ENOMEM, "out of memory");
    o->n_levels = 0;
    o->n_children = o->n_nodes = o->text_bytes = 0;
    o->key = NULL;
    o->doc->file = strdup("");
    return o->doc->file ? 1 : failed(o, ENOMEM, "out of memory");
}

static int begin(struct objects *o, enum yaml_kind kind)
{
    struct yaml_node *node;

    if (++o->depth > DEPTH_MAX)
        return failed(o, EFBIG, "the answer is nested too deeply");
    if (o->pass_over || o->passed_over > 0) {
        o->pass_over = false;
        o->passed_over++;
        return 1;
    }
    /* Depth 1 is the list itself, 2 its `items`, 3 an item. */
    if (!inside(o) && !(o->depth == 3 && kind == YAML_MAP && strcmp(o->top_key, "items") == 0))
        return 1;
    if (!inside(o) && !begin_item(o))
        return 0;
    node = new_node(o, kind);
    if (!node || !add_child(o, node))
        return 0;
    node->style = YAML_FLOW;
    o->levels[o->n_levels++] = (struct level){node, o->n_children};
    return 1;
}

/* The level's children into arrays of their exact size. */
static int close_level(struct objects *o, const struct level *level)
{
    struct yaml_node *node = level->node;

    node->count = o->n_children - level->first;
    o->n_children = level->first;
    if (node->count == 0)
        return 1;
    if (node->kind == YAML_MAP) {
        node->pairs = yaml_tree_new(o->doc, node->count * sizeof *node->pairs);
        if (!node->pairs)
            return failed(o, ENOMEM, "out of memory");
        memcpy(node->pairs, &o->children[level->first], node->count * sizeof *node->pairs);
        return 1;
    }
    node->items = yaml_tree_new(o->doc, node->count * sizeof(struct yaml_node *));
    if (!node->items)
        return failed(o, ENOMEM, "out of memory");
    for (size_t i = 0; i < node->count; i++)
        node->items[i] = o->children[level->first + i].value;
    return 1;
}

static bool has(const struct yaml_node *map, const char *key)
{
    for (size_t i = 0; i < map->count; i++)
        if (strcmp(map->pairs[i].key->text, key) == 0)
            return true;
    return false;
}

/* Adds a member in front of an item that lacks it. */
static int complete(struct objects *o, const char *key, const char *text, size_t size)
{
    struct yaml_node *map = o->doc->root;
    struct yaml_pair *pairs;

    if (!text || has(map, key))
        return 1;
    pairs = yaml_tree_new(o->doc, (map->count + 1) * sizeof *pairs);
    if (!pairs)
        return failed(o, ENOMEM, "out of memory");
    pairs[0] =
        (struct yaml_pair){new_scalar(o, key, strlen(key), true), new_scalar(o, text, size, true)};
    if (!pairs[0].key || !pairs[0].value)
        return 0;
    if (map->count > 0)
        memcpy(pairs + 1, map->pairs, map->count * sizeof *pairs);
    map->pairs = pairs;
    map->count++;
    return 1;
}

static int end_item(struct objects *o)
{
    size_t size = o->kind ? strlen(o->kind) : 0;

    if (size > 4 && strcmp(o->kind + size - 4, "List") == 0 &&
        !complete(o, "kind", o->kind, size - 4))
        return 0;
    o->doc->n_nodes = o->n_nodes;
    if (!complete(o, "apiVersion", o->version, o->version ? strlen(o->version) : 0))
        return 0;
    return o->each(o->self, TAKE(o->doc)) ? 1 : failed(o, ECANCELED, "stopped");
}

static int end(struct objects *o)
{
    o->depth--;
    if (o->passed_over > 0) {
        o->passed_over--;
        return 1;
    }
    if (!inside(o))
        return 1;
    if (!close_level(o, &o->levels[--o->n_levels]))
        return 0;
    return o->n_levels > 0 ? 1 : end_item(o);
}

static int keep(struct objects *o, char **out, const void *text, size_t size)
{
    if (size > TOP_TEXT_MAX)
        return failed(o, EFBIG, "the answer's own fields are too long");
    free(*out);
    *out = strndup(text, size);
    return *out ? 1 : failed(o, ENOMEM, "out of memory");
}

static int on_text(void *self, const unsigned char *text, size_t size)
{
    struct objects *o = self;

    if (o->passed_over > 0)
        return 1;
    if (inside(o))
        return add_child(o, new_scalar(o, text, size, false));
    if (o->depth == 1 && strcmp(o->top_key, "kind") == 0)
        return keep(o, &o->kind, text, size);
    if (o->depth == 1 && strcmp(o->top_key, "apiVersion") == 0)
        return keep(o, &o->version, text, size);
    if (o->depth == 2 && strcmp(o->top_key, "metadata") == 0 &&
        strcmp(o->second_key, "continue") == 0)
        return keep(o, &o->more, text, size);
    return 1;
}

static int on_number(void *self, const char *text, size_t size)
{
    struct objects *o = self;

    if (o->passed_over > 0)
        return 1;
    return inside(o) ? add_child(o, new_scalar(o, text, size, true)) : 1;
}

static int on_boolean(void *self, int value)
{
    struct objects *o = self;
    const char *text = value ? "true" : "false";

    if (o->passed_over > 0)
        return 1;
    return inside(o) ? add_child(o, new_scalar(o, text, strlen(text), true)) : 1;
}

static int on_null(void *self)
{
    struct objects *o = self;
    struct yaml_node *node;

    if (!inside(o) || o->passed_over > 0)
        return 1;
    node = new_node(o, YAML_NULL);
    if (node)
        node->text = "";
    return add_child(o, node);
}

static int on_key(void *self, const unsigned char *text, size_t size)
{
    struct objects *o = self;

    if (o->passed_over > 0)
        return 1;
    if (inside(o)) {
        /* Half of many an object, and about who wrote it, not what it is. */
        o->pass_over = o->n_levels == 2 && size == strlen("managedFields") &&
                       memcmp(text, "managedFields", size) == 0;
        if (o->pass_over)
            return 1;
        o->key = new_scalar(o, text, size, true);
        return o->key != NULL;
    }
    if (o->depth == 1)
        (void)snprintf(o->top_key, sizeof o->top_key, "%.*s", (int)(size < 64 ? size : 64), text);
    if (o->depth == 2)
        (void)snprintf(o->second_key, sizeof o->second_key, "%.*s", (int)(size < 64 ? size : 64),
                       text);
    return 1;
}

static int on_map(void *self)
{
    return begin(self, YAML_MAP);
}

static int on_list(void *self)
{
    return begin(self, YAML_LIST);
}

static int on_end(void *self)
{
    return end(self);
}

int objects_open(struct objects **out, api_object *each, void *self, struct err *e)
{
    static const yajl_callbacks events = {
        .yajl_null = on_null,
        .yajl_boolean = on_boolean,
        .yajl_number = on_number,
        .yajl_string = on_text,
        .yajl_start_map = on_map,
        .yajl_map_key = on_key,
        .yajl_end_map = on_end,
        .yajl_start_array = on_list,
        .yajl_end_array = on_end,
    };
    OWN(objects_freep) struct objects *o = calloc(1, sizeof *o);

    if (!o)
        return err_memory(e);
    o->each = each;
    o->self = self;
    o->parser = yajl_alloc(&events, NULL, o);
    if (!o->parser)
        return err_memory(e);
    *out = TAKE(o);
    return 0;
}

void objects_free(struct objects *o)
{
    if (!o)
        return;
    if (o->parser)
        yajl_free(o->parser);
    yaml_doc_free(o->doc);
    free(o->children);
    free(o->kind);
    free(o->version);
    free(o->more);
    free(o);
}

static int verdict(struct objects *o, yajl_status status, struct err *e)
{
    if (status == yajl_status_ok)
        return 0;
    if (o->code < 0) {
        if (e)
            *e = o->err;
        return o->code;
    }
    return err_set(e, EINVAL, "the answer is not JSON");
}

int objects_feed(struct objects *o, const void *data, size_t size, struct err *e)
{
    return verdict(o, yajl_parse(o->parser, data, size), e);
}

int objects_end(struct objects *o, char **more, struct err *e)
{
    int r = verdict(o, yajl_complete_parse(o->parser), e);

    if (r < 0)
        return r;
    *more = o->more && *o->more ? TAKE(o->more) : NULL;
    return 0;
}
