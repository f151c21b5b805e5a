/* SPDX-License-Identifier: Apache-2.0 */
/* A MIG change under way, shared by its two halves: planning (apply.c) and doing (apply_run.c). */
#ifndef AGENT_APPLY_STATE_H
#define AGENT_APPLY_STATE_H

#include <stdbool.h>
#include <uv.h>

#include "base/buf.h"
#include "gpu/gpu.h"

struct agent;
struct apply_stream;
struct driver;
struct err;
struct mig_change;
struct mig_reset;
struct mig_run;

/* One change. Freed when nothing that may still call back is left (`holds`). */
struct apply {
    struct agent *agent;         /* NULL: over, nothing of the daemon may be touched */
    struct apply_stream *stream; /* NULL: nobody listens */
    unsigned holds;              /* the timer, and a job or a question under way */
    uv_timer_t timer;
    char *file_name;
    char *text; /* of the file; "": this node's default configuration */
    char *config_name;
    bool dry_run, mode_only, skip_reset;
    struct mig_run *run;     /* the worker's while a job is under way */
    struct mig_reset *reset; /* under way, or NULL */
    size_t n_done;           /* steps, before that job */
    struct driver *driver;
    bool ran; /* the job's run() was called */
    /* What is closed to Allocate: these GPUs but for the devices that stay. */
    unsigned n_closed;
    char closed[GPU_MAX][GPU_UUID_SIZE];
    struct buf kept; /* UUIDs of devices that stay, each with its NUL */
};

/* Gives one of the holds back; the last frees. */
void apply_let_go(struct apply *ap);

/* The ends of a change: tells the caller, and the agent may begin another. */
void apply_fail(struct apply *ap, const struct err *e);
void apply_finish(struct apply *ap);

/* What is wished, for the agent's inventory as it is now. */
int apply_wish(struct mig_change **out, struct apply *ap, struct err *e);

/* Does the next step of ap->run, and then all the others. */
void apply_advance(struct apply *ap);

#endif
