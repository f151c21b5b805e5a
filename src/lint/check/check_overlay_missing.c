/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What nodes will show and Karpenter does not know: slices that no overlay gives, for which it
 * never buys a node, and replicas, for which it buys too many. Writes the overlays that lack, one
 * for each amount, behind the pool.
 */
#include <string.h>

#include "lint/check/check_parts.h"
#include "lint/rules_list.h"
#include "lint/view/match.h"
#include "lint/view/match_index.h"
#include "lint/view/reach.h"
#include "lint/view/supply.h"

static const char gpu_resource[] = "nvidia.com/gpu";

/* What one type in a pool lacks in Karpenter's eyes; the same for all types of a group. */
struct gap {
    struct supply lacks;
    size_t n_types;
    const struct instance_type **types;
};

struct gaps {
    const struct pool *pool;
    size_t n;
    struct gap *gaps;
    bool parts;    /* its types have parts of GPUs alone */
    bool slices;   /* a resource of another name lacks, not only another number of GPUs */
    bool replicas; /* more of nvidia.com/gpu than Karpenter knows */
    bool loaded;   /* the plugin has its configuration */
    bool told;     /* a finding carries the edits */
};

static void lack(struct supply *s, const char *name, int64_t count)
{
    if (s->n < SUPPLY_MAX_RESOURCES)
        s->items[s->n++] = (struct amount){.name = name, .count = count};
}

/* The only configuration with replicas, which no plugin loads yet. */
static const struct config *find_unloaded(const struct system *s, const struct pool *p)
{
    const struct config *found = NULL;

    if (supply_plugin(s, p))
        return NULL;
    for (size_t i = 0; i < s->n_plugins; i++) {
        if (s->plugins[i].loaded || !s->plugins[i].config || s->plugins[i].config->n_shares == 0)
            continue;
        if (found)
            return NULL;
        found = s->plugins[i].config;
    }
    return found;
}

/* Replicas of whole GPUs that keep their name. */
static unsigned kept_replicas(const struct config *c)
{
    for (size_t i = 0; c && i < c->n_shares; i++)
        if (strcmp(c->shares[i].name, gpu_resource) == 0 && !c->rename_by_default)
            return c->shares[i].replicas;
    return 1;
}

/* Slices as a MIG wish of the pool makes them, where nobody tells the plugin's strategy. */
static bool supply_wished(struct lint *l, struct supply *out, const struct pool *p,
                          const struct instance_type *t)
{
    const char *wish = pool_label(p, "nvidia.com/mig.config");
    struct mig_yield yield;

    *out = (struct supply){0};
    if (!wish || l->system.has_plugin || text_is_placeholder(wish))
        return false;
    mig_yield_make(l, &yield, &l->system, wish, t);
    if (yield.state != MIG_YIELD_OK || yield.n == 0)
        return false;
    for (size_t i = 0; i < yield.n; i++)
        lack(out, lint_printf(l, "nvidia.com/mig-%s", yield.items[i].profile),
             yield.items[i].per_node);
    lack(out, gpu_resource, yield.whole_gpus);
    return true;
}

/* Parts of GPUs as AWS sells them: Karpenter knows of no GPU there at all. */
static bool is_part(const struct instance_type *t)
{
    return t->gpu_part > 0 && t->gpu_part < 1;
}

static bool all_parts(const struct pool *p)
{
    for (size_t i = 0; i < p->n_types; i++)
        if (!is_part(p->types[i]))
            return false;
    return p->n_types > 0;
}

static bool find_real(struct lint *l, struct gaps *g, struct supply *real,
                      const struct instance_type *t)
{
    const struct config *later = find_unloaded(&l->system, g->pool);

    g->loaded = later == NULL;
    if (!later) {
        if (supply_real(l, real, &l->system, g->pool, t) || is_part(t))
            return true; /* of a part any plugin shows one */
        return supply_wished(l, real, g->pool, t);
    }
    (void)supply_real(l, real, &l->system, g->pool, t);
    for (size_t i = 0; i < real->n; i++)
        if (strcmp(real->items[i].name, gpu_resource) == 0)
            real->items[i].count *= kept_replicas(later);
    return kept_replicas(later) > 1;
}

