/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The NodeFeature: see labels_feature.h. One request at a time; what was written is given some
 * seconds, more each time, to come back by the watch before it is written again.
 */
#include "gateway/labels_feature.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/backoff.h"
#include "api/http.h"
#include "api/watch.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/own.h"
#include "base/text.h"
#include "config/yaml_at.h"
#include "gateway/events.h"
#include "gateway/gateway.h"
#include "gateway/labels_object.h"
#include "gateway/labels_owner.h"
#include "gateway/own_node.h"

#define COLLECTION "/apis/nfd.k8s-sigs.io/v1alpha1"
#define NAME LABELS_OBJECT_NAME

enum {
    PATH_SIZE = 896,
    NAME_SIZE = 300, /* a node's has at most 253 characters */
    BODY_MAX = 256 << 10,
    TIMEOUT_MS = 30000,
    FIRST_MS = 500, /* after a failure */
    LAST_MS = 60 * 1000,
    REFUSED_LAST_MS = 5 * 60 * 1000, /* somebody has to act first */
    SEEN_FIRST_MS = 5000,            /* after a success */
    SEEN_LAST_MS = 5 * 60 * 1000,
};

/* What the last request was to bring about. */
enum deed { NOTHING, APPLY, TRIM, DELETE };

struct labels_feature {
    struct gateway *g;
    struct watch *watch;
    struct labels_owner *owner;
    enum labels_nfd nfd;
    bool forbidden;          /* to read NodeFeatures, when they were asked for last */
    struct yaml_doc *object; /* ours, or what has its name and place; NULL: it is not there */
    bool unseen;             /* written, and the watch has not told of it yet */
    char other[NAME_SIZE];   /* namespace of one of another program; "": none */
    bool told;               /* of that, or that ours is taken */

    struct http_request *request;
    uv_timer_t timer;
    struct backoff failures, repeats;
    uint64_t not_before_ms; /* nothing is sent before */
    enum deed deed;         /* of the last request */
    char *body;             /* of the last request */
    struct err error;       /* of the last request */
    bool refused_told;
    labels_feature_removed *removed; /* NULL: nobody waits for the end */
    void *self;
};

static void name_of(char *out, size_t size, const struct labels_feature *f)
{
    (void)snprintf(out, size, NAME "%s", f->g->options.node_name);
}

static bool is_ours(const struct labels_feature *f, const char *namespace)
{
    return strcmp(namespace, f->g->options.namespace) == 0;
}

bool labels_feature_is_taken(const struct labels_feature *f)
{
    return f->object && labels_object_by_nvidia(f->object->root);
}

static void put(void *self, struct yaml_doc *object)
{
    struct labels_feature *f = self;
    const struct yaml_node *metadata = yaml_at(object->root, "metadata", NULL);
    const char *name = yaml_text(metadata, "name");
    const char *namespace = yaml_text(metadata, "namespace");
    char wanted[NAME_SIZE];

    name_of(wanted, sizeof wanted, f);
    if (name && namespace && strcmp(name, wanted) == 0) {
        if (is_ours(f, namespace)) {
            yaml_doc_free(f->object);
            f->object = TAKE(object);
            f->unseen = false;
        } else {
            (void)TEXT_COPY(f->other, namespace);
        }
        gateway_changed(f->g);
    }
    yaml_doc_free(object);
}

static void gone(void *self, const char *namespace, const char *name)
{
    struct labels_feature *f = self;
    char wanted[NAME_SIZE];

    name_of(wanted, sizeof wanted, f);
    if (strcmp(name, wanted) != 0)
        return;
    f->told = false;
    if (is_ours(f, namespace)) {
        yaml_doc_free(TAKE(f->object));
        f->unseen = false;
    } else if (strcmp(namespace, f->other) == 0) {
        f->other[0] = '\0';
    }
    gateway_changed(f->g);
}

static void set_nfd(struct labels_feature *f, enum labels_nfd nfd, const char *why)
{
    if (f->nfd == nfd)
        return;
    f->nfd = nfd;
    if (nfd == LABELS_NFD_THERE)
        log_event(LOG_INFO, "the cluster has NodeFeatures");
    else
        log_event(LOG_INFO, "the cluster has no NodeFeatures for us reason=\"%s\"", why);
    gateway_changed(f->g);
}

static void synced(void *self)
{
    set_nfd(self, LABELS_NFD_THERE, NULL);
}

static bool is_outage(int r)
{
    return r == 0 || r == -EHOSTUNREACH || r == -ETIMEDOUT || r == -EBUSY || r == -EPERM;
}

/*
 * An outage changes nothing of what is known. Other failures count as an answer before anything is
 * known: what the node object can be told does not wait until another interface is mended. Who may
 * read no more keeps an object in mind, to delete it: NFD would go on with what it says.
 */
