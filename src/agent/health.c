/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeping the faults true: see health.h. Events come from the watch, what the driver itself says of
 * its GPUs from each look at the hardware, and both go into the table (fault_table.h):
 *
 *   watch --event--> table --agent_resolve()--> kubelet, watchers, file of faults
 *   look  --judge----^
 *
 * A clock of one second runs while there is something to wait for: a time of probation, the grace
 * of a driver that cannot be read, a look or a notice that was put off because the last is too
 * young.
 */
#include "agent/health.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/boot_clock.h"
#include "agent/fault_file.h"
#include "agent/fault_table.h"
#include "agent/health_checks.h"
#include "agent/health_watch.h"
#include "agent/watched_gpus.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "base/own.h"
#include "base/text.h"
#include "gpu/driver_events.h"
#include "gpu/xid.h"
#include "slice/resource.h"

enum {
    TICK_MS = 1000,        /* also the shortest time between two looks or notices of ours */
    WATCH_RETRY_MS = 5000, /* after a watch that failed */
};

struct health {
    struct agent *agent;
    uv_timer_t tick;
    struct health_checks checks;
    bool off; /* nothing counts */
    char *file;
    char boot_id[BOOT_ID_SIZE];
    struct fault_table table;
    bool unsaved; /* the file counts fewer events, and has older times */
    bool untold;  /* faults are over, which only the next look makes known */

    struct health_watch *watch;  /* NULL: none now */
    bool eventless;              /* the driver knows no events */
    struct watched_gpus watched; /* that answer, and so can tell of events */
    bool held;                   /* health_stop() */
    health_stopped *stopped;     /* waits for the end of the watch, or NULL */
    void *stopped_self;
    uint64_t watch_after_ms; /* none begins before */
    char watch_trouble[256]; /* so that each is logged once */

    bool failing; /* the driver cannot be read */
    uint64_t failing_since_ms, failing_since_s;
    bool gone; /* for longer than its grace */

    bool look_wanted, tell_wanted;
    uint64_t looked_ms, told_ms; /* by us */
};

static const struct inventory nothing;

static const struct inventory *inventory_of(const struct health *h)
{
    return h->agent->inventory ? h->agent->inventory : &nothing;
}

static void save(struct health *h)
{
    struct err e = {0};

    if (file_make_folder(h->agent->options.state_folder, &e) < 0 ||
        fault_file_write(&h->table, h->file, h->boot_id, &e) < 0)
        log_event(LOG_WARNING, "faults not kept for a restart reason=\"%s\"", e.msg);
    h->unsaved = false;
}

static void run_clock(struct health *h);

/* Asks for a look at the hardware, now or when the last is old enough. */
static void want_look(struct health *h)
{
    struct agent *a = h->agent;
    uint64_t now_ms = uv_now(a->loop);

    h->look_wanted = a->apply || (h->looked_ms && now_ms - h->looked_ms < TICK_MS);
    if (h->look_wanted) {
        run_clock(h);
        return;
    }
    h->looked_ms = now_ms;
    agent_observe(a, NULL, NULL);
}

/* The same for a notice to the watchers of the state. */
static void want_tell(struct health *h)
{
    uint64_t now_ms = uv_now(h->agent->loop);

    h->tell_wanted = h->told_ms && now_ms - h->told_ms < TICK_MS;
    if (h->tell_wanted) {
        run_clock(h);
        return;
    }
    h->told_ms = now_ms;
    agent_changed(h->agent);
}

static bool passes_at_once(const struct health *h, uint64_t xid)
{
    return h->agent->options.health_probation_ms == 0 && xid_find(xid)->cure == XID_CURE_WAIT;
}

static void on_event(void *self, const struct driver_event *event, uint32_t times)
{
    struct health *h = self;
    struct fault *f;
    bool is_new = false;

    if (event->kind == DRIVER_EVENT_STATE || event->xid == XID_RECOVERY_ACTION) {
        want_look(h);
        return;
    }
    if (!health_checks_counts(&h->checks, event->xid) || passes_at_once(h, event->xid)) {
        log_event(LOG_DEBUG, "XID takes no slices uuid=%s xid=%" PRIu64, event->gpu_uuid,
                  event->xid);
        return;
    }
    f = fault_table_add(&h->table, inventory_of(h), event, times, boot_clock_now(), &is_new);
    if (!f)
        return;
    if (is_new) {
        /* The kubelet first: until it knows, it gives the slices away. */
        agent_resolve(h->agent);
        fault_log(f, inventory_of(h));
        save(h);
    } else {
        h->unsaved = true;
        want_tell(h);
    }
    run_clock(h);
    if (xid_find(event->xid)->cure != XID_CURE_WAIT)
        want_look(h);
}

static void on_began(void *self, unsigned n_gpus)
{
    struct health *h = self;

    h->watch_trouble[0] = '\0';
    log_event(LOG_INFO, "watching for events gpus=%u", n_gpus);
}

