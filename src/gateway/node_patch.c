/* SPDX-License-Identifier: Apache-2.0 */
/* Patches of the node, one at a time: see node_patch.h. */
#include "gateway/node_patch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/backoff.h"
#include "base/err.h"
#include "base/log.h"
#include "base/own.h"
#include "gateway/gateway.h"
#include "gateway/own_node.h"

enum {
    FIRST_MS = 500,
    LAST_MS = 60 * 1000,
    REFUSED_LAST_MS = 5 * 60 * 1000, /* somebody has to act first */
    SEEN_MS = 2000, /* after which what was written should have come back by the watch */
    SEEN_LAST_MS = 5 * 60 * 1000,
};

/* Owns its keys. Freed when the loop has let the timer go. */
struct node_patch {
    struct gateway *g;
    const char *what;
    struct http_request *request; /* NULL: none is under way */
    char *asked;                  /* key of that */
    char *written;                /* key of the last one that went well; NULL: none */
    uint64_t not_before_ms;       /* after a failure */
    uint64_t seen_by_ms;          /* `written` is not sent again before */
    uv_timer_t timer;
    struct backoff failures, repeats;
    struct err error;
};

static void on_timer(uv_timer_t *timer)
{
    struct node_patch *p = timer->data;

    gateway_changed(p->g);
}

static void on_closed(uv_handle_t *handle)
{
    struct node_patch *p = handle->data;

    free(p->asked);
    free(p->written);
    free(p);
}

int node_patch_open(struct node_patch **out, struct gateway *g, const char *what, struct err *e)
{
    struct node_patch *p = calloc(1, sizeof *p);

    if (!p)
        return err_memory(e);
    p->g = g;
    p->what = what;
    p->failures = (struct backoff){.first_ms = FIRST_MS};
    p->repeats = (struct backoff){.first_ms = SEEN_MS, .last_ms = SEEN_LAST_MS};
    (void)uv_timer_init(g->loop, &p->timer);
    p->timer.data = p;
    *out = p;
    return 0;
}

void node_patch_close(struct node_patch *p)
{
    if (!p)
        return;
    if (p->request)
        http_cancel(TAKE(p->request));
    uv_close((uv_handle_t *)&p->timer, on_closed);
}

static void failed(struct node_patch *p, const struct err *e)
{
    unsigned wait_ms;

    p->failures.last_ms = e->code == EACCES || e->code == EINVAL ? REFUSED_LAST_MS : LAST_MS;
    wait_ms = backoff_wait_ms(&p->failures);
    /* The same words again are not worth another line. */
    if (strcmp(p->error.msg, e->msg) != 0)
        log_event(LOG_WARNING, "node not patched what=\"%s\" reason=\"%s\"; trying again", p->what,
                  e->msg);
    p->error = *e;
    p->not_before_ms = uv_now(p->g->loop) + wait_ms;
    (void)uv_timer_start(&p->timer, on_timer, wait_ms, 0);
}

static void on_done(void *self, int r, const struct err *e)
{
    struct node_patch *p = self;

    p->request = NULL;
    free(TAKE(p->written));
    if (r < 0) {
        failed(p, e);
    } else {
        p->written = TAKE(p->asked);
        p->seen_by_ms = uv_now(p->g->loop) + backoff_wait_ms(&p->repeats);
        p->error = (struct err){0};
        backoff_clear(&p->failures);
    }
    gateway_changed(p->g);
}

void node_patch_want(struct node_patch *p, const struct node_patch_order *order)
{
    uint64_t now_ms = uv_now(p->g->loop);
    uint64_t wait_until_ms = p->not_before_ms;
    bool again = node_patch_wrote(p, order->key);
    struct err e = {0};
    int r;

    if (p->request)
        return;
    if (again && p->seen_by_ms > wait_until_ms)
        wait_until_ms = p->seen_by_ms;
    if (now_ms < wait_until_ms) {
        (void)uv_timer_start(&p->timer, on_timer, wait_until_ms - now_ms, 0);
        return;
    }
    if (!again || now_ms - p->seen_by_ms > SEEN_LAST_MS)
        backoff_clear(&p->repeats);
    free(p->asked);
    p->asked = strdup(order->key);
    r = p->asked ? own_node_patch(&p->request, p->g->own_node, order->subresource, order->content,
                                  order->body, on_done, p, &e)
                 : err_memory(&e);
    if (r < 0)
        failed(p, &e);
}

bool node_patch_wrote(const struct node_patch *p, const char *key)
{
    return p->written && strcmp(p->written, key) == 0;
}

const char *node_patch_error(const struct node_patch *p)
{
    return p->error.msg;
}

int node_patch_error_code(const struct node_patch *p)
{
    return p->error.code;
}
