/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files that come with a driver: a driver root, /dev nodes and /proc and /sys files of the
 * emulated node under one folder, as a container runtime or a CDI writer would look at them.
 */
#ifndef EMULATOR_TREE_H
#define EMULATOR_TREE_H

#include <stdbool.h>

#include "state.h"

struct err;

/* What tree_write did. */
struct tree_report {
    bool plain_nodes; /* no right to make device nodes: plain empty files stand for them */
};

/* Writes the whole tree; `programs` is the folder of the libraries and of nvidia-smi. */
int tree_write(const char *folder, const char *programs, const struct node *n,
               const struct state *s, struct tree_report *out, struct err *e);

/*
 * Makes the capability file and node of one instance, or takes them away; ci UINT32_MAX: of the GPU
 * instance itself. Best effort: a tree that cannot be written must not fail a driver call.
 */
void tree_capability(const char *folder, unsigned gpu, unsigned gi, unsigned ci, bool there);

/* The same for all instances of a GPU. */
void tree_follow(const char *folder, const struct state_gpu *s, unsigned gpu);

/* The minor number of an instance's capability node; ci UINT32_MAX: of the GPU instance itself. */
unsigned tree_minor(unsigned gpu, unsigned gi, unsigned ci);

#endif
