/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver's rules for MIG: mode, GPU instances, compute instances, resets. Works on the state,
 * under its lock; answers are NVML codes. Rules and their sources: carve-emulator(7).
 */
#ifndef EMULATOR_MIG_H
#define EMULATOR_MIG_H

#include <stdbool.h>

#include "state.h"

enum {
    MIG_UUID_SIZE = 41,
};

/* 0, or the error of nvmlDeviceSetMigMode; *activation as NVML's activationStatus. */
int mig_set_mode(struct state *s, const struct gpu *g, bool on, int *activation);

/*
 * 0, RESET_REQUIRED where resets are refused, IN_USE, or GPU_IS_LOST. Instances are lost, a pending
 * mode applies.
 */
int mig_reset(struct state *s, const struct gpu *g);

/* All GPUs: no processes and instances; modes as the board keeps them. */
void mig_reboot(struct state *s, const struct node *n);

/* How many more instances of the profile fit. */
unsigned mig_remaining(const struct state *s, const struct gpu *g, const struct profile *p);

/* start < 0: the driver's choice. */
int mig_create(struct state *s, const struct gpu *g, const struct profile *p, int start,
               unsigned *out_gi);
int mig_destroy(struct state *s, const struct gpu *g, unsigned gi);

/* Compute instance profile `index` of a GPU instance profile, or NULL. */
const struct compute_shape *mig_shape(const struct profile *p, unsigned index);
/* SMs of such a compute instance; 0 where unknown. */
unsigned mig_shape_sm(const struct gpu *g, const struct profile *p,
                      const struct compute_shape *shape);
unsigned mig_compute_remaining(const struct state_gi *gi, const struct compute_shape *shape);
int mig_create_compute(struct state *s, const struct gpu *g, unsigned gi, unsigned index, int start,
                       unsigned *out_ci);
int mig_destroy_compute(struct state *s, const struct gpu *g, unsigned gi, unsigned ci);

/* The n-th MIG device of the GPU, by GPU and compute instance id; false beyond the last. */
bool mig_device_at(const struct state_gpu *s, unsigned n, unsigned *out_gi, unsigned *out_ci);

/* "MIG-…": another one with each creation. */
void mig_device_uuid(char out[MIG_UUID_SIZE], const struct gpu *g, const struct state_gpu *s,
                     unsigned gi, unsigned ci);

/* "1g.5gb", or "1c.3g.20gb" for a compute instance smaller than its GPU instance. */
void mig_device_name(char out[24], const struct gpu *g, const struct state_gpu *s, unsigned gi,
                     unsigned ci);

/* Does a process use the GPU; the instance; the compute instance (UINT32_MAX: any)? */
bool mig_in_use(const struct state_gpu *s, uint32_t gi, uint32_t ci);

#endif
