/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thing that a part keeps true on the node object, by patches: one at a time, with back-off
 * after a failure, and not again what was just written and is not yet seen to be there; ever later
 * if somebody else undoes it each time.
 */
#ifndef GATEWAY_NODE_PATCH_H
#define GATEWAY_NODE_PATCH_H

#include <stdbool.h>

#include "api/http.h"

struct err;
struct gateway;
struct node_patch;

/* what: for the log, "label nvidia.com/mig.config.state"; borrowed. */
int node_patch_open(struct node_patch **out, struct gateway *g, const char *what, struct err *e);
void node_patch_close(struct node_patch *p);

/* What is to be sent, as own_node_patch() takes it; borrowed. */
struct node_patch_order {
    const char *key; /* what is wished in one text: equal keys ask for the same */
    const char *subresource;
    enum http_content content;
    const char *body;
};

/*
 * The node is not as wished: sends the patch, now or at the right time. Whenever it may be sent,
 * and when it has ended, every part looks again.
 */
void node_patch_want(struct node_patch *p, const struct node_patch_order *order);

/* Whether that wish was written and not refused or replaced since. */
bool node_patch_wrote(const struct node_patch *p, const char *key);

/* Words and errno (positive) of the last patch; "" and 0 if it went well. */
const char *node_patch_error(const struct node_patch *p);
int node_patch_error_code(const struct node_patch *p);

#endif
