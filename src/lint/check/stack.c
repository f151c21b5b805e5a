/* SPDX-License-Identifier: Apache-2.0 */
/* What the set shows of NVIDIA's stack: see stack.h. */
#include "lint/check/stack.h"

#include <stdarg.h>
#include <string.h>

#include "lint/fix/fix.h"
#include "lint/view/call.h"

void stack_edit(struct lint *l, struct finding *f, struct spot spot, const char *text)
{
    struct edit *e = arena_alloc(&l->arena, sizeof *e), **end = &f->edits;

    if (!e) {
        l->out_of_memory = true;
        return;
    }
    *e = (struct edit){.spot = spot, .text = text};
    while (*end)
        end = &(*end)->next;
    *end = e;
}

/* Plugins of other makers' devices have such names too. */
static bool is_plugins_name(const struct system *s, const char *name)
{
    static const char *const others[] = {"intel", "sriov", "rdma",   "amd", "habana",
                                         "gaudi", "fpga",  "neuron", "efa", "smarter"};

    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strstr(name, others[i]))
            return false;
    return strstr(name, "nvidia-device-plugin") ||
           (s->has_plugin && (strstr(name, "device-plugin") || strstr(name, "time-slicing")));
}

bool stack_is_config(const struct system *s, const struct plugin_config *p)
{
    static const char *const keys[] = {"sharing", "flags", "resources", "imex", "carve"};
    static const char *const paths[] = {"config.name", "devicePlugin.config.name"};

    if (!p->holder || strcmp(p->holder->kind, "ConfigMap") != 0 || p->doc->root->count < 2 ||
        is_plugins_name(s, p->holder->name))
        return true;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (node_pair(p->doc->root, keys[i]))
            return true;
    for (size_t i = 0; i < s->n_releases; i++)
        for (size_t k = 0; k < 2; k++) {
            const struct helm_value *v = release_value(&s->releases[i], paths[k]);

            if (v && strcmp(v->text, p->holder->name) == 0)
                return true;
        }
    return false;
}

bool stack_is_meant_config(const struct system *s, const struct document *d)
{
    const struct document *holder = d->outer;

    if (!holder || strcmp(holder->kind, "ConfigMap") != 0 || *d->kind || *d->api_version ||
        d->root->kind != YAML_MAP || d->root->count == 0 || !is_plugins_name(s, holder->name) ||
        node_get(d->root, "mig-configs"))
        return false;
    for (size_t i = 0; i < s->n_plugins; i++)
        if (s->plugins[i].doc == d)
            return false;
    return true;
}

const struct release *stack_release(const struct system *s, enum chart chart)
{
    for (size_t i = 0; i < s->n_releases; i++)
        if (s->releases[i].chart == chart)
            return &s->releases[i];
    return NULL;
}

bool stack_truth(const struct release *r, const char *path, bool otherwise)
{
    const struct helm_value *v = release_value(r, path);
    int truth = v ? yaml_truth(v->text) : -1;

    return truth < 0 ? otherwise : truth == 1;
}

const struct command *stack_static_plugin(const struct system *s)
{
    for (size_t i = 0; i < s->n_commands; i++) {
        const struct word *file;
        struct call call;
        size_t at = 0;

        if (!call_read(&call, s->commands[i], "kubectl") ||
            !(call_is(&call, "apply", NULL) || call_is(&call, "create", NULL)))
            continue;
        while ((file = call_next_option(&call, "--filename", "-f", &at))) {
            const char *text = call_value(file);

            if (strstr(text, "NVIDIA/k8s-device-plugin/") && strstr(text, "nvidia-device-plugin"))
                return s->commands[i];
        }
    }
    return NULL;
}

const struct workload *stack_plugin_daemonset(const struct system *s)
{
    for (size_t i = 0; i < s->n_workloads; i++) {
        const struct workload *w = &s->workloads[i];
        const struct yaml_node *containers;

        if (strcmp(w->kind, "DaemonSet") != 0)
            continue;
        containers = node_get(w->pod, "containers");
        if (!containers || containers->kind != YAML_LIST)
            continue;
        for (size_t k = 0; k < containers->count; k++)
            if (strstr(node_text(node_get(containers->items[k], "image"), ""), "k8s-device-plugin"))
                return w;
    }
    return NULL;
}

const struct release *stack_plugin_release(const struct system *s)
{
    const struct release *operator_release = NULL;

    for (size_t i = 0; i < s->n_releases; i++) {
        const struct release *r = &s->releases[i];

        if (r->chart == CHART_DEVICE_PLUGIN && stack_truth(r, "devicePlugin.enabled", true))
            return r;
        if (r->chart == CHART_GPU_OPERATOR && stack_truth(r, "devicePlugin.enabled", true))
            operator_release = r;
    }
    return operator_release;
}

const char *stack_plugin_space(const struct system *s)
{
    const struct release *r = stack_plugin_release(s);
    const struct workload *w = stack_plugin_daemonset(s);

    if (r)
        return *r->space ? r->space : NULL;
    if (w)
        return *w->space ? w->space : NULL;
    return stack_static_plugin(s) ? "kube-system" : NULL;
}

/* The strategy that all configurations of the set agree on; "" if there is none, NULL if they
 * differ. */
static const char *configured_strategy(const struct system *s)
{
    static const char *const names[] = {"none", "single", "mixed"};
    const char *all = "";

    for (size_t i = 0; i < s->n_plugins; i++) {
        const char *one;

        if (!s->plugins[i].config)
            return NULL;
        one = names[s->plugins[i].config->mig_strategy];
        if (*all && strcmp(all, one) != 0)
            return NULL;
        all = one;
    }
    return all;
}

const char *stack_strategy(const struct system *s)
{
    const struct release *r = stack_plugin_release(s);
    const char *configured = configured_strategy(s);
    const struct helm_value *said = NULL;

    if (r)
        said = release_value(r, r->chart == CHART_GPU_OPERATOR ? "mig.strategy" : "migStrategy");
    if (said && *said->text)
        return text_is_placeholder(said->text) ? NULL : said->text;
    if (r && r->chart == CHART_GPU_OPERATOR)
        return r->values_open ? NULL : "single";
    if (!r && s->policy) {
        const char *text = node_text(node_at(s->policy->root, "spec.mig.strategy"), "single");

        return text_is_placeholder(text) ? NULL : text;
    }
    if (!configured || *configured)
        return configured;
    if (r)
        return r->values_open || release_value(r, "config.name") ? NULL : "none";
    return stack_static_plugin(s) ? "none" : NULL;
}
