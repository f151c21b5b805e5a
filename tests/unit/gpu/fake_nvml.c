/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A libnvidia-ml.so.1 for the tests of the door: see fake_nvml.h. Built several times: FAKE_OLD
 * leaves out what old drivers lack, FAKE_BROKEN a function that the door requires.
 */
#include "fake_nvml.h"

#include <stdio.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))
#define SYMBOL(need, name, parameters) EXPORT int name parameters;
#include "gpu/nvml_symbols.h"
#undef SYMBOL
EXPORT const char *nvmlErrorString(int code);
EXPORT extern struct fake_nvml fake_nvml;
EXPORT fake_nvml_start fake_nvml_reset;

struct fake_nvml fake_nvml;

static const struct profile {
    unsigned index, id, slices, max, sm, size, starts, mib;
    const char *name;
} profiles[] = {
    {0, 19, 1, 7, 14, 1, 0x7f, 4864, "MIG 1g.5gb"},
    {1, 14, 2, 3, 28, 2, 0x15, 9856, "MIG 2g.10gb"},
    {2, 9, 3, 2, 42, 4, 0x11, 19968, "MIG 3g.20gb"},
    {4, 0, 7, 1, 98, 8, 0x1, 40192, "MIG 7g.40gb"},
};

enum { N_PROFILES = sizeof profiles / sizeof profiles[0] };

void fake_nvml_reset(void)
{
    static const char *const names[] = {"NVIDIA A100-SXM4-40GB", "NVIDIA A100-SXM4-40GB",
                                        "Tesla T4", "DGX Display"};
    static const char *const uuids[] = {"GPU-aaaa", "GPU-bbbb", "GPU-cccc", "GPU-dddd"};
    static const unsigned ids[] = {0x20B010DE, 0x20B010DE, 0x1EB810DE, 0x1FB010DE};
    int open = fake_nvml.open;

    fake_nvml = (struct fake_nvml){.open = open, .n_gpus = FAKE_GPUS, .fail_gpu = -1};
    for (unsigned i = 0; i < FAKE_GPUS; i++) {
        fake_nvml.gpus[i].index = i;
        fake_nvml.gpus[i].name = names[i];
        fake_nvml.gpus[i].uuid = uuids[i];
        fake_nvml.gpus[i].device_id = ids[i];
        fake_nvml.gpus[i].has_mig = i < 2;
    }
}

static int fails(const char *call, const struct nvml_device *device)
{
    fake_nvml.calls++;
    if (fake_nvml.fail_after && fake_nvml.calls == fake_nvml.fail_after)
        return fake_nvml.fail_code;
    if (!fake_nvml.fail_call || strcmp(fake_nvml.fail_call, call) != 0)
        return 0;
    if (fake_nvml.fail_gpu >= 0 && (!device || (int)device->index != fake_nvml.fail_gpu))
        return 0;
    return fake_nvml.fail_code;
}

#define MAY_FAIL(device)                                                                           \
    do {                                                                                           \
        int fails_ = fails(__func__, device);                                                      \
        if (fails_)                                                                                \
            return fails_;                                                                         \
    } while (0)

const char *nvmlErrorString(int code)
{
    return code == 14 ? "infoROM is corrupted" : "Unknown Error";
}

int nvmlInit_v2(void)
{
    MAY_FAIL(NULL);
    if (fake_nvml.n_gpus == 0)
        fake_nvml_reset();
    fake_nvml.open++;
    return 0;
}

int nvmlShutdown(void)
{
    fake_nvml.open--;
    return 0;
}

int nvmlSystemGetDriverVersion(char *text, unsigned size)
{
    MAY_FAIL(NULL);
    (void)snprintf(text, size, "470.1");
    return 0;
}

int nvmlDeviceGetCount_v2(unsigned *count)
{
    MAY_FAIL(NULL);
    *count = fake_nvml.n_gpus;
    return 0;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, struct nvml_device **device)
{
    MAY_FAIL(&fake_nvml.gpus[index]);
    *device = &fake_nvml.gpus[index];
    return 0;
}

