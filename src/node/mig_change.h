/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one configuration of a mig-parted file asks of a whole node: a wish for every GPU that it
 * matches, the steps from here to there, and what differs. All or nothing: an error anywhere means
 * that nothing may be changed. Pure; mig_run.h does the steps.
 */
#ifndef NODE_MIG_CHANGE_H
#define NODE_MIG_CHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/own.h"
#include "plan/mig_plan.h"

struct buf;
struct err;
struct mig_config;
struct node_mig_step;

/* One GPU's part, at its position in the inventory. */
struct mig_change_gpu {
    bool matched; /* by an entry of the configuration; the rest means nothing without */
    struct mig_wish wish;
    struct mig_plan plan;
};

/* Borrows the geometry of the inventory that it was made for. */
struct mig_change {
    bool mode_only;
    unsigned n_gpus;
    struct mig_change_gpu gpus[];
};

/* What must not be touched on each GPU, by position in the inventory. */
struct mig_change_held {
    struct mig_held gpus[GPU_MAX];
};

/* Where a plan failed on what is held. */
struct mig_change_block {
    unsigned gpu;       /* position in the inventory */
    uint32_t instances; /* bits of positions in the GPU's instances */
};

/*
 * The wishes of all GPUs. mode_only: modes are changed, instances only where a mode must go off.
 * Errors name GPU and reason; a lost GPU that the configuration matches is one (-ENODEV).
 */
int mig_change_make(struct mig_change **out, const struct inventory *inv,
                    const struct mig_config *config, bool mode_only, struct err *e);
void mig_change_free(struct mig_change *c);
OWN_POINTER(struct mig_change, mig_change_free);

/* Fills in the plans; held may be NULL. -EBUSY fills *block (may be NULL). Errors name the GPU. */
int mig_change_plan(struct mig_change *c, const struct inventory *inv,
                    const struct mig_change_held *held, struct mig_change_block *block,
                    struct err *e);

/* Steps and kept GPU instances of all plans. */
size_t mig_change_steps(const struct mig_change *c);
unsigned mig_change_kept(const struct mig_change *c);

/* The instances in which processes of the driver's list run. */
void mig_change_hold_processes(struct mig_change_held *held, const struct inventory *inv);

/* All steps in words, GPU by GPU; mig_change_steps() of them. One block, free() it; NULL: no
 * memory.
 */
struct node_mig_step *mig_change_list(const struct mig_change *c);

/*
 * Whether the GPU at that position is not as wished; appends how, without a newline: "GPU 1: has
 * 7 x 1g.5gb; wanted 2 x 3g.20gb". One that no entry matches is as wished.
 */
bool mig_change_differs(const struct mig_change *c, const struct inventory *inv, unsigned gpu,
                        struct buf *out);

#endif
