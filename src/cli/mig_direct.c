/* SPDX-License-Identifier: Apache-2.0 */
/* A MIG change without carved: see mig_direct.h. */
#include "cli/mig_direct.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "base/err.h"
#include "base/own.h"
#include "cli/mig_report.h"
#include "cli/mig_request.h"
#include "cli/options.h"
#include "cli/process.h"
#include "cli/view.h"
#include "config/mig_file.h"
#include "node/mig_change.h"
#include "node/mig_reset.h"
#include "node/mig_run.h"
#include "node/node_lock.h"
#include "node/node_mig.h"

enum { RESET_TIMEOUT_MS = 120000 };

/* Says which process stands in the way: carved's words, but for containers. */
static int refuse(const struct inventory *inv, const struct mig_change_block *block, struct err *e)
{
    const struct gpu *gpu = &inv->gpus[block->gpu];
    char name[PROCESS_NAME_SIZE];

    for (unsigned p = 0; p < gpu->n_processes; p++) {
        const struct gpu_process *process = &gpu->processes[p];

        for (unsigned i = 0; i < gpu->n_instances; i++) {
            const struct gpu_instance *gi = &gpu->instances[i];
            const struct gpu_profile *profile = geometry_find_id(&gpu->geometry, gi->profile_id);

            if ((block->instances >> i & 1) && process->gi_id == (int)gi->id)
                return err_set(e, EBUSY, "GPU %u: %s at %u is held by process %u (%s)", gpu->index,
                               profile ? profile->name : "MIG instance", gi->span.start,
                               process->pid, process_name(name, process->pid));
        }
        if (block->instances == 0)
            return err_set(e, EBUSY, "GPU %u: it is held by process %u (%s)", gpu->index,
                           process->pid, process_name(name, process->pid));
    }
    return err_wrap(e, "GPU %u", gpu->index);
}

/* One change: what is asked, where, and who is told. Borrows everything. */
struct work {
    struct view *view;
    const struct options *options;
    const struct mig_file *file;
    const struct mig_config *config; /* of the file */
    struct mig_report *report;
};

static int make_plan(struct mig_change **out, const struct work *w, struct err *e)
{
    const struct inventory *inv = w->view->inventory;
    OWN(mig_change_freep) struct mig_change *change = NULL;
    struct mig_change_held held = {0};
    struct mig_change_block block;
    int r = mig_change_make(&change, inv, w->config, w->options->mode_only, e);

    if (r < 0) {
        (void)err_wrap(e, "%s", w->file->file);
        return r;
    }
    mig_change_hold_processes(&held, inv);
    r = mig_change_plan(change, inv, &held, &block, e);
    if (r == -EBUSY)
        (void)refuse(inv, &block, e);
    if (r == 0)
        *out = TAKE(change);
    return r;
}

static int tell_plan(const struct work *w, const struct mig_change *change, struct err *e)
{
    OWN_MEM struct node_mig_step *steps = mig_change_list(change);
    const struct node_mig_progress p = {.n_steps = mig_change_steps(change),
                                        .steps = steps,
                                        .kept = mig_change_kept(change),
                                        .doing = "",
                                        .finished =
                                            w->options->dry_run || mig_change_steps(change) == 0};

    if (!steps)
        return err_memory(e);
    mig_report_progress(w->report, &p);
    return 0;
}

/* How a reset went. */
struct outcome {
    int result;
    char words[256];
};

static void on_reset(void *self, int result, const char *words)
{
    struct outcome *o = self;

    o->result = result;
    (void)snprintf(o->words, sizeof o->words, "%s", words);
}

/* The door is closed meanwhile, since nobody may have the GPU open. */
static int reset(struct mig_run *run, const struct work *w, struct err *e)
{
    const struct options *o = w->options;
    struct outcome outcome = {.result = -EIO};
    const struct mig_reset_order order = {
        .driver_root = o->driver_root,
        .gpu_uuid = mig_run_reset_gpu(run),
        .timeout_ms = RESET_TIMEOUT_MS,
        .done = on_reset,
        .self = &outcome,
    };
    struct mig_reset *under_way;
    struct err why = {0};
    uv_loop_t loop;
    int r = uv_loop_init(&loop);

    if (r < 0)
        return err_errno(e, -r, "make an event loop");
    driver_close(&w->view->driver);
    r = mig_reset_start(&under_way, &loop, &order, &why);
    if (r < 0)
        on_reset(&outcome, r, why.msg);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&loop);
    mig_run_reset_done(run, outcome.result, outcome.words);
    return driver_open_nvml(&w->view->driver, o->driver_root, o->sysfs_root, e);
}

