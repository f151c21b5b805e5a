/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GPUs for the tests of plan/: boards by PCI id from the built-in table, and the legal sets of
 * their instances found by a way of its own, without the code under test: the table's sites
 * (profile, start) and which pairs of them exclude each other.
 */
#ifndef TESTS_UNIT_PLAN_BOARDS_H
#define TESTS_UNIT_PLAN_BOARDS_H

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpu/geometry.h"
#include "gpu/gpu.h"

enum {
    A100_40 = 0x20B010DE,
    A30 = 0x20B710DE,
    H100 = 0x233010DE,
    RTX_PRO_6000 = 0x2BB510DE,
};

static inline struct gpu board_gpu(uint32_t device_id, const char *name)
{
    struct gpu gpu = {.device_id = device_id, .mig = GPU_MIG_ON, .mig_pending = GPU_MIG_ON};

    (void)snprintf(gpu.uuid, sizeof gpu.uuid, "GPU-00000000-0000-0000-0000-000000000000");
    (void)snprintf(gpu.name, sizeof gpu.name, "%s", name);
    if (!geometry_table(&gpu.geometry, device_id))
        gpu.mig = gpu.mig_pending = GPU_MIG_NONE;
    return gpu;
}

/* The A100 of most cases, as the 8 of a p4d.24xlarge. */
static inline struct gpu board_a100(void)
{
    return board_gpu(A100_40, "NVIDIA A100-SXM4-40GB");
}

/* Leaves out profiles whose name contains `part`. */
static inline void board_without(struct gpu_geometry *g, const char *part)
{
    unsigned n = 0;

    for (unsigned i = 0; i < g->n_profiles; i++) {
        if (!strstr(g->profiles[i].name, part))
            g->profiles[n++] = g->profiles[i];
    }
    g->n_profiles = n;
}

static inline const struct gpu_profile *board_profile(const struct gpu *gpu, const char *name)
{
    const struct gpu_profile *p = geometry_find(&gpu->geometry, name);

    assert(p);
    return p;
}

enum { BOARD_MAX_SITES = 64 };

/* A layout is a set of sites, a bit each. */
struct sites {
    const struct gpu_geometry *geometry;
    unsigned n;
    const struct gpu_profile *profiles[BOARD_MAX_SITES];
    unsigned starts[BOARD_MAX_SITES];
    uint64_t excludes[BOARD_MAX_SITES];
    size_t n_layouts, capacity;
    uint64_t *layouts; /* all legal ones, the empty one among them */
};

static inline bool sites_overlap(const struct sites *s, unsigned a, unsigned b)
{
    return s->starts[a] < s->starts[b] + s->profiles[b]->span_size &&
           s->starts[b] < s->starts[a] + s->profiles[a]->span_size;
}

/*
 * The rules of the media engines by names: "+me" has the only OFA, "+me.all" all media engines,
 * which leaves only "-me" beside it.
 */
static inline bool sites_quarrel(const struct gpu_profile *a, const struct gpu_profile *b)
{
    bool a_all = strstr(a->name, "+me.all"), b_all = strstr(b->name, "+me.all");

    if ((a_all && !strstr(b->name, "-me")) || (b_all && !strstr(a->name, "-me")))
        return true;
    return strstr(a->name, "+me") && strstr(b->name, "+me");
}

static inline void sites_walk(struct sites *s, unsigned at, uint64_t set, uint64_t excluded)
{
    if (at == s->n) {
        if (s->n_layouts == s->capacity) {
            s->capacity = s->capacity ? 2 * s->capacity : 1024;
            s->layouts = realloc(s->layouts, s->capacity * sizeof *s->layouts);
            assert(s->layouts);
        }
        s->layouts[s->n_layouts++] = set;
        return;
    }
    sites_walk(s, at + 1, set, excluded);
    if (!(excluded & (UINT64_C(1) << at)))
        sites_walk(s, at + 1, set | (UINT64_C(1) << at), excluded | s->excludes[at]);
}

static inline void sites_init(struct sites *s, const struct gpu_geometry *g)
{
    memset(s, 0, sizeof *s);
    s->geometry = g;
    for (unsigned i = 0; i < g->n_profiles; i++) {
        for (unsigned start = 0; start < 16; start++) {
            if (!(g->profiles[i].span_starts & (1u << start)))
                continue;
            assert(s->n < BOARD_MAX_SITES);
            s->profiles[s->n] = &g->profiles[i];
            s->starts[s->n++] = start;
        }
    }
    for (unsigned a = 0; a < s->n; a++) {
        for (unsigned b = 0; b < s->n; b++) {
            if (sites_overlap(s, a, b) || sites_quarrel(s->profiles[a], s->profiles[b]))
                s->excludes[a] |= UINT64_C(1) << b;
        }
    }
    sites_walk(s, 0, 0, 0);
}

static inline void sites_done(struct sites *s)
{
    free(s->layouts);
}

/* The site of a profile at a start. */
static inline unsigned sites_find(const struct sites *s, const struct gpu_profile *p,
                                  unsigned start)
{
    unsigned i = 0;

    while (i < s->n && (s->profiles[i]->id != p->id || s->starts[i] != start))
        i++;
    assert(i < s->n);
    return i;
}

/* How many instances of each profile a layout has. */
struct counts {
    unsigned char of[GPU_MAX_PROFILES];
};

static inline struct counts sites_counts(const struct sites *s, uint64_t layout)
{
    struct counts c = {{0}};

    for (unsigned i = 0; i < s->n; i++) {
        if (layout & (UINT64_C(1) << i))
            c.of[s->profiles[i] - s->geometry->profiles]++;
    }
    return c;
}

static inline bool sites_maximal(const struct sites *s, uint64_t layout)
{
    uint64_t excluded = 0;

    for (unsigned i = 0; i < s->n; i++) {
        if (layout & (UINT64_C(1) << i))
            excluded |= s->excludes[i];
    }
    return excluded == (s->n == 64 ? UINT64_MAX : (UINT64_C(1) << s->n) - 1);
}

#endif
