/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a pod that asks for GPUs waits: what the nodes offer against what it asks,
 * then what lint says of it against Karpenter's pools.
 */
#include <string.h>

#include "base/text.h"
#include "config/suggest.h"
#include "doctor/say.h"

enum { NAMES_MAX = 64, ASKS_MAX = 16 };

/* The nodes as one pod sees them, for one of the resources that it asks for. */
struct tally {
    const struct amount *ask;
    unsigned n_offer; /* nodes that can give the resource */
    unsigned n_bars;  /* of those: closed by a taint, by the selector, too small, all held */
    unsigned n_selects, n_small, n_full, n_ok;
    unsigned n_passing;  /* bars of a start or a fault, which have a cause of their own */
    unsigned n_cordoned; /* of those, by somebody's hand */
    unsigned n_taint;    /* bars of `taint` */
    const struct taint *taint, *passing;
    const char *label;
    int64_t most, most_free; /* that a node has of it; of those that the pod may go to */
};

/* One pod's view of all its asks; pods that are the same in turn share it. */
struct view {
    const struct pod *pod;
    size_t n;
    struct tally tallies[ASKS_MAX];
    bool all_ok; /* for each ask alone there is a node */
};

static void count_taint(struct tally *out, const struct node *n, const struct taint *taint)
{
    out->n_bars++;
    if (cluster_passing_taint(n, taint)) {
        out->n_passing++;
        out->n_cordoned += n->cordoned;
        out->passing = taint;
        return;
    }
    if (!out->taint)
        out->taint = taint;
    out->n_taint += strcmp(out->taint->key, taint->key) == 0;
}

static void count_node(struct tally *out, const struct pod *p, const struct node *n)
{
    const struct amount *ask = out->ask;
    int64_t has = cluster_amount(n->allocatable, n->n_allocatable, ask->name), is_free;
    const struct taint *taint = NULL;
    const char *label = NULL;

    if (has <= 0)
        return;
    out->n_offer++;
    is_free = has - cluster_held(n, ask->name);
    if (*p->pinned && strcmp(p->pinned, n->name) != 0) {
        out->n_selects++;
        out->label = "metadata.name";
    } else if (!cluster_selects(p->workload, n, &label)) {
        out->n_selects++;
        out->label = label;
    } else if (!cluster_tolerates(p->workload, n, &taint)) {
        count_taint(out, n, taint);
    } else {
        if (has > out->most)
            out->most = has;
        if (is_free > out->most_free)
            out->most_free = is_free;
        out->n_small += has < ask->count;
        out->n_full += has >= ask->count && is_free < ask->count;
        out->n_ok += is_free >= ask->count;
    }
}

static void look(struct view *out, const struct cluster *c, const struct pod *p)
{
    const struct workload *w = p->workload;

    if (out->pod && cluster_same(out->pod, p)) {
        out->pod = p;
        for (size_t i = 0, n = 0; i < w->n_asks && n < out->n; i++)
            if (resource_is_gpu(w->asks[i].name))
                out->tallies[n++].ask = &w->asks[i];
        return;
    }
    *out = (struct view){.pod = p, .all_ok = true};
    for (size_t i = 0; i < w->n_asks && out->n < ASKS_MAX; i++) {
        struct tally *t = &out->tallies[out->n];

        if (!resource_is_gpu(w->asks[i].name))
            continue;
        out->n++;
        t->ask = &w->asks[i];
        for (size_t k = 0; k < c->n_nodes; k++)
            count_node(t, p, &c->nodes[k]);
        out->all_ok = out->all_ok && t->n_ok > 0;
    }
}

