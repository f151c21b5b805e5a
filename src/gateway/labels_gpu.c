/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GPUs and MIG devices as labels: see labels_gpu.h. The rules, odd ones too, are those of GPU
 * feature discovery, so that selectors written for it go on working. Where it depends on the order
 * of a Go map (several GPU models), the last GPU by index counts here. A GPU with a fault counts as
 * long as it is known what it is, and one that cannot say so spoils nothing.
 */
#include "gateway/labels_gpu.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "config/config.h"
#include "gateway/labels_list.h"
#include "gpu/gpu.h"
#include "node/node_state.h"

#define WHOLE_GPU "nvidia.com/gpu"

enum {
    MIB = 1 << 20,
    PRODUCT_SIZE = GPU_NAME_SIZE + GPU_PROFILE_NAME_SIZE + 16,
};

/* A sort of MIG device on the node: the first of it and how many there are. */
struct shape {
    char name[GPU_PROFILE_NAME_SIZE]; /* "1g.5gb", "1g.5gb.me" */
    const struct gpu *gpu;
    const struct gpu_profile *profile;
    const struct gpu_compute *compute;
    unsigned count;
};

enum { SHAPES_MAX = GPU_MAX_PROFILES };

struct shapes {
    unsigned count;
    struct shape items[SHAPES_MAX];
};

/* Generations by compute capability; the first row that is not below it. */
static const struct {
    unsigned major, last_minor;
    const char *name;
} families[] = {
    {1, 99, "tesla"},  {2, 99, "fermi"},        {3, 99, "kepler"},     {5, 99, "maxwell"},
    {6, 99, "pascal"}, {7, 4, "volta"},         {7, 99, "turing"},     {8, 8, "ampere"},
    {9, 99, "hopper"}, {8, 99, "ada-lovelace"}, {10, 99, "blackwell"}, {12, 99, "blackwell"},
    {13, 99, "rubin"},
};

static const char *family(const struct gpu *gpu)
{
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
        if (gpu->compute_major == families[i].major && gpu->compute_minor <= families[i].last_minor)
            return families[i].name;
    return "undefined";
}

/*
 * The resource that devices of a kind are promised as; where sharing a part of them under another
 * name made two, the one that has kept the name. NULL: they are not promised.
 */
static const struct node_resource *find_resource(const struct node_state *state, const char *kind,
                                                 bool mig)
{
    const struct node_resource *found = NULL;

    for (size_t i = 0; i < state->n_resources; i++) {
        const struct node_resource *r = &state->resources[i];

        if (r->mig != mig || strcmp(r->kind, kind) != 0)
            continue;
        if (strcmp(r->name, kind) == 0)
            return r;
        found = found ? found : r;
    }
    return found;
}

/*
 * What every product has. kind is the start of the labels' keys; shape NULL: a whole GPU. `shares`
 * is false for the GPUs that MIG devices are made of, which nobody can have.
 */
struct product {
    const char *kind;
    const struct gpu *gpu;
    const char *shape;
    unsigned count;
    bool shares;
};

static void put_product(struct labels *out, const struct node_state *state, const struct product *p)
{
    const struct node_resource *r = find_resource(state, p->kind, p->shape != NULL);
    unsigned replicas = !p->shares ? 0 : r && r->replicas > 1 ? r->replicas : 1;
    bool suffix = replicas > 1 && strcmp(r->name, r->kind) == 0;
    char key[LABELS_KEY_SIZE], model[GPU_NAME_SIZE];

    labels_clean(model, sizeof model, p->gpu->name);
    (void)snprintf(key, sizeof key, "%s.product", p->kind);
    labels_put(out, key, "%s%s%s%s", model, p->shape ? "-MIG-" : "", p->shape ? p->shape : "",
               suffix ? "-SHARED" : "");
    (void)snprintf(key, sizeof key, "%s.count", p->kind);
    labels_put(out, key, "%u", p->count);
    (void)snprintf(key, sizeof key, "%s.replicas", p->kind);
    labels_put(out, key, "%u", replicas);
    (void)snprintf(key, sizeof key, "%s.sharing-strategy", p->kind);
    labels_put(out, key, "%s", replicas > 1 ? "time-slicing" : "none");
}

/* Those of the model; and where there is but one, those that do not say what they are. */
static unsigned count_model(const struct inventory *inv, const char *name)
{
    unsigned same = 0, silent = 0, others = 0;

    for (unsigned i = 0; i < inv->n_gpus; i++) {
        const char *other = inv->gpus[i].name;

        *(other[0] == '\0' ? &silent : strcmp(other, name) == 0 ? &same : &others) += 1;
    }
    return others == 0 ? same + silent : same;
}

static void put_gpu(struct labels *out, const struct node_state *state, const struct gpu *gpu)
{
    struct product p = {
        .kind = WHOLE_GPU,
        .gpu = gpu,
        .count = count_model(state->inventory, gpu->name),
        .shares = gpu->mig != GPU_MIG_ON,
    };

    put_product(out, state, &p);
    if (gpu->mem_total_bytes >= MIB)
        labels_put(out, WHOLE_GPU ".memory", "%llu",
                   (unsigned long long)(gpu->mem_total_bytes / MIB));
    if (gpu->compute_major == 0)
        return;
    labels_put(out, WHOLE_GPU ".family", "%s", family(gpu));
    labels_put(out, WHOLE_GPU ".compute.major", "%u", gpu->compute_major);
    labels_put(out, WHOLE_GPU ".compute.minor", "%u", gpu->compute_minor);
}

