/* SPDX-License-Identifier: Apache-2.0 */
/* Ways to cut GPUs: see ways.h. */
#include "cost/ways.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "plan/room.h"

static struct way *add(struct way *out, size_t *n, enum way_kind kind, unsigned per_gpu,
                       const struct instance_type *t)
{
    struct way *w = &out[(*n)++];

    *w = (struct way){.kind = kind, .per_gpu = per_gpu, .per_node = per_gpu * t->gpus};
    return w;
}

static void add_time(struct way *out, size_t *n, const struct instance_type *t, uint64_t part_mib)
{
    uint64_t fit = part_mib ? t->gpu_memory_mib / part_mib : 0;
    struct way *w;

    if (fit < 2 || strcmp(t->gpu_manufacturer, "nvidia") != 0)
        return;
    w = add(out, n, WAY_TIME, (unsigned)fit, t);
    w->slice_mib = part_mib;
    if (part_mib % 1024 == 0)
        (void)snprintf(w->name, sizeof w->name, "time-slice %llu GiB",
                       (unsigned long long)part_mib / 1024);
    else
        (void)snprintf(w->name, sizeof w->name, "time-slice %llu MiB",
                       (unsigned long long)part_mib);
}

/* "1g.5gb" is 5 GB by its name. */
static uint64_t named_mib(const char *profile)
{
    const char *dot = strchr(profile, '.');
    uint64_t gb = 0;

    for (const char *p = dot ? dot + 1 : ""; isdigit((unsigned char)*p) && gb < 100000; p++)
        gb = gb * 10 + (uint64_t)(*p - '0');
    return gb * 1024;
}

static void set_memory(struct way *w, const struct gpu_profile *p)
{
    w->by_name = p->unknown & GPU_NUMBER_MEM;
    w->named_mib = named_mib(p->name);
    w->slice_mib = w->by_name ? w->named_mib : p->mem_mib;
}

/* The profile of so many slices without attributes of which most fit. */
static unsigned base_profile(const struct gpu_geometry *g, unsigned slices)
{
    unsigned best = g->n_profiles;

    for (unsigned i = 0; i < g->n_profiles; i++)
        if (g->profiles[i].slices == slices &&
            (best == g->n_profiles ||
             g->profiles[i].max_instances > g->profiles[best].max_instances))
            best = i;
    return best;
}

/* Of boards with 7 slices 2 x 1g, 2g and 3g; of those with 4 slices 2 x 1g and 2g. */
static void add_balanced(struct way *out, size_t *n, const struct instance_type *t,
                         const struct gpu_geometry *g)
{
    unsigned slices = room_slices(g), n_parts = slices == 7 ? 3 : 2;
    unsigned counts[GPU_MAX_PROFILES] = {0}, parts[3];
    struct way *w;

    if (slices != 7 && slices != 4)
        return;
    for (unsigned i = 0; i < n_parts; i++) {
        parts[i] = base_profile(g, i + 1);
        if (parts[i] == g->n_profiles)
            return;
        counts[parts[i]] = i == 0 ? 2 : 1;
    }
    w = add(out, n, WAY_BALANCED, n_parts + 1, t);
    (void)TEXT_COPY(w->name, "all-balanced");
    set_memory(w, &g->profiles[parts[0]]);
    (void)layout_text(w->layout, g, counts);
}

static void add_mig(struct way *out, size_t *n, const struct instance_type *t)
{
    struct gpu_geometry g;

    layout_plain_geometry(&g, t->geometry);
    for (unsigned i = 0; i < g.n_profiles; i++) {
        struct way *w = add(out, n, WAY_MIG, room_most(&g, &g.profiles[i]), t);

        (void)TEXT_COPY(w->name, g.profiles[i].name);
        set_memory(w, &g.profiles[i]);
    }
    add_balanced(out, n, t, &g);
}

/* Boards whose placements nobody told: what the papers say of their profiles. */
static void add_papers(struct way *out, size_t *n, const struct instance_type *t)
{
    for (size_t i = 0; i < t->n_mig_profiles && i < GPU_MAX_PROFILES; i++) {
        struct way *w = add(out, n, WAY_MIG, t->mig_profiles[i].per_gpu, t);

        (void)TEXT_COPY(w->name, t->mig_profiles[i].name);
        w->slice_mib = w->named_mib = named_mib(w->name);
        w->by_name = true;
    }
}

size_t ways_list(struct way out[WAYS_MAX], const struct instance_type *t, uint64_t part_mib)
{
    size_t n = 0;
    struct way *w;

    if (t->gpus == 0)
        return 0;
    w = add(out, &n, WAY_WHOLE, 1, t);
    (void)TEXT_COPY(w->name, "whole");
    w->slice_mib = t->gpu_memory_mib;
    add_time(out, &n, t, part_mib);
    if (t->geometry)
        add_mig(out, &n, t);
    else if (t->mig)
        add_papers(out, &n, t);
    return n;
}

double way_slice_usd(const struct way *w, double node_usd)
{
    return node_usd / w->per_node;
}

bool way_rival(struct way_rival *out, const struct catalog *c, const struct instance_type *t,
               const struct way *w, const struct price *price)
{
    const struct instance_type *other;
    double ratio;

    *out = (struct way_rival){0};
    for (size_t i = 0; (other = catalog_at(c, i)); i++) {
        const struct price *p;

        if (other == t || other->gpus != 1 || other->legacy ||
            other->gpu_memory_mib < w->slice_mib || strcmp(other->arch, t->arch) != 0 ||
            strcmp(other->gpu_manufacturer, t->gpu_manufacturer) != 0)
            continue;
        p = catalog_price(other, price->region, 1u << price->purchase);
        if (p && (!out->price || p->usd_per_hour < out->price->usd_per_hour)) {
            out->type = other;
            out->price = p;
        }
    }
    if (!out->type)
        return false;
    ratio = price->usd_per_hour / out->price->usd_per_hour;
    out->from = ratio < 1e9 ? (unsigned)ratio + 1 : UINT_MAX;
    return true;
}
