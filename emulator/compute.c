/* SPDX-License-Identifier: Apache-2.0 */
/* NVML's MIG calls of a GPU instance: the compute instances in it. The rules are in mig.c. */
#include <stdio.h>
#include <string.h>

#include "mig.h"
#include "session.h"

enum {
    CI_INDEXES = 8,
};

/* The compute instance profile `index` of the instance that t names, under the lock. */
static int find_shape(const struct target *t, unsigned index, const struct profile **out_profile,
                      const struct compute_shape **out)
{
    const struct profile *p = node_profile_by_id(t->gpu, t->state->gi[t->gi].profile);

    if (index >= CI_INDEXES)
        return NVML_ERROR_INVALID_ARGUMENT;
    *out_profile = p;
    *out = p ? mig_shape(p, index) : NULL;
    return *out && mig_shape_sm(t->gpu, p, *out) ? NVML_SUCCESS : NVML_ERROR_NOT_SUPPORTED;
}

static int compute_profile(const char *call, nvmlGpuInstance_t handle, unsigned index,
                           unsigned engines, struct nvml_ci_profile *out, char name[96])
{
    struct target t;
    const struct profile *p;
    const struct compute_shape *shape;
    int rc = session_gi_lock(call, handle, &t);

    if (rc != NVML_SUCCESS)
        return rc;
    rc = find_shape(&t, index, &p, &shape);
    if (engines != 0) /* the one engine profile there is: shared */
        rc = NVML_ERROR_INVALID_ARGUMENT;
    if (rc == NVML_SUCCESS) {
        *out = (struct nvml_ci_profile){.id = index,
                                        .slices = shape->slices,
                                        .instances = shape->count,
                                        .sm = mig_shape_sm(t.gpu, p, shape),
                                        .ce = p->ce,
                                        .dec = p->dec,
                                        .enc = p->enc,
                                        .jpg = p->jpg,
                                        .ofa = p->ofa};
        if (shape->slices == p->slices)
            (void)snprintf(name, 96, "MIG %s", p->name);
        else
            (void)snprintf(name, 96, "MIG %uc.%s", shape->slices, p->name);
    }
    session_unlock();
    return rc;
}

API(nvmlGpuInstanceGetComputeInstanceProfileInfo, nvmlGpuInstance_t handle, unsigned index,
    unsigned engines, struct nvml_ci_profile *out)
{
    char name[96];

    if (!out)
        return NVML_ERROR_INVALID_ARGUMENT;
    return compute_profile(__func__, handle, index, engines, out, name);
}

API(nvmlGpuInstanceGetComputeInstanceProfileInfoV, nvmlGpuInstance_t handle, unsigned index,
    unsigned engines, struct nvml_ci_profile_v2 *out)
{
    struct nvml_ci_profile_v2 filled = {0};
    uint32_t v3 = NVML_VERSION(struct nvml_ci_profile_v3, 3);
    int rc;

    if (!out)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (out->version != 0 && out->version != NVML_VERSION(*out, 2) && out->version != v3)
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    filled.version = out->version;
    rc = compute_profile(__func__, handle, index, engines, &filled.base, filled.name);
    if (rc != NVML_SUCCESS)
        return rc;
    *out = filled;
    if (out->version == v3) /* version 3 is version 2 with one word behind it: no capabilities */
        memset(out + 1, 0, sizeof(struct nvml_ci_profile_v3) - sizeof *out);
    return NVML_SUCCESS;
}

API(nvmlGpuInstanceGetComputeInstancePossiblePlacements, nvmlGpuInstance_t handle, unsigned index,
    struct nvml_placement *out, unsigned *count)
{
    struct target t;
    const struct profile *p;
    const struct compute_shape *shape;
    int rc = session_gi_lock(__func__, handle, &t);

    if (rc != NVML_SUCCESS)
        return rc;
    rc = count ? find_shape(&t, index, &p, &shape) : NVML_ERROR_INVALID_ARGUMENT;
    if (rc == NVML_SUCCESS)
        rc = session_starts(shape->starts, shape->slices, out, count);
    session_unlock();
    return rc;
}

API(nvmlGpuInstanceGetComputeInstanceRemainingCapacity, nvmlGpuInstance_t handle, unsigned index,
    unsigned *count)
{
    struct target t;
    const struct profile *p;
    const struct compute_shape *shape;
    int rc = session_gi_lock(__func__, handle, &t);

    if (rc != NVML_SUCCESS)
        return rc;
    rc = count ? find_shape(&t, index, &p, &shape) : NVML_ERROR_INVALID_ARGUMENT;
    if (rc == NVML_SUCCESS)
        *count = mig_compute_remaining(&t.state->gi[t.gi], shape);
    session_unlock();
    return rc;
}

