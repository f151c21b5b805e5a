/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The watch of this node's object, and what parts ask of it: see own_node.h.
 */
#include "gateway/own_node.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/watch.h"
#include "base/err.h"
#include "base/log.h"
#include "config/yaml.h"
#include "config/yaml_at.h"
#include "gateway/amount.h"
#include "gateway/gateway.h"

enum { PATH_SIZE = 384, PATCH_TIMEOUT_MS = 30000 };

/* Most of a node's object. Who wrote a condition is in metadata.managedFields, which stays. */
static const char *const unneeded[] = {"status.images", "status.volumesInUse",
                                       "status.volumesAttached", "status.nodeInfo", NULL};

struct own_node {
    struct gateway *g;
    struct watch *watch;
    struct yaml_doc *object; /* NULL: not seen yet, or deleted */
};

static void put(void *self, struct yaml_doc *object)
{
    struct own_node *n = self;
    const struct yaml_node *name = yaml_at(object->root, "metadata", "name", NULL);

    /* A server that does not know the selector must not make us somebody else. */
    if (!name || name->kind != YAML_SCALAR || strcmp(name->text, n->g->options.node_name) != 0) {
        yaml_doc_free(object);
        return;
    }
    yaml_doc_free(n->object);
    n->object = object;
    gateway_changed(n->g);
}

static void gone(void *self, const char *namespace, const char *name)
{
    struct own_node *n = self;

    (void)namespace;
    if (strcmp(name, n->g->options.node_name) != 0)
        return;
    log_event(LOG_WARNING, "the node object is gone, waiting for it node=%s", name);
    yaml_doc_free(TAKE(n->object));
    gateway_changed(n->g);
}

static void synced(void *self)
{
    struct own_node *n = self;

    if (!n->object)
        log_event(LOG_WARNING,
                  "the API server knows no node of this name, waiting for it node=%s "
                  "cure=\"see --node-name\"",
                  n->g->options.node_name);
}

static void reachable(void *self, int r, const struct err *e)
{
    struct own_node *n = self;

    if (r == 0)
        log_event(LOG_INFO, "the API server answers server=%s", http_server(n->g->http));
    else
        log_event(LOG_WARNING, "cannot watch this node, trying on reason=\"%s\"", e->msg);
}

int own_node_open(struct own_node **out, struct gateway *g, struct err *e)
{
    struct own_node *n = calloc(1, sizeof *n);
    const struct watch_handlers handlers = {
        .put = put,
        .gone = gone,
        .synced = synced,
        .reachable = reachable,
        .self = n,
        .skip = unneeded,
    };
    char path[PATH_SIZE];
    int r;

    if (!n)
        return err_memory(e);
    n->g = g;
    (void)snprintf(path, sizeof path, "/api/v1/nodes?fieldSelector=metadata.name%%3D%s",
                   g->options.node_name);
    r = watch_open(&n->watch, g->http, path, &handlers, e);
    if (r < 0) {
        free(n);
        return r;
    }
    *out = n;
    return 0;
}

void own_node_close(struct own_node *n)
{
    if (!n)
        return;
    watch_close(n->watch);
    yaml_doc_free(n->object);
    free(n);
}

const struct yaml_node *own_node_object(const struct own_node *n)
{
    return n->object ? n->object->root : NULL;
}

const char *own_node_uid(const struct own_node *n)
{
    return yaml_text(yaml_at(own_node_object(n), "metadata", NULL), "uid");
}

const char *own_node_label(const struct own_node *n, const char *key)
{
    return yaml_text(yaml_at(own_node_object(n), "metadata", "labels", NULL), key);
}

const char *own_node_annotation(const struct own_node *n, const char *key)
{
    return yaml_text(yaml_at(own_node_object(n), "metadata", "annotations", NULL), key);
}

/* The element of a list whose member `key` has this text. */
static const struct yaml_node *find_in(const struct yaml_node *list, const char *key,
                                       const char *text)
{
    for (size_t i = 0; list && list->kind == YAML_LIST && i < list->count; i++) {
        const char *found = yaml_text(list->items[i], key);

        if (found && strcmp(found, text) == 0)
            return list->items[i];
    }
    return NULL;
}

const struct yaml_node *own_node_condition(const struct own_node *n, const char *type)
{
    return find_in(yaml_at(own_node_object(n), "status", "conditions", NULL), "type", type);
}

int64_t own_node_allocatable(const struct own_node *n, const char *resource)
{
    const char *amount =
        yaml_text(yaml_at(own_node_object(n), "status", "allocatable", NULL), resource);

    return amount ? amount_whole(amount) : -1;
}

bool own_node_taint(const struct own_node *n, const char *key, const char **effect)
{
    const struct yaml_node *taint =
        find_in(yaml_at(own_node_object(n), "spec", "taints", NULL), "key", key);

    if (taint && effect)
        *effect = yaml_text(taint, "effect");
    return taint != NULL;
}

const char *own_node_condition_manager(const struct own_node *n, const char *type)
{
    const struct yaml_node *entries =
        yaml_at(own_node_object(n), "metadata", "managedFields", NULL);
    const char *found = NULL;
    char key[160];

    (void)snprintf(key, sizeof key, "k:{\"type\":\"%s\"}", type);
    for (size_t i = 0; entries && entries->kind == YAML_LIST && i < entries->count; i++) {
        const struct yaml_node *entry = entries->items[i];
        const char *manager = yaml_text(entry, "manager");

        /* Times would not tell: an entry's is that of any write of its manager. */
        if (manager && yaml_at(entry, "fieldsV1", "f:status", "f:conditions", key, NULL) &&
            (!found || strcmp(found, GATEWAY_MANAGER) == 0))
            found = manager;
    }
    return found;
}

int own_node_patch(struct http_request **out, struct own_node *n, const char *subresource,
                   enum http_content content, const char *body, http_done *done, void *self,
                   struct err *e)
{
    char path[PATH_SIZE];
    const struct http_question question = {
        .method = "PATCH",
        .path = path,
        .content = content,
        .body = body,
        .size = strlen(body),
        .timeout_ms = PATCH_TIMEOUT_MS,
        .done = done,
        .self = self,
    };

    (void)snprintf(path, sizeof path, "/api/v1/nodes/%s%s%s?fieldManager=" GATEWAY_MANAGER "%s",
                   n->g->options.node_name, subresource ? "/" : "", subresource ? subresource : "",
                   content == HTTP_APPLY ? "&force=true" : "");
    return http_send(out, n->g->http, &question, e);
}
