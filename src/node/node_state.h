/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of a node as carve.v1.Node's Watch tells it (proto/node.proto): plain values for the
 * agent that fills them and for the CLI that prints them, and the bytes between. Bytes are never
 * trusted: everything beyond the bounds of gpu.h, or that no hardware could be, is refused.
 */
#ifndef NODE_NODE_STATE_H
#define NODE_NODE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/own.h"

struct buf;
struct err;
struct inventory;
struct resource;

/* A larger message is refused by both sides. */
enum { NODE_STATE_MAX_BYTES = 4 << 20 };

/* One resource in short. */
struct node_resource {
    const char *name;
    uint32_t slices;
    uint32_t healthy;  /* of the slices */
    uint32_t replicas; /* of each device; 1: not shared */
    bool mig;
    bool registered;     /* the kubelet has taken it */
    uint32_t devices;    /* GPUs or MIG devices behind the slices */
    const char *kind;    /* the name without any renaming: "nvidia.com/mig-1g.5gb" */
    const char *profile; /* of its MIG devices; "": whole GPUs */
};

/* What ends a fault. */
enum node_fault_cure {
    NODE_FAULT_WAIT,    /* passes by itself */
    NODE_FAULT_RESET,   /* a GPU reset */
    NODE_FAULT_REBOOT,  /* a reboot of the node */
    NODE_FAULT_REPLACE, /* another board or node */
    NODE_FAULT_DRIVER,  /* the driver answers again */
};

/* Something that is wrong with hardware, from its first sign until it has recovered. */
struct node_fault {
    uint32_t gpu;     /* index */
    const char *uuid; /* of the GPU; "": the whole node */
    int gi_id, ci_id; /* -1: the whole GPU */
    uint64_t xid;     /* 0: no XID */
    const char *what, *cause, *cure;
    uint64_t since_s; /* seconds since 1970 */
    uint32_t count;   /* how often it was seen */
    uint32_t slices;  /* that it takes from containers */
    enum node_fault_cure needs;
};

/*
 * Filled by the agent, all pointers are borrowed, texts may be NULL for "". From
 * node_state_unpack() the state owns everything, texts are never NULL, and the links of the
 * inventory may be missing (NULL: unknown).
 */
struct node_state {
    uint64_t generation;         /* grows with every change */
    struct inventory *inventory; /* NULL: not read yet */
    size_t n_resources;
    const struct node_resource *resources;
    const char *config_file;  /* "" without one */
    const char *config_error; /* "" or why the newest content is not in force */
    size_t n_findings;
    const char *const *findings; /* of the newest content, with their places */
    bool last_good;              /* an older content is in force */
    size_t n_notes;
    const char *const *notes; /* what is wished and cannot be had */
    const char *driver_error; /* "" or why the hardware cannot be read */
    const char *version;      /* carved's */
    size_t n_faults;
    const struct node_fault *faults;
    const char *machine;     /* product name; "": unknown */
    const char *config_name; /* that Configure gave the configuration; "": it is the file's */
    unsigned mig_strategy;   /* enum config_mig */
    bool resolved;           /* resources are what configuration and hardware give: none is none */

    void *owner; /* of node_state_unpack() alone */
};

/* The resource in short; borrows its texts. */
struct node_resource node_state_resource(const struct resource *r, bool registered);

/* Adds the message to out. -ENOMEM; -EMSGSIZE beyond NODE_STATE_MAX_BYTES, -EFBIG beyond out's. */
int node_state_pack(struct buf *out, const struct node_state *state, struct err *e);

/* -EPROTO: no message, or one that tells what cannot be, in words; -ENOMEM. */
int node_state_unpack(struct node_state **out, const void *bytes, size_t size, struct err *e);
void node_state_free(struct node_state *state);
OWN_POINTER(struct node_state, node_state_free);

#endif
