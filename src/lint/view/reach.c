/* SPDX-License-Identifier: Apache-2.0 */
/* One pod against one pool: see reach.h. */
#include "lint/view/reach.h"

#include <string.h>

#include "base/text.h"
#include "lint/view/pool_types.h"

static const struct taint *find_taint(const struct workload *w, const struct pool *p)
{
    for (size_t i = 0; i < p->n_taints; i++) {
        const struct taint *t = &p->taints[i];

        if (strcmp(t->effect, "PreferNoSchedule") != 0 && t->key[0] &&
            !text_is_placeholder(t->key) && !text_is_placeholder(t->value) &&
            !taint_tolerated(t, w->tolerations, w->n_tolerations))
            return t;
    }
    return NULL;
}

bool reach_label_given(const char *key)
{
    static const char *const starts[] = {
        "topology.",          "failure-domain.",     "karpenter.sh/",
        "karpenter.k8s.aws/", "kubernetes.io/",      "beta.kubernetes.io/",
        "eks.amazonaws.com/", "node.kubernetes.io/", "node.k8s.amazonaws.com/"};

    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++)
        if (text_starts(key, starts[i]))
            return strcmp(key, "karpenter.sh/nodepool") != 0;
    return false;
}

/* A pool that allows several values of a label picks one that suits. */
static bool pool_meets(const struct requirement *wanted, const struct pool *p)
{
    const char *label = pool_label(p, wanted->key);
    bool said = false;

    if (text_is_placeholder(wanted->key))
        return true;
    if (label)
        return text_is_placeholder(label) || requirement_meets(wanted, label);
    for (size_t i = 0; i < p->n_requirements; i++) {
        const struct requirement *r = &p->requirements[i];

        if (strcmp(r->key, wanted->key) != 0)
            continue;
        said = true;
        if (r->op != OPERATOR_IN)
            return r->op != OPERATOR_DOES_NOT_EXIST || requirement_meets(wanted, NULL);
        for (size_t k = 0; k < r->n_values; k++)
            if (text_is_placeholder(r->values[k]) || requirement_meets(wanted, r->values[k]))
                return true;
    }
    return said ? false : reach_label_given(wanted->key) || requirement_meets(wanted, NULL);
}

static bool label_meets(const struct requirement *r, const struct pool *p,
                        const struct instance_type *t)
{
    return pool_types_label(r->key) ? pool_types_meets(r, t) : pool_meets(r, p);
}

/* What the pod selects, of the types or of the pool alone, that the node lacks; or NULL. */
static const char *find_selected(const struct workload *w, const struct pool *p,
                                 const struct instance_type *t)
{
    const struct yaml_node *map = w->node_selector;

    for (size_t i = 0; map && map->kind == YAML_MAP && i < map->count; i++) {
        const char *value = node_text(map->pairs[i].value, "");
        struct requirement r = {.key = map->pairs[i].key->text, .n_values = 1, .values = &value};

        if (pool_types_label(r.key) == (t != NULL) && !label_meets(&r, p, t))
            return r.key;
    }
    return NULL;
}

/* The key of a label that the pod wants of a type and the node lacks, or NULL. */
static const char *find_label(const struct workload *w, const struct pool *p,
                              const struct instance_type *t)
{
    const char *lacking = find_selected(w, p, t);

    for (size_t i = 0; !lacking && i < w->n_affinity; i++) {
        const struct affinity_term *term = &w->affinity[i];
        size_t k = 0;

        while (k < term->n_requirements && label_meets(&term->requirements[k], p, t))
            k++;
        if (k == term->n_requirements)
            return NULL;
        if (i + 1 == w->n_affinity)
            return term->requirements[k].key;
    }
    return lacking;
}

/* What a type has of a resource; -1: nobody can tell, or nobody needs to. */
static int64_t amount_of(const char *name, const struct instance_type *t,
                         const struct supply *believed)
{
    if (strcmp(name, "cpu") == 0)
        return t->allocatable_milli_cpu ? (int64_t)t->allocatable_milli_cpu : -1;
    if (strcmp(name, "memory") == 0)
        return t->allocatable_memory_mib ? (int64_t)t->allocatable_memory_mib << 20 : -1;
    for (size_t i = 0; i < believed->n; i++)
        if (strcmp(believed->items[i].name, name) == 0)
            return believed->items[i].count > 0 ? believed->items[i].count : 0;
    return resource_is_gpu(name) ? 0 : -1;
}

