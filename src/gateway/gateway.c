/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gateway's wiring: opens what knows and the parts that act, and lets every part look again
 * when something has changed. What a part does is its own file's.
 */
#include "gateway/gateway.h"

#include "api/http.h"
#include "base/err.h"
#include "gateway/choice.h"
#include "gateway/condition.h"
#include "gateway/events.h"
#include "gateway/interruption.h"
#include "gateway/labels_part.h"
#include "gateway/link.h"
#include "gateway/mig_part.h"
#include "gateway/own_node.h"
#include "gateway/ready.h"

/* Once for all that changed since the last turn. The last two read what the others say. */
static void look(uv_idle_t *soon)
{
    struct gateway *g = soon->data;

    (void)uv_idle_stop(soon);
    if (g->ending)
        return;
    labels_part_look(g->labels);
    choice_look(g->choice);
    mig_part_look(g->mig);
    interruption_look(g->interruption);
    ready_look(g->ready);
    condition_look(g->condition);
}

void gateway_changed(struct gateway *g)
{
    if (!g->ending)
        (void)uv_idle_start(&g->soon, look);
}

const struct node_state *gateway_state(const struct gateway *g)
{
    return link_state(g->link);
}

static int open_knowledge(struct gateway *g, struct err *e)
{
    int r = http_open(&g->http, g->loop, g->options.kubeconfig, NULL, e);

    if (r == 0)
        r = events_open(&g->events, g, e);
    if (r == 0)
        r = own_node_open(&g->own_node, g, e);
    if (r == 0)
        r = link_open(&g->link, g, e);
    return r;
}

static int open_parts(struct gateway *g, struct err *e)
{
    int r = labels_part_open(&g->labels, g, e);

    if (r == 0)
        r = choice_open(&g->choice, g, e);
    if (r == 0)
        r = mig_part_open(&g->mig, g, e);
    if (r == 0)
        r = condition_open(&g->condition, g, e);
    if (r == 0)
        r = ready_open(&g->ready, g, e);
    if (r == 0)
        r = interruption_open(&g->interruption, g, e);
    return r;
}

int gateway_open(struct gateway *g, uv_loop_t *loop, const struct gateway_options *options,
                 struct err *e)
{
    int r;

    *g = (struct gateway){.loop = loop, .options = *options, .started_ms = uv_now(loop)};
    (void)uv_idle_init(loop, &g->soon);
    g->soon.data = g;
    r = open_knowledge(g, e);
    if (r == 0)
        r = open_parts(g, e);
    if (r == 0)
        gateway_changed(g);
    return r;
}

void gateway_close(struct gateway *g)
{
    g->ending = true;
    interruption_close(TAKE(g->interruption));
    ready_close(TAKE(g->ready));
    condition_close(TAKE(g->condition));
    mig_part_close(TAKE(g->mig));
    choice_close(TAKE(g->choice));
    labels_part_close(TAKE(g->labels));
    link_close(TAKE(g->link));
    own_node_close(TAKE(g->own_node));
    events_close(TAKE(g->events));
    http_close(TAKE(g->http));
    uv_close((uv_handle_t *)&g->soon, NULL);
}
