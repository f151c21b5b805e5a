/* SPDX-License-Identifier: Apache-2.0 */
/* Devices, memory and processes through the NVML door, and nothing else. See meter.h. */
#include "gpu/meter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "gpu/driver.h"
#include "gpu/nvml_door.h"

/* Handles by device: of itself, and of the GPU that it is on. */
struct handles {
    struct nvml_device *own, *board;
};

struct meter {
    struct nvml_door door; /* the library and the room for process lists */
    size_t count;
    struct meter_device devices[METER_MAX];
    struct handles handles[METER_MAX];
    struct gpu listed; /* whose processes were asked for last */
    unsigned n_own;    /* of them, those of the MIG device asked for */
};

void meter_close(struct meter *m)
{
    if (!m)
        return;
    if (m->door.api.library)
        (void)NVML_CALL(&m->door.api, nvmlShutdown);
    nvml_api_close(&m->door.api);
    free(m->door.processes);
    free(m->listed.processes);
    free(m);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "GPU-8-4-4-4-12 digits" and "MIG-..."; false for other forms, which old drivers have for MIG. */
static bool read_uuid(uint8_t out[METER_UUID_BYTES], const char *text)
{
    uint8_t bytes[METER_UUID_BYTES] = {0};
    unsigned n = 0;

    for (text += 4; *text && n < 2 * METER_UUID_BYTES; text++) {
        int digit = hex_digit(*text);

        if (*text == '-')
            continue;
        if (digit < 0)
            return false;
        bytes[n / 2] = (uint8_t)(bytes[n / 2] << 4 | digit);
        n++;
    }
    if (n != 2 * METER_UUID_BYTES || *text)
        return false;
    memcpy(out, bytes, sizeof bytes);
    return true;
}

static int read_memory(const struct nvml_api *api, struct nvml_device *own, struct meter_device *d)
{
    struct nvml_memory_v2 v2 = {.version = NVML_MEMORY_V2};
    struct nvml_memory v1 = {0};
    int rc = NVML_CALL(api, nvmlDeviceGetMemoryInfo_v2, own, &v2);

    if (rc == 0) {
        d->total_bytes = v2.total - v2.reserved;
        d->used_bytes = v2.used;
        return 0;
    }
    rc = NVML_CALL(api, nvmlDeviceGetMemoryInfo, own, &v1);
    if (rc == 0) {
        d->total_bytes = v1.total;
        d->used_bytes = v1.used;
    }
    return rc;
}

/* Adds a device of which `d` says what is known already. A device that fails is left out. */
static void add(struct meter *m, struct meter_device *d, struct nvml_device *own,
                struct nvml_device *board)
{
    const struct nvml_api *api = &m->door.api;

    if (m->count == METER_MAX ||
        NVML_CALL(api, nvmlDeviceGetUUID, own, d->uuid, sizeof d->uuid) != 0 ||
        strlen(d->uuid) < 4 || read_memory(api, own, d) != 0)
        return;
    d->has_bytes = read_uuid(d->uuid_bytes, d->uuid);
    (void)NVML_CALL(api, nvmlDeviceGetName, own, d->name, sizeof d->name);
    m->handles[m->count] = (struct handles){own, board};
    m->devices[m->count++] = *d;
}

static void add_mig_devices(struct meter *m, const struct meter_device *board,
                            struct nvml_device *handle)
{
    const struct nvml_api *api = &m->door.api;
    unsigned count = 0;

    if (NVML_CALL(api, nvmlDeviceGetMaxMigDeviceCount, handle, &count) != 0)
        return;
    for (unsigned i = 0; i < count && i < METER_MAX; i++) {
        struct meter_device d = {.gpu = board->gpu, .compute_major = board->compute_major};
        struct nvml_device *own = NULL;
        unsigned gi = 0, ci = 0;

        if (NVML_CALL(api, nvmlDeviceGetMigDeviceHandleByIndex, handle, i, &own) != 0 ||
            NVML_CALL(api, nvmlDeviceGetGpuInstanceId, own, &gi) != 0 ||
            NVML_CALL(api, nvmlDeviceGetComputeInstanceId, own, &ci) != 0)
            continue;
        d.mig = (int)i;
        d.gi_id = (int)gi;
        d.ci_id = (int)ci;
        add(m, &d, own, handle);
    }
}

static void add_gpu(struct meter *m, unsigned index)
{
    const struct nvml_api *api = &m->door.api;
    struct meter_device d = {.gpu = index, .mig = -1, .gi_id = -1, .ci_id = -1};
    struct nvml_device *handle = NULL;
    unsigned current = 0, pending = 0;
    int major = 0, minor = 0;

    if (NVML_CALL(api, nvmlDeviceGetHandleByIndex_v2, index, &handle) != 0)
        return;
    if (NVML_CALL(api, nvmlDeviceGetCudaComputeCapability, handle, &major, &minor) == 0 &&
        major > 0)
        d.compute_major = (unsigned)major;
    d.cut = NVML_CALL(api, nvmlDeviceGetMigMode, handle, &current, &pending) == 0 && current != 0;
    add(m, &d, handle, handle);
    if (d.cut)
        add_mig_devices(m, &d, handle);
}

int meter_open(struct meter **out, const char *driver_root, struct err *e)
{
    OWN(meter_closep) struct meter *m = calloc(1, sizeof *m);
    unsigned count = 0;
    int rc;

    if (!m)
        return err_memory(e);
    rc = nvml_api_open(&m->door.api, driver_root, e);
    if (rc != 0)
        return rc;
    rc = m->door.api.nvmlInit_v2();
    if (rc != 0) {
        rc = nvml_err(&m->door.api, e, rc, "start NVML");
        nvml_api_close(&m->door.api);
        return rc;
    }
    rc = NVML_CALL(&m->door.api, nvmlDeviceGetCount_v2, &count);
    if (rc != 0)
        return nvml_err(&m->door.api, e, rc, "count GPUs");
    for (unsigned i = 0; i < count && i < GPU_MAX; i++)
        add_gpu(m, i);
    *out = TAKE(m);
    return 0;
}

size_t meter_count(const struct meter *m)
{
    return m->count;
}

const struct meter_device *meter_device(const struct meter *m, size_t i)
{
    return &m->devices[i];
}

int meter_find(const struct meter *m, const uint8_t uuid[METER_UUID_BYTES])
{
    for (size_t i = 0; i < m->count; i++)
        if (m->devices[i].has_bytes && !m->devices[i].cut &&
            memcmp(m->devices[i].uuid_bytes, uuid, METER_UUID_BYTES) == 0)
            return (int)i;
    return -1;
}

int meter_read(struct meter *m, size_t i, struct err *e)
{
    int rc = read_memory(&m->door.api, m->handles[i].own, &m->devices[i]);

    return rc == 0 ? 0
                   : nvml_err(&m->door.api, e, rc, "read the memory of '%s'", m->devices[i].uuid);
}

/* The list is of the whole GPU; those on the MIG device move to its front. */
static void keep_own(struct meter *m, const struct meter_device *d)
{
    m->n_own = 0;
    for (unsigned i = 0; i < m->listed.n_processes; i++) {
        struct gpu_process *p = &m->listed.processes[i];

        if (d->mig < 0 || (p->gi_id == d->gi_id && p->ci_id == d->ci_id))
            m->listed.processes[m->n_own++] = *p;
    }
}

int meter_processes(struct meter *m, size_t i, const struct gpu_process **out, unsigned *out_n,
                    struct err *e)
{
    int rc;

    free(TAKE(m->listed.processes));
    m->listed.n_processes = 0;
    m->listed.n_processes_left_out = 0;
    rc = nvml_processes_read(&m->door, m->handles[i].board, &m->listed);
    if (rc < 0)
        return err_memory(e);
    if (rc != 0)
        return nvml_err(&m->door.api, e, rc, "list the processes on '%s'", m->devices[i].uuid);
    keep_own(m, &m->devices[i]);
    *out = m->listed.processes;
    *out_n = m->n_own;
    return 0;
}
