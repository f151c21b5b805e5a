/* SPDX-License-Identifier: Apache-2.0 */
/* Streams: one message a wake, slow readers, and clients that leave. */
#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "test.h"
#include "world.h"

static void stream_to_a_client_that_left_is_gone_at_once(void **state)
{
    struct world *w = *state;

    world_ask(w, "/k", "x");
    world_reset(w);
    grpc_stream(w->kept, world_next, world_gone, w);
    assert_int_equal(w->n_gone, 1);
    assert_int_equal(w->n_next, 0);
}

static void one_wake_is_one_message(void **state)
{
    struct world *w = *state;

    world_ask(w, "/s", "");
    world_has_messages(w, "1 ");
    world_talk(w);
    assert_int_equal(w->n_next, 1);
    grpc_stream_wake(w->kept);
    grpc_stream_wake(w->kept);
    world_talk(w);
    world_has_messages(w, "1 2 ");
    w->next_result = 0; /* nothing new */
    grpc_stream_wake(w->kept);
    world_talk(w);
    assert_int_equal(w->n_next, 3);
    world_has_messages(w, "1 2 ");
    assert_false(w->closed);
}

static void slow_reader_gets_the_newest_only(void **state)
{
    struct world *w = *state;
    const nghttp2_settings_entry closed[] = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0}};
    const nghttp2_settings_entry open[] = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1000}};

    assert_int_equal(nghttp2_submit_settings(w->client, 0, closed, 1), 0);
    world_ask(w, "/s", "");
    for (unsigned i = 0; i < 60; i++) {
        grpc_stream_wake(w->kept);
        world_talk(w);
    }
    assert_int_equal(w->n_next, 0); /* no room: not even asked */
    assert_int_equal(nghttp2_submit_settings(w->client, 0, open, 1), 0);
    world_talk(w);
    world_has_messages(w, "1 ");
}

static void stream_ends_after_what_was_written(void **state)
{
    struct world *w = *state;

    w->end_in_next = true;
    world_ask(w, "/s", "");
    world_has_messages(w, "1 ");
    assert_string_equal(w->status, "0");
    assert_true(w->closed);
    assert_int_equal(w->n_gone, 0);
}

static void failed_stream_is_not_gone(void **state)
{
    struct world *w = *state;
    struct err e = {.code = EINVAL, .msg = "no"};

    world_ask(w, "/s", "");
    grpc_fail(w->kept, &e);
    world_talk(w);
    assert_string_equal(w->status, "3");
    assert_string_equal(w->words, "no");
    assert_int_equal(w->n_gone, 0);
}

static void error_of_next_ends_the_stream(void **state)
{
    struct world *w = *state;

    world_ask(w, "/s", "");
    w->next_result = -EPERM;
    grpc_stream_wake(w->kept);
    world_talk(w);
    world_has_messages(w, "1 ");
    assert_string_equal(w->status, "7");
    assert_int_equal(w->n_gone, 1);
}

static void leaving_client_is_noticed_once(void **state)
{
    struct world *w = *state;

    world_ask(w, "/s", "");
    world_reset(w);
    assert_int_equal(w->n_gone, 1);
    world_end_server(w);
    assert_int_equal(w->n_gone, 1);
}

static void lost_connection_ends_its_streams(void **state)
{
    struct world *w = *state;

    world_ask(w, "/s", "");
    grpc_session_done(&w->server);
    assert_int_equal(w->n_gone, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_open, world_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(stream_to_a_client_that_left_is_gone_at_once),
        TEST(one_wake_is_one_message),
        TEST(slow_reader_gets_the_newest_only),
        TEST(stream_ends_after_what_was_written),
        TEST(failed_stream_is_not_gone),
        TEST(error_of_next_ends_the_stream),
        TEST(leaving_client_is_noticed_once),
        TEST(lost_connection_ends_its_streams),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
