/* SPDX-License-Identifier: Apache-2.0 */
/* The node's configuration by label, out of a ConfigMap, to carved. A part, see gateway.h. */
#ifndef GATEWAY_CHOICE_H
#define GATEWAY_CHOICE_H

#include <stdbool.h>

struct choice;
struct err;
struct gateway;

int choice_open(struct choice **out, struct gateway *g, struct err *e);
void choice_look(struct choice *part);
void choice_close(struct choice *part);

/*
 * Whether what the labels ask for is in force at carved (and gateway_state() tells its name), or
 * nothing is asked: false while it is being found out or brought in force, and while it is refused.
 * The start-up taint waits for it.
 */
bool choice_settled(const struct choice *part);

/*
 * Why what the labels ask for does not come into force until somebody mends it, with the cure;
 * NULL: nothing is wrong with it. Borrowed until the next turn of the loop.
 */
const char *choice_wrong(const struct choice *part);

/* At the end of carve on this node: removes what this part wrote, before the part is closed. */
typedef void choice_removed(void *self);
void choice_remove(struct choice *part, choice_removed *done, void *self);

#endif
