/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a node will show: the plugin's configuration, its MIG strategy, the MIG wish, sharing. What
 * Karpenter believes is supply_believed.c's. Sources: NVIDIA k8s-device-plugin v0.20, GPU operator
 * v26.7.
 */
#include "lint/view/supply.h"

#include <string.h>

#include "base/text.h"
#include "lint/lint.h"
#include "lint/view/view.h"

static const char gpu_resource[] = "nvidia.com/gpu";

int64_t supply_of(const struct supply *s, const char *resource)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->items[i].name, resource) == 0)
            return s->items[i].count;
    return 0;
}

static void add(struct supply *s, const char *resource, int64_t count)
{
    if (s->n < SUPPLY_MAX_RESOURCES)
        s->items[s->n++] = (struct amount){.name = resource, .count = count};
}

/* The last release of a chart, or NULL. */
static const struct release *last_release(const struct system *s, enum chart chart)
{
    for (size_t i = s->n_releases; i-- > 0;)
        if (s->releases[i].chart == chart)
            return &s->releases[i];
    return NULL;
}

static const char *release_text(const struct release *r, const char *path)
{
    const struct helm_value *value = r ? release_value(r, path) : NULL;

    return value && value->text[0] ? value->text : NULL;
}

/* A setting of the GPU operator, of its chart or its ClusterPolicy; NULL: its default. */
static const char *operator_text(const struct system *s, const char *path)
{
    const char *text = release_text(last_release(s, CHART_GPU_OPERATOR), path);

    if (!text && s->policy)
        text = node_text(node_at(node_get(s->policy->root, "spec"), path), NULL);
    return text && text[0] ? text : NULL;
}

static bool has_operator(const struct system *s)
{
    return s->policy || last_release(s, CHART_GPU_OPERATOR);
}

/* The name of the configuration that the nodes get by their label or by default; NULL: none. */
static const char *wanted_key(const struct system *s, const struct pool *p)
{
    const char *key = p ? pool_label(p, "nvidia.com/device-plugin.config") : NULL;

    if (!key)
        key = release_text(last_release(s, CHART_DEVICE_PLUGIN), "config.default");
    return key ? key : operator_text(s, "devicePlugin.config.default");
}

/* Fallbacks of the plugin's: the key "default", then the only one. */
const struct plugin_config *supply_plugin(const struct system *s, const struct pool *p)
{
    const char *wanted = wanted_key(s, p);
    const struct plugin_config *only = NULL, *named = NULL;
    size_t n_loaded = 0;

    for (size_t i = 0; i < s->n_plugins; i++) {
        const struct plugin_config *c = &s->plugins[i];

        if (!c->loaded)
            continue;
        if (wanted && strcmp(c->key, wanted) == 0)
            return c;
        if (strcmp(c->key, "default") == 0)
            named = c;
        only = c;
        n_loaded++;
    }
    if (wanted)
        return NULL;
    return named ? named : n_loaded == 1 ? only : NULL;
}

/* Whether the plugin surely runs without a configuration file where none was found. */
static bool has_no_config(const struct system *s, const struct pool *p)
{
    if (wanted_key(s, p) || operator_text(s, "devicePlugin.config.name"))
        return false;
    for (size_t i = 0; i < s->n_plugins; i++)
        if (s->plugins[i].loaded)
            return false;
    for (size_t i = 0; i < s->n_releases; i++) {
        const struct release *r = &s->releases[i];

        if (r->chart == CHART_CARVE)
            return false;
        if ((r->chart == CHART_DEVICE_PLUGIN || r->chart == CHART_GPU_OPERATOR) &&
            (r->values_open || release_text(r, "config.name")))
            return false;
    }
    return true;
}

static bool read_strategy(enum config_mig *out, const char *text)
{
    static const char *const names[] = {"none", "single", "mixed"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i], text) == 0) {
            *out = (enum config_mig)i;
            return true;
        }
    }
    return false;
}

/* "--mig-strategy=mixed" of a container, or its environment. */
static const char *container_strategy(const struct yaml_node *container)
{
    static const char *const lists[] = {"args", "command"};
    static const char flag[] = "--mig-strategy=";
    const struct yaml_node *env = node_get(container, "env");

    for (size_t k = 0; k < 2; k++) {
        const struct yaml_node *words = node_get(container, lists[k]);

        for (size_t i = 0; words && words->kind == YAML_LIST && i < words->count; i++) {
            const char *word = node_text(words->items[i], "");

            if (text_starts(word, flag))
                return word + sizeof flag - 1;
        }
    }
    for (size_t i = 0; env && env->kind == YAML_LIST && i < env->count; i++)
        if (strcmp(node_text(node_get(env->items[i], "name"), ""), "MIG_STRATEGY") == 0)
            return node_text(node_get(env->items[i], "value"), NULL);
    return NULL;
}

