/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From inventory and configuration to the list of resources: candidates are named (naming.h),
 * shared (share.h), grouped by name, and measured against what the kubelet takes.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "config/config.h"
#include "slice/naming.h"
#include "slice/notes.h"
#include "slice/resource.h"
#include "slice/share.h"

void resource_list_free(struct resource_list *list)
{
    if (!list)
        return;
    for (size_t i = 0; i < list->count; i++) {
        free(list->resources[i].devices);
        free(list->resources[i].by_uuid);
        free(list->resources[i].leaving);
    }
    free(list->resources);
    for (size_t i = 0; i < list->n_notes; i++)
        free(list->notes[i]);
    free(list->notes);
    free(list);
}

const struct resource *resource_list_find(const struct resource_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->resources[i].name, name) == 0)
            return &list->resources[i];
    return NULL;
}

/* By name; those of one name stay in their order, which is that of their places. */
static int by_name(const void *left, const void *right)
{
    const struct candidate *const *a = left, *const *b = right;
    int order = strcmp((*a)->name, (*b)->name);

    return order != 0 ? order : (*a > *b) - (*a < *b);
}

static bool is_shared_alike(const struct candidate *c, const struct resource *r)
{
    return candidate_is_mig(c) == r->mig && c->replicas == r->replicas;
}

static int compare_uuids(const void *left, const void *right, void *self)
{
    const struct resource_device *devices = self;
    const uint16_t *a = left, *b = right;

    return strcmp(devices[*a].uuid, devices[*b].uuid);
}

static int order_by_uuid(struct resource *r, struct err *e)
{
    uint16_t *order = malloc(r->n_devices * sizeof *order);

    if (!order)
        return err_memory(e);
    for (size_t i = 0; i < r->n_devices; i++)
        order[i] = (uint16_t)i;
    qsort_r(order, r->n_devices, sizeof *order, compare_uuids, r->devices);
    r->by_uuid = order;
    return 0;
}

/* Whether the longest id of its replicas fits; else there is a note. */
static bool id_fits(const struct candidate *c, struct notes *notes)
{
    int digits = snprintf(NULL, 0, "%u", c->replicas - 1);

    if (c->replicas == 1 ||
        strlen(c->device.uuid) + strlen("::") + (size_t)digits < (size_t)SLICE_ID_SIZE)
        return true;
    notes_add(notes, (int)c->device.gpu,
              "'%s' not offered: its UUID is too long for ids of %u replicas", c->device.uuid,
              c->replicas);
    return false;
}

static void note_different(const struct candidate *c, const struct resource *r, struct notes *notes)
{
    char words[NAMING_WORDS_SIZE];

    notes_add(notes, (int)c->device.gpu,
              "%s with %u replicas not offered: '%s' already means %s with %u replicas",
              naming_words(words, c), c->replicas, r->name, r->mig ? "MIG devices" : "whole GPUs",
              r->replicas);
}

/* Makes one resource of `count` candidates, which have one name. */
static int fill_resource(struct resource *r, struct candidate *const *first, size_t count,
                         const struct config *config, struct notes *notes, struct err *e)
{
    const struct candidate *model = first[0];
    struct resource_device *devices = malloc(count * sizeof *devices);

    if (!devices)
        return err_memory(e);
    r->devices = devices;
    (void)TEXT_COPY(r->name, model->name);
    (void)naming_kind(r->kind, model, config);
    (void)TEXT_COPY(r->profile, model->shape);
    r->mig = candidate_is_mig(model);
    r->replicas = model->replicas;
    r->one_per_request = config->fail_requests_greater_than_one && model->replicas > 1;
    for (size_t i = 0; i < count; i++) {
        if (is_shared_alike(first[i], r))
            r->devices[r->n_devices++] = first[i]->device;
        else
            note_different(first[i], r, notes);
    }
    return order_by_uuid(r, e);
}

/* Groups candidates, ordered by name, into resources. */
static int group(struct resource_list *list, struct candidate *const *ordered, size_t count,
                 const struct config *config, struct notes *notes, struct err *e)
{
    for (size_t first = 0, end; first < count; first = end) {
        int r;

        end = first + 1;
        while (end < count && strcmp(ordered[first]->name, ordered[end]->name) == 0)
            end++;
        if (list->count == RESOURCE_MAX) {
            notes_add(notes, NOTES_NODE, "resource '%s' not offered: more than %d resources",
                      ordered[first]->name, RESOURCE_MAX);
            continue;
        }
        r = fill_resource(&list->resources[list->count++], ordered + first, end - first, config,
                          notes, e);
        if (r < 0)
            return r;
    }
    return 0;
}

static size_t varint_bytes(uint64_t number)
{
    size_t bytes = 1;

    while (number >= 0x80) {
        number >>= 7;
        bytes++;
    }
    return bytes;
}

/* A protobuf field of `size` bytes with its tag and length. */
static size_t field_bytes(size_t size)
{
    return 1 + varint_bytes(size) + size;
}

/* One Device of a ListAndWatchResponse (proto/deviceplugin.proto), unhealthy. */
size_t resource_slice_bytes(size_t id_size, int numa_node)
{
    size_t size = field_bytes(id_size) + field_bytes(strlen("Unhealthy"));

    if (numa_node >= 0) {
        size_t node = numa_node > 0 ? 1 + varint_bytes((uint64_t)numa_node) : 0;

        size += field_bytes(field_bytes(node));
    }
    return field_bytes(size);
}

