/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mig-parted's default configuration, made for the boards of this node: see mig_file.h. The
 * original's file lists boards by PCI id and lags behind new ones; here names and counts come from
 * the boards' own geometry. Source of names and of the balanced formula: mig-parted v0.15.
 */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "config/mig_file_make.h"
#include "gpu/gpu.h"

enum { DEFAULT_MAX_BYTES = 1 << 20 };

/* The different boards of a node, one GPU standing for each. */
struct boards {
    unsigned count;
    const struct gpu *gpus[GPU_MAX];
};

static bool has_mig(const struct gpu *gpu)
{
    return gpu->mig != GPU_MIG_NONE;
}

/* A GPU that could not be read says less than another of the same board. */
static void find_boards(struct boards *b, const struct inventory *inv)
{
    b->count = 0;
    for (unsigned i = 0; i < inv->n_gpus; i++) {
        const struct gpu *gpu = &inv->gpus[i];
        unsigned k = 0;

        while (k < b->count && b->gpus[k]->device_id != gpu->device_id)
            k++;
        if (k == GPU_MAX)
            continue;
        if (k == b->count)
            b->gpus[b->count++] = gpu;
        else if (b->gpus[k]->geometry.n_profiles == 0)
            b->gpus[k] = gpu;
    }
}

static bool add_filter(struct mig_entry *entry, const struct boards *b, const struct gpu *gpu)
{
    return b->count == 1 || mig_file_make_filter(entry, gpu->device_id, 0);
}

static struct mig_entry *add_entry(struct mig_config *config, bool enabled)
{
    struct mig_entry *entry = mig_file_make_entry(config);

    if (entry) {
        entry->all_devices = true;
        entry->enabled = enabled;
    }
    return entry;
}

static bool add_modes(struct mig_file *file, const struct boards *b)
{
    struct mig_config *config = mig_file_make_config(file, "all-disabled");
    struct mig_entry *enabled = NULL;

    if (!config || !add_entry(config, false))
        return false;
    for (unsigned i = 0; i < b->count; i++) {
        if (!has_mig(b->gpus[i]))
            continue;
        if (!enabled) {
            config = mig_file_make_config(file, "all-enabled");
            enabled = config ? add_entry(config, true) : NULL;
        }
        if (!enabled || !add_filter(enabled, b, b->gpus[i]))
            return false;
    }
    return true;
}

/* Boards with the same count share an entry. */
static bool add_board(struct mig_config *config, const struct boards *b, const struct gpu *gpu,
                      const struct gpu_profile *p)
{
    struct mig_entry *entry = NULL;

    if (p->max_instances == 0)
        return true;
    for (size_t i = 0; i < config->n_entries; i++)
        if (config->entries[i].counts[0].count == p->max_instances)
            entry = &config->entries[i];
    if (!entry) {
        entry = add_entry(config, true);
        if (!entry || !mig_file_make_count(entry, p->name, p->max_instances))
            return false;
    }
    return add_filter(entry, b, gpu);
}

static bool add_profile(struct mig_file *file, const struct boards *b, const char *profile)
{
    char name[GPU_PROFILE_NAME_SIZE + 8];
    struct mig_config *config;

    (void)snprintf(name, sizeof name, "all-%s", profile);
    for (char *plus = strchr(name, '+'); plus; plus = strchr(plus, '+'))
        *plus = '.';
    for (size_t i = 0; i < file->n_configs; i++)
        if (strcmp(file->configs[i].name, name) == 0)
            return true;
    config = mig_file_make_config(file, name);
    for (unsigned i = 0; config && i < b->count; i++) {
        const struct gpu_geometry *g = &b->gpus[i]->geometry;

        for (unsigned k = 0; has_mig(b->gpus[i]) && k < g->n_profiles; k++)
            if (strcmp(g->profiles[k].name, profile) == 0 &&
                !add_board(config, b, b->gpus[i], &g->profiles[k]))
                return false;
    }
    if (config && config->n_entries == 0)
        mig_file_make_drop(file, file->n_configs - 1);
    return config;
}

/* The profile of so many slices without attributes of which most fit: the smallest in memory. */
static const struct gpu_profile *base_profile(const struct gpu *gpu, unsigned slices)
{
    const struct gpu_profile *best = NULL;

    for (unsigned i = 0; i < gpu->geometry.n_profiles; i++) {
        const struct gpu_profile *p = &gpu->geometry.profiles[i];

        if (p->slices == slices && !strpbrk(p->name, "+-") &&
            (!best || p->max_instances > best->max_instances))
            best = p;
    }
    return best;
}

/* Of boards with 7 slices 2 x 1g, 2g and 3g; of those with 4 slices 2 x 1g and 2g. */
static bool add_balanced_board(struct mig_config *config, const struct boards *b,
                               const struct gpu *gpu)
{
    const struct gpu_profile *parts[3];
    unsigned slices = 0, n_parts;
    struct mig_entry *entry;

    for (unsigned i = 0; i < gpu->geometry.n_profiles; i++)
        if (gpu->geometry.profiles[i].slices > slices)
            slices = gpu->geometry.profiles[i].slices;
    n_parts = slices == 7 ? 3 : slices == 4 ? 2 : 0;
    for (unsigned i = 0; i < n_parts; i++) {
        parts[i] = base_profile(gpu, i + 1);
        if (!parts[i])
            n_parts = 0;
    }
    if (n_parts == 0)
        return true;
    entry = add_entry(config, true);
    for (unsigned i = 0; entry && i < n_parts; i++)
        if (!mig_file_make_count(entry, parts[i]->name, i == 0 ? 2 : 1))
            return false;
    return entry && add_filter(entry, b, gpu);
}

static bool add_balanced(struct mig_file *file, const struct boards *b)
{
    struct mig_config *config = mig_file_make_config(file, "all-balanced");

    for (unsigned i = 0; config && i < b->count; i++)
        if (has_mig(b->gpus[i]) && !add_balanced_board(config, b, b->gpus[i]))
            return false;
    if (config && config->n_entries == 0)
        mig_file_make_drop(file, file->n_configs - 1);
    return config;
}

static bool add_all(struct mig_file *file, const struct boards *b)
{
    if (!add_modes(file, b))
        return false;
    for (unsigned i = 0; i < b->count; i++)
        for (unsigned k = 0; has_mig(b->gpus[i]) && k < b->gpus[i]->geometry.n_profiles; k++)
            if (!add_profile(file, b, b->gpus[i]->geometry.profiles[k].name))
                return false;
    return add_balanced(file, b);
}

int mig_file_default(char **out, const struct inventory *inv, struct err *e)
{
    OWN(mig_file_freep) struct mig_file *file = mig_file_make_new("default");
    OWN(buf_done) struct buf text;
    struct boards b;
    char *taken;

    buf_init(&text, DEFAULT_MAX_BYTES);
    find_boards(&b, inv);
    if (!file || !add_all(file, &b))
        return err_memory(e);
    mig_file_write(&text, file, false);
    taken = buf_take(&text);
    if (!taken)
        return err_memory(e);
    *out = taken;
    return 0;
}
