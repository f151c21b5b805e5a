/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wrong with which hardware of this node: a bounded table, one entry for each GPU or
 * instance and XID. Pure values; the clock is the caller's. A fault ends when the driver says that
 * the GPU is well after it said that it is not, when its time of probation is over, with a reset,
 * or with the MIG device that it was on.
 */
#ifndef AGENT_FAULT_TABLE_H
#define AGENT_FAULT_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gpu/gpu.h"
#include "node/node_state.h"

struct driver_event;
struct resource_device;

enum { FAULT_TABLE_PER_GPU = 32 }; /* further ones are one entry for the GPU */

enum fault_kind {
    FAULT_XID,
    FAULT_SILENT, /* the driver cannot read the GPU: it is lost, or answers with errors */
    FAULT_ASKED,  /* the driver asks for an action, and no XID came with it */
    FAULT_MANY,   /* more than can be listed */
};

struct fault {
    enum fault_kind kind;
    char gpu_uuid[GPU_UUID_SIZE]; /* "unknown-<index>": it has never told its UUID */
    unsigned gpu;                 /* its index then */
    int gi_id, ci_id;             /* -1: all of them */
    char witness[GPU_UUID_SIZE];  /* a MIG device of that instance, as it was then; "": unknown */
    uint64_t xid;
    bool confirmed;   /* the driver itself has said since that the GPU is not well */
    uint64_t since_s; /* seconds since 1970 */
    uint64_t last_ms; /* since the machine was started */
    uint32_t count;
};

/* Owns its array; zeroed is empty. */
struct fault_table {
    size_t count, room;
    struct fault *faults;
};

/* What an end was. */
enum fault_end {
    FAULT_GOES_ON,
    FAULT_WELL,    /* the driver says that the GPU is well again */
    FAULT_PASSED,  /* nothing came any more in its time of probation */
    FAULT_REMOVED, /* the MIG device is no more */
};

/* Two clocks: seconds since 1970, milliseconds since the machine was started. */
struct fault_time {
    uint64_t wall_s, boot_ms;
};

void fault_table_done(struct fault_table *t);

/*
 * Adds `times` events of one kind. *out_new: it is another fault than those that were there. NULL
 * without memory, or if the GPU is not in inv.
 */
struct fault *fault_table_add(struct fault_table *t, const struct inventory *inv,
                              const struct driver_event *event, uint32_t times,
                              struct fault_time now, bool *out_new);

/* Puts an entry that was kept elsewhere back; false if there is no room or it makes no sense. */
bool fault_table_put(struct fault_table *t, const struct fault *f);

/* Takes in what the driver says of its GPUs itself; true if something has changed. */
bool fault_table_look(struct fault_table *t, const struct inventory *inv, struct fault_time now);

/* Whether this fault is over, as far as inv and the clock tell. */
enum fault_end fault_table_judge(const struct fault *f, const struct inventory *inv,
                                 uint64_t probation_ms, uint64_t boot_ms);

void fault_table_remove(struct fault_table *t, size_t at);

/* A GPU was reset: what a reset ends is gone. True if there was something. */
bool fault_table_reset(struct fault_table *t, const char *gpu_uuid);

/* The GPU that it is on, or NULL. */
const struct gpu *fault_gpu(const struct fault *f, const struct inventory *inv);

/* Whether the fault takes the device from containers. */
bool fault_touches(const struct fault *f, const struct inventory *inv,
                   const struct resource_device *d);

/* What ends it: what the driver asks for or, if it asks for nothing, what the XID means. */
enum node_fault_cure fault_needs(const struct fault *f, const struct inventory *inv);

/* Fills all but `slices`; texts are borrowed from inv or static. */
void fault_tell(struct node_fault *out, const struct fault *f, const struct inventory *inv);

/* Into the log: a new one, and one that is over. */
void fault_log(const struct fault *f, const struct inventory *inv);
void fault_log_end(const struct fault *f, const struct inventory *inv, enum fault_end end);

#endif
