/* SPDX-License-Identifier: Apache-2.0 */
/* Which GPUs of a node a verb is about, and which of them are alike and so are printed once. */
#ifndef CLI_GROUP_H
#define CLI_GROUP_H

#include <stdbool.h>
#include <stddef.h>

#include "gpu/gpu.h"

struct err;
struct json;

/* GPUs of an inventory by position. */
struct group {
    unsigned count;
    unsigned members[GPU_MAX];
};

/* The GPUs that the words name (index, UUID or PCI bus id); all if there are no words. */
int group_choose(struct group *out, const struct inventory *inv, char *const *words, size_t n_words,
                 struct err *e);

/* Splits a group into those alike, in order: *n of them in *out, free() it. */
typedef bool group_alike(const struct gpu *a, const struct gpu *b);
int group_split(struct group **out, size_t *n, const struct group *all, const struct inventory *inv,
                group_alike *alike, struct err *e);

/* The first of them, for what is the same of all. */
const struct gpu *group_first(const struct group *g, const struct inventory *inv);

/* Prints "GPUs 0-3, 6: NVIDIA A100-SXM4-40GB", without a newline. */
void group_print(const struct group *g, const struct inventory *inv);

/* The members' indexes as a JSON array. */
void group_json(struct json *out, const char *key, const struct group *g,
                const struct inventory *inv);

/* The same model with the same MIG geometry. */
bool group_same_board(const struct gpu *a, const struct gpu *b);

#endif