int nvmlDeviceGetHandleByUUID(const char *uuid, struct nvml_device **device)
{
    MAY_FAIL(NULL);
    for (unsigned i = 0; i < fake_nvml.n_gpus; i++)
        if (strcmp(fake_nvml.gpus[i].uuid, uuid) == 0) {
            *device = &fake_nvml.gpus[i];
            return 0;
        }
    return NVML_NOT_FOUND;
}

#ifndef FAKE_BROKEN
int nvmlDeviceGetUUID(struct nvml_device *device, char *text, unsigned size)
{
    MAY_FAIL(device);
    if (device->mig_device)
        (void)snprintf(text, size, "MIG-%s-%u-%u", device->uuid, device->mig_device->parent->id,
                       device->mig_device->id);
    else
        (void)snprintf(text, size, "%s", device->uuid);
    return 0;
}
#endif

int nvmlDeviceGetName(struct nvml_device *device, char *text, unsigned size)
{
    MAY_FAIL(device);
    (void)snprintf(text, size, "%s", device->name);
    return 0;
}

int nvmlDeviceGetMinorNumber(struct nvml_device *device, unsigned *minor)
{
    MAY_FAIL(device);
    *minor = 7 - device->index;
    return 0;
}

int nvmlDeviceGetPciInfo_v3(struct nvml_device *device, struct nvml_pci *pci)
{
    MAY_FAIL(device);
    *pci = (struct nvml_pci){
        .bus = 0x10 + device->index, .device = 0x1c, .pciDeviceId = device->device_id};
    return 0;
}

int nvmlDeviceGetCudaComputeCapability(struct nvml_device *device, int *major, int *minor)
{
    MAY_FAIL(device);
    *major = 8;
    *minor = 0;
    return 0;
}

int nvmlDeviceGetMemoryInfo(struct nvml_device *device, struct nvml_memory *memory)
{
    MAY_FAIL(device);
    *memory = (struct nvml_memory){40ull << 30, 38ull << 30, 2ull << 30};
    return 0;
}

static int list(const struct nvml_device *device, unsigned *count, struct nvml_process *processes)
{
    unsigned room = *count;

    *count = device->n_processes;
    if (room < device->n_processes)
        return NVML_INSUFFICIENT_SIZE;
    memcpy(processes, device->processes, device->n_processes * sizeof *processes);
    return 0;
}

int nvmlDeviceGetComputeRunningProcesses_v2(struct nvml_device *device, unsigned *count,
                                            struct nvml_process *processes)
{
    MAY_FAIL(device);
    return list(device, count, processes);
}

int nvmlDeviceGetGpuFabricInfo(struct nvml_device *device, struct nvml_fabric *fabric)
{
    MAY_FAIL(device);
    *fabric = device->fabric;
    return 0;
}

#ifndef FAKE_OLD
int nvmlDeviceGetGpuFabricInfoV(struct nvml_device *device, struct nvml_fabric_v2 *fabric)
{
    const struct nvml_fabric *f = &device->fabric;

    MAY_FAIL(device);
    if (fabric->version != NVML_FABRIC_V2)
        return NVML_ARGUMENT_VERSION_MISMATCH;
    memcpy(fabric->clusterUuid, f->clusterUuid, sizeof f->clusterUuid);
    fabric->status = f->status;
    fabric->cliqueId = f->cliqueId;
    fabric->state = f->state;
    return 0;
}

int nvmlDeviceGetMemoryInfo_v2(struct nvml_device *device, struct nvml_memory_v2 *memory)
{
    MAY_FAIL(device);
    if (memory->version != NVML_MEMORY_V2)
        return NVML_ARGUMENT_VERSION_MISMATCH;
    memory->total = 40ull << 30;
    memory->reserved = 1ull << 30;
    memory->free = 38ull << 30;
    memory->used = 1ull << 30;
    return 0;
}

