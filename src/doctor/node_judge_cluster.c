/* SPDX-License-Identifier: Apache-2.0 */
/* The node as the API server has it: rights, gateway, labels, taints, amounts. */
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "config/yaml.h"
#include "doctor/node_say.h"
#include "gpu/gpu.h"
#include "lint/read/text.h"
#include "node/node_state.h"

#define MANAGER "carve-gateway"
#define START_TAINT "carve.dev/not-ready"
#define FAULT_TAINT "carve.dev/fault"

static void judge_server(struct node_report *r, const struct node_facts *f)
{
    const struct node_api_facts *a = &f->api;
    bool must = a->in_pod || a->asked;

    if (a->end == NODE_API_NONE) {
        node_say(r, "api", node_has_kubelet(f) ? NODE_UNSEEN : NODE_ABSENT, "%s", a->error);
        if (node_has_kubelet(f))
            node_cure(r, "name one with --kubeconfig, or run in carve-gateway's container");
    } else if (a->end == NODE_API_FAILED) {
        node_say(r, "api", must ? NODE_FAILED : NODE_UNSEEN, "%s", a->error);
        node_cure(r, "see whether the server can be reached from here (network policies, security "
                     "groups) and the credentials are valid");
    } else if (a->node_code == -ENOENT && a->name_guessed) {
        node_say(r, "api", node_has_kubelet(f) ? NODE_UNSEEN : NODE_ABSENT, "%s has no node '%s'",
                 a->server, a->node_name);
        node_cure(r, "if this machine is one under another name, give it with --node");
    } else if (a->node_code < 0) {
        /* Of a service account the finding on its rights says it better. */
        bool told = a->node_code == -EACCES && a->is_gateways && !a->rights_error;

        node_say(r, "api", told || (a->node_code != -ENOENT && !must) ? NODE_UNSEEN : NODE_FAILED,
                 "%s", a->node_error);
        node_cure(r, "%s",
                  a->node_code == -EACCES   ? "give this user the right to get nodes"
                  : a->node_code == -ENOENT ? "give the node's name with --node or NODE_NAME"
                                            : "look at the credentials and the server's log");
    } else if (a->node) {
        node_say(r, "api", NODE_FINE, "%s has the node %s, kubelet %s", a->server, a->node_name,
                 node_text(node_at(a->node->root, "status.nodeInfo.kubeletVersion"), "?"));
    }
}

/* "patch nodes/status (the condition …)" for each right that lacks. */
static void judge_rights(struct node_report *r, const struct node_facts *f)
{
    const struct node_api_facts *a = &f->api;
    const char *needed[NODE_RIGHTS_MAX] = {NULL}, *other[NODE_RIGHTS_MAX] = {NULL};
    size_t n_needed = 0, n_other = 0;

    if (!a->is_gateways) {
        node_say(r, "rights", NODE_UNSEEN, "these would be the rights of %s, not carve-gateway's",
                 *a->user ? a->user : "this user");
        node_cure(r, "run 'kubectl exec -c carve-gateway POD -- carve doctor node'");
        return;
    }
    if (a->rights_error) {
        node_say(r, "rights", NODE_UNSEEN, "%s", a->rights_error);
        return;
    }
    for (size_t i = 0; i < a->n_rights; i++) {
        const struct node_right *right = &a->rights[i];
        const char *words =
            right->given == 0
                ? arena_printf(&r->arena, "%s %s%s%s (%s)", right->verb, right->resource,
                               *right->subresource ? "/" : "", right->subresource, right->what)
                : NULL;

        if (words && right->needed)
            needed[n_needed++] = words;
        else if (words)
            other[n_other++] = words;
    }
    if (n_needed > 0) {
        node_say(r, "rights", NODE_FAILED, "%s may not %s", a->user,
                 node_list(r, needed, n_needed));
        node_cure(r, "install the chart's ClusterRole, Roles and their bindings again");
    } else {
        node_say(r, "rights", NODE_FINE, "all that are needed%s%s",
                 n_other ? "; not given, and needed only where configured: " : "",
                 node_list(r, other, n_other));
    }
}

static const struct yaml_node *item_of(const struct yaml_node *list, const char *key,
                                       const char *value)
{
    for (size_t i = 0; list && list->kind == YAML_LIST && i < list->count; i++)
        if (strcmp(node_text(node_get(list->items[i], key), ""), value) == 0)
            return list->items[i];
    return NULL;
}

static void judge_gateway(struct node_report *r, const struct yaml_node *node)
{
    const struct yaml_node *entry =
        item_of(node_at(node, "metadata.managedFields"), "manager", MANAGER);

    if (entry) {
        node_say(r, "gateway", NODE_FINE, "carve-gateway wrote to this node at %s",
                 node_text(node_get(entry, "time"), "?"));
        return;
    }
    node_say(r, "gateway", NODE_WARNING, "carve-gateway has never written to this node");
    node_cure(r, "see 'kubectl logs -c carve-gateway' of carve's pod on this node");
}

static void judge_condition(struct node_report *r, const struct yaml_node *node, const char *check,
                            const char *type, const char *cure)
{
    const struct yaml_node *condition = item_of(node_at(node, "status.conditions"), "type", type);
    const char *status = condition ? node_text(node_get(condition, "status"), "?") : "True";

    if (strcmp(status, "True") == 0)
        return;
    node_say(r, check, NODE_FAILED, "condition %s is %s: %s: %s", type, status,
             node_text(node_get(condition, "reason"), "?"),
             node_text(node_get(condition, "message"), "?"));
    node_cure(r, "%s", cure);
}

