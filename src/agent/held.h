/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slices that containers hold and the configuration offers no more (slice/leaving.h): which ones
 * there are, and until when. What is withdrawn is closed first, with the whole list being replaced;
 * then the kubelet is asked who holds it, and again with growing pauses while something is held.
 * After a start it is asked before the first slices are offered, so that a restart changes nothing.
 */
#ifndef AGENT_HELD_H
#define AGENT_HELD_H

#include <stdbool.h>

struct agent;
struct err;
struct held;
struct resource_list;

int held_open(struct held **out, struct agent *a, struct err *e);
void held_close(struct held *h);

/*
 * Whether resources may be made: it is known who holds what, or the kubelet does not tell. If not,
 * it is being asked, and agent_resolve() called when it has answered.
 */
bool held_ready(struct held *h);
/* As held_ready() said last. */
bool held_is_known(const struct held *h);

/* There is a new kubelet, which may know of other holders. */
void held_ask(struct held *h);

/* The list that comes in place of `before` (NULL: none): adds what must stay. */
void held_apply(struct held *h, const struct resource_list *before, struct resource_list *now);

#endif
