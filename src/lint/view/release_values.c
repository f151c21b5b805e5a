/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The values of a release as paths and texts, out of --set and its kin and out of trees. Source of
 * the grammar of --set: Helm v3.19, strvals.
 */
#include <string.h>

#include "base/err.h"
#include "lint/view/release.h"

static void add(struct lint *l, struct release *r, const struct helm_value *value)
{
    struct helm_value *grown;

    if (r->n_values == RELEASE_MAX_VALUES) {
        r->values_open = true;
        return;
    }
    grown = view_grow(l, r->values, r->n_values, sizeof *grown);
    if (!grown)
        return;
    r->values = grown;
    grown[r->n_values++] = *value;
}

void release_values_one(struct lint *l, struct release *r, const struct release_origin *o,
                        const char *path, const char *text)
{
    add(l, r,
        &(struct helm_value){
            .path = path, .text = text, .spot = o->spot, .word = o->word, .doc = o->doc});
}

/* A tree on its way; `copy` where its texts do not stay. */
struct walk {
    struct lint *l;
    struct release *r;
    const struct release_origin *origin;
    const struct yaml_pair *pair;
    unsigned depth;
    bool copy;
};

static void walk_node(struct walk *w, const char *path, const struct yaml_node *node);

static void add_leaf(struct walk *w, const char *path, const struct yaml_node *node)
{
    struct helm_value value = {.path = path, .spot = w->origin->spot, .word = w->origin->word};

    value.text = node_text(node, "");
    if (w->copy) {
        value.text = lint_printf(w->l, "%s", value.text);
    } else {
        value.doc = w->origin->doc;
        value.pair = w->pair;
        value.spot = spot_of(value.doc, node);
    }
    add(w->l, w->r, &value);
}

static void walk_children(struct walk *w, const char *path, const struct yaml_node *node)
{
    const struct yaml_pair *pair = w->pair;

    w->depth++;
    for (size_t i = 0; i < node->count && !w->l->out_of_memory; i++) {
        if (w->r->n_values == RELEASE_MAX_VALUES) {
            w->r->values_open = true;
            break;
        }
        if (node->kind == YAML_LIST) {
            walk_node(w, lint_printf(w->l, "%s[%zu]", path, i), node->items[i]);
            continue;
        }
        w->pair = &node->pairs[i];
        walk_node(w, lint_printf(w->l, "%s%s%s", path, path[0] ? "." : "", w->pair->key->text),
                  w->pair->value);
    }
    w->depth--;
    w->pair = pair;
}

static void walk_node(struct walk *w, const char *path, const struct yaml_node *node)
{
    if ((node->kind == YAML_MAP || node->kind == YAML_LIST) && node->count > 0 &&
        w->depth < VIEW_MAX_DEPTH)
        walk_children(w, path, node);
    else
        add_leaf(w, path, node);
}

void release_values_tree(struct lint *l, struct release *r, const struct release_origin *o,
                         const char *path, const struct yaml_node *node)
{
    struct walk w = {.l = l, .r = r, .origin = o};

    if (node && node->kind == YAML_MAP)
        walk_node(&w, path, node);
}

bool release_values_text(struct lint *l, struct release *r, const struct release_origin *o,
                         const char *path, const char *text)
{
    OWN(yaml_doc_freep) struct yaml_doc *doc = NULL;
    struct walk w = {.l = l, .r = r, .origin = o, .copy = true};
    struct err e = {0};

    if (yaml_read(&doc, "values", text, strlen(text), &e) < 0)
        return false;
    walk_node(&w, path, doc->root);
    return true;
}

/* Copies up to one of the end characters, backslashes taken out; *text moves behind. */
static const char *take_until(struct lint *l, const char **text, const char *ends, bool braces)
{
    char *out = view_alloc(l, strlen(*text) + 1), *to = out;
    unsigned depth = 0;

    if (!out)
        return NULL;
    for (; **text; (*text)++) {
        if (**text == '\\' && (*text)[1])
            (*text)++;
        else if (braces && **text == '{')
            depth++;
        else if (braces && **text == '}' && depth > 0)
            depth--;
        else if (depth == 0 && strchr(ends, **text))
            break;
        *to++ = **text;
    }
    return out;
}

/* {a,b} is a list. */
static void add_list(struct lint *l, struct release *r, const struct release_origin *o,
                     const char *path, const char *text)
{
    size_t n = 0;

    text++;
    while (*text && *text != '}' && n < VIEW_MAX_ENTRIES) {
        const char *item = take_until(l, &text, ",}", false);

        if (!item)
            return;
        release_values_one(l, r, o, lint_printf(l, "%s[%zu]", path, n++), item);
        text += *text == ',';
    }
    if (n == 0)
        release_values_one(l, r, o, path, "");
}

void release_values_set(struct lint *l, struct release *r, const struct release_origin *o,
                        const char *text)
{
    while (*text && !l->out_of_memory && r->n_values < RELEASE_MAX_VALUES) {
        const char *path = take_until(l, &text, "=,", false), *value = "";

        if (path && *text == '=') {
            text++;
            value = take_until(l, &text, ",", true);
        }
        if (!path || !value)
            return;
        if (value[0] == '{' && value[strlen(value) - 1] == '}')
            add_list(l, r, o, path, value);
        else if (path[0])
            release_values_one(l, r, o, path, value);
        text += *text == ',';
    }
}

void release_values_json(struct lint *l, struct release *r, const struct release_origin *o,
                         const char *text)
{
    const char *path = "";

    if (text[0] != '{') {
        path = take_until(l, &text, "=", false);
        if (!path || *text != '=')
            return;
        text++;
    }
    if (!release_values_text(l, r, o, path, text))
        release_values_one(l, r, o, path, text);
}

const struct helm_value *release_value(const struct release *r, const char *path)
{
    for (size_t i = r->n_values; i-- > 0;)
        if (strcmp(r->values[i].path, path) == 0)
            return &r->values[i];
    return NULL;
}
