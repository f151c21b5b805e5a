/* SPDX-License-Identifier: Apache-2.0 */
/* The answer of carve.v1.Node's Holders: which container holds which slice. */
#ifndef NODE_NODE_HOLDERS_H
#define NODE_NODE_HOLDERS_H

#include <stddef.h>
#include <stdint.h>

#include "base/own.h"
#include "gpu/gpu.h"

struct buf;
struct err;

/* One container's hold on one slice, or (no pod, no container) a process outside any of them. */
struct node_holder {
    const char *namespace, *pod, *container;
    const char *resource, *slice; /* the slice's id */
    uint32_t gpu;                 /* index */
    const char *device;           /* UUID of the GPU or MIG device */
    const char *profile;          /* "" for a whole GPU or a replica of one */
    size_t n_processes;           /* at most GPU_MAX_PROCESSES */
    const struct gpu_process *processes;
    const char *process_names; /* "python, python" */
};

/*
 * Borrows everything to be packed, texts may be NULL for ""; owns everything when unpacked, texts
 * are never NULL then.
 */
struct node_holders {
    size_t count;
    const struct node_holder *items;
    const char *error; /* "" or why the kubelet could not be asked */

    void *owner; /* of unpacking alone */
};

/* Results as node_state_pack() and node_state_unpack(). */
int node_holders_pack(struct buf *out, const struct node_holders *holders, struct err *e);
int node_holders_unpack(struct node_holders **out, const void *bytes, size_t size, struct err *e);
void node_holders_free(struct node_holders *holders);
OWN_POINTER(struct node_holders, node_holders_free);

#endif
