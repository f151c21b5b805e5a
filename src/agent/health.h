/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The health of the hardware: waits for the driver's events, keeps the faults of this node, takes
 * from the kubelet what they touch, and gives it back when they are over. All replicas of a device
 * share its fate; of a GPU in MIG mode only the devices that a fault touches are taken.
 */
#ifndef AGENT_HEALTH_H
#define AGENT_HEALTH_H

#include <stdbool.h>
#include <stddef.h>

struct agent;
struct err;
struct health;
struct node_fault;
struct resource_list;

int health_open(struct health **out, struct agent *a, struct err *e);
/* A driver that hangs is left behind: *out_left as in worker.h. */
void health_close(struct health *h, bool *out_left);

/*
 * The hardware was read, and the agent's inventory is what it is: true if what health_mark() does
 * has changed. The first one begins the watch for events.
 */
bool health_looked(struct health *h);
/* It could not be read; a->driver_error says why. */
void health_look_failed(struct health *h);

/* Devices that a fault touches are unhealthy. */
void health_mark(const struct health *h, struct resource_list *list);

/* The faults, in an array to be freed; texts are borrowed until the next turn of the loop. NULL
 * without memory. */
struct node_fault *health_faults(const struct health *h, size_t *count);

/*
 * Before a GPU is reset: `stopped` is called when the watch has closed the driver, perhaps from
 * inside this function. It begins again with health_resume().
 */
typedef void health_stopped(void *self);
void health_stop(struct health *h, health_stopped *stopped, void *self);
void health_resume(struct health *h);

/* A GPU was reset by ourselves. */
void health_was_reset(struct health *h, const char *gpu_uuid);

#endif
