/* SPDX-License-Identifier: Apache-2.0 */
/* The calls that ask a device: names, memory, addresses, attributes, its peers. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cuda/attribute.h"
#include "cuda/cuda.h"
#include "cuda/find.h"

CUDA_API(cuDeviceGetCount, int *count)
{
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!count)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    *count = cuda.n_devices;
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuDeviceGet, int *out, int ordinal)
{
    struct device *d;
    int rc = cuda_enter_device(ordinal, &d);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    *out = d->ordinal;
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuDeviceGetName, char *name, int size, int device)
{
    struct device *d;
    int rc = cuda_enter_device(device, &d);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!name || size <= 0)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    (void)text_copy(name, (size_t)size, d->name);
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuDeviceTotalMem_v2, size_t *bytes, int device)
{
    struct device *d;
    int rc = cuda_enter_device(device, &d);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!bytes)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    *bytes = d->mem_bytes;
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuDeviceTotalMem, unsigned *bytes, int device)
{
    size_t all;
    int rc = bytes ? cuDeviceTotalMem_v2(&all, device) : CUDA_ERROR_INVALID_VALUE;

    if (rc == CUDA_SUCCESS)
        *bytes = all > UINT32_MAX ? UINT32_MAX : (unsigned)all;
    return rc;
}

/* The GPU's own UUID also for a MIG device; version 2 gives the MIG device's. */
CUDA_API(cuDeviceGetUuid, uint8_t uuid[16], int device)
{
    struct device *d;
    int rc = cuda_enter_device(device, &d);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!uuid)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    find_uuid(uuid, d->gpu->uuid);
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuDeviceGetUuid_v2, uint8_t uuid[16], int device)
{
    struct device *d;
    int rc = cuda_enter_device(device, &d);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!uuid)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    memcpy(uuid, d->uuid, sizeof d->uuid);
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuDeviceGetAttribute, int *out, unsigned attribute, int device)
{
    struct device *d;
    int rc = cuda_enter_device(device, &d);

    if (rc != CUDA_SUCCESS)
        return rc;
    return cuda_leave(out ? attribute_read(d, attribute, out) : CUDA_ERROR_INVALID_VALUE);
}

CUDA_API(cuDeviceComputeCapability, int *major, int *minor, int device)
{
    struct device *d;
    int rc = cuda_enter_device(device, &d);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!major || !minor)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    *major = (int)d->gpu->facts[FACT_COMPUTE_MAJOR];
    *minor = (int)d->gpu->facts[FACT_COMPUTE_MINOR];
    return cuda_leave(CUDA_SUCCESS);
}

/* CUdevprop: these attributes, in this order. */
CUDA_API(cuDeviceGetProperties, int out[14], int device)
{
    static const unsigned attributes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14};
    struct device *d;
    int rc = cuda_enter_device(device, &d);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    for (size_t i = 0; i < sizeof attributes / sizeof attributes[0]; i++)
        (void)attribute_read(d, attributes[i], &out[i]);
    return cuda_leave(CUDA_SUCCESS);
}

static void bus_id(char out[16], const struct gpu *g)
{
    (void)snprintf(out, 16, "%04X:%02X:%02X.0", g->domain & 0xffff, g->bus & 0xff,
                   g->device & 0xff);
}

CUDA_API(cuDeviceGetPCIBusId, char *out, int size, int device)
{
    struct device *d;
    char text[16];
    int rc = cuda_enter_device(device, &d);

    if (rc != CUDA_SUCCESS)
        return rc;
    bus_id(text, d->gpu);
    if (!out || size <= 0)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    return cuda_leave(text_copy(out, (size_t)size, text) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE);
}

/* With or without domain and function: "0000:00:06.0", "00:06". */
static bool names_bus(const char *text, const struct gpu *g)
{
    char id[16];

    bus_id(id, g);
    if (strcasecmp(text, id) == 0 || strcasecmp(text, id + 5) == 0)
        return true;
    id[strlen(id) - 2] = '\0';
    return strcasecmp(text, id) == 0 || strcasecmp(text, id + 5) == 0;
}

