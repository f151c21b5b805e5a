/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who the NodeFeature belongs to, so that Kubernetes removes it when they are gone, also if nobody
 * is left to do so: the DaemonSet and the pod that this program runs in.
 */
#ifndef GATEWAY_LABELS_OWNER_H
#define GATEWAY_LABELS_OWNER_H

#include <stdbool.h>

struct err;
struct gateway;
struct json;
struct labels_owner;

int labels_owner_open(struct labels_owner **out, struct gateway *g, struct err *e);
void labels_owner_close(struct labels_owner *o);

/*
 * Whether it is settled who they are; begins to ask for it, and every part looks again when it is.
 * Without a pod's name, or where that pod cannot be read, there is no owner.
 */
bool labels_owner_settled(struct labels_owner *o);

/* The pod's uid; NULL: no owner. */
const char *labels_owner_uid(const struct labels_owner *o);

/* metadata.ownerReferences; nothing without an owner. */
void labels_owner_write(const struct labels_owner *o, struct json *j);

#endif
