/* SPDX-License-Identifier: Apache-2.0 */
/* The calls that change MIG: mode, GPU instances, compute instances. One step each, no plan. */
#include <errno.h>
#include <stdio.h>

#include "base/err.h"
#include "gpu/driver.h"
#include "gpu/geometry.h"
#include "gpu/nvml_door.h"

/* Opens the device of a GPU; every message names it. */
static int find_device(const struct nvml_door *d, const char *gpu_uuid, struct nvml_device **out,
                       struct err *e)
{
    int rc = NVML_CALL(&d->api, nvmlDeviceGetHandleByUUID, gpu_uuid, out);

    return rc ? nvml_err(&d->api, e, rc, "find GPU '%s'", gpu_uuid) : 0;
}

static int find_instance(const struct nvml_door *d, const char *gpu_uuid, unsigned gi,
                         struct nvml_gpu_instance **out, struct err *e)
{
    struct nvml_device *device = NULL;
    int rc = find_device(d, gpu_uuid, &device, e);

    if (rc)
        return rc;
    rc = NVML_CALL(&d->api, nvmlDeviceGetGpuInstanceById, device, gi, out);
    return rc ? nvml_err(&d->api, e, rc, "find GPU instance %u on %s", gi, gpu_uuid) : 0;
}

/*
 * The driver answers "success" with a second code for the activation. A mode that is neither in
 * force nor pending afterwards was refused.
 */
int nvml_mig_set(void *self, const char *gpu_uuid, bool on, enum driver_mode *out, struct err *e)
{
    struct nvml_door *d = self;
    struct nvml_device *device = NULL;
    const char *mode = on ? "on" : "off";
    unsigned current = 0;
    unsigned pending = 0;
    int activation = NVML_SUCCESS;
    int rc = find_device(d, gpu_uuid, &device, e);

    if (rc)
        return rc;
    rc = NVML_CALL(&d->api, nvmlDeviceSetMigMode, device, on, &activation);
    if (rc)
        return nvml_err(&d->api, e, rc, "switch MIG %s on %s", mode, gpu_uuid);
    rc = NVML_CALL(&d->api, nvmlDeviceGetMigMode, device, &current, &pending);
    if (rc)
        return nvml_err(&d->api, e, rc, "read MIG mode of %s", gpu_uuid);
    if ((current != 0) == on) {
        *out = DRIVER_MODE_SET;
        return 0;
    }
    if ((pending != 0) == on) {
        *out = DRIVER_MODE_PENDING;
        return 0;
    }
    return nvml_err(&d->api, e, activation ? activation : NVML_UNKNOWN, "switch MIG %s on %s", mode,
                    gpu_uuid);
}

static int create_instance(const struct nvml_api *api, struct nvml_device *device,
                           const struct gpu_profile *profile, int start,
                           struct nvml_gpu_instance **out)
{
    struct nvml_placement place = {(unsigned)start, profile->span_size};

    if (start < 0)
        return NVML_CALL(api, nvmlDeviceCreateGpuInstance, device, profile->id, out);
    return NVML_CALL(api, nvmlDeviceCreateGpuInstanceWithPlacement, device, profile->id, &place,
                     out);
}

int nvml_mig_create_instance(void *self, const char *gpu_uuid, unsigned profile_id, int start,
                             unsigned *out_gi, struct err *e)
{
    struct nvml_door *d = self;
    struct nvml_device *device = NULL;
    struct nvml_gpu_instance *instance = NULL;
    struct nvml_gpu_instance_info info = {0};
    struct gpu *board = NULL;
    const struct gpu_profile *profile;
    char where[16] = "";
    int rc = find_device(d, gpu_uuid, &device, e);

    if (rc)
        return rc;
    rc = nvml_board_find(d, device, &board);
    if (rc)
        return rc < 0 ? err_memory(e) : nvml_err(&d->api, e, rc, "read GPU '%s'", gpu_uuid);
    profile = geometry_find_id(&board->geometry, profile_id);
    if (!profile)
        return err_set(e, EINVAL, "%s has no GPU instance profile %u", gpu_uuid, profile_id);
    if (start >= 0)
        (void)snprintf(where, sizeof where, " at %d", start);
    rc = create_instance(&d->api, device, profile, start, &instance);
    if (rc)
        return nvml_err(&d->api, e, rc, "create %s%s on %s", profile->name, where, gpu_uuid);
    rc = NVML_CALL(&d->api, nvmlGpuInstanceGetInfo, instance, &info);
    if (rc) {
        (void)NVML_CALL(&d->api, nvmlGpuInstanceDestroy, instance);
        return nvml_err(&d->api, e, rc, "read new %s on %s", profile->name, gpu_uuid);
    }
    *out_gi = info.id;
    return 0;
}

