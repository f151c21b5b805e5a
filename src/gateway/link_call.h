/* SPDX-License-Identifier: Apache-2.0 */
/* The link's inside: its state, and its calls of carve.v1.Node. For link.c and link_call.c. */
#ifndef GATEWAY_LINK_CALL_H
#define GATEWAY_LINK_CALL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <uv.h>

#include "api/backoff.h"
#include "base/err.h"
#include "gateway/link.h"
#include "kube/grpc_client.h"

#define LINK_METHODS "/carve.v1.Node/"

enum { LINK_SILENCE_MS = 4000 }; /* at least: a loaded machine's answer takes its time */

LIST_HEAD(link_calls, link_call);

struct link {
    struct gateway *g;
    struct grpc_request *watch; /* NULL: none is under way */
    struct node_state *state;   /* the last; NULL: none yet */
    bool up;
    bool warned;            /* that carved is away, at least once */
    bool told;              /* the Event that it is */
    uint64_t down_since_ms; /* the loop's time */
    struct err error;       /* why it is */
    struct backoff backoff;
    uv_timer_t retry, away;
    uv_fs_event_t folder; /* of the socket, while carved is away */
    unsigned n_handles;
    struct link_calls calls;
};

/* How long carved may say nothing on a connection before it counts as away. */
unsigned link_silence_ms(const struct link *l);

/* Has the state told anew, from the beginning of a watch: then it is newer than any answer. */
void link_begin_again(struct link *l);

/* That has come; or it cannot, since carved is away. */
void link_call_state_came(struct link *l);
void link_call_lost(struct link *l, const struct err *e);

/* Gives all calls up, without callbacks. */
void link_call_end_all(struct link *l);

/* The words of a call's error without what only a programmer wants of them. */
void link_call_words(const struct link *l, const char *method, struct err *e);

#endif
