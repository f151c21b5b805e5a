/* SPDX-License-Identifier: Apache-2.0 */
/* The DaemonSet that this gateway runs in, as far as its end goes. */
#ifndef GATEWAY_DAEMON_SET_H
#define GATEWAY_DAEMON_SET_H

struct daemon_set; /* a question under way */
struct err;
struct gateway_options;
struct http;

enum daemon_set_state {
    DAEMON_SET_THERE,
    DAEMON_SET_GOING, /* it is being deleted */
    DAEMON_SET_GONE,
    DAEMON_SET_UNKNOWN, /* words say why */
};

typedef void daemon_set_answer(void *self, enum daemon_set_state state, const struct err *e);

/* answer comes once, from the loop, unless cancelled. options name it; borrowed for the call. */
int daemon_set_ask(struct daemon_set **out, struct http *h, const struct gateway_options *options,
                   daemon_set_answer *answer, void *self, struct err *e);
/* Has it deleted, and its pods before it. GOING: accepted. */
int daemon_set_delete(struct daemon_set **out, struct http *h,
                      const struct gateway_options *options, daemon_set_answer *answer, void *self,
                      struct err *e);
void daemon_set_cancel(struct daemon_set *d); /* NULL is fine */

#endif
