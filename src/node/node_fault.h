/* SPDX-License-Identifier: Apache-2.0 */
/* struct node_fault to its messages and back, and its words. */
#ifndef NODE_NODE_FAULT_H
#define NODE_NODE_FAULT_H

#include <stddef.h>

struct Carve__V1__Fault;
struct err;
struct message_pool;
struct node_fault;

/* A node tells of at most so many; more are refused. */
enum { NODE_FAULTS_MAX = 4096 };

/* The messages, borrowing the texts, in the pool's memory. NULL: no memory. */
struct Carve__V1__Fault **node_fault_messages(struct message_pool *pool,
                                              const struct node_fault *faults, size_t count);

/* The faults, in the pool's memory; -EPROTO if they cannot be. */
int node_fault_read(const struct node_fault **out, struct message_pool *pool,
                    struct Carve__V1__Fault *const *messages, size_t count, struct err *e);

#endif
