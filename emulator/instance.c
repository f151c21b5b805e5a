/* SPDX-License-Identifier: Apache-2.0 */
/* NVML's MIG calls of a GPU: mode, profiles, GPU instances. The rules are in mig.c. */
#include <string.h>

#include "base/text.h"
#include "mig.h"
#include "session.h"

enum {
    GI_INDEXES = 17, /* as captured: 17 and above are INVALID_ARGUMENT, unknown ones below 3 */
};

/* A GPU of a board with MIG. */
static int mig_gpu(const char *call, nvmlDevice_t device, struct target *t)
{
    int rc = session_gpu(call, device, t);

    return rc == NVML_SUCCESS && !t->gpu->board->mig ? NVML_ERROR_NOT_SUPPORTED : rc;
}

API(nvmlDeviceGetMigMode, nvmlDevice_t device, unsigned *current, unsigned *pending)
{
    struct target t;
    int rc = mig_gpu(__func__, device, &t);

    if (rc != NVML_SUCCESS)
        return rc;
    if (!current || !pending)
        return NVML_ERROR_INVALID_ARGUMENT;
    session_lock();
    *current = t.state->mig_current;
    *pending = t.state->mig_pending;
    session_unlock();
    return NVML_SUCCESS;
}

API(nvmlDeviceSetMigMode, nvmlDevice_t device, unsigned mode, nvmlReturn_t *activation)
{
    struct target t;
    int rc = mig_gpu(__func__, device, &t);

    if (rc != NVML_SUCCESS)
        return rc;
    if (mode > 1 || !activation)
        return NVML_ERROR_INVALID_ARGUMENT;
    session_lock();
    rc = mig_set_mode(session_state(), t.gpu, mode == 1, activation);
    session_unlock();
    return rc;
}

/* By NVML's enumeration. */
static int find_profile(const struct gpu *g, unsigned index, const struct profile **out)
{
    if (index >= GI_INDEXES)
        return NVML_ERROR_INVALID_ARGUMENT;
    for (unsigned i = 0; (*out = node_profile(g, i)); i++) {
        if ((*out)->index == index)
            return NVML_SUCCESS;
    }
    return NVML_ERROR_NOT_SUPPORTED;
}

static struct nvml_gi_profile describe(const struct gpu *g, const struct profile *p)
{
    return (struct nvml_gi_profile){.id = p->id,
                                    .slices = p->slices,
                                    .instances = p->max,
                                    .sm = p->sm,
                                    .ce = p->ce,
                                    .dec = p->dec,
                                    .enc = p->enc,
                                    .jpg = p->jpg,
                                    .ofa = p->ofa,
                                    .mem_mib = node_profile_mib(g, p)};
}

API(nvmlDeviceGetGpuInstanceProfileInfo, nvmlDevice_t device, unsigned index,
    struct nvml_gi_profile *out)
{
    struct target t;
    const struct profile *p;
    int rc = mig_gpu(__func__, device, &t);

    if (rc == NVML_SUCCESS)
        rc = out ? find_profile(t.gpu, index, &p) : NVML_ERROR_INVALID_ARGUMENT;
    if (rc == NVML_SUCCESS)
        *out = describe(t.gpu, p);
    return rc;
}

/*
 * The caller's version word says whether version 2 (also 0) or 3 is wanted; it comes back as 0, as
 * captured.
 */
