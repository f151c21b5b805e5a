/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes that say of themselves that they cannot serve, by the conditions that carve-gateway writes,
 * and new nodes that stay behind their start-up taint: why, and which pods wait for them. A MIG
 * layout that failed is judge_nodes.c's.
 */
#include <string.h>

#include "base/text.h"
#include "doctor/say.h"
#include "doctor/select.h"

enum { NAMED_PODS = 3 };

/* What to do about a reason of condition AcceleratedHardwareReady. */
static const struct {
    const char *start, *cure;
} cures[] = {
    {"CarvedAway", "see why carved ends or does not start: its log and its pod's events tell"},
    {"CarvedNotRunning",
     "see why carved ends or does not start: its log and its pod's events tell"},
    {"Driver", "start the node from an image with NVIDIA's driver, or install the driver on it"},
    {"NvidiaDriver",
     "start the node from an image with NVIDIA's driver, or install the driver on it"},
    {"NotRegistered", "see the kubelet's log on the node: it takes no device plugin"},
    {"NotAllocatable", "see the kubelet's log on the node: it does not show what carved offers"},
    {"TaintNotRemoved", "give carve's service account the right that the message names"},
    {"NoSlices", "name a MIG configuration in nvidia.com/mig.config, or turn MIG off"},
    {"LayoutPending", "free the GPUs; where resets are refused, set migManager.reboot=true"},
    {"LayoutFailed", "free the GPUs; where resets are refused, set migManager.reboot=true"},
    {"Nvidia", "do what the message says; NodeRepair and EKS replace the node after 10 minutes"},
};

static const char *cure_of(const char *reason)
{
    for (size_t i = 0; i < sizeof cures / sizeof *cures; i++)
        if (text_starts(reason, cures[i].start))
            return cures[i].cure;
    return "do what the message says";
}

void say_waiting(struct doctor_report *r, struct diagnosis *d, struct cluster *c,
                 const struct node *n)
{
    struct supply believed;
    const char *names = "";
    unsigned n_waiting = 0;

    (void)cluster_believed(c, &believed, n);
    for (size_t i = 0; i < c->n_pods; i++) {
        const struct pod *p = &c->pods[i];

        if (!cluster_waits_for(p, n, &believed))
            continue;
        if (n_waiting++ < NAMED_PODS)
            names = say_text(r, "%s%s%s/%s", names, *names ? ", " : "", p->space, p->name);
    }
    if (n_waiting > NAMED_PODS)
        names = say_text(r, "%s and %u more", names, n_waiting - NAMED_PODS);
    if (n_waiting == 1)
        say_evidence(r, d, "1 pod waits for node %s: %s", n->name, names);
    else if (n_waiting > 0)
        say_evidence(r, d, "%u pods wait for node %s: %s", n_waiting, n->name, names);
}

void say_stuck(struct doctor_report *r, struct diagnosis *d, struct cluster *c,
               const struct node *n)
{
    const struct taint *t = cluster_stuck(n);

    if (!t)
        return;
    say_evidence(r, d, "taint %s:%s keeps pods off node %s", t->key, t->effect, n->name);
    say_waiting(r, d, c, n);
}

/* What of carve's pod on the node does not run, as evidence; false: nothing, as far as is seen. */
static bool say_carve_pod(struct doctor_report *r, struct diagnosis *d, const struct cluster *c,
                          const struct node *n)
{
    size_t n_places;
    const struct place *places = cluster_places(c, n->name, &n_places);

    for (size_t i = 0; i < n_places; i++) {
        const struct workload *pod = places[i].workload;
        const char *reason = "";
        const struct yaml_node *container;

        if (!select_is_plugin(pod->pod, "carve"))
            continue;
        container = judge_failing(pod, &reason);
        if (!container)
            return false;
        say_evidence(r, d, "pod %s/%s, container %s: %s, %s restarts", pod->space, pod->name,
                     node_text(node_get(container, "name"), "?"), reason,
                     node_text(node_get(container, "restartCount"), "0"));
        say_next(r, d, "kubectl -n %s logs %s --all-containers --tail 50", pod->space, pod->name);
        return true;
    }
    return false;
}

static const struct yaml_node *failed(const struct node *n, const char *type)
{
    const struct yaml_node *found = cluster_condition(n->object, type);

    return strcmp(node_text(node_get(found, "status"), ""), "False") == 0 ? found : NULL;
}

