/* SPDX-License-Identifier: Apache-2.0 */
/* What `carve run` says on stderr besides errors: who has what. See run.h. */
#include <stdio.h>

#include "cli/bytes.h"
#include "cli/owner.h"
#include "cli/process.h"
#include "cli/report.h"
#include "cli/run.h"

enum { HOLDERS_SHOWN = 16, OUTSIDE_SHOWN = 4 };

static void note_holder(const struct slices_item *item, const struct meter_device *d, int device)
{
    char limit[BYTES_TEXT_SIZE], used[BYTES_TEXT_SIZE], owner[OWNER_SIZE], name[RUN_DEVICE_SIZE];
    const struct slices_process *p = item->n_processes > 0 ? &item->processes[0] : NULL;

    for (size_t i = 0; i < item->n_processes; i++)
        if (item->processes[i].kind == PAGE_PROCESS) {
            p = &item->processes[i];
            break;
        }
    report_note(
        "  %s: %s%s%s of %s has %s, uses %s, pid %u (%s)", run_device_name(name, d),
        *item->head.name ? "'" : "a slice", item->head.name, *item->head.name ? "'" : "",
        owner_name(owner, item->uid), bytes_text(limit, item->head.limits[device].limit_bytes),
        bytes_text(used, item->used_bytes[device]), p ? p->inside_pid : 0, p ? p->command : "?");
}

void run_note_holders(const struct run *r)
{
    for (unsigned i = 0; i < r->n_devices; i++) {
        const struct meter_device *d = meter_device(r->meter, r->devices[i]);
        unsigned n = 0;

        for (size_t s = 0; s < r->slices->count; s++) {
            const struct slices_item *item = &r->slices->items[s];

            if (!slices_claims(item, d->uuid_bytes, d->total_bytes))
                continue;
            if (n++ < HOLDERS_SHOWN)
                note_holder(item, d, slices_on(item, d->uuid_bytes));
        }
        if (n > HOLDERS_SHOWN)
            report_note("  and %u more; 'carve ps' lists all", n - HOLDERS_SHOWN);
    }
}

static void note_outside(const struct run *r, size_t device, uint64_t bytes)
{
    char used[BYTES_TEXT_SIZE], name[RUN_DEVICE_SIZE], command[PROCESS_NAME_SIZE], who[256] = "";
    size_t at = 0;
    unsigned n = 0;

    for (size_t i = 0; i < r->slices->n_outside && n < OUTSIDE_SHOWN; i++) {
        const struct slices_outside *o = &r->slices->outside[i];
        int wrote;

        if (o->device != device)
            continue;
        wrote = snprintf(who + at, sizeof who - at, "%s%u (%s)", n++ ? ", " : "", o->pid,
                         process_name(command, o->pid));
        if (wrote < 0 || (size_t)wrote >= sizeof who - at)
            break;
        at += (size_t)wrote;
    }
    report_note(
        "warning: %s are used on %s outside any slice, by pid %s; with that the promises are "
        "more than the GPU has, so an allocation within the limit may fail",
        bytes_text(used, bytes), run_device_name(name, meter_device(r->meter, device)), who);
}

/* Only where promises and what is used beside them are more than there is. */
void run_note_outside(const struct run *r)
{
    for (unsigned i = 0; i < r->n_devices; i++) {
        const struct meter_device *d = meter_device(r->meter, r->devices[i]);
        uint64_t outside = slices_outside_bytes(r->slices, r->devices[i]);
        uint64_t promised = slices_promised(r->slices, d->uuid_bytes, d->total_bytes);

        if (!r->joined)
            promised += r->o.memory_bytes;
        if (outside > 0 && (promised > d->total_bytes || outside > d->total_bytes - promised))
            note_outside(r, r->devices[i], outside);
    }
}
