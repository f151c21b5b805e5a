/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Comparing inventories value by value, for the rescan: see inventory_same.h. What cannot change
 * while a board keeps its UUID and its driver (name, geometry, memory size) is not looked at.
 */
#include "agent/inventory_same.h"

#include <string.h>

#include "gpu/gpu.h"

static bool same_compute(const struct gpu_compute *a, const struct gpu_compute *b)
{
    return a->id == b->id && a->slices == b->slices && a->device_index == b->device_index &&
           strcmp(a->uuid, b->uuid) == 0;
}

static bool same_instance(const struct gpu_instance *a, const struct gpu_instance *b)
{
    if (a->id != b->id || a->profile_id != b->profile_id || a->span.start != b->span.start ||
        a->span.size != b->span.size || a->n_computes != b->n_computes)
        return false;
    for (unsigned i = 0; i < a->n_computes; i++)
        if (!same_compute(&a->computes[i], &b->computes[i]))
            return false;
    return true;
}

static bool same_processes(const struct gpu *a, const struct gpu *b)
{
    if (a->n_processes != b->n_processes)
        return false;
    for (unsigned i = 0; i < a->n_processes; i++) {
        const struct gpu_process *p = &a->processes[i], *q = &b->processes[i];

        if (p->pid != q->pid || p->gi_id != q->gi_id || p->ci_id != q->ci_id ||
            p->mem_bytes != q->mem_bytes)
            return false;
    }
    return true;
}

static bool same_gpu(const struct gpu *a, const struct gpu *b)
{
    if (strcmp(a->uuid, b->uuid) != 0 || strcmp(a->fault, b->fault) != 0 ||
        a->recovery != b->recovery || a->minor != b->minor || strcmp(a->bus_id, b->bus_id) != 0 ||
        strcmp(a->clique, b->clique) != 0 || a->numa_node != b->numa_node || a->mig != b->mig ||
        a->mig_pending != b->mig_pending || a->mem_used_bytes != b->mem_used_bytes ||
        a->geometry.n_profiles != b->geometry.n_profiles || a->n_instances != b->n_instances)
        return false;
    for (unsigned i = 0; i < a->n_instances; i++)
        if (!same_instance(&a->instances[i], &b->instances[i]))
            return false;
    return same_processes(a, b);
}

bool inventory_same(const struct inventory *a, const struct inventory *b)
{
    if (a->n_gpus != b->n_gpus || strcmp(a->driver_version, b->driver_version) != 0)
        return false;
    for (unsigned i = 0; i < a->n_gpus; i++)
        if (!same_gpu(&a->gpus[i], &b->gpus[i]))
            return false;
    for (unsigned i = 0; i < a->n_gpus * a->n_gpus; i++)
        if (a->links[i].level != b->links[i].level || a->links[i].nvlinks != b->links[i].nvlinks)
            return false;
    return true;
}
