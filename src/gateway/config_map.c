/* SPDX-License-Identifier: Apache-2.0 */
/* A watch of one ConfigMap: see config_map.h. Only that one is asked for, by field selector. */
#include "gateway/config_map.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/watch.h"
#include "base/err.h"
#include "base/log.h"
#include "base/own.h"
#include "config/yaml.h"
#include "config/yaml_at.h"
#include "gateway/gateway.h"
#include "gateway/own_node.h"

enum { NAME_MAX_BYTES = 253 };

struct config_map {
    struct gateway *g;
    char *name; /* "gpu/configs" */
    struct watch *watch;
    struct yaml_doc *doc; /* NULL: not there */
    bool known;
    struct err error;
};

static bool is_name(const char *text, size_t size)
{
    static const char fine[] = "abcdefghijklmnopqrstuvwxyz0123456789-.";

    return size > 0 && size <= NAME_MAX_BYTES && strspn(text, fine) >= size;
}

static void replace(struct config_map *m, struct yaml_doc *doc)
{
    yaml_doc_free(m->doc);
    m->doc = doc;
    gateway_changed(m->g);
}

static void on_put(void *self, struct yaml_doc *object)
{
    struct config_map *m = self;
    const char *name = yaml_text(yaml_at(object->root, "metadata", NULL), "name");

    /* A server that does not know the selector must not give us another one. */
    if (name && strcmp(name, strchr(m->name, '/') + 1) == 0)
        replace(m, object);
    else
        yaml_doc_free(object);
}

static void on_gone(void *self, const char *namespace, const char *name)
{
    struct config_map *m = self;

    (void)namespace;
    if (strcmp(name, strchr(m->name, '/') + 1) == 0)
        replace(m, NULL);
}

static void on_synced(void *self)
{
    struct config_map *m = self;

    m->known = true;
    gateway_changed(m->g);
}

static void on_reachable(void *self, int r, const struct err *e)
{
    struct config_map *m = self;

    if (r < 0)
        m->error = *e;
    else
        m->error = (struct err){0};
    if (r < 0)
        log_event(LOG_WARNING, "ConfigMap not read name=%s reason=\"%s\"; %s", m->name, e->msg,
                  m->known ? "what was read before counts" : "trying again");
    gateway_changed(m->g);
}

static void map_free(struct config_map *m)
{
    if (!m)
        return;
    if (m->watch)
        watch_close(m->watch);
    yaml_doc_free(m->doc);
    free(m->name);
    free(m);
}
OWN_POINTER(struct config_map, map_free);

void config_map_close(struct config_map *m)
{
    map_free(m);
}

int config_map_open(struct config_map **out, struct gateway *g, const char *place, struct err *e)
{
    OWN(map_freep) struct config_map *m = calloc(1, sizeof *m);
    OWN_MEM char *path = NULL;
    const char *slash = strchr(place, '/');
    const char *name = slash ? slash + 1 : place;
    const char *namespace = slash ? place : g->options.namespace;
    size_t size = slash ? (size_t)(slash - place) : strlen(namespace);
    const struct watch_handlers handlers = {
        .put = on_put,
        .gone = on_gone,
        .synced = on_synced,
        .reachable = on_reachable,
        .self = m,
    };
    int r;

    if (!m)
        return err_memory(e);
    if (!is_name(name, strlen(name)) || !is_name(namespace, size))
        return err_set(e, EINVAL, "'%.200s' is no ConfigMap; write NAME or NAMESPACE/NAME", place);
    m->g = g;
    if (asprintf(&m->name, "%.*s/%s", (int)size, namespace, name) < 0) {
        m->name = NULL;
        return err_memory(e);
    }
    if (asprintf(&path, "/api/v1/namespaces/%.*s/configmaps?fieldSelector=metadata.name%%3D%s",
                 (int)size, namespace, name) < 0) {
        path = NULL;
        return err_memory(e);
    }
    r = watch_open(&m->watch, g->http, path, &handlers, e);
    if (r < 0)
        return r;
    *out = TAKE(m);
    return 0;
}

const char *config_map_name(const struct config_map *m)
{
    return m->name;
}

bool config_map_known(const struct config_map *m)
{
    return m->known;
}

const struct yaml_node *config_map_object(const struct config_map *m)
{
    return m->doc ? m->doc->root : NULL;
}

const char *config_map_error(const struct config_map *m)
{
    return m->error.msg;
}

int config_map_error_code(const struct config_map *m)
{
    return m->error.code;
}
