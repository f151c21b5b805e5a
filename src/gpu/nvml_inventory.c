/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole inventory: every GPU that the driver lists, in its order. A GPU that does not answer
 * stays in it, with what was known of it and its fault in words.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "gpu/driver.h"
#include "gpu/nvml_door.h"

/*
 * The first failure of a GPU is its fault. Passed on are our own want of memory (code < 0), and a
 * driver that has just been unloaded: no GPU is to blame for that.
 */
static int note_fault(const struct nvml_api *api, struct gpu *gpu, const char *what, int code)
{
    if (code == NVML_DRIVER_NOT_LOADED)
        return code;
    if (code <= 0 || gpu->fault[0])
        return code < 0 ? code : 0;
    if (code == NVML_GPU_IS_LOST || code == NVML_RESET_REQUIRED)
        (void)TEXT_COPY(gpu->fault, nvml_words(api, code));
    else
        (void)snprintf(gpu->fault, sizeof gpu->fault, "%s: %s", what, nvml_words(api, code));
    return 0;
}

static int read_memory(const struct nvml_api *api, struct nvml_device *device, struct gpu *gpu)
{
    struct nvml_memory_v2 v2 = {.version = NVML_MEMORY_V2};
    struct nvml_memory v1 = {0};
    int rc = NVML_CALL(api, nvmlDeviceGetMemoryInfo_v2, device, &v2);

    if (rc == 0) {
        gpu->mem_total_bytes = v2.total;
        gpu->mem_used_bytes = v2.used;
        gpu->mem_reserved_bytes = v2.reserved;
        return 0;
    }
    if (!nvml_no_value(rc))
        return rc;
    rc = NVML_CALL(api, nvmlDeviceGetMemoryInfo, device, &v1);
    if (rc)
        return nvml_no_value(rc) ? 0 : rc;
    gpu->mem_total_bytes = v1.total;
    gpu->mem_used_bytes = v1.used;
    return 0;
}

static int read_mig_mode(const struct nvml_api *api, struct nvml_device *device, struct gpu *gpu)
{
    unsigned current = 0;
    unsigned pending = 0;
    int rc = NVML_CALL(api, nvmlDeviceGetMigMode, device, &current, &pending);

    if (rc && !nvml_no_value(rc))
        return rc;
    gpu->mig = rc ? GPU_MIG_NONE : current ? GPU_MIG_ON : GPU_MIG_OFF;
    gpu->mig_pending = rc ? GPU_MIG_NONE : pending ? GPU_MIG_ON : GPU_MIG_OFF;
    return 0;
}

/* Some drivers (535) tell the geometry only in MIG mode; until then the table stands in. */
static int read_mig(const struct nvml_api *api, struct nvml_device *device, struct gpu *gpu)
{
    int rc = read_mig_mode(api, device, gpu);

    if (rc)
        return rc;
    gpu->n_instances = 0;
    if (gpu->mig != GPU_MIG_ON)
        return 0;
    if (gpu->geometry.from_table)
        (void)nvml_geometry_read(api, device, gpu->device_id, &gpu->geometry);
    return nvml_instances_read(api, device, gpu);
}

static void copy_mig(struct gpu *to, const struct gpu *from)
{
    to->mig = from->mig;
    to->mig_pending = from->mig_pending;
    to->geometry = from->geometry;
    to->n_instances = from->n_instances;
    memcpy(to->instances, from->instances, from->n_instances * sizeof from->instances[0]);
}

/* Drivers before R570 and some boards do not tell; that is no fault. */
static enum gpu_recovery read_recovery(const struct nvml_api *api, struct nvml_device *device)
{
    struct nvml_field field = {.fieldId = NVML_FIELD_RECOVERY_ACTION};

    if (NVML_CALL(api, nvmlDeviceGetFieldValues, device, 1, &field) || field.nvmlReturn)
        return GPU_RECOVERY_UNKNOWN;
    switch ((enum nvml_recovery)(field.value & 0xFFFFFFFF)) {
    case NVML_RECOVERY_NONE:
        return GPU_RECOVERY_NONE;
    case NVML_RECOVERY_GPU_RESET:
    case NVML_RECOVERY_DRAIN_AND_RESET:
    case NVML_RECOVERY_BUS_RESET:
        return GPU_RECOVERY_RESET;
    case NVML_RECOVERY_NODE_REBOOT:
    case NVML_RECOVERY_SYSTEM_REBOOT:
        return GPU_RECOVERY_REBOOT;
    case NVML_RECOVERY_DRAIN_P2P:
    case NVML_RECOVERY_IMEX_DOMAIN:
        break;
    }
    return GPU_RECOVERY_WAIT;
}

