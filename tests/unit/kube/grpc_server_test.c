/* SPDX-License-Identifier: Apache-2.0 */
/* A server and two clients on one loop over a real socket: what callbacks do to other streams. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/own.h"
#include "kube/grpc_client.h"
#include "kube/grpc_server.h"
#include "test.h"

enum { CLIENTS = 2, ROUNDS = 10, TIMEOUT_MS = 5000 };

struct scene;

struct reader {
    struct scene *scene;
    struct reader *other;
    struct grpc_call *call;
};

struct scene {
    uv_loop_t loop;
    char path[64];
    struct grpc_server *server;
    struct reader readers[CLIENTS];
    unsigned n_readers, n_gone, n_messages, n_done;
    bool close_in_next, close_in_gone;
    struct grpc_request *requests[CLIENTS];
    int results[CLIENTS];
};

static void close_server(struct scene *s)
{
    if (s->server)
        grpc_server_close(TAKE(s->server));
}

/* A message to one wakes the other, and nothing else does. */
static int next_message(void *self, struct buf *out)
{
    struct reader *r = self;

    if (r->scene->n_readers < CLIENTS)
        return 0;
    if (r->scene->close_in_next)
        close_server(r->scene);
    buf_text(out, "text");
    if (r->scene->server)
        grpc_stream_wake(r->other->call);
    return 1;
}

static void stream_gone(void *self)
{
    struct scene *s = ((struct reader *)self)->scene;

    s->n_gone++;
    if (s->close_in_gone)
        close_server(s);
}

static void stream(void *self, struct grpc_call *call, const uint8_t *request, size_t size)
{
    struct scene *s = self;
    struct reader *r = &s->readers[s->n_readers];

    (void)request, (void)size;
    *r = (struct reader){s, &s->readers[1 - s->n_readers], call};
    s->n_readers++;
    grpc_stream(call, next_message, stream_gone, r);
}

/* After some rounds the server closes, or one client leaves. */
static void got_message(void *self, const uint8_t *message, size_t size)
{
    struct scene *s = self;

    (void)message, (void)size;
    if (++s->n_messages != ROUNDS)
        return;
    if (s->close_in_gone)
        grpc_cancel(s->requests[0]);
    else
        close_server(s);
}

static void done(void *self, int r, const struct err *e)
{
    struct scene *s = self;

    (void)e;
    s->results[s->n_done++] = r;
}

/* Until the loop has nothing left. */
static void play(struct scene *s)
{
    static const struct grpc_method methods[] = {{"/stream", stream}};
    struct grpc_question question = {.socket_path = s->path,
                                     .method = "/stream",
                                     .message = "",
                                     .timeout_ms = TIMEOUT_MS,
                                     .max_answer = 100,
                                     .message_cb = got_message,
                                     .done_cb = done,
                                     .self = s};
    struct err e = {0};

    (void)snprintf(s->path, sizeof s->path, "/tmp/carve-server-test-%d.sock", (int)getpid());
    assert_int_equal(uv_loop_init(&s->loop), 0);
    assert_int_equal(grpc_server_open(&s->server, &s->loop, s->path, 0600, methods, 1, s, &e), 0);
    for (unsigned i = 0; i < CLIENTS; i++)
        assert_int_equal(grpc_start(&s->requests[i], &s->loop, &question, &e), 0);
    assert_int_equal(uv_run(&s->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&s->loop), 0);
    assert_null(s->server);
    assert_int_not_equal(access(s->path, F_OK), 0);
}

static void next_may_wake_other_streams(void **state)
{
    struct scene s = {0};

    (void)state;
    play(&s);
    assert_true(s.n_messages >= ROUNDS);
    assert_int_equal(s.n_gone, CLIENTS);
    for (unsigned i = 0; i < CLIENTS; i++)
        assert_int_equal(s.results[i], -EAGAIN); /* UNAVAILABLE, not out of time */
}

static void next_may_close_the_server(void **state)
{
    struct scene s = {.close_in_next = true};

    (void)state;
    play(&s);
    assert_int_equal(s.n_gone, CLIENTS);
    for (unsigned i = 0; i < CLIENTS; i++)
        assert_int_equal(s.results[i], -EAGAIN);
}

static void gone_may_close_the_server(void **state)
{
    struct scene s = {.close_in_gone = true};

    (void)state;
    play(&s);
    assert_int_equal(s.n_gone, CLIENTS);
    assert_int_equal(s.n_done, 1); /* the other was cancelled */
    assert_int_equal(s.results[0], -EAGAIN);
}

/* A socket that takes connections, and nobody behind it. */
static void a_server_that_stands_still_is_given_up(void **state)
{
    struct scene s = {0};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const struct grpc_question question = {.socket_path = address.sun_path,
                                           .method = "/stream",
                                           .silence_ms = 100,
                                           .done_cb = done,
                                           .self = &s};
    struct err e = {0};
    OWN_FD int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    (void)state;
    (void)snprintf(address.sun_path, sizeof address.sun_path, "/tmp/carve-server-test-%d.sock",
                   (int)getpid());
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(uv_loop_init(&s.loop), 0);
    assert_int_equal(grpc_start(&s.requests[0], &s.loop, &question, &e), 0);
    assert_int_equal(uv_run(&s.loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&s.loop), 0);
    assert_int_equal(unlink(address.sun_path), 0);
    assert_int_equal(s.n_done, 1);
    assert_int_equal(s.results[0], -EHOSTDOWN);
}

static void end(uv_timer_t *timer)
{
    struct scene *s = timer->data;

    assert_int_equal(s->n_done, 0);
    close_server(s);
    uv_close((uv_handle_t *)timer, NULL);
}

/* A stream that has nothing to tell; the loop begins to turn late_ms after the call. */
static void play_quiet(int late_ms, unsigned run_ms)
{
    static const struct grpc_method methods[] = {{"/stream", stream}};
    struct scene s = {0};
    const struct grpc_question question = {.socket_path = s.path,
                                           .method = "/stream",
                                           .silence_ms = 2000,
                                           .max_answer = 100,
                                           .done_cb = done,
                                           .self = &s};
    uv_timer_t timer = {.data = &s};
    struct err e = {0};

    (void)snprintf(s.path, sizeof s.path, "/tmp/carve-server-test-%d.sock", (int)getpid());
    assert_int_equal(uv_loop_init(&s.loop), 0);
    assert_int_equal(grpc_server_open(&s.server, &s.loop, s.path, 0600, methods, 1, &s, &e), 0);
    assert_int_equal(grpc_start(&s.requests[0], &s.loop, &question, &e), 0);
    assert_int_equal(uv_timer_init(&s.loop, &timer), 0);
    assert_int_equal(poll(NULL, 0, late_ms), 0);
    uv_update_time(&s.loop);
    assert_int_equal(uv_timer_start(&timer, end, run_ms, 0), 0);
    assert_int_equal(uv_run(&s.loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&s.loop), 0);
    assert_int_equal(s.results[0], -EAGAIN);
}

static void a_server_that_answers_pings_is_not(void **state)
{
    (void)state;
    play_quiet(0, 2500);
}

static void a_client_that_stood_still_itself_asks_first(void **state)
{
    (void)state;
    play_quiet(2100, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(next_may_wake_other_streams),
        cmocka_unit_test(next_may_close_the_server),
        cmocka_unit_test(gone_may_close_the_server),
        cmocka_unit_test(a_server_that_stands_still_is_given_up),
        cmocka_unit_test(a_server_that_answers_pings_is_not),
        cmocka_unit_test(a_client_that_stood_still_itself_asks_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
