/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kubernetes Events about this node, written in the background. The same reason and note within an
 * hour is counted on the one Event; bounded, and never in the way: what cannot be written is
 * tried for some minutes, then dropped with a line in the log.
 */
#ifndef GATEWAY_EVENTS_H
#define GATEWAY_EVENTS_H

#include <stdbool.h>

struct err;
struct events;
struct gateway;

int events_open(struct events **out, struct gateway *g, struct err *e);
void events_close(struct events *v);

/* Also a line of the log. reason: "SlicesReady" and the like, from the table in the manual. */
void events_tell(struct events *v, bool warning, const char *reason, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#endif
