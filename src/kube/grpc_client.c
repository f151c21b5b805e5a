/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call, one connection: see grpc_client.h. The end of a call, whatever it is, goes through
 * settle(); the struct is freed when the loop has let go of its two handles.
 */
#include "kube/grpc_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/own.h"
#include "base/text.h"
#include "kube/grpc_frame.h"
#include "kube/grpc_status.h"
#include "kube/wire.h"

enum {
    WINDOW = 1 << 20,    /* bytes on their way to us */
    MAX_CHUNK = 1 << 14, /* of one HTTP/2 frame, by our settings */
    NO_STATUS = -1,
};

struct grpc_request {
    uv_timer_t timer; /* of the whole call, or of the server's silence */
    struct wire wire;
    nghttp2_session *h2;           /* NULL: never connected */
    struct grpc_question question; /* its strings are ours, its message is in out */
    struct buf out;                /* framed question */
    size_t sent;
    char timeout[16]; /* as a header says it */
    struct buf in;    /* framed answer, as far as it came and was not handed on */
    unsigned http_status;
    int status;        /* of the trailers */
    char words[256];   /* grpc-message */
    uint64_t heard_ms; /* when a frame came last, by the loop's time */
    bool asked;        /* by a PING, which no frame has followed */
    struct err e;      /* what went wrong on our side */
    bool answered;     /* the server has said its last word, or the stream is gone */
    bool over;         /* no callback any more */
    bool in_session;   /* nghttp2 is on the stack: nothing may be torn down */
    unsigned n_handles;
};

static void request_free(struct grpc_request *q)
{
    if (!q)
        return;
    nghttp2_session_del(q->h2);
    buf_done(&q->out);
    buf_done(&q->in);
    free((void *)q->question.socket_path);
    free((void *)q->question.method);
    free(q);
}

OWN_POINTER(struct grpc_request, request_free);

static void handle_closed(uv_handle_t *handle)
{
    struct grpc_request *q = handle->data;

    if (--q->n_handles == 0)
        request_free(q);
}

static void tear_down(struct grpc_request *q)
{
    if (q->n_handles == 2)
        wire_close(&q->wire, handle_closed);
    uv_close((uv_handle_t *)&q->timer, handle_closed);
}

/* The one end of a call: q->e says what went wrong, if anything. */
static void settle(struct grpc_request *q)
{
    const struct grpc_question *question = &q->question;

    if (q->over)
        return;
    q->over = true;
    tear_down(q);
    if (q->e.code)
        (void)err_wrap(&q->e, "%s at '%s'", question->method, question->socket_path);
    question->done_cb(question->self, -q->e.code, &q->e);
}

static void time_is_up(uv_timer_t *timer)
{
    struct grpc_request *q = timer->data;

    if (!q->e.code)
        (void)err_set(&q->e, ETIMEDOUT, "no answer within %u ms", q->question.timeout_ms);
    settle(q);
}

/* What the server's last word means. */
static void judge(struct grpc_request *q)
{
    if (q->e.code)
        return;
    if (q->http_status != 200 && q->http_status != 0)
        (void)err_set(&q->e, EPROTO, "HTTP status %u", q->http_status);
    else if (q->status == NO_STATUS)
        (void)err_set(&q->e, EPROTO, "the answer has no status");
    else if (q->status != GRPC_OK)
        (void)err_set(&q->e, grpc_status_errno((unsigned)q->status), "%s: %s",
                      grpc_status_name((unsigned)q->status), q->words);
    else if (q->in.size > 0)
        (void)err_set(&q->e, EPROTO, "the answer ends inside a message");
}

/* A peer that has closed may have answered before: only reading tells. */
static int write_on(struct grpc_request *q)
{
    int r = wire_write(&q->wire);

    return r == -ECONNRESET ? 0 : r;
}

static void ready(uv_poll_t *poll, int status, int events)
{
    struct grpc_request *q = poll->data;
    int r = 0;

    q->in_session = true;
    if (status < 0)
        r = wire_drain(&q->wire);
    else if (events & UV_READABLE)
        r = wire_read(&q->wire);
    if (r == 0 && !q->over && !q->answered)
        r = write_on(q);
    q->in_session = false;
    if (q->over) { /* cancelled by its own message callback */
        tear_down(q);
        return;
    }
    if (q->answered)
        judge(q);
    else if (r < 0 && !q->e.code)
        (void)err_errno(&q->e, -r, "connection lost");
    else if (wire_is_over(&q->wire) && !q->e.code)
        (void)err_set(&q->e, ECONNRESET, "connection ended by the server");
    if (q->answered || q->e.code)
        settle(q);
}

/*
 * A server that stands still keeps its socket open: a PING in the middle of a silence tells. What
 * came while this process itself stood still is read first, and is a sign of life too.
 */
