/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A MIG change without carved: the same plan and executor, through the driver's door of the view.
 * Knows processes but no containers. Nobody else
 * can do so meanwhile, and signals wait for the end.
 */
#ifndef CLI_MIG_DIRECT_H
#define CLI_MIG_DIRECT_H

struct err;
struct mig_report;
struct options;
struct view;

/* The view's inventory is read again in it. */
int mig_direct_apply(struct view *v, const struct options *o, const char *text,
                     struct mig_report *report, struct err *e);

#endif