/* A resource's amount in a map of the node; -1: it is not there. */
static long long amount(const struct yaml_node *node, const char *map, const char *resource)
{
    const struct yaml_node *amounts = node_at(node, map);
    const char *text = amounts ? node_text(node_get(amounts, resource), NULL) : NULL;
    uint64_t value;

    return text && text_uint(&value, text, INT64_MAX) ? (long long)value : -1;
}

static void judge_amounts(struct node_report *r, const struct node_facts *f,
                          const struct yaml_node *node)
{
    const struct node_state *s = f->carved.state;
    bool fine = true;

    for (size_t i = 0; s && i < s->n_resources; i++) {
        const struct node_resource *resource = &s->resources[i];
        long long free = amount(node, "status.allocatable", resource->name);

        if (free == (long long)resource->healthy)
            continue;
        fine = false;
        if (!resource->registered && node_follows(r, "allocatable", "registration"))
            return;
        node_say(r, "allocatable", free <= 0 ? NODE_FAILED : NODE_WARNING,
                 "the node shows %lld %s, carved has %u healthy slices", free < 0 ? 0 : free,
                 resource->name, resource->healthy);
        node_cure(r,
                  "wait half a minute for the kubelet's next report; then see its journal for "
                  "'%s', and restart it",
                  resource->name);
    }
    if (fine && s && s->n_resources > 0)
        node_say(r, "allocatable", NODE_FINE, "what the node shows is what carved has");
}

/* Why the start-up taint stays: the first thing that failed and that it waits for. */
static const char *wait_of(const struct node_report *r)
{
    const struct node_finding *cause = node_cause(r);

    return cause ? cause->check : NULL;
}

static void judge_taints(struct node_report *r, const struct yaml_node *node)
{
    const struct yaml_node *taints = node_at(node, "spec.taints");
    const char *waits = wait_of(r);
    bool fine = true;

    if (item_of(taints, "key", START_TAINT)) {
        bool seen = item_of(node_at(node, "metadata.managedFields"), "manager", MANAGER);

        fine = false;
        node_say(r, "taints", NODE_FAILED,
                 "the start-up taint " START_TAINT " is still there: %s%s",
                 waits  ? "it waits for "
                 : seen ? "slices are not yet allocatable"
                        : "carve-gateway, which removes it, has not come so far",
                 waits ? waits : "");
        node_cure(r, "%s",
                  waits ? "cure that first"
                        : "see 'kubectl logs -c carve-gateway' of carve's pod on this "
                          "node");
    }
    if (item_of(taints, "key", FAULT_TAINT)) {
        fine = false;
        node_say(r, "taints", NODE_FAILED, "the fault taint " FAULT_TAINT " is on the node");
        node_cure(r, "end the fault (see the condition AcceleratedHardwareReady): the taint goes "
                     "with it");
    }
    if (strcmp(node_text(node_at(node, "spec.unschedulable"), ""), "true") == 0) {
        fine = false;
        node_say(r, "taints", NODE_WARNING, "the node is cordoned: no new pod comes here");
        node_cure(r, "'kubectl uncordon' it");
    }
    if (fine)
        node_say(r, "taints", NODE_FINE, "none that keeps pods waiting for carve");
}

static void judge_labels(struct node_report *r, const struct node_facts *f,
                         const struct yaml_node *node)
{
    const struct yaml_node *labels = node_at(node, "metadata.labels");
    const struct inventory *inv = node_hardware(f);
    const char *count = labels ? node_text(node_get(labels, "nvidia.com/gpu.count"), NULL) : NULL;
    const char *driver =
        labels ? node_text(node_get(labels, "nvidia.com/cuda.driver-version.full"), NULL) : NULL;
    const char *state =
        labels ? node_text(node_get(labels, "nvidia.com/mig.config.state"), "") : "";

    if (strcmp(state, "failed") == 0 || strcmp(state, "pending") == 0) {
        node_say(r, "mig-config", strcmp(state, "failed") ? NODE_WARNING : NODE_FAILED,
                 "the MIG configuration '%s' is %s",
                 node_text(node_get(labels, "nvidia.com/mig.config"), "?"), state);
        node_cure(r, "'kubectl describe node' has the reason among the Events; 'carve ps' names "
                     "who is in the way");
    }
    if (!count) {
        node_say(r, "labels", NODE_WARNING, "the node has no label nvidia.com/gpu.count");
        node_cure(r, "see carve-gateway's log; with NFD, see that its master runs");
    } else if (driver && inv && strcmp(driver, inv->driver_version) != 0) {
        node_say(r, "labels", NODE_WARNING, "the labels tell of driver %s, the driver is %s",
                 driver, inv->driver_version);
        node_cure(r, "see carve-gateway's log; another program may write the labels (GFD)");
    } else {
        node_say(r, "labels", NODE_FINE, "nvidia.com/gpu.count=%s, nvidia.com/gpu.product=%s",
                 count, node_text(node_get(labels, "nvidia.com/gpu.product"), "?"));
    }
}

void node_judge_cluster(struct node_report *r, const struct node_facts *f)
{
    const struct node_api_facts *a = &f->api;
    const struct yaml_node *node = a->node ? a->node->root : NULL;

    judge_server(r, f);
    if (a->end != NODE_API_ANSWERS)
        return;
    if (a->in_pod || a->is_gateways || node)
        judge_rights(r, f);
    if (!node)
        return;
    judge_gateway(r, node);
    judge_condition(r, node, "node-ready", "Ready", "see the kubelet's journal on the node");
    judge_condition(r, node, "hardware-ready", "AcceleratedHardwareReady",
                    "do what its message says; it turns True when the fault has ended");
    judge_amounts(r, f, node);
    judge_labels(r, f, node);
    judge_taints(r, node);
}
