/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The view of a NodePool, or of a Provisioner of old, with its fields wherever they were written:
 * what its nodes will carry and cost. Which types it may buy is pool_types.c's.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "lint/view/pool_types.h"
#include "lint/view/view.h"

/* Where the template's spec may stand, the right place first; its metadata; seen all together. */
static const char *const spec_paths[] = {"spec.template.spec", "spec.template", "spec.constraints",
                                         "spec"};
static const char *const label_paths[] = {"spec.template.metadata.labels", "spec.template.labels",
                                          "spec.template.spec.labels", "spec.constraints.labels",
                                          "spec.labels"};
enum {
    N_SPEC_PATHS = sizeof spec_paths / sizeof spec_paths[0],
    N_LABEL_PATHS = sizeof label_paths / sizeof label_paths[0],
};

/* The first of the places that has this key. */
static const struct yaml_node *find_field(const struct document *d, const char *key)
{
    for (size_t i = 0; i < N_SPEC_PATHS; i++) {
        const struct yaml_node *value = node_get(node_at(d->root, spec_paths[i]), key);

        if (value)
            return value;
    }
    return NULL;
}

static const struct yaml_node *find_spec(const struct document *d)
{
    for (size_t i = 0; i < N_SPEC_PATHS; i++) {
        const struct yaml_node *spec = node_at(d->root, spec_paths[i]);

        if (spec && (i == 0 || i + 1 == N_SPEC_PATHS || node_get(spec, "requirements")))
            return spec;
    }
    return NULL;
}

static void read_labels(struct pool *p)
{
    for (size_t i = 0; i < N_LABEL_PATHS && !p->labels; i++) {
        const struct yaml_node *labels = node_at(p->doc->root, label_paths[i]);

        if (labels && labels->kind == YAML_MAP)
            p->labels = labels;
    }
}

static void read_limits(struct lint *l, struct pool *p)
{
    const struct yaml_node *limits = find_field(p->doc, "limits");
    const struct yaml_node *nested = node_get(limits, "resources");

    if (nested && nested->kind == YAML_MAP)
        limits = nested;
    p->limits_node = limits;
    view_amounts(l, limits, &p->limits, &p->n_limits);
}

static void read_class(struct pool *p)
{
    static const char *const keys[] = {"nodeClassRef", "providerRef"};

    p->class_name = "";
    for (size_t i = 0; i < 2 && !p->class_name[0]; i++) {
        const struct yaml_node *ref = find_field(p->doc, keys[i]);

        p->class_name = node_text(node_get(ref, "name"), "");
        p->foreign_class = text_starts(node_text(node_get(ref, "group"), ""), "eks.amazonaws.com");
    }
}

/* "nvidia.com/gpu" and its kin as the key of a limit, a taint, a label or a requirement. */
static bool own_words(const struct pool *p)
{
    for (size_t i = 0; i < p->n_limits; i++)
        if (resource_is_gpu(p->limits[i].name) && p->limits[i].count > 0)
            return true;
    for (size_t i = 0; i < p->n_taints; i++)
        if (text_starts(p->taints[i].key, "nvidia.com/"))
            return true;
    for (size_t i = 0; i < p->n_requirements; i++)
        if (text_starts(p->requirements[i].key, "nvidia.com/"))
            return true;
    for (size_t i = 0; p->labels && i < p->labels->count; i++)
        if (text_starts(p->labels->pairs[i].key->text, "nvidia.com/"))
            return true;
    return false;
}

void pool_read(struct lint *l, struct system *s, const struct document *d)
{
    struct pool *p;
    int64_t weight;

    if (!document_is(d, "karpenter.sh", "NodePool") &&
        !document_is(d, "karpenter.sh", "Provisioner"))
        return;
    p = view_grow(l, s->pools, s->n_pools, sizeof *p);
    if (!p)
        return;
    s->pools = p;
    p += s->n_pools++;
    *p = (struct pool){.doc = d, .name = d->name, .template_spec = find_spec(d)};
    p->requirements_node = find_field(d, "requirements");
    view_requirements(l, p->requirements_node, &p->requirements, &p->n_requirements);
    view_taints(l, find_field(d, "taints"), &p->taints, &p->n_taints);
    view_taints(l, find_field(d, "startupTaints"), &p->startup_taints, &p->n_startup_taints);
    read_labels(p);
    read_limits(l, p);
    read_class(p);
    p->fixed = node_at(d->root, "spec.replicas");
    if (quantity_read(&weight, node_text(node_at(d->root, "spec.weight"), "0"), 1) && weight >= 0 &&
        weight <= INT32_MAX)
        p->weight = (int)weight;
    pool_types_read(l, p);
    p->gpu = p->gpu || own_words(p);
}

static int by_name(const void *left, const void *right)
{
    const struct node_class *const *a = left, *const *b = right;

    return strcmp((*a)->name, (*b)->name);
}

void pool_link(struct lint *l, struct system *s)
{
    const struct node_class **sorted =
        s->n_classes ? view_alloc(l, s->n_classes * sizeof *sorted) : NULL;

    if (!sorted)
        return;
    for (size_t i = 0; i < s->n_classes; i++)
        sorted[i] = &s->classes[i];
    qsort(sorted, s->n_classes, sizeof *sorted, by_name);
    for (size_t i = 0; i < s->n_pools; i++) {
        const struct node_class key = {.name = s->pools[i].class_name}, *wanted = &key;
        const struct node_class *const *found =
            bsearch(&wanted, sorted, s->n_classes, sizeof *sorted, by_name);

        if (found && key.name[0])
            s->pools[i].class = *found;
    }
}

const char *pool_label(const struct pool *p, const char *key)
{
    const char *text = node_text(node_get(p->labels, key), NULL);

    if (text)
        return text;
    for (size_t i = 0; i < p->n_requirements; i++) {
        const struct requirement *r = &p->requirements[i];

        if (r->op == OPERATOR_IN && r->n_values == 1 && strcmp(r->key, key) == 0)
            return r->values[0];
    }
    if (strcmp(key, "karpenter.sh/nodepool") == 0)
        return p->name;
    if (strcmp(key, "karpenter.k8s.aws/ec2nodeclass") == 0 && p->class_name[0])
        return p->class_name;
    return NULL;
}
