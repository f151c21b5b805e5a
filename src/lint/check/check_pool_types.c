/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requirements of pools against the catalogue: types that another requirement excludes, none that
 * is left, generations that are gone, parts of GPUs that a count excludes.
 */
#include <string.h>

#include "base/text.h"
#include "lint/check/check_parts.h"
#include "lint/rules_list.h"
#include "lint/view/match.h"
#include "lint/view/pool_types.h"

static const char type_key[] = "node.kubernetes.io/instance-type";
static const char family_key[] = "karpenter.k8s.aws/instance-family";
static const char size_key[] = "karpenter.k8s.aws/instance-size";
static const char count_key[] = "karpenter.k8s.aws/instance-gpu-count";

/* Whether a value of a requirement names the type: the type itself, or its family. */
static bool value_names(const struct requirement *r, const char *value,
                        const struct instance_type *t)
{
    if (strcmp(r->key, family_key) == 0)
        return strcmp(value, t->family) == 0 || strcmp(value, t->name) == 0;
    return strcmp(value, t->name) == 0;
}

/* The first type of the catalogue that a value names, and from there on the next one. */
static const struct instance_type *next_named(const struct lint *l, const struct requirement *r,
                                              const char *value, size_t *index)
{
    const struct instance_type *t;

    while ((t = catalog_at(l->catalog, *index))) {
        (*index)++;
        if (value_names(r, value, t))
            return t;
    }
    return NULL;
}

static bool names_types(const struct requirement *r)
{
    return r->op == OPERATOR_IN &&
           (strcmp(r->key, type_key) == 0 || strcmp(r->key, family_key) == 0 ||
            strcmp(r->key, size_key) == 0);
}

/* The architecture of all types that the value names, if none of them meets the requirement. */
static const char *wrong_arch(const struct lint *l, const struct requirement *named,
                              const char *value, const struct requirement *arch)
{
    const struct instance_type *t;
    const char *found = NULL;
    size_t at = 0;

    while ((t = next_named(l, named, value, &at))) {
        if (requirement_meets(arch, t->arch))
            return NULL;
        found = t->arch;
    }
    return found;
}

static void exclude(struct lint *l, const struct pool *p, const struct requirement *r, size_t index,
                    const char *arch)
{
    const struct yaml_node *list = r->values_node;
    bool written = list && list->kind == YAML_LIST && index < list->count;
    struct finding *f;

    f = lint_find(l, RULE_ARCH_EXCLUDES_TYPE,
                  match_spot(p->doc, written ? list->items[index] : r->node),
                  "'%s' has %s CPUs, which pool '%s' excludes by kubernetes.io/arch: it is never "
                  "bought",
                  r->values[index], arch, p->name);
    finding_cure(l, f, "drop it, or give it a pool of its own with pods built for %s", arch);
    if (!written || list->count != r->n_values)
        return;
    if (list->style == YAML_BLOCK)
        fix_comment_out_item(l, f, p->doc, list, index, NULL);
    else
        fix_remove_item(l, f, p->doc, list, index);
}

/* True if no type is left, and a finding says so. */
static bool check_arch(struct lint *l, const struct pool *p, const struct requirement *r,
                       const struct requirement *arch)
{
    size_t wrong = 0;
    struct finding *f;

    for (size_t i = 0; i < r->n_values; i++)
        wrong += wrong_arch(l, r, r->values[i], arch) != NULL;
    if (wrong == 0)
        return false;
    if (wrong < r->n_values) {
        for (size_t i = 0; i < r->n_values; i++) {
            const char *is = wrong_arch(l, r, r->values[i], arch);

            if (is)
                exclude(l, p, r, i, is);
        }
        return false;
    }
    f = lint_find(l, RULE_ARCH_EXCLUDES_ALL, match_spot(p->doc, r->values_node),
                  "all types that pool '%s' names (%s) have %s CPUs, and its kubernetes.io/arch "
                  "excludes them: it never starts a node",
                  p->name, match_list(l, r->values, r->n_values),
                  wrong_arch(l, r, r->values[0], arch));
    finding_cure(l, f, "make kubernetes.io/arch what the types have, or name others");
    return true;
}

/* Whether every value of some naming requirement is in the catalogue, so that it can be judged. */
static bool is_known(const struct lint *l, const struct pool *p)
{
    for (size_t i = 0; i < p->n_requirements; i++) {
        const struct requirement *r = &p->requirements[i];
        size_t known = 0;

        if (r->op != OPERATOR_IN || r->n_values == 0 ||
            (strcmp(r->key, type_key) != 0 && strcmp(r->key, family_key) != 0))
            continue;
        for (size_t k = 0; k < r->n_values; k++) {
            size_t at = 0;

            known += next_named(l, r, r->values[k], &at) != NULL;
        }
        if (known == r->n_values)
            return true;
    }
    return false;
}

