/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The emulated node's libcuda.so.1, as far as finding devices goes: init, count, name, memory,
 * UUID. It sees what CUDA_VISIBLE_DEVICES names among the GPUs whose /dev nodes are there.
 * Memory, streams and kernels are not there.
 */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "mig.h"
#include "visible.h"

enum cuda_code {
    CUDA_SUCCESS = 0,
    CUDA_ERROR_INVALID_VALUE = 1,
    CUDA_ERROR_NOT_INITIALIZED = 3,
    CUDA_ERROR_NO_DEVICE = 100,
    CUDA_ERROR_INVALID_DEVICE = 101,
    CUDA_ERROR_SYSTEM_NOT_READY = 802,
};

/* One visible device: a GPU, or a MIG device on it. */
struct device {
    const struct gpu *gpu;
    char name[96];
    uint8_t uuid[16];
    uint64_t mem_bytes;
};

/* CUDA has no context argument either. */
static struct {
    bool ready;
    struct node *node;
    struct device devices[NODE_MAX_GPUS];
    int n_devices;
} cuda;

#define CUDA_API(name, ...)                                                                        \
    __attribute__((visibility("default"))) int name(__VA_ARGS__);                                  \
    int name(__VA_ARGS__)

/* The 16 bytes of "GPU-xxxxxxxx-…" or "MIG-…". */
static void uuid_bytes(uint8_t out[16], const char *text)
{
    unsigned n = 0;

    for (text += 4; *text && n < 32; text++) {
        const char *digits = "0123456789abcdef", *digit = strchr(digits, *text);

        if (!digit)
            continue;
        out[n / 2] = (uint8_t)(n % 2 ? out[n / 2] | (digit - digits) : (digit - digits) << 4);
        n++;
    }
}

static void add(const struct gpu *g, const char *uuid, const char *profile, uint64_t mem_bytes)
{
    struct device *d;

    if (cuda.n_devices == NODE_MAX_GPUS)
        return;
    d = &cuda.devices[cuda.n_devices++];
    *d = (struct device){.gpu = g, .mem_bytes = mem_bytes};
    (void)snprintf(d->name, sizeof d->name, "%s%s%s", g->board->name, *profile ? " MIG " : "",
                   profile);
    uuid_bytes(d->uuid, uuid);
}

/* The first MIG device that `wanted` (a whole UUID; NULL: any) names on the GPU. */
static bool add_mig(const struct gpu *g, const struct state_gpu *s, const char *wanted)
{
    unsigned gi, ci;

    for (unsigned i = 0; mig_device_at(s, i, &gi, &ci); i++) {
        const struct profile *p = node_profile_by_id(g, s->gi[gi].profile);
        char uuid[MIG_UUID_SIZE], name[24];

        mig_device_uuid(uuid, g, s, gi, ci);
        mig_device_name(name, g, s, gi, ci);
        if (p && (!wanted || strcmp(wanted, uuid) == 0)) {
            add(g, uuid, name, (uint64_t)node_profile_mib(g, p) << 20);
            return true;
        }
    }
    return false;
}

static void add_whole(const struct gpu *g, const struct state_gpu *s)
{
    int64_t reserved = g->facts[FACT_RESERVED_KIB];

    if (s->mig_current)
        (void)add_mig(g, s, NULL); /* as CUDA does: the first MIG device stands for the GPU */
    else
        add(g, g->uuid, "",
            (uint64_t)(node_memory_bytes(g) - (reserved > 0 ? reserved : 0) * 1024));
}

/* One word of CUDA_VISIBLE_DEVICES: an index among the visible, or (the start of) a UUID. */
static bool add_word(const char *word, const struct state *s)
{
    unsigned seen = 0;
    uint64_t index;
    bool is_index = text_uint(&index, word, NODE_MAX_GPUS);

    for (unsigned i = 0; i < cuda.node->n_gpus; i++) {
        const struct gpu *g = &cuda.node->gpus[i];

        if (!visible_gpu(g->index))
            continue;
        if (is_index ? seen == index : text_starts(word, "GPU-") && text_starts(g->uuid, word))
            return add_whole(g, &s->gpus[i]), true;
        if (text_starts(word, "MIG-") && add_mig(g, &s->gpus[i], word))
            return true;
        seen++;
    }
    return false;
}

