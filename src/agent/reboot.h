/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reboot of carve.v1.Node: runs the command of --reboot-command in the host's mount namespace, that
 * of PID 1 below --proc-root, and answers when it has ended. One at a time, never while a MIG
 * layout is being changed.
 */
#ifndef AGENT_REBOOT_H
#define AGENT_REBOOT_H

#include <stddef.h>
#include <stdint.h>

struct grpc_call;
struct reboot;

/* The method's handler; `agent` is the struct agent, whose `reboot` it sets and clears. */
void reboot_call(void *agent, struct grpc_call *call, const uint8_t *request, size_t size);

/* At the daemon's end, which may be the reboot's: the command goes on. NULL is fine. */
void reboot_close(struct reboot *r);

#endif
