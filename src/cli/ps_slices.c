/* SPDX-License-Identifier: Apache-2.0 */
/* Slices and their processes as a table and as JSON. See ps_slices.h. */
#include "cli/ps_slices.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/bytes.h"
#include "cli/owner.h"
#include "cli/process.h"
#include "cli/slices.h"
#include "cli/table.h"
#include "gpu/meter.h"

enum { FLAGS_SIZE = 256, PLACE_SIZE = 24 };

static const struct {
    unsigned flag;
    const char *words, *key;
} flag_words[] = {
    {PS_BROKEN, "page not sound", "broken"},
    {PS_OTHER_VERSION, "other version", "other_version"},
    {PS_ENDED, "ended", "ended"},
    {PS_WAITS, "asks for room", "asks"},
    {PS_OVER_LIMIT, "over its limit", "over_limit"},
    {PS_UNATTACHED, "unattached programs", "unattached"},
    {PS_ALLOWED_UNATTACHED, "may run unattached", "unattached_allowed"},
    {PS_BYPASS, "opened libraries past us", "bypass"},
    {PS_NOT_MEASURED, "not measured", "not_measured"},
    {PS_FULL, "processes turned away", "full"},
};
enum { FLAGS = sizeof flag_words / sizeof flag_words[0] };

/* A slice with nobody who measures, or with a question that is not answered. */
static bool is_measured(const struct slices_item *item)
{
    bool who = false;

    for (size_t i = 0; i < item->n_processes; i++) {
        const struct slices_process *p = &item->processes[i];

        who = who || p->kind == PAGE_RUN;
        for (unsigned d = 0; d < item->head.n_devices; d++)
            if (!p->measured[d])
                return false;
    }
    return who;
}

static unsigned live_flags(const struct slices_item *item)
{
    unsigned flags = is_measured(item) ? 0 : PS_NOT_MEASURED;

    for (unsigned d = 0; d < item->head.n_devices; d++)
        if (item->driver_bytes[d] > item->head.limits[d].limit_bytes)
            flags |= PS_OVER_LIMIT;
    for (size_t i = 0; i < item->n_processes; i++)
        if (item->processes[i].routes & PAGE_ROUTE_DLMOPEN)
            flags |= PS_BYPASS;
    return flags;
}

unsigned ps_flags(const struct slices_item *item)
{
    unsigned flags;

    if (item->fault != PAGE_SOUND)
        return item->fault == PAGE_OTHER_VERSION ? PS_OTHER_VERSION : PS_BROKEN;
    flags = item->alive ? live_flags(item) : PS_ENDED;
    if (item->alive && item->claim != PAGE_GRANTED)
        flags |= item->claim == PAGE_ENDED ? PS_ENDED : PS_WAITS;
    if (item->head.flags & PAGE_ALLOW_UNATTACHED)
        flags |= PS_ALLOWED_UNATTACHED;
    if (item->unattached > 0)
        flags |= PS_UNATTACHED;
    if (item->turned_away > 0)
        flags |= PS_FULL;
    return flags;
}

static const char *flags_text(char buffer[FLAGS_SIZE], const struct slices_item *item)
{
    unsigned flags = ps_flags(item);
    size_t at = 0;

    buffer[0] = '\0';
    for (unsigned i = 0; i < FLAGS; i++) {
        int n = flags & flag_words[i].flag ? snprintf(buffer + at, FLAGS_SIZE - at, "%s%s",
                                                      at > 0 ? ", " : "", flag_words[i].words)
                                           : 0;

        at += n > 0 && (size_t)n < FLAGS_SIZE - at ? (size_t)n : 0;
    }
    return at > 0 ? buffer : "-";
}

/* "0", "0:1", or "?" where the driver did not answer. */
static const char *place(char buffer[PLACE_SIZE], const struct meter *m, int at)
{
    const struct meter_device *d = m && at >= 0 ? meter_device(m, (size_t)at) : NULL;

    if (!d)
        (void)snprintf(buffer, PLACE_SIZE, "?");
    else if (d->mig < 0)
        (void)snprintf(buffer, PLACE_SIZE, "%u", d->gpu);
    else
        (void)snprintf(buffer, PLACE_SIZE, "%u:%d", d->gpu, d->mig);
    return buffer;
}

