/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configure of carve.v1.Node: a configuration from the caller to reload.h, and the answer. Before
 * the first look at the hardware the answer waits for it, since only then it is known whether the
 * node can have what is configured.
 */
#ifndef AGENT_CONFIGURE_H
#define AGENT_CONFIGURE_H

#include <stddef.h>
#include <stdint.h>

struct agent;
struct configure;
struct grpc_call;

/* The method's handler; `agent` is the struct agent, whose `configure` it sets and clears. */
void configure_call(void *agent, struct grpc_call *call, const uint8_t *request, size_t size);

/* The agent's state has changed: what has waited for the hardware may be answered. */
void configure_look(struct agent *a);

/* At the daemon's end: answers what waits. NULL is fine. */
void configure_close(struct configure *c);

#endif
