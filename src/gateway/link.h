/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connection to carved: watches the node's state, comes back whenever carved does, and asks it
 * for changes.
 */
#ifndef GATEWAY_LINK_H
#define GATEWAY_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct gateway;
struct link;
struct node_holders;
struct node_mig_progress;
struct node_mig_request;
struct node_state;

int link_open(struct link **out, struct gateway *g, struct err *e);
void link_close(struct link *l);

/* The last state, also while carved is away; NULL: none yet. */
const struct node_state *link_state(const struct link *l);
/* Whether carved answers now; since when it does not (loop time), and why. */
bool link_up(const struct link *l);
uint64_t link_down_since_ms(const struct link *l);
const char *link_error(const struct link *l);

/*
 * Calls of carve.v1.Node. A call's callbacks come from the loop; done exactly once unless
 * link_cancel() came first. When a call that changes something has ended well, link_state() already
 * tells what came of it.
 */
struct link_call;
typedef void link_done(void *self, int r, const struct err *e);

/* The node's configuration shall be this text (NULL: the one of carved's own file). */
int link_configure(struct link_call **out, struct link *l, const char *name, const char *text,
                   link_done *done, void *self, struct err *e);

/* MIG change; `progress` gets each message, borrowed. */
typedef void link_progress(void *self, const struct node_mig_progress *progress);
int link_apply_mig(struct link_call **out, struct link *l, const struct node_mig_request *request,
                   link_progress *progress, link_done *done, void *self, struct err *e);

/* Who holds what; `holders` comes before done, borrowed. */
typedef void link_holders_got(void *self, const struct node_holders *holders);
int link_holders(struct link_call **out, struct link *l, link_holders_got *holders, link_done *done,
                 void *self, struct err *e);

/* Reboots the node, if carved may. */
int link_reboot(struct link_call **out, struct link *l, const char *why, link_done *done,
                void *self, struct err *e);

void link_cancel(struct link_call *call);

#endif