CUDA_API(cuDeviceGetByPCIBusId, int *out, const char *text)
{
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out || !text)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    for (int i = 0; i < cuda.n_devices; i++) {
        if (names_bus(text, cuda.devices[i].gpu)) {
            *out = i;
            return cuda_leave(CUDA_SUCCESS);
        }
    }
    return cuda_leave(strchr(text, ':') ? CUDA_ERROR_INVALID_DEVICE : CUDA_ERROR_INVALID_VALUE);
}

/* Over NVLink, between whole GPUs. */
static bool are_peers(const struct device *a, const struct device *b)
{
    return a != b && !a->is_mig && !b->is_mig && a->gpu->facts[FACT_NVLINKS] > 0 &&
           b->gpu->facts[FACT_NVLINKS] > 0;
}

static int enter_pair(int one, int other, struct device **out_a, struct device **out_b)
{
    int rc = cuda_enter_device(one, out_a);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (other < 0 || other >= cuda.n_devices)
        return cuda_leave(CUDA_ERROR_INVALID_DEVICE);
    *out_b = &cuda.devices[other];
    return CUDA_SUCCESS;
}

CUDA_API(cuDeviceCanAccessPeer, int *out, int device, int peer)
{
    struct device *a = NULL, *b = NULL;
    int rc = enter_pair(device, peer, &a, &b);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    *out = are_peers(a, b);
    return cuda_leave(CUDA_SUCCESS);
}

/* 1 rank of performance, 2 access, 3 atomics, 4 access to arrays. */
CUDA_API(cuDeviceGetP2PAttribute, int *out, unsigned attribute, int device, int peer)
{
    struct device *a = NULL, *b = NULL;
    int rc = enter_pair(device, peer, &a, &b);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out || attribute < 1 || attribute > 4)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    if (a == b)
        return cuda_leave(CUDA_ERROR_INVALID_DEVICE);
    *out = attribute == 1 ? 0 : are_peers(a, b);
    return cuda_leave(CUDA_SUCCESS);
}

/* The current context, and another one of another device. */
static int enter_peer(void *handle, struct context **out, struct context **out_peer)
{
    int rc = cuda_enter_context(out);

    if (rc != CUDA_SUCCESS)
        return rc;
    *out_peer = handle ? context_check(handle, &rc) : NULL;
    return *out_peer ? CUDA_SUCCESS : cuda_leave(CUDA_ERROR_INVALID_CONTEXT);
}

CUDA_API(cuCtxEnablePeerAccess, void *peer, unsigned flags)
{
    struct context *c, *other;
    int rc = enter_peer(peer, &c, &other);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (flags != 0)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    if (c == other)
        return cuda_leave(CUDA_ERROR_INVALID_CONTEXT);
    if (!are_peers(c->device, other->device))
        return cuda_leave(CUDA_ERROR_PEER_ACCESS_UNSUPPORTED);
    if (c->peers >> other->device->ordinal & 1)
        return cuda_leave(CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED);
    c->peers |= 1u << other->device->ordinal;
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuCtxDisablePeerAccess, void *peer)
{
    struct context *c, *other;
    int rc = enter_peer(peer, &c, &other);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!(c->peers >> other->device->ordinal & 1))
        return cuda_leave(CUDA_ERROR_PEER_ACCESS_NOT_ENABLED);
    c->peers &= ~(1u << other->device->ordinal);
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuDeviceGetExecAffinitySupport, int *out, unsigned type, int device)
{
    struct device *d;
    int rc = cuda_enter_device(device, &d);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out || type != 0)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    *out = 0; /* that is MPS's */
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuDeviceGetTexture1DLinearMaxWidth, size_t *out, unsigned format, unsigned channels,
         int device)
{
    struct device *d;
    int rc = cuda_enter_device(device, &d);

    (void)format;
    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out || (channels != 1 && channels != 2 && channels != 4))
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    *out = 268435456;
    return cuda_leave(CUDA_SUCCESS);
}
