/* SPDX-License-Identifier: Apache-2.0 */
/* Labels of a node: see labels.h. What they say of GPUs by product is labels_gpu.c's. */
#include "gateway/labels.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "gateway/labels_gpu.h"
#include "gpu/gpu.h"
#include "node/node_state.h"

enum {
    CLASS_GRAPHICS = 0x030000, /* VGA controller */
    CLASS_COMPUTE = 0x030200,  /* 3D controller */
};

#define SLICES "carve.dev/slices."
#define PRODUCT "carve.dev/product."

/* Written by GPU feature discovery or by us. A '*' stands for anything. */
static const char *const known[] = {
    "nvidia.com/gfd.timestamp",
    "nvidia.com/cuda.driver.*",
    "nvidia.com/cuda.driver-version.*",
    "nvidia.com/cuda.runtime.*",
    "nvidia.com/cuda.runtime-version.*",
    "nvidia.com/gpu.clique",
    "nvidia.com/gpu.compute.*",
    "nvidia.com/gpu.count",
    "nvidia.com/gpu.engines.*",
    "nvidia.com/gpu.family",
    "nvidia.com/gpu.machine",
    "nvidia.com/gpu.memory",
    "nvidia.com/gpu.mode",
    "nvidia.com/gpu.multiprocessors",
    "nvidia.com/gpu.product",
    "nvidia.com/gpu.replicas",
    "nvidia.com/gpu.sharing-strategy",
    "nvidia.com/gpu.slices.*",
    "nvidia.com/mig-*",
    "nvidia.com/mig.capable",
    "nvidia.com/mig.strategy",
    "nvidia.com/mps.capable",
    "nvidia.com/vgpu.*",
    "carve.dev/slices.*",
    "carve.dev/product.*",
};

bool labels_known(const char *key)
{
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        size_t size = strlen(known[i]);
        bool start = known[i][size - 1] == '*';

        if (start ? strncmp(key, known[i], size - 1) == 0 : strcmp(key, known[i]) == 0)
            return true;
    }
    return false;
}

bool labels_ready(const struct node_state *state)
{
    return state && state->inventory && state->resolved;
}

/* "580.159.04" or "580.159"; what is written otherwise has no labels. */
static void put_driver(struct labels *out, const char *version)
{
    const char *dot = strchr(version, '.');
    const char *minor = dot ? dot + 1 : "";
    int major_size = (int)strcspn(version, "."), minor_size = (int)strcspn(minor, ".");
    const char *revision = minor[minor_size] ? minor + minor_size + 1 : "";

    if (!dot || strchr(revision, '.'))
        return;
    labels_put(out, "nvidia.com/cuda.driver-version.full", "%s", version);
    labels_put(out, "nvidia.com/cuda.driver-version.major", "%.*s", major_size, version);
    labels_put(out, "nvidia.com/cuda.driver-version.minor", "%.*s", minor_size, minor);
    labels_put(out, "nvidia.com/cuda.driver-version.revision", "%s", revision);
    labels_put(out, "nvidia.com/cuda.driver.major", "%.*s", major_size, version);
    labels_put(out, "nvidia.com/cuda.driver.minor", "%.*s", minor_size, minor);
    labels_put(out, "nvidia.com/cuda.driver.rev", "%s", revision);
}

static void put_runtime(struct labels *out, unsigned cuda_version)
{
    unsigned major = cuda_version / 1000, minor = cuda_version % 1000 / 10;

    if (cuda_version == 0)
        return;
    labels_put(out, "nvidia.com/cuda.runtime-version.full", "%u.%u", major, minor);
    labels_put(out, "nvidia.com/cuda.runtime-version.major", "%u", major);
    labels_put(out, "nvidia.com/cuda.runtime-version.minor", "%u", minor);
    labels_put(out, "nvidia.com/cuda.runtime.major", "%u", major);
    labels_put(out, "nvidia.com/cuda.runtime.minor", "%u", minor);
}

