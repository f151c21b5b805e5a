/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's state and its one way of flowing: see agent.h. The parts do the work. */
#include "agent/agent.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/advertise.h"
#include "agent/apply.h"
#include "agent/cdi_file.h"
#include "agent/configure.h"
#include "agent/health.h"
#include "agent/held.h"
#include "agent/observe.h"
#include "agent/reboot.h"
#include "agent/reload.h"
#include "agent/service.h"
#include "agent/worker.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "base/own.h"
#include "gpu/gpu.h"
#include "slice/resource.h"

void agent_changed(struct agent *a)
{
    a->generation++;
    if (a->service)
        service_wake(a->service);
    configure_look(a);
}

int agent_judge(const struct agent *a, const struct config *config, struct err *e)
{
    OWN(resource_list_freep) struct resource_list *list = NULL;

    return a->inventory ? resource_list_make(&list, a->inventory, config, e) : 0;
}

/*
 * The resources of what is in force; NULL: none. Hardware that has become too much for the
 * configuration takes no slices away: those of before stay as far as they are still there.
 */
static struct resource_list *make_resources(struct agent *a)
{
    struct resource_list *list = NULL;
    struct err e = {0};

    if (a->config && resource_list_make(&list, a->inventory, a->config, &e) < 0) {
        reload_refused(a->reload, &e);
        if (resource_list_make(&list, a->inventory, a->config, &e) < 0)
            return a->resources ? resource_list_follow(a->resources, a->inventory) : NULL;
    }
    if (list)
        reload_accepted(a->reload);
    return list;
}

/* A container that is given a slice without its CDI device does not start. */
static void check_cdi(const struct agent *a, struct resource_list *list)
{
    if (!(a->config->injection & CONFIG_INJECT_CDI_CRI))
        return;
    for (size_t i = 0; i < list->count; i++) {
        struct resource *r = &list->resources[i];

        for (size_t k = 0; k < r->n_devices; k++)
            if (!cdi_file_has(a->cdi_file, r->devices[k].uuid))
                r->devices[k].healthy = false;
    }
}

static bool same_notes(const struct resource_list *a, const struct resource_list *b)
{
    if (!a || a->n_notes != b->n_notes)
        return b->n_notes == 0 && !a;
    for (size_t i = 0; i < a->n_notes; i++)
        if (strcmp(a->notes[i], b->notes[i]) != 0)
            return false;
    return true;
}

void agent_resolve(struct agent *a)
{
    OWN(resource_list_freep) struct resource_list *before = NULL;
    struct resource_list *now;

    if (!a->inventory || reload_awaits(a->reload) || !held_ready(a->held))
        return;
    now = make_resources(a);
    /* A container may start as soon as a slice is known, so its CDI device comes first. */
    cdi_file_update(a->cdi_file);
    if (now)
        check_cdi(a, now);
    if (now)
        health_mark(a->health, now);
    before = a->resources;
    if (now)
        held_apply(a->held, before, now);
    a->resources = now;
    for (size_t i = 0; now && !same_notes(before, now) && i < now->n_notes; i++)
        log_event(LOG_WARNING, "not offered: %s", now->notes[i]);
    advertise_update(a->advertise, before);
    agent_changed(a);
}

void agent_observe(struct agent *a, agent_observed *done, void *self)
{
    observe_now(a->observe, done, self);
}

void agent_tick(struct agent *a)
{
    reload_check(a->reload);
    if (cdi_file_outdated(a->cdi_file))
        agent_resolve(a);
    advertise_check(a->advertise);
}

void agent_hardware_changed(struct agent *a)
{
    reload_judge_again(a->reload);
    agent_resolve(a);
}

const struct config *agent_config(const struct agent *a)
{
    return a->config ? a->config : a->defaults;
}

const char *agent_driver_root(const struct agent *a)
{
    const struct config *config = agent_config(a);
    struct stat st;

    if (stat(config->container_driver_root, &st) == 0 && S_ISDIR(st.st_mode))
        return config->container_driver_root;
    return config->driver_root;
}

void agent_fail(struct agent *a)
{
    a->failed = true;
    uv_stop(a->loop);
}

static int read_defaults(struct agent *a, struct err *e)
{
    OWN(findings_done) struct findings f;

    findings_init(&f, "command line");
    return config_parse(&a->defaults, "command line", "", 0, a->options.overrides,
                        a->options.n_overrides, false, &f, e);
}

int agent_open(struct agent *a, uv_loop_t *loop, const struct agent_options *options, struct err *e)
{
    int r;

    /* Greater than any of an earlier run: who stayed connected compares generations. */
    *a = (struct agent){.loop = loop, .options = *options, .generation = uv_hrtime() / 1000};
    r = read_defaults(a, e);
    if (r == 0)
        r = worker_open(&a->worker, loop, options->driver_timeout_ms, e);
    if (r == 0)
        r = cdi_file_open(&a->cdi_file, a, e);
    if (r == 0)
        r = health_open(&a->health, a, e);
    if (r == 0)
        r = advertise_open(&a->advertise, a, e);
    if (r == 0)
        r = held_open(&a->held, a, e);
    if (r == 0)
        r = reload_open(&a->reload, a, e);
    /* The driver takes its time, and the rest is made ready meanwhile. */
    if (r == 0)
        r = observe_open(&a->observe, a, e);
    if (r == 0)
        r = service_open(&a->service, a, e);
    return r;
}

void agent_close(struct agent *a)
{
    apply_close(a->apply);
    configure_close(a->configure);
    reboot_close(a->reboot);
    observe_close(TAKE(a->observe));
    service_close(TAKE(a->service));
    held_close(TAKE(a->held));
    advertise_close(TAKE(a->advertise));
    reload_close(TAKE(a->reload));
    health_close(TAKE(a->health), &a->driver_lost);
    worker_close(a->worker, &a->driver_lost);
}

void agent_done(struct agent *a)
{
    cdi_file_close(TAKE(a->cdi_file));
    resource_list_free(TAKE(a->resources));
    config_free(TAKE(a->config));
    config_free(TAKE(a->defaults));
    findings_done(&a->findings);
    inventory_free(TAKE(a->inventory));
    if (!a->driver_lost)
        driver_close(&a->driver);
}
