/* SPDX-License-Identifier: Apache-2.0 */
/* The list of `carve gpus`: boards, and indented below each what is on it. */
#include <stdio.h>

#include "base/err.h"
#include "base/json.h"
#include "cli/gpus.h"
#include "cli/group.h"
#include "cli/process.h"
#include "cli/report.h"
#include "cli/table.h"
#include "cli/view.h"
#include "node/node_state.h"

enum { MIB_SHIFT = 20 };

/* PLACE is where a board sits on its bus, and a MIG device on the axis of its board's memory. */
static const char *const heads[] = {"GPU", "NAME", "UUID", "PLACE", ">NUMA", ">MEMORY", "MIG"};

static const char *mig_text(const struct gpu *gpu)
{
    if (gpu->mig_pending != GPU_MIG_NONE && gpu->mig_pending != gpu->mig)
        return gpu->mig == GPU_MIG_ON ? "on (off pending)" : "off (on pending)";
    return gpu->mig == GPU_MIG_NONE ? "-" : view_mig_name(gpu->mig);
}

static void add_gpu(struct table *t, const struct gpu *gpu)
{
    table_cell(t, "%u", gpu->index);
    table_cell(t, "%s", gpu->name);
    table_cell(t, "%s", gpu->uuid);
    table_cell(t, "%s", gpu->bus_id);
    if (gpu->numa_node < 0)
        table_cell(t, "-");
    else
        table_cell(t, "%d", gpu->numa_node);
    table_cell(t, "%llu/%llu MiB", (unsigned long long)(gpu->mem_used_bytes >> MIB_SHIFT),
               (unsigned long long)(gpu->mem_total_bytes >> MIB_SHIFT));
    table_cell(t, "%s", mig_text(gpu));
    table_end_row(t);
}

static void add_place(struct table *t, const struct gpu_instance *gi, const struct gpu_profile *p)
{
    table_cell(t, "at %u size %u", gi->span.start, gi->span.size);
    table_cell(t, "%s", "");
    if (p)
        table_cell(t, "%llu MiB", (unsigned long long)p->mem_mib);
    else
        table_cell(t, "?");
}

static void add_instance(struct table *t, const struct gpu *gpu, const struct gpu_instance *gi)
{
    const struct gpu_profile *p = geometry_find_id(&gpu->geometry, gi->profile_id);
    char name[GPU_PROFILE_NAME_SIZE];

    for (unsigned c = 0; c < gi->n_computes; c++) {
        const struct gpu_compute *ci = &gi->computes[c];

        table_cell(t, "  %u:%u", gpu->index, ci->device_index);
        table_cell(t, "%s", gpu_device_name(name, gpu, gi, ci));
        table_cell(t, "%s", ci->uuid);
        add_place(t, gi, p);
        table_cell(t, "gi %u ci %u", gi->id, ci->id);
    }
    if (gi->n_computes > 0)
        return;
    table_cell(t, "  -");
    table_cell(t, "%s", p ? p->name : "?");
    table_cell(t, "no compute instance");
    add_place(t, gi, p);
    table_cell(t, "gi %u", gi->id);
}

static void add_process(struct table *t, const struct gpu_process *p)
{
    char name[PROCESS_NAME_SIZE];

    table_cell(t, "%s", "");
    table_cell(t, "process %u (%s)", p->pid, process_name(name, p->pid));
    for (int i = 0; i < 3; i++)
        table_cell(t, "%s", "");
    if (p->mem_bytes > 0)
        table_cell(t, "%llu MiB", (unsigned long long)(p->mem_bytes >> MIB_SHIFT));
    else
        table_cell(t, "-");
    if (p->gi_id >= 0)
        table_cell(t, "gi %d ci %d", p->gi_id, p->ci_id);
    table_end_row(t);
}

static void add_all(struct table *t, const struct gpu *gpu)
{
    add_gpu(t, gpu);
    if (gpu->fault[0]) {
        table_cell(t, "%s", "");
        table_cell(t, "fault: %s", gpu->fault);
        table_end_row(t);
    }
    for (unsigned i = 0; i < gpu->n_instances; i++)
        add_instance(t, gpu, &gpu->instances[i]);
    for (unsigned p = 0; p < gpu->n_processes; p++)
        add_process(t, &gpu->processes[p]);
    if (gpu->n_processes_left_out > 0) {
        table_cell(t, "%s", "");
        table_cell(t, "and %u more processes", gpu->n_processes_left_out);
        table_end_row(t);
    }
}

