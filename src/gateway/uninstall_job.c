/* SPDX-License-Identifier: Apache-2.0 */
/* carve-gateway --uninstall, which a Helm hook runs before the chart's objects go. */
#include <errno.h>

#include "api/backoff.h"
#include "api/http.h"
#include "base/err.h"
#include "base/log.h"
#include "gateway/daemon_set.h"
#include "gateway/uninstall.h"

enum { FIRST_MS = 250, LAST_MS = 2000 };

/* On the stack of uninstall_job(), which runs the loop. */
struct job {
    uv_loop_t loop;
    const struct gateway_options *options;
    struct http *http;
    struct daemon_set *asked;
    uv_timer_t next, deadline;
    struct backoff backoff;
    bool deleted; /* the server has accepted it */
    int result;
    struct err error;
};

static void job_step(uv_timer_t *next);

static void job_end(struct job *job, int result)
{
    job->result = result;
    uv_stop(&job->loop);
}

static void job_late(uv_timer_t *deadline)
{
    struct job *job = deadline->data;
    struct err why = job->error;

    (void)err_set(&job->error, ETIMEDOUT,
                  "DaemonSet '%s' in namespace '%s' is still there: %s; see which of its pods do "
                  "not end, delete them by force if their nodes are gone, and try again",
                  job->options->daemon_set, job->options->namespace,
                  why.code ? why.msg : "its pods have not ended");
    job_end(job, -ETIMEDOUT);
}

static void job_answer(void *self, enum daemon_set_state state, const struct err *e)
{
    struct job *job = self;

    job->asked = NULL;
    job->error = *e;
    if (state == DAEMON_SET_GONE) {
        log_event(LOG_INFO, "the DaemonSet is gone daemonset=%s/%s", job->options->namespace,
                  job->options->daemon_set);
        job_end(job, 0);
        return;
    }
    if (state == DAEMON_SET_UNKNOWN && (e->code == EACCES || e->code == EINVAL)) {
        job_end(job, -e->code);
        return;
    }
    if (state == DAEMON_SET_UNKNOWN)
        log_event(LOG_WARNING, "trying again reason=\"%s\"", e->msg);
    else if (!job->deleted)
        log_event(LOG_INFO, "waiting for the pods to end daemonset=%s/%s", job->options->namespace,
                  job->options->daemon_set);
    job->deleted = job->deleted || state == DAEMON_SET_GOING;
    (void)uv_timer_start(&job->next, job_step, backoff_wait_ms(&job->backoff), 0);
}

static void job_step(uv_timer_t *next)
{
    struct job *job = next->data;
    struct err e = {0};
    int r = job->deleted
                ? daemon_set_ask(&job->asked, job->http, job->options, job_answer, job, &e)
                : daemon_set_delete(&job->asked, job->http, job->options, job_answer, job, &e);

    if (r < 0)
        job_answer(job, DAEMON_SET_UNKNOWN, &e);
}

static int job_run(struct job *job, unsigned deadline_ms)
{
    (void)uv_timer_init(&job->loop, &job->next);
    (void)uv_timer_init(&job->loop, &job->deadline);
    job->next.data = job->deadline.data = job;
    (void)uv_timer_start(&job->next, job_step, 0, 0);
    (void)uv_timer_start(&job->deadline, job_late, deadline_ms, 0);
    (void)uv_run(&job->loop, UV_RUN_DEFAULT);
    daemon_set_cancel(job->asked);
    uv_close((uv_handle_t *)&job->next, NULL);
    uv_close((uv_handle_t *)&job->deadline, NULL);
    return job->result;
}

int uninstall_job(const struct gateway_options *options, unsigned deadline_ms, struct err *e)
{
    struct job job = {.options = options, .backoff = {.first_ms = FIRST_MS, .last_ms = LAST_MS}};
    int r = uv_loop_init(&job.loop);

    if (r < 0)
        return err_errno(e, -r, "start the loop");
    r = http_open(&job.http, &job.loop, options->kubeconfig, NULL, e);
    if (r == 0) {
        r = job_run(&job, deadline_ms);
        if (r < 0 && e)
            *e = job.error;
        http_close(job.http);
        (void)uv_run(&job.loop, UV_RUN_DEFAULT);
    }
    (void)uv_loop_close(&job.loop);
    return r;
}