static int create_compute(const char *call, nvmlGpuInstance_t handle, unsigned index,
                          const struct nvml_placement *where, nvmlComputeInstance_t *out)
{
    struct target t;
    unsigned ci;
    int rc;

    if (!out || index >= CI_INDEXES || (where && where->start >= STATE_COMPUTES))
        return NVML_ERROR_INVALID_ARGUMENT;
    rc = session_gi_lock(call, handle, &t);
    if (rc != NVML_SUCCESS)
        return rc;
    rc = mig_create_compute(session_state(), t.gpu, t.gi, index, where ? (int)where->start : -1,
                            &ci);
    if (rc == NVML_SUCCESS) {
        session_instance_changed(t.gpu->index, t.gi, ci);
        *out = session_ci_handle(t.gpu->index, t.gi, ci);
    }
    session_unlock();
    return rc;
}

API(nvmlGpuInstanceCreateComputeInstance, nvmlGpuInstance_t handle, unsigned index,
    nvmlComputeInstance_t *out)
{
    return create_compute(__func__, handle, index, NULL, out);
}

API(nvmlGpuInstanceCreateComputeInstanceWithPlacement, nvmlGpuInstance_t handle, unsigned index,
    const struct nvml_placement *where, nvmlComputeInstance_t *out)
{
    return where ? create_compute(__func__, handle, index, where, out)
                 : NVML_ERROR_INVALID_ARGUMENT;
}

API(nvmlComputeInstanceDestroy, nvmlComputeInstance_t handle)
{
    struct target t;
    int rc = session_ci_lock(__func__, handle, &t);

    if (rc != NVML_SUCCESS)
        return rc;
    rc = mig_destroy_compute(session_state(), t.gpu, t.gi, t.ci);
    if (rc == NVML_SUCCESS)
        session_instance_changed(t.gpu->index, t.gi, t.ci);
    session_unlock();
    return rc;
}

API(nvmlGpuInstanceGetComputeInstances, nvmlGpuInstance_t handle, unsigned index,
    nvmlComputeInstance_t *out, unsigned *count)
{
    struct target t;
    int rc;

    if (!out || !count || index >= CI_INDEXES)
        return NVML_ERROR_INVALID_ARGUMENT;
    rc = session_gi_lock(__func__, handle, &t);
    if (rc != NVML_SUCCESS)
        return rc;
    *count = 0;
    for (unsigned ci = 0; ci < STATE_COMPUTES; ci++) {
        const struct state_ci *slot = &t.state->gi[t.gi].ci[ci];

        if (slot->used && slot->profile == index)
            out[(*count)++] = session_ci_handle(t.gpu->index, t.gi, ci);
    }
    session_unlock();
    return NVML_SUCCESS;
}

API(nvmlGpuInstanceGetComputeInstanceById, nvmlGpuInstance_t handle, unsigned id,
    nvmlComputeInstance_t *out)
{
    struct target t;
    int rc = session_gi_lock(__func__, handle, &t);

    if (rc != NVML_SUCCESS)
        return rc;
    if (!out)
        rc = NVML_ERROR_INVALID_ARGUMENT;
    else if (id >= STATE_COMPUTES || !t.state->gi[t.gi].ci[id].used)
        rc = NVML_ERROR_NOT_FOUND;
    else
        *out = session_ci_handle(t.gpu->index, t.gi, id);
    session_unlock();
    return rc;
}

API(nvmlComputeInstanceGetInfo_v2, nvmlComputeInstance_t handle, struct nvml_ci_info *out)
{
    struct target t;
    const struct state_ci *ci;
    int rc = session_ci_lock(__func__, handle, &t);

    if (rc != NVML_SUCCESS)
        return rc;
    ci = &t.state->gi[t.gi].ci[t.ci];
    if (out)
        *out = (struct nvml_ci_info){.device = session_gpu_handle(t.gpu->index),
                                     .gi = session_gi_handle(t.gpu->index, t.gi),
                                     .id = t.ci,
                                     .profile = ci->profile,
                                     .placement = {ci->start, ci->size}};
    session_unlock();
    return out ? NVML_SUCCESS : NVML_ERROR_INVALID_ARGUMENT;
}

/* The first version ends before the placement. */
API(nvmlComputeInstanceGetInfo, nvmlComputeInstance_t handle, struct nvml_ci_info *out)
{
    struct nvml_ci_info info;
    int rc = out ? nvmlComputeInstanceGetInfo_v2(handle, &info) : NVML_ERROR_INVALID_ARGUMENT;

    if (rc == NVML_SUCCESS)
        memcpy(out, &info, offsetof(struct nvml_ci_info, placement));
    return rc;
}
