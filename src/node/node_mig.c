/* SPDX-License-Identifier: Apache-2.0 */
/* ApplyMig's messages, to bytes and back: see node_mig.h. */
#include "node/node_mig.h"

#include <string.h>

#include "base/err.h"
#include "node.pb-c.h"
#include "node/message.h"

int node_mig_request_pack(struct buf *out, const struct node_mig_request *request, struct err *e)
{
    OWN(message_pool_freep) struct message_pool *pool = message_pool_new();
    Carve__V1__ApplyMigRequest m = CARVE__V1__APPLY_MIG_REQUEST__INIT;

    if (!pool)
        return err_memory(e);
    m.file = message_text(request->file);
    m.text.data = (uint8_t *)message_text(request->text);
    m.text.len = request->text_size;
    m.config = message_text(request->config);
    m.dry_run = request->dry_run;
    m.mode_only = request->mode_only;
    m.skip_reset = request->skip_reset;
    return message_pack(out, pool, &m.base, e);
}

static int read_request(struct node_mig_request *out, struct message_pool *pool,
                        const Carve__V1__ApplyMigRequest *m, struct err *e)
{
    /* With a NUL behind it, which the message has not. */
    char *text = message_take(pool, m->text.len + 1, 1);

    if (!text)
        return err_memory(e);
    if (m->text.len > 0)
        memcpy(text, m->text.data, m->text.len);
    out->text = text;
    out->text_size = m->text.len;
    out->file = m->file;
    out->config = m->config;
    out->dry_run = m->dry_run;
    out->mode_only = m->mode_only;
    out->skip_reset = m->skip_reset;
    return 0;
}

int node_mig_request_unpack(struct node_mig_request **out, const void *bytes, size_t size,
                            struct err *e)
{
    OWN(message_pool_freep) struct message_pool *pool = NULL;
    const ProtobufCMessage *m;
    struct node_mig_request *request;
    int r = message_unpack(&m, &pool, &carve__v1__apply_mig_request__descriptor, bytes, size, e);

    if (r < 0)
        return r;
    request = message_take(pool, 1, sizeof *request);
    if (!request)
        return err_memory(e);
    r = read_request(request, pool, (const Carve__V1__ApplyMigRequest *)m, e);
    if (r < 0)
        return r;
    request->owner = TAKE(pool);
    *out = request;
    return 0;
}

void node_mig_request_free(struct node_mig_request *request)
{
    if (request)
        message_pool_free(request->owner);
}

static bool add_steps(Carve__V1__MigProgress *out, struct message_pool *pool,
                      const struct node_mig_progress *progress)
{
    Carve__V1__MigStep *messages = message_take(pool, progress->n_steps, sizeof *messages);

    out->plan = message_take_pointers(pool, progress->n_steps);
    if (!messages || !out->plan)
        return false;
    for (size_t i = 0; i < progress->n_steps; i++) {
        carve__v1__mig_step__init(&messages[i]);
        messages[i].gpu = progress->steps[i].gpu;
        messages[i].text = message_text(progress->steps[i].text);
        out->plan[out->n_plan++] = &messages[i];
    }
    return true;
}

int node_mig_progress_pack(struct buf *out, const struct node_mig_progress *progress, struct err *e)
{
    OWN(message_pool_freep) struct message_pool *pool = message_pool_new();
    Carve__V1__MigProgress m = CARVE__V1__MIG_PROGRESS__INIT;

    if (!pool || !add_steps(&m, pool, progress))
        return err_memory(e);
    m.left = message_texts(pool, progress->left, progress->n_left);
    if (!m.left)
        return err_memory(e);
    m.kept = progress->kept;
    m.done = progress->done;
    m.doing = message_text(progress->doing);
    m.finished = progress->finished;
    m.n_left = progress->n_left;
    return message_pack(out, pool, &m.base, e);
}

static int read_progress(struct node_mig_progress *out, struct message_pool *pool,
                         const Carve__V1__MigProgress *m, struct err *e)
{
    struct node_mig_step *steps = message_take(pool, m->n_plan, sizeof *steps);

    if (!steps)
        return err_memory(e);
    for (size_t i = 0; i < m->n_plan; i++) {
        steps[i].gpu = m->plan[i]->gpu;
        steps[i].text = m->plan[i]->text;
    }
    out->steps = steps;
    out->n_steps = m->n_plan;
    out->kept = m->kept;
    out->done = m->done;
    out->doing = m->doing;
    out->finished = m->finished;
    out->n_left = m->n_left;
    out->left = (const char *const *)m->left;
    return 0;
}

int node_mig_progress_unpack(struct node_mig_progress **out, const void *bytes, size_t size,
                             struct err *e)
{
    OWN(message_pool_freep) struct message_pool *pool = NULL;
    const ProtobufCMessage *m;
    struct node_mig_progress *progress;
    int r = message_unpack(&m, &pool, &carve__v1__mig_progress__descriptor, bytes, size, e);

    if (r < 0)
        return r;
    progress = message_take(pool, 1, sizeof *progress);
    if (!progress)
        return err_memory(e);
    r = read_progress(progress, pool, (const Carve__V1__MigProgress *)m, e);
    if (r < 0)
        return r;
    progress->owner = TAKE(pool);
    *out = progress;
    return 0;
}

void node_mig_progress_free(struct node_mig_progress *progress)
{
    if (progress)
        message_pool_free(progress->owner);
}
