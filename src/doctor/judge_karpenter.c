/* SPDX-License-Identifier: Apache-2.0 */
/* What Karpenter itself says is wrong: its controller, pools, classes, overlays, claims. */
#include <string.h>

#include "doctor/say.h"

/* The words of a condition that is False, or NULL. */
static const struct yaml_node *failed_condition(const struct document *d, const char *type)
{
    const struct yaml_node *list = node_at(d->root, "status.conditions");

    for (size_t i = 0; list && list->kind == YAML_LIST && i < list->count; i++)
        if (strcmp(node_text(node_at(list->items[i], "type"), ""), type) == 0 &&
            strcmp(node_text(node_at(list->items[i], "status"), ""), "False") == 0)
            return list->items[i];
    return NULL;
}

static void judge_object(struct doctor_report *r, const struct document *d, const char *cause,
                         unsigned likelihood, const char *means)
{
    const struct yaml_node *ready = failed_condition(d, "Ready"), *list;
    struct diagnosis *out;

    if (!ready)
        return;
    out = say(r, cause, likelihood, say_text(r, "%s %s", d->kind, d->name),
              say_text(r, "%s '%s' is not ready, so %s", d->kind, d->name, means));
    list = node_at(d->root, "status.conditions");
    for (size_t i = 0; list && list->kind == YAML_LIST && i < list->count; i++)
        if (strcmp(node_text(node_at(list->items[i], "status"), ""), "False") == 0)
            say_evidence(r, out, "condition %s: %s %s",
                         node_text(node_at(list->items[i], "type"), "?"),
                         node_text(node_at(list->items[i], "reason"), ""),
                         node_text(node_at(list->items[i], "message"), ""));
    say_next(r, out, "kubectl describe %s %s", d->kind, d->name);
}

/* Whether the nodes of that pool may have GPUs; a pool that is not known may. */
static bool pool_is_gpu(const struct cluster *c, const char *name)
{
    const struct system *s = &c->lint.system;

    for (size_t i = 0; i < s->n_pools; i++)
        if (strcmp(s->pools[i].name, name) == 0)
            return s->pools[i].gpu || s->pools[i].n_types > 0 || s->pools[i].types_open;
    return true;
}

static bool class_is_gpu(const struct cluster *c, const struct node_class *class)
{
    const struct system *s = &c->lint.system;
    bool used = false;

    for (size_t i = 0; i < s->n_pools; i++) {
        if (s->pools[i].class != class)
            continue;
        if (pool_is_gpu(c, s->pools[i].name))
            return true;
        used = true;
    }
    return !used;
}

/* A claim that failed to launch is gone at once: only the event tells of it. */
static void judge_capacity(struct doctor_report *r, const struct cluster *c)
{
    for (size_t i = 0; i < c->n_events; i++) {
        const struct event *event = &c->events[i];
        struct diagnosis *d;

        if (strcmp(event->kind, "NodeClaim") != 0 ||
            strcmp(event->reason, "InsufficientCapacityError") != 0)
            continue;
        d = say(
            r, "no-capacity-sold", 84, say_text(r, "nodeclaim %s", event->name),
            "the cloud had no instance to sell of the types and zones that Karpenter asked for");
        if (!say_first(r, d))
            continue;
        say_evidence(r, d, "event %s of %s: %s", event->reason, event->time, event->message);
        say_cure(r, d, "allow more instance types, zones or on-demand in the pool");
        say_next(r, d, "kubectl get events -A --field-selector involvedObject.kind=NodeClaim");
    }
}

