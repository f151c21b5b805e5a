/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks of EC2NodeClasses with GPU pools: room for images that are many GiB each, on the disk that
 * holds them. Source: the default mappings of Karpenter's AWS provider v1.14.
 */
#include <string.h>

#include "lint/check/check_class.h"
#include "lint/rules_list.h"
#include "lint/view/match.h"

enum { NEEDED_GIB = 100 };

static bool is_linux(const struct node_class *c)
{
    return strcmp(c->family, "AL2") == 0 || strcmp(c->family, "AL2023") == 0;
}

/* Images live on Bottlerocket's second disk. */
static const char *data_device(const struct node_class *c)
{
    return strcmp(c->family, "Bottlerocket") == 0 ? "/dev/xvdb" : "/dev/xvda";
}

static const struct yaml_node *find_mapping(const struct node_class *c)
{
    const struct yaml_node *list = node_get(c->spec, "blockDeviceMappings");
    const struct yaml_node *found = NULL;

    for (size_t i = 0; list && list->kind == YAML_LIST && i < list->count; i++) {
        const struct yaml_node *item = list->items[i];

        if (strcmp(node_text(node_get(item, "rootVolume"), ""), "true") == 0)
            return item;
        if (strcmp(node_text(node_get(item, "deviceName"), ""), data_device(c)) == 0)
            found = item;
    }
    return found;
}

/* Images go to the instance's own disks where all types have some. */
static bool uses_store(const struct node_class *c, const struct pool *p)
{
    if (strcmp(node_text(node_get(c->spec, "instanceStorePolicy"), ""), "RAID0") != 0)
        return false;
    for (size_t i = 0; i < p->n_types; i++)
        if (p->types[i]->local_nvme_gb == 0)
            return false;
    return p->n_types > 0 && !p->types_open;
}

static void check_default(struct lint *l, const struct node_class *c, const struct pool *p)
{
    struct finding *f;

    f = lint_find(l, RULE_ROOT_VOLUME_SMALL, match_spot(c->doc, NULL),
                  "class '%s' of GPU pool '%s' names no disk size: nodes get 20 GiB for images",
                  c->name, p->name);
    finding_cure(l, f, "map %s with volumeSize 100Gi or more", data_device(c));
    if (class_editable(c))
        fix_put(l, f, c->doc, "spec", "blockDeviceMappings",
                lint_printf(l,
                            "- deviceName: %s\n"
                            "  ebs:\n"
                            "    volumeSize: 100Gi\n"
                            "    volumeType: gp3\n"
                            "    encrypted: true\n"
                            "    deleteOnTermination: true",
                            data_device(c)));
}

static void check_size(struct lint *l, const struct node_class *c, const struct pool *p,
                       const struct yaml_node *mapping)
{
    const struct yaml_node *size = node_at(mapping, "ebs.volumeSize");
    const char *text = node_text(size, "");
    int64_t bytes;
    struct finding *f;

    if (!text[0] || text_is_placeholder(text) || !quantity_read(&bytes, text, 1) ||
        bytes >= (int64_t)NEEDED_GIB * 1000 * 1000 * 1000)
        return;
    f = lint_find(l, RULE_ROOT_VOLUME_SMALL, spot_of(c->doc, size),
                  "the disk of class '%s' (%s) is small for images with CUDA on nodes of pool '%s'",
                  c->name, text, p->name);
    finding_cure(l, f, "100Gi or more, or instanceStorePolicy: RAID0 where the types have disks");
    fix_replace(l, f, c->doc, size, "100Gi");
}

/* The user's own image: its root may be called otherwise. */
static void check_custom_device(struct lint *l, const struct node_class *c,
                                const struct yaml_node *mapping)
{
    const char *data = node_text(node_get(c->spec, "userData"), "");
    const struct yaml_node *device = node_get(mapping, "deviceName");
    struct finding *f;

    if (strcmp(node_text(device, ""), "/dev/xvda") != 0 || strstr(data, "nodeadm") ||
        strstr(data, "node.eks.aws") || strstr(data, "/etc/eks/bootstrap.sh"))
        return;
    f = lint_find(l, RULE_ROOT_DEVICE_NAME, spot_of(c->doc, device),
                  "class '%s' boots an image of its own and maps /dev/xvda, but the root of Ubuntu "
                  "images is /dev/sda1: the size would go to a second disk",
                  c->name);
    finding_cure(l, f,
                 "map the image's root device: aws ec2 describe-images --image-ids ID "
                 "--query 'Images[].RootDeviceName'");
    finding_choose(l, f, "ami-alias", "an EKS image, such as al2023@v20250920");
}

static void check_device(struct lint *l, const struct node_class *c)
{
    const struct yaml_node *list = node_get(c->spec, "blockDeviceMappings");
    const struct yaml_node *device;
    struct finding *f;

    if (!list || list->kind != YAML_LIST || list->count == 0)
        return;
    if (strcmp(c->family, "Custom") == 0) {
        check_custom_device(l, c, find_mapping(c));
        return;
    }
    if (find_mapping(c) || !(is_linux(c) || strcmp(c->family, "Bottlerocket") == 0))
        return;
    device = node_get(list->items[0], "deviceName");
    if (!device || text_is_placeholder(node_text(device, "")))
        return;
    f = lint_find(l, RULE_ROOT_DEVICE_NAME, spot_of(c->doc, device),
                  "class '%s' maps '%s', but %s images keep their data on %s: that disk stays at "
                  "20 GiB",
                  c->name, node_text(device, ""), c->family, data_device(c));
    finding_cure(l, f, "map %s", data_device(c));
    if (list->count == 1)
        fix_replace(l, f, c->doc, device, data_device(c));
}

void check_class_disk(struct lint *l, const struct node_class *c, const struct pool *p)
{
    const struct yaml_node *mapping = find_mapping(c);
    const struct yaml_node *list = node_get(c->spec, "blockDeviceMappings");

    check_device(l, c);
    if (uses_store(c, p))
        return;
    if (mapping)
        check_size(l, c, p, mapping);
    else if ((!list || list->count == 0) && strcmp(c->family, "Custom") != 0)
        check_default(l, c, p);
}
