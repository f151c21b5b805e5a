/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pods that have a node and do not start or were refused there, and pods that were never made: what
 * the kubelet and the controllers say of them.
 */
#include <string.h>

#include "base/text.h"
#include "doctor/say.h"
#include "doctor/select.h"

/* Words of the container runtime that mean one thing wherever they come from. */
static const struct {
    const char *needle, *cause, *words, *cure;
} runtime_words[] = {
    {"no runtime for", "runtime-missing",
     "the container runtime of the node does not know the runtime that the pod's RuntimeClass "
     "names",
     "configure NVIDIA's container toolkit on the node (nvidia-ctk runtime configure), or take "
     "runtimeClassName out of the pod"},
    {"unresolvable CDI devices", "cdi-device-missing",
     "the container runtime of the node does not find the CDI device that the plugin gave",
     "let nvidia-ctk cdi generate run on the node, or restart the plugin, which writes it"},
    {"nvidia-container-cli", "driver-not-usable",
     "NVIDIA's container runtime of the node cannot use the driver",
     "the driver is not loaded or of another version than its libraries: restart the node"},
};

/* Reasons of a container that waits. */
static const struct {
    const char *reason, *cause, *words, *cure;
} container_reasons[] = {
    {"ErrImagePull", "image-not-pulled", "the node cannot pull the image",
     "see that the image and its tag exist, for this architecture, and that the node may pull it"},
    {"ImagePullBackOff", "image-not-pulled", "the node cannot pull the image",
     "see that the image and its tag exist, for this architecture, and that the node may pull it"},
    {"ErrImageNeverPull", "image-not-pulled", "the image is not on the node and may not be pulled",
     "set imagePullPolicy to IfNotPresent, or put the image on the node"},
    {"InvalidImageName", "image-not-pulled", "the image's name is not valid", "correct it"},
    {"CreateContainerConfigError", "container-config",
     "the container's configuration names what is not there", "make that ConfigMap or Secret"},
    {"CreateContainerError", "container-not-made", "the container cannot be made", ""},
    {"RunContainerError", "container-not-made", "the container cannot be started", ""},
    {"StartError", "container-not-made", "the container cannot be started", ""},
};

/* Reasons of events about a pod whose containers are still to be made. */
static const struct {
    const char *reason, *cause, *words, *cure;
} event_reasons[] = {
    {"FailedCreatePodSandBox", "sandbox-not-made", "the node cannot make the pod's sandbox", ""},
    {"FailedAttachVolume", "volume-not-attached", "a volume cannot be attached to the node",
     "see whether another node still has it"},
    {"FailedMount", "volume-not-mounted", "a volume cannot be mounted",
     "make the ConfigMap, Secret or claim that it names"},
};

enum { LIKELY = 92 };

/* Puts the runtime's own words before what the reason alone says. */
static void take(struct doctor_report *r, struct trouble *out, const char *reason,
                 const char *message)
{
    for (size_t i = 0; i < sizeof runtime_words / sizeof *runtime_words; i++)
        if (strstr(message, runtime_words[i].needle)) {
            out->cause = runtime_words[i].cause;
            out->words = runtime_words[i].words;
            out->cure = runtime_words[i].cure;
            out->likelihood = LIKELY + 3;
            break;
        }
    out->evidence = say_text(r, "%s: %s", reason, message);
}

static bool take_container(struct doctor_report *r, const struct yaml_node *container,
                           struct trouble *out)
{
    static const char *const states[] = {"state.waiting", "state.terminated",
                                         "lastState.terminated"};

    for (size_t n = 0; n < sizeof states / sizeof *states; n++) {
        const struct yaml_node *state = node_at(container, states[n]);
        const char *reason = node_text(node_at(state, "reason"), "");

        for (size_t i = 0; i < sizeof container_reasons / sizeof *container_reasons; i++) {
            if (strcmp(reason, container_reasons[i].reason) != 0)
                continue;
            *out = (struct trouble){container_reasons[i].cause, container_reasons[i].words,
                                    container_reasons[i].cure, LIKELY, ""};
            take(
                r, out,
                say_text(r, "container %s: %s", node_text(node_at(container, "name"), "?"), reason),
                node_text(node_at(state, "message"), ""));
            return true;
        }
    }
    return false;
}

bool judge_trouble(struct doctor_report *r, const struct cluster *c, const struct workload *pod,
                   struct trouble *out)
{
    static const char *const lists[] = {"status.initContainerStatuses", "status.containerStatuses"};
    const char *phase = node_text(node_at(pod->doc->root, "status.phase"), "");

