/* SPDX-License-Identifier: Apache-2.0 */
/* MIG layout by label, with the protocol of NVIDIA's mig-manager. A part, see gateway.h. */
#ifndef GATEWAY_MIG_PART_H
#define GATEWAY_MIG_PART_H

#include <stdbool.h>

struct mig_part;
struct err;
struct gateway;

int mig_part_open(struct mig_part **out, struct gateway *g, struct err *e);
void mig_part_look(struct mig_part *part);
void mig_part_close(struct mig_part *part);

/*
 * Whether the GPUs are cut as the label (or the default) asks and gateway_state() tells so, or
 * nothing is asked: false while a change is to be made or under way, and after it failed. The
 * start-up taint waits for it.
 */
bool mig_part_settled(const struct mig_part *part);

/* The layout that is asked for, and how far it is, in words; "" where none is. */
const char *mig_part_wish(const struct mig_part *part);
const char *mig_part_words(const struct mig_part *part);

/*
 * Why the layout that is asked for could not be made, also while that is tried again; NULL: it has
 * not failed. *for_good: no further try will end otherwise until label, file or boards change.
 */
const char *mig_part_failed(const struct mig_part *part, bool *for_good);

/* At the end of carve on this node: removes what this part wrote, before the part is closed. */
typedef void mig_part_removed(void *self);
void mig_part_remove(struct mig_part *part, mig_part_removed *done, void *self);

#endif
