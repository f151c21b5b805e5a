/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taints of pools: that GPU nodes have one, none twice, and that those of the start go away again.
 * Whether pods tolerate them is check_workload_taints.c's.
 */
#include <string.h>

#include "base/text.h"
#include "lint/check/check_parts.h"
#include "lint/rules_list.h"
#include "lint/view/match.h"

static bool guards(const struct taint *t)
{
    return strcmp(t->effect, "NoSchedule") == 0 || strcmp(t->effect, "NoExecute") == 0 ||
           text_is_placeholder(t->effect);
}

static bool is_guarded(const struct pool *p)
{
    for (size_t i = 0; i < p->n_taints; i++)
        if (guards(&p->taints[i]))
            return true;
    return p->template_spec == NULL;
}

static void check_guard(struct lint *l, const struct pool *p)
{
    struct finding *f;

    if (!p->gpu || p->others || is_guarded(p))
        return;
    f = lint_find(l, RULE_POOL_WITHOUT_TAINT, match_spot(p->doc, NULL),
                  "nodes of pool '%s' have GPUs and no taint: pods without a need for a GPU fill "
                  "them",
                  p->name);
    finding_cure(l, f, "add the taint nvidia.com/gpu:NoSchedule to the template");
    if (match_editable(p, "spec.template.spec"))
        fix_put(l, f, p->doc, "spec.template.spec", "taints",
                "- key: nvidia.com/gpu\n  effect: NoSchedule");
}

static const struct taint *taint_at(const struct pool *p, size_t index)
{
    return index < p->n_taints ? &p->taints[index] : &p->startup_taints[index - p->n_taints];
}

static void check_twice(struct lint *l, const struct pool *p)
{
    size_t n = p->n_taints + p->n_startup_taints;

    for (size_t i = 0; i < n && n <= 100; i++)
        for (size_t k = 0; k < i; k++) {
            const struct taint *a = taint_at(p, i), *b = taint_at(p, k);
            struct finding *f;

            if (strcmp(a->key, b->key) != 0 || strcmp(a->effect, b->effect) != 0 || !a->key[0])
                continue;
            f = lint_find(l, RULE_TAINT_DUPLICATE, match_spot(p->doc, a->node),
                          "pool '%s' has the taint '%s' with effect '%s' twice: Karpenter refuses "
                          "the pool",
                          p->name, a->key, a->effect);
            finding_cure(l, f, "keep one of them; a startupTaint counts too");
            break;
        }
}

/* What nobody takes off a node again: taints that are there to keep pods away. */
static bool stays(const char *key)
{
    return strcmp(key, "nvidia.com/gpu") == 0 || strcmp(key, "amd.com/gpu") == 0 ||
           strcmp(key, "nvidia.com/gpu.present") == 0 || text_starts(key, "nvidia.com/mig-");
}

static const struct yaml_node *startup_list(const struct pool *p)
{
    return node_at(p->doc->root, "spec.template.spec.startupTaints");
}

static void fix_startup(struct lint *l, struct finding *f, const struct pool *p,
                        const struct taint *t)
{
    const struct yaml_node *list = startup_list(p);
    const char *value = t->value[0] ? lint_printf(l, "\n  value: \"%s\"", t->value) : "";

    if (!match_editable(p, "spec.template.spec") || !list || list->kind != YAML_LIST)
        return;
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i] == t->node)
            fix_remove_item(l, f, p->doc, list, i);
    fix_put(l, f, p->doc, "spec.template.spec", "taints",
            lint_printf(l, "- key: %s%s\n  effect: %s", t->key, value, t->effect));
}

static void check_startup(struct lint *l, const struct pool *p)
{
    for (size_t i = 0; i < p->n_startup_taints; i++) {
        const struct taint *t = &p->startup_taints[i];
        struct finding *f;

        if (!stays(t->key))
            continue;
        f = lint_find(l, RULE_STARTUP_TAINT_UNREMOVED, match_spot(p->doc, t->node),
                      "nothing takes the startup taint '%s' off nodes of pool '%s': they are never "
                      "initialized, and never removed by consolidation",
                      t->key, p->name);
        finding_cure(l, f, "a taint that keeps other pods away belongs under taints");
        fix_startup(l, f, p, t);
    }
}

void check_pool_taints(struct lint *l, const struct pool *p)
{
    check_guard(l, p);
    check_twice(l, p);
    check_startup(l, p);
}
