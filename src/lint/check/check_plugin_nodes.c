/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the DaemonSets of the plugin's chart come onto the nodes that Karpenter buys: labels that
 * they select, taints that they tolerate. If they do not, the GPU never registers and the node is
 * paid for until somebody looks.
 */
#include <string.h>

#include "lint/check/charts.h"
#include "lint/check/checks.h"
#include "lint/check/stack.h"
#include "lint/fix/fix.h"

enum { MAX_TOLERATIONS = 64 };

static const char present_label[] = "nvidia.com/gpu.present";
static const char gpu_key[] = "nvidia.com/gpu";

/* A pool on whose nodes a plugin of the set has to run. */
static bool wants_plugin(const struct pool *p)
{
    return p->gpu && !(p->class && strcmp(p->class->family, "Bottlerocket") == 0);
}

static void put_label(struct lint *l, struct finding *f, const struct pool *p, const char *key,
                      const char *value)
{
    if (strcmp(p->doc->kind, "NodePool") == 0)
        fix_put(l, f, p->doc, "spec.template.metadata.labels", key,
                lint_printf(l, "\"%s\"", value));
}

/* Whether the release sets anything below that path. */
static bool sets_below(const struct release *r, const char *path)
{
    size_t size = strlen(path);

    for (size_t i = 0; i < r->n_values; i++)
        if (strncmp(r->values[i].path, path, size) == 0 &&
            (!r->values[i].path[size] || strchr(".[", r->values[i].path[size])))
            return true;
    return false;
}

/* Whether something in the set runs node feature discovery. */
static bool has_nfd(const struct system *s, const struct release *plugin)
{
    return stack_truth(plugin, "gfd.enabled", false) || stack_truth(plugin, "nfd.enabled", false) ||
           stack_release(s, CHART_NFD) || stack_release(s, CHART_GPU_OPERATOR) ||
           stack_release(s, CHART_GPU_FEATURE_DISCOVERY);
}

/* Whether this version of the chart asks for a label by its own affinity. */
static bool has_affinity(const struct release *r)
{
    const struct chart_facts *facts = charts_find(r->chart);
    int version = charts_version(facts, r->version);
    const char *edge;

    /* A value that only newer versions have is CHARTS_LATER for the older ones. */
    return version >= 0 && charts_value(facts, version, "gfd.enabled", &edge) == CHARTS_KNOWN &&
           charts_compare(facts->versions[version], "0.15") >= 0;
}

static void check_affinity(struct lint *l, const struct release *r)
{
    const struct system *s = &l->system;
    const struct pool *first = NULL;
    struct finding *f;

    if (r->values_open || sets_below(r, "affinity") || sets_below(r, "nodeSelector") ||
        has_nfd(s, r) || !has_affinity(r))
        return;
    for (size_t i = s->n_pools; i-- > 0;)
        if (wants_plugin(&s->pools[i]) && !pool_label(&s->pools[i], present_label))
            first = &s->pools[i];
    if (!first)
        return;
    f = lint_find(l, RULE_PLUGIN_AFFINITY_UNMET, r->spot,
                  "the plugin's DaemonSet runs only on nodes that node feature discovery or the "
                  "label %s marks; pool '%s' has neither: no GPU will ever register there",
                  present_label, first->name);
    finding_cure(l, f, "put %s: \"true\" into the template's labels, or set gfd.enabled=true",
                 present_label);
    for (size_t i = 0; i < s->n_pools; i++)
        if (wants_plugin(&s->pools[i]) && !pool_label(&s->pools[i], present_label))
            put_label(l, f, &s->pools[i], present_label, "true");
}

/* The key of "nodeSelector.KEY", backslashes taken out; NULL if others than us put it on nodes. */
static const char *selector_key(struct lint *l, const char *path)
{
    static const char *const elsewhere[] = {"kubernetes.io/", "k8s.io/",     "karpenter",
                                            "k8s.aws/",       "nvidia.com/", "eks.amazonaws.com/"};
    char *key, *to;

    if (strncmp(path, "nodeSelector.", 13) != 0)
        return NULL;
    key = arena_text(&l->arena, path + 13);
    if (!key) {
        l->out_of_memory = true;
        return NULL;
    }
    to = key;
    for (const char *from = key; *from; from++)
        if (*from != '\\')
            *to++ = *from;
    *to = '\0';
    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++)
        if (strstr(key, elsewhere[i]))
            return NULL;
    return key;
}