static void listen_for_life(uv_timer_t *timer)
{
    struct grpc_request *q = timer->data;
    const unsigned half_ms = q->question.silence_ms / 2;
    uint64_t quiet_ms;

    ready(&q->wire.poll, 0, UV_READABLE);
    if (q->over)
        return;
    quiet_ms = uv_now(timer->loop) - q->heard_ms;
    if (quiet_ms < half_ms) {
        (void)uv_timer_start(timer, listen_for_life, half_ms - quiet_ms, 0);
        return;
    }
    if (q->asked) {
        (void)err_set(&q->e, EHOSTDOWN, "no sign of life for %u s: it is stopped, or hangs",
                      q->question.silence_ms / 1000);
        settle(q);
        return;
    }
    q->asked = nghttp2_submit_ping(q->h2, NGHTTP2_FLAG_NONE, NULL) == 0;
    (void)write_on(q); /* a connection that is lost is seen where it is read */
    (void)uv_timer_start(timer, listen_for_life, half_ms, 0);
}

static bool equals(const uint8_t *text, size_t size, const char *wanted)
{
    return size == strlen(wanted) && memcmp(text, wanted, size) == 0;
}

static int on_header(nghttp2_session *h2, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_size, const uint8_t *value, size_t size, uint8_t flags, void *user)
{
    struct grpc_request *q = user;

    (void)h2;
    (void)frame;
    (void)flags;
    if (equals(name, name_size, ":status"))
        q->http_status = grpc_status_parse(value, size);
    else if (equals(name, name_size, "grpc-status"))
        q->status = (int)grpc_status_parse(value, size);
    else if (equals(name, name_size, "grpc-message"))
        (void)grpc_status_decode(q->words, sizeof q->words, value, size);
    return 0;
}

/* Whole messages in what came go to the caller. */
static void hand_on(struct grpc_request *q)
{
    const uint8_t *message;
    size_t length, used = 0;

    while (!q->over) {
        int r = grpc_frame_read(&message, &length, (const uint8_t *)q->in.data + used,
                                q->in.size - used, q->question.max_answer, &q->e);

        if (r <= 0)
            break;
        used += GRPC_FRAME_PREFIX + length;
        if (q->question.message_cb)
            q->question.message_cb(q->question.self, message, length);
    }
    buf_consume(&q->in, used);
    if (q->in.size == 0)
        buf_done(&q->in);
}

static int on_data(nghttp2_session *h2, uint8_t flags, int32_t stream_id, const uint8_t *bytes,
                   size_t size, void *user)
{
    struct grpc_request *q = user;

    (void)h2;
    (void)flags;
    (void)stream_id;
    if (q->over || q->answered || q->e.code)
        return 0;
    buf_add(&q->in, bytes, size);
    if (buf_check(&q->in, &q->e) == 0)
        hand_on(q);
    return 0;
}

static int on_frame(nghttp2_session *h2, const nghttp2_frame *frame, void *user)
{
    struct grpc_request *q = user;

    (void)h2;
    q->heard_ms = uv_now(q->timer.loop);
    q->asked = false;
    if ((frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
        (frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        q->answered = true;
    return 0;
}

static int on_close(nghttp2_session *h2, int32_t stream_id, uint32_t error_code, void *user)
{
    struct grpc_request *q = user;

    (void)h2;
    (void)stream_id;
    if (q->answered || q->e.code)
        return 0;
    if (error_code == NGHTTP2_REFUSED_STREAM)
        (void)err_set(&q->e, EAGAIN, "refused by the server");
    else
        (void)err_set(&q->e, ECONNRESET, "reset by the server: %s",
                      nghttp2_http2_strerror(error_code));
    return 0;
}

static ssize_t read_question(nghttp2_session *h2, int32_t stream_id, uint8_t *bytes, size_t room,
                             uint32_t *flags, nghttp2_data_source *source, void *user)
{
    struct grpc_request *q = source->ptr;
    size_t n = q->out.size - q->sent;

    (void)h2;
    (void)stream_id;
    (void)user;
    if (n > room)
        n = room;
    memcpy(bytes, q->out.data + q->sent, n);
    q->sent += n;
    if (q->sent == q->out.size) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        buf_done(&q->out);
        q->sent = 0;
    }
    return (ssize_t)n;
}

/* Milliseconds, or seconds where those have more than the 8 digits that the protocol allows. */
static void print_timeout(struct grpc_request *q)
{
    unsigned timeout_ms = q->question.timeout_ms;
    bool large = timeout_ms > 99999999;

    (void)snprintf(q->timeout, sizeof q->timeout, "%u%c", large ? timeout_ms / 1000 : timeout_ms,
                   large ? 'S' : 'm');
}

static int submit(struct grpc_request *q)
{
    const nghttp2_nv nv[] = {
        WIRE_HEADER(":method", "POST"),
        WIRE_HEADER(":scheme", "http"),
        WIRE_HEADER(":path", q->question.method),
        WIRE_HEADER(":authority", "localhost"),
        WIRE_HEADER("content-type", "application/grpc"),
        WIRE_HEADER("te", "trailers"),
        WIRE_HEADER("user-agent", "carve"),
        WIRE_HEADER("grpc-timeout", q->timeout),
    };
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW},
    };
    const nghttp2_data_provider data = {.source.ptr = q, .read_callback = read_question};
    size_t n = sizeof nv / sizeof nv[0] - (q->question.timeout_ms == 0);

    if (nghttp2_submit_settings(q->h2, NGHTTP2_FLAG_NONE, settings, 2) != 0 ||
        nghttp2_session_set_local_window_size(q->h2, NGHTTP2_FLAG_NONE, 0, WINDOW) != 0 ||
        nghttp2_submit_request(q->h2, NULL, nv, n, &data, NULL) < 0)
        return -ENOMEM;
    return 0;
}

