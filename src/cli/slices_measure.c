/* SPDX-License-Identifier: Apache-2.0 */
/* Holds the slices against the driver's lists of processes. */
#include <errno.h>

#include "base/err.h"
#include "cli/process.h"
#include "cli/slices.h"
#include "gpu/meter.h"

enum { OUTSIDE_MAX = 4096 };

/* A process that the driver tells of, and what /proc says of it. */
struct told {
    const struct gpu_process *process;
    uint32_t inside_pid; /* 0: not asked for, or not to be seen */
    int64_t user;        /* -1: not to be seen */
};

static bool has_namespaces(const struct slices *s)
{
    for (size_t i = 0; i < s->count; i++)
        for (size_t n = 0; n < s->items[i].n_processes; n++)
            if (!s->items[i].processes[n].here)
                return true;
    return false;
}

/* A page says what its owner likes, also that a process of somebody else is in it. Root may be in
   anyone's. */
static bool may_be_in(const struct slices_item *item, const struct told *t)
{
    return item->uid == 0 || t->user <= 0 || t->user == (int64_t)item->uid;
}

/* A process of another pid namespace is who has its number in there. */
static bool is_process(const struct slices_process *p, const struct told *t)
{
    if (p->pid != 0)
        return p->pid == t->process->pid;
    return !p->here && p->inside_pid != 0 && t->inside_pid == p->inside_pid;
}

/* Notes the driver's figure with whom it belongs to; false: in no slice. */
static bool note(struct slices *s, const struct told *t, const uint8_t *uuid)
{
    for (size_t i = 0; i < s->count; i++) {
        struct slices_item *item = &s->items[i];
        int device = slices_on(item, uuid);

        for (size_t n = 0; n < item->n_processes && may_be_in(item, t); n++) {
            struct slices_process *p = &item->processes[n];

            if (!is_process(p, t))
                continue;
            p->pid = t->process->pid;
            if (device < 0)
                return false; /* its slice is not on this GPU */
            p->driver_bytes[device] += t->process->mem_bytes;
            item->driver_bytes[device] += t->process->mem_bytes;
            return true;
        }
    }
    return false;
}

static int add_outside(struct slices *s, size_t device, const struct gpu_process *told)
{
    struct slices_outside *more;

    if (s->n_outside == OUTSIDE_MAX)
        return 0;
    more = realloc(s->outside, (s->n_outside + 1) * sizeof *more);
    if (!more)
        return -ENOMEM;
    s->outside = more;
    s->outside[s->n_outside++] =
        (struct slices_outside){.device = device, .pid = told->pid, .bytes = told->mem_bytes};
    return 0;
}

int slices_measure(struct slices *s, struct meter *m, struct err *e)
{
    bool namespaces = has_namespaces(s);

    for (size_t d = 0; d < meter_count(m); d++) {
        const struct meter_device *device = meter_device(m, d);
        const struct gpu_process *told;
        unsigned n;
        int r;

        if (device->cut) /* what runs on it, runs on its MIG devices */
            continue;
        r = meter_processes(m, d, &told, &n, e);
        if (r < 0)
            return r;
        for (unsigned i = 0; i < n; i++) {
            const struct told t = {.process = &told[i],
                                   .inside_pid = namespaces ? process_inside_pid(told[i].pid) : 0,
                                   .user = process_user(told[i].pid)};

            if (!note(s, &t, device->uuid_bytes) && add_outside(s, d, &told[i]) < 0)
                return err_memory(e);
        }
    }
    return 0;
}