static bool may_watch(const struct health *h)
{
    return h->watched.count > 0 && !h->off && !h->held && !h->failing && !h->eventless;
}

static void begin_watch(struct health *h);

static void watch_failed(struct health *h, int r, const struct err *e)
{
    h->watch_after_ms = uv_now(h->agent->loop) + WATCH_RETRY_MS;
    h->eventless = r == -ENOSYS || r == -ENOTSUP;
    if (strcmp(h->watch_trouble, e->msg) != 0)
        log_event(LOG_WARNING, "events of the driver cannot be waited for reason=\"%s\"; %s",
                  e->msg, h->eventless ? "faults are seen by looks alone" : "trying again");
    (void)TEXT_COPY(h->watch_trouble, e->msg);
    if (!h->eventless)
        want_look(h); /* is the driver still there? */
}

static void on_ended(void *self, int r, const struct err *e)
{
    struct health *h = self;
    health_stopped *stopped = h->stopped;

    log_event(LOG_DEBUG, "events are not watched");
    h->watch = NULL;
    h->stopped = NULL;
    if (r < 0)
        watch_failed(h, r, e);
    if (stopped)
        stopped(h->stopped_self);
    begin_watch(h);
    run_clock(h);
}

static void begin_watch(struct health *h)
{
    const struct health_watch_handlers handlers = {on_began, on_event, on_ended, h};
    struct agent *a = h->agent;
    struct err e = {0};

    if (h->watch || !may_watch(h) || uv_now(a->loop) < h->watch_after_ms)
        return;
    if (health_watch_start(&h->watch, a->loop, agent_driver_root(a), &handlers, &e) == 0)
        return;
    h->watch_after_ms = uv_now(a->loop) + WATCH_RETRY_MS;
    log_event(LOG_WARNING, "%s; trying again", e.msg);
}

/* Takes in what the driver says itself, and drops what is over. */
static bool judge_all(struct health *h)
{
    const struct inventory *inv = inventory_of(h);
    struct fault_time now = boot_clock_now();
    size_t before = h->table.count;
    bool changed = !h->off && fault_table_look(&h->table, inv, now);

    for (size_t i = before; i < h->table.count; i++)
        fault_log(&h->table.faults[i], inv);
    for (size_t i = h->table.count; i-- > 0;) {
        enum fault_end end = fault_table_judge(&h->table.faults[i], inv,
                                               h->agent->options.health_probation_ms, now.boot_ms);

        if (end == FAULT_GOES_ON)
            continue;
        fault_log_end(&h->table.faults[i], inv, end);
        fault_table_remove(&h->table, i);
        changed = true;
    }
    if (changed)
        save(h);
    return changed;
}

bool health_looked(struct health *h)
{
    bool changed;

    if (!h)
        return false;
    changed = h->gone || h->untold;
    h->untold = false;
    if (h->gone)
        log_event(LOG_INFO, "the driver is back, its slices are offered again");
    if (h->failing) {
        h->watch_after_ms = 0;
        h->eventless = false;
    }
    h->failing = h->gone = false;
    changed |= judge_all(h);
    if (watched_gpus_note(&h->watched, inventory_of(h)) && h->watch)
        health_watch_stop(h->watch);
    begin_watch(h);
    run_clock(h);
    return changed;
}

void health_look_failed(struct health *h)
{
    if (!h || h->failing)
        return;
    h->failing = true;
    h->failing_since_ms = uv_now(h->agent->loop);
    h->failing_since_s = boot_clock_now().wall_s;
    /* A driver that was reloaded is only found when nobody holds the old one. */
    if (h->watch)
        health_watch_stop(h->watch);
    run_clock(h);
}

void health_mark(const struct health *h, struct resource_list *list)
{
    const struct inventory *inv = inventory_of(h);

    for (size_t i = 0; i < list->count; i++) {
        struct resource *r = &list->resources[i];

        for (size_t k = 0; k < r->n_devices; k++) {
            for (size_t f = 0; f < h->table.count; f++)
                if (fault_touches(&h->table.faults[f], inv, &r->devices[k]))
                    r->devices[k].healthy = false;
            if (h->gone)
                r->devices[k].healthy = false;
        }
    }
}

static uint32_t count_slices(const struct health *h, const struct fault *f)
{
    const struct resource_list *list = h->agent->resources;
    uint32_t n = 0;

    for (size_t i = 0; list && i < list->count; i++) {
        const struct resource *r = &list->resources[i];

        for (size_t k = 0; k < r->n_devices; k++)
            if (!f || fault_touches(f, inventory_of(h), &r->devices[k]))
                n += r->replicas;
    }
    return n;
}

struct node_fault *health_faults(const struct health *h, size_t *count)
{
    struct node_fault *list = calloc(h->table.count + 1, sizeof *list);

