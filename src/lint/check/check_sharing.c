/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a device plugin's configuration shares GPUs: slices that look like GPUs, requests for two of
 * them, slices with next to no memory.
 */
#include <string.h>

#include "base/text.h"
#include "lint/check/checks.h"
#include "lint/check/stack.h"
#include "lint/fix/fix.h"
#include "lint/view/supply.h"

enum {
    MIN_SLICE_MIB = 2048, /* below that a CUDA context and a small model do not fit any more */
    MAX_REPLICAS = 1000,
};

static const char gpu_resource[] = "nvidia.com/gpu";

/* The replicas that whole GPUs are shared into, or 0. */
static unsigned gpu_replicas(const struct plugin_config *p)
{
    for (size_t i = 0; p->config && i < p->config->n_shares; i++)
        if (strcmp(p->config->shares[i].name, gpu_resource) == 0)
            return p->config->shares[i].replicas;
    return 0;
}

static bool renames(const struct plugin_config *p)
{
    for (size_t i = 0; i < p->config->n_shares; i++)
        if (p->config->shares[i].rename)
            return true;
    return p->config->rename_by_default;
}

/* Whether an overlay of the set tells Karpenter how many nvidia.com/gpu there are. */
static bool is_told(const struct system *s)
{
    for (size_t i = 0; i < s->n_overlays; i++)
        for (size_t k = 0; k < s->overlays[i].n_capacity; k++)
            if (strcmp(s->overlays[i].capacity[k].name, gpu_resource) == 0)
                return true;
    return false;
}

/* Whether the pool's nodes use it, or would if it were loaded. */
static bool uses(const struct lint *l, const struct plugin_config *p, const struct pool *pool)
{
    const struct system *s = &l->system;

    return pool->gpu && (supply_plugin(s, pool) == p || (!p->loaded && s->n_plugins == 1));
}

static const struct yaml_node *key_or(const struct yaml_node *map, const char *key)
{
    const struct yaml_pair *pair = node_pair(map, key);

    return pair ? pair->key : NULL;
}

static void check_name(struct lint *l, const struct plugin_config *p)
{
    const struct yaml_node *sharing = node_at(p->doc->root, "sharing.timeSlicing");
    const struct yaml_node *at = key_or(sharing, "renameByDefault");
    const struct pool *pool = NULL;
    struct finding *f;

    for (size_t i = l->system.n_pools; i-- > 0;)
        if (uses(l, p, &l->system.pools[i]))
            pool = &l->system.pools[i];
    if (!pool || gpu_replicas(p) < 2 || renames(p) || is_told(&l->system))
        return;
    f = lint_find(
        l, RULE_SHARING_KEEPS_NAME,
        spot_of(p->doc, at ? at : key_or(node_get(p->doc->root, "sharing"), "timeSlicing")),
        "%u slices of a GPU are called %s like the GPU itself: Karpenter takes each for a "
        "GPU in pool '%s', and pods cannot tell them apart",
        gpu_replicas(p), gpu_resource, pool->name);
    finding_cure(l, f,
                 "tell Karpenter with a NodeOverlay, or set renameByDefault: true and ask for "
                 "nvidia.com/gpu.shared");
}

static void check_many(struct lint *l, const struct plugin_config *p)
{
    const struct yaml_node *sharing = node_at(p->doc->root, "sharing.timeSlicing");
    const struct yaml_pair *pair = node_pair(sharing, "failRequestsGreaterThanOne");
    struct finding *f;

    if (!sharing || sharing->kind != YAML_MAP || p->config->n_shares == 0 || renames(p) ||
        p->config->fail_requests_greater_than_one)
        return;
    f = lint_find(
        l, RULE_SHARING_FAIL_REQUESTS,
        spot_of(p->doc,
                pair ? pair->key : key_or(node_get(p->doc->root, "sharing"), "timeSlicing")),
        "a pod may ask for 2 slices and get two of the same GPU, which is no more than 1");
    finding_cure(l, f, "set failRequestsGreaterThanOne: true");
    fix_put(l, f, p->doc, "sharing.timeSlicing", "failRequestsGreaterThanOne", "true");
}

/* The type with the smallest GPU memory on which the configuration is used; NULL. */
static const struct instance_type *smallest(const struct lint *l, const struct plugin_config *p)
{
    const struct instance_type *least = NULL;

    for (size_t i = 0; i < l->system.n_pools; i++) {
        const struct pool *pool = &l->system.pools[i];

        if (!pool->names_types || pool->types_open || !uses(l, p, pool))
            continue;
        for (size_t k = 0; k < pool->n_types; k++)
            if (pool->types[k]->gpus > 0 && pool->types[k]->gpu_memory_mib > 0 &&
                (!least || pool->types[k]->gpu_memory_mib < least->gpu_memory_mib))
                least = pool->types[k];
    }
    return least;
}

static const struct yaml_node *replicas_node(const struct plugin_config *p)
{
    const struct yaml_node *list = node_at(p->doc->root, "sharing.timeSlicing.resources");

    for (size_t i = 0; list && list->kind == YAML_LIST && i < list->count; i++)
        if (strcmp(node_text(node_get(list->items[i], "name"), ""), gpu_resource) == 0)
            return node_get(list->items[i], "replicas");
    return NULL;
}

static void check_memory(struct lint *l, const struct plugin_config *p)
{
    const struct instance_type *t = smallest(l, p);
    const struct yaml_node *node = replicas_node(p);
    unsigned replicas = gpu_replicas(p);
    const char *choice;
    struct finding *f;
    uint64_t number;

    if (!t || !node || replicas < 2 || t->gpu_memory_mib / replicas >= MIN_SLICE_MIB)
        return;
    f = lint_find(
        l, RULE_SLICE_MEMORY_SMALL, spot_of(p->doc, node),
        "%u slices of the %s in %s leave %llu MiB each, and each CUDA context alone takes "
        "some hundred: pods will run out of memory",
        replicas, t->gpu_product, t->name, (unsigned long long)(t->gpu_memory_mib / replicas));
    finding_cure(l, f, "share it into %llu at most",
                 (unsigned long long)(t->gpu_memory_mib / MIN_SLICE_MIB));
    choice = finding_choose(l, f, "replicas", "slices of a GPU");
    if (choice && text_uint(&number, choice, MAX_REPLICAS) && number > 1)
        fix_replace(l, f, p->doc, node, choice);
}

void check_sharing(struct lint *l)
{
    for (size_t i = 0; i < l->system.n_plugins; i++) {
        const struct plugin_config *p = &l->system.plugins[i];

        if (!p->config)
            continue;
        check_name(l, p);
        check_many(l, p);
        check_memory(l, p);
    }
}
