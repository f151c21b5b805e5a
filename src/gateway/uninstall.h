/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of carve on a node. A gateway that is told to stop asks whether its DaemonSet is gone or
 * going, or a label keeps carve off the node: then every part takes back what it wrote; else (an
 * update, a restart) all of it stays.
 */
#ifndef GATEWAY_UNINSTALL_H
#define GATEWAY_UNINSTALL_H

#include "gateway/gateway.h"

struct err;
struct uninstall;

/* Both halves together; the kubelet gives a pod 30 s. */
enum { UNINSTALL_ASK_MS = 4000, UNINSTALL_REMOVE_MS = 20000 };

/*
 * Asks and, if so, takes back. No part looks any more from here on. `done` comes from the loop,
 * within those times whatever happens.
 */
typedef void uninstall_done(void *self);
int uninstall_open(struct uninstall **out, struct gateway *g, uninstall_done *done, void *self,
                   struct err *e);
/* Before the gateway is closed. */
void uninstall_close(struct uninstall *u);

/*
 * carve-gateway --uninstall: deletes the DaemonSet and waits until it and its pods are gone, each
 * of which has then taken back its own. -ETIMEDOUT after deadline_ms.
 */
int uninstall_job(const struct gateway_options *options, unsigned deadline_ms, struct err *e);

#endif
