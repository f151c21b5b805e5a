/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps the inventory true: opens the driver, reads the hardware at the start and again every
 * rescan, and goes on with the last inventory while the driver is away or hangs.
 */
#ifndef AGENT_OBSERVE_H
#define AGENT_OBSERVE_H

#include "agent/agent.h"

struct observe;

/* Starts the first look. */
int observe_open(struct observe **out, struct agent *a, struct err *e);
void observe_close(struct observe *o);

/*
 * Looks now and, after that, goes on with the rescans. agent_observe() is this. What nobody waits
 * for (`seen` is NULL) is left out while a MIG change is under way.
 */
void observe_now(struct observe *o, agent_observed *seen, void *self);

#endif
