/* SPDX-License-Identifier: Apache-2.0 */
/* Time-slicing's replicas and new names: see share.h. */
#include "slice/share.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "config/config.h"
#include "slice/naming.h"
#include "slice/notes.h"

/* One share at work. */
struct sharing {
    const struct config_share *share;
    int number;
    char name[2 * RESOURCE_NAME_SIZE]; /* that its devices shall have */
    struct candidates *list;
    const struct inventory *inv;
    struct notes *notes;
    bool choose; /* `devices` is honored */
};

enum { NAMES_TEXT_SIZE = 200 };

/* The resources of the node before sharing, in words. */
static const char *resource_names(char out[NAMES_TEXT_SIZE], const struct candidates *list)
{
    size_t used = 0;

    (void)text_copy(out, NAMES_TEXT_SIZE, "none");
    for (size_t i = 0; i < list->count && used < NAMES_TEXT_SIZE; i++) {
        const char *name = list->items[i].name;
        size_t earlier = 0;

        while (earlier < i && strcmp(list->items[earlier].name, name) != 0)
            earlier++;
        if (earlier == i)
            used += (size_t)snprintf(out + used, NAMES_TEXT_SIZE - used, "%s%s",
                                     used > 0 ? ", " : "", name);
    }
    return out;
}

/* "<uuid of the GPU>/<gi>/<ci>" behind "MIG-", as older drivers named MIG devices. */
static bool is_legacy_id(const struct candidate *c, const struct gpu *gpu, const char *id)
{
    char legacy[GPU_UUID_SIZE + 32];

    if (!candidate_is_mig(c))
        return false;
    (void)snprintf(legacy, sizeof legacy, "MIG-%s/%d/%d", gpu->uuid, c->device.gi_id,
                   c->device.ci_id);
    return strcmp(id, legacy) == 0;
}

/* Whether an item of a `devices` list means this device: its index, "i:j" or a UUID. */
static bool is_named(const struct candidate *c, const struct inventory *inv, const char *id)
{
    const struct gpu *gpu = &inv->gpus[c->device.gpu];
    char index[32];

    if (candidate_is_mig(c))
        (void)snprintf(index, sizeof index, "%u:%u", gpu->index, c->device_index);
    else
        (void)snprintf(index, sizeof index, "%u", gpu->index);
    return strcmp(id, index) == 0 || strcmp(id, c->device.uuid) == 0 || is_legacy_id(c, gpu, id);
}

static bool is_listed(const struct sharing *s, const struct candidate *c)
{
    for (size_t i = 0; i < s->share->n_devices; i++)
        if (is_named(c, s->inv, s->share->devices[i]))
            return true;
    return false;
}

/* Whether the share takes this device, the nth of its resource. */
static bool takes(const struct sharing *s, const struct candidate *c, size_t nth)
{
    if (!s->choose)
        return true;
    switch (s->share->devices_kind) {
    case CONFIG_DEVICES_ALL:
        return true;
    case CONFIG_DEVICES_COUNT:
        return nth < s->share->devices_count;
    case CONFIG_DEVICES_LIST:
        return is_listed(s, c);
    }
    return false;
}

/* What the entry asks of the node's devices and does not get. */
static void note_missing(const struct sharing *s, size_t n_have)
{
    const struct config_share *share = s->share;

    if (!s->choose)
        return;
    if (share->devices_kind == CONFIG_DEVICES_COUNT && share->devices_count > n_have)
        notes_add(s->notes, NOTES_NODE,
                  "sharing of '%s' (line %u): %u devices wished, there are %zu", share->name,
                  share->line, share->devices_count, n_have);
    if (share->devices_kind != CONFIG_DEVICES_LIST)
        return;
    for (size_t i = 0; i < share->n_devices; i++) {
        bool found = false;

        for (size_t k = 0; k < s->list->count && !found; k++)
            found = strcmp(s->list->items[k].name, share->name) == 0 &&
                    is_named(&s->list->items[k], s->inv, share->devices[i]);
        if (!found)
            notes_add(s->notes, NOTES_NODE,
                      "sharing of '%s' (line %u): the resource has no device '%s'", share->name,
                      share->line, share->devices[i]);
    }
}

static size_t count_named(const struct sharing *s, size_t *out_taken)
{
    size_t have = 0, taken = 0;

    for (size_t i = 0; i < s->list->count; i++) {
        const struct candidate *c = &s->list->items[i];

        if (strcmp(c->name, s->share->name) == 0)
            taken += takes(s, c, have++);
    }
    *out_taken = taken;
    return have;
}

/* Whether the share can be made; else there is a note. */
static bool can_share(const struct sharing *s, size_t have, size_t taken)
{
    const char *name = s->share->name;
    char names[NAMES_TEXT_SIZE];

    if (have == 0)
        notes_add(s->notes, NOTES_NODE,
                  "sharing of '%s' (line %u): the node has no such resource; it has: %s", name,
                  s->share->line, resource_names(names, s->list));
    else if (strlen(s->name) >= RESOURCE_NAME_SIZE)
        notes_add(s->notes, NOTES_NODE,
                  "sharing of '%s' (line %u) not made: name '%s' is longer than 63 characters",
                  name, s->share->line, s->name);
    else if (taken < have && strcmp(s->name, name) == 0)
        notes_add(s->notes, NOTES_NODE,
                  "sharing of '%s' (line %u) not made: it takes %zu of %zu devices, and one name "
                  "cannot mean shared and whole ones; give it a rename",
                  name, s->share->line, taken, have);
    else
        return true;
    return false;
}

static void assign(const struct sharing *s)
{
    size_t nth = 0;
    bool twice = false;

    for (size_t i = 0; i < s->list->count; i++) {
        struct candidate *c = &s->list->items[i];

        if (strcmp(c->name, s->share->name) != 0 || !takes(s, c, nth++))
            continue;
        twice = twice || c->share >= 0;
        c->share = s->number;
    }
    if (twice)
        notes_add(s->notes, NOTES_NODE,
                  "sharing of '%s' (line %u): it takes devices that an earlier entry takes too; "
                  "the later one counts",
                  s->share->name, s->share->line);
}

static void new_name(char out[2 * RESOURCE_NAME_SIZE], const struct config_share *share,
                     const struct config *config)
{
    bool renamed = config->honor_rename && share->rename;

    (void)snprintf(out, 2 * (size_t)RESOURCE_NAME_SIZE, "%s%s",
                   renamed ? share->rename : share->name,
                   !renamed && config->rename_by_default ? ".shared" : "");
}

void share_apply(struct candidates *list, const struct inventory *inv, const struct config *config,
                 struct notes *notes)
{
    for (size_t n = 0; n < config->n_shares; n++) {
        struct sharing s = {
            .share = &config->shares[n],
            .number = (int)n,
            .list = list,
            .inv = inv,
            .notes = notes,
            .choose = config->honor_devices,
        };

        size_t have, taken;

        new_name(s.name, s.share, config);
        have = count_named(&s, &taken);
        if (!can_share(&s, have, taken))
            continue;
        note_missing(&s, have);
        assign(&s);
    }
    /* Names change only now: every share finds its devices by the names from before sharing. */
    for (size_t i = 0; i < list->count; i++) {
        struct candidate *c = &list->items[i];
        char name[2 * RESOURCE_NAME_SIZE];

        if (c->share < 0)
            continue;
        new_name(name, &config->shares[c->share], config);
        (void)TEXT_COPY(c->name, name);
        c->replicas = config->shares[c->share].replicas > 1 ? config->shares[c->share].replicas : 1;
    }
}
