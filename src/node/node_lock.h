/* SPDX-License-Identifier: Apache-2.0 */
/* Who may change this node: one carved, or one command that does without it. */
#ifndef NODE_NODE_LOCK_H
#define NODE_NODE_LOCK_H

struct err;

/*
 * Takes the lock beside carved's socket ("<socket>.lock"), whose folder is made; it is held until
 * *out is closed, so also a killed process gives it back. -EBUSY: another process has it.
 */
int node_lock(int *out, const char *socket, struct err *e);

#endif
