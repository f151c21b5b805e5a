/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands on a GPU in MIG mode: its GPU instances, and their compute instances by way of the
 * MIG devices, of which each compute instance has exactly one.
 */
#include <stdlib.h>

#include "base/text.h"
#include "gpu/driver.h"
#include "gpu/nvml_door.h"

static struct gpu_instance *find_instance(struct gpu *gpu, unsigned id)
{
    for (unsigned i = 0; i < gpu->n_instances; i++)
        if (gpu->instances[i].id == id)
            return &gpu->instances[i];
    return NULL;
}

static int add_instance(const struct nvml_api *api, struct nvml_gpu_instance *handle,
                        struct gpu *gpu)
{
    struct nvml_gpu_instance_info info = {0};
    int rc = NVML_CALL(api, nvmlGpuInstanceGetInfo, handle, &info);

    if (rc)
        return rc;
    if (find_instance(gpu, info.id))
        return 0;
    if (gpu->n_instances == GPU_MAX_INSTANCES)
        return NVML_INSUFFICIENT_SIZE;
    gpu->instances[gpu->n_instances++] = (struct gpu_instance){
        .id = info.id,
        .profile_id = info.profileId,
        .span = {.start = (uint8_t)info.placement.start, .size = (uint8_t)info.placement.size},
    };
    return 0;
}

static int read_instances(const struct nvml_api *api, struct nvml_device *device,
                          unsigned profile_id, struct gpu *gpu)
{
    struct nvml_gpu_instance *handles[NVML_PLACEMENTS_MAX] = {0};
    unsigned count = NVML_PLACEMENTS_MAX;
    int rc = NVML_CALL(api, nvmlDeviceGetGpuInstances, device, profile_id, handles, &count);

    if (rc)
        return rc == NVML_NOT_SUPPORTED || rc == NVML_INVALID_ARGUMENT ? 0 : rc;
    for (unsigned i = 0; i < count && i < NVML_PLACEMENTS_MAX; i++) {
        rc = add_instance(api, handles[i], gpu);
        if (rc)
            return rc;
    }
    return 0;
}

/* Older drivers have no attributes; the compute instance's placement is as wide as it has slices.
 */
static int read_slices(const struct nvml_api *api, struct nvml_device *device,
                       struct nvml_device *mig_device, unsigned gi_id, struct gpu_compute *ci)
{
    struct nvml_attributes attributes = {0};
    struct nvml_compute_instance_info info = {0};
    struct nvml_gpu_instance *gi = NULL;
    struct nvml_compute_instance *handle = NULL;
    int rc = NVML_CALL(api, nvmlDeviceGetAttributes_v2, mig_device, &attributes);

    if (rc == 0 && attributes.computeInstanceSliceCount) {
        ci->slices = attributes.computeInstanceSliceCount;
        ci->sm_count = attributes.multiprocessorCount;
        return 0;
    }
    rc = NVML_CALL(api, nvmlDeviceGetGpuInstanceById, device, gi_id, &gi);
    if (!rc)
        rc = NVML_CALL(api, nvmlGpuInstanceGetComputeInstanceById, gi, ci->id, &handle);
    if (!rc)
        rc = NVML_CALL(api, nvmlComputeInstanceGetInfo_v2, handle, &info);
    ci->slices = info.placement.size;
    return rc;
}

static int add_compute(const struct nvml_api *api, struct nvml_device *device, unsigned index,
                       struct gpu *gpu)
{
    struct gpu_compute ci = {.device_index = index};
    struct nvml_device *mig_device = NULL;
    struct gpu_instance *gi;
    unsigned gi_id = 0;
    int rc = NVML_CALL(api, nvmlDeviceGetMigDeviceHandleByIndex, device, index, &mig_device);

    if (rc)
        return rc == NVML_NOT_FOUND ? 0 : rc;
    rc = NVML_CALL(api, nvmlDeviceGetGpuInstanceId, mig_device, &gi_id);
    if (!rc)
        rc = NVML_CALL(api, nvmlDeviceGetComputeInstanceId, mig_device, &ci.id);
    if (!rc)
        rc = NVML_CALL(api, nvmlDeviceGetUUID, mig_device, ci.uuid, sizeof ci.uuid);
    if (!rc)
        rc = read_slices(api, device, mig_device, gi_id, &ci);
    gi = find_instance(gpu, gi_id);
    if (rc || !gi)
        return rc;
    if (gi->n_computes == GPU_MAX_COMPUTE)
        return NVML_INSUFFICIENT_SIZE;
    gi->computes[gi->n_computes++] = ci;
    return 0;
}

static int by_start(const void *left, const void *right)
{
    const struct gpu_instance *a = left;
    const struct gpu_instance *b = right;

    return (int)a->span.start - (int)b->span.start;
}

static int by_id(const void *left, const void *right)
{
    const struct gpu_compute *a = left;
    const struct gpu_compute *b = right;

    return a->id < b->id ? -1 : a->id > b->id;
}

int nvml_instances_read(const struct nvml_api *api, struct nvml_device *device, struct gpu *gpu)
{
    unsigned devices = 0;
    int rc;

    gpu->n_instances = 0;
    for (unsigned i = 0; i < gpu->geometry.n_profiles; i++) {
        rc = read_instances(api, device, gpu->geometry.profiles[i].id, gpu);
        if (rc)
            return rc;
    }
    qsort(gpu->instances, gpu->n_instances, sizeof gpu->instances[0], by_start);
    rc = NVML_CALL(api, nvmlDeviceGetMaxMigDeviceCount, device, &devices);
    for (unsigned i = 0; !rc && i < devices && i < NVML_PLACEMENTS_MAX; i++)
        rc = add_compute(api, device, i, gpu);
    for (unsigned i = 0; i < gpu->n_instances; i++)
        qsort(gpu->instances[i].computes, gpu->instances[i].n_computes,
              sizeof gpu->instances[i].computes[0], by_id);
    return rc;
}
