/* SPDX-License-Identifier: Apache-2.0 */
/* What keeps a node with GPUs from serving: the node itself, its taints, its MIG configuration. */
#include <string.h>

#include "base/text.h"
#include "doctor/say.h"

static const char *label(const struct node *n, const char *key)
{
    return node_text(node_get(n->labels, key), "");
}

static const char *subject(struct doctor_report *r, const struct node *n)
{
    return say_text(r, "node %s", n->name);
}

static void judge_ready(struct doctor_report *r, const struct cluster *c, const struct node *n)
{
    const struct event *event = cluster_event(c, "Node", "", n->name, NULL);
    struct diagnosis *d;

    if (n->ready || n->leaves)
        return;
    d = say(r, "node-not-ready", n->young ? 60 : 96, subject(r, n),
            say_text(r, "the node is not ready%s: %s", n->young ? " yet" : "", n->not_ready));
    say_evidence(r, d, "condition Ready of node %s", n->name);
    if (event)
        say_evidence(r, d, "event %s: %s", event->reason, event->message);
    say_next(r, d, "kubectl describe node %s", n->name);
}

static const char *yield_words(struct doctor_report *r, const struct mig_yield *y,
                               const struct node *n, const char *config)
{
    const char *type = n->type->name;

    switch (y->state) {
    case MIG_YIELD_NO_CONFIG:
        return say_text(r, "no configuration is called '%s', neither here nor by default", config);
    case MIG_YIELD_NO_MIG:
        return say_text(r, "the GPUs of a %s (%s) have no MIG", type, n->type->gpu_product);
    case MIG_YIELD_NO_PROFILE:
        return say_text(r, "the GPUs of a %s have no profile %s, which '%s' wants", type,
                        y->profile, config);
    case MIG_YIELD_NO_ROOM:
        return say_text(r, "what '%s' wants does not fit on one GPU of a %s", config, type);
    case MIG_YIELD_OK:
        break;
    }
    return "";
}

/* Pods that hold slices of the node: what they hold cannot be cut anew. */
static void add_holders(struct doctor_report *r, const struct cluster *c, struct diagnosis *d,
                        const struct node *n)
{
    size_t n_places;
    const struct place *places = cluster_places(c, n->name, &n_places);

    for (size_t i = 0; i < n_places; i++)
        if (places[i].pod && places[i].pod->holds)
            say_evidence(r, d, "pod %s/%s holds %s of the node", places[i].pod->space,
                         places[i].pod->name, places[i].workload->ask->name);
}

/*
 * Whether carve runs without its part for MIG layouts, and nobody else's mig-manager does: then no
 * state ever comes.
 */
static const struct workload *idle_manager(const struct cluster *c)
{
    size_t index = 0;
    const struct workload *carve = cluster_daemon(c, "carve", &index);
    const struct yaml_node *containers = carve ? node_get(carve->pod, "containers") : NULL;

    index = 0;
    if (cluster_daemon(c, "mig-manager", &index))
        return NULL;
    for (size_t i = 0; containers && containers->kind == YAML_LIST && i < containers->count; i++) {
        const struct yaml_node *args = node_get(containers->items[i], "args");

        for (size_t k = 0; args && args->kind == YAML_LIST && k < args->count; k++)
            if (text_starts(node_text(args->items[k], ""), "--mig=t") ||
                strcmp(node_text(args->items[k], ""), "--mig") == 0)
                return NULL;
    }
    return carve;
}

static void judge_mig_ignored(struct doctor_report *r, const struct cluster *c,
                              const struct node *n, const char *config)
{
    const struct workload *carve = idle_manager(c);
    struct diagnosis *d;

    if (!*config || !carve)
        return;
    d = say(r, "mig-config-ignored", 91, subject(r, n),
            say_text(r,
                     "the node asks for MIG configuration '%s', and nobody makes it: carve runs "
                     "without --mig",
                     config));
    say_evidence(r, d,
                 "label nvidia.com/mig.config=%s of node %s, and no nvidia.com/"
                 "mig.config.state",
                 config, n->name);
    say_evidence(r, d, "DaemonSet %s/%s", carve->space, carve->name);
    say_cure(r, d, "install carve with migManager.enabled=true, or take the label off the pool");
    say_next(r, d, "helm -n %s get values %s --all | grep -A3 migManager", carve->space,
             carve->name);
}

/* A failure is cured by what carve-gateway writes of it, which names the thing. */
static const char *mig_cure(const char *message, const char *why)
{
    if (*why)
        return "name a configuration that the board can have in nvidia.com/mig.config; Karpenter's "
               "nodes have it from spec.template.metadata.labels of their NodePool";
    if (*message)
        return "do what the message says; it is tried again by itself, or when label or file "
               "change";
    return "free the GPUs that are held, then set the label again";
}

