/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The view of a thing that makes pods: how many, where they may stand, and what one of them asks
 * for. Source of the sums: Kubernetes v1.35, resource requests of a pod with init containers.
 */
#include <string.h>

#include "lint/view/view.h"

static const struct {
    const char *group, *kind, *pod_path, *meta_path, *count_path;
} kinds[] = {
    {"", "Pod", "spec", "metadata", NULL},
    {"", "ReplicationController", "spec.template.spec", "spec.template.metadata", "spec.replicas"},
    {"apps", "Deployment", "spec.template.spec", "spec.template.metadata", "spec.replicas"},
    {"apps", "StatefulSet", "spec.template.spec", "spec.template.metadata", "spec.replicas"},
    {"apps", "ReplicaSet", "spec.template.spec", "spec.template.metadata", "spec.replicas"},
    {"apps", "DaemonSet", "spec.template.spec", "spec.template.metadata", NULL},
    {"batch", "Job", "spec.template.spec", "spec.template.metadata", "spec.parallelism"},
    {"batch", "CronJob", "spec.jobTemplate.spec.template.spec",
     "spec.jobTemplate.spec.template.metadata", "spec.jobTemplate.spec.parallelism"},
    {"argoproj.io", "Rollout", "spec.template.spec", "spec.template.metadata", "spec.replicas"},
};

static unsigned read_count(const struct document *d, const char *path)
{
    const char *text = path ? node_text(node_at(d->root, path), "") : "";
    int64_t count;

    if (!text[0] || text_is_placeholder(text) || !quantity_read(&count, text, 1) || count < 0)
        return 1;
    return count > UINT32_MAX ? UINT32_MAX : (unsigned)count;
}

/* A job never runs more pods at once than it needs in all. */
static unsigned count_pods(const struct document *d, size_t kind)
{
    unsigned count = read_count(d, kinds[kind].count_path), all;
    const struct yaml_node *completions = NULL;

    if (strcmp(d->kind, "Job") == 0)
        completions = node_at(d->root, "spec.completions");
    else if (strcmp(d->kind, "CronJob") == 0)
        completions = node_at(d->root, "spec.jobTemplate.spec.completions");
    if (!completions)
        return count;
    all = read_count(d, strcmp(d->kind, "Job") == 0 ? "spec.completions"
                                                    : "spec.jobTemplate.spec.completions");
    return all < count ? all : count;
}

static void read_tolerations(struct lint *l, struct workload *w)
{
    const struct yaml_node *list = node_get(w->pod, "tolerations");

    if (!list || list->kind != YAML_LIST)
        return;
    for (size_t i = 0; i < list->count && i < VIEW_MAX_ENTRIES; i++) {
        const struct yaml_node *node = list->items[i];
        struct toleration *grown;

        if (node->kind != YAML_MAP)
            continue;
        grown = view_grow(l, w->tolerations, w->n_tolerations, sizeof *grown);
        if (!grown)
            return;
        w->tolerations = grown;
        grown[w->n_tolerations++] = (struct toleration){
            .key = node_text(node_get(node, "key"), ""),
            .op = node_text(node_get(node, "operator"), ""),
            .value = node_text(node_get(node, "value"), ""),
            .effect = node_text(node_get(node, "effect"), ""),
            .node = node,
        };
    }
}

static void read_affinity(struct lint *l, struct workload *w)
{
    const struct yaml_node *terms = node_at(
        w->pod,
        "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms");

    if (!terms || terms->kind != YAML_LIST)
        return;
    for (size_t i = 0; i < terms->count && i < VIEW_MAX_ENTRIES; i++) {
        struct affinity_term *grown = view_grow(l, w->affinity, w->n_affinity, sizeof *grown);

        if (!grown)
            return;
        w->affinity = grown;
        grown += w->n_affinity++;
        *grown = (struct affinity_term){0};
        view_requirements(l, node_get(terms->items[i], "matchExpressions"), &grown->requirements,
                          &grown->n_requirements);
    }
}

/* The amount of that name, made if it is not there. */
static struct amount *find_ask(struct lint *l, struct workload *w, const struct amount *like)
{
    struct amount *grown;

    for (size_t i = 0; i < w->n_asks; i++)
        if (strcmp(w->asks[i].name, like->name) == 0)
            return &w->asks[i];
    if (w->n_asks == VIEW_MAX_ENTRIES)
        return NULL;
    grown = view_grow(l, w->asks, w->n_asks, sizeof *grown);
    if (!grown)
        return NULL;
    w->asks = grown;
    grown += w->n_asks++;
    *grown = *like;
    grown->count = 0;
    return grown;
}

