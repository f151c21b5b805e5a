/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting on a loop: see ask.h. */
#include "demo/ask.h"

#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "kube/grpc_client.h"
#include "kube/grpc_server.h"

enum { TIMEOUT_MS = 10000, TICK_MS = 20 };

struct asked {
    struct buf *out;
    struct err *e;
    int r;
    bool done;
};

static void got(void *self, const uint8_t *message, size_t size)
{
    struct asked *asked = self;

    buf_add(asked->out, message, size);
}

static void ended(void *self, int r, const struct err *e)
{
    struct asked *asked = self;

    asked->done = true;
    asked->r = r;
    if (r < 0 && asked->e)
        *asked->e = *e;
}

int ask(struct buf *out, uv_loop_t *loop, const char *socket_path, const char *method,
        const void *message, size_t size, struct err *e)
{
    struct asked asked = {.out = out, .e = e};
    struct grpc_question question = {
        .socket_path = socket_path,
        .method = method,
        .message = message,
        .size = size,
        .timeout_ms = TIMEOUT_MS,
        .max_answer = GRPC_MAX_MESSAGE,
        .message_cb = got,
        .done_cb = ended,
        .self = &asked,
    };
    struct grpc_request *request;
    int r = grpc_start(&request, loop, &question, e);

    if (r < 0)
        return r;
    while (!asked.done)
        (void)uv_run(loop, UV_RUN_ONCE);
    return asked.r;
}

static void look_again(uv_timer_t *timer)
{
    (void)timer; /* that the loop turns is all */
}

static void closed(uv_handle_t *handle)
{
    *(bool *)handle->data = true;
}

bool ask_wait(uv_loop_t *loop, bool (*met)(void *self), void *self, unsigned limit_ms)
{
    bool is_closed = false, is_met;
    uv_timer_t timer;
    uint64_t end;

    (void)uv_timer_init(loop, &timer);
    timer.data = &is_closed;
    uv_update_time(loop);
    end = uv_now(loop) + limit_ms;
    (void)uv_timer_start(&timer, look_again, TICK_MS, TICK_MS);
    while (!(is_met = met(self)) && uv_now(loop) < end)
        (void)uv_run(loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&timer, closed);
    while (!is_closed)
        (void)uv_run(loop, UV_RUN_ONCE);
    return is_met;
}