static void find_devices(const struct state *s)
{
    const char *list = secure_getenv("CUDA_VISIBLE_DEVICES");
    char word[64];

    if (!list) {
        for (unsigned i = 0; i < cuda.node->n_gpus; i++) {
            if (visible_gpu(i))
                add_whole(&cuda.node->gpus[i], &s->gpus[i]);
        }
        return;
    }
    while (*list) { /* as CUDA does: what stands behind an unknown word is not looked at */
        size_t size = strcspn(list, ",");

        (void)snprintf(word, sizeof word, "%.*s",
                       (int)(size < sizeof word ? size : sizeof word - 1), list);
        if (!add_word(word, s))
            return;
        list += size + (list[size] == ',');
    }
}

CUDA_API(cuInit, unsigned flags)
{
    struct state_map map = {.fd = -1};
    struct err e = {0};

    if (flags != 0)
        return CUDA_ERROR_INVALID_VALUE;
    if (!cuda.ready) {
        if (node_open(&cuda.node, secure_getenv("CARVE_EMULATOR_NODE"), &e) < 0 ||
            state_open(&map, secure_getenv("CARVE_EMULATOR_STATE"), cuda.node, &e) < 0) {
            (void)fprintf(stderr, "carve emulator: %s\n", e.msg);
            return CUDA_ERROR_SYSTEM_NOT_READY;
        }
        state_lock(&map);
        find_devices(map.at);
        state_unlock(&map);
        state_close(&map);
        cuda.ready = true;
    }
    return cuda.n_devices ? CUDA_SUCCESS : CUDA_ERROR_NO_DEVICE;
}

CUDA_API(cuDriverGetVersion, int *version)
{
    struct err e = {0};

    if (!version)
        return CUDA_ERROR_INVALID_VALUE;
    if (!cuda.node && node_open(&cuda.node, secure_getenv("CARVE_EMULATOR_NODE"), &e) < 0)
        return CUDA_ERROR_SYSTEM_NOT_READY;
    *version = (int)cuda.node->cuda;
    return CUDA_SUCCESS;
}

static int device_at(int device, struct device **out)
{
    if (!cuda.ready)
        return CUDA_ERROR_NOT_INITIALIZED;
    if (device < 0 || device >= cuda.n_devices)
        return CUDA_ERROR_INVALID_DEVICE;
    *out = &cuda.devices[device];
    return CUDA_SUCCESS;
}

CUDA_API(cuDeviceGetCount, int *count)
{
    if (!cuda.ready)
        return CUDA_ERROR_NOT_INITIALIZED;
    if (!count)
        return CUDA_ERROR_INVALID_VALUE;
    *count = cuda.n_devices;
    return CUDA_SUCCESS;
}

CUDA_API(cuDeviceGet, int *out, int ordinal)
{
    struct device *d;
    int rc = device_at(ordinal, &d);

    if (rc == CUDA_SUCCESS && !out)
        return CUDA_ERROR_INVALID_VALUE;
    if (rc == CUDA_SUCCESS)
        *out = ordinal;
    return rc;
}

CUDA_API(cuDeviceGetName, char *name, int size, int device)
{
    struct device *d;
    int rc = device_at(device, &d);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!name || size <= 0)
        return CUDA_ERROR_INVALID_VALUE;
    (void)text_copy(name, (size_t)size, d->name);
    return CUDA_SUCCESS;
}

CUDA_API(cuDeviceTotalMem_v2, size_t *bytes, int device)
{
    struct device *d;
    int rc = device_at(device, &d);

    if (rc == CUDA_SUCCESS && !bytes)
        return CUDA_ERROR_INVALID_VALUE;
    if (rc == CUDA_SUCCESS)
        *bytes = d->mem_bytes;
    return rc;
}

/* The GPU's own UUID also for a MIG device; version 2 gives the MIG device's. */
CUDA_API(cuDeviceGetUuid, uint8_t uuid[16], int device)
{
    struct device *d;
    int rc = device_at(device, &d);

    if (rc == CUDA_SUCCESS && !uuid)
        return CUDA_ERROR_INVALID_VALUE;
    if (rc == CUDA_SUCCESS)
        uuid_bytes(uuid, d->gpu->uuid);
    return rc;
}

CUDA_API(cuDeviceGetUuid_v2, uint8_t uuid[16], int device)
{
    struct device *d;
    int rc = device_at(device, &d);

    if (rc == CUDA_SUCCESS && !uuid)
        return CUDA_ERROR_INVALID_VALUE;
    if (rc == CUDA_SUCCESS)
        memcpy(uuid, d->uuid, sizeof d->uuid);
    return rc;
}
