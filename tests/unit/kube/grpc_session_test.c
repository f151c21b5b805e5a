/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server without sockets: an nghttp2 client and our session pass bytes by hand, so that every
 * moment of a call's life can be held still.
 */
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "kube/grpc_session.h"
#include "test.h"

/* A client with one stream that matters, and the server's side. */
struct world {
    struct grpc_site site;
    struct grpc_session server;
    nghttp2_session *client;
    char request[64];
    size_t request_size;
    struct buf data; /* of the answer, framed */
    char status[8];
    char words[128];
    bool closed;
    uint32_t close_code;
    struct grpc_call *kept;
    unsigned n_next, n_gone;
    int next_result; /* what `next` says */
    bool end_in_next;
    unsigned outputs;
};

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

static int next_message(void *self, struct buf *out)
{
    struct world *w = self;

    w->n_next++;
    buf_printf(out, "%u", w->n_next);
    if (w->end_in_next)
        grpc_stream_end(w->kept);
    return w->next_result;
}

static void stream_gone(void *self)
{
    ((struct world *)self)->n_gone++;
}

static void stream(void *self, struct grpc_call *call, const uint8_t *request, size_t size)
{
    keep(self, call, request, size);
    grpc_stream(call, next_message, stream_gone, self);
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

static int setup(void **state)
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

static void end_server(struct world *w)
{
    if (w->server.h2)
        grpc_session_done(&w->server);
    grpc_site_done(&w->site);
}

static int teardown(void **state)
{
    struct world *w = *state;

    end_server(w);
    assert_int_equal(w->site.held_bytes, 0);
    nghttp2_session_del(w->client);
    buf_done(&w->data);
    return 0;
}

static bool pass(nghttp2_session *from, nghttp2_session *to)
{
    const uint8_t *bytes;
    ssize_t n = nghttp2_session_mem_send(from, &bytes);

    assert_true(n >= 0);
    if (n > 0)
        assert_int_equal(nghttp2_session_mem_recv(to, bytes, (size_t)n), n);
    return n > 0;
}

/* Until neither has anything to say. */
static void talk(struct world *w)
{
    while (pass(w->client, w->server.h2) || pass(w->server.h2, w->client))
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

static int32_t start(struct world *w, const char *path, const char *message)
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

static void ask(struct world *w, const char *path, const char *message)
{
    assert_true(start(w, path, message) > 0);
    talk(w);
}

static void reset_by_client(struct world *w)
{
    assert_int_equal(nghttp2_submit_rst_stream(w->client, 0, 1, NGHTTP2_CANCEL), 0);
    talk(w);
}

static void assert_messages(const struct world *w, const char *wanted)
{
    struct buf texts;

    buf_init(&texts, 1000);
    for (size_t at = 0; at + 5 <= w->data.size; at += 5 + (size_t)w->data.data[at + 4])
        buf_printf(&texts, "%.*s ", w->data.data[at + 4], w->data.data + at + 5);
    buf_text(&texts, "");
    assert_string_equal(texts.data, wanted);
    buf_done(&texts);
}

static void request_is_answered(void **state)
{
    struct world *w = *state;

    ask(w, "/e", "hello");
    assert_messages(w, "hello ");
    assert_string_equal(w->status, "0");
    assert_true(w->closed && w->close_code == NGHTTP2_NO_ERROR);
    assert_true(LIST_EMPTY(&w->server.calls));
}

static void unknown_method_is_unimplemented(void **state)
{
    struct world *w = *state;

    ask(w, "/x", "hello");
    assert_string_equal(w->status, "12");
    assert_string_equal(w->words, "unknown method");
}

static void caller_is_known(void **state)
{
    struct world *w = *state;
    struct grpc_peer peer;

    ask(w, "/k", "");
    peer = grpc_call_peer(w->kept);
    assert_true(peer.uid == 7 && peer.gid == 8 && peer.pid == 9);
    grpc_reply(w->kept, "", 0);
}

static void answer_may_come_later(void **state)
{
    struct world *w = *state;
    unsigned outputs;

    ask(w, "/k", "x");
    assert_false(w->closed);
    outputs = w->outputs;
    w->server.dirty = false;
    grpc_reply(w->kept, "late", 4);
    assert_true(w->server.dirty && w->outputs == outputs + 1);
    talk(w);
    assert_messages(w, "late ");
}

static void failure_has_status_and_words(void **state)
{
    struct world *w = *state;
    struct err e = {0};

    ask(w, "/k", "x");
    (void)err_set(&e, ENOSPC, "100%% full");
    grpc_fail(w->kept, &e);
    talk(w);
    assert_string_equal(w->status, "8");
    assert_string_equal(w->words, "100%25 full");
    assert_int_equal(w->data.size, 0);
}

static void answer_to_a_client_that_left_goes_nowhere(void **state)
{
    struct world *w = *state;

    ask(w, "/k", "x");
    reset_by_client(w);
    assert_int_equal(w->site.n_left, 1);
    grpc_reply(w->kept, "late", 4);
    assert_int_equal(w->site.n_left, 0);
}

static void failure_after_the_connection_ended_goes_nowhere(void **state)
{
    struct world *w = *state;
    struct err e = {.code = EIO, .msg = "late"};

    ask(w, "/k", "x");
    grpc_session_done(&w->server);
    assert_int_equal(w->site.n_left, 1);
    grpc_fail(w->kept, &e);
    assert_int_equal(w->site.n_left, 0);
}

static void answer_after_the_server_ended_goes_nowhere(void **state)
{
    struct world *w = *state;

    ask(w, "/k", "x");
    end_server(w);
    grpc_reply(w->kept, "late", 4);
}

static void stream_to_a_client_that_left_is_gone_at_once(void **state)
{
    struct world *w = *state;

    ask(w, "/k", "x");
    reset_by_client(w);
    grpc_stream(w->kept, next_message, stream_gone, w);
    assert_int_equal(w->n_gone, 1);
    assert_int_equal(w->n_next, 0);
}

static void one_wake_is_one_message(void **state)
{
    struct world *w = *state;

    ask(w, "/s", "");
    assert_messages(w, "1 ");
    talk(w);
    assert_int_equal(w->n_next, 1);
    grpc_stream_wake(w->kept);
    grpc_stream_wake(w->kept);
    talk(w);
    assert_messages(w, "1 2 ");
    w->next_result = 0; /* nothing new */
    grpc_stream_wake(w->kept);
    talk(w);
    assert_int_equal(w->n_next, 3);
    assert_messages(w, "1 2 ");
    assert_false(w->closed);
}

static void slow_reader_gets_the_newest_only(void **state)
{
    struct world *w = *state;
    const nghttp2_settings_entry closed[] = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0}};
    const nghttp2_settings_entry open[] = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1000}};

    assert_int_equal(nghttp2_submit_settings(w->client, 0, closed, 1), 0);
    ask(w, "/s", "");
    for (unsigned i = 0; i < 60; i++) {
        grpc_stream_wake(w->kept);
        talk(w);
    }
    assert_int_equal(w->n_next, 0); /* no room: not even asked */
    assert_int_equal(nghttp2_submit_settings(w->client, 0, open, 1), 0);
    talk(w);
    assert_messages(w, "1 ");
}

