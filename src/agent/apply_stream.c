/* SPDX-License-Identifier: Apache-2.0 */
/* Progress of a MIG change on the wire: see apply_stream.h. */
#include "agent/apply_stream.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "gpu/gpu.h"
#include "kube/grpc_server.h"
#include "node/mig_change.h"
#include "node/mig_run.h"
#include "node/node_mig.h"

struct apply_stream {
    struct apply_stream **owner; /* NULL once it let go */
    struct grpc_call *call;
    size_t n_steps; /* of the plan, which goes out with the first message */
    struct node_mig_step *steps;
    unsigned kept;
    size_t done;
    char doing[MIG_RUN_TEXT_SIZE];
    bool news;
    bool finished;
    size_t n_left;
    char *left[GPU_MAX];
};

static void stream_free(struct apply_stream *s)
{
    if (!s)
        return;
    if (s->owner)
        *s->owner = NULL;
    free(s->steps);
    for (size_t i = 0; i < s->n_left; i++)
        free(s->left[i]);
    free(s);
}

static void on_gone(void *self)
{
    stream_free(self);
}

static int on_next(void *self, struct buf *out)
{
    struct apply_stream *s = self;
    const struct node_mig_progress progress = {
        .n_steps = s->n_steps,
        .steps = s->steps,
        .kept = s->kept,
        .done = (uint32_t)s->done,
        .doing = s->doing,
        .finished = s->finished,
        .n_left = s->n_left,
        .left = (const char *const *)s->left,
    };
    int r;

    if (!s->news)
        return 0;
    s->news = false;
    r = node_mig_progress_pack(out, &progress, NULL);
    if (r < 0)
        return r;
    s->n_steps = 0;
    s->kept = 0;
    if (s->finished) {
        grpc_stream_end(s->call);
        stream_free(s);
    }
    return 1;
}

int apply_stream_open(struct apply_stream **owner, struct grpc_call *call)
{
    struct apply_stream *s = calloc(1, sizeof *s);
    struct err e = {0};

    if (!s) {
        int r = err_memory(&e);

        grpc_fail(call, &e);
        return r;
    }
    s->owner = owner;
    s->call = call;
    *owner = s;
    grpc_stream(call, on_next, on_gone, s);
    return 0;
}

static void wake(struct apply_stream *s)
{
    s->news = true;
    grpc_stream_wake(s->call);
}

void apply_stream_plan(struct apply_stream *s, const struct mig_change *change)
{
    if (!s)
        return;
    s->steps = mig_change_list(change);
    s->n_steps = s->steps ? mig_change_steps(change) : 0; /* the counts of progress still tell */
    s->kept = mig_change_kept(change);
    wake(s);
}

void apply_stream_progress(struct apply_stream *s, size_t steps_done, const char *doing)
{
    if (!s)
        return;
    s->done = steps_done;
    (void)snprintf(s->doing, sizeof s->doing, "%s", doing);
    wake(s);
}

void apply_stream_finish(struct apply_stream *s, size_t steps_done, const char *const *left,
                         size_t n_left)
{
    if (!s)
        return;
    s->done = steps_done;
    s->doing[0] = '\0';
    for (size_t i = 0; i < n_left && s->n_left < GPU_MAX; i++) {
        s->left[s->n_left] = strdup(left[i]);
        s->n_left += s->left[s->n_left] != NULL;
    }
    s->finished = true;
    *s->owner = NULL;
    s->owner = NULL;
    wake(s);
}

void apply_stream_fail(struct apply_stream *s, const struct err *e)
{
    struct grpc_call *call;

    if (!s)
        return;
    call = s->call;
    stream_free(s);
    grpc_fail(call, e);
}
