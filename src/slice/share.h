/* SPDX-License-Identifier: Apache-2.0 */
/* The second half of making resources: time-slicing's replicas and new names. */
#ifndef SLICE_SHARE_H
#define SLICE_SHARE_H

struct candidates;
struct config;
struct inventory;
struct notes;

/* Gives the devices that the configuration shares their replicas and names. */
void share_apply(struct candidates *list, const struct inventory *inv, const struct config *config,
                 struct notes *notes);

#endif