    *count = 0;
    if (!list)
        return NULL;
    for (size_t i = 0; i < h->table.count; i++) {
        struct node_fault *f = &list[(*count)++];

        fault_tell(f, &h->table.faults[i], inventory_of(h));
        f->slices = count_slices(h, &h->table.faults[i]);
    }
    if (h->gone)
        list[(*count)++] = (struct node_fault){
            .uuid = "",
            .gi_id = -1,
            .ci_id = -1,
            .what = "the driver cannot be read",
            .cause = h->agent->driver_error,
            .cure = "see that the NVIDIA driver is loaded and answers (nvidia-smi, dmesg); if it "
                    "hangs, reboot the node",
            .since_s = h->failing_since_s,
            .count = 1,
            .slices = count_slices(h, NULL),
            .needs = NODE_FAULT_DRIVER,
        };
    return list;
}

/* A fault whose time is over, as far as is known: a look will tell. */
static bool is_due(const struct health *h)
{
    uint64_t boot_ms = boot_clock_now().boot_ms;

    for (size_t i = 0; i < h->table.count; i++)
        if (fault_table_judge(&h->table.faults[i], inventory_of(h),
                              h->agent->options.health_probation_ms, boot_ms) != FAULT_GOES_ON)
            return true;
    return false;
}

static void check_grace(struct health *h)
{
    struct agent *a = h->agent;

    if (!h->failing || h->gone || h->off || a->options.driver_grace_ms == 0 ||
        uv_now(a->loop) - h->failing_since_ms < a->options.driver_grace_ms)
        return;
    h->gone = true;
    log_event(LOG_ERROR,
              "all slices are taken from the kubelet: the driver cannot be read reason=\"%s\"",
              a->driver_error);
    if (a->inventory)
        agent_resolve(a);
    else
        agent_changed(a);
}

static void on_tick(uv_timer_t *timer)
{
    struct health *h = timer->data;

    check_grace(h);
    if (h->tell_wanted)
        want_tell(h);
    if (h->look_wanted || (!h->failing && is_due(h)))
        want_look(h);
    begin_watch(h);
    run_clock(h);
}

static void run_clock(struct health *h)
{
    bool needed = h->look_wanted || h->tell_wanted || (h->failing && !h->gone) ||
                  h->table.count > 0 || (!h->watch && may_watch(h));

    if (!needed)
        (void)uv_timer_stop(&h->tick);
    else if (!uv_is_active((uv_handle_t *)&h->tick))
        (void)uv_timer_start(&h->tick, on_tick, TICK_MS, TICK_MS);
}

void health_stop(struct health *h, health_stopped *stopped, void *self)
{
    h->held = true;
    if (!h->watch) {
        stopped(self);
        return;
    }
    h->stopped = stopped;
    h->stopped_self = self;
    health_watch_stop(h->watch);
}

void health_resume(struct health *h)
{
    if (!h || !h->held)
        return;
    h->held = false;
    (void)uv_timer_start(&h->tick, on_tick, 0, TICK_MS);
}

void health_was_reset(struct health *h, const char *gpu_uuid)
{
    if (fault_table_reset(&h->table, gpu_uuid)) {
        log_event(LOG_INFO, "GPU faults are over uuid=%s why=\"it was reset\"", gpu_uuid);
        h->untold = true;
        save(h);
    }
}

static void health_free(struct health *h)
{
    if (!h)
        return;
    fault_table_done(&h->table);
    free(h->file);
    free(h);
}
OWN_POINTER(struct health, health_free);

int health_open(struct health **out, struct agent *a, struct err *e)
{
    OWN(health_freep) struct health *h = calloc(1, sizeof *h);
    struct err trouble = {0};

    if (!h)
        return err_memory(e);
    h->agent = a;
    h->file = file_join(a->options.state_folder, "faults");
    if (!h->file)
        return err_memory(e);
    health_checks_read(&h->checks, a->options.disabled_healthchecks,
                       a->options.enabled_healthchecks);
    h->off = health_checks_off(&h->checks);
    if (h->checks.junk[0])
        log_event(LOG_WARNING, "'%s' is no XID; skipped", h->checks.junk);
    boot_clock_id(h->boot_id, a->options.proc_root);
    if (!h->off && fault_file_read(&h->table, h->file, h->boot_id, &trouble) < 0)
        log_event(LOG_WARNING, "faults of before the start are not known reason=\"%s\"",
                  trouble.msg);
    (void)uv_timer_init(a->loop, &h->tick);
    h->tick.data = h;
    *out = TAKE(h);
    return 0;
}

static void tick_closed(uv_handle_t *handle)
{
    health_free(handle->data);
}

void health_close(struct health *h, bool *out_left)
{
    health_stopped *stopped;

    if (!h)
        return;
    stopped = h->stopped;
    if (h->watch)
        health_watch_leave(h->watch, out_left);
    if (h->unsaved)
        save(h);
    uv_close((uv_handle_t *)&h->tick, tick_closed);
    if (stopped)
        stopped(h->stopped_self);
}
