/* SPDX-License-Identifier: Apache-2.0 */
/* The messages of carve.v1.Node's Configure: a configuration, and whether it is in force. */
#ifndef NODE_NODE_CONFIGURE_H
#define NODE_NODE_CONFIGURE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/own.h"

struct buf;
struct err;

enum {
    NODE_CONFIGURE_MAX_TEXT = 1 << 20,  /* bytes; as of the file */
    NODE_CONFIGURE_MAX_NAME = 512,      /* bytes */
    NODE_CONFIGURE_MAX_FINDINGS = 4096, /* an answer with more is none */
};

/* Borrows everything to be packed; owns everything when unpacked, texts are never NULL then. */
struct node_configure_request {
    const char *name; /* for messages, one line: "ConfigMap gpu/configs, key a100" */
    const char *text; /* a NUL follows an unpacked text, and none is in it */
    size_t text_size;
    bool clear; /* back to carved's own file; name and text mean nothing then */

    void *owner; /* of unpacking alone */
};

/* Ownership as above. */
struct node_configure_response {
    bool in_force;
    const char *error; /* why it is not */
    size_t n_findings;
    const char *const *findings; /* "NAME:2:3: warning: words" */

    void *owner; /* of unpacking alone */
};

/*
 * Results as node_state_pack() and node_state_unpack(). Unpacking a request refuses (-EINVAL, words
 * for the user) what goes beyond the bounds, has a NUL in its text, or has a text and no name.
 */
int node_configure_request_pack(struct buf *out, const struct node_configure_request *request,
                                struct err *e);
int node_configure_request_unpack(struct node_configure_request **out, const void *bytes,
                                  size_t size, struct err *e);
void node_configure_request_free(struct node_configure_request *request);
OWN_POINTER(struct node_configure_request, node_configure_request_free);

int node_configure_response_pack(struct buf *out, const struct node_configure_response *response,
                                 struct err *e);
int node_configure_response_unpack(struct node_configure_response **out, const void *bytes,
                                   size_t size, struct err *e);
void node_configure_response_free(struct node_configure_response *response);
OWN_POINTER(struct node_configure_response, node_configure_response_free);

#endif