static int describe_v(const struct gpu *g, const struct profile *p, struct nvml_gi_profile_v2 *out)
{
    uint32_t version = out->version;
    struct nvml_gi_profile base = describe(g, p);
    char name[96] = "MIG ";

    (void)text_copy(name + 4, sizeof name - 4, p->name);
    if (version == NVML_VERSION(struct nvml_gi_profile_v3, 3)) {
        struct nvml_gi_profile_v3 v3 = {.id = base.id,
                                        .slices = base.slices,
                                        .instances = base.instances,
                                        .sm = base.sm,
                                        .ce = base.ce,
                                        .dec = base.dec,
                                        .enc = base.enc,
                                        .jpg = base.jpg,
                                        .ofa = base.ofa,
                                        .mem_mib = base.mem_mib};

        memcpy(v3.name, name, sizeof v3.name);
        memcpy(out, &v3, sizeof v3);
        return NVML_SUCCESS;
    }
    if (version != 0 && version != NVML_VERSION(*out, 2))
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    *out = (struct nvml_gi_profile_v2){.id = base.id,
                                       .slices = base.slices,
                                       .instances = base.instances,
                                       .sm = base.sm,
                                       .ce = base.ce,
                                       .dec = base.dec,
                                       .enc = base.enc,
                                       .jpg = base.jpg,
                                       .ofa = base.ofa,
                                       .mem_mib = base.mem_mib};
    memcpy(out->name, name, sizeof out->name);
    return NVML_SUCCESS;
}

API(nvmlDeviceGetGpuInstanceProfileInfoV, nvmlDevice_t device, unsigned index,
    struct nvml_gi_profile_v2 *out)
{
    struct target t;
    const struct profile *p;
    int rc = mig_gpu(__func__, device, &t);

    if (rc == NVML_SUCCESS)
        rc = out ? find_profile(t.gpu, index, &p) : NVML_ERROR_INVALID_ARGUMENT;
    return rc == NVML_SUCCESS ? describe_v(t.gpu, p, out) : rc;
}

/* By the profile's own id, the other number space. */
static int by_id(const char *call, nvmlDevice_t device, unsigned id, struct target *t,
                 const struct profile **out)
{
    int rc = mig_gpu(call, device, t);

    if (rc != NVML_SUCCESS)
        return rc;
    *out = node_profile_by_id(t->gpu, id);
    return *out ? NVML_SUCCESS : NVML_ERROR_INVALID_ARGUMENT;
}

API(nvmlDeviceGetGpuInstanceProfileInfoByIdV, nvmlDevice_t device, unsigned id,
    struct nvml_gi_profile_v2 *out)
{
    struct target t;
    const struct profile *p;
    int rc = by_id(__func__, device, id, &t, &p);

    if (rc == NVML_SUCCESS && !out)
        return NVML_ERROR_INVALID_ARGUMENT;
    return rc == NVML_SUCCESS ? describe_v(t.gpu, p, out) : rc;
}

API(nvmlDeviceGetGpuInstancePossiblePlacements_v2, nvmlDevice_t device, unsigned id,
    struct nvml_placement *out, unsigned *count)
{
    struct target t;
    const struct profile *p;
    int rc = by_id(__func__, device, id, &t, &p);

    if (rc == NVML_SUCCESS && !count)
        return NVML_ERROR_INVALID_ARGUMENT;
    return rc == NVML_SUCCESS ? session_starts(p->starts, p->size, out, count) : rc;
}

/* The first version has no room to state: callers asked for the count with a NULL array. */
API(nvmlDeviceGetGpuInstancePossiblePlacements, nvmlDevice_t device, unsigned id,
    struct nvml_placement *out, unsigned *count)
{
    if (out && count)
        *count = UINT32_MAX;
    return nvmlDeviceGetGpuInstancePossiblePlacements_v2(device, id, out, count);
}

API(nvmlDeviceGetGpuInstanceRemainingCapacity, nvmlDevice_t device, unsigned id, unsigned *count)
{
    struct target t;
    const struct profile *p;
    int rc = by_id(__func__, device, id, &t, &p);

    if (rc != NVML_SUCCESS)
        return rc;
    if (!count)
        return NVML_ERROR_INVALID_ARGUMENT;
    session_lock();
    *count = mig_remaining(session_state(), t.gpu, p);
    session_unlock();
    return NVML_SUCCESS;
}

