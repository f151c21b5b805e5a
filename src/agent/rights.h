/* SPDX-License-Identifier: Apache-2.0 */
/* Who may change this node through carve.v1.Node: root, carved's own user, and the gateway's. */
#ifndef AGENT_RIGHTS_H
#define AGENT_RIGHTS_H

struct agent;
struct err;
struct grpc_call;

/* -EPERM, with the cure, unless the caller may; what: "change MIG layouts". */
int rights_check(const struct agent *a, const struct grpc_call *call, const char *what,
                 struct err *e);

#endif