/* Sums never wrap: what is too much is too much. */
static void add(int64_t *sum, int64_t more)
{
    if (__builtin_add_overflow(*sum, more, sum))
        *sum = more > 0 ? INT64_MAX : INT64_MIN;
}

/* What one container asks for: its requests, and limits of what it makes no request of. */
static void read_container(struct lint *l, const struct yaml_node *container, struct amount **items,
                           size_t *n)
{
    const struct yaml_node *resources = node_get(container, "resources");
    const struct yaml_node *requests = node_get(resources, "requests");
    struct amount *limits = NULL, *grown;
    size_t n_limits = 0;

    view_amounts(l, requests, items, n);
    view_amounts(l, node_get(resources, "limits"), &limits, &n_limits);
    for (size_t i = 0; i < n_limits; i++) {
        if (node_get(requests, limits[i].name))
            continue;
        grown = view_grow(l, *items, *n, sizeof *grown);
        if (!grown)
            return;
        *items = grown;
        grown[(*n)++] = limits[i];
    }
}

enum sum {
    SUM_ADD, /* containers run side by side */
    SUM_MAX, /* init containers one after the other */
};

static void take_container(struct lint *l, struct workload *w, const struct yaml_node *container,
                           enum sum sum)
{
    struct amount *amounts = NULL;
    size_t n = 0;

    read_container(l, container, &amounts, &n);
    for (size_t i = 0; i < n; i++) {
        struct amount *ask = find_ask(l, w, &amounts[i]);

        if (!ask)
            return;
        if (sum == SUM_ADD)
            add(&ask->count, amounts[i].count);
        else if (ask->count < amounts[i].count)
            ask->count = amounts[i].count;
    }
}

/* An init container that goes on running beside the others. */
static bool is_sidecar(const struct yaml_node *container)
{
    return strcmp(node_text(node_get(container, "restartPolicy"), ""), "Always") == 0;
}

static void read_asks(struct lint *l, struct workload *w)
{
    const struct yaml_node *containers = node_get(w->pod, "containers");
    const struct yaml_node *inits = node_get(w->pod, "initContainers");

    for (size_t i = 0; containers && i < containers->count && i < VIEW_MAX_ENTRIES; i++)
        if (containers->kind == YAML_LIST)
            take_container(l, w, containers->items[i], SUM_ADD);
    if (!inits || inits->kind != YAML_LIST)
        return;
    for (size_t i = 0; i < inits->count && i < VIEW_MAX_ENTRIES; i++)
        if (is_sidecar(inits->items[i]))
            take_container(l, w, inits->items[i], SUM_ADD);
    for (size_t i = 0; i < inits->count && i < VIEW_MAX_ENTRIES; i++)
        if (!is_sidecar(inits->items[i]))
            take_container(l, w, inits->items[i], SUM_MAX);
}

static void find_gpu(struct workload *w)
{
    for (size_t i = 0; i < w->n_asks && !w->ask; i++)
        if (resource_is_gpu(w->asks[i].name) && w->asks[i].count > 0)
            w->ask = &w->asks[i];
    w->gpu = w->ask;
}

static void read_pod(struct lint *l, struct system *s, const struct document *d, size_t kind)
{
    struct workload *w = view_grow(l, s->workloads, s->n_workloads, sizeof *w);

    if (!w)
        return;
    s->workloads = w;
    w += s->n_workloads++;
    *w = (struct workload){
        .doc = d,
        .kind = d->kind,
        .name = d->name,
        .space = d->space,
        .pod = node_at(d->root, kinds[kind].pod_path),
        .pod_meta = node_at(d->root, kinds[kind].meta_path),
        .pod_path = kinds[kind].pod_path,
        .pods = count_pods(d, kind),
        .node_selector = node_get(node_at(d->root, kinds[kind].pod_path), "nodeSelector"),
    };
    read_tolerations(l, w);
    read_affinity(l, w);
    read_asks(l, w);
    find_gpu(w);
}

/* Old groups ("extensions/v1beta1") count too. */
void workload_read(struct lint *l, struct system *s, const struct document *d)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(d->kind, kinds[i].kind) != 0)
            continue;
        if (document_is(d, kinds[i].group, kinds[i].kind) ||
            document_is(d, "extensions", kinds[i].kind)) {
            if (node_at(d->root, kinds[i].pod_path))
                read_pod(l, s, d, i);
            return;
        }
    }
}
