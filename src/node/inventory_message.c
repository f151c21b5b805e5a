/* SPDX-License-Identifier: Apache-2.0 */
/*
 * struct inventory to its message and back: see inventory_message.h. What comes back obeys every
 * bound of gpu.h, so that its readers need not look again.
 */
#include "node/inventory_message.h"

#include <errno.h>

#include "base/err.h"
#include "base/text.h"
#include "gpu/gpu.h"
#include "node.pb-c.h"
#include "node/message.h"

/* No board's memory axis is longer; struct gpu_profile has a bit for each start. */
enum { AXIS_MAX = 16 };

static Carve__V1__Profile profile_message(const struct gpu_profile *p)
{
    Carve__V1__Profile m = CARVE__V1__PROFILE__INIT;

    m.name = message_text(p->name);
    m.id = p->id;
    m.index = p->index;
    m.slices = p->slices;
    m.max_instances = p->max_instances;
    m.sm_count = p->sm_count;
    m.copy_engines = p->copy_engines;
    m.decoders = p->decoders;
    m.encoders = p->encoders;
    m.jpeg_engines = p->jpeg_engines;
    m.ofa_engines = p->ofa_engines;
    m.mem_mib = p->mem_mib;
    m.unknown = p->unknown;
    m.p2p = p->p2p;
    m.span_size = p->span_size;
    m.span_starts = p->span_starts;
    return m;
}

static bool add_profiles(Carve__V1__Gpu *out, struct message_pool *pool,
                         const struct gpu_geometry *g)
{
    Carve__V1__Profile *messages = message_take(pool, g->n_profiles, sizeof *messages);

    out->profiles = message_take_pointers(pool, g->n_profiles);
    if (!messages || !out->profiles)
        return false;
    for (unsigned i = 0; i < g->n_profiles; i++) {
        messages[i] = profile_message(&g->profiles[i]);
        out->profiles[out->n_profiles++] = &messages[i];
    }
    return true;
}

static bool add_computes(Carve__V1__Instance *out, struct message_pool *pool,
                         const struct gpu_instance *gi)
{
    Carve__V1__Compute *messages = message_take(pool, gi->n_computes, sizeof *messages);

    out->computes = message_take_pointers(pool, gi->n_computes);
    if (!messages || !out->computes)
        return false;
    for (unsigned i = 0; i < gi->n_computes; i++) {
        carve__v1__compute__init(&messages[i]);
        messages[i].id = gi->computes[i].id;
        messages[i].slices = gi->computes[i].slices;
        messages[i].uuid = message_text(gi->computes[i].uuid);
        messages[i].device_index = gi->computes[i].device_index;
        messages[i].sm_count = gi->computes[i].sm_count;
        out->computes[out->n_computes++] = &messages[i];
    }
    return true;
}

static bool add_instances(Carve__V1__Gpu *out, struct message_pool *pool, const struct gpu *gpu)
{
    Carve__V1__Instance *messages = message_take(pool, gpu->n_instances, sizeof *messages);
    Carve__V1__Span *spans = message_take(pool, gpu->n_instances, sizeof *spans);

    out->instances = message_take_pointers(pool, gpu->n_instances);
    if (!messages || !spans || !out->instances)
        return false;
    for (unsigned i = 0; i < gpu->n_instances; i++) {
        const struct gpu_instance *gi = &gpu->instances[i];

        carve__v1__span__init(&spans[i]);
        spans[i].start = gi->span.start;
        spans[i].size = gi->span.size;
        carve__v1__instance__init(&messages[i]);
        messages[i].id = gi->id;
        messages[i].profile_id = gi->profile_id;
        messages[i].span = &spans[i];
        if (!add_computes(&messages[i], pool, gi))
            return false;
        out->instances[out->n_instances++] = &messages[i];
    }
    return true;
}

Carve__V1__Process **inventory_message_processes(struct message_pool *pool,
                                                 const struct gpu_process *processes, size_t count)
{
    Carve__V1__Process *messages = message_take(pool, count, sizeof *messages);
    Carve__V1__Process **list = message_take_pointers(pool, count);

    if (!messages || !list)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        carve__v1__process__init(&messages[i]);
        messages[i].pid = processes[i].pid;
        messages[i].gi_id = processes[i].gi_id;
        messages[i].ci_id = processes[i].ci_id;
        messages[i].mem_bytes = processes[i].mem_bytes;
        list[i] = &messages[i];
    }
    return list;
}

static void fill_gpu(Carve__V1__Gpu *m, const struct gpu *gpu)
{
    carve__v1__gpu__init(m);
    m->index = gpu->index;
    m->minor = gpu->minor;
    m->uuid = message_text(gpu->uuid);
    m->name = message_text(gpu->name);
    m->bus_id = message_text(gpu->bus_id);
    m->device_id = gpu->device_id;
    m->subsystem_id = gpu->subsystem_id;
    m->pci_class = gpu->pci_class;
    m->numa_node = gpu->numa_node;
    m->compute_major = gpu->compute_major;
    m->compute_minor = gpu->compute_minor;
    m->mem_total_bytes = gpu->mem_total_bytes;
    m->mem_used_bytes = gpu->mem_used_bytes;
    m->mem_reserved_bytes = gpu->mem_reserved_bytes;
    m->mig = (Carve__V1__MigMode)gpu->mig;
    m->mig_pending = (Carve__V1__MigMode)gpu->mig_pending;
    m->mig_axis = gpu->geometry.axis;
    m->profiles_from_table = gpu->geometry.from_table;
    m->processes_left_out = gpu->n_processes_left_out;
    m->fault = message_text(gpu->fault);
    m->vgpu_version = message_text(gpu->vgpu_version);
    m->vgpu_branch = message_text(gpu->vgpu_branch);
    m->clique = message_text(gpu->clique);
}

