/* SPDX-License-Identifier: Apache-2.0 */
/* Where a GPU sits and what it is connected to: PCI, processors, other GPUs, NVLink, fabric. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "session.h"

enum {
    MAX_LINKS = 18, /* as captured: 18 and above are INVALID_ARGUMENT */
};

static void bus_texts(const struct gpu *g, char legacy[16], char full[32])
{
    char text[32];

    (void)snprintf(text, sizeof text, "%08X:%02X:%02X.0", g->domain, g->bus, g->device);
    (void)text_copy(full, 32, text);
    (void)text_copy(legacy, 16, text + 4);
}

API(nvmlDeviceGetPciInfo_v3, nvmlDevice_t device, struct nvml_pci *out)
{
    struct target t;
    int rc = session_gpu(__func__, device, &t);

    if (rc != NVML_SUCCESS)
        return rc;
    if (!out)
        return NVML_ERROR_INVALID_ARGUMENT;
    *out = (struct nvml_pci){.domain = t.gpu->domain,
                             .bus = t.gpu->bus,
                             .device = t.gpu->device,
                             .pci_device_id = t.gpu->board->pci_device_id,
                             .pci_subsystem_id = t.gpu->board->pci_subsystem_id};
    bus_texts(t.gpu, out->bus_id_legacy, out->bus_id);
    return NVML_SUCCESS;
}

/* The first two versions end with four reserved words after a short bus id. */
API(nvmlDeviceGetPciInfo_v2, nvmlDevice_t device, struct nvml_pci_v2 *out)
{
    struct nvml_pci now;
    int rc = out ? nvmlDeviceGetPciInfo_v3(device, &now) : NVML_ERROR_INVALID_ARGUMENT;

    if (rc != NVML_SUCCESS)
        return rc;
    *out = (struct nvml_pci_v2){.domain = now.domain,
                                .bus = now.bus,
                                .device = now.device,
                                .pci_device_id = now.pci_device_id,
                                .pci_subsystem_id = now.pci_subsystem_id};
    memcpy(out->bus_id, now.bus_id_legacy, sizeof out->bus_id);
    return NVML_SUCCESS;
}

API(nvmlDeviceGetPciInfo, nvmlDevice_t device, struct nvml_pci_v2 *out)
{
    return nvmlDeviceGetPciInfo_v2(device, out);
}

API(nvmlDeviceGetPciInfoExt, nvmlDevice_t device, struct nvml_pci_ext *out)
{
    struct nvml_pci now;
    int rc = out ? nvmlDeviceGetPciInfo_v3(device, &now) : NVML_ERROR_INVALID_ARGUMENT;

    if (rc != NVML_SUCCESS)
        return rc;
    if (out->version != NVML_VERSION(*out, 1))
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    *out = (struct nvml_pci_ext){.version = out->version,
                                 .domain = now.domain,
                                 .bus = now.bus,
                                 .device = now.device,
                                 .pci_device_id = now.pci_device_id,
                                 .pci_subsystem_id = now.pci_subsystem_id,
                                 .base_class = 3,
                                 .sub_class = 2};
    memcpy(out->bus_id, now.bus_id, sizeof out->bus_id);
    return NVML_SUCCESS;
}

/* Two GPUs of the node. */
static int both(const char *call, nvmlDevice_t first, nvmlDevice_t second, struct target *a,
                struct target *b)
{
    int rc = session_gpu(call, first, a);

    return rc == NVML_SUCCESS ? session_gpu(call, second, b) : rc;
}

static unsigned ancestor(const struct gpu *a, const struct gpu *b)
{
    if (a->pcie_switch >= 0 && a->pcie_switch == b->pcie_switch)
        return 10;
    if (a->bridge >= 0 && a->bridge == b->bridge)
        return 30;
    return a->numa >= 0 && a->numa == b->numa ? 40 : 50;
}

API(nvmlDeviceGetTopologyCommonAncestor, nvmlDevice_t first, nvmlDevice_t second, unsigned *level)
{
    struct target a, b;
    int rc = both(__func__, first, second, &a, &b);

    if (rc != NVML_SUCCESS)
        return rc;
    if (!level)
        return NVML_ERROR_INVALID_ARGUMENT;
    *level = a.gpu == b.gpu ? 0 : ancestor(a.gpu, b.gpu);
    return NVML_SUCCESS;
}

API(nvmlDeviceGetTopologyNearestGpus, nvmlDevice_t device, unsigned level, unsigned *count,
    nvmlDevice_t *out)
{
    struct target t;
    unsigned n = 0, room;
    int rc = session_gpu(__func__, device, &t);

    if (rc != NVML_SUCCESS)
        return rc;
    if (!count)
        return NVML_ERROR_INVALID_ARGUMENT;
    room = out ? *count : 0;
    for (unsigned i = 0; i < session_node()->n_gpus; i++) {
        if (i == t.gpu->index || ancestor(t.gpu, &session_node()->gpus[i]) != level)
            continue;
        if (n < room)
            out[n] = session_gpu_handle(i);
        n++;
    }
    *count = n;
    return out && n > room ? NVML_ERROR_INSUFFICIENT_SIZE : NVML_SUCCESS;
}

