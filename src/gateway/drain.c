/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One round of evictions: see drain.h. All pods are looked at first, so that none goes in vain, and
 * then evicted by their UIDs, so that a new pod of the same name elsewhere is never meant.
 */
#include "gateway/drain.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/http.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/own.h"
#include "base/text.h"
#include "config/yaml.h"
#include "config/yaml_at.h"
#include "gateway/gateway.h"
#include "gateway/mig_block.h"
#include "gateway/own_node.h"

#define GONE "is gone, and the kubelet has yet to take its slices back"

enum {
    ANSWER_MAX = 1 << 20,
    BODY_MAX = 4096,
    WORDS_MAX = 8192,
    WORDS_ENOUGH = 600,
    TIMEOUT_MS = 30000,
    GRACE_S = 30, /* of a pod that says nothing about it */
    GRACE_MAX_S = 365 * 24 * 3600,
    SPARE_S = 5, /* between a pod's end and the node's */
};

/* Owns its texts. */
struct drain_pod {
    char *namespace, *name;
    char *uid;        /* NULL: not to be evicted, or not looked at yet */
    uint64_t grace_s; /* that it asks for */
};

/* Owns its pods. */
struct drain {
    struct gateway *g;
    struct http_request *request;
    struct drain_order order; /* but for its pods */
    bool evicting;            /* all were looked at */
    size_t n_pods, at;        /* the pod that is being looked at or evicted */
    struct drain_pod *pods;
    struct drain_result result; /* but for its words */
    struct err denied;          /* the first eviction that is forbidden; the others went on */
    struct buf answer;
    struct buf never, words;
};

static void drain_free(struct drain *d)
{
    for (size_t i = 0; i < d->n_pods; i++) {
        free(d->pods[i].namespace);
        free(d->pods[i].name);
        free(d->pods[i].uid);
    }
    free(d->pods);
    buf_done(&d->answer);
    buf_done(&d->never);
    buf_done(&d->words);
    free(d);
}

void drain_cancel(struct drain *d)
{
    if (d->request)
        http_cancel(TAKE(d->request));
    drain_free(d);
}

static void finish(struct drain *d, int r, const struct err *e)
{
    d->result.never = d->never.size > 0 ? d->never.data : NULL;
    d->result.words = d->words.size > 0 ? d->words.data : "";
    d->order.done(d->order.self, r, &d->result, e);
    drain_free(d);
}

static void note(struct drain *d, struct buf *out, const char *what)
{
    const struct drain_pod *pod = &d->pods[d->at];

    if (out->size < WORDS_ENOUGH)
        buf_printf(out, "%spod %s/%s %s", out->size > 0 ? "; " : "", pod->namespace, pod->name,
                   what);
}

static void go_on(struct drain *d);

static void next(struct drain *d)
{
    d->at++;
    go_on(d);
}

static void cannot_go_yet(struct drain *d, const struct err *e)
{
    char line[640];

    d->result.n_refused++;
    (void)snprintf(line, sizeof line, "may not go yet: %s", e->msg);
    note(d, &d->words, line);
    next(d);
}

/*
 * We may not evict at all, or not this pod: an admission policy is against it, or its namespace is
 * being deleted. Others must not stay for it.
 */
static void forbidden(struct drain *d, const struct err *e)
{
    struct err words = *e;

    (void)err_wrap(&words, "evict pod %s/%s", d->pods[d->at].namespace, d->pods[d->at].name);
    if (!d->evicting || d->order.all_or_none) {
        finish(d, -EACCES, &words);
        return;
    }
    if (!d->denied.code)
        d->denied = words;
    cannot_go_yet(d, e);
}

/* Any end but the good one, of looking or of evicting. */
static void refused(struct drain *d, int r, const struct err *e)
{
    switch (-r) {
    case ENOENT:
    case EEXIST: /* another pod has its name by now */
        note(d, &d->words, GONE);
        next(d);
        break;
    case EACCES:
        forbidden(d, e);
        break;
    case EHOSTUNREACH:
    case ETIMEDOUT:
    case EPERM: /* the others would fare no better */
        d->result.n_refused++;
        note(d, &d->words, e->msg);
        finish(d, 0, NULL);
        break;
    default:
        cannot_go_yet(d, e);
        break;
    }
}

