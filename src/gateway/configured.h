/* SPDX-License-Identifier: Apache-2.0 */
/* Node condition carve.dev/Configured: whether the configuration that is wished is in force. */
#ifndef GATEWAY_CONFIGURED_H
#define GATEWAY_CONFIGURED_H

#include <stdbool.h>

struct configured;
struct err;
struct gateway;

int configured_open(struct configured **out, struct gateway *g, struct err *e);
void configured_close(struct configured *c);

/* What the condition is to say, copied; also an Event when it is another thing than before. */
void configured_tell(struct configured *c, bool in_force, const char *reason, const char *words);

/* What is wrong, if something is: the words told last; else NULL. */
const char *configured_wrong(const struct configured *c);

/* There is nothing to say: the condition goes, if it is there. */
void configured_forget(struct configured *c);

/* Compares the node's condition with what it is to say and writes what differs. */
void configured_look(struct configured *c);

/* Whether the node shows what it is to. */
bool configured_written(const struct configured *c);

#endif
