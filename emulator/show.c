/* SPDX-License-Identifier: Apache-2.0 */
/* What carve-emulator shows of the machine, as a table or as JSON. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "abi.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "control.h"
#include "process.h"

enum {
    MAX_OUTPUT = 4 << 20,
};

static const char *mode_text(const struct gpu *g, uint32_t mode)
{
    return !g->board->mig ? "none" : mode ? "on" : "off";
}

static void json_instances(struct json *j, const struct gpu *g, const struct state_gpu *s)
{
    json_array(j, "instances");
    for (unsigned gi = 0; gi < STATE_INSTANCES; gi++) {
        const struct profile *p = node_profile_by_id(g, s->gi[gi].profile);

        if (!s->gi[gi].used)
            continue;
        json_object(j, NULL);
        json_uint(j, "id", gi);
        json_string(j, "profile", p ? p->name : NULL);
        json_uint(j, "start", s->gi[gi].start);
        json_uint(j, "size", s->gi[gi].size);
        json_array(j, "compute");
        for (unsigned ci = 0; ci < STATE_COMPUTES; ci++) {
            char uuid[MIG_UUID_SIZE], name[24];

            if (!s->gi[gi].ci[ci].used)
                continue;
            mig_device_uuid(uuid, g, s, gi, ci);
            mig_device_name(name, g, s, gi, ci);
            json_object(j, NULL);
            json_uint(j, "id", ci);
            json_string(j, "name", name);
            json_string(j, "uuid", uuid);
            json_object_end(j);
        }
        json_array_end(j);
        json_object_end(j);
    }
    json_array_end(j);
}

static void json_processes(struct json *j, const struct state_gpu *s)
{
    json_array(j, "processes");
    for (unsigned i = 0; i < process_rows(s); i++) {
        const struct state_process *p = &s->processes[i];

        if (!p->used)
            continue;
        json_object(j, NULL);
        json_uint(j, "pid", p->pid);
        json_string(j, "name", p->name);
        json_uint(j, "memory", p->mem_bytes);
        if (p->start) { /* a CUDA program, not one that was stated */
            json_uint(j, "beyond", p->device_bytes);
            json_bool(j, "hasContext", !p->hidden);
        }
        if (p->gi != NVML_NO_INSTANCE) {
            json_uint(j, "gi", p->gi);
            json_uint(j, "ci", p->ci);
        }
        json_object_end(j);
    }
    json_array_end(j);
}

static void json_gpu(struct json *j, const struct gpu *g, const struct state_gpu *s)
{
    static const char *const holds[] = {"off", "reset", "reboot"};
    char bus[24];

    (void)snprintf(bus, sizeof bus, "%04x:%02x:%02x.0", g->domain, g->bus, g->device);
    json_object(j, NULL);
    json_uint(j, "index", g->index);
    json_string(j, "uuid", g->uuid);
    json_string(j, "name", g->board->name);
    json_string(j, "bus", bus);
    json_uint(j, "memory", (uint64_t)node_memory_bytes(g));
    json_string(j, "mig", mode_text(g, s->mig_current));
    json_string(j, "migPending", mode_text(g, s->mig_pending));
    json_string(j, "holdsModeUntil", holds[s->mig_hold % 3]);
    json_bool(j, "lost", s->lost != 0);
    json_bool(j, "resetRefused", s->reset_refused != 0);
    json_instances(j, g, s);
    json_processes(j, s);
    json_object_end(j);
}

static void table_gpu(struct buf *b, const struct gpu *g, const struct state_gpu *s)
{
    unsigned gi, ci;

    buf_printf(b, "GPU %u  %s  %s  %" PRId64 " MiB", g->index, g->uuid, g->board->name,
               node_memory_bytes(g) >> 20);
    if (g->board->mig)
        buf_printf(b, "  MIG %s", mode_text(g, s->mig_current));
    if (s->mig_pending != s->mig_current)
        buf_printf(b, " (pending: %s)", mode_text(g, s->mig_pending));
    buf_printf(b, "%s%s\n", s->lost ? "  LOST" : "", s->reset_refused ? "  refuses resets" : "");
    for (unsigned i = 0; mig_device_at(s, i, &gi, &ci); i++) {
        char uuid[MIG_UUID_SIZE], name[24];

        mig_device_uuid(uuid, g, s, gi, ci);
        mig_device_name(name, g, s, gi, ci);
        buf_printf(b, "  MIG %u  %s  %s  gi %u ci %u  at %u:%u\n", i, uuid, name, gi, ci,
                   s->gi[gi].start, s->gi[gi].size);
    }
    for (gi = 0; gi < STATE_INSTANCES; gi++) {
        bool empty = s->gi[gi].used;

        for (ci = 0; ci < STATE_COMPUTES; ci++)
            empty = empty && !s->gi[gi].ci[ci].used;
        if (empty)
            buf_printf(b, "  gi %u  without compute instances  at %u:%u\n", gi, s->gi[gi].start,
                       s->gi[gi].size);
    }
    for (unsigned i = 0; i < process_rows(s); i++) {
        const struct state_process *p = &s->processes[i];

        if (p->used)
            buf_printf(b, "  process %u  %s  %" PRIu64 " MiB\n", p->pid, p->name,
                       p->mem_bytes >> 20);
    }
}