static int run_all(struct mig_run *run, const struct work *w, struct err *e)
{
    char text[MIG_RUN_TEXT_SIZE];

    while (mig_run_next(run) != MIG_RUN_END) {
        const struct node_mig_progress p = {.done = (uint32_t)mig_run_done(run),
                                            .doing = mig_run_text(text, run)};

        mig_report_progress(w->report, &p);
        if (mig_run_next(run) == MIG_RUN_STEP) {
            mig_run_step(run, &w->view->driver);
        } else {
            int r = reset(run, w, e);

            if (r < 0)
                return err_wrap(e, "the driver is gone after a GPU reset");
        }
    }
    return 0;
}

static int read_again(struct view *v, struct err *e)
{
    struct inventory *now;
    int r = v->driver.read(v->driver.self, &now, e);

    if (r < 0)
        return r;
    inventory_free(v->inventory);
    v->inventory = now;
    return 0;
}

static int verify(const struct work *w, const struct mig_run *run, struct err *e)
{
    OWN(mig_change_freep) struct mig_change *change = NULL;
    int r = read_again(w->view, e);

    if (r == 0)
        r = mig_change_make(&change, w->view->inventory, w->config, w->options->mode_only, e);
    return r == 0 ? mig_run_verify(run, change, w->view->inventory, e) : r;
}

static void tell_finish(struct mig_report *report, const struct mig_run *run)
{
    const char *left[GPU_MAX];
    const struct node_mig_progress p = {.done = (uint32_t)mig_run_done(run),
                                        .doing = "",
                                        .finished = true,
                                        .n_left = mig_run_left(run, left),
                                        .left = left};

    mig_report_progress(report, &p);
}

static int do_plan(const struct work *w, const struct mig_change *change, struct err *e)
{
    OWN(mig_run_freep) struct mig_run *run = NULL;
    int r = mig_run_new(&run, change, w->view->inventory, w->options->skip_reset, e);

    if (r == 0)
        r = run_all(run, w, e);
    if (r == 0)
        r = mig_run_result(run, e);
    if (r == 0)
        r = verify(w, run, e);
    if (r == 0)
        tell_finish(w->report, run);
    return r;
}

/* From the look at the hardware on nobody else may change it. */
static int plan_and_do(struct work *w, struct err *e)
{
    OWN(mig_change_freep) struct mig_change *change = NULL;
    int r = read_again(w->view, e);

    if (r == 0)
        r = make_plan(&change, w, e);
    if (r == 0)
        r = tell_plan(w, change, e);
    if (r != 0 || w->options->dry_run || mig_change_steps(change) == 0)
        return r;
    return do_plan(w, change, e);
}

/* Half a change helps nobody: what would end the process waits until it is done or undone. */
static void hold_signals(sigset_t *before)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGPIPE};
    sigset_t held;

    (void)sigemptyset(&held);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        (void)sigaddset(&held, numbers[i]);
    (void)sigprocmask(SIG_BLOCK, &held, before);
}

static int lock(int *out, const struct options *o, struct err *e)
{
    int r = o->dry_run ? 0 : node_lock(out, o->socket, e);

    return r == -EBUSY ? err_set(e, EBUSY,
                                 "another MIG change is under way, or carved is starting; try "
                                 "again in a moment")
                       : r;
}

int mig_direct_apply(struct view *v, const struct options *o, const char *text,
                     struct mig_report *report, struct err *e)
{
    OWN(mig_file_freep) struct mig_file *file = NULL;
    OWN_FD int locked = -1;
    struct work w = {.view = v, .options = o, .report = report};
    sigset_t signals;
    int r = mig_request_parse(&file, o, text, v->inventory, e);

    w.file = file;
    if (r == 0)
        r = mig_file_find(&w.config, file, o->config, e);
    if (r == 0)
        r = lock(&locked, o, e);
    if (r < 0)
        return r;
    hold_signals(&signals);
    r = plan_and_do(&w, e);
    (void)sigprocmask(SIG_SETMASK, &signals, NULL);
    return r;
}
