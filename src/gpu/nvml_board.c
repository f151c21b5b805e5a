/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who a board is: identity, place on the bus, compute capability, geometry. Read once a UUID and
 * kept.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "gpu/driver.h"
#include "gpu/nvml_door.h"
#include "gpu/pci_space.h"

/* The kernel's view of the bus; -1 when it does not tell, as in most virtual machines. */
static int read_numa_node(const char *sysfs_root, const char *bus_id)
{
    OWN_MEM char *text = NULL;
    char path[512];
    uint64_t node;

    (void)snprintf(path, sizeof path, "%s/bus/pci/devices/%s/numa_node", sysfs_root, bus_id);
    if (file_read(&text, NULL, path, 64, NULL))
        return -1;
    text[strcspn(text, "\n")] = '\0';
    return text_uint(&node, text, INT32_MAX) ? (int)node : -1;
}

static int read_place(const struct nvml_door *d, struct nvml_device *device, struct gpu *b)
{
    struct nvml_pci pci = {0};
    int rc = NVML_CALL(&d->api, nvmlDeviceGetPciInfo_v3, device, &pci);

    if (rc)
        return rc;
    b->device_id = pci.pciDeviceId;
    b->subsystem_id = pci.pciSubSystemId;
    (void)snprintf(b->bus_id, sizeof b->bus_id, "%04x:%02x:%02x.0", pci.domain, pci.bus & 0xff,
                   pci.device & 0xff);
    b->numa_node = read_numa_node(d->sysfs_root, b->bus_id);
    pci_space_read(d->sysfs_root, b);
    return 0;
}

static int read_capability(const struct nvml_door *d, struct nvml_device *device, struct gpu *b)
{
    int major = 0;
    int minor = 0;
    int rc = NVML_CALL(&d->api, nvmlDeviceGetCudaComputeCapability, device, &major, &minor);

    if (rc)
        return nvml_no_value(rc) ? 0 : rc;
    b->compute_major = (unsigned)major;
    b->compute_minor = (unsigned)minor;
    return 0;
}

static int read_geometry(const struct nvml_door *d, struct nvml_device *device, struct gpu *b)
{
    unsigned current;
    unsigned pending;
    int rc = NVML_CALL(&d->api, nvmlDeviceGetMigMode, device, &current, &pending);

    if (rc)
        return nvml_no_value(rc) ? 0 : rc;
    return nvml_geometry_read(&d->api, device, b->device_id, &b->geometry);
}

static int read_board(const struct nvml_door *d, struct nvml_device *device, struct gpu *b)
{
    int rc = NVML_CALL(&d->api, nvmlDeviceGetName, device, b->name, sizeof b->name);

    if (!rc)
        rc = NVML_CALL(&d->api, nvmlDeviceGetMinorNumber, device, &b->minor);
    if (!rc)
        rc = read_place(d, device, b);
    if (!rc)
        rc = read_capability(d, device, b);
    if (!rc)
        rc = read_geometry(d, device, b);
    return rc;
}

static struct gpu *find(const struct nvml_door *d, const char *uuid)
{
    for (unsigned i = 0; i < d->n_boards; i++)
        if (strcmp(d->boards[i]->uuid, uuid) == 0)
            return d->boards[i];
    return NULL;
}

int nvml_board_find(struct nvml_door *d, struct nvml_device *device, struct gpu **out)
{
    char uuid[GPU_UUID_SIZE] = "";
    OWN_MEM struct gpu *fresh = NULL;
    struct gpu *known;
    int rc = NVML_CALL(&d->api, nvmlDeviceGetUUID, device, uuid, sizeof uuid);

    if (rc)
        return rc;
    known = find(d, uuid);
    if (!known) {
        if (d->n_boards == GPU_MAX)
            return NVML_INSUFFICIENT_SIZE;
        fresh = calloc(1, sizeof *fresh);
        if (!fresh)
            return -ENOMEM;
        fresh->index = UINT_MAX;
        (void)TEXT_COPY(fresh->uuid, uuid);
        rc = read_board(d, device, fresh);
        if (rc)
            return rc;
        known = TAKE(fresh);
        d->boards[d->n_boards++] = known;
    }
    *out = known;
    return 0;
}

struct gpu *nvml_board_at(const struct nvml_door *d, unsigned index)
{
    for (unsigned i = 0; i < d->n_boards; i++)
        if (d->boards[i]->index == index)
            return d->boards[i];
    return NULL;
}
