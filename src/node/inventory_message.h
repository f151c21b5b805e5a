/* SPDX-License-Identifier: Apache-2.0 */
/* struct inventory to its message and back. */
#ifndef NODE_INVENTORY_MESSAGE_H
#define NODE_INVENTORY_MESSAGE_H

#include <stddef.h>

struct Carve__V1__Inventory;
struct Carve__V1__Process;
struct err;
struct gpu_process;
struct inventory;
struct message_pool;

/* The message, borrowing from inv, in the pool's memory. NULL: no memory. */
struct Carve__V1__Inventory *inventory_message_make(struct message_pool *pool,
                                                    const struct inventory *inv);

/* The inventory, in the pool's memory; -EPROTO if it cannot be one. */
int inventory_message_read(struct inventory **out, struct message_pool *pool,
                           const struct Carve__V1__Inventory *message, struct err *e);

/* Processes alone, for holders. NULL: no memory. */
struct Carve__V1__Process **inventory_message_processes(struct message_pool *pool,
                                                        const struct gpu_process *processes,
                                                        size_t count);
struct gpu_process *inventory_message_read_processes(struct message_pool *pool,
                                                     struct Carve__V1__Process *const *messages,
                                                     size_t count);

#endif