/* What the scheduler and an autoscaler say of the pod. */
static void add_words(struct doctor_report *r, struct diagnosis *d, const struct cluster *c,
                      const struct pod *p)
{
    const struct event *event = cluster_event(c, "Pod", p->space, p->name, "NotTriggerScaleUp");

    if (*p->unschedulable)
        say_evidence(r, d, "scheduler: %s", p->unschedulable);
    if (event)
        say_evidence(r, d, "autoscaler: %s", event->message);
    event = cluster_event(c, "Pod", p->space, p->name, "FailedScheduling");
    if (event && strstr(event->source, "karpenter"))
        say_evidence(r, d, "Karpenter: %s", event->message);
}

static const char *subject_of(struct doctor_report *r, const struct pod *p)
{
    return say_text(r, "pod %s/%s", p->space, p->name);
}

/* Names of GPU resources that nodes offer. */
static size_t offered(const struct cluster *c, const char *names[NAMES_MAX])
{
    size_t n = 0;

    for (size_t i = 0; i < c->n_nodes; i++)
        for (size_t k = 0; k < c->nodes[i].n_allocatable && n < NAMES_MAX; k++) {
            const struct amount *a = &c->nodes[i].allocatable[k];
            bool known = !resource_is_gpu(a->name) || a->count <= 0;

            for (size_t m = 0; !known && m < n; m++)
                known = strcmp(names[m], a->name) == 0;
            if (!known)
                names[n++] = a->name;
        }
    return n;
}

static void say_not_offered(struct doctor_report *r, const struct cluster *c, const struct pod *p,
                            const struct amount *ask)
{
    const char *names[NAMES_MAX], *near;
    size_t n = offered(c, names);
    /* Where nodes offer nothing at all, why they do not is the cause, and said elsewhere. */
    struct diagnosis *d =
        say(r, "resource-not-offered", n > 0 && !c->has_karpenter_pools ? 92 : 55, subject_of(r, p),
            say_text(r, "no node offers '%s', which the pod asks for", ask->name));

    if (!say_first(r, d))
        return;
    for (size_t i = 0; i < n; i++)
        say_evidence(r, d, "nodes offer %s", names[i]);
    if (n == 0)
        say_evidence(r, d, "no node offers any GPU resource");
    add_words(r, d, c, p);
    near = suggest_find(ask->name, names, n);
    if (near)
        say_cure(r, d, "ask for '%s', or configure nodes that make '%s'", near, ask->name);
    else
        say_cure(r, d, "configure the nodes so that they make '%s', or ask for what they offer",
                 ask->name);
    say_next(r, d,
             "kubectl get nodes -o "
             "custom-columns='NODE:.metadata.name,ALLOCATABLE:.status.allocatable'");
}

static void add_holders(struct doctor_report *r, struct diagnosis *d, const struct cluster *c,
                        const struct amount *ask)
{
    for (size_t i = 0; i < c->n_pods; i++) {
        const struct pod *other = &c->pods[i];
        int64_t has = cluster_amount(other->workload->asks, other->workload->n_asks, ask->name);

        if (has > 0 && other->holds)
            say_evidence(r, d, "pod %s/%s holds %lld on node %s%s", other->space, other->name,
                         (long long)has, other->node, other->leaves ? " and is terminating" : "");
    }
}

static void say_held(struct doctor_report *r, const struct cluster *c, const struct pod *p,
                     const struct tally *t)
{
    const struct amount *ask = t->ask;
    const char *words =
        t->most_free <= 0
            ? say_text(r, "all '%s' that the pod could get are held by other pods", ask->name)
            : say_text(r,
                       "the pod asks for %lld '%s', and no node that it may go to has more than "
                       "%lld of them free: other pods hold the rest",
                       (long long)ask->count, ask->name, (long long)t->most_free);
    struct diagnosis *d =
        say(r, "all-held", c->has_karpenter_pools ? 65 : 90, subject_of(r, p), words);

    if (!say_first(r, d))
        return;
    add_holders(r, d, c, ask);
    add_words(r, d, c, p);
    say_next(r, d, "kubectl get pods -A -o wide --field-selector status.phase=Running");
    say_cure(r, d, "%s",
             c->has_karpenter_pools
                 ? "Karpenter should buy a node: see what bars its pools"
                 : "add a node, cut the GPUs finer, or end a pod that does not need them");
}