static bool same_supply(const struct supply *a, const struct supply *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (strcmp(a->items[i].name, b->items[i].name) != 0 ||
            a->items[i].count != b->items[i].count)
            return false;
    return true;
}

static void add_type(struct lint *l, struct gap *gap, const struct instance_type *t)
{
    const struct instance_type **grown =
        arena_grow(&l->arena, gap->types, gap->n_types, sizeof *grown);

    if (!grown) {
        l->out_of_memory = true;
        return;
    }
    gap->types = grown;
    gap->types[gap->n_types++] = t;
}

static void add_gap(struct lint *l, struct gaps *g, const struct supply *lacks,
                    const struct instance_type *t)
{
    struct gap *grown;

    for (size_t i = 0; i < g->n; i++)
        if (same_supply(&g->gaps[i].lacks, lacks)) {
            add_type(l, &g->gaps[i], t);
            return;
        }
    grown = arena_grow(&l->arena, g->gaps, g->n, sizeof *grown);
    if (!grown) {
        l->out_of_memory = true;
        return;
    }
    g->gaps = grown;
    grown += g->n++;
    *grown = (struct gap){.lacks = *lacks};
    add_type(l, grown, t);
}

static void look(struct lint *l, struct gaps *g, const struct instance_type *t)
{
    const struct system *s = &l->system;
    struct supply real, lacks = {0};
    bool slices = false, replicas = false;
    int64_t gpus;

    /* Beside whole GPUs a part is only a type that is never bought. */
    if (t->gpus == 0 || (is_part(t) && !g->parts) || !find_real(l, g, &real, t))
        return;
    for (size_t i = 0; i < real.n; i++) {
        const char *name = real.items[i].name;

        if (strcmp(name, gpu_resource) == 0 || real.items[i].count == 0 ||
            match_given(s, g->pool, t, name))
            continue;
        lack(&lacks, name, real.items[i].count);
        slices = true;
    }
    gpus = supply_of(&real, gpu_resource);
    if (gpus != t->catalog_gpus && !match_given(s, g->pool, t, gpu_resource)) {
        replicas = gpus > t->catalog_gpus;
        if (slices || replicas)
            lack(&lacks, gpu_resource, gpus);
    }
    g->slices |= slices;
    g->replicas |= replicas;
    if (lacks.n > 0)
        add_gap(l, g, &lacks, t);
}

static bool name_is_taken(const struct system *s, const char *name)
{
    for (size_t i = 0; i < s->n_overlays; i++)
        if (strcmp(s->overlays[i].name, name) == 0)
            return true;
    return false;
}

static const char *new_name(struct lint *l, const struct gaps *g, size_t index)
{
    const char *name = g->n == 1 ? lint_printf(l, "%s-slices", g->pool->name)
                                 : lint_printf(l, "%s-slices-%zu", g->pool->name, index + 1);

    for (unsigned n = 2; name_is_taken(&l->system, name) && n < 100; n++)
        name = lint_printf(l, "%s-slices-%zu-%u", g->pool->name, index + 1, n);
    return name;
}

static const char *new_overlay(struct lint *l, const struct gaps *g, size_t index)
{
    const struct gap *gap = &g->gaps[index];
    const char *types = "", *capacity = "";

    for (size_t i = 0; i < gap->n_types; i++)
        types = lint_printf(l, "%s%s%s", types, i ? ", " : "", gap->types[i]->name);
    for (size_t i = 0; i < gap->lacks.n; i++)
        capacity = lint_printf(l, "%s    %s: \"%lld\"\n", capacity, gap->lacks.items[i].name,
                               (long long)gap->lacks.items[i].count);
    return lint_printf(l,
                       "apiVersion: karpenter.sh/v1alpha1\n"
                       "kind: NodeOverlay\n"
                       "metadata:\n"
                       "  name: %s\n"
                       "spec:\n"
                       "  weight: 10\n"
                       "  requirements:\n"
                       "    - key: karpenter.sh/nodepool\n"
                       "      operator: In\n"
                       "      values: [%s]\n"
                       "    - key: node.kubernetes.io/instance-type\n"
                       "      operator: In\n"
                       "      values: [%s]\n"
                       "  capacity:\n"
                       "%s",
                       new_name(l, g, index), g->pool->name, types, capacity);
}