int nvml_mig_destroy_instance(void *self, const char *gpu_uuid, unsigned gi, struct err *e)
{
    struct nvml_door *d = self;
    struct nvml_gpu_instance *instance = NULL;
    int rc = find_instance(d, gpu_uuid, gi, &instance, e);

    if (rc)
        return rc;
    rc = NVML_CALL(&d->api, nvmlGpuInstanceDestroy, instance);
    return rc ? nvml_err(&d->api, e, rc, "destroy GPU instance %u on %s", gi, gpu_uuid) : 0;
}

/* The plain profile comes before its variants in the enumeration, so the first match is it. */
static int find_compute_profile(const struct nvml_door *d, struct nvml_gpu_instance *instance,
                                unsigned slices, unsigned *out_id)
{
    for (unsigned index = 0; index < NVML_COMPUTE_PROFILES_MAX; index++) {
        struct nvml_compute_profile info = {0};
        int rc = NVML_CALL(&d->api, nvmlGpuInstanceGetComputeInstanceProfileInfo, instance, index,
                           NVML_COMPUTE_ENGINES_SHARED, &info);

        if (rc == 0 && info.sliceCount == slices) {
            *out_id = info.id;
            return 0;
        }
        if (rc && (rc == NVML_FUNCTION_NOT_FOUND || !nvml_no_value(rc)))
            return rc;
    }
    return NVML_INVALID_ARGUMENT;
}

int nvml_mig_create_compute(void *self, const char *gpu_uuid, unsigned gi, unsigned slices,
                            unsigned *out_ci, struct err *e)
{
    struct nvml_door *d = self;
    struct nvml_gpu_instance *instance = NULL;
    struct nvml_compute_instance *compute = NULL;
    struct nvml_compute_instance_info info = {0};
    unsigned profile_id = 0;
    int rc = find_instance(d, gpu_uuid, gi, &instance, e);

    if (rc)
        return rc;
    rc = find_compute_profile(d, instance, slices, &profile_id);
    if (!rc)
        rc = NVML_CALL(&d->api, nvmlGpuInstanceCreateComputeInstance, instance, profile_id,
                       &compute);
    if (rc)
        return nvml_err(&d->api, e, rc,
                        "create compute instance of %u slices in GPU instance %u on %s", slices, gi,
                        gpu_uuid);
    rc = NVML_CALL(&d->api, nvmlComputeInstanceGetInfo_v2, compute, &info);
    if (rc) {
        (void)NVML_CALL(&d->api, nvmlComputeInstanceDestroy, compute);
        return nvml_err(&d->api, e, rc, "read new compute instance in GPU instance %u on %s", gi,
                        gpu_uuid);
    }
    *out_ci = info.id;
    return 0;
}

int nvml_mig_destroy_compute(void *self, const char *gpu_uuid, unsigned gi, unsigned ci,
                             struct err *e)
{
    struct nvml_door *d = self;
    struct nvml_gpu_instance *instance = NULL;
    struct nvml_compute_instance *compute = NULL;
    int rc = find_instance(d, gpu_uuid, gi, &instance, e);

    if (rc)
        return rc;
    rc = NVML_CALL(&d->api, nvmlGpuInstanceGetComputeInstanceById, instance, ci, &compute);
    if (!rc)
        rc = NVML_CALL(&d->api, nvmlComputeInstanceDestroy, compute);
    return rc ? nvml_err(&d->api, e, rc, "destroy compute instance %u of GPU instance %u on %s", ci,
                         gi, gpu_uuid)
              : 0;
}
