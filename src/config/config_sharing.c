/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The block `sharing`: see config_sharing.h. Below timeSlicing the original takes keys in their
 * exact spelling only, unlike everywhere else.
 */
#include "config/config_sharing.h"

#include <stdint.h>
#include <string.h>

#include "base/text.h"
#include "config/config.h"
#include "config/config_resources.h"
#include "config/fields.h"

#define WHERE "sharing.timeSlicing"
#define ENTRY WHERE ".resources"
#define SHARED ".shared"

enum { SHARES_MAX = 256, DEVICES_MAX = 1024, NAME_MAX_BYTES = 63, INDEX_MAX = 65535 };

static void forget_devices(struct config_share *share)
{
    for (size_t i = 0; i < share->n_devices; i++)
        free(share->devices[i]);
    free(share->devices);
    share->devices = NULL;
    share->n_devices = 0;
    share->devices_count = 0;
    share->devices_kind = CONFIG_DEVICES_ALL;
}

void config_sharing_done(struct config_share *share)
{
    forget_devices(share);
    free(share->name);
    free(share->rename);
    *share = (struct config_share){0};
}

/* 8-4-4-4-12 hexadecimal digits; returns what follows them, NULL if they are not there. */
static const char *skip_uuid(const char *text)
{
    static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

    for (size_t i = 0; shape[i]; i++, text++)
        if (shape[i] == 'x' ? !*text || !strchr("0123456789abcdefABCDEF", *text) : *text != '-')
            return NULL;
    return text;
}

/* "N" and "N<separator>N". */
static bool is_index(const char *text, char separator)
{
    const char *second = strchr(text, separator);
    char first[8] = "";
    uint64_t number;

    if (!second)
        return false;
    if ((size_t)(second - text) >= sizeof first)
        return false;
    memcpy(first, text, (size_t)(second - text));
    return text_uint(&number, first, INDEX_MAX) && text_uint(&number, second + 1, INDEX_MAX);
}

static bool is_device(const char *text)
{
    uint64_t number;
    const char *rest = NULL;

    if (text_uint(&number, text, INDEX_MAX) || is_index(text, ':'))
        return true;
    if (text_starts(text, "MIG-GPU-")) {
        rest = skip_uuid(text + strlen("MIG-GPU-"));
        return rest && *rest == '/' && is_index(rest + 1, '/');
    }
    if (text_starts(text, "GPU-") || text_starts(text, "MIG-"))
        rest = skip_uuid(text + strlen("GPU-"));
    return rest && !*rest;
}

static void read_device_list(struct config_share *share, struct reading *r,
                             const struct yaml_node *list)
{
    if (list->count > DEVICES_MAX) {
        fields_error(r, list, ENTRY ": more than %d devices", DEVICES_MAX);
        return;
    }
    share->devices_kind = CONFIG_DEVICES_LIST;
    share->devices = calloc(list->count + 1, sizeof *share->devices);
    for (size_t i = 0; i < list->count; i++) {
        const struct yaml_node *item = list->items[i];
        char *copy;

        if (item->kind != YAML_SCALAR || !is_device(item->text)) {
            fields_error(r, item,
                         ENTRY ": '%.80s' is not a device; write an index (0), a MIG index (0:1) "
                               "or a UUID (GPU-…, MIG-…)",
                         item->text ? item->text : yaml_kind_name(item->kind));
            continue;
        }
        copy = share->devices ? strdup(item->text) : NULL;
        if (copy)
            share->devices[share->n_devices++] = copy;
        else
            r->out_of_memory = true;
    }
}

static void read_devices(struct config_share *share, struct reading *r,
                         const struct yaml_node *node)
{
    bool is_text =
        node->kind == YAML_SCALAR && !(node->plain && strchr("+-.0123456789", *node->text));

    if (node->kind == YAML_LIST) {
        read_device_list(share, r, node);
        return;
    }
    if (is_text && strcmp(node->text, "all") == 0)
        return;
    if (is_text) {
        fields_error(r, node, ENTRY ": devices '%.80s'; write all, a count or a list of devices",
                     node->text);
        return;
    }
    if (fields_whole(&share->devices_count, r, node, ENTRY ": devices", 1, INDEX_MAX))
        share->devices_kind = CONFIG_DEVICES_COUNT;
}

static void take_devices(struct config_share *share, const struct config *c, struct reading *r,
                         const struct yaml_pair *pair)
{
    if (!fields_value(pair))
        return;
    read_devices(share, r, pair->value);
    if (share->devices_kind == CONFIG_DEVICES_ALL)
        return;
    if (!c->honor_devices) {
        fields_doubt(r, pair->key,
                     "devices has no effect, as in the original plugin: all are shared; list "
                     "'devices' in carve.honor to turn it on");
        forget_devices(share);
    } else if (pair->value->kind == YAML_LIST && pair->value->count == 0) {
        fields_error(r, pair->value, ENTRY ": an empty list of devices");
    }
}

static bool is_default_rename(const struct config *c, const struct config_share *share)
{
    size_t size = strlen(share->name);

    return c->rename_by_default && strncmp(share->rename, share->name, size) == 0 &&
           strcmp(share->rename + size, SHARED) == 0;
}

