/* SPDX-License-Identifier: Apache-2.0 */
/* Handles and identities: finding a GPU or MIG device, and what it is called. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "mig.h"
#include "session.h"

API(nvmlDeviceGetCount_v2, unsigned *count)
{
    int rc = session_enter(__func__);

    if (rc != NVML_SUCCESS)
        return rc;
    if (!count)
        return NVML_ERROR_INVALID_ARGUMENT;
    *count = session_node()->n_gpus;
    return NVML_SUCCESS;
}

API(nvmlDeviceGetCount, unsigned *count)
{
    return nvmlDeviceGetCount_v2(count);
}

static int give(nvmlDevice_t *device, unsigned gpu)
{
    if (session_state()->gpus[gpu].lost)
        return NVML_ERROR_GPU_IS_LOST;
    *device = session_gpu_handle(gpu);
    return NVML_SUCCESS;
}

API(nvmlDeviceGetHandleByIndex_v2, unsigned index, nvmlDevice_t *device)
{
    int rc = session_enter(__func__);

    if (rc != NVML_SUCCESS)
        return rc;
    if (!device || index >= session_node()->n_gpus)
        return NVML_ERROR_INVALID_ARGUMENT;
    return give(device, index);
}

API(nvmlDeviceGetHandleByIndex, unsigned index, nvmlDevice_t *device)
{
    return nvmlDeviceGetHandleByIndex_v2(index, device);
}

/* A MIG device by "MIG-<uuid>", or by the older "MIG-GPU-<uuid>/<gi>/<ci>". */
static int find_mig(const char *uuid, nvmlDevice_t *device)
{
    const struct node *n = session_node();
    struct state *s = session_state();
    int rc = NVML_ERROR_NOT_FOUND;
    unsigned gi, ci;

    session_lock();
    for (unsigned g = 0; rc != NVML_SUCCESS && g < n->n_gpus; g++) {
        for (unsigned i = 0; mig_device_at(&s->gpus[g], i, &gi, &ci); i++) {
            char name[MIG_UUID_SIZE], older[80];

            mig_device_uuid(name, &n->gpus[g], &s->gpus[g], gi, ci);
            (void)snprintf(older, sizeof older, "MIG-%s/%u/%u", n->gpus[g].uuid, gi, ci);
            if (strcmp(uuid, name) != 0 && strcmp(uuid, older) != 0)
                continue;
            rc = s->gpus[g].lost ? NVML_ERROR_GPU_IS_LOST : NVML_SUCCESS;
            *device = session_mig_handle(g, gi, ci);
            break;
        }
    }
    session_unlock();
    return rc;
}

API(nvmlDeviceGetHandleByUUID, const char *uuid, nvmlDevice_t *device)
{
    int rc = session_enter(__func__);

    if (rc != NVML_SUCCESS)
        return rc;
    if (!uuid || !device)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (text_starts(uuid, "MIG-"))
        return find_mig(uuid, device);
    for (unsigned g = 0; g < session_node()->n_gpus; g++) {
        if (strcmp(session_node()->gpus[g].uuid, uuid) == 0)
            return give(device, g);
    }
    return NVML_ERROR_NOT_FOUND;
}

API(nvmlDeviceGetHandleByUUIDV, const struct nvml_uuid_query *query, nvmlDevice_t *device)
{
    char text[42] = "";

    if (!query || !device)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (query->version != NVML_VERSION(*query, 1))
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    if (query->type == 1) { /* text; 2 would be 16 bytes, which carry no "GPU-" or "MIG-" */
        memcpy(text, query->value.text, sizeof query->value.text);
        return nvmlDeviceGetHandleByUUID(text, device);
    }
    return NVML_ERROR_NOT_SUPPORTED;
}

API(nvmlDeviceGetHandleBySerial, const char *serial, nvmlDevice_t *device)
{
    int rc = session_enter(__func__);

    if (rc != NVML_SUCCESS)
        return rc;
    if (!serial || !device)
        return NVML_ERROR_INVALID_ARGUMENT;
    for (unsigned g = 0; g < session_node()->n_gpus; g++) {
        if (strcmp(session_node()->gpus[g].serial, serial) == 0)
            return give(device, g);
    }
    return NVML_ERROR_NOT_FOUND;
}

