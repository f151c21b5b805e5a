/* SPDX-License-Identifier: Apache-2.0 */
/* Queues of streams: see op.h. */
#include "cuda/op.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cuda/cuda.h"
#include "cuda/params.h"
#include "cuda/stream.h"
#include "cuda/turn.h"

enum {
    POLL_NS = 200000, /* for values that anybody may write */
    LATE_NS = 1000000,
};

static struct {
    uint64_t seq;
    uint64_t reached[CUDA_DEVICES]; /* places known to be reached */
    pthread_cond_t changed;
    pthread_t thread;
    bool has_thread;
} work = {.changed = PTHREAD_COND_INITIALIZER};

static _Thread_local bool in_callback;

bool work_in_callback(void)
{
    return in_callback;
}

void work_call(void (*function)(void *), void *data)
{
    bool was = in_callback;

    in_callback = true;
    function(data);
    in_callback = was;
}

struct record *record_new(const struct device *d)
{
    struct record *r = calloc(1, sizeof *r);

    if (r)
        *r = (struct record){.refs = 1, .device = d};
    return r;
}

struct record *record_ref(struct record *r)
{
    r->refs++;
    return r;
}

void record_drop(struct record *r)
{
    if (r && --r->refs == 0)
        free(r);
}

static void task_drop(const struct task *t)
{
    if (t->kind == TASK_WAIT || t->kind == TASK_RECORD)
        record_drop(t->u.record);
}

static bool reached(const struct device *d, uint64_t place, uint64_t *out_at)
{
    uint64_t at, wait;

    if (!out_at && place <= work.reached[d->ordinal])
        return true;
    if (!turn_reached(d, place, &at, &wait))
        return false;
    if (place > work.reached[d->ordinal])
        work.reached[d->ordinal] = place;
    if (out_at)
        *out_at = at;
    return true;
}

/* What of `other` was submitted before has a place: then *place is no less than its. */
static bool is_placed_before(const struct stream *other, uint64_t seq, uint64_t *place)
{
    for (const struct op *op = other->first; op && op->seq < seq; op = op->next) {
        if (!op->placed)
            return false;
        *place = op->place > *place ? op->place : *place;
    }
    return true;
}

/* All that the op comes after has a place, the highest of which is *place. */
static bool known_before(const struct stream *s, const struct op *op, uint64_t *place)
{
    *place = s->end_place;
    for (const struct stream *o = streams; o; o = o->next) {
        if (o != s && o->context == s->context && stream_is_blocking(s) && stream_is_blocking(o) &&
            (s->is_legacy || o->is_legacy) && !is_placed_before(o, op->seq, place))
            return false;
    }
    return true;
}

static bool record_is_before(const struct record *r, const struct device *d, uint64_t *place)
{
    if (r->done)
        return true;
    if (r->device != d || !r->placed)
        return false;
    *place = r->place > *place ? r->place : *place;
    return true;
}

/* What an op with a place does to memory. */
static void run_placed(const struct op *op)
{
    if (op->task.kind == TASK_COPY)
        copy_run(&op->task.u.copy);
    else if (op->task.kind == TASK_FILL)
        fill_run(&op->task.u.fill);
    else if (op->task.kind == TASK_FREE)
        (void)pool_free(op->task.u.free_at);
}

/* Gives the op its place if all before it has one. */
static bool place_op(struct stream *s, struct op *op)
{
    const struct device *d = s->context->device;
    uint64_t place;

    if (op->task.kind == TASK_HOST || op->task.kind == TASK_CALLBACK ||
        (op->task.kind == TASK_VALUE &&
         (op->task.u.value.op == VALUE_WAIT_32 || op->task.u.value.op == VALUE_WAIT_64)))
        return false;
    if (!known_before(s, op, &place))
        return false;
    if (op->task.kind == TASK_WAIT && !record_is_before(op->task.u.record, d, &place))
        return false;
    if (op->task.kind == TASK_KERNEL)
        place = turn_give(d, op->task.u.kernel_ns);
    op->placed = true;
    op->place = place;
    op->placed_at = turn_now();
    s->end_place = place;
    if (op->task.kind == TASK_RECORD) {
        op->task.u.record->placed = true;
        op->task.u.record->place = place;
        if (reached(d, place, NULL))
            op->task.u.record->at = op->placed_at;
        else
            turn_mark(d, place);
    }
    run_placed(op);
    return true;
}