/* What carved knows of faults; a fault that the driver tells of is in the list of GPUs already. */
static int print_faults(const struct node_state *state, struct err *e)
{
    static const char *const columns[] = {">GPU",   "FAULT",   ">XID",
                                          ">TIMES", ">SLICES", "WHAT TO DO"};
    struct table t;
    int r;

    table_init(&t, columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < state->n_faults; i++) {
        const struct node_fault *f = &state->faults[i];

        if (!*f->uuid)
            table_cell(&t, "-");
        else if (f->gi_id < 0)
            table_cell(&t, "%u", f->gpu);
        else
            table_cell(&t, "%u gi %d", f->gpu, f->gi_id);
        table_cell(&t, "%s", f->what);
        if (f->xid)
            table_cell(&t, "%llu", (unsigned long long)f->xid);
        else
            table_cell(&t, "-");
        table_cell(&t, "%u", f->count);
        table_cell(&t, "%u", f->slices);
        table_cell(&t, "%s", f->cure);
    }
    if (t.n_cells > 0) {
        (void)fputc('\n', stdout);
        r = table_print(&t, stdout, e);
    } else {
        r = 0;
    }
    table_done(&t);
    return r;
}

static int print_resources(const struct node_state *state, struct err *e)
{
    static const char *const columns[] = {"RESOURCE", ">SLICES", ">HEALTHY", ">REPLICAS",
                                          "KUBELET"};
    struct table t;
    int r;

    table_init(&t, columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < state->n_resources; i++) {
        const struct node_resource *resource = &state->resources[i];

        table_cell(&t, "%s", resource->name);
        table_cell(&t, "%u", resource->slices);
        table_cell(&t, "%u", resource->healthy);
        table_cell(&t, "%u", resource->replicas);
        table_cell(&t, "%s", resource->registered ? "registered" : "-");
    }
    if (t.n_cells > 0)
        (void)fputc('\n', stdout);
    r = table_print(&t, stdout, e);
    table_done(&t);
    return r;
}

static int print_table(const struct view *v, const struct group *chosen)
{
    const struct inventory *inv = v->inventory;
    struct err e = {0};
    struct table t;
    int r;

    (void)printf("driver %s, CUDA %u.%u, %u GPU%s\n\n", inv->driver_version,
                 inv->cuda_version / 1000, inv->cuda_version % 1000 / 10, inv->n_gpus,
                 inv->n_gpus == 1 ? "" : "s");
    table_init(&t, heads, sizeof heads / sizeof heads[0]);
    for (unsigned m = 0; m < chosen->count; m++)
        add_all(&t, &inv->gpus[chosen->members[m]]);
    r = table_print(&t, stdout, &e);
    table_done(&t);
    if (r == 0 && v->state)
        r = print_resources(v->state, &e);
    if (r == 0 && v->state)
        r = print_faults(v->state, &e);
    return r < 0 ? report_error(&e) : report_finish();
}

/* A number that is negative while nobody knows it. */
static void json_known(struct json *j, const char *key, int64_t number)
{
    if (number < 0)
        json_string(j, key, NULL);
    else
        json_int(j, key, number);
}

static void json_device(struct json *j, const struct gpu *gpu, const struct gpu_instance *gi,
                        const struct gpu_compute *ci)
{
    char name[GPU_PROFILE_NAME_SIZE];

    json_object(j, NULL);
    json_uint(j, "index", ci->device_index);
    json_string(j, "profile", gpu_device_name(name, gpu, gi, ci));
    json_string(j, "uuid", ci->uuid);
    json_uint(j, "ci", ci->id);
    json_uint(j, "slices", ci->slices);
    json_object_end(j);
}

static void json_instances(struct json *j, const struct gpu *gpu)
{
    json_array(j, "instances");
    for (unsigned i = 0; i < gpu->n_instances; i++) {
        const struct gpu_instance *gi = &gpu->instances[i];
        const struct gpu_profile *p = geometry_find_id(&gpu->geometry, gi->profile_id);

        json_object(j, NULL);
        json_uint(j, "gi", gi->id);
        json_string(j, "profile", p ? p->name : NULL);
        json_uint(j, "profile_id", gi->profile_id);
        json_uint(j, "start", gi->span.start);
        json_uint(j, "size", gi->span.size);
        json_known(j, "memory_mib", p ? (int64_t)p->mem_mib : -1);
        json_array(j, "devices");
        for (unsigned c = 0; c < gi->n_computes; c++)
            json_device(j, gpu, gi, &gi->computes[c]);
        json_array_end(j);
        json_object_end(j);
    }
    json_array_end(j);
}

static void json_processes(struct json *j, const struct gpu *gpu)
{
    char name[PROCESS_NAME_SIZE];

    json_array(j, "processes");
    for (unsigned p = 0; p < gpu->n_processes; p++) {
        const struct gpu_process *process = &gpu->processes[p];

        json_object(j, NULL);
        json_uint(j, "pid", process->pid);
        json_string(j, "name", process_name(name, process->pid));
        json_uint(j, "memory_bytes", process->mem_bytes);
        json_known(j, "gi", process->gi_id);
        json_known(j, "ci", process->ci_id);
        json_object_end(j);
    }
    json_array_end(j);
}

