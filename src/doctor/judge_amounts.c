/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes that show other amounts than Karpenter believed when it bought them. It acts upon its
 * belief in silence: pods are planned onto slices that never come, or more nodes are bought than
 * needed.
 */
#include <string.h>

#include "doctor/say.h"

/* One resource of a node: what was believed, by whom, and what is there. */
struct difference {
    const char *resource;
    int64_t believed, shown;
    const struct overlay *overlay; /* that says so; NULL: the catalogue */
};

static const struct overlay *overlay_of(const struct cluster *c, const struct yaml_node *value)
{
    const struct system *s = &c->lint.system;

    for (size_t i = 0; value && i < s->n_overlays; i++)
        for (size_t k = 0; k < s->overlays[i].n_capacity; k++)
            if (s->overlays[i].capacity[k].node == value)
                return &s->overlays[i];
    return NULL;
}

/* What Karpenter itself has noticed: it compares some of the amounts, every ten minutes. */
static void add_claim(struct doctor_report *r, struct diagnosis *d, const struct cluster *c,
                      const struct node *n)
{
    for (size_t i = 0; i < c->n_claims; i++) {
        const struct claim *claim = &c->claims[i];
        const struct yaml_node *found = cluster_condition(claim->doc->root, "ConsistentStateFound");
        const struct event *event;

        if (strcmp(claim->node, n->name) != 0 ||
            strcmp(node_text(node_get(found, "status"), ""), "False") != 0)
            continue;
        event = cluster_event(c, "NodeClaim", "", claim->name, "FailedConsistencyCheck");
        say_evidence(r, d, "condition ConsistentStateFound=False of nodeclaim %s%s%s", claim->name,
                     event ? ": " : "", event ? event->message : "");
        return;
    }
}

/* Every other GPU resource that the node shows, as a hint of what it was made for. */
static const char *others(struct doctor_report *r, const struct node *n, const char *resource)
{
    const char *list = "";

    for (size_t i = 0; i < n->n_capacity; i++)
        if (resource_is_gpu(n->capacity[i].name) && n->capacity[i].count > 0 &&
            strcmp(n->capacity[i].name, resource) != 0)
            list = say_text(r, "%s%s%lld '%s'", list, *list ? ", " : "",
                            (long long)n->capacity[i].count, n->capacity[i].name);
    return list;
}

static const char *words_of(struct doctor_report *r, const struct difference *x,
                            const struct node *n)
{
    const char *who = x->overlay
                          ? say_text(r, "by NodeOverlay '%s' Karpenter believes", x->overlay->name)
                          : "Karpenter believes";
    const char *what = x->shown == 0 ? "none"
                       : x->shown > 0 && x->believed == 0
                           ? say_text(r, "%lld, for which it buys none", (long long)x->shown)
                           : say_text(r, "%lld", (long long)x->shown);

    return say_text(r, "%s that a %s of pool '%s' has %lld '%s', and its nodes show %s", who,
                    n->type->name, n->pool->name, (long long)x->believed, x->resource, what);
}

static void say_cure_of(struct doctor_report *r, struct diagnosis *d, const struct difference *x,
                        const struct node *n)
{
    if (x->overlay && x->shown > 0)
        say_cure(r, d,
                 "write %lld for '%s' into spec.capacity of NodeOverlay '%s', or give the nodes "
                 "the configuration and MIG layout that make %lld",
                 (long long)x->shown, x->resource, x->overlay->name, (long long)x->believed);
    else if (x->overlay)
        say_cure(r, d,
                 "give the nodes of pool '%s' the configuration and MIG layout that make '%s' "
                 "(labels nvidia.com/device-plugin.config and nvidia.com/mig.config, chart value "
                 "migManager.enabled=true), or take it out of NodeOverlay '%s'",
                 n->pool->name, x->resource, x->overlay->name);
    else
        say_cure(r, d, "apply a NodeOverlay for pool '%s' with spec.capacity %s: \"%lld\"",
                 n->pool->name, x->resource, (long long)x->shown);
}

/* Fewer than believed: pods wait. More: nodes are bought that nobody needs. */
static unsigned likelihood_of(const struct difference *x, bool waited_for)
{
    if (x->shown >= x->believed)
        return 62;
    if (!waited_for)
        return 80;
    return x->shown == 0 ? 97 : 94;
}

static bool is_waited_for(const struct difference *x, const struct cluster *c, const struct node *n,
                          const struct supply *believed)
{
    for (size_t i = 0; i < c->n_pods; i++) {
        const struct workload *w = c->pods[i].workload;

        if (cluster_amount(w->asks, w->n_asks, x->resource) > 0 &&
            cluster_waits_for(&c->pods[i], n, believed))
            return true;
    }
    return false;
}

static void say_difference(struct doctor_report *r, struct cluster *c, const struct node *n,
                           const struct difference *x, bool waited_for)
{
    struct diagnosis *d = say(r, "overlay-differs", likelihood_of(x, waited_for),
                              say_text(r, "node %s", n->name), words_of(r, x, n));
    const char *also;

    if (!say_first(r, d))
        return;
    say_evidence(r, d, "capacity of node %s: %lld '%s'", n->name, (long long)x->shown, x->resource);
    also = others(r, n, x->resource);
    if (*also)
        say_evidence(r, d, "node %s shows %s", n->name, also);
    if (waited_for)
        say_waiting(r, d, c, n);
    add_claim(r, d, c, n);
    say_cure_of(r, d, x, n);
    say_next(r, d, "kubectl get node %s -o jsonpath='{.status.capacity}'", n->name);
}

static void judge_resource(struct doctor_report *r, struct cluster *c, const struct node *n,
                           const struct supply *believed, const struct amount *item)
{
    struct difference x = {.resource = item->name,
                           .believed = item->count,
                           .shown = cluster_amount(n->capacity, n->n_capacity, item->name),
                           .overlay = overlay_of(c, item->node)};

    bool waited_for;

    if (!resource_is_gpu(x.resource) || x.shown == x.believed)
        return;
    waited_for = is_waited_for(&x, c, n, believed);
    /* Where no overlay tells of it, that may well be on purpose as long as nobody waits. */
    if (x.overlay || waited_for)
        say_difference(r, c, n, &x, waited_for);
}

static bool shows_gpu(const struct node *n)
{
    for (size_t i = 0; i < n->n_capacity; i++)
        if (resource_is_gpu(n->capacity[i].name) && n->capacity[i].count > 0)
            return true;
    return false;
}

/* Where nothing is shown at all, or not yet, why that is so is the cause, and said elsewhere. */
static void judge_node(struct doctor_report *r, struct cluster *c, const struct node *n)
{
    struct supply believed;

    if (!n->ready || n->leaves || cluster_stuck(n) || !shows_gpu(n) ||
        !cluster_believed(c, &believed, n))
        return;
    for (size_t i = 0; i < believed.n; i++)
        judge_resource(r, c, n, &believed, &believed.items[i]);
    for (size_t i = 0; i < n->n_capacity; i++) {
        const struct amount *shown = &n->capacity[i];
        const struct amount none = {.name = shown->name};
        bool known = shown->count <= 0;

        for (size_t k = 0; k < believed.n && !known; k++)
            known = strcmp(believed.items[k].name, shown->name) == 0;
        if (!known)
            judge_resource(r, c, n, &believed, &none);
    }
}

void judge_amounts(struct doctor_report *r, struct cluster *c)
{
    for (size_t i = 0; i < c->n_nodes; i++)
        judge_node(r, c, &c->nodes[i]);
}
