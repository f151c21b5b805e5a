/* SPDX-License-Identifier: Apache-2.0 */
/* The message of carve.v1.Node's Reboot; the answer is empty: the node is going down. */
#ifndef NODE_NODE_REBOOT_H
#define NODE_NODE_REBOOT_H

#include <stddef.h>

#include "base/own.h"

struct buf;
struct err;

enum { NODE_REBOOT_MAX_WHY = 512 }; /* bytes */

/* Borrows its text to be packed; owns it when unpacked, it is never NULL then. */
struct node_reboot_request {
    const char *why; /* for the log, one line */

    void *owner; /* of unpacking alone */
};

/* Results as node_state_pack() and node_state_unpack(); -EINVAL: longer than the bound, or empty.
 */
int node_reboot_request_pack(struct buf *out, const struct node_reboot_request *request,
                             struct err *e);
int node_reboot_request_unpack(struct node_reboot_request **out, const void *bytes, size_t size,
                               struct err *e);
void node_reboot_request_free(struct node_reboot_request *request);
OWN_POINTER(struct node_reboot_request, node_reboot_request_free);

#endif
