/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as what a client sends. The first byte of the input chooses: bit 0, the preface and an
 * empty SETTINGS come before the rest; bit 1, the server shuts down in between; bits 2 to 7, the
 * size of the pieces in which the rest arrives. Afterwards nothing may be held any more.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "kube/grpc_session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_KEPT = 256 };

struct world {
    struct grpc_call *kept[MAX_KEPT];
    size_t n_kept;
    unsigned open_streams;
};

struct told {
    struct world *world;
    struct grpc_call *call;
    unsigned left;
};

static void echo(void *self, struct grpc_call *call, const uint8_t *request, size_t size)
{
    (void)self;
    grpc_reply(call, request, size);
}

static void refuse(void *self, struct grpc_call *call, const uint8_t *request, size_t size)
{
    struct err e = {0};

    (void)self;
    (void)err_set(&e, size > 0 ? request[0] : 1, "%.*s", (int)size, request);
    grpc_fail(call, &e);
}

static void keep(void *self, struct grpc_call *call, const uint8_t *request, size_t size)
{
    struct world *w = self;

    if (w->n_kept < MAX_KEPT)
        w->kept[w->n_kept++] = call;
    else
        grpc_reply(call, request, size);
}

static int next_message(void *self, struct buf *out)
{
    struct told *t = self;

    if (t->left == 0) {
        grpc_stream_end(t->call);
        t->world->open_streams--;
        free(t);
        return 0;
    }
    if (t->left == 100)
        return -5;
    buf_printf(out, "%u left", t->left--);
    grpc_stream_wake(t->call);
    return 1;
}

static void stream_gone(void *self)
{
    struct told *t = self;

    t->world->open_streams--;
    free(t);
}

static void stream(void *self, struct grpc_call *call, const uint8_t *request, size_t size)
{
    struct told *t = calloc(1, sizeof *t);
    struct err e = {0};

    if (!t) {
        (void)err_memory(&e);
        grpc_fail(call, &e);
        return;
    }
    *t = (struct told){.world = self, .call = call, .left = size > 0 ? request[0] : 3};
    t->world->open_streams++;
    grpc_stream(call, next_message, stream_gone, t);
}

static const struct grpc_method methods[] = {
    {"/e", echo}, {"/f", refuse}, {"/k", keep}, {"/s", stream}};

static void no_socket(struct grpc_site *site)
{
    (void)site;
}

static int feed(struct grpc_session *session, const uint8_t *bytes, size_t size)
{
    const uint8_t *frame;
    ssize_t n;

    if (nghttp2_session_mem_recv(session->h2, bytes, size) < 0)
        return -1;
    while ((n = nghttp2_session_mem_send(session->h2, &frame)) > 0)
        continue;
    return n < 0 ? -1 : 0;
}

static void talk(struct grpc_session *session, uint8_t choice, const uint8_t *bytes, size_t size)
{
    static const uint8_t hello[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
    size_t piece = choice >> 2 ? (size_t)(choice >> 2) * 16 : size;

    if ((choice & 1) && feed(session, hello, sizeof hello - 1) < 0)
        return;
    for (size_t at = 0; at < size; at += piece) {
        if (feed(session, bytes + at, size - at < piece ? size - at : piece) < 0)
            return;
        if ((choice & 2) && at > size / 2)
            grpc_session_shutdown(session);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world w = {0};
    struct grpc_session session;
    struct grpc_site site;

    if (size < 2)
        return 0;
    grpc_site_init(&site, methods, sizeof methods / sizeof methods[0], &w, no_socket);
    if (grpc_session_init(&session, &site, (struct grpc_peer){0}) < 0)
        return 0;
    talk(&session, data[0], data + 1, size - 1);
    for (size_t i = 0; i < w.n_kept / 2; i++)
        grpc_reply(w.kept[i], "late", 4);
    grpc_session_done(&session);
    grpc_site_done(&site);
    for (size_t i = w.n_kept / 2; i < w.n_kept; i++)
        grpc_reply(w.kept[i], "later", 5);
    if (site.held_bytes != 0 || w.open_streams != 0)
        abort();
    return 0;
}