static void judge_claim(struct doctor_report *r, const struct cluster *c, const struct claim *claim)
{
    unsigned likely = claim->young && !claim->failed ? 50 : 90;
    const struct event *event = cluster_event(c, "NodeClaim", "", claim->name, NULL);
    struct diagnosis *d;

    if (claim->initialized || !pool_is_gpu(c, claim->pool))
        return;
    if (!claim->launched)
        d = say(r, "claim-not-launched", likely, say_text(r, "nodeclaim %s", claim->name),
                say_text(r, "Karpenter %s a node of pool '%s': %s",
                         claim->failed ? "could not launch" : "has not launched yet", claim->pool,
                         claim->message));
    else if (!claim->registered)
        d = say(r, "claim-not-registered", likely, say_text(r, "nodeclaim %s", claim->name),
                say_text(r, "an instance of pool '%s' runs and has not joined the cluster%s",
                         claim->pool, claim->young ? " yet" : ""));
    else /* mostly the consequence of what a judge of nodes or plugins says */
        d = say(
            r, "claim-not-initialized", claim->young ? 45 : 72,
            say_text(r, "nodeclaim %s", claim->name),
            say_text(r,
                     "node '%s' of pool '%s' is not initialized, so Karpenter neither trusts nor "
                     "removes it: %s %s",
                     claim->node, claim->pool, claim->reason, claim->message));
    say_evidence(r, d, "condition %s: %s", claim->reason, claim->message);
    if (event)
        say_evidence(r, d, "event %s: %s", event->reason, event->message);
    say_next(r, d, "kubectl describe nodeclaim %s", claim->name);
}

static bool limit_reached(const struct document *d, const struct amount *limit, int64_t *used)
{
    const char *text = node_text(node_get(node_at(d->root, "status.resources"), limit->name), "0");

    if (!quantity_read(used, text, strcmp(limit->name, "cpu") == 0 ? 1000 : 1))
        return false;
    return *used >= limit->count && limit->count >= 0;
}

static void judge_limits(struct doctor_report *r, const struct pool *p)
{
    for (size_t i = 0; i < p->n_limits; i++) {
        const struct amount *limit = &p->limits[i];
        bool cpu = strcmp(limit->name, "cpu") == 0;
        struct diagnosis *d;
        int64_t used;

        if (!limit_reached(p->doc, limit, &used))
            continue;
        d = say(r, "pool-limit-reached", 91, say_text(r, "nodepool %s", p->name),
                say_text(r, "pool '%s' is at its limit of %lld %s, so Karpenter buys no more nodes",
                         p->name, (long long)(cpu ? limit->count / 1000 : limit->count),
                         limit->name));
        say_evidence(r, d, "status.resources has %lld %s, limits %lld",
                     (long long)(cpu ? used / 1000 : used), limit->name,
                     (long long)(cpu ? limit->count / 1000 : limit->count));
        say_next(r, d, "kubectl get nodepool %s -o jsonpath='{.spec.limits} {.status.resources}'",
                 p->name);
        say_cure(r, d, "raise spec.limits of the pool, or remove pods");
    }
}

void judge_karpenter(struct doctor_report *r, const struct cluster *c)
{
    const struct system *s = &c->lint.system;
    bool waits = false;

    for (size_t i = 0; i < c->n_pods; i++)
        waits = waits || c->pods[i].waits;
    if (c->has_karpenter_pools && !c->karpenter_runs)
        say_next(r,
                 say(r, "karpenter-down", 97, "Karpenter",
                     "Karpenter's controller has no available replica, so no node is bought"),
                 "kubectl get pods -A | grep karpenter");
    for (size_t i = 0; i < s->n_pools; i++) {
        bool gpu = pool_is_gpu(c, s->pools[i].name);

        judge_object(r, s->pools[i].doc, "pool-not-ready", gpu ? 90 : 40,
                     "Karpenter buys nothing from it");
        if (waits && gpu)
            judge_limits(r, &s->pools[i]);
    }
    for (size_t i = 0; i < s->n_classes; i++)
        judge_object(r, s->classes[i].doc, "class-not-ready",
                     class_is_gpu(c, &s->classes[i]) ? 93 : 40, "its pools can buy nothing");
    if (waits)
        judge_capacity(r, c);
    for (size_t i = 0; i < s->n_overlays; i++)
        judge_object(r, s->overlays[i].doc, "overlay-rejected", 92,
                     "Karpenter goes on without its amounts");
    for (size_t i = 0; i < c->n_claims; i++)
        judge_claim(r, c, &c->claims[i]);
}