static void fix_gaps(struct lint *l, struct finding *f, struct gaps *g)
{
    if (g->told || !g->loaded || g->n == 0 || text_is_placeholder(g->pool->name) ||
        strcmp(g->pool->doc->kind, "NodePool") != 0)
        return;
    for (size_t i = 0; i < g->n; i++)
        fix_add_document(l, f, g->pool->doc, new_overlay(l, g, i));
    g->told = true;
}

static bool gap_has(const struct gaps *g, const char *resource)
{
    for (size_t i = 0; i < g->n; i++)
        if (supply_of(&g->gaps[i].lacks, resource) > 0)
            return true;
    return false;
}

static const struct amount *first_slice(const struct gaps *g, const struct instance_type **t)
{
    for (size_t i = 0; i < g->n; i++)
        for (size_t k = 0; k < g->gaps[i].lacks.n && g->gaps[i].n_types > 0; k++) {
            *t = g->gaps[i].types[0];
            if (g->gaps[i].lacks.items[k].count > 0)
                return &g->gaps[i].lacks.items[k];
        }
    return NULL;
}

static void tell_pool(struct lint *l, struct gaps *g)
{
    const struct instance_type *t = NULL;
    const struct amount *a = first_slice(g, &t);
    struct finding *f;

    if (!a || g->told)
        return;
    if (g->parts) {
        f = lint_find(l, RULE_GPU_PARTITION_COUNT, match_spot(g->pool->doc, NULL),
                      "Karpenter knows of no GPU in %s of pool '%s': no GPU pod starts one, and "
                      "pods without GPUs may",
                      t->name, g->pool->name);
    } else if (g->slices) {
        f = lint_find(l, RULE_OVERLAY_MISSING, match_spot(g->pool->doc, NULL),
                      "nodes of pool '%s' will show %s, and Karpenter knows nothing of it: pods "
                      "that ask for it stay pending for ever",
                      g->pool->name, a->name);
        if (f->severity == SEVERITY_ERROR)
            f->severity = SEVERITY_WARNING; /* nobody among these files asks for it */
    } else {
        f = lint_find(l, RULE_OVERLAY_MISSING_SHARING, match_spot(g->pool->doc, NULL),
                      "a node %s of pool '%s' will show %s: %lld, and Karpenter reckons with %u: "
                      "it buys up to %lld nodes where one is enough",
                      t->name, g->pool->name, a->name, (long long)a->count, t->catalog_gpus,
                      (long long)a->count / t->catalog_gpus);
    }
    finding_cure(l, f, "tell Karpenter by a NodeOverlay for pool '%s': %s: \"%lld\" for %s",
                 g->pool->name, a->name, (long long)a->count, t->name);
    fix_gaps(l, f, g);
}

/* Whether Karpenter believes that a node of the pool has the resource, or cannot be judged. */
static bool is_believed(struct lint *l, const struct pool *p, const char *resource)
{
    struct supply believed;

    if (p->fixed || p->types_open)
        return true;
    for (size_t i = 0; i < p->n_types; i++) {
        supply_believed(l, &believed, &l->system, p, p->types[i]);
        if (supply_of(&believed, resource) > 0)
            return true;
    }
    return false;
}

/* Names that Karpenter cannot know by itself. */
static bool is_slice(const char *name)
{
    const char *end = strrchr(name, '.');

    return resource_profile(name) || (end && strcmp(end, ".shared") == 0);
}

