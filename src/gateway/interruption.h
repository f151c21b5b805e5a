/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What EC2 says of this instance's end, acted on: Events, taint carve.dev/interruption, evictions
 * of the pods that hold slices. A part, see gateway.h.
 */
#ifndef GATEWAY_INTERRUPTION_H
#define GATEWAY_INTERRUPTION_H

struct err;
struct gateway;
struct interruption;

#define INTERRUPTION_TAINT "carve.dev/interruption"

int interruption_open(struct interruption **out, struct gateway *g, struct err *e);
void interruption_look(struct interruption *part);
void interruption_close(struct interruption *part);

/* At the end of carve on this node: removes what this part wrote, before the part is closed. */
typedef void interruption_removed(void *self);
void interruption_remove(struct interruption *part, interruption_removed *done, void *self);

#endif