static void check_selector(struct lint *l, const struct release *r, const struct helm_value *v)
{
    const struct system *s = &l->system;
    const char *key = selector_key(l, v->path);
    bool any = false;
    struct finding *f;

    if (!key || !*v->text || text_is_placeholder(v->text) || release_value(r, v->path) != v)
        return;
    for (size_t i = 0; i < s->n_pools; i++) {
        const char *label = pool_label(&s->pools[i], key);

        any |= wants_plugin(&s->pools[i]);
        if (label && (strcmp(label, v->text) == 0 || text_is_placeholder(label)))
            return;
    }
    if (!any)
        return;
    f = lint_find(l, RULE_PLUGIN_AFFINITY_UNMET, v->spot,
                  "the plugin runs only on nodes with the label %s=%s, which no pool puts on its "
                  "nodes: no GPU will ever register",
                  key, v->text);
    finding_cure(l, f, "put %s: \"%s\" into the labels of the pool's template", key, v->text);
    for (size_t i = 0; i < s->n_pools; i++)
        if (wants_plugin(&s->pools[i]))
            put_label(l, f, &s->pools[i], key, v->text);
}

static bool keeps_away(const struct taint *t)
{
    return strcmp(t->effect, "PreferNoSchedule") != 0;
}

/* What the chart's NFD worker tolerates by default. */
static bool worker_tolerates(const struct taint *t)
{
    return !keeps_away(t) || (strcmp(t->key, gpu_key) == 0 && strcmp(t->value, "present") == 0 &&
                              strcmp(t->effect, "NoSchedule") == 0);
}

static void check_worker_taint(struct lint *l, const struct release *r, const struct pool *p,
                               const struct taint *t, bool enabled)
{
    struct finding *f = lint_find(
        l, RULE_NFD_TOLERATION, spot_of(p->doc, t->node),
        "the chart's node feature discovery tolerates %s=present alone, pool '%s' is tainted "
        "%s%s%s: its nodes are never labelled",
        gpu_key, p->name, t->key, *t->value ? "=" : "", t->value);

    finding_cure(l, f, "set nfd.worker.tolerations to key %s, operator Exists", t->key);
    if (enabled && r->command)
        fix_add_words(l, f, r->command,
                      lint_printf(l,
                                  "--set 'nfd.worker.tolerations[0].key=%s' "
                                  "--set 'nfd.worker.tolerations[0].operator=Exists'",
                                  t->key));
    else if (enabled && r->doc && !*r->doc->kind)
        fix_put(l, f, r->doc, "nfd.worker", "tolerations",
                lint_printf(l, "- key: %s\n  operator: Exists", t->key));
}

/*
 * Of a chart that brings its own worker, or whose plugin could come onto a pool's nodes in no other
 * way than by that worker's labels.
 */
static void check_worker(struct lint *l, const struct release *r)
{
    bool enabled = stack_truth(r, "gfd.enabled", false) || stack_truth(r, "nfd.enabled", false);

    if (r->values_open || sets_below(r, "nfd.worker.tolerations") ||
        (!enabled && (has_nfd(&l->system, r) || !has_affinity(r) || sets_below(r, "affinity"))))
        return;
    for (size_t i = 0; i < l->system.n_pools; i++) {
        const struct pool *p = &l->system.pools[i];

        if (!wants_plugin(p) || (!enabled && pool_label(p, present_label)))
            continue;
        for (size_t k = 0; k < p->n_taints; k++) {
            if (worker_tolerates(&p->taints[k]))
                continue;
            check_worker_taint(l, r, p, &p->taints[k], enabled);
            return;
        }
    }
}