static int open_h2(struct grpc_request *q)
{
    nghttp2_session_callbacks *calls = NULL;
    nghttp2_option *option = NULL;
    int r = NGHTTP2_ERR_NOMEM;

    if (nghttp2_session_callbacks_new(&calls) == 0 && nghttp2_option_new(&option) == 0) {
        nghttp2_option_set_no_http_messaging(option, 1);
        nghttp2_session_callbacks_set_on_header_callback(calls, on_header);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(calls, on_data);
        nghttp2_session_callbacks_set_on_frame_recv_callback(calls, on_frame);
        nghttp2_session_callbacks_set_on_stream_close_callback(calls, on_close);
        r = nghttp2_session_client_new2(&q->h2, calls, q, option);
    }
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(calls);
    return r == 0 ? submit(q) : -ENOMEM;
}

/* A connected socket, or negative errno. */
static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    OWN_FD int fd = -1;

    if (!TEXT_COPY(address.sun_path, path))
        return -ENAMETOOLONG;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        return -errno;
    return TAKE_FD(fd);
}

static int open_wire(struct grpc_request *q)
{
    int fd = connect_to(q->question.socket_path);
    int r;

    if (fd < 0)
        return err_errno(&q->e, -fd, "connect");
    r = open_h2(q);
    if (r < 0) {
        (void)close(fd);
        return err_memory(&q->e);
    }
    r = wire_open_take(&q->wire, q->timer.loop, fd, q->h2, ready);
    if (r < 0)
        return err_errno(&q->e, -r, "connect");
    q->wire.poll.data = q;
    q->n_handles = 2;
    r = write_on(q);
    return r < 0 ? err_errno(&q->e, -r, "connection lost") : 0;
}

static int copy_question(struct grpc_request *q, const struct grpc_question *question,
                         struct err *e)
{
    uint8_t prefix[GRPC_FRAME_PREFIX];

    q->question = *question;
    print_timeout(q);
    q->question.message = NULL;
    q->question.socket_path = strdup(question->socket_path);
    q->question.method = strdup(question->method);
    buf_init(&q->in, question->max_answer + GRPC_FRAME_PREFIX + MAX_CHUNK);
    buf_init(&q->out, question->size + sizeof prefix);
    grpc_frame_prefix(prefix, question->size);
    buf_add(&q->out, prefix, sizeof prefix);
    buf_add(&q->out, question->message, question->size);
    if (!q->question.socket_path || !q->question.method || q->out.failed)
        return err_memory(e);
    return 0;
}

int grpc_start(struct grpc_request **out, uv_loop_t *loop, const struct grpc_question *question,
               struct err *e)
{
    OWN(request_freep) struct grpc_request *q = calloc(1, sizeof *q);
    int r;

    if (!q)
        return err_memory(e);
    q->status = NO_STATUS;
    r = copy_question(q, question, e);
    if (r < 0)
        return r;
    (void)uv_timer_init(loop, &q->timer);
    q->timer.data = q;
    q->n_handles = 1;
    r = open_wire(q);
    uv_update_time(loop); /* the time is counted from now, not from the loop's last turn */
    q->heard_ms = uv_now(loop);
    if (r < 0 || question->timeout_ms > 0) /* an error is told from the loop, not from here */
        (void)uv_timer_start(&q->timer, time_is_up, r < 0 ? 0 : question->timeout_ms, 0);
    else if (question->silence_ms > 0)
        (void)uv_timer_start(&q->timer, listen_for_life, question->silence_ms / 2, 0);
    *out = TAKE(q);
    return 0;
}

void grpc_cancel(struct grpc_request *request)
{
    if (request->over)
        return;
    request->over = true;
    if (!request->in_session)
        tear_down(request);
}
