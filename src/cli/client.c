/* SPDX-License-Identifier: Apache-2.0 */
/* Blocking calls of carve.v1.Node: see client.h. A loop of its own for every call. */
#include "cli/client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <uv.h>

#include "base/err.h"
#include "base/own.h"
#include "base/text.h"
#include "kube/grpc_client.h"

#define METHODS "/carve.v1.Node/"

enum { MAX_ANSWER = 16 << 20 };

int client_find(const char *socket_path, struct err *e)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    OWN_FD int fd = -1;

    if (!TEXT_COPY(address.sun_path, socket_path))
        return err_set(e, ENAMETOOLONG, "socket '%s': name too long", socket_path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_errno(e, errno, "make a socket");
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0 || errno == EAGAIN)
        return 1;
    if (errno == ENOENT || errno == ECONNREFUSED)
        return 0;
    return err_errno(e, errno, "connect to carved at '%s'", socket_path);
}

struct running {
    const struct client_call *call;
    uv_loop_t loop;
    bool over; /* the call needs no cancel */
    int result;
    struct err error;
};

static void on_message(void *self, const uint8_t *message, size_t size)
{
    struct running *r = self;

    if (!r->call->got(r->call->self, message, size))
        uv_stop(&r->loop);
}

/* carved's words without the "METHOD at 'SOCKET': STATUS: " that the client puts before them. */
static const char *words_of(const struct running *r, const char *words)
{
    char start[256];
    size_t status;
    int n = snprintf(start, sizeof start, METHODS "%s at '%s': ", r->call->method, r->call->socket);

    if (n < 0 || (size_t)n >= sizeof start || !text_starts(words, start))
        return words;
    words += n;
    status = strspn(words, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_");
    return status > 0 && text_starts(words + status, ": ") ? words + status + 2 : words;
}

static void on_done(void *self, int result, const struct err *e)
{
    struct running *r = self;

    r->over = true;
    r->result = result;
    if (result < 0)
        (void)err_set(&r->error, -result, "%s", words_of(r, e->msg));
}

static int run(struct running *r, struct err *e)
{
    char method[64];
    struct grpc_request *request;
    struct grpc_question question = {
        .socket_path = r->call->socket,
        .method = method,
        .message = r->call->message,
        .size = r->call->size,
        .timeout_ms = r->call->timeout_ms,
        .max_answer = MAX_ANSWER,
        .message_cb = on_message,
        .done_cb = on_done,
        .self = r,
    };
    int result;

    (void)snprintf(method, sizeof method, METHODS "%s", r->call->method);
    result = grpc_start(&request, &r->loop, &question, e);
    if (result < 0)
        return result;
    (void)uv_run(&r->loop, UV_RUN_DEFAULT);
    if (!r->over)
        grpc_cancel(request);
    (void)uv_run(&r->loop, UV_RUN_DEFAULT);
    if (r->result < 0 && e)
        *e = r->error;
    return r->result;
}

int client_run(const struct client_call *call, struct err *e)
{
    struct running r = {.call = call};
    int result = uv_loop_init(&r.loop);

    if (result < 0)
        return err_errno(e, -result, "make an event loop");
    result = run(&r, e);
    (void)uv_loop_close(&r.loop);
    return result;
}