int nvmlDeviceGetComputeRunningProcesses_v3(struct nvml_device *device, unsigned *count,
                                            struct nvml_process *processes)
{
    MAY_FAIL(device);
    return list(device, count, processes);
}

int nvmlDeviceGetGraphicsRunningProcesses_v3(struct nvml_device *device, unsigned *count,
                                             struct nvml_process *processes)
{
    MAY_FAIL(device);
    return list(device, count, processes);
}

/* NVLinks 0-3 of the two A100 lead to each other, or to switches. */
int nvmlDeviceGetNvLinkState(struct nvml_device *device, unsigned link, int *active)
{
    MAY_FAIL(device);
    if (!device->has_mig)
        return NVML_NOT_SUPPORTED;
    if (link >= 6)
        return NVML_INVALID_ARGUMENT;
    *active = link < 4;
    return 0;
}

int nvmlDeviceGetNvLinkRemoteDeviceType(struct nvml_device *device, unsigned link, int *type)
{
    MAY_FAIL(device);
    (void)link;
    *type = fake_nvml.remote_type;
    return 0;
}

int nvmlDeviceGetNvLinkRemotePciInfo_v2(struct nvml_device *device, unsigned link,
                                        struct nvml_pci *pci)
{
    MAY_FAIL(device);
    (void)link;
    if (fake_nvml.remote_type != NVML_LINK_TO_GPU)
        *pci = (struct nvml_pci){.domain = 0xFFFFFFFF, .bus = 0xFF, .device = 0xFF};
    else
        *pci = (struct nvml_pci){.bus = 0x10 + (device->index ^ 1), .device = 0x1c};
    return 0;
}

int nvmlDeviceGetP2PStatus(struct nvml_device *a, struct nvml_device *b, int capability,
                           int *status)
{
    MAY_FAIL(a);
    *status = capability == NVML_P2P_NVLINK && a->has_mig && b->has_mig ? fake_nvml.p2p_status : 5;
    return 0;
}

int nvmlDeviceGetTopologyCommonAncestor(struct nvml_device *a, struct nvml_device *b, int *level)
{
    MAY_FAIL(a);
    *level = a->has_mig && b->has_mig ? 20 : 40;
    return 0;
}

int nvmlDeviceGetGpuInstanceProfileInfoV(struct nvml_device *device, unsigned index,
                                         struct nvml_gpu_profile_v2 *info)
{
    fake_nvml.geometry_calls++;
    MAY_FAIL(device);
    if (index >= NVML_GPU_PROFILES)
        return NVML_INVALID_ARGUMENT;
    if (info->version != NVML_GPU_INSTANCE_PROFILE_V2)
        return NVML_ARGUMENT_VERSION_MISMATCH;
    for (unsigned i = 0; i < N_PROFILES; i++)
        if (profiles[i].index == index) {
            info->id = profiles[i].id;
            info->sliceCount = profiles[i].slices;
            info->instanceCount = profiles[i].max;
            info->multiprocessorCount = profiles[i].sm;
            info->memorySizeMB = profiles[i].mib;
            (void)snprintf(info->name, sizeof info->name, "%s", profiles[i].name);
            return 0;
        }
    return NVML_NOT_SUPPORTED;
}

int nvmlDeviceGetGpuInstancePossiblePlacements_v2(struct nvml_device *device, unsigned profile_id,
                                                  struct nvml_placement *placements,
                                                  unsigned *count)
{
    MAY_FAIL(device);
    *count = 0;
    for (unsigned i = 0; i < N_PROFILES; i++)
        for (unsigned start = 0; profiles[i].id == profile_id && start < 8; start++)
            if (profiles[i].starts >> start & 1)
                placements[(*count)++] = (struct nvml_placement){start, profiles[i].size};
    return 0;
}

