/* SPDX-License-Identifier: Apache-2.0 */
/* The owners of the NodeFeature: see labels_owner.h. */
#include "gateway/labels_owner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/backoff.h"
#include "api/http.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "base/own.h"
#include "base/text.h"
#include "config/yaml.h"
#include "config/yaml_at.h"
#include "gateway/gateway.h"
#include "gateway/own_node.h"

enum {
    PATH_SIZE = 640,
    UID_SIZE = 64,
    NAME_SIZE = 254,
    POD_MAX_BYTES = 1 << 20,
    TIMEOUT_MS = 10000,
    FIRST_MS = 500,
    LAST_MS = 60000,
};

struct labels_owner {
    struct gateway *g;
    struct http_request *request;
    struct buf answer;
    uv_timer_t retry;
    struct backoff backoff;
    bool settled, waiting;
    char uid[UID_SIZE];
    char daemon_set[NAME_SIZE], daemon_set_uid[UID_SIZE];
    char daemon_set_version[NAME_SIZE]; /* "apps/v1" */
};

int labels_owner_open(struct labels_owner **out, struct gateway *g, struct err *e)
{
    struct labels_owner *o = calloc(1, sizeof *o);

    if (!o)
        return err_memory(e);
    o->g = g;
    o->settled = !g->options.pod_name;
    o->backoff = (struct backoff){.first_ms = FIRST_MS, .last_ms = LAST_MS};
    buf_init(&o->answer, POD_MAX_BYTES);
    (void)uv_timer_init(g->loop, &o->retry);
    o->retry.data = o;
    *out = o;
    return 0;
}

static void closed(uv_handle_t *handle)
{
    free(handle->data);
}

void labels_owner_close(struct labels_owner *o)
{
    if (!o)
        return;
    if (o->request)
        http_cancel(TAKE(o->request));
    buf_done(&o->answer);
    uv_close((uv_handle_t *)&o->retry, closed);
}

static bool copy(char *field, size_t size, const struct yaml_node *map, const char *key)
{
    const char *text = yaml_text(map, key);

    return text && text_copy(field, size, text);
}

/* False: the pod is of no DaemonSet. */
static bool read_pod(struct labels_owner *o, const struct yaml_node *pod)
{
    const struct yaml_node *metadata = yaml_at(pod, "metadata", NULL);
    const struct yaml_node *owners = yaml_at(metadata, "ownerReferences", NULL);

    for (size_t i = 0; owners && owners->kind == YAML_LIST && i < owners->count; i++) {
        const struct yaml_node *owner = owners->items[i];
        const char *kind = yaml_text(owner, "kind");

        if (kind && strcmp(kind, "DaemonSet") == 0)
            return copy(o->daemon_set, sizeof o->daemon_set, owner, "name") &&
                   copy(o->daemon_set_uid, sizeof o->daemon_set_uid, owner, "uid") &&
                   copy(o->daemon_set_version, sizeof o->daemon_set_version, owner, "apiVersion") &&
                   copy(o->uid, sizeof o->uid, metadata, "uid");
    }
    return false;
}

static int on_data(void *self, const char *data, size_t size, struct err *e)
{
    struct labels_owner *o = self;

    buf_add(&o->answer, data, size);
    return buf_check(&o->answer, e);
}

static void settle(struct labels_owner *o, const char *why)
{
    if (why)
        log_event(LOG_WARNING,
                  "NodeFeature without owner, it stays behind if this pod cannot remove it "
                  "pod=%s/%s reason=\"%s\"",
                  o->g->options.namespace, o->g->options.pod_name, why);
    if (why)
        o->uid[0] = '\0';
    o->settled = true;
    gateway_changed(o->g);
}

static void on_retry(uv_timer_t *retry)
{
    struct labels_owner *o = retry->data;

    o->waiting = false;
    gateway_changed(o->g);
}

static bool is_final(int r)
{
    return r == 0 || r == -ENOENT || r == -EACCES || r == -EINVAL;
}

static void on_done(void *self, int r, const struct err *e)
{
    struct labels_owner *o = self;
    OWN(yaml_doc_freep) struct yaml_doc *pod = NULL;
    struct err why = {0};

    o->request = NULL;
    if (!is_final(r)) {
        buf_clear(&o->answer);
        o->waiting = true;
        (void)uv_timer_start(&o->retry, on_retry, backoff_wait_ms(&o->backoff), 0);
        return;
    }
    if (r < 0)
        why = *e;
    else if (yaml_read(&pod, "pod", o->answer.data ? o->answer.data : "", o->answer.size, &why) ==
                 0 &&
             !read_pod(o, pod->root))
        (void)err_set(&why, ENOENT, "the pod is of no DaemonSet");
    buf_done(&o->answer);
    settle(o, why.code ? why.msg : NULL);
}

bool labels_owner_settled(struct labels_owner *o)
{
    char path[PATH_SIZE];
    struct err e = {0};
    const struct http_question question = {
        .method = "GET",
        .path = path,
        .timeout_ms = TIMEOUT_MS,
        .data = on_data,
        .done = on_done,
        .self = o,
    };

    if (o->settled || o->request || o->waiting)
        return o->settled;
    (void)snprintf(path, sizeof path, "/api/v1/namespaces/%s/pods/%s", o->g->options.namespace,
                   o->g->options.pod_name);
    if (http_send(&o->request, o->g->http, &question, &e) < 0)
        on_done(o, -EBUSY, &e);
    return o->settled;
}

const char *labels_owner_uid(const struct labels_owner *o)
{
    return o->uid[0] ? o->uid : NULL;
}

void labels_owner_write(const struct labels_owner *o, struct json *j)
{
    if (!o->uid[0])
        return;
    json_array(j, "ownerReferences");
    json_object(j, NULL);
    json_string(j, "apiVersion", o->daemon_set_version);
    json_string(j, "kind", "DaemonSet");
    json_string(j, "name", o->daemon_set);
    json_string(j, "uid", o->daemon_set_uid);
    json_bool(j, "controller", true);
    json_object_end(j);
    json_object(j, NULL);
    json_string(j, "apiVersion", "v1");
    json_string(j, "kind", "Pod");
    json_string(j, "name", o->g->options.pod_name);
    json_string(j, "uid", o->uid);
    json_object_end(j);
    json_array_end(j);
}