static void reachable(void *self, int r, const struct err *e)
{
    struct labels_feature *f = self;

    if (r == -ENOENT || r == -EACCES) {
        f->other[0] = '\0';
        f->told = false;
    }
    if (r == -ENOENT)
        yaml_doc_free(TAKE(f->object));
    if (r == -EACCES && f->g->options.labels != GATEWAY_LABELS_NODE &&
        f->g->options.labels != GATEWAY_LABELS_OFF)
        log_event(LOG_WARNING,
                  "may not read NodeFeatures, so it is not known whether NFD runs reason=\"%s\"",
                  e->msg);
    if (r == -ENOENT || r == -EACCES || (!is_outage(r) && f->nfd == LABELS_NFD_UNKNOWN))
        set_nfd(f, LABELS_NFD_ABSENT, e->msg);
    else if (r == 0 && f->forbidden)
        set_nfd(f, LABELS_NFD_THERE, NULL); /* a watch goes on where it was, without `synced` */
    if (r == 0 || !is_outage(r))
        f->forbidden = r == -EACCES;
}

int labels_feature_open(struct labels_feature **out, struct gateway *g, struct err *e)
{
    static const char *const skip[] = {"spec.features", NULL}; /* so that managers come */
    struct labels_feature *f = calloc(1, sizeof *f);
    char path[PATH_SIZE];
    int r;
    const struct watch_handlers handlers = {
        .put = put,
        .gone = gone,
        .synced = synced,
        .reachable = reachable,
        .self = f,
        .skip = skip,
    };

    if (!f)
        return err_memory(e);
    f->g = g;
    f->failures = (struct backoff){.first_ms = FIRST_MS};
    f->repeats = (struct backoff){.first_ms = SEEN_FIRST_MS, .last_ms = SEEN_LAST_MS};
    (void)uv_timer_init(g->loop, &f->timer);
    f->timer.data = f;
    *out = f;
    (void)snprintf(path, sizeof path,
                   COLLECTION "/nodefeatures?fieldSelector=metadata.name%%3D" NAME "%s",
                   g->options.node_name);
    r = watch_open(&f->watch, g->http, path, &handlers, e);
    return r < 0 ? r : labels_owner_open(&f->owner, g, e);
}

static void closed(uv_handle_t *handle)
{
    struct labels_feature *f = handle->data;

    yaml_doc_free(f->object);
    free(f->body);
    free(f);
}

void labels_feature_close(struct labels_feature *f)
{
    if (!f)
        return;
    if (f->watch)
        watch_close(TAKE(f->watch));
    if (f->request)
        http_cancel(TAKE(f->request));
    labels_owner_close(TAKE(f->owner));
    uv_close((uv_handle_t *)&f->timer, closed);
}

enum labels_nfd labels_feature_nfd(const struct labels_feature *f)
{
    return f->nfd;
}

static void send_deed(struct labels_feature *f, enum deed deed, const char *body);

static void on_timer(uv_timer_t *timer)
{
    struct labels_feature *f = timer->data;

    if (f->removed)
        send_deed(f, DELETE, NULL);
    else
        gateway_changed(f->g);
}

static void wait_ms(struct labels_feature *f, uint64_t ms)
{
    f->not_before_ms = uv_now(f->g->loop) + ms;
    (void)uv_timer_start(&f->timer, on_timer, ms, 0);
}

/*
 * What is refused twice is refused for good, and somebody must act; once is every definition that
 * is just being deleted.
 */
static void failed(struct labels_feature *f, const struct err *e)
{
    bool again = strcmp(f->error.msg, e->msg) == 0;

    if (!again) {
        f->refused_told = false;
        log_event(LOG_WARNING, "NodeFeature not written reason=\"%s\"; trying again", e->msg);
    } else if (!f->refused_told && (e->code == EACCES || e->code == EINVAL)) {
        f->refused_told = true;
        events_tell(f->g->events, true, "LabelsRefused", "NodeFeature %s/" NAME "%s: %s",
                    f->g->options.namespace, f->g->options.node_name, e->msg);
    }
    f->error = *e;
    f->failures.last_ms = e->code == EACCES || e->code == EINVAL ? REFUSED_LAST_MS : LAST_MS;
    wait_ms(f, backoff_wait_ms(&f->failures));
}

static void on_done(void *self, int r, const struct err *e)
{
    struct labels_feature *f = self;

    f->request = NULL;
    if (f->removed && f->deed != DELETE) {
        send_deed(f, DELETE, NULL);
        return;
    }
    if (r == -ENOENT && f->deed == DELETE)
        r = 0;
    if (r < 0) {
        failed(f, e);
        return;
    }
    f->error = (struct err){0};
    backoff_clear(&f->failures);
    f->unseen = f->deed != DELETE;
    if (f->deed == DELETE)
        yaml_doc_free(TAKE(f->object));
    if (f->removed) {
        TAKE(f->removed)(f->self);
        return;
    }
    wait_ms(f, backoff_wait_ms(&f->repeats));
    gateway_changed(f->g);
}

/* Another wish than the last one waits for nothing but the end of a failure's wait. */
static bool may_send(struct labels_feature *f, enum deed deed, const char *body)
{
    bool same = f->deed == deed && f->body && strcmp(f->body, body ? body : "") == 0;
    uint64_t now_ms = uv_now(f->g->loop);

    if (!same) {
        backoff_clear(&f->repeats);
        if (f->error.code == 0)
            return true;
    }
    if (now_ms < f->not_before_ms)
        (void)uv_timer_start(&f->timer, on_timer, f->not_before_ms - now_ms, 0);
    return now_ms >= f->not_before_ms;
}

