/* SPDX-License-Identifier: Apache-2.0 */
/* What a cluster's API tells: see cluster.h. Objects that do not matter are dropped as they come.
 */
#include "doctor/cluster.h"

#include <errno.h>
#include <string.h>

#include "api/api.h"
#include "base/err.h"
#include "base/text.h"
#include "cost/catalog.h"
#include "doctor/say.h"
#include "doctor/select.h"
#include "lint/read/read.h"
#include "lint/view/view.h"
#include "schema/schema.h"

/* A list that is being read. */
struct reading {
    struct cluster *cluster;
    bool (*keep)(struct cluster *c, const struct yaml_node *object);
    struct err err;
    int code;
    size_t n_kept, max;
    bool left_out; /* there were more */
};

static int keep_tree(struct cluster *c, struct yaml_doc **doc, struct err *e)
{
    struct yaml_doc **grown = view_grow(&c->lint, c->trees, c->n_trees, sizeof(struct yaml_doc *));

    if (!grown)
        return err_memory(e);
    c->trees = grown;
    grown[c->n_trees++] = TAKE(*doc);
    return 0;
}

static bool on_object(void *self, struct yaml_doc *object)
{
    struct reading *r = self;
    OWN(yaml_doc_freep) struct yaml_doc *doc = object;
    char file[256];

    if (!r->keep(r->cluster, doc->root))
        return true;
    r->cluster->n_values += doc->n_nodes;
    r->left_out = r->n_kept == r->max || r->cluster->n_values > CLUSTER_MAX_VALUES;
    if (r->left_out)
        return false;
    doc->n_nodes = 0; /* bounded here: the run's own bound is for texts */
    r->n_kept++;
    (void)snprintf(file, sizeof file, "%s %s", node_text(node_at(doc->root, "kind"), "object"),
                   node_text(node_at(doc->root, "metadata.name"), ""));
    if (strcmp(node_text(node_at(doc->root, "kind"), ""), "Node") == 0)
        r->code = keep_tree(r->cluster, &doc, &r->err);
    else
        r->code = read_object(&r->cluster->lint, file, TAKE(doc), &r->err);
    return r->code == 0;
}

struct collection {
    const char *path;
    const char *what; /* for words */
    bool (*keep)(struct cluster *c, const struct yaml_node *object);
    size_t max;
    unsigned blind; /* without it */
    bool quiet;     /* its absence says nothing */
};

static const struct collection collections[] = {
    {"/api/v1/nodes", "nodes", select_node, CLUSTER_MAX_NODES, BLIND_NODES, false},
    {"/api/v1/pods", "pods", select_pod, CLUSTER_MAX_PODS, BLIND_PODS, false},
    {"/apis/apps/v1/daemonsets", "daemonsets", select_daemon, 1000, BLIND_DAEMONS, false},
    {"/apis/apps/v1/deployments", "deployments", select_controller, 1000, 0, false},
    {"/api/v1/events?fieldSelector=type!=Normal", "events", select_event, CLUSTER_MAX_EVENTS, 0,
     false},
    {"/api/v1/events?fieldSelector=reason=NotTriggerScaleUp", "events", select_scale_up, 1000, 0,
     true},
    {"/api/v1/configmaps", "configmaps", select_config, 1000, BLIND_SUPPLY, false},
    {"/apis/karpenter.sh/v1/nodepools", "nodepools", select_all, 1000, BLIND_SUPPLY, true},
    {"/apis/karpenter.sh/v1/nodeclaims", "nodeclaims", select_all, CLUSTER_MAX_CLAIMS, 0, true},
    {"/apis/karpenter.sh/v1alpha1/nodeoverlays", "nodeoverlays", select_all, 1000, BLIND_SUPPLY,
     true},
    {"/apis/karpenter.k8s.aws/v1/ec2nodeclasses", "ec2nodeclasses", select_all, 1000, BLIND_SUPPLY,
     true},
    {"/apis/nvidia.com/v1/clusterpolicies", "clusterpolicies", select_all, 16, 0, true},
};

static void unseen(struct doctor_report *report, const char *what, const char *why)
{
    const char *words = say_text(report, "%s: %s", what, why), **grown;

    if (report->n_unseen > 0 && strcmp(report->unseen[report->n_unseen - 1], words) == 0)
        return;
    grown = arena_grow(&report->arena, report->unseen, report->n_unseen, sizeof *grown);
    if (!grown)
        return;
    report->unseen = grown;
    report->unseen[report->n_unseen++] = words;
}

/* A webhook of Karpenter's that fails must not keep the doctor from saying so. */
static bool is_fatal(const struct collection *from, int r)
{
    return r == -ENOMEM || r == -EHOSTUNREACH || r == -EPERM ||
           (from->blind & (BLIND_NODES | BLIND_PODS));
}

