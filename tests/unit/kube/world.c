/* SPDX-License-Identifier: Apache-2.0 */
/* Both sides of the wire: see world.h. */
#include "world.h"

#include <string.h>

#include "test.h"

static void keep(void *self, struct grpc_call *call, const uint8_t *request, size_t size)
{
    struct world *w = self;

    (void)request;
    (void)size;
    w->kept = call;
}

static void echo(void *self, struct grpc_call *call, const uint8_t *request, size_t size)
{
    (void)self;
    grpc_reply(call, request, size);
}

/* Ends the call, by way of the whole server, and reads its request after that. */
static void shut_down(void *self, struct grpc_call *call, const uint8_t *request, size_t size)
{
    struct world *w = self;

    grpc_session_shutdown(&w->server);
    grpc_reply(call, "late", 4);
    buf_add(&w->data, request, size);
}

int world_next(void *self, struct buf *out)
{
    struct world *w = self;

    w->n_next++;
    buf_printf(out, "%u", w->n_next);
    if (w->end_in_next)
        grpc_stream_end(w->kept);
    return w->next_result;
}

void world_gone(void *self)
{
    ((struct world *)self)->n_gone++;
}

static void stream(void *self, struct grpc_call *call, const uint8_t *request, size_t size)
{
    keep(self, call, request, size);
    grpc_stream(call, world_next, world_gone, self);
}

static const struct grpc_method methods[] = {
    {"/e", echo}, {"/k", keep}, {"/s", stream}, {"/d", shut_down}};

static void has_output(struct grpc_site *site)
{
    ((struct world *)site->self)->outputs++;
}

static int on_header(nghttp2_session *h2, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_size, const uint8_t *value, size_t size, uint8_t flags, void *user)
{
    struct world *w = user;

    (void)h2, (void)frame, (void)flags;
    if (name_size == 11 && memcmp(name, "grpc-status", 11) == 0)
        memcpy(w->status, value, size + 1);
    if (name_size == 12 && memcmp(name, "grpc-message", 12) == 0)
        memcpy(w->words, value, size + 1);
    return 0;
}

static int on_data(nghttp2_session *h2, uint8_t flags, int32_t stream_id, const uint8_t *bytes,
                   size_t size, void *user)
{
    (void)h2, (void)flags, (void)stream_id;
    buf_add(&((struct world *)user)->data, bytes, size);
    return 0;
}

static int on_close(nghttp2_session *h2, int32_t stream_id, uint32_t code, void *user)
{
    struct world *w = user;

    (void)h2, (void)stream_id;
    w->closed = true;
    w->close_code = code;
    return 0;
}

int world_open(void **state)
{
    static struct world w;
    nghttp2_session_callbacks *calls;

    w = (struct world){.next_result = 1};
    buf_init(&w.data, 1 << 20);
    grpc_site_init(&w.site, methods, 4, &w, has_output);
    assert_int_equal(grpc_session_init(&w.server, &w.site, (struct grpc_peer){7, 8, 9}), 0);
    assert_int_equal(nghttp2_session_callbacks_new(&calls), 0);
    nghttp2_session_callbacks_set_on_header_callback(calls, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(calls, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(calls, on_close);
    assert_int_equal(nghttp2_session_client_new(&w.client, calls, &w), 0);
    nghttp2_session_callbacks_del(calls);
    assert_int_equal(nghttp2_submit_settings(w.client, 0, NULL, 0), 0);
    *state = &w;
    return 0;
}

void world_end_server(struct world *w)
{
    if (w->server.h2)
        grpc_session_done(&w->server);
    grpc_site_done(&w->site);
}

int world_close(void **state)
{
    struct world *w = *state;

    world_end_server(w);
    assert_int_equal(w->site.held_bytes, 0);
    nghttp2_session_del(w->client);
    buf_done(&w->data);
    return 0;
}

bool world_pass(nghttp2_session *from, nghttp2_session *to)
{
    const uint8_t *bytes;
    ssize_t n = nghttp2_session_mem_send(from, &bytes);

    assert_true(n >= 0);
    if (n > 0)
        assert_int_equal(nghttp2_session_mem_recv(to, bytes, (size_t)n), n);
    return n > 0;
}

void world_talk(struct world *w)
{
    while (world_pass(w->client, w->server.h2) || world_pass(w->server.h2, w->client))
        continue;
}

static ssize_t read_request(nghttp2_session *h2, int32_t stream_id, uint8_t *bytes, size_t room,
                            uint32_t *flags, nghttp2_data_source *source, void *user)
{
    struct world *w = source->ptr;

    (void)h2, (void)stream_id, (void)user;
    assert_true(room >= w->request_size);
    memcpy(bytes, w->request, w->request_size);
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)w->request_size;
}

static nghttp2_nv header(const char *name, const char *value)
{
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
                        strlen(value), 0};
}

int32_t world_start(struct world *w, const char *path, const char *message)
{
    const nghttp2_nv nv[] = {header(":method", "POST"),
                             header(":scheme", "http"),
                             header(":authority", "/a/socket.sock"),
                             header(":path", path),
                             header("content-type", "application/grpc"),
                             header("te", "trailers")};
    const nghttp2_data_provider body = {.source.ptr = w, .read_callback = read_request};
    size_t size = strlen(message);

    memset(w->request, 0, 5);
    w->request[4] = (char)size;
    memcpy(w->request + 5, message, size);
    w->request_size = 5 + size;
    return nghttp2_submit_request(w->client, NULL, nv, 6, &body, NULL);
}

void world_ask(struct world *w, const char *path, const char *message)
{
    assert_true(world_start(w, path, message) > 0);
    world_talk(w);
}

void world_reset(struct world *w)
{
    assert_int_equal(nghttp2_submit_rst_stream(w->client, 0, 1, NGHTTP2_CANCEL), 0);
    world_talk(w);
}

void world_has_messages(const struct world *w, const char *wanted)
{
    struct buf texts;

    buf_init(&texts, 1000);
    for (size_t at = 0; at + 5 <= w->data.size; at += 5 + (size_t)w->data.data[at + 4])
        buf_printf(&texts, "%.*s ", w->data.data[at + 4], w->data.data + at + 5);
    buf_text(&texts, "");
    assert_string_equal(texts.data, wanted);
    buf_done(&texts);
}
