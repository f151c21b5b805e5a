/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resets one GPU with the driver's own program, `nvidia-smi --gpu-reset`, since NVML has no call
 * for it. Nobody may have the GPU open meanwhile: close the driver's door first.
 */
#ifndef NODE_MIG_RESET_H
#define NODE_MIG_RESET_H

#include <uv.h>

struct err;
struct mig_reset;

/* The end of it: 0, or negative with nvidia-smi's words. */
typedef void mig_reset_done(void *self, int result, const char *words);

/* Borrowed until mig_reset_start() returns. */
struct mig_reset_order {
    const char *driver_root; /* the program is in the first of the usual folders that has it */
    const char *gpu_uuid;
    unsigned timeout_ms; /* the program is killed then */
    mig_reset_done *done;
    void *self;
};

/*
 * Starts the program with the driver's libraries below its root; done() is called once on the
 * loop, never from inside this function. Signals from a terminal do not reach the program.
 */
int mig_reset_start(struct mig_reset **out, uv_loop_t *loop, const struct mig_reset_order *order,
                    struct err *e);

/* Waits no longer: the program ends by itself, done() is not called. Not after done(). */
void mig_reset_leave(struct mig_reset *r);

#endif
