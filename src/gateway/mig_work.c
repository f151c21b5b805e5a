/* SPDX-License-Identifier: Apache-2.0 */
/* The acts of a MIG change: calls of carved, and evictions. See mig_work.h. */
#include "gateway/mig_work.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/text.h"
#include "gateway/drain.h"
#include "gateway/events.h"
#include "gateway/gateway.h"
#include "gateway/link.h"
#include "node/node_holders.h"
#include "node/node_mig.h"
#include "node/node_state.h"

enum { WHY_SIZE = 400 }; /* of a reboot; carved takes a little more */

struct mig_work {
    struct gateway *g;
    struct mig_state *state;
    struct link_call *call;     /* under way, or NULL */
    struct drain *drain;        /* likewise */
    struct mig_block_wish wish; /* borrowed while a call is under way */
    size_t n_steps;             /* of the plan that carved told */
    bool finished;              /* carved has said that it came to the end */
    char left[MIG_STATE_WORDS]; /* what it left undone */
    struct mig_block *block;    /* who stands in the way; NULL: not asked */
    struct err wrong;           /* with the answer */
};

int mig_work_open(struct mig_work **out, struct gateway *g, struct mig_state *state, struct err *e)
{
    struct mig_work *w = calloc(1, sizeof *w);

    if (!w)
        return err_memory(e);
    w->g = g;
    w->state = state;
    *out = w;
    return 0;
}

void mig_work_cancel(struct mig_work *w)
{
    if (w->call)
        link_cancel(TAKE(w->call));
    if (w->drain)
        drain_cancel(TAKE(w->drain));
}

void mig_work_close(struct mig_work *w)
{
    if (!w)
        return;
    mig_work_cancel(w);
    mig_block_free(w->block);
    free(w);
}

static uint64_t now(const struct mig_work *w)
{
    return uv_now(w->g->loop);
}

static void refused(struct mig_work *w, const struct err *e)
{
    mig_state_refused(w->state, now(w), e);
    gateway_changed(w->g);
}

static void on_progress(void *self, const struct node_mig_progress *progress)
{
    struct mig_work *w = self;
    size_t size = 0;

    if (progress->n_steps > w->n_steps)
        w->n_steps = progress->n_steps;
    w->finished = progress->finished;
    for (size_t i = 0; i < progress->n_left && size < sizeof w->left; i++)
        size += (size_t)snprintf(w->left + size, sizeof w->left - size, "%s%s", i > 0 ? "; " : "",
                                 progress->left[i]);
}

/* Of a dry run or of the change itself: what has not come to its end proves nothing. */
static void on_applied(void *self, int r, const struct err *e)
{
    struct mig_work *w = self;
    bool dry_run = w->state->act == MIG_ACT_CHECK;
    struct err cut = {0};

    w->call = NULL;
    if (r == 0 && !w->finished) {
        (void)err_set(&cut, ECONNRESET, "carved ended the call before the change was over");
        e = &cut;
    }
    if (r < 0 || cut.code)
        mig_state_refused(w->state, now(w), e);
    else if (dry_run)
        mig_state_checked(w->state, now(w), w->n_steps);
    else
        mig_state_applied(w->state, now(w), w->left);
    gateway_changed(w->g);
}

static int begin_change(struct mig_work *w, bool dry_run, struct err *e)
{
    const struct node_mig_request request = {
        .file = w->wish.file,
        .text = w->wish.text,
        .text_size = strlen(w->wish.text),
        .config = w->wish.config,
        .dry_run = dry_run,
    };

    w->n_steps = 0;
    w->finished = false;
    w->left[0] = '\0';
    if (!dry_run)
        log_event(LOG_INFO, "MIG change begins config=%s", w->wish.config);
    return link_apply_mig(&w->call, w->g->link, &request, on_progress, on_applied, w, e);
}

static void on_holders(void *self, const struct node_holders *holders)
{
    struct mig_work *w = self;
    const struct node_state *state = gateway_state(w->g);

    mig_block_free(w->block);
    w->block = NULL;
    if (!state || !state->inventory)
        (void)err_set(&w->wrong, EAGAIN, "carved has not read the hardware yet");
    else
        (void)mig_block_find(&w->block, state->inventory, &w->wish, holders, &w->wrong);
}

static void on_held(void *self, int r, const struct err *e)
{
    struct mig_work *w = self;

    w->call = NULL;
    if (r == 0 && !w->block && !w->wrong.code)
        (void)err_set(&w->wrong, EAGAIN, "carved did not tell who holds what");
    if (r < 0) {
        refused(w, e);
    } else if (!w->block) {
        refused(w, &w->wrong);
    } else {
        const struct mig_holders held = {
            .n_pods = w->block->n_pods, .n_others = w->block->n_others, .words = w->block->words};

        mig_state_held(w->state, now(w), &held);
        gateway_changed(w->g);
    }
}

static void on_evicted(void *self, const char *namespace, const char *name)
{
    const struct mig_work *w = self;

    events_tell(w->g->events, false, "MigHolderEvicted",
                "pod %s/%s is evicted, since it holds a slice that the new MIG layout takes away",
                namespace, name);
}

static void on_drained(void *self, int r, const struct drain_result *result, const struct err *e)
{
    struct mig_work *w = self;

    w->drain = NULL;
    if (r < 0)
        mig_state_refused(w->state, now(w), e);
    else
        mig_state_drained(w->state, now(w), result->never, result->words);
    gateway_changed(w->g);
}

static void on_rebooting(void *self, int r, const struct err *e)
{
    struct mig_work *w = self;

    w->call = NULL;
    if (r < 0)
        mig_state_refused(w->state, now(w), e);
    else
        mig_state_rebooting(w->state);
    gateway_changed(w->g);
}

static int begin_drain(struct mig_work *w, struct err *e)
{
    const struct drain_order order = {
        .pods = w->block->pods,
        .n_pods = w->block->n_pods,
        .all_or_none = true,
        .evicted = on_evicted,
        .done = on_drained,
        .self = w,
    };

    return drain_start(&w->drain, w->g, &order, e);
}

static int begin(struct mig_work *w, enum mig_act act, struct err *e)
{
    char why[WHY_SIZE];

    switch (act) {
    case MIG_ACT_CHECK:
    case MIG_ACT_APPLY:
        return begin_change(w, act == MIG_ACT_CHECK, e);
    case MIG_ACT_HOLDERS:
        w->wrong = (struct err){0};
        mig_block_free(TAKE(w->block));
        return link_holders(&w->call, w->g->link, on_holders, on_held, w, e);
    case MIG_ACT_DRAIN:
        return begin_drain(w, e);
    case MIG_ACT_REBOOT:
        (void)TEXT_COPY(why, w->state->words);
        return link_reboot(&w->call, w->g->link, why, on_rebooting, w, e);
    case MIG_ACT_NONE:
        break;
    }
    return 0;
}

void mig_work_begin(struct mig_work *w, enum mig_act act, const struct mig_block_wish *wish)
{
    struct err e = {0};

    w->wish = *wish;
    mig_state_begun(w->state);
    if (begin(w, act, &e) < 0)
        refused(w, &e);
}
