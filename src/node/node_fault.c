/* SPDX-License-Identifier: Apache-2.0 */
/* Faults to their messages and back: see node_fault.h. */
#include "node/node_fault.h"

#include <errno.h>

#include "base/err.h"
#include "gpu/gpu.h"
#include "node.pb-c.h"
#include "node/message.h"
#include "node/node_state.h"

static void fill(Carve__V1__Fault *m, const struct node_fault *f)
{
    carve__v1__fault__init(m);
    m->gpu = f->gpu;
    m->uuid = message_text(f->uuid);
    m->gi_id = f->gi_id;
    m->ci_id = f->ci_id;
    m->xid = f->xid;
    m->what = message_text(f->what);
    m->cause = message_text(f->cause);
    m->cure = message_text(f->cure);
    m->since_s = f->since_s;
    m->count = f->count;
    m->slices = f->slices;
    m->needs = (Carve__V1__FaultCure)f->needs;
}

struct Carve__V1__Fault **node_fault_messages(struct message_pool *pool,
                                              const struct node_fault *faults, size_t count)
{
    Carve__V1__Fault *messages = message_take(pool, count, sizeof *messages);
    Carve__V1__Fault **pointers = message_take_pointers(pool, count);

    if (!messages || !pointers)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        fill(&messages[i], &faults[i]);
        pointers[i] = &messages[i];
    }
    return pointers;
}

static int read_fault(struct node_fault *out, const Carve__V1__Fault *m, struct err *e)
{
    if (m->gi_id < -1 || m->ci_id < -1 || m->gpu >= GPU_MAX)
        return err_set(e, EPROTO, "a fault of a GPU or instance that cannot be");
    *out = (struct node_fault){
        .gpu = m->gpu,
        .uuid = m->uuid,
        .gi_id = m->gi_id,
        .ci_id = m->ci_id,
        .xid = m->xid,
        .what = m->what,
        .cause = m->cause,
        .cure = m->cure,
        .since_s = m->since_s,
        .count = m->count,
        .slices = m->slices,
        /* One that a newer carved knows is the worst of ours. */
        .needs = (unsigned)m->needs <= CARVE__V1__FAULT_CURE__FAULT_DRIVER
                     ? (enum node_fault_cure)m->needs
                     : NODE_FAULT_REPLACE,
    };
    return 0;
}

int node_fault_read(const struct node_fault **out, struct message_pool *pool,
                    struct Carve__V1__Fault *const *messages, size_t count, struct err *e)
{
    struct node_fault *faults;

    if (count > NODE_FAULTS_MAX)
        return err_set(e, EPROTO, "%zu faults, more than %d", count, NODE_FAULTS_MAX);
    faults = message_take(pool, count, sizeof *faults);
    if (!faults)
        return err_memory(e);
    for (size_t i = 0; i < count; i++) {
        int r = read_fault(&faults[i], messages[i], e);

        if (r < 0)
            return r;
    }
    *out = faults;
    return 0;
}
