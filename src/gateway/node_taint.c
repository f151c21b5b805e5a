/* SPDX-License-Identifier: Apache-2.0 */
/* One taint of ours: see node_taint.h. */
#include "gateway/node_taint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/own.h"
#include "base/text.h"
#include "config/yaml.h"
#include "config/yaml_at.h"
#include "gateway/gateway.h"
#include "gateway/node_patch.h"
#include "gateway/own_node.h"

enum { KEY_SIZE = 320, VALUE_SIZE = 64, EFFECT_SIZE = 32, PATCH_MAX = 64 << 10 };

struct node_taint {
    struct gateway *g;
    struct node_patch *patch;
    char key[KEY_SIZE], value[VALUE_SIZE], effect[EFFECT_SIZE];
    char what[KEY_SIZE + 16];
    bool coming; /* it was asked for, and not seen since */
};

static bool split(struct node_taint *t, const char *text)
{
    const char *colon = strrchr(text, ':');
    const char *equals = strchr(text, '=');
    char start[KEY_SIZE + VALUE_SIZE];

    if (!colon || (size_t)(colon - text) >= sizeof start)
        return false;
    (void)snprintf(start, sizeof start, "%.*s", (int)(colon - text), text);
    if (equals && equals < colon) {
        start[equals - text] = '\0';
        if (!TEXT_COPY(t->value, start + (equals - text) + 1))
            return false;
    }
    return TEXT_COPY(t->key, start) && TEXT_COPY(t->effect, colon + 1);
}

int node_taint_open(struct node_taint **out, struct gateway *g, const char *text, struct err *e)
{
    OWN_MEM struct node_taint *t = calloc(1, sizeof *t);
    int r;

    if (!t)
        return err_memory(e);
    t->g = g;
    if (!split(t, text))
        return err_set(e, EINVAL, "'%s' is no taint such as carve.dev/fault:NoExecute", text);
    (void)snprintf(t->what, sizeof t->what, "taint %s", t->key);
    r = node_patch_open(&t->patch, g, t->what, e);
    if (r == 0)
        *out = TAKE(t);
    return r;
}

void node_taint_close(struct node_taint *t)
{
    if (!t)
        return;
    node_patch_close(t->patch);
    free(t);
}

static bool is_it(const struct yaml_node *taint, const char *key, const char *effect)
{
    const char *has_key = yaml_text(taint, "key"), *has_effect = yaml_text(taint, "effect");

    return has_key && has_effect && strcmp(has_key, key) == 0 &&
           (!effect || strcmp(has_effect, effect) == 0);
}

static const struct yaml_node *list_of(const struct node_taint *t)
{
    const struct yaml_node *taints =
        yaml_at(own_node_object(t->g->own_node), "spec", "taints", NULL);

    return taints && taints->kind == YAML_LIST ? taints : NULL;
}

bool node_taint_there(const struct node_taint *t)
{
    const struct yaml_node *taints = list_of(t);

    for (size_t i = 0; taints && i < taints->count; i++)
        if (is_it(taints->items[i], t->key, t->effect))
            return true;
    return false;
}

bool node_taint_gone(const struct node_taint *t)
{
    return !t->coming && !node_taint_there(t);
}

static void write_op(struct json *j, const char *op, const char *path)
{
    json_object(j, NULL);
    json_string(j, "op", op);
    json_string(j, "path", path);
}

static void write_test(struct json *j, const char *path, const char *value)
{
    write_op(j, "test", path);
    json_string(j, "value", value);
    json_object_end(j);
}

static void write_taint(struct json *j, const struct node_taint *t, const char *key)
{
    json_object(j, key);
    json_string(j, "key", t->key);
    if (t->value[0])
        json_string(j, "value", t->value);
    json_string(j, "effect", t->effect);
    json_object_end(j);
}

/* A list that somebody else begins at the same time is not to be replaced. */
static void write_ops(struct json *j, const struct node_taint *t)
{
    const char *version =
        yaml_text(yaml_at(own_node_object(t->g->own_node), "metadata", NULL), "resourceVersion");

    if (list_of(t)) {
        write_op(j, "add", "/spec/taints/-");
        write_taint(j, t, "value");
        json_object_end(j);
        return;
    }
    write_test(j, "/metadata/resourceVersion", version ? version : "");
    write_op(j, "add", "/spec/taints");
    json_array(j, "value");
    write_taint(j, t, NULL);
    json_array_end(j);
    json_object_end(j);
}

void node_taint_write_removed(struct buf *out, const struct yaml_node *taints, const char *key,
                              const char *effect)
{
    struct json j;

    json_init(&j, out, 0);
    json_array(&j, NULL);
    for (size_t i = taints ? taints->count : 0; i-- > 0;) {
        char path[64];

        if (!is_it(taints->items[i], key, effect))
            continue;
        (void)snprintf(path, sizeof path, "/spec/taints/%zu/key", i);
        write_test(&j, path, key);
        (void)snprintf(path, sizeof path, "/spec/taints/%zu/effect", i);
        write_test(&j, path, yaml_text(taints->items[i], "effect"));
        (void)snprintf(path, sizeof path, "/spec/taints/%zu", i);
        write_op(&j, "remove", path);
        json_object_end(&j);
    }
    json_array_end(&j);
}

static void write_added(struct buf *out, const struct node_taint *t)
{
    struct json j;

    json_init(&j, out, 0);
    json_array(&j, NULL);
    write_ops(&j, t);
    json_array_end(&j);
}

void node_taint_keep(struct node_taint *t, bool wanted)
{
    OWN(buf_done) struct buf body = {0};

    if (node_taint_there(t))
        t->coming = false;
    if (!own_node_object(t->g->own_node) || node_taint_there(t) == wanted)
        return;
    t->coming = wanted;
    buf_init(&body, PATCH_MAX);
    if (wanted)
        write_added(&body, t);
    else
        node_taint_write_removed(&body, list_of(t), t->key, t->effect);
    if (!body.failed)
        node_patch_want(t->patch, &(struct node_patch_order){.key = wanted ? "there" : "gone",
                                                             .content = HTTP_JSON_PATCH,
                                                             .body = body.data});
}

const char *node_taint_error(const struct node_taint *t)
{
    return node_patch_error(t->patch);
}

int node_taint_error_code(const struct node_taint *t)
{
    return node_patch_error_code(t->patch);
}