/* How many types with whole GPUs would be left without the requirement at that index. */
static size_t count_without(const struct lint *l, const struct pool *p, size_t index)
{
    const struct instance_type *t;
    size_t n = 0;

    for (size_t i = 0; (t = catalog_at(l->catalog, i)); i++) {
        size_t met = 0;

        while (met < p->n_requirements &&
               (met == index || pool_types_meets(&p->requirements[met], t)))
            met++;
        n += met == p->n_requirements && t->gpu_part >= 1;
    }
    return n;
}

static void check_empty(struct lint *l, const struct pool *p)
{
    struct finding *f;

    if (p->n_types > 0 || p->types_open || p->n_requirements == 0 || !is_known(l, p))
        return;
    for (size_t i = 0; i < p->n_requirements; i++) {
        const struct requirement *r = &p->requirements[i];
        size_t left = count_without(l, p, i);

        if (left == 0 || strcmp(r->key, type_key) == 0 || strcmp(r->key, family_key) == 0)
            continue;
        f = lint_find(l, RULE_REQUIREMENTS_EMPTY, match_spot(p->doc, r->node),
                      "no instance type meets all requirements of pool '%s': without '%s' there "
                      "would be %zu",
                      p->name, r->key, left);
        finding_cure(l, f, "change one of the requirements that contradict each other");
        return;
    }
    f = lint_find(l, RULE_REQUIREMENTS_EMPTY, match_spot(p->doc, p->requirements_node),
                  "no instance type meets all requirements of pool '%s': it never starts a node",
                  p->name);
    finding_cure(l, f, "change one of the requirements that contradict each other");
}

static bool all_legacy(const struct lint *l, const struct requirement *r, const char *value)
{
    const struct instance_type *t;
    size_t at = 0, n = 0;

    while ((t = next_named(l, r, value, &at))) {
        if (!t->legacy)
            return false;
        n++;
    }
    return n > 0;
}

/* Old generations: dear for what they do, and slowly withdrawn. */
static void check_legacy(struct lint *l, const struct pool *p, const struct requirement *r)
{
    bool families = strcmp(r->key, family_key) == 0;
    const char *old[8], *value;
    size_t n = 0;
    struct finding *f;

    for (size_t i = 0; i < r->n_values && n < 8; i++)
        if (all_legacy(l, r, r->values[i]))
            old[n++] = r->values[i];
    if (n == 0)
        return;
    f = lint_find(l, RULE_FAMILY_LEGACY, match_spot(p->doc, r->values_node),
                  "pool '%s' buys %s: a generation that AWS no longer lists, without MIG and dear "
                  "for its speed",
                  p->name, match_list(l, old, n));
    finding_cure(l, f, "the same memory comes cheaper in g4dn, g5 and g6");
    value = finding_choose(l, f, families ? "instance-families" : "instance-types",
                           families ? "instance families of today" : "instance types of today");
    if (value && r->values_node)
        match_fix_values(l, f, p->doc, r->values_node, value);
}

/* Types whose GPUs are parts: Karpenter's label counts none. */
static bool check_parts(struct lint *l, const struct pool *p, const struct requirement *r)
{
    const struct requirement *count = NULL;
    const char *parts[8];
    size_t n = 0;
    struct finding *f;

    for (size_t i = 0; i < p->n_requirements && !count; i++)
        if (strcmp(p->requirements[i].key, count_key) == 0 &&
            !requirement_meets(&p->requirements[i], "0"))
            count = &p->requirements[i];
    if (!count)
        return false;
    for (size_t i = 0; i < r->n_values && n < 8; i++) {
        size_t at = 0;
        const struct instance_type *t = next_named(l, r, r->values[i], &at);

        if (t && t->gpu_part > 0 && t->gpu_part < 1)
            parts[n++] = r->values[i];
    }
    if (n == 0)
        return false;
    f = lint_find(l, RULE_GPU_PARTITION_COUNT, match_spot(p->doc, count->node),
                  "pool '%s' names %s, whose part of a GPU Karpenter counts as 0, and requires "
                  "%s: they are never bought",
                  p->name, match_list(l, parts, n), count_key);
    finding_cure(l, f, "drop that requirement, and tell Karpenter of the GPU by a NodeOverlay");
    for (size_t i = 0; n == r->n_values && p->requirements_node && i < p->requirements_node->count;
         i++)
        if (p->requirements_node->items[i] == count->node)
            fix_remove_item(l, f, p->doc, p->requirements_node, i);
    return true;
}

void check_pool_types(struct lint *l, const struct pool *p)
{
    const struct requirement *arch = match_requirement(p, "kubernetes.io/arch");
    bool explained = false;

    for (size_t i = 0; i < p->n_requirements; i++) {
        const struct requirement *r = &p->requirements[i];

        if (!names_types(r))
            continue;
        if (arch && arch->n_values > 0)
            explained |= check_arch(l, p, r, arch);
        if (strcmp(r->key, size_key) != 0)
            check_legacy(l, p, r);
        explained |= check_parts(l, p, r);
    }
    if (!explained)
        check_empty(l, p);
}
