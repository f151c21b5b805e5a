/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device plugin as the set installs it: whether its configuration is loaded and from the right
 * namespace, whether two of them run. Whether it comes onto the nodes is check_plugin_nodes.c's.
 */
#include <string.h>

#include "lint/check/charts.h"
#include "lint/check/checks.h"
#include "lint/check/stack.h"
#include "lint/fix/fix.h"
#include "lint/view/call.h"

/* Where a ConfigMap's name stands, or the whole of it. */
static struct spot name_spot(const struct document *d)
{
    const struct yaml_node *name = node_at(d->root, "metadata.name");

    return name ? spot_of(d, name) : spot_of_document(d);
}

/* Whether pods ask for slices of MIG, be it under a wrong name ("nvidia.com/2g.10gb"). */
static bool asks_for_slices(const struct system *s)
{
    for (size_t i = 0; i < s->n_workloads; i++)
        for (size_t k = 0; k < s->workloads[i].n_asks; k++) {
            const char *name = s->workloads[i].asks[k].name;

            if (resource_profile(name) ||
                (strncmp(name, "nvidia.com/", 11) == 0 && strstr(name, "g.") && strstr(name, "gb")))
                return true;
        }
    return false;
}

/*
 * The command that applies the static manifest by the chart's, which loads the ConfigMap; by the
 * operator's where slices are wanted, of which only that makes any.
 */
static void install_chart(struct lint *l, struct finding *f, const struct command *c,
                          const struct document *holder, const char *key)
{
    bool slices = asks_for_slices(&l->system);
    enum chart chart = slices ? CHART_GPU_OPERATOR : CHART_DEVICE_PLUGIN;
    const char *space = *holder->space ? holder->space : "kube-system", *name;
    const char *url = charts_repository(chart, &name), *values;

    values = slices ? lint_printf(l,
                                  "%s--set mig.strategy=mixed --set devicePlugin.config.name=%s "
                                  "--set devicePlugin.config.default=%s",
                                  l->system.eks ? "--set driver.enabled=false "
                                                  "--set toolkit.enabled=false "
                                                : "",
                                  holder->name, key)
                    : lint_printf(l, "--set config.name=%s", holder->name);
    fix_add_command(l, f, c, true,
                    lint_printf(l, "helm repo add %s %s\nhelm repo update", name, url));
    stack_edit(l, f, c->spot,
               lint_printf(l,
                           "helm upgrade -i %s %s/%s --namespace %s --create-namespace "
                           "--version %s %s",
                           slices ? "gpu-operator" : "nvdp", name, charts_find(chart)->name, space,
                           charts_newest(charts_find(chart)), values));
}

static void not_loaded(struct lint *l, const struct document *holder, const char *key, bool *edited)
{
    const struct command *c = stack_static_plugin(&l->system);
    const struct release *r = stack_plugin_release(&l->system);
    struct finding *f = lint_find(l, RULE_PLUGIN_CONFIG_NOT_LOADED, name_spot(holder),
                                  "no device plugin loads the ConfigMap '%s': %s", holder->name,
                                  c && !r ? "the static DaemonSet takes no configuration at all"
                                          : "nothing names it");

    if (r) {
        bool is_operator = r->chart == CHART_GPU_OPERATOR;

        finding_cure(l, f, "set %sconfig.name=%s", is_operator ? "devicePlugin." : "",
                     holder->name);
        if (r->command && !*edited &&
            !release_value(r, is_operator ? "devicePlugin.config.name" : "config.name"))
            fix_add_words(l, f, r->command,
                          lint_printf(l, "--set %sconfig.name=%s",
                                      is_operator ? "devicePlugin." : "", holder->name));
    } else {
        finding_cure(l, f, "install the chart nvidia-device-plugin with config.name=%s",
                     holder->name);
        if (c && !*edited)
            install_chart(l, f, c, holder, key);
    }
    *edited = true;
}

/* The plugin's files of the set, those that were only meant as such behind them. */
static const struct document *holder_at(const struct system *s, size_t i, bool *loaded,
                                        const char **key)
{
    const struct document *d;

    if (i < s->n_plugins) {
        *loaded = s->plugins[i].loaded;
        *key = s->plugins[i].key;
        return stack_is_config(s, &s->plugins[i]) ? s->plugins[i].holder : NULL;
    }
    d = s->documents[i - s->n_plugins];
    *key = d->key ? d->key : "";
    *loaded = !stack_static_plugin(s) || stack_plugin_release(s);
    return stack_is_meant_config(s, d) ? d->outer : NULL;
}

