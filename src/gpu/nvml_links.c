/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the GPUs of the node reach each other: the level of the bus where they meet, and NVLinks,
 * direct or by way of switches. Read once for a set of boards.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "gpu/driver.h"
#include "gpu/nvml_door.h"

enum { LEVEL_SELF = 0, LEVEL_SYSTEM = 50 };

/* Active NVLinks of a GPU that do not end at a GPU of this node. */
struct away {
    unsigned at_switch;
    unsigned hidden; /* virtual machines do not show the other end */
};

static struct gpu_link *link_of(struct inventory *inv, unsigned a, unsigned b)
{
    return &inv->links[a * inv->n_gpus + b];
}

static int find_by_bus(const struct inventory *inv, const struct nvml_pci *pci)
{
    char bus_id[32];

    (void)snprintf(bus_id, sizeof bus_id, "%04x:%02x:%02x.0", pci->domain, pci->bus, pci->device);
    for (unsigned i = 0; i < inv->n_gpus; i++)
        if (strcmp(inv->gpus[i].bus_id, bus_id) == 0)
            return (int)i;
    return -1;
}

static void read_nvlink(const struct nvml_api *api, struct nvml_device *device, unsigned link,
                        struct inventory *inv, unsigned a, struct away *away)
{
    struct nvml_pci remote = {0};
    int type = -1;
    int rc = NVML_CALL(api, nvmlDeviceGetNvLinkRemoteDeviceType, device, link, &type);
    int b = -1;

    if (rc == 0 && type == NVML_LINK_TO_SWITCH) {
        away->at_switch++;
        return;
    }
    if (NVML_CALL(api, nvmlDeviceGetNvLinkRemotePciInfo_v2, device, link, &remote) == 0)
        b = find_by_bus(inv, &remote);
    if (b >= 0)
        link_of(inv, a, (unsigned)b)->nvlinks++;
    else
        away->hidden++;
}

static void read_nvlinks(const struct nvml_api *api, struct nvml_device *device,
                         struct inventory *inv, unsigned a, struct away *away)
{
    for (unsigned link = 0; link < NVML_NVLINKS_MAX; link++) {
        int active = 0;
        int rc = NVML_CALL(api, nvmlDeviceGetNvLinkState, device, link, &active);

        if (rc == NVML_INVALID_ARGUMENT || rc == NVML_FUNCTION_NOT_FOUND)
            return; /* past this board's last link */
        if (rc == 0 && active)
            read_nvlink(api, device, link, inv, a, away);
    }
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Links whose other end is hidden count only where the driver says that the two have NVLink. */
static unsigned meeting(const struct nvml_api *api, struct nvml_device *a, struct nvml_device *b,
                        const struct away *of_a, const struct away *of_b)
{
    int status = -1;

    if (of_a->at_switch && of_b->at_switch)
        return least(of_a->at_switch, of_b->at_switch);
    if (!of_a->hidden || !of_b->hidden ||
        NVML_CALL(api, nvmlDeviceGetP2PStatus, a, b, NVML_P2P_NVLINK, &status) ||
        status != NVML_P2P_OK)
        return 0;
    return least(of_a->hidden, of_b->hidden);
}

static void read_pair(const struct nvml_api *api, struct inventory *inv,
                      struct nvml_device *const *devices, unsigned a, unsigned b,
                      const struct away *away)
{
    struct gpu_link *link = link_of(inv, a, b);
    int level = LEVEL_SYSTEM;

    if (NVML_CALL(api, nvmlDeviceGetTopologyCommonAncestor, devices[a], devices[b], &level) ||
        level < 0 || level > LEVEL_SYSTEM)
        level = LEVEL_SYSTEM;
    link->level = (uint8_t)level;
    if (link->nvlinks == 0)
        link->nvlinks = (uint8_t)meeting(api, devices[a], devices[b], &away[a], &away[b]);
    *link_of(inv, b, a) = *link;
}

static void read_all(const struct nvml_api *api, struct inventory *inv,
                     struct nvml_device *const *devices)
{
    struct away away[GPU_MAX] = {0};

    for (unsigned a = 0; a < inv->n_gpus; a++)
        for (unsigned b = 0; b < inv->n_gpus; b++)
            link_of(inv, a, b)->level = a == b ? LEVEL_SELF : LEVEL_SYSTEM;
    for (unsigned a = 0; a < inv->n_gpus; a++)
        if (devices[a])
            read_nvlinks(api, devices[a], inv, a, &away[a]);
    for (unsigned a = 0; a < inv->n_gpus; a++)
        for (unsigned b = a + 1; b < inv->n_gpus; b++)
            if (devices[a] && devices[b])
                read_pair(api, inv, devices, a, b, away);
}

/* A set with a GPU that does not answer, or with a fault, is not worth keeping. */
static bool complete(const struct inventory *inv, struct nvml_device *const *devices)
{
    for (unsigned i = 0; i < inv->n_gpus; i++)
        if (!devices[i] || inv->gpus[i].fault[0])
            return false;
    return true;
}

static bool kept(const struct nvml_door *d, const struct inventory *inv, struct gpu *const *boards)
{
    if (!d->links || d->n_linked != inv->n_gpus)
        return false;
    for (unsigned i = 0; i < inv->n_gpus; i++)
        if (d->linked[i] != boards[i])
            return false;
    return true;
}

static void keep(struct nvml_door *d, const struct inventory *inv, struct gpu *const *boards,
                 size_t size)
{
    struct gpu_link *copy = malloc(size);

    if (!copy)
        return; /* then the next read asks again */
    memcpy(copy, inv->links, size);
    free(d->links);
    d->links = copy;
    d->n_linked = inv->n_gpus;
    for (unsigned i = 0; i < inv->n_gpus; i++)
        d->linked[i] = boards[i];
}

int nvml_links_read(struct nvml_door *d, struct inventory *inv, struct nvml_device *const *devices,
                    struct gpu *const *boards, struct err *e)
{
    size_t size = sizeof *inv->links * inv->n_gpus * inv->n_gpus;

    inv->links = calloc(1, size ? size : 1);
    if (!inv->links)
        return err_memory(e);
    if (kept(d, inv, boards)) {
        memcpy(inv->links, d->links, size);
        return 0;
    }
    read_all(&d->api, inv, devices);
    if (size && complete(inv, devices))
        keep(d, inv, boards, size);
    return 0;
}
