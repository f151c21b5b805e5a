/* SPDX-License-Identifier: Apache-2.0 */
/* Who uses the GPU: memory in use, and the processes of the state. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "process.h"
#include "session.h"

/* Which processes; in the order of NVML's "mode". */
enum list {
    LIST_COMPUTE,
    LIST_GRAPHICS, /* this one and the next are always empty: there is no emulated display, */
    LIST_MPS,      /* and no emulated MPS server */
};

static bool belongs(const struct target *t, const struct state_process *p)
{
    return p->used && !p->hidden && (!t->is_mig || (p->gi == t->gi && p->ci == t->ci));
}

/* A GPU instance's memory is shared by its compute instances. */
static uint64_t used_bytes(const struct target *t)
{
    process_reap(session_state(), t->gpu->index);
    return process_bytes(t->state, t->is_mig ? t->gi : NVML_NO_INSTANCE);
}

static uint64_t reserved_bytes(const struct target *t)
{
    int64_t kib = t->gpu->facts[FACT_RESERVED_KIB];

    return t->is_mig || kib < 0 ? 0 : (uint64_t)kib * 1024;
}

/* All of it; 0 where unknown. */
static uint64_t total_bytes(const struct target *t)
{
    const struct profile *p;

    if (!t->is_mig)
        return (uint64_t)node_memory_bytes(t->gpu);
    p = node_profile_by_id(t->gpu, t->state->gi[t->gi].profile);
    return p ? (uint64_t)node_profile_mib(t->gpu, p) << 20 : 0;
}

static int measure(const char *call, nvmlDevice_t device, struct nvml_memory_v2 *out)
{
    struct target t;
    int rc = session_target(call, device, &t);

    if (rc != NVML_SUCCESS)
        return rc;
    session_lock();
    out->total = total_bytes(&t);
    out->reserved = reserved_bytes(&t);
    out->used = used_bytes(&t);
    session_unlock();
    if (out->used > out->total - out->reserved)
        out->used = out->total - out->reserved;
    out->free = out->total - out->reserved - out->used;
    return NVML_SUCCESS;
}

API(nvmlDeviceGetMemoryInfo, nvmlDevice_t device, struct nvml_memory *out)
{
    struct nvml_memory_v2 m;
    int rc = out ? measure(__func__, device, &m) : NVML_ERROR_INVALID_ARGUMENT;

    if (rc == NVML_SUCCESS)
        *out = (struct nvml_memory){.total = m.total, .free = m.free, .used = m.used + m.reserved};
    return rc;
}

API(nvmlDeviceGetMemoryInfo_v2, nvmlDevice_t device, struct nvml_memory_v2 *out)
{
    struct nvml_memory_v2 m = {0};
    int rc;

    if (!out)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (out->version != NVML_VERSION(*out, 2))
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    rc = measure(__func__, device, &m);
    m.version = out->version;
    if (rc == NVML_SUCCESS)
        *out = m;
    return rc;
}

/*
 * A GPU instance has its part of the window, less what public nvidia-smi output shows: 8191 of 8192
 * MiB for 1g.5gb, 32767 MiB for 3g.20gb.
 */
static void bar1_of_instance(const struct target *t, struct nvml_bar1 *out)
{
    session_lock();
    out->total = out->total * t->state->gi[t->gi].size / t->gpu->board->mig->axis;
    out->total -= out->total > 1 << 20 ? 1 << 20 : 0;
    session_unlock();
    out->used = 0;
}

API(nvmlDeviceGetBAR1MemoryInfo, nvmlDevice_t device, struct nvml_bar1 *out)
{
    struct target t;
    int64_t total, used;
    int rc = session_target(__func__, device, &t);

    if (rc != NVML_SUCCESS)
        return rc;
    total = t.gpu->facts[FACT_BAR1_MIB];
    used = t.gpu->facts[FACT_BAR1_USED_KIB];
    if (total < 0 || used < 0)
        return NVML_ERROR_NOT_SUPPORTED;
    if (!out)
        return NVML_ERROR_INVALID_ARGUMENT;
    out->total = (uint64_t)total << 20;
    out->used = (uint64_t)used << 10;
    if (t.is_mig)
        bar1_of_instance(&t, out);
    out->free = out->total - out->used;
    return NVML_SUCCESS;
}

/*
 * The processes of one list into `room` entries of `size` bytes, each the front part of a
 * nvml_process_detail. *count is the room, then how many there are.
 */
