/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The view of device plugin configurations: ConfigMaps' keys, texts in values, files of their own.
 * Whether one is used at all follows from what else the set shows.
 */
#include <string.h>

#include "base/text.h"
#include "lint/view/config_view.h"

/* No other object has these keys at its root. */
bool plugin_view_is(const struct document *d)
{
    static const char *const keys[] = {
        "sharing.timeSlicing", "sharing.mps", "flags.migStrategy",     "flags.plugin",
        "flags.gfd",           "carve.honor", "flags.failOnInitError", "flags.deviceListStrategy"};
    static const char *const lists[] = {"resources.gpus", "resources.mig"};
    const char *version;

    if (d->kind[0] || d->api_version[0] || d->root->kind != YAML_MAP || mig_view_is(d))
        return false;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (node_at(d->root, keys[i]))
            return true;
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        const struct yaml_node *list = node_at(d->root, lists[i]);

        if (list && list->kind == YAML_LIST)
            return true;
    }
    version = node_text(node_get(d->root, "version"), "");
    return strcmp(version, "v1") == 0 &&
           (node_get(d->root, "sharing") || node_get(d->root, "flags") || d->outer);
}

void plugin_view_read(struct lint *l, struct system *s, const struct document *d)
{
    struct config_notes notes = {0};
    struct plugin_config *grown;
    struct config *config = NULL;
    const char *text;

    if (!plugin_view_is(d))
        return;
    text = config_view_text(l, d);
    grown = text ? view_grow(l, s->plugins, s->n_plugins, sizeof *grown) : NULL;
    if (!grown)
        return;
    s->plugins = grown;
    if (config_text_plugin(&config, &notes, &l->arena, text, strlen(text)) < 0) {
        l->out_of_memory = true;
        return;
    }
    config_view_place(d, &notes);
    grown[s->n_plugins++] = (struct plugin_config){
        .doc = d,
        .holder = d->outer,
        .key = d->key ? d->key : "",
        .config = config,
        .n_notes = notes.n,
        .notes = notes.items,
    };
}

void plugin_view_read_values(struct lint *l, struct system *s)
{
    config_view_values(l, s, "config.map.", CHART_DEVICE_PLUGIN, plugin_view_read);
    config_view_values(l, s, "config.map.", CHART_CARVE, plugin_view_read);
    config_view_values(l, s, "devicePlugin.config.data.", CHART_GPU_OPERATOR, plugin_view_read);
}

static bool brings_plugin(const struct release *r)
{
    return r->chart == CHART_DEVICE_PLUGIN || r->chart == CHART_GPU_OPERATOR ||
           r->chart == CHART_CARVE;
}

bool plugin_view_is_daemon(const struct workload *w)
{
    static const char *const images[] = {"k8s-device-plugin", "nvidia-device-plugin",
                                         "nvidia-gpu-device-plugin", "carved"};
    const struct yaml_node *containers = node_get(w->pod, "containers");

    if (strcmp(w->kind, "DaemonSet") != 0 || !containers || containers->kind != YAML_LIST)
        return false;
    for (size_t i = 0; i < containers->count; i++) {
        const char *image = node_text(node_get(containers->items[i], "image"), "");

        for (size_t k = 0; k < sizeof images / sizeof images[0]; k++)
            if (strstr(image, images[k]))
                return true;
    }
    return false;
}

/* kubectl apply -f …/nvidia-device-plugin.yml */
static bool applies_plugin(const struct command *c)
{
    bool applies = false, names = false;

    if (c->n_words < 2 || !strstr(c->words[0].text, "kubectl"))
        return false;
    for (size_t i = 1; i < c->n_words; i++) {
        applies |=
            strcmp(c->words[i].text, "apply") == 0 || strcmp(c->words[i].text, "create") == 0;
        names |=
            strstr(c->words[i].text, "://") && strstr(c->words[i].text, "nvidia-device-plugin");
    }
    return applies && names;
}

static bool has_plugin(const struct system *s)
{
    for (size_t i = 0; i < s->n_releases; i++)
        if (brings_plugin(&s->releases[i]))
            return true;
    for (size_t i = 0; i < s->n_workloads; i++)
        if (plugin_view_is_daemon(&s->workloads[i]))
            return true;
    for (size_t i = 0; i < s->n_commands; i++)
        if (applies_plugin(s->commands[i]))
            return true;
    return s->policy;
}

static bool release_names(const struct release *r, const char *name)
{
    static const char *const paths[] = {"config.name", "devicePlugin.config.name"};

    for (size_t i = 0; i < 2 && brings_plugin(r); i++) {
        const struct helm_value *value = release_value(r, paths[i]);

        if (value && (strcmp(value->text, name) == 0 || text_is_placeholder(value->text)))
            return true;
    }
    /* What it takes from elsewhere may name it, and a file of values alone is not all there is; our
     * own chart is not looked into. */
    return brings_plugin(r) &&
           (r->values_open || r->chart == CHART_CARVE || (!r->command && !*r->doc->kind));
}

static bool mounts(const struct workload *w, const char *name)
{
    const struct yaml_node *volumes = node_get(w->pod, "volumes");

    for (size_t i = 0; volumes && volumes->kind == YAML_LIST && i < volumes->count; i++) {
        const struct yaml_node *sources = node_at(volumes->items[i], "projected.sources");

        if (strcmp(node_text(node_at(volumes->items[i], "configMap.name"), ""), name) == 0)
            return true;
        for (size_t k = 0; sources && sources->kind == YAML_LIST && k < sources->count; k++)
            if (strcmp(node_text(node_at(sources->items[k], "configMap.name"), ""), name) == 0)
                return true;
    }
    return false;
}

/* A patch of the operator's ClusterPolicy names the ConfigMap inside of a word. */
static bool patches(const struct command *c, const char *name)
{
    for (size_t i = 1; i < c->n_words; i++)
        if (strstr(c->words[i].text, "devicePlugin") && strstr(c->words[i].text, name))
            return true;
    return false;
}

static bool is_loaded(const struct system *s, const struct document *holder)
{
    if (!holder || strcmp(holder->kind, "ConfigMap") != 0 || !holder->name[0] || !s->has_plugin)
        return true;
    for (size_t i = 0; i < s->n_releases; i++)
        if (release_names(&s->releases[i], holder->name))
            return true;
    for (size_t i = 0; i < s->n_workloads; i++)
        if (mounts(&s->workloads[i], holder->name))
            return true;
    for (size_t i = 0; i < s->n_commands; i++)
        if (patches(s->commands[i], holder->name))
            return true;
    if (s->policy &&
        strcmp(node_text(node_at(s->policy->root, "spec.devicePlugin.config.name"), ""),
               holder->name) == 0)
        return true;
    return false;
}

/* Sets have a few configurations; beyond a bound they count as used. */
void plugin_view_link(struct system *s)
{
    enum { MAX_LOOKED_AT = 256 };

    for (size_t i = 0; i < s->n_documents && !s->policy; i++)
        if (document_is(s->documents[i], "nvidia.com", "ClusterPolicy"))
            s->policy = s->documents[i];
    s->has_plugin = has_plugin(s);
    for (size_t i = 0; i < s->n_plugins; i++)
        s->plugins[i].loaded = i >= MAX_LOOKED_AT || is_loaded(s, s->plugins[i].holder);
}
