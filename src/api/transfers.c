/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcurl's multi interface on libuv: see transfers.h. libcurl says which sockets to watch and when
 * to be called; each socket is a uv_poll_t of its own, which ends before its descriptor does.
 */
#include "api/transfers.h"

#include <errno.h>
#include <stdlib.h>

#include "base/err.h"

enum { IDLE_CONNECTIONS_MAX = 4 };

struct transfers {
    CURLM *multi;
    uv_timer_t alarm; /* when libcurl wants to be called */
    transfers_turn *turn;
    void *self;
    bool inside;
};

struct transfers_socket {
    uv_poll_t poll;
    struct transfers *owner;
    curl_socket_t fd;
};

static void go_on(struct transfers *t, curl_socket_t fd, int events)
{
    int running;

    t->inside = true;
    (void)curl_multi_socket_action(t->multi, fd, events, &running);
    t->inside = false;
    t->turn(t->self);
}

static void on_alarm(uv_timer_t *timer)
{
    go_on(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    const struct transfers_socket *s = poll->data;
    int what = 0;

    if (status < 0)
        what = CURL_CSELECT_ERR;
    if (events & UV_READABLE)
        what |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE)
        what |= CURL_CSELECT_OUT;
    go_on(s->owner, s->fd, what);
}

static void on_poll_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static struct transfers_socket *new_socket(struct transfers *t, curl_socket_t fd)
{
    struct transfers_socket *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    if (uv_poll_init_socket(t->alarm.loop, &s->poll, fd) < 0) {
        free(s);
        return NULL;
    }
    s->poll.data = s;
    s->owner = t;
    s->fd = fd;
    return s;
}

/* libcurl's wish for one socket; `mine` is what was assigned to it. */
static int on_socket(CURL *curl, curl_socket_t fd, int what, void *self, void *mine)
{
    struct transfers *t = self;
    struct transfers_socket *s = mine;
    int events = 0;

    (void)curl;
    if (what == CURL_POLL_REMOVE) {
        if (s) {
            (void)uv_poll_stop(&s->poll);
            uv_close((uv_handle_t *)&s->poll, on_poll_closed);
            (void)curl_multi_assign(t->multi, fd, NULL);
        }
        return 0;
    }
    if (!s) {
        s = new_socket(t, fd);
        if (!s)
            return -1;
        (void)curl_multi_assign(t->multi, fd, s);
    }
    if (what != CURL_POLL_OUT)
        events |= UV_READABLE;
    if (what != CURL_POLL_IN)
        events |= UV_WRITABLE;
    return uv_poll_start(&s->poll, events, on_ready) < 0 ? -1 : 0;
}

static int on_wish(CURLM *multi, long timeout_ms, void *self)
{
    struct transfers *t = self;

    (void)multi;
    if (timeout_ms < 0)
        (void)uv_timer_stop(&t->alarm);
    else
        (void)uv_timer_start(&t->alarm, on_alarm, (uint64_t)timeout_ms, 0);
    return 0;
}

int transfers_open(struct transfers **out, uv_loop_t *loop, transfers_turn *turn, void *self,
                   struct err *e)
{
    struct transfers *t = calloc(1, sizeof *t);

    if (!t)
        return err_memory(e);
    t->multi = curl_multi_init();
    if (!t->multi) {
        free(t);
        return err_memory(e);
    }
    t->turn = turn;
    t->self = self;
    (void)uv_timer_init(loop, &t->alarm);
    t->alarm.data = t;
    (void)curl_multi_setopt(t->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    (void)curl_multi_setopt(t->multi, CURLMOPT_SOCKETDATA, t);
    (void)curl_multi_setopt(t->multi, CURLMOPT_TIMERFUNCTION, on_wish);
    (void)curl_multi_setopt(t->multi, CURLMOPT_TIMERDATA, t);
    (void)curl_multi_setopt(t->multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
    (void)curl_multi_setopt(t->multi, CURLMOPT_MAXCONNECTS, (long)IDLE_CONNECTIONS_MAX);
    *out = t;
    return 0;
}

static void on_alarm_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void transfers_close(struct transfers *t)
{
    if (!t)
        return;
    (void)curl_multi_cleanup(t->multi);
    uv_close((uv_handle_t *)&t->alarm, on_alarm_closed);
}

bool transfers_inside(const struct transfers *t)
{
    return t->inside;
}

int transfers_add(struct transfers *t, CURL *curl, struct err *e)
{
    CURLMcode r = curl_multi_add_handle(t->multi, curl);

    return r == CURLM_OK ? 0 : err_set(e, EIO, "libcurl: %s", curl_multi_strerror(r));
}

void transfers_remove(struct transfers *t, CURL *curl)
{
    (void)curl_multi_remove_handle(t->multi, curl);
}

CURL *transfers_next(struct transfers *t, CURLcode *result)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(t->multi, &left)))
        if (message->msg == CURLMSG_DONE) {
            *result = message->data.result;
            return message->easy_handle;
        }
    return NULL;
}
