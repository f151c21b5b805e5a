/* SPDX-License-Identifier: Apache-2.0 */
/* The search for the best placement of a wish on a GPU with instances on it. */
#ifndef PLAN_MIG_SEARCH_H
#define PLAN_MIG_SEARCH_H

#include "plan/mig_plan.h"

struct err;

enum { MIG_SEARCH_MAX_SPAN = 16 };

/* In order of weight. */
struct mig_cost {
    unsigned blocked;                       /* held instances that would be touched */
    unsigned destroyed;                     /* GPU instances */
    unsigned steps;                         /* all steps but the mode's */
    unsigned open[MIG_SEARCH_MAX_SPAN + 1]; /* by span size: starts still open; more is better */
};

/* Borrows the GPU and what is held. */
struct mig_search {
    const struct gpu *gpu;
    const struct mig_held *held;
    unsigned n_wants;
    struct mig_want wants[GPU_MAX_INSTANCES]; /* profiles of gpu's own geometry, sorted */
    bool found;
    struct mig_cost best;
    unsigned starts[GPU_MAX_INSTANCES]; /* where the wants sit in the best placement */
};

/*
 * Finds the cheapest placement of all; 0 with best and starts in *s even if held instances are in
 * its way (best.blocked). -ENOSPC: none; -ENOENT: the wish is for another board.
 */
int mig_search_run(struct mig_search *s, const struct gpu *gpu, const struct mig_wish *wish,
                   const struct mig_held *held, struct err *e);

/* The want that the instance stays for in the best placement, or NULL: it goes. */
const struct mig_want *mig_search_keeper(const struct mig_search *s, const struct gpu_instance *gi);

/* The instance that stays for a want in the best placement, or NULL: a new one is made. */
const struct gpu_instance *mig_search_kept(const struct mig_search *s, const struct mig_want *want);

/* True if this (by position) is a held instance that the best placement would touch. */
bool mig_search_blocks(const struct mig_search *s, unsigned instance);

#endif
