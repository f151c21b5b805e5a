/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device plugin of one resource: its socket and the methods of v1beta1.DevicePlugin. Reads the
 * resource from the agent by name at every call, so that it always answers with what is true now.
 */
#ifndef AGENT_PLUGIN_H
#define AGENT_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>

struct agent;
struct deviceplugin_options;
struct err;
struct plugin;

/* What the plugins can do, for the kubelet. */
extern const struct deviceplugin_options plugin_options;

/* `left(self)` is called when the last reader of the device list has gone. */
typedef void plugin_left(void *self);

int plugin_open(struct plugin **out, struct agent *a, const char *resource, const char *folder,
                plugin_left *left, void *self, struct err *e);
/* Ends all calls and removes the socket. */
void plugin_close(struct plugin *p);

/* How many read the device list now. */
unsigned plugin_readers(const struct plugin *p);
/* The socket's file name, as the kubelet wants to hear it. */
const char *plugin_endpoint(const struct plugin *p);
/* Whether the socket's file is still the one made by plugin_open() or plugin_reopen(). */
bool plugin_reachable(const struct plugin *p);
/* Listens again at the same place. */
int plugin_reopen(struct plugin *p, struct err *e);

/* The devices have changed: every reader of the list gets all of them. */
void plugin_wake(struct plugin *p);

#endif
