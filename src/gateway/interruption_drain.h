/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gets the pods that hold slices off a node that is about to go: asks carved who holds what, evicts
 * them, and again until nobody is left. It never goes around a disruption budget. Pods without
 * slices, and those of DaemonSets, are left alone.
 */
#ifndef GATEWAY_INTERRUPTION_DRAIN_H
#define GATEWAY_INTERRUPTION_DRAIN_H

#include <stdbool.h>
#include <stdint.h>

struct err;
struct gateway;
struct interruption_drain;

int interruption_drain_open(struct interruption_drain **out, struct gateway *g, struct err *e);
void interruption_drain_close(struct interruption_drain *d);

/*
 * They are to go, and the node does at gone_by_ms of the loop's time (0: nobody knows when); called
 * again as often as one likes.
 */
void interruption_drain_keep(struct interruption_drain *d, uint64_t gone_by_ms);
/* They may stay. Those that were evicted go all the same. */
void interruption_drain_stop(struct interruption_drain *d);

#endif
