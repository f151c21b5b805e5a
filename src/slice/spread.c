/* SPDX-License-Identifier: Apache-2.0 */
/* Spreading and packing: see spread.h. */
#include "slice/spread.h"

#include <stdlib.h>

#include "base/err.h"
#include "slice/resource.h"

/* How full a GPU or one of its devices is, counted in slices of the resource. */
struct load {
    size_t taken; /* by anyone, this call included */
    size_t free;
    size_t used; /* of `taken`, by this call */
};

/* The state of one call. */
struct choice {
    struct spread *spread;
    struct load gpus[GPU_MAX]; /* by position in the inventory */
    struct load *devices;      /* by position in the resource */
};

static void count_loads(struct choice *c)
{
    const struct resource *r = c->spread->r;

    for (size_t s = 0; s < resource_slices(r); s++) {
        size_t device = s / r->replicas;
        struct load *gpu = &c->gpus[r->devices[device].gpu];

        if (c->spread->is_free[s]) {
            c->devices[device].free++;
            gpu->free++;
        } else {
            c->devices[device].taken++;
            gpu->taken++;
        }
    }
}

static bool is_better(const struct load *a, const struct load *b, bool packed, size_t missing)
{
    bool a_holds = a->free >= missing, b_holds = b->free >= missing;

    if (!packed)
        return a->taken != b->taken ? a->taken < b->taken : a->used < b->used;
    if ((a->used > 0) != (b->used > 0))
        return a->used > 0;
    return a_holds != b_holds ? a_holds : a->taken > b->taken;
}

/* The GPU to take the next slice from, by position in the inventory. */
static unsigned best_gpu(const struct choice *c, size_t missing)
{
    unsigned best = 0;

    for (unsigned g = 1; g < GPU_MAX; g++)
        if (c->gpus[g].free > 0 &&
            (c->gpus[best].free == 0 ||
             is_better(&c->gpus[g], &c->gpus[best], c->spread->packed, missing)))
            best = g;
    return best;
}

static size_t best_device(const struct choice *c, unsigned gpu, size_t missing)
{
    const struct resource *r = c->spread->r;
    size_t best = r->n_devices;

    for (size_t d = 0; d < r->n_devices; d++)
        if (r->devices[d].gpu == gpu && c->devices[d].free > 0 &&
            (best == r->n_devices ||
             is_better(&c->devices[d], &c->devices[best], c->spread->packed, missing)))
            best = d;
    return best;
}

static void take(struct load *load)
{
    load->free--;
    load->taken++;
    load->used++;
}

/* The lowest free slice of the device. */
static size_t take_slice(struct choice *c, unsigned gpu, size_t device)
{
    size_t slice = device * c->spread->r->replicas;

    while (!c->spread->is_free[slice])
        slice++;
    c->spread->is_free[slice] = false;
    take(&c->gpus[gpu]);
    take(&c->devices[device]);
    return slice;
}

int spread_choose(size_t *out, size_t n_done, size_t size, struct spread *s, struct err *e)
{
    OWN_MEM struct load *devices = calloc(s->r->n_devices + 1, sizeof *devices);
    struct choice c = {.spread = s, .devices = devices};

    if (!devices)
        return err_memory(e);
    count_loads(&c);
    for (size_t i = 0; i < n_done; i++) {
        size_t device = out[i] / s->r->replicas;

        devices[device].used++;
        c.gpus[s->r->devices[device].gpu].used++;
    }
    for (size_t i = n_done; i < size; i++) {
        unsigned gpu = best_gpu(&c, size - i);

        out[i] = take_slice(&c, gpu, best_device(&c, gpu, size - i));
    }
    return 0;
}
