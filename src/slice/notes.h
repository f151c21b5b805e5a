/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collects what cannot be promised and why. The same words about several GPUs become one note:
 * "GPUs 0-2, 5: MIG is on but there are no MIG devices".
 */
#ifndef SLICE_NOTES_H
#define SLICE_NOTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct inventory;

enum {
    NOTES_MAX = 64, /* more are counted only */
    NOTES_TEXT_SIZE = 400,
    NOTES_NODE = -1, /* in place of a GPU: it is about the node */
};

/* Words that hold for some GPUs. */
struct note {
    uint64_t gpus; /* bit n: position n in the inventory; 0: the node */
    char text[NOTES_TEXT_SIZE];
};

/* Owns its notes. */
struct notes {
    size_t count, capacity;
    struct note *items; /* in the order first said */
    size_t n_left_out;
    bool failed; /* out of memory */
};

void notes_init(struct notes *n);
void notes_done(struct notes *n);

/* gpu: position in the inventory, or NOTES_NODE. */
void notes_add(struct notes *n, int gpu, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* All notes as new strings in a new array; the GPUs are named by their index. */
int notes_texts(char ***out, size_t *out_count, const struct notes *n, const struct inventory *inv,
                struct err *e);

#endif
