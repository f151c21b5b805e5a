/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a MIG configuration makes of a node: each of its GPUs asked what the configuration wishes
 * of it. The slices' names in resources follow the board, not the file.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "lint/lint.h"
#include "lint/view/mig_default.h"
#include "lint/view/supply.h"
#include "lint/view/view.h"
#include "plan/mig_plan.h"
#include "plan/mig_profile.h"

static const struct mig_config *find_in(const struct mig_file *file, const char *name)
{
    const struct mig_config *config = NULL;
    struct err e = {0};

    if (!file || mig_file_find(&config, file, name, &e) < 0)
        return NULL;
    return config;
}

/* The set's own files first. */
static const struct mig_config *find_config(struct lint *l, struct mig_yield *out,
                                            const struct system *s, const char *name,
                                            const struct instance_type *t)
{
    for (size_t i = 0; i < s->n_migs; i++) {
        const struct mig_config *config = find_in(s->migs[i].file, name);

        if (config) {
            out->from = &s->migs[i];
            return config;
        }
    }
    return find_in(mig_default_file(l, t), name);
}

/* "+" in the names of profiles is "." in those of resources. */
static const char *resource_name(struct lint *l, const struct gpu_profile *p)
{
    char *name = arena_text(&l->arena, p->name);

    if (!name) {
        l->out_of_memory = true;
        return "";
    }
    for (char *at = name; *at; at++)
        if (*at == '+')
            *at = '.';
    return name;
}

/* One more GPU's instances. Those without a compute instance of full size are no slices. */
static void count_wish(struct lint *l, struct mig_yield *out, const struct mig_wish *wish)
{
    const struct gpu_profile *seen[GPU_MAX_PROFILES];
    unsigned counts[GPU_MAX_PROFILES] = {0}, n = 0;

    for (unsigned i = 0; i < wish->n_wants; i++) {
        const struct gpu_profile *p = wish->wants[i].profile;
        unsigned k = 0;

        if (wish->wants[i].n_computes == 0 || wish->wants[i].compute_slices[0] != p->slices)
            continue;
        while (k < n && strcmp(seen[k]->name, p->name) != 0)
            k++;
        if (k == GPU_MAX_PROFILES)
            continue;
        if (k == n)
            seen[n++] = p;
        counts[k]++;
    }
    for (unsigned i = 0; i < n; i++) {
        const char *name = resource_name(l, seen[i]);
        size_t k = 0;

        while (k < out->n && strcmp(out->items[k].profile, name) != 0)
            k++;
        if (k == GPU_MAX_PROFILES)
            continue;
        if (k == out->n)
            out->items[out->n++].profile = name;
        if (out->items[k].per_gpu < counts[i])
            out->items[k].per_gpu = counts[i];
        out->items[k].per_node += counts[i];
    }
}

/* The first profile of the configuration that the board lacks; NULL: it has all. */
static const char *lacking(const struct mig_config *config, const struct gpu *gpu)
{
    for (size_t i = 0; i < config->n_entries; i++) {
        const struct mig_entry *entry = &config->entries[i];

        for (size_t k = 0; k < entry->n_counts; k++) {
            const struct gpu_profile *p;
            unsigned slices;
            struct err e = {0};

            if (mig_profile_find(&p, &slices, &gpu->geometry, entry->counts[k].profile, &e) < 0)
                return entry->counts[k].profile;
        }
    }
    return NULL;
}

static enum mig_yield_state make(struct lint *l, struct mig_yield *out,
                                 const struct mig_config *config, const struct instance_type *t)
{
    for (unsigned i = 0; i < t->gpus && i < GPU_MAX; i++) {
        struct gpu gpu;
        struct mig_wish wish;
        struct err e = {0};
        int r;

        mig_default_gpu(&gpu, t, i);
        r = mig_wish_make(&wish, &gpu, config, &e);
        if (r == -ENOENT || r == -EINVAL) {
            out->profile = gpu.mig == GPU_MIG_NONE ? NULL : lacking(config, &gpu);
            return gpu.mig == GPU_MIG_NONE ? MIG_YIELD_NO_MIG : MIG_YIELD_NO_PROFILE;
        }
        if (r < 0)
            return MIG_YIELD_NO_ROOM;
        if (r == 0 || !wish.enabled)
            out->whole_gpus++;
        else
            count_wish(l, out, &wish);
    }
    return MIG_YIELD_OK;
}

void mig_yield_make(struct lint *l, struct mig_yield *out, const struct system *s,
                    const char *config, const struct instance_type *t)
{
    const struct mig_config *found;

    *out = (struct mig_yield){.state = MIG_YIELD_OK};
    if (strcmp(config, "all-disabled") == 0) {
        out->whole_gpus = t->gpus;
        return;
    }
    if (!t->mig || !t->geometry) {
        out->state = MIG_YIELD_NO_MIG;
        return;
    }
    found = find_config(l, out, s, config, t);
    out->state = found ? make(l, out, found, t) : MIG_YIELD_NO_CONFIG;
    if (out->state != MIG_YIELD_OK) {
        out->n = 0;
        out->whole_gpus = 0;
    }
}
