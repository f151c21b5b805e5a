/* SPDX-License-Identifier: Apache-2.0 */
/* The start-up taint: gone when the configured slices are registered and allocatable. A part, see
 * gateway.h. */
#ifndef GATEWAY_READY_H
#define GATEWAY_READY_H

struct ready;
struct err;
struct gateway;

int ready_open(struct ready **out, struct gateway *g, struct err *e);
void ready_look(struct ready *part);
void ready_close(struct ready *part);

/* At the end of carve on this node: removes what this part wrote, before the part is closed. */
typedef void ready_removed(void *self);
void ready_remove(struct ready *part, ready_removed *done, void *self);

#endif
