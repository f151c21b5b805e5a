/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of `carve run`: its own options, then a command with options of its own. */
#ifndef CLI_RUN_OPTIONS_H
#define CLI_RUN_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "page/page.h"

/* Borrows argv. */
struct run_options {
    const char *driver_root;
    unsigned n_gpus;                /* 0: the one with the most room */
    const char *gpus[PAGE_DEVICES]; /* indexes and UUIDs as given */
    char *gpu_lists;                /* what `gpus` points into; owned */
    const char *memory;             /* as given; NULL: not given */
    uint64_t memory_bytes;          /* for each GPU */
    const char *name;               /* "" without */
    bool wait;
    unsigned wait_ms; /* 0: for as long as it takes */
    bool explain, json, allow_unattached;
    const char *format; /* as given; NULL: not given */
    char **command;     /* ends with NULL; NULL: none was given */
};

/* Wrong usage ends the process with 2. */
void run_options_read(struct run_options *out, int argc, char **argv);
void run_options_done(struct run_options *o);

#endif
