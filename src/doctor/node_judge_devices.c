/* SPDX-License-Identifier: Apache-2.0 */
/* Device nodes; MIG, geometry, persistence. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "doctor/node_say.h"
#include "gpu/geometry.h"
#include "gpu/gpu.h"

/* Whose a major number is; "nvidia" has had other names: "nvidia-frontend", "nvidiactl". */
static bool is_owner(const struct node_major *m, const char *owner)
{
    if (strcmp(owner, "nvidia") != 0)
        return strcmp(m->name, owner) == 0;
    return !text_starts(m->name, "nvidia-uvm") && !text_starts(m->name, "nvidia-caps");
}

/* Whether the kernel knows the owner of a node under another major number alone. */
static bool is_stale(const struct node_driver_facts *d, const struct node_device *n)
{
    bool known = false;

    for (size_t i = 0; i < d->n_majors; i++) {
        if (!is_owner(&d->majors[i], n->owner))
            continue;
        if (d->majors[i].major == n->major)
            return false;
        known = true;
    }
    return known;
}

/* What is wrong with a device node, in a few words; NULL: nothing. */
static const char *trouble_of(struct node_report *r, const struct node_driver_facts *d,
                              const struct node_device *n)
{
    const char *words;

    if (n->sight != NODE_THERE)
        return n->sight == NODE_MISSING ? "is missing" : "cannot be seen";
    if (!n->is_device)
        return "is no device node";
    if (!is_stale(d, n))
        return n->usable ? NULL : "may not be opened here";
    words = arena_printf(&r->arena, "has major number %u, which is not %s's", n->major, n->owner);
    return words ? words : "has a wrong major number";
}

/*
 * Whether that may be so for this user or this container alone: a container without CUDA has no
 * nvidia-uvm, and need not have it, and may not open the host's.
 */
static bool is_private(const struct node_facts *f, const struct node_device *n)
{
    if (n->sight == NODE_MISSING)
        return f->driver.own_dev && f->driver.told;
    if (n->sight == NODE_THERE && (!n->is_device || is_stale(&f->driver, n)))
        return false;
    return !f->is_root || f->driver.told;
}

/* Why a node is missing is mostly known by its name. */
static const char *cure_of(const struct node_device *n)
{
    if (n->sight == NODE_THERE && n->is_device && !n->usable)
        return "in a container, give it the GPUs anew (start it again: a reload of systemd can "
               "take "
               "them away); else see the node's mode and owner";
    if (strcmp(n->owner, "nvidia-uvm") == 0)
        return "run 'nvidia-modprobe -u -c=0' on the host (at every boot), or 'modprobe "
               "nvidia-uvm'";
    if (strcmp(n->owner, "nvidia-caps") == 0)
        return "run 'nvidia-modprobe -f CAPABILITY-FILE' or 'nvidia-smi' as root on the host; in a "
               "container, mount the host's /dev";
    return "run 'nvidia-smi' once as root on the host, or 'nvidia-modprobe -c 0'; in a container, "
           "mount the host's /dev";
}

void node_judge_nodes(struct node_report *r, const struct node_facts *f)
{
    const struct node_driver_facts *d = &f->driver;
    const struct node_device *first = NULL;
    const char *words[NODE_DEVICES_MAX], *private[NODE_DEVICES_MAX];
    size_t n = 0, n_private = 0;

    if (node_elsewhere(f)) {
        node_say(r, "device-nodes", NODE_UNSEEN, "this is another container or user than carved's");
        return;
    }
    if (node_follows(r, "device-nodes", "pci") || node_follows(r, "device-nodes", "kernel-module"))
        return;
    for (size_t i = 0; i < d->n_devices && n < NODE_DEVICES_MAX; i++) {
        const char *trouble = trouble_of(r, d, &d->devices[i]);
        const char *line =
            trouble ? arena_printf(&r->arena, "%s %s", d->devices[i].path, trouble) : NULL;

        if (!line)
            continue;
        if (is_private(f, &d->devices[i])) {
            private[n_private++] = line;
            continue;
        }
        if (!first || (!first->needed && d->devices[i].needed))
            first = &d->devices[i];
        words[n++] = line;
    }
    if (n_private > 0) {
        node_say(r, "device-nodes", NODE_UNSEEN, "%s", node_list(r, private, n_private));
        node_cure(r, "run as root on the host to have them judged");
    } else if (n == 0) {
        node_say(r, "device-nodes", NODE_FINE, "%zu are there", d->n_devices);
    }
    if (n == 0)
        return;
    node_say(r, "device-nodes", first->needed ? NODE_FAILED : NODE_WARNING, "%s",
             node_list(r, words, n));
    node_cure(r, "%s", cure_of(first));
}

