/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Server and client on one loop, over a real socket, with the n-th allocation failing, for every
 * n: whatever happens, each call ends exactly once and nothing is left behind (the sanitizer's leak
 * check says so).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/own.h"
#include "kube/deviceplugin.h"
#include "kube/grpc_client.h"
#include "kube/grpc_server.h"
#include "kube/podresources.h"
#include "test.h"

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);

static unsigned countdown; /* 1: the next allocation fails; 0: none does */

static bool fails(void)
{
    return countdown > 0 && --countdown == 0;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails() ? NULL : __real_realloc(old, size);
}

char *__wrap_strdup(const char *text)
{
    return fails() ? NULL : __real_strdup(text);
}

enum { CALLS = 4, TIMEOUT_MS = 5000 };

struct scene {
    uv_loop_t loop;
    struct grpc_server *server;
    char path[64];
    unsigned started, ended, fine, messages;
};

static void maybe_close(struct scene *s)
{
    if (s->ended == s->started && s->server)
        grpc_server_close(TAKE(s->server));
}

static void done(void *self, int r, const struct err *e)
{
    struct scene *s = self;

    assert_true(r == 0 || e->msg[0] != '\0');
    assert_int_not_equal(r, -ETIMEDOUT); /* a lost allocation is told, not waited for */
    s->fine += r == 0;
    s->ended++;
    maybe_close(s);
}

static void got_message(void *self, const uint8_t *message, size_t size)
{
    struct scene *s = self;

    (void)message;
    assert_true(size > 0);
    s->messages++;
}

static void visit(void *self, const struct podresources_holder *holder)
{
    (void)self;
    (void)holder;
}

static void allocate(void *self, struct grpc_call *call, const uint8_t *request, size_t size)
{
    OWN(deviceplugin_request_freep) struct deviceplugin_request *asked = NULL;
    struct buf out;
    struct err e = {0};

    (void)self;
    buf_init(&out, 1000);
    if (deviceplugin_read_allocate(&asked, request, size, &e) == 0) {
        for (size_t i = 0; i < asked->n_wishes; i++)
            deviceplugin_put_answer(
                &out, &(struct deviceplugin_answer){.cdi_devices = asked->wishes[i].ids,
                                                    .n_cdi_devices = asked->wishes[i].n_ids});
        (void)buf_check(&out, &e);
    }
    if (e.code)
        grpc_fail(call, &e);
    else
        grpc_reply(call, out.data, out.size);
    buf_done(&out);
}

static void empty_list(void *self, struct grpc_call *call, const uint8_t *request, size_t size)
{
    (void)self;
    grpc_reply(call, request, size);
}

static void refuse(void *self, struct grpc_call *call, const uint8_t *request, size_t size)
{
    struct err e = {0};

    (void)self;
    (void)request;
    (void)size;
    (void)err_set(&e, EBUSY, "words that need memory");
    grpc_fail(call, &e);
}

static int next_message(void *self, struct buf *out)
{
    grpc_stream_end(self);
    buf_text(out, "the only message");
    return 1;
}

static void stream(void *self, struct grpc_call *call, const uint8_t *request, size_t size)
{
    (void)self;
    (void)request;
    (void)size;
    grpc_stream(call, next_message, NULL, call);
}

static const struct grpc_method methods[] = {
    {DEVICEPLUGIN_ALLOCATE, allocate},
    {PODRESOURCES_LIST, empty_list},
    {"/refuse", refuse},
    {"/stream", stream},
};

static void start(struct scene *s, const char *method)
{
    const struct grpc_question question = {.socket_path = s->path,
                                           .method = method,
                                           .message = "\x0a\x03\x0a\x01x",
                                           .size = 5,
                                           .timeout_ms = TIMEOUT_MS,
                                           .max_answer = 1000,
                                           .message_cb = got_message,
                                           .done_cb = done,
                                           .self = s};
    struct grpc_request *request;
    struct err e = {0};

    if (grpc_start(&request, &s->loop, &question, &e) == 0)
        s->started++;
    else
        assert_int_equal(e.code, ENOMEM);
}

/* Returns how many calls were answered with OK. */
static unsigned play(unsigned nth)
{
    struct scene s = {0};
    struct err e = {0};

    (void)snprintf(s.path, sizeof s.path, "torture-%d.sock", (int)getpid());
    assert_int_equal(uv_loop_init(&s.loop), 0);
    countdown = nth;
    if (grpc_server_open(&s.server, &s.loop, s.path, 0600, methods, 4, &s, &e) < 0) {
        assert_int_equal(e.code, ENOMEM);
    } else {
        start(&s, DEVICEPLUGIN_ALLOCATE);
        start(&s, "/refuse");
        start(&s, "/stream");
        if (podresources_list(&s.loop, s.path, TIMEOUT_MS, visit, done, &s, &e) == 0)
            s.started++;
        maybe_close(&s);
    }
    assert_int_equal(uv_run(&s.loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&s.loop), 0);
    assert_int_equal(s.started, s.ended);
    assert_true(s.fine <= s.messages + 1); /* no OK without its answer; the list's is empty */
    assert_int_not_equal(access(s.path, F_OK), 0);
    return s.fine;
}

static void every_allocation_may_fail(void **state)
{
    unsigned nth = 0;

    (void)state;
    assert_int_equal(play(0), 3);
    do {
        (void)play(++nth);
    } while (countdown == 0); /* until there were fewer allocations than that */
    countdown = 0;
    assert_true(nth > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_may_fail)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
