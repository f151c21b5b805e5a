/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A board's MIG geometry as the driver tells it; what the driver does not tell comes from the
 * built-in table.
 */
#include "base/text.h"
#include "gpu/driver.h"
#include "gpu/geometry.h"
#include "gpu/nvml_door.h"

/* Both versions of the answer have these fields under the same names. */
#define PROFILE_OF(told, enumerated)                                                               \
    (struct gpu_profile)                                                                           \
    {                                                                                              \
        .id = (told).id, .index = (enumerated), .slices = (told).sliceCount,                       \
        .max_instances = (told).instanceCount, .sm_count = (told).multiprocessorCount,             \
        .copy_engines = (told).copyEngineCount, .decoders = (told).decoderCount,                   \
        .encoders = (told).encoderCount, .jpeg_engines = (told).jpegCount,                         \
        .ofa_engines = (told).ofaCount, .mem_mib = (told).memorySizeMB,                            \
        .p2p = (told).isP2pSupported != 0                                                          \
    }

static uint64_t mem_total(const struct nvml_api *api, struct nvml_device *device)
{
    struct nvml_memory memory = {0};

    return NVML_CALL(api, nvmlDeviceGetMemoryInfo, device, &memory) ? 0 : memory.total;
}

/* Version 2 has the name; older drivers have only version 1, and the name follows by rule. */
static int read_profile(const struct nvml_api *api, struct nvml_device *device, unsigned index,
                        struct gpu_profile *p)
{
    struct nvml_gpu_profile_v2 v2 = {.version = NVML_GPU_INSTANCE_PROFILE_V2};
    struct nvml_gpu_profile v1 = {0};
    int rc = NVML_CALL(api, nvmlDeviceGetGpuInstanceProfileInfoV, device, index, &v2);

    if (rc == 0) {
        *p = PROFILE_OF(v2, index);
        (void)TEXT_COPY(p->name, text_starts(v2.name, "MIG ") ? v2.name + 4 : v2.name);
        return 0;
    }
    if (rc != NVML_FUNCTION_NOT_FOUND && rc != NVML_ARGUMENT_VERSION_MISMATCH)
        return rc;
    rc = NVML_CALL(api, nvmlDeviceGetGpuInstanceProfileInfo, device, index, &v1);
    if (rc)
        return rc;
    *p = PROFILE_OF(v1, index);
    geometry_name(p->name, p, mem_total(api, device));
    return 0;
}

/* The profile's span stays empty where the driver does not tell or tells what cannot be. */
static int read_placements(const struct nvml_api *api, struct nvml_device *device,
                           struct gpu_profile *p)
{
    struct nvml_placement places[NVML_PLACEMENTS_MAX] = {0};
    unsigned count = NVML_PLACEMENTS_MAX;
    int rc = NVML_CALL(api, nvmlDeviceGetGpuInstancePossiblePlacements_v2, device, p->id, places,
                       &count);

    if (rc == NVML_FUNCTION_NOT_FOUND) {
        count = NVML_PLACEMENTS_MAX;
        rc = NVML_CALL(api, nvmlDeviceGetGpuInstancePossiblePlacements, device, p->id, places,
                       &count);
    }
    if (rc)
        return nvml_no_value(rc) ? 0 : rc;
    for (unsigned i = 0; i < count && i < NVML_PLACEMENTS_MAX; i++) {
        if (places[i].start >= 16 || places[i].size == 0 || places[i].size > 16)
            continue;
        p->span_size = (uint8_t)places[i].size;
        p->span_starts |= (uint16_t)(1u << places[i].start);
    }
    return 0;
}

/* Adds one profile of the driver's enumeration; the table may have to say where it fits. */
static int add_profile(const struct nvml_api *api, struct nvml_device *device, unsigned index,
                       const struct gpu_geometry *table, struct gpu_geometry *out)
{
    struct gpu_profile p;
    int rc = read_profile(api, device, index, &p);

    if (rc)
        return rc;
    rc = read_placements(api, device, &p);
    if (rc)
        return rc;
    if (!p.span_starts) {
        const struct gpu_profile *known = geometry_find_id(table, p.id);

        p.span_size = known ? known->span_size : 0;
        p.span_starts = known ? known->span_starts : 0;
    }
    if (p.span_starts && !geometry_find_id(out, p.id) && out->n_profiles < GPU_MAX_PROFILES)
        out->profiles[out->n_profiles++] = p;
    return 0;
}

int nvml_geometry_read(const struct nvml_api *api, struct nvml_device *device, uint32_t device_id,
                       struct gpu_geometry *out)
{
    struct gpu_geometry table = {0};
    struct gpu_geometry told = {0};

    (void)geometry_table(&table, device_id);
    for (unsigned index = 0; index < NVML_GPU_PROFILES_MAX; index++) {
        int rc = add_profile(api, device, index, &table, &told);

        if (rc == NVML_INVALID_ARGUMENT && index >= NVML_GPU_PROFILES)
            break; /* past the end of this driver's enumeration */
        if (rc && !nvml_no_value(rc))
            return rc;
    }
    geometry_correct(&told, device_id);
    geometry_finish(&told);
    *out = told.n_profiles ? told : table;
    return 0;
}
