/* SPDX-License-Identifier: Apache-2.0 */
/* The node object's labels, read and patched: see labels_node.h. */
#include "gateway/labels_node.h"

#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "config/yaml.h"
#include "config/yaml_at.h"
#include "gateway/gateway.h"
#include "gateway/labels.h"
#include "gateway/own_node.h"

/* An instance of NFD with a name has "NAME." in front. */
#define NFD_ANNOTATION "nfd.node.kubernetes.io/feature-labels"

bool labels_node_shows(const struct yaml_node *node, const struct labels *wanted)
{
    const struct yaml_node *labels = yaml_at(node, "metadata", "labels", NULL);

    for (size_t i = 0; i < wanted->count; i++) {
        const char *value = yaml_text(labels, wanted->items[i].key);

        if (!value || strcmp(value, wanted->items[i].value) != 0)
            return false;
    }
    return true;
}

/* Whether a list with commas has this item. */
static bool has_item(const char *list, const char *item)
{
    size_t size = strlen(item);

    while (list) {
        size_t length = strcspn(list, ",");

        if (length == size && memcmp(list, item, size) == 0)
            return true;
        list = list[length] ? list + length + 1 : NULL;
    }
    return false;
}

static bool is_by_nfd(const struct yaml_node *node, const char *key)
{
    const struct yaml_node *annotations = yaml_at(node, "metadata", "annotations", NULL);
    size_t name_size = strlen(NFD_ANNOTATION);

    for (size_t i = 0; annotations && annotations->kind == YAML_MAP && i < annotations->count;
         i++) {
        const struct yaml_pair *pair = &annotations->pairs[i];
        size_t size = strlen(pair->key->text);

        if (size >= name_size && strcmp(pair->key->text + size - name_size, NFD_ANNOTATION) == 0 &&
            pair->value->kind == YAML_SCALAR && has_item(pair->value->text, key))
            return true;
    }
    return false;
}

bool labels_node_by_nfd(const struct yaml_node *node, const struct labels *wanted)
{
    for (size_t i = 0; i < wanted->count; i++)
        if (!is_by_nfd(node, wanted->items[i].key))
            return false;
    return true;
}

static bool is_text(const struct yaml_node *map, const char *key, const char *text)
{
    const char *found = yaml_text(map, key);

    return found && strcmp(found, text) == 0;
}

/* fields: the labels of a managedFields entry, "f:nvidia.com/gpu.count" and the like. */
static void compare_owned(struct labels_node_owned *out, const struct yaml_node *fields,
                          const struct labels *wanted)
{
    size_t both = 0;

    for (size_t i = 0; fields && fields->kind == YAML_MAP && i < fields->count; i++) {
        const char *field = fields->pairs[i].key->text;

        if (strncmp(field, "f:", 2) != 0)
            continue;
        if (labels_find(wanted, field + 2))
            both++;
        else
            out->excess = true;
    }
    out->lacks = both < wanted->count;
}

struct labels_node_owned labels_node_owned(const struct yaml_node *node,
                                           const struct labels *wanted)
{
    const struct yaml_node *entries = yaml_at(node, "metadata", "managedFields", NULL);
    struct labels_node_owned out = {.entry = -1, .lacks = wanted->count > 0};

    for (size_t i = 0; entries && entries->kind == YAML_LIST && i < entries->count; i++) {
        const struct yaml_node *entry = entries->items[i];

        if (!is_text(entry, "manager", GATEWAY_MANAGER) || !is_text(entry, "operation", "Apply") ||
            yaml_text(entry, "subresource"))
            continue;
        out.entry = (ptrdiff_t)i;
        compare_owned(&out, yaml_at(entry, "fieldsV1", "f:metadata", "f:labels", NULL), wanted);
        break;
    }
    return out;
}

void labels_node_write_apply(struct buf *out, const char *name, const struct labels *wanted)
{
    struct json j;

    json_init(&j, out, 0);
    json_object(&j, NULL);
    json_string(&j, "apiVersion", "v1");
    json_string(&j, "kind", "Node");
    json_object(&j, "metadata");
    json_string(&j, "name", name);
    /* An empty map would be owned too, and our entry stay for it. */
    if (wanted)
        json_object(&j, "labels");
    for (size_t i = 0; wanted && i < wanted->count; i++)
        json_string(&j, wanted->items[i].key, wanted->items[i].value);
    if (wanted)
        json_object_end(&j);
    json_object_end(&j);
    json_object_end(&j);
}

void labels_node_write_release(struct buf *out, ptrdiff_t entry)
{
    buf_printf(out,
               "[{\"op\":\"test\",\"path\":\"/metadata/managedFields/%td/manager\","
               "\"value\":\"" GATEWAY_MANAGER "\"},"
               "{\"op\":\"test\",\"path\":\"/metadata/managedFields/%td/operation\","
               "\"value\":\"Apply\"},"
               "{\"op\":\"remove\",\"path\":\"/metadata/managedFields/%td\"}]",
               entry, entry, entry);
}

bool labels_node_write_leftovers(struct buf *out, const struct yaml_node *node,
                                 const struct labels *wanted)
{
    const struct yaml_node *labels = yaml_at(node, "metadata", "labels", NULL);
    struct json j;
    size_t found = 0;

    for (size_t i = 0; labels && labels->kind == YAML_MAP && i < labels->count; i++) {
        const char *key = labels->pairs[i].key->text;

        if (!labels_known(key) || (wanted && labels_find(wanted, key)) || is_by_nfd(node, key))
            continue;
        if (found++ == 0) {
            json_init(&j, out, 0);
            json_object(&j, NULL);
            json_object(&j, "metadata");
            json_object(&j, "labels");
        }
        json_string(&j, key, NULL);
    }
    for (int i = 0; found > 0 && i < 3; i++)
        json_object_end(&j);
    return found > 0;
}