static void send_deed(struct labels_feature *f, enum deed deed, const char *body)
{
    static const char *const methods[] = {
        [NOTHING] = "GET", [APPLY] = "PATCH", [TRIM] = "PATCH", [DELETE] = "DELETE"};
    char path[PATH_SIZE];
    const struct http_question question = {
        .method = methods[deed],
        .path = path,
        .content = deed == APPLY  ? HTTP_APPLY
                   : deed == TRIM ? HTTP_MERGE_PATCH
                                  : HTTP_JSON,
        .body = body,
        .size = body ? strlen(body) : 0,
        .timeout_ms = TIMEOUT_MS,
        .done = on_done,
        .self = f,
    };
    struct err e = {0};

    if (f->request || !may_send(f, deed, body))
        return;
    (void)snprintf(path, sizeof path, COLLECTION "/namespaces/%s/nodefeatures/" NAME "%s%s",
                   f->g->options.namespace, f->g->options.node_name,
                   deed == APPLY  ? "?fieldManager=" GATEWAY_MANAGER "&force=true"
                   : deed == TRIM ? "?fieldManager=" GATEWAY_MANAGER
                                  : "");
    free(f->body);
    f->body = strdup(body ? body : "");
    f->deed = deed;
    if (http_send(&f->request, f->g->http, &question, &e) < 0)
        failed(f, &e);
}

static bool is_there(const struct labels_feature *f)
{
    return f->object || f->unseen;
}

bool labels_feature_is_ours(const struct labels_feature *f)
{
    return f->request || (is_there(f) && !labels_feature_is_taken(f));
}

bool labels_feature_fails(const struct labels_feature *f)
{
    return f->error.code != 0;
}

static struct labels_object like(const struct labels_feature *f)
{
    return (struct labels_object){.node = f->g->options.node_name, .owner = f->owner};
}

static bool has_all(const struct labels_feature *f, const struct labels *wanted)
{
    struct labels_object object = like(f);

    return f->object && labels_object_has(f->object->root, &object, wanted);
}

static bool has_exactly(const struct labels_feature *f, const struct labels *wanted)
{
    return has_all(f, wanted) && !labels_object_has_more(f->object->root, wanted);
}

/*
 * Two programs that say the same of a node: in two objects, of which NFD takes the labels of one;
 * or in one, and then it is left to the other.
 */
static void tell_of_another(struct labels_feature *f)
{
    const char *node = f->g->options.node_name;
    bool taken = labels_feature_is_taken(f);

    if (f->told || (!taken && !f->other[0]))
        return;
    f->told = true;
    if (taken)
        events_tell(f->g->events, true, "LabelsTaken",
                    "GPU feature discovery writes NodeFeature %s/" NAME "%s, which is left to it: "
                    "end it (gfd.enabled=false), and delete that object if it stays",
                    f->g->options.namespace, node);
    else
        events_tell(f->g->events, true, "LabelsTwice",
                    "another program labels this node by NodeFeature %s/" NAME "%s; which of the "
                    "two Node Feature Discovery takes is not defined: end GPU feature discovery "
                    "(gfd.enabled=false), or give carve-gateway --labels=off",
                    f->other, node);
}

/* What is there is all that is wanted, and more: an apply has been tried, so that is not of ours.
 */
static bool needs_trim(const struct labels_feature *f, const struct labels *wanted)
{
    return f->deed != NOTHING && has_all(f, wanted);
}

static void write_wanted(struct labels_feature *f, const struct labels *wanted)
{
    bool trim = needs_trim(f, wanted);
    struct labels_object object = like(f);
    OWN(buf_done) struct buf body;
    struct err e = {0};

    buf_init(&body, BODY_MAX);
    if (trim)
        labels_object_write_trim(&body, f->object->root, wanted);
    else
        labels_object_write(&body, &object, wanted);
    if (buf_check(&body, &e) < 0)
        failed(f, &e);
    else
        send_deed(f, trim ? TRIM : APPLY, body.data);
}

void labels_feature_want(struct labels_feature *f, const struct labels *wanted)
{
    if (wanted)
        tell_of_another(f);
    if (f->request || labels_feature_is_taken(f))
        return;
    if (wanted && f->nfd == LABELS_NFD_THERE && labels_owner_settled(f->owner) &&
        !has_exactly(f, wanted))
        write_wanted(f, wanted);
    else if (!wanted && is_there(f))
        send_deed(f, DELETE, NULL);
}

void labels_feature_remove(struct labels_feature *f, labels_feature_removed *done, void *self)
{
    if ((!is_there(f) && !f->request) || labels_feature_is_taken(f)) {
        done(self);
        return;
    }
    f->removed = done;
    f->self = self;
    f->error = (struct err){0};
    f->not_before_ms = 0;
    if (!f->request) /* what is on its way to the server arrives there, canceled or not */
        send_deed(f, DELETE, NULL);
}
