/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The node as a verb sees it: carved's state where carved runs, else the hardware read directly
 * through the driver, which stderr then says.
 */
#ifndef CLI_VIEW_H
#define CLI_VIEW_H

#include "gpu/driver.h"

struct err;
struct node_state;
struct options;

struct view {
    struct inventory *inventory; /* owned by state, if there is one, else by the view */
    struct node_state *state;    /* NULL: carved is not running */
    struct driver driver;        /* open if carved is not running */
};

/* "none", "off" or "on". */
const char *view_mig_name(enum gpu_mig mig);

/* What carved, which listens there, says now; without an inventory if it has none so far. */
int view_state(struct node_state **out, const char *socket, struct err *e);

int view_open(struct view *out, const struct options *o, struct err *e);
void view_close(struct view *v);

#endif