/* The ListAndWatchResponse of all slices if each device had so many replicas. */
static uint64_t list_bytes(const struct resource *r, uint64_t replicas)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < r->n_devices; i++) {
        size_t uuid_size = strlen(r->devices[i].uuid), digits = 1;

        if (replicas == 1) {
            bytes += resource_slice_bytes(uuid_size, r->devices[i].numa_node);
            continue;
        }
        /* Numbers from..to-1 have the same count of digits. */
        for (uint64_t from = 0, to = 10; from < replicas; from = to, to *= 10, digits++) {
            uint64_t many = (to < replicas ? to : replicas) - from;

            bytes += many * resource_slice_bytes(uuid_size + 2 + digits, r->devices[i].numa_node);
        }
    }
    return bytes;
}

uint64_t resource_bytes(const struct resource *r)
{
    uint64_t bytes = list_bytes(r, r->replicas);

    for (size_t i = 0; i < r->n_leaving; i++)
        bytes += resource_slice_bytes(strlen(r->leaving[i]), -1);
    return bytes;
}

static int check_list_bytes(const struct resource *r, struct err *e)
{
    uint64_t bytes = list_bytes(r, r->replicas);
    uint64_t fit = 1, more = r->replicas;

    if (bytes <= RESOURCE_MAX_LIST_BYTES)
        return 0;
    while (more - fit > 1) {
        uint64_t middle = fit + (more - fit) / 2;

        if (list_bytes(r, middle) <= RESOURCE_MAX_LIST_BYTES)
            fit = middle;
        else
            more = middle;
    }
    return err_set(e, E2BIG,
                   "resource '%s': %zu devices with %u replicas make a device list of %llu bytes, "
                   "more than the %d that the kubelet takes: at most %llu replicas fit",
                   r->name, r->n_devices, r->replicas, (unsigned long long)bytes,
                   RESOURCE_MAX_LIST_BYTES, (unsigned long long)fit);
}

static int make_resources(struct resource_list *list, struct candidates *candidates,
                          const struct config *config, struct notes *notes, struct err *e)
{
    OWN_MEM struct candidate **ordered = calloc(candidates->count + 1, sizeof(struct candidate *));
    size_t count = 0;
    int r;

    list->resources = calloc(RESOURCE_MAX, sizeof *list->resources);
    if (!ordered || !list->resources)
        return err_memory(e);
    for (size_t i = 0; i < candidates->count; i++)
        if (id_fits(&candidates->items[i], notes))
            ordered[count++] = &candidates->items[i];
    qsort(ordered, count, sizeof(struct candidate *), by_name);
    r = group(list, ordered, count, config, notes, e);
    for (size_t i = 0; r == 0 && i < list->count; i++)
        r = check_list_bytes(&list->resources[i], e);
    return r;
}

int resource_list_make(struct resource_list **out, const struct inventory *inv,
                       const struct config *config, struct err *e)
{
    OWN(resource_list_freep) struct resource_list *list = calloc(1, sizeof *list);
    OWN(candidates_done) struct candidates candidates;
    OWN(notes_done) struct notes notes;
    int r;

    candidates_init(&candidates);
    notes_init(&notes);
    if (!list)
        return err_memory(e);
    r = naming_candidates(&candidates, inv, config, &notes, e);
    if (r < 0)
        return r;
    share_apply(&candidates, inv, config, &notes);
    r = make_resources(list, &candidates, config, &notes, e);
    if (r == 0)
        r = notes_texts(&list->notes, &list->n_notes, &notes, inv, e);
    if (r < 0)
        return r;
    *out = TAKE(list);
    return 0;
}

/* Where a device is in this inventory; false: nowhere. */
static bool place_device(struct resource_device *d, const struct inventory *inv)
{
    for (unsigned g = 0; g < inv->n_gpus; g++) {
        const struct gpu *gpu = &inv->gpus[g];

        d->gpu = g;
        if (d->gi_id < 0 && strcmp(gpu->uuid, d->uuid) == 0)
            return !gpu->fault[0] && gpu->mig != GPU_MIG_ON;
        for (unsigned i = 0; d->gi_id >= 0 && i < gpu->n_instances; i++) {
            const struct gpu_instance *gi = &gpu->instances[i];

            for (unsigned k = 0; k < gi->n_computes; k++)
                if (strcmp(gi->computes[k].uuid, d->uuid) == 0)
                    return !gpu->fault[0];
        }
    }
    d->gpu = 0;
    return false;
}

static bool copy_resource(struct resource *to, const struct resource *from)
{
    *to = *from;
    to->leaving = NULL;
    to->n_leaving = 0;
    to->devices = malloc(from->n_devices * sizeof *to->devices);
    to->by_uuid = malloc(from->n_devices * sizeof *to->by_uuid);
    if (!to->devices || !to->by_uuid)
        return false;
    memcpy(to->devices, from->devices, from->n_devices * sizeof *to->devices);
    memcpy(to->by_uuid, from->by_uuid, from->n_devices * sizeof *to->by_uuid);
    return true;
}

struct resource_list *resource_list_follow(const struct resource_list *list,
                                           const struct inventory *inv)
{
    OWN(resource_list_freep) struct resource_list *copy = calloc(1, sizeof *copy);

    if (!copy)
        return NULL;
    copy->resources = calloc(list->count + 1, sizeof *copy->resources);
    if (!copy->resources)
        return NULL;
    for (size_t i = 0; i < list->count; i++) {
        struct resource *r = &copy->resources[copy->count];

        if (list->resources[i].n_devices == 0)
            continue;
        copy->count++;
        if (!copy_resource(r, &list->resources[i]))
            return NULL;
        for (size_t k = 0; k < r->n_devices; k++)
            r->devices[k].healthy = place_device(&r->devices[k], inv);
    }
    return TAKE(copy);
}
