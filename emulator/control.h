/* SPDX-License-Identifier: Apache-2.0 */
/* Verbs of carve-emulator: one function each, one table in control.c. */
#ifndef EMULATOR_CONTROL_H
#define EMULATOR_CONTROL_H

#include <stdbool.h>

#include "mig.h"

struct err;

/* The command line and the emulated machine, for every verb. */
struct control {
    struct node *node;
    struct state_map map;
    char **args; /* the verb's own */
    int n_args;
    bool json;
    int64_t gi, ci; /* --gi, --ci; -1: not given */
    int64_t mem_bytes;
    const char *name;
    const char *tree; /* CARVE_EMULATOR_TREE, or NULL */
};

/* 0, or a negative errno with words; -EINVAL for arguments that the verb cannot take. */
int control_show(struct control *c, struct err *e);
int control_calls(struct control *c, struct err *e);

/* The GPU that an argument names by index or UUID. */
int control_gpu(const struct control *c, const char *text, unsigned *out, struct err *e);

/* A whole number of at most max; -EINVAL. */
int control_number(const char *text, uint64_t max, uint64_t *out, struct err *e);

/* NVML's id of an instance; a negative one is none. */
uint32_t control_instance(int64_t id);

/* The verb `process`: -ENOSPC the GPU has no room for more, -ENOENT no such process, -EINVAL. */
int control_process(struct control *c, struct err *e);

#endif