API(nvmlDeviceOnSameBoard, nvmlDevice_t first, nvmlDevice_t second, int *same)
{
    struct target a, b;
    int rc = both(__func__, first, second, &a, &b);

    if (rc != NVML_SUCCESS)
        return rc;
    if (!same)
        return NVML_ERROR_INVALID_ARGUMENT;
    *same = a.gpu == b.gpu;
    return NVML_SUCCESS;
}

/*
 * As captured between two H200s: read, write, NVLink and atomics are fine, "prop" is not supported,
 * and the unknown index answers fine. Boards without NVLink, and MIG mode, have none of it.
 */
API(nvmlDeviceGetP2PStatus, nvmlDevice_t first, nvmlDevice_t second, unsigned index,
    unsigned *status)
{
    enum { PROP = 4, INDEXES = 6, OK = 0, NOT_SUPPORTED = 5 };
    struct target a, b;
    int rc = both(__func__, first, second, &a, &b);
    bool linked;

    if (rc != NVML_SUCCESS)
        return rc;
    if (!status || index >= INDEXES)
        return NVML_ERROR_INVALID_ARGUMENT;
    linked = a.gpu->facts[FACT_NVLINKS] > 0 && b.gpu->facts[FACT_NVLINKS] > 0 &&
             !a.state->mig_current && !b.state->mig_current;
    *status = linked && index != PROP ? OK : NOT_SUPPORTED;
    return NVML_SUCCESS;
}

static int nvlink(const char *call, nvmlDevice_t device, unsigned link, struct target *t)
{
    int rc = session_gpu(call, device, t);

    if (rc != NVML_SUCCESS)
        return rc;
    if (link >= MAX_LINKS)
        return NVML_ERROR_INVALID_ARGUMENT;
    return link < t->gpu->facts[FACT_NVLINKS] ? NVML_SUCCESS : NVML_ERROR_NOT_SUPPORTED;
}

/* In MIG mode the links are down. */
API(nvmlDeviceGetNvLinkState, nvmlDevice_t device, unsigned link, unsigned *active)
{
    struct target t;
    int rc = nvlink(__func__, device, link, &t);

    if (rc == NVML_SUCCESS && !active)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (rc == NVML_SUCCESS)
        *active = !t.state->mig_current;
    return rc;
}

API(nvmlDeviceGetNvLinkVersion, nvmlDevice_t device, unsigned link, unsigned *version)
{
    struct target t;
    int rc = nvlink(__func__, device, link, &t);

    if (rc == NVML_SUCCESS && !version)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (rc != NVML_SUCCESS)
        return rc;
    if (t.gpu->facts[FACT_NVLINK_VERSION] < 0)
        return NVML_ERROR_NOT_SUPPORTED;
    *version = (unsigned)t.gpu->facts[FACT_NVLINK_VERSION];
    return NVML_SUCCESS;
}

/* 1 switch, 2 GPU: all links of these boards end at NVSwitch. */
API(nvmlDeviceGetNvLinkRemoteDeviceType, nvmlDevice_t device, unsigned link, unsigned *type)
{
    struct target t;
    int rc = nvlink(__func__, device, link, &t);

    if (rc == NVML_SUCCESS && !type)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (rc == NVML_SUCCESS)
        *type = 1;
    return rc;
}

/* As captured: a passed-through GPU does not see the switch's address. */
API(nvmlDeviceGetNvLinkRemotePciInfo_v2, nvmlDevice_t device, unsigned link, struct nvml_pci *out)
{
    struct target t;
    int rc = nvlink(__func__, device, link, &t);

    if (rc == NVML_SUCCESS && !out)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (rc != NVML_SUCCESS)
        return rc;
    *out = (struct nvml_pci){.bus_id_legacy = "FFFFFFF:FF:FF.0",
                             .domain = UINT32_MAX,
                             .bus = 0xff,
                             .device = 0xff,
                             .pci_device_id = UINT32_MAX,
                             .bus_id = "FFFFFFFF:FF:FF.0"};
    return NVML_SUCCESS;
}

API(nvmlDeviceGetNvLinkRemotePciInfo, nvmlDevice_t device, unsigned link, struct nvml_pci_v2 *out)
{
    struct target t;
    int rc = nvlink(__func__, device, link, &t);

    if (rc == NVML_SUCCESS && !out)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (rc == NVML_SUCCESS)
        *out = (struct nvml_pci_v2){.bus_id = "FFFFFFF:FF:FF.0",
                                    .domain = UINT32_MAX,
                                    .bus = 0xff,
                                    .device = 0xff,
                                    .pci_device_id = UINT32_MAX};
    return rc;
}

/* Capabilities: 0 P2P, 1 system memory, 2 P2P atomics, 3 system memory atomics, 4 SLI, 5 valid. */
API(nvmlDeviceGetNvLinkCapability, nvmlDevice_t device, unsigned link, unsigned capability,
    unsigned *out)
{
    struct target t;
    int rc = nvlink(__func__, device, link, &t);

    if (rc == NVML_SUCCESS && (!out || capability > 5))
        return NVML_ERROR_INVALID_ARGUMENT;
    if (rc == NVML_SUCCESS)
        *out = capability != 4;
    return rc;
}

