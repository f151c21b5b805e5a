/* SPDX-License-Identifier: Apache-2.0 */
/* The choice of objects: see select.h. Images are the only names that installers do not change. */
#include "doctor/select.h"

#include <string.h>

#include "base/text.h"
#include "doctor/cluster.h"

static const char *const servers[] = {
    "k8s-device-plugin",
    "nvidia-gpu-device-plugin",
    "carve",
    "nvidia/driver",
    "container-toolkit",
    "gpu-operator",
    "mig-manager",
    "k8s-mig-manager",
    "gpu-feature-discovery",
    "node-feature-discovery",
    "dcgm-exporter",
    "karpenter",
};

bool select_runs_image(const struct yaml_node *pod, const char *part)
{
    static const char *const lists[] = {"containers", "initContainers"};

    for (size_t n = 0; n < 2; n++) {
        const struct yaml_node *list = node_at(pod, lists[n]);

        for (size_t i = 0; list && list->kind == YAML_LIST && i < list->count; i++)
            if (strstr(node_text(node_at(list->items[i], "image"), ""), part))
                return true;
    }
    return false;
}

static bool has_word(const struct yaml_node *list, const char *part)
{
    for (size_t i = 0; list && list->kind == YAML_LIST && i < list->count; i++)
        if (strstr(node_text(list->items[i], ""), part))
            return true;
    return false;
}

static bool is_plugin(const struct yaml_node *container, const char *part)
{
    static const char *const others[] = {"gpu-feature-discovery", "mps-control-daemon",
                                         "config-manager"};

    if (!strstr(node_text(node_get(container, "image"), ""), part))
        return false;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (has_word(node_get(container, "command"), others[i]) ||
            has_word(node_get(container, "args"), others[i]))
            return false;
    return true;
}

bool select_is_plugin(const struct yaml_node *pod, const char *part)
{
    const struct yaml_node *list = node_get(pod, "containers");

    for (size_t i = 0; list && list->kind == YAML_LIST && i < list->count; i++)
        if (is_plugin(list->items[i], part))
            return true;
    return false;
}

bool select_serves(const struct yaml_node *pod)
{
    for (size_t i = 0; i < sizeof servers / sizeof *servers; i++)
        if (select_runs_image(pod, servers[i]))
            return true;
    return false;
}

bool select_all(struct cluster *c, const struct yaml_node *object)
{
    (void)c;
    (void)object;
    return true;
}

/* A name that only nodes with GPUs, or meant to have some, carry. */
static bool tells_gpu(const char *key, const char *value)
{
    if (strcmp(value, "false") == 0)
        return false;
    if (strcmp(key, "karpenter.k8s.aws/instance-gpu-count") == 0)
        return strcmp(value, "0") != 0;
    return text_starts(key, "nvidia.com/") || text_starts(key, "carve.dev/") ||
           strcmp(key, "karpenter.k8s.aws/instance-gpu-name") == 0;
}

static bool any_tells_gpu(const struct yaml_node *map)
{
    for (size_t i = 0; map && map->kind == YAML_MAP && i < map->count; i++)
        if (tells_gpu(map->pairs[i].key->text, node_text(map->pairs[i].value, "")))
            return true;
    return false;
}

static bool has_gpus(const struct yaml_node *capacity)
{
    for (size_t i = 0; capacity && capacity->kind == YAML_MAP && i < capacity->count; i++)
        if (resource_is_gpu(capacity->pairs[i].key->text))
            return true;
    return false;
}

bool select_node(struct cluster *c, const struct yaml_node *object)
{
    const struct yaml_node *labels = node_at(object, "metadata.labels");
    const char *type = node_text(node_get(labels, "node.kubernetes.io/instance-type"), "");
    const struct instance_type *known = catalog_find(c->catalog, type);
    const struct yaml_node *taints = node_at(object, "spec.taints");

    c->n_all_nodes++;
    for (size_t i = 0; taints && taints->kind == YAML_LIST && i < taints->count; i++)
        if (tells_gpu(node_text(node_at(taints->items[i], "key"), ""), ""))
            return true;
    return (known && known->gpus > 0) || any_tells_gpu(labels) ||
           has_gpus(node_at(object, "status.capacity"));
}

static bool asks_gpu(const struct yaml_node *containers)
{
    for (size_t i = 0; containers && containers->kind == YAML_LIST && i < containers->count; i++) {
        const struct yaml_node *limits = node_at(containers->items[i], "resources.limits");

        for (size_t n = 0; limits && limits->kind == YAML_MAP && n < limits->count; n++)
            if (resource_is_gpu(limits->pairs[n].key->text))
                return true;
    }
    return false;
}

bool select_pod(struct cluster *c, const struct yaml_node *object)
{
    const struct yaml_node *spec = node_at(object, "spec"),
                           *claims = node_at(spec, "resourceClaims");

    if (asks_gpu(node_at(spec, "containers")) || asks_gpu(node_at(spec, "initContainers")) ||
        select_serves(spec))
        return true;
    c->n_claiming += claims && claims->count > 0 && !node_at(spec, "nodeName") &&
                     strcmp(node_text(node_at(object, "status.phase"), ""), "Pending") == 0;
    return false;
}

bool select_daemon(struct cluster *c, const struct yaml_node *object)
{
    (void)c;
    return select_serves(node_at(object, "spec.template.spec"));
}

bool select_controller(struct cluster *c, const struct yaml_node *object)
{
    return select_daemon(c, object);
}

bool select_event(struct cluster *c, const struct yaml_node *object)
{
    static const char *const kinds[] = {
        "Pod",          "Node",          "DaemonSet",  "NodePool",    "NodeClaim", "NodeOverlay",
        "EC2NodeClass", "ClusterPolicy", "ReplicaSet", "StatefulSet", "Job"};
    const char *kind = node_text(node_at(object, "involvedObject.kind"), "");

    (void)c;
    if (strcmp(node_text(node_at(object, "type"), ""), "Normal") == 0)
        return false;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kind, kinds[i]) == 0)
            return true;
    return false;
}

/* Why an autoscaler that is not Karpenter bought no node; it says so as if all were well. */
bool select_scale_up(struct cluster *c, const struct yaml_node *object)
{
    (void)c;
    return strcmp(node_text(node_at(object, "reason"), ""), "NotTriggerScaleUp") == 0 &&
           strcmp(node_text(node_at(object, "type"), ""), "Normal") == 0;
}

/* A device plugin's or mig-parted's files: both say their version. */
bool select_config(struct cluster *c, const struct yaml_node *object)
{
    const struct yaml_node *data = node_at(object, "data");

    (void)c;
    for (size_t i = 0; data && data->kind == YAML_MAP && i < data->count; i++) {
        const char *text = node_text(data->pairs[i].value, "");

        if (strstr(text, "version:") && (strstr(text, "sharing:") || strstr(text, "migStrategy") ||
                                         strstr(text, "mig-configs:")))
            return true;
    }
    return false;
}