/* Taints that come and go close all the nodes that offer it. */
static struct diagnosis *say_closed(struct doctor_report *r, const struct tally *t,
                                    const struct pod *p)
{
    bool cordoned = t->n_cordoned == t->n_offer;
    struct diagnosis *d =
        say(r, cordoned ? "nodes-cordoned" : "nodes-not-open", cordoned ? 92 : 50, subject_of(r, p),
            say_text(r, "the nodes that offer '%s' are %s", t->ask->name,
                     cordoned ? "cordoned" : "not open for pods now"));

    say_evidence(r, d, "%u nodes offer it, closed by taints such as '%s'", t->n_offer,
                 t->passing->key);
    if (cordoned)
        say_cure(r, d, "kubectl uncordon a node, or add one");
    return d;
}

static struct diagnosis *say_taint(struct doctor_report *r, const struct tally *t,
                                   const struct pod *p)
{
    /* A node that comes up again may be open for the pod. */
    struct diagnosis *d =
        say(r, "taint-not-tolerated", t->n_passing > 0 ? 80 : 95, subject_of(r, p),
            say_text(r, "the pod does not tolerate the taint '%s' of the nodes that offer '%s'",
                     t->taint->key, t->ask->name));

    say_evidence(r, d, "%u of %u nodes that offer it have taint %s=%s:%s", t->n_taint, t->n_offer,
                 t->taint->key, t->taint->value, t->taint->effect);
    say_cure(r, d, "add a toleration: {key: %s, operator: Exists}", t->taint->key);
    return d;
}

static struct diagnosis *say_selects(struct doctor_report *r, const struct tally *t,
                                     const struct pod *p)
{
    struct diagnosis *d =
        say(r, "selector-matches-none", 95, subject_of(r, p),
            say_text(r, "the pod selects nodes by '%s', and no node that offers '%s' has it so",
                     t->label, t->ask->name));

    say_evidence(r, d, "%u nodes offer it, none meets nodeSelector or required affinity",
                 t->n_offer);
    say_cure(r, d, "select a label that these nodes have, or label them by their pool");
    return d;
}

/* One bar that all nodes with the resource have in common. */
static void say_barred(struct doctor_report *r, const struct cluster *c, const struct tally *t,
                       const struct pod *p)
{
    struct diagnosis *d;

    if (t->n_bars == t->n_offer && t->taint) {
        d = say_taint(r, t, p);
    } else if (t->n_bars == t->n_offer) {
        d = say_closed(r, t, p);
    } else if (t->n_selects == t->n_offer) {
        d = say_selects(r, t, p);
    } else if (t->n_small > 0 && t->n_small + t->n_selects + t->n_bars == t->n_offer) {
        d = say(r, "ask-exceeds-node", 95, subject_of(r, p),
                say_text(r,
                         "the pod asks for %lld '%s', and no node that it may go to has more than "
                         "%lld",
                         (long long)t->ask->count, t->ask->name, (long long)t->most));
        say_cure(r, d, "ask for at most %lld a pod", (long long)t->most);
    } else {
        d = say(
            r, "no-node-fits", 60, subject_of(r, p),
            say_text(r,
                     "of %u nodes with '%s' %u are tainted, %u not selected, %u too small, %u full",
                     t->n_offer, t->ask->name, t->n_bars, t->n_selects, t->n_small, t->n_full));
    }
    if (!say_first(r, d))
        return;
    add_words(r, d, c, p);
    say_next(r, d, "kubectl -n %s describe pod %s", p->space, p->name);
}