int nvmlDeviceGetAttributes_v2(struct nvml_device *mig_device, struct nvml_attributes *attributes)
{
    MAY_FAIL(mig_device);
    attributes->computeInstanceSliceCount = mig_device->mig_device->slices;
    return 0;
}
#endif

int nvmlDeviceGetGpuInstanceProfileInfo(struct nvml_device *device, unsigned index,
                                        struct nvml_gpu_profile *info)
{
    fake_nvml.geometry_calls++;
    MAY_FAIL(device);
    if (index >= NVML_GPU_PROFILES)
        return NVML_INVALID_ARGUMENT;
    for (unsigned i = 0; i < N_PROFILES; i++)
        if (profiles[i].index == index) {
            *info = (struct nvml_gpu_profile){.id = profiles[i].id,
                                              .sliceCount = profiles[i].slices,
                                              .instanceCount = profiles[i].max,
                                              .multiprocessorCount = profiles[i].sm,
                                              .memorySizeMB = profiles[i].mib};
            return 0;
        }
    return NVML_NOT_SUPPORTED;
}

int nvmlDeviceGetMigMode(struct nvml_device *device, unsigned *current, unsigned *pending)
{
    MAY_FAIL(device);
    if (!device->has_mig)
        return NVML_NOT_SUPPORTED;
    *current = device->mig;
    *pending = device->mig_pending;
    return 0;
}

int nvmlDeviceSetMigMode(struct nvml_device *device, unsigned mode, int *activation)
{
    MAY_FAIL(device);
    if (!device->has_mig)
        return NVML_NOT_SUPPORTED;
    *activation = device->activation;
    if (!device->refuses_mode)
        device->mig_pending = mode;
    if (!device->activation)
        device->mig = mode;
    return 0;
}

int nvmlDeviceGetGpuInstances(struct nvml_device *device, unsigned profile_id,
                              struct nvml_gpu_instance **instances, unsigned *count)
{
    MAY_FAIL(device);
    *count = 0;
    for (unsigned i = 0; i < FAKE_INSTANCES; i++)
        if (device->instances[i].there && device->instances[i].profile_id == profile_id)
            instances[(*count)++] = &device->instances[i];
    return 0;
}

int nvmlDeviceGetGpuInstanceById(struct nvml_device *device, unsigned id,
                                 struct nvml_gpu_instance **instance)
{
    MAY_FAIL(device);
    if (id >= FAKE_INSTANCES || !device->instances[id].there)
        return NVML_NOT_FOUND;
    *instance = &device->instances[id];
    return 0;
}

int nvmlGpuInstanceGetInfo(struct nvml_gpu_instance *instance, struct nvml_gpu_instance_info *info)
{
    MAY_FAIL(instance->parent);
    *info = (struct nvml_gpu_instance_info){instance->parent, instance->id, instance->profile_id,
                                            instance->placement};
    return 0;
}

int nvmlDeviceCreateGpuInstanceWithPlacement(struct nvml_device *device, unsigned profile_id,
                                             const struct nvml_placement *placement,
                                             struct nvml_gpu_instance **instance)
{
    MAY_FAIL(device);
    for (unsigned i = 1; i < FAKE_INSTANCES; i++) {
        struct nvml_gpu_instance *free_one = &device->instances[i];

        if (free_one->there)
            continue;
        *free_one = (struct nvml_gpu_instance){.parent = device,
                                               .id = i,
                                               .profile_id = profile_id,
                                               .placement = *placement,
                                               .there = true};
        *instance = free_one;
        return 0;
    }
    return NVML_INSUFFICIENT_RESOURCES;
}

int nvmlDeviceCreateGpuInstance(struct nvml_device *device, unsigned profile_id,
                                struct nvml_gpu_instance **instance)
{
    struct nvml_placement place = {0, 1};

    MAY_FAIL(device);
    return nvmlDeviceCreateGpuInstanceWithPlacement(device, profile_id, &place, instance);
}

