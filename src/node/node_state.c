/* SPDX-License-Identifier: Apache-2.0 */
/* The state of a node, to bytes and back: see node_state.h. */
#include "node/node_state.h"

#include <errno.h>

#include "base/err.h"
#include "node.pb-c.h"
#include "node/inventory_message.h"
#include "node/message.h"
#include "node/node_fault.h"
#include "slice/resource.h"

struct node_resource node_state_resource(const struct resource *r, bool registered)
{
    struct node_resource out = {
        .name = r->name,
        .slices = (uint32_t)resource_slices(r),
        .replicas = r->replicas,
        .mig = r->mig,
        .registered = registered,
        .devices = (uint32_t)r->n_devices,
        .kind = r->kind,
        .profile = r->profile,
    };

    for (size_t i = 0; i < r->n_devices; i++)
        out.healthy += r->devices[i].healthy ? r->replicas : 0;
    return out;
}

static bool add_resources(Carve__V1__NodeState *out, struct message_pool *pool,
                          const struct node_state *state)
{
    Carve__V1__Resource *messages = message_take(pool, state->n_resources, sizeof *messages);

    out->resources = message_take_pointers(pool, state->n_resources);
    if (!messages || !out->resources)
        return false;
    for (size_t i = 0; i < state->n_resources; i++) {
        const struct node_resource *r = &state->resources[i];

        carve__v1__resource__init(&messages[i]);
        messages[i].name = message_text(r->name);
        messages[i].slices = r->slices;
        messages[i].healthy = r->healthy;
        messages[i].replicas = r->replicas;
        messages[i].mig = r->mig;
        messages[i].registered = r->registered;
        messages[i].devices = r->devices;
        messages[i].kind = message_text(r->kind);
        messages[i].profile = message_text(r->profile);
        out->resources[out->n_resources++] = &messages[i];
    }
    return true;
}

static bool fill_config(Carve__V1__ConfigState *m, struct message_pool *pool,
                        const struct node_state *state)
{
    carve__v1__config_state__init(m);
    m->file = message_text(state->config_file);
    m->error = message_text(state->config_error);
    m->n_findings = state->n_findings;
    m->findings = message_texts(pool, state->findings, state->n_findings);
    m->last_good = state->last_good;
    m->name = message_text(state->config_name);
    m->mig_strategy = (Carve__V1__MigStrategy)state->mig_strategy;
    return m->findings != NULL;
}

int node_state_pack(struct buf *out, const struct node_state *state, struct err *e)
{
    OWN(message_pool_freep) struct message_pool *pool = message_pool_new();
    Carve__V1__NodeState m = CARVE__V1__NODE_STATE__INIT;
    Carve__V1__ConfigState config;

    if (!pool || !fill_config(&config, pool, state) || !add_resources(&m, pool, state))
        return err_memory(e);
    m.generation = state->generation;
    m.config = &config;
    m.n_notes = state->n_notes;
    m.notes = message_texts(pool, state->notes, state->n_notes);
    m.driver_error = message_text(state->driver_error);
    m.n_faults = state->n_faults;
    m.faults = node_fault_messages(pool, state->faults, state->n_faults);
    m.version = message_text(state->version);
    m.machine = message_text(state->machine);
    m.resolved = state->resolved;
    if (state->inventory)
        m.inventory = inventory_message_make(pool, state->inventory);
    if (!m.notes || !m.faults || (state->inventory && !m.inventory))
        return err_memory(e);
    return message_pack(out, pool, &m.base, e);
}

static int read_resources(struct node_state *out, struct message_pool *pool,
                          const Carve__V1__NodeState *m, struct err *e)
{
    struct node_resource *resources = message_take(pool, m->n_resources, sizeof *resources);

    if (!resources)
        return err_memory(e);
    for (size_t i = 0; i < m->n_resources; i++)
        resources[i] = (struct node_resource){
            .name = m->resources[i]->name,
            .slices = m->resources[i]->slices,
            .healthy = m->resources[i]->healthy,
            .replicas = m->resources[i]->replicas,
            .mig = m->resources[i]->mig,
            .registered = m->resources[i]->registered,
            .devices = m->resources[i]->devices,
            .kind = m->resources[i]->kind,
            .profile = m->resources[i]->profile,
        };
    out->resources = resources;
    out->n_resources = m->n_resources;
    return 0;
}

static int read_state(struct node_state *out, struct message_pool *pool,
                      const Carve__V1__NodeState *m, struct err *e)
{
    const Carve__V1__ConfigState *config = m->config;
    int r;

    if (config && (unsigned)config->mig_strategy > CARVE__V1__MIG_STRATEGY__STRATEGY_MIXED)
        return err_set(e, EPROTO, "state: impossible MIG strategy");
    r = m->inventory ? inventory_message_read(&out->inventory, pool, m->inventory, e) : 0;
    if (r < 0)
        return r;
    out->generation = m->generation;
    out->config_file = config ? config->file : "";
    out->config_error = config ? config->error : "";
    out->n_findings = config ? config->n_findings : 0;
    out->findings = config ? (const char *const *)config->findings : NULL;
    out->last_good = config && config->last_good;
    out->config_name = config ? config->name : "";
    out->mig_strategy = config ? (unsigned)config->mig_strategy : 0;
    out->n_notes = m->n_notes;
    out->notes = (const char *const *)m->notes;
    out->driver_error = m->driver_error;
    out->version = m->version;
    out->machine = m->machine;
    out->resolved = m->resolved;
    r = node_fault_read(&out->faults, pool, m->faults, m->n_faults, e);
    if (r < 0)
        return r;
    out->n_faults = m->n_faults;
    return read_resources(out, pool, m, e);
}

int node_state_unpack(struct node_state **out, const void *bytes, size_t size, struct err *e)
{
    OWN(message_pool_freep) struct message_pool *pool = NULL;
    const ProtobufCMessage *m;
    struct node_state *state;
    int r = message_unpack(&m, &pool, &carve__v1__node_state__descriptor, bytes, size, e);

    if (r < 0)
        return r;
    state = message_take(pool, 1, sizeof *state);
    if (!state)
        return err_memory(e);
    r = read_state(state, pool, (const Carve__V1__NodeState *)m, e);
    if (r < 0)
        return r;
    state->owner = TAKE(pool);
    *out = state;
    return 0;
}

void node_state_free(struct node_state *state)
{
    if (state)
        message_pool_free(state->owner);
}