/* Whether a command applies manifests into that namespace, or a kustomization moves them there. */
static bool applied_into(const struct system *s, const char *space)
{
    struct call call;

    for (size_t i = 0; i < s->n_documents; i++)
        if (strcmp(s->documents[i]->kind, "Kustomization") == 0)
            return true;
    for (size_t i = 0; i < s->n_commands; i++) {
        const struct word *w;

        if (call_read(&call, s->commands[i], "kubectl") &&
            (call_is(&call, "apply", NULL) || call_is(&call, "create", NULL)) &&
            (w = call_option(&call, "--namespace", "-n")) && strcmp(call_value(w), space) == 0)
            return true;
    }
    return false;
}

/* Whether a release of the plugin is in that namespace. */
static bool has_plugin_in(const struct system *s, const char *space)
{
    for (size_t i = 0; i < s->n_releases; i++)
        if ((s->releases[i].chart == CHART_DEVICE_PLUGIN ||
             s->releases[i].chart == CHART_GPU_OPERATOR || s->releases[i].chart == CHART_CARVE) &&
            (!*s->releases[i].space || strcmp(s->releases[i].space, space) == 0))
            return true;
    return false;
}

static void check_space(struct lint *l, const struct document *holder)
{
    const struct system *s = &l->system;
    const char *space = stack_plugin_space(s);
    struct finding *f;

    if (!space || text_is_placeholder(space) || strcmp(holder->kind, "ConfigMap") != 0 ||
        text_is_placeholder(holder->space) || strcmp(holder->space, space) == 0 ||
        (*holder->space ? has_plugin_in(s, holder->space) : applied_into(s, space)))
        return;
    if (*holder->space)
        f = lint_find(l, RULE_PLUGIN_CONFIG_NAMESPACE, name_spot(holder),
                      "the ConfigMap '%s' is in the namespace '%s', the plugin in '%s': it cannot "
                      "be mounted there",
                      holder->name, holder->space, space);
    else
        f = lint_find(l, RULE_PLUGIN_CONFIG_NAMESPACE, name_spot(holder),
                      "the ConfigMap '%s' names no namespace and lands in the current one; the "
                      "plugin reads it in '%s' alone",
                      holder->name, space);
    finding_cure(l, f, "write namespace: %s", space);
    fix_put(l, f, holder, "metadata", "namespace", space);
}

static bool seen_before(const struct system *s, size_t i, const struct document *holder)
{
    for (size_t k = 0; k < i && k < s->n_plugins; k++)
        if (s->plugins[k].holder == holder)
            return true;
    return false;
}

/* Commands in two documents of prose: each tells of a way of its own. */
static bool are_two_ways(const struct command *a, const struct command *b)
{
    return a && b && a->piece->fenced && b->piece->fenced && a->piece->source != b->piece->source;
}

static void check_two(struct lint *l)
{
    const struct system *s = &l->system;
    const struct release *chart = NULL, *operator_release = NULL;
    const struct command *command = stack_static_plugin(s);
    struct finding *f;

    for (size_t i = 0; i < s->n_releases; i++) {
        const struct release *r = &s->releases[i];

        if (!stack_truth(r, "devicePlugin.enabled", true) || (!r->command && !*r->doc->kind) ||
            (r->values_open && !release_value(r, "devicePlugin.enabled")))
            continue;
        if (r->chart == CHART_DEVICE_PLUGIN)
            chart = r;
        else if (r->chart == CHART_GPU_OPERATOR)
            operator_release = r;
    }
    /* In different blocks of a text they are ways to choose from. */
    if (!operator_release && chart && chart->command && command &&
        chart->command->piece == command->piece) {
        f = lint_find(l, RULE_TWO_PLUGINS, chart->spot,
                      "the chart brings a device plugin, and the static manifest another: both "
                      "register the same resource, and GPUs are given out twice");
        finding_cure(l, f, "keep the chart and drop the manifest");
    }
    if (!operator_release || (!chart && !command && !stack_plugin_daemonset(s)) ||
        are_two_ways(operator_release->command, chart ? chart->command : command))
        return;
    f = lint_find(l, RULE_TWO_PLUGINS, operator_release->spot,
                  "the GPU operator brings a device plugin, and the set installs another: both "
                  "register the same resource, and GPUs are given out twice");
    finding_cure(l, f, "drop the other one, or set devicePlugin.enabled=false");
}

void check_plugin_install(struct lint *l)
{
    const struct system *s = &l->system;
    bool edited = false;

    for (size_t i = 0; i < s->n_plugins + s->n_documents; i++) {
        bool loaded;
        const char *key;
        const struct document *holder = holder_at(s, i, &loaded, &key);

        if (!holder || (i < s->n_plugins && seen_before(s, i, holder)))
            continue;
        if (!loaded)
            not_loaded(l, holder, key, &edited);
        check_space(l, holder);
    }
    check_two(l);
}
