/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ApplyMig of carve.v1.Node: a change of the node's MIG layouts, from the request to the answer.
 * One at a time. Once begun it goes on to its end, or is undone, also when the caller is gone.
 */
#ifndef AGENT_APPLY_H
#define AGENT_APPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct apply;
struct grpc_call;

/* The method's handler; `agent` is the struct agent, whose `apply` it sets and clears. */
void apply_call(void *agent, struct grpc_call *call, const uint8_t *request, size_t size);

/*
 * Whether the change may take this device (UUID of a GPU or MIG device) away, so that nobody may
 * be given it now. No change under way (NULL): false.
 */
bool apply_touches(const struct apply *ap, const char *device_uuid);

/* At the daemon's end: gives the change up where it stands and tells the caller. NULL is fine. */
void apply_close(struct apply *ap);

#endif