API(nvmlDeviceGetHandleByPciBusId_v2, const char *bus_id, nvmlDevice_t *device)
{
    int rc = session_enter(__func__);

    if (rc != NVML_SUCCESS)
        return rc;
    if (!bus_id || !device)
        return NVML_ERROR_INVALID_ARGUMENT;
    for (unsigned i = 0; i < session_node()->n_gpus; i++) {
        const struct gpu *g = &session_node()->gpus[i];
        char full[24], plain[24];

        (void)snprintf(full, sizeof full, "%08x:%02x:%02x.0", g->domain, g->bus, g->device);
        (void)snprintf(plain, sizeof plain, "%02x:%02x.0", g->bus, g->device);
        if (strcasecmp(bus_id, full) == 0 || strcasecmp(bus_id, full + 4) == 0 ||
            strcasecmp(bus_id, plain) == 0)
            return give(device, i);
    }
    return NVML_ERROR_NOT_FOUND;
}

API(nvmlDeviceGetHandleByPciBusId, const char *bus_id, nvmlDevice_t *device)
{
    return nvmlDeviceGetHandleByPciBusId_v2(bus_id, device);
}

API(nvmlDeviceGetName, nvmlDevice_t device, char *name, unsigned size)
{
    struct target t;
    char text[96], profile[24];
    int rc = session_target(__func__, device, &t);

    if (rc != NVML_SUCCESS)
        return rc;
    (void)TEXT_COPY(text, t.gpu->board->name);
    if (t.is_mig) {
        session_lock();
        mig_device_name(profile, t.gpu, t.state, t.gi, t.ci);
        session_unlock();
        (void)snprintf(text, sizeof text, "%s MIG %s", t.gpu->board->name, profile);
    }
    return session_text(name, size, text);
}

API(nvmlDeviceGetUUID, nvmlDevice_t device, char *uuid, unsigned size)
{
    struct target t;
    char text[MIG_UUID_SIZE];
    int rc = session_target(__func__, device, &t);

    if (rc != NVML_SUCCESS)
        return rc;
    if (!t.is_mig)
        return session_text(uuid, size, t.gpu->uuid);
    session_lock();
    mig_device_uuid(text, t.gpu, t.state, t.gi, t.ci);
    session_unlock();
    return session_text(uuid, size, text);
}

/* A GPU's text; "" is one that no source gives. */
static int text_of(const char *call, nvmlDevice_t device, char *out, unsigned size,
                   const char *(*field)(const struct gpu *))
{
    struct target t;
    int rc = session_gpu(call, device, &t);

    if (rc != NVML_SUCCESS)
        return rc;
    return *field(t.gpu) ? session_text(out, size, field(t.gpu)) : NVML_ERROR_NOT_SUPPORTED;
}

