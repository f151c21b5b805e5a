/* SPDX-License-Identifier: Apache-2.0 */
/* Questions about a cluster that was read: who holds what, what was said of whom, what fits where.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "doctor/cluster.h"
#include "doctor/select.h"
#include "lint/view/view.h"

int64_t cluster_amount(const struct amount *items, size_t n, const char *resource)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(items[i].name, resource) == 0)
            return items[i].count;
    return 0;
}

int64_t cluster_held(const struct node *node, const char *resource)
{
    for (size_t i = 0; node->held && i < node->n_capacity; i++)
        if (strcmp(node->capacity[i].name, resource) == 0)
            return node->held[i];
    return 0;
}

static int compare_places(const void *a, const void *b)
{
    const struct place *x = a, *y = b;

    return strcmp(x->node, y->node);
}

const struct place *cluster_places(const struct cluster *c, const char *node, size_t *n)
{
    size_t low = 0, high = c->n_places;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(c->places[middle].node, node) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (*n = 0; low + *n < c->n_places && strcmp(c->places[low + *n].node, node) == 0;)
        ++*n;
    return c->places + low;
}

/* The last one of an object's comes last. */
static int compare_events(const void *a, const void *b)
{
    const struct event *x = a, *y = b;
    int order = strcmp(x->kind, y->kind);

    if (order == 0)
        order = strcmp(x->space, y->space);
    if (order == 0)
        order = strcmp(x->name, y->name);
    return order ? order : strcmp(x->time, y->time);
}

static int compare_object(const struct event *e, const struct event *wanted)
{
    int order = strcmp(e->kind, wanted->kind);

    if (order == 0)
        order = strcmp(e->space, wanted->space);
    return order ? order : strcmp(e->name, wanted->name);
}