static int read_collection(struct cluster *c, struct doctor_report *report, struct api *api,
                           const struct collection *from, struct err *e)
{
    struct reading reading = {.cluster = c, .keep = from->keep, .max = from->max};
    struct err why = {0};
    int r = api_list(api, from->path, on_object, &reading, &why);

    if (reading.code < 0) {
        *e = reading.err;
        return reading.code;
    }
    if (r == 0 && !reading.left_out)
        return 0;
    if (r == -ENOENT && from->quiet)
        return 0;
    c->blind |= from->blind;
    if (r == 0)
        unseen(report, from->what, "more than are judged");
    else if (r == -EACCES)
        unseen(report, from->what, "not allowed to list them");
    else if (r == -ENOENT)
        unseen(report, from->what, "the server has none of that kind");
    else if (!is_fatal(from, r))
        unseen(report, from->what, why.msg);
    else
        *e = why;
    return r == 0 || r == -EACCES || r == -ENOENT || !is_fatal(from, r) ? 0 : r;
}

const struct yaml_node *cluster_condition(const struct yaml_node *object, const char *type)
{
    const struct yaml_node *list = node_at(object, "status.conditions");

    for (size_t i = 0; list && list->kind == YAML_LIST && i < list->count; i++)
        if (strcmp(node_text(node_at(list->items[i], "type"), ""), type) == 0)
            return list->items[i];
    return NULL;
}

static bool is_true(const struct yaml_node *condition_node)
{
    return strcmp(node_text(node_at(condition_node, "status"), ""), "True") == 0;
}

/* Made within the last minutes: what is not there yet may just be on its way. */
static bool is_young(const struct cluster *c, const struct yaml_node *root)
{
    const char *text = node_text(node_at(root, "metadata.creationTimestamp"), "");
    struct tm parts = {0};
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &parts);

    return end && *end == '\0' && c->now - timegm(&parts) < CLUSTER_START_S;
}

static bool is_leaving(const struct yaml_node *root)
{
    return node_at(root, "metadata.deletionTimestamp") != NULL;
}

static void add_node(struct cluster *c, const struct yaml_node *root)
{
    struct lint *l = &c->lint;
    struct node *grown = view_grow(l, c->nodes, c->n_nodes, sizeof *grown), *n;
    const struct yaml_node *ready = cluster_condition(root, "Ready"), *labels;
    const char *type;

    if (!grown)
        return;
    c->nodes = grown;
    n = &grown[c->n_nodes++];
    labels = node_at(root, "metadata.labels");
    *n = (struct node){.name = node_text(node_at(root, "metadata.name"), ""),
                       .object = root,
                       .labels = labels,
                       .ready = is_true(ready)};
    n->leaves = is_leaving(root);
    n->young = is_young(c, root);
    n->not_ready = node_text(node_at(ready, "message"), "the kubelet has not reported");
    n->cordoned = strcmp(node_text(node_at(root, "spec.unschedulable"), ""), "true") == 0;
    view_taints(l, node_at(root, "spec.taints"), &n->taints, &n->n_taints);
    view_amounts(l, node_at(root, "status.allocatable"), &n->allocatable, &n->n_allocatable);
    view_amounts(l, node_at(root, "status.capacity"), &n->capacity, &n->n_capacity);
    type = node_text(node_get(labels, "node.kubernetes.io/instance-type"), "");
    n->type = catalog_find(c->catalog, type);
}

/* A DaemonSet's pod is meant for one node, which its affinity names by a field. */
static const char *pinned(const struct yaml_node *root)
{
    const struct yaml_node *terms =
        node_at(root, "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution."
                      "nodeSelectorTerms");
    const struct yaml_node *fields, *values;

    if (!terms || terms->kind != YAML_LIST || terms->count != 1)
        return "";
    fields = node_at(terms->items[0], "matchFields");
    if (!fields || fields->kind != YAML_LIST || fields->count != 1)
        return "";
    values = node_at(fields->items[0], "values");
    if (!values || values->kind != YAML_LIST || values->count != 1 ||
        strcmp(node_text(node_at(fields->items[0], "key"), ""), "metadata.name") != 0 ||
        strcmp(node_text(node_at(fields->items[0], "operator"), ""), "In") != 0)
        return "";
    return node_text(values->items[0], "");
}

static void add_pod(struct cluster *c, const struct workload *w)
{
    struct pod *grown, *p;
    const struct yaml_node *root = w->doc->root,
                           *scheduled = cluster_condition(root, "PodScheduled");

    if (!w->gpu)
        return;
    grown = view_grow(&c->lint, c->pods, c->n_pods, sizeof *grown);
    if (!grown)
        return;
    c->pods = grown;
    p = &grown[c->n_pods++];
    *p = (struct pod){.doc = w->doc, .workload = w, .name = w->name, .space = w->space};
    p->phase = node_text(node_at(root, "status.phase"), "");
    p->node = node_text(node_at(root, "spec.nodeName"), "");
    p->reason = node_text(node_at(root, "status.reason"), "");
    p->message = node_text(node_at(root, "status.message"), "");
    p->unschedulable =
        scheduled && !is_true(scheduled) ? node_text(node_at(scheduled, "message"), "") : "";
    p->pinned = pinned(root);
    p->leaves = is_leaving(root);
    p->waits = strcmp(p->phase, "Pending") == 0 && !*p->node && !p->leaves;
    p->refused =
        strcmp(p->phase, "Failed") == 0 &&
        (strcmp(p->reason, "UnexpectedAdmissionError") == 0 || text_starts(p->reason, "OutOf"));
    p->holds = *p->node && strcmp(p->phase, "Succeeded") != 0 && strcmp(p->phase, "Failed") != 0;
}