static void take_rename(struct config_share *share, const struct config *c, struct reading *r,
                        const struct yaml_node *entry, const struct yaml_pair *pair)
{
    if (fields_value(pair))
        share->rename = config_resources_name(r, pair->value, ENTRY ": rename");
    if (share->rename && !c->honor_rename) {
        if (!is_default_rename(c, share))
            fields_doubt(r, pair->key,
                         "rename has no effect, as in the original plugin; list 'rename' in "
                         "carve.honor to turn it on, or use renameByDefault");
        free(share->rename);
        share->rename = NULL;
    }
    if (c->rename_by_default && !share->rename &&
        strlen(share->name) + strlen(SHARED) > NAME_MAX_BYTES)
        fields_error(r, entry, ENTRY ": '%s' with renameByDefault is longer than %d characters",
                     share->name, NAME_MAX_BYTES);
}

static bool read_entry(struct config_share *share, const struct config *c, struct reading *r,
                       const struct yaml_node *entry)
{
    static const char *const names[] = {"name", "replicas", "devices", "rename"};
    const struct yaml_pair *found[4];

    if (!fields_expect(r, entry, YAML_MAP, ENTRY) ||
        !fields_read(r, entry, &(struct fields){.where = ENTRY, .names = names, .count = 4}, found))
        return false;
    share->line = entry->line;
    share->column = entry->column;
    if (fields_value(found[0]))
        share->name = config_resources_name(r, found[0]->value, ENTRY ": name");
    else
        fields_error(r, entry, ENTRY ": an entry has no name; add name: nvidia.com/gpu");
    if (fields_value(found[1]))
        (void)fields_whole(&share->replicas, r, found[1]->value, ENTRY ": replicas", 2,
                           CONFIG_MAX_REPLICAS);
    else
        fields_error(r, entry, ENTRY ": '%s' has no replicas; say into how many to share it",
                     share->name ? share->name : "an entry");
    take_devices(share, c, r, found[2]);
    if (share->name)
        take_rename(share, c, r, entry, found[3]);
    return share->name != NULL;
}

/* Of two entries for all devices of one resource the later counts, as in the original. */
static void drop_earlier(struct config *c, const struct reading *r, const struct yaml_node *entry)
{
    const struct config_share *last = &c->shares[c->n_shares - 1];

    for (size_t i = 0; i + 1 < c->n_shares; i++) {
        struct config_share *share = &c->shares[i];

        if (strcmp(share->name, last->name) != 0 || share->devices_kind != CONFIG_DEVICES_ALL ||
            last->devices_kind != CONFIG_DEVICES_ALL)
            continue;
        fields_doubt(r, entry, "'%s' is shared again, in place of line %u: remove one", last->name,
                     share->line);
        config_sharing_done(share);
        memmove(share, share + 1, (c->n_shares - i - 1) * sizeof *share);
        c->n_shares--;
        return;
    }
}

static void read_entries(struct config *c, struct reading *r, const struct yaml_node *list)
{
    if (!fields_expect(r, list, YAML_LIST, ENTRY))
        return;
    if (list->count > SHARES_MAX) {
        fields_error(r, list, ENTRY ": more than %d entries", SHARES_MAX);
        return;
    }
    c->shares = calloc(list->count + 1, sizeof *c->shares);
    if (!c->shares) {
        r->out_of_memory = true;
        return;
    }
    for (size_t i = 0; i < list->count; i++) {
        struct config_share share = {0};

        if (!read_entry(&share, c, r, list->items[i])) {
            config_sharing_done(&share);
            continue;
        }
        c->shares[c->n_shares++] = share;
        drop_earlier(c, r, list->items[i]);
    }
}

static void read_time_slicing(struct config *c, struct reading *r, const struct yaml_pair *block)
{
    static const char *const names[] = {"resources", "renameByDefault",
                                        "failRequestsGreaterThanOne"};
    const struct yaml_pair *found[3];
    const struct yaml_node *list;

    if (!fields_read(r, block->value, &(struct fields){.where = WHERE, .names = names, .count = 3},
                     found))
        return;
    if (fields_value(found[1]))
        (void)fields_truth(&c->rename_by_default, r, found[1]->value, WHERE ".renameByDefault");
    if (fields_value(found[2]))
        (void)fields_truth(&c->fail_requests_greater_than_one, r, found[2]->value,
                           WHERE ".failRequestsGreaterThanOne");
    list = fields_value(found[0]);
    if (list && (list->kind != YAML_LIST || list->count > 0))
        read_entries(c, r, list);
    else
        fields_error(r, found[0] ? found[0]->key : block->key,
                     WHERE " shares no resources: add resources: [{name: nvidia.com/gpu, replicas: "
                           "2}] or remove the block");
}

void config_sharing_read(struct config *c, struct reading *r, const struct yaml_node *block)
{
    static const char *const names[] = {"timeSlicing", "mps"};
    const struct yaml_pair *found[2];
    const struct fields known = {.where = "sharing", .names = names, .count = 2, .any_case = true};

    if (!block || !fields_read(r, block, &known, found))
        return;
    if (fields_value(found[1]))
        fields_error(r, found[1]->key,
                     "sharing.mps is not supported by carve yet; use sharing.timeSlicing, or MIG "
                     "where memory must be kept apart");
    if (found[0])
        read_time_slicing(c, r, found[0]);
}