/* Counters of errors and traffic: none yet. */
API(nvmlDeviceGetNvLinkErrorCounter, nvmlDevice_t device, unsigned link, unsigned counter,
    uint64_t *out)
{
    struct target t;
    int rc = nvlink(__func__, device, link, &t);

    if (rc == NVML_SUCCESS && (!out || counter > 4))
        return NVML_ERROR_INVALID_ARGUMENT;
    if (rc == NVML_SUCCESS)
        *out = 0;
    return rc;
}

static int fabric(const char *call, nvmlDevice_t device, struct nvml_fabric *out)
{
    struct target t;
    int rc = session_gpu(call, device, &t);

    if (rc != NVML_SUCCESS)
        return rc;
    if (t.gpu->facts[FACT_FABRIC] < 0)
        return NVML_ERROR_NOT_SUPPORTED;
    *out = (struct nvml_fabric){.state = (uint32_t)t.gpu->facts[FACT_FABRIC]};
    return NVML_SUCCESS;
}

API(nvmlDeviceGetGpuFabricInfo, nvmlDevice_t device, struct nvml_fabric *out)
{
    return out ? fabric(__func__, device, out) : NVML_ERROR_INVALID_ARGUMENT;
}

API(nvmlDeviceGetGpuFabricInfoV, nvmlDevice_t device, struct nvml_fabric_v *out)
{
    size_t v2_size = offsetof(struct nvml_fabric_v, health_summary);

    if (!out)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (out->version != NVML_VERSION(*out, 3) && out->version != (v2_size | 2u << 24))
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    out->health_mask = 0;
    if (out->version == NVML_VERSION(*out, 3))
        out->health_summary = 0;
    return fabric(__func__, device, &out->base);
}

/* The words of a "0-23,48-71" list as a bit set. */
static void cpu_bits(const char *text, unsigned long *set, unsigned size)
{
    unsigned bits = 8 * sizeof *set, from = 0, number = 0;
    bool range = false;

    memset(set, 0, size * sizeof *set);
    for (;; text++) {
        if (*text >= '0' && *text <= '9' && number < 100000) {
            number = number * 10 + (unsigned)(*text - '0');
            continue;
        }
        for (unsigned cpu = range ? from : number; *text != '-' && cpu <= number; cpu++) {
            if (cpu / bits < size)
                set[cpu / bits] |= 1ul << cpu % bits;
        }
        range = *text == '-';
        from = number;
        number = 0;
        if (*text == '\0')
            return;
    }
}

API(nvmlDeviceGetCpuAffinity, nvmlDevice_t device, unsigned size, unsigned long *set)
{
    struct target t;
    int rc = session_gpu(__func__, device, &t);

    if (rc != NVML_SUCCESS)
        return rc;
    if (!set || size == 0)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (!t.gpu->cpus[0])
        return NVML_ERROR_NOT_SUPPORTED;
    cpu_bits(t.gpu->cpus, set, size);
    return NVML_SUCCESS;
}

API(nvmlDeviceGetCpuAffinityWithinScope, nvmlDevice_t device, unsigned size, unsigned long *set,
    unsigned scope)
{
    return scope > 1 ? NVML_ERROR_INVALID_ARGUMENT : nvmlDeviceGetCpuAffinity(device, size, set);
}

API(nvmlDeviceGetMemoryAffinity, nvmlDevice_t device, unsigned size, unsigned long *set,
    unsigned scope)
{
    struct target t;
    char node[16];
    int rc = session_gpu(__func__, device, &t);

    if (rc != NVML_SUCCESS)
        return rc;
    if (!set || size == 0 || scope > 1)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (t.gpu->numa < 0)
        return NVML_ERROR_NOT_SUPPORTED;
    (void)snprintf(node, sizeof node, "%d", t.gpu->numa);
    cpu_bits(node, set, size);
    return NVML_SUCCESS;
}

API(nvmlSystemGetTopologyGpuSet, unsigned cpu, unsigned *count, nvmlDevice_t *out)
{
    unsigned long set[64];
    unsigned n = 0, room, bits = 8 * sizeof set[0];
    int rc = session_enter(__func__);

    if (rc != NVML_SUCCESS)
        return rc;
    if (!count || cpu / bits >= sizeof set / sizeof set[0])
        return NVML_ERROR_INVALID_ARGUMENT;
    room = out ? *count : 0;
    for (unsigned i = 0; i < session_node()->n_gpus; i++) {
        cpu_bits(session_node()->gpus[i].cpus, set, sizeof set / sizeof set[0]);
        if (!session_node()->gpus[i].cpus[0] || !(set[cpu / bits] >> cpu % bits & 1))
            continue;
        if (n < room)
            out[n] = session_gpu_handle(i);
        n++;
    }
    *count = n;
    return out && n > room ? NVML_ERROR_INSUFFICIENT_SIZE : NVML_SUCCESS;
}