static bool place_all(void)
{
    bool any = false;

    for (struct stream *s = streams; s; s = s->next) {
        struct op *op;

        while ((op = s->unplaced) && place_op(s, op)) {
            s->unplaced = op->next;
            any = true;
        }
    }
    return any;
}

/* What an op that is over does. */
static void run_over(const struct stream *s, const struct op *op)
{
    struct record *r = op->task.u.record;

    if (op->task.kind == TASK_VALUE)
        value_write(&op->task.u.value);
    if (op->task.kind != TASK_RECORD)
        return;
    if (!r->at && (!reached(s->context->device, op->place, &r->at) || r->at < op->placed_at))
        r->at = op->placed_at;
    r->done = true;
}

static void pop(struct stream *s)
{
    struct op *op = s->first;

    s->first = op->next;
    if (!s->first)
        s->last = NULL;
    if (s->unplaced == op)
        s->unplaced = op->next;
    s->n_ops--;
    task_drop(&op->task);
    free(op);
}

/* Is the head over? A host function is when it has been called. */
static bool is_over(const struct stream *s, const struct op *op)
{
    uint64_t place;

    if (op->placed)
        return reached(s->context->device, op->place, NULL);
    if (op->task.kind != TASK_VALUE || !known_before(s, op, &place))
        return false;
    return reached(s->context->device, place, NULL) && value_is_there(&op->task.u.value);
}

/* The first submitted of all heads that are over; NULL: none. */
static struct stream *next_over(void)
{
    struct stream *best = NULL;

    for (struct stream *s = streams; s; s = s->next) {
        if (s->first && (!best || s->first->seq < best->first->seq) && is_over(s, s->first))
            best = s;
    }
    return best;
}

void op_pump(void)
{
    struct stream *s;

    do {
        while ((s = next_over())) {
            run_over(s, s->first);
            pop(s);
        }
    } while (place_all());
    stream_sweep();
}

static void wait_changed(uint64_t ns)
{
    uint64_t until = turn_now() + ns;
    struct timespec t = {(time_t)(until / 1000000000), (long)(until % 1000000000)};

    (void)pthread_cond_clockwait(&work.changed, &cuda.lock, CLOCK_MONOTONIC, &t);
}

void op_pause(void)
{
    wait_changed(LATE_NS);
}

/* A host function whose turn it is. */
static struct stream *next_call(void)
{
    for (struct stream *s = streams; s; s = s->next) {
        struct op *op = s->first;
        uint64_t place;

        if (op && !op->calling && (op->task.kind == TASK_HOST || op->task.kind == TASK_CALLBACK) &&
            known_before(s, op, &place) && reached(s->context->device, place, NULL))
            return s;
    }
    return NULL;
}

static void call_back(void *task)
{
    const struct task *t = task;

    t->u.callback.function(t->u.callback.stream, CUDA_SUCCESS, t->u.callback.data);
}

/* The stream keeps its head meanwhile. */
static void call(struct stream *s)
{
    struct task t = s->first->task;

    s->first->calling = true;
    (void)pthread_mutex_unlock(&cuda.lock);
    if (t.kind == TASK_HOST)
        work_call(t.u.host.function, t.u.host.data);
    else
        work_call(call_back, &t);
    (void)pthread_mutex_lock(&cuda.lock);
    pop(s);
    (void)pthread_cond_broadcast(&work.changed);
}

static bool any_unplaced(void)
{
    for (struct stream *s = streams; s; s = s->next) {
        if (s->unplaced)
            return true;
    }
    return false;
}

/* Looks after host functions and values, when there are any. */
static void *serve(void *unused)
{
    struct stream *s;

    (void)unused;
    (void)pthread_mutex_lock(&cuda.lock);
    while (!cuda.ended) {
        op_pump();
        if ((s = next_call()))
            call(s);
        else if (any_unplaced())
            wait_changed(POLL_NS);
        else
            (void)pthread_cond_wait(&work.changed, &cuda.lock);
    }
    (void)pthread_mutex_unlock(&cuda.lock);
    return NULL;
}