bool judge_configured(struct doctor_report *r, struct cluster *c, const struct node *n)
{
    const struct yaml_node *condition = failed(n, "carve.dev/Configured");
    struct diagnosis *d;

    if (!condition)
        return false;
    d = say(r, "configuration-refused", cluster_stuck(n) ? 96 : 90, say_text(r, "node %s", n->name),
            say_text(r, "the node's configuration is not in force: %s",
                     node_text(node_get(condition, "message"), "")));
    if (!say_first(r, d))
        return true;
    say_evidence(r, d, "condition carve.dev/Configured=False of node %s: %s", n->name,
                 node_text(node_get(condition, "reason"), "?"));
    say_evidence(r, d, "label nvidia.com/device-plugin.config=%s of node %s",
                 node_text(node_get(n->labels, "nvidia.com/device-plugin.config"), "(not set)"),
                 n->name);
    say_stuck(r, d, c, n);
    say_cure(r, d,
             "do what the message says; a label of Karpenter's nodes comes from "
             "spec.template.metadata.labels of their NodePool");
    say_next(r, d, "kubectl describe node %s", n->name);
    return true;
}

/* Whether what the condition says is the consequence of what another judge says of the node. */
static bool is_told(const struct node *n, const char *reason)
{
    const char *state = node_text(node_get(n->labels, "nvidia.com/mig.config.state"), "");

    if (text_starts(reason, "Layout"))
        return strcmp(state, "failed") == 0;
    return text_starts(reason, "Configuration") && failed(n, "carve.dev/Configured");
}

bool judge_hardware(struct doctor_report *r, struct cluster *c, const struct node *n)
{
    const struct yaml_node *condition = failed(n, "AcceleratedHardwareReady");
    const struct taint *stuck = cluster_stuck(n);
    const char *reason = node_text(node_get(condition, "reason"), "?");
    struct diagnosis *d;

    if (!condition)
        return false;
    if (is_told(n, reason))
        return true;
    d = say(r, stuck ? "node-late" : "hardware-at-fault", stuck ? 95 : 89,
            say_text(r, "node %s", n->name),
            say_text(r, "%s: %s",
                     stuck ? "the node does not come into service" : "the node reports a fault",
                     node_text(node_get(condition, "message"), reason)));
    if (!say_first(r, d))
        return true;
    say_evidence(r, d, "condition AcceleratedHardwareReady=False of node %s since %s: %s", n->name,
                 node_text(node_get(condition, "lastTransitionTime"), "?"), reason);
    say_stuck(r, d, c, n);
    (void)say_carve_pod(r, d, c, n);
    say_cure(r, d, "%s", cure_of(reason));
    say_next(r, d, "kubectl describe node %s", n->name);
    return true;
}

/* Where the log is of what should take the taint off. */
static void say_remover(struct doctor_report *r, struct diagnosis *d, const struct cluster *c,
                        const struct node *n, const struct taint *t)
{
    size_t index = 0;
    const struct workload *carve = cluster_daemon(c, "carve", &index);

    if (!text_starts(t->key, "carve.dev/")) {
        say_next(r, d, "kubectl get pods -A -o wide --field-selector spec.nodeName=%s", n->name);
    } else if (carve) {
        say_next(r, d, "kubectl -n %s logs daemonset/%s --all-containers", carve->space,
                 carve->name);
    } else if (!(c->blind & BLIND_DAEMONS)) {
        say_evidence(r, d, "no DaemonSet of carve runs in this cluster, nothing removes it");
        say_next(r, d, "kubectl get daemonsets -A -o wide | grep -i carve");
    }
}

void judge_startup_taint(struct doctor_report *r, struct cluster *c, const struct node *n)
{
    const struct taint *t = cluster_stuck(n);
    struct diagnosis *d;

    if (!t)
        return;
    d = say(
        r, "startup-taint-stuck", n->young ? 60 : 93, say_text(r, "node %s", n->name),
        say_text(r, "the node still has its startup taint '%s', so no pod is put on it", t->key));
    if (!say_first(r, d))
        return;
    say_stuck(r, d, c, n);
    if (say_carve_pod(r, d, c, n) && d->likelihood < 93)
        d->likelihood = 93; /* what fails again and again is not just on its way */
    say_remover(r, d, c, n, t);
    say_cure(r, d, "run what removes the taint, or take it out of the pool's startupTaints");
}