static void put_vgpu(struct labels *out, const struct inventory *inv)
{
    bool present = false;

    for (unsigned i = 0; i < inv->n_gpus; i++) {
        const struct gpu *gpu = &inv->gpus[i];

        if (!gpu->vgpu_version[0])
            continue;
        present = true;
        labels_put(out, "nvidia.com/vgpu.host-driver-version", "%s", gpu->vgpu_version);
        labels_put(out, "nvidia.com/vgpu.host-driver-branch", "%s", gpu->vgpu_branch);
    }
    labels_put(out, "nvidia.com/vgpu.present", present ? "true" : "false");
}

/* Of GPUs that do not say who they are nothing is known; the others speak for them. */
static const char *mode(const struct inventory *inv)
{
    uint32_t class = 0;

    for (unsigned i = 0; i < inv->n_gpus; i++) {
        const struct gpu *gpu = &inv->gpus[i];

        if (!gpu->name[0])
            continue;
        if (gpu->pci_class == 0 || (class != 0 && class != gpu->pci_class))
            return "unknown";
        class = gpu->pci_class;
    }
    return class == CLASS_GRAPHICS ? "graphics" : class == CLASS_COMPUTE ? "compute" : "unknown";
}

/* Only if all GPUs that are on a fabric are on one and the same. */
static void put_clique(struct labels *out, const struct inventory *inv)
{
    const char *clique = "";

    for (unsigned i = 0; i < inv->n_gpus; i++) {
        const char *other = inv->gpus[i].clique;

        if (clique[0] && other[0] && strcmp(clique, other) != 0)
            return;
        clique = other[0] ? other : clique;
    }
    if (clique[0])
        labels_put(out, "nvidia.com/gpu.clique", "%s", clique);
}

static void put_node(struct labels *out, const struct node_state *state)
{
    const struct inventory *inv = state->inventory;
    char machine[2 * LABELS_NAME_SIZE];
    bool mig = false;

    for (unsigned i = 0; i < inv->n_gpus; i++)
        mig = mig || inv->gpus[i].mig != GPU_MIG_NONE;
    labels_clean(machine, sizeof machine, state->machine);
    labels_put(out, "nvidia.com/gpu.present", "true");
    labels_put(out, "nvidia.com/gpu.machine", "%s", machine[0] ? machine : "unknown");
    labels_put(out, "nvidia.com/gpu.mode", "%s", mode(inv));
    labels_put(out, "nvidia.com/mig.capable", mig ? "true" : "false");
    labels_put(out, "nvidia.com/mps.capable", "false");
    put_driver(out, inv->driver_version);
    put_runtime(out, inv->cuda_version);
    put_clique(out, inv);
}

/* What GPU feature discovery does not tell: slices in all, and every model with its GPUs. */
static void put_totals(struct labels *out, const struct node_state *state)
{
    const struct inventory *inv = state->inventory;
    char key[LABELS_KEY_SIZE], model[GPU_NAME_SIZE];

    for (size_t i = 0; i < state->n_resources; i++) {
        const char *slash = strchr(state->resources[i].name, '/');

        (void)snprintf(key, sizeof key, SLICES "%s", slash ? slash + 1 : state->resources[i].name);
        labels_put(out, key, "%u", state->resources[i].slices);
    }
    for (unsigned i = 0; i < inv->n_gpus; i++) {
        unsigned count = 0;

        for (unsigned k = 0; k < inv->n_gpus; k++)
            count += strcmp(inv->gpus[k].name, inv->gpus[i].name) == 0;
        labels_clean(model, sizeof model, inv->gpus[i].name);
        (void)snprintf(key, sizeof key, PRODUCT "%s", model);
        if (model[0])
            labels_put(out, key, "%u", count);
    }
}

int labels_make(struct labels *out, const struct node_state *state, uint64_t timestamp_s,
                struct err *e)
{
    if (timestamp_s > 0)
        labels_put(out, "nvidia.com/gfd.timestamp", "%llu", (unsigned long long)timestamp_s);
    put_vgpu(out, state->inventory);
    if (state->inventory->n_gpus > 0) {
        put_node(out, state);
        labels_gpu_put(out, state);
        put_totals(out, state);
    }
    if (labels_list_end(out))
        return 0;
    labels_done(out);
    return err_memory(e);
}