const struct event *cluster_event(const struct cluster *c, const char *kind, const char *space,
                                  const char *name, const char *reason)
{
    const struct event wanted = {.kind = kind, .space = space, .name = name};
    size_t low = 0, high = c->n_events;

    while (low < high) { /* behind the last of the object's */
        size_t middle = low + (high - low) / 2;

        if (compare_object(&c->events[middle], &wanted) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low > 0 && compare_object(&c->events[low - 1], &wanted) == 0; low--)
        if (!reason || strcmp(c->events[low - 1].reason, reason) == 0)
            return &c->events[low - 1];
    return NULL;
}

/* All pods that have a node, those that ask for GPUs with their view. */
static void index_places(struct cluster *c)
{
    const struct system *s = &c->lint.system;
    size_t next = 0; /* the pods stand in the order of the workloads */

    for (size_t i = 0; i < s->n_workloads; i++) {
        const struct workload *w = &s->workloads[i];
        const struct pod *pod =
            next < c->n_pods && c->pods[next].workload == w ? &c->pods[next] : NULL;
        const char *node = node_text(node_get(w->pod, "nodeName"), "");
        struct place *grown;

        next += pod != NULL;
        if (strcmp(w->kind, "Pod") != 0 || !*node)
            continue;
        grown = view_grow(&c->lint, c->places, c->n_places, sizeof *grown);
        if (!grown)
            return;
        c->places = grown;
        grown[c->n_places++] = (struct place){node, w, pod};
    }
    if (c->n_places > 1)
        qsort(c->places, c->n_places, sizeof *c->places, compare_places);
}

static void sum_held(struct cluster *c, struct node *node)
{
    size_t n;
    const struct place *places = cluster_places(c, node->name, &n);

    if (node->n_capacity == 0)
        return;
    node->held = view_alloc(&c->lint, node->n_capacity * sizeof *node->held);
    for (size_t k = 0; node->held && k < node->n_capacity; k++)
        for (size_t i = 0; i < n; i++) {
            const struct workload *w = places[i].workload;

            if (!places[i].pod || !places[i].pod->holds)
                continue;
            if (__builtin_add_overflow(node->held[k],
                                       cluster_amount(w->asks, w->n_asks, node->capacity[k].name),
                                       &node->held[k]))
                node->held[k] = INT64_MAX;
        }
}

static const struct pool *pool_of(const struct cluster *c, const struct node *n)
{
    const char *name = node_text(node_get(n->labels, "karpenter.sh/nodepool"), "");
    const struct system *s = &c->lint.system;

    for (size_t i = 0; *name && i < s->n_pools; i++)
        if (strcmp(s->pools[i].name, name) == 0)
            return &s->pools[i];
    return NULL;
}

void cluster_index(struct cluster *c)
{
    index_places(c);
    for (size_t i = 0; i < c->n_nodes; i++)
        c->nodes[i].pool = pool_of(c, &c->nodes[i]);
    for (size_t i = 0; i < c->n_nodes; i++)
        sum_held(c, &c->nodes[i]);
    if (c->n_events > 1)
        qsort(c->events, c->n_events, sizeof *c->events, compare_events);
}

static bool label_meets(const struct requirement *r, const struct node *node)
{
    return requirement_meets(r, node_text(node_get(node->labels, r->key), NULL));
}

static bool term_meets(const struct affinity_term *term, const struct node *node,
                       const char **label)
{
    for (size_t i = 0; i < term->n_requirements; i++)
        if (!label_meets(&term->requirements[i], node)) {
            *label = term->requirements[i].key;
            return false;
        }
    return true;
}

bool cluster_selects(const struct workload *w, const struct node *node, const char **label)
{
    const struct yaml_node *selector = w->node_selector;

    for (size_t i = 0; selector && selector->kind == YAML_MAP && i < selector->count; i++) {
        const char *key = selector->pairs[i].key->text;
        const char *has = node_text(node_get(node->labels, key), NULL);

        if (!has || strcmp(has, node_text(selector->pairs[i].value, "")) != 0) {
            *label = key;
            return false;
        }
    }
    for (size_t i = 0; i < w->n_affinity; i++)
        if (term_meets(&w->affinity[i], node, label))
            return true;
    return w->n_affinity == 0;
}

bool cluster_tolerates(const struct workload *w, const struct node *node,
                       const struct taint **taint)
{
    for (size_t i = 0; i < node->n_taints; i++)
        if (strcmp(node->taints[i].effect, "PreferNoSchedule") != 0 &&
            !taint_tolerated(&node->taints[i], w->tolerations, w->n_tolerations)) {
            *taint = &node->taints[i];
            return false;
        }
    return true;
}

/* Of Kubernetes and others, for a node that is not (yet) to be used. */
static const char *const passing[] = {
    "node.kubernetes.io/",
    "node.cloudprovider.kubernetes.io/",
    "karpenter.sh/",
    "ToBeDeletedByClusterAutoscaler",
    "DeletionCandidateOfClusterAutoscaler",
    "node.cilium.io/agent-not-ready",
    "ebs.csi.aws.com/agent-not-ready",
    "efs.csi.aws.com/agent-not-ready",
};

bool cluster_startup_taint(const struct node *n, const struct taint *t)
{
    if (strcmp(t->key, "carve.dev/not-ready") == 0)
        return true;
    for (size_t i = 0; n->pool && i < n->pool->n_startup_taints; i++)
        if (strcmp(n->pool->startup_taints[i].key, t->key) == 0)
            return true;
    return false;
}

bool cluster_passing_taint(const struct node *n, const struct taint *t)
{
    for (size_t i = 0; i < sizeof passing / sizeof *passing; i++)
        if (text_starts(t->key, passing[i]))
            return true;
    return cluster_startup_taint(n, t);
}

const struct taint *cluster_stuck(const struct node *n)
{
    for (size_t i = 0; n->ready && !n->leaves && i < n->n_taints; i++)
        if (cluster_startup_taint(n, &n->taints[i]))
            return &n->taints[i];
    return NULL;
}

bool cluster_believed(struct cluster *c, struct supply *out, const struct node *n)
{
    *out = (struct supply){0};
    if (!n->pool || !n->type || c->blind & BLIND_SUPPLY)
        return false;
    supply_believed(&c->lint, out, &c->lint.system, n->pool, n->type);
    return true;
}

bool cluster_waits_for(const struct pod *p, const struct node *n, const struct supply *believed)
{
    const struct workload *w = p->workload;
    const char *label;

    if (!p->waits || (*p->pinned && strcmp(p->pinned, n->name) != 0) ||
        !cluster_selects(w, n, &label))
        return false;
    for (size_t i = 0; i < n->n_taints; i++)
        if (strcmp(n->taints[i].effect, "PreferNoSchedule") != 0 &&
            !cluster_passing_taint(n, &n->taints[i]) &&
            !taint_tolerated(&n->taints[i], w->tolerations, w->n_tolerations))
            return false;
    for (size_t i = 0; i < w->n_asks; i++)
        if (resource_is_gpu(w->asks[i].name) &&
            cluster_amount(n->capacity, n->n_capacity, w->asks[i].name) < w->asks[i].count &&
            supply_of(believed, w->asks[i].name) < w->asks[i].count)
            return false;
    return true;
}

const struct workload *cluster_daemon(const struct cluster *c, const char *image, size_t *index)
{
    const struct system *s = &c->lint.system;

    while (*index < s->n_workloads) {
        const struct workload *w = &s->workloads[(*index)++];

        if (strcmp(w->kind, "DaemonSet") == 0 && select_is_plugin(w->pod, image))
            return w;
    }
    return NULL;
}

/* Trees of the API: two that say the same are written the same. */
static bool same_tree(const struct yaml_node *a, const struct yaml_node *b, unsigned depth)
{
    if (a == b)
        return true;
    if (!a || !b || depth == 0 || a->kind != b->kind || a->count != b->count)
        return false;
    if (a->kind == YAML_SCALAR)
        return strcmp(a->text, b->text) == 0;
    for (size_t i = 0; a->kind == YAML_LIST && i < a->count; i++)
        if (!same_tree(a->items[i], b->items[i], depth - 1))
            return false;
    for (size_t i = 0; a->kind == YAML_MAP && i < a->count; i++)
        if (strcmp(a->pairs[i].key->text, b->pairs[i].key->text) != 0 ||
            !same_tree(a->pairs[i].value, b->pairs[i].value, depth - 1))
            return false;
    return true;
}

bool cluster_same(const struct pod *a, const struct pod *b)
{
    static const char *const parts[] = {"nodeSelector", "affinity", "tolerations"};
    const struct workload *x = a->workload, *y = b->workload;

    if (x->n_asks != y->n_asks || strcmp(a->pinned, b->pinned) != 0)
        return false;
    for (size_t i = 0; i < x->n_asks; i++)
        if (strcmp(x->asks[i].name, y->asks[i].name) != 0 || x->asks[i].count != y->asks[i].count)
            return false;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!same_tree(node_get(x->pod, parts[i]), node_get(y->pod, parts[i]), 32))
            return false;
    return true;
}
