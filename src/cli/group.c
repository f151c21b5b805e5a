/* SPDX-License-Identifier: Apache-2.0 */
/* Choosing and grouping GPUs: see group.h. */
#include "cli/group.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/json.h"
#include "base/text.h"

static bool is_meant(const struct gpu *gpu, const char *word)
{
    uint64_t index;

    if (text_uint(&index, word, GPU_MAX))
        return gpu->index == index;
    return strcmp(gpu->uuid, word) == 0 || strcasecmp(gpu->bus_id, word) == 0;
}

int group_choose(struct group *out, const struct inventory *inv, char *const *words, size_t n_words,
                 struct err *e)
{
    bool chosen[GPU_MAX] = {false};

    for (size_t w = 0; w < n_words; w++) {
        bool found = false;

        for (unsigned i = 0; i < inv->n_gpus; i++) {
            if (!is_meant(&inv->gpus[i], words[w]))
                continue;
            found = true;
            chosen[i] = true;
        }
        if (!found)
            return err_set(e, ENODEV, "this node has no GPU '%s'", words[w]);
    }
    out->count = 0;
    for (unsigned i = 0; i < inv->n_gpus && i < GPU_MAX; i++)
        if (n_words == 0 || chosen[i])
            out->members[out->count++] = i;
    return 0;
}

int group_split(struct group **out, size_t *n, const struct group *all, const struct inventory *inv,
                group_alike *alike, struct err *e)
{
    struct group *groups = calloc(all->count + 1, sizeof *groups);

    if (!groups)
        return err_memory(e);
    *n = 0;
    for (unsigned m = 0; m < all->count; m++) {
        const struct gpu *gpu = &inv->gpus[all->members[m]];
        size_t g = 0;

        while (g < *n && !alike(group_first(&groups[g], inv), gpu))
            g++;
        *n += g == *n;
        groups[g].members[groups[g].count++] = all->members[m];
    }
    *out = groups;
    return 0;
}

const struct gpu *group_first(const struct group *g, const struct inventory *inv)
{
    return &inv->gpus[g->members[0]];
}

void group_print(const struct group *g, const struct inventory *inv)
{
    (void)fputs(g->count == 1 ? "GPU" : "GPUs", stdout);
    for (unsigned m = 0; m < g->count; m++) {
        unsigned first = inv->gpus[g->members[m]].index, last = first;

        (void)fputs(m == 0 ? " " : ", ", stdout);
        while (m + 1 < g->count && inv->gpus[g->members[m + 1]].index == last + 1) {
            last++;
            m++;
        }
        (void)printf("%u", first);
        if (last > first)
            (void)printf("-%u", last);
    }
    (void)printf(": %s", group_first(g, inv)->name);
}

void group_json(struct json *out, const char *key, const struct group *g,
                const struct inventory *inv)
{
    json_array(out, key);
    for (unsigned m = 0; m < g->count; m++)
        json_uint(out, NULL, inv->gpus[g->members[m]].index);
    json_array_end(out);
}

static bool same_profile(const struct gpu_profile *a, const struct gpu_profile *b)
{
    return strcmp(a->name, b->name) == 0 && a->id == b->id && a->slices == b->slices &&
           a->max_instances == b->max_instances && a->sm_count == b->sm_count &&
           a->copy_engines == b->copy_engines && a->decoders == b->decoders &&
           a->encoders == b->encoders && a->jpeg_engines == b->jpeg_engines &&
           a->ofa_engines == b->ofa_engines && a->mem_mib == b->mem_mib &&
           a->unknown == b->unknown && a->p2p == b->p2p && a->span_size == b->span_size &&
           a->span_starts == b->span_starts;
}

bool group_same_board(const struct gpu *a, const struct gpu *b)
{
    const struct gpu_geometry *g = &a->geometry, *h = &b->geometry;

    if (strcmp(a->name, b->name) != 0 || a->device_id != b->device_id ||
        a->mem_total_bytes != b->mem_total_bytes || g->axis != h->axis ||
        g->n_profiles != h->n_profiles)
        return false;
    for (unsigned p = 0; p < g->n_profiles; p++)
        if (!same_profile(&g->profiles[p], &h->profiles[p]))
            return false;
    return true;
}
