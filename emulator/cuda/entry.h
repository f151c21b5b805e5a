/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table behind cuGetProcAddress: made from a capture by generate_entries.py. Sorted by name;
 * of one name the plain variants come first, then those for per-thread default streams, each by
 * version.
 */
#ifndef EMULATOR_CUDA_ENTRY_H
#define EMULATOR_CUDA_ENTRY_H

#include <stdbool.h>
#include <stddef.h>

enum {
    ENTRY_NOT_SUPPORTED = 801, /* what a symbol answers that nobody implements */
};

struct entry {
    const char *name;
    int since; /* CUDA version, 1000 * major + 10 * minor */
    bool per_thread;
    int (*symbol)(void);
};

extern const struct entry entries[];
extern const size_t n_entries;

#endif