static void json_gpu(struct json *j, const struct gpu *gpu)
{
    json_object(j, NULL);
    json_uint(j, "index", gpu->index);
    json_string(j, "name", gpu->name);
    json_string(j, "uuid", gpu->uuid);
    json_string(j, "bus_id", gpu->bus_id);
    json_uint(j, "minor", gpu->minor);
    json_known(j, "numa_node", gpu->numa_node);
    json_uint(j, "memory_total_bytes", gpu->mem_total_bytes);
    json_uint(j, "memory_used_bytes", gpu->mem_used_bytes);
    json_string(j, "mig", view_mig_name(gpu->mig));
    json_string(j, "mig_pending", view_mig_name(gpu->mig_pending));
    json_string(j, "fault", gpu->fault[0] ? gpu->fault : NULL);
    json_instances(j, gpu);
    json_processes(j, gpu);
    json_object_end(j);
}

static void json_resources(struct json *j, const struct node_state *state)
{
    json_array(j, "resources");
    for (size_t i = 0; state && i < state->n_resources; i++) {
        const struct node_resource *resource = &state->resources[i];

        json_object(j, NULL);
        json_string(j, "name", resource->name);
        json_uint(j, "slices", resource->slices);
        json_uint(j, "healthy", resource->healthy);
        json_uint(j, "replicas", resource->replicas);
        json_bool(j, "mig", resource->mig);
        json_bool(j, "registered", resource->registered);
        json_object_end(j);
    }
    json_array_end(j);
}

static void json_faults(struct json *j, const struct node_state *state)
{
    static const char *const needs[] = {
        [NODE_FAULT_WAIT] = "nothing",  [NODE_FAULT_RESET] = "reset",
        [NODE_FAULT_REBOOT] = "reboot", [NODE_FAULT_REPLACE] = "replacement",
        [NODE_FAULT_DRIVER] = "driver",
    };

    json_array(j, "faults");
    for (size_t i = 0; state && i < state->n_faults; i++) {
        const struct node_fault *f = &state->faults[i];

        json_object(j, NULL);
        json_known(j, "gpu", *f->uuid ? (int64_t)f->gpu : -1);
        json_string(j, "uuid", *f->uuid ? f->uuid : NULL);
        json_known(j, "gi", f->gi_id);
        json_known(j, "ci", f->ci_id);
        json_known(j, "xid", f->xid ? (int64_t)f->xid : -1);
        json_string(j, "what", f->what);
        json_string(j, "cause", f->cause);
        json_string(j, "cure", f->cure);
        json_string(j, "needs", needs[f->needs]);
        json_uint(j, "since_s", f->since_s);
        json_uint(j, "count", f->count);
        json_uint(j, "slices", f->slices);
        json_object_end(j);
    }
    json_array_end(j);
}

static void json_texts(struct json *j, const char *key, const char *const *texts, size_t count)
{
    json_array(j, key);
    for (size_t i = 0; i < count; i++)
        json_string(j, NULL, texts[i]);
    json_array_end(j);
}

/* What carved made of its configuration: null without carved. */
static void json_configuration(struct json *j, const struct node_state *state)
{
    if (!state) {
        json_string(j, "configuration", NULL);
        return;
    }
    json_object(j, "configuration");
    json_string(j, "file", *state->config_file ? state->config_file : NULL);
    json_string(j, "error", *state->config_error ? state->config_error : NULL);
    json_bool(j, "last_good", state->last_good);
    json_texts(j, "findings", state->findings, state->n_findings);
    json_texts(j, "notes", state->notes, state->n_notes);
    json_object_end(j);
}

static int print_json(const struct view *v, const struct group *chosen)
{
    const struct inventory *inv = v->inventory;
    struct report_document d;

    report_begin(&d);
    json_string(&d.json, "driver_version", inv->driver_version);
    json_uint(&d.json, "cuda_version", inv->cuda_version);
    json_bool(&d.json, "carved", v->state != NULL);
    json_array(&d.json, "gpus");
    for (unsigned m = 0; m < chosen->count; m++)
        json_gpu(&d.json, &inv->gpus[chosen->members[m]]);
    json_array_end(&d.json);
    json_resources(&d.json, v->state);
    json_faults(&d.json, v->state);
    json_configuration(&d.json, v->state);
    return report_end(&d);
}

int gpus_list(const struct view *v, const struct group *chosen, bool json)
{
    return json ? print_json(v, chosen) : print_table(v, chosen);
}
