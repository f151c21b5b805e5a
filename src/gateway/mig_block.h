/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who stands in the way of a MIG wish, on all GPUs: exactly the holders whose slices the plan with
 * the fewest losses would have to take. carved decides by the same plan; this is for naming and
 * evicting all of them at once. Pure.
 */
#ifndef GATEWAY_MIG_BLOCK_H
#define GATEWAY_MIG_BLOCK_H

#include <stddef.h>

#include "base/own.h"

struct err;
struct inventory;
struct node_holders;

enum { MIG_BLOCK_MAX = 512 }; /* pods; more are evicted after these */

/* Owns its texts. */
struct mig_block_pod {
    char *namespace, *name;
};

struct mig_block {
    size_t n_pods;
    struct mig_block_pod pods[MIG_BLOCK_MAX];
    size_t n_others; /* processes outside any pod, and holders that nobody knows */
    char *words;     /* all of them: "GPU 0: pod a/b, container c (1g.5gb); …"; "" for nobody */
};

/* As ApplyMig's: the file's name and text ("" for the node's default), the configuration in it. */
struct mig_block_wish {
    const char *file, *text, *config;
};

/* Errors as ApplyMig's own. */
int mig_block_find(struct mig_block **out, const struct inventory *inv,
                   const struct mig_block_wish *wish, const struct node_holders *holders,
                   struct err *e);
void mig_block_free(struct mig_block *b);
OWN_POINTER(struct mig_block, mig_block_free);

#endif