static int create(const char *call, nvmlDevice_t device, unsigned id,
                  const struct nvml_placement *where, nvmlGpuInstance_t *out)
{
    struct target t;
    const struct profile *p;
    unsigned gi;
    int rc = by_id(call, device, id, &t, &p);

    if (rc != NVML_SUCCESS)
        return rc;
    if (!out || (where && (where->start >= t.gpu->board->mig->axis || where->size != p->size)))
        return NVML_ERROR_INVALID_ARGUMENT;
    session_lock();
    rc = mig_create(session_state(), t.gpu, p, where ? (int)where->start : -1, &gi);
    if (rc == NVML_SUCCESS) {
        session_instance_changed(t.gpu->index, gi, NVML_NO_INSTANCE);
        *out = session_gi_handle(t.gpu->index, gi);
    }
    session_unlock();
    return rc;
}

API(nvmlDeviceCreateGpuInstance, nvmlDevice_t device, unsigned id, nvmlGpuInstance_t *out)
{
    return create(__func__, device, id, NULL, out);
}

API(nvmlDeviceCreateGpuInstanceWithPlacement, nvmlDevice_t device, unsigned id,
    const struct nvml_placement *where, nvmlGpuInstance_t *out)
{
    return where ? create(__func__, device, id, where, out) : NVML_ERROR_INVALID_ARGUMENT;
}

API(nvmlGpuInstanceDestroy, nvmlGpuInstance_t handle)
{
    struct target t;
    int rc = session_gi_lock(__func__, handle, &t);

    if (rc != NVML_SUCCESS)
        return rc;
    rc = mig_destroy(session_state(), t.gpu, t.gi);
    if (rc == NVML_SUCCESS)
        session_instance_changed(t.gpu->index, t.gi, NVML_NO_INSTANCE);
    session_unlock();
    return rc;
}

API(nvmlDeviceGetGpuInstances, nvmlDevice_t device, unsigned id, nvmlGpuInstance_t *out,
    unsigned *count)
{
    struct target t;
    const struct profile *p;
    int rc = by_id(__func__, device, id, &t, &p);

    if (rc != NVML_SUCCESS)
        return rc;
    if (!out || !count)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (!t.state->mig_current)
        return NVML_ERROR_NOT_SUPPORTED;
    session_lock();
    *count = 0;
    for (unsigned gi = 0; gi < STATE_INSTANCES; gi++) {
        if (t.state->gi[gi].used && t.state->gi[gi].profile == p->id)
            out[(*count)++] = session_gi_handle(t.gpu->index, gi);
    }
    session_unlock();
    return NVML_SUCCESS;
}

API(nvmlDeviceGetGpuInstanceById, nvmlDevice_t device, unsigned id, nvmlGpuInstance_t *out)
{
    struct target t;
    int rc = mig_gpu(__func__, device, &t);

    if (rc != NVML_SUCCESS)
        return rc;
    if (!out)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (!t.state->mig_current)
        return NVML_ERROR_NOT_SUPPORTED;
    session_lock();
    rc = id < STATE_INSTANCES && t.state->gi[id].used ? NVML_SUCCESS : NVML_ERROR_NOT_FOUND;
    if (rc == NVML_SUCCESS)
        *out = session_gi_handle(t.gpu->index, id);
    session_unlock();
    return rc;
}

API(nvmlGpuInstanceGetInfo, nvmlGpuInstance_t handle, struct nvml_gi_info *out)
{
    struct target t;
    const struct state_gi *gi;
    int rc = session_gi_lock(__func__, handle, &t);

    if (rc != NVML_SUCCESS)
        return rc;
    gi = &t.state->gi[t.gi];
    if (out)
        *out = (struct nvml_gi_info){.device = session_gpu_handle(t.gpu->index),
                                     .id = t.gi,
                                     .profile = gi->profile,
                                     .placement = {gi->start, gi->size}};
    session_unlock();
    return out ? NVML_SUCCESS : NVML_ERROR_INVALID_ARGUMENT;
}
