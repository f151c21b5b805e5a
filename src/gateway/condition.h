/* SPDX-License-Identifier: Apache-2.0 */
/* Condition AcceleratedHardwareReady, Events and the fault taint: health in the open. A part, see
 * gateway.h. */
#ifndef GATEWAY_CONDITION_H
#define GATEWAY_CONDITION_H

#include <stdbool.h>

struct condition;
struct err;
struct gateway;

int condition_open(struct condition **out, struct gateway *g, struct err *e);
void condition_look(struct condition *part);
void condition_close(struct condition *part);

/*
 * From the start-up handshake: the slices are not there in time, which makes the condition False as
 * long as it lasts. reason: one CamelCase word ("NotAllocatable"); words: what is missing and what
 * to do; both copied. reason NULL: all is well again. The same again is harmless. That carved is
 * away (link_up(), link_down_since_ms(), options.carved_grace_ms, at which every part is made to
 * look) the condition sees itself; the Event about that is the link's.
 */
void condition_not_ready(struct condition *part, const char *reason, const char *words);

/*
 * While the slices of a new node are waited for it is not called ready, and a False that it shows
 * is not taken back: it is of an earlier run, and who repairs nodes counts from when it came.
 */
void condition_waits(struct condition *part, bool waits);

/* At the end of carve on this node: removes what this part wrote, before the part is closed. */
typedef void condition_removed(void *self);
void condition_remove(struct condition *part, condition_removed *done, void *self);

#endif