static void stream_ends_after_what_was_written(void **state)
{
    struct world *w = *state;

    w->end_in_next = true;
    ask(w, "/s", "");
    assert_messages(w, "1 ");
    assert_string_equal(w->status, "0");
    assert_true(w->closed);
    assert_int_equal(w->n_gone, 0);
}

static void failed_stream_is_not_gone(void **state)
{
    struct world *w = *state;
    struct err e = {.code = EINVAL, .msg = "no"};

    ask(w, "/s", "");
    grpc_fail(w->kept, &e);
    talk(w);
    assert_string_equal(w->status, "3");
    assert_string_equal(w->words, "no");
    assert_int_equal(w->n_gone, 0);
}

static void error_of_next_ends_the_stream(void **state)
{
    struct world *w = *state;

    ask(w, "/s", "");
    w->next_result = -EPERM;
    grpc_stream_wake(w->kept);
    talk(w);
    assert_messages(w, "1 ");
    assert_string_equal(w->status, "7");
    assert_int_equal(w->n_gone, 1);
}

static void leaving_client_is_noticed_once(void **state)
{
    struct world *w = *state;

    ask(w, "/s", "");
    reset_by_client(w);
    assert_int_equal(w->n_gone, 1);
    end_server(w);
    assert_int_equal(w->n_gone, 1);
}

