/* SPDX-License-Identifier: Apache-2.0 */
/* Reboot's message, to bytes and back: see node_reboot.h. */
#include "node/node_reboot.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "node.pb-c.h"
#include "node/message.h"

int node_reboot_request_pack(struct buf *out, const struct node_reboot_request *request,
                             struct err *e)
{
    OWN(message_pool_freep) struct message_pool *pool = message_pool_new();
    Carve__V1__RebootRequest m = CARVE__V1__REBOOT_REQUEST__INIT;

    if (!pool)
        return err_memory(e);
    m.why = message_text(request->why);
    return message_pack(out, pool, &m.base, e);
}

int node_reboot_request_unpack(struct node_reboot_request **out, const void *bytes, size_t size,
                               struct err *e)
{
    OWN(message_pool_freep) struct message_pool *pool = NULL;
    const ProtobufCMessage *base;
    const Carve__V1__RebootRequest *m;
    struct node_reboot_request *request;
    int r = message_unpack(&base, &pool, &carve__v1__reboot_request__descriptor, bytes, size, e);

    if (r < 0)
        return r;
    m = (const Carve__V1__RebootRequest *)base;
    if (m->why[0] == '\0' || strlen(m->why) > NODE_REBOOT_MAX_WHY)
        return err_set(e, EINVAL, "a reboot needs a reason of 1 to %d bytes", NODE_REBOOT_MAX_WHY);
    request = message_take(pool, 1, sizeof *request);
    if (!request)
        return err_memory(e);
    request->why = m->why;
    request->owner = TAKE(pool);
    *out = request;
    return 0;
}

void node_reboot_request_free(struct node_reboot_request *request)
{
    if (request)
        message_pool_free(request->owner);
}