/*
 * What can change between two reads. What a GPU does not tell of MIG stays what it last told: the
 * slices of a GPU that is lost must not vanish, nor become a whole GPU.
 */
static int read_state(struct nvml_door *d, struct nvml_device *device, struct gpu *board,
                      struct gpu *gpu)
{
    const struct nvml_api *api = &d->api;
    int rc;

    (void)note_fault(api, gpu, "read memory", read_memory(api, device, gpu));
    board->mem_total_bytes = gpu->mem_total_bytes;
    nvml_fabric_read(api, device, gpu);
    (void)TEXT_COPY(board->clique, gpu->clique);
    rc = read_mig(api, device, gpu);
    if (rc)
        copy_mig(gpu, board);
    else
        copy_mig(board, gpu);
    (void)note_fault(api, gpu, "read MIG", rc);
    gpu->recovery = read_recovery(api, device);
    return note_fault(api, gpu, "read processes", nvml_processes_read(d, device, gpu));
}

/* *out_device stays NULL for a GPU that does not say who it is. */
static int read_gpu(struct nvml_door *d, struct gpu *gpu, struct nvml_device **out_device,
                    struct gpu **out_board)
{
    unsigned index = gpu->index;
    struct nvml_device *device = NULL;
    struct gpu *board = NULL;
    int rc = NVML_CALL(&d->api, nvmlDeviceGetHandleByIndex_v2, index, &device);

    if (!rc)
        rc = nvml_board_find(d, device, &board);
    if (rc)
        board = nvml_board_at(d, index);
    *out_device = NULL;
    *out_board = board;
    if (board) {
        board->index = index;
        *gpu = *board;
    }
    if (rc || !board)
        return note_fault(&d->api, gpu, "identify GPU", rc);
    *out_device = device;
    return read_state(d, device, board, gpu);
}

/* The small display board of a DGX Station runs no work. */
static bool is_display(const struct gpu *gpu)
{
    return strcmp(gpu->name, "DGX Display") == 0 || strcmp(gpu->name, "NVIDIA DGX Display") == 0;
}

static int read_gpus(struct nvml_door *d, struct inventory *inv, unsigned count, struct err *e)
{
    struct nvml_device *devices[GPU_MAX] = {0};
    struct gpu *boards[GPU_MAX] = {0};
    int rc;

    for (unsigned index = 0; index < count; index++) {
        unsigned at = inv->n_gpus++;
        struct gpu *gpu = &inv->gpus[at];

        gpu->index = index;
        gpu->numa_node = -1;
        rc = read_gpu(d, gpu, &devices[at], &boards[at]);
        if (rc)
            return rc < 0 ? err_memory(e) : nvml_err(&d->api, e, rc, "read GPU %u", index);
        if (!is_display(gpu))
            continue;
        free(gpu->processes);
        *gpu = (struct gpu){0};
        inv->n_gpus--;
    }
    return nvml_links_read(d, inv, devices, boards, e);
}

static void read_versions(const struct nvml_api *api, struct inventory *inv)
{
    int cuda = 0;

    (void)NVML_CALL(api, nvmlSystemGetDriverVersion, inv->driver_version,
                    sizeof inv->driver_version);
    (void)NVML_CALL(api, nvmlSystemGetNVMLVersion, inv->nvml_version, sizeof inv->nvml_version);
    if (NVML_CALL(api, nvmlSystemGetCudaDriverVersion_v2, &cuda) == 0 && cuda > 0)
        inv->cuda_version = (unsigned)cuda;
}

int nvml_inventory_read(void *self, struct inventory **out, struct err *e)
{
    struct nvml_door *d = self;
    OWN(inventory_freep) struct inventory *inv = calloc(1, sizeof *inv);
    unsigned count = 0;
    int rc;

    if (!inv)
        return err_memory(e);
    rc = NVML_CALL(&d->api, nvmlDeviceGetCount_v2, &count);
    if (rc)
        return nvml_err(&d->api, e, rc, "count GPUs");
    if (count > GPU_MAX)
        return err_set(e, EIO, "driver lists %u GPUs, more than %d", count, GPU_MAX);
    inv->gpus = calloc(count ? count : 1, sizeof *inv->gpus);
    if (!inv->gpus)
        return err_memory(e);
    read_versions(&d->api, inv);
    rc = read_gpus(d, inv, count, e);
    if (rc)
        return rc;
    *out = TAKE(inv);
    return 0;
}