/* What the scheduler says beside GPUs. Those of the pod as a whole hold whatever the nodes have. */
static const struct {
    const char *needle, *cause, *words, *cure;
    bool whole;
} scheduler_words[] = {
    {"unbound immediate PersistentVolumeClaims", "volume-not-bound",
     "a volume claim of the pod is not bound", "see the claim and its StorageClass", true},
    {"persistentvolumeclaim \"", "volume-claim-missing", "a volume claim of the pod is not there",
     "make the claim, or take it out of the pod", true},
    {"Insufficient cpu", "node-short-of-cpu", "the nodes with free GPUs lack CPU for the pod",
     "ask for less CPU, or let its share of the node follow its share of the GPUs", false},
    {"Insufficient memory", "node-short-of-memory",
     "the nodes with free GPUs lack memory for the pod", "ask for less memory", false},
    {"Insufficient ephemeral-storage", "node-short-of-disk",
     "the nodes with free GPUs lack disk for the pod",
     "ask for less ephemeral-storage, or give the nodes a larger disk", false},
    {"Too many pods", "node-full-of-pods", "the nodes with free GPUs take no more pods",
     "raise the kubelet's maxPods (on AWS: prefix delegation)", false},
    {"volume node affinity conflict", "volume-elsewhere",
     "a volume of the pod is in another zone than the nodes with free GPUs",
     "make the volume anew where the GPUs are, with WaitForFirstConsumer", false},
    {"exceed max volume count", "node-full-of-volumes",
     "the nodes with free GPUs take no more volumes", "use fewer volumes a pod", false},
    {"free ports", "host-port-taken", "a host port of the pod is taken on the nodes with free GPUs",
     "take hostPort out of the pod", false},
    {"anti-affinity", "pod-anti-affinity", "the pod's anti-affinity bars the nodes with free GPUs",
     "make it preferred instead of required", false},
    {"pod affinity", "pod-affinity", "the pod's affinity bars the nodes with free GPUs",
     "make it preferred instead of required", false},
    {"topology spread constraints", "topology-spread",
     "the pod's topology spread bars the nodes with free GPUs", "use ScheduleAnyway", false},
};

/* False if it says nothing of the kind. */
static bool say_scheduler(struct doctor_report *r, const struct cluster *c, const struct pod *p,
                          bool whole)
{
    bool any = false;

    for (size_t i = 0; i < sizeof scheduler_words / sizeof *scheduler_words; i++) {
        struct diagnosis *d;

        if (scheduler_words[i].whole != whole ||
            !strstr(p->unschedulable, scheduler_words[i].needle))
            continue;
        d = say(r, scheduler_words[i].cause,
                whole ? 95
                : any ? 70
                      : 90,
                subject_of(r, p), scheduler_words[i].words);
        any = true;
        if (!say_first(r, d))
            continue;
        add_words(r, d, c, p);
        say_cure(r, d, "%s", scheduler_words[i].cure);
        say_next(r, d, "kubectl -n %s describe pod %s", p->space, p->name);
    }
    return any;
}

static void say_other_reasons(struct doctor_report *r, const struct cluster *c, const struct pod *p)
{
    const char *scheduler = node_text(node_get(p->workload->pod, "schedulerName"), "");
    bool foreign = *scheduler && strcmp(scheduler, "default-scheduler") != 0;
    struct diagnosis *d;

    if (say_scheduler(r, c, p, false))
        return;
    if (foreign && !*p->unschedulable) {
        d = say(r, "scheduler-silent", 85, subject_of(r, p),
                say_text(r, "GPUs are free, and the pod's scheduler '%s' has said nothing of it",
                         scheduler));
        say_evidence(r, d, "schedulerName %s, no condition PodScheduled", scheduler);
        say_cure(r, d, "see that this scheduler runs, or take schedulerName out of the pod");
        say_next(r, d, "kubectl get pods -A | grep -i %s", scheduler);
        return;
    }
    d = say(r, "scheduler-has-other-reasons", 60, subject_of(r, p),
            "nodes have free what the pod asks for, so something else holds it back");
    if (!say_first(r, d))
        return;
    add_words(r, d, c, p);
    if (!*p->unschedulable)
        say_evidence(r, d, "the scheduler has said nothing yet");
    say_next(r, d, "kubectl -n %s describe pod %s", p->space, p->name);
}

