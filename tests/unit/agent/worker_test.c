/* SPDX-License-Identifier: Apache-2.0 */
/* The driver's thread: order, deadlines, late ends, closing while something runs. */
#include "agent/worker.h"

#include <errno.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "test.h"

enum { DEADLINE_MS = 40 };

struct world {
    uv_loop_t loop;
    struct worker *worker;
    bool left;
    char order[64]; /* what happened, a letter an event */
    sem_t gate;     /* a job that waits runs on when it is posted */
};

struct job {
    struct world *world;
    char name;
    bool waits;
    int gives;
    int heard;
    char words[128];
};

static void note(struct world *w, char event)
{
    size_t used = strlen(w->order);

    assert_true(used + 1 < sizeof w->order);
    w->order[used] = event;
}

static int run(void *data, struct err *e)
{
    struct job *job = data;

    if (job->waits)
        while (sem_wait(&job->world->gate) < 0)
            assert_int_equal(errno, EINTR);
    return job->gives ? err_set(e, -job->gives, "job %c", job->name) : 0;
}

static void done(void *data, int r, const struct err *e)
{
    struct job *job = data;

    job->heard = r;
    (void)snprintf(job->words, sizeof job->words, "%s", e->msg);
    note(job->world, job->name);
}

static void release(void *data)
{
    note(((struct job *)data)->world, '.');
}

static int submit(struct job *job, struct err *e)
{
    struct worker_job wanted = {run, done, release, job};

    return worker_submit(job->world->worker, &wanted, e);
}

static void open_world(struct world *w)
{
    struct err e = {0};

    *w = (struct world){0};
    assert_int_equal(sem_init(&w->gate, 0, 0), 0);
    assert_int_equal(uv_loop_init(&w->loop), 0);
    assert_int_equal(worker_open(&w->worker, &w->loop, DEADLINE_MS, &e), 0);
}

static void run_until(struct world *w, const char *order)
{
    while (strcmp(w->order, order) != 0) {
        assert_true(strlen(w->order) < strlen(order));
        (void)uv_run(&w->loop, UV_RUN_ONCE);
    }
}

static void close_world(struct world *w)
{
    worker_close(w->worker, &w->left);
    (void)uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&w->loop), 0);
}

static void jobs_run_in_order(void **state)
{
    struct world w;
    struct job a = {.world = &w, .name = 'a', .gives = -EBUSY};
    struct job b = {.world = &w, .name = 'b'}, c = {.world = &w, .name = 'c'};
    struct err e = {0};

    (void)state;
    open_world(&w);
    assert_int_equal(submit(&a, &e), 0);
    assert_int_equal(submit(&b, &e), 0);
    assert_int_equal(submit(&c, &e), 0);
    run_until(&w, "a.b.c.");
    assert_int_equal(a.heard, -EBUSY);
    assert_string_equal(a.words, "job a");
    assert_int_equal(b.heard, 0);
    assert_false(worker_hung(w.worker));
    close_world(&w);
    assert_false(w.left);
}

static void a_job_that_hangs_is_reported_and_released_when_it_ends(void **state)
{
    struct world w;
    struct job a = {.world = &w, .name = 'a', .waits = true}, b = {.world = &w, .name = 'b'},
               c = {.world = &w, .name = 'c'};
    struct err e = {0};

    (void)state;
    open_world(&w);
    assert_int_equal(submit(&a, &e), 0);
    assert_int_equal(submit(&b, &e), 0);
    run_until(&w, "ab.");
    assert_int_equal(a.heard, -ETIMEDOUT);
    assert_string_equal(a.words, "the driver has not answered for 40 ms");
    assert_int_equal(b.heard, -ETIMEDOUT);
    assert_true(worker_hung(w.worker));
    assert_int_equal(submit(&c, &e), -ETIMEDOUT);
    assert_int_equal(sem_post(&w.gate), 0);
    run_until(&w, "ab..");
    assert_false(worker_hung(w.worker));
    assert_int_equal(a.heard, -ETIMEDOUT);
    assert_int_equal(submit(&c, &e), 0);
    run_until(&w, "ab..c.");
    assert_int_equal(c.heard, 0);
    close_world(&w);
}

static void closing_waits_for_the_running_job_and_drops_the_rest(void **state)
{
    struct world w;
    struct job a = {.world = &w, .name = 'a', .waits = true}, b = {.world = &w, .name = 'b'};
    struct err e = {0};

    (void)state;
    open_world(&w);
    assert_int_equal(submit(&a, &e), 0);
    assert_int_equal(submit(&b, &e), 0);
    worker_close(w.worker, &w.left);
    assert_string_equal(w.order, "b.");
    assert_int_equal(b.heard, -ECANCELED);
    assert_int_equal(submit(&b, &e), -ECANCELED);
    assert_int_equal(sem_post(&w.gate), 0);
    (void)uv_run(&w.loop, UV_RUN_DEFAULT);
    assert_string_equal(w.order, "b.a.");
    assert_int_equal(a.heard, 0);
    assert_false(w.left);
    assert_int_equal(uv_loop_close(&w.loop), 0);
}

static void a_hung_job_is_left_behind(void **state)
{
    /* Outlives the test: the thread still looks at them. */
    static struct world w;
    static struct job a;
    struct err e = {0};

    (void)state;
    open_world(&w);
    a = (struct job){.world = &w, .name = 'a', .waits = true};
    assert_int_equal(submit(&a, &e), 0);
    run_until(&w, "a");
    close_world(&w);
    assert_true(w.left);
    assert_string_equal(w.order, "a");
    assert_int_equal(sem_post(&w.gate), 0);
}

static void resubmit(void *data, int r, const struct err *e)
{
    struct job *job = data;
    struct err failed = {0};

    done(data, r, e);
    job->name = (char)(job->name + 1);
    if (job->name < 'd') {
        struct worker_job wanted = {run, resubmit, release, job};

        assert_int_equal(worker_submit(job->world->worker, &wanted, &failed), 0);
    }
}

static void a_job_may_submit_the_next(void **state)
{
    struct world w;
    struct job a = {.world = &w, .name = 'a'};
    struct worker_job wanted = {run, resubmit, release, &a};
    struct err e = {0};

    (void)state;
    open_world(&w);
    assert_int_equal(worker_submit(w.worker, &wanted, &e), 0);
    run_until(&w, "a.b.c.");
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_run_in_order),
        cmocka_unit_test(a_job_that_hangs_is_reported_and_released_when_it_ends),
        cmocka_unit_test(closing_waits_for_the_running_job_and_drops_the_rest),
        cmocka_unit_test(a_hung_job_is_left_behind),
        cmocka_unit_test(a_job_may_submit_the_next),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
