/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The node's device plugins: one server a resource in the kubelet's folder, kept in step with the
 * agent's resources, and their registration, again whenever the kubelet was restarted.
 */
#ifndef AGENT_ADVERTISE_H
#define AGENT_ADVERTISE_H

#include <stdbool.h>

struct advertise;
struct agent;
struct err;
struct resource_list;

int advertise_open(struct advertise **out, struct agent *a, struct err *e);
void advertise_close(struct advertise *ad);

/* The agent's resources were `before` (NULL: none): opens, wakes and closes plugins. */
void advertise_update(struct advertise *ad, const struct resource_list *before);

/* Looks whether the kubelet and our sockets are where they were, and mends what is not. */
void advertise_check(struct advertise *ad);

/* Whether the kubelet has taken the resource of this name. */
bool advertise_registered(const struct advertise *ad, const char *resource);

#endif
