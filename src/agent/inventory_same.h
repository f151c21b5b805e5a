/* SPDX-License-Identifier: Apache-2.0 */
/* Whether two looks at the hardware saw the same. */
#ifndef AGENT_INVENTORY_SAME_H
#define AGENT_INVENTORY_SAME_H

#include <stdbool.h>

struct inventory;

/* True if nobody who was told `a` needs to hear of `b`. */
bool inventory_same(const struct inventory *a, const struct inventory *b);

#endif
