/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver's thread: see worker.h. The queue belongs to the loop, which hands the thread one task
 * at a time and so always knows which one runs and since when; only the hand-over is shared:
 *
 *   loop: queue -> running --given--> thread: run() --finished--> loop: done(), release()
 *
 * A closed worker whose task does not end is left to its thread (`abandoned`), which frees it.
 */
#include "agent/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/own.h"

enum { CLOSE_WAIT_MS = 1000 };

struct task {
    struct worker_job job;
    struct task *next;
    int r;
    struct err e;
};

struct worker {
    uv_async_t async;
    uv_timer_t timer;
    uv_thread_t thread;
    bool has_thread;
    unsigned open_handles;
    unsigned deadline_ms;

    /* the loop's */
    struct task *queue, **tail;
    struct task *running;
    bool hung;
    bool closing;
    bool *out_left;

    /* shared, under the lock */
    uv_mutex_t lock;
    uv_cond_t given_or_stop;
    struct task *given;
    bool finished;
    bool stop;
    bool mute;      /* the loop listens no more */
    bool abandoned; /* the thread frees the worker */
};

static void worker_free(struct worker *w)
{
    uv_cond_destroy(&w->given_or_stop);
    uv_mutex_destroy(&w->lock);
    free(w);
}

/* Returns the next task, or NULL when the thread shall end. */
static struct task *wait_for_task(struct worker *w)
{
    struct task *t;

    uv_mutex_lock(&w->lock);
    while (!w->given && !w->stop)
        uv_cond_wait(&w->given_or_stop, &w->lock);
    t = w->given;
    w->given = NULL;
    uv_mutex_unlock(&w->lock);
    return t;
}

static void thread_main(void *argument)
{
    struct worker *w = argument;
    struct task *t;

    while ((t = wait_for_task(w))) {
        bool abandoned;

        t->r = t->job.run(t->job.data, &t->e);
        uv_mutex_lock(&w->lock);
        abandoned = w->abandoned;
        w->finished = true;
        if (!w->mute)
            (void)uv_async_send(&w->async);
        uv_mutex_unlock(&w->lock);
        if (abandoned) {
            /* The loop is gone, so nobody may release the job's data: the process is ending. */
            free(t);
            worker_free(w);
            return;
        }
    }
}

static void release(struct task *t)
{
    if (t->job.release)
        t->job.release(t->job.data);
    free(t);
}

static void finish(struct task *t, int r, const struct err *e)
{
    if (t->job.done)
        t->job.done(t->job.data, r, e);
    release(t);
}

/* Ends what has not begun. The list is taken off first: a callback may submit again. */
static void drop_queue(struct worker *w, const struct err *e)
{
    struct task *t = w->queue;

    w->queue = NULL;
    w->tail = &w->queue;
    while (t) {
        struct task *next = t->next;

        finish(t, -e->code, e);
        t = next;
    }
}

static int hung_error(const struct worker *w, struct err *e)
{
    return err_set(e, ETIMEDOUT, "the driver has not answered for %u ms", w->deadline_ms);
}

static void overdue(uv_timer_t *timer);

static void give_next(struct worker *w)
{
    struct task *t = w->queue;

    if (w->running || !t || w->closing)
        return;
    w->queue = t->next;
    if (!w->queue)
        w->tail = &w->queue;
    w->running = t;
    (void)uv_timer_start(&w->timer, overdue, w->deadline_ms, 0);
    uv_mutex_lock(&w->lock);
    w->given = t;
    uv_cond_signal(&w->given_or_stop);
    uv_mutex_unlock(&w->lock);
}

static void handle_closed(uv_handle_t *handle)
{
    struct worker *w = handle->data;
    bool left;

    if (--w->open_handles > 0)
        return;
    uv_mutex_lock(&w->lock);
    w->stop = true;
    left = w->running && !w->finished;
    if (left) {
        *w->out_left = true;
        w->abandoned = true;
        (void)pthread_detach(w->thread);
    }
    uv_cond_signal(&w->given_or_stop);
    uv_mutex_unlock(&w->lock);
    if (left)
        return; /* the thread may have freed it by now */
    if (w->has_thread)
        (void)uv_thread_join(&w->thread);
    if (w->running)
        release(w->running);
    worker_free(w);
}