/* What the DaemonSets of the chart and of the operator tolerate by default. */
static bool daemons_tolerate(const struct taint *t)
{
    return !keeps_away(t) || (strcmp(t->key, gpu_key) == 0 && strcmp(t->effect, "NoSchedule") == 0);
}

static void taint_keeps_out(struct lint *l, const struct pool *p, const struct taint *t,
                            const char *what, const char *cure)
{
    struct finding *f = lint_find(l, RULE_PLUGIN_TOLERATION, spot_of(p->doc, t->node),
                                  "%s does not tolerate %s%s%s:%s of pool '%s': no GPU will ever "
                                  "register there",
                                  what, t->key, *t->value ? "=" : "", t->value, t->effect, p->name);

    finding_cure(l, f, "%s", cure);
}

/* Whether the tolerations that the release sets itself, which replace the chart's, take the taint.
 */
static bool own_tolerate(struct lint *l, const struct release *r, const char *list,
                         const struct taint *t)
{
    static const char *const fields[] = {"key", "operator", "value", "effect"};

    for (unsigned i = 0; i < MAX_TOLERATIONS; i++) {
        const char *texts[4];
        bool any = false;
        struct toleration own;

        for (size_t k = 0; k < 4; k++) {
            const struct helm_value *v =
                release_value(r, lint_printf(l, "%s[%u].%s", list, i, fields[k]));

            any |= v != NULL;
            texts[k] = v ? v->text : "";
            if (text_is_placeholder(texts[k]))
                return true;
        }
        if (!any)
            return i == 0; /* written in a way that is not read here */
        own = (struct toleration){texts[0], texts[1], texts[2], texts[3], NULL};
        if (taint_tolerated(t, &own, 1))
            return true;
    }
    return true;
}

/* What runs the plugin: a release, else a DaemonSet, else one that is applied as it is. */
struct runner {
    const struct release *release;
    const struct workload *daemon;
    bool applied;
};

static void check_toleration(struct lint *l, const struct pool *p, const struct taint *t,
                             const struct runner *runner)
{
    const struct release *r = runner->release;
    const struct workload *w = runner->daemon;
    bool is_operator = r && r->chart == CHART_GPU_OPERATOR;

    if (r) {
        const char *list = is_operator ? "daemonsets.tolerations" : "tolerations";

        if (!r->values_open && keeps_away(t) &&
            !(sets_below(r, list) ? own_tolerate(l, r, list, t) : daemons_tolerate(t)))
            taint_keeps_out(l, p, t,
                            is_operator ? "the operator's device plugin" : "the chart's plugin",
                            is_operator ? "add the taint to daemonsets.tolerations"
                                        : "add the taint to the chart's tolerations");
    } else if (w) {
        if (!taint_tolerated(t, w->tolerations, w->n_tolerations))
            taint_keeps_out(l, p, t, lint_printf(l, "the DaemonSet '%s'", w->name),
                            "give the DaemonSet a toleration");
    } else if (runner->applied && !daemons_tolerate(t)) {
        taint_keeps_out(l, p, t, "the static DaemonSet",
                        "install the chart, with the taint in its tolerations");
    }
}

void check_plugin_nodes(struct lint *l)
{
    const struct system *s = &l->system;
    const struct runner runner = {stack_plugin_release(s), stack_plugin_daemonset(s),
                                  stack_static_plugin(s) != NULL};

    for (size_t i = 0; i < s->n_releases; i++) {
        const struct release *r = &s->releases[i];

        if (r->chart != CHART_DEVICE_PLUGIN || !stack_truth(r, "devicePlugin.enabled", true))
            continue;
        check_affinity(l, r);
        check_worker(l, r);
        for (size_t k = 0; k < r->n_values; k++)
            check_selector(l, r, &r->values[k]);
    }
    for (size_t i = 0; i < s->n_pools; i++)
        for (size_t k = 0; wants_plugin(&s->pools[i]) && k < s->pools[i].n_taints; k++)
            if (keeps_away(&s->pools[i].taints[k]))
                check_toleration(l, &s->pools[i], &s->pools[i].taints[k], &runner);
}