static void on_evicted(void *self, int r, const struct err *e)
{
    struct drain *d = self;
    const struct drain_pod *pod = &d->pods[d->at];

    d->request = NULL;
    if (r < 0) {
        refused(d, r, e);
        return;
    }
    d->result.n_evicted++;
    d->order.evicted(d->order.self, pod->namespace, pod->name);
    note(d, &d->words, "is evicted");
    next(d);
}

/* How long the pod may take to end; 0: as long as it asks for. */
static uint64_t limit_s(const struct drain *d, const struct drain_pod *pod)
{
    uint64_t now_ms = uv_now(d->g->loop), left_s, most_s;

    if (d->order.gone_by_ms <= now_ms)
        return 0;
    left_s = (d->order.gone_by_ms - now_ms) / 1000;
    most_s = left_s > SPARE_S ? left_s - SPARE_S : 1;
    return pod->grace_s > most_s ? most_s : 0;
}

static void write_eviction(struct buf *out, const struct drain_pod *pod, uint64_t grace_s)
{
    struct json j;

    json_init(&j, out, 0);
    json_object(&j, NULL);
    json_string(&j, "apiVersion", "policy/v1");
    json_string(&j, "kind", "Eviction");
    json_object(&j, "metadata");
    json_string(&j, "name", pod->name);
    json_string(&j, "namespace", pod->namespace);
    json_object_end(&j);
    json_object(&j, "deleteOptions");
    if (grace_s > 0)
        json_uint(&j, "gracePeriodSeconds", grace_s);
    json_object(&j, "preconditions");
    json_string(&j, "uid", pod->uid);
    json_object_end(&j);
    json_object_end(&j);
    json_object_end(&j);
}

static bool of_daemon_set(const struct yaml_node *metadata)
{
    const struct yaml_node *owners = yaml_at(metadata, "ownerReferences", NULL);

    for (size_t i = 0; owners && owners->kind == YAML_LIST && i < owners->count; i++) {
        const char *kind = yaml_text(owners->items[i], "kind");
        const char *controller = yaml_text(owners->items[i], "controller");

        if (kind && strcmp(kind, "DaemonSet") == 0 && controller && strcmp(controller, "true") == 0)
            return true;
    }
    return false;
}

/* The pod is known: it is to go, or that is of no use. */
static int judge(struct drain *d, const struct yaml_node *pod, struct err *e)
{
    const struct yaml_node *metadata = yaml_at(pod, "metadata", NULL);
    const struct yaml_node *spec = yaml_at(pod, "spec", NULL);
    const char *node = yaml_text(spec, "nodeName");
    const char *grace = yaml_text(spec, "terminationGracePeriodSeconds");
    const char *uid = yaml_text(metadata, "uid");

    if (!node || strcmp(node, d->g->options.node_name) != 0 || !uid) {
        note(d, &d->words, GONE); /* this one runs elsewhere */
    } else if (yaml_at(metadata, "annotations", "kubernetes.io/config.mirror", NULL) ||
               of_daemon_set(metadata)) {
        note(d, &d->never,
             "is not evicted, since its DaemonSet or static file would start it again; take it "
             "off this node");
    } else if (yaml_at(metadata, "deletionTimestamp", NULL)) {
        d->result.n_ending++;
        note(d, &d->words, "is ending");
    } else {
        if (!grace || !text_uint(&d->pods[d->at].grace_s, grace, GRACE_MAX_S))
            d->pods[d->at].grace_s = GRACE_S;
        d->pods[d->at].uid = strdup(uid);
        return d->pods[d->at].uid ? 0 : err_memory(e);
    }
    return 0;
}

static void on_looked(void *self, int r, const struct err *e)
{
    struct drain *d = self;
    OWN(yaml_doc_freep) struct yaml_doc *doc = NULL;
    struct err wrong = {0};

    d->request = NULL;
    if (r == 0)
        r = buf_check(&d->answer, &wrong);
    else
        wrong = *e;
    if (r == 0)
        r = yaml_read(&doc, "pod", d->answer.data ? d->answer.data : "", d->answer.size, &wrong);
    if (r == 0)
        r = judge(d, doc->root, &wrong);
    if (r == 0)
        next(d);
    else
        refused(d, r, &wrong);
}

