/* SPDX-License-Identifier: Apache-2.0 */
/* Does what mig_state.h says is next, one thing at a time, and tells it how that ended. */
#ifndef GATEWAY_MIG_WORK_H
#define GATEWAY_MIG_WORK_H

#include "gateway/mig_block.h"
#include "gateway/mig_state.h"

struct gateway;
struct mig_work;

/* Borrows the state. Every end of something is followed by gateway_changed(). */
int mig_work_open(struct mig_work **out, struct gateway *g, struct mig_state *state, struct err *e);
void mig_work_close(struct mig_work *w);

/* Begins `act` of the wish. */
void mig_work_begin(struct mig_work *w, enum mig_act act, const struct mig_block_wish *wish);

/* Nothing is under way any more. What carved does already goes on to its end. */
void mig_work_cancel(struct mig_work *w);

#endif