static bool add_gpus(Carve__V1__Inventory *out, struct message_pool *pool,
                     const struct inventory *inv)
{
    Carve__V1__Gpu *messages = message_take(pool, inv->n_gpus, sizeof *messages);

    out->gpus = message_take_pointers(pool, inv->n_gpus);
    if (!messages || !out->gpus)
        return false;
    for (unsigned i = 0; i < inv->n_gpus; i++) {
        const struct gpu *gpu = &inv->gpus[i];
        Carve__V1__Gpu *m = &messages[i];

        fill_gpu(m, gpu);
        m->processes = inventory_message_processes(pool, gpu->processes, gpu->n_processes);
        if (!m->processes || !add_profiles(m, pool, &gpu->geometry) || !add_instances(m, pool, gpu))
            return false;
        m->n_processes = gpu->n_processes;
        out->gpus[out->n_gpus++] = m;
    }
    return true;
}

static bool add_links(Carve__V1__Inventory *out, struct message_pool *pool,
                      const struct inventory *inv)
{
    size_t count = inv->links ? (size_t)inv->n_gpus * inv->n_gpus : 0;
    Carve__V1__Link *messages = message_take(pool, count, sizeof *messages);

    out->links = message_take_pointers(pool, count);
    if (!messages || !out->links)
        return false;
    for (size_t i = 0; i < count; i++) {
        carve__v1__link__init(&messages[i]);
        messages[i].level = inv->links[i].level;
        messages[i].nvlinks = inv->links[i].nvlinks;
        out->links[out->n_links++] = &messages[i];
    }
    return true;
}

Carve__V1__Inventory *inventory_message_make(struct message_pool *pool, const struct inventory *inv)
{
    Carve__V1__Inventory *m = message_take(pool, 1, sizeof *m);

    if (!m)
        return NULL;
    carve__v1__inventory__init(m);
    m->driver_version = message_text(inv->driver_version);
    m->nvml_version = message_text(inv->nvml_version);
    m->cuda_version = inv->cuda_version;
    return add_gpus(m, pool, inv) && add_links(m, pool, inv) ? m : NULL;
}

/* Reading. `refuse` says which of the GPU's numbers cannot be. */

static int refuse(struct err *e, const char *what, unsigned gpu)
{
    return err_set(e, EPROTO, "state of GPU %u: impossible %s", gpu, what);
}

static bool read_profile(struct gpu_profile *out, const Carve__V1__Profile *m)
{
    if (!TEXT_COPY(out->name, m->name) || m->span_size > AXIS_MAX ||
        m->span_starts >= 1U << AXIS_MAX || m->unknown > UINT8_MAX)
        return false;
    out->id = m->id;
    out->index = m->index;
    out->slices = m->slices;
    out->max_instances = m->max_instances;
    out->sm_count = m->sm_count;
    out->copy_engines = m->copy_engines;
    out->decoders = m->decoders;
    out->encoders = m->encoders;
    out->jpeg_engines = m->jpeg_engines;
    out->ofa_engines = m->ofa_engines;
    out->mem_mib = m->mem_mib;
    out->unknown = (uint8_t)m->unknown;
    out->p2p = m->p2p;
    out->span_size = (uint8_t)m->span_size;
    out->span_starts = (uint16_t)m->span_starts;
    return true;
}

static bool read_instance(struct gpu_instance *out, const Carve__V1__Instance *m)
{
    if (!m->span || m->span->start > AXIS_MAX || m->span->size > AXIS_MAX ||
        m->n_computes > GPU_MAX_COMPUTE)
        return false;
    out->id = m->id;
    out->profile_id = m->profile_id;
    out->span.start = (uint8_t)m->span->start;
    out->span.size = (uint8_t)m->span->size;
    for (size_t i = 0; i < m->n_computes; i++) {
        struct gpu_compute *ci = &out->computes[out->n_computes++];

        if (!TEXT_COPY(ci->uuid, m->computes[i]->uuid))
            return false;
        ci->id = m->computes[i]->id;
        ci->slices = m->computes[i]->slices;
        ci->device_index = m->computes[i]->device_index;
        ci->sm_count = m->computes[i]->sm_count;
    }
    return true;
}

struct gpu_process *inventory_message_read_processes(struct message_pool *pool,
                                                     Carve__V1__Process *const *messages,
                                                     size_t count)
{
    struct gpu_process *processes = message_take(pool, count, sizeof *processes);

    for (size_t i = 0; processes && i < count; i++) {
        processes[i].pid = messages[i]->pid;
        processes[i].gi_id = messages[i]->gi_id;
        processes[i].ci_id = messages[i]->ci_id;
        processes[i].mem_bytes = messages[i]->mem_bytes;
    }
    return processes;
}