static void add_event(struct cluster *c, const struct document *d)
{
    struct event *grown = view_grow(&c->lint, c->events, c->n_events, sizeof *grown);

    static const char *const times[] = {"series.lastObservedTime", "lastTimestamp", "eventTime",
                                        "metadata.creationTimestamp"};
    const char *when = "";

    if (!grown)
        return;
    for (size_t i = 0; i < sizeof times / sizeof *times && !*when; i++)
        when = node_text(node_at(d->root, times[i]), "");
    c->events = grown;
    grown[c->n_events++] = (struct event){
        .kind = node_text(node_at(d->root, "involvedObject.kind"), ""),
        .name = node_text(node_at(d->root, "involvedObject.name"), ""),
        .space = node_text(node_at(d->root, "involvedObject.namespace"), ""),
        .reason = node_text(node_at(d->root, "reason"), ""),
        .message = node_text(node_at(d->root, "message"), ""),
        .time = when,
        .source = node_text(node_at(d->root, "source.component"),
                            node_text(node_at(d->root, "reportingComponent"), "")),
    };
}

static void add_claim(struct cluster *c, const struct document *d)
{
    static const char *const steps[] = {"Launched", "Registered", "Initialized"};
    struct claim *grown = view_grow(&c->lint, c->claims, c->n_claims, sizeof *grown), *claim;
    bool met[3];

    if (is_leaving(d->root) || !grown)
        return;
    c->claims = grown;
    claim = &grown[c->n_claims++];
    *claim = (struct claim){.doc = d, .name = d->name, .reason = "", .message = ""};
    claim->young = is_young(c, d->root);
    claim->pool =
        node_text(node_get(node_at(d->root, "metadata.labels"), "karpenter.sh/nodepool"), "");
    claim->node = node_text(node_at(d->root, "status.nodeName"), "");
    for (size_t i = 0; i < 3; i++) {
        const struct yaml_node *step = cluster_condition(d->root, steps[i]);

        met[i] = is_true(step);
        if (!met[i] && !*claim->reason) {
            claim->reason = node_text(node_at(step, "reason"), steps[i]);
            claim->message = node_text(node_at(step, "message"), "");
            claim->failed = strcmp(node_text(node_at(step, "status"), ""), "False") == 0;
        }
    }
    claim->launched = met[0];
    claim->registered = met[1];
    claim->initialized = met[2];
}

static void add_controller(struct cluster *c, const struct workload *w)
{
    const char *available = node_text(node_at(w->doc->root, "status.availableReplicas"), "0");

    if (!select_runs_image(w->pod, "karpenter"))
        return;
    c->saw_karpenter = true;
    c->karpenter_runs = c->karpenter_runs || strcmp(available, "0") != 0;
}

/* The views of lint, then those of what only a live cluster has. */
static int make_views(struct cluster *c, struct err *e)
{
    struct system *s = &c->lint.system;
    int r = lint_run(&c->lint, e);

    if (r < 0)
        return r;
    for (size_t i = 0; i < c->n_trees; i++)
        add_node(c, c->trees[i]->root);
    for (size_t i = 0; i < s->n_documents; i++) {
        const struct document *d = s->documents[i];

        if (strcmp(d->kind, "Event") == 0)
            add_event(c, d);
        else if (strcmp(d->kind, "NodeClaim") == 0)
            add_claim(c, d);
    }
    for (size_t i = 0; i < s->n_workloads; i++) {
        if (strcmp(s->workloads[i].kind, "Pod") == 0)
            add_pod(c, &s->workloads[i]);
        else if (strcmp(s->workloads[i].kind, "Deployment") == 0)
            add_controller(c, &s->workloads[i]);
    }
    c->has_karpenter_pools = s->n_pools > 0;
    c->karpenter_runs = c->karpenter_runs || !c->saw_karpenter;
    cluster_index(c);
    return c->lint.out_of_memory ? err_memory(e) : 0;
}

int cluster_read(struct cluster *c, struct doctor_report *report, struct api *api, struct err *e)
{
    int r = catalog_open(&c->catalog, e);

    if (r == 0)
        r = schema_open(&c->schemas, e);
    if (r < 0)
        return r;
    lint_init(&c->lint, c->catalog, c->schemas);
    c->now = time(NULL);
    for (size_t i = 0; r == 0 && i < sizeof collections / sizeof *collections; i++)
        r = read_collection(c, report, api, &collections[i], e);
    if (r == 0 && c->n_claiming > 0)
        unseen(report, "pods with resource claims (DRA)",
               say_text(report, "%u wait, which is not judged", c->n_claiming));
    return r < 0 ? r : make_views(c, e);
}

void cluster_done(struct cluster *c)
{
    for (size_t i = 0; i < c->n_trees; i++)
        yaml_doc_free(c->trees[i]);
    if (c->schemas)
        lint_done(&c->lint);
    schema_free(c->schemas);
    catalog_free(c->catalog);
}