static int find(const struct meter *m, const uint8_t *uuid)
{
    return m ? meter_find(m, uuid) : -1;
}

static void add_broken(struct table *t, const struct slices_item *item)
{
    char owner[OWNER_SIZE];

    table_cell(t, "?");
    table_cell(t, "%s", owner_name(owner, item->uid));
    for (int i = 0; i < 5; i++)
        table_cell(t, "-");
    table_cell(t, "%s", item->path);
    table_cell(t, "%s: %s", item->fault == PAGE_OTHER_VERSION ? "other version" : "page not sound",
               page_fault_words(item->fault));
}

/* A process of the slice, under one of its GPUs. */
static void add_process(struct table *t, const struct slices_item *item,
                        const struct slices_process *p, unsigned device)
{
    char used[BYTES_TEXT_SIZE], driver[BYTES_TEXT_SIZE];

    if (p->kind == PAGE_RUN && p->driver_bytes[device] == 0)
        return;
    table_cell(t, "  pid %u%s", p->pid ? p->pid : p->inside_pid, p->pid ? "" : " (inside)");
    for (int i = 0; i < 3; i++)
        table_cell(t, "%s", "");
    table_cell(t, "%s", bytes_text(used, p->used_bytes[device]));
    table_cell(t, "%s",
               p->driver_bytes[device] ? bytes_text(driver, p->driver_bytes[device]) : "-");
    table_cell(t, "%s", "");
    table_cell(t, "%s", p->command);
    table_cell(t, "%s", p->measured[device] || item->head.n_devices == 0 ? "" : "not measured");
}

static void add_slice(struct table *t, const struct slices_item *item, const struct meter *m,
                      unsigned device)
{
    const struct page_limit *limit = &item->head.limits[device];
    char owner[OWNER_SIZE], at[PLACE_SIZE], a[BYTES_TEXT_SIZE], flags[FLAGS_SIZE];

    table_cell(t, "%s", *item->head.name ? item->head.name : "-");
    table_cell(t, "%s", owner_name(owner, item->uid));
    table_cell(t, "%s", place(at, m, find(m, limit->uuid)));
    table_cell(t, "%s", bytes_text(a, limit->limit_bytes));
    table_cell(t, "%s", bytes_text(a, item->used_bytes[device]));
    table_cell(t, "%s",
               item->driver_bytes[device] ? bytes_text(a, item->driver_bytes[device]) : "-");
    table_cell(t, "%llu", (unsigned long long)item->refused[device]);
    table_cell(t, "%s", "");
    table_cell(t, "%s", flags_text(flags, item));
    for (size_t i = 0; i < item->n_processes; i++)
        add_process(t, item, &item->processes[i], device);
}

static void add_outside(struct table *t, const struct slices *s, const struct meter *m)
{
    char at[PLACE_SIZE], used[BYTES_TEXT_SIZE], name[PROCESS_NAME_SIZE];

    for (size_t i = 0; i < s->n_outside; i++) {
        const struct slices_outside *o = &s->outside[i];

        table_cell(t, "(outside)");
        table_cell(t, "-");
        table_cell(t, "%s", place(at, m, (int)o->device));
        table_cell(t, "-");
        table_cell(t, "-");
        table_cell(t, "%s", o->bytes ? bytes_text(used, o->bytes) : "?");
        table_cell(t, "-");
        table_cell(t, "%u (%s)", o->pid, process_name(name, o->pid));
        table_cell(t, "in no slice");
    }
}

int ps_slices_table(const struct slices *s, const struct meter *m, struct err *e)
{
    static const char *const heads[] = {"SLICE",   "OWNER",    "GPU",     ">LIMIT", ">USED",
                                        ">DRIVER", ">REFUSED", "COMMAND", "REMARKS"};
    struct table t;
    int r;

    table_init(&t, heads, sizeof heads / sizeof heads[0]);
    for (size_t i = 0; i < s->count; i++) {
        if (s->items[i].fault != PAGE_SOUND)
            add_broken(&t, &s->items[i]);
        for (unsigned d = 0; s->items[i].fault == PAGE_SOUND && d < s->items[i].head.n_devices; d++)
            add_slice(&t, &s->items[i], m, d);
    }
    add_outside(&t, s, m);
    r = table_print(&t, stdout, e);
    table_done(&t);
    return r;
}