static void lost_connection_ends_its_streams(void **state)
{
    struct world *w = *state;

    ask(w, "/s", "");
    grpc_session_done(&w->server);
    assert_int_equal(w->n_gone, 1);
}

static void shutdown_is_unavailable_and_gone_comes_at_once(void **state)
{
    struct world *w = *state;

    ask(w, "/s", "");
    grpc_session_shutdown(&w->server);
    assert_int_equal(w->n_gone, 1);
    talk(w);
    assert_string_equal(w->status, "14");
    assert_string_equal(w->words, "the server closes");
    assert_int_equal(w->n_gone, 1);
    assert_false(nghttp2_session_check_request_allowed(w->client)); /* GOAWAY came */
}

static void shutdown_answers_for_a_handler_that_has_not(void **state)
{
    struct world *w = *state;

    ask(w, "/k", "");
    grpc_session_shutdown(&w->server);
    talk(w);
    assert_string_equal(w->status, "14");
    grpc_reply(w->kept, "late", 4);
    assert_int_equal(w->data.size, 0);
}

static void handler_may_end_its_own_server(void **state)
{
    struct world *w = *state;

    ask(w, "/d", "request");
    assert_string_equal(w->status, "14");
    assert_int_equal(w->data.size, 7);
    assert_memory_equal(w->data.data, "request", 7);
}

static void no_call_begins_after_the_shutdown(void **state)
{
    struct world *w = *state;

    ask(w, "/e", "");
    grpc_session_shutdown(&w->server);
    assert_true(start(w, "/k", "") > 0); /* the client has not seen the GOAWAY */
    while (pass(w->client, w->server.h2))
        continue;
    assert_null(w->kept);
    w->closed = false;
    talk(w);
    assert_true(w->closed);
    assert_null(w->kept);
}

static void bytes_held_are_counted(void **state)
{
    struct world *w = *state;
    const nghttp2_settings_entry closed[] = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0}};

    assert_int_equal(nghttp2_submit_settings(w->client, 0, closed, 1), 0);
    ask(w, "/e", "hello");
    assert_int_equal(w->site.held_bytes, 10); /* the answer, which nobody takes */
    reset_by_client(w);
    assert_int_equal(w->site.held_bytes, 0);
    w->site.held_bytes = GRPC_MAX_HELD_BYTES;
    ask(w, "/e", "hello");
    assert_string_equal(w->status, "8");
    assert_int_equal(w->site.held_bytes, GRPC_MAX_HELD_BYTES);
    w->site.held_bytes = 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(request_is_answered),
        TEST(unknown_method_is_unimplemented),
        TEST(caller_is_known),
        TEST(answer_may_come_later),
        TEST(failure_has_status_and_words),
        TEST(answer_to_a_client_that_left_goes_nowhere),
        TEST(failure_after_the_connection_ended_goes_nowhere),
        TEST(answer_after_the_server_ended_goes_nowhere),
        TEST(stream_to_a_client_that_left_is_gone_at_once),
        TEST(one_wake_is_one_message),
        TEST(slow_reader_gets_the_newest_only),
        TEST(stream_ends_after_what_was_written),
        TEST(failed_stream_is_not_gone),
        TEST(error_of_next_ends_the_stream),
        TEST(leaving_client_is_noticed_once),
        TEST(lost_connection_ends_its_streams),
        TEST(shutdown_is_unavailable_and_gone_comes_at_once),
        TEST(shutdown_answers_for_a_handler_that_has_not),
        TEST(handler_may_end_its_own_server),
        TEST(no_call_begins_after_the_shutdown),
        TEST(bytes_held_are_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
