/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking at the hardware: see observe.h. Every look is a job of the worker; the door of the driver
 * is opened by the first one, and anew by the one after a failure, so that a driver that was
 * installed, upgraded or reloaded is found without a restart. A look that hangs is reported once;
 * its late end starts the next one.
 */
#include "agent/observe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/health.h"
#include "agent/inventory_same.h"
#include "agent/worker.h"
#include "base/log.h"
#include "base/own.h"
#include "base/text.h"

enum {
    RETRY_FIRST_MS = 2000,
    RETRY_LAST_MS = 30000,
    LOOKS_MAX = 2, /* that nobody waits for: one under way, and one that sees what came since */
};

struct observe {
    struct agent *agent;
    uv_timer_t timer; /* the next rescan or retry */
    unsigned retry_ms;
    unsigned n_looks; /* that nobody waits for */
    bool seen_once;   /* the first look has ended */
};

/* One job: what it reads with, and what it saw. Owns its strings and the inventory. */
struct look {
    struct agent *agent;
    char *driver_root;
    char *sysfs_root;
    struct inventory *inventory;
    bool timed_out;
    agent_observed *seen; /* NULL: nobody asked for it */
    void *self;
};

static void look_free(struct look *l)
{
    if (!l)
        return;
    free(l->driver_root);
    free(l->sysfs_root);
    inventory_free(l->inventory);
    free(l);
}
OWN_POINTER(struct look, look_free);

/* On the worker's thread, the only one that touches agent->driver. */
static int look_run(void *data, struct err *e)
{
    struct look *l = data;
    struct driver *driver = &l->agent->driver;
    int r = 0;

    if (!driver->read)
        r = driver_open_nvml(driver, l->driver_root, l->sysfs_root, e);
    if (r < 0)
        return r;
    r = driver->read(driver->self, &l->inventory, e);
    if (r < 0)
        driver_close(driver);
    return r;
}

static void look_again(uv_timer_t *timer);

static void schedule(struct observe *o, uint64_t wait_ms)
{
    if (wait_ms > 0)
        (void)uv_timer_start(&o->timer, look_again, wait_ms, 0);
}

/* The hardware cannot be read: says so once, keeps the last inventory, tries again. */
static void look_failed(struct observe *o, int r, const struct err *e)
{
    struct agent *a = o->agent;

    if (!o->seen_once && r != -ETIMEDOUT && a->config && a->config->fail_on_init_error) {
        log_event(LOG_ERROR,
                  "no driver reason=\"%s\"; install the NVIDIA driver, say where it is with "
                  "--driver-root, or wait for it with --fail-on-init-error=false",
                  e->msg);
        agent_fail(a);
        return;
    }
    if (strcmp(a->driver_error, e->msg) != 0) {
        (void)TEXT_COPY(a->driver_error, e->msg);
        log_event(LOG_ERROR, "hardware cannot be read reason=\"%s\"; %s", e->msg,
                  a->inventory ? "keeping the last inventory" : "no slices until it can");
        agent_changed(a);
    }
    health_look_failed(a->health);
    /* The end of a call that hangs starts the next look by itself. */
    schedule(o, r == -ETIMEDOUT ? RETRY_LAST_MS : o->retry_ms);
    o->retry_ms = o->retry_ms * 2 < RETRY_LAST_MS ? o->retry_ms * 2 : RETRY_LAST_MS;
}

static void look_succeeded(struct observe *o, struct look *l)
{
    struct agent *a = o->agent;
    bool news = a->driver_error[0] != '\0', changed, health_changed;

    o->retry_ms = RETRY_FIRST_MS;
    if (news && a->inventory)
        log_event(LOG_INFO, "hardware can be read again");
    a->driver_error[0] = '\0';
    /* Half of a layout that is being changed is nobody's business: its end looks again. */
    if (!l->seen && a->apply)
        return;
    if (!a->inventory)
        log_event(LOG_INFO, "hardware found gpus=%u driver=%s", l->inventory->n_gpus,
                  l->inventory->driver_version);
    changed = !a->inventory || !inventory_same(a->inventory, l->inventory);
    if (changed) {
        inventory_free(a->inventory);
        a->inventory = TAKE(l->inventory);
    }
    health_changed = health_looked(a->health);
    if (changed)
        agent_hardware_changed(a);
    else if (health_changed)
        agent_resolve(a);
    else if (news)
        agent_changed(a);
}

static void look_done(void *data, int r, const struct err *e)
{
    struct look *l = data;
    struct agent *a = l->agent;
    struct observe *o = a->observe;

    l->timed_out = r == -ETIMEDOUT;
    if (r == -ECANCELED || !o)
        return;
    if (r < 0)
        look_failed(o, r, e);
    else
        look_succeeded(o, l);
    o->seen_once = true;
    if (r == 0)
        schedule(o, a->options.rescan_ms);
    if (l->seen)
        l->seen(l->self, r, r < 0 ? e->msg : "");
}

static void look_release(void *data)
{
    struct look *l = data;
    struct observe *o = l->agent->observe;
    bool late = l->timed_out;

    if (o && !l->seen)
        o->n_looks--;
    look_free(l);
    if (late && o && !worker_hung(o->agent->worker))
        observe_now(o, NULL, NULL);
}

static int submit(struct observe *o, agent_observed *seen, void *self, struct err *e)
{
    struct agent *a = o->agent;
    OWN(look_freep) struct look *l = calloc(1, sizeof *l);
    struct worker_job job = {.run = look_run, .done = look_done, .release = look_release};
    int r;

    if (!seen && o->n_looks == LOOKS_MAX)
        return 0;
    if (!l)
        return err_memory(e);
    l->agent = a;
    l->seen = seen;
    l->self = self;
    l->driver_root = strdup(agent_driver_root(a));
    l->sysfs_root = strdup(a->options.sysfs_root);
    if (!l->driver_root || !l->sysfs_root)
        return err_memory(e);
    job.data = l;
    r = worker_submit(a->worker, &job, e);
    if (r < 0)
        return r;
    o->n_looks += !seen;
    (void)TAKE(l);
    return 0;
}

static void look_again(uv_timer_t *timer)
{
    struct observe *o = timer->data;
    struct err e = {0};
    int r;

    agent_tick(o->agent);
    if (o->agent->apply) { /* as in observe_now() */
        schedule(o, o->agent->options.rescan_ms);
        return;
    }
    r = submit(o, NULL, NULL, &e);
    if (r < 0)
        look_failed(o, r, &e);
}

void observe_now(struct observe *o, agent_observed *seen, void *self)
{
    struct err e = {0};
    int r;

    /* A MIG change looks by itself, and a look in a GPU reset would have the GPU open. */
    if (!seen && o->agent->apply)
        return;
    r = submit(o, seen, self, &e);
    if (r < 0 && seen)
        seen(self, r, e.msg);
}

int observe_open(struct observe **out, struct agent *a, struct err *e)
{
    OWN_MEM struct observe *o = calloc(1, sizeof *o);
    int r;

    if (!o)
        return err_memory(e);
    o->agent = a;
    o->retry_ms = RETRY_FIRST_MS;
    r = submit(o, NULL, NULL, e);
    if (r < 0)
        return r;
    (void)uv_timer_init(a->loop, &o->timer);
    o->timer.data = o;
    *out = TAKE(o);
    return 0;
}

static void timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void observe_close(struct observe *o)
{
    if (o)
        uv_close((uv_handle_t *)&o->timer, timer_closed);
}