/* The program's signals are not the thread's. */
static int need_thread(void)
{
    sigset_t all, old;
    int rc;

    if (work.has_thread) {
        (void)pthread_cond_broadcast(&work.changed);
        return CUDA_SUCCESS;
    }
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &old);
    rc = pthread_create(&work.thread, NULL, serve, NULL);
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc != 0)
        return CUDA_ERROR_OUT_OF_MEMORY;
    (void)pthread_detach(work.thread);
    work.has_thread = true;
    return CUDA_SUCCESS;
}

static int append(struct stream *s, const struct task *task)
{
    struct op *op = calloc(1, sizeof *op);

    if (!op) {
        task_drop(task);
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    op->task = *task;
    op->seq = ++work.seq;
    if (s->last)
        s->last->next = op;
    else
        s->first = op;
    s->last = op;
    if (!s->unplaced)
        s->unplaced = op;
    s->n_ops++;
    return CUDA_SUCCESS;
}

/* Still one of the streams? It may go while the lock is not held. */
static bool exists(const struct stream *s)
{
    for (const struct stream *i = streams; i; i = i->next) {
        if (i == s)
            return true;
    }
    return false;
}

int op_submit(struct stream *s, const struct task *task)
{
    int rc;

    op_pump(); /* what is over is dated before new work begins */
    while (exists(s) && s->n_ops >= STREAM_DEPTH && !cuda.ended && !in_callback) {
        wait_changed(LATE_NS);
        op_pump();
    }
    if (!exists(s)) {
        task_drop(task);
        return CUDA_ERROR_INVALID_HANDLE;
    }
    rc = append(s, task);
    if (rc != CUDA_SUCCESS)
        return rc;
    (void)place_all();
    return s->last->placed ? CUDA_SUCCESS : need_thread();
}

/* How long the op or record at this place may still take. */
static uint64_t wait_ns(const struct device *d, bool placed, uint64_t place)
{
    uint64_t at, wait = LATE_NS;

    if (!placed || turn_reached(d, place, &at, &wait))
        return placed ? 0 : LATE_NS;
    return wait;
}

/* Waits so long, or until the next event is over: seen late, its time would not be exact. */
static void wait_or_record(uint64_t ns)
{
    for (const struct stream *s = streams; s; s = s->next) {
        const struct op *op = s->first;

        while (op && op->placed && (op->task.kind != TASK_RECORD || op->task.u.record->at))
            op = op->next;
        if (op && op->placed) {
            uint64_t until = wait_ns(s->context->device, true, op->place);

            ns = until < ns ? until : ns;
        }
    }
    if (ns)
        wait_changed(ns);
}

static bool is_before(const struct stream *s, uint64_t seq)
{
    return s->first && s->first->seq <= seq;
}

int op_wait_stream(struct stream *s)
{
    uint64_t seq = work.seq;

    for (op_pump(); exists(s) && is_before(s, seq) && !cuda.ended; op_pump()) {
        const struct op *op = s->first, *last = op;
        uint64_t ns;

        for (; op && op->seq <= seq; op = op->next)
            last = op;
        ns = wait_ns(s->context->device, last->placed, last->place);
        wait_or_record(ns);
    }
    return CUDA_SUCCESS;
}

int op_wait_context(struct context *c)
{
    uint64_t seq = work.seq;
    struct stream *s = streams;

    while (s) {
        if (s->context == c && is_before(s, seq)) {
            (void)op_wait_stream(s);
            s = streams; /* others may have come or gone */
        } else {
            s = s->next;
        }
    }
    return CUDA_SUCCESS;
}

int op_wait_record(struct record *r)
{
    (void)record_ref(r);
    for (op_pump(); !r->done && !cuda.ended; op_pump()) {
        wait_or_record(wait_ns(r->device, r->placed, r->place));
    }
    record_drop(r);
    return CUDA_SUCCESS;
}

void op_drop_all(struct stream *s)
{
    while (s->first && !s->first->calling) {
        if (s->first->task.kind == TASK_RECORD)
            s->first->task.u.record->done = true;
        pop(s);
    }
}
