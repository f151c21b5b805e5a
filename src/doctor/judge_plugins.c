/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a node with GPUs offers none: no device plugin at all, one that does not come to this node,
 * one that fails there, one that runs and finds nothing.
 */
#include <string.h>

#include "base/text.h"
#include "doctor/say.h"
#include "doctor/select.h"

/* Programs that show GPUs to the kubelet. */
static const char *const plugins[] = {"k8s-device-plugin", "nvidia-gpu-device-plugin", "carve"};

/* What a plugin of the GPU operator's waits for on its node. */
static const struct {
    const char *image, *cause, *name;
} grounds[] = {
    {"nvidia/driver", "driver-failing", "driver"},
    {"container-toolkit", "toolkit-failing", "container toolkit"},
};

static bool offers_gpu(const struct node *n)
{
    for (size_t i = 0; i < n->n_capacity; i++)
        if (resource_is_gpu(n->capacity[i].name) && n->capacity[i].count > 0)
            return true;
    return false;
}

static bool is_any_plugin(const struct workload *w)
{
    for (size_t i = 0; i < sizeof plugins / sizeof *plugins; i++)
        if (select_is_plugin(w->pod, plugins[i]))
            return true;
    return false;
}

const struct yaml_node *judge_failing(const struct workload *pod, const char **reason)
{
    static const char *const lists[] = {"status.initContainerStatuses", "status.containerStatuses"};

    for (size_t n = 0; n < 2; n++) {
        const struct yaml_node *list = node_at(pod->doc->root, lists[n]);

        for (size_t i = 0; list && list->kind == YAML_LIST && i < list->count; i++) {
            const struct yaml_node *state = node_at(list->items[i], "state");

            *reason = node_text(node_at(state, "waiting.reason"),
                                node_text(node_at(state, "terminated.reason"), ""));
            if (**reason && strcmp(*reason, "Completed") != 0)
                return list->items[i];
        }
    }
    return NULL;
}

static const char *subject(struct doctor_report *r, const struct node *n)
{
    return say_text(r, "node %s", n->name);
}

static void say_failing(struct doctor_report *r, const struct cluster *c, const struct node *n,
                        const struct workload *pod)
{
    const char *reason = "";
    const struct yaml_node *container = judge_failing(pod, &reason);
    const struct event *event = cluster_event(c, "Pod", pod->space, pod->name, NULL);
    struct trouble trouble = {0};
    const char *phase = node_text(node_at(pod->doc->root, "status.phase"), "");
    bool starts = strcmp(reason, "ContainerCreating") == 0 ||
                  strcmp(reason, "PodInitializing") == 0 ||
                  (!container && strcmp(phase, "Pending") == 0);
    struct diagnosis *d;

    if (starts && judge_trouble(r, c, pod, &trouble)) {
        d = say(
            r, "plugin-failing", 95, subject(r, n),
            say_text(r, "the device plugin's pod on the node does not start: %s", trouble.words));
        say_evidence(r, d, "pod %s/%s: %s", pod->space, pod->name, trouble.evidence);
        say_cure(r, d, "%s", trouble.cure);
        say_next(r, d, "kubectl -n %s describe pod %s", pod->space, pod->name);
    } else if (starts) {
        d = say(r, "plugin-starting", 60, subject(r, n),
                say_text(r, "the device plugin's pod on the node is still starting: %s",
                         *reason ? reason : phase));
        say_evidence(r, d, "pod %s/%s on node %s", pod->space, pod->name, n->name);
        say_cure(r, d,
                 "its init containers may wait for the driver: see the GPU operator's other pods "
                 "on the node");
    } else if (container || strcmp(phase, "Running") != 0) {
        d = say(r, "plugin-failing", 95, subject(r, n),
                say_text(r, "the device plugin's pod on the node does not run: %s",
                         container ? reason : phase));
        say_evidence(r, d, "pod %s/%s on node %s", pod->space, pod->name, n->name);
        if (container)
            say_evidence(r, d, "container %s: %s, %s restarts",
                         node_text(node_at(container, "name"), "?"), reason,
                         node_text(node_at(container, "restartCount"), "0"));
    } else {
        d = say(r, "plugin-silent", 80, subject(r, n),
                "the device plugin's pod runs on the node and shows no GPU");
        say_evidence(r, d, "pod %s/%s on node %s", pod->space, pod->name, n->name);
        say_cure(r, d,
                 "its log says why: no driver, no GPU found, a configuration it refuses, no MPS "
                 "daemon yet");
    }
    if (event)
        say_evidence(r, d, "event %s: %s", event->reason, event->message);
    say_next(r, d, "kubectl -n %s logs %s --all-containers --tail 50", pod->space, pod->name);
}

