/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processes on a GPU: compute, graphics and MPS clients as one list, each process once a MIG
 * device.
 */
#include <errno.h>
#include <stdlib.h>

#include "gpu/driver.h"
#include "gpu/nvml_door.h"

enum { MAX_LISTED = 8192 }; /* of one kind on one GPU; more is a broken answer */

typedef int list_processes(struct nvml_device *device, unsigned *count,
                           struct nvml_process *processes);

static bool make_room(struct nvml_door *d, unsigned room)
{
    struct nvml_process *more;

    if (room <= d->process_room)
        return true;
    more = realloc(d->processes, room * sizeof *more);
    if (!more)
        return false;
    d->processes = more;
    d->process_room = room;
    return true;
}

/* Into the door's room, which grows as the driver asks; *count says how many came. */
static int list(struct nvml_door *d, list_processes *call, struct nvml_device *device,
                unsigned *count)
{
    unsigned room = 64;

    *count = 0;
    while (room <= MAX_LISTED) {
        unsigned got;
        int rc;

        if (!make_room(d, room))
            return -ENOMEM;
        got = d->process_room;
        rc = call(device, &got, d->processes);
        if (rc == 0)
            *count = got < d->process_room ? got : d->process_room;
        if (rc != NVML_INSUFFICIENT_SIZE)
            return rc;
        room = (got > d->process_room ? got : d->process_room) * 2;
    }
    return NVML_INSUFFICIENT_SIZE;
}

static int id_or_none(unsigned id)
{
    return id == NVML_NO_ID ? -1 : (int)id;
}

static void add(struct gpu *gpu, const struct nvml_process *told)
{
    struct gpu_process p = {
        .pid = told->pid,
        .gi_id = id_or_none(told->gpuInstanceId),
        .ci_id = id_or_none(told->computeInstanceId),
        .mem_bytes = told->usedGpuMemory == NVML_NO_VALUE ? 0 : told->usedGpuMemory,
    };

    for (unsigned i = 0; i < gpu->n_processes; i++) {
        struct gpu_process *there = &gpu->processes[i];

        if (there->pid == p.pid && there->gi_id == p.gi_id && there->ci_id == p.ci_id) {
            if (there->mem_bytes < p.mem_bytes)
                there->mem_bytes = p.mem_bytes;
            return;
        }
    }
    if (gpu->n_processes < GPU_MAX_PROCESSES)
        gpu->processes[gpu->n_processes++] = p;
    else
        gpu->n_processes_left_out++;
}

static int read_kind(struct nvml_door *d, list_processes *v3, list_processes *v2,
                     struct nvml_device *device, struct gpu *gpu)
{
    list_processes *call = v3 ? v3 : v2;
    struct gpu_process *more;
    unsigned count;
    unsigned room;
    int rc = call ? list(d, call, device, &count) : NVML_FUNCTION_NOT_FOUND;

    if (rc)
        return nvml_no_value(rc) ? 0 : rc;
    if (count == 0)
        return 0;
    room =
        gpu->n_processes + count < GPU_MAX_PROCESSES ? gpu->n_processes + count : GPU_MAX_PROCESSES;
    more = realloc(gpu->processes, room * sizeof *more);
    if (!more)
        return -ENOMEM;
    gpu->processes = more;
    for (unsigned i = 0; i < count; i++)
        add(gpu, &d->processes[i]);
    return 0;
}

int nvml_processes_read(struct nvml_door *d, struct nvml_device *device, struct gpu *gpu)
{
    const struct nvml_api *api = &d->api;
    int rc = read_kind(d, api->nvmlDeviceGetComputeRunningProcesses_v3,
                       api->nvmlDeviceGetComputeRunningProcesses_v2, device, gpu);

    if (!rc)
        rc = read_kind(d, api->nvmlDeviceGetMPSComputeRunningProcesses_v3,
                       api->nvmlDeviceGetMPSComputeRunningProcesses_v2, device, gpu);
    if (!rc)
        rc = read_kind(d, api->nvmlDeviceGetGraphicsRunningProcesses_v3,
                       api->nvmlDeviceGetGraphicsRunningProcesses_v2, device, gpu);
    return rc;
}
