/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How nodes of pools end: consolidation that moves GPU pods about, and a capacity type that was
 * written where it is no wish. What pods have against their end is check_workload_life.c's.
 */
#include <string.h>

#include "base/text.h"
#include "lint/check/check_parts.h"
#include "lint/rules_list.h"
#include "lint/view/match.h"

#define DISRUPTION "consolidationPolicy: WhenEmpty\nconsolidateAfter: 10m"

/* "0s", "0m0s", "0h": only zeros. */
static bool is_zero(const char *text)
{
    return text[0] && strspn(text, "0smh") == strlen(text);
}

/* Says how long to wait in the words of an old version, which another rule carries over. */
static bool has_old_words(const struct pool *p)
{
    static const char *const paths[] = {"spec.ttlSecondsAfterEmpty", "spec.consolidation",
                                        "spec.template.spec.disruption",
                                        "spec.template.disruption"};

    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        if (node_at(p->doc->root, paths[i]))
            return true;
    return false;
}

static void check_disruption(struct lint *l, const struct pool *p)
{
    const struct yaml_node *block = node_at(p->doc->root, "spec.disruption");
    const struct yaml_node *after = node_get(block, "consolidateAfter");
    const char *policy = node_text(node_get(block, "consolidationPolicy"), "");
    struct finding *f;

    if (!match_gpu_pool(p) || has_old_words(p))
        return;
    if (!block || block->kind == YAML_NULL) {
        f = lint_find(l, RULE_POOL_DEFAULT_DISRUPTION, match_spot(p->doc, NULL),
                      "pool '%s' says nothing of disruption: Karpenter moves its GPU pods at once "
                      "whenever that saves anything",
                      p->name);
        if (match_editable(p, "spec") && !block)
            fix_put(l, f, p->doc, "spec", "disruption", DISRUPTION);
    } else if (is_zero(node_text(after, "")) && strcmp(policy, "WhenEmpty") != 0) {
        f = lint_find(l, RULE_POOL_DEFAULT_DISRUPTION, match_spot(p->doc, after),
                      "pool '%s' lets Karpenter move its GPU pods at once (consolidateAfter '%s')",
                      p->name, node_text(after, ""));
        if (match_editable(p, "spec.disruption"))
            fix_replace(l, f, p->doc, after, "10m");
    } else {
        return;
    }
    finding_cure(l, f, "write disruption {consolidationPolicy: WhenEmpty, consolidateAfter: 10m}");
}

static void check_capacity_label(struct lint *l, const struct pool *p)
{
    static const char key[] = "karpenter.sh/capacity-type",
                      path[] = "spec.template.metadata.labels";
    const struct yaml_pair *pair = node_pair(p->labels, key);
    const char *value = pair ? node_text(pair->value, "") : "";
    struct finding *f;

    if (!value[0])
        return;
    f = lint_find(l, RULE_CAPACITY_TYPE_LABEL, spot_of(p->doc, pair->key),
                  "pool '%s' sets %s '%s' as a label: every node is to be %s, which a requirement "
                  "should say",
                  p->name, key, value, value);
    finding_cure(l, f, "write the requirement %s In [%s] instead", key, value);
    if (node_at(p->doc->root, path) != p->labels || !match_editable(p, "spec.template.spec"))
        return;
    fix_remove(l, f, p->doc, path, key);
    if (!match_requirement(p, key))
        fix_put(l, f, p->doc, "spec.template.spec", "requirements",
                lint_printf(l, "- key: %s\n  operator: In\n  values: [%s]", key, value));
}

/* The release of Karpenter in the set, if all that it sets can be seen. */
static const struct release *find_karpenter(const struct system *s)
{
    for (size_t i = 0; i < s->n_releases; i++)
        if (s->releases[i].chart == CHART_KARPENTER)
            return s->releases[i].values_open ? NULL : &s->releases[i];
    return NULL;
}

static void check_queue(struct lint *l, const struct pool *p)
{
    const struct requirement *r = match_requirement(p, "karpenter.sh/capacity-type");
    const struct release *k = find_karpenter(&l->system);
    const struct helm_value *queue;
    struct finding *f;

    if (!p->gpu || !r || !match_capacity_type(p, "spot") || !k)
        return;
    queue = release_value(k, "settings.interruptionQueue");
    if (queue && queue->text[0])
        return;
    f = lint_find(l, RULE_SPOT_WITHOUT_QUEUE, match_spot(p->doc, r->node),
                  "pool '%s' buys spot nodes, but Karpenter has no interruption queue: the two "
                  "minutes' notice goes unheard",
                  p->name);
    finding_cure(l, f, "set settings.interruptionQueue of the Karpenter chart to an SQS queue");
}

void check_pool_life(struct lint *l, const struct pool *p)
{
    check_disruption(l, p);
    check_capacity_label(l, p);
    check_queue(l, p);
}
