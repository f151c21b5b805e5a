/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Depth-first over the wants, biggest first. Wants that are alike take ascending starts, so that
 * no placement comes twice.
 */
#include "plan/place.h"

#include <stdlib.h>
#include <string.h>

#include "plan/mig_plan.h"

struct placing {
    struct room room;
    const struct mig_want *wants;
    unsigned n;
    unsigned starts[GPU_MAX_INSTANCES];
    place_visit *visit;
    void *self;
};

static int compare(const void *a, const void *b)
{
    const struct mig_want *x = a, *y = b;

    if (x->profile->span_size != y->profile->span_size)
        return x->profile->span_size > y->profile->span_size ? -1 : 1;
    if (x->profile != y->profile)
        return x->profile > y->profile ? -1 : 1;
    return -memcmp(x->compute_slices, y->compute_slices, sizeof x->compute_slices);
}

void place_sort(struct mig_want *wants, unsigned n)
{
    if (n)
        qsort(wants, n, sizeof *wants, compare);
}

/* False: the visitor has enough. */
static bool place_on(struct placing *p, unsigned i)
{
    const struct mig_want *want = &p->wants[i];
    unsigned start = 0;

    if (i == p->n)
        return p->visit(p->self, p->starts, &p->room);
    if (i > 0 && compare(want, want - 1) == 0)
        start = p->starts[i - 1] + 1;
    for (; start < p->room.geometry->axis; start++) {
        bool more;

        if (!room_fits(&p->room, want->profile, start))
            continue;
        room_take(&p->room, want->profile, start);
        p->starts[i] = start;
        more = place_on(p, i + 1);
        room_give(&p->room, want->profile, start);
        if (!more)
            return false;
    }
    return true;
}

void place_each(const struct gpu_geometry *g, const struct mig_want *wants, unsigned n,
                place_visit *visit, void *self)
{
    struct placing p = {.wants = wants, .n = n, .visit = visit, .self = self};

    room_init(&p.room, g);
    (void)place_on(&p, 0);
}