    for (size_t n = 0; n < 2; n++) {
        const struct yaml_node *list = node_at(pod->doc->root, lists[n]);

        for (size_t i = 0; list && list->kind == YAML_LIST && i < list->count; i++)
            if (take_container(r, list->items[i], out))
                return true;
    }
    if (strcmp(phase, "Pending") != 0) /* an event of a start that is over */
        return false;
    for (size_t i = 0; i < sizeof event_reasons / sizeof *event_reasons; i++) {
        const struct event *event =
            cluster_event(c, "Pod", pod->space, pod->name, event_reasons[i].reason);

        if (!event)
            continue;
        *out = (struct trouble){event_reasons[i].cause, event_reasons[i].words,
                                event_reasons[i].cure, LIKELY - 2, ""};
        take(r, out, say_text(r, "event %s", event->reason), event->message);
        return true;
    }
    return false;
}

static void judge_pod(struct doctor_report *r, const struct cluster *c, const struct pod *p)
{
    struct trouble trouble;
    struct diagnosis *d;

    if (!judge_trouble(r, c, p->workload, &trouble))
        return;
    d = say(
        r, trouble.cause, trouble.likelihood, say_text(r, "pod %s/%s", p->space, p->name),
        say_text(r, "%s, while the pod holds '%s' there", trouble.words, p->workload->ask->name));
    if (!say_first(r, d))
        return;
    say_evidence(r, d, "pod %s/%s on node %s: %s", p->space, p->name, p->node, trouble.evidence);
    say_cure(r, d, "%s", trouble.cure);
    say_next(r, d, "kubectl -n %s describe pod %s", p->space, p->name);
}

static void judge_refused(struct doctor_report *r, const struct pod *p)
{
    bool shared = strstr(p->message, "maximum request size for shared resources") != NULL;
    /* Others may be of a time before the plugin was up, and have been replaced since. */
    struct diagnosis *d =
        say(r, shared ? "shared-request-many" : "pod-refused", shared ? 92 : 75,
            say_text(r, "pod %s/%s", p->space, p->name),
            say_text(r, "the kubelet of node '%s' refused the pod: %s", p->node, p->message));

    say_evidence(r, d, "status.reason %s of pod %s/%s", p->reason, p->space, p->name);
    if (shared)
        say_cure(r, d, "ask for 1: more replicas of a shared GPU give no more of it");
    say_next(r, d, "kubectl -n %s describe pod %s", p->space, p->name);
}

static bool is_plugin(const struct cluster *c, const struct event *event)
{
    const struct system *s = &c->lint.system;

    for (size_t i = 0; i < s->n_workloads; i++)
        if (strcmp(s->workloads[i].kind, event->kind) == 0 &&
            strcmp(s->workloads[i].name, event->name) == 0 &&
            strcmp(s->workloads[i].space, event->space) == 0)
            return strcmp(event->kind, "DaemonSet") == 0;
    return false;
}

/* A controller that is not let make its pods: they are not there to be seen waiting. */
static void judge_refusal(struct doctor_report *r, const struct cluster *c,
                          const struct event *event)
{
    bool gpu = strstr(event->message, "nvidia.com/") || strstr(event->message, "carve.dev/");
    bool plugin = is_plugin(c, event);
    const char *cause = plugin ? "plugin-refused" : "pods-refused", *words, *cure = "";
    struct diagnosis *d;

    if (strstr(event->message, "RuntimeClass") && strstr(event->message, "not found")) {
        cause = "runtime-class-missing";
        words = "its pods are refused: the RuntimeClass that they name is not there";
        cure = "make the RuntimeClass (the GPU operator makes 'nvidia'), or take it out";
    } else if (!gpu && !plugin) {
        return;
    } else if (strstr(event->message, "exceeded quota")) {
        cause = plugin ? cause : "quota-exceeded";
        words = "its pods are refused: the namespace's ResourceQuota is used up";
        cure = "raise the quota, or end pods of the namespace that hold what it counts";
    } else {
        words = "its pods are refused when they are made";
    }
    d = say(r, cause, plugin ? LIKELY + 2 : LIKELY,
            say_text(r, "%s %s/%s", event->kind, event->space, event->name), words);
    if (!say_first(r, d))
        return;
    say_evidence(r, d, "event %s of %s: %s", event->reason, event->time, event->message);
    say_cure(r, d, "%s", cure);
    say_next(r, d,
             strcmp(cause, "quota-exceeded") == 0
                 ? "kubectl -n %s describe resourcequota"
                 : "kubectl -n %s get events --sort-by .lastTimestamp",
             event->space);
}

void judge_starts(struct doctor_report *r, const struct cluster *c)
{
    for (size_t i = 0; i < c->n_pods; i++) {
        const struct pod *p = &c->pods[i];

        if (p->refused)
            judge_refused(r, p);
        if (!p->leaves && p->holds && !select_serves(p->workload->pod))
            judge_pod(r, c, p);
    }
    for (size_t i = 0; i < c->n_events; i++) {
        const struct event *event = &c->events[i], *next = event + 1;
        bool last = i + 1 == c->n_events || strcmp(event->kind, next->kind) != 0 ||
                    strcmp(event->space, next->space) != 0 || strcmp(event->name, next->name) != 0;

        if (last && strcmp(event->reason, "FailedCreate") == 0)
            judge_refusal(r, c, event);
    }
}