/* DaemonSets' pods tolerate by themselves what Kubernetes puts on a node that is not well. */
static const struct taint *bar_of(const struct workload *daemon, const struct node *n)
{
    for (size_t i = 0; i < n->n_taints; i++)
        if (strcmp(n->taints[i].effect, "PreferNoSchedule") != 0 &&
            !text_starts(n->taints[i].key, "node.kubernetes.io/") &&
            !taint_tolerated(&n->taints[i], daemon->tolerations, daemon->n_tolerations))
            return &n->taints[i];
    return NULL;
}

static void say_not_selecting(struct doctor_report *r, const struct node *n,
                              const struct workload *daemon, const char *label, bool alone)
{
    struct diagnosis *d =
        say(r, "plugin-not-selecting", alone ? 95 : 85, subject(r, n),
            say_text(r,
                     "DaemonSet '%s/%s' does not come to the node: it wants label '%s', which the "
                     "node lacks or has otherwise",
                     daemon->space, daemon->name, label));

    say_evidence(r, d, "nodeSelector or required affinity of the DaemonSet on '%s'", label);
    if (text_starts(label, "nvidia.com/gpu.deploy."))
        say_cure(r, d,
                 "the GPU operator sets it on nodes that node-feature-discovery finds a GPU on: "
                 "see that both run, and that nobody set it to false");
    else
        say_cure(r, d,
                 "put the label on the node's pool (spec.template.metadata.labels), or take it "
                 "out of the DaemonSet");
    say_next(r, d, "kubectl get node %s --show-labels", n->name);
}

static void say_absent(struct doctor_report *r, const struct cluster *c, const struct node *n,
                       const struct workload *daemon)
{
    const struct taint *taint = bar_of(daemon, n);
    const struct event *event = cluster_event(c, "DaemonSet", daemon->space, daemon->name, NULL);
    struct diagnosis *d;

    if (taint) {
        d = say(r, "plugin-not-tolerating", 95, subject(r, n),
                say_text(r,
                         "DaemonSet '%s/%s' does not come to the node: it does not tolerate the "
                         "taint '%s'",
                         daemon->space, daemon->name, taint->key));
        say_evidence(r, d, "taint %s=%s:%s of the node", taint->key, taint->value, taint->effect);
        say_cure(r, d, "give the DaemonSet a toleration of '%s' with operator Exists", taint->key);
    } else {
        d = say(r, "plugin-not-there-yet", 70, subject(r, n),
                say_text(r, "DaemonSet '%s/%s' has no pod on the node yet", daemon->space,
                         daemon->name));
    }
    if (event)
        say_evidence(r, d, "event %s: %s", event->reason, event->message);
    say_next(r, d, "kubectl -n %s describe daemonset %s", daemon->space, daemon->name);
}

/*
 * DaemonSets of several plugins may be there, each for nodes of its own: those that do not select
 * this node are meant for others, if one does. False if there is no plugin at all.
 */
static bool judge_daemons(struct doctor_report *r, const struct cluster *c, const struct node *n)
{
    const struct system *s = &c->lint.system;
    unsigned n_daemons = 0, n_selecting = 0;
    const char *label = "";

    for (size_t i = 0; i < s->n_workloads; i++) {
        const struct workload *w = &s->workloads[i];

        if (strcmp(w->kind, "DaemonSet") != 0 || !is_any_plugin(w))
            continue;
        n_daemons++;
        if (!cluster_selects(w, n, &label))
            continue;
        n_selecting++;
        say_absent(r, c, n, w);
    }
    for (size_t i = 0; n_selecting == 0 && i < s->n_workloads; i++) {
        const struct workload *w = &s->workloads[i];

        if (strcmp(w->kind, "DaemonSet") == 0 && is_any_plugin(w) && !cluster_selects(w, n, &label))
            say_not_selecting(r, n, w, label, n_daemons == 1);
    }
    return n_daemons > 0;
}

