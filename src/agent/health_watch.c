/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread that waits for events: see health_watch.h. Between it and the loop there is a short
 * queue in which equal events are one. When that is full the thread waits for the loop, and the
 * driver keeps what comes. A watch that is left while its thread hangs is freed by that.
 */
#include "agent/health_watch.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/own.h"
#include "gpu/driver_events.h"

enum {
    WAIT_MS = 30 * 1000, /* of one call of the driver; a signal ends it */
    NUDGE_MS = 20,
    QUEUE_MAX = 32,
    LEAVE_WAIT_MS = 1000,
};

struct queued {
    struct driver_event event;
    uint32_t times;
};

struct health_watch {
    uv_async_t async;
    uv_timer_t timer, nudge;
    unsigned open_handles;
    uv_thread_t thread;
    char *driver_root;
    struct health_watch_handlers handlers; /* the loop's */
    bool began, leaving, joined;           /* the loop's */
    bool *out_left;

    /* shared, under the lock */
    uv_mutex_t lock;
    uv_cond_t room;
    bool opened;
    unsigned n_gpus;
    size_t n_queued;
    struct queued queue[QUEUE_MAX];
    bool stop, finished;
    bool mute;      /* the loop listens no more */
    bool abandoned; /* the thread frees the watch */
    int r;
    struct err error;
};

static void watch_free(struct health_watch *w)
{
    if (!w)
        return;
    uv_cond_destroy(&w->room);
    uv_mutex_destroy(&w->lock);
    free(w->driver_root);
    free(w);
}

static bool same_event(const struct driver_event *a, const struct driver_event *b)
{
    return a->kind == b->kind && a->xid == b->xid && a->gi_id == b->gi_id && a->ci_id == b->ci_id &&
           strcmp(a->gpu_uuid, b->gpu_uuid) == 0;
}

static bool told_to_stop(struct health_watch *w)
{
    bool stop;

    uv_mutex_lock(&w->lock);
    stop = w->stop;
    uv_mutex_unlock(&w->lock);
    return stop;
}

/* On the thread. */
static void put(struct health_watch *w, const struct driver_event *event)
{
    size_t at = 0;

    uv_mutex_lock(&w->lock);
    while (at < w->n_queued && !same_event(&w->queue[at].event, event))
        at++;
    if (at == w->n_queued) {
        while (w->n_queued == QUEUE_MAX && !w->stop)
            uv_cond_wait(&w->room, &w->lock);
        if (!w->stop)
            w->queue[w->n_queued++] = (struct queued){*event, 1};
    } else if (w->queue[at].times < UINT32_MAX) {
        w->queue[at].times++;
    }
    if (!w->stop)
        (void)uv_async_send(&w->async);
    uv_mutex_unlock(&w->lock);
}

static void tell_opened(struct health_watch *w, unsigned n_gpus)
{
    uv_mutex_lock(&w->lock);
    w->opened = true;
    w->n_gpus = n_gpus;
    if (!w->stop)
        (void)uv_async_send(&w->async);
    uv_mutex_unlock(&w->lock);
}

static int watch_events(struct health_watch *w, struct err *e)
{
    struct driver_events door = {0};
    int r = driver_events_open_nvml(&door, w->driver_root, e);

    if (r >= 0)
        tell_opened(w, door.n_gpus);
    while (r >= 0 && !told_to_stop(w)) {
        struct driver_event event;

        r = door.wait(door.self, &event, WAIT_MS, e);
        if (r > 0)
            put(w, &event);
    }
    driver_events_close(&door);
    return r < 0 ? r : 0;
}

static void thread_main(void *argument)
{
    struct health_watch *w = argument;
    struct err e = {0};
    bool abandoned;
    int r = watch_events(w, &e);

    uv_mutex_lock(&w->lock);
    w->r = r;
    w->error = e;
    w->finished = true;
    abandoned = w->abandoned;
    if (!w->mute)
        (void)uv_async_send(&w->async);
    uv_mutex_unlock(&w->lock);
    if (abandoned)
        watch_free(w);
}

static void on_closed(uv_handle_t *handle)
{
    struct health_watch *w = handle->data;
    bool left;

    if (--w->open_handles > 0)
        return;
    uv_mutex_lock(&w->lock);
    left = !w->finished;
    if (left) {
        *w->out_left = true;
        w->abandoned = true;
        (void)pthread_detach(w->thread);
    }
    uv_mutex_unlock(&w->lock);
    if (left)
        return; /* the thread may have freed it by now */
    if (!w->joined)
        (void)uv_thread_join(&w->thread);
    watch_free(w);
}

