/* SPDX-License-Identifier: Apache-2.0 */
/* One resource as a value: its slices' ids there and back, comparing, resolving requests. */
#include "slice/resource.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"

static bool device_equal(const struct resource_device *a, const struct resource_device *b)
{
    return strcmp(a->uuid, b->uuid) == 0 && a->gpu == b->gpu && a->gi_id == b->gi_id &&
           a->ci_id == b->ci_id && a->numa_node == b->numa_node && a->healthy == b->healthy;
}

bool resource_equal(const struct resource *a, const struct resource *b)
{
    if (strcmp(a->name, b->name) != 0 || a->mig != b->mig || a->replicas != b->replicas ||
        a->one_per_request != b->one_per_request || a->n_devices != b->n_devices ||
        a->n_leaving != b->n_leaving)
        return false;
    for (size_t i = 0; i < a->n_leaving; i++)
        if (strcmp(a->leaving[i], b->leaving[i]) != 0)
            return false;
    for (size_t i = 0; i < a->n_devices; i++)
        if (!device_equal(&a->devices[i], &b->devices[i]))
            return false;
    return true;
}

const char *resource_slice_id(char buffer[SLICE_ID_SIZE], const struct resource *r, size_t slice)
{
    const char *uuid = r->devices[slice / r->replicas].uuid;

    if (r->replicas == 1)
        (void)text_copy(buffer, SLICE_ID_SIZE, uuid);
    else
        (void)snprintf(buffer, SLICE_ID_SIZE, "%.*s::%zu", SLICE_ID_SIZE - 1, uuid,
                       slice % r->replicas);
    return buffer;
}

/* As strcmp, for the first `size` bytes of a against all of b. */
static int compare_start(const char *a, size_t size, const char *b)
{
    int order = strncmp(a, b, size);

    return order != 0 || b[size] == '\0' ? order : -1;
}

/* The device whose UUID is the first `size` bytes of id, or -1. */
static ptrdiff_t find_device(const struct resource *r, const char *id, size_t size)
{
    size_t low = 0, high = r->n_devices;

    for (size_t i = 0; !r->by_uuid && i < r->n_devices; i++)
        if (compare_start(id, size, r->devices[i].uuid) == 0)
            return (ptrdiff_t)i;
    while (r->by_uuid && low < high) {
        size_t middle = low + (high - low) / 2;
        size_t device = r->by_uuid[middle];
        int order = compare_start(id, size, r->devices[device].uuid);

        if (order == 0)
            return (ptrdiff_t)device;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return -1;
}

/* Splits "<uuid>::<n>". False: it is not how an id of this resource is written. */
static bool split_replica(size_t *out_size, uint64_t *out_replica, const struct resource *r,
                          const char *id)
{
    const char *colon = strrchr(id, ':');
    const char *number = colon ? colon + 1 : NULL;

    if (!colon || colon == id || colon[-1] != ':' || (number[0] == '0' && number[1]) ||
        !text_uint(out_replica, number, r->replicas - 1))
        return false;
    *out_size = (size_t)(colon - 1 - id);
    return true;
}

ptrdiff_t resource_slice_find(const struct resource *r, const char *id)
{
    size_t size = strnlen(id, SLICE_ID_SIZE);
    uint64_t replica = 0;
    ptrdiff_t device;

    if (size == SLICE_ID_SIZE || (r->replicas > 1 && !split_replica(&size, &replica, r, id)))
        return -1;
    device = find_device(r, id, size);
    return device < 0 ? -1 : device * (ptrdiff_t)r->replicas + (ptrdiff_t)replica;
}

/* Puts a device into an ascending list without doubles. */
static void insert(size_t *list, size_t *count, size_t device)
{
    size_t low = 0, high = *count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (list[middle] < device)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < *count && list[low] == device)
        return;
    memmove(list + low + 1, list + low, (*count - low) * sizeof *list);
    list[low] = device;
    (*count)++;
}

static bool is_leaving(const struct resource *r, const char *id)
{
    for (size_t i = 0; i < r->n_leaving; i++)
        if (strcmp(r->leaving[i], id) == 0)
            return true;
    return false;
}

int resource_resolve(size_t *out, size_t *n_out, const struct resource *r, const char *const *ids,
                     size_t n, struct err *e)
{
    size_t count = 0;

    for (size_t i = 0; i < n; i++) {
        ptrdiff_t slice = resource_slice_find(r, ids[i]);

        if (slice < 0 && is_leaving(r, ids[i]))
            return err_set(e, EIO,
                           "'%s': '%s' is not configured any more and stays for the container that "
                           "has it",
                           r->name, ids[i]);
        if (slice < 0)
            return err_set(e, ENOENT, "'%s': unknown device '%.*s'", r->name, SLICE_ID_SIZE,
                           ids[i]);
        insert(out, &count, (size_t)slice / r->replicas);
    }
    if (r->one_per_request && n > 1)
        return err_set(e, EINVAL,
                       "invalid request: maximum request size for shared resources is 1; found %zu",
                       n);
    for (size_t i = 0; i < count; i++)
        if (!r->devices[out[i]].healthy)
            return err_set(e, EIO, "'%s': device '%s' is unhealthy", r->name,
                           r->devices[out[i]].uuid);
    *n_out = count;
    return 0;
}
