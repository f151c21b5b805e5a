/* SPDX-License-Identifier: Apache-2.0 */
/* The messages of carve.v1.Node's ApplyMig: the request, and how far its work has come. */
#ifndef NODE_NODE_MIG_H
#define NODE_NODE_MIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/own.h"

struct buf;
struct err;

/* Borrows everything to be packed; owns everything when unpacked, texts are never NULL then. */
struct node_mig_request {
    const char *file;   /* its name, for messages */
    const char *text;   /* mig-parted's format; size 0: the default configuration of the node */
    size_t text_size;   /* a NUL follows an unpacked text */
    const char *config; /* name in it; "": the only one */
    bool dry_run;
    bool mode_only;  /* change modes, leave instances */
    bool skip_reset; /* leave a pending mode pending */

    void *owner; /* of unpacking alone */
};

/* One step of the plan in words. */
struct node_mig_step {
    uint32_t gpu;     /* index */
    const char *text; /* "create 1g.5gb at 6" */
};

/* Ownership as above. */
struct node_mig_progress {
    size_t n_steps; /* in the first message: the whole plan; 0: nothing to do */
    const struct node_mig_step *steps;
    uint32_t kept;     /* in the first message: instances that stay */
    uint32_t done;     /* steps done so far */
    const char *doing; /* the step under way, or a remark ("rolling back: …") */
    bool finished;
    size_t n_left;
    const char *const *left; /* at the end: what stays undone and why, a GPU each */

    void *owner; /* of unpacking alone */
};

/* Results as node_state_pack() and node_state_unpack(). */
int node_mig_request_pack(struct buf *out, const struct node_mig_request *request, struct err *e);
int node_mig_request_unpack(struct node_mig_request **out, const void *bytes, size_t size,
                            struct err *e);
void node_mig_request_free(struct node_mig_request *request);
OWN_POINTER(struct node_mig_request, node_mig_request_free);

int node_mig_progress_pack(struct buf *out, const struct node_mig_progress *progress,
                           struct err *e);
int node_mig_progress_unpack(struct node_mig_progress **out, const void *bytes, size_t size,
                             struct err *e);
void node_mig_progress_free(struct node_mig_progress *progress);
OWN_POINTER(struct node_mig_progress, node_mig_progress_free);

#endif
