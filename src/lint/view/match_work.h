/* SPDX-License-Identifier: Apache-2.0 */
/* What only the files of match_index.h share. */
#ifndef LINT_MATCH_WORK_H
#define LINT_MATCH_WORK_H

#include "lint/view/match_index.h"

enum { MATCH_MAX_KEYS = 64 }; /* labels that are indexed; others are looked up pool by pool */

struct index_said {
    const char *value;
    uint32_t pool;
};

/* What the pools say of one label. */
struct index_key {
    const char *key;
    size_t n_said, n_rest;
    struct index_said *said; /* one value: by value, then by pool */
    uint32_t *pools;         /* of said */
    const uint32_t *rest;    /* may meet any value */
};

struct index_named {
    const char *pool;
    uint32_t overlay;
};

struct match_index {
    size_t n_tries, n_listed;
    bool full, overlays_left;
    size_t n_keys;
    struct index_key keys[MATCH_MAX_KEYS];
    uint32_t *scratch; /* as many as there are pools */
    size_t n_alikes;
    struct alike **alike_groups;
    size_t n_general, n_named;
    uint32_t *general;         /* overlays that name no pool */
    struct index_named *named; /* by pool, then by overlay */
    uint32_t *named_overlays;
    uint32_t *all;             /* overlays */
    struct pool_list *changed; /* by overlay */
    bool *changed_known;
};

/* The requirement by which an overlay names its pools, without placeholders; NULL. */
const struct requirement *index_names_pools(const struct overlay *o);

/* Sorts, takes out what is there twice, and counts what is left. */
size_t index_sort(uint32_t *items, size_t n);

void index_read_overlays(struct lint *l, struct system *s);

#endif
