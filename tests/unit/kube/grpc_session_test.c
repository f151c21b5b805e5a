/* SPDX-License-Identifier: Apache-2.0 */
/* Calls with one answer, and the end of the server. */
#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "test.h"
#include "world.h"

static void request_is_answered(void **state)
{
    struct world *w = *state;

    world_ask(w, "/e", "hello");
    world_has_messages(w, "hello ");
    assert_string_equal(w->status, "0");
    assert_true(w->closed && w->close_code == NGHTTP2_NO_ERROR);
    assert_true(LIST_EMPTY(&w->server.calls));
}

static void unknown_method_is_unimplemented(void **state)
{
    struct world *w = *state;

    world_ask(w, "/x", "hello");
    assert_string_equal(w->status, "12");
    assert_string_equal(w->words, "unknown method");
}

static void caller_is_known(void **state)
{
    struct world *w = *state;
    struct grpc_peer peer;

    world_ask(w, "/k", "");
    peer = grpc_call_peer(w->kept);
    assert_true(peer.uid == 7 && peer.gid == 8 && peer.pid == 9);
    grpc_reply(w->kept, "", 0);
}

static void answer_may_come_later(void **state)
{
    struct world *w = *state;
    unsigned outputs;

    world_ask(w, "/k", "x");
    assert_false(w->closed);
    outputs = w->outputs;
    w->server.dirty = false;
    grpc_reply(w->kept, "late", 4);
    assert_true(w->server.dirty && w->outputs == outputs + 1);
    world_talk(w);
    world_has_messages(w, "late ");
}

static void failure_has_status_and_words(void **state)
{
    struct world *w = *state;
    struct err e = {0};

    world_ask(w, "/k", "x");
    (void)err_set(&e, ENOSPC, "100%% full");
    grpc_fail(w->kept, &e);
    world_talk(w);
    assert_string_equal(w->status, "8");
    assert_string_equal(w->words, "100%25 full");
    assert_int_equal(w->data.size, 0);
}

static void answer_to_a_client_that_left_goes_nowhere(void **state)
{
    struct world *w = *state;

    world_ask(w, "/k", "x");
    world_reset(w);
    assert_int_equal(w->site.n_left, 1);
    grpc_reply(w->kept, "late", 4);
    assert_int_equal(w->site.n_left, 0);
}

static void failure_after_the_connection_ended_goes_nowhere(void **state)
{
    struct world *w = *state;
    struct err e = {.code = EIO, .msg = "late"};

    world_ask(w, "/k", "x");
    grpc_session_done(&w->server);
    assert_int_equal(w->site.n_left, 1);
    grpc_fail(w->kept, &e);
    assert_int_equal(w->site.n_left, 0);
}

static void answer_after_the_server_ended_goes_nowhere(void **state)
{
    struct world *w = *state;

    world_ask(w, "/k", "x");
    world_end_server(w);
    grpc_reply(w->kept, "late", 4);
}

static void shutdown_is_unavailable_and_gone_comes_at_once(void **state)
{
    struct world *w = *state;

    world_ask(w, "/s", "");
    grpc_session_shutdown(&w->server);
    assert_int_equal(w->n_gone, 1);
    world_talk(w);
    assert_string_equal(w->status, "14");
    assert_string_equal(w->words, "the server closes");
    assert_int_equal(w->n_gone, 1);
    assert_false(nghttp2_session_check_request_allowed(w->client)); /* GOAWAY came */
}

static void shutdown_answers_for_a_handler_that_has_not(void **state)
{
    struct world *w = *state;

    world_ask(w, "/k", "");
    grpc_session_shutdown(&w->server);
    world_talk(w);
    assert_string_equal(w->status, "14");
    grpc_reply(w->kept, "late", 4);
    assert_int_equal(w->data.size, 0);
}

static void handler_may_end_its_own_server(void **state)
{
    struct world *w = *state;

    world_ask(w, "/d", "request");
    assert_string_equal(w->status, "14");
    assert_int_equal(w->data.size, 7);
    assert_memory_equal(w->data.data, "request", 7);
}

static void no_call_begins_after_the_shutdown(void **state)
{
    struct world *w = *state;

    world_ask(w, "/e", "");
    grpc_session_shutdown(&w->server);
    assert_true(world_start(w, "/k", "") > 0); /* the client has not seen the GOAWAY */
    while (world_pass(w->client, w->server.h2))
        continue;
    assert_null(w->kept);
    w->closed = false;
    world_talk(w);
    assert_true(w->closed);
    assert_null(w->kept);
}

static void bytes_held_are_counted(void **state)
{
    struct world *w = *state;
    const nghttp2_settings_entry closed[] = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0}};

    assert_int_equal(nghttp2_submit_settings(w->client, 0, closed, 1), 0);
    world_ask(w, "/e", "hello");
    assert_int_equal(w->site.held_bytes, 10); /* the answer, which nobody takes */
    world_reset(w);
    assert_int_equal(w->site.held_bytes, 0);
    w->site.held_bytes = GRPC_MAX_HELD_BYTES;
    world_ask(w, "/e", "hello");
    assert_string_equal(w->status, "8");
    assert_int_equal(w->site.held_bytes, GRPC_MAX_HELD_BYTES);
    w->site.held_bytes = 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_open, world_close)

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
        TEST(shutdown_is_unavailable_and_gone_comes_at_once),
        TEST(shutdown_answers_for_a_handler_that_has_not),
        TEST(handler_may_end_its_own_server),
        TEST(no_call_begins_after_the_shutdown),
        TEST(bytes_held_are_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
