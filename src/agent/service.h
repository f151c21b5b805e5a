/* SPDX-License-Identifier: Apache-2.0 */
/* carve.v1.Node (proto/node.proto) on the local socket: watch the state, MIG changes, holders. */
#ifndef AGENT_SERVICE_H
#define AGENT_SERVICE_H

struct agent;
struct err;
struct service;

int service_open(struct service **out, struct agent *a, struct err *e);
void service_close(struct service *s);
/* The state has changed: every watcher gets the newest. */
void service_wake(struct service *s);

#endif