static int print(struct buf *b, struct err *e)
{
    int rc = buf_check(b, e);

    if (rc == 0 && (fwrite(b->data, 1, b->size, stdout) != b->size || fflush(stdout) != 0))
        rc = err_set(e, EIO, "write to standard output");
    buf_done(b);
    return rc;
}

static void show_json(struct control *c, struct buf *b)
{
    struct json j;

    json_init(&j, b, 2);
    json_object(&j, NULL);
    json_string(&j, "node", c->node->name);
    json_string(&j, "driver", c->node->driver);
    json_bool(&j, "hang", c->map.at->calls == STATE_CALLS_HANG);
    json_bool(&j, "unloaded", c->map.at->calls == STATE_CALLS_UNLOADED);
    json_array(&j, "gpus");
    for (unsigned i = 0; i < c->node->n_gpus; i++)
        json_gpu(&j, &c->node->gpus[i], &c->map.at->gpus[i]);
    json_array_end(&j);
    json_object_end(&j);
    buf_char(b, '\n');
}

int control_show(struct control *c, struct err *e)
{
    static const char *const calls[] = {"", ", all calls hang",
                                        ", not loaded"}; /* enum state_calls */
    struct buf b;

    buf_init(&b, MAX_OUTPUT);
    state_lock(&c->map);
    for (unsigned i = 0; i < c->node->n_gpus; i++)
        process_reap(c->map.at, i);
    if (c->json) {
        show_json(c, &b);
    } else {
        buf_printf(&b, "emulated node %s, driver %s%s\n", c->node->name, c->node->driver,
                   calls[c->map.at->calls % 3]);
        for (unsigned i = 0; i < c->node->n_gpus; i++)
            table_gpu(&b, &c->node->gpus[i], &c->map.at->gpus[i]);
    }
    state_unlock(&c->map);
    return print(&b, e);
}

static const struct {
    const char *name;
    size_t offset;
} counters[] = {
    {"modeSet", offsetof(struct state_counters, mode_set)},
    {"gpuInstancesCreated", offsetof(struct state_counters, gi_created)},
    {"gpuInstancesDestroyed", offsetof(struct state_counters, gi_destroyed)},
    {"computeInstancesCreated", offsetof(struct state_counters, ci_created)},
    {"computeInstancesDestroyed", offsetof(struct state_counters, ci_destroyed)},
    {"resets", offsetof(struct state_counters, resets)},
};

static uint32_t counter(const struct state_counters *all, size_t i)
{
    uint32_t value;

    memcpy(&value, (const char *)all + counters[i].offset, sizeof value);
    return value;
}

int control_calls(struct control *c, struct err *e)
{
    struct buf b;
    struct json j;

    buf_init(&b, MAX_OUTPUT);
    json_init(&j, &b, 2);
    if (c->json)
        json_array(&j, NULL);
    for (unsigned g = 0; g < c->node->n_gpus; g++) {
        const struct state_counters *all = &c->map.at->gpus[g].counters;

        if (c->json)
            json_object(&j, NULL);
        else
            buf_printf(&b, "GPU %u:", g);
        for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++) {
            if (c->json)
                json_uint(&j, counters[i].name, counter(all, i));
            else
                buf_printf(&b, "  %s %u", counters[i].name, counter(all, i));
        }
        if (c->json)
            json_object_end(&j);
        else
            buf_char(&b, '\n');
    }
    if (c->json) {
        json_array_end(&j);
        buf_char(&b, '\n');
    }
    return print(&b, e);
}