/* True if a change has failed. */
static bool judge_mig(struct doctor_report *r, struct cluster *c, const struct node *n)
{
    const char *config = label(n, "nvidia.com/mig.config");
    const char *state = label(n, "nvidia.com/mig.config.state");
    const struct yaml_node *notes = node_at(n->object, "metadata.annotations");
    const char *message = node_text(node_get(notes, "carve.dev/mig.config.message"), "");
    const char *board = "", *why;
    bool failed = strcmp(state, "failed") == 0;
    struct diagnosis *d;

    if (!*state)
        judge_mig_ignored(r, c, n, config);
    if (!failed && strcmp(state, "pending") != 0)
        return false;
    if (strcmp(node_text(node_get(notes, "carve.dev/mig.config.for"), config), config) != 0)
        message = "";
    if (n->type) {
        struct mig_yield yield;

        mig_yield_make(&c->lint, &yield, &c->lint.system, config, n->type);
        board = yield_words(r, &yield, n, config);
    }
    why = *message ? message : board;
    d = say(r, failed ? "mig-config-failed" : "mig-config-pending",
            !failed            ? 75
            : cluster_stuck(n) ? 96
                               : 94,
            subject(r, n),
            say_text(r, "MIG configuration '%s' %s%s%s", config,
                     failed ? "failed" : "has not been applied yet", *why ? ": " : "", why));
    if (!say_first(r, d))
        return failed;
    say_evidence(r, d, "label nvidia.com/mig.config.state=%s of node %s", state, n->name);
    say_stuck(r, d, c, n);
    add_holders(r, c, d, n);
    say_next(r, d,
             "kubectl get node %s -o jsonpath='{.metadata.labels}'; carve mig show on the node",
             n->name);
    say_cure(r, d, "%s", mig_cure(message, board));
    return failed;
}

static bool gives_another(const struct node *n, const char *resource)
{
    for (size_t i = 0; i < n->n_allocatable; i++)
        if (n->allocatable[i].count > 0 && resource_is_gpu(n->allocatable[i].name) &&
            strcmp(n->allocatable[i].name, resource) != 0)
            return true;
    return false;
}

static void judge_withdrawn(struct doctor_report *r, const struct node *n)
{
    for (size_t i = 0; n->ready && i < n->n_capacity; i++) {
        const struct amount *had = &n->capacity[i];
        int64_t has = cluster_amount(n->allocatable, n->n_allocatable, had->name);
        struct diagnosis *d;

        if (!resource_is_gpu(had->name) || has >= had->count)
            continue;
        if (has == 0 && gives_another(n, had->name)) /* cut anew: the old name fades away */
            continue;
        d = say(r, has == 0 ? "devices-withdrawn" : "devices-unhealthy", has == 0 ? 88 : 60,
                subject(r, n),
                say_text(r, "the node had %lld %s and can give %lld of them now",
                         (long long)had->count, had->name, (long long)has));
        say_evidence(r, d, "capacity %lld, allocatable %lld of %s", (long long)had->count,
                     (long long)has, had->name);
        say_next(r, d, "kubectl get pods -A -o wide --field-selector spec.nodeName=%s", n->name);
        say_cure(r, d, "%s",
                 has == 0
                     ? "the device plugin has ended or calls every device unhealthy: see its log"
                     : "the device plugin calls some devices unhealthy: see its log for the XID");
    }
}

/* A configuration that the node asks for by label and that no ConfigMap has. */
static void judge_config(struct doctor_report *r, const struct cluster *c, const struct node *n)
{
    const struct system *s = &c->lint.system;
    const char *key = label(n, "nvidia.com/device-plugin.config");
    struct diagnosis *d;

    if (!*key || s->n_plugins == 0)
        return;
    for (size_t i = 0; i < s->n_plugins; i++)
        if (strcmp(s->plugins[i].key, key) == 0 ||
            (s->plugins[i].holder && node_get(node_at(s->plugins[i].holder->root, "data"), key)))
            return;
    d = say(r, "plugin-config-unknown", 93, subject(r, n),
            say_text(r,
                     "the node asks for device plugin configuration '%s', which no ConfigMap has",
                     key));
    say_evidence(r, d, "label nvidia.com/device-plugin.config=%s of node %s", key, n->name);
    for (size_t i = 0; i < s->n_plugins; i++)
        if (s->plugins[i].holder)
            say_evidence(r, d, "ConfigMap %s/%s has '%s'", s->plugins[i].holder->space,
                         s->plugins[i].holder->name, s->plugins[i].key);
    say_next(r, d, "kubectl label node %s nvidia.com/device-plugin.config=%s --overwrite", n->name,
             s->plugins[0].key);
}

void judge_nodes(struct doctor_report *r, struct cluster *c)
{
    for (size_t i = 0; i < c->n_nodes; i++) {
        const struct node *n = &c->nodes[i];
        bool cut = judge_mig(r, c, n), told = judge_configured(r, c, n);
        bool broken = judge_hardware(r, c, n);

        judge_ready(r, c, n);
        if (!told)
            judge_config(r, c, n);
        if (!cut && !told && !broken)
            judge_startup_taint(r, c, n);
        judge_withdrawn(r, n);
    }
}