static void json_place(struct json *j, const struct meter *m, int at)
{
    const struct meter_device *d = m && at >= 0 ? meter_device(m, (size_t)at) : NULL;

    if (!d) {
        json_string(j, "gpu", NULL);
        json_string(j, "mig", NULL);
        json_string(j, "uuid", NULL);
        return;
    }
    json_uint(j, "gpu", d->gpu);
    if (d->mig < 0)
        json_string(j, "mig", NULL);
    else
        json_int(j, "mig", d->mig);
    json_string(j, "uuid", d->uuid);
}

static void json_device(struct json *j, const struct slices_item *item, const struct meter *m,
                        unsigned d)
{
    json_object(j, NULL);
    json_place(j, m, find(m, item->head.limits[d].uuid));
    json_uint(j, "limit_bytes", item->head.limits[d].limit_bytes);
    json_uint(j, "used_bytes", item->used_bytes[d]);
    json_uint(j, "driver_bytes", item->driver_bytes[d]);
    json_uint(j, "refused", item->refused[d]);
    json_uint(j, "refused_bytes", item->refused_bytes[d]);
    json_object_end(j);
}

static void json_process(struct json *j, const struct slices_item *item,
                         const struct slices_process *p)
{
    json_object(j, NULL);
    if (p->pid != 0)
        json_uint(j, "pid", p->pid);
    else
        json_string(j, "pid", NULL);
    json_uint(j, "inside_pid", p->inside_pid);
    json_string(j, "command", p->command);
    json_string(j, "kind", p->kind == PAGE_RUN ? "run" : "process");
    json_array(j, "devices");
    for (unsigned d = 0; d < item->head.n_devices; d++) {
        json_object(j, NULL);
        json_uint(j, "used_bytes", p->used_bytes[d]);
        json_uint(j, "driver_bytes", p->driver_bytes[d]);
        json_bool(j, "measured", p->measured[d]);
        json_object_end(j);
    }
    json_array_end(j);
    json_object_end(j);
}

static void json_slice(struct json *j, const struct slices_item *item, const struct meter *m)
{
    unsigned flags = ps_flags(item);
    char owner[OWNER_SIZE];

    json_object(j, NULL);
    json_string(j, "name", *item->head.name ? item->head.name : NULL);
    json_string(j, "owner", owner_name(owner, item->uid));
    json_uint(j, "uid", item->uid);
    json_string(j, "page", item->path);
    json_string(j, "fault", item->fault == PAGE_SOUND ? NULL : page_fault_words(item->fault));
    json_bool(j, "alive", item->alive);
    json_uint(j, "unattached", item->unattached);
    json_array(j, "flags");
    for (unsigned i = 0; i < FLAGS; i++)
        if (flags & flag_words[i].flag)
            json_string(j, NULL, flag_words[i].key);
    json_array_end(j);
    json_array(j, "devices");
    for (unsigned d = 0; d < item->head.n_devices; d++)
        json_device(j, item, m, d);
    json_array_end(j);
    json_array(j, "processes");
    for (size_t i = 0; i < item->n_processes; i++)
        json_process(j, item, &item->processes[i]);
    json_array_end(j);
    json_object_end(j);
}

void ps_slices_json(struct json *j, const struct slices *s, const struct meter *m)
{
    char name[PROCESS_NAME_SIZE];

    json_array(j, "slices");
    for (size_t i = 0; i < s->count; i++)
        json_slice(j, &s->items[i], m);
    json_array_end(j);
    json_array(j, "outside");
    for (size_t i = 0; i < s->n_outside; i++) {
        json_object(j, NULL);
        json_place(j, m, (int)s->outside[i].device);
        json_uint(j, "pid", s->outside[i].pid);
        json_string(j, "command", process_name(name, s->outside[i].pid));
        json_uint(j, "driver_bytes", s->outside[i].bytes);
        json_object_end(j);
    }
    json_array_end(j);
}
