/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A GPU's MIG side as a driver plays it, strict: placements must be the board's and free, nothing
 * in use or with something in it is destroyed, the mode changes only on an empty GPU. Compute
 * instances sit where the model likes (the highest start that is free), as drivers place them.
 */
#ifndef TESTS_UNIT_PLAN_MODEL_H
#define TESTS_UNIT_PLAN_MODEL_H

#include <errno.h>

#include "boards.h"
#include "plan/mig_plan.h"

struct model_compute {
    unsigned id, start, slices;
};

struct model_instance {
    bool in_use;
    unsigned id;
    const struct gpu_profile *profile;
    unsigned start, n_computes;
    struct model_compute computes[GPU_MAX_COMPUTE];
};

struct model {
    const struct gpu_geometry *geometry;
    bool on;
    unsigned next_id, n;
    struct model_instance instances[GPU_MAX_INSTANCES];
};

static inline void model_init(struct model *m, const struct gpu_geometry *g)
{
    memset(m, 0, sizeof *m);
    m->geometry = g;
    m->on = true;
    m->next_id = 100;
}

static inline struct model_instance *model_find(struct model *m, unsigned id)
{
    for (unsigned i = 0; i < m->n; i++) {
        if (m->instances[i].id == id)
            return &m->instances[i];
    }
    return NULL;
}

static inline int model_create(struct model *m, const struct gpu_profile *p, unsigned start,
                               unsigned *out_id)
{
    unsigned same = 1;

    if (!m->on || start >= 16 || !(p->span_starts & (1u << start)))
        return -EINVAL;
    for (unsigned i = 0; i < m->n; i++) {
        const struct model_instance *gi = &m->instances[i];

        same += gi->profile == p;
        if ((start < gi->start + gi->profile->span_size && gi->start < start + p->span_size) ||
            sites_quarrel(gi->profile, p))
            return -ENOSPC;
    }
    if (same > p->max_instances || m->n == GPU_MAX_INSTANCES)
        return -ENOSPC;
    m->instances[m->n++] =
        (struct model_instance){.id = m->next_id++, .profile = p, .start = start};
    *out_id = m->next_id - 1;
    return 0;
}

static inline int model_destroy(struct model *m, unsigned id)
{
    struct model_instance *gi = model_find(m, id);

    if (!gi)
        return -ENOENT;
    if (gi->in_use || gi->n_computes)
        return -EBUSY;
    m->n--;
    for (; gi < m->instances + m->n; gi++)
        *gi = gi[1];
    return 0;
}

/* May a compute instance of so many slices start there? */
static inline bool model_starts(unsigned slices, unsigned start, unsigned of)
{
    if (start + slices > of)
        return false;
    return slices == 1 || (slices == 2 && start % 2 == 0) || (slices == 3 && start % 4 == 0) ||
           start == 0;
}

static inline bool model_free(const struct model_instance *gi, unsigned start, unsigned slices)
{
    for (unsigned i = 0; i < gi->n_computes; i++) {
        const struct model_compute *ci = &gi->computes[i];

        if (start < ci->start + ci->slices && ci->start < start + slices)
            return false;
    }
    return true;
}

static inline int model_create_compute(struct model *m, unsigned gi_id, unsigned slices,
                                       unsigned *out_id)
{
    struct model_instance *gi = model_find(m, gi_id);
    unsigned id = 0;

    if (!gi)
        return -ENOENT;
    for (unsigned i = 0; i < gi->n_computes; i++) {
        if (gi->computes[i].id == id) {
            id++;
            i = UINT32_MAX;
        }
    }
    for (unsigned start = 8; start-- > 0;) {
        if (!model_starts(slices, start, gi->profile->slices) || !model_free(gi, start, slices))
            continue;
        gi->computes[gi->n_computes++] = (struct model_compute){id, start, slices};
        *out_id = id;
        return 0;
    }
    return -ENOSPC;
}

static inline int model_destroy_compute(struct model *m, unsigned gi_id, unsigned ci_id)
{
    struct model_instance *gi = model_find(m, gi_id);
    unsigned i = 0;

    if (!gi)
        return -ENOENT;
    if (gi->in_use)
        return -EBUSY;
    while (i < gi->n_computes && gi->computes[i].id != ci_id)
        i++;
    if (i == gi->n_computes)
        return -ENOENT;
    gi->n_computes--;
    for (; i < gi->n_computes; i++)
        gi->computes[i] = gi->computes[i + 1];
    return 0;
}

/* Does one step; ids are what earlier steps made. */
static inline int model_do(struct model *m, const struct mig_step *step, const unsigned *ids,
                           unsigned *out_id)
{
    unsigned gi = step->made_by >= 0 ? ids[step->made_by] : step->gi;

    switch (step->kind) {
    case MIG_STEP_DESTROY_COMPUTE:
        return model_destroy_compute(m, gi, step->ci);
    case MIG_STEP_DESTROY_INSTANCE:
        return model_destroy(m, gi);
    case MIG_STEP_SET_MODE:
        if (m->n)
            return -EBUSY;
        m->on = step->on;
        return 0;
    case MIG_STEP_CREATE_INSTANCE:
        return model_create(m, step->profile, step->span.start, out_id);
    case MIG_STEP_CREATE_COMPUTE:
        return model_create_compute(m, gi, step->slices, out_id);
    }
    return -EINVAL;
}

/* The first n steps; ids gets what they made. 0, or the error of the one that was refused. */
static inline int model_run(struct model *m, const struct mig_plan *plan, size_t n, unsigned *ids)
{
    for (size_t i = 0; i < n; i++) {
        int rc = model_do(m, &plan->steps[i], ids, &ids[i]);

        if (rc < 0)
            return rc;
    }
    return 0;
}

/* What the inventory would show of it. */
static inline void model_show(const struct model *m, struct gpu *gpu)
{
    gpu->mig = gpu->mig_pending = m->on ? GPU_MIG_ON : GPU_MIG_OFF;
    gpu->n_instances = m->n;
    for (unsigned i = 0; i < m->n; i++) {
        const struct model_instance *from = &m->instances[i];
        struct gpu_instance *to = &gpu->instances[i];

        *to = (struct gpu_instance){.id = from->id, .profile_id = from->profile->id};
        to->span = (struct gpu_span){(uint8_t)from->start, from->profile->span_size};
        to->n_computes = from->n_computes;
        for (unsigned c = 0; c < from->n_computes; c++) {
            to->computes[c].id = from->computes[c].id;
            to->computes[c].slices = from->computes[c].slices;
        }
    }
}

/* As text, in the order of starts: "0:3g.20gb(1,2) 4:2g.10gb(2)". Ids are left out. */
static inline const char *model_text(char *buffer, size_t size, const struct model *m)
{
    size_t used = (size_t)snprintf(buffer, size, "%s", m->on ? "on" : "off");

    for (unsigned start = 0; start < 16; start++) {
        for (unsigned i = 0; i < m->n; i++) {
            const struct model_instance *gi = &m->instances[i];

            if (gi->start != start)
                continue;
            used +=
                (size_t)snprintf(buffer + used, size - used, " %u:%s(", start, gi->profile->name);
            for (unsigned slices = 1; slices <= 8; slices++) {
                for (unsigned c = 0; c < gi->n_computes; c++) {
                    if (gi->computes[c].slices == slices)
                        used += (size_t)snprintf(buffer + used, size - used, "%u,", slices);
                }
            }
            used += (size_t)snprintf(buffer + used, size - used, ")");
        }
    }
    return buffer;
}

#endif
