/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The labels of GPU feature discovery and our totals (docs/labels.md), on the node or as a
 * NodeFeature. A part, see gateway.h. Of all parts it alone uses server-side apply on the node
 * object: what an apply of GATEWAY_MANAGER owns there are its labels.
 */
#ifndef GATEWAY_LABELS_PART_H
#define GATEWAY_LABELS_PART_H

struct labels_part;
struct err;
struct gateway;

int labels_part_open(struct labels_part **out, struct gateway *g, struct err *e);
void labels_part_look(struct labels_part *part);
void labels_part_close(struct labels_part *part);

/* At the end of carve on this node: removes what this part wrote, before the part is closed. */
typedef void labels_part_removed(void *self);
void labels_part_remove(struct labels_part *part, labels_part_removed *done, void *self);

#endif
