/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the driver reports of its GPUs as it happens. A door of its own beside driver.h's, for a
 * thread of its own: waiting takes as long as nothing happens. Nobody may have it open when a GPU
 * is reset.
 */
#ifndef GPU_DRIVER_EVENTS_H
#define GPU_DRIVER_EVENTS_H

#include <stdint.h>

#include "gpu/gpu.h"

struct err;

enum driver_event_kind {
    DRIVER_EVENT_XID,   /* a fault, by its number */
    DRIVER_EVENT_STATE, /* the GPU wants to be looked at: it is gone, or asks for another action */
};

struct driver_event {
    enum driver_event_kind kind;
    char gpu_uuid[GPU_UUID_SIZE];
    int gi_id, ci_id; /* -1: not told */
    uint64_t xid;
};

struct driver_events {
    void *self;
    unsigned n_gpus; /* that tell of events */

    /* 1: *out is the next event; 0: none in this time; negative: the driver cannot be asked. */
    int (*wait)(void *self, struct driver_event *out, unsigned timeout_ms, struct err *e);
    void (*close)(void *self);
};

/*
 * As driver_open_nvml(). GPUs that know no events or do not answer are left out; -ENOTSUP: the
 * driver knows none at all.
 */
int driver_events_open_nvml(struct driver_events *out, const char *driver_root, struct err *e);

/* Closes and clears the door; nothing happens to a closed one. */
void driver_events_close(struct driver_events *d);

#endif
