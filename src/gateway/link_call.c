/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of carve.v1.Node: packs the question, unpacks the answers, and tells the end once. */
#include "gateway/link_call.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "gateway/gateway.h"
#include "node/node_configure.h"
#include "node/node_holders.h"
#include "node/node_mig.h"
#include "node/node_reboot.h"
#include "node/node_state.h"

enum { SHORT_MS = 30000, MAX_ANSWER = 16 << 20 };

struct link_call {
    LIST_ENTRY(link_call) entry;
    struct link *link;
    struct grpc_request *request; /* NULL: it has ended well, and the state is to be told */
    const char *method;           /* "Configure" */
    bool changes;                 /* what the state tells */
    link_done *done;
    link_progress *progress;
    link_holders_got *holders;
    void *self;
    struct err wrong; /* with the answer's content */
};

void link_call_words(const struct link *l, const char *method, struct err *e)
{
    char start[256];
    struct err raw = *e;
    const char *rest = raw.msg;
    size_t status;
    int n =
        snprintf(start, sizeof start, LINK_METHODS "%s at '%s': ", method, l->g->options.socket);

    if (n < 0 || (size_t)n >= sizeof start || !text_starts(rest, start))
        return;
    rest += n;
    status = strspn(rest, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_");
    if (status > 0 && text_starts(rest + status, ": "))
        (void)err_set(e, raw.code, "%s", rest + status + 2);
    else
        (void)err_set(e, raw.code, "carved at '%s': %s", l->g->options.socket, rest);
}

static void call_free(struct link_call *call)
{
    LIST_REMOVE(call, entry);
    free(call);
}

static void finish(struct link_call *call, const struct err *e)
{
    struct err words = *e;
    link_done *done = call->done;
    void *whose = call->self;

    call_free(call);
    done(whose, -words.code, &words);
}

static void call_ended(void *self, int r, const struct err *e)
{
    struct link_call *call = self;
    struct err words = r < 0 ? *e : call->wrong;

    call->request = NULL;
    if (r < 0)
        link_call_words(call->link, call->method, &words);
    if (words.code || !call->changes)
        finish(call, &words);
    else
        link_begin_again(call->link);
}

/* The calls that wait may be followed by new ones, and go, inside any callback. */
static void finish_waiting(struct link *l, const struct err *e)
{
    struct link_call *call = LIST_FIRST(&l->calls);

    while (call) {
        if (call->request) {
            call = LIST_NEXT(call, entry);
            continue;
        }
        finish(call, e);
        call = LIST_FIRST(&l->calls);
    }
}

void link_call_state_came(struct link *l)
{
    finish_waiting(l, &(struct err){0});
}

void link_call_lost(struct link *l, const struct err *e)
{
    finish_waiting(l, e);
}

static void progress_came(void *self, const uint8_t *message, size_t size)
{
    struct link_call *call = self;
    OWN(node_mig_progress_freep) struct node_mig_progress *progress = NULL;

    if (node_mig_progress_unpack(&progress, message, size, &call->wrong) == 0)
        call->progress(call->self, progress);
}

static void holders_came(void *self, const uint8_t *message, size_t size)
{
    struct link_call *call = self;
    OWN(node_holders_freep) struct node_holders *holders = NULL;

    if (node_holders_unpack(&holders, message, size, &call->wrong) == 0)
        call->holders(call->self, holders);
}

/* Starts a call; `like` has what only this kind of call has. */
static int call_start(struct link_call **out, struct link *l, const struct link_call *like,
                      const struct grpc_question *like_question, struct err *e)
{
    struct link_call *call = malloc(sizeof *call);
    struct grpc_question question = *like_question;
    char method[64];
    int r;

    if (!call)
        return err_memory(e);
    *call = *like;
    call->link = l;
    (void)snprintf(method, sizeof method, LINK_METHODS "%s", call->method);
    question.socket_path = l->g->options.socket;
    question.method = method;
    question.max_answer = MAX_ANSWER;
    question.done_cb = call_ended;
    question.self = call;
    r = grpc_start(&call->request, l->g->loop, &question, e);
    if (r < 0) {
        free(call);
        return r;
    }
    LIST_INSERT_HEAD(&l->calls, call, entry);
    *out = call;
    return 0;
}

int link_apply_mig(struct link_call **out, struct link *l, const struct node_mig_request *request,
                   link_progress *progress, link_done *done, void *self, struct err *e)
{
    const struct link_call like = {.method = "ApplyMig",
                                   .changes = !request->dry_run,
                                   .done = done,
                                   .progress = progress,
                                   .self = self};
    OWN(buf_done) struct buf bytes;
    int r;

    buf_init(&bytes, NODE_STATE_MAX_BYTES);
    r = node_mig_request_pack(&bytes, request, e);
    if (r < 0)
        return r;
    return call_start(out, l, &like,
                      &(struct grpc_question){.message = bytes.data,
                                              .size = bytes.size,
                                              .silence_ms = link_silence_ms(l),
                                              .message_cb = progress_came},
                      e);
}

int link_holders(struct link_call **out, struct link *l, link_holders_got *holders, link_done *done,
                 void *self, struct err *e)
{
    const struct link_call like = {
        .method = "Holders", .done = done, .holders = holders, .self = self};

    return call_start(out, l, &like,
                      &(struct grpc_question){.timeout_ms = SHORT_MS, .message_cb = holders_came},
                      e);
}

/* A configuration that carved refuses is no failure of the call, but it is the caller's. */
static void configured(void *self, const uint8_t *message, size_t size)
{
    struct link_call *call = self;
    OWN(node_configure_response_freep) struct node_configure_response *answer = NULL;

    if (node_configure_response_unpack(&answer, message, size, &call->wrong) < 0)
        return;
    if (!answer->in_force)
        (void)err_set(&call->wrong, EINVAL, "%s", answer->error);
}

int link_configure(struct link_call **out, struct link *l, const char *name, const char *text,
                   link_done *done, void *self, struct err *e)
{
    const struct link_call like = {
        .method = "Configure", .changes = true, .done = done, .self = self};
    const struct node_configure_request request = {
        .name = name, .text = text, .text_size = text ? strlen(text) : 0, .clear = !text};
    OWN(buf_done) struct buf bytes;
    int r;

    buf_init(&bytes, NODE_STATE_MAX_BYTES);
    r = node_configure_request_pack(&bytes, &request, e);
    if (r < 0)
        return r;
    return call_start(out, l, &like,
                      &(struct grpc_question){.message = bytes.data,
                                              .size = bytes.size,
                                              .timeout_ms = SHORT_MS,
                                              .message_cb = configured},
                      e);
}

int link_reboot(struct link_call **out, struct link *l, const char *why, link_done *done,
                void *self, struct err *e)
{
    const struct link_call like = {.method = "Reboot", .done = done, .self = self};
    const struct node_reboot_request request = {.why = why};
    OWN(buf_done) struct buf bytes;
    int r;

    buf_init(&bytes, NODE_STATE_MAX_BYTES);
    r = node_reboot_request_pack(&bytes, &request, e);
    if (r < 0)
        return r;
    /* No deadline: carved has one for its command, and answers then as long as it lives. */
    return call_start(out, l, &like,
                      &(struct grpc_question){.message = bytes.data,
                                              .size = bytes.size,
                                              .silence_ms = link_silence_ms(l)},
                      e);
}

void link_cancel(struct link_call *call)
{
    if (call->request)
        grpc_cancel(call->request);
    call_free(call);
}

void link_call_end_all(struct link *l)
{
    while (!LIST_EMPTY(&l->calls))
        link_cancel(LIST_FIRST(&l->calls));
}