int64_t reach_use(const char *limit, const struct instance_type *t, const struct supply *believed)
{
    if (strcmp(limit, "cpu") == 0)
        return (int64_t)t->vcpus * 1000;
    if (strcmp(limit, "memory") == 0)
        return (int64_t)t->memory_mib << 20;
    if (strcmp(limit, "nodes") == 0)
        return 1;
    return supply_of(believed, limit);
}

static const struct amount *find_limit(const struct pool *p, const struct instance_type *t,
                                       const struct supply *believed)
{
    for (size_t i = 0; i < p->n_limits; i++)
        if (!text_is_placeholder(node_text(p->limits[i].node, "")) &&
            reach_use(p->limits[i].name, t, believed) > p->limits[i].count)
            return &p->limits[i];
    return NULL;
}

static bool is_size(const char *name)
{
    return strcmp(name, "cpu") == 0 || strcmp(name, "memory") == 0;
}

static void try_amounts(struct reach *r, const struct workload *w, const struct supply *believed)
{
    for (size_t i = 0; i < w->n_asks; i++) {
        const struct amount *ask = &w->asks[i];
        int64_t has = amount_of(ask->name, r->type, believed);

        if (has < 0 || has >= ask->count)
            continue;
        if (is_size(ask->name)) {
            r->faults |= REACH_SIZE;
            r->size = ask;
        } else {
            r->faults |= REACH_RESOURCE;
            r->ask = ask;
            r->has = has;
        }
    }
}

static void try_type(struct reach *r, const struct workload *w, const struct pool *p,
                     const struct supply *believed)
{
    if (!r->label)
        r->label = find_label(w, p, r->type);
    if (r->label)
        r->faults |= REACH_LABEL;
    try_amounts(r, w, believed);
    r->limit = find_limit(p, r->type, believed);
    if (r->limit)
        r->faults |= REACH_LIMIT;
}

bool reach_type_takes(const struct workload *w, const struct pool *p, const struct instance_type *t,
                      const struct supply *believed)
{
    struct reach r = {.type = t, .label = find_selected(w, p, NULL)};

    try_type(&r, w, p, believed);
    return r.faults == 0;
}

bool reach_nearer(const struct reach *a, const struct reach *b)
{
    int n_a = __builtin_popcount(a->faults), n_b = __builtin_popcount(b->faults);

    return n_a != n_b ? n_a < n_b : a->faults < b->faults;
}

void reach_try(struct reach *out, const struct workload *w, const struct pool *p,
               const struct supply *believed)
{
    const struct taint *taint = find_taint(w, p);
    const char *label = find_selected(w, p, NULL);
    const struct reach empty = {.faults = (taint ? REACH_TAINT : 0) | (label ? REACH_LABEL : 0),
                                .taint = taint,
                                .label = label};

    *out = empty;
    out->faults |= REACH_TYPES;
    for (size_t i = 0; i < p->n_types; i++) {
        struct reach one = empty;

        one.type = p->types[i];
        try_type(&one, w, p, &believed[i]);
        if (!out->type || reach_nearer(&one, out))
            *out = one;
        if (out->faults == empty.faults)
            break;
    }
    out->open = p->types_open && !taint && out->faults;
}

uint64_t reach_pods(const struct workload *w, const struct instance_type *t,
                    const struct supply *believed)
{
    uint64_t pods = t->max_pods ? t->max_pods : 110;

    for (size_t i = 0; i < w->n_asks; i++) {
        int64_t has = amount_of(w->asks[i].name, t, believed);
        int64_t asked = w->asks[i].count;

        if (has >= 0 && asked > 0 && (uint64_t)(has / asked) < pods)
            pods = (uint64_t)(has / asked);
    }
    return pods;
}
