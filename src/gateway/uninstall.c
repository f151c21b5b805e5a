/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a run, which may be the end of carve on this node: see uninstall.h. */
#include "gateway/uninstall.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/backoff.h"
#include "base/err.h"
#include "base/log.h"
#include "base/own.h"
#include "gateway/choice.h"
#include "gateway/condition.h"
#include "gateway/daemon_set.h"
#include "gateway/interruption.h"
#include "gateway/labels_part.h"
#include "gateway/mig_part.h"
#include "gateway/own_node.h"
#include "gateway/ready.h"

#define DEPLOY_LABEL "carve.dev/deploy"

enum { FIRST_MS = 200, LAST_MS = 1000 };

struct uninstall {
    struct gateway *g;
    struct daemon_set *asked;
    uv_timer_t retry, deadline;
    unsigned n_handles;
    struct backoff backoff;
    unsigned n_left; /* parts that have not taken back their own yet */
    bool removing;
    struct err error; /* of the last answer */
    uninstall_done *done;
    void *self;
};

static void ask(uv_timer_t *retry);

static void end(struct uninstall *u)
{
    (void)uv_timer_stop(&u->retry);
    (void)uv_timer_stop(&u->deadline);
    u->done(u->self);
}

static void time_is_up(uv_timer_t *deadline)
{
    struct uninstall *u = deadline->data;

    if (u->removing)
        log_event(LOG_WARNING, "not everything on the node could be taken back in time parts=%u",
                  u->n_left);
    else
        log_event(LOG_WARNING,
                  "cannot tell whether carve is being uninstalled, leaving all as it is "
                  "reason=\"%s\"",
                  u->error.code ? u->error.msg : "no answer");
    end(u);
}

static void part_removed(void *self)
{
    struct uninstall *u = self;

    if (--u->n_left > 0)
        return;
    log_event(LOG_INFO, "everything of carve on the node object is taken back");
    /* From the loop, also where no part had anything to do. */
    (void)uv_timer_start(&u->retry, ask, 0, 0);
}

/* Whether somebody keeps carve off this node: then no other pod follows this one. */
static bool is_off(const struct uninstall *u)
{
    const char *deploy = own_node_label(u->g->own_node, DEPLOY_LABEL);

    return deploy && strcmp(deploy, "false") == 0;
}

static void remove_all(struct uninstall *u)
{
    struct gateway *g = u->g;

    if (is_off(u))
        log_event(LOG_INFO, "node label " DEPLOY_LABEL "=false keeps carve off this node, taking "
                            "back what it wrote");
    else
        log_event(LOG_INFO, "carve is being uninstalled, taking back what it wrote daemonset=%s/%s",
                  g->options.namespace, g->options.daemon_set);
    u->removing = true;
    u->n_left = 6;
    (void)uv_timer_start(&u->deadline, time_is_up, UNINSTALL_REMOVE_MS, 0);
    ready_remove(g->ready, part_removed, u);
    condition_remove(g->condition, part_removed, u);
    mig_part_remove(g->mig, part_removed, u);
    interruption_remove(g->interruption, part_removed, u);
    choice_remove(g->choice, part_removed, u);
    labels_part_remove(g->labels, part_removed, u);
}

static void answered(void *self, enum daemon_set_state state, const struct err *e)
{
    struct uninstall *u = self;

    u->asked = NULL;
    switch (state) {
    case DAEMON_SET_THERE:
        if (is_off(u))
            remove_all(u);
        else
            end(u);
        return;
    case DAEMON_SET_GOING:
    case DAEMON_SET_GONE:
        remove_all(u);
        return;
    case DAEMON_SET_UNKNOWN:
        break;
    }
    u->error = *e;
    if (e->code == EACCES)
        time_is_up(&u->deadline);
    else
        (void)uv_timer_start(&u->retry, ask, backoff_wait_ms(&u->backoff), 0);
}

/* Asks, or (all is taken back) ends. */
static void ask(uv_timer_t *retry)
{
    struct uninstall *u = retry->data;
    struct err e = {0};

    if (u->removing || !u->g->options.daemon_set) {
        end(u);
        return;
    }
    if (daemon_set_ask(&u->asked, u->g->http, &u->g->options, answered, u, &e) < 0)
        answered(u, DAEMON_SET_UNKNOWN, &e);
}

int uninstall_open(struct uninstall **out, struct gateway *g, uninstall_done *done, void *self,
                   struct err *e)
{
    struct uninstall *u = calloc(1, sizeof *u);

    if (!u)
        return err_memory(e);
    u->g = g;
    u->done = done;
    u->self = self;
    u->backoff = (struct backoff){.first_ms = FIRST_MS, .last_ms = LAST_MS};
    g->ending = true;
    (void)uv_timer_init(g->loop, &u->retry);
    (void)uv_timer_init(g->loop, &u->deadline);
    u->retry.data = u->deadline.data = u;
    u->n_handles = 2;
    (void)uv_timer_start(&u->retry, ask, 0, 0);
    (void)uv_timer_start(&u->deadline, time_is_up, UNINSTALL_ASK_MS, 0);
    *out = u;
    return 0;
}

static void closed(uv_handle_t *handle)
{
    struct uninstall *u = handle->data;

    if (--u->n_handles == 0)
        free(u);
}

void uninstall_close(struct uninstall *u)
{
    if (!u)
        return;
    daemon_set_cancel(TAKE(u->asked));
    uv_close((uv_handle_t *)&u->retry, closed);
    uv_close((uv_handle_t *)&u->deadline, closed);
}
