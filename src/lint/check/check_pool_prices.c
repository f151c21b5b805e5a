/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a pool may buy, where and for how much: GPUs of very different price behind one door, and
 * types that the region of its zones does not have.
 */
#include <string.h>

#include "base/text.h"
#include "lint/check/check_parts.h"
#include "lint/rules_list.h"
#include "lint/view/match.h"

enum {
    MAX_MODELS = 16,
    NODE_SPREAD = 8, /* times the cheapest node, and this many times its price of a GPU: no */
    GPU_SPREAD = 3,  /* longer a substitute for it */
};

/* The cheapest type with one model of GPU. */
struct model {
    const struct instance_type *type;
    double usd_per_hour;
};

static double price_of(const struct lint *l, const struct instance_type *t)
{
    const struct price *price = catalog_price(t, l->region, 1 << PURCHASE_ON_DEMAND);

    return price ? price->usd_per_hour : 0;
}

static size_t find_models(const struct lint *l, const struct pool *p, struct model *models)
{
    size_t n = 0;

    for (size_t i = 0; i < p->n_types; i++) {
        const struct instance_type *t = p->types[i];
        double price = price_of(l, t);
        size_t at = 0;

        if (price <= 0 || !t->gpu_name || t->gpus == 0 || t->gpu_part < 1)
            continue;
        while (at < n && strcmp(models[at].type->gpu_name, t->gpu_name) != 0)
            at++;
        if (at == MAX_MODELS)
            continue;
        if (at == n || price < models[at].usd_per_hour)
            models[at] = (struct model){t, price};
        n += at == n;
    }
    return n;
}

/* The requirement that names GPUs, families or types one by one. */
static const struct requirement *find_names(const struct pool *p)
{
    static const char *const keys[] = {"node.kubernetes.io/instance-type",
                                       "karpenter.k8s.aws/instance-family",
                                       "karpenter.k8s.aws/instance-gpu-name"};

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const struct requirement *r = match_requirement(p, keys[i]);

        if (r && r->op == OPERATOR_IN && r->n_values > 1)
            return r;
    }
    return NULL;
}

static void check_mixed(struct lint *l, const struct pool *p)
{
    struct model models[MAX_MODELS], low, high;
    const struct requirement *names = find_names(p);
    size_t n = names && match_gpu_pool(p) ? find_models(l, p, models) : 0;
    struct finding *f;
    const char *value;

    if (n < 2)
        return;
    low = high = models[0];
    for (size_t i = 1; i < n; i++) {
        if (models[i].usd_per_hour < low.usd_per_hour)
            low = models[i];
        if (models[i].usd_per_hour > high.usd_per_hour)
            high = models[i];
    }
    if (high.usd_per_hour < NODE_SPREAD * low.usd_per_hour ||
        high.usd_per_hour / high.type->gpus < GPU_SPREAD * low.usd_per_hour / low.type->gpus)
        return;
    f = lint_find(l, RULE_POOL_MIXED_PRICE, match_spot(p->doc, names->values_node),
                  "pool '%s' buys %s ($%.2f an hour) for a pod that would fit %s ($%.2f) whenever "
                  "the cheap ones are sold out",
                  p->name, high.type->name, high.usd_per_hour, low.type->name, low.usd_per_hour);
    finding_cure(l, f, "make one pool for each kind of GPU, and order them by spec.weight");
    value = finding_choose(l, f, "instance-types", "the types that this pool keeps");
    if (value && names->values_node && strcmp(names->key, "node.kubernetes.io/instance-type") == 0)
        match_fix_values(l, f, p->doc, names->values_node, value);
}

/* All the types that this value names (a type, or a family) are not sold in the region. */
static bool is_absent(const struct lint *l, const struct pool *p, const char *value,
                      const char *region)
{
    size_t n = 0;

    (void)l;
    for (size_t i = 0; i < p->n_types; i++) {
        const struct instance_type *t = p->types[i];

        if (strcmp(t->family, value) != 0 && strcmp(t->name, value) != 0)
            continue;
        if (catalog_sold(t, region, NULL) != SOLD_NO)
            return false;
        n++;
    }
    return n > 0;
}

static void check_region(struct lint *l, const struct pool *p, const struct requirement *r,
                         const char *region)
{
    for (size_t i = 0; i < r->n_values; i++) {
        const struct yaml_node *list = r->values_node;
        bool written = list && list->kind == YAML_LIST && i < list->count;
        struct finding *f;

        if (!is_absent(l, p, r->values[i], region))
            continue;
        f = lint_find(l, RULE_ZONE_REGION, match_spot(p->doc, written ? list->items[i] : r->node),
                      "%s is not sold in %s, where the zones of pool '%s' are", r->values[i],
                      region, p->name);
        finding_cure(l, f, "`carve catalog --region %s` lists what is", region);
    }
}

static void check_zones(struct lint *l, const struct pool *p)
{
    static const char *const keys[] = {"node.kubernetes.io/instance-type",
                                       "karpenter.k8s.aws/instance-family"};
    const struct requirement *zones = match_requirement(p, "topology.kubernetes.io/zone");
    char region[CATALOG_REGION_SIZE], other[CATALOG_REGION_SIZE];

    if (!zones || zones->op != OPERATOR_IN || zones->n_values == 0 ||
        !catalog_zone_region(region, zones->values[0]))
        return;
    for (size_t i = 1; i < zones->n_values; i++)
        if (!catalog_zone_region(other, zones->values[i]) || strcmp(other, region) != 0)
            return;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const struct requirement *r = match_requirement(p, keys[i]);

        if (r && r->op == OPERATOR_IN)
            check_region(l, p, r, region);
    }
}

void check_pool_prices(struct lint *l, const struct pool *p)
{
    check_mixed(l, p);
    check_zones(l, p);
}