static void close_handles(struct worker *w)
{
    if (uv_is_closing((uv_handle_t *)&w->async))
        return;
    uv_close((uv_handle_t *)&w->async, handle_closed);
    uv_close((uv_handle_t *)&w->timer, handle_closed);
}

static void overdue(uv_timer_t *timer)
{
    struct worker *w = timer->data;
    struct task *t = w->running;
    struct err e = {0};

    if (w->closing) {
        uv_mutex_lock(&w->lock);
        w->mute = true;
        uv_mutex_unlock(&w->lock);
        close_handles(w);
        return;
    }
    w->hung = true;
    (void)hung_error(w, &e);
    if (t->job.done)
        t->job.done(t->job.data, -ETIMEDOUT, &e);
    drop_queue(w, &e);
}

static void task_ended(uv_async_t *async)
{
    struct worker *w = async->data;
    struct task *t = w->running;
    bool was_hung = w->hung, finished;

    uv_mutex_lock(&w->lock);
    finished = w->finished;
    w->finished = false;
    uv_mutex_unlock(&w->lock);
    if (!t || !finished)
        return;
    (void)uv_timer_stop(&w->timer);
    w->running = NULL;
    w->hung = false;
    if (was_hung)
        release(t);
    else
        finish(t, t->r, &t->e);
    if (w->closing)
        close_handles(w);
    else
        give_next(w);
}

int worker_open(struct worker **out, uv_loop_t *loop, unsigned deadline_ms, struct err *e)
{
    OWN_MEM struct worker *w = calloc(1, sizeof *w);
    int r;

    if (!w)
        return err_memory(e);
    w->tail = &w->queue;
    w->deadline_ms = deadline_ms;
    w->async.data = w;
    w->timer.data = w;
    if (uv_mutex_init(&w->lock) < 0)
        return err_memory(e);
    if (uv_cond_init(&w->given_or_stop) < 0) {
        uv_mutex_destroy(&w->lock);
        return err_memory(e);
    }
    r = uv_async_init(loop, &w->async, task_ended);
    if (r < 0) {
        uv_cond_destroy(&w->given_or_stop);
        uv_mutex_destroy(&w->lock);
        return err_set(e, -r, "start the driver's thread: %s", uv_strerror(r));
    }
    (void)uv_timer_init(loop, &w->timer);
    w->open_handles = 2;
    r = uv_thread_create(&w->thread, thread_main, w);
    w->has_thread = r == 0;
    if (r < 0) {
        close_handles(TAKE(w));
        return err_set(e, -r, "start the driver's thread: %s", uv_strerror(r));
    }
    *out = TAKE(w);
    return 0;
}

static int closing_error(struct err *e)
{
    return err_set(e, ECANCELED, "carved is stopping");
}

void worker_close(struct worker *w, bool *out_left)
{
    struct err e = {0};

    if (!w || w->closing)
        return;
    w->closing = true;
    w->out_left = out_left;
    (void)closing_error(&e);
    drop_queue(w, &e);
    if (w->running)
        (void)uv_timer_start(&w->timer, overdue, w->hung ? 0 : CLOSE_WAIT_MS, 0);
    else
        close_handles(w);
}

int worker_submit(struct worker *w, const struct worker_job *job, struct err *e)
{
    struct task *t;

    if (w->closing)
        return closing_error(e);
    if (w->hung)
        return hung_error(w, e);
    t = calloc(1, sizeof *t);
    if (!t)
        return err_memory(e);
    t->job = *job;
    *w->tail = t;
    w->tail = &t->next;
    give_next(w);
    return 0;
}

bool worker_hung(const struct worker *w)
{
    return w->hung;
}
