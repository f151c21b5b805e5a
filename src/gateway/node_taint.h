/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A taint of ours on the node, kept there or kept away, by patches that lose no change that
 * somebody else makes to the node's taints at the same time.
 */
#ifndef GATEWAY_NODE_TAINT_H
#define GATEWAY_NODE_TAINT_H

#include <stdbool.h>

struct buf;
struct err;
struct gateway;
struct node_taint;
struct yaml_node;

/* text: "key:Effect" or "key=value:Effect", as the command line took it; borrowed. */
int node_taint_open(struct node_taint **out, struct gateway *g, const char *text, struct err *e);
void node_taint_close(struct node_taint *t);

/* Whether the node has it, with this effect. */
bool node_taint_there(const struct node_taint *t);
/* Whether it has not, and what node_taint_keep() has sent cannot bring it any more. */
bool node_taint_gone(const struct node_taint *t);

/*
 * The patch that takes all taints with this key and effect (NULL: any) out of the node's list: each
 * by its place, from the last, tested just before. A change that somebody else makes at the same
 * time makes the server refuse it, and nothing is lost.
 */
void node_taint_write_removed(struct buf *out, const struct yaml_node *taints, const char *key,
                              const char *effect);

/* Compares, and sends what is to be changed. Called again as often as one likes. */
void node_taint_keep(struct node_taint *t, bool wanted);

/* Words and errno (positive) of the last patch; "" and 0 if it went well. */
const char *node_taint_error(const struct node_taint *t);
int node_taint_error_code(const struct node_taint *t);

#endif