/* The driver and the toolkit of the GPU operator, which the plugin's pod waits for. */
static void judge_grounds(struct doctor_report *r, const struct node *n, const struct workload *pod)
{
    const char *reason = "";

    for (size_t i = 0; i < sizeof grounds / sizeof *grounds; i++) {
        const struct yaml_node *container;
        struct diagnosis *d;

        if (!select_is_plugin(pod->pod, grounds[i].image))
            continue;
        container = judge_failing(pod, &reason);
        if (!container || strcmp(reason, "ContainerCreating") == 0 ||
            strcmp(reason, "PodInitializing") == 0)
            return;
        d = say(r, grounds[i].cause, 97, subject(r, n),
                say_text(r, "the %s's pod on the node does not run, so no plugin starts there: %s",
                         grounds[i].name, reason));
        say_evidence(r, d, "pod %s/%s, container %s: %s, %s restarts", pod->space, pod->name,
                     node_text(node_at(container, "name"), "?"), reason,
                     node_text(node_at(container, "restartCount"), "0"));
        say_next(r, d, "kubectl -n %s logs %s --all-containers --tail 50", pod->space, pod->name);
        return;
    }
}

/* False if no plugin's pod is on the node. */
static bool judge_pods_on(struct doctor_report *r, const struct cluster *c, const struct node *n)
{
    size_t n_places;
    const struct place *places = cluster_places(c, n->name, &n_places);
    bool any = false;

    for (size_t i = 0; i < n_places; i++) {
        const char *phase = node_text(node_at(places[i].workload->doc->root, "status.phase"), "");

        if (strcmp(phase, "Succeeded") == 0)
            continue;
        judge_grounds(r, n, places[i].workload);
        if (!is_any_plugin(places[i].workload))
            continue;
        say_failing(r, c, n, places[i].workload);
        any = true;
    }
    return any;
}

static void judge_node(struct doctor_report *r, const struct cluster *c, const struct node *n)
{
    struct diagnosis *d;

    if (judge_pods_on(r, c, n) || (!(c->blind & BLIND_DAEMONS) && judge_daemons(r, c, n)))
        return;
    if (c->blind & BLIND_PODS)
        return;
    d = say(r, "no-device-plugin", c->blind & BLIND_DAEMONS ? 70 : 95, subject(r, n),
            "the node has GPUs and no device plugin shows them to the kubelet");
    if (c->blind & BLIND_DAEMONS)
        say_evidence(r, d, "no pod of carve or of NVIDIA's k8s-device-plugin is on node %s",
                     n->name);
    else
        say_evidence(r, d,
                     "no DaemonSet runs carve or NVIDIA's k8s-device-plugin, and the capacity of "
                     "node %s has no GPU resource",
                     n->name);
    say_next(r, d, "kubectl get daemonsets -A");
    say_cure(r, d, "install carve or NVIDIA's device plugin");
}

/* What the GPU operator says of itself. */
static void judge_policy(struct doctor_report *r, const struct document *policy)
{
    const char *state = node_text(node_at(policy->root, "status.state"), "");
    const char *space = node_text(node_at(policy->root, "status.namespace"), "gpu-operator");
    const struct yaml_node *list = node_at(policy->root, "status.conditions");
    struct diagnosis *d;

    if (strcmp(state, "notReady") != 0 && strcmp(state, "ignored") != 0)
        return;
    d = say(r, "operator-not-ready", 78, say_text(r, "clusterpolicy %s", policy->name),
            strcmp(state, "ignored") == 0
                ? "the GPU operator ignores this policy, since it has another one"
                : "the GPU operator has not brought up all its parts");
    say_evidence(r, d, "status.state %s", state);
    for (size_t i = 0; list && list->kind == YAML_LIST && i < list->count; i++)
        if (*node_text(node_at(list->items[i], "message"), ""))
            say_evidence(r, d, "condition %s=%s: %s",
                         node_text(node_at(list->items[i], "type"), "?"),
                         node_text(node_at(list->items[i], "status"), "?"),
                         node_text(node_at(list->items[i], "message"), ""));
    say_next(r, d, "kubectl -n %s get pods -o wide", space);
}

void judge_plugins(struct doctor_report *r, const struct cluster *c)
{
    const struct system *s = &c->lint.system;

    for (size_t i = 0; i < c->n_nodes; i++)
        if (c->nodes[i].ready && !c->nodes[i].leaves && !offers_gpu(&c->nodes[i]))
            judge_node(r, c, &c->nodes[i]);
    for (size_t i = 0; i < s->n_documents; i++)
        if (document_is(s->documents[i], "nvidia.com", "ClusterPolicy"))
            judge_policy(r, s->documents[i]);
}