/* What holds a pod back before any node is looked at; false if nothing does. */
static bool judge_before(struct doctor_report *r, const struct cluster *c, const struct pod *p)
{
    const struct yaml_node *gates = node_get(p->workload->pod, "schedulingGates");
    const char *nominated = node_text(node_at(p->doc->root, "status.nominatedNodeName"), "");
    struct diagnosis *d;

    if (gates && gates->kind == YAML_LIST && gates->count > 0) {
        d = say(r, "scheduling-gated", 96, subject_of(r, p),
                say_text(r, "the pod waits for its scheduling gate '%s' to be taken off",
                         node_text(node_get(gates->items[0], "name"), "?")));
        say_evidence(r, d, "spec.schedulingGates of pod %s/%s", p->space, p->name);
        say_cure(r, d,
                 "see who sets it: a queue such as Kueue admits the pod when its quota allows");
    } else if (*nominated) {
        d = say(
            r, "preemption-under-way", 85, subject_of(r, p),
            say_text(r, "the pod waits for pods of lower priority on node '%s' to end", nominated));
        say_evidence(r, d, "status.nominatedNodeName %s", nominated);
        add_words(r, d, c, p);
    } else {
        return say_scheduler(r, c, p, true);
    }
    say_next(r, d, "kubectl -n %s describe pod %s", p->space, p->name);
    return true;
}

static void judge_asks(struct doctor_report *r, const struct cluster *c, const struct view *view)
{
    const struct pod *p = view->pod;

    if (view->all_ok) {
        say_other_reasons(r, c, p);
        return;
    }
    for (size_t i = 0; i < view->n; i++) {
        const struct tally *t = &view->tallies[i];

        if (t->n_ok > 0)
            continue;
        if (t->n_offer == 0)
            say_not_offered(r, c, p, t->ask);
        else if (t->n_full > 0)
            say_held(r, c, p, t);
        else
            say_barred(r, c, t, p);
    }
}

/* What lint says about this pod against Karpenter's pools; its errors are reasons to wait. */
static void judge_lint(struct doctor_report *r, const struct cluster *c, const struct pod *p)
{
    const struct source *source = p->doc->piece ? p->doc->piece->source : NULL;

    /* What cannot be seen is not missing. */
    if (!c->has_karpenter_pools || c->blind & BLIND_SUPPLY || !source)
        return;
    for (size_t i = 0; i < c->lint.n_findings; i++) {
        const struct finding *f = c->lint.findings[i];
        struct diagnosis *d;

        if (f->severity != SEVERITY_ERROR || f->spot.source != source)
            continue;
        /* The summary of the others: it counts where nothing more exact is known. */
        d = say(r, rules[f->rule].name, f->rule == RULE_POD_PENDING ? 70 : 86, subject_of(r, p),
                f->message);
        say_evidence(r, d, "rule %s: %s", rules[f->rule].name, rules[f->rule].title);
        if (*p->unschedulable)
            say_evidence(r, d, "scheduler: %s", p->unschedulable);
        say_cure(r, d, "%s", f->cure);
        say_next(r, d, "carve lint --explain %s", rules[f->rule].name);
    }
}

void judge_pods(struct doctor_report *r, const struct cluster *c)
{
    struct view view = {0};

    for (size_t i = 0; i < c->n_pods; i++) {
        const struct pod *p = &c->pods[i];

        if (!p->waits || judge_before(r, c, p))
            continue;
        if (!(c->blind & BLIND_NODES)) {
            look(&view, c, p);
            judge_asks(r, c, &view);
        }
        judge_lint(r, c, p);
    }
}