static int list(const char *call, nvmlDevice_t device, enum list which, void *out, size_t size,
                unsigned *count)
{
    struct target t;
    char *to = out;
    unsigned n = 0, room;
    int rc = session_target(call, device, &t);

    if (rc != NVML_SUCCESS)
        return rc;
    if (!count)
        return NVML_ERROR_INVALID_ARGUMENT;
    room = out ? *count : 0;
    session_lock();
    process_reap(session_state(), t.gpu->index);
    for (unsigned i = 0; which == LIST_COMPUTE && i < process_rows(t.state); i++) {
        const struct state_process *p = &t.state->processes[i];

        if (!belongs(&t, p))
            continue;
        if (n < room) {
            struct nvml_process_detail d;

            memset(&d, 0, sizeof d); /* what lies between the fields goes out too */
            d.pid = p->pid;
            d.mem_bytes = p->mem_bytes;
            d.gi = p->gi;
            d.ci = p->ci;
            d.protected_bytes = NVML_NO_VALUE;
            memcpy(to + n * size, &d, size);
        }
        n++;
    }
    session_unlock();
    *count = n;
    return n > room ? NVML_ERROR_INSUFFICIENT_SIZE : NVML_SUCCESS;
}

#define LIST_GETTER(name, which, type)                                                             \
    API(name, nvmlDevice_t device, unsigned *count, type *out)                                     \
    {                                                                                              \
        return list(__func__, device, which, out, sizeof *out, count);                             \
    }

LIST_GETTER(nvmlDeviceGetComputeRunningProcesses, LIST_COMPUTE, struct nvml_process_v1)
LIST_GETTER(nvmlDeviceGetComputeRunningProcesses_v2, LIST_COMPUTE, struct nvml_process)
LIST_GETTER(nvmlDeviceGetComputeRunningProcesses_v3, LIST_COMPUTE, struct nvml_process)
LIST_GETTER(nvmlDeviceGetGraphicsRunningProcesses, LIST_GRAPHICS, struct nvml_process_v1)
LIST_GETTER(nvmlDeviceGetGraphicsRunningProcesses_v2, LIST_GRAPHICS, struct nvml_process)
LIST_GETTER(nvmlDeviceGetGraphicsRunningProcesses_v3, LIST_GRAPHICS, struct nvml_process)
LIST_GETTER(nvmlDeviceGetMPSComputeRunningProcesses, LIST_MPS, struct nvml_process_v1)
LIST_GETTER(nvmlDeviceGetMPSComputeRunningProcesses_v2, LIST_MPS, struct nvml_process)
LIST_GETTER(nvmlDeviceGetMPSComputeRunningProcesses_v3, LIST_MPS, struct nvml_process)

API(nvmlDeviceGetRunningProcessDetailList, nvmlDevice_t device,
    struct nvml_process_detail_list *out)
{
    if (!out || out->mode > LIST_MPS)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (!session_version(out->version, sizeof *out))
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    return list(__func__, device, (enum list)out->mode, out->items, sizeof *out->items,
                &out->count);
}

/* Nothing was sampled: the emulated GPU runs no work yet. */
API(nvmlDeviceGetProcessUtilization, nvmlDevice_t device, void *samples, unsigned *count,
    uint64_t last_seen)
{
    struct target t;
    int rc = session_gpu(__func__, device, &t);

    (void)last_seen;
    if (rc != NVML_SUCCESS)
        return rc;
    if (!count)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (t.state->mig_current)
        return NVML_ERROR_NOT_SUPPORTED;
    *count = 0;
    return samples ? NVML_ERROR_NOT_FOUND : NVML_SUCCESS;
}

static bool state_process_name(unsigned pid, char *out, size_t size)
{
    const struct state *s = session_state();

    for (unsigned g = 0; g < session_node()->n_gpus; g++) {
        for (unsigned i = 0; i < process_rows(&s->gpus[g]); i++) {
            const struct state_process *p = &s->gpus[g].processes[i];

            if (p->used && p->pid == pid && p->name[0])
                return text_copy(out, size, p->name), true;
        }
    }
    return false;
}

API(nvmlSystemGetProcessName, unsigned pid, char *name, unsigned size)
{
    char path[40], text[64];
    OWN_MEM char *words = NULL;
    int rc = session_enter(__func__);
    bool stated;

    if (rc != NVML_SUCCESS)
        return rc;
    session_lock();
    stated = state_process_name(pid, text, sizeof text);
    session_unlock();
    if (stated)
        return session_text(name, size, text);
    (void)snprintf(path, sizeof path, "/proc/%u/cmdline", pid);
    if (file_read(&words, NULL, path, 65536, NULL) < 0 || !words[0])
        return NVML_ERROR_NOT_FOUND;
    if (!name || size == 0)
        return NVML_ERROR_INVALID_ARGUMENT;
    (void)text_copy(name, size, words);
    return NVML_SUCCESS;
}
