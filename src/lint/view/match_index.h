/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What keeps the questions of match.h from being asked of every pool for every pod: pods that
 * are alike to pools, pools by what they say of a label, overlays by the pools that they name. Made
 * with the views. Once a run has tried too many pairs the index is full, and checks stay silent.
 */
#ifndef LINT_MATCH_INDEX_H
#define LINT_MATCH_INDEX_H

#include "lint/view/system.h"

struct lint;
struct judged;

/* Pools by their place in the system, in ascending order. */
struct pool_list {
    size_t n;
    const uint32_t *pools;
};

/* Workloads with the same selector and required affinity. */
struct selection {
    const struct workload *first;
    bool listed;
    struct pool_list serves; /* match_serves(); by index_serves() */
    bool open_known;
    const struct pool *open; /* check_workload_taints.c: the first without taints; NULL */
    const char *profile;     /* check_workload_slices.c: the last that was looked for */
    bool some_board;
    const struct instance_type *board;
    const struct pool *board_pool;
    int never; /* elsewhere_never(): 1 or -1; 0: not known yet */
};

/* Workloads that no pool can tell from each other: also the same tolerations, asks and pods. */
struct alike {
    const struct workload *first;
    struct selection *selection;
    bool taints_known; /* check_workload_taints.c: */
    bool same_taints;  /* its pools have all one taint, the same */
    const struct pool *untolerated;
    const struct taint *taint;
    const char *resource; /* check_overlay_missing.c: the last that was asked for */
    bool believed, given;
    const struct pool *asked;
    size_t gap;            /* SIZE_MAX: none */
    struct judged *judged; /* check_reach.c */
};

/* Groups the workloads; without memory the run knows. */
void index_make(struct lint *l, struct system *s);

/* How many kinds of alike workloads there are, and one. */
size_t index_alikes(const struct system *s);
struct alike *index_alike(const struct system *s, size_t i);

/* The pools that match_serves() a workload. */
struct pool_list index_serves(struct lint *l, const struct workload *w);

/*
 * Pools that may meet a label's value: all that could, in what pods select and Karpenter buys, and
 * some that do not. False: every pool, since the label is not indexed.
 */
bool index_may_meet(struct lint *l, const char *key, const char *value, struct pool_list *said,
                    struct pool_list *rest);

/* The pools that a workload's selector leaves possible. False: all. */
bool index_possible(struct lint *l, const struct workload *w, struct pool_list *said,
                    struct pool_list *rest);

/* The pool that comes next in two such lists; SIZE_MAX past the last. */
size_t index_next(struct pool_list *said, struct pool_list *rest);

/* The overlays that may change types of a pool, by the pools that they name, in their order. */
struct overlay_walk {
    size_t n_general, n_named;
    const uint32_t *general, *named;
};
bool index_overlays_left(const struct system *s); /* too many: some were left out */
struct overlay_walk index_overlays(const struct system *s, const struct pool *p);
const struct overlay *index_next_overlay(const struct system *s, struct overlay_walk *walk);

/* The pools that match_overlay_pool() an overlay. */
struct pool_list index_overlay_pools(struct lint *l, const struct overlay *o);

/* Counts tries against the bound; false once it is met, which is then said once. */
bool index_try(const struct system *s, size_t tries);
bool index_full(const struct system *s);
void index_fill(const struct system *s); /* a bound of a check's own was met */

#endif
