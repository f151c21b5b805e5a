/* SPDX-License-Identifier: Apache-2.0 */
/* Questions about one DaemonSet: see daemon_set.h. */
#include "gateway/daemon_set.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/http.h"
#include "base/buf.h"
#include "base/err.h"
#include "config/yaml.h"
#include "config/yaml_at.h"
#include "gateway/gateway.h"
#include "gateway/own_node.h"

enum { ANSWER_MAX = 1 << 20, PATH_SIZE = 640, TIMEOUT_MS = 10000 };

struct daemon_set {
    struct http_request *request;
    struct buf body;
    bool deleting;
    daemon_set_answer *answer;
    void *self;
};

static int take(void *self, const char *data, size_t size, struct err *e)
{
    struct daemon_set *d = self;

    buf_add(&d->body, data, size);
    return buf_check(&d->body, e);
}

static void daemon_set_free(struct daemon_set *d)
{
    buf_done(&d->body);
    free(d);
}

/* What the object says of its own end. */
static enum daemon_set_state read_state(const struct daemon_set *d, struct err *e)
{
    OWN(yaml_doc_freep) struct yaml_doc *object = NULL;

    if (yaml_read(&object, "DaemonSet", d->body.data ? d->body.data : "", d->body.size, e) < 0)
        return DAEMON_SET_UNKNOWN;
    if (!yaml_at(object->root, "metadata", "name", NULL)) {
        (void)err_set(e, EPROTO, "the API server's answer is no DaemonSet");
        return DAEMON_SET_UNKNOWN;
    }
    return yaml_at(object->root, "metadata", "deletionTimestamp", NULL) ? DAEMON_SET_GOING
                                                                        : DAEMON_SET_THERE;
}

static void done(void *self, int r, const struct err *e)
{
    struct daemon_set *d = self;
    daemon_set_answer *answer = d->answer;
    void *whose = d->self;
    struct err words = {0};
    enum daemon_set_state state = DAEMON_SET_UNKNOWN;

    if (r == -ENOENT)
        state = DAEMON_SET_GONE;
    else if (r == 0)
        state = d->deleting ? DAEMON_SET_GOING : read_state(d, &words);
    else
        words = *e;
    daemon_set_free(d);
    answer(whose, state, &words);
}

static int start(struct daemon_set **out, struct http *h, const struct gateway_options *options,
                 const struct daemon_set *like, struct err *e)
{
    static const char body[] = "{\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\","
                               "\"propagationPolicy\":\"Foreground\"}";
    struct daemon_set *d = malloc(sizeof *d);
    char path[PATH_SIZE];
    const struct http_question question = {
        .method = like->deleting ? "DELETE" : "GET",
        .path = path,
        .body = like->deleting ? body : NULL,
        .size = like->deleting ? strlen(body) : 0,
        .timeout_ms = TIMEOUT_MS,
        .data = take,
        .done = done,
        .self = d,
    };
    int r;

    if (!d)
        return err_memory(e);
    *d = *like;
    buf_init(&d->body, ANSWER_MAX);
    (void)snprintf(path, sizeof path, "/apis/apps/v1/namespaces/%s/daemonsets/%s",
                   options->namespace, options->daemon_set);
    r = http_send(&d->request, h, &question, e);
    if (r < 0)
        daemon_set_free(d);
    else
        *out = d;
    return r;
}

int daemon_set_ask(struct daemon_set **out, struct http *h, const struct gateway_options *options,
                   daemon_set_answer *answer, void *self, struct err *e)
{
    return start(out, h, options, &(struct daemon_set){.answer = answer, .self = self}, e);
}

int daemon_set_delete(struct daemon_set **out, struct http *h,
                      const struct gateway_options *options, daemon_set_answer *answer, void *self,
                      struct err *e)
{
    return start(out, h, options,
                 &(struct daemon_set){.deleting = true, .answer = answer, .self = self}, e);
}

void daemon_set_cancel(struct daemon_set *d)
{
    if (!d)
        return;
    http_cancel(d->request);
    daemon_set_free(d);
}