/* Whether overlays give types of the pool some slices. */
static bool gives_slices(const struct system *s, const struct pool *p)
{
    struct overlay_walk walk = index_overlays(s, p);
    const struct overlay *o;

    while ((o = index_next_overlay(s, &walk)))
        for (size_t k = 0; k < o->n_capacity; k++) {
            const struct amount *a = &o->capacity[k];

            if (!is_slice(a->name) || a->count <= 0)
                continue;
            for (size_t t = 0; t < p->n_types; t++)
                if (match_overlay(o, p, p->types[t]))
                    return true;
        }
    return false;
}

/* What the pools that alike pods may go to have of a resource; kept for the next of them. */
static const struct alike *find_pools(struct lint *l, const struct gaps *all,
                                      const struct workload *w, const char *resource)
{
    struct alike *of = w->alike;
    const struct pool *p;
    size_t at = 0;

    if (of->resource && strcmp(of->resource, resource) == 0)
        return of;
    of->resource = resource;
    of->given = of->believed = false;
    of->asked = NULL;
    of->gap = SIZE_MAX;
    while (!of->believed && (p = match_next(l, w, &at))) {
        size_t index = (size_t)(p - l->system.pools);

        (void)index_try(&l->system, p->n_types);
        of->believed = is_believed(l, p, resource);
        if (p->others || of->believed)
            continue;
        of->given = of->given || gives_slices(&l->system, p);
        of->asked = of->asked ? of->asked : p;
        if (of->gap == SIZE_MAX && gap_has(&all[index], resource))
            of->gap = index;
    }
    return of;
}

/* A pod that asks for slices which no overlay gives to any pool that it may go to. */
static void check_ask(struct lint *l, struct gaps *all, const struct workload *w,
                      const struct amount *a, enum elsewhere elsewhere)
{
    const struct alike *of = find_pools(l, all, w, a->name);
    struct gaps *g = of->gap == SIZE_MAX ? NULL : &all[of->gap];
    const struct pool *first = of->asked;
    bool given = of->given;
    struct finding *f;

    if (of->believed)
        return;
    /* With overlays for other slices it is the name that is wrong, which other rules tell. */
    if (!first || (!g && (given || !is_slice(a->name))))
        return;
    f = lint_find(l, RULE_OVERLAY_MISSING, spot_of(w->doc, a->node),
                  "%s asks for %s, and no NodeOverlay tells Karpenter that nodes of pool '%s' "
                  "have it: %s",
                  match_workload(l, w), a->name, g ? g->pool->name : first->name,
                  elsewhere ? "it buys none for its pods" : "its pods stay pending for ever");
    if (elsewhere)
        elsewhere_soften(f);
    match_told(l, w, f, REACH_RESOURCE);
    finding_cure(l, f, "add a NodeOverlay with the amounts that one node has");
    if (g)
        fix_gaps(l, f, g);
}

void check_overlay_missing(struct lint *l)
{
    const struct system *s = &l->system;
    struct gaps *all = arena_array(&l->arena, s->n_pools, sizeof *all);
    enum elsewhere others = elsewhere_nodes(l);

    if (index_overlays_left(s))
        return;
    if (!all) {
        l->out_of_memory = l->out_of_memory || s->n_pools > 0;
        return;
    }
    for (size_t i = 0; i < s->n_pools; i++) {
        const struct pool *p = &s->pools[i];

        all[i].pool = p;
        all[i].parts = all_parts(p);
        for (size_t k = 0; k < p->n_types && match_gpu_pool(p) && !p->types_open; k++)
            look(l, &all[i], p->types[k]);
    }
    for (size_t i = 0; i < s->n_workloads; i++) {
        const struct workload *w = &s->workloads[i];
        bool pinned = others && elsewhere_never(s, w);

        if (others == ELSEWHERE_GROUPS && !pinned)
            continue;
        for (size_t k = 0; k < w->n_asks && match_buys(w); k++)
            if (resource_is_gpu(w->asks[k].name) && w->asks[k].count > 0)
                check_ask(l, all, w, &w->asks[k], pinned ? ELSEWHERE_NONE : others);
    }
    for (size_t i = 0; i < s->n_pools; i++)
        tell_pool(l, &all[i]);
}
