/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Charts as they are installed by objects: Flux's HelmRelease, Argo CD's Application, k3s'
 * HelmChart; and values files that nothing names, known by their keys.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "lint/view/release.h"

static void set_version(struct release *r, const struct document *d, const struct yaml_node *node)
{
    const char *text = node_text(node, "");

    r->version = text + (text[0] == 'v');
    if (node)
        r->version_spot = spot_of(d, node);
}

static struct release *add(struct lint *l, struct system *s, const struct document *d,
                           const char *reference)
{
    struct release *r = release_add(l, s, reference);

    if (!r)
        return NULL;
    r->doc = d;
    r->spot = spot_of(d, d->root);
    return r;
}

/* Values as a tree in the object, or something that will become one. */
static void take_tree(struct lint *l, struct release *r, const struct yaml_node *node)
{
    r->values_open |= node && text_is_placeholder(node_text(node, ""));
    release_values_tree(l, r, &(struct release_origin){.doc = r->doc}, "", node);
}

/* The document that reading made of a text of this object, or NULL. */
static const struct document *find_inner(const struct system *s, const struct document *outer,
                                         const char *key)
{
    for (size_t i = 0; s->n_releases < RELEASE_MAX_LOOKUPS && i < s->n_documents; i++)
        if (s->documents[i]->outer == outer && s->documents[i]->key &&
            strcmp(s->documents[i]->key, key) == 0)
            return s->documents[i];
    return NULL;
}

/* Values as a text under a key of the object. */
static void take_text(struct lint *l, const struct system *s, struct release *r,
                      const struct yaml_node *map, const char *key)
{
    const char *text = node_text(node_get(map, key), NULL);
    const struct document *inner = text ? find_inner(s, r->doc, key) : NULL;
    struct release_origin origin = {.doc = inner};

    if (inner) {
        release_values_tree(l, r, &origin, "", inner->root);
    } else if (text) {
        origin.doc = r->doc;
        origin.spot = spot_of(r->doc, node_get(map, key));
        r->values_open |= !release_values_text(l, r, &origin, "", text);
    }
}

static void read_flux(struct lint *l, struct system *s, const struct document *d)
{
    const struct yaml_node *spec = node_get(d->root, "spec");
    const struct yaml_node *chart = node_at(spec, "chart.spec");
    const char *reference = node_text(node_get(chart, "chart"), "");
    struct release *r;

    if (!reference[0])
        reference = node_text(node_at(spec, "chartRef.name"), "");
    r = add(l, s, d, reference);
    if (!r)
        return;
    r->name = node_text(node_get(spec, "releaseName"), d->name);
    r->space = node_text(node_get(spec, "targetNamespace"), d->space);
    set_version(r, d, node_get(chart, "version"));
    r->values_open = node_get(spec, "valuesFrom");
    take_tree(l, r, node_get(spec, "values"));
}

static void read_parameters(struct lint *l, struct release *r, const struct yaml_node *list)
{
    if (!list || list->kind != YAML_LIST)
        return;
    for (size_t i = 0; i < list->count && i < VIEW_MAX_ENTRIES; i++) {
        const struct yaml_node *value = node_get(list->items[i], "value");
        const struct release_origin o = {.doc = r->doc,
                                         .spot = spot_of(r->doc, value ? value : list->items[i])};
        const char *name = node_text(node_get(list->items[i], "name"), "");

        if (name[0])
            release_values_one(l, r, &o, name, node_text(value, ""));
    }
}

static void read_argo_source(struct lint *l, struct system *s, const struct document *d,
                             const struct yaml_node *source)
{
    const struct yaml_node *helm = node_get(source, "helm");
    const char *reference = node_text(node_get(source, "chart"), "");
    struct release *r;

    if (!reference[0])
        reference = node_text(node_get(source, "path"), "");
    if (!reference[0] || release_chart(reference) == CHART_OTHER)
        return;
    r = add(l, s, d, reference);
    if (!r)
        return;
    r->name = node_text(node_get(helm, "releaseName"), d->name);
    r->space = node_text(node_at(d->root, "spec.destination.namespace"), "");
    if (node_get(source, "chart"))
        set_version(r, d, node_get(source, "targetRevision"));
    r->values_open = node_get(helm, "valueFiles") || node_get(helm, "fileParameters");
    take_text(l, s, r, helm, "values");
    take_tree(l, r, node_get(helm, "valuesObject"));
    read_parameters(l, r, node_get(helm, "parameters"));
}

static void read_argo(struct lint *l, struct system *s, const struct document *d)
{
    const struct yaml_node *sources = node_at(d->root, "spec.sources");

    read_argo_source(l, s, d, node_at(d->root, "spec.source"));
    for (size_t i = 0; sources && sources->kind == YAML_LIST && i < sources->count && i < 64; i++)
        read_argo_source(l, s, d, sources->items[i]);
}

static void read_k3s(struct lint *l, struct system *s, const struct document *d)
{
    const struct yaml_node *spec = node_get(d->root, "spec");
    struct release *r = add(l, s, d, node_text(node_get(spec, "chart"), ""));

    if (!r)
        return;
    r->name = d->name;
    r->space = node_text(node_get(spec, "targetNamespace"), d->space);
    set_version(r, d, node_get(spec, "version"));
    take_text(l, s, r, spec, "valuesContent");
    take_tree(l, r, node_get(spec, "set"));
}

