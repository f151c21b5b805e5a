/* SPDX-License-Identifier: Apache-2.0 */
/* The content of a NodeFeature: see labels_object.h. */
#include "gateway/labels_object.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "config/yaml.h"
#include "config/yaml_at.h"
#include "gateway/labels_list.h"
#include "gateway/labels_owner.h"
#include "gateway/own_node.h"

#define NODE_LABEL "nfd.node.kubernetes.io/node-name"
#define NVIDIA_MANAGER "gpu-feature-discovery"

enum { NAME_SIZE = 300 /* a node's has at most 253 characters */ };

static bool is_text(const struct yaml_node *map, const char *key, const char *text)
{
    const char *found = yaml_text(map, key);

    return found && strcmp(found, text) == 0;
}

/* Whether a member of an item of a list has this text. */
static bool has_item(const struct yaml_node *list, const char *key, const char *text)
{
    for (size_t i = 0; list && list->kind == YAML_LIST && i < list->count; i++)
        if (is_text(list->items[i], key, text))
            return true;
    return false;
}

bool labels_object_by_nvidia(const struct yaml_node *object)
{
    return has_item(yaml_at(object, "metadata", "managedFields", NULL), "manager", NVIDIA_MANAGER);
}

bool labels_object_has(const struct yaml_node *object, const struct labels_object *like,
                       const struct labels *wanted)
{
    const struct yaml_node *metadata = yaml_at(object, "metadata", NULL);
    const struct yaml_node *labels = yaml_at(object, "spec", "labels", NULL);
    const char *uid = labels_owner_uid(like->owner);

    if (!is_text(yaml_at(metadata, "labels", NULL), NODE_LABEL, like->node) ||
        (uid && !has_item(yaml_at(metadata, "ownerReferences", NULL), "uid", uid)))
        return false;
    for (size_t i = 0; i < wanted->count; i++)
        if (!is_text(labels, wanted->items[i].key, wanted->items[i].value))
            return false;
    return true;
}

bool labels_object_has_more(const struct yaml_node *object, const struct labels *wanted)
{
    const struct yaml_node *labels = yaml_at(object, "spec", "labels", NULL);

    for (size_t i = 0; labels && labels->kind == YAML_MAP && i < labels->count; i++)
        if (!labels_find(wanted, labels->pairs[i].key->text))
            return true;
    return false;
}

/* Features that NFD's definition wants to be there; what they are is in the labels. */
static void write_features(struct json *j)
{
    static const char *const features[] = {"flags", "attributes", "instances"};

    json_object(j, "features");
    for (size_t i = 0; i < sizeof features / sizeof features[0]; i++) {
        json_object(j, features[i]);
        json_object_end(j);
    }
    json_object_end(j);
}

void labels_object_write(struct buf *out, const struct labels_object *like,
                         const struct labels *wanted)
{
    char name[NAME_SIZE];
    struct json j;

    (void)snprintf(name, sizeof name, LABELS_OBJECT_NAME "%s", like->node);
    json_init(&j, out, 0);
    json_object(&j, NULL);
    json_string(&j, "apiVersion", "nfd.k8s-sigs.io/v1alpha1");
    json_string(&j, "kind", "NodeFeature");
    json_object(&j, "metadata");
    json_string(&j, "name", name);
    json_object(&j, "labels");
    json_string(&j, NODE_LABEL, like->node);
    json_object_end(&j);
    labels_owner_write(like->owner, &j);
    json_object_end(&j);
    json_object(&j, "spec");
    write_features(&j);
    json_object(&j, "labels");
    for (size_t i = 0; i < wanted->count; i++)
        json_string(&j, wanted->items[i].key, wanted->items[i].value);
    for (int i = 0; i < 3; i++)
        json_object_end(&j);
}

void labels_object_write_trim(struct buf *out, const struct yaml_node *object,
                              const struct labels *wanted)
{
    const struct yaml_node *labels = yaml_at(object, "spec", "labels", NULL);
    struct json j;

    json_init(&j, out, 0);
    json_object(&j, NULL);
    json_object(&j, "spec");
    json_object(&j, "labels");
    for (size_t i = 0; labels && labels->kind == YAML_MAP && i < labels->count; i++)
        if (!labels_find(wanted, labels->pairs[i].key->text))
            json_string(&j, labels->pairs[i].key->text, NULL);
    for (int i = 0; i < 3; i++)
        json_object_end(&j);
}
