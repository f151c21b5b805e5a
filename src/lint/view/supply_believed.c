/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Karpenter believes of a node before it is there: the catalogue with the set's NodeOverlays
 * over it. Source: Karpenter core v1.14, overlays by weight and name, merged per resource.
 */
#include <string.h>

#include "lint/view/match_index.h"
#include "lint/view/pool_types.h"
#include "lint/view/supply.h"

static const struct amount *find(const struct supply *s, const char *resource)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->items[i].name, resource) == 0)
            return &s->items[i];
    return NULL;
}

/* node: of an overlay; NULL: the catalogue says so. */
static void add(struct supply *s, const char *resource, int64_t count, const struct yaml_node *node)
{
    if (s->n < SUPPLY_MAX_RESOURCES)
        s->items[s->n++] = (struct amount){.name = resource, .count = count, .node = node};
}

/* Labels of the nodes; a zone or a capacity type of the pool's does not part capacity. */
static bool overlay_matches(const struct overlay *o, const struct pool *p,
                            const struct instance_type *t)
{
    for (size_t i = 0; i < o->n_requirements; i++) {
        const struct requirement *r = &o->requirements[i];

        if (pool_types_label(r->key)) {
            if (!pool_types_meets(r, t))
                return false;
        } else if (strcmp(r->key, "karpenter.sh/capacity-type") == 0 ||
                   strncmp(r->key, "topology.", 9) == 0 ||
                   strcmp(r->key, "kubernetes.io/os") == 0) {
            continue;
        } else if (!requirement_meets(r, pool_label(p, r->key))) {
            return false;
        }
    }
    return true;
}

/* Overlays come with the highest weight first: what is set already stays. */
void supply_believed(struct lint *l, struct supply *out, const struct system *s,
                     const struct pool *p, const struct instance_type *t)
{
    struct overlay_walk walk = index_overlays(s, p);
    const struct overlay *o;

    (void)l;
    *out = (struct supply){0};
    while ((o = index_next_overlay(s, &walk))) {
        if (o->n_capacity == 0 || !overlay_matches(o, p, t))
            continue;
        for (size_t k = 0; k < o->n_capacity; k++)
            if (!find(out, o->capacity[k].name))
                add(out, o->capacity[k].name, o->capacity[k].count, o->capacity[k].node);
    }
    if (t->catalog_gpus > 0 && !find(out, "nvidia.com/gpu"))
        add(out, "nvidia.com/gpu", t->catalog_gpus, NULL);
}
