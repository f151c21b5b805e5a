/* SPDX-License-Identifier: Apache-2.0 */
/* The socket's peer credentials against who may: see rights.h. */
#include "agent/rights.h"

#include <errno.h>
#include <unistd.h>

#include "agent/agent.h"
#include "base/err.h"
#include "kube/grpc_server.h"

int rights_check(const struct agent *a, const struct grpc_call *call, const char *what,
                 struct err *e)
{
    struct grpc_peer peer = grpc_call_peer(call);

    if (peer.uid == 0 || peer.uid == geteuid() || (int64_t)peer.uid == a->options.gateway_user)
        return 0;
    return err_set(e, EPERM,
                   "user %u may not %s; root may, and the user whom carved is told with "
                   "--gateway-user",
                   (unsigned)peer.uid, what);
}