static void put_number(struct labels *out, const char *kind, const char *name, uint64_t number)
{
    char key[LABELS_KEY_SIZE];

    (void)snprintf(key, sizeof key, "%s.%s", kind, name);
    labels_put(out, key, "%llu", (unsigned long long)number);
}

/* A number that nobody told has no label. */
static void put_shape(struct labels *out, const struct node_state *state, const char *kind,
                      const struct shape *s)
{
    const struct product product = {kind, s->gpu, s->name, s->count, true};
    const struct gpu_profile *p = s->profile;
    const struct {
        const char *name;
        uint64_t number;
        unsigned unknown; /* enum gpu_number */
    } numbers[] = {
        {"memory", p->mem_mib, GPU_NUMBER_MEM},
        {"engines.copy", p->copy_engines, GPU_NUMBER_COPY},
        {"engines.decoder", p->decoders, GPU_NUMBER_DECODE},
        {"engines.encoder", p->encoders, GPU_NUMBER_ENCODE},
        {"engines.jpeg", p->jpeg_engines, GPU_NUMBER_JPEG},
        {"engines.ofa", p->ofa_engines, GPU_NUMBER_OFA},
        {"slices.gi", p->slices, 0},
        {"slices.ci", s->compute->slices, 0},
    };

    put_product(out, state, &product);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (!(p->unknown & numbers[i].unknown))
            put_number(out, kind, numbers[i].name, numbers[i].number);
    if (s->compute->sm_count > 0)
        put_number(out, kind, "multiprocessors", s->compute->sm_count);
    else if (s->compute->slices == p->slices && !(p->unknown & GPU_NUMBER_SM))
        put_number(out, kind, "multiprocessors", p->sm_count);
}

static void add_shape(struct shapes *list, const struct gpu *gpu, const struct gpu_instance *gi,
                      const struct gpu_compute *ci)
{
    const struct gpu_profile *profile = geometry_find_id(&gpu->geometry, gi->profile_id);
    struct shape shape = {.gpu = gpu, .profile = profile, .compute = ci, .count = 1};

    if (!profile)
        return;
    (void)gpu_device_name(shape.name, gpu, gi, ci);
    for (char *p = shape.name; *p; p++)
        if (*p == '+')
            *p = '.';
    for (unsigned i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].name, shape.name) == 0) {
            list->items[i].count++;
            return;
        }
    }
    if (list->count < SHAPES_MAX)
        list->items[list->count++] = shape;
}

static unsigned find_shapes(struct shapes *list, const struct gpu *gpu)
{
    unsigned devices = 0;

    for (unsigned i = 0; i < gpu->n_instances; i++)
        for (unsigned k = 0; k < gpu->instances[i].n_computes; k++, devices++)
            add_shape(list, gpu, &gpu->instances[i], &gpu->instances[i].computes[k]);
    return devices;
}

static void put_invalid(struct labels *out, const struct gpu *gpu)
{
    char model[GPU_NAME_SIZE];

    labels_clean(model, sizeof model, gpu->name);
    labels_put(out, WHOLE_GPU ".product", "%s-MIG-INVALID", model);
    labels_put(out, WHOLE_GPU ".count", "0");
    labels_put(out, WHOLE_GPU ".replicas", "0");
    labels_put(out, WHOLE_GPU ".sharing-strategy", "%s", "");
    labels_put(out, WHOLE_GPU ".memory", "0");
}

/* What does not answer now can neither confirm the rule of one profile nor break it. */
static void put_single(struct labels *out, const struct node_state *state)
{
    const struct inventory *inv = state->inventory;
    const struct gpu *first = NULL;
    struct shapes shapes = {0};
    bool valid = true;

    for (unsigned i = 0; i < inv->n_gpus; i++) {
        const struct gpu *gpu = &inv->gpus[i];
        bool on = gpu->mig == GPU_MIG_ON;

        if (on && !first)
            first = gpu;
        if ((!on || find_shapes(&shapes, gpu) == 0) && !gpu->fault[0])
            valid = false;
    }
    if (first && valid && shapes.count == 1)
        put_shape(out, state, WHOLE_GPU, &shapes.items[0]);
    else if (first)
        put_invalid(out, first);
}

static void put_mixed(struct labels *out, const struct node_state *state)
{
    const struct inventory *inv = state->inventory;
    struct shapes shapes = {0};

    for (unsigned i = 0; i < inv->n_gpus; i++)
        if (inv->gpus[i].mig == GPU_MIG_ON)
            (void)find_shapes(&shapes, &inv->gpus[i]);
    for (unsigned i = 0; i < shapes.count; i++) {
        char kind[GPU_PROFILE_NAME_SIZE + 16];

        (void)snprintf(kind, sizeof kind, "nvidia.com/mig-%s", shapes.items[i].name);
        put_shape(out, state, kind, &shapes.items[i]);
    }
}

void labels_gpu_put(struct labels *out, const struct node_state *state)
{
    const struct inventory *inv = state->inventory;

    /* What whole GPUs say counts more than what those in MIG mode say. */
    for (int mig = 1; mig >= 0; mig--)
        for (unsigned i = 0; i < inv->n_gpus; i++)
            if (inv->gpus[i].name[0] && (inv->gpus[i].mig == GPU_MIG_ON) == mig)
                put_gpu(out, state, &inv->gpus[i]);
    if (state->mig_strategy == CONFIG_MIG_NONE)
        return;
    labels_put(out, "nvidia.com/mig.strategy", "%s",
               state->mig_strategy == CONFIG_MIG_SINGLE ? "single" : "mixed");
    if (state->mig_strategy == CONFIG_MIG_SINGLE)
        put_single(out, state);
    else
        put_mixed(out, state);
}