int nvmlGpuInstanceDestroy(struct nvml_gpu_instance *instance)
{
    MAY_FAIL(instance->parent);
    if (instance->compute[0].there || instance->compute[1].there)
        return NVML_IN_USE;
    instance->there = false;
    return 0;
}

/* Only compute instances of 1 and 2 slices are known; those of 1 slice twice, as in a "+me". */
int nvmlGpuInstanceGetComputeInstanceProfileInfo(struct nvml_gpu_instance *instance, unsigned index,
                                                 unsigned engines,
                                                 struct nvml_compute_profile *info)
{
    MAY_FAIL(instance->parent);
    if (engines != NVML_COMPUTE_ENGINES_SHARED || index > 8)
        return NVML_INVALID_ARGUMENT;
    if (index != 0 && index != 1 && index != 7)
        return NVML_NOT_SUPPORTED;
    *info = (struct nvml_compute_profile){.id = 100 + index, .sliceCount = index == 1 ? 2 : 1};
    return 0;
}

int nvmlGpuInstanceCreateComputeInstance(struct nvml_gpu_instance *instance, unsigned profile_id,
                                         struct nvml_compute_instance **compute)
{
    MAY_FAIL(instance->parent);
    if (profile_id != 100 && profile_id != 101)
        return NVML_INVALID_ARGUMENT;
    for (unsigned i = 0; i < 2; i++) {
        if (instance->compute[i].there)
            continue;
        instance->compute[i] = (struct nvml_compute_instance){instance, i, profile_id - 99, true};
        *compute = &instance->compute[i];
        return 0;
    }
    return NVML_INSUFFICIENT_RESOURCES;
}

int nvmlGpuInstanceGetComputeInstanceById(struct nvml_gpu_instance *instance, unsigned id,
                                          struct nvml_compute_instance **compute)
{
    MAY_FAIL(instance->parent);
    if (id > 1 || !instance->compute[id].there)
        return NVML_NOT_FOUND;
    *compute = &instance->compute[id];
    return 0;
}

int nvmlComputeInstanceGetInfo_v2(struct nvml_compute_instance *compute,
                                  struct nvml_compute_instance_info *info)
{
    MAY_FAIL(compute->parent->parent);
    *info = (struct nvml_compute_instance_info){
        .gpuInstance = compute->parent, .id = compute->id, .placement = {0, compute->slices}};
    return 0;
}

int nvmlComputeInstanceDestroy(struct nvml_compute_instance *compute)
{
    MAY_FAIL(compute->parent->parent);
    compute->there = false;
    return 0;
}

int nvmlDeviceGetMaxMigDeviceCount(struct nvml_device *device, unsigned *count)
{
    MAY_FAIL(device);
    *count = 14;
    return 0;
}

int nvmlDeviceGetMigDeviceHandleByIndex(struct nvml_device *device, unsigned index,
                                        struct nvml_device **mig_device)
{
    static struct nvml_device handle;

    MAY_FAIL(device);
    for (unsigned i = 0; i < FAKE_INSTANCES * 2; i++) {
        struct nvml_compute_instance *ci = &device->instances[i / 2].compute[i % 2];

        if (!device->instances[i / 2].there || !ci->there || index--)
            continue;
        handle = (struct nvml_device){.index = device->index, .uuid = device->uuid};
        handle.mig_device = ci;
        *mig_device = &handle;
        return 0;
    }
    return NVML_NOT_FOUND;
}

int nvmlDeviceGetGpuInstanceId(struct nvml_device *mig_device, unsigned *id)
{
    MAY_FAIL(mig_device);
    *id = mig_device->mig_device->parent->id;
    return 0;
}

int nvmlDeviceGetComputeInstanceId(struct nvml_device *mig_device, unsigned *id)
{
    MAY_FAIL(mig_device);
    *id = mig_device->mig_device->id;
    return 0;
}
