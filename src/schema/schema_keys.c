/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys of requirements and of template labels: which ones Karpenter and its AWS provider allow
 * under their domains (the CEL rules of their CRDs), and what a wrong one probably meant.
 */
#include <string.h>

#include "config/suggest.h"
#include "schema/schema_check.h"

static const char aws_domain[] = "karpenter.k8s.aws";

/* All keys that mean something to Karpenter. */
static const char *const known_keys[] = {
    "karpenter.sh/capacity-type",
    "kubernetes.io/arch",
    "kubernetes.io/os",
    "node.kubernetes.io/instance-type",
    "node.kubernetes.io/windows-build",
    "topology.kubernetes.io/zone",
    "topology.kubernetes.io/region",
    "topology.k8s.aws/zone-id",
    "karpenter.k8s.aws/ec2nodeclass",
    "karpenter.k8s.aws/instance-encryption-in-transit-supported",
    "karpenter.k8s.aws/instance-category",
    "karpenter.k8s.aws/instance-hypervisor",
    "karpenter.k8s.aws/instance-family",
    "karpenter.k8s.aws/instance-generation",
    "karpenter.k8s.aws/instance-local-nvme",
    "karpenter.k8s.aws/instance-size",
    "karpenter.k8s.aws/instance-cpu",
    "karpenter.k8s.aws/instance-cpu-manufacturer",
    "karpenter.k8s.aws/instance-cpu-sustained-clock-speed-mhz",
    "karpenter.k8s.aws/instance-memory",
    "karpenter.k8s.aws/instance-ebs-bandwidth",
    "karpenter.k8s.aws/instance-network-bandwidth",
    "karpenter.k8s.aws/instance-gpu-name",
    "karpenter.k8s.aws/instance-gpu-manufacturer",
    "karpenter.k8s.aws/instance-gpu-count",
    "karpenter.k8s.aws/instance-gpu-memory",
    "karpenter.k8s.aws/instance-accelerator-name",
    "karpenter.k8s.aws/instance-accelerator-manufacturer",
    "karpenter.k8s.aws/instance-accelerator-count",
    "karpenter.k8s.aws/instance-capability-flex",
    /* Behind here: not in overlays. */
    "karpenter.k8s.aws/instance-tenancy",
    "karpenter.k8s.aws/capacity-reservation-type",
    "karpenter.k8s.aws/capacity-reservation-id",
    "karpenter.k8s.aws/capacity-reservation-interruptible",
    "karpenter.k8s.aws/placement-group-id",
    "karpenter.k8s.aws/placement-group-partition",
};

enum {
    KNOWN_KEYS = sizeof known_keys / sizeof known_keys[0],
    OVERLAY_KEYS = KNOWN_KEYS - 6,
};

static bool is_known(const char *key, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(known_keys[i], key) == 0)
            return true;
    }
    return false;
}

/* Whether the key's domain is that one or ends in it: as the CEL rules have it. */
static bool domain_ends(const char *key, const char *domain)
{
    size_t size = strcspn(key, "/"), end = strlen(domain);

    return size >= end && strncmp(key + size - end, domain, end) == 0;
}

static const char *name_of(const char *key)
{
    const char *slash = strchr(key, '/');

    return slash ? slash + 1 : key;
}

/* The known key of the same name in another domain, or "". */
static const char *same_name(const char *key, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(name_of(known_keys[i]), name_of(key)) == 0)
            return known_keys[i];
    }
    return "";
}

static const char *nearest(const char *key, size_t n)
{
    const char *same = same_name(key, n), *found = *same ? same : suggest_find(key, known_keys, n);

    return found ? found : "";
}

/* Domains of which Kubernetes has the say: another key there is no label of a user's own. */
static bool in_kubernetes(const char *key)
{
    static const char *const domains[] = {"kubernetes.io/", "node.kubernetes.io/",
                                          "topology.kubernetes.io/"};

    for (size_t i = 0; i < sizeof domains / sizeof domains[0]; i++) {
        if (strncmp(key, domains[i], strlen(domains[i])) == 0)
            return true;
    }
    return false;
}

void verify_requirement_key(struct check *c, const struct yaml_node *map, const char *field,
                            const struct yaml_node *key)
{
    struct schema_fault_at at = {
        .fault = SCHEMA_VALUE_KEY, .node = key, .map = map, .field = field};
    bool overlay = strcmp(c->kind->kind, "NodeOverlay") == 0;
    size_t n = overlay ? OVERLAY_KEYS : KNOWN_KEYS;
    const char *text = key->kind == YAML_SCALAR ? key->text : "";

    if (!*text || verify_placeholder(text) || is_known(text, n))
        return;
    if (strcmp(text, "kubernetes.io/hostname") == 0) {
        verify_fault(c, at, "a key of which the value is known before there is a node");
        return;
    }
    if (strcmp(text, "karpenter.sh/nodepool") == 0) {
        if (strcmp(c->kind->kind, "NodePool") == 0)
            verify_fault(c, at, "a key that Karpenter does not set itself");
        return;
    }
    if (domain_ends(text, aws_domain) || domain_ends(text, "karpenter.sh")) {
        at.instead = nearest(text, n);
        verify_fault(c, at, "a key that the domain '%.*s' has", (int)strcspn(text, "/"), text);
        return;
    }
    /* A label of that domain may be put on nodes, but it chooses none. */
    at.instead = same_name(text, n);
    if (in_kubernetes(text) && *at.instead && strcmp(field, "key") == 0)
        verify_fault(c, at, "a key that Karpenter's instance types have");
}
