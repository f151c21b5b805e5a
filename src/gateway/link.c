/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The watch of carved's state, which is begun again for ever: see link.h. While carved is away the
 * folder of its socket is watched too, so that its return is seen at once and not only when the
 * back-off ends. The calls are in link_call.c.
 */
#include "gateway/link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "gateway/events.h"
#include "gateway/gateway.h"
#include "gateway/link_call.h"
#include "node/node_state.h"

enum {
    FIRST_MS = 100,
    LAST_MS = 5000,
    SOON_MS = 50,      /* after something in the folder has changed */
    FOLDER_SIZE = 128, /* a socket's path is shorter */
};

static void connect_now(uv_timer_t *timer);

static void closed(uv_handle_t *handle)
{
    struct link *l = handle->data;

    if (--l->n_handles > 0)
        return;
    node_state_free(l->state);
    free(l);
}

/* The folder changed while carved is away: perhaps its socket has come. */
static void folder_changed(uv_fs_event_t *folder, const char *name, int events, int status)
{
    struct link *l = folder->data;

    (void)name;
    (void)events;
    (void)status;
    (void)uv_fs_event_stop(folder);
    if (!l->watch)
        (void)uv_timer_start(&l->retry, connect_now, SOON_MS, 0);
}

/* A folder that is not there is tried again with the next connection. */
static void watch_folder(struct link *l)
{
    char folder[FOLDER_SIZE];
    const char *socket = l->g->options.socket;
    const char *slash = strrchr(socket, '/');
    size_t size = slash ? (size_t)(slash - socket) : 0;

    if (size == 0 || size >= sizeof folder)
        return;
    memcpy(folder, socket, size);
    folder[size] = '\0';
    (void)uv_fs_event_stop(&l->folder);
    (void)uv_fs_event_start(&l->folder, folder_changed, folder, 0);
}

static void away_for_long(uv_timer_t *timer)
{
    struct link *l = timer->data;

    l->told = true;
    events_tell(l->g->events, true, "CarvedAway",
                "carved has not answered for %u s: %s; running containers go on and the last state "
                "is kept; see the log of container carved",
                l->g->options.carved_grace_ms / 1000, l->error.msg);
    gateway_changed(l->g);
}

static void is_up(struct link *l)
{
    l->up = true;
    backoff_clear(&l->backoff);
    (void)uv_timer_stop(&l->away);
    (void)uv_fs_event_stop(&l->folder);
    log_event(LOG_INFO, "carved answers version=%s", l->state->version);
    if (l->told)
        events_tell(l->g->events, false, "CarvedBack", "carved answers again");
    l->told = false;
}

unsigned link_silence_ms(const struct link *l)
{
    unsigned grace_ms = l->g->options.carved_grace_ms;

    return grace_ms > LINK_SILENCE_MS ? grace_ms : LINK_SILENCE_MS;
}

/* A silence is part of the grace: it is counted from what carved said last. */
static void begin_grace(struct link *l, const struct err *e)
{
    unsigned silent_ms = e->code == EHOSTDOWN ? link_silence_ms(l) : 0;
    unsigned grace_ms = l->g->options.carved_grace_ms;

    l->down_since_ms = uv_now(l->g->loop) - silent_ms;
    (void)uv_timer_start(&l->away, away_for_long, grace_ms > silent_ms ? grace_ms - silent_ms : 0,
                         0);
}

static void is_down(struct link *l, const struct err *e)
{
    unsigned wait_ms = backoff_wait_ms(&l->backoff);

    l->error = *e;
    link_call_words(l, "Watch", &l->error);
    if (l->up || !l->warned)
        log_event(LOG_WARNING, "carved is away, keeping what it told last reason=\"%s\"",
                  l->error.msg);
    l->warned = true;
    if (l->up) {
        l->up = false;
        begin_grace(l, e);
        gateway_changed(l->g);
    }
    watch_folder(l);
    (void)uv_timer_start(&l->retry, connect_now, wait_ms, 0);
    link_call_lost(l, &l->error);
}

static void watch_ended(void *self, int r, const struct err *e)
{
    struct link *l = self;
    struct err ended = {0};

    l->watch = NULL;
    if (r == 0)
        (void)err_set(&ended, ECONNRESET, "carved ended the connection");
    is_down(l, r == 0 ? &ended : e);
}

static void state_came(void *self, const uint8_t *message, size_t size)
{
    struct link *l = self;
    struct node_state *state;
    struct err e = {0};

    if (node_state_unpack(&state, message, size, &e) < 0) {
        grpc_cancel(TAKE(l->watch));
        (void)err_wrap(&e, "the state that carved tells");
        is_down(l, &e);
        return;
    }
    node_state_free(l->state);
    l->state = state;
    if (!l->up)
        is_up(l);
    gateway_changed(l->g);
    link_call_state_came(l);
}

void link_begin_again(struct link *l)
{
    if (l->watch)
        grpc_cancel(TAKE(l->watch));
    (void)uv_timer_start(&l->retry, connect_now, 0, 0);
}

static void connect_now(uv_timer_t *timer)
{
    struct link *l = timer->data;
    struct err e = {0};
    const struct grpc_question question = {
        .socket_path = l->g->options.socket,
        .method = LINK_METHODS "Watch",
        .silence_ms = link_silence_ms(l),
        .max_answer = NODE_STATE_MAX_BYTES,
        .message_cb = state_came,
        .done_cb = watch_ended,
        .self = l,
    };

    if (grpc_start(&l->watch, l->g->loop, &question, &e) < 0)
        is_down(l, &e);
}

int link_open(struct link **out, struct gateway *g, struct err *e)
{
    struct link *l = calloc(1, sizeof *l);

    if (!l)
        return err_memory(e);
    l->g = g;
    l->backoff = (struct backoff){.first_ms = FIRST_MS, .last_ms = LAST_MS};
    l->down_since_ms = uv_now(g->loop);
    (void)err_set(&l->error, ENOTCONN, "it has not answered yet");
    LIST_INIT(&l->calls);
    (void)uv_timer_init(g->loop, &l->retry);
    (void)uv_timer_init(g->loop, &l->away);
    (void)uv_fs_event_init(g->loop, &l->folder);
    l->retry.data = l->away.data = l->folder.data = l;
    l->n_handles = 3;
    (void)uv_timer_start(&l->retry, connect_now, 0, 0);
    (void)uv_timer_start(&l->away, away_for_long, g->options.carved_grace_ms, 0);
    *out = l;
    return 0;
}

void link_close(struct link *l)
{
    if (!l)
        return;
    if (l->watch)
        grpc_cancel(TAKE(l->watch));
    link_call_end_all(l);
    uv_close((uv_handle_t *)&l->retry, closed);
    uv_close((uv_handle_t *)&l->away, closed);
    uv_close((uv_handle_t *)&l->folder, closed);
}

const struct node_state *link_state(const struct link *l)
{
    return l ? l->state : NULL;
}

bool link_up(const struct link *l)
{
    return l->up;
}

uint64_t link_down_since_ms(const struct link *l)
{
    return l->down_since_ms;
}

const char *link_error(const struct link *l)
{
    return l->error.msg;
}