void release_read(struct lint *l, struct system *s, const struct document *d)
{
    if (document_is(d, "helm.toolkit.fluxcd.io", "HelmRelease"))
        read_flux(l, s, d);
    else if (document_is(d, "argoproj.io", "Application"))
        read_argo(l, s, d);
    else if (document_is(d, "helm.cattle.io", "HelmChart"))
        read_k3s(l, s, d);
}

/*
 * Keys at the root of values, by chart. One that is marked says it alone; of the others two are
 * needed.
 */
static const struct {
    enum chart chart;
    const char *path;
    bool alone;
} marks[] = {
    {CHART_GPU_OPERATOR, "migManager", true},
    {CHART_GPU_OPERATOR, "mig.strategy", true},
    {CHART_GPU_OPERATOR, "dcgmExporter", false},
    {CHART_GPU_OPERATOR, "devicePlugin", true},
    {CHART_GPU_OPERATOR, "operator", false},
    {CHART_GPU_OPERATOR, "driver", false},
    {CHART_GPU_OPERATOR, "toolkit", false},
    {CHART_GPU_OPERATOR, "cdi", false},
    {CHART_GPU_OPERATOR, "validator", false},
    {CHART_GPU_OPERATOR, "nodeStatusExporter", false},
    {CHART_GPU_OPERATOR, "vgpuManager", false},
    {CHART_GPU_OPERATOR, "sandboxWorkloads", false},
    {CHART_DEVICE_PLUGIN, "migStrategy", true},
    {CHART_DEVICE_PLUGIN, "config.map", true},
    {CHART_DEVICE_PLUGIN, "config.fallbackStrategies", true},
    {CHART_DEVICE_PLUGIN, "deviceListStrategy", true},
    {CHART_DEVICE_PLUGIN, "deviceIDStrategy", true},
    {CHART_DEVICE_PLUGIN, "compatWithCPUManager", true},
    {CHART_DEVICE_PLUGIN, "failOnInitError", true},
    {CHART_DEVICE_PLUGIN, "nvidiaDriverRoot", true},
    {CHART_DEVICE_PLUGIN, "config.name", false},
    {CHART_DEVICE_PLUGIN, "config.default", false},
    {CHART_DEVICE_PLUGIN, "gfd.enabled", false},
    {CHART_DEVICE_PLUGIN, "nfd.enabled", false},
    {CHART_DEVICE_PLUGIN, "affinity", false},
    {CHART_DEVICE_PLUGIN, "runtimeClassName", false},
    {CHART_CARVE, "migManager.drain", true},
    {CHART_CARVE, "migManager.reboot", true},
    {CHART_CARVE, "readyDeadline", true},
    {CHART_CARVE, "faultTaint", true},
    {CHART_CARVE, "admissionPolicy.enabled", true},
    {CHART_KARPENTER, "settings.featureGates", true},
    {CHART_KARPENTER, "settings.clusterName", true},
    {CHART_KARPENTER, "settings.interruptionQueue", true},
};

/* carve's own keys win, as it has those of both; then the operator's, as it has the plugin's. */
static enum chart guess(const struct yaml_node *root)
{
    unsigned points[CHART_CARVE + 1] = {0};
    static const enum chart order[] = {CHART_CARVE, CHART_GPU_OPERATOR, CHART_DEVICE_PLUGIN,
                                       CHART_KARPENTER};

    if (node_at(root, "config.map") && node_at(root, "migManager"))
        return CHART_CARVE;
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
        if (node_at(root, marks[i].path))
            points[marks[i].chart] += marks[i].alone ? 2 : 1;
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
        if (points[order[i]] >= 2)
            return order[i];
    return CHART_OTHER;
}

static bool is_used(const struct system *s, const struct document *d)
{
    for (size_t i = 0; i < s->n_releases; i++)
        for (size_t k = 0; k < s->releases[i].n_values; k++)
            if (s->releases[i].values[k].doc == d)
                return true;
    return false;
}

/* The values with which a chart comes: its own, and no wish of anybody's. */
static bool is_charts_own(const struct system *s, const struct document *d)
{
    const char *file = d->piece->source->file, *slash = strrchr(file, '/');
    int folder = slash ? (int)(slash - file) + 1 : 0;
    char path[4096];
    int n = snprintf(path, sizeof path, "%.*sChart.yaml", folder, file);

    if (n < 0 || (size_t)n >= sizeof path)
        return false;
    for (size_t i = 0; s->n_releases < RELEASE_MAX_LOOKUPS && i < s->n_documents; i++)
        if (strcmp(s->documents[i]->piece->source->file, path) == 0)
            return true;
    return access(path, F_OK) == 0;
}

void release_read_values(struct lint *l, struct system *s, const struct document *d)
{
    enum chart chart;
    struct release *r;

    if (d->kind[0] || d->api_version[0] || d->outer || d->root->kind != YAML_MAP ||
        plugin_view_is(d) || mig_view_is(d))
        return;
    chart = guess(d->root);
    if (chart == CHART_OTHER || is_used(s, d) || is_charts_own(s, d))
        return;
    r = add(l, s, d, "");
    if (!r)
        return;
    r->chart = chart;
    take_tree(l, r, d->root);
}
