/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one thread that calls the driver. Jobs run one after the other, in order; a job that takes
 * longer than the deadline is reported (`hung` becomes true, the caller hears -ETIMEDOUT) and the
 * loop goes on; its late end is thrown away, and jobs run again once it came.
 */
#ifndef AGENT_WORKER_H
#define AGENT_WORKER_H

#include <stdbool.h>
#include <uv.h>

#include "base/err.h"

struct worker;

/*
 * A job owns what `data` points to. run() is called on the worker's thread and may touch only its
 * data; then done() on the loop with run's result, or -ETIMEDOUT / -ECANCELED. After -ETIMEDOUT the
 * data must stay alive: `release` is called on the loop when nobody can touch it any more.
 */
struct worker_job {
    int (*run)(void *data, struct err *e);
    void (*done)(void *data, int r, const struct err *e);
    void (*release)(void *data);
    void *data;
};

int worker_open(struct worker **out, uv_loop_t *loop, unsigned deadline_ms, struct err *e);
/*
 * Runs no further jobs; frees itself on the loop when the running one has ended. One that takes
 * longer than a second is left behind: *out_left, which must live until the loop has ended, is true
 * then, and nobody may touch what the thread may still be using.
 */
void worker_close(struct worker *w, bool *out_left);
int worker_submit(struct worker *w, const struct worker_job *job, struct err *e);
bool worker_hung(const struct worker *w);

#endif
