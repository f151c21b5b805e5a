/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks at every placement of the wish and keeps the cheapest. What a placement costs follows from
 * comparing it with what is there: an instance whose profile the placement has at the same start
 * stays, all others go.
 */
#include "plan/mig_search.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "plan/mig_compute.h"
#include "plan/place.h"
#include "plan/room.h"

static int cost_compare(const struct mig_cost *a, const struct mig_cost *b)
{
    if (a->blocked != b->blocked)
        return a->blocked < b->blocked ? -1 : 1;
    if (a->destroyed != b->destroyed)
        return a->destroyed < b->destroyed ? -1 : 1;
    if (a->steps != b->steps)
        return a->steps < b->steps ? -1 : 1;
    for (unsigned size = MIG_SEARCH_MAX_SPAN; size > 0; size--) {
        if (a->open[size] != b->open[size])
            return a->open[size] > b->open[size] ? -1 : 1;
    }
    return 0;
}

static bool is_held(const struct mig_search *s, unsigned instance)
{
    return s->held->instances & (UINT32_C(1) << instance);
}

/* The want that sits where the instance is and has its profile, or NULL. */
static const struct mig_want *find_keeper(const struct mig_search *s, const unsigned *starts,
                                          const struct gpu_instance *gi)
{
    for (unsigned i = 0; i < s->n_wants; i++) {
        if (starts[i] == gi->span.start && s->wants[i].profile->id == gi->profile_id)
            return &s->wants[i];
    }
    return NULL;
}

static void count_steps(struct mig_cost *c, const struct mig_search *s, const unsigned *starts)
{
    for (unsigned i = 0; i < s->n_wants; i++)
        c->steps += 1 + s->wants[i].n_computes;
    for (unsigned i = 0; i < s->gpu->n_instances; i++) {
        const struct gpu_instance *gi = &s->gpu->instances[i];
        const struct mig_want *want = find_keeper(s, starts, gi);
        struct mig_compute change;

        if (!want) {
            c->destroyed++;
            c->steps += 1 + gi->n_computes;
            c->blocked += is_held(s, i);
            continue;
        }
        mig_compute_compare(&change, gi, want);
        c->steps -= 1 + want->n_computes;
        c->steps += change.n_destroyed + change.n_created;
        c->blocked += is_held(s, i) && change.n_destroyed + change.n_created > 0;
    }
}

static bool consider(void *self, const unsigned *starts, const struct room *room)
{
    struct mig_search *s = self;
    const struct gpu_geometry *g = &s->gpu->geometry;
    struct mig_cost c = {0};

    count_steps(&c, s, starts);
    for (unsigned i = 0; i < g->n_profiles; i++) {
        if (g->profiles[i].span_size <= MIG_SEARCH_MAX_SPAN)
            c.open[g->profiles[i].span_size] += room_open_starts(room, &g->profiles[i]);
    }
    if (!s->found || cost_compare(&c, &s->best) < 0) {
        s->found = true;
        s->best = c;
        memcpy(s->starts, starts, sizeof s->starts);
    }
    return true;
}

/* Copies the wish with profiles of the GPU's own geometry, which may be newer than the wish's. */
static int take_wants(struct mig_search *s, const struct mig_wish *wish, struct err *e)
{
    const struct gpu_geometry *g = &s->gpu->geometry;

    for (unsigned i = 0; wish->enabled && i < wish->n_wants; i++) {
        struct mig_want *want = &s->wants[s->n_wants++];

        *want = wish->wants[i];
        want->profile = geometry_find_id(g, want->profile->id);
        if (!want->profile)
            return err_set(e, ENOENT, "no MIG profile '%s'", wish->wants[i].profile->name);
    }
    place_sort(s->wants, s->n_wants);
    return 0;
}

int mig_search_run(struct mig_search *s, const struct gpu *gpu, const struct mig_wish *wish,
                   const struct mig_held *held, struct err *e)
{
    int rc;

    memset(s, 0, sizeof *s);
    s->gpu = gpu;
    s->held = held;
    rc = take_wants(s, wish, e);
    if (rc < 0)
        return rc;
    place_each(&gpu->geometry, s->wants, s->n_wants, consider, s);
    return s->found ? 0 : err_set(e, ENOSPC, "the wished instances cannot stand together");
}

const struct mig_want *mig_search_keeper(const struct mig_search *s, const struct gpu_instance *gi)
{
    return find_keeper(s, s->starts, gi);
}

const struct gpu_instance *mig_search_kept(const struct mig_search *s, const struct mig_want *want)
{
    for (unsigned i = 0; i < s->gpu->n_instances; i++) {
        if (mig_search_keeper(s, &s->gpu->instances[i]) == want)
            return &s->gpu->instances[i];
    }
    return NULL;
}

bool mig_search_blocks(const struct mig_search *s, unsigned instance)
{
    const struct gpu_instance *gi = &s->gpu->instances[instance];
    const struct mig_want *want = mig_search_keeper(s, gi);

    return is_held(s, instance) && (!want || !mig_compute_same(gi, want));
}
