/* SPDX-License-Identifier: Apache-2.0 */
/* Holders against a MIG plan: see apply_held.h. Pure. */
#include "agent/apply_held.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "agent/holders.h"
#include "base/buf.h"
#include "base/err.h"
#include "gpu/gpu.h"
#include "node/mig_change.h"
#include "plan/mig_plan.h"

enum { WORDS_MAX = 16 << 10 };

void apply_held_fill(struct mig_change_held *out, const struct inventory *inv,
                     const struct holder_list *holders)
{
    mig_change_hold_processes(out, inv); /* also those that holders leave out */
    for (size_t i = 0; i < holders->count; i++) {
        const struct holder *h = &holders->holders[i];

        if (h->gpu >= GPU_MAX)
            continue;
        if (h->instance < 0)
            out->gpus[h->gpu].gpu = true;
        else
            out->gpus[h->gpu].instances |= UINT32_C(1) << h->instance;
    }
}

/* Whether this holder is one of those that block. */
static bool blocks(const struct holder *h, const struct mig_change_block *block)
{
    if (h->gpu != block->gpu)
        return false;
    if (block->instances == 0)
        return true; /* the mode: whoever is on the GPU */
    return h->instance >= 0 && (block->instances >> h->instance & 1);
}

static void add_place(struct buf *out, const struct gpu *gpu, const struct holder *h)
{
    const struct gpu_instance *gi;
    const struct gpu_profile *p;

    if (h->instance < 0)
        return;
    gi = &gpu->instances[h->instance];
    p = geometry_find_id(&gpu->geometry, gi->profile_id);
    buf_printf(out, "%s at %u is held by ", p ? p->name : "MIG instance", gi->span.start);
}

/* One holder is named for every slice that stands in the way: they are at most sixteen. */
int apply_held_refuse(struct err *e, const struct inventory *inv,
                      const struct mig_change_block *block, const struct holder_list *holders)
{
    const struct gpu *gpu = &inv->gpus[block->gpu];
    uint32_t named = 0;
    struct buf words;
    int r;

    buf_init(&words, WORDS_MAX);
    for (size_t i = 0; i < holders->count; i++) {
        const struct holder *h = &holders->holders[i];
        uint32_t bit = h->instance < 0 ? UINT32_C(1) << 31 : UINT32_C(1) << h->instance;
        OWN_MEM char *who = NULL;

        if (!blocks(h, block) || (named & bit))
            continue;
        who = holder_text(h);
        buf_text(&words, named ? "; " : "");
        add_place(&words, gpu, h);
        if (h->instance < 0)
            buf_text(&words, "it is held by ");
        buf_text(&words, who ? who : "somebody");
        named |= bit;
    }
    if (words.failed || !named)
        r = err_set(e, EBUSY, "GPU %u: in use", gpu->index);
    else
        r = err_set(e, EBUSY, "GPU %u: %s", gpu->index, words.data);
    buf_done(&words);
    return r;
}

static bool is_destroyed(const struct mig_plan *plan, unsigned gi, unsigned ci)
{
    for (size_t s = 0; s < plan->n_steps; s++) {
        const struct mig_step *step = &plan->steps[s];

        if (step->kind == MIG_STEP_DESTROY_INSTANCE && step->gi == gi)
            return true;
        if (step->kind == MIG_STEP_DESTROY_COMPUTE && step->gi == gi && step->ci == ci)
            return true;
    }
    return false;
}

void apply_held_kept(struct buf *out, const struct gpu *gpu, const struct mig_plan *plan)
{
    for (unsigned i = 0; i < gpu->n_instances; i++) {
        const struct gpu_instance *gi = &gpu->instances[i];

        for (unsigned c = 0; c < gi->n_computes; c++)
            if (!is_destroyed(plan, gi->id, gi->computes[c].id))
                buf_add(out, gi->computes[c].uuid, strlen(gi->computes[c].uuid) + 1);
    }
}
