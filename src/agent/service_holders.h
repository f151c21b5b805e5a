/* SPDX-License-Identifier: Apache-2.0 */
/* Holders of carve.v1.Node: who holds which slice, as a message. */
#ifndef AGENT_SERVICE_HOLDERS_H
#define AGENT_SERVICE_HOLDERS_H

#include <stddef.h>
#include <stdint.h>

struct grpc_call;

/* The method's handler; `agent` is the struct agent. */
void service_holders_call(void *agent, struct grpc_call *call, const uint8_t *request, size_t size);

#endif
