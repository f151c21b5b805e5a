/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connected unix socket on the loop with an HTTP/2 session on top: bytes up, bytes down, never
 * blocking, never a SIGPIPE. What the bytes mean is the session's business.
 */
#ifndef KUBE_WIRE_H
#define KUBE_WIRE_H

#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <uv.h>

#include "base/buf.h"

/* A header for nghttp2, which copies neither part: both must stay until the frame was sent. */
#define WIRE_HEADER(header, text)                                                                  \
    {                                                                                              \
        .name = (uint8_t *)(header), .value = (uint8_t *)(text), .namelen = strlen(header),        \
        .valuelen = strlen(text),                                                                  \
        .flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE                      \
    }

/* Owns the descriptor; borrows the session. */
struct wire {
    uv_poll_t poll;
    uv_poll_cb ready;
    nghttp2_session *session;
    struct buf pending; /* what the socket has not taken yet, at most some frames */
    int fd;
    bool waits_for_room;
};

/* Takes fd; `ready` is called when there is something to read or room to write. */
int wire_open_take(struct wire *w, uv_loop_t *loop, int fd, nghttp2_session *session,
                   uv_poll_cb ready);

/* Socket to session: 0, -ECONNRESET at the end of the stream, another negative errno. */
int wire_read(struct wire *w);

/*
 * For a `ready` that reports an error: the peer closed with bytes of ours unread, and what it said
 * before is still there. Reads it; always negative.
 */
int wire_drain(struct wire *w);

/*
 * Session to socket until either has enough: 0, -ECONNRESET when nobody reads any more (there may
 * still be something to read), another negative errno. With the socket full, `ready` comes when
 * there is room again.
 */
int wire_write(struct wire *w);

/* Neither side has anything more to say. */
bool wire_is_over(const struct wire *w);

/* Closes the socket; `closed` is called when the loop has let go of w, which is yours again. */
void wire_close(struct wire *w, uv_close_cb closed);

#endif
