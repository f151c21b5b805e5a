/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions between the views that several checks ask: which pools a pod may go to, what a type or
 * an overlay has to do with a pool, where an edit of a pool may go. And words for messages.
 */
#ifndef LINT_MATCH_H
#define LINT_MATCH_H

#include "lint/fix/fix.h"
#include "lint/lint.h"

/* "a", "a and b", "a, b and c", "a, b, c and 4 more". */
const char *match_list(struct lint *l, const char *const *items, size_t n);
/* "[a, b]" of a list parted by commas. */
const char *match_flow(struct lint *l, const char *commas);

/*
 * Makes a list of values what `commas` says: what it names and the list has stays, with its
 * comments.
 */
void match_fix_values(struct lint *l, struct finding *f, const struct document *d,
                      const struct yaml_node *list, const char *commas);

/* Whether a new node of the pool can carry what the requirement wants. */
bool match_pool(const struct requirement *r, const struct pool *p);

/* A NodePool that Karpenter fills by need, with nothing but GPU nodes. */
bool match_gpu_pool(const struct pool *p);
/* Whether its selector and required affinity let the pod onto nodes of the pool. */
bool match_selects(struct lint *l, const struct workload *w, const struct pool *p);
/* Whether it tolerates every taint of the pool that would keep it away; *out is one that does. */
bool match_tolerates(const struct workload *w, const struct pool *p, const struct taint **out);
/* A pool that it selects and has GPUs: where it would go but for taints and amounts. */
bool match_serves(struct lint *l, const struct workload *w, const struct pool *p);
/* The same by index; NULL past the last. */
const struct pool *match_next(struct lint *l, const struct workload *w, size_t *index);
/* A pod that Karpenter would buy a node for: it asks for a GPU, and is no DaemonSet's. */
bool match_buys(const struct workload *w);

/* Whether the overlay may change types in that pool, by what it wants of the pool itself. */
bool match_overlay_pool(const struct overlay *o, const struct pool *p);
/* Whether the overlay changes that type in that pool. */
bool match_overlay(const struct overlay *o, const struct pool *p, const struct instance_type *t);
/* The amount of a resource that the overlays give a type in a pool, of the one that counts; NULL.
 */
const struct amount *match_given(const struct system *s, const struct pool *p,
                                 const struct instance_type *t, const char *resource);

/* Whether the pool allows that capacity type ("spot") in so many words. */
bool match_capacity_type(const struct pool *p, const char *type);

/* The requirement of the pool on a key, or NULL. */
const struct requirement *match_requirement(const struct pool *p, const char *key);

/* Whether an edit below a path of the pool can be made: it is a NodePool and the map is there. */
bool match_editable(const struct pool *p, const char *path);

/* The n-th container of a pod, those for its start first; NULL past the last. */
const struct yaml_node *match_container(const struct workload *w, size_t index, bool *starts);

/* "Deployment 'name'". */
const char *match_workload(struct lint *l, const struct workload *w);

/* Notes that an error says why no pool takes the pod: enum reach_fault bits; see pod-pending. */
void match_told(struct lint *l, const struct workload *w, const struct finding *f, unsigned faults);

/* Where a view's part stands, or the document's name if it was not written. */
struct spot match_spot(const struct document *d, const struct yaml_node *node);

#endif
