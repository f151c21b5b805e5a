/* SPDX-License-Identifier: Apache-2.0 */
/* Holders' answer, to bytes and back: see node_holders.h. */
#include "node/node_holders.h"

#include <errno.h>

#include "base/err.h"
#include "node.pb-c.h"
#include "node/inventory_message.h"
#include "node/message.h"

static bool fill_holder(Carve__V1__Holder *m, struct message_pool *pool,
                        const struct node_holder *holder)
{
    carve__v1__holder__init(m);
    m->namespace_ = message_text(holder->namespace);
    m->pod = message_text(holder->pod);
    m->container = message_text(holder->container);
    m->resource = message_text(holder->resource);
    m->slice = message_text(holder->slice);
    m->gpu = holder->gpu;
    m->device = message_text(holder->device);
    m->profile = message_text(holder->profile);
    m->process_names = message_text(holder->process_names);
    m->processes = inventory_message_processes(pool, holder->processes, holder->n_processes);
    m->n_processes = holder->n_processes;
    return m->processes != NULL;
}

int node_holders_pack(struct buf *out, const struct node_holders *holders, struct err *e)
{
    OWN(message_pool_freep) struct message_pool *pool = message_pool_new();
    Carve__V1__HoldersResponse m = CARVE__V1__HOLDERS_RESPONSE__INIT;
    Carve__V1__Holder *messages;

    if (!pool)
        return err_memory(e);
    messages = message_take(pool, holders->count, sizeof *messages);
    m.holders = message_take_pointers(pool, holders->count);
    if (!messages || !m.holders)
        return err_memory(e);
    for (size_t i = 0; i < holders->count; i++) {
        if (!fill_holder(&messages[i], pool, &holders->items[i]))
            return err_memory(e);
        m.holders[m.n_holders++] = &messages[i];
    }
    m.error = message_text(holders->error);
    return message_pack(out, pool, &m.base, e);
}

static int read_holder(struct node_holder *out, struct message_pool *pool,
                       const Carve__V1__Holder *m, struct err *e)
{
    if (m->n_processes > GPU_MAX_PROCESSES)
        return err_set(e, EPROTO, "holder with %zu processes, more than %d", m->n_processes,
                       GPU_MAX_PROCESSES);
    *out = (struct node_holder){
        .namespace = m->namespace_,
        .pod = m->pod,
        .container = m->container,
        .resource = m->resource,
        .slice = m->slice,
        .gpu = m->gpu,
        .device = m->device,
        .profile = m->profile,
        .n_processes = m->n_processes,
        .processes = inventory_message_read_processes(pool, m->processes, m->n_processes),
        .process_names = m->process_names,
    };
    return out->processes ? 0 : err_memory(e);
}

static int read_holders(struct node_holders *out, struct message_pool *pool,
                        const Carve__V1__HoldersResponse *m, struct err *e)
{
    struct node_holder *items = message_take(pool, m->n_holders, sizeof *items);

    if (!items)
        return err_memory(e);
    for (size_t i = 0; i < m->n_holders; i++) {
        int r = read_holder(&items[i], pool, m->holders[i], e);

        if (r < 0)
            return r;
    }
    out->items = items;
    out->count = m->n_holders;
    out->error = m->error;
    return 0;
}

int node_holders_unpack(struct node_holders **out, const void *bytes, size_t size, struct err *e)
{
    OWN(message_pool_freep) struct message_pool *pool = NULL;
    const ProtobufCMessage *m;
    struct node_holders *holders;
    int r = message_unpack(&m, &pool, &carve__v1__holders_response__descriptor, bytes, size, e);

    if (r < 0)
        return r;
    holders = message_take(pool, 1, sizeof *holders);
    if (!holders)
        return err_memory(e);
    r = read_holders(holders, pool, (const Carve__V1__HoldersResponse *)m, e);
    if (r < 0)
        return r;
    holders->owner = TAKE(pool);
    *out = holders;
    return 0;
}

void node_holders_free(struct node_holders *holders)
{
    if (holders)
        message_pool_free(holders->owner);
}