static void judge_mig(struct node_report *r, const struct node_facts *f)
{
    const struct inventory *inv = node_hardware(f);
    unsigned on = 0, devices = 0;

    for (unsigned i = 0; inv && i < inv->n_gpus; i++) {
        const struct gpu *g = &inv->gpus[i];

        on += g->mig == GPU_MIG_ON;
        for (unsigned n = 0; n < g->n_instances; n++)
            devices += g->instances[n].n_computes;
        if (g->mig != g->mig_pending) {
            node_say(r, "mig", NODE_WARNING, "GPU %u: MIG mode %s is pending", i,
                     g->mig_pending == GPU_MIG_ON ? "on" : "off");
            node_cure(r, "reset the GPU ('nvidia-smi -r -i %u') or reboot the node", i);
        } else if (g->mig == GPU_MIG_ON && g->n_instances == 0) {
            node_say(r, "mig", NODE_WARNING,
                     "GPU %u is in MIG mode and has no instance: nothing can run on it", i);
            node_cure(r, "cut it with 'carve mig apply', or end its MIG mode");
        }
    }
    if (on > 0 && devices > 0)
        node_say(r, "mig", NODE_FINE, "%u GPU%s in MIG mode, %u MIG devices", on,
                 on == 1 ? "" : "s", devices);
}

struct differences {
    struct node_report *report;
    const char *words[16];
    size_t n;
};

static void add_difference(void *self, const char *words)
{
    struct differences *d = self;
    const char *copy = arena_text(&d->report->arena, words);

    if (copy && d->n < sizeof d->words / sizeof d->words[0])
        d->words[d->n++] = copy;
}

/* Boards alike are compared once. */
static bool seen_before(const struct inventory *inv, unsigned index)
{
    for (unsigned i = 0; i < index; i++)
        if (inv->gpus[i].device_id == inv->gpus[index].device_id)
            return true;
    return false;
}

static void judge_geometry(struct node_report *r, const struct node_facts *f)
{
    const struct inventory *inv = node_hardware(f);
    struct differences d = {.report = r};
    unsigned boards = 0;

    for (unsigned i = 0; inv && i < inv->n_gpus; i++) {
        const struct gpu *g = &inv->gpus[i];
        struct gpu_geometry table;

        if (seen_before(inv, i) || g->geometry.n_profiles == 0 || g->geometry.from_table ||
            !geometry_table(&table, g->device_id))
            continue;
        boards++;
        (void)geometry_compare(&g->geometry, &table, add_difference, &d);
    }
    if (d.n > 0) {
        node_say(r, "geometry", NODE_WARNING, "%s", node_list(r, d.words, d.n));
        node_cure(r, "none is needed on the node, which follows the driver; 'carve lint' and "
                     "'carve catalog' follow the table: report the difference");
    } else if (boards > 0) {
        node_say(r, "geometry", NODE_FINE, "MIG profiles are those of the built-in table");
    }
}

void node_judge_devices(struct node_report *r, const struct node_facts *f)
{
    judge_mig(r, f);
    judge_geometry(r, f);
    if (!f->driver.module || node_elsewhere(f))
        return;
    if (f->driver.persistence)
        node_say(r, "persistence", NODE_FINE, "nvidia-persistenced runs");
    else
        node_say(r, "persistence", NODE_FINE,
                 "no nvidia-persistenced seen: the first use of an idle GPU takes seconds longer");
}
