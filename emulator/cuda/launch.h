/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Launches: how a kernel is to run, and how long that takes. Kernels compute nothing; one takes
 * LAUNCH_DEFAULT_NS, unless its name says otherwise: `spin_` and a number and `ns`, `us` or `ms`
 * anywhere in it (spin_20us), or `spin_` and the unit alone (spin_us): then its first parameter,
 * an integer of 4 or 8 bytes, is the number.
 */
#ifndef EMULATOR_CUDA_LAUNCH_H
#define EMULATOR_CUDA_LAUNCH_H

#include <stdbool.h>
#include <stdint.h>

struct context;
struct function;

enum {
    LAUNCH_DEFAULT_NS = 3000,
};

struct launch {
    void *handle; /* the CUfunction or CUkernel that was named */
    unsigned grid[3], block[3], shared_bytes;
    bool is_cooperative;
    uint64_t ns;
    void **params; /* a node's own: pointers into `bytes` */
    uint8_t *bytes;
    int priority;
};

/* Checks, and reads the arguments for the time that it takes. */
int launch_check(struct launch *l, void **params, void **extra);

/* The arguments as the launch's own; params.c frees them. */
int launch_keep(struct launch *l, void **params, void **extra);

/* cuLaunchKernelEx and its per-thread name. */
int launch_config(const void *config, void *function, void **params, void **extra, bool per_thread);

/* How long the kernel takes with these arguments; most 60 s. */
uint64_t launch_ns(const struct function *f, void **params, void **extra);

#endif