/* Of a DaemonSet that is written out. */
static const char *daemon_strategy(const struct system *s)
{
    for (size_t i = 0; i < s->n_workloads; i++) {
        const struct yaml_node *containers;

        if (strcmp(s->workloads[i].kind, "DaemonSet") != 0 ||
            !plugin_view_is_daemon(&s->workloads[i]))
            continue;
        containers = node_get(s->workloads[i].pod, "containers");
        for (size_t k = 0; k < containers->count; k++) {
            const char *strategy = container_strategy(containers->items[k]);

            if (strategy)
                return strategy;
        }
    }
    return NULL;
}

/* Flags and the environment that a chart sets count more than the file. False: nobody can tell. */
static bool find_strategy(enum config_mig *out, const struct system *s,
                          const struct plugin_config *c)
{
    const char *text = release_text(last_release(s, CHART_DEVICE_PLUGIN), "migStrategy");

    if (!text)
        text = operator_text(s, "mig.strategy");
    if (!text && !has_operator(s))
        text = daemon_strategy(s);
    if (text)
        return read_strategy(out, text);
    *out = CONFIG_MIG_NONE;
    if (has_operator(s))
        *out = CONFIG_MIG_SINGLE;
    else if (c && c->config)
        *out = c->config->mig_strategy;
    return true;
}

/* The MIG configuration wished for the pool's nodes; NULL: none. */
static const char *find_wish(const struct system *s, const struct pool *p)
{
    const char *wish = pool_label(p, "nvidia.com/mig.config"), *enabled;

    if (wish || !has_operator(s))
        return wish;
    enabled = operator_text(s, "migManager.enabled");
    if (enabled && strcmp(enabled, "false") == 0)
        return NULL;
    return operator_text(s, "migManager.config.default");
}

/* Slices and whole GPUs by name, as the strategy has it. */
static bool name_slices(struct lint *l, struct supply *out, const struct mig_yield *yield,
                        enum config_mig strategy, const struct instance_type *t)
{
    switch (strategy) {
    case CONFIG_MIG_NONE:
        add(out, gpu_resource, t->gpus);
        return true;
    case CONFIG_MIG_SINGLE:
        if (yield->n > 1 || (yield->n == 1 && yield->whole_gpus > 0))
            return false;
        add(out, gpu_resource, yield->n == 1 ? yield->items[0].per_node : yield->whole_gpus);
        return true;
    case CONFIG_MIG_MIXED:
        break;
    }
    for (size_t i = 0; i < yield->n; i++)
        add(out, lint_printf(l, "nvidia.com/mig-%s", yield->items[i].profile),
            yield->items[i].per_node);
    if (yield->whole_gpus > 0)
        add(out, gpu_resource, yield->whole_gpus);
    return true;
}

/* Replicas, and the new names that they may bring. */
static bool share(struct lint *l, struct supply *out, const struct config *config)
{
    for (size_t i = 0; i < config->n_shares; i++) {
        const struct config_share *share = &config->shares[i];
        struct amount *amount = NULL;

        for (size_t k = 0; k < out->n && !amount; k++)
            if (strcmp(out->items[k].name, share->name) == 0)
                amount = &out->items[k];
        if (!amount)
            continue;
        if (config->honor_devices && share->devices_kind != CONFIG_DEVICES_ALL)
            return false;
        amount->count *= share->replicas;
        if (config->honor_rename && share->rename)
            amount->name = share->rename;
        else if (config->rename_by_default)
            amount->name = lint_printf(l, "%s.shared", amount->name);
    }
    return true;
}

static bool make_real(struct lint *l, struct supply *out, const struct system *s,
                      const struct pool *p, const struct instance_type *t)
{
    const struct plugin_config *c = supply_plugin(s, p);
    const char *wish = find_wish(s, p);
    struct mig_yield yield = {.whole_gpus = t->gpus};
    enum config_mig strategy;

    if (!s->has_plugin || !find_strategy(&strategy, s, c))
        return false;
    if (c ? !c->config : !has_no_config(s, p))
        return false;
    if (wish && text_is_placeholder(wish))
        return false;
    if (wish)
        mig_yield_make(l, &yield, s, wish, t);
    if (yield.state != MIG_YIELD_OK || !name_slices(l, out, &yield, strategy, t))
        return false;
    return !c || share(l, out, c->config);
}

bool supply_real(struct lint *l, struct supply *out, const struct system *s, const struct pool *p,
                 const struct instance_type *t)
{
    *out = (struct supply){0};
    if (make_real(l, out, s, p, t))
        return true;
    *out = (struct supply){0};
    if (t->gpus > 0)
        add(out, gpu_resource, t->gpus);
    return false;
}