#define TEXT_GETTER(name, expression)                                                              \
    static const char *name##_text(const struct gpu *g)                                            \
    {                                                                                              \
        return (expression);                                                                       \
    }                                                                                              \
    API(name, nvmlDevice_t device, char *out, unsigned size)                                       \
    {                                                                                              \
        return text_of(__func__, device, out, size, name##_text);                                  \
    }

TEXT_GETTER(nvmlDeviceGetSerial, g->serial)
TEXT_GETTER(nvmlDeviceGetVbiosVersion, g->board->vbios)
TEXT_GETTER(nvmlDeviceGetBoardPartNumber, g->board->part_number)
TEXT_GETTER(nvmlDeviceGetInforomImageVersion, g->board->inforom)

API(nvmlDeviceGetGspFirmwareVersion, nvmlDevice_t device, char *version)
{
    struct target t;
    int rc = session_gpu(__func__, device, &t);

    if (rc == NVML_SUCCESS && t.gpu->facts[FACT_GSP] < 0)
        return (int)-t.gpu->facts[FACT_GSP];
    return rc == NVML_SUCCESS ? session_text(version, 64, session_node()->driver) : rc;
}

API(nvmlDeviceIsMigDeviceHandle, nvmlDevice_t device, unsigned *is_mig)
{
    struct target t;
    int rc = session_target(__func__, device, &t);

    if (rc != NVML_SUCCESS)
        return rc;
    if (!is_mig)
        return NVML_ERROR_INVALID_ARGUMENT;
    *is_mig = t.is_mig;
    return NVML_SUCCESS;
}

/* Of a MIG device alone; a whole GPU is INVALID_ARGUMENT, as captured. */
static int mig_number(const char *call, nvmlDevice_t device, unsigned *out, bool compute)
{
    struct target t;
    int rc = session_target(call, device, &t);

    if (rc != NVML_SUCCESS)
        return rc;
    if (!t.is_mig || !out)
        return NVML_ERROR_INVALID_ARGUMENT;
    *out = compute ? t.ci : t.gi;
    return NVML_SUCCESS;
}

API(nvmlDeviceGetGpuInstanceId, nvmlDevice_t device, unsigned *id)
{
    return mig_number(__func__, device, id, false);
}

API(nvmlDeviceGetComputeInstanceId, nvmlDevice_t device, unsigned *id)
{
    return mig_number(__func__, device, id, true);
}

API(nvmlDeviceGetDeviceHandleFromMigDeviceHandle, nvmlDevice_t mig, nvmlDevice_t *device)
{
    struct target t;
    int rc = session_target(__func__, mig, &t);

    if (rc != NVML_SUCCESS)
        return rc;
    if (!t.is_mig || !device)
        return NVML_ERROR_INVALID_ARGUMENT;
    *device = session_gpu_handle(t.gpu->index);
    return NVML_SUCCESS;
}

/* "Zero if MIG is not supported or enabled", NVML's documentation says. */
API(nvmlDeviceGetMaxMigDeviceCount, nvmlDevice_t device, unsigned *count)
{
    struct target t;
    int rc = session_gpu(__func__, device, &t);

    if (rc != NVML_SUCCESS)
        return rc;
    if (!count)
        return NVML_ERROR_INVALID_ARGUMENT;
    *count = t.state->mig_current ? t.gpu->board->mig->slices : 0;
    return NVML_SUCCESS;
}

API(nvmlDeviceGetMigDeviceHandleByIndex, nvmlDevice_t device, unsigned index, nvmlDevice_t *mig)
{
    struct target t;
    unsigned gi, ci;
    int rc = session_gpu(__func__, device, &t);

    if (rc != NVML_SUCCESS)
        return rc;
    if (!t.gpu->board->mig || !t.state->mig_current)
        return NVML_ERROR_NOT_SUPPORTED;
    if (!mig || index >= t.gpu->board->mig->slices)
        return NVML_ERROR_INVALID_ARGUMENT;
    session_lock();
    rc = mig_device_at(t.state, index, &gi, &ci) ? NVML_SUCCESS : NVML_ERROR_NOT_FOUND;
    if (rc == NVML_SUCCESS)
        *mig = session_mig_handle(t.gpu->index, gi, ci);
    session_unlock();
    return rc;
}

API(nvmlDeviceGetAttributes_v2, nvmlDevice_t device, struct nvml_attributes *out)
{
    struct target t;
    const struct profile *p;
    const struct state_gi *gi;
    int rc = session_target(__func__, device, &t);

    if (rc != NVML_SUCCESS)
        return rc;
    if (!out)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (!t.is_mig)
        return NVML_ERROR_NOT_SUPPORTED;
    session_lock();
    gi = &t.state->gi[t.gi];
    p = node_profile_by_id(t.gpu, gi->profile);
    if (p) {
        const struct compute_shape *shape = mig_shape(p, gi->ci[t.ci].profile);

        *out = (struct nvml_attributes){.sm = shape ? mig_shape_sm(t.gpu, p, shape) : 0,
                                        .ce = p->ce,
                                        .dec = p->dec,
                                        .enc = p->enc,
                                        .jpg = p->jpg,
                                        .ofa = p->ofa,
                                        .gi_slices = p->slices,
                                        .ci_slices = gi->ci[t.ci].size,
                                        .mem_mib = node_profile_mib(t.gpu, p)};
    }
    session_unlock();
    return p ? NVML_SUCCESS : NVML_ERROR_UNKNOWN;
}

API(nvmlDeviceGetAttributes, nvmlDevice_t device, struct nvml_attributes *out)
{
    return nvmlDeviceGetAttributes_v2(device, out);
}