static int on_data(void *self, const char *data, size_t size, struct err *e)
{
    struct drain *d = self;

    buf_add(&d->answer, data, size);
    return buf_check(&d->answer, e);
}

/* What Kubernetes lets a pod or namespace be called stands in a path as it is. */
static bool is_name(const char *text)
{
    return *text && text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-.")] == '\0' &&
           *text != '.';
}

/* Asks for the pod or, with a body, evicts it. */
static int ask(struct drain *d, const char *body, http_done *done, struct err *e)
{
    const struct drain_pod *pod = &d->pods[d->at];
    struct http_question question = {
        .method = body ? "POST" : "GET",
        .content = HTTP_JSON,
        .body = body,
        .size = body ? strlen(body) : 0,
        .timeout_ms = TIMEOUT_MS,
        .data = body ? NULL : on_data,
        .done = done,
        .self = d,
    };
    OWN_MEM char *path = NULL;

    buf_clear(&d->answer);
    if (!is_name(pod->namespace) || !is_name(pod->name))
        return err_set(e, EINVAL, "'%.80s/%.80s' is no pod's name", pod->namespace, pod->name);
    if (asprintf(&path, "/api/v1/namespaces/%s/pods/%s%s", pod->namespace, pod->name,
                 body ? "/eviction" : "") < 0) {
        path = NULL;
        return err_memory(e);
    }
    question.path = path;
    return http_send(&d->request, d->g->http, &question, e);
}

static int evict(struct drain *d, struct err *e)
{
    OWN(buf_done) struct buf body;
    int r;

    buf_init(&body, BODY_MAX);
    write_eviction(&body, &d->pods[d->at], limit_s(d, &d->pods[d->at]));
    r = buf_check(&body, e);
    return r < 0 ? r : ask(d, body.data, on_evicted, e);
}

/* The next pod, or the end. Not from drain_start(). */
static void go_on(struct drain *d)
{
    struct err e = {0};
    int r = 0;

    if (d->at == d->n_pods && !d->evicting && !(d->order.all_or_none && d->never.size > 0)) {
        d->evicting = true;
        d->at = 0;
    }
    while (d->evicting && d->at < d->n_pods && !d->pods[d->at].uid)
        d->at++;
    if (d->at == d->n_pods)
        finish(d, -d->denied.code, &d->denied);
    else
        r = d->evicting ? evict(d, &e) : ask(d, NULL, on_looked, &e);
    if (r < 0)
        finish(d, r, &e);
}

static struct drain *drain_new(const struct mig_block_pod *pods, size_t n_pods)
{
    struct drain *d = calloc(1, sizeof *d);

    if (!d)
        return NULL;
    buf_init(&d->answer, ANSWER_MAX);
    buf_init(&d->never, WORDS_MAX);
    buf_init(&d->words, WORDS_MAX);
    d->pods = calloc(n_pods + 1, sizeof *d->pods);
    for (; d->pods && d->n_pods < n_pods; d->n_pods++) {
        struct drain_pod *pod = &d->pods[d->n_pods];

        pod->namespace = strdup(pods[d->n_pods].namespace);
        pod->name = strdup(pods[d->n_pods].name);
        if (!pod->namespace || !pod->name) {
            free(pod->namespace);
            free(pod->name);
            break;
        }
    }
    if (d->n_pods < n_pods || !d->pods) {
        drain_free(d);
        return NULL;
    }
    return d;
}

int drain_start(struct drain **out, struct gateway *g, const struct drain_order *order,
                struct err *e)
{
    struct drain *d = drain_new(order->pods, order->n_pods);
    int r;

    if (!d)
        return err_memory(e);
    d->g = g;
    d->order = *order;
    d->order.pods = NULL;
    r = d->n_pods > 0 ? ask(d, NULL, on_looked, e) : err_set(e, EINVAL, "no pods to evict");
    if (r < 0) {
        drain_free(d);
        return r;
    }
    *out = d;
    return 0;
}
