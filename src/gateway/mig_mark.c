/* SPDX-License-Identifier: Apache-2.0 */
/* Label, annotations and taint of a MIG change: see mig_mark.h. */
#include "gateway/mig_mark.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/own.h"
#include "gateway/gateway.h"
#include "gateway/node_patch.h"
#include "gateway/node_taint.h"
#include "gateway/own_node.h"

#define MESSAGE "carve.dev/mig.config.message"
#define WISH "carve.dev/mig.config.for"
#define REBOOTED "carve.dev/mig.config.rebooted"

enum { LABEL_SIZE = 320, BODY_MAX_BYTES = 8192 };

struct mig_mark {
    struct gateway *g;
    char label[LABEL_SIZE]; /* "nvidia.com/mig.config.state" */
    struct node_patch *words;
    struct node_taint *taint;
};

int mig_mark_open(struct mig_mark **out, struct gateway *g, struct err *e)
{
    struct mig_mark *m = calloc(1, sizeof *m);
    int r;

    if (!m)
        return err_memory(e);
    m->g = g;
    (void)snprintf(m->label, sizeof m->label, "%s.state", g->options.mig_label);
    r = node_patch_open(&m->words, g, m->label, e);
    if (r == 0)
        r = node_taint_open(&m->taint, g, MIG_MARK_TAINT ":NoSchedule", e);
    if (r < 0) {
        mig_mark_close(m);
        return r;
    }
    *out = m;
    return 0;
}

void mig_mark_close(struct mig_mark *m)
{
    if (!m)
        return;
    node_patch_close(m->words);
    node_taint_close(m->taint);
    free(m);
}

static bool same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool words_shown(const struct mig_mark *m, const struct mig_mark_wish *w)
{
    const struct own_node *n = m->g->own_node;
    bool ours = own_node_annotation(n, WISH) != NULL;

    if (!w->state)
        return true;
    if (!*w->state)
        return !ours; /* a label without our annotation is somebody else's */
    return same(own_node_label(n, m->label), w->state) &&
           same(own_node_annotation(n, MESSAGE), w->message) &&
           same(own_node_annotation(n, WISH), w->wish) &&
           same(own_node_annotation(n, REBOOTED), w->rebooted ? w->wish : NULL);
}

/* The wish in one text. */
static void write_key(struct buf *out, const struct mig_mark_wish *w)
{
    buf_printf(out, "%s %s %d %s", w->state, w->wish ? w->wish : "", w->rebooted,
               w->message ? w->message : "");
}

/* NULL takes the member away. */
static void write_words(struct buf *out, const struct mig_mark *m, const struct mig_mark_wish *w)
{
    bool gone = !*w->state;
    struct json j;

    json_init(&j, out, 0);
    json_object(&j, NULL);
    json_object(&j, "metadata");
    json_object(&j, "labels");
    json_string(&j, m->label, gone ? NULL : w->state);
    json_object_end(&j);
    json_object(&j, "annotations");
    json_string(&j, MESSAGE, gone ? NULL : w->message);
    json_string(&j, WISH, gone ? NULL : w->wish);
    json_string(&j, REBOOTED, gone || !w->rebooted ? NULL : w->wish);
    json_object_end(&j);
    json_object_end(&j);
    json_object_end(&j);
}

static void keep_words(struct mig_mark *m, const struct mig_mark_wish *w)
{
    OWN(buf_done) struct buf key;
    OWN(buf_done) struct buf body;

    buf_init(&key, BODY_MAX_BYTES);
    buf_init(&body, BODY_MAX_BYTES);
    if (words_shown(m, w))
        return;
    write_key(&key, w);
    write_words(&body, m, w);
    if (!key.failed && !body.failed)
        node_patch_want(m->words, &(struct node_patch_order){.key = key.data,
                                                             .content = HTTP_MERGE_PATCH,
                                                             .body = body.data});
}

void mig_mark_keep(struct mig_mark *m, const struct mig_mark_wish *w)
{
    if (!own_node_object(m->g->own_node))
        return;
    keep_words(m, w);
    node_taint_keep(m->taint, w->taint);
}

bool mig_mark_shown(const struct mig_mark *m, const struct mig_mark_wish *w)
{
    OWN(buf_done) struct buf key;

    buf_init(&key, BODY_MAX_BYTES);
    if (words_shown(m, w))
        return true;
    write_key(&key, w);
    return key.data && node_patch_wrote(m->words, key.data);
}

bool mig_mark_tainted(const struct mig_mark *m)
{
    return node_taint_there(m->taint);
}

bool mig_mark_untainted(const struct mig_mark *m)
{
    return node_taint_gone(m->taint);
}

bool mig_mark_forbidden(const struct mig_mark *m, bool taint, struct err *e)
{
    int code = taint ? node_taint_error_code(m->taint) : node_patch_error_code(m->words);

    if (code != EACCES)
        return false;
    (void)err_set(e, code, "%s", taint ? node_taint_error(m->taint) : node_patch_error(m->words));
    return true;
}

const char *mig_mark_state(const struct mig_mark *m, const char *wish)
{
    const struct own_node *n = m->g->own_node;

    return same(own_node_annotation(n, WISH), wish) ? own_node_label(n, m->label) : NULL;
}

const char *mig_mark_message(const struct mig_mark *m, const char *wish)
{
    const struct own_node *n = m->g->own_node;

    return same(own_node_annotation(n, WISH), wish) ? own_node_annotation(n, MESSAGE) : NULL;
}

bool mig_mark_rebooted(const struct mig_mark *m, const char *wish)
{
    return same(own_node_annotation(m->g->own_node, REBOOTED), wish);
}
