/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a GPU as it is and a layout as it is wished to the fewest steps between them. Pure: no
 * hardware, no clock, no I/O. Instances that the wish keeps are not touched, instances in use are
 * never touched, new ones get the placement that keeps most room for later ones.
 */
#ifndef PLAN_MIG_PLAN_H
#define PLAN_MIG_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gpu/gpu.h"
#include "plan/layout.h"

struct err;
struct mig_config;

/* A GPU instance that is wished, with the compute instances in it. */
struct mig_want {
    const struct gpu_profile *profile; /* borrowed from the GPU's geometry */
    unsigned n_computes;
    uint8_t compute_slices[GPU_MAX_COMPUTE]; /* descending, zeros behind */
};

/* What a GPU shall be. */
struct mig_wish {
    bool enabled; /* MIG mode */
    unsigned n_wants;
    struct mig_want wants[GPU_MAX_INSTANCES];
};

enum mig_step_kind {
    MIG_STEP_DESTROY_COMPUTE,  /* gi, ci */
    MIG_STEP_DESTROY_INSTANCE, /* gi */
    MIG_STEP_SET_MODE,         /* on */
    MIG_STEP_CREATE_INSTANCE,  /* profile, span */
    MIG_STEP_CREATE_COMPUTE,   /* slices, in gi; or in the instance that step `made_by` creates */
};

struct mig_step {
    enum mig_step_kind kind;
    bool on, was_on; /* SET_MODE: wished, and in force before */
    unsigned gi, ci;
    const struct gpu_profile *profile; /* of the GPU instance, whatever happens to it or in it */
    struct gpu_span span;
    unsigned slices; /* of the compute instance */
    int made_by; /* index of the step that creates the GPU instance, -1: `gi` is there already */
};

enum { MIG_PLAN_MAX_STEPS = 160 };

/*
 * Steps of one GPU, in the order to be done. No steps: the GPU is as wished. Its profiles are
 * borrowed from the geometry of the GPU that it was made for.
 */
struct mig_plan {
    char gpu_uuid[GPU_UUID_SIZE];
    unsigned gpu_index;
    unsigned n_kept; /* GPU instances that stay */
    size_t n_steps;
    struct mig_step steps[MIG_PLAN_MAX_STEPS];
};

/* Which instances must not be touched, by bit of their position in gpu->instances. */
struct mig_held {
    uint32_t instances;
    bool gpu; /* the whole GPU is held: no mode change */
};

/*
 * What `config` (of a mig-parted file) wishes of this GPU: the last entry that matches it decides.
 * Returns 1 with *out; 0 if no entry matches, or the board has no MIG and an entry with
 * mig-enabled means it only by `all`. Errors name line, GPU and reason: -ENOENT for an unknown
 * profile (with those the board has; see mig_profile.h for names that nearly match), -ENOSPC for
 * what cannot fit (how many would, or which resource is short), -EINVAL for MIG on a board
 * without it or a compute instance that the profile cannot have.
 *
 * Compute instances ("1c.3g.20gb") share GPU instances of their profile, as few as possible.
 */
int mig_wish_make(struct mig_wish *out, const struct gpu *gpu, const struct mig_config *config,
                  struct err *e);

/*
 * The plan that touches no held instance, destroys the fewest GPU instances, then takes the fewest
 * steps, then leaves the most room. A GPU instance stays if the wish has one of its profile where
 * it is; its compute instances then change in place.
 *
 * -EBUSY names the held instances that stand in the way, in words ("1g.5gb at 3"), and *blockers
 * (may be NULL) gets their bits, 0 when it is the GPU's MIG mode that cannot change. -ENOSPC if the
 * wish cannot be placed at all, -ENOTSUP for MIG on a board without or instances of a profile that
 * the geometry lacks (they could not be put back), -ENOENT for a wish made for another board,
 * -E2BIG for more steps than a plan holds.
 */
int mig_plan_make(struct mig_plan *out, const struct gpu *gpu, const struct mig_wish *wish,
                  const struct mig_held *held, uint32_t *blockers, struct err *e);

/* True if the GPU is exactly as wished: mode (also after the next reset), instances, computes. */
bool mig_plan_done(const struct gpu *gpu, const struct mig_wish *wish);

/*
 * The way back after the first n_done steps of a plan went well and the next one failed: the steps
 * that undo them, last first. made_ids[i] is the id of the instance that step i created (other
 * entries are not read); n_done of them are needed. Spans and profiles come back as they were; ids
 * of compute instances and MIG UUIDs may be new.
 */
void mig_plan_rollback(struct mig_plan *out, const struct mig_plan *plan, size_t n_done,
                       const unsigned *made_ids);

/* One step in words, for dry runs and logs: "create 1g.5gb at 6". Returns buffer. */
enum { MIG_STEP_TEXT_SIZE = 128 };
const char *mig_step_text(char buffer[MIG_STEP_TEXT_SIZE], const struct mig_step *step);

#endif
