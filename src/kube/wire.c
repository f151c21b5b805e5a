/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A socket with an HTTP/2 session on top: see wire.h. The frames of one turn go out in one send;
 * buffers live only while there is something in them.
 */
#include "kube/wire.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    READ_BLOCK = 16 << 10,
    READ_ROUNDS = 8,   /* then other sockets have their turn */
    DRAIN_ROUNDS = 16, /* more than a socket's buffer holds */
    WRITE_BLOCK = 32 << 10,
    MAX_PENDING = 4 * WRITE_BLOCK,
    WRITE_ROUNDS = 32,
    KEPT_BYTES = 1024, /* a larger buffer is given back once it is empty */
};

int wire_open_take(struct wire *w, uv_loop_t *loop, int fd, nghttp2_session *session,
                   uv_poll_cb ready)
{
    int r = uv_poll_init(loop, &w->poll, fd);

    if (r < 0) {
        (void)close(fd);
        return r;
    }
    w->fd = fd;
    w->session = session;
    w->ready = ready;
    w->waits_for_room = false;
    buf_init(&w->pending, MAX_PENDING);
    (void)uv_poll_start(&w->poll, UV_READABLE, ready); /* cannot fail on a fresh handle */
    return 0;
}

int wire_read(struct wire *w)
{
    uint8_t block[READ_BLOCK];

    for (unsigned i = 0; i < READ_ROUNDS; i++) {
        ssize_t n = recv(w->fd, block, sizeof block, MSG_DONTWAIT);
        ssize_t r;

        if (n == 0)
            return -ECONNRESET;
        if (n < 0)
            return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        r = nghttp2_session_mem_recv(w->session, block, (size_t)n);
        if (r < 0)
            return r == NGHTTP2_ERR_NOMEM ? -ENOMEM : -EPROTO;
        if ((size_t)n < sizeof block)
            return 0;
    }
    return 0;
}

int wire_drain(struct wire *w)
{
    int r = 0;

    for (unsigned i = 0; i < DRAIN_ROUNDS && r == 0; i++)
        r = wire_read(w);
    return r < 0 ? r : -ECONNRESET;
}

/* Moves frames into the buffer until it holds a block: 0 or negative errno. */
static int gather(struct wire *w)
{
    while (w->pending.size < WRITE_BLOCK) {
        const uint8_t *frame;
        ssize_t n = nghttp2_session_mem_send(w->session, &frame);

        if (n < 0)
            return n == NGHTTP2_ERR_NOMEM ? -ENOMEM : -EPROTO;
        if (n == 0)
            return 0;
        buf_add(&w->pending, frame, (size_t)n);
        if (w->pending.failed)
            return -ENOMEM;
    }
    return 0;
}

/* Buffer to socket: 1 if the socket took all, 0 if it is full, negative errno. */
static int push(struct wire *w)
{
    ssize_t n = send(w->fd, w->pending.data, w->pending.size, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n < 0)
        return errno == EPIPE ? -ECONNRESET : -errno;
    buf_consume(&w->pending, (size_t)n);
    return w->pending.size == 0;
}

static int wait_for_room(struct wire *w, bool wanted)
{
    if (w->waits_for_room == wanted)
        return 0;
    w->waits_for_room = wanted;
    return uv_poll_start(&w->poll, wanted ? UV_READABLE | UV_WRITABLE : UV_READABLE, w->ready);
}

int wire_write(struct wire *w)
{
    for (unsigned i = 0; i < WRITE_ROUNDS; i++) {
        int r = gather(w);

        if (r < 0)
            return r;
        if (w->pending.size == 0) {
            if (w->pending.capacity > KEPT_BYTES)
                buf_done(&w->pending);
            return wait_for_room(w, false);
        }
        r = push(w);
        if (r < 0)
            return r;
        if (r == 0)
            break;
    }
    return wait_for_room(w, true);
}

bool wire_is_over(const struct wire *w)
{
    return w->pending.size == 0 && !nghttp2_session_want_read(w->session) &&
           !nghttp2_session_want_write(w->session);
}

void wire_close(struct wire *w, uv_close_cb closed)
{
    uv_close((uv_handle_t *)&w->poll, closed);
    (void)close(w->fd);
    buf_done(&w->pending);
}