static bool read_mig(enum gpu_mig *out, Carve__V1__MigMode mode)
{
    if ((unsigned)mode > CARVE__V1__MIG_MODE__MIG_ON)
        return false;
    *out = (enum gpu_mig)mode;
    return true;
}

static int read_lists(struct gpu *out, const Carve__V1__Gpu *m, struct err *e)
{
    if (m->mig_axis > AXIS_MAX || m->n_profiles > GPU_MAX_PROFILES)
        return refuse(e, "geometry", m->index);
    out->geometry.axis = m->mig_axis;
    out->geometry.from_table = m->profiles_from_table;
    for (size_t i = 0; i < m->n_profiles; i++)
        if (!read_profile(&out->geometry.profiles[out->geometry.n_profiles++], m->profiles[i]))
            return refuse(e, "profile", m->index);
    if (m->n_instances > GPU_MAX_INSTANCES)
        return refuse(e, "number of GPU instances", m->index);
    for (size_t i = 0; i < m->n_instances; i++)
        if (!read_instance(&out->instances[out->n_instances++], m->instances[i]))
            return refuse(e, "GPU instance", m->index);
    if (m->n_processes > GPU_MAX_PROCESSES)
        return refuse(e, "number of processes", m->index);
    return 0;
}

static int read_gpu(struct gpu *out, struct message_pool *pool, const Carve__V1__Gpu *m,
                    struct err *e)
{
    int r;

    if (!TEXT_COPY(out->uuid, m->uuid) || !TEXT_COPY(out->name, m->name) ||
        !TEXT_COPY(out->bus_id, m->bus_id) || !TEXT_COPY(out->fault, m->fault) ||
        !TEXT_COPY(out->vgpu_version, m->vgpu_version) ||
        !TEXT_COPY(out->vgpu_branch, m->vgpu_branch) || !TEXT_COPY(out->clique, m->clique))
        return refuse(e, "name", m->index);
    if (!read_mig(&out->mig, m->mig) || !read_mig(&out->mig_pending, m->mig_pending))
        return refuse(e, "MIG mode", m->index);
    out->index = m->index;
    out->minor = m->minor;
    out->device_id = m->device_id;
    out->subsystem_id = m->subsystem_id;
    out->pci_class = m->pci_class;
    out->numa_node = m->numa_node;
    out->compute_major = m->compute_major;
    out->compute_minor = m->compute_minor;
    out->mem_total_bytes = m->mem_total_bytes;
    out->mem_used_bytes = m->mem_used_bytes;
    out->mem_reserved_bytes = m->mem_reserved_bytes;
    r = read_lists(out, m, e);
    if (r < 0)
        return r;
    out->processes = inventory_message_read_processes(pool, m->processes, m->n_processes);
    if (!out->processes)
        return err_memory(e);
    out->n_processes = (unsigned)m->n_processes;
    out->n_processes_left_out = m->processes_left_out;
    return 0;
}

static int read_links(struct inventory *out, struct message_pool *pool,
                      const Carve__V1__Inventory *m, struct err *e)
{
    if (m->n_links == 0)
        return 0;
    if (m->n_links != m->n_gpus * m->n_gpus)
        return err_set(e, EPROTO, "state: %zu links between %zu GPUs", m->n_links, m->n_gpus);
    out->links = message_take(pool, m->n_links, sizeof *out->links);
    if (!out->links)
        return err_memory(e);
    for (size_t i = 0; i < m->n_links; i++) {
        if (m->links[i]->level > UINT8_MAX || m->links[i]->nvlinks > UINT8_MAX)
            return err_set(e, EPROTO, "state: impossible link between GPUs");
        out->links[i].level = (uint8_t)m->links[i]->level;
        out->links[i].nvlinks = (uint8_t)m->links[i]->nvlinks;
    }
    return 0;
}

int inventory_message_read(struct inventory **out, struct message_pool *pool,
                           const Carve__V1__Inventory *m, struct err *e)
{
    struct inventory *inv = message_take(pool, 1, sizeof *inv);
    int r = 0;

    if (!inv)
        return err_memory(e);
    if (m->n_gpus > GPU_MAX || !TEXT_COPY(inv->driver_version, m->driver_version) ||
        !TEXT_COPY(inv->nvml_version, m->nvml_version))
        return err_set(e, EPROTO, "state: more than %d GPUs or a version too long", GPU_MAX);
    inv->cuda_version = m->cuda_version;
    inv->gpus = message_take(pool, m->n_gpus, sizeof *inv->gpus);
    if (!inv->gpus)
        return err_memory(e);
    for (size_t i = 0; r == 0 && i < m->n_gpus; i++)
        r = read_gpu(&inv->gpus[inv->n_gpus++], pool, m->gpus[i], e);
    if (r == 0)
        r = read_links(inv, pool, m, e);
    if (r < 0)
        return r;
    *out = inv;
    return 0;
}