static void close_handles(struct health_watch *w)
{
    uv_close((uv_handle_t *)&w->async, on_closed);
    uv_close((uv_handle_t *)&w->timer, on_closed);
    uv_close((uv_handle_t *)&w->nudge, on_closed);
}

static void end(struct health_watch *w)
{
    const struct health_watch_handlers handlers = w->handlers;
    struct err e = w->error;
    int r = w->r;
    bool leaving = w->leaving;

    (void)uv_thread_join(&w->thread);
    w->joined = true;
    close_handles(w);
    if (!leaving)
        handlers.ended(handlers.self, r, &e);
}

static void on_async(uv_async_t *async)
{
    struct health_watch *w = async->data;
    struct queued events[QUEUE_MAX];
    size_t n;
    unsigned n_gpus;
    bool finished, begins;

    uv_mutex_lock(&w->lock);
    begins = w->opened && !w->began;
    n_gpus = w->n_gpus;
    n = w->n_queued;
    memcpy(events, w->queue, n * sizeof events[0]);
    w->n_queued = 0;
    finished = w->finished;
    uv_cond_signal(&w->room);
    uv_mutex_unlock(&w->lock);
    w->began |= begins;
    if (begins && !w->leaving)
        w->handlers.began(w->handlers.self, n_gpus);
    for (size_t i = 0; i < n && !w->leaving; i++)
        w->handlers.event(w->handlers.self, &events[i].event, events[i].times);
    if (finished)
        end(w);
}

static void on_signal(int number)
{
    (void)number;
}

int health_watch_start(struct health_watch **out, uv_loop_t *loop, const char *driver_root,
                       const struct health_watch_handlers *handlers, struct err *e)
{
    const struct sigaction nudged = {.sa_handler = on_signal};
    OWN_MEM struct health_watch *w = calloc(1, sizeof *w);
    int r;

    if (!w)
        return err_memory(e);
    w->handlers = *handlers;
    w->async.data = w;
    w->timer.data = w;
    w->nudge.data = w;
    w->driver_root = strdup(driver_root);
    if (!w->driver_root)
        return err_memory(e);
    if (uv_mutex_init(&w->lock) < 0 || uv_cond_init(&w->room) < 0) {
        free(w->driver_root);
        return err_memory(e);
    }
    r = uv_async_init(loop, &w->async, on_async);
    if (r < 0) {
        watch_free(TAKE(w));
        return err_set(e, -r, "watch for events: %s", uv_strerror(r));
    }
    (void)uv_timer_init(loop, &w->timer);
    (void)uv_timer_init(loop, &w->nudge);
    w->open_handles = 3;
    (void)sigaction(SIGUSR1, &nudged, NULL);
    r = uv_thread_create(&w->thread, thread_main, w);
    if (r < 0) {
        w->finished = w->joined = true;
        close_handles(TAKE(w));
        return err_set(e, -r, "start the thread that watches for events: %s", uv_strerror(r));
    }
    *out = TAKE(w);
    return 0;
}

/* Again and again: a signal that comes just before the driver begins to wait ends nothing. */
static void nudge(uv_timer_t *timer)
{
    struct health_watch *w = timer->data;

    (void)pthread_kill(w->thread, SIGUSR1);
}

void health_watch_stop(struct health_watch *w)
{
    uv_mutex_lock(&w->lock);
    w->stop = true;
    uv_cond_signal(&w->room);
    uv_mutex_unlock(&w->lock);
    if (!w->joined)
        (void)uv_timer_start(&w->nudge, nudge, 0, NUDGE_MS);
}

/* It hangs in the driver: the loop goes on without it. */
static void overdue(uv_timer_t *timer)
{
    struct health_watch *w = timer->data;

    uv_mutex_lock(&w->lock);
    w->mute = true;
    uv_mutex_unlock(&w->lock);
    close_handles(w);
}

void health_watch_leave(struct health_watch *w, bool *out_left)
{
    w->leaving = true;
    w->out_left = out_left;
    health_watch_stop(w);
    (void)uv_timer_start(&w->timer, overdue, LEAVE_WAIT_MS, 0);
}
