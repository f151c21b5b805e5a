/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the checks of pools, classes, overlays and workloads; one file each. */
#ifndef LINT_CHECK_PARTS_H
#define LINT_CHECK_PARTS_H

#include <stdbool.h>

#include "lint/view/elsewhere.h"

struct finding;
struct lint;
struct pool;
struct workload;

/* Of one pool. */
void check_pool_names(struct lint *l, const struct pool *p);  /* values that do not exist */
void check_pool_types(struct lint *l, const struct pool *p);  /* types that cannot be meant */
void check_pool_prices(struct lint *l, const struct pool *p); /* what it may buy at what price */
void check_pool_limits(struct lint *l, const struct pool *p); /* spec.limits */
void check_pool_mig(struct lint *l, const struct pool *p);    /* MIG wishes and families */
void check_pool_taints(struct lint *l, const struct pool *p); /* taints, of start too */
void check_pool_life(struct lint *l, const struct pool *p);   /* consolidation and expiry */

/* Of one pod that asks for GPUs. */
void check_workload_names(struct lint *l, const struct workload *w); /* resources and amounts */
void check_workload_taints(struct lint *l, const struct workload *w,
                           enum elsewhere elsewhere);                   /* tolerations */
void check_workload_selector(struct lint *l, const struct workload *w); /* labels that it wants */
void check_workload_slices(struct lint *l, const struct workload *w,
                           enum elsewhere elsewhere);               /* MIG and shared GPUs */
void check_workload_life(struct lint *l, const struct workload *w); /* how it ends */
void check_image(struct lint *l, const struct workload *w);         /* CUDA images */

/* A fix: another name for a resource in all containers of a pod. */
void check_workload_rename(struct lint *l, struct finding *f, const struct workload *w,
                           const char *from, const char *to);

/* Of all at once. */
void check_budgets(struct lint *l);         /* PodDisruptionBudgets */
void check_overlay_pairs(struct lint *l);   /* conflicts */
void check_overlay_missing(struct lint *l); /* what Karpenter does not know of the nodes */

#endif
