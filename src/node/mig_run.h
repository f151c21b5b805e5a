/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does the plans of a node, one step at a time, so that each step may run on another thread with
 * its own deadline, and undoes all of them when one fails. A GPU whose new MIG mode is only
 * pending waits until the others are done; then a reset is asked for, one GPU after the other.
 *
 *   MIG_RUN_STEP   mig_run_step()   a call of the driver; may block
 *   MIG_RUN_RESET  the caller resets that GPU (mig_reset.h) and says how it went
 *   MIG_RUN_END    mig_run_result()
 *
 * A GPU that stays pending is a shortfall, no failure: its instances are not made, the rest is.
 */
#ifndef NODE_MIG_RUN_H
#define NODE_MIG_RUN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/own.h"
#include "gpu/gpu.h"

struct driver;
struct err;
struct mig_change;
struct mig_run;

enum mig_run_next {
    MIG_RUN_STEP,
    MIG_RUN_RESET,
    MIG_RUN_END,
};

/* Copies what it needs of the plans and of the inventory that they were made for. */
int mig_run_new(struct mig_run **out, const struct mig_change *change, const struct inventory *inv,
                bool skip_reset, struct err *e);
void mig_run_free(struct mig_run *r);
OWN_POINTER(struct mig_run, mig_run_free);

enum mig_run_next mig_run_next(const struct mig_run *r);

/* What comes next, in words: "GPU 3: create 1g.5gb at 6", "rolling back: GPU 3: …". */
enum { MIG_RUN_TEXT_SIZE = 192 };
const char *mig_run_text(char buffer[MIG_RUN_TEXT_SIZE], const struct mig_run *r);

/* Does the next step. */
void mig_run_step(struct mig_run *r, const struct driver *driver);

/* The UUID of the GPU that is to be reset, borrowed; and how that went (why: words if < 0). */
const char *mig_run_reset_gpu(const struct mig_run *r);
void mig_run_reset_done(struct mig_run *r, int result, const char *why);

/* Steps done; 0 once they are being undone. */
size_t mig_run_done(const struct mig_run *r);

/* At the end: 0, or negative with what failed and whether all that was done before it was undone.
 */
int mig_run_result(const struct mig_run *r, struct err *e);

/* Likewise a line for each GPU whose mode stays pending, with the reason; borrowed. */
size_t mig_run_left(const struct mig_run *r, const char *lines[GPU_MAX]);

/*
 * Whether the node, read again, is as wished but for what is left: `now` is made anew for `inv`.
 * -EIO names the differences.
 */
int mig_run_verify(const struct mig_run *r, const struct mig_change *now,
                   const struct inventory *inv, struct err *e);

#endif
