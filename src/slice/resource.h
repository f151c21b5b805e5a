/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the node promises: its resources (the names that pods ask for) and the slices behind each,
 * made from the inventory and the configuration. Pure values; the same input gives the same ids, in
 * NVIDIA's form: the UUID of the GPU or MIG device, "<uuid>::<n>" for its replicas.
 */
#ifndef SLICE_RESOURCE_H
#define SLICE_RESOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/own.h"
#include "gpu/gpu.h"

struct config;
struct err;

enum {
    RESOURCE_NAME_SIZE = 64,
    RESOURCE_MAX = 64,
    SLICE_ID_SIZE = 64,                /* the kubelet's limit of 63 characters and the NUL */
    RESOURCE_MAX_LIST_BYTES = 4 << 20, /* the kubelet drops a longer device list */
};

/* A GPU or MIG device behind the slices of a resource. */
struct resource_device {
    char uuid[GPU_UUID_SIZE];
    unsigned gpu;     /* position in the inventory's gpus */
    int gi_id, ci_id; /* -1: the whole GPU */
    int numa_node;    /* -1: unknown */
    bool healthy;
};

/*
 * One resource: all its devices are of one kind and shared alike. Slice number s stands for device
 * s / replicas, replica s % replicas.
 */
struct resource {
    char name[RESOURCE_NAME_SIZE];       /* "nvidia.com/gpu" */
    char kind[RESOURCE_NAME_SIZE];       /* the original's name for its first device, not renamed */
    char profile[GPU_PROFILE_NAME_SIZE]; /* of its first MIG device; "": whole GPUs */
    bool mig;                            /* its devices are MIG devices */
    unsigned replicas;                   /* of each device; 1: not shared */
    bool one_per_request;                /* failRequestsGreaterThanOne */
    size_t n_devices;
    struct resource_device *devices; /* by GPU index, then placement */
    uint16_t *by_uuid;               /* positions in devices, ordered by UUID; NULL: not ordered */
    size_t n_leaving;
    char (*leaving)[SLICE_ID_SIZE]; /* held and no more configured, see leaving.h; ordered */
};

/* Owns its arrays and strings. */
struct resource_list {
    size_t count;
    struct resource *resources; /* by name */
    size_t n_notes;
    char **notes; /* what the configuration wishes and the hardware does not give, in words */
};

/*
 * All that is valid is in the list, what is not has a note; a resource without devices is not in
 * the list, devices of a GPU with a fault are and are unhealthy. Where several things could be
 * promised under one name:
 *   - a GPU with MIG on is never a whole GPU;
 *   - strategy `single`: once any GPU has MIG on, only the MIG devices of the profile that most of
 *     them have (the first on the node of equally many) are promised;
 *   - a share that takes some of a resource's devices without renaming them is not made;
 *   - a name means what its first device (by GPU, then placement) means: whole GPUs or MIG devices,
 *     so many replicas; others under it are left out;
 *   - of several shares that take a device, the last counts.
 * Fails only on what no hardware could mend: a device list too long for the kubelet (-E2BIG, naming
 * resource, bytes and the most replicas that fit; counted with all devices unhealthy, which is the
 * longer word, so that a list once sent can always be sent).
 */
int resource_list_make(struct resource_list **out, const struct inventory *inv,
                       const struct config *config, struct err *e);
/*
 * A copy of a list that was made of another inventory, with what is true of its devices in this
 * one, which has GPUs; devices that are not there any more are unhealthy. Without its notes, which
 * are about the other inventory, and without leaving slices. NULL without memory.
 */
struct resource_list *resource_list_follow(const struct resource_list *list,
                                           const struct inventory *inv);
void resource_list_free(struct resource_list *list);
OWN_POINTER(struct resource_list, resource_list_free);

const struct resource *resource_list_find(const struct resource_list *list, const char *name);

/* Whether both promise the same slices in the same state. */
bool resource_equal(const struct resource *a, const struct resource *b);

static inline size_t resource_slices(const struct resource *r)
{
    return r->n_devices * r->replicas;
}

/* Of the list that the kubelet gets, with all devices unhealthy; and of one slice in it. */
uint64_t resource_bytes(const struct resource *r);
size_t resource_slice_bytes(size_t id_size, int numa_node);

/* The id of slice number `slice`. Returns buffer. */
const char *resource_slice_id(char buffer[SLICE_ID_SIZE], const struct resource *r, size_t slice);

/* The number of the slice with this id, or -1. */
ptrdiff_t resource_slice_find(const struct resource *r, const char *id);

/*
 * Checks a request for these slices and gives the distinct devices behind them, ascending, as
 * positions in r->devices (out has room for n; what a failure leaves in it means nothing). Unknown
 * id: -ENOENT; more than one where one_per_request: -EINVAL with the original's words; the device
 * is unhealthy, or the slice leaving: -EIO; checked in this order.
 */
int resource_resolve(size_t *out, size_t *n_out, const struct resource *r, const char *const *ids,
                     size_t n, struct err *e);

#endif
